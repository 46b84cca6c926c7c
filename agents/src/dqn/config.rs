//! Settings of the deep Q-network agent, with their sources.

use crate::error::{AgentError, require};
use crate::network::Backend;
use crate::replay::{Priorities, ReplayConfig};
use crate::schedule::Linear;
use serde::{Deserialize, Serialize};

/// How the target network follows the online network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetUpdate {
    /// A copy every so many updates (Mnih et al. 2015).
    Hard {
        /// Updates between two copies, at least 1.
        every: u64,
    },
    /// This share of the difference at every update (Lillicrap et al. 2016).
    Soft {
        /// Share in `(0, 1]`.
        rate: f64,
    },
}

/// What a score is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReturnModel {
    /// The mean return itself.
    #[default]
    Mean,
    /// Probabilities of evenly spaced returns (C51; Bellemare et al. 2017).
    Categorical {
        /// Number of returns, at least 2; 51 in the paper.
        n_atoms: usize,
        /// Smallest return, in units of scaled reward.
        low: f64,
        /// Largest return, in units of scaled reward.
        high: f64,
    },
    /// Quantiles of the return at even levels (QR-DQN; Dabney et al. 2018).
    Quantile {
        /// Number of quantiles, at least 1; 200 in the paper.
        n_quantiles: usize,
    },
}

/// How an error of a score counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorLoss {
    /// Squared up to `huber_delta`, linear beyond.
    #[default]
    Huber,
    /// `e² / 2` everywhere.
    Squared,
}

/// Settings of [`DqnAgent`](super::DqnAgent). Steps count observed transitions over all lanes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DqnConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// γ, time preference per step, in `[0, 1]`. 1 is sound where every episode ends by itself, so
    /// that all sums are finite; where the future goes on beyond a time limit it has no fixed point.
    pub discount_factor: f64,
    /// Online network chooses and target network values the next action (van Hasselt et al. 2016).
    pub double: bool,
    /// Separate value and advantage (Wang et al. 2016).
    pub dueling: bool,
    /// What a score is made of; a categorical model has a loss of its own.
    pub returns: ReturnModel,
    /// `σ₀` of noisy layers, which explore by themselves (Fortunato et al. 2018), customarily 0.5;
    /// absent for ordinary layers.
    pub noisy: Option<f32>,
    /// Further draws of the noise per decision from which its propensity is estimated, at least 1;
    /// each costs a forward pass.
    pub propensity_draws: usize,
    /// Rewards that are summed before bootstrapping, at least 1.
    pub n_step: usize,
    /// Entries of the replay memory.
    pub replay_capacity: usize,
    /// Bytes that the replay memory may come to take.
    pub replay_memory_limit_bytes: u64,
    /// Sampling in proportion to past errors (Schaul et al. 2016); uniform when absent.
    pub priorities: Option<Priorities>,
    /// Stored entries before the first update.
    pub warm_up: usize,
    /// Entries per update.
    pub batch_size: usize,
    /// Adam's step size; `steps` counts updates.
    pub learning_rate: Linear,
    /// Adam's ε.
    pub adam_epsilon: f64,
    /// Largest norm of the gradient over all weights.
    pub gradient_clip: f64,
    /// How an error of a score counts.
    pub loss: ErrorLoss,
    /// Error beyond which the Huber loss is linear, in units of the scaled reward. Beyond it a score is
    /// drawn to the median of its targets and away from their mean, which is wrong for skewed
    /// rewards (mostly nothing, sometimes much): keep it above the usual error.
    pub huber_delta: f64,
    /// Following of the target network.
    pub target_update: TargetUpdate,
    /// Share of random actions; `steps` counts observed transitions.
    pub epsilon: Linear,
    /// How often each action is among the random ones, in proportion, shape `[n_actions]`; empty for
    /// all alike. Masked actions leave their share to the others. Where some actions use up what
    /// later ones need (a budget, a stock), equal shares use it up at once, and what it is worth
    /// later is never learned: weights that would make it last explore all of an episode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exploration_weights: Vec<f64>,
    /// Multiplies rewards before learning, so that errors are of the order of 1.
    pub reward_scale: f64,
    /// Who computes the network.
    pub backend: Backend,
}

impl Default for DqnConfig {
    /// Rainbow's components without distributions, noise and priorities (Hessel et al. 2018), at
    /// CleanRL's sizes for small observations (Huang et al. 2022). `huber_delta` is 10 and not the
    /// customary 1, which was made for rewards clipped to ±1.
    fn default() -> Self {
        Self {
            hidden: vec![128, 128],
            discount_factor: 0.99,
            double: true,
            dueling: true,
            returns: ReturnModel::Mean,
            noisy: None,
            propensity_draws: 8,
            n_step: 3,
            replay_capacity: 100_000,
            replay_memory_limit_bytes: ReplayConfig::default().memory_limit_bytes,
            priorities: None,
            warm_up: 1_000,
            batch_size: 64,
            learning_rate: Linear::constant(5e-4),
            adam_epsilon: 1e-5,
            gradient_clip: 10.0,
            loss: ErrorLoss::Huber,
            huber_delta: 10.0,
            target_update: TargetUpdate::Hard { every: 500 },
            epsilon: Linear { start: 1.0, end: 0.05, steps: 10_000 },
            exploration_weights: Vec::new(),
            reward_scale: 1.0,
            backend: Backend::Native,
        }
    }
}

