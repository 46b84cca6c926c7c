//! What the importance weights look like: how much of the log counts, and how heavy the tail is.

use super::bootstrap::quantile;
use super::rounds::Rounds;
use super::summary::Summary;

/// Numbers about the importance weights `w`; see [`OverlapDiagnostics`](super::OverlapDiagnostics)
/// for the verdict that is based on them.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightProfile {
    /// Number of rounds `n`.
    pub n: usize,
    /// Mean; 1 in expectation when propensities are right and support is complete.
    pub mean: f64,
    /// Variance with divisor `n`.
    pub variance: f64,
    /// Smallest weight.
    pub least: f64,
    /// Largest weight.
    pub most: f64,
    /// `(Σw)² / Σw²`: as many rounds of the target policy the log is worth (Kish 1965); 0 without
    /// weight.
    pub effective_sample_size: f64,
    /// Share of all weight that the largest one has; 0 without weight.
    pub largest_share: f64,
    /// Share of the rounds with weight 0.
    pub share_zero: f64,
    /// `(mean − 1) / (sd/√n)`, with rounds independent: beyond ±4 propensities or support are
    /// wrong.
    /// `None` when weights do not vary.
    pub mean_z: Option<f64>,
    /// Tail index by Hill's estimator over the largest `√n` weights: how fast `P(w > x) ~ x^−α`
    /// falls. Below 2 the variance of IPS does not exist and no interval can be trusted. `None`
    /// with fewer than 100 rounds or a tail that does not vary. Source: Hill 1975.
    pub tail_index: Option<f64>,
    sorted: Vec<f64>,
}

impl WeightProfile {
    /// Measures the weights of these rounds.
    #[must_use]
    pub fn of(rounds: &Rounds<'_>) -> Self {
        let weights = rounds.weights();
        let summary = Summary::of(weights);
        let (n, mean) = (summary.moments.n, summary.moments.mean);
        let variance = summary.moments.squares / n;
        let mut sorted = weights.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let has_weight = summary.most > 0.0;
        let ratio = |a: f64, b: f64| if has_weight { a / b } else { 0.0 };
        Self {
            n: weights.len(),
            mean,
            variance,
            least: summary.least,
            most: summary.most,
            // Σw² / n = variance + mean².
            effective_sample_size: ratio(n * mean * mean, variance + mean * mean),
            largest_share: ratio(summary.most, n * mean),
            share_zero: sorted.partition_point(|w| *w <= 0.0) as f64 / n,
            mean_z: (variance > 0.0).then(|| (mean - 1.0) / (variance / n).sqrt()),
            tail_index: tail_index(&sorted),
            sorted,
        }
    }

    /// Quantile of the weights, linear between them.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        quantile(&self.sorted, probability.clamp(0.0, 1.0))
    }

    /// Share of the rounds with a weight above this.
    #[must_use]
    pub fn share_above(&self, weight: f64) -> f64 {
        (self.n - self.sorted.partition_point(|w| *w <= weight)) as f64 / self.n as f64
    }
}

/// `1 / mean(ln(w_(i) / w_(k)))` over the largest `k = √n`.
fn tail_index(sorted: &[f64]) -> Option<f64> {
    let k = (sorted.len() as f64).sqrt() as usize;
    let start = sorted.len() - k;
    if k < 10 || sorted[start - 1] <= 0.0 {
        return None;
    }
    let threshold = sorted[start - 1].ln();
    let excess = sorted[start..].iter().map(|w| w.ln() - threshold).sum::<f64>();
    (excess > 0.0).then(|| k as f64 / excess)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    #[test]
    fn weights_are_profiled_as_by_hand() {
        let rewards = [0.0; 4];
        let rounds = Rounds::new(&rewards, vec![0.5, 0.0, 1.5, 2.0]).expect("valid");
        let found = WeightProfile::of(&rounds);
        assert_eq!((found.mean, found.least, found.most), (1.0, 0.0, 2.0));
        assert!((found.effective_sample_size - 16.0 / 6.5).abs() < 1e-12);
        assert_eq!((found.share_zero, found.share_above(1.5)), (0.25, 0.25));
        assert_eq!((found.mean_z, found.quantile(0.5)), (Some(0.0), 1.0));
        let none = Rounds::new(&rewards, vec![0.0; 4]).expect("valid");
        let found = WeightProfile::of(&none);
        assert_eq!((found.effective_sample_size, found.largest_share), (0.0, 0.0));
        assert_eq!((found.mean_z, found.tail_index), (None, None));
    }

    #[test]
    fn the_tail_index_is_that_of_a_pareto_law() {
        let mut rng = SeedTree::new(3).stream();
        let n = 40_000;
        let weights: Vec<f64> = (0..n).map(|_| rng.random::<f64>().powf(-1.0 / 1.5)).collect();
        let rewards = vec![0.0; n];
        let found = WeightProfile::of(&Rounds::new(&rewards, weights).expect("valid"));
        // α = 1.5 with standard error α/√k, k = 200.
        let off = (found.tail_index.expect("a tail") - 1.5).abs();
        assert!(off < 4.0 * 1.5 / 200.0_f64.sqrt(), "{off}");
    }
}
