//! Everything the report shows, as plain serialisable structs that depend on no other room.
//!
//! Money is in whole currency units (dollars, not cents), shares and rates are fractions in
//! \[0, 1\]. A number that is not finite means "unknown" and is shown as a dash; it is written to
//! JSON as `null` and read back as NaN. A cell with fewer than ten customers arrives as `None`.

use serde::{Deserialize, Deserializer, Serialize};

use super::quality_page::SalesSeries;

pub use super::outcome::{ActionMix, ActionMixRow, FileEntry, GateReason, Term, Timing, Truth};

pub(super) fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nullable_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
    let rows = Vec::<Vec<Option<f64>>>::deserialize(deserializer)?;
    let known = |row: Vec<Option<f64>>| row.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect();
    Ok(rows.into_iter().map(known).collect())
}

/// The whole report of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportInput {
    /// Heading of the page.
    pub title: String,
    /// Name of the run folder.
    pub run_name: String,
    /// The one seed of the run.
    pub seed: u64,
    /// Currency symbol put before every amount, for example `$`.
    pub currency: String,
    /// Coverage of every interval as a fraction, for example 0.95.
    #[serde(deserialize_with = "nullable")]
    pub interval_level: f64,
    /// Versions of the program, formats and data fingerprint.
    pub versions: Vec<Fact>,
    /// First and last day of the history, in words.
    pub data_window: String,
    /// Assumptions the reader must know before anything else.
    pub banners: Vec<String>,
    /// The decision, in one card.
    pub verdict: Verdict,
    /// What cleaning did to the history.
    pub quality: DataQuality,
    /// The kinds of customer found.
    pub personas: Personas,
    /// How each kind of customer responds to offers.
    pub demand: Demand,
    /// Whether the fitted world resembles the held-out weeks.
    pub realism: Realism,
    /// One training curve per learning agent.
    pub learning: Vec<LearningCurve>,
    /// Every policy on the same customers and seeds.
    pub leaderboard: Leaderboard,
    /// Estimates of the chosen policy from the logged history alone.
    pub off_policy: OffPolicy,
    /// The simulated or real experiment.
    pub ab_test: AbTest,
    /// What the chosen policy offers to whom.
    pub action_mix: ActionMix,
    /// Known truth; only in synthetic worlds.
    pub truth: Option<Truth>,
    /// What the policy does, in words.
    pub policy_sentences: Vec<String>,
    /// What to do next.
    pub next_steps: Vec<String>,
    /// Each condition of the release gate.
    pub gate: Vec<GateReason>,
    /// Wall time of each stage, handed in so that this room reads no clock.
    pub timings: Vec<Timing>,
    /// Files of the run folder worth opening.
    pub files: Vec<FileEntry>,
    /// Words explained at the end; [`super::standard_glossary`] is used when empty.
    pub glossary: Vec<Term>,
}

/// A value with the interval around it; NaN where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Point estimate.
    #[serde(deserialize_with = "nullable")]
    pub value: f64,
    /// Lower end of the interval.
    #[serde(deserialize_with = "nullable")]
    pub lower: f64,
    /// Upper end of the interval.
    #[serde(deserialize_with = "nullable")]
    pub upper: f64,
}

impl Estimate {
    /// An estimate with its interval.
    pub fn new(value: f64, lower: f64, upper: f64) -> Self {
        Self { value, lower, upper }
    }

    /// A value whose interval is unknown or has no width.
    pub fn without_interval(value: f64) -> Self {
        Self { value, lower: f64::NAN, upper: f64::NAN }
    }

    /// An unknown value, shown as "–".
    pub fn unknown() -> Self {
        Self::without_interval(f64::NAN)
    }
}

impl Default for Estimate {
    fn default() -> Self {
        Self::unknown()
    }
}

/// A label and its value, both ready to read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value, formatted.
    pub value: String,
}

