//! Settings of the bandit with a budget.

use crate::error::{AgentError, require};
use serde::{Deserialize, Serialize};

/// The most that one decision for an arm can bring and cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmLimits {
    /// Above 0.
    pub largest_reward: f64,
    /// Not negative; 0 for an arm that is free.
    pub largest_cost: f64,
}

/// Settings of [`KnapsackBandit`](super::KnapsackBandit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnapsackConfig {
    /// One entry per arm, at least one of them free.
    pub arms: Vec<ArmLimits>,
    /// What may be spent in one episode, not negative.
    pub budget: f64,
    /// Decisions in one episode, at least 1.
    pub horizon: u64,
    /// Deviations from the estimate in units of the posterior's, not negative. 1 is Thompson
    /// sampling; less explores less, which is better over a known, finite horizon.
    ///
    /// `width`, `decay` and `prior` were chosen by the mean expected reward over 20 to 30 seeds:
    /// among 31 settings on 12 random worlds of five arms, then among 15 on 16 worlds whose hits
    /// have chances of 1 to 16 %. These earned 0.983 and 0.981 of the bound; the best settings differ
    /// by less than 0.001.
    #[serde(default = "narrow")]
    pub width: f64,
    /// Power of the share of decisions that are left by which the width falls, not negative.
    #[serde(default = "steady")]
    pub decay: f64,
    /// Parameters of the Beta prior of every share, above 0. Belief in more than arms will bring is
    /// what makes them tried.
    #[serde(default = "hopeful")]
    pub prior: (f64, f64),
    /// Draws from the posterior per decision, at least 1: the decision's distribution is the mean
    /// of their best mixes.
    #[serde(default = "sixteen")]
    pub draws: usize,
    /// Share of uniform decisions over what is affordable, in `[0, 1]`.
    #[serde(default)]
    pub epsilon: f64,
}

fn narrow() -> f64 {
    0.6
}

fn steady() -> f64 {
    0.3
}

fn hopeful() -> (f64, f64) {
    (2.0, 1.0)
}

fn sixteen() -> usize {
    16
}

impl KnapsackConfig {
    /// The defaults for these arms, budget and horizon.
    #[must_use]
    pub fn new(arms: Vec<ArmLimits>, budget: f64, horizon: u64) -> Self {
        Self {
            arms,
            budget,
            horizon,
            width: narrow(),
            decay: steady(),
            prior: hopeful(),
            draws: sixteen(),
            epsilon: 0.0,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let not_negative = |field, value: f64| {
            let fits = value.is_finite() && value >= 0.0;
            require(fits, field, "a finite number, not negative", value)
        };
        for arm in &self.arms {
            let reward = arm.largest_reward;
            let fits = reward.is_finite() && reward > 0.0;
            require(fits, "largest_reward", "a finite number above 0", reward)?;
            not_negative("largest_cost", arm.largest_cost)?;
        }
        let free = self.arms.iter().filter(|arm| arm.largest_cost == 0.0).count();
        require(free > 0, "arms", "at least one arm with `largest_cost` 0", free)?;
        not_negative("budget", self.budget)?;
        require(self.horizon > 0, "horizon", "at least 1", self.horizon)?;
        not_negative("width", self.width)?;
        not_negative("decay", self.decay)?;
        for part in [self.prior.0, self.prior.1] {
            let fits = part.is_finite() && part > 0.0;
            require(fits, "prior", "two finite numbers above 0", part)?;
        }
        require(self.draws > 0, "draws", "at least 1", self.draws)?;
        require((0.0..=1.0).contains(&self.epsilon), "epsilon", "a number in [0, 1]", self.epsilon)
    }
}
