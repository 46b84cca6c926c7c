//! Stability: whether a clustering returns on resampled customers, and more so than on noise.

use promopt_envs::SeedTree;
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check, in_range, same_length};
use super::kmeans::{self, KMeansConfig, nearest};
use super::matrix::Matrix;
use super::noise::{NoiseReference, noise_set};
use super::sample::ordered_sample;

/// Chance of calling noise a structure at one number of clusters.
pub const NOISE_LEVEL: f64 = 0.05;

/// Settings of a stability analysis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StabilityConfig {
    /// Bootstrap resamples of the data.
    pub n_bootstrap: usize,
    /// k-means++ starts of every fit.
    pub n_init: usize,
    /// Share of the bootstrap values inside the interval, in (0, 1).
    pub level: f64,
    /// Noise data sets; 19 is the fewest that can reach [`NOISE_LEVEL`].
    pub n_noise: usize,
    /// Bootstrap resamples of each noise data set. Fewer than for the data make the test cautious:
    /// their means vary more.
    pub n_noise_bootstrap: usize,
    /// What noise looks like.
    pub noise: NoiseReference,
    /// Rows judged; of more, a sample of this size.
    pub max_rows: usize,
}

impl Default for StabilityConfig {
    /// 50 resamples, 4 starts, 95% interval; 19 skewed noise sets of 6 resamples; 1,000 rows.
    fn default() -> Self {
        Self {
            n_bootstrap: 50,
            n_init: 4,
            level: 0.95,
            n_noise: 19,
            n_noise_bootstrap: 6,
            noise: NoiseReference::Skewed,
            max_rows: 1_000,
        }
    }
}

/// How well a clustering returns on resamples of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootstrapStability {
    /// Mean adjusted Rand index against the clustering of all rows.
    pub mean: f64,
    /// Percentile interval of the values, each end the next value outwards.
    pub interval: [f64; 2],
    /// Adjusted Rand index of each resample, ascending, shape `[n_bootstrap]`.
    pub values: Vec<f64>,
}

/// Stability of one number of clusters next to that of noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StabilityScore {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Stability on the data.
    pub data: BootstrapStability,
    /// Mean stability of each noise data set, ascending, shape `[n_noise]`.
    pub noise: Vec<f64>,
    /// (1 + noise sets at least as stable as the data) / (1 + noise sets).
    pub p_value: f64,
    /// Whether the p-value is at most [`NOISE_LEVEL`].
    pub beats_noise: bool,
}

/// Whether any number of clusters tried is more stable than noise; when none is, say so beside the
/// personas. Trying m numbers raises the chance of a false yes to at most m · [`NOISE_LEVEL`]: read
/// the score of the number chosen for the verdict on it.
#[must_use]
pub fn beats_noise(scores: &[StabilityScore]) -> bool {
    scores.iter().any(|score| score.beats_noise)
}

/// Adjusted Rand index of two clusterings of the same rows (Hubert and Arabie 1985).
///
/// (Σ C(nᵢⱼ, 2) − E) / (½ (A + B) − E), where A = Σ C(aᵢ, 2) and B = Σ C(bⱼ, 2) count the pairs
/// that each clustering joins and E = A B / C(n, 2) those joined by both at random. 1 for equal
/// partitions whatever their numbering, 0 on average for random ones of these sizes, down to −½.
///
/// # Errors
///
/// When the lengths differ.
pub fn adjusted_rand_index(a: &[usize], b: &[usize]) -> Result<f64, ClusterError> {
    same_length("labels of the second clustering", a.len(), b.len())?;
    let mut both: Vec<(usize, usize)> = a.iter().copied().zip(b.iter().copied()).collect();
    both.sort_unstable();
    let sorted = |labels: &[usize]| {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        labels
    };
    let joined = joined_pairs(&both);
    let (joined_a, joined_b) = (joined_pairs(&sorted(a)), joined_pairs(&sorted(b)));
    // Equal partitions, among them all rows together and all rows apart, which leave 0 / 0.
    if joined == joined_a && joined == joined_b {
        return Ok(1.0);
    }
    let n = a.len() as f64;
    let expected = joined_a * joined_b / (n * (n - 1.0) / 2.0);
    Ok((joined - expected) / (0.5 * (joined_a + joined_b) - expected))
}