impl DqnConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let widths = !self.hidden.is_empty() && self.hidden.iter().all(|&w| w > 0);
        require(widths, "hidden", "one or more widths above 0", format!("{:?}", self.hidden))?;
        let gamma = self.discount_factor;
        require((0.0..=1.0).contains(&gamma), "discount_factor", "a number in [0, 1]", gamma)?;
        require(self.n_step > 0, "n_step", "at least 1", self.n_step)?;
        require(self.batch_size > 0, "batch_size", "at least 1", self.batch_size)?;
        require(self.warm_up > 0, "warm_up", "at least 1", self.warm_up)?;
        let fits = self.replay_capacity >= self.warm_up;
        require(fits, "replay_capacity", "at least `warm_up`", self.replay_capacity)?;
        for rate in [self.learning_rate.start, self.learning_rate.end] {
            let fits = rate.is_finite() && rate >= 0.0;
            require(fits, "learning_rate", "finite numbers, not negative", rate)?;
        }
        for share in [self.epsilon.start, self.epsilon.end] {
            require((0.0..=1.0).contains(&share), "epsilon", "numbers in [0, 1]", share)?;
        }
        for &weight in &self.exploration_weights {
            require_positive("exploration_weights", weight)?;
        }
        require_positive("adam_epsilon", self.adam_epsilon)?;
        require_positive("gradient_clip", self.gradient_clip)?;
        require_positive("huber_delta", self.huber_delta)?;
        require_positive("reward_scale", self.reward_scale)?;
        self.validate_returns()?;
        if let Some(sigma) = self.noisy {
            let fits = sigma.is_finite() && sigma > 0.0;
            require(fits, "noisy", "a finite number above 0", sigma)?;
            require(self.propensity_draws > 0, "propensity_draws", "at least 1", 0)?;
        }
        match self.target_update {
            TargetUpdate::Hard { every } => {
                require(every > 0, "target_update.hard.every", "at least 1", every)
            }
            TargetUpdate::Soft { rate } => {
                let fits = rate > 0.0 && rate <= 1.0;
                require(fits, "target_update.soft.rate", "a number in (0, 1]", rate)
            }
        }
    }

    fn validate_returns(&self) -> Result<(), AgentError> {
        match self.returns {
            ReturnModel::Mean => Ok(()),
            ReturnModel::Categorical { n_atoms, low, high } => {
                require(n_atoms >= 2, "returns.categorical.n_atoms", "at least 2", n_atoms)?;
                let ordered = low.is_finite() && high.is_finite() && low < high;
                let got = format!("{low} and {high}");
                require(ordered, "returns.categorical.low", "a number below `high`", got)
            }
            ReturnModel::Quantile { n_quantiles } => {
                let what = "returns.quantile.n_quantiles";
                require(n_quantiles > 0, what, "at least 1", n_quantiles)?;
                let huber = self.loss == ErrorLoss::Huber;
                require(huber, "loss", "`huber`, which quantiles need", "squared")
            }
        }
    }

    /// The settings of its replay memory.
    #[must_use]
    pub fn replay(&self) -> ReplayConfig {
        ReplayConfig {
            capacity: self.replay_capacity,
            memory_limit_bytes: self.replay_memory_limit_bytes,
            priorities: self.priorities,
        }
    }
}

fn require_positive(field: &'static str, value: f64) -> Result<(), AgentError> {
    require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_json() {
        let config = DqnConfig::default();
        assert!(config.validate().is_ok());
        let text = serde_json::to_string(&config).expect("plain data");
        assert_eq!(serde_json::from_str::<DqnConfig>(&text).expect("what we wrote"), config);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(serde_json::from_str::<DqnConfig>(r#"{"gamma": 0.9}"#).is_err());
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        let wrong = [
            (DqnConfig { discount_factor: 1.1, ..Default::default() }, "discount_factor"),
            (DqnConfig { hidden: vec![], ..Default::default() }, "hidden"),
            (DqnConfig { n_step: 0, ..Default::default() }, "n_step"),
            (DqnConfig { replay_capacity: 10, ..Default::default() }, "replay_capacity"),
            (DqnConfig { epsilon: Linear::constant(f64::NAN), ..Default::default() }, "epsilon"),
            (DqnConfig { reward_scale: 0.0, ..Default::default() }, "reward_scale"),
            (DqnConfig { noisy: Some(0.0), ..Default::default() }, "noisy"),
            (
                DqnConfig {
                    returns: ReturnModel::Categorical { n_atoms: 51, low: 1.0, high: 1.0 },
                    ..Default::default()
                },
                "returns.categorical.low",
            ),
            (
                DqnConfig {
                    returns: ReturnModel::Quantile { n_quantiles: 0 },
                    ..Default::default()
                },
                "returns.quantile.n_quantiles",
            ),
        ];
        for (config, field) in wrong {
            let message = config.validate().expect_err("out of range").to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
