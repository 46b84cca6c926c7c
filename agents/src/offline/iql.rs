//! Implicit Q-learning for discrete actions: the value of good actions without asking for others.

use super::batch::LoggedBatch;
use super::config::{NetworkConfig, positive};
use super::learner::{OfflineLearner, Target, Trained, check_batch};
use super::loss::{add_cross_entropy, add_temporal_difference, expectile};
use crate::dqn::TargetUpdate;
use crate::error::{AgentError, require};
use crate::network::Activations;
use promopt_envs::SeedTree;
use promopt_policies::{LoggedDecisions, Policy, QPolicy};
use serde::{Deserialize, Serialize};

/// Settings of [`ImplicitQ`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IqlConfig {
    /// Sizes of each of the four networks, optimiser and targets.
    pub network: NetworkConfig,
    /// τ in `(0, 1)`: ½ values the logging policy, towards 1 the best logged actions.
    pub expectile: f64,
    /// β: how much more an action weighs in the policy per unit of (scaled) advantage.
    pub inverse_temperature: f64,
    /// Largest weight of a row in the policy's loss.
    pub largest_weight: f64,
}

impl Default for IqlConfig {
    /// The values of Kostrikov, Nair and Levine 2021 for locomotion, but for their β of 10 for mazes:
    /// the policy is the logged one times `exp(β · advantage)`, so where the best action is better
    /// by a fraction of the rewards' spread, β = 3 leaves the most frequent one on top. On six
    /// generated worlds β = 3 went .69 to .99 of the way to the certainty-equivalent plan (τ = .9:
    /// .73 to .99) and β = 10 went .93 to 1.00.
    fn default() -> Self {
        let target_update = TargetUpdate::Soft { rate: 0.005 };
        Self {
            network: NetworkConfig { target_update, ..NetworkConfig::default() },
            expectile: 0.7,
            inverse_temperature: 10.0,
            largest_weight: 100.0,
        }
    }
}

impl IqlConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.network.validate()?;
        let fits = self.expectile > 0.0 && self.expectile < 1.0;
        require(fits, "expectile", "a number in (0, 1)", self.expectile)?;
        positive("inverse_temperature", self.inverse_temperature)?;
        positive("largest_weight", self.largest_weight)
    }
}

/// Three regressions on logged actions only (Kostrikov, Nair and Levine 2021, algorithm 1):
///
/// ```text
/// q    = min of both Q_target(s, a)
/// L_V  = mean |τ − 1{q < V(s)}| (q − V(s))²
/// L_π  = mean −min(exp(β (q − V(s))), cap) log π(a | s)
/// L_Q  = mean Huber_δ(Q_i(s, a) − r − γ V(s'))           for both Q; no V after an end
/// ```
/// `V` is updated first, and policy and scores use the updated one, as in the authors' code.
#[derive(Debug)]
pub struct ImplicitQ {
    config: IqlConfig,
    n_actions: usize,
    pub(super) scores: [Trained; 2],
    pub(super) targets: [Target; 2],
    pub(super) value: Trained,
    pub(super) policy: Trained,
    memory: Activations,
    /// Smaller of both target scores of the action taken, shape `[n]`.
    taken: Vec<f32>,
    goals: Vec<f32>,
    gradient: Vec<f32>,
}

impl ImplicitQ {
    /// Fresh networks for this log's features and actions.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range.
    pub fn new(
        config: IqlConfig,
        log: &LoggedDecisions,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let n_actions = log.n_actions();
        let fresh = |name: &str, n_outputs| {
            Trained::new(&config.network, log, n_outputs, &mut seed.child(name).stream())
        };
        let scores = [fresh("weights", n_actions)?, fresh("second weights", n_actions)?];
        Ok(Self {
            n_actions,
            targets: [Target::new(&scores[0].network), Target::new(&scores[1].network)],
            scores,
            value: fresh("value", 1)?,
            policy: fresh("policy", n_actions)?,
            config,
            memory: Activations::default(),
            taken: Vec::new(),
            goals: Vec::new(),
            gradient: Vec::new(),
        })
    }

    /// The most probable action of the learned policy, as a policy that can be exported.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn q_policy(&self) -> Result<QPolicy, AgentError> {
        Ok(QPolicy::new(self.name(), self.policy.network.export(1.0)?, 0.0))
    }

    fn learn_value(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        self.taken.clear();
        self.taken.resize(batch.len(), f32::INFINITY);
        for target in &mut self.targets {
            let scores = target.forward(&batch.observations)?;
            let rows = scores.chunks_exact(self.n_actions).zip(&batch.actions);
            for (least, (row, &action)) in self.taken.iter_mut().zip(rows) {
                *least = least.min(row[action as usize]);
            }
        }
        let values = self.value.network.forward(&batch.observations, &mut self.value.memory)?;
        let tau = self.config.expectile as f32;
        let loss = expectile(values, &self.taken, tau, &mut self.gradient);
        self.value.learn(&self.gradient, &self.config.network)?;
        Ok(loss)
    }

    fn learn_policy(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        let values = self.value.forward(&batch.observations)?;
        let (beta, cap) = (self.config.inverse_temperature as f32, self.config.largest_weight);
        let weight = |(q, v): (&f32, &f32)| (beta * (q - v)).exp().min(cap as f32);
        let weights: Vec<f32> = self.taken.iter().zip(values).map(weight).collect();
        let logits = self.policy.network.forward(&batch.observations, &mut self.policy.memory)?;
        self.gradient.clear();
        self.gradient.resize(logits.len(), 0.0);
        let loss = add_cross_entropy(logits, batch, Some(&weights), 1.0, &mut self.gradient);
        self.policy.learn(&self.gradient, &self.config.network)?;
        Ok(loss)
    }

    fn learn_scores(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        let network = &self.config.network;
        let next = self.value.network.forward(&batch.next_observations, &mut self.memory)?;
        self.goals.clear();
        for (row, (reward, value)) in batch.rewards.iter().zip(next).enumerate() {
            let future = if batch.goes_on[row] { *value } else { 0.0 };
            let reward = reward * network.reward_scale as f32;
            self.goals.push(reward + network.discount_factor as f32 * future);
        }
        let mut loss = 0.0;
        for (trained, target) in self.scores.iter_mut().zip(&mut self.targets) {
            let scores = trained.network.forward(&batch.observations, &mut trained.memory)?;
            self.gradient.clear();
            self.gradient.resize(scores.len(), 0.0);
            let (delta, gradient) = (network.huber_delta as f32, &mut self.gradient);
            loss += add_temporal_difference(scores, &batch.actions, &self.goals, delta, gradient);
            trained.learn(&self.gradient, network)?;
            target.follow(&trained.network, trained.updates(), network.target_update);
        }
        Ok(loss)
    }
}

impl OfflineLearner for ImplicitQ {
    fn name(&self) -> &'static str {
        "iql"
    }

    fn batch_size(&self) -> usize {
        self.config.network.batch_size
    }

    fn update(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError> {
        check_batch(batch, self.policy.network.shape().n_features, self.n_actions)?;
        Ok(self.learn_value(batch)? + self.learn_policy(batch)? + self.learn_scores(batch)?)
    }

    fn policy(&self) -> Result<Box<dyn Policy>, AgentError> {
        Ok(Box::new(self.q_policy()?))
    }
}
