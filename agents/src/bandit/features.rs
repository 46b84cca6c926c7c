//! What a linear bandit regresses on: the observation, or features of the actions with it.

use crate::error::{AgentError, require, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionId, EnvSpec};
use promopt_policies::LinearScores;
use promopt_policies::mlp::normalised;
use serde::{Deserialize, Serialize};

/// How the features of actions meet the observation in a model that all actions share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interaction {
    /// `φ(x, a) = (x, 1, z_a)`: which action is best does not depend on the observation.
    Additive,
    /// `φ(x, a) = (x, 1) ⊗ (1, z_a)`: every pair, so that what an action is worth may depend on the
    /// observation.
    #[default]
    Cross,
}

/// Features `z_a` of each action, such as kind, group and depth: what was learned about one
/// action carries over to those like it, actions never tried included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFeatures {
    /// One row per action; shape `[n_actions][n_action_features]`. Bring them to a common scale.
    pub table: Vec<Vec<f64>>,
    /// How they meet the observation.
    #[serde(default)]
    pub interaction: Interaction,
}

impl ActionFeatures {
    /// Checks the table: one row per action, rows of one length above 0, finite numbers.
    ///
    /// # Errors
    /// [`AgentError::Shape`] or [`AgentError::NotFinite`] for the first part that does not fit.
    pub fn validate(&self, n_actions: usize) -> Result<(), AgentError> {
        same_length("action features (rows)", n_actions, self.table.len())?;
        let width = self.table.first().map_or(0, Vec::len);
        require(width > 0, "table", "at least one feature per action", width)?;
        for row in &self.table {
            same_length("action features (columns)", width, row.len())?;
            if let Some(&got) = row.iter().find(|value| !value.is_finite()) {
                return Err(AgentError::NotFinite { what: "action feature", got });
            }
        }
        Ok(())
    }
}

/// The map from observation and action to the vector that a model weighs.
///
/// Without action features each action has a model of its own over `(x, 1)`; with them all share one
/// model over `φ(x, a)`. Here `x` is normalised.
#[derive(Debug, Clone)]
pub(super) struct FeatureMap {
    normalisation: Normalisation,
    n_actions: usize,
    actions: Option<ActionFeatures>,
    /// 1, or 0 for models through the origin, whose last weight then never moves.
    constant: f64,
}

impl FeatureMap {
    pub(super) fn new(
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: Option<ActionFeatures>,
    ) -> Result<Self, AgentError> {
        normalisation.check(spec.observation_space.n_features())?;
        if let Some(actions) = &actions {
            actions.validate(spec.n_actions)?;
        }
        Ok(Self { normalisation, n_actions: spec.n_actions, actions, constant: 1.0 })
    }

    /// The same map without an intercept.
    pub(super) fn through_origin(self) -> Self {
        Self { constant: 0.0, ..self }
    }

    pub(super) fn n_features(&self) -> usize {
        self.normalisation.mean.len()
    }

    pub(super) fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// The features of actions, where there are any.
    pub(super) fn actions(&self) -> Option<&ActionFeatures> {
        self.actions.as_ref()
    }

    /// Whether all actions share one model.
    pub(super) fn is_shared(&self) -> bool {
        self.actions.is_some()
    }

    /// Number of models: one, or one per action.
    pub(super) fn n_models(&self) -> usize {
        if self.is_shared() { 1 } else { self.n_actions }
    }

    /// The model that scores this action.
    pub(super) fn model(&self, action: ActionId) -> usize {
        if self.is_shared() { 0 } else { action }
    }

    /// Length of the vector that a model weighs.
    pub(super) fn dim(&self) -> usize {
        let context = self.n_features() + 1;
        match &self.actions {
            None => context,
            Some(actions) => {
                let width = actions.table[0].len();
                match actions.interaction {
                    Interaction::Additive => context + width,
                    Interaction::Cross => context * (1 + width),
                }
            }
        }
    }

    /// Writes `(x, 1)` to the front of `context`.
    pub(super) fn context(&self, observation: &[f32], context: &mut [f64]) {
        let Normalisation { mean, scale } = &self.normalisation;
        let features = normalised(observation, mean, scale).map(f64::from).chain([self.constant]);
        context.iter_mut().zip(features).for_each(|(to, from)| *to = from);
    }

