//! Deep sea: a treasure that only a long plan finds; luck alone needs `2^n` episodes.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::exact::{ExactError, TabularMdp, Transition};
use crate::seed::SeedTree;
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// Cost of moving right all the way.
const MOVE_COST: f64 = 0.01;

/// A diver sinks one row with each step and steers left or right.
///
/// - **Action**: 0 or 1; which of them moves right differs from cell to cell when `scrambled`, so
///   that a network cannot generalise "always 1". The other moves left (stays at the left wall).
/// - **Observation**: the cell as a one-hot vector, shape `[n²]`; the last row's exit shows zeros.
/// - **Start**: the top left cell.
/// - **Reward**: `−0.01 / n` for a move right; +1 for moving right in the bottom right cell.
/// - **End**: terminated after `n` steps.
///
/// Always right is optimal for discount factors near 1; its undiscounted return is `1 − 0.01 = 0.99`,
/// every other return is at most 0. Reference: Osband et al. 2020, "Behaviour suite for
/// reinforcement learning", experiment `deep_sea`.
#[derive(Debug, Clone)]
pub struct DeepSea {
    spec: EnvSpec,
    episode: Episode,
    observation: Vec<f32>,
    mask: ActionMask,
    n: usize,
    /// Which action moves right, shape `[n²]`.
    right: Vec<ActionId>,
    row: usize,
    column: usize,
}

impl DeepSea {
    /// A sea of `n × n` cells, `n` held between 2 and 100. The seed decides which action moves right
    /// in which cell; it belongs to the world, not to the episode. `None`: action 1 everywhere.
    #[must_use]
    pub fn new(n: usize, scrambled: Option<u64>) -> Self {
        let n = n.clamp(2, 100);
        let cells = n * n;
        let mut stream = scrambled.map(|seed| SeedTree::new(seed).child("deep-sea").stream());
        let mut draw = |_| stream.as_mut().map_or(1, |s| usize::from(s.random_bool(0.5)));
        Self {
            spec: EnvSpec {
                id: "DeepSea-v0".into(),
                observation_space: BoxSpace::new(vec![0.0; cells], vec![1.0; cells]),
                n_actions: 2,
                horizon: Some(n as u32),
            },
            episode: Episode::new(n as u32),
            observation: vec![0.0; cells],
            mask: ActionMask::all(2),
            n,
            right: (0..cells).map(&mut draw).collect(),
            row: 0,
            column: 0,
        }
    }

    /// The best possible undiscounted return, 0.99.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        1.0 - MOVE_COST
    }

    /// The action that moves right in the current cell.
    #[must_use]
    pub fn optimal_action(&self) -> ActionId {
        self.right[self.row.min(self.n - 1) * self.n + self.column]
    }

    /// The known transitions; state `row × n + column`.
    ///
    /// # Errors
    /// None in practice: the table is complete.
    pub fn mdp(&self) -> Result<TabularMdp, ExactError> {
        let n = self.n;
        TabularMdp::new(n * n, 2, |state, action, out| {
            let (row, column) = (state / n, state % n);
            let (next, reward) = self.fall(row, column, action);
            let terminated = row + 1 == n;
            let next = if terminated { 0 } else { (row + 1) * n + next };
            out.push(Transition { probability: 1.0, next, reward, terminated });
        })
    }

    /// Column of the next row, and reward.
    fn fall(&self, row: usize, column: usize, action: ActionId) -> (usize, f64) {
        if action != self.right[row * self.n + column] {
            return (column.saturating_sub(1), 0.0);
        }
        let treasure = row + 1 == self.n && column + 1 == self.n;
        let prize = if treasure { 1.0 } else { 0.0 };
        ((column + 1).min(self.n - 1), prize - MOVE_COST / self.n as f64)
    }

    fn show(&mut self, value: f32) {
        if self.row < self.n {
            self.observation[self.row * self.n + self.column] = value;
        }
    }
}

impl Env for DeepSea {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, _seed: Option<u64>) {
        self.episode.begin();
        self.show(0.0);
        (self.row, self.column) = (0, 0);
        self.show(1.0);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let (column, reward) = self.fall(self.row, self.column, action);
        self.show(0.0);
        (self.row, self.column) = (self.row + 1, column);
        self.show(1.0);
        Ok(self.episode.advance(reward, self.row == self.n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() {
        for scrambled in [None, Some(3)] {
            assert_eq!(check_env(&mut || Box::new(DeepSea::new(6, scrambled)), 1), []);
        }
    }

    #[test]
    fn always_right_finds_the_treasure_and_terminates() -> Result<(), EnvError> {
        for scrambled in [None, Some(3), Some(4)] {
            let mut env = DeepSea::new(8, scrambled);
            env.reset(None);
            let mut total = 0.0;
            let last = loop {
                let step = env.step(env.optimal_action())?;
                total += step.reward;
                if step.is_last() {
                    break step;
                }
            };
            assert!(last.terminated && !last.truncated);
            assert!((total - env.optimal_return()).abs() < 1e-12);
            assert!(env.observation().iter().all(|&x| x == 0.0));
        }
        Ok(())
    }

    #[test]
    fn one_move_left_loses_the_treasure() -> Result<(), EnvError> {
        let mut env = DeepSea::new(5, None);
        env.reset(None);
        let mut total = env.step(0)?.reward;
        for _ in 0..4 {
            total += env.step(1)?.reward;
        }
        assert!((total + 4.0 * 0.01 / 5.0).abs() < 1e-12);
        Ok(())
    }
}
