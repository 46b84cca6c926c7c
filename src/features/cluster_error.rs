//! Why the clustering mathematics cannot run on what it was given.

use thiserror::Error;

use super::kmeans::KMeansError;
use super::matrix::Matrix;

/// Why points cannot be rotated, pruned, mixed, linked or compared.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ClusterError {
    /// k-means refused the points.
    #[error(transparent)]
    KMeans(#[from] KMeansError),
    /// A value is NaN or infinite.
    #[error(
        "expected finite values, got NaN or infinity in row {row}, column {column}; fill or drop it"
    )]
    NotFinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
    },
    /// There are not enough rows, or not enough different ones.
    #[error("expected at least {needed} {what}, got {found}; give more data or ask for less")]
    TooFew {
        /// What is counted.
        what: &'static str,
        /// Smallest number that works.
        needed: usize,
        /// Number found.
        found: usize,
    },
    /// Two things that must be of one length are not.
    #[error("expected {what} of length {expected}, got {found}")]
    Length {
        /// What was measured.
        what: &'static str,
        /// Length that fits.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A number is outside its range.
    #[error("expected {what} in {range}, got {found}")]
    OutOfRange {
        /// What was given.
        what: &'static str,
        /// Where it may lie.
        range: String,
        /// The value found.
        found: String,
    },
    /// A mixture component has a covariance without an inverse.
    #[error(
        "expected a positive definite covariance of component {component}; prune correlated \
         columns, ask for fewer components or raise reg_covar"
    )]
    Singular {
        /// Component concerned.
        component: usize,
    },
}

/// Refuses points with a value that is not finite, or with fewer rows than needed.
pub(crate) fn check(points: &Matrix, needed: usize) -> Result<(), ClusterError> {
    if let Some((row, column)) = points.first_not_finite() {
        return Err(ClusterError::NotFinite { row, column });
    }
    let found = points.n_rows();
    if found < needed {
        return Err(ClusterError::TooFew { what: "rows with at least one column", needed, found });
    }
    Ok(())
}

/// Refuses a length that does not fit.
pub(crate) fn same_length(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), ClusterError> {
    if expected == found { Ok(()) } else { Err(ClusterError::Length { what, expected, found }) }
}

/// Refuses a whole number outside `lowest..=highest`.
pub(crate) fn in_range(
    what: &'static str,
    found: usize,
    lowest: usize,
    highest: usize,
) -> Result<(), ClusterError> {
    if (lowest..=highest).contains(&found) {
        return Ok(());
    }
    let range = if highest == usize::MAX {
        format!("{lowest} or more")
    } else {
        format!("{lowest}..={highest}")
    };
    Err(ClusterError::OutOfRange { what, range, found: found.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_fits_and_what_was_found() {
        let text = |result: Result<(), ClusterError>| result.expect_err("refused").to_string();
        let message = text(in_range("a number of clusters", 9, 1, 4));
        assert_eq!(message, "expected a number of clusters in 1..=4, got 9");
        let message = text(same_length("a row of features", 3, 2));
        assert_eq!(message, "expected a row of features of length 3, got 2");
        let message = text(check(&Matrix::new(2), 2));
        assert!(message.contains("at least 2 rows") && message.contains("got 0"));
        assert_eq!(in_range("n_init", 7, 1, usize::MAX), Ok(()));
    }
}
