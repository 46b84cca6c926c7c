//! A replica of what is done today: how often each action was logged for customers like this one.

use crate::distribution::ActionDistribution;
use crate::policy::Policy;
use promopt_envs::retail::ObservationSchema;
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest recency of each band but the last, weeks.
const RECENCY_BANDS: [f64; 3] = [1.0, 4.0, 8.0];
/// Contact pressure (decayed 0.8 a week) from which a customer counts as contacted recently: a
/// single contact stays above it for four weeks.
const RECENT_CONTACT: f64 = 0.5;
/// Logged decisions that the frequencies over all customers weigh in each cell.
const POOLED_WEIGHT: f64 = 20.0;

/// Why a log cannot be replicated.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// There is nothing in the log.
    #[error("expected at least one logged decision, got none; check the exposures table")]
    Empty,
    /// An action that the catalogue does not have.
    #[error("expected actions below {n_actions}, got {action} in logged decision {row}")]
    Action {
        /// Position in the log, from 0.
        row: usize,
        /// The action.
        action: ActionId,
        /// Number of actions.
        n_actions: usize,
    },
    /// An observation of another schema.
    #[error("expected {expected} features, got {got} in logged decision {row}")]
    Observation {
        /// Position in the log, from 0.
        row: usize,
        /// Number of features of the schema.
        expected: usize,
        /// Number found.
        got: usize,
    },
}

/// Logged action frequencies by persona, recency band and whether contacted recently.
///
/// `p(a | cell) = (n(cell, a) + m p(a)) / (n(cell) + m)` with `m = 20` and `p(a)` the frequency
/// over all customers: small cells lean on everybody, and an action that was never logged is never
/// taken. Masked actions get nothing and the rest is scaled up; when nothing is left, the lowest
/// allowed action (`none`) is taken. It is only as good as the cells: a logging rule that looks at
/// anything else is blurred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggingReplica {
    /// Short name for tables.
    pub name: String,
    /// How to read an observation.
    pub schema: ObservationSchema,
    /// Probabilities, shape `[n_cells][n_actions]`.
    pub cells: Vec<Vec<f64>>,
}

impl LoggingReplica {
    /// Counts a log of (observation, action) pairs.
    ///
    /// # Errors
    /// [`ReplicaError`] when the log is empty, or a pair does not fit the schema or the actions.
    pub fn fit<'a>(
        schema: &ObservationSchema,
        n_actions: usize,
        log: impl IntoIterator<Item = (&'a [f32], ActionId)>,
    ) -> Result<Self, ReplicaError> {
        let mut counts = vec![vec![0.0_f64; n_actions]; Self::n_cells(schema)];
        let mut pooled = vec![0.0_f64; n_actions];
        for (row, (observation, action)) in log.into_iter().enumerate() {
            let (expected, got) = (schema.n_features(), observation.len());
            if expected != got {
                return Err(ReplicaError::Observation { row, expected, got });
            }
            if action >= n_actions {
                return Err(ReplicaError::Action { row, action, n_actions });
            }
            counts[Self::cell(schema, observation)][action] += 1.0;
            pooled[action] += 1.0;
        }
        let total: f64 = pooled.iter().sum();
        if total == 0.0 {
            return Err(ReplicaError::Empty);
        }
        for cell in &mut counts {
            let n: f64 = cell.iter().sum();
            for (count, pooled) in cell.iter_mut().zip(&pooled) {
                *count = (*count + POOLED_WEIGHT * pooled / total) / (n + POOLED_WEIGHT);
            }
        }
        Ok(Self { name: "logging-replica".to_owned(), schema: schema.clone(), cells: counts })
    }

    /// Number of cells: personas × recency bands × contacted or not.
    #[must_use]
    pub fn n_cells(schema: &ObservationSchema) -> usize {
        schema.n_personas * (RECENCY_BANDS.len() + 1) * 2
    }

    fn cell(schema: &ObservationSchema, observation: &[f32]) -> usize {
        let view = schema.read(observation);
        let band = RECENCY_BANDS.iter().filter(|&&last| view.recency() > last).count();
        let contacted = usize::from(view.contacts() >= RECENT_CONTACT);
        (view.persona() * (RECENCY_BANDS.len() + 1) + band) * 2 + contacted
    }
}

