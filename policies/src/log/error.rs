//! What can be wrong with a log; every message names the row and the column.

use thiserror::Error;

/// A log that cannot be learned from or judged on.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// A column does not have as many values as the log has decisions.
    #[error("expected {expected} values in `{column}`, found {found}; pass one value per decision")]
    WrongLength {
        /// Name of the column.
        column: &'static str,
        /// Number of values that would fit.
        expected: usize,
        /// Number of values found.
        found: usize,
    },
    /// A value is not a number or lies outside its range.
    #[error("expected {expected}, found {found} in row {row} column `{column}`; {advice}")]
    InvalidValue {
        /// Zero-based row.
        row: usize,
        /// Name of the column, with its index where there are several.
        column: String,
        /// What would have been accepted.
        expected: &'static str,
        /// The value.
        found: f64,
        /// What to do next.
        advice: &'static str,
    },
    /// An action index is not below the number of actions.
    #[error(
        "expected an action below {n_actions}, found {found} in row {row} column `action`; check \
         that log and policy use one offer catalogue"
    )]
    ActionOutOfRange {
        /// Zero-based row.
        row: usize,
        /// The action.
        found: usize,
        /// Number of actions.
        n_actions: usize,
    },
    /// An action that the mask forbids was taken.
    #[error(
        "expected an allowed action, found masked action {action} in row {row} column `action`; \
         use the mask that was in force at the decision"
    )]
    MaskedAction {
        /// Zero-based row.
        row: usize,
        /// The masked action.
        action: usize,
    },
    /// There is not enough of something.
    #[error("expected at least {expected} {what}, found {found}; {advice}")]
    TooFew {
        /// What is counted, such as `customers`.
        what: &'static str,
        /// The smallest number that works.
        expected: usize,
        /// The number found.
        found: usize,
        /// What to do next.
        advice: &'static str,
    },
    /// The rows of a trajectory do not follow each other.
    #[error(
        "expected {expected}, found {found} in row {row} column `{column}` of trajectory \
         {trajectory}; {advice}"
    )]
    OutOfSequence {
        /// Zero-based row.
        row: usize,
        /// Name of the column.
        column: &'static str,
        /// Trajectory of the row.
        trajectory: u32,
        /// What would have been accepted.
        expected: &'static str,
        /// What is there.
        found: String,
        /// What to do next.
        advice: &'static str,
    },
    /// Something that needs trajectories got a log without them.
    #[error(
        "expected a log with trajectories, found one whose rows stand alone; fill \
         `LoggedTable::sequence` or use a contextual method"
    )]
    NotSequential,
}
