//! Linear models of the reward of each action, with their doubt, learned one reward at a time.

use super::features::{ActionFeatures, FeatureMap};
use super::kernel::padded;
use super::ridge::RidgeBank;
use crate::checkpoint::Archive;
use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionId, ActionMask, EnvSpec};
use promopt_policies::{LinearPolicy, LinearScores};
use serde::{Deserialize, Serialize};

/// How rewards scatter around what the linear score says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// `r ~ N(xᵀθ, σ²)`: ridge regression.
    #[default]
    Gaussian,
    /// `P(r = 1) = 1 / (1 + exp(−xᵀθ))`: online logistic regression; scaled rewards lie in `[0, 1]`.
    Logistic,
}

/// Settings shared by everything that keeps linear models.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelConfig {
    pub(super) ridge: f64,
    pub(super) reward_scale: f64,
    pub(super) likelihood: Likelihood,
}

/// A [`RidgeBank`] over the vectors of a [`FeatureMap`], and scratch memory for one decision.
#[derive(Debug, Clone)]
pub(super) struct LinearModel {
    features: FeatureMap,
    bank: RidgeBank,
    config: ModelConfig,
    /// `(x, 1)`, and `φ(x, a)` where actions share a model; padded.
    context: Vec<f64>,
    joint: Vec<f64>,
    means: Vec<f64>,
    /// Variances of the means; for joint beliefs the covariance, shape `[n_actions, n_actions]`.
    spread: Vec<f64>,
}

/// What a model believes about the score of each action: mean, and variance in noise units.
pub(super) struct Belief<'m> {
    pub(super) means: &'m [f64],
    pub(super) variances: &'m [f64],
}

impl LinearModel {
    pub(super) fn new(
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: Option<ActionFeatures>,
        config: ModelConfig,
    ) -> Result<Self, AgentError> {
        let features = FeatureMap::new(spec, normalisation, actions)?;
        let bank = RidgeBank::new(features.n_models(), features.dim(), config.ridge);
        let (width, n) = (bank.width(), features.n_actions());
        let context = vec![0.0; padded(features.n_features() + 1)];
        let (joint, means, spread) = (vec![0.0; width], vec![0.0; n], vec![0.0; n]);
        Ok(Self { features, bank, config, context, joint, means, spread })
    }

    pub(super) fn features(&self) -> &FeatureMap {
        &self.features
    }

    pub(super) fn bank(&self) -> &RidgeBank {
        &self.bank
    }

    pub(super) fn bank_mut(&mut self) -> &mut RidgeBank {
        &mut self.bank
    }

    /// Errors unless observation and mask have the lengths that the model was built for.
    pub(super) fn check(&self, observation: &[f32], mask: &ActionMask) -> Result<(), AgentError> {
        same_length("the observation", self.features.n_features(), observation.len())?;
        same_length("the mask", self.features.n_actions(), mask.n_actions())
    }

    /// Linear score of every action.
    pub(super) fn means(&mut self, observation: &[f32]) -> &[f64] {
        self.features.context(observation, &mut self.context);
        if self.features.is_shared() {
            for action in 0..self.means.len() {
                self.features.joint(&self.context, action, &mut self.joint);
                self.bank.means(&self.joint, &mut self.means[action..=action]);
            }
        } else {
            self.bank.means(&self.context, &mut self.means);
        }
        &self.means
    }

