//! Watkins' Q-learning on the states that it meets.

use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use crate::schedule::Linear;
use promopt_envs::{ActionId, ActionMask, EnvSpec};
use promopt_policies::{Decision, LinearPolicy, LinearScores};
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of [`QLearning`]. Steps count observed transitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QLearningConfig {
    /// γ, time preference per step, in `[0, 1]`; below 1 unless every episode ends by itself.
    pub discount_factor: f64,
    /// Share of uniform actions.
    pub epsilon: Linear,
    /// The step size of a score that was updated `n` times is `(1 + n)^−power`, in `(0.5, 1]`:
    /// there it converges (Even-Dar and Mansour 2003), and fast well below 1.
    pub power: f64,
    /// Score of what was never tried, finite. Above every return it makes the agent try all
    /// (optimism; Sutton and Barto 2018, section 2.6).
    pub initial_score: f64,
    /// Bytes that the table may come to take; a world whose observations are continuous makes a
    /// state of every step.
    pub memory_limit_bytes: u64,
}

impl Default for QLearningConfig {
    fn default() -> Self {
        Self {
            discount_factor: 0.99,
            epsilon: Linear::constant(0.1),
            power: 0.7,
            initial_score: 0.0,
            memory_limit_bytes: 1 << 30,
        }
    }
}

impl QLearningConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let gamma = self.discount_factor;
        require((0.0..=1.0).contains(&gamma), "discount_factor", "a number in [0, 1]", gamma)?;
        for share in [self.epsilon.start, self.epsilon.end] {
            require((0.0..=1.0).contains(&share), "epsilon", "numbers in [0, 1]", share)?;
        }
        let power = self.power;
        require(power > 0.5 && power <= 1.0, "power", "a number in (0.5, 1]", power)?;
        let score = self.initial_score;
        require(score.is_finite(), "initial_score", "a finite number", score)
    }
}

/// Q-learning (Watkins 1989): `Q(s, a) += α (r + γ max Q(s', a') − Q(s, a))` with the maximum over
/// what is allowed in `s'`, and no future after a termination; a truncation has one.
///
/// Every distinct observation is a state of its own, found in `O(n_features · log n_states)`.
/// Decisions are ε-greedy with exact propensities. It learns in `observe`, in any order of lanes.
#[derive(Debug, Clone)]
pub struct QLearning {
    config: QLearningConfig,
    n_features: usize,
    n_actions: usize,
    /// Row of every state, by the bits of its observation.
    rows: BTreeMap<Vec<u32>, usize>,
    /// Shape `[n_states, n_actions]`, as `visits`.
    scores: Vec<f64>,
    visits: Vec<u64>,
    observed: u64,
    key: Vec<u32>,
}

impl QLearning {
    /// An agent that has seen nothing.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`].
    pub fn new(config: QLearningConfig, spec: &EnvSpec) -> Result<Self, AgentError> {
        config.validate()?;
        Ok(Self {
            config,
            n_features: spec.observation_space.n_features(),
            n_actions: spec.n_actions,
            rows: BTreeMap::new(),
            scores: Vec::new(),
            visits: Vec::new(),
            observed: 0,
            key: Vec::new(),
        })
    }

    /// Number of states met so far.
    #[must_use]
    pub fn n_states(&self) -> usize {
        self.rows.len()
    }

    /// Scores of all actions, masked ones included, shape `[n_actions]`.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the observation has the wrong length.
    pub fn scores(&self, observation: &[f32]) -> Result<Vec<f64>, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        let key: Vec<u32> = bits(observation).collect();
        let initial = || vec![self.config.initial_score; self.n_actions];
        Ok(self.rows.get(&key).map_or_else(initial, |&row| self.row(row).to_vec()))
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.scores[row * self.n_actions..(row + 1) * self.n_actions]
    }

    /// Row of an observation, if it was met before.
    fn find(&mut self, observation: &[f32]) -> Option<usize> {
        self.key.clear();
        self.key.extend(bits(observation));
        self.rows.get(self.key.as_slice()).copied()
    }

    /// Row of an observation, new if need be.
    fn enter(&mut self, observation: &[f32]) -> Result<usize, AgentError> {
        if let Some(row) = self.find(observation) {
            return Ok(row);
        }
        let row = self.rows.len();
        let capacity = row as u64 + 1;
        let needed = capacity * (4 * self.n_features + 16 * self.n_actions) as u64;
        let limit = self.config.memory_limit_bytes;
        if needed > limit {
            return Err(AgentError::TooLarge { what: "the table", needed, limit, capacity });
        }
        self.rows.insert(self.key.clone(), row);
        self.scores.resize(self.scores.len() + self.n_actions, self.config.initial_score);
        self.visits.resize(self.visits.len() + self.n_actions, 0);
        Ok(row)
    }

    /// The best allowed action and its score; the first of equals.
    fn best(&mut self, observation: &[f32], mask: &ActionMask) -> (ActionId, f64) {
        let Some(row) = self.find(observation) else {
            let first = mask.flags().iter().position(|&allowed| allowed).unwrap_or(0);
            return (first, self.config.initial_score);
        };
        let scores = self.row(row);
        let action = mask.argmax(scores);
        (action, scores[action])
    }
}

