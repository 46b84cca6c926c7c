//! Principal components: the rotation in which features are uncorrelated, most variance first.

use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check, in_range, same_length};
use super::matrix::Matrix;

/// Most sweeps of the Jacobi iteration; it converges quadratically, in 6 to 10 for any size here.
const MAX_SWEEPS: usize = 60;

/// Loadings within this share of the largest count as equally large when the sign is fixed.
const SIGN_TIE: f64 = 1e-9;

/// A fitted principal component analysis (Pearson 1901, Hotelling 1933).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    /// Mean of each feature, shape `[n_features]`.
    pub means: Vec<f64>,
    /// Unit directions in rows, shape `[n_components, n_features]`, variance descending. The
    /// loading of largest size in each is positive.
    pub components: Matrix,
    /// Variance along each component, dividing by n − 1, shape `[n_components]`.
    pub explained_variance: Vec<f64>,
    /// Share of the total variance of each component, shape `[n_components]`; 0 without variance.
    pub explained_variance_ratio: Vec<f64>,
}

impl Pca {
    /// All min(n rows, n features) components of the covariance (xᵢ − x̄)(xᵢ − x̄)ᵀ / (n − 1).
    ///
    /// Not scaled: standardise features first when their units differ. Components of equal variance
    /// are any basis of their plane. The order of the rows changes nothing.
    ///
    /// # Errors
    ///
    /// When there are fewer than two rows, no columns, or a value is not finite.
    pub fn fit(points: &Matrix) -> Result<Self, ClusterError> {
        check(points, 2)?;
        let sorted = points.select(&points.sorted_order());
        let means = column_means(&sorted);
        let covariance = covariance(&sorted, &means);
        let n_features = points.n_columns();
        let (values, vectors) = symmetric_eigen(covariance, n_features);
        let n_components = n_features.min(points.n_rows());
        let mut order: Vec<usize> = (0..n_features).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(n_components);
        let mut components = Matrix::new(n_features);
        for &column in &order {
            let direction: Vec<f64> =
                (0..n_features).map(|row| vectors[row * n_features + column]).collect();
            let fits = components.push(&with_fixed_sign(direction));
            debug_assert!(fits, "a direction has one loading a feature");
        }
        // Rounding can put a variance of zero just below it.
        let explained_variance: Vec<f64> = order.iter().map(|&i| values[i].max(0.0)).collect();
        let total: f64 = values.iter().map(|value| value.max(0.0)).sum();
        let share = |&variance: &f64| if total > 0.0 { variance / total } else { 0.0 };
        let explained_variance_ratio = explained_variance.iter().map(share).collect();
        Ok(Self { means, components, explained_variance, explained_variance_ratio })
    }

    /// Fewest leading components that explain this share of the variance; all when none suffice.
    #[must_use]
    pub fn n_for(&self, share: f64) -> usize {
        let mut explained = 0.0;
        for (index, ratio) in self.explained_variance_ratio.iter().enumerate() {
            explained += ratio;
            // A share of 1 must not fail by the rounding of the sum.
            if explained >= share - 1e-12 {
                return index + 1;
            }
        }
        self.explained_variance_ratio.len()
    }

    /// The same analysis with the leading components only, at least one.
    ///
    /// # Errors
    ///
    /// When the number is 0 or beyond the components there are.
    pub fn truncated(&self, n_components: usize) -> Result<Self, ClusterError> {
        in_range("a number of components", n_components, 1, self.components.n_rows())?;
        Ok(Self {
            means: self.means.clone(),
            components: self.components.select(&(0..n_components).collect::<Vec<_>>()),
            explained_variance: self.explained_variance[..n_components].to_vec(),
            explained_variance_ratio: self.explained_variance_ratio[..n_components].to_vec(),
        })
    }

    /// Coordinates of a row along the components: V (x − x̄), shape `[n_components]`.
    ///
    /// # Errors
    ///
    /// When the row does not have the fitted number of features.
    pub fn transform(&self, row: &[f64]) -> Result<Vec<f64>, ClusterError> {
        same_length("a row of features", self.means.len(), row.len())?;
        let along = |component: &[f64]| {
            component.iter().zip(row).zip(&self.means).map(|((v, x), mean)| v * (x - mean)).sum()
        };
        Ok(self.components.rows().map(along).collect())
    }

