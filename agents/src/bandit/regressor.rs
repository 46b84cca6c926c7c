//! What an explorer needs to know: a prediction for every action, learned one reward at a time.

use super::features::{ActionFeatures, FeatureMap};
use super::kernel::{add_scaled, dot, padded};
use super::model::{Likelihood, LinearModel, ModelConfig};
use crate::error::{AgentError, require};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionId, EnvSpec};
use promopt_policies::LinearScores;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// Predicts the reward of every action in a context and learns online.
///
/// Callers have checked lengths and finite numbers before they come here.
pub trait Regressor: Send + Debug {
    /// Writes the expected reward of every action, in the environment's unit; shape `[n_actions]`.
    fn predict(&mut self, observation: &[f32], rewards: &mut [f64]);

    /// Learns one reward that counts `weight` times; `weight` is above 0.
    ///
    /// # Errors
    /// When the reward lies outside what the model can express.
    fn learn(
        &mut self,
        observation: &[f32],
        action: ActionId,
        reward: f64,
        weight: f64,
    ) -> Result<(), AgentError>;

    /// Linear scores that rank the actions as the predictions do.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when learning diverged.
    fn scores(&self) -> Result<LinearScores, AgentError>;

    /// Everything that was learned, in a fixed order of blocks.
    fn state(&self) -> Vec<&[f64]>;

    /// The same blocks, to be overwritten by what was saved.
    fn state_mut(&mut self) -> Vec<&mut [f64]>;
}

/// Which regressor to build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RegressorConfig {
    /// Ridge regression, exact after every reward, `O(d²)` each.
    Ridge {
        /// λ, above 0.
        ridge: f64,
        /// Multiplies rewards before learning.
        reward_scale: f64,
    },
    /// Logistic regression by online Laplace approximation, `O(d²)` a reward; for rewards in `[0, 1]`.
    Logistic {
        /// λ, above 0: the precision of the prior.
        ridge: f64,
    },
    /// Linear regression by AdaGrad (Duchi, Hazan and Singer 2011), `O(d)` a reward.
    Sgd {
        /// Step size before it adapts, above 0.
        learning_rate: f64,
    },
}

impl Default for RegressorConfig {
    fn default() -> Self {
        Self::Ridge { ridge: 1.0, reward_scale: 1.0 }
    }
}

impl RegressorConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let (field, value, scale) = match *self {
            Self::Ridge { ridge, reward_scale } => ("ridge", ridge, reward_scale),
            Self::Logistic { ridge } => ("ridge", ridge, 1.0),
            Self::Sgd { learning_rate } => ("learning_rate", learning_rate, 1.0),
        };
        let positive = |value: f64| value.is_finite() && value > 0.0;
        require(positive(value), field, "a finite number above 0", value)?;
        require(positive(scale), "reward_scale", "a finite number above 0", scale)
    }

    /// A regressor that has learned nothing; with action features, one model for all actions.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when normalisation or table do not
    /// fit.
    pub fn build(
        &self,
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: Option<ActionFeatures>,
    ) -> Result<Box<dyn Regressor>, AgentError> {
        self.validate()?;
        let model = match *self {
            Self::Ridge { ridge, reward_scale } => {
                ModelConfig { ridge, reward_scale, likelihood: Likelihood::Gaussian }
            }
            Self::Logistic { ridge } => {
                ModelConfig { ridge, reward_scale: 1.0, likelihood: Likelihood::Logistic }
            }
            Self::Sgd { learning_rate } => {
                let features = FeatureMap::new(spec, normalisation, actions)?;
                return Ok(Box::new(AdaGrad::new(features, learning_rate)));
            }
        };
        Ok(Box::new(LinearModel::new(spec, normalisation, actions, model)?))
    }
}

impl Regressor for LinearModel {
    fn predict(&mut self, observation: &[f32], rewards: &mut [f64]) {
        rewards.copy_from_slice(self.means(observation));
        rewards.iter_mut().for_each(|reward| *reward = self.expected_reward(*reward));
    }

    fn learn(
        &mut self,
        observation: &[f32],
        action: ActionId,
        reward: f64,
        weight: f64,
    ) -> Result<(), AgentError> {
        LinearModel::learn(self, observation, action, reward, weight)
    }

    fn scores(&self) -> Result<LinearScores, AgentError> {
        LinearModel::scores(self)
    }

    fn state(&self) -> Vec<&[f64]> {
        self.bank().state().to_vec()
    }

    fn state_mut(&mut self) -> Vec<&mut [f64]> {
        self.bank_mut().state_mut().into()
    }
}

/// Squared loss by gradient steps `θ_i ← θ_i − η g_i / √(Σ g_i²)`, one row of weights per model.
///
/// An example of weight `w` counts as one whose gradient is `w` times as large.
#[derive(Debug)]
struct AdaGrad {
    features: FeatureMap,
    learning_rate: f64,
    width: usize,
    /// Shape `[n_models, width]`, as `squares`.
    theta: Vec<f64>,
    squares: Vec<f64>,
    context: Vec<f64>,
    joint: Vec<f64>,
}

impl AdaGrad {
    fn new(features: FeatureMap, learning_rate: f64) -> Self {
        let width = padded(features.dim());
        let theta = vec![0.0; features.n_models() * width];
        let context = vec![0.0; padded(features.n_features() + 1)];
        let (squares, joint) = (theta.clone(), vec![0.0; width]);
        Self { features, learning_rate, width, theta, squares, context, joint }
    }

    /// Writes `φ(x, a)` to `joint`.
    fn encode(&mut self, action: ActionId) {
        self.features.joint(&self.context, action, &mut self.joint);
    }
}

impl Regressor for AdaGrad {
    fn predict(&mut self, observation: &[f32], rewards: &mut [f64]) {
        self.features.context(observation, &mut self.context);
        for (action, reward) in rewards.iter_mut().enumerate() {
            self.encode(action);
            let from = self.features.model(action) * self.width;
            *reward = dot(&self.theta[from..][..self.width], &self.joint);
        }
    }

    fn learn(
        &mut self,
        observation: &[f32],
        action: ActionId,
        reward: f64,
        weight: f64,
    ) -> Result<(), AgentError> {
        self.features.context(observation, &mut self.context);
        self.encode(action);
        let from = self.features.model(action) * self.width;
        let theta = &mut self.theta[from..][..self.width];
        let slope = weight * (dot(theta, &self.joint) - reward);
        let squares = &mut self.squares[from..][..self.width];
        for (square, x) in squares.iter_mut().zip(&mut self.joint) {
            let gradient = slope * *x;
            *square += gradient * gradient;
            *x = if *square > 0.0 { gradient / square.sqrt() } else { 0.0 };
        }
        add_scaled(theta, -self.learning_rate, &self.joint);
        Ok(())
    }

    fn scores(&self) -> Result<LinearScores, AgentError> {
        self.features.export(|model| &self.theta[model * self.width..][..self.features.dim()], 1.0)
    }

    fn state(&self) -> Vec<&[f64]> {
        vec![&self.theta, &self.squares]
    }

    fn state_mut(&mut self) -> Vec<&mut [f64]> {
        vec![&mut self.theta, &mut self.squares]
    }
}
