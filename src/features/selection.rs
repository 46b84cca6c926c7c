//! How many personas: every number is tried and scored, one is kept.

use promopt_envs::SeedTree;

use super::gap::{GapConfig, gap_statistic};
use super::gmm;
use super::kmeans::{self, KMeans, KMeansConfig};
use super::matrix::{Matrix, squared_distance};
use super::mini_batch;
use super::mixture::CovarianceKind;
use super::personas::{ChooseBy, Method, PersonaConfig, PersonaError};
use super::silhouette::{KScore, mean_silhouette, sampled_rows};
use super::ward::{TREE_ROWS, WardTree};

/// Centres for the chosen number of personas, and the scores of all numbers tried.
pub(super) fn centres(
    points: &Matrix,
    config: &PersonaConfig,
    distinct: usize,
    seeds: SeedTree,
) -> Result<(Matrix, Vec<KScore>), PersonaError> {
    let sample = sampled_rows(points.n_rows(), seeds.child("silhouette-sample"));
    let sampled = points.select(&sample);
    let k_max = config.k_max.min(distinct);
    let tree = match config.method {
        Method::Ward => Some(WardTree::fit(points, TREE_ROWS, seeds.child("ward"))?),
        _ => None,
    };
    let (mut fits, mut scores) = (Vec::new(), Vec::new());
    for n_clusters in config.k_min..=k_max {
        let (centres, labels) = match &tree {
            Some(tree) => {
                let clusters = tree.assign(points, n_clusters)?;
                (clusters.centres, clusters.labels)
            }
            None => {
                let fit = k_means(points, n_clusters, config.n_init, seeds)?;
                (fit.centres, fit.labels)
            }
        };
        let of_sample: Vec<usize> = sample.iter().map(|&row| labels[row]).collect();
        let size = |cluster| labels.iter().filter(|&&label| label == cluster).count();
        let distance = |(row, &label): (&[f64], &usize)| squared_distance(row, centres.row(label));
        scores.push(KScore {
            n_clusters,
            silhouette: mean_silhouette(&sampled, &of_sample),
            inertia: points.rows().zip(&labels).map(distance).sum(),
            smallest: (0..n_clusters).map(size).min().unwrap_or(0),
        });
        fits.push(centres);
    }
    let chosen = choose(points, config, &scores, seeds)?;
    Ok((fits.swap_remove(chosen - config.k_min), scores))
}

fn k_means(
    points: &Matrix,
    n_clusters: usize,
    n_init: usize,
    seeds: SeedTree,
) -> Result<KMeans, PersonaError> {
    let seeds = seeds.child("k").index(n_clusters as u64);
    if points.n_rows() > mini_batch::FULL_ROWS {
        return Ok(mini_batch::fit_at_scale(points, n_clusters, n_init, seeds)?);
    }
    let config = KMeansConfig { n_init, ..KMeansConfig::new(n_clusters) };
    Ok(kmeans::fit(points, &config, seeds)?)
}

/// The number of clusters that the configured score prefers; the smaller one among equals.
fn choose(
    points: &Matrix,
    config: &PersonaConfig,
    scores: &[KScore],
    seeds: SeedTree,
) -> Result<usize, PersonaError> {
    let (first, last) = (config.k_min, config.k_min + scores.len() - 1);
    match config.choose_by {
        ChooseBy::Silhouette => {
            let better = |best: &KScore, next: &KScore| next.silhouette > best.silhouette;
            let best = scores.iter().reduce(|a, b| if better(a, b) { b } else { a });
            Ok(best.map_or(first, |score| score.n_clusters))
        }
        ChooseBy::Gap => {
            let gap = gap_statistic(points, &GapConfig::new(last), seeds.child("gap"))?;
            Ok(gap.n_clusters.clamp(first, last))
        }
        ChooseBy::Bic => {
            let kind = CovarianceKind::Diagonal;
            let (mixture, _) = gmm::choose_by_bic(points, first, last, kind, seeds.child("bic"))?;
            Ok(mixture.weights.len())
        }
    }
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

    fn tried(
        points: &Matrix,
        (k_min, k_max): (usize, usize),
        method: Method,
    ) -> (Matrix, Vec<KScore>) {
        let config = PersonaConfig { k_min, k_max, method, ..PersonaConfig::default() };
        let distinct = points.n_distinct_rows();
        centres(points, &config, distinct, SeedTree::new(2)).expect("valid input")
    }

    #[test]
    fn the_number_of_blobs_is_found_and_every_k_is_scored() {
        for n_blobs in 3..=6 {
            let points = blobs(n_blobs, 40);
            for method in [Method::KMeans, Method::Ward] {
                let (centres, scores) = tried(&points, (2, 7), method);
                assert_eq!(centres.n_rows(), n_blobs);
                let tried: Vec<usize> = scores.iter().map(|score| score.n_clusters).collect();
                assert_eq!(tried, [2, 3, 4, 5, 6, 7]);
                assert_eq!(scores[n_blobs - 2].smallest, 40);
            }
        }
    }

    #[test]
    fn gap_and_bic_find_clear_blobs_too() {
        let points = blobs(3, 60);
        for choose_by in [ChooseBy::Gap, ChooseBy::Bic] {
            let config = PersonaConfig { k_min: 2, k_max: 5, choose_by, ..Default::default() };
            let found = centres(&points, &config, 180, SeedTree::new(3)).expect("valid input");
            assert_eq!(found.0.n_rows(), 3, "{choose_by:?}");
        }
    }

    #[test]
    fn k_is_capped_by_the_number_of_different_rows() {
        let points = Matrix::from_rows(&[[0.0], [0.0], [5.0], [5.0]]).expect("equal length");
        let (centres, scores) = tried(&points, (2, 7), Method::KMeans);
        assert_eq!((centres.n_rows(), scores.len()), (2, 1));
    }

    #[test]
    fn a_sample_judges_large_data_nearly_as_all_rows_do() {
        // Silhouettes within a blob vary by less than 0.2 around the mean, so a mean over 2,000 of
        // them has a standard error below 0.2 / sqrt(2000) = 0.0045; 4 of these are 0.018.
        let points = blobs(3, 900);
        let (centres, scores) = tried(&points, (3, 3), Method::KMeans);
        let labels: Vec<usize> =
            points.rows().map(|row| super::super::kmeans::nearest(&centres, row)).collect();
        assert!((scores[0].silhouette - mean_silhouette(&points, &labels)).abs() < 0.018);
    }
}
