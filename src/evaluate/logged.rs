//! Logged decisions as the estimators take them; the type lives with the policies that made them.

use super::error::EvaluateError;

pub use promopt_policies::log::{LogError, LoggedDecisions, LoggedTable, SequenceColumns};

pub(super) fn at_least(
    what: &'static str,
    expected: usize,
    found: usize,
    advice: &'static str,
) -> Result<(), EvaluateError> {
    if found >= expected {
        Ok(())
    } else {
        Err(EvaluateError::TooFew { what, expected, found, advice })
    }
}
