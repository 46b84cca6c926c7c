//! Identity: say what you see. Solved by anything that learns at all.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// A symbol is shown; naming it pays.
///
/// - **Action**: the name of a symbol, `0..n`.
/// - **Observation**: the symbol as a one-hot vector, shape `[n]`.
/// - **Start**: a uniform symbol.
/// - **Reward**: 1 for the right name, else 0; the next symbol is drawn uniformly.
/// - **End**: truncated after `horizon` steps; never terminated.
///
/// The optimal return is `horizon`; the uniform policy's expected return is `horizon / n`.
#[derive(Debug, Clone)]
pub struct Identity {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: Vec<f32>,
    mask: ActionMask,
    symbol: usize,
}

impl Identity {
    /// A world of `n` symbols; `n` and `horizon` are raised to at least 1.
    #[must_use]
    pub fn new(n: usize, horizon: u32) -> Self {
        let (n, horizon) = (n.max(1), horizon.max(1));
        Self {
            spec: EnvSpec {
                id: "Identity-v0".into(),
                observation_space: BoxSpace::new(vec![0.0; n], vec![1.0; n]),
                n_actions: n,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: vec![0.0; n],
            mask: ActionMask::all(n),
            symbol: 0,
        }
    }

    /// The best possible undiscounted return of an episode.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        self.spec.horizon.map_or(0.0, f64::from)
    }

    fn draw(&mut self) {
        self.observation[self.symbol] = 0.0;
        self.symbol = self.stream.random_range(0..self.spec.n_actions);
        self.observation[self.symbol] = 1.0;
    }
}

impl Env for Identity {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        self.draw();
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let reward = if action == self.symbol { 1.0 } else { 0.0 };
        self.draw();
        Ok(self.episode.advance(reward, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() {
        assert_eq!(check_env(&mut || Box::new(Identity::new(4, 10)), 1), []);
    }

    #[test]
    fn naming_the_symbol_earns_the_optimal_return() -> Result<(), EnvError> {
        let mut env = Identity::new(4, 10);
        env.reset(Some(3));
        let mut total = 0.0;
        loop {
            let symbol = env.observation().iter().position(|&x| x == 1.0).unwrap_or(0);
            let step = env.step(symbol)?;
            total += step.reward;
            if step.is_last() {
                break;
            }
        }
        assert_eq!(total, env.optimal_return());
        Ok(())
    }
}
