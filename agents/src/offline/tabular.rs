//! A log with few distinct observations as a table: counts, models of the world, and plans in them.

use super::pessimism::{Models, Pessimism, plan};
use crate::error::AgentError;
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::log::{LoggedDecisions, Next};
use promopt_policies::{ActionDistribution, Policy};
use rand_distr::{Distribution, Exp1};
use std::collections::BTreeMap;

/// Distinct observations, numbered in the order of their bits.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTable {
    numbers: BTreeMap<Vec<u32>, usize>,
}

impl StateTable {
    fn key(observation: &[f32]) -> Vec<u32> {
        // Adding zero makes the two zeros one.
        observation.iter().map(|x| (x + 0.0).to_bits()).collect()
    }

    /// Number of distinct observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Number of the state with this observation; `None` when the log has not seen it.
    #[must_use]
    pub fn state(&self, observation: &[f32]) -> Option<usize> {
        self.numbers.get(&Self::key(observation)).copied()
    }
}

/// Where a logged decision led.
#[derive(Debug, Clone, Copy, PartialEq)]
enum After {
    State(usize),
    End,
    Unknown,
}

/// How far a plan looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Horizon {
    /// So many steps, and nothing afterwards.
    Steps(u32),
    /// Without end; values are iterated until none changes by more than the tolerance.
    Discounted {
        /// Largest change, in units of the reward.
        tolerance: f64,
    },
}

/// A log sorted into cells of (state, action).
#[derive(Debug, Clone)]
pub struct TabularLog {
    states: StateTable,
    n_actions: usize,
    /// Rewards and what followed, for each cell; shape `[n_states × n_actions]`.
    cells: Vec<Vec<(f64, After)>>,
    /// Share of trajectories that start in each state.
    initial: Vec<f64>,
    least_reward: f64,
}

impl TabularLog {
    /// Sorts a log whose observations repeat.
    ///
    /// # Errors
    /// [`AgentError::Log`] for a log without trajectories.
    pub fn new(log: &LoggedDecisions) -> Result<Self, AgentError> {
        let view = log.trajectories()?;
        let mut numbers = BTreeMap::new();
        for row in 0..log.len() {
            numbers.insert(StateTable::key(log.observation(row)), 0);
            if let Next::Observed { observation, .. } = view.next(row) {
                numbers.insert(StateTable::key(observation), 0);
            }
        }
        numbers.values_mut().enumerate().for_each(|(number, state)| *state = number);
        let states = StateTable { numbers };
        let known = |observation: &[f32]| states.state(observation).unwrap_or(0);
        let n_actions = log.n_actions();
        let mut cells = vec![Vec::new(); states.len() * n_actions];
        for (row, (&action, &reward)) in log.actions().iter().zip(log.rewards()).enumerate() {
            let after = match view.next(row) {
                Next::Ended => After::End,
                Next::Observed { observation, .. } => After::State(known(observation)),
                Next::Unknown => After::Unknown,
            };
            cells[known(log.observation(row)) * n_actions + action].push((reward, after));
        }
        let mut initial = vec![0.0; states.len()];
        for rows in view.iter() {
            initial[known(log.observation(rows[0]))] += 1.0 / view.len() as f64;
        }
        let least_reward = log.rewards().iter().fold(f64::INFINITY, |least, r| least.min(*r));
        Ok(Self { states, n_actions, cells, initial, least_reward })
    }

    /// Which observation is which state.
    #[must_use]
    pub fn states(&self) -> &StateTable {
        &self.states
    }

    /// Share of trajectories that start in each state, shape `[n_states]`.
    #[must_use]
    pub fn initial(&self) -> &[f64] {
        &self.initial
    }

