//! Off-policy evaluation of single decisions: a verdict first, and estimates only when it allows.
//!
//! Everything meets in [`Rounds`]: reward, weight and what a model predicts, round by round.
//! Weights come from [actions](Rounds::of_log), [embeddings of actions](embedding), [continuous
//! actions](continuous) or [several loggers](loggers); an [estimator] is a weighting of them, a
//! model or none, a normaliser or none. What it says is read as [moments](Summary) with
//! [bounds], as an [influence](Influence) per round with cluster-robust intervals, or by
//! [bootstrap]. [Tuning](tuning) and the [choice] among estimators look at nothing but the log;
//! [weights], [overlap] and the [distribution] of the reward say how much to believe.

pub mod bootstrap;
pub mod bounds;
pub mod choice;
pub mod continuous;
pub mod distribution;
pub mod embedding;
pub mod estimator;
pub mod input;
pub mod loggers;
pub mod meta;
pub mod overlap;
pub mod propensity;
pub mod reward_model;
pub mod rounds;
mod rows;
pub mod summary;
pub mod target;
pub mod tuning;
pub mod weights;

#[cfg(test)]
mod proof_tests;

pub use bootstrap::{Bootstrap, Resampled, Units};
pub use bounds::{Bound, Range};
pub use choice::Choice;
pub use distribution::RewardDistribution;
pub use estimator::{DM, DR, Estimator, IPS, Removed, SNDR, SNIPS, Weighting};
pub use input::{OpeInput, estimate};
pub use overlap::{OverlapDiagnostics, OverlapVerdict};
pub use reward_model::{RewardModelSettings, RewardPredictions};
pub use rounds::Rounds;
pub use summary::{Influence, Summary};
pub use target::TargetProbabilities;
pub use weights::WeightProfile;

use crate::error::EvaluateError;
use crate::interval::Interval;
use serde::{Deserialize, Serialize};

/// One estimator's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateRow {
    /// Name of the estimator, such as `ips`, `snips`, `dm` or `dr`.
    pub estimator: String,
    /// Mean reward per decision under the target policy.
    pub value: Interval,
    /// The same minus the mean logged reward, paired on the same decisions.
    pub uplift: Interval,
    /// How much of the importance weight the estimator does not use.
    #[serde(default)]
    pub removed: Removed,
}

/// What a log says about a target policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpeReport {
    /// Whether the estimates may be read as evidence.
    pub verdict: OverlapVerdict,
    /// Why the verdict is not ok; empty when it is.
    pub reasons: Vec<String>,
    /// The numbers behind the verdict.
    pub diagnostics: OverlapDiagnostics,
    /// Which estimator to read, and why; `None` when the verdict is [`OverlapVerdict::Refuse`].
    #[serde(default)]
    pub choice: Option<Choice>,
    /// One row per estimator, the chosen one among them; empty when the verdict is
    /// [`OverlapVerdict::Refuse`].
    pub estimates: Vec<EstimateRow>,
    /// Mean logged reward per decision: what the logging policy brought.
    pub on_policy_value: Interval,
}

/// Judges the target policy with IPS, SNIPS, DM, DR and the estimator that the log chooses, unless
/// overlap forbids it.
///
/// `propensities_logged` is false when the propensities of the log were estimated afterwards.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
pub fn judge_logged(
    input: &OpeInput<'_>,
    propensities_logged: bool,
    level: f64,
) -> Result<OpeReport, EvaluateError> {
    let diagnostics = OverlapDiagnostics::measure(input, propensities_logged);
    let (verdict, reasons) = diagnostics.verdict();
    let on_policy_value = Influence::of_mean(input.log().rewards()).interval(input.log(), level)?;
    let mut report = OpeReport {
        verdict,
        reasons,
        diagnostics,
        choice: None,
        estimates: Vec::new(),
        on_policy_value,
    };
    if verdict == OverlapVerdict::Refuse {
        return Ok(report);
    }
    let (chosen, choice) = choice::choose(input)?;
    report.choice = Some(choice);
    let mut estimators = vec![IPS, SNIPS, DM, DR];
    if !estimators.contains(&chosen) {
        estimators.push(chosen);
    }
    for estimator in estimators {
        let found = estimate(&estimator, input, level)?;
        report.estimates.push(EstimateRow {
            removed: estimator.removed(input.rounds()),
            estimator: estimator.to_string(),
            value: found.value,
            uplift: found.uplift,
        });
    }
    Ok(report)
}
