//! Partial pooling: noisy estimates of one kind are drawn to their common mean, each by as much as its
//! own uncertainty asks for (empirical Bayes, Morris 1983; Fay and Herriot 1979).

/// Smallest variance between products, so that precisions stay finite.
const VARIANCE_MIN: f64 = 1e-8;

/// Normal distribution of one kind of coefficient across products.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Mean.
    pub(super) mean: f64,
    /// Variance between products; infinite when one estimate alone cannot tell it.
    pub(super) variance: f64,
}

impl Spread {
    /// Mean and variance of the true values behind `estimates` of (value, error variance).
    ///
    /// The variance `τ²` solves `Σ (b − μ)² / (v + τ²) = n − 1` with `μ` the mean weighted by
    /// `1 / (v + τ²)` (Paule and Mandel 1982), or is 0 when the estimates differ less than their
    /// errors explain.
    pub(super) fn of(estimates: &[(f64, f64)]) -> Self {
        if estimates.len() < 2 {
            let mean = estimates.first().map_or(0.0, |(value, _)| *value);
            return Self { mean, variance: f64::INFINITY };
        }
        let freedom = (estimates.len() - 1) as f64;
        let (mut low, mut high) = (0.0, 1e-6);
        while excess(estimates, high).1 > freedom && high < 1e6 {
            high *= 2.0;
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if excess(estimates, middle).1 > freedom {
                low = middle;
            } else {
                high = middle;
            }
        }
        let variance = high.max(VARIANCE_MIN);
        Self { mean: excess(estimates, variance).0, variance }
    }

    /// Precision of the distribution as a prior.
    pub(super) fn precision(&self) -> f64 {
        1.0 / self.variance
    }
}

/// Weighted mean at a between-variance, and the weighted sum of squares around it.
fn excess(estimates: &[(f64, f64)], variance: f64) -> (f64, f64) {
    let weight = |error: f64| 1.0 / (error + variance).max(1e-300);
    let total: f64 = estimates.iter().map(|(_, error)| weight(*error)).sum();
    let mean = estimates.iter().map(|(value, error)| value * weight(*error)).sum::<f64>() / total;
    let squares = estimates.iter().map(|(b, error)| (b - mean) * (b - mean) * weight(*error)).sum();
    (mean, squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn equal_errors_give_the_variance_beyond_them() {
        // Mean 2, Σ (b − 2)² = 2, so s² = 1 = v + τ² with v = 0.4.
        let spread = Spread::of(&[(1.0, 0.4), (2.0, 0.4), (3.0, 0.4)]);
        assert!((spread.mean - 2.0).abs() < 1e-9 && (spread.variance - 0.6).abs() < 1e-6);
    }

    #[test]
    fn estimates_that_differ_less_than_their_errors_share_one_value() {
        let spread = Spread::of(&[(1.0, 4.0), (1.1, 4.0), (0.9, 4.0)]);
        assert!(spread.variance <= VARIANCE_MIN && (spread.mean - 1.0).abs() < 1e-9);
        assert_eq!(Spread::of(&[(1.5, 0.1)]).precision(), 0.0);
    }

    #[test]
    fn the_spread_behind_noisy_estimates_is_recovered() {
        let mut rng = SeedTree::new(4).stream();
        let (mean, sd, error, n) = (-2.5, 0.8, 0.5, 4_000);
        let estimates: Vec<(f64, f64)> = (0..n)
            .map(|_| {
                let truth = mean + sd * rng.sample::<f64, _>(StandardNormal);
                (truth + error * rng.sample::<f64, _>(StandardNormal), error * error)
            })
            .collect();
        let spread = Spread::of(&estimates);
        let total: f64 = sd * sd + error * error;
        let n = f64::from(n);
        assert!((spread.mean - mean).abs() < 4.0 * (total / n).sqrt());
        assert!((spread.variance - sd * sd).abs() < 4.0 * total * (2.0 / n).sqrt());
    }
}
