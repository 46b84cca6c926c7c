//! Known bandit: a contextual linear bandit whose best value has a closed form.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Each action shows its expected reward, but does not say so.
///
/// - **Action**: one of `k` arms.
/// - **Observation**: `x`, independent and uniform on `[−1, 1]`, shape `[k]`.
/// - **Start**: a fresh `x`; every step draws another.
/// - **Reward**: `x[action] + noise · N(0, 1)`, so each arm is linear in `x`.
/// - **End**: truncated after `horizon` steps; never terminated.
///
/// In the masked variant the arm with the largest `x` is masked in half of the states, at random.
///
/// The best expected reward of a step is `E[max x] = (k − 1) / (k + 1)`, and in the masked variant
/// the mean of that and `E[second largest x] = (k − 3) / (k + 1)`. The uniform policy earns 0, or
/// when the best arm is masked `−E[max x] / (k − 1)`.
#[derive(Debug, Clone)]
pub struct KnownBandit {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: Vec<f32>,
    mask: ActionMask,
    noise: f64,
    masks_best: bool,
}

impl KnownBandit {
    /// A bandit of `k` arms (raised to at least 2) with the given noise and episode length.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the noise is negative or not finite.
    pub fn new(k: usize, noise: f64, horizon: u32) -> Result<Self, EnvError> {
        Self::with_masks("KnownBandit-v0", k, noise, horizon, false)
    }

    /// The variant in which the best arm is often masked.
    ///
    /// # Errors
    /// As for [`KnownBandit::new`].
    pub fn masked(k: usize, noise: f64, horizon: u32) -> Result<Self, EnvError> {
        Self::with_masks("MaskedKnownBandit-v0", k, noise, horizon, true)
    }

    fn with_masks(
        id: &str,
        k: usize,
        noise: f64,
        horizon: u32,
        masks_best: bool,
    ) -> Result<Self, EnvError> {
        if !(noise.is_finite() && noise >= 0.0) {
            let expected = "a finite number that is not negative";
            return Err(EnvError::InvalidParameter { name: "noise", expected, got: noise });
        }
        let (k, horizon) = (k.max(2), horizon.max(1));
        Ok(Self {
            spec: EnvSpec {
                id: id.into(),
                observation_space: BoxSpace::new(vec![-1.0; k], vec![1.0; k]),
                n_actions: k,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: vec![0.0; k],
            mask: ActionMask::all(k),
            noise,
            masks_best,
        })
    }

    /// The best possible expected undiscounted return of an episode.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        let k = self.spec.n_actions as f64;
        let largest = (k - 1.0) / (k + 1.0);
        let second = (k - 3.0) / (k + 1.0);
        let per_step = if self.masks_best { (largest + second) / 2.0 } else { largest };
        per_step * self.spec.horizon.map_or(0.0, f64::from)
    }

    /// The allowed arm with the largest expected reward.
    #[must_use]
    pub fn optimal_action(&self) -> ActionId {
        let means: Vec<f64> = self.observation.iter().map(|&x| f64::from(x)).collect();
        self.mask.argmax(&means)
    }

    fn draw(&mut self) {
        for x in &mut self.observation {
            *x = self.stream.random_range(-1.0..=1.0);
        }
        if self.masks_best {
            self.mask.fill_with(|_| true);
            let best = self.optimal_action();
            let masked = self.stream.random_bool(0.5);
            self.mask.fill_with(|action| !(masked && action == best));
        }
    }
}

impl Env for KnownBandit {
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
        let noise: f64 = StandardNormal.sample(&mut self.stream);
        let reward = f64::from(self.observation[action]) + self.noise * noise;
        self.draw();
        Ok(self.episode.advance(reward, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn both_variants_keep_the_contract() -> Result<(), EnvError> {
        let (plain, masked) = (KnownBandit::new(4, 0.5, 20)?, KnownBandit::masked(4, 0.5, 20)?);
        assert_eq!(check_env(&mut || Box::new(plain.clone()), 1), []);
        assert_eq!(check_env(&mut || Box::new(masked.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn the_optimal_action_earns_the_closed_form() -> Result<(), EnvError> {
        // 20,000 steps without noise. One reward lies in [−1, 1], so its standard deviation is
        // below 1 and 4 standard errors of the mean are below 4 / sqrt(20000) = 0.0283.
        for mut env in [KnownBandit::new(4, 0.0, 20_000)?, KnownBandit::masked(4, 0.0, 20_000)?] {
            env.reset(Some(5));
            let mut total = 0.0;
            loop {
                let step = env.step(env.optimal_action())?;
                total += step.reward;
                if step.is_last() {
                    break;
                }
            }
            assert!(((total - env.optimal_return()) / 20_000.0).abs() < 0.0283);
        }
        Ok(())
    }

    #[test]
    fn a_negative_noise_is_refused() {
        assert!(KnownBandit::new(4, -1.0, 20).is_err());
    }
}