impl Policy for LoggingReplica {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let weights = &self.cells[Self::cell(&self.schema, observation)];
        if mask.allowed().any(|action| weights[action] > 0.0) {
            ActionDistribution::from_weights(weights, mask)
        } else {
            let lowest = mask.allowed().next().unwrap_or(0);
            ActionDistribution::deterministic(lowest, mask.n_actions())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{bought, contacted, customer, observe, schema};

    /// Active and lapsed customers of persona 0, not contacted.
    fn active() -> Vec<f32> {
        observe(&customer(&[bought(&[0])]), 0)
    }

    fn quiet() -> Vec<f32> {
        observe(&customer(&[vec![bought(&[0])], vec![bought(&[]); 9]].concat()), 0)
    }

    fn fitted() -> LoggingReplica {
        let (active, quiet) = (active(), quiet());
        // Active: 60 × none, 20 × action 1; quiet: 20 × action 2. Pooled: 0.6, 0.2, 0.2.
        let rows = [(&active, 0, 60), (&active, 1, 20), (&quiet, 2, 20)];
        let log = rows.iter().flat_map(|&(o, action, n)| vec![(o.as_slice(), action); n]);
        LoggingReplica::fit(&schema(), 4, log).expect("a valid log")
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    }

    #[test]
    fn cells_are_shrunk_to_the_pooled_frequencies() {
        let (replica, all) = (fitted(), ActionMask::all(4));
        // (60 + 20·0.6) / 100, (20 + 20·0.2) / 100, (0 + 20·0.2) / 100.
        let active = replica.distribution(&active(), &all);
        assert_close(active.probabilities(), &[0.72, 0.24, 0.04, 0.0]);
        // 20·0.6 / 40, 20·0.2 / 40, (20 + 20·0.2) / 40.
        let quiet = replica.distribution(&quiet(), &all);
        assert_close(quiet.probabilities(), &[0.3, 0.1, 0.6, 0.0]);
    }

    #[test]
    fn an_unseen_cell_decides_like_everybody() {
        let (replica, all) = (fitted(), ActionMask::all(4));
        let seen_lately = observe(&customer(&[bought(&[0]), contacted(0.1)]), 0);
        for unseen in [seen_lately, observe(&customer(&[bought(&[0])]), 1)] {
            let distribution = replica.distribution(&unseen, &all);
            assert_close(distribution.probabilities(), &[0.6, 0.2, 0.2, 0.0]);
        }
    }

    #[test]
    fn masked_actions_are_left_out_and_what_was_never_done_is_not_started() {
        let mask = |flags: [bool; 4]| ActionMask::from_flags(flags.to_vec()).expect("not empty");
        let replica = fitted();
        let some = replica.distribution(&quiet(), &mask([true, true, false, true]));
        assert_close(some.probabilities(), &[0.75, 0.25, 0.0, 0.0]);
        let never = replica.distribution(&quiet(), &mask([false, false, false, true]));
        assert_close(never.probabilities(), &[0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_contact_is_recent_for_four_weeks() {
        let cell_after = |weeks: usize| {
            let quiet = vec![bought(&[0]); weeks];
            let history = customer(&[vec![contacted(0.1)], quiet].concat());
            LoggingReplica::cell(&schema(), &observe(&history, 0)) % 2
        };
        assert_eq!([1, 2, 3, 4].map(cell_after), [1, 1, 1, 0]);
    }

    #[test]
    fn a_log_that_does_not_fit_is_an_error() {
        let observation = active();
        let fit = |log: Vec<(&[f32], usize)>| LoggingReplica::fit(&schema(), 4, log);
        assert_eq!(fit(vec![]), Err(ReplicaError::Empty));
        let error = fit(vec![(&observation, 1), (&observation, 4)]);
        assert_eq!(error, Err(ReplicaError::Action { row: 1, action: 4, n_actions: 4 }));
        assert!(matches!(fit(vec![(&[0.0], 1)]), Err(ReplicaError::Observation { row: 0, .. })));
    }
}
