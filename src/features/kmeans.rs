//! k-means: Lloyd's iterations from greedy k-means++ starts, the same bytes on any thread count.

use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rayon::prelude::*;
use thiserror::Error;

use super::matrix::{Matrix, compare_rows, squared_distance};

/// Why points cannot be clustered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KMeansError {
    /// There are not enough different points.
    #[error(
        "expected at least {needed} different points for {needed} clusters, got {found} among \
         {n_rows} rows; ask for fewer clusters or give more data"
    )]
    TooFewPoints {
        /// Clusters asked for.
        needed: usize,
        /// Different rows found.
        found: usize,
        /// Rows found.
        n_rows: usize,
    },
    /// A setting is zero.
    #[error("expected {setting} of at least 1, got 0")]
    Zero {
        /// Name of the setting.
        setting: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("expected finite values, got NaN or infinity in row {row}, column {column}")]
    NotFinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
    },
    /// The initial centres do not fit the points.
    #[error("expected initial centres with {expected} columns, got {found}")]
    Columns {
        /// Columns of the points.
        expected: usize,
        /// Columns of the centres.
        found: usize,
    },
}

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KMeansConfig {
    /// Number of clusters, k ≥ 1.
    pub n_clusters: usize,
    /// Number of starts; the one with the lowest inertia is kept.
    pub n_init: usize,
    /// Most Lloyd iterations of a start.
    pub max_iterations: usize,
    /// A start ends when Σ‖centre shift‖² falls to this times the mean variance of the columns.
    pub tolerance: f64,
}

impl KMeansConfig {
    /// The defaults for `n_clusters`: 8 starts, and 300 iterations with tolerance 1e-4 as in
    /// scikit-learn.
    #[must_use]
    pub fn new(n_clusters: usize) -> Self {
        Self { n_clusters, n_init: 8, max_iterations: 300, tolerance: 1e-4 }
    }
}

/// A finished clustering.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Cluster centres, shape `[n_clusters, n_columns]`.
    pub centres: Matrix,
    /// Nearest centre of every row, shape `[n_rows]`.
    pub labels: Vec<usize>,
    /// Σ squared distance of each row to its centre.
    pub inertia: f64,
    /// Lloyd iterations made.
    pub n_iterations: usize,
    /// Whether the iterations ended by themselves.
    pub converged: bool,
}

/// Position of the nearest centre, the first among equals.
#[must_use]
pub fn nearest(centres: &Matrix, point: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY);
    for (index, centre) in centres.rows().enumerate() {
        let distance = squared_distance(centre, point);
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}

/// Clusters the rows of `points`, minimising Σᵢ min_c ‖xᵢ − c‖² (Lloyd 1982), from `n_init` greedy
/// k-means++ starts (Arthur and Vassilvitskii 2007).
///
/// Clusters are numbered by their centres in lexicographic order. The result depends on the rows
/// and the seed only: reordering rows reorders labels, and threads change nothing. It is a local
/// optimum.
///
/// # Errors
///
/// When k or `n_init` is 0, a value is not finite, or there are fewer than k different rows.
pub fn fit(points: &Matrix, config: &KMeansConfig, seeds: SeedTree) -> Result<KMeans, KMeansError> {
    check(points, config)?;
    let found = points.n_distinct_rows();
    if found < config.n_clusters {
        let (needed, n_rows) = (config.n_clusters, points.n_rows());
        return Err(KMeansError::TooFewPoints { needed, found, n_rows });
    }
    let order = points.sorted_order();
    let sorted = points.select(&order);
    let starts: Vec<KMeans> = (0..config.n_init as u64)
        .into_par_iter()
        .map(|start| {
            let centres =
                seed_centres(&sorted, config.n_clusters, &mut seeds.index(start).stream());
            lloyd(&sorted, centres, config)
        })
        .collect();
    let better = |best: KMeans, next: KMeans| if next.inertia < best.inertia { next } else { best };
    let best = starts.into_iter().reduce(better).expect("n_init was checked to be at least 1");
    let by_centre = best.centres.sorted_order();
    let centres = best.centres.select(&by_centre);
    let labels = points.rows().map(|point| nearest(&centres, point)).collect();
    Ok(KMeans { centres, labels, ..best })
}

