//! Bernoulli bandit: arms that pay 1 with a fixed probability and show nothing.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// The plainest question of exploration.
///
/// - **Action**: one of `k` arms.
/// - **Observation**: the constant 1, shape `[1]`.
/// - **Start**: the only state.
/// - **Reward**: 1 with the arm's probability, else 0.
/// - **End**: truncated after `horizon` steps; never terminated.
/// - **Info**: `regret`, what the last action gave away in expectation.
///
/// The optimal expected return is `horizon × max p`; the uniform policy's is `horizon × mean p`.
#[derive(Debug, Clone)]
pub struct BernoulliBandit {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: [f32; 1],
    mask: ActionMask,
    probabilities: Vec<f64>,
    best: f64,
    regret: f64,
}

impl BernoulliBandit {
    /// A bandit with the given probabilities of a reward; `horizon` is raised to at least 1.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is no arm or a probability is outside `[0, 1]`.
    pub fn new(probabilities: Vec<f64>, horizon: u32) -> Result<Self, EnvError> {
        let name = "probabilities";
        if probabilities.is_empty() {
            let expected = "at least one arm";
            return Err(EnvError::InvalidParameter { name, expected, got: 0.0 });
        }
        if let Some(&got) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            let expected = "probabilities in [0, 1]";
            return Err(EnvError::InvalidParameter { name, expected, got });
        }
        let horizon = horizon.max(1);
        Ok(Self {
            spec: EnvSpec {
                id: "BernoulliBandit-v0".into(),
                observation_space: BoxSpace::new(vec![1.0], vec![1.0]),
                n_actions: probabilities.len(),
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: [1.0],
            mask: ActionMask::all(probabilities.len()),
            best: probabilities.iter().copied().fold(0.0, f64::max),
            probabilities,
            regret: 0.0,
        })
    }

    /// The best possible expected undiscounted return of an episode.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        self.best * self.spec.horizon.map_or(0.0, f64::from)
    }

    /// What an arm gives away in expectation, `max p − p[action]`; `None` for an arm that does not
    /// exist.
    #[must_use]
    pub fn regret(&self, action: ActionId) -> Option<f64> {
        self.probabilities.get(action).map(|p| self.best - p)
    }
}

impl Env for BernoulliBandit {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        self.regret = 0.0;
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let probability = self.probabilities[action];
        self.regret = self.best - probability;
        let pays = self.stream.random::<f64>() < probability;
        Ok(self.episode.advance(f64::from(u8::from(pays)), false))
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![("regret", self.regret)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() -> Result<(), EnvError> {
        let env = BernoulliBandit::new(vec![0.2, 0.5, 0.4], 30)?;
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn each_arm_pays_its_probability_and_regret_is_the_gap() -> Result<(), EnvError> {
        // 40,000 pulls of an arm: the standard error is sqrt(p (1 − p) / 40000), four are allowed.
        let n = 40_000;
        let mut env = BernoulliBandit::new(vec![0.2, 0.5], n)?;
        assert_eq!(env.optimal_return(), 0.5 * f64::from(n));
        for (arm, p) in [(0, 0.2), (1, 0.5)] {
            env.reset(Some(7));
            let mut total = 0.0;
            for _ in 0..n {
                total += env.step(arm)?.reward;
            }
            let error = (p * (1.0 - p) / f64::from(n)).sqrt();
            assert!((total / f64::from(n) - p).abs() < 4.0 * error);
            assert_eq!(env.info(), [("regret", 0.5 - p)]);
            assert_eq!(env.regret(arm), Some(0.5 - p));
        }
        assert_eq!(env.regret(2), None);
        Ok(())
    }

    #[test]
    fn impossible_probabilities_are_refused() {
        assert!(BernoulliBandit::new(vec![], 3).is_err());
        assert!(BernoulliBandit::new(vec![0.5, 1.2], 3).is_err());
        assert!(BernoulliBandit::new(vec![f64::NAN], 3).is_err());
    }
}
