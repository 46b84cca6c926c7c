//! The deep Q-network agent: it plays, remembers, and pulls its scores towards `loss`'s targets.

use super::config::{DqnConfig, TargetUpdate};
use super::{head, loss};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::error::{AgentError, same_length};
use crate::network::{Activations, Adam, Mlp, MlpShape};
use crate::normalisation::Normalisation;
use crate::nstep::NStep;
use crate::replay::{Batch, Replay, ReplayConfig};
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{ActionDistribution, Decision, QHead, QPolicy};
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
    online: Mlp,
    target: Mlp,
    memory: Activations,
    gradient: Vec<f32>,
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
        let n_outputs = n_actions + usize::from(config.dueling);
        let replay = ReplayConfig { capacity: config.replay_capacity, ..Default::default() };
        let shape = MlpShape::new(n_features, &config.hidden, n_outputs);
        let online = Mlp::new(shape, normalisation, &mut seed.child("weights").stream())?;
        Ok(Self {
            target: online.clone(),
            memory: Activations::default(),
            gradient: vec![0.0; online.parameters().len()],
            optimiser: Adam::new(online.parameters().len(), config.adam_epsilon),
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
        scores(&self.online, &self.config, observation, &mut Activations::default())
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
        self.target.move_towards(&self.online, 1.0);
        Ok(())
    }

    fn follow(&mut self) {
        match self.config.target_update {
            TargetUpdate::Soft { rate } => self.target.move_towards(&self.online, rate as f32),
            TargetUpdate::Hard { every } if self.updates.is_multiple_of(every) => {
                self.target.move_towards(&self.online, 1.0)
            }
            TargetUpdate::Hard { .. } => {}
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
        let scores = scores(&self.online, &self.config, observations, &mut self.memory)?;
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

        let (config, memory) = (&self.config, &mut self.memory);
        let target_scores = scores(&self.target, config, &batch.next_observations, memory)?;
        let online_scores = match config.double {
            true => Some(scores(&self.online, config, &batch.next_observations, memory)?),
            false => None,
        };
        let choosing_scores = online_scores.as_ref().unwrap_or(&target_scores);
        let targets = loss::targets(batch, &target_scores, choosing_scores);

        let values = scores(&self.online, config, &batch.observations, memory)?;
        let delta = self.config.huber_delta as f32;
        let loss = loss::huber(&values, &batch.actions, &targets, delta);
        if !loss.value.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: loss.value });
        }

        let mut by_output = loss.gradient;
        if self.config.dueling {
            head::divide(&std::mem::take(&mut by_output), self.n_actions, &mut by_output);
        }
        self.gradient.fill(0.0);
        self.online.backward(&mut self.memory, &by_output, &mut self.gradient)?;
        let (rate, clip) = (self.config.learning_rate.at(self.updates), self.config.gradient_clip);
        let parameters = self.online.parameters_mut();
        let norm = self.optimiser.step(parameters, &self.gradient, rate, clip);
        self.updates += 1;
        self.follow();

        Ok(Some(Metrics {
            loss: loss.value,
            mean_q: loss.mean_q,
            epsilon: self.epsilon(),
            gradient_norm: norm,
            learning_rate: rate,
        }))
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        let scale = self.config.reward_scale as f32;
        let network = if self.config.dueling {
            self.online.export_with(QHead::Dueling {
                value: self.online.export_outputs(0..1, 1, scale),
                advantage: self.online.export_outputs(1..1 + self.n_actions, 1, scale),
            })?
        } else {
            self.online.export(scale)?
        };
        Ok(Snapshot::Network(QPolicy::new(self.name(), network, 0.0)))
    }
}

/// Scores of every action for raw observations, shape `[n, n_actions]`.
fn scores(
    network: &Mlp,
    config: &DqnConfig,
    observations: &[f32],
    memory: &mut Activations,
) -> Result<Vec<f32>, AgentError> {
    let outputs = network.forward(observations, memory)?;
    if !config.dueling {
        return Ok(outputs.to_vec());
    }
    let mut scores = Vec::new();
    head::combine(outputs, network.shape().n_outputs - 1, &mut scores);
    Ok(scores)
}
