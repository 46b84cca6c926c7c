//! The gap statistic: how many clusters hold rows together better than no clusters would.

use promopt_envs::SeedTree;
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check, in_range};
use super::kmeans::{self, KMeansConfig};
use super::matrix::Matrix;
use super::pca::Pca;
use super::sample::ordered_sample;
use super::silhouette::EXACT_ROWS;

/// Settings of a gap statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GapConfig {
    /// Largest number of clusters tried, at least 1; the smallest is 1.
    pub k_max: usize,
    /// Reference data sets B.
    pub n_references: usize,
    /// k-means++ starts of every fit.
    pub n_init: usize,
    /// Rows judged; of more, a sample of this size.
    pub max_rows: usize,
}

impl GapConfig {
    /// The defaults for `k_max`: 20 references, 4 starts, at most [`EXACT_ROWS`] rows.
    #[must_use]
    pub fn new(k_max: usize) -> Self {
        Self { k_max, n_references: 20, n_init: 4, max_rows: EXACT_ROWS }
    }
}

/// The gap at one number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GapScore {
    /// Number of clusters k.
    pub n_clusters: usize,
    /// ln W_k of the data, W_k = Σ squared distance of the rows to their centre.
    pub log_within: f64,
    /// Mean ln W_k of the references.
    pub reference_log_within: f64,
    /// Gap(k) = reference − data.
    pub gap: f64,
    /// s_k = √(1 + 1/B) · standard deviation (dividing by B) of ln W_k over the references.
    pub standard_error: f64,
}

/// Gaps for k = 1, 2, … and the number of clusters they speak for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GapStatistic {
    /// One score for each k from 1.
    pub scores: Vec<GapScore>,
    /// Smallest k with Gap(k) ≥ Gap(k + 1) − s_(k+1); the largest tried when there is none. 1 says
    /// that no clustering beats a single cloud.
    pub n_clusters: usize,
    /// Whether the rule was met.
    pub settled: bool,
}

/// Gap statistic (Tibshirani, Walther and Hastie 2001) of k-means, with references uniform over the
/// box that spans the data along its principal components.
///
/// Numbers of clusters that leave no spread (k = number of different rows) are not tried. It
/// assumes clusters that are round and apart: it is cautious where they overlap, stops at 1 where
/// they stand in a row at like distances (look at the later gaps), and speaks for more than one on
/// a single cloud that fills its box unevenly. The order of the rows and the number of threads
/// change nothing.
///
/// # Errors
///
/// When there are fewer than two different rows, a setting is 0, or a value is not finite.
pub fn gap_statistic(
    points: &Matrix,
    config: &GapConfig,
    seeds: SeedTree,
) -> Result<GapStatistic, ClusterError> {
    in_range("k_max", config.k_max, 1, usize::MAX)?;
    in_range("n_references", config.n_references, 1, usize::MAX)?;
    check(points, 2)?;
    let data =
        points.select(&ordered_sample(points, config.max_rows.max(2), seeds.child("sample")));
    let found = data.n_distinct_rows();
    if found < 2 {
        return Err(ClusterError::TooFew { what: "different rows", needed: 2, found });
    }
    let k_max = config.k_max.min(found - 1);
    let rotated = Pca::fit(&data)?.transform_all(&data)?;
    let log_within = log_within(&data, k_max, config.n_init, seeds.child("data"))?;
    let references: Vec<Vec<f64>> = (0..config.n_references as u64)
        .into_par_iter()
        .map(|index| {
            let seeds = seeds.child("reference").index(index);
            let reference = uniform_box(&rotated, seeds.child("draw"));
            self::log_within(&reference, k_max, config.n_init, seeds.child("fit"))
        })
        .collect::<Result<_, _>>()?;
    Ok(judge(&log_within, &references))
}

/// ln W_k for k = 1, …, k_max.
fn log_within(
    points: &Matrix,
    k_max: usize,
    n_init: usize,
    seeds: SeedTree,
) -> Result<Vec<f64>, ClusterError> {
    let of = |n_clusters: usize| {
        let config = KMeansConfig { n_init, ..KMeansConfig::new(n_clusters) };
        let fit = kmeans::fit(points, &config, seeds.index(n_clusters as u64))?;
        Ok(fit.inertia.ln())
    };
    (1..=k_max).map(of).collect()
}

