//! Data without clusters that resemble given data: what structure has to beat.

use promopt_envs::SeedTree;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::cluster_error::ClusterError;
use super::matrix::Matrix;
use super::pca::Pca;

/// What data without clusters is taken to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReference {
    /// One cloud with the mean, deviation and skewness of each column, shifted log-normal, and the
    /// correlations of the columns' normal scores. Columns with spikes or gaps are more regular
    /// than this and can beat it.
    Skewed,
    /// One normal cloud with the covariance of the data, centred and along its principal axes.
    /// Skewed columns beat it without clusters: a log-normal cloud often does.
    Normal,
    /// Each column shuffled by itself: keeps every distribution, breaks all dependence. Correlated
    /// columns beat it without clusters, and groups that one column tells apart survive in it.
    ShuffledColumns,
}

/// As many rows as the data, without clusters. The data are to stand in an order of their own, so
/// that the draw does not depend on that of a file.
pub(crate) fn noise_set(
    data: &Matrix,
    noise: NoiseReference,
    seeds: SeedTree,
) -> Result<Matrix, ClusterError> {
    match noise {
        NoiseReference::Skewed => skewed(data, seeds),
        NoiseReference::Normal => normal(data, seeds),
        NoiseReference::ShuffledColumns => Ok(shuffled(data, seeds)),
    }
}

/// Along the principal components the covariance is diagonal, and k-means reads only distances,
/// which are the same in any rotation.
fn normal(data: &Matrix, seeds: SeedTree) -> Result<Matrix, ClusterError> {
    let variances = Pca::fit(data)?.explained_variance;
    let mut stream = seeds.stream();
    let mut draw = |variance: &f64| -> f64 {
        let z: f64 = StandardNormal.sample(&mut stream);
        variance.sqrt() * z
    };
    let rows: Vec<Vec<f64>> =
        (0..data.n_rows()).map(|_| variances.iter().map(&mut draw).collect()).collect();
    Ok(from_rows(&rows))
}

fn shuffled(data: &Matrix, seeds: SeedTree) -> Matrix {
    let mut stream = seeds.stream();
    let shuffle = |index: usize| {
        let mut column = data.column(index);
        column.shuffle(&mut stream);
        column
    };
    transposed(&(0..data.n_columns()).map(shuffle).collect::<Vec<_>>())
}

fn skewed(data: &Matrix, seeds: SeedTree) -> Result<Matrix, ClusterError> {
    let columns: Vec<Vec<f64>> = (0..data.n_columns()).map(|index| data.column(index)).collect();
    let scores: Vec<Vec<f64>> = columns.iter().map(|column| normal_scores(column)).collect();
    let shapes: Vec<Shape> = columns.iter().map(|column| Shape::of(column)).collect();
    let pca = Pca::fit(&transposed(&scores))?;
    let spread = |index: usize| -> f64 {
        let along = pca.components.rows().zip(&pca.explained_variance);
        along.map(|(component, variance)| component[index].powi(2) * variance).sum::<f64>().sqrt()
    };
    let spreads: Vec<f64> = (0..data.n_columns()).map(spread).collect();
    let mut stream = seeds.stream();
    let mut row = |_| {
        let mut z = vec![0.0; data.n_columns()];
        for (component, variance) in pca.components.rows().zip(&pca.explained_variance) {
            let along: f64 = StandardNormal.sample(&mut stream);
            let length = variance.sqrt() * along;
            z.iter_mut().zip(component).for_each(|(z, loading)| *z += length * loading);
        }
        let value = |((z, spread), shape): ((f64, &f64), &Shape)| {
            shape.value(if *spread > 0.0 { z / spread } else { 0.0 })
        };
        z.into_iter().zip(&spreads).zip(&shapes).map(value).collect()
    };
    let rows: Vec<Vec<f64>> = (0..data.n_rows()).map(&mut row).collect();
    Ok(from_rows(&rows))
}

/// Φ⁻¹(rank / (n + 1)) of each value, ties sharing their mean rank.
fn normal_scores(column: &[f64]) -> Vec<f64> {
    let law = Normal::standard();
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
    let mut scores = vec![0.0; column.len()];
    let mut before = 0;
    for run in order.chunk_by(|&a, &b| column[a] == column[b]) {
        let rank = before as f64 + (run.len() + 1) as f64 / 2.0;
        let score = law.inverse_cdf(rank / (column.len() + 1) as f64);
        run.iter().for_each(|&row| scores[row] = score);
        before += run.len();
    }
    scores
}

/// Location, spread and skewness of a column.
struct Shape {
    mean: f64,
    deviation: f64,
    /// 1 or −1: where the longer tail is.
    side: f64,
    /// ω = e^(σ²) of the log-normal law of this skewness; 1 without skew.
    omega: f64,
}

impl Shape {
    fn of(column: &[f64]) -> Self {
        let n = column.len() as f64;
        let mean = column.iter().sum::<f64>() / n;
        let moment = |power| column.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        let skewness = if deviation > 0.0 { moment(3) / deviation.powi(3) } else { 0.0 };
        // The root of (ω + 2)² (ω − 1) = skewness², in closed form.
        let half = skewness * skewness / 2.0;
        let cube = 1.0 + half + (half * (half + 2.0)).sqrt();
        let omega = cube.cbrt() + 1.0 / cube.cbrt() - 1.0;
        Self { mean, deviation, side: 1.0_f64.copysign(skewness), omega }
    }