    /// Coordinates of every row, shape `[n_rows, n_components]`.
    ///
    /// # Errors
    ///
    /// When the rows do not have the fitted number of features.
    pub fn transform_all(&self, points: &Matrix) -> Result<Matrix, ClusterError> {
        same_length("rows of features", self.means.len(), points.n_columns())?;
        let mut scores = Matrix::new(self.components.n_rows());
        for row in points.rows() {
            let fits = scores.push(&self.transform(row)?);
            debug_assert!(fits, "a transformed row has one coordinate a component");
        }
        Ok(scores)
    }
}

/// Mean of every column, rows summed as they stand.
pub(crate) fn column_means(points: &Matrix) -> Vec<f64> {
    let mut means = vec![0.0; points.n_columns()];
    for row in points.rows() {
        means.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    means.iter_mut().for_each(|sum| *sum /= points.n_rows() as f64);
    means
}

/// Covariance around the means, dividing by n − 1, row-major `[n_columns × n_columns]`.
pub(crate) fn covariance(points: &Matrix, means: &[f64]) -> Vec<f64> {
    let n = means.len();
    let mut covariance = vec![0.0; n * n];
    let mut centred = vec![0.0; n];
    for row in points.rows() {
        centred.iter_mut().zip(row.iter().zip(means)).for_each(|(c, (x, mean))| *c = x - mean);
        for i in 0..n {
            for j in 0..=i {
                covariance[i * n + j] += centred[i] * centred[j];
            }
        }
    }
    let divisor = points.n_rows().saturating_sub(1).max(1) as f64;
    for i in 0..n {
        for j in 0..=i {
            covariance[i * n + j] /= divisor;
            covariance[j * n + i] = covariance[i * n + j];
        }
    }
    covariance
}

/// The direction or its opposite: that whose largest loading, the first among equals, is positive.
fn with_fixed_sign(mut direction: Vec<f64>) -> Vec<f64> {
    let largest = direction.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    let leading = direction.iter().find(|v| v.abs() >= largest * (1.0 - SIGN_TIE));
    if leading.is_some_and(|&v| v < 0.0) {
        direction.iter_mut().for_each(|v| *v = -*v);
    }
    direction
}

/// Eigenvalues and, in columns, eigenvectors of a symmetric row-major `[n × n]` matrix, by cyclic
/// Jacobi rotations (Golub and Van Loan 2013, §8.5); in no particular order.
fn symmetric_eigen(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let size = matrix.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                if matrix[p * n + q].abs() > f64::EPSILON * f64::EPSILON * size {
                    rotate(&mut matrix, &mut vectors, n, p, q);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| matrix[i * n + i]).collect(), vectors)
}

