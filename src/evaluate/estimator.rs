//! What every off-policy estimator is: per-decision contributions from one validated input.

use super::error::EvaluateError;
use super::interval::{Interval, clustered, mean};
use super::logged::LoggedDecisions;
use super::reward_model::RewardPredictions;
use super::target::TargetProbabilities;

/// A log, the policy to be judged on it and a reward model, known to fit together.
#[derive(Debug, Clone)]
pub struct OpeInput<'a> {
    log: &'a LoggedDecisions,
    target: &'a TargetProbabilities,
    predictions: &'a RewardPredictions,
    weights: Vec<f64>,
}

impl<'a> OpeInput<'a> {
    /// Puts the three together and computes the importance weights `w_i = target(a_i|x_i) / p_i`.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when target or predictions were made for another log.
    pub fn new(
        log: &'a LoggedDecisions,
        target: &'a TargetProbabilities,
        predictions: &'a RewardPredictions,
    ) -> Result<Self, EvaluateError> {
        let expected = log.len();
        let sizes = [
            ("target_probability", target.len(), target.row(0).len()),
            ("reward_prediction", predictions.len(), predictions.row(0).len()),
        ];
        for (column, found, width) in sizes {
            if found != expected {
                return Err(EvaluateError::WrongLength {
                    column,
                    expected,
                    found,
                    unit: "decision",
                });
            }
            if width != log.n_actions() {
                let (expected, found) = (log.n_actions(), width);
                return Err(EvaluateError::WrongLength { column, expected, found, unit: "action" });
            }
        }
        let taken = log.actions().iter().zip(log.propensities()).enumerate();
        let weights = taken.map(|(row, (&action, p))| target.row(row)[action] / p).collect();
        Ok(Self { log, target, predictions, weights })
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &'a LoggedDecisions {
        self.log
    }

    /// The policy to be judged.
    #[must_use]
    pub fn target(&self) -> &'a TargetProbabilities {
        self.target
    }

    /// Importance weights `w_i`, shape `[n]`, at least 0.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Predicted reward `q(x_i, a_i)` of the action that was taken.
    #[must_use]
    pub fn predicted_logged(&self, row: usize) -> f64 {
        self.predictions.row(row)[self.log.actions()[row]]
    }

    /// Predicted reward of the target policy, `Σ_a target(a|x_i) q(x_i, a) / Σ_a target(a|x_i)`.
    ///
    /// The division undoes the rounding of probabilities in files.
    #[must_use]
    pub fn predicted_target(&self, row: usize) -> f64 {
        let probabilities = self.target.row(row);
        let products = probabilities.iter().zip(self.predictions.row(row)).map(|(p, q)| p * q);
        products.sum::<f64>() / probabilities.iter().sum::<f64>()
    }
}

/// An estimator of the mean reward per decision under the target policy.
pub trait Estimator: Send + Sync {
    /// Short name for tables, such as `"dr"`.
    fn name(&self) -> &'static str;

    /// One value per decision, shape `[n]`, in the unit of the reward; their mean is the estimate.
    fn contributions(&self, input: &OpeInput<'_>) -> Vec<f64>;

    /// The influence of each decision on the estimate, shape `[n]`, with mean zero.
    ///
    /// For a plain mean that is the distance to it; a random denominator asks for another.
    fn deviations(&self, _input: &OpeInput<'_>, contributions: &[f64]) -> Vec<f64> {
        let centre = mean(contributions);
        contributions.iter().map(|x| x - centre).collect()
    }
}

/// An estimate, and its difference to the mean logged reward on the same decisions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimated {
    /// Mean reward per decision under the target policy.
    pub value: Interval,
    /// The same minus the mean logged reward, with the covariance of the two taken into account.
    pub uplift: Interval,
}

/// Mean, interval and paired difference to the logged reward of any estimator.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
pub fn estimate(
    estimator: &dyn Estimator,
    input: &OpeInput<'_>,
    level: f64,
) -> Result<Estimated, EvaluateError> {
    let contributions = estimator.contributions(input);
    let value = mean(&contributions);
    let deviations = estimator.deviations(input, &contributions);
    let rewards = input.log().rewards();
    let logged = mean(rewards);
    let differences: Vec<f64> =
        deviations.iter().zip(rewards).map(|(d, r)| d - (r - logged)).collect();
    Ok(Estimated {
        value: clustered(value, &deviations, input.log(), level)?,
        uplift: clustered(value - logged, &differences, input.log(), level)?,
    })
}
