//! A log, the policy to be judged on it and a reward model, known to fit together.

use super::estimator::Estimator;
use super::reward_model::RewardPredictions;
use super::rounds::Rounds;
use super::summary::Influence;
use super::target::TargetProbabilities;
use crate::error::EvaluateError;
use crate::interval::Interval;
use crate::logged::LoggedDecisions;

/// A log, the policy to be judged on it and a reward model, known to fit together.
#[derive(Debug, Clone)]
pub struct OpeInput<'a> {
    log: &'a LoggedDecisions,
    target: &'a TargetProbabilities,
    rounds: Rounds<'a>,
}

impl<'a> OpeInput<'a> {
    /// Puts the three together and computes once what every estimator reads, see
    /// [`Rounds::of_log`].
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when target or predictions were made for another log.
    pub fn new(
        log: &'a LoggedDecisions,
        target: &'a TargetProbabilities,
        predictions: &RewardPredictions,
    ) -> Result<Self, EvaluateError> {
        Ok(Self { log, target, rounds: Rounds::of_log(log, target, predictions)? })
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

    /// Rewards, weights and predictions, round by round.
    #[must_use]
    pub fn rounds(&self) -> &Rounds<'a> {
        &self.rounds
    }

    /// Importance weights `w_i`, shape `[n]`, at least 0.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        self.rounds.weights()
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

/// Mean, interval and paired difference to the logged reward of any estimator; intervals are robust
/// to dependence within customers.
///
/// # Errors
/// As [`Estimator::influence`]; [`EvaluateError::InvalidSetting`] when the level is not in
/// `(0, 1)`.
pub fn estimate(
    estimator: &Estimator,
    input: &OpeInput<'_>,
    level: f64,
) -> Result<Estimated, EvaluateError> {
    let found = estimator.influence(input.rounds())?;
    let uplift = found.minus(&Influence::of_mean(input.log().rewards()))?;
    Ok(Estimated {
        value: found.interval(input.log(), level)?,
        uplift: uplift.interval(input.log(), level)?,
    })
}
