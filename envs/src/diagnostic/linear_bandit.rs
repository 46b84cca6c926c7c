//! Linear bandit: customers of a few known kinds, and arms whose reward is linear in the context.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A contextual bandit whose optimum is a sum over its contexts.
///
/// - **Action**: one of `k` arms, each with a hidden weight vector `θ`.
/// - **Observation**: a context `x`, one of `m` fixed points of `[−1, 1]^d`, shape `[d]`.
/// - **Start**: a uniform context.
/// - **Reward**: `θ[action] · x + noise · N(0, 1)`; the next context is drawn uniformly.
/// - **End**: truncated after `horizon` steps; never terminated.
/// - **Info**: `regret`, what the last action gave away in expectation.
///
/// The optimal expected reward of a step is `(1/m) Σ_x max_a θ_a · x`, exactly. Contexts are uniform
/// and weights normal with variance `1 / d`, both drawn once from the world's own seed.
#[derive(Debug, Clone)]
pub struct LinearBandit {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: Vec<f32>,
    mask: ActionMask,
    /// Shape `[m × d]`.
    contexts: Vec<f32>,
    /// Expected rewards `θ_a · x`, shape `[m × k]`.
    means: Vec<f64>,
    noise: f64,
    context: usize,
    regret: f64,
}

/// How large a [`LinearBandit`] is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearBanditConfig {
    /// Number of arms `k`, raised to at least 2.
    pub n_arms: usize,
    /// Number of features `d`, raised to at least 1.
    pub n_features: usize,
    /// Number of contexts `m`, raised to at least 1.
    pub n_contexts: usize,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// Steps until truncation, raised to at least 1.
    pub horizon: u32,
    /// Decides contexts and weights; it belongs to the world, not to the episode.
    pub world_seed: u64,
}

impl LinearBandit {
    /// A bandit with contexts and weights drawn from the world's seed.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the noise is negative or not finite.
    pub fn new(config: &LinearBanditConfig) -> Result<Self, EnvError> {
        let noise = config.noise;
        if !(noise.is_finite() && noise >= 0.0) {
            let expected = "a finite number that is not negative";
            return Err(EnvError::InvalidParameter { name: "noise", expected, got: noise });
        }
        let (k, d) = (config.n_arms.max(2), config.n_features.max(1));
        let (m, horizon) = (config.n_contexts.max(1), config.horizon.max(1));
        let mut draw = SeedTree::new(config.world_seed).child("linear-bandit").stream();
        let contexts: Vec<f32> = (0..m * d).map(|_| draw.random_range(-1.0..=1.0)).collect();
        let scale = 1.0 / (d as f64).sqrt();
        let mut normal = || -> f64 { StandardNormal.sample(&mut draw) };
        let weights: Vec<f64> = (0..k * d).map(|_| scale * normal()).collect();
        let mean = |x: &[f32], theta: &[f64]| -> f64 {
            x.iter().zip(theta).map(|(&x, t)| f64::from(x) * t).sum()
        };
        let of_context = |x| weights.chunks_exact(d).map(move |theta| mean(x, theta));
        let means = contexts.chunks_exact(d).flat_map(of_context).collect();
        Ok(Self {
            spec: EnvSpec {
                id: "LinearBandit-v0".into(),
                observation_space: BoxSpace::new(vec![-1.0; d], vec![1.0; d]),
                n_actions: k,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: contexts[..d].to_vec(),
            mask: ActionMask::all(k),
            contexts,
            means,
            noise,
            context: 0,
            regret: 0.0,
        })
    }

    /// The best possible expected undiscounted return of an episode.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        let k = self.spec.n_actions;
        let n_contexts = self.means.len() / k;
        let best = |means: &[f64]| means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = self.means.chunks_exact(k).map(best).sum();
        total / n_contexts as f64 * self.spec.horizon.map_or(0.0, f64::from)
    }

