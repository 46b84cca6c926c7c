//! The deep Q-network agent: it plays, remembers, and pulls its scores towards `loss`'s targets.

#[path = "persist.rs"]
mod persist;

use super::config::{DqnConfig, TargetUpdate};
use super::loss;
use crate::adam::Adam;
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, same_length};
use crate::network::{Network, Shape};
use crate::normalisation::Normalisation;
use crate::nstep::NStep;
use crate::replay::{Batch, Replay, ReplayConfig};
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{ActionDistribution, Decision, QPolicy};
use rand::RngCore;

/// DQN with double, dueling and n-step learning (Mnih et al. 2015; Hessel et al. 2018).
///
/// Exploration is ε-greedy over the allowed actions, so propensities are exact. The same seed and
/// the same transitions give the same weights, bit for bit.
#[derive(Debug)]
pub struct DqnAgent {
    config: DqnConfig,
    n_features: usize,
    n_actions: usize,
    online: Network,
    target: Network,
    optimiser: Adam,
    n_step: NStep,
    replay: Replay,
    batch: Batch,
    sampler: Stream,
    observed: u64,
    updates: u64,
}

impl DqnAgent {
    /// An agent for environments with this spec; the seed decides the first weights and the order
    /// of sampling.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit
    /// the observations.
    pub fn new(
        config: DqnConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let (n_features, n_actions) = (spec.observation_space.n_features(), spec.n_actions);
        let hidden = config.hidden.clone();
        let replay = ReplayConfig { capacity: config.replay_capacity, ..Default::default() };
        let shape = Shape { n_features, hidden, n_actions, dueling: config.dueling };
        let online = Network::new(shape, normalisation, &mut seed.child("weights").stream())?;
        Ok(Self {
            target: online.copy()?,
            optimiser: Adam::new(&online.parameters, config.adam_epsilon),
            n_step: NStep::new(config.n_step, config.discount_factor),
            replay: Replay::new(replay, n_features, n_actions)?,
            batch: Batch::default(),
            sampler: seed.child("replay").stream(),
            observed: 0,
            updates: 0,
            n_features,
            n_actions,
            online,
            config,
        })
    }

    /// The share of uniform decisions now.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.config.epsilon.at(self.observed)
    }

    /// Bytes of the replay memory.
    #[must_use]
    pub fn replay_bytes(&self) -> u64 {
        self.replay.memory_bytes()
    }

    /// Scores of all actions, masked ones included, in units of scaled reward, shape `[n_actions]`.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the observation has the wrong length.
    pub fn scores(&self, observation: &[f32]) -> Result<Vec<f32>, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        self.online.scores(observation)
    }

    /// The weights of the online network in the safetensors format, matrices as `[n_in, n_out]`.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when they cannot be written.
    pub fn weights_safetensors(&self) -> Result<Vec<u8>, AgentError> {
        self.online.to_safetensors()
    }

    /// Starts from stored weights: both networks take them. Replay and optimiser are as they were.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when the bytes are not the weights of a network of this shape.
    pub fn load_weights(&mut self, safetensors: &[u8]) -> Result<(), AgentError> {
        self.online.load_safetensors(safetensors)?;
        self.target.move_towards(&self.online, 1.0)
    }

    fn follow(&mut self) -> Result<(), AgentError> {
        match self.config.target_update {
            TargetUpdate::Soft { rate } => self.target.move_towards(&self.online, rate as f32),
            TargetUpdate::Hard { every } if self.updates.is_multiple_of(every) => {
                self.target.move_towards(&self.online, 1.0)
            }
            TargetUpdate::Hard { .. } => Ok(()),
        }
    }
}

impl Agent for DqnAgent {
    fn name(&self) -> &str {
        "dqn"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        let decisions = self.act_batch(observation, &[mask], rng)?;
        Ok(decisions[0])
    }

    fn act_batch(
        &mut self,
        observations: &[f32],
        masks: &[&ActionMask],
        rng: &mut dyn RngCore,
    ) -> Result<Vec<Decision>, AgentError> {
        same_length("the observations", masks.len() * self.n_features, observations.len())?;
        if masks.is_empty() {
            return Ok(Vec::new());
        }
        let epsilon = self.epsilon();
        let scores = self.online.scores(observations)?;
        let mut decisions = Vec::with_capacity(masks.len());
        for (row, mask) in scores.chunks_exact(self.n_actions).zip(masks) {
            same_length("the mask", self.n_actions, mask.n_actions())?;
            let row: Vec<f64> = row.iter().map(|&score| f64::from(score)).collect();
            let greedy = ActionDistribution::deterministic(mask.argmax(&row), self.n_actions);
            let distribution = greedy.mix_uniform(epsilon, mask);
            let action = distribution.sample(rng);
            decisions.push(Decision { action, propensity: distribution.probabilities()[action] });
        }
        Ok(decisions)
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.n_actions)?;
        let reward = transition.reward * self.config.reward_scale;
        let replay = &mut self.replay;
        self.n_step.push(&Transition { reward, ..*transition }, |stretch| {
            replay.push(stretch);
        });
        self.observed += 1;
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        if self.replay.len() < self.config.warm_up {
            return Ok(None);
        }
        self.replay.sample(self.config.batch_size, &mut self.sampler, &mut self.batch);
        let batch = &self.batch;

        let target_scores = self.target.scores(&batch.next_observations)?;
        let online_scores = match self.config.double {
            true => Some(self.online.scores(&batch.next_observations)?),
            false => None,
        };
        let choosing_scores = online_scores.as_ref().unwrap_or(&target_scores);
        let targets = loss::targets(batch, &target_scores, choosing_scores);

        let scores = self.online.forward(&batch.observations)?;
        let values = scores.flatten_all()?.to_vec1::<f32>()?;
        let delta = self.config.huber_delta as f32;
        let loss = loss::huber(&values, &batch.actions, &targets, delta);
        if !loss.value.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: loss.value });
        }

        let gradients = self.online.gradients(&scores, loss.gradient)?;
        let (rate, clip) = (self.config.learning_rate.at(self.updates), self.config.gradient_clip);
        let norm = self.optimiser.step(&mut self.online.parameters, &gradients, rate, clip);
        self.online.publish()?;
        self.updates += 1;
        self.follow()?;

        Ok(Some(Metrics {
            loss: loss.value,
            mean_q: loss.mean_q,
            epsilon: self.epsilon(),
            gradient_norm: norm,
            learning_rate: rate,
        }))
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        let network = self.online.export(self.config.reward_scale as f32)?;
        Ok(Snapshot::Network(QPolicy::new(self.name(), network, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        self.save_to(archive)
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        self.load_from(archive)
    }
}
