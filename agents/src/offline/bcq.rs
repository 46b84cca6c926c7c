//! Batch-constrained Q-learning for discrete actions: only what was done often enough may be done.

use super::batch::LoggedBatch;
use super::config::{NetworkConfig, not_negative};
use super::learner::{OfflineLearner, Target, Trained, check_batch};
use super::loss::{add_cross_entropy, add_square_penalty, add_temporal_difference, best_allowed};
use crate::error::{AgentError, require};
use crate::network::Activations;
use promopt_envs::SeedTree;
use promopt_policies::supported::support;
use promopt_policies::{LoggedDecisions, Policy, SupportedPolicy};
use serde::{Deserialize, Serialize};

/// Settings of [`ConstrainedQ`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BcqConfig {
    /// Network, optimiser and targets; the clone uses the same sizes.
    pub network: NetworkConfig,
    /// Probability, relative to that of the most frequent action, from which an action is allowed;
    /// 0 is plain Q-learning, 1 is cloning.
    pub threshold: f64,
    /// Weight of the clone's squared logits.
    pub logit_penalty: f64,
}

impl Default for BcqConfig {
    /// The values of Fujimoto et al. 2019 (b).
    fn default() -> Self {
        Self { network: NetworkConfig::default(), threshold: 0.3, logit_penalty: 0.01 }
    }
}

impl BcqConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.network.validate()?;
        let fits = (0.0..=1.0).contains(&self.threshold);
        require(fits, "threshold", "a number in [0, 1]", self.threshold)?;
        not_negative("logit_penalty", self.logit_penalty)
    }
}

/// Double Q-learning on a log in which the next action is chosen among those with
/// `π_b(a | s') / max_b π_b(b | s') ≥ threshold`, with `π_b` cloned alongside by cross-entropy with
/// a penalty on squared logits (Fujimoto, Conti, Ghavamzadeh and Pineau 2019, algorithm 1):
///
/// ```text
/// y = r + γ Q_target(s', argmax over supported b of Q(s', b))
/// L = mean Huber_δ(Q(s, a) − y)  +  mean −log π_b(a | s) + penalty · mean logit²
/// ```
/// Scores and clone are two networks here; the authors' code shares the first layers.
#[derive(Debug)]
pub struct ConstrainedQ {
    config: BcqConfig,
    n_actions: usize,
    pub(super) online: Trained,
    pub(super) target: Target,
    pub(super) clone: Trained,
    choosing: Activations,
    cloning: Activations,
    targets: Vec<f32>,
    gradient: Vec<f32>,
}

impl ConstrainedQ {
    /// Fresh networks for this log's features and actions.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range.
    pub fn new(
        config: BcqConfig,
        log: &LoggedDecisions,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let n_actions = log.n_actions();
        let mut rng = seed.child("weights").stream();
        let online = Trained::new(&config.network, log, n_actions, &mut rng)?;
        let mut rng = seed.child("clone").stream();
        Ok(Self {
            n_actions,
            target: Target::new(&online.network),
            online,
            clone: Trained::new(&config.network, log, n_actions, &mut rng)?,
            config,
            choosing: Activations::default(),
            cloning: Activations::default(),
            targets: Vec::new(),
            gradient: Vec::new(),
        })
    }

    /// Greedy over the scores of supported actions, as a policy that can be exported.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn supported_policy(&self) -> Result<SupportedPolicy, AgentError> {
        Ok(SupportedPolicy {
            scores: self.online.network.export(self.config.network.reward_scale as f32)?,
            logits: self.clone.network.export(1.0)?,
            threshold: self.config.threshold,
        })
    }

    fn write_targets(&mut self, batch: &LoggedBatch) -> Result<(), AgentError> {
        let network = &self.config.network;
        let next = &batch.next_observations;
        let choosing = self.online.network.forward(next, &mut self.choosing)?;
        let logits = self.clone.network.forward(next, &mut self.cloning)?;
        let valuing = self.target.forward(next)?;
        let mut supported = vec![false; self.n_actions];
        self.targets.clear();
        for row in 0..batch.len() {
            let range = row * self.n_actions..(row + 1) * self.n_actions;
            let mask = &batch.next_masks[range.clone()];
            support(&logits[range.clone()], mask, self.config.threshold, &mut supported);
            let best = best_allowed(&choosing[range.clone()], |action| supported[action]);
            let future = best.filter(|_| batch.goes_on[row]).map_or(0.0, |b| valuing[range][b]);
            let reward = batch.rewards[row] * network.reward_scale as f32;
            self.targets.push(reward + network.discount_factor as f32 * future);
        }
        Ok(())
    }

    fn clear_gradient(&mut self, n: usize) {
        self.gradient.clear();
        self.gradient.resize(n, 0.0);
    }
}

impl OfflineLearner for ConstrainedQ {
    fn name(&self) -> &'static str {
        "bcq"
    }

    fn batch_size(&self) -> usize {
        self.config.network.batch_size
    }

    fn update(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        check_batch(batch, self.online.network.shape().n_features, self.n_actions)?;
        self.write_targets(batch)?;
        let n = batch.len() * self.n_actions;

        self.clear_gradient(n);
        let logits = self.clone.network.forward(&batch.observations, &mut self.clone.memory)?;
        let mut loss = add_cross_entropy(logits, batch, None, 1.0, &mut self.gradient);
        let penalty = self.config.logit_penalty as f32;
        loss += add_square_penalty(logits, penalty, &mut self.gradient);
        self.clone.learn(&self.gradient, &self.config.network)?;

        self.clear_gradient(n);
        let network = &self.config.network;
        let scores = self.online.network.forward(&batch.observations, &mut self.online.memory)?;
        let (delta, gradient) = (network.huber_delta as f32, &mut self.gradient);
        loss += add_temporal_difference(scores, &batch.actions, &self.targets, delta, gradient);
        self.online.learn(&self.gradient, network)?;
        self.target.follow(&self.online.network, self.online.updates(), network.target_update);
        Ok(loss)
    }

    fn policy(&self) -> Result<Box<dyn Policy>, AgentError> {
        Ok(Box::new(self.supported_policy()?))
    }
}
