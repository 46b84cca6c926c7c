//! Linear scores per action in plain numbers: what a linear bandit leaves behind.

use crate::distribution::ActionDistribution;
use crate::mlp::{ShapeError, check_normalisation, normalised, same_length};
use crate::policy::Policy;
use promopt_envs::ActionMask;
use serde::{Deserialize, Serialize};

/// `score(a) = w_a · (x, 1)` with `x = clip((observation − mean) / scale, ±5)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearScores {
    /// Subtracted from each feature, shape `[n_features]`.
    pub mean: Vec<f32>,
    /// Divides each feature, above zero, shape `[n_features]`.
    pub scale: Vec<f32>,
    /// One row per action, intercept last; shape `[n_actions][n_features + 1]`.
    pub weights: Vec<Vec<f64>>,
}

impl LinearScores {
    /// Number of features of an observation.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Number of scores.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.weights.len()
    }

    /// Checks that the parts fit each other and that every number is finite.
    ///
    /// # Errors
    /// [`ShapeError`] names the first part that does not fit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        check_normalisation(&self.mean, &self.scale)?;
        for row in &self.weights {
            same_length("weights", self.mean.len() + 1, row.len())?;
            if row.iter().any(|weight| !weight.is_finite()) {
                return Err(ShapeError::NotFinite { part: "weights" });
            }
        }
        Ok(())
    }

    /// The normalised features with the intercept's 1 last, shape `[n_features + 1]`.
    #[must_use]
    pub fn features(&self, observation: &[f32]) -> Vec<f64> {
        normalised(observation, &self.mean, &self.scale)
            .map(f64::from)
            .chain(std::iter::once(1.0))
            .collect()
    }

    /// One score per action for a raw observation, shape `[n_actions]`; masked actions included.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> Vec<f64> {
        let x = self.features(observation);
        self.weights.iter().map(|row| row.iter().zip(&x).map(|(w, x)| w * x).sum()).collect()
    }
}

/// Greedy over masked [`LinearScores`], mixed with `epsilon` of the uniform distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearPolicy {
    /// Short name for tables.
    pub name: String,
    /// Where the scores come from.
    pub scores: LinearScores,
    /// Share of decisions that are uniform over the allowed actions, in `[0, 1]`.
    pub epsilon: f64,
}

impl LinearPolicy {
    /// A policy with this name; `epsilon = 0` is greedy.
    #[must_use]
    pub fn new(name: impl Into<String>, scores: LinearScores, epsilon: f64) -> Self {
        Self { name: name.into(), scores, epsilon }
    }
}

impl Policy for LinearPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let best = mask.argmax(&self.scores.scores(observation));
        ActionDistribution::deterministic(best, mask.n_actions()).mix_uniform(self.epsilon, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> LinearScores {
        LinearScores {
            mean: vec![1.0],
            scale: vec![2.0],
            weights: vec![vec![1.0, 0.5], vec![-1.0, 3.0]],
        }
    }

    #[test]
    fn scores_are_the_hand_worked_ones() {
        // x = (5 − 1) / 2 = 2; 1·2 + 0.5 and −1·2 + 3.
        assert_eq!(scores().scores(&[5.0]), [2.5, 1.0]);
    }

    #[test]
    fn the_policy_is_greedy_within_the_mask() {
        let policy = LinearPolicy::new("lin_ucb", scores(), 0.0);
        let all = policy.distribution(&[5.0], &ActionMask::all(2));
        assert_eq!(all.probabilities(), [1.0, 0.0]);
        let mask = ActionMask::from_flags(vec![false, true]).expect("one is allowed");
        assert_eq!(policy.distribution(&[5.0], &mask).probabilities(), [0.0, 1.0]);
    }

    #[test]
    fn a_short_row_is_an_error() {
        let mut scores = scores();
        assert_eq!(scores.validate(), Ok(()));
        scores.weights[1].pop();
        let expected = ShapeError::Length { part: "weights", expected: 2, got: 1 };
        assert_eq!(scores.validate(), Err(expected));
    }
}