    /// The value of this law at a standard normal z.
    fn value(&self, z: f64) -> f64 {
        let sigma = self.omega.ln().max(0.0).sqrt();
        let standard = if sigma > 1e-6 {
            let tilted = (sigma * self.side * z - sigma * sigma / 2.0).exp_m1();
            self.side * tilted / (self.omega - 1.0).sqrt()
        } else {
            z
        };
        self.mean + self.deviation * standard
    }
}

fn transposed(columns: &[Vec<f64>]) -> Matrix {
    let n_rows = columns.first().map_or(0, Vec::len);
    let row = |index: usize| columns.iter().map(|column| column[index]).collect();
    from_rows(&(0..n_rows).map(row).collect::<Vec<Vec<f64>>>())
}

fn from_rows(rows: &[Vec<f64>]) -> Matrix {
    Matrix::from_rows(rows).expect("every row was made with one value a column")
}

#[cfg(test)]
mod tests {
    use super::super::correlation::correlations;
    use super::super::pca::{column_means, covariance};
    use super::*;

    const N_ROWS: usize = 8_000;

    /// A log-normal column, a mirrored one that goes with it, a normal and a constant one.
    fn data() -> Matrix {
        let mut stream = SeedTree::new(12).stream();
        let mut row = |_| {
            let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
            let (a, b) = (draw(), draw());
            [3.0 + (0.5 * a).exp(), -(0.3 * (0.8 * b - 0.6 * a)).exp(), b, 7.0]
        };
        Matrix::from_rows(&(0..N_ROWS).map(&mut row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn a_log_normal_law_is_recognised_by_its_skewness() {
        // Skewness of ω = 1.5: (1.5 + 2) √0.5.
        let skewness = 3.5 * 0.5_f64.sqrt();
        let half = skewness * skewness / 2.0;
        let cube: f64 = 1.0 + half + (half * (half + 2.0)).sqrt();
        assert!((cube.cbrt() + 1.0 / cube.cbrt() - 2.5).abs() < 1e-12);
        // (0, 0, 3): mean 1, variance 2, third moment 2, so skewness 1/√2 and tail to the right.
        let shape = Shape::of(&[0.0, 0.0, 3.0]);
        assert!(((shape.omega + 2.0).powi(2) * (shape.omega - 1.0) - 0.5).abs() < 1e-12);
        assert_eq!((shape.mean, shape.side), (1.0, 1.0));
    }

    #[test]
    fn skewed_noise_has_the_moments_and_the_dependence_of_the_data() {
        let (data, noise) = (data(), noise_set(&data(), NoiseReference::Skewed, SeedTree::new(5)));
        let noise = noise.expect("valid input");
        let root = (N_ROWS as f64).sqrt();
        for column in 0..3 {
            let (of_data, of_noise) =
                (Shape::of(&data.column(column)), Shape::of(&noise.column(column)));
            // Standard error of a mean: deviation / √n; the data's own mean is exact here.
            let error = 4.0 * of_data.deviation / root;
            assert!((of_data.mean - of_noise.mean).abs() < error);
            assert_eq!(of_data.side, of_noise.side);
        }
        // A correlation has standard error below 1/√n = 0.0112 and that of the data is as far from
        // the truth: 4 · √2 of these are 0.063.
        let (r_data, r_noise) = (correlations(&data), correlations(&noise));
        let (r_data, r_noise) = (r_data.expect("valid"), r_noise.expect("valid"));
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            assert!((r_data.row(a)[b] - r_noise.row(a)[b]).abs() < 4.0 * 2.0_f64.sqrt() / root);
        }
        assert!(noise.column(3).iter().all(|&x| x == 7.0));
    }

    #[test]
    fn normal_noise_has_the_covariance_of_the_data_along_its_axes() {
        let pca = Pca::fit(&data()).expect("valid input");
        let noise = noise_set(&data(), NoiseReference::Normal, SeedTree::new(5));
        let noise = noise.expect("valid input");
        // A variance estimated on 8,000 normal rows has relative standard error sqrt(2/8000) =
        // 0.0158, a correlation 1/sqrt(8000) = 0.0112; 4 of each.
        let found = covariance(&noise, &column_means(&noise));
        for index in 0..3 {
            let relative = found[5 * index] / pca.explained_variance[index];
            assert!((relative - 1.0).abs() < 4.0 * 0.0158);
        }
        assert!((found[1] / (found[0] * found[5]).sqrt()).abs() < 4.0 * 0.0112);
    }

    #[test]
    fn shuffled_columns_keep_their_values() {
        let noise = noise_set(&data(), NoiseReference::ShuffledColumns, SeedTree::new(5));
        let noise = noise.expect("valid input");
        let sorted = |mut column: Vec<f64>| {
            column.sort_by(f64::total_cmp);
            column
        };
        for column in 0..3 {
            assert_ne!(noise.column(column), data().column(column));
            assert_eq!(sorted(noise.column(column)), sorted(data().column(column)));
        }
    }

    #[test]
    fn normal_scores_share_the_mean_rank_of_ties() {
        // Ranks 1, 2.5, 2.5, 4 of 5: Φ⁻¹(0.2) = −0.841621 and Φ⁻¹(0.5) = 0.
        let scores = normal_scores(&[5.0, 9.0, 5.0, 1.0]);
        assert!((scores[3] + 0.841_621).abs() < 1e-5 && (scores[1] - 0.841_621).abs() < 1e-5);
        assert!(scores[0].abs() < 1e-9 && scores[0] == scores[2]);
    }
}