    /// How often each action was taken in each state, shape `[n_states × n_actions]`.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.cells.iter().map(Vec::len).collect()
    }

    /// Shares of the actions taken in each state (uniform where nothing was logged), shape
    /// `[n_states × n_actions]`: behaviour cloning in a table.
    #[must_use]
    pub fn behaviour(&self) -> Vec<f64> {
        let share = |cells: &[Vec<(f64, After)>]| -> Vec<f64> {
            let n: usize = cells.iter().map(Vec::len).sum();
            let uniform = 1.0 / self.n_actions as f64;
            cells.iter().map(|c| if n == 0 { uniform } else { c.len() as f64 / n as f64 }).collect()
        };
        self.cells.chunks_exact(self.n_actions).flat_map(share).collect()
    }

    /// Mean rewards and shares of what followed, cell by cell: the certainty equivalent.
    #[must_use]
    pub fn maximum_likelihood(&self) -> TabularModel {
        self.model(|cell| vec![1.0; cell.len()], 0.0)
    }

    /// The certainty equivalent with `penalty / √n` taken from the mean reward of a cell seen `n`
    /// times: a lower bound for rewards of a spread of 1 (Jin, Yang and Wang 2021 with counts).
    #[must_use]
    pub fn penalised(&self, penalty: f64) -> TabularModel {
        let mut model = self.maximum_likelihood();
        for (reward, cell) in model.rewards.iter_mut().zip(&self.cells) {
            *reward -= if cell.is_empty() { 0.0 } else { penalty / (cell.len() as f64).sqrt() };
        }
        model
    }

    /// Draws from the posterior of the world: the rows of a cell get Dirichlet(1, …, 1) weights
    /// (the Bayesian bootstrap, Rubin 1981), which draws rewards and transitions together; besides,
    /// `prior` pseudo-rows lead to a halt that earns the least reward for ever, as in MOReL
    /// (Kidambi et al. 2020), so that a cell seen `n` times halts with probability about
    /// `prior / (n + prior)`.
    #[must_use]
    pub fn posterior_draws(&self, n_draws: usize, prior: f64, seed: SeedTree) -> Vec<TabularModel> {
        let draw = |draw: usize| {
            let mut rng = seed.index(draw as u64).stream();
            let mut weights = |cell: &[(f64, After)]| -> Vec<f64> {
                cell.iter().map(|_| Exp1.sample(&mut rng)).collect()
            };
            self.model(&mut weights, prior)
        };
        (0..n_draws).map(draw).collect()
    }

    fn model(
        &self,
        mut weights: impl FnMut(&[(f64, After)]) -> Vec<f64>,
        prior: f64,
    ) -> TabularModel {
        let mut model = TabularModel {
            n_actions: self.n_actions,
            visited: self.cells.iter().map(|cell| !cell.is_empty()).collect(),
            rewards: Vec::with_capacity(self.cells.len()),
            next: Vec::with_capacity(self.cells.len()),
            halt: Vec::with_capacity(self.cells.len()),
            least_reward: self.least_reward,
        };
        for cell in &self.cells {
            let weights = weights(cell);
            let total: f64 = weights.iter().sum();
            let (mut reward, mut known) = (0.0, 0.0);
            let mut next: BTreeMap<usize, f64> = BTreeMap::new();
            for ((r, after), weight) in cell.iter().zip(&weights) {
                reward += weight * r / total;
                known += if *after == After::Unknown { 0.0 } else { *weight };
                if let After::State(state) = after {
                    *next.entry(*state).or_default() += weight;
                }
            }
            next.values_mut().for_each(|weight| *weight /= known);
            model.rewards.push(reward);
            model.next.push(next.into_iter().collect());
            model.halt.push(if total > 0.0 { prior / (total + prior) } else { 0.0 });
        }
        model
    }
}

/// One world that the log allows, over the states of a [`TabularLog`].
#[derive(Debug, Clone, PartialEq)]
pub struct TabularModel {
    n_actions: usize,
    visited: Vec<bool>,
    /// Expected rewards, shape `[n_states × n_actions]`; 0 where nothing was logged.
    rewards: Vec<f64>,
    /// States that follow with their probabilities; what is missing to 1 is an end.
    next: Vec<Vec<(usize, f64)>>,
    /// Probability of the unknown.
    halt: Vec<f64>,
    least_reward: f64,
}