    /// Mean and variance of the score of every action.
    pub(super) fn believe(&mut self, observation: &[f32]) -> Belief<'_> {
        self.features.context(observation, &mut self.context);
        let n = self.means.len();
        self.spread.resize(n, 0.0);
        if self.features.is_shared() {
            for action in 0..n {
                self.features.joint(&self.context, action, &mut self.joint);
                let (mean, variance) = self.bank.belief(0, &self.joint);
                (self.means[action], self.spread[action]) = (mean, variance);
            }
        } else {
            self.bank.beliefs(&self.context, &mut self.means, &mut self.spread);
        }
        Belief { means: &self.means, variances: &self.spread }
    }

    /// Mean scores and their covariance `φ_aᵀA⁻¹φ_b`, shape `[n_actions, n_actions]`: actions that
    /// share a model are believed in together.
    pub(super) fn believe_jointly(&mut self, observation: &[f32]) -> Belief<'_> {
        self.features.context(observation, &mut self.context);
        let (n, width) = (self.means.len(), self.bank.width());
        self.spread.clear();
        self.spread.resize(n * n, 0.0);
        let mut vectors = vec![0.0; n * width];
        for (action, vector) in vectors.chunks_exact_mut(width).enumerate() {
            self.features.joint(&self.context, action, vector);
        }
        for (action, vector) in vectors.chunks_exact(width).enumerate() {
            let model = self.features.model(action);
            self.bank.means_of(model, vector, &mut self.means[action..=action]);
            let row = &mut self.spread[action * n..][..n];
            if self.features.is_shared() {
                self.bank.covariances(vector, &vectors, row);
            } else {
                row[action] = self.bank.belief(model, vector).1;
            }
        }
        Belief { means: &self.means, variances: &self.spread }
    }

    /// One reward, not yet scaled, that counts `weight` times.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the likelihood is logistic and the scaled reward lies outside
    /// `[0, 1]`.
    pub(super) fn learn(
        &mut self,
        observation: &[f32],
        action: ActionId,
        reward: f64,
        weight: f64,
    ) -> Result<(), AgentError> {
        let y = reward * self.config.reward_scale;
        self.features.context(observation, &mut self.context);
        let x = if self.features.is_shared() {
            self.features.joint(&self.context, action, &mut self.joint);
            &self.joint
        } else {
            &self.context
        };
        let model = self.features.model(action);
        match self.config.likelihood {
            Likelihood::Gaussian => self.bank.learn(model, x, y, weight),
            Likelihood::Logistic if (0.0..=1.0).contains(&y) => {
                self.bank.shift(model, x, |mean, variance| laplace_step(mean, variance, y, weight));
            }
            Likelihood::Logistic => {
                return Err(AgentError::NotFinite {
                    what: "reward in [0, 1] after scaling (logistic likelihood)",
                    got: y,
                });
            }
        }
        Ok(())
    }

    /// Turns a score into an expected reward in the environment's unit.
    pub(super) fn expected_reward(&self, score: f64) -> f64 {
        let scaled = match self.config.likelihood {
            Likelihood::Gaussian => score,
            Likelihood::Logistic => logistic(score),
        };
        scaled / self.config.reward_scale
    }

    /// The estimated weights: in the environment's reward unit, or log-odds for a logistic model.
    pub(super) fn scores(&self) -> Result<LinearScores, AgentError> {
        let factor = match self.config.likelihood {
            Likelihood::Gaussian => 1.0 / self.config.reward_scale,
            Likelihood::Logistic => 1.0,
        };
        self.features.export(|model| self.bank.theta(model), factor)
    }

    /// Stores everything that was learned.
    pub(super) fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("action_features", &self.features.actions())?;
        save_blocks(archive, "model", &self.bank.state());
        Ok(())
    }

    /// Takes over what [`LinearModel::save`] stored.
    pub(super) fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("action_features", &self.features.actions())?;
        load_blocks(archive, "model", self.bank.state_mut().into())
    }

    /// Greedy over [`LinearModel::scores`].
    pub(super) fn export(&self, name: &str) -> Result<LinearPolicy, AgentError> {
        Ok(LinearPolicy::new(name, self.scores()?, 0.0))
    }
}

/// Stores blocks of numbers under one name.
pub(super) fn save_blocks(archive: &mut Archive, name: &str, blocks: &[&[f64]]) {
    for (at, block) in blocks.iter().enumerate() {
        archive.put(&format!("{name}.{at}"), block);
    }
}

/// Overwrites all blocks by what was stored under the name, or none of them.
pub(super) fn load_blocks(
    archive: &Archive,
    name: &str,
    blocks: Vec<&mut [f64]>,
) -> Result<(), AgentError> {
    let read = |(at, block): (usize, &&mut [f64])| {
        archive.get_n::<f64>(&format!("{name}.{at}"), block.len())
    };
    let stored = blocks.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    blocks.into_iter().zip(&stored).for_each(|(block, stored)| block.copy_from_slice(stored));
    Ok(())
}

/// `1 / (1 + exp(−z))`.
pub(super) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// One step of online Laplace approximation for logistic regression (Spiegelhalter and Lauritzen
/// 1990; the diagonal form is Chapelle and Li 2011, algorithm 3), as `(s, g)` of
/// [`RidgeBank::shift`].
///
/// The most likely weights after an example are `θ + s A⁻¹x`, where `s = w (y − σ(m + s v))` has one
/// root in one unknown, found by Newton's method; the precision then grows by `w p (1 − p) x xᵀ`.
fn laplace_step(mean: f64, variance: f64, y: f64, weight: f64) -> (f64, f64) {
    // The root lies between 0 (no step) and w (y − ½ ± ½). A Newton step that leaves the bracket or
    // does not halve the last one gives way to bisection (as in Press et al. 2007, section 9.4).
    let (mut low, mut high) = (weight * (y - 1.0), weight * y);
    let (mut step, mut moved) = (0.0_f64, high - low);
    for _ in 0..64 {
        let p = logistic(mean + step * variance);
        let excess = step - weight * (y - p);
        if excess > 0.0 {
            high = step
        } else {
            low = step
        }
        let newton = -excess / (1.0 + weight * p * (1.0 - p) * variance);
        let inside = (low..=high).contains(&(step + newton)) && newton.abs() <= moved / 2.0;
        let change = if inside { newton } else { (low + high) / 2.0 - step };
        moved = change.abs();
        step += change;
        if moved <= 1e-12 {
            break;
        }
    }
    let p = logistic(mean + step * variance);
    let precision = weight * p * (1.0 - p);
    (step, precision / (1.0 + precision * variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laplace_step_ends_where_the_gradient_of_the_posterior_is_zero() {
        for (mean, variance, y, weight) in [
            (0.0, 1.0, 1.0, 1.0),
            (3.0, 25.0, 0.0, 2.0),
            (-40.0, 4.0, 1.0, 1.0),
            (1.0, 0.0, 0.3, 5.0),
        ] {
            let (step, gain) = laplace_step(mean, variance, y, weight);
            let p = logistic(mean + step * variance);
            assert!((step - weight * (y - p)).abs() < 1e-9, "{mean} {variance} {step}");
            // A⁻¹ shrinks from v to v − g v² = 1 / (1/v + w p (1 − p)).
            let precision = weight * p * (1.0 - p);
            let expected = variance / (1.0 + precision * variance);
            assert!((variance - gain * variance * variance - expected).abs() < 1e-9);
        }
    }
}
