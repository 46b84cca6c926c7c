//! Uplift by two models: what an action earns over doing nothing, each reward learned on its own.

use super::scores::{learn_row, normalisation_of};
use super::warm_start::spec_of_log;
use crate::bandit::regressor::RegressorConfig;
use crate::error::AgentError;
use promopt_policies::LinearPolicy;
use promopt_policies::log::LoggedDecisions;

/// The T-learner: one ridge regression of the reward on the observation per action, an action where
/// the best predicted gain over action 0 is above zero.
///
/// Actions logged fewer than `least` times are never taken: they are scored like action 0. `None` when
/// that or every other was logged less often. Propensities are not used: given the observation
/// the log is taken to be as good as random, and each regression sees the observations it was logged on.
/// Source: Künzel, Sekhon, Bickel and Yu 2019.
///
/// # Errors
/// [`AgentError::InvalidConfig`] for a `ridge` that is not above zero; [`AgentError::NotFinite`] when
/// the fit diverged.
pub fn uplift_from_log(
    log: &LoggedDecisions,
    ridge: f64,
    least: usize,
) -> Result<Option<LinearPolicy>, AgentError> {
    let config = RegressorConfig::Ridge { ridge, reward_scale: 1.0 };
    let mut counts = vec![0_usize; log.n_actions()];
    log.actions().iter().for_each(|&action| counts[action] += 1);
    let known: Vec<bool> = counts.iter().map(|&count| count >= least).collect();
    if !known[0] || !known[1..].contains(&true) {
        return Ok(None);
    }
    let mut regressor = config.build(&spec_of_log(log), normalisation_of(log)?, None)?;
    for row in (0..log.len()).filter(|&row| known[log.actions()[row]]) {
        learn_row(regressor.as_mut(), log, row, 1.0)?;
    }
    let mut scores = regressor.scores()?;
    let none = scores.weights[0].clone();
    for (row, _) in scores.weights.iter_mut().zip(&known).filter(|(_, known)| !**known) {
        row.clone_from(&none);
    }
    Ok(Some(LinearPolicy::new("uplift", scores, 0.0)))
}

#[cfg(test)]
mod tests {
    use super::super::objective::tests::log;
    use super::*;
    use promopt_envs::ActionMask;
    use promopt_policies::Policy;

    #[test]
    fn an_action_is_taken_where_it_gains_and_never_where_it_was_hardly_tried() {
        let (log, mask) = (log(3_000), ActionMask::all(3));
        // Action 0 pays 0.2 whoever comes, action 1 pays x and action 2 pays −x.
        let policy = uplift_from_log(&log, 1.0, 50).expect("a valid log").expect("enough of each");
        for (x, best) in [(0.8, 1), (0.0, 0), (-0.8, 2)] {
            assert_eq!(policy.distribution(&[x], &mask).probabilities()[best], 1.0, "{x}");
        }
        let tried = |action| log.actions().iter().filter(|&&a| a == action).count();
        let least = tried(1).max(tried(2));
        assert!(tried(1) != tried(2), "the log prefers one by chance");
        let policy = uplift_from_log(&log, 1.0, least).expect("a valid log").expect("one action");
        let rare = if tried(1) < tried(2) { 1 } else { 2 };
        for x in [-0.9, -0.5, 0.0, 0.5, 0.9] {
            assert_eq!(policy.distribution(&[x], &mask).probabilities()[rare], 0.0);
        }
        assert_eq!(uplift_from_log(&log, 1.0, least + 1).expect("a valid log"), None);
    }
}