    /// Writes `φ(x, a)` to the front of `out`, given `(x, 1)`.
    pub(super) fn joint(&self, context: &[f64], action: ActionId, out: &mut [f64]) {
        let context = &context[..=self.n_features()];
        let (front, back) = out.split_at_mut(context.len());
        front.copy_from_slice(context);
        let Some(actions) = &self.actions else { return };
        let row = &actions.table[action];
        match actions.interaction {
            Interaction::Additive => back[..row.len()].copy_from_slice(row),
            Interaction::Cross => {
                for (block, z) in back.chunks_exact_mut(context.len()).zip(row) {
                    block.iter_mut().zip(context).for_each(|(to, x)| *to = z * x);
                }
            }
        }
    }

    /// Scores per action over `(x, 1)`, given the weights of each model and a factor on them. A model
    /// over `φ(x, a)` is linear in `(x, 1)` for each action, so it leaves in the same form.
    pub(super) fn export<'m>(
        &self,
        theta: impl Fn(usize) -> &'m [f64],
        factor: f64,
    ) -> Result<LinearScores, AgentError> {
        let rows = (0..self.n_actions).map(|action| {
            let weights = self.weights_of(action, theta(self.model(action)));
            weights.iter().map(|weight| weight * factor).collect()
        });
        let weights: Vec<Vec<f64>> = rows.collect();
        if let Some(&got) = weights.iter().flatten().find(|weight| !weight.is_finite()) {
            return Err(AgentError::NotFinite { what: "weight", got });
        }
        let Normalisation { mean, scale } = self.normalisation.clone();
        Ok(LinearScores { mean, scale, weights })
    }

    fn weights_of(&self, action: ActionId, theta: &[f64]) -> Vec<f64> {
        let n = self.n_features() + 1;
        let mut weights = theta[..n].to_vec();
        let Some(actions) = &self.actions else { return weights };
        let row = &actions.table[action];
        match actions.interaction {
            Interaction::Additive => {
                let level: f64 = row.iter().zip(&theta[n..]).map(|(z, w)| z * w).sum();
                weights[n - 1] += level;
            }
            Interaction::Cross => {
                for (block, z) in theta[n..].chunks_exact(n).zip(row) {
                    weights.iter_mut().zip(block).for_each(|(to, w)| *to += z * w);
                }
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::BoxSpace;

    fn map(interaction: Interaction) -> FeatureMap {
        let spec = EnvSpec {
            id: "Test-v0".to_owned(),
            observation_space: BoxSpace::new(vec![-9.0; 2], vec![9.0; 2]),
            n_actions: 2,
            horizon: None,
        };
        let table = vec![vec![0.0, 1.0], vec![2.0, -1.0]];
        let actions = ActionFeatures { table, interaction };
        FeatureMap::new(&spec, Normalisation::identity(2), Some(actions)).expect("fits")
    }

    #[test]
    fn the_joint_features_are_the_hand_worked_ones() {
        let mut context = [0.0; 4];
        for (interaction, expected) in [
            (Interaction::Additive, vec![3.0, -1.0, 1.0, 2.0, -1.0]),
            (Interaction::Cross, vec![3.0, -1.0, 1.0, 6.0, -2.0, 2.0, -3.0, 1.0, -1.0]),
        ] {
            let map = map(interaction);
            map.context(&[3.0, -1.0], &mut context);
            let mut joint = vec![0.0; map.dim()];
            map.joint(&context, 1, &mut joint);
            assert_eq!(joint, expected);
        }
    }

    #[test]
    fn the_export_scores_as_the_shared_model_does() -> Result<(), AgentError> {
        for interaction in [Interaction::Additive, Interaction::Cross] {
            let map = map(interaction);
            let theta: Vec<f64> = (0..map.dim()).map(|i| 0.3 * i as f64 - 1.0).collect();
            let scores = map.export(|_| &theta, 2.0)?.scores(&[0.5, 1.5]);
            let (mut context, mut joint) = ([0.0; 3], vec![0.0; map.dim()]);
            map.context(&[0.5, 1.5], &mut context);
            for (action, score) in scores.iter().enumerate() {
                map.joint(&context, action, &mut joint);
                let direct: f64 = joint.iter().zip(&theta).map(|(x, w)| x * w).sum();
                assert!((score - 2.0 * direct).abs() < 1e-12);
            }
        }
        Ok(())
    }

    #[test]
    fn a_ragged_table_is_refused() {
        let ragged = ActionFeatures {
            table: vec![vec![1.0], vec![1.0, 2.0]],
            interaction: Interaction::Cross,
        };
        assert!(ragged.validate(2).is_err());
        assert!(ragged.validate(3).is_err());
    }
}
