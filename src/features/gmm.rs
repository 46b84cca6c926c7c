//! Fits Gaussian mixtures by expectation–maximisation and chooses their number of components.

use promopt_envs::SeedTree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check, in_range, same_length};
use super::matrix::{Matrix, compare_rows};
use super::mini_batch::fit_at_scale;
use super::mixture::{CovarianceKind, Gmm};

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GmmConfig {
    /// Number of components, k ≥ 1.
    pub n_components: usize,
    /// Shape of the components.
    pub covariance: CovarianceKind,
    /// Added to every variance, so that no component collapses on equal rows.
    pub reg_covar: f64,
    /// The iterations end when the mean log-likelihood of a row changes by less than this.
    pub tolerance: f64,
    /// Most iterations.
    pub max_iterations: usize,
}

impl GmmConfig {
    /// The defaults for `n_components`, as in scikit-learn: reg_covar 1e-6, tolerance 1e-3, at most
    /// 100 iterations.
    #[must_use]
    pub fn new(n_components: usize, covariance: CovarianceKind) -> Self {
        Self { n_components, covariance, reg_covar: 1e-6, tolerance: 1e-3, max_iterations: 100 }
    }
}

/// How well one number of components did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BicScore {
    /// Number of components.
    pub n_components: usize,
    /// Bayesian information criterion; the smallest is best.
    pub bic: f64,
    /// Mean over the rows of ln p(x).
    pub log_likelihood: f64,
    /// Whether the iterations ended by themselves.
    pub converged: bool,
}

/// Fits a mixture by expectation–maximisation (Dempster, Laird and Rubin 1977) from the clusters of
/// k-means, which are those of mini-batches for many rows.
///
/// Components are numbered by their means in lexicographic order; the order of the rows and the
/// number of threads change nothing. The result is a local optimum.
///
/// # Errors
///
/// As [`super::kmeans::fit`], and when a covariance is singular.
pub fn fit(points: &Matrix, config: &GmmConfig, seeds: SeedTree) -> Result<Gmm, ClusterError> {
    let start = fit_at_scale(points, config.n_components, 8, seeds)?;
    let fitted = fit_from_labels(points, &start.labels, config)?;
    Ok(fitted.reordered(&fitted.means.sorted_order()))
}

/// Fits mixtures with every k in `k_min..=k_max` and keeps that of the lowest BIC, the smaller
/// among equals; numbers beyond the number of different rows are left out.
///
/// # Errors
///
/// As [`fit`] for `k_min`. A larger k with a singular covariance is left out.
pub fn choose_by_bic(
    points: &Matrix,
    k_min: usize,
    k_max: usize,
    covariance: CovarianceKind,
    seeds: SeedTree,
) -> Result<(Gmm, Vec<BicScore>), ClusterError> {
    let of = |k: usize| fit(points, &GmmConfig::new(k, covariance), seeds.index(k as u64));
    let score = |gmm: &Gmm| BicScore {
        n_components: gmm.weights.len(),
        bic: gmm.bic(),
        log_likelihood: gmm.log_likelihood,
        converged: gmm.converged,
    };
    let mut best = of(k_min)?;
    let mut scores = vec![score(&best)];
    for k in k_min + 1..=k_max.min(points.n_distinct_rows()) {
        let next = match of(k) {
            Err(ClusterError::Singular { .. }) => continue,
            other => other?,
        };
        scores.push(score(&next));
        if next.bic() < best.bic() {
            best = next;
        }
    }
    Ok((best, scores))
}

/// Fits a mixture from hard labels; component `c` keeps the number of label `c`.
///
/// # Errors
///
/// As [`fit_from_responsibilities`], and when a label is not below the number of components.
pub fn fit_from_labels(
    points: &Matrix,
    labels: &[usize],
    config: &GmmConfig,
) -> Result<Gmm, ClusterError> {
    let mut responsibilities = Matrix::new(config.n_components);
    for &label in labels {
        in_range("a label", label, 0, config.n_components.saturating_sub(1))?;
        let mut row = vec![0.0; config.n_components];
        row[label] = 1.0;
        let fits = responsibilities.push(&row);
        debug_assert!(fits, "a row of memberships has one value a component");
    }
    fit_from_responsibilities(points, &responsibilities, config)
}

