//! The deep Q-network agent: it plays, remembers, and learns from what it remembers.

use super::config::DqnConfig;
use super::exploration::Exploration;
use super::learner::DqnLearner;
use super::loss::argmax;
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, same_length};
use crate::network::Activations;
use crate::normalisation::Normalisation;
use crate::nstep::NStep;
use crate::replay::{Batch, Replay};
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{Decision, QPolicy};
use rand::RngCore;

/// DQN with every component of Rainbow as a switch (Mnih et al. 2015; Hessel et al. 2018).
///
/// The same seed and the same transitions give the same weights, bit for bit.
///
/// **Exploration and propensities.** Decisions are ε-greedy over the allowed actions, random ones
/// in proportion to `exploration_weights`, and the propensity of that is exact. With noisy layers the scores themselves are drawn, anew for every
/// call: given the noise a decision is ε-greedy, but what was random includes the noise, so the
/// propensity is `ε/m + (1 − ε) · p̂` for `m` allowed actions of equal weight, where `p̂` is the share of draws under
/// which the action taken is the best, over the draw that decided and `propensity_draws` more. That
/// is an estimate with standard error `√(p (1 − p) / (1 + propensity_draws))`, and a little too
/// large on average, for the deciding draw is counted.
#[derive(Debug)]
pub struct DqnAgent {
    pub(super) learner: DqnLearner,
    pub(super) n_features: usize,
    n_actions: usize,
    pub(super) n_step: NStep,
    pub(super) replay: Replay,
    batch: Batch,
    /// Order of sampling.
    pub(super) sampler: Stream,
    /// Noise of acting; that of learning has its own.
    pub(super) noise: Stream,
    pub(super) observed: u64,
    acting: Acting,
}

/// Memory that is used again for every decision.
#[derive(Debug, Default)]
struct Acting {
    memory: Activations,
    atoms: Vec<f32>,
    scores: Vec<f32>,
    /// Per lane, the draws under which the action taken is the best.
    votes: Vec<u32>,
}

impl DqnAgent {
    /// An agent for environments with this spec; the seed decides the first weights, the order of
    /// sampling and all noise.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`]; [`AgentError::Shape`] when the normalisation does not fit the
    /// observations; [`AgentError::TooLarge`] when the replay memory may outgrow its limit.
    pub fn new(
        config: DqnConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let (n_features, n_actions) = (spec.observation_space.n_features(), spec.n_actions);
        if !config.exploration_weights.is_empty() {
            same_length("exploration_weights", n_actions, config.exploration_weights.len())?;
        }
        Ok(Self {
            n_step: NStep::new(config.n_step, config.discount_factor),
            replay: Replay::new(config.replay(), n_features, n_actions)?,
            learner: DqnLearner::new(config, n_features, n_actions, normalisation, seed)?,
            batch: Batch::default(),
            sampler: seed.child("replay").stream(),
            noise: seed.child("acting-noise").stream(),
            observed: 0,
            n_features,
            n_actions,
            acting: Acting::default(),
        })
    }