impl TabularModel {
    /// `r + γ Σ p V(s')`, mixed with `floor` (the value of a halt) by its probability.
    fn backup(&self, cell: usize, values: &[f64], discount_factor: f64, floor: f64) -> f64 {
        let future: f64 = self.next[cell].iter().map(|&(state, p)| p * values[state]).sum();
        let known = self.rewards[cell] + discount_factor * future;
        (1.0 - self.halt[cell]) * known + self.halt[cell] * floor
    }

    /// Value of a policy (probabilities `[n_states × n_actions]`) over so many steps, from the
    /// given distribution of first states.
    #[must_use]
    pub fn evaluate(
        &self,
        probabilities: &[f64],
        initial: &[f64],
        discount_factor: f64,
        n_steps: u32,
    ) -> f64 {
        let mut values = vec![0.0; initial.len()];
        for _ in 0..n_steps {
            let cells: Vec<f64> = (0..probabilities.len())
                .map(|cell| probabilities[cell] * self.backup(cell, &values, discount_factor, 0.0))
                .collect();
            values = cells.chunks_exact(self.n_actions).map(|row| row.iter().sum()).collect();
        }
        values.iter().zip(initial).map(|(value, share)| value * share).sum()
    }

    /// The best plan in this model, over actions that were logged.
    ///
    /// # Errors
    /// As for [`plan`].
    pub fn plan(&self, discount_factor: f64, horizon: Horizon) -> Result<Plan, AgentError> {
        plan(std::slice::from_ref(self), discount_factor, horizon, Pessimism::Mean)
    }
}

impl Models for [TabularModel] {
    fn n_models(&self) -> usize {
        self.len()
    }

    fn n_states(&self) -> usize {
        self.first().map_or(0, |model| model.visited.len() / model.n_actions)
    }

    fn n_actions(&self) -> usize {
        self.first().map_or(0, |model| model.n_actions)
    }

    fn is_known(&self, state: usize, action: usize) -> bool {
        self.first().is_some_and(|model| model.visited[state * model.n_actions + action])
    }

    fn least_reward(&self) -> f64 {
        self.iter().map(|model| model.least_reward).fold(f64::INFINITY, f64::min)
    }

    fn backup(
        &self,
        model: usize,
        (state, action): (usize, usize),
        values: &[f64],
        discount_factor: f64,
        floor: f64,
    ) -> f64 {
        let model = &self[model];
        model.backup(state * model.n_actions + action, values, discount_factor, floor)
    }
}

/// Scores of every action in every state, for each step of a horizon (one step when discounted).
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub(super) n_actions: usize,
    /// Shape `[n_steps][n_states × n_actions]`; `-∞` for actions that are not known.
    pub(super) scores: Vec<Vec<f64>>,
}

impl Plan {
    /// The best known action at a step, ties to the lower index; the last step's plan goes on.
    #[must_use]
    pub fn action(&self, step: usize, state: usize) -> usize {
        let scores = &self.scores[step.min(self.scores.len() - 1)];
        ActionMask::all(self.n_actions).argmax(&scores[state * self.n_actions..][..self.n_actions])
    }

    /// Value of a state at the first step.
    #[must_use]
    pub fn value(&self, state: usize) -> f64 {
        self.scores[0][state * self.n_actions + self.action(0, state)]
    }

    /// The first step's plan as a policy; states that the log has not seen get the lowest allowed
    /// action.
    #[must_use]
    pub fn into_policy(mut self, states: StateTable) -> TabularPolicy {
        let scores = self.scores.swap_remove(0);
        TabularPolicy { states, n_actions: self.n_actions, scores }
    }
}

/// Greedy over a table of scores.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularPolicy {
    states: StateTable,
    n_actions: usize,
    scores: Vec<f64>,
}

impl Policy for TabularPolicy {
    fn name(&self) -> &str {
        "tabular-plan"
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let lowest = mask.allowed().next().unwrap_or(0);
        let best = self.states.state(observation).map_or(lowest, |state| {
            mask.argmax(&self.scores[state * self.n_actions..][..self.n_actions])
        });
        ActionDistribution::deterministic(best, mask.n_actions())
    }
}
