//! Ridge regression per action, updated one reward at a time.

use crate::agent::Transition;
use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec};
use promopt_policies::mlp::normalised;
use promopt_policies::{ActionDistribution, Decision, LinearPolicy, LinearScores};
use rand::RngCore;

/// `θ = A⁻¹ Σ x r` with `A = λI + Σ x xᵀ`, for one action.
///
/// `A⁻¹` is kept by the identity of Sherman and Morrison (1950), in `O(d²)` a reward:
/// `A⁻¹ ← A⁻¹ − (A⁻¹x)(A⁻¹x)ᵀ / (1 + xᵀA⁻¹x)` and `θ ← θ + A⁻¹x (r − xᵀθ) / (1 + xᵀA⁻¹x)`.
#[derive(Debug, Clone)]
struct Ridge {
    inverse: Vec<f64>,
    theta: Vec<f64>,
}

impl Ridge {
    fn new(n: usize, ridge: f64) -> Self {
        let mut inverse = vec![0.0; n * n];
        inverse.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = 1.0 / ridge);
        Self { inverse, theta: vec![0.0; n] }
    }

    fn mean(&self, x: &[f64]) -> f64 {
        dot(&self.theta, x)
    }

    /// `xᵀA⁻¹x`, the variance of the mean in units of the noise variance; never negative.
    fn variance(&self, x: &[f64]) -> f64 {
        let rows = self.inverse.chunks_exact(x.len()).zip(x);
        rows.map(|(row, x_i)| x_i * dot(row, x)).sum::<f64>().max(0.0)
    }

    fn learn(&mut self, x: &[f64], reward: f64) {
        let n = x.len();
        let projected: Vec<f64> = self.inverse.chunks_exact(n).map(|row| dot(row, x)).collect();
        let gain = 1.0 / (1.0 + dot(&projected, x));
        let surprise = gain * (reward - self.mean(x));
        for (theta, p) in self.theta.iter_mut().zip(&projected) {
            *theta += surprise * p;
        }
        for (row, p_i) in self.inverse.chunks_exact_mut(n).zip(&projected) {
            for (value, p_j) in row.iter_mut().zip(&projected) {
                *value -= gain * p_i * p_j;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// One [`Ridge`] per action over normalised features and an intercept.
#[derive(Debug, Clone)]
pub(super) struct LinearModel {
    normalisation: Normalisation,
    reward_scale: f64,
    actions: Vec<Ridge>,
}

/// What the model believes about each action: mean and standard deviation in noise units.
pub(super) struct Belief {
    pub(super) means: Vec<f64>,
    pub(super) deviations: Vec<f64>,
}

impl LinearModel {
    pub(super) fn new(
        spec: &EnvSpec,
        normalisation: Normalisation,
        ridge: f64,
        reward_scale: f64,
    ) -> Result<Self, AgentError> {
        let n_features = spec.observation_space.n_features();
        normalisation.check(n_features)?;
        let actions = vec![Ridge::new(n_features + 1, ridge); spec.n_actions];
        Ok(Self { normalisation, reward_scale, actions })
    }

    pub(super) fn belief(
        &self,
        observation: &[f32],
        mask: &ActionMask,
    ) -> Result<Belief, AgentError> {
        same_length("the observation", self.normalisation.mean.len(), observation.len())?;
        same_length("the mask", self.actions.len(), mask.n_actions())?;
        let x = self.features(observation);
        let means = self.actions.iter().map(|action| action.mean(&x)).collect();
        let deviations = self.actions.iter().map(|action| action.variance(&x).sqrt()).collect();
        Ok(Belief { means, deviations })
    }

    pub(super) fn learn(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.normalisation.mean.len(), self.actions.len())?;
        let x = self.features(transition.observation);
        self.actions[transition.action].learn(&x, transition.reward * self.reward_scale);
        Ok(())
    }

    /// The estimated weights in the environment's reward unit, greedy.
    pub(super) fn export(&self, name: &str) -> Result<LinearPolicy, AgentError> {
        let unscaled = |theta: &Ridge| theta.theta.iter().map(|w| w / self.reward_scale).collect();
        let weights: Vec<Vec<f64>> = self.actions.iter().map(unscaled).collect();
        if let Some(&got) = weights.iter().flatten().find(|weight| !weight.is_finite()) {
            return Err(AgentError::NotFinite { what: "weight", got });
        }
        let Normalisation { mean, scale } = self.normalisation.clone();
        Ok(LinearPolicy::new(name, LinearScores { mean, scale, weights }, 0.0))
    }

    fn features(&self, observation: &[f32]) -> Vec<f64> {
        normalised(observation, &self.normalisation.mean, &self.normalisation.scale)
            .map(f64::from)
            .chain([1.0])
            .collect()
    }
}

/// Draws from `distribution`, which has `epsilon` of exploration mixed in.
pub(super) fn decide(
    distribution: &ActionDistribution,
    epsilon: f64,
    mask: &ActionMask,
    rng: &mut dyn RngCore,
) -> Decision {
    let mixed = distribution.mix_uniform(epsilon, mask);
    let action = mixed.sample(rng);
    Decision { action, propensity: mixed.probabilities()[action] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rewards_give_the_hand_worked_regression() {
        // λ = 1, x = (1, 1) then (1, −1), r = 2 then 0: A = 3I, Σ x r = (2, 2), θ = (2/3, 2/3).
        let mut ridge = Ridge::new(2, 1.0);
        ridge.learn(&[1.0, 1.0], 2.0);
        ridge.learn(&[1.0, -1.0], 0.0);
        for (got, expected) in ridge.theta.iter().zip([2.0 / 3.0, 2.0 / 3.0]) {
            assert!((got - expected).abs() < 1e-12);
        }
        for (got, expected) in ridge.inverse.iter().zip([1.0 / 3.0, 0.0, 0.0, 1.0 / 3.0]) {
            assert!((got - expected).abs() < 1e-12);
        }
        assert!((ridge.variance(&[3.0, 0.0]) - 3.0).abs() < 1e-12);
    }
}