    /// The share of random decisions now.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.learner.config.epsilon.at(self.observed)
    }

    /// Bytes that the replay memory takes now.
    #[must_use]
    pub fn replay_bytes(&self) -> u64 {
        self.replay.memory_bytes()
    }

    /// What learns.
    #[must_use]
    pub fn learner(&self) -> &DqnLearner {
        &self.learner
    }

    /// Scores of all actions, masked ones included, in units of scaled reward and without noise,
    /// shape `[n_actions]`.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the observation has the wrong length.
    pub fn scores(&self, observation: &[f32]) -> Result<Vec<f32>, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        let mut online = self.learner.online.clone();
        online.silence();
        let mut acting = Acting::default();
        let outputs = online.forward(observation, &mut acting.memory)?;
        self.learner.head.combine(outputs, &mut acting.atoms);
        self.learner.head.scores(&acting.atoms, &mut acting.scores);
        Ok(acting.scores)
    }

    /// The weights of the online network in the safetensors format, matrices as `[n_in, n_out]`.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when they cannot be written.
    pub fn weights_safetensors(&self) -> Result<Vec<u8>, AgentError> {
        self.learner.online.to_safetensors()
    }

    /// Starts from stored weights: both networks take them. Replay and optimiser are as they were.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when the bytes are not the weights of a network of this shape.
    pub fn load_weights(&mut self, safetensors: &[u8]) -> Result<(), AgentError> {
        let DqnLearner { online, target, .. } = &mut self.learner;
        online.load_safetensors(safetensors)?;
        target.move_towards(online, 1.0);
        Ok(())
    }

    /// How it explores now.
    fn exploration(&self) -> Exploration<'_> {
        let weights = &self.learner.config.exploration_weights;
        Exploration { epsilon: self.epsilon(), weights }
    }

    /// Scores under the next draw of the noise into `acting.scores`.
    fn draw_scores(&mut self, observations: &[f32]) -> Result<(), AgentError> {
        let DqnLearner { online, head, .. } = &mut self.learner;
        online.draw_noise(&mut self.noise);
        let outputs = online.forward(observations, &mut self.acting.memory)?;
        head.combine(outputs, &mut self.acting.atoms);
        head.scores(&self.acting.atoms, &mut self.acting.scores);
        Ok(())
    }

    /// Counts under how many draws each lane's action is the best; 1 of 1 without noise.
    fn count_votes(
        &mut self,
        observations: &[f32],
        masks: &[&ActionMask],
        decisions: &[Decision],
    ) -> Result<u32, AgentError> {
        let draws = match self.learner.config.noisy {
            Some(_) => self.learner.config.propensity_draws as u32,
            None => 0,
        };
        self.acting.votes.clear();
        self.acting.votes.resize(masks.len(), 0);
        for draw in 0..=draws {
            if draw > 0 {
                self.draw_scores(observations)?;
            }
            let Acting { scores, votes, .. } = &mut self.acting;
            let rows = scores.chunks_exact(self.n_actions).zip(masks);
            for (((row, mask), decision), votes) in rows.zip(decisions).zip(votes) {
                *votes += u32::from(argmax(row, mask.flags()) == decision.action);
            }
        }
        Ok(draws + 1)
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
        for mask in masks {
            same_length("the mask", self.n_actions, mask.n_actions())?;
        }
        if masks.is_empty() {
            return Ok(Vec::new());
        }
        self.draw_scores(observations)?;
        let exploration = self.exploration();
        let rows = self.acting.scores.chunks_exact(self.n_actions).zip(masks);
        let decide = |(row, mask): (&[f32], &&ActionMask)| {
            let action = exploration.draw(argmax(row, mask.flags()), mask, rng);
            Decision { action, propensity: 0.0 }
        };
        let mut decisions: Vec<Decision> = rows.map(decide).collect();
        let draws = self.count_votes(observations, masks, &decisions)?;
        let exploration = self.exploration();
        for ((decision, mask), votes) in decisions.iter_mut().zip(masks).zip(&self.acting.votes) {
            let share = f64::from(*votes) / f64::from(draws);
            decision.propensity = exploration.propensity(decision.action, share, mask);
        }
        Ok(decisions)
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.n_actions)?;
        let reward = transition.reward * self.learner.config.reward_scale;
        let replay = &mut self.replay;
        self.n_step.push(&Transition { reward, ..*transition }, |stretch| {
            replay.push(stretch);
        });
        self.observed += 1;
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        let config = &self.learner.config;
        if self.replay.len() < config.warm_up {
            return Ok(None);
        }
        self.replay.sample(config.batch_size, &mut self.sampler, &mut self.batch);
        let epsilon = self.epsilon();
        let metrics = self.learner.learn(&self.batch, epsilon)?;
        self.replay.set_priorities(&self.batch.slots, self.learner.errors())?;
        Ok(Some(metrics))
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        Ok(Snapshot::Network(QPolicy::new(self.name(), self.learner.export()?, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        self.write_checkpoint(archive)
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        self.read_checkpoint(archive)
    }
}

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
