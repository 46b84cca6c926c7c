//! What each logged decision says about the value of every action.

use super::warm_start::spec_of_log;
use crate::bandit::regressor::{Regressor, RegressorConfig};
use crate::error::{AgentError, require};
use crate::normalisation::Normalisation;
use promopt_policies::log::LoggedDecisions;
use serde::{Deserialize, Serialize};

/// The reward model behind doubly robust scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardModel {
    /// What predicts; one model per action.
    pub regressor: RegressorConfig,
    /// Parts of the log, by cluster, at least 2: each part is predicted by the others.
    pub folds: usize,
}

impl Default for RewardModel {
    fn default() -> Self {
        Self { regressor: RegressorConfig::default(), folds: 5 }
    }
}

impl RewardModel {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.regressor.validate()?;
        require(self.folds >= 2, "folds", "at least 2", self.folds)
    }
}

/// `Γ_a = f̂(x, a) + 1{a = A} (r − f̂(x, a)) / p` for each row and action, shape `[n, n_actions]`
/// (Robins, Rotnitzky and Zhao 1994; Dudík, Langford and Li 2011), in the unit of the rewards.
///
/// The mean of `Γ_π(x)` is an unbiased estimate of the value of `π` when the propensities `p` are
/// right, whatever the model `f̂`, because `f̂` is cross-fitted by cluster (Athey and Wager 2021):
/// no row is predicted by a model that saw its cluster. Scores of actions that the log never takes
/// where it could are the model's word alone.
///
/// # Errors
/// [`AgentError::InvalidConfig`], or a reward that the model cannot express.
pub fn doubly_robust_scores(
    log: &LoggedDecisions,
    model: &RewardModel,
) -> Result<Vec<f64>, AgentError> {
    model.validate()?;
    let normalisation = normalisation_of(log)?;
    let spec = spec_of_log(log);
    let folds = model.folds.min(log.n_clusters());
    let part = |row: usize| log.cluster_ranks()[row] % folds;
    let n_actions = log.n_actions();
    let mut scores = vec![0.0; log.len() * n_actions];
    for fold in 0..folds {
        let mut regressor = model.regressor.build(&spec, normalisation.clone(), None)?;
        for row in (0..log.len()).filter(|&row| part(row) != fold) {
            learn_row(regressor.as_mut(), log, row, 1.0)?;
        }
        for row in (0..log.len()).filter(|&row| part(row) == fold) {
            let gamma = &mut scores[row * n_actions..][..n_actions];
            regressor.predict(log.observation(row), gamma);
            let action = log.actions()[row];
            gamma[action] += (log.rewards()[row] - gamma[action]) / log.propensities()[row];
        }
    }
    Ok(scores)
}

/// One logged reward of this weight.
pub(super) fn learn_row(
    regressor: &mut dyn Regressor,
    log: &LoggedDecisions,
    row: usize,
    weight: f64,
) -> Result<(), AgentError> {
    regressor.learn(log.observation(row), log.actions()[row], log.rewards()[row], weight)
}

/// Mean and standard deviation of each feature of the log.
pub(super) fn normalisation_of(log: &LoggedDecisions) -> Result<Normalisation, AgentError> {
    if log.n_features() == 0 {
        return Ok(Normalisation::identity(0));
    }
    Normalisation::fit(log.observations(), log.n_features())
}
