//! The logged decisions of some weeks, as off-policy evaluation and offline learning read them.

use super::error::RunError;
use super::learn::observe;
use super::load::TrainedPolicy;
use crate::demand::Ground;
use crate::evaluate::{EvaluateError, LoggedDecisions, LoggedTable};
use promopt_policies::Policy;
use promopt_policies::log::SequenceColumns;
use std::ops::Range;

/// The least propensity that is believed when it was estimated.
const PROPENSITY_MIN: f64 = 1e-3;

/// Decisions of these weeks whose action is in the catalogue and allowed, and whether all
/// propensities were logged; `None` when none of them is an offer. Propensities that were not logged
/// are those of `current`. A customer's weeks in a row are one trajectory, truncated at its end.
pub(super) fn logged_decisions(
    ground: &Ground<'_>,
    weeks: Range<u32>,
    current: Option<&TrainedPolicy>,
) -> Result<Option<(LoggedDecisions, bool)>, RunError> {
    let rule = ground.mask_rule();
    let mut mask = rule.blank();
    let n_actions = ground.actions.catalogue.n_actions();
    let (n_features, mut masks) = (ground.schema.n_features(), Vec::new());
    let mut table = LoggedTable { n_features, n_actions, ..LoggedTable::default() };
    let (mut trajectories, mut steps) = (Vec::new(), Vec::new());
    let mut all_logged = true;
    for customer in 0..ground.history.customers.len() as u32 {
        ground.replay().walk(customer, weeks.end, |week| {
            let Some(logged) = week.logged.filter(|_| week.week >= weeks.start) else {
                return;
            };
            rule.write(week.history, &mut mask);
            if week.history.tenure_weeks() == 0 || !mask.allows(logged.action) {
                return;
            }
            all_logged &= logged.propensity.is_some();
            let observation = observe(ground, week.customer, week.history, week.week);
            let estimated = || {
                let replica = current.map(|c| c.policy.distribution(&observation, &mask));
                replica.map_or(1.0, |d| d.probabilities()[logged.action]).max(PROPENSITY_MIN)
            };
            table.propensities.push(logged.propensity.unwrap_or_else(estimated));
            table.observations.extend(observation);
            table.actions.push(logged.action);
            table.rewards.push(week.record.contribution());
            let goes_on = table.clusters.last() == Some(&customer)
                && steps.last() == Some(&week.week.wrapping_sub(1));
            let trajectory = trajectories.last().map_or(0, |t: &u32| t + u32::from(!goes_on));
            trajectories.push(trajectory);
            steps.push(week.week);
            table.clusters.push(customer);
            masks.extend_from_slice(mask.flags());
        });
    }
    if table.actions.iter().all(|&a| a == 0) {
        return Ok(None);
    }
    let n = trajectories.len();
    let truncated = (0..n).map(|row| trajectories.get(row + 1) != trajectories.get(row)).collect();
    table.masks = Some(masks);
    table.sequence = Some(SequenceColumns {
        trajectories,
        steps,
        terminated: vec![false; n],
        truncated,
        next_observations: None,
        next_masks: None,
    });
    Ok(Some((LoggedDecisions::new(table).map_err(EvaluateError::from)?, all_logged)))
}
