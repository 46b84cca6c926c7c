//! The silhouette: how well clusters are separated, and so how many to keep.

use promopt_envs::SeedTree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans::{self, KMeans, KMeansConfig, KMeansError};
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
    let n_rows = points.n_rows().min(labels.len());
    let n_clusters = labels[..n_rows].iter().max().map_or(0, |&label| label + 1);
    let mut sizes = vec![0_usize; n_clusters];
    labels[..n_rows].iter().for_each(|&label| sizes[label] += 1);
    // Collected before it is summed, so that threads do not change the order of the sum.
    let values: Vec<f64> =
        (0..n_rows).into_par_iter().map(|row| silhouette_of(row, points, labels, &sizes)).collect();
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / n_rows as f64 }
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

/// Clusters with every k in `k_min..=k_max` and keeps the one with the largest mean silhouette, the
/// smaller k among equals; returns it with the scores of all that were tried.
///
/// Numbers of clusters beyond the number of different rows are left out. All k are judged on the
/// same rows: all of them up to [`EXACT_ROWS`], else a sample drawn from `seeds`.
///
/// # Errors
///
/// When there are fewer than `k_min` different rows, a setting is 0, or a value is not finite.
pub fn choose_k(
    points: &Matrix,
    k_min: usize,
    k_max: usize,
    n_init: usize,
    seeds: SeedTree,
) -> Result<(KMeans, Vec<KScore>), KMeansError> {
    let sample = sampled_rows(points.n_rows(), seeds.child("silhouette-sample"));
    let sampled = points.select(&sample);
    let k_max = k_max.min(points.n_distinct_rows()).max(k_min);
    let mut best: Option<(f64, KMeans)> = None;
    let mut scores = Vec::new();
    for n_clusters in k_min..=k_max {
        let config = KMeansConfig { n_init, ..KMeansConfig::new(n_clusters) };
        let fit = kmeans::fit(points, &config, seeds.child("k").index(n_clusters as u64))?;
        let labels: Vec<usize> = sample.iter().map(|&row| fit.labels[row]).collect();
        let silhouette = mean_silhouette(&sampled, &labels);
        let size = |cluster| fit.labels.iter().filter(|&&label| label == cluster).count();
        let smallest = (0..n_clusters).map(size).min().unwrap_or(0);
        scores.push(KScore { n_clusters, silhouette, inertia: fit.inertia, smallest });
        if best.as_ref().is_none_or(|(highest, _)| silhouette > *highest) {
            best = Some((silhouette, fit));
        }
    }
    let (_, fit) = best.expect("the range from k_min to at least k_min is not empty");
    Ok((fit, scores))
}

/// Rows the silhouette is judged on, ascending.
fn sampled_rows(n_rows: usize, seeds: SeedTree) -> Vec<usize> {
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
    use rand::Rng;

    /// Blobs of half-width 1 around centres 10 apart on a line, `size` rows each, blob by blob.
    fn blobs(n_blobs: usize, size: usize) -> Matrix {
        let mut stream = SeedTree::new(5).stream();
        let row = |i: usize| {
            let mut around = |centre: f64| centre + stream.random_range(-1.0..1.0);
            [around(10.0 * (i / size) as f64), around(0.0)]
        };
        let rows: Vec<[f64; 2]> = (0..n_blobs * size).map(row).collect();
        Matrix::from_rows(&rows).expect("equal length")
    }

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

    #[test]
    fn the_number_of_blobs_is_found_and_every_k_is_scored() {
        for n_blobs in 3..=6 {
            let points = blobs(n_blobs, 40);
            let (fit, scores) = choose_k(&points, 2, 7, 8, SeedTree::new(2)).expect("valid input");
            assert_eq!(fit.centres.n_rows(), n_blobs);
            let tried: Vec<usize> = scores.iter().map(|score| score.n_clusters).collect();
            assert_eq!(tried, [2, 3, 4, 5, 6, 7]);
            // Centres stand in order on the line, so row i belongs to blob i / 40.
            assert!(fit.labels.iter().enumerate().all(|(i, &label)| label == i / 40));
            assert_eq!(scores[n_blobs - 2].smallest, 40);
        }
    }

    #[test]
    fn k_is_capped_by_the_number_of_different_rows() {
        let points = Matrix::from_rows(&[[0.0], [0.0], [5.0], [5.0]]).expect("equal length");
        let (fit, scores) = choose_k(&points, 2, 7, 2, SeedTree::new(2)).expect("two groups");
        assert_eq!((fit.centres.n_rows(), scores.len()), (2, 1));
        let error = choose_k(&points, 3, 7, 2, SeedTree::new(2)).expect_err("two different rows");
        assert_eq!(error, KMeansError::TooFewPoints { needed: 3, found: 2, n_rows: 4 });
    }

    #[test]
    fn a_sample_judges_large_data_nearly_as_all_rows_do() {
        // Silhouettes within a blob vary by less than 0.2 around the mean, so a mean over 2,000 of
        // them has a standard error below 0.2 / sqrt(2000) = 0.0045; 4 of these are 0.018.
        let points = blobs(3, 900);
        let (fit, scores) = choose_k(&points, 3, 3, 1, SeedTree::new(8)).expect("valid input");
        let exact = mean_silhouette(&points, &fit.labels);
        assert!((scores[0].silhouette - exact).abs() < 0.018);
        let rows = sampled_rows(points.n_rows(), SeedTree::new(8));
        assert_eq!(rows.len(), EXACT_ROWS);
        assert!(rows.is_sorted_by(|a, b| a < b));
    }
}
