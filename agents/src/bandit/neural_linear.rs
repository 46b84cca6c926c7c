//! Neural-linear: a network learns the features, a Bayesian regression on them knows its doubt.

use super::decision::draw;
use super::kernel::padded;
use super::model::{load_blocks, save_blocks};
use super::ridge::RidgeBank;
use super::winning::argmax_probabilities;
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use crate::network::{Activations, Adam, Mlp, MlpShape};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec, SeedTree, Stream};
use promopt_policies::{Decision, Dense, QHead, QPolicy};
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

/// Observations per forward pass when beliefs are rebuilt.
const CHUNK: usize = 256;

/// Settings of [`NeuralLinear`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeuralLinearConfig {
    /// Widths of the hidden layers, at least one; the last is the number of features.
    pub hidden: Vec<usize>,
    /// Step size of Adam, above 0.
    pub learning_rate: f64,
    /// Rewards between trainings of the network, at least 1.
    pub train_every: usize,
    /// Batches per training, at least 1.
    pub batches: usize,
    /// Rewards per batch, at least 1.
    pub batch_size: usize,
    /// Rewards that are remembered, the latest ones, at least one batch. Memory is
    /// `4 (n_features + 2)` bytes each.
    pub capacity: usize,
    /// Standard deviation of the reward's noise, in units of the scaled reward.
    pub noise: f64,
    /// λ of the regression on the features, above 0.
    pub ridge: f64,
    /// Share of uniform decisions, in `[0, 1]`.
    pub epsilon: f64,
    /// Multiplies rewards before learning.
    pub reward_scale: f64,
    /// Cells of the grid on which the probability of being best is integrated, at least 8.
    pub grid_cells: usize,
}

impl Default for NeuralLinearConfig {
    fn default() -> Self {
        Self {
            hidden: vec![64],
            learning_rate: 1e-3,
            train_every: 50,
            batches: 50,
            batch_size: 64,
            capacity: 100_000,
            noise: 1.0,
            ridge: 1.0,
            epsilon: 0.05,
            reward_scale: 1.0,
            grid_cells: 64,
        }
    }
}

impl NeuralLinearConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let layers = !self.hidden.is_empty() && !self.hidden.contains(&0);
        require(layers, "hidden", "at least one width above 0", format!("{:?}", self.hidden))?;
        for (field, value) in [
            ("learning_rate", self.learning_rate),
            ("noise", self.noise),
            ("ridge", self.ridge),
            ("reward_scale", self.reward_scale),
        ] {
            require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)?;
        }
        for (field, value) in [
            ("train_every", self.train_every),
            ("batches", self.batches),
            ("batch_size", self.batch_size),
        ] {
            require(value > 0, field, "at least 1", value)?;
        }
        let fits = self.capacity >= self.batch_size;
        require(fits, "capacity", "at least one batch", self.capacity)?;
        require(self.grid_cells >= 8, "grid_cells", "at least 8", self.grid_cells)?;
        let fits = (0.0..=1.0).contains(&self.epsilon);
        require(fits, "epsilon", "a number in [0, 1]", self.epsilon)
    }
}

/// Rewards as they came, the latest `capacity` of them.
#[derive(Debug, Default)]
struct Memory {
    /// Shape `[n, n_features]`.
    observations: Vec<f32>,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    /// Where the next one goes once the memory is full.
    next: usize,
}

