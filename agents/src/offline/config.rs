//! Settings that every network learner shares.

use crate::dqn::TargetUpdate;
use crate::error::{AgentError, require};
use crate::network::MlpShape;
use crate::normalisation::Normalisation;
use crate::schedule::Linear;
use promopt_policies::LoggedDecisions;
use serde::{Deserialize, Serialize};

/// Network, optimiser and targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Widths of the hidden layers; none makes a linear model.
    pub hidden: Vec<usize>,
    /// γ, time preference per step, in `[0, 1]`; 1 only where every story ends.
    pub discount_factor: f64,
    /// Rows per update, drawn with replacement.
    pub batch_size: usize,
    /// Adam's step size; `steps` counts updates.
    pub learning_rate: Linear,
    /// Adam's ε.
    pub adam_epsilon: f64,
    /// Largest norm of the gradient over all weights of one network.
    pub gradient_clip: f64,
    /// Error beyond which the loss of a score is linear, in units of the scaled reward. Beyond it a
    /// score is drawn to the median of its targets and away from their mean.
    pub huber_delta: f64,
    /// Following of the target networks.
    pub target_update: TargetUpdate,
    /// Multiplies rewards before learning, so that errors are of the order of 1.
    pub reward_scale: f64,
    /// Bring features to mean 0 and standard deviation 1 over the log; else they are only clipped.
    pub normalise: bool,
}

impl Default for NetworkConfig {
    /// Sizes customary for small observations; the target copy of Mnih et al. 2015 at the pace of
    /// small problems.
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            discount_factor: 0.99,
            batch_size: 64,
            learning_rate: Linear::constant(1e-3),
            adam_epsilon: 1e-8,
            gradient_clip: 10.0,
            huber_delta: 10.0,
            target_update: TargetUpdate::Hard { every: 250 },
            reward_scale: 1.0,
            normalise: true,
        }
    }
}

impl NetworkConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let widths = self.hidden.iter().all(|&width| width > 0);
        require(widths, "hidden", "widths above 0", format!("{:?}", self.hidden))?;
        let gamma = self.discount_factor;
        require((0.0..=1.0).contains(&gamma), "discount_factor", "a number in [0, 1]", gamma)?;
        require(self.batch_size > 0, "batch_size", "at least 1", self.batch_size)?;
        for rate in [self.learning_rate.start, self.learning_rate.end] {
            let fits = rate.is_finite() && rate >= 0.0;
            require(fits, "learning_rate", "finite numbers, not negative", rate)?;
        }
        positive("adam_epsilon", self.adam_epsilon)?;
        positive("gradient_clip", self.gradient_clip)?;
        positive("huber_delta", self.huber_delta)?;
        positive("reward_scale", self.reward_scale)?;
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

    pub(super) fn shape(&self, log: &LoggedDecisions, n_outputs: usize) -> MlpShape {
        MlpShape::new(log.n_features(), &self.hidden, n_outputs)
    }

    pub(super) fn normalisation(&self, log: &LoggedDecisions) -> Result<Normalisation, AgentError> {
        if self.normalise {
            Normalisation::fit(log.observations(), log.n_features())
        } else {
            Ok(Normalisation::identity(log.n_features()))
        }
    }
}

/// Errors unless the number is finite and above 0.
pub(super) fn positive(field: &'static str, value: f64) -> Result<(), AgentError> {
    require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)
}

/// Errors unless the number is finite and not negative.
pub(super) fn not_negative(field: &'static str, value: f64) -> Result<(), AgentError> {
    require(value.is_finite() && value >= 0.0, field, "a finite number, not negative", value)
}