/// Lloyd's iterations from the given centres; cluster `c` keeps the number of initial centre `c`.
///
/// `config.n_init` is not read and `config.n_clusters` must be the number of centres. Steps,
/// tolerance and the treatment of empty clusters (each moves to the point farthest from its centre)
/// follow scikit-learn's `KMeans(init=centres, n_init=1, algorithm="lloyd")`.
///
/// # Errors
///
/// When a value is not finite, or the centres do not fit the points or the config.
pub fn fit_from(
    points: &Matrix,
    centres: Matrix,
    config: &KMeansConfig,
) -> Result<KMeans, KMeansError> {
    check(points, config)?;
    let (expected, found) = (points.n_columns(), centres.n_columns());
    if expected != found {
        return Err(KMeansError::Columns { expected, found });
    }
    if let Some((row, column)) = centres.first_not_finite() {
        return Err(KMeansError::NotFinite { row, column });
    }
    let (needed, n_rows) = (config.n_clusters, points.n_rows());
    if centres.n_rows() != needed || n_rows < needed {
        let found = centres.n_rows().min(n_rows);
        return Err(KMeansError::TooFewPoints { needed, found, n_rows });
    }
    Ok(lloyd(points, centres, config))
}

fn check(points: &Matrix, config: &KMeansConfig) -> Result<(), KMeansError> {
    if config.n_clusters == 0 {
        return Err(KMeansError::Zero { setting: "n_clusters" });
    }
    if config.n_init == 0 {
        return Err(KMeansError::Zero { setting: "n_init" });
    }
    match points.first_not_finite() {
        Some((row, column)) => Err(KMeansError::NotFinite { row, column }),
        None => Ok(()),
    }
}

/// Greedy k-means++: each next centre is the best of 2 + ⌊ln k⌋ rows drawn with probability
/// proportional to the squared distance to the centres so far.
fn seed_centres(points: &Matrix, n_clusters: usize, stream: &mut Stream) -> Matrix {
    let n_trials = 2 + (n_clusters as f64).ln() as usize;
    let mut centres = Matrix::new(points.n_columns());
    let first = points.row(stream.random_range(0..points.n_rows()));
    let mut distances: Vec<f64> = points.rows().map(|p| squared_distance(p, first)).collect();
    let mut chosen = first;
    loop {
        let fits = centres.push(chosen);
        debug_assert!(fits, "a row of the points has their width");
        if centres.n_rows() == n_clusters {
            return centres;
        }
        let total: f64 = distances.iter().sum();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for _ in 0..n_trials {
            let candidate = points.row(draw(&distances, total, stream));
            let shrunk: Vec<f64> = distances
                .iter()
                .zip(points.rows())
                .map(|(&distance, point)| distance.min(squared_distance(point, candidate)))
                .collect();
            let potential: f64 = shrunk.iter().sum();
            if best.as_ref().is_none_or(|(lowest, _)| potential < *lowest) {
                best = Some((potential, shrunk));
                chosen = candidate;
            }
        }
        (_, distances) = best.expect("there are at least two trials");
    }
}

/// A row drawn with probability proportional to its weight.
fn draw(weights: &[f64], total: f64, stream: &mut Stream) -> usize {
    let mut left = stream.random::<f64>() * total;
    let mut last = 0;
    for (index, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            last = index;
            if left < weight {
                break;
            }
            left -= weight;
        }
    }
    last
}

fn lloyd(points: &Matrix, mut centres: Matrix, config: &KMeansConfig) -> KMeans {
    let threshold = config.tolerance * mean_variance(points);
    let mut labels = vec![usize::MAX; points.n_rows()];
    let mut n_iterations = 0;
    let mut converged = false;
    while n_iterations < config.max_iterations && !converged {
        n_iterations += 1;
        let next: Vec<usize> = points.rows().map(|point| nearest(&centres, point)).collect();
        let moved = means(points, &next, &centres);
        let shift: f64 =
            centres.rows().zip(moved.rows()).map(|(a, b)| squared_distance(a, b)).sum();
        converged = next == labels || shift <= threshold;
        labels = next;
        centres = moved;
    }
    // The centres have moved since the labels were read off them, unless the labels stood still.
    for (label, point) in labels.iter_mut().zip(points.rows()) {
        *label = nearest(&centres, point);
    }
    let own = labels.iter().zip(points.rows());
    let inertia = own.map(|(&label, point)| squared_distance(centres.row(label), point)).sum();
    KMeans { centres, labels, inertia, n_iterations, converged }
}

fn mean_variance(points: &Matrix) -> f64 {
    let n = points.n_rows() as f64;
    let variance = |column: Vec<f64>| {
        let mean = column.iter().sum::<f64>() / n;
        column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n
    };
    let n_columns = points.n_columns();
    (0..n_columns).map(|j| variance(points.column(j))).sum::<f64>() / n_columns as f64
}

