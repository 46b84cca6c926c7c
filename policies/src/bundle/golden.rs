//! Golden rows: decisions recorded at export, which the loader must reproduce before it serves.

use super::error::BundleError;
use crate::policy::Policy;
use crate::portable::PortablePolicy;
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};

/// Largest difference of a score, relative to scores above 1 in size.
const SCORE_TOLERANCE: f64 = 1e-5;
/// Largest difference of a probability.
const PROBABILITY_TOLERANCE: f64 = 1e-6;

/// One input with what the policy made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRow {
    /// Raw observation, shape `[n_features]`.
    pub observation: Vec<f32>,
    /// Allowed actions, shape `[n_actions]`.
    pub mask: Vec<bool>,
    /// Expected values, shape `[n_actions]`, for policies that have them.
    pub scores: Option<Vec<f64>>,
    /// Probabilities, shape `[n_actions]`.
    pub probabilities: Vec<f64>,
    /// The likeliest action, the lowest of equals.
    pub action: ActionId,
}

/// Records what the policy makes of these inputs; as many rows as the shorter list has.
#[must_use]
pub fn golden_rows(
    policy: &PortablePolicy,
    observations: &[Vec<f32>],
    masks: &[ActionMask],
) -> Vec<GoldenRow> {
    observations
        .iter()
        .zip(masks)
        .map(|(observation, mask)| record(policy, observation, mask))
        .collect()
}

fn record(policy: &PortablePolicy, observation: &[f32], mask: &ActionMask) -> GoldenRow {
    let probabilities = policy.distribution(observation, mask).probabilities().to_vec();
    GoldenRow {
        observation: observation.to_vec(),
        mask: mask.flags().to_vec(),
        scores: policy.scores(observation),
        action: mask.argmax(&probabilities),
        probabilities,
    }
}

/// Reproduces every row. `n_features` and `n_actions` are those of the manifest.
pub(super) fn check_rows(
    policy: &PortablePolicy,
    rows: &[GoldenRow],
    n_features: usize,
    n_actions: usize,
) -> Result<(), BundleError> {
    if rows.is_empty() {
        return Err(BundleError::content("golden.jsonl", "at least one row", "none"));
    }
    for (index, row) in rows.iter().enumerate() {
        let differs = |what: &'static str, expected: String, found: String| {
            Err(BundleError::Golden { row: index + 1, what, expected, found })
        };
        if row.observation.len() != n_features {
            return differs("features", n_features.to_string(), row.observation.len().to_string());
        }
        let mask = match ActionMask::from_flags(row.mask.clone()) {
            Some(mask) if mask.n_actions() == n_actions => mask,
            _ => {
                return differs(
                    "mask over actions",
                    n_actions.to_string(),
                    format!("{:?}", row.mask),
                );
            }
        };
        let now = record(policy, &row.observation, &mask);
        let scores = [&row.scores, &now.scores].map(|s| s.as_deref().unwrap_or_default());
        if row.scores.is_some() != now.scores.is_some() || !close(scores, SCORE_TOLERANCE) {
            return differs("scores", format!("{:?}", row.scores), format!("{:?}", now.scores));
        }
        if row.action != now.action {
            return differs("action", row.action.to_string(), now.action.to_string());
        }
        if !close([&row.probabilities, &now.probabilities], PROBABILITY_TOLERANCE) {
            let found = format!("{:?}", now.probabilities);
            return differs("probabilities", format!("{:?}", row.probabilities), found);
        }
    }
    Ok(())
}

/// Whether two lists agree; NaN agrees with nothing.
fn close([a, b]: [&[f64]; 2], tolerance: f64) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * a.abs().max(1.0))
}
