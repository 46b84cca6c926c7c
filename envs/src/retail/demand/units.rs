//! Units beyond the first: negative binomial, so that a few shoppers fill their cupboards.

/// Most units beyond the first.
const QUANTILE_MAX: f64 = 300.0;

/// The quantile at `u` of a negative binomial count with this mean and variance
/// `mean + dispersion · mean²`, which is Poisson at dispersion 0: the smallest `k` with
/// `P(X ≤ k) > u`, at most 300. Cost: grows with the answer.
#[must_use]
pub fn units_quantile(mean: f64, dispersion: f64, u: f64) -> f64 {
    // P(k) = P(k − 1) (k − 1 + r) q / k with r = 1 / dispersion, q = d m / (1 + d m); written so that
    // dispersion 0 is the limit: (k − 1 + r) q = m (1 + d (k − 1)) / (1 + d m).
    let spread = 1.0 + dispersion * mean;
    let log_none = if dispersion > 1e-9 { -spread.ln() / dispersion } else { -mean };
    let mut probability = log_none.exp();
    let mut cumulative = probability;
    let mut k = 0.0;
    while u >= cumulative && k < QUANTILE_MAX {
        probability *= mean * (1.0 + dispersion * k) / (spread * (k + 1.0));
        cumulative += probability;
        k += 1.0;
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_quantiles_by_hand() {
        // e^-1 = 0.3679, so the first step is at 0.3679 and the second at 0.7358.
        assert_eq!(units_quantile(1.0, 0.0, 0.36), 0.0);
        assert_eq!(units_quantile(1.0, 0.0, 0.37), 1.0);
        assert_eq!(units_quantile(1.0, 0.0, 0.74), 2.0);
        assert_eq!(units_quantile(0.0, 0.0, 0.999), 0.0);
    }

    #[test]
    fn geometric_quantiles_by_hand() {
        // Mean 1 and dispersion 1 is geometric: P(k) = 2^-(k + 1).
        assert_eq!(units_quantile(1.0, 1.0, 0.49), 0.0);
        assert_eq!(units_quantile(1.0, 1.0, 0.51), 1.0);
        assert_eq!(units_quantile(1.0, 1.0, 0.76), 2.0);
    }

    #[test]
    fn quantiles_over_evenly_spread_luck_have_the_mean_and_variance() {
        // The mean over a grid of n points errs by at most the largest value over n.
        let (mean, dispersion, n) = (3.0, 0.7, 200_000);
        let draw = |i: i32| units_quantile(mean, dispersion, (f64::from(i) + 0.5) / f64::from(n));
        let (mut sum, mut squares) = (0.0, 0.0);
        for x in (0..n).map(draw) {
            sum += x;
            squares += x * x;
        }
        let found = sum / f64::from(n);
        let variance = squares / f64::from(n) - found * found;
        assert!((found - mean).abs() < 300.0 / f64::from(n));
        assert!(
            (variance - (mean + dispersion * mean * mean)).abs() < 300.0_f64.powi(2) / f64::from(n)
        );
    }
}