/// Means of the clusters; an empty cluster takes the point farthest from its own centre.
fn means(points: &Matrix, labels: &[usize], centres: &Matrix) -> Matrix {
    let n_clusters = centres.n_rows();
    let mut sums = centres.clone();
    (0..n_clusters).for_each(|cluster| sums.row_mut(cluster).fill(0.0));
    let mut counts = vec![0_usize; n_clusters];
    for (&label, point) in labels.iter().zip(points.rows()) {
        counts[label] += 1;
        add(sums.row_mut(label), point, 1.0);
    }
    let empty: Vec<usize> = (0..n_clusters).filter(|&cluster| counts[cluster] == 0).collect();
    if !empty.is_empty() {
        let far = farthest(points, labels, centres);
        for (cluster, index) in empty.into_iter().zip(far) {
            add(sums.row_mut(labels[index]), points.row(index), -1.0);
            counts[labels[index]] -= 1;
            add(sums.row_mut(cluster), points.row(index), 1.0);
            counts[cluster] = 1;
        }
    }
    for (cluster, &count) in counts.iter().enumerate() {
        // A cluster that nothing could be moved to stays where it was.
        if count == 0 {
            sums.row_mut(cluster).copy_from_slice(centres.row(cluster));
        } else {
            sums.row_mut(cluster).iter_mut().for_each(|sum| *sum /= count as f64);
        }
    }
    sums
}

fn add(sum: &mut [f64], point: &[f64], sign: f64) {
    sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += sign * x);
}

