//! Linear policies by importance weighting: three ways to make a regression out of a log.

use super::scores::{RewardModel, doubly_robust_scores, learn_row, normalisation_of};
use super::warm_start::spec_of_log;
use crate::bandit::regressor::RegressorConfig;
use crate::error::AgentError;
use promopt_policies::log::LoggedDecisions;
use promopt_policies::{LinearPolicy, LinearScores};
use serde::{Deserialize, Serialize};

/// What is regressed on the observation (Bietti, Agarwal and Langford 2021, section 2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Inverse propensity: `1{a = A} r / p` for every action. Unbiased targets, large variance.
    Ips,
    /// Doubly robust: [`doubly_robust_scores`] for every action.
    Dr,
    /// Importance-weighted regression ("multi-task"): `r` for the action taken, with weight `1 / p`
    /// relative to the mean weight. The least variance; the only one that fits a logistic model.
    #[default]
    Mtr,
}

/// Settings of [`policy_from_log`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FromLogConfig {
    /// What is regressed.
    pub objective: Objective,
    /// What regresses under MTR. Targets of the other two are no longer rewards: they are always
    /// regressed by least squares with this model's λ.
    pub regressor: RegressorConfig,
    /// The model inside doubly robust targets.
    pub reward_model: RewardModel,
}

impl Default for FromLogConfig {
    fn default() -> Self {
        let regressor = RegressorConfig::default();
        Self { objective: Objective::default(), regressor, reward_model: RewardModel::default() }
    }
}

impl FromLogConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.regressor.validate()?;
        self.reward_model.validate()
    }

    /// Least squares for targets that are no rewards.
    fn least_squares(&self) -> RegressorConfig {
        match self.regressor {
            RegressorConfig::Ridge { .. } | RegressorConfig::Sgd { .. } => self.regressor.clone(),
            RegressorConfig::Logistic { ridge } => {
                RegressorConfig::Ridge { ridge, reward_scale: 1.0 }
            }
        }
    }
}

/// The greedy policy over linear scores fitted to the log, named after its objective.
///
/// # Errors
/// [`AgentError::InvalidConfig`]; a reward outside `[0, 1]` for a logistic model;
/// [`AgentError::NotFinite`] when the fit diverged.
pub fn policy_from_log(
    config: &FromLogConfig,
    log: &LoggedDecisions,
) -> Result<LinearPolicy, AgentError> {
    config.validate()?;
    let (name, scores) = match config.objective {
        Objective::Mtr => ("mtr", fit_weighted(config, log)?),
        Objective::Dr => {
            let targets = doubly_robust_scores(log, &config.reward_model)?;
            ("dr", fit_targets(config, log, &targets)?)
        }
        Objective::Ips => ("ips", fit_targets(config, log, &inverse_propensity_targets(log))?),
    };
    Ok(LinearPolicy::new(name, scores, 0.0))
}

fn fit_weighted(config: &FromLogConfig, log: &LoggedDecisions) -> Result<LinearScores, AgentError> {
    let mut regressor = config.regressor.build(&spec_of_log(log), normalisation_of(log)?, None)?;
    let total: f64 = log.propensities().iter().map(|p| 1.0 / p).sum();
    let mean_weight = total / log.len() as f64;
    for row in 0..log.len() {
        let weight = 1.0 / (log.propensities()[row] * mean_weight);
        learn_row(regressor.as_mut(), log, row, weight)?;
    }
    regressor.scores()
}

fn inverse_propensity_targets(log: &LoggedDecisions) -> Vec<f64> {
    let mut targets = vec![0.0; log.len() * log.n_actions()];
    for (row, &action) in log.actions().iter().enumerate() {
        targets[row * log.n_actions() + action] = log.rewards()[row] / log.propensities()[row];
    }
    targets
}

/// One regression per action on targets `[n, n_actions]`, over the rows where it was allowed.
fn fit_targets(
    config: &FromLogConfig,
    log: &LoggedDecisions,
    targets: &[f64],
) -> Result<LinearScores, AgentError> {
    let normalisation = normalisation_of(log)?;
    let mut regressor = config.least_squares().build(&spec_of_log(log), normalisation, None)?;
    for (row, targets) in targets.chunks_exact(log.n_actions()).enumerate() {
        let observation = log.observation(row);
        for (action, &target) in targets.iter().enumerate() {
            if log.mask(row).is_none_or(|mask| mask[action]) {
                regressor.learn(observation, action, target, 1.0)?;
            }
        }
    }
    regressor.scores()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::bandit::{LinUcb, LinUcbConfig, warm_start};
    use crate::normalisation::Normalisation;
    use promopt_envs::{ActionMask, SeedTree};
    use promopt_policies::Policy;
    use promopt_policies::log::LoggedTable;
    use rand::Rng;

    /// Action 1 pays `x`, action 0 pays 0.2, action 2 pays −x; the log prefers action 0.
    pub(crate) fn log(n: usize) -> LoggedDecisions {
        let mut rng = SeedTree::new(11).stream();
        let mut table = LoggedTable { n_features: 1, n_actions: 3, ..Default::default() };
        for row in 0..n {
            let x: f32 = rng.random_range(-1.0..1.0);
            let u: f64 = rng.random();
            let (action, p) = if u < 0.6 {
                (0, 0.6)
            } else if u < 0.8 {
                (1, 0.2)
            } else {
                (2, 0.2)
            };
            let noise: f64 = rng.random_range(-0.3..0.3);
            table.observations.push(x);
            table.actions.push(action);
            table.propensities.push(p);
            table.rewards.push([0.2, f64::from(x), f64::from(-x)][action] + noise);
            table.clusters.push(row as u32);
        }
        LoggedDecisions::new(table).expect("a valid log")
    }

    #[test]
    fn every_objective_finds_the_best_action_on_either_side() -> Result<(), AgentError> {
        let (log, mask) = (log(3_000), ActionMask::all(3));
        for objective in [Objective::Ips, Objective::Dr, Objective::Mtr] {
            let config = FromLogConfig { objective, ..Default::default() };
            let policy = policy_from_log(&config, &log)?;
            for (x, best) in [(0.8, 1), (0.0, 0), (-0.8, 2)] {
                let p = policy.distribution(&[x], &mask);
                assert_eq!(p.probabilities()[best], 1.0, "{objective:?} {x}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_warm_start_knows_what_the_log_knows() -> Result<(), AgentError> {
        let log = log(3_000);
        let config = LinUcbConfig { alpha: 0.1, epsilon: 0.0, ..Default::default() };
        let mut agent = LinUcb::new(config, &super::spec_of_log(&log), Normalisation::identity(1))?;
        warm_start(&mut agent, &log)?;
        let mut rng = SeedTree::new(1).stream();
        assert_eq!(agent.act(&[-0.8], &ActionMask::all(3), &mut rng)?.action, 2);
        Ok(())
    }

    #[test]
    fn doubly_robust_scores_average_to_the_true_values() -> Result<(), AgentError> {
        let log = log(20_000);
        let scores = doubly_robust_scores(&log, &RewardModel::default())?;
        // E[Γ] = (0.2, 0, 0). The variance of Γ_1 is at most E[x²] + 0.03 / 0.2 = 0.48: 4 standard
        // errors are 4 · √(0.48 / 20000) = 0.02.
        for (action, expected) in [0.2, 0.0, 0.0].into_iter().enumerate() {
            let mean = scores.iter().skip(action).step_by(3).sum::<f64>() / 20_000.0;
            assert!((mean - expected).abs() < 0.02, "{action} {mean}");
        }
        Ok(())
    }
}