/// Σ C(size, 2) over the runs of equal values.
fn joined_pairs<T: PartialEq>(sorted: &[T]) -> f64 {
    let pairs = |run: &[T]| run.len() as f64 * (run.len() as f64 - 1.0) / 2.0;
    sorted.chunk_by(|a, b| a == b).map(pairs).sum()
}

/// Bootstrap stability of k-means with `n_clusters` (after Fang and Wang 2012): cluster resamples
/// of the rows, give all rows the nearest centre of each, and compare with the clustering of all
/// rows.
///
/// A resample with fewer than k different rows is clustered into as many as it has. It measures
/// whether the same clusters return, not whether they are apart: an elongated cloud has stable
/// halves, which is why [`stability`] compares with noise. The order of the rows and the number of
/// threads change nothing.
///
/// # Errors
///
/// When a setting is 0 or out of range, there are fewer than k different rows, or a value is not
/// finite.
pub fn bootstrap_stability(
    points: &Matrix,
    n_clusters: usize,
    config: &StabilityConfig,
    seeds: SeedTree,
) -> Result<BootstrapStability, ClusterError> {
    check_config(config)?;
    check(points, 1)?;
    let sample = ordered_sample(points, config.max_rows, seeds.child("sample"));
    let values = values(&points.select(&sample), n_clusters, config.n_bootstrap, config, seeds)?;
    Ok(summary(values, config.level))
}

/// Stability for every k in `k_min..=k_max`, each against the same noise data sets: a Monte Carlo
/// test (Besag and Clifford 1989) of mean stability.
///
/// Numbers of clusters beyond the number of different rows are left out.
///
/// # Errors
///
/// As [`bootstrap_stability`] for `k_min`, and when there are fewer than two rows.
pub fn stability(
    points: &Matrix,
    k_min: usize,
    k_max: usize,
    config: &StabilityConfig,
    seeds: SeedTree,
) -> Result<Vec<StabilityScore>, ClusterError> {
    check_config(config)?;
    in_range("n_noise", config.n_noise, 1, usize::MAX)?;
    in_range("n_noise_bootstrap", config.n_noise_bootstrap, 1, usize::MAX)?;
    check(points, 2)?;
    let sample = ordered_sample(points, config.max_rows, seeds.child("sample"));
    let data = points.select(&sample);
    let noise: Vec<Matrix> = (0..config.n_noise as u64)
        .map(|index| noise_set(&data, config.noise, seeds.child("noise").index(index)))
        .collect::<Result<_, _>>()?;
    let k_max = k_max.min(data.n_distinct_rows()).max(k_min);
    (k_min..=k_max).map(|k| against_noise(&data, &noise, k, config, seeds)).collect()
}

fn against_noise(
    data: &Matrix,
    noise: &[Matrix],
    n_clusters: usize,
    config: &StabilityConfig,
    seeds: SeedTree,
) -> Result<StabilityScore, ClusterError> {
    let data = summary(values(data, n_clusters, config.n_bootstrap, config, seeds)?, config.level);
    let mean_on = |(index, noise): (usize, &Matrix)| {
        let seeds = seeds.child("noise-fit").index(index as u64);
        // Shuffled columns can leave fewer different rows than the data have.
        let n_clusters = n_clusters.min(noise.n_distinct_rows());
        let values = values(noise, n_clusters, config.n_noise_bootstrap, config, seeds)?;
        Ok(summary(values, config.level).mean)
    };
    let mut noise: Vec<f64> =
        noise.par_iter().enumerate().map(mean_on).collect::<Result<_, ClusterError>>()?;
    noise.sort_by(f64::total_cmp);
    let as_stable = noise.iter().filter(|&&mean| mean >= data.mean).count();
    let p_value = (1 + as_stable) as f64 / (1 + noise.len()) as f64;
    Ok(StabilityScore { n_clusters, data, noise, p_value, beats_noise: p_value <= NOISE_LEVEL })
}

