//! Fitted Q evaluation with a network: what another policy would have earned.

use super::batch::{LoggedBatch, Sampler};
use super::config::NetworkConfig;
use super::learner::{Target, Trained, check_batch, feed};
use super::linear::{ValueEstimate, start_value};
use super::loss::add_temporal_difference;
use crate::error::AgentError;
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::{LoggedDecisions, Policy, QNetwork};
use serde::{Deserialize, Serialize};

/// Settings of [`FittedEvaluation`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FqeConfig {
    /// Network, optimiser and targets.
    pub network: NetworkConfig,
}

/// Scores of a given policy, learned by regression on
/// `y = r + γ Σ_b π(b | s') Q_target(s', b)` (Le, Voloshin and Yue 2019, algorithm 3), without the
/// second term after an end. Biased where the policy goes where the log does not.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedEvaluation {
    scores: QNetwork,
}

impl FittedEvaluation {
    /// Learns from so many batches of the log.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range, [`AgentError::Log`] for a
    /// log without trajectories, [`AgentError::NotFinite`] on divergence.
    pub fn fit(
        config: &FqeConfig,
        log: &LoggedDecisions,
        policy: &dyn Policy,
        n_updates: u64,
        seed: SeedTree,
        on_progress: &mut dyn FnMut(u64, f64),
    ) -> Result<Self, AgentError> {
        let network = &config.network;
        network.validate()?;
        let n_actions = log.n_actions();
        let mut rng = seed.child("weights").stream();
        let mut online = Trained::new(network, log, n_actions, &mut rng)?;
        let mut target = Target::new(&online.network);
        let sampler = Sampler::new(log)?;
        let (mut targets, mut gradient) = (Vec::new(), Vec::new());
        let update = &mut |batch: &LoggedBatch| {
            check_batch(batch, log.n_features(), n_actions)?;
            let scores = target.forward(&batch.next_observations)?;
            write_targets(batch, scores, policy, network, &mut targets);
            let scores = online.network.forward(&batch.observations, &mut online.memory)?;
            gradient.clear();
            gradient.resize(scores.len(), 0.0);
            let delta = network.huber_delta as f32;
            let loss =
                add_temporal_difference(scores, &batch.actions, &targets, delta, &mut gradient);
            online.learn(&gradient, network)?;
            target.follow(&online.network, online.updates(), network.target_update);
            Ok(loss)
        };
        feed(&sampler, network.batch_size, n_updates, seed, update, on_progress)?;
        Ok(Self { scores: online.network.export(network.reward_scale as f32)? })
    }

    /// The scores, in the unit of the reward.
    #[must_use]
    pub fn scores(&self) -> &QNetwork {
        &self.scores
    }

    /// The policy's value from the log's first decisions; the interval covers which trajectories
    /// were logged as far as they start differently, and not the error of the scores.
    ///
    /// # Errors
    /// [`AgentError::Log`] for a log without trajectories.
    pub fn value(
        &self,
        log: &LoggedDecisions,
        policy: &dyn Policy,
    ) -> Result<ValueEstimate, AgentError> {
        start_value(log, policy, |observation| {
            self.scores.scores(observation).into_iter().map(f64::from).collect()
        })
    }
}

fn write_targets(
    batch: &LoggedBatch,
    scores: &[f32],
    policy: &dyn Policy,
    network: &NetworkConfig,
    targets: &mut Vec<f32>,
) {
    let n_actions = batch.next_masks.len() / batch.len().max(1);
    let n_features = batch.next_observations.len() / batch.len().max(1);
    targets.clear();
    for (row, reward) in batch.rewards.iter().enumerate() {
        let range = row * n_actions..(row + 1) * n_actions;
        let mut future = 0.0;
        if batch.goes_on[row] {
            let mask = ActionMask::from_flags(batch.next_masks[range.clone()].to_vec());
            let mask = mask.unwrap_or_else(|| ActionMask::all(n_actions));
            let observation = &batch.next_observations[row * n_features..][..n_features];
            let distribution = policy.distribution(observation, &mask);
            let terms = distribution.probabilities().iter().zip(&scores[range]);
            future = terms.map(|(p, q)| *p as f32 * q).sum();
        }
        let reward = reward * network.reward_scale as f32;
        targets.push(reward + network.discount_factor as f32 * future);
    }
}
