//! Behaviour cloning: a policy that does what the log shows, as a softmax network.

use super::batch::LoggedBatch;
use super::config::NetworkConfig;
use super::learner::{OfflineLearner, Trained};
use super::loss::{add_cross_entropy, softmax};
use crate::error::{AgentError, same_length};
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::{ActionDistribution, LoggedDecisions, Policy, QNetwork, QPolicy};
use serde::{Deserialize, Serialize};

/// Settings of [`BehaviourCloning`]; discount, targets and reward scale have no effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloningConfig {
    /// Network and optimiser.
    pub network: NetworkConfig,
}

/// Maximum likelihood of the logged actions, `min mean −log π(a | s)` with `π` the softmax over the
/// allowed actions (Pomerleau 1991). It estimates the logging policy, and cannot be better than it
/// but where the log's own policies differ and the most frequent action is the better one.
#[derive(Debug)]
pub struct BehaviourCloning {
    config: CloningConfig,
    n_actions: usize,
    policy: Trained,
    gradient: Vec<f32>,
}

impl BehaviourCloning {
    /// A fresh network for this log's features and actions.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range.
    pub fn new(
        config: CloningConfig,
        log: &LoggedDecisions,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.network.validate()?;
        let n_actions = log.n_actions();
        let mut rng = seed.child("weights").stream();
        let policy = Trained::new(&config.network, log, n_actions, &mut rng)?;
        Ok(Self { config, n_actions, policy, gradient: Vec::new() })
    }

    /// The most probable action, as a policy that can be exported.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn q_policy(&self) -> Result<QPolicy, AgentError> {
        Ok(QPolicy::new(self.name(), self.policy.network.export(1.0)?, 0.0))
    }

    /// The estimated logging policy with its probabilities.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn cloned_policy(&self) -> Result<ClonedPolicy, AgentError> {
        Ok(ClonedPolicy { logits: self.policy.network.export(1.0)? })
    }
}

impl OfflineLearner for BehaviourCloning {
    fn name(&self) -> &'static str {
        "behaviour-cloning"
    }

    fn batch_size(&self) -> usize {
        self.config.network.batch_size
    }

    fn update(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        same_length("the batch's masks", batch.len() * self.n_actions, batch.masks.len())?;
        let logits = self.policy.network.forward(&batch.observations, &mut self.policy.memory)?;
        self.gradient.clear();
        self.gradient.resize(logits.len(), 0.0);
        let loss = add_cross_entropy(logits, batch, None, 1.0, &mut self.gradient);
        self.policy.learn(&self.gradient, &self.config.network)?;
        Ok(loss)
    }

    fn policy(&self) -> Result<Box<dyn Policy>, AgentError> {
        Ok(Box::new(self.q_policy()?))
    }
}

/// Softmax of a network's outputs over the allowed actions.
#[derive(Debug, Clone, PartialEq)]
pub struct ClonedPolicy {
    pub(super) logits: QNetwork,
}

impl Policy for ClonedPolicy {
    fn name(&self) -> &str {
        "cloned"
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let logits = self.logits.scores(observation);
        let mut probabilities = vec![0.0; logits.len()];
        softmax(&logits, mask.flags(), &mut probabilities);
        let weights: Vec<f64> = probabilities.into_iter().map(f64::from).collect();
        ActionDistribution::from_weights(&weights, mask)
    }
}
