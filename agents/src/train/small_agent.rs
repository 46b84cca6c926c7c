//! A learner for tests of the training loop, small enough to read and with every part that a
//! checkpoint must hold: memory, stretches, streams, ε.

use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::nstep::NStep;
use crate::replay::{Batch, Priorities, Replay, ReplayConfig};
use crate::schedule::Linear;
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{Decision, LinearPolicy, LinearScores};
use rand::{Rng, RngCore};
use serde::Serialize;

/// Linear Q-learning with n-step returns from a memory.
pub(super) struct Small {
    config: SmallConfig,
    weights: Vec<f32>,
    n_step: NStep,
    replay: Replay,
    batch: Batch,
    sampler: Stream,
    observed: u64,
}

#[derive(Debug, Clone, Serialize)]
struct SmallConfig {
    n_features: usize,
    n_actions: usize,
    n: usize,
    replay: ReplayConfig,
    epsilon: Linear,
    seed: u64,
}

impl Small {
    pub(super) fn new(spec: &EnvSpec, n: usize, prioritised: bool) -> Result<Self, AgentError> {
        let (n_features, n_actions) = (spec.observation_space.n_features(), spec.n_actions);
        let beta = Linear { start: 0.4, end: 1.0, steps: 150 };
        let priorities = prioritised.then_some(Priorities { beta, ..Default::default() });
        let replay = ReplayConfig { capacity: 300, priorities, ..Default::default() };
        let epsilon = Linear { start: 1.0, end: 0.05, steps: 900 };
        let config = SmallConfig { n_features, n_actions, n, replay, epsilon, seed: 5 };
        Ok(Self {
            weights: vec![0.0; n_features * n_actions],
            n_step: NStep::new(n, 0.9),
            replay: Replay::new(config.replay.clone(), n_features, n_actions)?,
            batch: Batch::default(),
            sampler: SeedTree::new(config.seed).stream(),
            observed: 0,
            config,
        })
    }

    fn score(&self, observation: &[f32], action: usize) -> f32 {
        let row = &self.weights[action * self.config.n_features..][..self.config.n_features];
        row.iter().zip(observation).map(|(w, x)| w * x).sum()
    }

    fn greedy(&self, observation: &[f32], mask: &ActionMask) -> usize {
        let scores = (0..self.config.n_actions).map(|action| self.score(observation, action));
        mask.argmax(&scores.map(f64::from).collect::<Vec<_>>())
    }

    fn epsilon(&self) -> f64 {
        self.config.epsilon.at(self.observed)
    }
}

impl Agent for Small {
    fn name(&self) -> &str {
        "small"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        let explores = rng.random_bool(self.epsilon());
        let action = if explores { mask.sample(rng) } else { self.greedy(observation, mask) };
        Ok(Decision { action, propensity: 1.0 })
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        self.n_step.push(transition, |stretch| {
            self.replay.push(stretch);
        });
        self.observed += 1;
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        if self.replay.len() < 50 {
            return Ok(None);
        }
        self.replay.sample(8, &mut self.sampler, &mut self.batch);
        let width = self.config.n_features;
        let mut errors = Vec::new();
        for at in 0..8 {
            let start = &self.batch.observations[at * width..][..width];
            let end = &self.batch.next_observations[at * width..][..width];
            let flags = &self.batch.next_masks[at * self.config.n_actions..];
            let future = (0..self.config.n_actions)
                .filter(|&action| flags[action])
                .map(|action| self.score(end, action))
                .fold(f32::NEG_INFINITY, f32::max);
            let action = self.batch.actions[at] as usize;
            let target = self.batch.reward_sums[at] + self.batch.bootstrap_discounts[at] * future;
            let error = target - self.score(start, action);
            let weight = self.batch.weights[at];
            for (feature, x) in start.iter().enumerate() {
                self.weights[action * width + feature] += 0.05 * weight * error * x;
            }
            errors.push(error);
        }
        self.replay.set_priorities(&self.batch.slots, &errors)?;
        let loss = f64::from(errors[0].abs());
        let (epsilon, gradient_norm, learning_rate) = (self.epsilon(), loss, 0.05);
        Ok(Some(Metrics { loss, mean_q: 0.0, epsilon, gradient_norm, learning_rate }))
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        let rows = self.weights.chunks(self.config.n_features);
        let with_intercept =
            |row: &[f32]| row.iter().chain(&[0.0]).map(|&weight| f64::from(weight)).collect();
        let n_features = self.config.n_features;
        let (mean, scale) = (vec![0.0; n_features], vec![1.0; n_features]);
        let scores = LinearScores { mean, scale, weights: rows.map(with_intercept).collect() };
        Ok(Snapshot::Linear(LinearPolicy::new("small", scores, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("agent.config", &self.config)?;
        archive.put("agent.weights", &self.weights);
        archive.put("agent.observed", &[self.observed]);
        archive.put_stream("agent.sampler", &self.sampler)?;
        self.n_step.save(archive, "agent.n_step");
        self.replay.save(archive, "agent.replay")
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("agent.config", &self.config)?;
        self.weights = archive.get_n("agent.weights", self.weights.len())?;
        self.observed = archive.get_one("agent.observed")?;
        self.sampler = archive.get_stream("agent.sampler")?;
        self.n_step.load(archive, "agent.n_step", self.config.n_features)?;
        self.replay.load(archive, "agent.replay")
    }
}
