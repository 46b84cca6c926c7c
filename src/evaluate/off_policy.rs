//! The off-policy read-out: a verdict first, and estimates only when it allows them.

use super::direct::DirectMethod;
use super::doubly_robust::DoublyRobust;
use super::error::EvaluateError;
use super::estimator::{Estimator, OpeInput, estimate};
use super::interval::{Interval, clustered, mean};
use super::ips::{InversePropensity, SelfNormalised};
use super::overlap::{OverlapDiagnostics, OverlapVerdict};
use serde::{Deserialize, Serialize};

/// One estimator's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateRow {
    /// Name of the estimator: `ips`, `snips`, `dm` or `dr`.
    pub estimator: String,
    /// Mean reward per decision under the target policy.
    pub value: Interval,
    /// The same minus the mean logged reward, paired on the same decisions.
    pub uplift: Interval,
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
    /// One row per estimator; empty when the verdict is [`OverlapVerdict::Refuse`].
    pub estimates: Vec<EstimateRow>,
    /// Mean logged reward per decision: what the logging policy brought.
    pub on_policy_value: Interval,
}

/// Judges the target policy with every estimator, unless overlap forbids it.
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
    let rewards = input.log().rewards();
    let centre = mean(rewards);
    let deviations: Vec<f64> = rewards.iter().map(|r| r - centre).collect();
    let on_policy_value = clustered(centre, &deviations, input.log(), level)?;
    let estimators: [&dyn Estimator; 4] =
        [&InversePropensity, &SelfNormalised, &DirectMethod, &DoublyRobust];
    let mut estimates = Vec::new();
    if verdict != OverlapVerdict::Refuse {
        for estimator in estimators {
            let found = estimate(estimator, input, level)?;
            let estimator = estimator.name().to_owned();
            estimates.push(EstimateRow { estimator, value: found.value, uplift: found.uplift });
        }
    }
    Ok(OpeReport { verdict, reasons, diagnostics, estimates, on_policy_value })
}
