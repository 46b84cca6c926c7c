//! Exploration by disagreement: an ensemble of Q-networks, one of which is followed per episode.

use super::config::{DqnConfig, TargetUpdate};
use super::exploration::Exploration;
use super::loss::{self, argmax};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use crate::network::{Activations, Adam, Inputs, Mlp, MlpShape};
use crate::normalisation::Normalisation;
use crate::nstep::NStep;
use crate::replay::{Batch, Replay};
use crate::schedule::Linear;
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{Decision, QPolicy};
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

/// Settings of [`BootstrappedDqn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrappedConfig {
    /// Networks, from 2 to 32.
    pub n_members: usize,
    /// β: what the fixed random prior network is multiplied by; 0 for none.
    pub prior_scale: f32,
    /// Probability in `(0, 1]` that a member learns from a transition.
    pub keep: f64,
    /// The DQN that every member is. Members are plain: `dueling`, `returns`, `noisy`,
    /// `priorities` and `exploration_weights` must be off.
    pub dqn: DqnConfig,
}

impl Default for BootstrappedConfig {
    /// Close to the ensemble of the behaviour suite (Osband et al. 2020), at half its size; no
    /// masks, as Osband et al. 2018 found them needless beside priors.
    fn default() -> Self {
        let dqn = DqnConfig {
            hidden: vec![50, 50],
            dueling: false,
            n_step: 1,
            replay_capacity: 10_000,
            warm_up: 128,
            batch_size: 128,
            learning_rate: Linear::constant(1e-3),
            epsilon: Linear::constant(0.0),
            target_update: TargetUpdate::Hard { every: 4 },
            ..DqnConfig::default()
        };
        Self { n_members: 10, prior_scale: 3.0, keep: 1.0, dqn }
    }
}

impl BootstrappedConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.dqn.validate()?;
        let (members, beta, keep) = (self.n_members, self.prior_scale, self.keep);
        require((2..=32).contains(&members), "n_members", "from 2 to 32", members)?;
        let fits = beta.is_finite() && beta >= 0.0;
        require(fits, "prior_scale", "a finite number, not negative", beta)?;
        require(keep > 0.0 && keep <= 1.0, "keep", "a number in (0, 1]", keep)?;
        let plain = DqnConfig::default();
        require(!self.dqn.dueling, "dqn.dueling", "false for members of an ensemble", true)?;
        let mean = self.dqn.returns == plain.returns;
        require(mean, "dqn.returns", "`mean` for members of an ensemble", "another")?;
        let quiet = self.dqn.noisy.is_none();
        require(quiet, "dqn.noisy", "nothing for members of an ensemble", "a number")?;
        let alike = self.dqn.exploration_weights.is_empty();
        require(alike, "dqn.exploration_weights", "nothing for members of an ensemble", "weights")?;
        let uniform = self.dqn.priorities.is_none();
        require(uniform, "dqn.priorities", "nothing for members of an ensemble", "settings")
    }
}

/// A member: `Q = f_θ + β p`, of which only `θ` learns.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) online: Mlp,
    pub(super) target: Mlp,
    pub(super) prior: Mlp,
    pub(super) optimiser: Adam,
}

/// Bootstrapped DQN with randomised prior functions (Osband et al. 2016; Osband, Aslanides and
/// Cassirer 2018): each lane follows one member, drawn anew with each episode, so that a whole
/// episode goes where that member sees promise.
///
/// An update draws one batch for all members. `keep` decides who learns from an entry of it; beside
/// that, members differ by their first weights and priors.
///
/// **Propensities.** Given the member, a decision is ε-greedy. The member was random too, so the
/// propensity is `ε/m + (1 − ε) · v` for `m` allowed actions, with `v` the share of members whose
/// best action is the one taken. That is exact for the first decision of an episode; later on it
/// does not take into account what the episode's earlier decisions say about the member.
///
/// What it hands over is one network: the average of the members cannot be written as one, so it is
/// the member that agrees most often with the majority vote on the latest batch, with its prior.
#[derive(Debug)]
pub struct BootstrappedDqn {
    pub(super) config: BootstrappedConfig,
    pub(super) n_features: usize,
    n_actions: usize,
    pub(super) members: Vec<Member>,
    pub(super) n_step: NStep,
    pub(super) replay: Replay,
    /// Which members learn from what lies in a slot, one bit each.
    pub(super) keepers: Vec<u32>,
    /// The member that each lane follows.
    pub(super) followed: Vec<u32>,
    pub(super) sampler: Stream,
    pub(super) draws: Stream,
    pub(super) observed: u64,
    pub(super) updates: u64,
    batch: Batch,
    work: Work,
}