/// Rows away from their centre, the farthest first.
fn farthest(points: &Matrix, labels: &[usize], centres: &Matrix) -> Vec<usize> {
    let distance = |(point, &label): (&[f64], &usize)| squared_distance(point, centres.row(label));
    let distances: Vec<f64> = points.rows().zip(labels).map(distance).collect();
    let mut order: Vec<usize> = (0..distances.len()).filter(|&i| distances[i] > 0.0).collect();
    order.sort_by(|&a, &b| {
        let by_distance = distances[b].total_cmp(&distances[a]);
        by_distance.then_with(|| compare_rows(points.row(a), points.row(b)))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 60 points on a lattice without structure, the same as in the scikit-learn reference.
    fn lattice() -> Matrix {
        let point = |i: u32| [f64::from(i * 37 % 101) / 10.0, f64::from(i * 53 % 89) / 10.0];
        Matrix::from_rows(&(0..60).map(point).collect::<Vec<_>>()).expect("equal length")
    }

    fn digits(labels: &[usize]) -> String {
        labels.iter().map(usize::to_string).collect()
    }

    #[test]
    fn lloyd_on_four_points_matches_the_hand_calculation() {
        // From centres 0 and 1: {0} | {1, 9, 10} moves to 0 and 20/3, then {0, 1} | {9, 10} to 0.5
        // and 9.5, and a third round changes no label. Inertia is 4 · 0.25.
        let points = Matrix::from_rows(&[[0.0], [1.0], [9.0], [10.0]]).expect("equal length");
        let centres = points.select(&[0, 1]);
        let fit = fit_from(&points, centres, &KMeansConfig::new(2)).expect("valid input");
        assert_eq!(fit.labels, [0, 0, 1, 1]);
        assert_eq!(fit.centres.column(0), [0.5, 9.5]);
        assert_eq!((fit.inertia, fit.n_iterations, fit.converged), (1.0, 3, true));
    }

    #[test]
    fn labels_equal_those_of_scikit_learn_from_the_same_centres() {
        // scikit-learn 1.9.1: KMeans(4, init=X[:4], n_init=1, algorithm="lloyd").
        let points = lattice();
        let centres = points.select(&[0, 1, 2, 3]);
        let fit = fit_from(&points, centres, &KMeansConfig::new(4)).expect("valid input");
        let expected = "032301321013010110123203232232102301021010010123123233232132";
        assert_eq!(digits(&fit.labels), expected);
        assert!((fit.inertia - 227.495_446_428_571_43).abs() < 1e-9);
        assert_eq!(fit.n_iterations, 5);
    }

    #[test]
    fn an_empty_cluster_moves_to_the_farthest_point_as_in_scikit_learn() {
        let centres = Matrix::from_rows(&[[5.0, 5.0], [100.0, 100.0], [1.0, 1.0]]);
        let centres = centres.expect("equal length");
        let fit = fit_from(&lattice(), centres, &KMeansConfig::new(3)).expect("valid input");
        let expected = "221210210202102002012122121121021210210202102012012122121021";
        assert_eq!(digits(&fit.labels), expected);
        assert!((fit.inertia - 338.123_633_333_333_4).abs() < 1e-9);
    }

    #[test]
    fn too_few_different_points_are_refused_with_the_count() {
        let points = Matrix::from_rows(&[[1.0], [1.0], [2.0]]).expect("equal length");
        let error = fit(&points, &KMeansConfig::new(3), SeedTree::new(1)).expect_err("two points");
        assert_eq!(error, KMeansError::TooFewPoints { needed: 3, found: 2, n_rows: 3 });
        let two = fit(&points, &KMeansConfig::new(2), SeedTree::new(1)).expect("two points");
        assert_eq!((two.labels, two.inertia), (vec![0, 0, 1], 0.0));
    }

    #[test]
    fn bad_input_is_an_error() {
        let seeds = SeedTree::new(1);
        let points = Matrix::from_rows(&[[1.0, 0.0], [f64::NAN, 2.0]]).expect("equal length");
        let error = fit(&points, &KMeansConfig::new(1), seeds).expect_err("NaN");
        assert_eq!(error, KMeansError::NotFinite { row: 1, column: 0 });
        let error = fit(&Matrix::new(2), &KMeansConfig::new(1), seeds).expect_err("no rows");
        assert_eq!(error, KMeansError::TooFewPoints { needed: 1, found: 0, n_rows: 0 });
        let zero = KMeansConfig { n_init: 0, ..KMeansConfig::new(1) };
        assert_eq!(fit(&lattice(), &zero, seeds), Err(KMeansError::Zero { setting: "n_init" }));
        let narrow = Matrix::from_rows(&[[1.0]]).expect("one row");
        let error = fit_from(&lattice(), narrow, &KMeansConfig::new(1)).expect_err("one column");
        assert_eq!(error, KMeansError::Columns { expected: 2, found: 1 });
    }

    #[test]
    fn more_starts_are_never_worse() {
        let inertia = |n_init| {
            let config = KMeansConfig { n_init, ..KMeansConfig::new(6) };
            fit(&lattice(), &config, SeedTree::new(3)).expect("valid input").inertia
        };
        assert!(inertia(16) <= inertia(4) && inertia(4) <= inertia(1));
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            let config = KMeansConfig::new(5);
            pool.expect("threads start").install(|| fit(&lattice(), &config, SeedTree::new(9)))
        };
        assert_eq!(run(1), run(4));
    }

    fn cloud() -> impl Strategy<Value = Vec<[f64; 2]>> {
        prop::collection::vec([-9.0..9.0_f64, -9.0..9.0_f64], 5..40)
    }

    proptest! {
        #[test]
        fn permuting_rows_permutes_labels(
            (rows, order) in cloud().prop_flat_map(|rows| {
                let order = Just((0..rows.len()).collect::<Vec<_>>()).prop_shuffle();
                (Just(rows), order)
            }),
            seed: u64,
        ) {
            let points = Matrix::from_rows(&rows).expect("equal length");
            let config = KMeansConfig { n_init: 2, ..KMeansConfig::new(3) };
            let straight = fit(&points, &config, SeedTree::new(seed)).expect("valid input");
            let permuted = fit(&points.select(&order), &config, SeedTree::new(seed));
            let permuted = permuted.expect("valid input");
            for (at, &row) in order.iter().enumerate() {
                prop_assert_eq!(permuted.labels[at], straight.labels[row]);
            }
            prop_assert_eq!(permuted.centres, straight.centres);
        }

        #[test]
        fn scaling_by_a_power_of_two_scales_centres_and_keeps_labels(rows in cloud(), seed: u64) {
            let points = Matrix::from_rows(&rows).expect("equal length");
            let larger: Vec<[f64; 2]> = rows.iter().map(|row| row.map(|x| 8.0 * x)).collect();
            let larger = Matrix::from_rows(&larger).expect("equal length");
            let config = KMeansConfig { n_init: 2, ..KMeansConfig::new(3) };
            let small = fit(&points, &config, SeedTree::new(seed)).expect("valid input");
            let large = fit(&larger, &config, SeedTree::new(seed)).expect("valid input");
            prop_assert_eq!(&small.labels, &large.labels);
            prop_assert_eq!(64.0 * small.inertia, large.inertia);
        }

        #[test]
        fn every_row_belongs_to_its_nearest_centre(rows in cloud(), seed: u64) {
            let points = Matrix::from_rows(&rows).expect("equal length");
            let fit = fit(&points, &KMeansConfig::new(4), SeedTree::new(seed)).expect("valid");
            for (row, &label) in points.rows().zip(&fit.labels) {
                prop_assert_eq!(nearest(&fit.centres, row), label);
            }
        }
    }
}
