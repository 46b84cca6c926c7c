//! Logged decisions: who got which action, with which probability, and what followed; checked once.

use super::error::LogError;
use super::trajectories::{Sequence, SequenceColumns, Trajectories};

/// Columns of a log as they come, before any check. Row-major where two-dimensional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoggedTable {
    /// Number of features of an observation; may be 0.
    pub n_features: usize,
    /// Number of actions, allowed or not.
    pub n_actions: usize,
    /// Observations before the decision, shape `[n, n_features]`.
    pub observations: Vec<f32>,
    /// Actions taken, each below `n_actions`.
    pub actions: Vec<usize>,
    /// Probability that the logging policy gave the action it took, in `(0, 1]`.
    pub propensities: Vec<f64>,
    /// Rewards that followed, in money per decision period.
    pub rewards: Vec<f64>,
    /// Customer index of each decision: decisions of one customer are not independent.
    pub clusters: Vec<u32>,
    /// Allowed actions of each decision, shape `[n, n_actions]`; `None` when all were allowed.
    pub masks: Option<Vec<bool>>,
    /// How the decisions follow each other; `None` when each row stands alone.
    pub sequence: Option<SequenceColumns>,
}

/// A validated log. Estimators and learners take it and cannot fail on shapes, ranges or NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedDecisions {
    table: LoggedTable,
    /// Cluster of each decision as a rank among the distinct customer indices.
    ranks: Vec<usize>,
    n_clusters: usize,
    sequence: Option<Sequence>,
}

impl LoggedDecisions {
    /// Checks every row and keeps the columns.
    ///
    /// # Errors
    /// [`LogError`] naming row and column for columns of different lengths, values that are not
    /// finite, propensities outside `(0, 1]`, actions out of range, masked actions taken and rows
    /// of a trajectory that do not follow each other; [`LogError::TooFew`] for fewer than two
    /// decisions, customers or one action.
    pub fn new(table: LoggedTable) -> Result<Self, LogError> {
        check_lengths(&table)?;
        check_features("observation", &table.observations, table.n_features)?;
        for row in 0..table.actions.len() {
            check_row(&table, row)?;
        }
        let mut distinct = table.clusters.clone();
        distinct.sort_unstable();
        distinct.dedup();
        at_least("customers", 2, distinct.len(), "an interval needs independent customers")?;
        let ranks = table.clusters.iter().map(|c| distinct.partition_point(|d| d < c)).collect();
        let sequence = match &table.sequence {
            Some(columns) => Some(Sequence::new(columns, &table)?),
            None => None,
        };
        Ok(Self { table, ranks, n_clusters: distinct.len(), sequence })
    }

    /// Number of decisions `n`, at least 2.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.actions.len()
    }

    /// Never true: a log without decisions is refused on construction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.actions.is_empty()
    }

    /// Number of features of an observation.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.table.n_features
    }

    /// Number of actions.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.table.n_actions
    }

    /// Number of distinct customers, at least 2.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// Observations before the decisions, shape `[n, n_features]`, row-major.
    #[must_use]
    pub fn observations(&self) -> &[f32] {
        &self.table.observations
    }

    /// Observation before decision `row`, shape `[n_features]`.
    #[must_use]
    pub fn observation(&self, row: usize) -> &[f32] {
        &self.table.observations[row * self.table.n_features..][..self.table.n_features]
    }

    /// Allowed actions at decision `row`, shape `[n_actions]`; `None` when all were allowed.
    #[must_use]
    pub fn mask(&self, row: usize) -> Option<&[bool]> {
        let n_actions = self.table.n_actions;
        self.table.masks.as_ref().map(|masks| &masks[row * n_actions..][..n_actions])
    }

    /// Actions taken, shape `[n]`.
    #[must_use]
    pub fn actions(&self) -> &[usize] {
        &self.table.actions
    }

    /// Propensities of the actions taken, shape `[n]`, in `(0, 1]`.
    #[must_use]
    pub fn propensities(&self) -> &[f64] {
        &self.table.propensities
    }

    /// Rewards, shape `[n]`, in money per decision period.
    #[must_use]
    pub fn rewards(&self) -> &[f64] {
        &self.table.rewards
    }

    /// Customer of each decision, renumbered `0..n_clusters` in ascending order, shape `[n]`.
    #[must_use]
    pub fn cluster_ranks(&self) -> &[usize] {
        &self.ranks
    }

    /// The sequential view.
    ///
    /// # Errors
    /// [`LogError::NotSequential`] when the rows of the log stand alone.
    pub fn trajectories(&self) -> Result<Trajectories<'_>, LogError> {
        match (&self.sequence, &self.table.sequence) {
            (Some(order), Some(columns)) => Ok(Trajectories::new(self, order, columns)),
            _ => Err(LogError::NotSequential),
        }
    }
}