#[derive(Debug, Default)]
struct Work {
    /// Observations of the batch, or those to act on.
    observations: Inputs,
    next_observations: Inputs,
    memory: Activations,
    /// Of priors, which nothing goes back through.
    prior_memory: Activations,
    scores: Vec<f32>,
    /// `β p` of a member.
    prior: Vec<f32>,
    next: Vec<f32>,
    best: Vec<u32>,
    gradient: Vec<f32>,
    by_output: Vec<f32>,
}

/// `f_θ + prior` into `out`; `memory` remembers `f_θ` for the backward pass.
fn scores(
    network: &Mlp,
    prior: &[f32],
    inputs: &Inputs,
    memory: &mut Activations,
    out: &mut Vec<f32>,
) -> Result<(), AgentError> {
    let own = network.forward_from(inputs, memory)?;
    out.clear();
    out.extend(own.iter().zip(prior).map(|(own, prior)| own + prior));
    Ok(())
}

impl Member {
    /// `β p` into `out`.
    fn prior(
        &self,
        beta: f32,
        inputs: &Inputs,
        memory: &mut Activations,
        out: &mut Vec<f32>,
    ) -> Result<(), AgentError> {
        let prior = self.prior.forward_from(inputs, memory)?;
        out.clear();
        out.extend(prior.iter().map(|score| beta * score));
        Ok(())
    }
}

impl BootstrappedDqn {
    /// An ensemble for environments with this spec; the seed decides the members' weights and
    /// priors, who is followed, and the order of sampling.
    ///
    /// # Errors
    /// As for [`DqnAgent::new`](super::DqnAgent::new).
    pub fn new(
        config: BootstrappedConfig,
        spec: &EnvSpec,
        normalisation: &Normalisation,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let (n_features, n_actions) = (spec.observation_space.n_features(), spec.n_actions);
        let shape = MlpShape::new(n_features, &config.dqn.hidden, n_actions);
        let member = |index: usize| {
            let seed = seed.child("member").index(index as u64);
            let network = |name: &str| {
                let mut rng = seed.child(name).stream();
                let network = Mlp::new(shape.clone(), normalisation.clone(), &mut rng)?;
                Ok::<_, AgentError>(network.with_backend(config.dqn.backend))
            };
            let online = network("weights")?;
            let optimiser = Adam::new(online.parameters().len(), config.dqn.adam_epsilon);
            Ok(Member { target: online.clone(), prior: network("prior")?, online, optimiser })
        };
        Ok(Self {
            members: (0..config.n_members).map(member).collect::<Result<_, AgentError>>()?,
            n_step: NStep::new(config.dqn.n_step, config.dqn.discount_factor),
            replay: Replay::new(config.dqn.replay(), n_features, n_actions)?,
            keepers: Vec::new(),
            followed: Vec::new(),
            sampler: seed.child("replay").stream(),
            draws: seed.child("members").stream(),
            observed: 0,
            updates: 0,
            batch: Batch::default(),
            work: Work { gradient: vec![0.0; shape.n_parameters()], ..Work::default() },
            n_features,
            n_actions,
            config,
        })
    }

    /// The member that this lane follows, drawn when the lane is new.
    fn followed_by(&mut self, lane: usize) -> usize {
        while self.followed.len() <= lane {
            self.followed.push(self.draws.random_range(0..self.config.n_members as u32));
        }
        self.followed[lane] as usize
    }