/// Fits a mixture from initial memberships, shape `[n_rows, n_components]`, rows summing to 1.
///
/// Steps follow scikit-learn's `GaussianMixture`: maximise, then expect and maximise in turn until
/// the bound settles. Each variance is raised by `reg_covar`.
///
/// # Errors
///
/// When the shapes do not fit, a value is not finite, memberships are not shares, there are no
/// components or rows, or a covariance is singular.
pub fn fit_from_responsibilities(
    points: &Matrix,
    responsibilities: &Matrix,
    config: &GmmConfig,
) -> Result<Gmm, ClusterError> {
    check(points, 1)?;
    in_range("n_components", config.n_components, 1, usize::MAX)?;
    same_length("columns of memberships", config.n_components, responsibilities.n_columns())?;
    same_length("rows of memberships", points.n_rows(), responsibilities.n_rows())?;
    for row in responsibilities.rows() {
        let sum: f64 = row.iter().sum();
        if !((sum - 1.0).abs() <= 1e-6 && row.iter().all(|&share| share >= 0.0)) {
            let range = "shares that sum to 1".to_owned();
            let found = format!("{row:?}");
            return Err(ClusterError::OutOfRange { what: "memberships", range, found });
        }
    }
    let mut order: Vec<usize> = (0..points.n_rows()).collect();
    order.sort_by(|&a, &b| {
        let by_point = compare_rows(points.row(a), points.row(b));
        by_point.then_with(|| compare_rows(responsibilities.row(a), responsibilities.row(b)))
    });
    iterate(&points.select(&order), responsibilities.select(&order), config)
}

fn iterate(
    points: &Matrix,
    mut responsibilities: Matrix,
    config: &GmmConfig,
) -> Result<Gmm, ClusterError> {
    let mut gmm = maximise(points, &responsibilities, config)?;
    let mut bound = f64::NEG_INFINITY;
    while gmm.n_iterations < config.max_iterations && !gmm.converged {
        let n_iterations = gmm.n_iterations + 1;
        let (next_bound, next) = gmm.expect(points);
        responsibilities = next;
        gmm = maximise(points, &responsibilities, config)?;
        gmm.n_iterations = n_iterations;
        gmm.converged = (next_bound - bound).abs() < config.tolerance;
        bound = next_bound;
    }
    (gmm.log_likelihood, _) = gmm.expect(points);
    Ok(gmm)
}

/// The mixture that explains the rows best under these memberships.
fn maximise(
    points: &Matrix,
    responsibilities: &Matrix,
    config: &GmmConfig,
) -> Result<Gmm, ClusterError> {
    let components: Vec<Component> = (0..config.n_components)
        .into_par_iter()
        .map(|index| component(points, &responsibilities.column(index), config))
        .collect();
    let total: f64 = components.iter().map(|component| component.size).sum();
    let weights = components.iter().map(|component| component.size / total).collect();
    let means: Vec<&[f64]> = components.iter().map(|component| &component.mean[..]).collect();
    let means = Matrix::from_rows(&means).expect("every mean has one value a feature");
    let covariances = components.into_iter().map(|component| component.covariance).collect();
    let mut gmm = Gmm::new(config.covariance, weights, means, covariances)?;
    gmm.n_rows = points.n_rows();
    Ok(gmm)
}

struct Component {
    size: f64,
    mean: Vec<f64>,
    covariance: Matrix,
}