/// As many rows as given, uniform between the smallest and the largest value of each column.
///
/// Distances are the same in any rotation, so the box is not turned back from the principal axes.
fn uniform_box(rotated: &Matrix, seeds: SeedTree) -> Matrix {
    let range = |column: usize| {
        let values = rotated.rows().map(|row| row[column]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ranges: Vec<(f64, f64)> = (0..rotated.n_columns()).map(range).collect();
    let mut stream = seeds.stream();
    let mut reference = Matrix::new(rotated.n_columns());
    for _ in 0..rotated.n_rows() {
        let row: Vec<f64> =
            ranges.iter().map(|(low, high)| low + (high - low) * stream.random::<f64>()).collect();
        let fits = reference.push(&row);
        debug_assert!(fits, "a reference row has one value a column");
    }
    reference
}

/// Gaps and the rule, from ln W_k of the data `[k_max]` and of the references `[B][k_max]`.
fn judge(log_within: &[f64], references: &[Vec<f64>]) -> GapStatistic {
    let n = references.len() as f64;
    let score = |(index, &log_within): (usize, &f64)| {
        let values = || references.iter().map(|reference| reference[index]);
        let reference_log_within = values().sum::<f64>() / n;
        let variance = values().map(|x| (x - reference_log_within).powi(2)).sum::<f64>() / n;
        GapScore {
            n_clusters: index + 1,
            log_within,
            reference_log_within,
            gap: reference_log_within - log_within,
            standard_error: (variance * (1.0 + 1.0 / n)).sqrt(),
        }
    };
    let scores: Vec<GapScore> = log_within.iter().enumerate().map(score).collect();
    let met = scores.windows(2).find(|pair| pair[0].gap >= pair[1].gap - pair[1].standard_error);
    let settled = met.is_some();
    let n_clusters = met.map_or(scores.len(), |pair| pair[0].n_clusters);
    GapStatistic { scores, n_clusters, settled }
}

#[cfg(test)]
mod tests {
    use super::super::golden::in_any_order;
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;
    use std::f64::consts::TAU;

    fn quick(k_max: usize) -> GapConfig {
        GapConfig { n_references: 10, n_init: 2, ..GapConfig::new(k_max) }
    }

    /// Squares of half-width 1 around `n_blobs` centres on a circle of radius 8.
    fn blobs(n_rows: usize, n_blobs: usize) -> Matrix {
        let mut stream = SeedTree::new(8).stream();
        let row = |i: usize| {
            let (sine, cosine) = (TAU * (i % n_blobs) as f64 / n_blobs as f64).sin_cos();
            [sine, cosine].map(|centre| 8.0 * centre + stream.random_range(-1.0..1.0))
        };
        Matrix::from_rows(&(0..n_rows).map(row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn gaps_and_the_rule_match_the_hand_calculation() {
        // Two references: means 6, 5.5, 5.2; deviations 0, 0.5, 0.2, times sqrt(1.5). Gaps 1, 2.5,
        // 2.7; s = 0, 0.612, 0.245. 1 < 2.5 − 0.612, but 2.5 ≥ 2.7 − 0.245, so two clusters.
        let result = judge(&[5.0, 3.0, 2.5], &[vec![6.0, 6.0, 5.4], vec![6.0, 5.0, 5.0]]);
        let gaps: Vec<f64> = result.scores.iter().map(|score| score.gap).collect();
        for (gap, expected) in gaps.iter().zip([1.0, 2.5, 2.7]) {
            assert!((gap - expected).abs() < 1e-12);
        }
        assert!((result.scores[1].standard_error - 0.5 * 1.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!((result.n_clusters, result.settled), (2, true));
        let rising = judge(&[5.0, 3.0], &[vec![6.0, 6.0]]);
        assert_eq!((rising.n_clusters, rising.settled), (2, false));
    }

    #[test]
    fn the_number_of_blobs_is_found_and_a_uniform_cloud_is_one() {
        for n_blobs in [1, 2, 3, 5] {
            let result = gap_statistic(&blobs(240, n_blobs), &quick(7), SeedTree::new(3));
            let result = result.expect("valid input");
            assert_eq!((result.n_clusters, result.settled), (n_blobs, true));
            assert_eq!(result.scores.len(), 7);
        }
    }

    #[test]
    fn k_stops_before_every_row_is_its_own_cluster() {
        let points = Matrix::from_rows(&[[0.0], [1.0], [5.0], [5.0]]).expect("equal length");
        let result = gap_statistic(&points, &quick(7), SeedTree::new(3)).expect("valid input");
        assert_eq!(result.scores.len(), 2);
        assert!(result.scores.iter().all(|score| score.gap.is_finite()));
        let equal = Matrix::from_rows(&[[1.0]; 3]).expect("equal length");
        let error = gap_statistic(&equal, &quick(7), SeedTree::new(3)).expect_err("no spread");
        assert_eq!(error, ClusterError::TooFew { what: "different rows", needed: 2, found: 1 });
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            let fit = || gap_statistic(&blobs(90, 3), &quick(4), SeedTree::new(9));
            pool.expect("threads start").install(fit)
        };
        assert_eq!(run(1), run(4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_order_of_rows_changes_no_byte(order in in_any_order(60), max_rows in 40..80_usize) {
            let points = blobs(60, 3);
            let config = GapConfig { n_references: 3, max_rows, ..quick(4) };
            let straight = gap_statistic(&points, &config, SeedTree::new(1));
            let shuffled = gap_statistic(&points.select(&order), &config, SeedTree::new(1));
            prop_assert_eq!(straight, shuffled);
        }
    }
}