fn check_lengths(table: &LoggedTable) -> Result<(), LogError> {
    let n = table.actions.len();
    at_least("decisions", 2, n, "load exposures before judging a policy on them")?;
    at_least("actions", 1, table.n_actions, "pass the size of the offer catalogue")?;
    let masked = n * table.n_actions;
    same_length("observations", n * table.n_features, table.observations.len())?;
    same_length("propensity", n, table.propensities.len())?;
    same_length("reward", n, table.rewards.len())?;
    same_length("cluster", n, table.clusters.len())?;
    same_length("mask", masked, table.masks.as_ref().map_or(masked, Vec::len))
}

pub(super) fn same_length(
    column: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), LogError> {
    if expected == found { Ok(()) } else { Err(LogError::WrongLength { column, expected, found }) }
}

/// Errors at the first value that is not finite, as `column[feature]`.
pub(super) fn check_features(
    column: &str,
    values: &[f32],
    n_features: usize,
) -> Result<(), LogError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(LogError::InvalidValue {
            row: at / n_features,
            column: format!("{column}[{}]", at % n_features),
            expected: "a finite number",
            found: f64::from(values[at]),
            advice: "encode missing features before logging",
        }),
    }
}

fn check_row(table: &LoggedTable, row: usize) -> Result<(), LogError> {
    let n_actions = table.n_actions;
    let action = table.actions[row];
    if action >= n_actions {
        return Err(LogError::ActionOutOfRange { row, found: action, n_actions });
    }
    if table.masks.as_ref().is_some_and(|masks| !masks[row * n_actions + action]) {
        return Err(LogError::MaskedAction { row, action });
    }
    let propensity = table.propensities[row];
    if !(propensity > 0.0 && propensity <= 1.0) {
        return Err(LogError::InvalidValue {
            row,
            column: "propensity".into(),
            expected: "a probability in (0, 1]",
            found: propensity,
            advice: "drop the row or fix the logger: the logged action must have been possible",
        });
    }
    let reward = table.rewards[row];
    if !reward.is_finite() {
        return Err(LogError::InvalidValue {
            row,
            column: "reward".into(),
            expected: "a finite number",
            found: reward,
            advice: "drop the row or complete its outcome",
        });
    }
    Ok(())
}

fn at_least(
    what: &'static str,
    expected: usize,
    found: usize,
    advice: &'static str,
) -> Result<(), LogError> {
    if found >= expected { Ok(()) } else { Err(LogError::TooFew { what, expected, found, advice }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> LoggedTable {
        LoggedTable {
            n_features: 2,
            n_actions: 3,
            observations: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            actions: vec![0, 2, 1],
            propensities: vec![0.5, 1.0, 0.1],
            rewards: vec![1.0, -2.0, 0.0],
            clusters: vec![70, 7, 70],
            masks: Some(vec![true, true, true, false, true, true, true, true, false]),
            sequence: None,
        }
    }

    fn message(change: impl FnOnce(&mut LoggedTable)) -> String {
        let mut changed = table();
        change(&mut changed);
        LoggedDecisions::new(changed).expect_err("the table is broken").to_string()
    }

    #[test]
    fn a_valid_log_keeps_its_rows_and_ranks_its_customers() {
        let log = LoggedDecisions::new(table()).expect("the table is valid");
        assert_eq!((log.len(), log.n_clusters()), (3, 2));
        assert_eq!(log.cluster_ranks(), [1, 0, 1]);
        assert_eq!(log.observation(1), [2.0, 3.0]);
        assert_eq!(log.mask(2), Some([true, true, false].as_slice()));
    }

    #[test]
    fn every_broken_row_is_named_with_its_column() {
        let zero = message(|t| t.propensities[1] = 0.0);
        assert!(zero.contains("(0, 1], found 0 in row 1 column `propensity`"), "{zero}");
        assert!(message(|t| t.propensities[2] = 1.5).contains("found 1.5 in row 2"));
        assert!(message(|t| t.propensities[0] = f64::NAN).contains("found NaN in row 0"));
        assert!(message(|t| t.rewards[2] = f64::NAN).contains("row 2 column `reward`"));
        assert!(
            message(|t| t.observations[3] = f32::NAN).contains("row 1 column `observation[1]`")
        );
        assert!(message(|t| t.actions[0] = 3).contains("below 3, found 3 in row 0"));
        assert!(message(|t| t.actions[1] = 0).contains("masked action 0 in row 1"));
    }

    #[test]
    fn columns_of_different_lengths_and_empty_logs_are_refused() {
        let short = message(|t| t.rewards.truncate(2));
        assert!(short.contains("expected 3 values in `reward`, found 2"), "{short}");
        let features = message(|t| t.observations.truncate(5));
        assert!(features.contains("expected 6 values in `observations`"), "{features}");
        assert!(message(|t| *t = LoggedTable::default()).contains("at least 2 decisions, found 0"));
        assert!(message(|t| t.clusters = vec![1; 3]).contains("at least 2 customers, found 1"));
    }
}