/// The bits of an observation; both zeros are one.
fn bits(observation: &[f32]) -> impl Iterator<Item = u32> + '_ {
    observation.iter().map(|x| (x + 0.0).to_bits())
}

impl Agent for QLearning {
    fn name(&self) -> &str {
        "q_learning"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        same_length("the mask", self.n_actions, mask.n_actions())?;
        let epsilon = self.config.epsilon.at(self.observed);
        let (greedy, _) = self.best(observation, mask);
        let action = if rng.random::<f64>() < epsilon { mask.sample(rng) } else { greedy };
        let kept = if action == greedy { 1.0 - epsilon } else { 0.0 };
        Ok(Decision { action, propensity: kept + epsilon / mask.n_allowed() as f64 })
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.n_actions)?;
        let future = match transition.terminated {
            true => 0.0,
            false => self.best(transition.next_observation, transition.next_mask).1,
        };
        let target = transition.reward + self.config.discount_factor * future;
        let row = self.enter(transition.observation)?;
        let at = row * self.n_actions + transition.action;
        let rate = (1.0 + self.visits[at] as f64).powf(-self.config.power);
        self.scores[at] += rate * (target - self.scores[at]);
        self.visits[at] += 1;
        self.observed += 1;
        if self.scores[at].is_finite() {
            return Ok(());
        }
        Err(AgentError::NotFinite { what: "score", got: self.scores[at] })
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    /// The table as linear scores, which it is where every observation is a one-hot vector.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] when an observation was another vector: a table of arbitrary
    /// observations is no linear policy.
    fn policy(&self) -> Result<Snapshot, AgentError> {
        let mut weights = vec![vec![self.config.initial_score; self.n_features]; self.n_actions];
        for (key, &row) in &self.rows {
            let hot = key.iter().position(|&bits| f32::from_bits(bits) == 1.0);
            let zeros = key.iter().filter(|&&bits| bits == 0).count();
            let (Some(hot), true) = (hot, zeros + 1 == key.len()) else {
                let got = key.iter().map(|&bits| f32::from_bits(bits).to_string());
                return Err(AgentError::InvalidConfig {
                    field: "observation",
                    expected: "one-hot vectors, the only ones whose table is a linear policy",
                    got: got.collect::<Vec<_>>().join(" "),
                });
            };
            weights.iter_mut().zip(self.row(row)).for_each(|(row, &score)| row[hot] = score);
        }
        weights.iter_mut().for_each(|row| row.push(0.0));
        let (mean, scale) = (vec![0.0; self.n_features], vec![1.0; self.n_features]);
        let scores = LinearScores { mean, scale, weights };
        Ok(Snapshot::Linear(LinearPolicy::new(self.name(), scores, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("q_learning.config", &self.config)?;
        let mut keys = vec![0_u32; self.rows.len() * self.n_features];
        for (key, &row) in &self.rows {
            keys[row * self.n_features..(row + 1) * self.n_features].copy_from_slice(key);
        }
        archive.put("q_learning.states", &keys);
        archive.put("q_learning.scores", &self.scores);
        archive.put("q_learning.visits", &self.visits);
        archive.put("q_learning.counters", &[self.observed, self.rows.len() as u64]);
        Ok(())
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("q_learning.config", &self.config)?;
        let counters: Vec<u64> = archive.get_n("q_learning.counters", 2)?;
        let scores: Vec<f64> = archive.get("q_learning.scores")?;
        let n_states = scores.len() / self.n_actions.max(1);
        let visits = archive.get_n("q_learning.visits", n_states * self.n_actions)?;
        let keys: Vec<u32> = archive.get_n("q_learning.states", n_states * self.n_features)?;
        let states = keys.chunks_exact(self.n_features.max(1)).map(<[u32]>::to_vec);
        let rows: BTreeMap<Vec<u32>, usize> = states.zip(0..).collect();
        if scores.len() != visits.len() || counters[1] != rows.len() as u64 {
            let problem = format!("found {} states and {} scores", rows.len(), scores.len());
            return Err(AgentError::Checkpoint { problem });
        }
        (self.rows, self.scores, self.visits, self.observed) = (rows, scores, visits, counters[0]);
        Ok(())
    }
}
