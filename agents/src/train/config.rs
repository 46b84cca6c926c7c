//! Length and rhythm of a training and of its evaluations.

use crate::error::{AgentError, require};
use serde::{Deserialize, Serialize};

/// Length and rhythm of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Environment steps over all lanes, at least 1; rounded up to a whole step of every lane.
    pub steps: u64,
    /// Environment steps between two rounds of updates, at least 1 (Mnih et al. 2015 use 4).
    pub update_every: u64,
    /// Updates per round, at least 1. Few large rounds keep the policy still for longer than many
    /// small ones, which helps where only a policy that persists comes to see a distant goal.
    pub updates_at_once: u64,
    /// Updates per [`TrainEvent::Update`](super::TrainEvent::Update), at least 1.
    pub report_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self { steps: 100_000, update_every: 4, updates_at_once: 1, report_every: 100 }
    }
}

impl TrainConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        require(self.steps > 0, "steps", "at least 1", self.steps)?;
        require(self.update_every > 0, "update_every", "at least 1", self.update_every)?;
        require(self.updates_at_once > 0, "updates_at_once", "at least 1", self.updates_at_once)?;
        require(self.report_every > 0, "report_every", "at least 1", self.report_every)
    }
}

/// How often the greedy policy is tried out, and when its scores end the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Environment steps between two evaluations, at least 1.
    pub every: u64,
    /// Episodes per evaluation, at least 2 for there to be an interval.
    pub episodes: u32,
    /// Seed of the episodes. They are the same at every evaluation, so that scores can be compared,
    /// and not those of training, whatever the seed.
    pub seed: u64,
    /// Steps within which every episode must end, at least 1.
    pub longest_episode: u32,
    /// Evaluations in a row without improvement after which training ends; never when absent.
    pub patience: Option<u32>,
    /// By how much a mean return must exceed the one that it improves on, at least 0.
    pub min_improvement: f64,
    /// Mean return at which training ends; never when absent.
    pub target_return: Option<f64>,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            every: 10_000,
            episodes: 20,
            seed: 0,
            longest_episode: 1_000_000,
            patience: None,
            min_improvement: 0.0,
            target_return: None,
        }
    }
}

impl EvaluationConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        require(self.every > 0, "evaluation.every", "at least 1", self.every)?;
        require(self.episodes > 1, "evaluation.episodes", "at least 2", self.episodes)?;
        let longest = self.longest_episode;
        require(longest > 0, "evaluation.longest_episode", "at least 1", longest)?;
        let patient = self.patience != Some(0);
        require(patient, "evaluation.patience", "at least 1, or none", 0)?;
        let gain = self.min_improvement;
        let fits = gain.is_finite() && gain >= 0.0;
        require(fits, "evaluation.min_improvement", "a finite number, not negative", gain)?;
        let target = self.target_return.unwrap_or(0.0);
        require(target.is_finite(), "evaluation.target_return", "a finite number", target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_out_of_range_is_named() {
        let wrong = [
            (EvaluationConfig { every: 0, ..Default::default() }, "every"),
            (EvaluationConfig { episodes: 1, ..Default::default() }, "episodes"),
            (EvaluationConfig { patience: Some(0), ..Default::default() }, "patience"),
            (EvaluationConfig { min_improvement: f64::NAN, ..Default::default() }, "improvement"),
            (EvaluationConfig { target_return: Some(f64::NAN), ..Default::default() }, "target"),
            (EvaluationConfig { longest_episode: 0, ..Default::default() }, "longest_episode"),
        ];
        for (config, field) in wrong {
            let message = config.validate().expect_err("out of range").to_string();
            assert!(message.contains(field), "{message}");
        }
        assert!(EvaluationConfig::default().validate().is_ok());
    }
}
