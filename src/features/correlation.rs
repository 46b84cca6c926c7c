//! Correlation pruning: columns that repeat another one, or say nothing, are left out.

use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check};
use super::matrix::Matrix;
use super::pca::{column_means, covariance};

/// |r| above which a column repeats another one, unless told otherwise.
pub const CORRELATION_THRESHOLD: f64 = 0.95;

/// Why a column was left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It has one value in all rows.
    Constant,
    /// It moves with a column that is kept.
    Correlated {
        /// The kept column with the largest |r|.
        because_of: usize,
        /// Pearson's r with that column, in [−1, 1].
        r: f64,
    },
}

/// A column that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// Position of the column.
    pub column: usize,
    /// Why it was left out.
    pub reason: DropReason,
}

/// What pruning decided about each column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pruning {
    /// Columns kept, ascending.
    pub kept: Vec<usize>,
    /// Columns left out, ascending.
    pub dropped: Vec<DroppedColumn>,
}

impl Pruning {
    /// The kept columns of a matrix with the pruned columns' layout.
    #[must_use]
    pub fn select(&self, points: &Matrix) -> Matrix {
        let mut kept = Matrix::new(self.kept.len());
        for row in points.rows() {
            let values: Vec<f64> = self.kept.iter().map(|&column| row[column]).collect();
            let fits = kept.push(&values);
            debug_assert!(fits, "a pruned row has one value a kept column");
        }
        kept
    }
}

/// Pearson correlation of all pairs of columns, shape `[n_columns, n_columns]`.
///
/// r = cov(x, y) / √(var x · var y), 1 on the diagonal, 0 where a column is constant: deviation at
/// most 1e-12 of max(|mean|, 1), so that rounding is not taken for variation. Reads linear
/// association only, and outliers weigh heavily: clip first. The order of rows changes nothing.
///
/// # Errors
///
/// When there are fewer than two rows, no columns, or a value is not finite.
pub fn correlations(points: &Matrix) -> Result<Matrix, ClusterError> {
    Ok(with_constants(points)?.0)
}

/// Goes through the columns from the first and drops each that is constant or whose |r| with a kept
/// one exceeds `threshold` ([`CORRELATION_THRESHOLD`] is customary).
///
/// The order of the columns decides which of a pair stays: put what is easiest to explain first.
///
/// # Errors
///
/// As [`correlations`], and when the threshold is not in (0, 1].
pub fn prune(points: &Matrix, threshold: f64) -> Result<Pruning, ClusterError> {
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(ClusterError::OutOfRange {
            what: "a correlation threshold",
            range: "(0, 1]".to_owned(),
            found: threshold.to_string(),
        });
    }
    let (correlations, constant) = with_constants(points)?;
    let mut pruning = Pruning::default();
    for (column, &is_constant) in constant.iter().enumerate() {
        let row = correlations.row(column);
        let closest = pruning
            .kept
            .iter()
            .copied()
            .reduce(|best, next| if row[next].abs() > row[best].abs() { next } else { best });
        let reason = match closest {
            _ if is_constant => Some(DropReason::Constant),
            Some(because_of) if row[because_of].abs() > threshold => {
                Some(DropReason::Correlated { because_of, r: row[because_of] })
            }
            _ => None,
        };
        match reason {
            Some(reason) => pruning.dropped.push(DroppedColumn { column, reason }),
            None => pruning.kept.push(column),
        }
    }
    Ok(pruning)
}

/// Correlations, and which columns are constant.
fn with_constants(points: &Matrix) -> Result<(Matrix, Vec<bool>), ClusterError> {
    check(points, 2)?;
    let sorted = points.select(&points.sorted_order());
    let means = column_means(&sorted);
    let mut values = covariance(&sorted, &means);
    let n = means.len();
    let deviations: Vec<f64> = (0..n).map(|i| values[i * n + i].sqrt()).collect();
    let is_constant = |(deviation, mean): (&f64, &f64)| *deviation <= 1e-12 * mean.abs().max(1.0);
    let constant: Vec<bool> = deviations.iter().zip(&means).map(is_constant).collect();
    for i in 0..n {
        for j in 0..n {
            let r = if constant[i] || constant[j] {
                0.0
            } else {
                // Rounding can put a perfect correlation just beyond 1.
                (values[i * n + j] / (deviations[i] * deviations[j])).clamp(-1.0, 1.0)
            };
            values[i * n + j] = if i == j { 1.0 } else { r };
        }
    }
    let mut matrix = Matrix::new(n);
    for row in values.chunks_exact(n) {
        let fits = matrix.push(row);
        debug_assert!(fits, "a row of correlations has one value a column");
    }
    Ok((matrix, constant))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{flat, golden, in_any_order, largest_difference, matrix, points};
    use super::*;
    use proptest::prelude::*;

    /// Columns: x, twice x, a constant, −x with a dent, and something else.
    fn table() -> Matrix {
        let row = |i: i32| {
            let x = f64::from(i);
            [x, 2.0 * x, 0.1 + 0.2, if i == 4 { 0.0 } else { -x }, f64::from(i * i % 7)]
        };
        Matrix::from_rows(&(0..20).map(row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn correlations_equal_those_of_numpy() {
        let expected = golden("correlations");
        for name in ["plane", "space", "ten", "cloud"] {
            let found = correlations(&points(name)).expect("valid input");
            assert!(largest_difference(&flat(&found), &flat(&matrix(&expected[name]))) < 1e-12);
        }
    }

    #[test]
    fn repeated_and_constant_columns_are_dropped_with_the_reason() {
        let pruning = prune(&table(), CORRELATION_THRESHOLD).expect("valid input");
        assert_eq!(pruning.kept, [0, 4]);
        let [twice, constant, mirrored] = &pruning.dropped[..] else { panic!("three dropped") };
        assert_eq!(
            (twice.column, twice.reason),
            (1, DropReason::Correlated { because_of: 0, r: 1.0 })
        );
        assert_eq!((constant.column, constant.reason), (2, DropReason::Constant));
        assert!(matches!(
            mirrored,
            DroppedColumn { column: 3, reason: DropReason::Correlated { because_of: 0, r } }
                if *r < -0.95
        ));
        assert_eq!(pruning.select(&table()).row(3), [3.0, 2.0]);
    }

    #[test]
    fn a_threshold_of_one_keeps_all_that_varies() {
        assert_eq!(prune(&table(), 1.0).expect("valid input").kept, [0, 1, 3, 4]);
        for threshold in [0.0, 1.1, f64::NAN] {
            assert!(matches!(prune(&table(), threshold), Err(ClusterError::OutOfRange { .. })));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_rows_changes_no_byte(order in in_any_order(200)) {
            let points = points("space");
            prop_assert_eq!(correlations(&points), correlations(&points.select(&order)));
        }
    }
}