    /// Expected reward of each arm in the current context, shape `[n_arms]`.
    #[must_use]
    pub fn expected_rewards(&self) -> &[f64] {
        let k = self.spec.n_actions;
        &self.means[self.context * k..(self.context + 1) * k]
    }

    /// The arm with the largest expected reward in the current context.
    #[must_use]
    pub fn optimal_action(&self) -> ActionId {
        self.mask.argmax(self.expected_rewards())
    }

    fn draw(&mut self) {
        let d = self.observation.len();
        self.context = self.stream.random_range(0..self.contexts.len() / d);
        let from = self.context * d;
        self.observation.copy_from_slice(&self.contexts[from..from + d]);
    }
}

impl Env for LinearBandit {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        self.regret = 0.0;
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
        let means = self.expected_rewards();
        let mean = means[action];
        self.regret = means.iter().copied().fold(mean, f64::max) - mean;
        let noise: f64 = StandardNormal.sample(&mut self.stream);
        self.draw();
        Ok(self.episode.advance(mean + self.noise * noise, false))
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![("regret", self.regret)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    fn config() -> LinearBanditConfig {
        LinearBanditConfig {
            n_arms: 4,
            n_features: 5,
            n_contexts: 20,
            noise: 0.5,
            horizon: 30,
            world_seed: 1,
        }
    }

    #[test]
    fn it_keeps_the_contract() -> Result<(), EnvError> {
        let env = LinearBandit::new(&config())?;
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn the_best_arm_earns_the_optimum_and_regret_is_what_others_miss() -> Result<(), EnvError> {
        // 20,000 steps without noise: the standard error of the mean reward is estimated from the
        // rewards themselves, four are allowed. Reward and regret of arm 0 add up to the optimum
        // step by step, so their mean has the same bound.
        let n = 20_000_u32;
        let mut env =
            LinearBandit::new(&LinearBanditConfig { noise: 0.0, horizon: n, ..config() })?;
        let optimum = env.optimal_return() / f64::from(n);
        for always_first in [false, true] {
            env.reset(Some(5));
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let action = if always_first { 0 } else { env.optimal_action() };
                let reward = env.step(action)?.reward;
                let regret = env.info()[0].1;
                assert!(always_first || regret == 0.0);
                sum += reward + regret;
                squares += (reward + regret).powi(2);
            }
            let mean = sum / f64::from(n);
            let error = ((squares / f64::from(n) - mean * mean) / f64::from(n)).sqrt();
            assert!((mean - optimum).abs() < 4.0 * error, "{mean} {optimum} {error}");
        }
        Ok(())
    }

    #[test]
    fn rewards_are_linear_in_the_context() -> Result<(), EnvError> {
        // Five features and twenty contexts: with the weights solved from five contexts by
        // Gauss-Jordan, the expected rewards of the others follow.
        let env = LinearBandit::new(&config())?;
        let (d, k) = (5, 4);
        let mut rows: Vec<Vec<f64>> = (0..d)
            .map(|i| {
                let x = env.contexts[i * d..(i + 1) * d].iter().map(|&x| f64::from(x));
                x.chain([env.means[i * k]]).collect()
            })
            .collect();
        for i in 0..d {
            let pivot = (i..d).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs()));
            rows.swap(i, pivot.expect("a row is left"));
            let scale = rows[i][i];
            rows[i].iter_mut().for_each(|x| *x /= scale);
            let row = rows[i].clone();
            for other in (0..d).filter(|&o| o != i) {
                let factor = rows[other][i];
                rows[other].iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            }
        }
        for context in d..20 {
            let x = &env.contexts[context * d..(context + 1) * d];
            let mean: f64 = x.iter().zip(&rows).map(|(&x, row)| f64::from(x) * row[d]).sum();
            assert!((mean - env.means[context * k]).abs() < 1e-6);
        }
        Ok(())
    }

    #[test]
    fn a_negative_noise_is_refused() {
        assert!(LinearBandit::new(&LinearBanditConfig { noise: -1.0, ..config() }).is_err());
    }
}
