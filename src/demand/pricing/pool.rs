//! Partial pooling: noisy estimates of one kind are drawn to their common mean, each by as much as its
//! own uncertainty asks for (empirical Bayes, Morris 1983; Fay and Herriot 1979).

/// Standard deviations between products that are tried, from this share of the typical error up ...
const LEAST: f64 = 1e-2;
/// ... to so many times the largest distance of an estimate from zero.
const MOST: f64 = 10.0;
/// Points of the search, evenly spaced in the logarithm.
const POINTS: usize = 400;

/// Normal distribution of one kind of coefficient across products.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Mean.
    pub(super) mean: f64,
    /// Variance of the mean's own error.
    pub(super) mean_variance: f64,
    /// Variance between products; infinite when one estimate alone cannot tell it.
    pub(super) variance: f64,
}

impl Spread {
    /// Mean and variance of the true values behind `estimates` of (value, error variance).
    ///
    /// The standard deviation `τ` maximises the restricted likelihood times `τ`,
    ///
    /// ```text
    /// −½ Σ ln(v + τ²) − ½ ln Σ 1/(v + τ²) − ½ Σ (b − μ)²/(v + τ²) + ln τ
    /// ```
    ///
    /// with `μ` the mean weighted by `1 / (v + τ²)`. The last term keeps it off 0, where a handful of
    /// products would be taken for equal without doubt (Chung, Rabe-Hesketh, Dorie, Gelman and Liu 2013).
    pub(super) fn of(estimates: &[(f64, f64)]) -> Self {
        if estimates.len() < 2 {
            let mean = estimates.first().map_or(0.0, |(value, _)| *value);
            return Self { mean, mean_variance: f64::INFINITY, variance: f64::INFINITY };
        }
        let n = estimates.len() as f64;
        let error = (estimates.iter().map(|(_, error)| error).sum::<f64>() / n).sqrt().max(1e-9);
        let reach = estimates.iter().map(|(value, _)| value.abs()).fold(error, f64::max);
        let (low, high) = ((LEAST * error).ln(), (MOST * reach).ln());
        let tried = (0..POINTS).map(|at| low + (high - low) * at as f64 / (POINTS - 1) as f64);
        let best = tried
            .map(|log_sd| (Self::at(estimates, (2.0 * log_sd).exp()), log_sd))
            .map(|((spread, likelihood), log_sd)| (spread, likelihood + log_sd))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(Self { mean: 0.0, mean_variance: 0.0, variance: 0.0 }, |(spread, _)| spread)
    }

    /// The spread at a variance between products, and its restricted log-likelihood.
    fn at(estimates: &[(f64, f64)], variance: f64) -> (Self, f64) {
        let weight = |error: f64| 1.0 / (error + variance);
        let total: f64 = estimates.iter().map(|(_, error)| weight(*error)).sum();
        let mean = estimates.iter().map(|(b, error)| b * weight(*error)).sum::<f64>() / total;
        let terms = estimates.iter().map(|(b, error)| {
            let (away, weight) = (b - mean, weight(*error));
            weight.ln() - away * away * weight
        });
        let likelihood = 0.5 * terms.sum::<f64>() - 0.5 * total.ln();
        (Self { mean, mean_variance: 1.0 / total, variance }, likelihood)
    }

    /// Variance of the distribution as a prior: that between products and that of the mean.
    pub(super) fn prior_variance(&self) -> f64 {
        self.variance + self.mean_variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn equal_errors_give_the_variance_worked_by_hand() {
        // With t = v + τ² and Σ (b − μ)² = S over n estimates, the maximum of
        // −(n−1)/2 ln t − S / 2t + ½ ln(t − v) solves −(n−1)/2t + S/2t² + 1/2(t−v) = 0.
        // n = 3, S = 2, v = 0.4: −2/t + 2/t² + 1/(t − 0.4) = 0, so t² − 2.8 t + 0.8 = 0.
        let spread = Spread::of(&[(1.0, 0.4), (2.0, 0.4), (3.0, 0.4)]);
        let t = 1.4 + (1.96_f64 - 0.8).sqrt();
        // Points of the search are 1.7 % apart.
        assert!((spread.variance / (t - 0.4) - 1.0).abs() < 0.04, "{spread:?}");
        assert!((spread.mean - 2.0).abs() < 1e-9);
        assert!((spread.mean_variance - (spread.variance + 0.4) / 3.0).abs() < 1e-9);
    }

    #[test]
    fn estimates_that_look_alike_are_not_taken_for_equal() {
        let spread = Spread::of(&[(1.0, 4.0), (1.1, 4.0), (0.9, 4.0)]);
        assert!(spread.variance > 0.5 && (spread.mean - 1.0).abs() < 1e-9, "{spread:?}");
        assert_eq!(Spread::of(&[(1.5, 0.1)]).prior_variance(), f64::INFINITY);
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
        // Points of the search are 2.2 % apart, so the variance may be off by as much as that.
        let grid = 0.022 * sd * sd;
        assert!((spread.variance - sd * sd).abs() < 4.0 * total * (2.0 / n).sqrt() + grid);
    }
}
