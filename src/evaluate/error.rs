//! What can go wrong when decisions, outcomes or settings are handed in for judging.

use promopt_envs::EnvError;
use promopt_policies::log::LogError;
use thiserror::Error;

/// An input that cannot be judged; the message says where, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// A column does not have as many values as the table has rows.
    #[error("expected {expected} values in `{column}`, found {found}; pass one value per {unit}")]
    WrongLength {
        /// Name of the column or table.
        column: &'static str,
        /// Number of values that would fit.
        expected: usize,
        /// Number of values found.
        found: usize,
        /// What each value belongs to, such as `decision`.
        unit: &'static str,
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
    /// A log that cannot be judged on.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An action that the mask forbids has positive probability.
    #[error(
        "expected an allowed action, found masked action {action} in row {row} column `{column}`; \
         use the mask that was in force at the decision"
    )]
    MaskedAction {
        /// Zero-based row.
        row: usize,
        /// The masked action.
        action: usize,
        /// Name of the column.
        column: &'static str,
    },
    /// The probabilities of one row do not sum to one.
    #[error(
        "expected probabilities that sum to 1, found a sum of {found} in row {row} of the target \
         probabilities; normalise over the allowed actions"
    )]
    NotADistribution {
        /// Zero-based row.
        row: usize,
        /// The sum.
        found: f64,
    },
    /// There is not enough of something to compute with.
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
    /// A setting is outside its range.
    #[error("expected {expected} for `{name}`, found {found}; change the setting")]
    InvalidSetting {
        /// Name of the setting.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// A product of ratios exceeds what a number can hold.
    #[error(
        "expected weights below 1e308 for {estimator}, found one above: the policy and the log \
         have too little in common over so many steps; use marginal weights or a shorter horizon"
    )]
    Overflow {
        /// Name of the estimator.
        estimator: String,
    },
    /// A self-normalised estimator without anything to normalise by.
    #[error(
        "expected a decision that the target policy could have taken, found that every weight of \
         `{estimator}` is 0; use a log that overlaps with the policy, or the direct method"
    )]
    NoWeight {
        /// Name of the estimator.
        estimator: String,
    },
    /// Contributions that do not vary where a variance is divided by.
    #[error(
        "expected contributions that vary, found a constant in stratum {stratum}; pool it with \
         another or use the balanced estimator"
    )]
    NoVariance {
        /// The stratum.
        stratum: usize,
    },
    /// A name that is not among the arms of the test, or is there twice.
    #[error("expected {expected}, found `{found}`; the arms are {}", .arms.join(", "))]
    Arm {
        /// What would have been accepted.
        expected: &'static str,
        /// The name.
        found: String,
        /// All arm names.
        arms: Vec<String>,
    },
    /// A world that cannot be played, or was played wrongly.
    #[error(transparent)]
    World(#[from] EnvError),
    /// An agent that could not be trained or asked.
    #[error("{0}")]
    Agent(String),
    /// The normal equations of the reward model could not be solved.
    #[error(
        "expected solvable normal equations in fold {fold}, found a matrix that is not positive \
         definite; raise `ridge_penalty` or rescale features of very different size"
    )]
    Unsolvable {
        /// The fold held out.
        fold: usize,
    },
}