/// The headline decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// True when every gate passed.
    pub approved: bool,
    /// Name of the chosen policy.
    pub policy: String,
    /// The decision in one sentence.
    pub sentence: String,
    /// Margin per customer-week gained over the control (no offer).
    pub uplift_vs_control: Estimate,
    /// Margin per customer-week gained over today's promotions.
    pub uplift_vs_current: Estimate,
    /// Margin per year gained over today's promotions, all customers together.
    pub yearly: Estimate,
    /// Share of the possible uplift that the policy earned; only in synthetic worlds.
    pub captured_uplift: Option<f64>,
}

/// What cleaning kept, removed and assumed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataQuality {
    /// One row per cleaning rule.
    pub rules: Vec<QualityRule>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows kept.
    pub rows_kept: u64,
    /// Sales value read.
    #[serde(deserialize_with = "nullable")]
    pub sales_in: f64,
    /// Sales value kept.
    #[serde(deserialize_with = "nullable")]
    pub sales_kept: f64,
    /// Customers in the kept history.
    pub customers: u64,
    /// Weeks in the kept history.
    pub weeks: u64,
    /// Where margin came from, in words.
    pub margin_source: String,
    /// Sales of each kept week in order, with what was expected and what stands out.
    pub weekly_sales: SalesSeries,
    /// Whether the history can be trusted, in one line; empty when unknown.
    pub verdict: String,
    /// Page on the history, relative to the report; empty when there is none.
    pub page: String,
}

/// One cleaning rule and what it removed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityRule {
    /// Name of the rule.
    pub name: String,
    /// Why the rule exists.
    pub reason: String,
    /// Rows removed or changed.
    pub rows: u64,
    /// Sales value removed.
    #[serde(deserialize_with = "nullable")]
    pub sales_removed: f64,
}

/// Cards and heat map of the personas.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Personas {
    /// One card per persona; their order fixes the colours everywhere.
    pub cards: Vec<PersonaCard>,
    /// Mean of each feature by persona, standardised.
    pub heat_map: HeatMap,
    /// Page on the personas, relative to the report; empty when there is none.
    pub page: String,
}

/// One persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonaCard {
    /// Name.
    pub name: String,
    /// Customers; `None` when fewer than ten.
    pub size: Option<u64>,
    /// Fraction of all customers; `None` when fewer than ten.
    pub share: Option<f64>,
    /// Who they are, in one or two sentences.
    pub description: String,
    /// Figures worth knowing.
    pub profile: Vec<Fact>,
}

/// Standardised feature means: `z_scores[feature][persona]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeatMap {
    /// Row names.
    pub features: Vec<String>,
    /// Column names.
    pub personas: Vec<String>,
    /// One row per feature, one column per persona; a missing cell is shown empty.
    #[serde(deserialize_with = "nullable_rows")]
    pub z_scores: Vec<Vec<f64>>,
}

/// Response curves and elasticities.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Demand {
    /// What the curves show, for example `weekly purchase probability relative to no offer`.
    pub response_label: String,
    /// One panel per category.
    pub panels: Vec<DemandPanel>,
    /// Elasticity by category.
    pub elasticities: Vec<Elasticity>,
}

/// The curves of one category.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DemandPanel {
    /// Category name.
    pub category: String,
    /// One line per persona: x = depth as a fraction of the price, y = response.
    pub lines: Vec<Line>,
}

/// A named line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// Persona the line belongs to.
    pub name: String,
    /// Points in order of x.
    pub points: Vec<Point>,
}

/// A point of a line, with a band where known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// Horizontal position.
    #[serde(deserialize_with = "nullable")]
    pub x: f64,
    /// Value and optional band.
    pub y: Estimate,
}

/// Price elasticity of one category.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Elasticity {
    /// Category name.
    pub category: String,
    /// Elasticity: % change of units per 1 % change of price.
    pub estimate: Estimate,
    /// How much history stands behind it, in words.
    pub evidence: String,
}

/// How far the fitted world resembles the held-out weeks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Realism {
    /// The verdict on the fitted world as a whole; `None` when nobody judged it.
    pub verdict: Option<Check>,
    /// The verdict in one sentence; may be empty.
    pub sentence: String,
    /// Page on the fitted world, relative to the report; empty when there is none. With it the
    /// report lists only the lines that do not pass.
    pub page: String,
    /// Lines of the realism card.
    pub rows: Vec<RealismRow>,
    /// Held-out weeks in order.
    pub held_out: Vec<HeldOutWeek>,
}

