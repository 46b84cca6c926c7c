//! Settings of the linear bandits, with their sources.

use super::model::Likelihood;
use crate::error::{AgentError, require};
use serde::{Deserialize, Serialize};

/// Settings of [`LinUcb`](super::LinUcb).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinUcbConfig {
    /// Width of the confidence bound in standard deviations of the estimate (Li et al. 2010, who
    /// found values around 1 to work well).
    pub alpha: f64,
    /// λ of the ridge regression, above 0.
    pub ridge: f64,
    /// Share of uniform decisions, in `[0, 1]`. LinUCB itself is deterministic: with 0, the log has
    /// propensity 1 everywhere and supports no other policy.
    pub epsilon: f64,
    /// Multiplies rewards before learning; `alpha` is in units of the scaled reward.
    pub reward_scale: f64,
}

impl Default for LinUcbConfig {
    fn default() -> Self {
        Self { alpha: 1.0, ridge: 1.0, epsilon: 0.05, reward_scale: 1.0 }
    }
}

/// Settings of [`Thompson`](super::Thompson).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThompsonConfig {
    /// Standard deviation of the reward's noise, in units of the scaled reward: the posterior of an
    /// action's weights is `N(θ, noise² A⁻¹)` (Agrawal and Goyal 2013).
    pub noise: f64,
    /// λ of the ridge regression, above 0: the prior is `N(0, noise² / λ)`.
    pub ridge: f64,
    /// Share of uniform decisions, in `[0, 1]`: a floor under every propensity.
    pub epsilon: f64,
    /// Multiplies rewards before learning.
    pub reward_scale: f64,
    /// Cells of the grid on which the probability of being best is integrated, at least 8.
    pub grid_cells: usize,
    /// Posterior draws per decision; 0 integrates on the grid instead, which needs a model per
    /// action. With draws, the action is drawn from the shares of them that it wins, mixed with ε,
    /// and that is its propensity: exact given the draws, which rewards do not influence. Fewer draws
    /// are cheaper and make propensities cruder; with few, ε must be above 0 for every action to have
    /// a chance.
    pub draws: usize,
    /// How rewards scatter. With the logistic one this is logistic Thompson sampling (Chapelle and Li
    /// 2011); `noise` then multiplies the posterior's standard deviations.
    pub likelihood: Likelihood,
}

impl Default for ThompsonConfig {
    fn default() -> Self {
        Self {
            noise: 1.0,
            ridge: 1.0,
            epsilon: 0.05,
            reward_scale: 1.0,
            grid_cells: 64,
            draws: 0,
            likelihood: Likelihood::Gaussian,
        }
    }
}

impl LinUcbConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let fits = self.alpha.is_finite() && self.alpha >= 0.0;
        require(fits, "alpha", "a finite number, not negative", self.alpha)?;
        require_shared(self.ridge, self.epsilon, self.reward_scale)
    }
}

impl ThompsonConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let fits = self.noise.is_finite() && self.noise > 0.0;
        require(fits, "noise", "a finite number above 0", self.noise)?;
        require(self.grid_cells >= 8, "grid_cells", "at least 8", self.grid_cells)?;
        require_shared(self.ridge, self.epsilon, self.reward_scale)
    }
}

fn require_shared(ridge: f64, epsilon: f64, reward_scale: f64) -> Result<(), AgentError> {
    for (field, value) in [("ridge", ridge), ("reward_scale", reward_scale)] {
        require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)?;
    }
    require((0.0..=1.0).contains(&epsilon), "epsilon", "a number in [0, 1]", epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_ranges_are_checked() {
        assert!(LinUcbConfig::default().validate().is_ok());
        assert!(ThompsonConfig::default().validate().is_ok());
        assert!(LinUcbConfig { ridge: 0.0, ..Default::default() }.validate().is_err());
        assert!(LinUcbConfig { alpha: f64::NAN, ..Default::default() }.validate().is_err());
        assert!(ThompsonConfig { epsilon: 1.5, ..Default::default() }.validate().is_err());
        assert!(ThompsonConfig { grid_cells: 0, ..Default::default() }.validate().is_err());
        assert!(serde_json::from_str::<LinUcbConfig>(r#"{"beta": 1.0}"#).is_err());
    }
}
