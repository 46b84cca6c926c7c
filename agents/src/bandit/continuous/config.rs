//! Settings of the bandit over a continuous action.

use crate::error::{AgentError, require};
use serde::{Deserialize, Serialize};

/// Settings of [`ContinuousBandit`](super::ContinuousBandit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContinuousConfig {
    /// Equal cells of `[0, 1]`, at least 2: within a cell, depths are as good as each other.
    pub cells: usize,
    /// Distance over which an outcome says something about other depths, in `(0, 1]`.
    pub bandwidth: f64,
    /// Standard deviation of a reward's noise, above 0.
    pub noise: f64,
    /// Standard deviation of the prior of every weight, above 0.
    pub prior_deviation: f64,
    /// Share of decisions that are uniform over the allowed depths, in `[0, 1]`: a floor under every
    /// density.
    pub epsilon: f64,
}

impl Default for ContinuousConfig {
    fn default() -> Self {
        Self { cells: 32, bandwidth: 0.15, noise: 1.0, prior_deviation: 1.0, epsilon: 0.01 }
    }
}

impl ContinuousConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        require(self.cells >= 2, "cells", "at least 2", self.cells)?;
        let bandwidth = self.bandwidth;
        let fits = bandwidth > 0.0 && bandwidth <= 1.0;
        require(fits, "bandwidth", "a number in (0, 1]", bandwidth)?;
        for (field, value) in [("noise", self.noise), ("prior_deviation", self.prior_deviation)] {
            require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)?;
        }
        require((0.0..=1.0).contains(&self.epsilon), "epsilon", "a number in [0, 1]", self.epsilon)
    }
}
