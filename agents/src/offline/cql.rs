//! Conservative Q-learning for discrete actions; with `alpha = 0` it is fitted Q iteration.

use super::batch::LoggedBatch;
use super::config::{NetworkConfig, not_negative};
use super::learner::{OfflineLearner, Target, Trained, check_batch};
use super::loss::{add_cross_entropy, add_temporal_difference, best_allowed};
use crate::error::AgentError;
use crate::network::Activations;
use promopt_envs::SeedTree;
use promopt_policies::{LoggedDecisions, Policy, QPolicy};
use serde::{Deserialize, Serialize};

/// Settings of [`ConservativeQ`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CqlConfig {
    /// Network, optimiser and targets.
    pub network: NetworkConfig,
    /// Weight of the conservative term; 0 leaves it out.
    pub alpha: f64,
}

impl Default for CqlConfig {
    /// `alpha` of Kumar et al. 2020 for discrete actions. What fits depends on the size of scores: the
    /// conservative term is a cross-entropy, the other one an error in rewards. On six generated
    /// worlds with rewards in units of their spread, α = 1 went .26 to .95 of the way from behaviour
    /// to the certainty-equivalent plan and α = .1 went .93 to 1.00; on a log of CartPole, whose
    /// scores reach 100, α = 1 balances 500 steps and α = .1 between 137 and 408.
    fn default() -> Self {
        Self { network: NetworkConfig::default(), alpha: 1.0 }
    }
}

impl CqlConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.network.validate()?;
        not_negative("alpha", self.alpha)
    }
}

/// Double Q-learning on a log with `α · [log Σ_b exp Q(s, b) − Q(s, a)]` added to the loss, which
/// lowers the scores of actions in proportion to how much they stand out and raises that of the
/// action taken (Kumar et al. 2020, CQL(H), eq. 4):
///
/// ```text
/// y = r + γ Q_target(s', argmax_b allowed Q(s', b))      without the second term after an end
/// L = mean Huber_δ(Q(s, a) − y) + α mean [log Σ_b allowed exp Q(s, b) − Q(s, a)]
/// ```
/// Biased towards what was done: with a large α it clones. Scores are lower bounds, no forecasts.
#[derive(Debug)]
pub struct ConservativeQ {
    config: CqlConfig,
    n_actions: usize,
    pub(super) online: Trained,
    pub(super) target: Target,
    choosing: Activations,
    targets: Vec<f32>,
    gradient: Vec<f32>,
}

impl ConservativeQ {
    /// Fresh networks for this log's features and actions.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range.
    pub fn new(
        config: CqlConfig,
        log: &LoggedDecisions,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let n_actions = log.n_actions();
        let mut rng = seed.child("weights").stream();
        let online = Trained::new(&config.network, log, n_actions, &mut rng)?;
        Ok(Self {
            n_actions,
            target: Target::new(&online.network),
            online,
            config,
            choosing: Activations::default(),
            targets: Vec::new(),
            gradient: Vec::new(),
        })
    }

    /// Greedy over the scores, in the unit of the reward.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn q_policy(&self) -> Result<QPolicy, AgentError> {
        let scores = self.online.network.export(self.config.network.reward_scale as f32)?;
        Ok(QPolicy::new(self.name(), scores, 0.0))
    }

    fn write_targets(&mut self, batch: &LoggedBatch) -> Result<(), AgentError> {
        let network = &self.config.network;
        let choosing = self.online.network.forward(&batch.next_observations, &mut self.choosing)?;
        let valuing = self.target.forward(&batch.next_observations)?;
        self.targets.clear();
        for row in 0..batch.len() {
            let range = row * self.n_actions..(row + 1) * self.n_actions;
            let mask = &batch.next_masks[range.clone()];
            let best = best_allowed(&choosing[range.clone()], |action| mask[action]);
            let future = best.filter(|_| batch.goes_on[row]).map_or(0.0, |b| valuing[range][b]);
            let reward = batch.rewards[row] * network.reward_scale as f32;
            self.targets.push(reward + network.discount_factor as f32 * future);
        }
        Ok(())
    }
}

impl OfflineLearner for ConservativeQ {
    fn name(&self) -> &'static str {
        if self.config.alpha > 0.0 { "cql" } else { "fitted-q" }
    }

    fn batch_size(&self) -> usize {
        self.config.network.batch_size
    }

    fn update(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        check_batch(batch, self.online.network.shape().n_features, self.n_actions)?;
        self.write_targets(batch)?;
        let network = &self.config.network;
        let scores = self.online.network.forward(&batch.observations, &mut self.online.memory)?;
        self.gradient.clear();
        self.gradient.resize(scores.len(), 0.0);
        let (delta, gradient) = (network.huber_delta as f32, &mut self.gradient);
        let mut loss =
            add_temporal_difference(scores, &batch.actions, &self.targets, delta, gradient);
        if self.config.alpha > 0.0 {
            loss += add_cross_entropy(scores, batch, None, self.config.alpha as f32, gradient);
        }
        self.online.learn(&self.gradient, network)?;
        self.target.follow(&self.online.network, self.online.updates(), network.target_update);
        Ok(loss)
    }

    fn policy(&self) -> Result<Box<dyn Policy>, AgentError> {
        Ok(Box::new(self.q_policy()?))
    }
}