/// Thompson sampling on the last hidden layer of a network (Riquelme, Tucker and Snoek 2018; Snoek et
/// al. 2015).
///
/// The network is trained on squared loss of the actions taken, every
/// [`NeuralLinearConfig::train_every`] rewards, in `update`. The belief of each action about its
/// weights on the features is then rebuilt from the memory, and grows with every reward in between.
/// Decisions and propensities are those of linear Thompson sampling on these features.
#[derive(Debug)]
pub struct NeuralLinear {
    config: NeuralLinearConfig,
    network: Mlp,
    adam: Adam,
    bank: RidgeBank,
    memory: Memory,
    rng: Stream,
    since_training: usize,
    activations: Activations,
    features: Vec<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl NeuralLinear {
    /// An agent for environments with this spec; the seed draws weights and batches.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit.
    pub fn new(
        config: NeuralLinearConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let shape =
            MlpShape::new(spec.observation_space.n_features(), &config.hidden, spec.n_actions);
        let network = Mlp::new(shape, normalisation, &mut seed.child("weights").stream())?;
        let width = config.hidden.last().copied().unwrap_or(1);
        Ok(Self {
            adam: Adam::new(network.parameters().len(), 1e-8),
            network,
            bank: RidgeBank::new(spec.n_actions, width + 1, config.ridge),
            memory: Memory::default(),
            rng: seed.child("batches").stream(),
            since_training: 0,
            activations: Activations::default(),
            features: vec![0.0; padded(width + 1)],
            means: vec![0.0; spec.n_actions],
            deviations: vec![0.0; spec.n_actions],
            config,
        })
    }

    fn n_features(&self) -> usize {
        self.network.shape().n_features
    }

    /// Writes the features of one observation, the intercept's 1 last.
    fn encode(&mut self, observation: &[f32]) -> Result<(), AgentError> {
        self.network.forward(observation, &mut self.activations)?;
        copy_features(self.network.last_hidden(&self.activations), &mut self.features);
        Ok(())
    }

    /// One batch; returns the loss and the gradient's norm.
    fn train_batch(&mut self, gradient: &mut [f32]) -> Result<(f64, f64), AgentError> {
        let (n, k) = (self.config.batch_size, self.means.len());
        let n_features = self.n_features();
        let mut observations = Vec::with_capacity(n * n_features);
        let rows: Vec<usize> =
            (0..n).map(|_| self.rng.random_range(0..self.memory.actions.len())).collect();
        for row in &rows {
            let stored = &self.memory.observations[row * n_features..][..n_features];
            observations.extend_from_slice(stored);
        }
        let outputs = self.network.forward(&observations, &mut self.activations)?;
        let (mut slopes, mut loss) = (vec![0.0; n * k], 0.0);
        for (at, &row) in rows.iter().enumerate() {
            let cell = at * k + self.memory.actions[row] as usize;
            let error = outputs[cell] - self.memory.rewards[row];
            slopes[cell] = error / n as f32;
            loss += f64::from(error * error) / (2.0 * n as f64);
        }
        gradient.fill(0.0);
        self.network.backward(&mut self.activations, &slopes, gradient)?;
        let rate = self.config.learning_rate;
        let norm = self.adam.step(self.network.parameters_mut(), gradient, rate, 10.0);
        Ok((loss, norm))
    }

    /// Beliefs from nothing, over all that is remembered, with the features of now.
    fn rebuild(&mut self) -> Result<(), AgentError> {
        let (n_features, width) = (self.n_features(), self.features.len());
        let n_hidden = self.config.hidden.last().copied().unwrap_or(1);
        self.bank = RidgeBank::new(self.means.len(), n_hidden + 1, self.config.ridge);
        debug_assert_eq!(width, self.bank.width());
        for (chunk, observations) in self.memory.observations.chunks(CHUNK * n_features).enumerate()
        {
            self.network.forward(observations, &mut self.activations)?;
            let hidden = self.network.last_hidden(&self.activations);
            for (at, values) in hidden.chunks_exact(n_hidden).enumerate() {
                copy_features(values, &mut self.features);
                let row = chunk * CHUNK + at;
                let (action, reward) = (self.memory.actions[row], self.memory.rewards[row]);
                self.bank.learn(action as usize, &self.features, f64::from(reward), 1.0);
            }
        }
        Ok(())
    }
}

fn copy_features(hidden: &[f32], features: &mut [f64]) {
    let values = hidden.iter().map(|&value| f64::from(value)).chain([1.0]);
    features.iter_mut().zip(values).for_each(|(to, from)| *to = from);
}

impl Memory {
    fn push(&mut self, capacity: usize, observation: &[f32], action: usize, reward: f32) {
        let action = action as u32;
        if self.actions.len() < capacity {
            self.observations.extend_from_slice(observation);
            self.actions.push(action);
            self.rewards.push(reward);
            return;
        }
        let n_features = observation.len();
        self.observations[self.next * n_features..][..n_features].copy_from_slice(observation);
        (self.actions[self.next], self.rewards[self.next]) = (action, reward);
        self.next = (self.next + 1) % capacity;
    }
}

impl Agent for NeuralLinear {
    fn name(&self) -> &str {
        "neural_linear"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        same_length("the observation", self.n_features(), observation.len())?;
        same_length("the mask", self.means.len(), mask.n_actions())?;
        self.encode(observation)?;
        self.bank.beliefs(&self.features, &mut self.means, &mut self.deviations);
        for spread in &mut self.deviations {
            *spread = self.config.noise * spread.sqrt();
        }
        let cells = self.config.grid_cells;
        let winning = argmax_probabilities(&self.means, &self.deviations, mask, cells);
        Ok(draw(|action| winning.probabilities()[action], self.config.epsilon, mask, rng))
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features(), self.means.len())?;
        let &Transition { observation, action, reward, .. } = transition;
        let reward = (reward * self.config.reward_scale) as f32;
        self.memory.push(self.config.capacity, observation, action, reward);
        self.encode(observation)?;
        self.bank.learn(action, &self.features, f64::from(reward), 1.0);
        self.since_training += 1;
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        if self.since_training < self.config.train_every {
            return Ok(None);
        }
        self.since_training = 0;
        let mut gradient = vec![0.0; self.network.parameters().len()];
        let (mut loss, mut norm) = (0.0, 0.0);
        for _ in 0..self.config.batches {
            (loss, norm) = self.train_batch(&mut gradient)?;
        }
        if !loss.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: loss });
        }
        self.rebuild()?;
        let best = self.means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Some(Metrics {
            loss,
            mean_q: best,
            epsilon: self.config.epsilon,
            gradient_norm: norm,
            learning_rate: self.config.learning_rate,
        }))
    }

    /// The hidden layers, with the mean of each action's belief as the head.
    fn policy(&self) -> Result<Snapshot, AgentError> {
        let n_in = self.config.hidden.last().copied().unwrap_or(1);
        let n_out = self.means.len();
        let (mut weight, mut bias) = (Vec::with_capacity(n_in * n_out), Vec::with_capacity(n_out));
        for action in 0..n_out {
            let theta = self.bank.theta(action).iter();
            let scaled: Vec<f32> = theta.map(|w| (w / self.config.reward_scale) as f32).collect();
            if let Some(&got) = scaled.iter().find(|weight| !weight.is_finite()) {
                return Err(AgentError::NotFinite { what: "weight", got: f64::from(got) });
            }
            weight.extend_from_slice(&scaled[..n_in]);
            bias.push(scaled[n_in]);
        }
        let network =
            self.network.export_with(QHead::Plain(Dense { weight, bias, n_in, n_out }))?;
        Ok(Snapshot::Network(QPolicy::new(self.name(), network, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        archive.put("network", self.network.parameters());
        let (steps, first, second) = self.adam.state();
        archive.put_json("position", &(steps, self.since_training, self.memory.next))?;
        archive.put("adam.first", first);
        archive.put("adam.second", second);
        archive.put("memory.observations", &self.memory.observations);
        archive.put("memory.actions", &self.memory.actions);
        archive.put("memory.rewards", &self.memory.rewards);
        save_blocks(archive, "beliefs", &self.bank.state());
        archive.put_stream("batches", &self.rng)
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        let n = self.network.parameters().len();
        let parameters = archive.get_n::<f32>("network", n)?;
        let (first, second) = (archive.get_n("adam.first", n)?, archive.get_n("adam.second", n)?);
        let (steps, since_training, next) = archive.get_json("position")?;
        let actions: Vec<u32> = archive.get("memory.actions")?;
        let n_rewards = actions.len();
        let observations = archive.get_n("memory.observations", n_rewards * self.n_features())?;
        let rewards = archive.get_n("memory.rewards", n_rewards)?;
        let known = actions.iter().all(|&action| (action as usize) < self.means.len());
        if !known || n_rewards > self.config.capacity || next >= self.config.capacity {
            let problem = "found a memory that does not fit".to_owned();
            return Err(AgentError::Checkpoint { problem });
        }
        let rng = archive.get_stream("batches")?;
        load_blocks(archive, "beliefs", self.bank.state_mut().into())?;
        self.network.parameters_mut().copy_from_slice(&parameters);
        if !self.adam.restore(steps, &first, &second) {
            let problem = "found moments of another network".to_owned();
            return Err(AgentError::Checkpoint { problem });
        }
        self.memory = Memory { observations, actions, rewards, next };
        (self.rng, self.since_training) = (rng, since_training);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::test_world::step;
    use promopt_envs::BoxSpace;

    fn agent() -> Result<NeuralLinear, AgentError> {
        let observation_space = BoxSpace::new(vec![-1.0; 2], vec![1.0; 2]);
        let spec =
            EnvSpec { id: "Xor-v0".into(), observation_space, n_actions: 2, horizon: Some(1) };
        let config = NeuralLinearConfig {
            hidden: vec![16],
            learning_rate: 0.01,
            noise: 0.3,
            ..Default::default()
        };
        NeuralLinear::new(config, &spec, Normalisation::identity(2), SeedTree::new(1))
    }

    fn learn(agent: &mut NeuralLinear, steps: usize, seed: u64) -> Result<(), AgentError> {
        let (mask, mut rng) = (ActionMask::all(2), SeedTree::new(seed).stream());
        for _ in 0..steps {
            let x: [f32; 2] = [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)];
            let right = usize::from(x[0] * x[1] > 0.0);
            let action = agent.act(&x, &mask, &mut rng)?.action;
            let reward = f64::from(u8::from(action == right));
            agent.observe(&step(&x, action, reward, &mask))?;
            agent.update()?;
        }
        Ok(())
    }

    #[test]
    fn an_exclusive_or_that_no_linear_bandit_sees_is_learned_and_exported() -> Result<(), AgentError>
    {
        let mut agent = agent()?;
        learn(&mut agent, 1_500, 2)?;
        let policy = agent.policy()?.into_policy();
        let mask = ActionMask::all(2);
        for (x, right) in [([0.6, 0.6], 1), ([-0.6, -0.6], 1), ([0.6, -0.6], 0), ([-0.6, 0.6], 0)] {
            assert_eq!(policy.distribution(&x, &mask).probabilities()[right], 1.0, "{x:?}");
        }
        Ok(())
    }

    #[test]
    fn a_loaded_agent_goes_on_to_the_last_bit() -> Result<(), AgentError> {
        let (mut first, mut second) = (agent()?, agent()?);
        learn(&mut first, 130, 3)?;
        let mut archive = Archive::default();
        first.save(&mut archive)?;
        second.load(&archive)?;
        learn(&mut first, 70, 4)?;
        learn(&mut second, 70, 4)?;
        assert_eq!(first.policy()?, second.policy()?);
        Ok(())
    }
}