    /// Scores of every member, shape `[n_members][n, n_actions]`, members one after the other.
    fn all_scores(&mut self, observations: &[f32], all: &mut Vec<f32>) -> Result<(), AgentError> {
        all.clear();
        let beta = self.config.prior_scale;
        let Work { observations: inputs, memory, prior_memory, scores: own, prior, .. } =
            &mut self.work;
        // All members have the normalisation of the first.
        inputs.fill(observations, self.members[0].online.normalisation())?;
        for member in &self.members {
            member.prior(beta, inputs, prior_memory, prior)?;
            scores(&member.online, prior, inputs, memory, own)?;
            all.extend_from_slice(own);
        }
        Ok(())
    }

    /// Draws a batch and brings its observations to scale, once for all members.
    fn draw_batch(&mut self) -> Result<(), AgentError> {
        let Self { replay, batch, work, .. } = self;
        replay.sample(self.config.dqn.batch_size, &mut self.sampler, batch);
        let normalisation = self.members[0].online.normalisation();
        work.observations.fill(&batch.observations, normalisation)?;
        work.next_observations.fill(&batch.next_observations, normalisation)
    }

    /// One step of one member on the batch; returns loss, mean score and gradient norm.
    fn learn(&mut self, index: usize, rate: f64) -> Result<(f64, f64, f64), AgentError> {
        let (batch, dqn, beta) = (&self.batch, &self.config.dqn, self.config.prior_scale);
        let Work {
            observations,
            next_observations,
            memory,
            prior_memory,
            scores: own,
            prior,
            next,
            best,
            gradient,
            by_output,
        } = &mut self.work;
        let member = &mut self.members[index];
        member.prior(beta, next_observations, prior_memory, prior)?;
        scores(&member.target, prior, next_observations, memory, next)?;
        if dqn.double {
            scores(&member.online, prior, next_observations, memory, own)?;
            loss::choose(own, &batch.next_masks, self.n_actions, best);
        } else {
            loss::choose(next, &batch.next_masks, self.n_actions, best);
        }
        member.prior(beta, observations, prior_memory, prior)?;
        scores(&member.online, prior, observations, memory, own)?;
        by_output.clear();
        by_output.resize(own.len(), 0.0);
        let (share, mut total, mut mean_q) = (1.0 / batch.len() as f32, 0.0, 0.0);
        for entry in 0..batch.len() {
            if self.keepers[batch.slots[entry] as usize] >> index & 1 == 0 {
                continue;
            }
            let row = entry * self.n_actions;
            let at = row + batch.actions[entry] as usize;
            let discount = batch.bootstrap_discounts[entry];
            let future = if discount == 0.0 { 0.0 } else { next[row + best[entry] as usize] };
            let error = own[at] - (batch.reward_sums[entry] + discount * future);
            let (value, slope) = loss::of_error(error, dqn);
            total += f64::from(value * share);
            mean_q += f64::from(own[at] * share);
            by_output[at] = slope * share;
        }
        if !total.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: total });
        }
        gradient.fill(0.0);
        let Member { online, target, optimiser, .. } = member;
        online.backward_from(observations, memory, by_output, gradient)?;
        let norm = optimiser.step(online.parameters_mut(), gradient, rate, dqn.gradient_clip);
        dqn.target_update.apply(self.updates + 1, online, target);
        Ok((total, mean_q, norm))
    }

    /// The member that agrees most often with the majority on these observations.
    fn representative(&self) -> Result<usize, AgentError> {
        let rows = self.batch.len();
        if rows == 0 {
            return Ok(0);
        }
        let mut votes = vec![0_usize; rows * self.n_actions];
        let mut choices = Vec::new();
        let (mut inputs, mut memory) = (Inputs::default(), Activations::default());
        let (mut prior, mut own) = (Vec::new(), Vec::new());
        inputs.fill(&self.batch.next_observations, self.members[0].online.normalisation())?;
        for member in &self.members {
            member.prior(self.config.prior_scale, &inputs, &mut memory, &mut prior)?;
            scores(&member.online, &prior, &inputs, &mut memory, &mut own)?;
            let mut best = Vec::new();
            loss::choose(&own, &self.batch.next_masks, self.n_actions, &mut best);
            for (row, &action) in best.iter().enumerate() {
                votes[row * self.n_actions + action as usize] += 1;
            }
            choices.push(best);
        }
        let agreement = |best: &Vec<u32>| -> usize {
            let of = |(row, &action): (usize, &u32)| votes[row * self.n_actions + action as usize];
            best.iter().enumerate().map(of).sum()
        };
        let scored = choices.iter().map(agreement).enumerate();
        Ok(scored.rev().max_by_key(|&(_, agreement)| agreement).map_or(0, |(index, _)| index))
    }
}

