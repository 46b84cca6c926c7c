//! The silhouette: how well clusters are separated, and so how many to keep.

use promopt_envs::SeedTree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::matrix::{Matrix, squared_distance};

/// Rows up to which the mean silhouette is exact; above, it is that of a sample of this size.
pub const EXACT_ROWS: usize = 2_000;

/// How well one number of clusters did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KScore {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Mean silhouette, in [−1, 1]; 0 for one cluster.
    pub silhouette: f64,
    /// Σ squared distance to the nearest centre, in scaled units.
    pub inertia: f64,
    /// Customers in the smallest cluster.
    pub smallest: usize,
}

/// Mean silhouette of a clustering (Rousseeuw 1987): the mean over rows of `(b − a) / max(a, b)`,
/// where `a` is the mean Euclidean distance to the other rows of the own cluster and `b` the
/// smallest mean distance to the rows of another cluster.
///
/// A row alone in its cluster counts 0, and so does everything when there is one cluster. It
/// favours round clusters of like size. Rows beyond the shorter of `points` and `labels` are not
/// read.
#[must_use]
pub fn mean_silhouette(points: &Matrix, labels: &[usize]) -> f64 {
    let values = silhouettes(points, labels);
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The silhouette of every row, as in [`mean_silhouette`].
#[must_use]
pub fn silhouettes(points: &Matrix, labels: &[usize]) -> Vec<f64> {
    let n_rows = points.n_rows().min(labels.len());
    let n_clusters = labels[..n_rows].iter().max().map_or(0, |&label| label + 1);
    let mut sizes = vec![0_usize; n_clusters];
    labels[..n_rows].iter().for_each(|&label| sizes[label] += 1);
    // Collected before it is summed, so that threads do not change the order of the sum.
    (0..n_rows).into_par_iter().map(|row| silhouette_of(row, points, labels, &sizes)).collect()
}

fn silhouette_of(row: usize, points: &Matrix, labels: &[usize], sizes: &[usize]) -> f64 {
    let own = labels[row];
    if sizes[own] < 2 {
        return 0.0;
    }
    let mut sums = vec![0.0; sizes.len()];
    for (point, &label) in points.rows().zip(labels) {
        sums[label] += squared_distance(points.row(row), point).sqrt();
    }
    let within = sums[own] / (sizes[own] - 1) as f64;
    let others = (0..sizes.len()).filter(|&cluster| cluster != own && sizes[cluster] > 0);
    let between =
        others.map(|cluster| sums[cluster] / sizes[cluster] as f64).fold(f64::INFINITY, f64::min);
    let larger = within.max(between);
    if between.is_finite() && larger > 0.0 { (between - within) / larger } else { 0.0 }
}

/// Rows the silhouette is judged on, ascending.
pub(super) fn sampled_rows(n_rows: usize, seeds: SeedTree) -> Vec<usize> {
    if n_rows <= EXACT_ROWS {
        return (0..n_rows).collect();
    }
    let mut rows = rand::seq::index::sample(&mut seeds.stream(), n_rows, EXACT_ROWS).into_vec();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silhouette_of_four_points_matches_the_hand_calculation() {
        // Row 0: a = 1, b = (9 + 10) / 2 = 9.5, s = 8.5 / 9.5. Row 1: a = 1, b = 8.5,
        // s = 7.5 / 8.5, and rows 2 and 3 mirror them.
        let points = Matrix::from_rows(&[[0.0], [1.0], [9.0], [10.0]]).expect("equal length");
        let expected = (8.5 / 9.5 + 7.5 / 8.5) / 2.0;
        assert!((mean_silhouette(&points, &[0, 0, 1, 1]) - expected).abs() < 1e-12);
    }

    #[test]
    fn silhouette_equals_that_of_scikit_learn() {
        // scikit-learn 1.9.1: silhouette_score on the clustering of the k-means reference test.
        let point = |i: u32| [f64::from(i * 37 % 101) / 10.0, f64::from(i * 53 % 89) / 10.0];
        let points = Matrix::from_rows(&(0..60).map(point).collect::<Vec<_>>());
        let labels = "032301321013010110123203232232102301021010010123123233232132";
        let labels: Vec<usize> = labels.bytes().map(|digit| usize::from(digit - b'0')).collect();
        let score = mean_silhouette(&points.expect("equal length"), &labels);
        assert!((score - 0.375_385_107_377_718_8).abs() < 1e-12);
    }

    #[test]
    fn lone_rows_and_single_clusters_count_zero() {
        let points = Matrix::from_rows(&[[0.0], [1.0], [9.0]]).expect("equal length");
        assert_eq!(mean_silhouette(&points, &[0, 0, 0]), 0.0);
        assert_eq!(mean_silhouette(&points, &[0, 1, 2]), 0.0);
        assert_eq!(mean_silhouette(&Matrix::new(1), &[]), 0.0);
        let equal = Matrix::from_rows(&[[1.0]; 4]).expect("equal length");
        assert_eq!(mean_silhouette(&equal, &[0, 0, 1, 1]), 0.0);
    }
}
