//! The later parts of the report input: action mix, truth, gate, timings, files and words.

use serde::{Deserialize, Deserializer, Serialize};

use super::input::{Check, Estimate, nullable};

fn nullable_shares<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<f64>>, D::Error> {
    let shares = Option::<Vec<Option<f64>>>::deserialize(deserializer)?;
    let known = |shares: Vec<Option<f64>>| shares.into_iter().map(|v| v.unwrap_or(f64::NAN));
    Ok(shares.map(|shares| known(shares).collect()))
}

/// Share of each action by persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionMix {
    /// Action names from lightest to deepest; the first is "no offer".
    pub actions: Vec<String>,
    /// One bar per persona.
    pub rows: Vec<ActionMixRow>,
}

/// Shares of one persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionMixRow {
    /// Persona name.
    pub persona: String,
    /// One fraction per action; `None` when fewer than ten customers.
    #[serde(deserialize_with = "nullable_shares")]
    pub shares: Option<Vec<f64>>,
}

/// Known arms of a synthetic world, in margin per customer-week.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Truth {
    /// No offer to anyone.
    pub none: Estimate,
    /// Today's promotions.
    pub current: Estimate,
    /// The chosen policy.
    pub policy: Estimate,
    /// The oracle: greedy on the true customers.
    pub oracle: Estimate,
    /// (policy − none) / (oracle − none).
    pub captured_uplift: Option<f64>,
}

/// One condition of the release gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateReason {
    /// Name of the condition.
    pub condition: String,
    /// Whether it holds.
    pub verdict: Check,
    /// The numbers behind it, in words.
    pub reason: String,
}

/// Wall time of one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// Stage name.
    pub stage: String,
    /// Seconds.
    #[serde(deserialize_with = "nullable")]
    pub seconds: f64,
}

/// A file of the run folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEntry {
    /// Path relative to the run folder.
    pub path: String,
    /// What is in it.
    pub what: String,
}

/// A word and its meaning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Term {
    /// The word.
    pub word: String,
    /// What it means here.
    pub meaning: String,
}

/// The words every report explains, used when the caller gives no glossary.
pub fn standard_glossary() -> Vec<Term> {
    [
        ("Offer", "A promotion made to one customer in one week, for one or more products."),
        ("Depth", "How far an offer lowers the price, as a share of the regular price."),
        ("Margin", "Sales minus the cost of the goods and of every promotion given."),
        ("Customer-week", "One customer during one week: the unit in which results are counted."),
        ("Control", "The customers, or the simulated arm, that receive no offer."),
        ("Current", "Today's promotions, replayed on the same customers."),
        ("Uplift", "Margin with the policy minus margin without it, on the same customers."),
        ("Policy", "A rule that decides which offer, if any, a customer gets this week."),
        ("Persona", "A group of customers who shop alike, found in the history."),
        ("Propensity", "The probability with which an offer was chosen when it was made."),
        ("Interval", "The range that holds the true value in most repetitions of the study."),
        ("Elasticity", "Per cent change in units bought when the price rises by one per cent."),
        ("Off-policy", "Judging a policy from history that another policy produced."),
        ("Effective sample size", "How many of the logged decisions really inform an estimate."),
        ("Captured uplift", "Uplift over the better of control and current, as a share of the uplift of an oracle that knows the true customers (synthetic worlds only)."),
    ]
    .map(|(word, meaning)| Term { word: word.into(), meaning: meaning.into() })
    .into()
}