/// Turns the plane of `p` and `q` so that the entry between them becomes zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let between = matrix[p * n + q];
    let tau = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * between);
    let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for k in (0..n).filter(|&k| k != p && k != q) {
        let (at_p, at_q) = (matrix[k * n + p], matrix[k * n + q]);
        let (new_p, new_q) = (cosine * at_p - sine * at_q, sine * at_p + cosine * at_q);
        (matrix[k * n + p], matrix[p * n + k]) = (new_p, new_p);
        (matrix[k * n + q], matrix[q * n + k]) = (new_q, new_q);
    }
    matrix[p * n + p] -= tangent * between;
    matrix[q * n + q] += tangent * between;
    (matrix[p * n + q], matrix[q * n + p]) = (0.0, 0.0);
    for k in 0..n {
        let (at_p, at_q) = (vectors[k * n + p], vectors[k * n + q]);
        vectors[k * n + p] = cosine * at_p - sine * at_q;
        vectors[k * n + q] = sine * at_p + cosine * at_q;
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{flat, golden, in_any_order, largest_difference, points, read};
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn two_columns_match_the_hand_calculation() {
        // Both variances and the covariance of (0, 0), (1, 1), (2, 2) are 1, so the eigenvalues are
        // 2 and 0, along (1, 1)/√2 and (1, −1)/√2.
        let line = Matrix::from_rows(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).expect("equal length");
        let pca = Pca::fit(&line).expect("valid input");
        let half = 0.5_f64.sqrt();
        assert!(largest_difference(pca.components.row(0), &[half, half]) < 1e-12);
        assert!(largest_difference(pca.components.row(1), &[half, -half]) < 1e-12);
        assert!(largest_difference(&pca.explained_variance, &[2.0, 0.0]) < 1e-12);
        assert!(largest_difference(&pca.explained_variance_ratio, &[1.0, 0.0]) < 1e-12);
        let scores = pca.transform(&[2.0, 2.0]).expect("two features");
        assert!(largest_difference(&scores, &[2.0_f64.sqrt(), 0.0]) < 1e-12);
    }

    #[test]
    fn components_equal_those_of_scikit_learn_up_to_sign() {
        for case in read::<Vec<Value>>(&golden("pca")) {
            let points = points(&read::<String>(&case["points"]));
            let pca = Pca::fit(&points).expect("valid input");
            let scores = pca.transform(points.row(0)).expect("a row of the points");
            let expected_scores: Vec<f64> = read(&case["first_row"]);
            let expected: Vec<Vec<f64>> = read(&case["components"]);
            assert_eq!(pca.components.n_rows(), expected.len());
            for (index, expected) in expected.iter().enumerate() {
                let component = pca.components.row(index);
                let sign: f64 = component.iter().zip(expected).map(|(a, b)| a * b).sum();
                let expected: Vec<f64> = expected.iter().map(|v| v * sign.signum()).collect();
                assert!(largest_difference(component, &expected) < 1e-6);
                assert!((scores[index] - sign.signum() * expected_scores[index]).abs() < 1e-6);
            }
            for (found, key) in [
                (&pca.means, "means"),
                (&pca.explained_variance, "explained_variance"),
                (&pca.explained_variance_ratio, "explained_variance_ratio"),
            ] {
                assert!(largest_difference(found, &read::<Vec<f64>>(&case[key])) < 1e-6);
            }
        }
    }

    #[test]
    fn components_are_orthonormal_and_the_largest_loading_is_positive() {
        let components = Pca::fit(&points("ten")).expect("valid input").components;
        for (i, a) in components.rows().enumerate() {
            for (j, b) in components.rows().enumerate() {
                let product: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
            let largest = a.iter().copied().reduce(|x, y| if y.abs() > x.abs() { y } else { x });
            assert!(largest.is_some_and(|loading| loading > 0.0));
        }
    }

    #[test]
    fn the_fewest_components_for_a_share_are_counted() {
        let pca = Pca::fit(&points("ten")).expect("valid input");
        let mut sum = 0.0;
        for (index, ratio) in pca.explained_variance_ratio.iter().enumerate() {
            sum += ratio;
            assert_eq!(pca.n_for(sum), index + 1);
        }
        assert_eq!((pca.n_for(0.0), pca.n_for(1.0), pca.n_for(2.0)), (1, 10, 10));
        let three = pca.truncated(3).expect("three of ten");
        assert_eq!(three.transform(&[0.0; 10]).expect("ten features").len(), 3);
        assert!(pca.truncated(0).is_err() && pca.truncated(11).is_err());
    }

    #[test]
    fn degenerate_input_is_told_apart_from_bad_input() {
        let equal = Matrix::from_rows(&[[1.0, 2.0]; 3]).expect("equal length");
        let pca = Pca::fit(&equal).expect("no variance is not an error");
        assert_eq!(pca.explained_variance_ratio, [0.0, 0.0]);
        assert!(matches!(Pca::fit(&Matrix::new(0)), Err(ClusterError::TooFew { .. })));
        let one = Matrix::from_rows(&[[1.0, 2.0]]).expect("one row");
        assert!(matches!(Pca::fit(&one), Err(ClusterError::TooFew { needed: 2, found: 1, .. })));
        let not_finite = Matrix::from_rows(&[[1.0], [f64::NAN]]).expect("equal length");
        assert_eq!(Pca::fit(&not_finite), Err(ClusterError::NotFinite { row: 1, column: 0 }));
        assert!(pca.transform(&[1.0]).is_err());
    }

    proptest! {
        #[test]
        fn the_order_of_rows_changes_no_byte(order in in_any_order(120)) {
            let points = points("plane");
            let (straight, shuffled) = (Pca::fit(&points), Pca::fit(&points.select(&order)));
            let (straight, shuffled) = (straight.expect("valid"), shuffled.expect("valid"));
            prop_assert_eq!(flat(&straight.components), flat(&shuffled.components));
            prop_assert_eq!(straight, shuffled);
        }
    }
}
