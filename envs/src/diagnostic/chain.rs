//! Chain: a reward at the far end of a corridor. Solved only by looking more than one step ahead.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::exact::{ExactError, TabularMdp, Transition};
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// Cost of every step.
const STEP_COST: f64 = 0.01;

/// A corridor with a prize at its right end.
///
/// - **Action**: 0 steps left (stays at the left wall), 1 steps right.
/// - **Observation**: the cell as a one-hot vector, shape `[n_cells]`.
/// - **Start**: cell 0, or with `random_start` any cell but the last, uniformly.
/// - **Reward**: −0.01 each step, and +1 on entering the last cell.
/// - **End**: terminated on entering the last cell; truncated after `4 × n_cells` steps.
///
/// Always right is optimal for every discount factor; from cell 0 its undiscounted return is
/// `1 − 0.01 (n_cells − 1)`.
#[derive(Debug, Clone)]
pub struct Chain {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: Vec<f32>,
    mask: ActionMask,
    cell: usize,
    random_start: bool,
}

impl Chain {
    /// A corridor of `n_cells` cells (raised to at least 2).
    #[must_use]
    pub fn new(n_cells: usize, random_start: bool) -> Self {
        let n_cells = n_cells.clamp(2, 10_000);
        let horizon = 4 * n_cells as u32;
        Self {
            spec: EnvSpec {
                id: "Chain-v0".into(),
                observation_space: BoxSpace::new(vec![0.0; n_cells], vec![1.0; n_cells]),
                n_actions: 2,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: vec![0.0; n_cells],
            mask: ActionMask::all(2),
            cell: 0,
            random_start,
        }
    }

    /// The best possible undiscounted return from cell 0.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        1.0 - STEP_COST * (self.observation.len() - 1) as f64
    }

    /// The known transitions without the time limit; state = cell, the last one being the end.
    ///
    /// # Errors
    /// None in practice: the table is complete.
    pub fn mdp(&self) -> Result<TabularMdp, ExactError> {
        let last = self.observation.len() - 1;
        TabularMdp::new(last, 2, |cell, action, out| {
            let next = neighbour(cell, action);
            let terminated = next == last;
            let reward = reward(terminated);
            out.push(Transition { probability: 1.0, next, reward, terminated });
        })
    }

    fn enter(&mut self, cell: usize) {
        self.observation[self.cell] = 0.0;
        self.cell = cell;
        self.observation[cell] = 1.0;
    }
}

fn neighbour(cell: usize, action: ActionId) -> usize {
    if action == 1 { cell + 1 } else { cell.saturating_sub(1) }
}

fn reward(arrived: bool) -> f64 {
    let prize = if arrived { 1.0 } else { 0.0 };
    prize - STEP_COST
}

impl Env for Chain {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        let last = self.observation.len() - 1;
        let start = if self.random_start { self.stream.random_range(0..last) } else { 0 };
        self.enter(start);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let next = neighbour(self.cell, action);
        self.enter(next);
        let arrived = next + 1 == self.observation.len();
        Ok(self.episode.advance(reward(arrived), arrived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() {
        assert_eq!(check_env(&mut || Box::new(Chain::new(5, true)), 1), []);
    }

    #[test]
    fn always_right_earns_the_optimal_return_and_terminates() -> Result<(), EnvError> {
        let mut env = Chain::new(5, false);
        env.reset(Some(0));
        let mut total = 0.0;
        let last = loop {
            let step = env.step(1)?;
            total += step.reward;
            if step.is_last() {
                break step;
            }
        };
        assert!(last.terminated && !last.truncated);
        assert!((total - env.optimal_return()).abs() < 1e-12);
        assert!((env.optimal_return() - 0.96).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn always_left_is_truncated_and_not_terminated() -> Result<(), EnvError> {
        let mut env = Chain::new(3, false);
        env.reset(Some(0));
        for _ in 0..11 {
            assert!(!env.step(0)?.is_last());
        }
        let last = env.step(0)?;
        assert!(last.truncated && !last.terminated);
        Ok(())
    }
}
