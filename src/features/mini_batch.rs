//! Mini-batch k-means: a clustering of millions of rows from a few hundred small draws.

use promopt_envs::SeedTree;
use rand::Rng;
use rayon::prelude::*;

use super::cluster_error::{ClusterError, check, in_range};
use super::kmeans::{self, KMeans, KMeansConfig, nearest};
use super::matrix::{Matrix, squared_distance};
use super::sample::sample_of;

/// Rows up to which [`fit_at_scale`] runs Lloyd's iterations on all of them.
pub const FULL_ROWS: usize = 50_000;

/// Settings of a mini-batch fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MiniBatchConfig {
    /// Number of clusters, k ≥ 1.
    pub n_clusters: usize,
    /// k-means++ starts on the first sample; the one with the lowest inertia is kept.
    pub n_init: usize,
    /// Rows of the sample that the start is clustered on.
    pub start_rows: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Most batches.
    pub max_batches: usize,
    /// The batches end when Σ‖centre shift‖² falls to this times the mean within-cluster variance
    /// of the columns in the first sample.
    pub tolerance: f64,
}

impl MiniBatchConfig {
    /// The defaults for `n_clusters`: 8 starts on 4,096 rows, up to 200 batches of 1,024 rows,
    /// tolerance 1e-4.
    #[must_use]
    pub fn new(n_clusters: usize) -> Self {
        Self {
            n_clusters,
            n_init: 8,
            start_rows: 4_096,
            batch_rows: 1_024,
            max_batches: 200,
            tolerance: 1e-4,
        }
    }
}

/// Clusters with Lloyd's k-means up to [`FULL_ROWS`] rows and with mini-batches beyond.
///
/// # Errors
///
/// As [`kmeans::fit`].
pub fn fit_at_scale(
    points: &Matrix,
    n_clusters: usize,
    n_init: usize,
    seeds: SeedTree,
) -> Result<KMeans, ClusterError> {
    if points.n_rows() > FULL_ROWS {
        let config = MiniBatchConfig { n_init, ..MiniBatchConfig::new(n_clusters) };
        fit(points, &config, seeds)
    } else {
        let config = KMeansConfig { n_init, ..KMeansConfig::new(n_clusters) };
        Ok(kmeans::fit(points, &config, seeds)?)
    }
}

/// Mini-batch k-means (Sculley 2010): each row x of a random batch moves the centre c nearest to it
/// at the start of the batch by (x − c) / n_c, where n_c counts the rows c has seen.
///
/// The start is Lloyd's k-means on a sample, whose rows count as seen, so every centre is the mean
/// of all it was given. A last pass assigns all rows. The inertia ends a few percent above that of
/// [`kmeans::fit`]. Clusters are numbered by their centres in lexicographic order; the order of
/// the rows and the number of threads change nothing. When the sample holds fewer than k different
/// rows, all rows go through [`kmeans::fit`].
///
/// # Errors
///
/// As [`kmeans::fit`], and when a number of rows or batches is 0.
pub fn fit(
    points: &Matrix,
    config: &MiniBatchConfig,
    seeds: SeedTree,
) -> Result<KMeans, ClusterError> {
    in_range("start_rows", config.start_rows, 1, usize::MAX)?;
    in_range("batch_rows", config.batch_rows, 1, usize::MAX)?;
    in_range("max_batches", config.max_batches, 1, usize::MAX)?;
    check(points, 1)?;
    let full = KMeansConfig { n_init: config.n_init, ..KMeansConfig::new(config.n_clusters) };
    let order = points.sorted_order();
    let sample = points.select(&sample_of(&order, config.start_rows, seeds.child("start-sample")));
    if sample.n_distinct_rows() < config.n_clusters {
        return Ok(kmeans::fit(points, &full, seeds)?);
    }
    let start = kmeans::fit(&sample, &full, seeds.child("start"))?;
    let walked = walk(points, &order, start, config, seeds.child("batches"));
    let by_centre = walked.centres.sorted_order();
    let walked = KMeans { centres: walked.centres.select(&by_centre), ..walked };
    assign_all(points, &order, walked, &full)
}

/// Moves the centres through the batches; labels and inertia are left as they were.
fn walk(
    points: &Matrix,
    order: &[usize],
    start: KMeans,
    config: &MiniBatchConfig,
    seeds: SeedTree,
) -> KMeans {
    let n_values = (start.labels.len() * points.n_columns()) as f64;
    let threshold = config.tolerance * start.inertia / n_values;
    let mut seen = vec![0.0_f64; config.n_clusters];
    start.labels.iter().for_each(|&label| seen[label] += 1.0);
    let mut centres = start.centres;
    let (mut n_iterations, mut converged) = (0, false);
    while n_iterations < config.max_batches && !converged {
        let mut stream = seeds.index(n_iterations as u64).stream();
        n_iterations += 1;
        let batch: Vec<usize> =
            (0..config.batch_rows).map(|_| order[stream.random_range(0..order.len())]).collect();
        let labels: Vec<usize> =
            batch.par_iter().map(|&row| nearest(&centres, points.row(row))).collect();
        let before = centres.clone();
        for (&row, label) in batch.iter().zip(labels) {
            seen[label] += 1.0;
            let towards = |(centre, x): (&mut f64, &f64)| *centre += (x - *centre) / seen[label];
            centres.row_mut(label).iter_mut().zip(points.row(row)).for_each(towards);
        }
        let shift: f64 =
            before.rows().zip(centres.rows()).map(|(a, b)| squared_distance(a, b)).sum();
        converged = shift <= threshold;
    }
    KMeans { centres, labels: start.labels, inertia: start.inertia, n_iterations, converged }
}