/// Weighted size, mean and covariance of the rows that belong to a component by these shares.
fn component(points: &Matrix, shares: &[f64], config: &GmmConfig) -> Component {
    let d = points.n_columns();
    // The addition keeps a component without rows finite.
    let size = shares.iter().sum::<f64>() + 10.0 * f64::EPSILON;
    let mut mean = vec![0.0; d];
    for (row, share) in points.rows().zip(shares) {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += share * x);
    }
    mean.iter_mut().for_each(|sum| *sum /= size);
    let full = config.covariance == CovarianceKind::Full;
    let mut values = vec![0.0; if full { d * d } else { d }];
    let mut centred = vec![0.0; d];
    for (row, share) in points.rows().zip(shares).filter(|(_, share)| **share > 0.0) {
        centred.iter_mut().zip(row.iter().zip(&mean)).for_each(|(c, (x, mean))| *c = x - mean);
        for i in 0..d {
            let weighted = share * centred[i];
            if full {
                let lower = values[i * d..=i * d + i].iter_mut();
                lower.zip(&centred).for_each(|(sum, c)| *sum += weighted * c);
            } else {
                values[i] += weighted * centred[i];
            }
        }
    }
    values.iter_mut().for_each(|sum| *sum /= size);
    for i in 0..d {
        values[if full { i * d + i } else { i }] += config.reg_covar;
        (0..if full { i } else { 0 }).for_each(|j| values[j * d + i] = values[i * d + j]);
    }
    let covariance = Matrix::from_rows(&values.chunks_exact(d).collect::<Vec<_>>())
        .expect("a covariance was made of equal rows");
    Component { size, mean, covariance }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{
        flat, golden, in_any_order, largest_difference, matrix, points, read,
    };
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::f64::consts::TAU;

    #[test]
    fn one_component_is_the_normal_law_of_the_rows() {
        // Mean 2, variance 2/3 dividing by n, raised by 1e-6.
        let points = Matrix::from_rows(&[[1.0], [2.0], [3.0]]).expect("equal length");
        let config = GmmConfig::new(1, CovarianceKind::Full);
        let gmm = fit(&points, &config, SeedTree::new(1)).expect("valid input");
        let variance: f64 = 2.0 / 3.0 + 1e-6;
        assert!((gmm.means.row(0)[0] - 2.0).abs() < 1e-12);
        assert!((gmm.covariances[0].row(0)[0] - variance).abs() < 1e-12);
        let expected = -0.5 * (TAU * variance).ln() - 0.5 * (2.0 / 3.0) / variance;
        assert!((gmm.log_likelihood - expected).abs() < 1e-12);
        // Two parameters: −2 · 3 · ln L̄ + 2 ln 3.
        assert!((gmm.bic() - (-6.0 * expected + 2.0 * 3.0_f64.ln())).abs() < 1e-9);
        assert_eq!(gmm.responsibilities(&[9.0]), Ok(vec![1.0]));
    }

    #[test]
    fn mixtures_equal_those_of_scikit_learn_from_the_same_labels() {
        for case in read::<Vec<Value>>(&golden("mixtures")) {
            let points = points(&read::<String>(&case["points"]));
            let weights: Vec<f64> = read(&case["weights"]);
            let config = GmmConfig::new(weights.len(), read(&case["covariance"]));
            let labels: Vec<usize> = read(&case["start_labels"]);
            let gmm = fit_from_labels(&points, &labels, &config).expect("valid input");
            assert!((gmm.log_likelihood - read::<f64>(&case["log_likelihood"])).abs() < 1e-6);
            assert!((gmm.bic() - read::<f64>(&case["bic"])).abs() < 1e-6);
            assert_eq!(gmm.n_iterations, read::<usize>(&case["n_iterations"]));
            assert_eq!(gmm.converged, read::<bool>(&case["converged"]));
            assert!(largest_difference(&gmm.weights, &weights) < 1e-6);
            assert!(largest_difference(&flat(&gmm.means), &flat(&matrix(&case["means"]))) < 1e-6);
            let found: Vec<f64> = gmm.covariances.iter().flat_map(flat).collect();
            let expected: Vec<f64> = match config.covariance {
                CovarianceKind::Full => read::<Vec<Vec<Vec<f64>>>>(&case["covariances"])
                    .into_iter()
                    .flatten()
                    .flatten()
                    .collect(),
                CovarianceKind::Diagonal => flat(&matrix(&case["covariances"])),
            };
            assert!(largest_difference(&found, &expected) < 1e-6);
            for (row, expected) in points.rows().zip(matrix(&case["responsibilities"]).rows()) {
                let shares = gmm.responsibilities(row).expect("a row of the points");
                assert!(largest_difference(&shares, expected) < 1e-6);
            }
        }
    }

    #[test]
    fn iterations_never_lower_the_likelihood() {
        let points = points("cloud");
        let start: Vec<usize> = (0..points.n_rows()).map(|row| row % 3).collect();
        let after = |max_iterations| {
            let config = GmmConfig {
                max_iterations,
                tolerance: 0.0,
                ..GmmConfig::new(3, CovarianceKind::Full)
            };
            fit_from_labels(&points, &start, &config).expect("valid input").log_likelihood
        };
        let climb: Vec<f64> = (0..30).map(after).collect();
        assert!(climb.is_sorted_by(|a, b| *a <= b + 1e-9));
    }

    #[test]
    fn the_number_of_blobs_has_the_lowest_bic() {
        let points = points("plane");
        let found = choose_by_bic(&points, 1, 6, CovarianceKind::Full, SeedTree::new(1));
        let (gmm, scores) = found.expect("valid input");
        assert_eq!((gmm.weights.len(), scores.len()), (3, 6));
        assert!(scores.iter().all(|score| score.bic >= gmm.bic()));
        assert!(gmm.means.rows().is_sorted_by(|a, b| compare_rows(a, b).is_le()));
        let shares = gmm.responsibilities(points.row(0)).expect("a row of the points");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let largest = shares.iter().copied().fold(0.0, f64::max);
        assert_eq!(shares[gmm.assign(points.row(0)).expect("a row")], largest);
    }

    #[test]
    fn bad_input_is_an_error() {
        let points = Matrix::from_rows(&[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
        let points = points.expect("equal length");
        let bare = GmmConfig { reg_covar: 0.0, ..GmmConfig::new(1, CovarianceKind::Full) };
        let error = fit_from_labels(&points, &[0, 0, 0], &bare).expect_err("no spread");
        assert_eq!(error, ClusterError::Singular { component: 0 });
        let flat = GmmConfig { covariance: CovarianceKind::Diagonal, ..bare };
        assert!(fit_from_labels(&points, &[0, 0, 0], &flat).is_err());
        let config = GmmConfig::new(2, CovarianceKind::Full);
        assert!(fit_from_labels(&points, &[0, 2, 0], &config).is_err());
        assert!(fit_from_labels(&points, &[0, 1], &config).is_err());
        let halves = Matrix::from_rows(&[[0.5, 0.6]; 3]).expect("equal length");
        assert!(fit_from_responsibilities(&points, &halves, &config).is_err());
        assert!(fit_from_labels(&points, &[0, 1, 0], &config).is_ok());
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            let config = GmmConfig::new(4, CovarianceKind::Full);
            let fit = || fit(&points("space"), &config, SeedTree::new(9));
            pool.expect("threads start").install(fit)
        };
        assert_eq!(run(1), run(4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_order_of_rows_changes_no_byte(order in in_any_order(120), seed: u64) {
            let points = points("plane");
            let config = GmmConfig::new(3, CovarianceKind::Full);
            let straight = fit(&points, &config, SeedTree::new(seed));
            let shuffled = fit(&points.select(&order), &config, SeedTree::new(seed));
            prop_assert_eq!(straight, shuffled);
        }
    }
}