/// Adjusted Rand index of each resample against the clustering of all points, which are sorted.
fn values(
    points: &Matrix,
    n_clusters: usize,
    n_bootstrap: usize,
    config: &StabilityConfig,
    seeds: SeedTree,
) -> Result<Vec<f64>, ClusterError> {
    let seeds = seeds.child("k").index(n_clusters as u64);
    let config_for =
        |n_clusters| KMeansConfig { n_init: config.n_init, ..KMeansConfig::new(n_clusters) };
    let reference = kmeans::fit(points, &config_for(n_clusters), seeds.child("reference"))?;
    (0..n_bootstrap as u64)
        .into_par_iter()
        .map(|index| {
            let seeds = seeds.child("bootstrap").index(index);
            let resample = resample(points, seeds.child("draw"));
            let n_clusters = n_clusters.min(resample.n_distinct_rows());
            let fit = kmeans::fit(&resample, &config_for(n_clusters), seeds.child("fit"))?;
            let labels: Vec<usize> =
                points.rows().map(|point| nearest(&fit.centres, point)).collect();
            adjusted_rand_index(&reference.labels, &labels)
        })
        .collect()
}

/// As many rows drawn with replacement.
fn resample(points: &Matrix, seeds: SeedTree) -> Matrix {
    let n = points.n_rows();
    let mut stream = seeds.stream();
    points.select(&(0..n).map(|_| stream.random_range(0..n)).collect::<Vec<_>>())
}

fn summary(mut values: Vec<f64>, level: f64) -> BootstrapStability {
    values.sort_by(f64::total_cmp);
    let last = (values.len() - 1) as f64;
    let tail = (1.0 - level) / 2.0;
    let interval =
        [values[(tail * last).floor() as usize], values[((1.0 - tail) * last).ceil() as usize]];
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    BootstrapStability { mean, interval, values }
}

fn check_config(config: &StabilityConfig) -> Result<(), ClusterError> {
    in_range("n_bootstrap", config.n_bootstrap, 1, usize::MAX)?;
    in_range("max_rows", config.max_rows, 2, usize::MAX)?;
    if config.level > 0.0 && config.level < 1.0 {
        return Ok(());
    }
    let (range, found) = ("(0, 1)".to_owned(), config.level.to_string());
    Err(ClusterError::OutOfRange { what: "an interval level", range, found })
}

