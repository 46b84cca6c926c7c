//! What every one-step estimator reads: four numbers per round, and nothing else.

use super::reward_model::RewardPredictions;
use super::target::{TargetProbabilities, check_size};
use crate::error::EvaluateError;
use crate::logged::LoggedDecisions;

/// Rounds as columns: reward `r_i`, importance weight `w_i`, and the reward model's word on the
/// logged action, `q_i`, and on the target policy, `v_i`.
///
/// Where the weight comes from makes the method: actions (IPS, DR), embeddings (MIPS), clusters of
/// actions (OffCEM), kernels (continuous actions), mixtures of loggers. The
/// [estimators](super::estimator) do not ask. Without a model `q` and `v` are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds<'a> {
    rewards: &'a [f64],
    weights: Vec<f64>,
    predicted_logged: Vec<f64>,
    predicted_target: Vec<f64>,
}

impl<'a> Rounds<'a> {
    /// Rounds of rewards and weights, without a reward model; all shapes `[n]`.
    ///
    /// # Errors
    /// [`EvaluateError`] for fewer than two rounds, columns of different lengths, numbers that are
    /// not finite and negative weights.
    pub fn new(rewards: &'a [f64], weights: Vec<f64>) -> Result<Self, EvaluateError> {
        let nothing = vec![0.0; rewards.len()];
        Self::with_model(rewards, weights, nothing.clone(), nothing)
    }

    /// Rounds with what a reward model predicts for the logged action and for the target policy.
    ///
    /// # Errors
    /// As [`Rounds::new`].
    pub fn with_model(
        rewards: &'a [f64],
        weights: Vec<f64>,
        predicted_logged: Vec<f64>,
        predicted_target: Vec<f64>,
    ) -> Result<Self, EvaluateError> {
        let n = rewards.len();
        crate::logged::at_least("decisions", 2, n, "load exposures before judging on them")?;
        check_finite("reward", n, rewards)?;
        check_finite("weight", n, &weights)?;
        check_finite("predicted_logged", n, &predicted_logged)?;
        check_finite("predicted_target", n, &predicted_target)?;
        if let Some(row) = weights.iter().position(|w| *w < 0.0) {
            return Err(invalid("weight", row, "a weight of at least 0", weights[row]));
        }
        Ok(Self { rewards, weights, predicted_logged, predicted_target })
    }

    /// The rounds of a log under a target policy and a reward model: `w_i = target(a_i|x_i) / p_i`,
    /// `q_i = q(x_i, a_i)` and `v_i = Σ_a target(a|x_i) q(x_i, a) / Σ_a target(a|x_i)`.
    ///
    /// The division undoes the rounding of probabilities in files.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when target or predictions were made for another log.
    pub fn of_log(
        log: &'a LoggedDecisions,
        target: &TargetProbabilities,
        predictions: &RewardPredictions,
    ) -> Result<Self, EvaluateError> {
        let n = log.len();
        check_size("target_probability", "decision", n, target.len())?;
        check_size("target_probability", "action", log.n_actions(), target.n_actions())?;
        check_size("reward_prediction", "decision", n, predictions.len())?;
        check_size("reward_prediction", "action", log.n_actions(), predictions.n_actions())?;
        let (mut weights, mut predicted_logged) = (vec![0.0; n], vec![0.0; n]);
        let mut predicted_target = vec![0.0; n];
        let columns = weights.iter_mut().zip(&mut predicted_logged).zip(&mut predicted_target);
        let taken = log.actions().iter().zip(log.propensities());
        for (row, (((w, q), v), (&action, propensity))) in columns.zip(taken).enumerate() {
            let (probabilities, predicted) = (target.row(row), predictions.row(row));
            let (mut value, mut total) = (0.0, 0.0);
            for (p, q) in probabilities.iter().zip(predicted) {
                value += p * q;
                total += p;
            }
            *w = probabilities[action] / propensity;
            *q = predicted[action];
            *v = value / total;
        }
        Self::with_model(log.rewards(), weights, predicted_logged, predicted_target)
    }

    /// The same rounds and model under other weights.
    ///
    /// # Errors
    /// As [`Rounds::new`].
    pub fn with_weights(&self, weights: Vec<f64>) -> Result<Self, EvaluateError> {
        let (logged, target) = (self.predicted_logged.clone(), self.predicted_target.clone());
        Self::with_model(self.rewards, weights, logged, target)
    }

    /// Number of rounds `n`, at least 2.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Never true: there are at least two rounds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Rewards `r_i`.
    #[must_use]
    pub fn rewards(&self) -> &'a [f64] {
        self.rewards
    }

    /// Weights `w_i`, at least 0.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Predicted reward of the logged action, `q_i`.
    #[must_use]
    pub fn predicted_logged(&self) -> &[f64] {
        &self.predicted_logged
    }

    /// Predicted reward of the target policy, `v_i`.
    #[must_use]
    pub fn predicted_target(&self) -> &[f64] {
        &self.predicted_target
    }
}

fn check_finite(column: &'static str, n: usize, values: &[f64]) -> Result<(), EvaluateError> {
    check_size(column, "decision", n, values.len())?;
    // A finite sum has finite terms, and needs no branch per number.
    if super::summary::sum(values).is_finite() {
        return Ok(());
    }
    let wrong = values.iter().position(|x| !x.is_finite());
    wrong.map_or(Ok(()), |row| Err(invalid(column, row, "a finite number", values[row])))
}

fn invalid(column: &str, row: usize, expected: &'static str, found: f64) -> EvaluateError {
    let advice = "check propensities, probabilities and predictions of the decision";
    EvaluateError::InvalidValue { row, column: column.into(), expected, found, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_columns_are_named_with_their_row() {
        let message =
            |weights: Vec<f64>| Rounds::new(&[1.0, 2.0], weights).expect_err("broken").to_string();
        assert!(message(vec![1.0]).contains("expected 2 values in `weight`, found 1"));
        assert!(message(vec![1.0, f64::NAN]).contains("found NaN in row 1 column `weight`"));
        assert!(message(vec![-0.5, 1.0]).contains("found -0.5 in row 0 column `weight`"));
        assert!(message(vec![1.0, f64::INFINITY]).contains("found inf"));
        let lonely = Rounds::new(&[1.0], vec![1.0]).expect_err("one round").to_string();
        assert!(lonely.contains("at least 2 decisions, found 1"));
    }
}