impl Agent for BootstrappedDqn {
    fn name(&self) -> &str {
        "bootstrapped-dqn"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        Ok(self.act_batch(observation, &[mask], rng)?[0])
    }

    fn act_batch(
        &mut self,
        observations: &[f32],
        masks: &[&ActionMask],
        rng: &mut dyn RngCore,
    ) -> Result<Vec<Decision>, AgentError> {
        let (n, n_actions, n_members) = (masks.len(), self.n_actions, self.config.n_members);
        same_length("the observations", n * self.n_features, observations.len())?;
        for mask in masks {
            same_length("the mask", n_actions, mask.n_actions())?;
        }
        if masks.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = std::mem::take(&mut self.work.next);
        self.all_scores(observations, &mut all)?;
        let epsilon = self.config.dqn.epsilon.at(self.observed);
        let exploration = Exploration { epsilon, weights: &[] };
        let mut decisions = Vec::with_capacity(n);
        for (lane, mask) in masks.iter().enumerate() {
            let best = |member: usize| {
                argmax(&all[(member * n + lane) * n_actions..][..n_actions], mask.flags())
            };
            let action = exploration.draw(best(self.followed_by(lane)), mask, rng);
            let votes = (0..n_members).filter(|&member| best(member) == action).count();
            let share = votes as f64 / n_members as f64;
            let propensity = exploration.propensity(action, share, mask);
            decisions.push(Decision { action, propensity });
        }
        self.work.next = all;
        Ok(decisions)
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.n_actions)?;
        let reward = transition.reward * self.config.dqn.reward_scale;
        let Self { replay, keepers, draws, config, .. } = self;
        self.n_step.push(&Transition { reward, ..*transition }, |stretch| {
            let slot = replay.push(stretch) as usize;
            if keepers.len() <= slot {
                keepers.resize(slot + 1, 0);
            }
            let keeps = |bits: u32, at| bits | u32::from(draws.random_bool(config.keep)) << at;
            keepers[slot] = (0..config.n_members).fold(0, keeps);
        });
        self.observed += 1;
        if transition.terminated || transition.truncated {
            self.followed_by(transition.lane);
            let member = self.draws.random_range(0..self.config.n_members as u32);
            self.followed[transition.lane] = member;
        }
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        let dqn = &self.config.dqn;
        if self.replay.len() < dqn.warm_up {
            return Ok(None);
        }
        let (learning_rate, epsilon) =
            (dqn.learning_rate.at(self.updates), dqn.epsilon.at(self.observed));
        self.draw_batch()?;
        let mut sums = (0.0, 0.0, 0.0_f64);
        for index in 0..self.config.n_members {
            let (loss, mean_q, norm) = self.learn(index, learning_rate)?;
            sums = (sums.0 + loss, sums.1 + mean_q, sums.2.max(norm));
        }
        self.updates += 1;
        let share = 1.0 / self.config.n_members as f64;
        let (loss, mean_q, gradient_norm) = (sums.0 * share, sums.1 * share, sums.2);
        Ok(Some(Metrics { loss, mean_q, epsilon, gradient_norm, learning_rate }))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        self.write_checkpoint(archive)
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        self.read_checkpoint(archive)
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        let Member { online, prior, .. } = &self.members[self.representative()?];
        let scale = self.config.dqn.reward_scale as f32;
        let network = online.export_sum(prior, self.config.prior_scale, scale)?;
        Ok(Snapshot::Network(QPolicy::new(self.name(), network, 0.0)))
    }
}

#[cfg(test)]
#[path = "bootstrapped_tests.rs"]
mod tests;