/// Gives every row its nearest centre; a centre left without rows is settled by Lloyd's iterations.
fn assign_all(
    points: &Matrix,
    order: &[usize],
    walked: KMeans,
    full: &KMeansConfig,
) -> Result<KMeans, ClusterError> {
    let n_rows = points.n_rows();
    let labels: Vec<usize> =
        (0..n_rows).into_par_iter().map(|row| nearest(&walked.centres, points.row(row))).collect();
    let mut used = vec![false; full.n_clusters];
    labels.iter().for_each(|&label| used[label] = true);
    if used.contains(&false) {
        let settled = kmeans::fit_from(&points.select(order), walked.centres, full)?;
        let centres = settled.centres.select(&settled.centres.sorted_order());
        let labels = points.rows().map(|point| nearest(&centres, point)).collect();
        return Ok(KMeans { centres, labels, ..settled });
    }
    // Summed in the order of the rows' values, so that a shuffled file gives the same bytes.
    let own = |row: usize| squared_distance(walked.centres.row(labels[row]), points.row(row));
    let inertia = order.iter().copied().map(own).sum();
    Ok(KMeans { labels, inertia, ..walked })
}

#[cfg(test)]
mod tests {
    use super::super::golden::{in_any_order, points};
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    fn small(n_clusters: usize) -> MiniBatchConfig {
        MiniBatchConfig { start_rows: 80, batch_rows: 50, ..MiniBatchConfig::new(n_clusters) }
    }

    /// Unit squares around `n_blobs` centres 10 apart.
    fn squares(n_rows: usize, n_blobs: usize) -> Matrix {
        let mut stream = SeedTree::new(6).stream();
        let row = |i: usize| {
            [10.0 * (i % n_blobs) as f64 + stream.random::<f64>(), stream.random::<f64>()]
        };
        Matrix::from_rows(&(0..n_rows).map(row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn centres_of_separated_squares_are_found_within_sampling_error() {
        // A centre is the mean of at least 4,096 / 5 rows of standard deviation 0.289 a column:
        // 4 standard errors are 4 · 0.289 / sqrt(819) = 0.040.
        let points = squares(60_000, 5);
        let fit = fit_at_scale(&points, 5, 4, SeedTree::new(1)).expect("valid input");
        for (index, centre) in fit.centres.rows().enumerate() {
            assert!((centre[0] - 10.0 * index as f64 - 0.5).abs() < 0.04);
            assert!((centre[1] - 0.5).abs() < 0.04);
        }
        assert!(fit.converged);
        assert!(fit.labels.iter().enumerate().all(|(row, &label)| label == row % 5));
    }

    #[test]
    fn inertia_stays_within_five_percent_of_lloyd() {
        for (name, k) in [("space", 5), ("ten", 8)] {
            let points = points(name);
            let full = kmeans::fit(&points, &KMeansConfig::new(k), SeedTree::new(2));
            let quick = fit(&points, &small(k), SeedTree::new(2)).expect("valid input");
            assert!(quick.inertia <= 1.05 * full.expect("valid input").inertia);
        }
    }

    #[test]
    fn few_rows_go_through_all_of_lloyd() {
        let points = points("plane");
        let config = KMeansConfig { n_init: 3, ..KMeansConfig::new(4) };
        let full = kmeans::fit(&points, &config, SeedTree::new(5)).expect("valid input");
        assert_eq!(fit_at_scale(&points, 4, 3, SeedTree::new(5)), Ok(full));
    }

    #[test]
    fn labels_are_the_nearest_centres_and_none_is_empty() {
        let points = points("cloud");
        let fit = fit(&points, &small(9), SeedTree::new(3)).expect("valid input");
        for (row, &label) in points.rows().zip(&fit.labels) {
            assert_eq!(label, nearest(&fit.centres, row));
        }
        assert!((0..9).all(|cluster| fit.labels.contains(&cluster)));
    }

    #[test]
    fn a_sample_of_one_value_falls_back_to_all_rows() {
        let mut rows = vec![[0.0]; 5_000];
        rows[7] = [1.0];
        let points = Matrix::from_rows(&rows).expect("equal length");
        let fit = fit(&points, &small(2), SeedTree::new(1)).expect("two different rows");
        assert_eq!((fit.labels[7], fit.labels[8], fit.inertia), (1, 0, 0.0));
        assert!(super::fit(&points, &small(3), SeedTree::new(1)).is_err());
        let idle = MiniBatchConfig { batch_rows: 0, ..small(2) };
        assert!(super::fit(&points, &idle, SeedTree::new(1)).is_err());
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            pool.expect("threads start")
                .install(|| fit(&points("ten"), &small(6), SeedTree::new(9)))
        };
        assert_eq!(run(1), run(4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn permuting_rows_permutes_labels(order in in_any_order(200), seed: u64) {
            let points = points("space");
            let straight = fit(&points, &small(4), SeedTree::new(seed)).expect("valid input");
            let shuffled = fit(&points.select(&order), &small(4), SeedTree::new(seed));
            let shuffled = shuffled.expect("valid input");
            prop_assert_eq!(&shuffled.centres, &straight.centres);
            prop_assert_eq!(shuffled.inertia, straight.inertia);
            for (at, &row) in order.iter().enumerate() {
                prop_assert_eq!(shuffled.labels[at], straight.labels[row]);
            }
        }
    }
}