/// One line of the realism card.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RealismRow {
    /// What is compared.
    pub line: String,
    /// The fitted world's value, formatted.
    pub value: String,
    /// The band it should lie in, formatted.
    pub reference_band: String,
    /// Whether it does.
    pub verdict: Check,
    /// What a reader should make of it.
    pub note: String,
}

/// Outcome of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// As it should be.
    #[default]
    Pass,
    /// Usable with care.
    Warn,
    /// Not as it should be.
    Fail,
    /// Cannot be told from this data.
    NotApplicable,
}

/// Revenue of one held-out week.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldOutWeek {
    /// Short label.
    pub week: String,
    /// Revenue in the history.
    #[serde(deserialize_with = "nullable")]
    pub actual: f64,
    /// Revenue in the fitted world, with the band of its replications.
    pub simulated: Estimate,
}

/// Training curve of one agent: x = step, y = mean episode return.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearningCurve {
    /// Agent name.
    pub agent: String,
    /// Points in order of step.
    pub points: Vec<Point>,
}

/// All policies on the same customers and seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leaderboard {
    /// Rows in the order to be shown, best first.
    pub rows: Vec<LeaderboardRow>,
    /// Who won and by how much, in one sentence.
    pub winner_sentence: String,
}

/// What a policy is to the reader; fixes its colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyRole {
    /// One of the contenders.
    #[default]
    Candidate,
    /// The policy the verdict is about.
    Chosen,
    /// Today's promotions.
    Current,
    /// No offer to anyone.
    Control,
    /// The oracle, known only in synthetic worlds.
    Oracle,
}

/// One policy of the leaderboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaderboardRow {
    /// Policy name.
    pub policy: String,
    /// What it is to the reader.
    pub role: PolicyRole,
    /// Margin per customer-week.
    pub margin: Estimate,
    /// Margin per customer-week over today's promotions.
    pub uplift_vs_current: Estimate,
    /// Margin per customer-week over the control.
    pub uplift_vs_control: Estimate,
    /// Fraction of customer-weeks with an offer.
    #[serde(deserialize_with = "nullable")]
    pub contact_rate: f64,
    /// Promotion cost per customer-week.
    #[serde(deserialize_with = "nullable")]
    pub promotion_cost: f64,
    /// Margin before promotion cost that a unit of that cost brings over no offer; 1 breaks even.
    pub return_on_cost: Estimate,
    /// Anything else worth saying.
    pub note: String,
}

/// Off-policy estimates of the chosen policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OffPolicy {
    /// Whether the log can carry an answer.
    pub verdict: OffPolicyVerdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Estimates; not shown when the verdict is [`OffPolicyVerdict::Refuse`].
    pub rows: Vec<OffPolicyRow>,
}

/// Whether off-policy estimates may be believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffPolicyVerdict {
    /// Good overlap.
    #[default]
    Ok,
    /// Thin overlap.
    Caution,
    /// No answer can be given from this log.
    Refuse,
}

/// One off-policy estimator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OffPolicyRow {
    /// Name of the estimator.
    pub estimator: String,
    /// Margin per customer-week with interval.
    pub estimate: Estimate,
    /// Effective sample size, in decisions.
    #[serde(deserialize_with = "nullable")]
    pub effective_sample_size: f64,
}

/// Effects of the experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbTest {
    /// How the experiment was done, in one sentence.
    pub design: String,
    /// Effect on all customers, in margin per customer-week.
    pub total: Option<Estimate>,
    /// Effect on each persona.
    pub personas: Vec<PersonaEffect>,
}

/// Effect on one persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonaEffect {
    /// Persona name.
    pub persona: String,
    /// Customers in the experiment; `None` when fewer than ten.
    pub customers: Option<u64>,
    /// Margin per customer-week; `None` when fewer than ten customers.
    pub effect: Option<Estimate>,
}