#[cfg(test)]
mod tests {
    use super::super::golden::{golden, in_any_order, read};
    use super::*;
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};
    use serde_json::Value;

    fn quick() -> StabilityConfig {
        StabilityConfig { n_bootstrap: 12, n_init: 2, n_noise_bootstrap: 6, ..Default::default() }
    }

    /// Normal rows, shifted to one of `n_blobs` corners of a triangle or square of side `apart`.
    fn blobs(n_rows: usize, n_blobs: usize, apart: f64) -> Matrix {
        let mut stream = SeedTree::new(12).stream();
        let corners = [[0.0, 0.0], [apart, 0.0], [0.0, apart], [apart, apart]];
        let row = |i: usize| {
            corners[i % n_blobs].map(|x| -> f64 {
                let noise: f64 = StandardNormal.sample(&mut stream);
                x + noise
            })
        };
        Matrix::from_rows(&(0..n_rows).map(row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn the_index_of_six_rows_matches_the_hand_calculation() {
        // Pairs joined by both: 1 + 1 = 2; by the first 3 + 3 = 6, by the second 1 + 3 + 0 = 4 of
        // 15. E = 24/15 = 1.6: (2 − 1.6) / (5 − 1.6).
        let index = adjusted_rand_index(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 2]);
        assert!((index.expect("equal length") - 0.4 / 3.4).abs() < 1e-12);
    }

    #[test]
    fn the_index_equals_that_of_scikit_learn() {
        for case in read::<Vec<Value>>(&golden("rand_index")) {
            let (a, b): (Vec<usize>, Vec<usize>) = (read(&case["a"]), read(&case["b"]));
            let index = adjusted_rand_index(&a, &b).expect("equal length");
            assert!((index - read::<f64>(&case["index"])).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_partitions_have_index_one_whatever_their_numbers() {
        for (a, b) in [
            (vec![0, 0, 1, 2], vec![5, 5, 0, 1]),
            (vec![0; 4], vec![1; 4]),
            (vec![0, 1, 2, 3], vec![3, 2, 1, 0]),
            (vec![], vec![]),
            (vec![0], vec![1]),
        ] {
            assert_eq!(adjusted_rand_index(&a, &b), Ok(1.0));
        }
        assert_eq!(adjusted_rand_index(&[0, 0, 0], &[0, 1, 2]), Ok(0.0));
        assert!(adjusted_rand_index(&[0], &[0, 1]).is_err());
    }

    #[test]
    fn blobs_beat_noise_at_their_number() {
        let points = blobs(150, 3, 9.0);
        let scores = stability(&points, 2, 4, &quick(), SeedTree::new(1)).expect("valid input");
        assert!(scores[1].beats_noise && scores[1].data.mean > 0.99);
        assert!(beats_noise(&scores));
        assert_eq!(scores[1].noise.len(), 19);
        for score in &scores {
            let [low, high] = score.data.interval;
            assert!(low <= score.data.mean && score.data.mean <= high);
        }
    }

    /// Of 40 clouds, how many are called structure at this number of clusters.
    fn false_yes(n_clusters: usize, noise: NoiseReference, shape: impl Fn(f64) -> f64) -> usize {
        let config = StabilityConfig { n_bootstrap: 6, n_init: 1, noise, ..quick() };
        let yes = (0..40).filter(|&index| {
            let mut stream = SeedTree::new(index).stream();
            let mut value = || -> f64 { shape(StandardNormal.sample(&mut stream)) };
            let rows: Vec<[f64; 3]> = (0..80).map(|_| [value(), value(), value()]).collect();
            let cloud = Matrix::from_rows(&rows).expect("equal length");
            let scores = stability(&cloud, n_clusters, n_clusters, &config, SeedTree::new(index));
            beats_noise(&scores.expect("valid input"))
        });
        yes.count()
    }

    #[test]
    fn one_cloud_seldom_beats_noise_even_when_it_is_skewed() {
        // Under the null a false yes has probability 0.05. Of 40 clouds, 2 are expected with
        // standard deviation sqrt(40 · 0.05 · 0.95) = 1.38; 4 of these above is 7.5.
        assert!(false_yes(3, NoiseReference::Normal, |z| z) <= 7);
        assert!(false_yes(3, NoiseReference::Skewed, |z| z) <= 7);
        assert!(false_yes(4, NoiseReference::Skewed, |z| (0.7 * z).exp()) <= 7);
    }

    #[test]
    fn few_different_rows_are_clustered_into_as_many_as_there_are() {
        let points = Matrix::from_rows(&[[0.0], [0.0], [5.0], [5.0]]).expect("equal length");
        let scores = stability(&points, 2, 6, &quick(), SeedTree::new(1)).expect("two rows");
        assert_eq!(scores.len(), 1);
        assert!(stability(&points, 3, 6, &quick(), SeedTree::new(1)).is_err());
        let level = StabilityConfig { level: 1.0, ..quick() };
        assert!(bootstrap_stability(&points, 2, &level, SeedTree::new(1)).is_err());
        let none = StabilityConfig { n_bootstrap: 0, ..quick() };
        assert!(bootstrap_stability(&points, 2, &none, SeedTree::new(1)).is_err());
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            let fit = || stability(&blobs(60, 3, 4.0), 2, 3, &quick(), SeedTree::new(9));
            pool.expect("threads start").install(fit)
        };
        assert_eq!(run(1), run(4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn the_order_of_rows_changes_no_byte(order in in_any_order(60), max_rows in 30..80_usize) {
            let points = blobs(60, 3, 4.0);
            for noise in [
                NoiseReference::Skewed,
                NoiseReference::Normal,
                NoiseReference::ShuffledColumns,
            ] {
                let config = StabilityConfig { noise, max_rows, ..quick() };
                let straight = stability(&points, 3, 3, &config, SeedTree::new(1));
                let shuffled = stability(&points.select(&order), 3, 3, &config, SeedTree::new(1));
                prop_assert_eq!(straight, shuffled);
            }
        }
    }
}
