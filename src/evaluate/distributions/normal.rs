//! The standard normal distribution.

use super::gamma::erfc;
use std::f64::consts::{PI, SQRT_2};

/// Where `erfc` comes near the smallest double and the tail is expanded instead.
const FAR: f64 = 25.0;

/// Density.
#[must_use]
pub fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// `P(Z ≤ z)`.
#[must_use]
pub fn cdf(z: f64) -> f64 {
    upper_tail(-z)
}

/// `P(Z > z)`.
#[must_use]
pub fn upper_tail(z: f64) -> f64 {
    if z > FAR { ln_upper_tail(z).exp() } else { 0.5 * erfc(z / SQRT_2) }
}

/// `ln P(Z > z)`, finite where the tail itself is below the smallest double.
#[must_use]
pub fn ln_upper_tail(z: f64) -> f64 {
    if z <= FAR {
        return upper_tail(z).ln();
    }
    // P(Z > z) = density(z)/z · (1 − 1/z² + 3/z⁴ − 15/z⁶ + …); the next term is below 1e-14.
    let s = 1.0 / (z * z);
    let series = s * (-1.0 + s * (3.0 + s * (-15.0 + s * (105.0 - s * 945.0))));
    -0.5 * z * z - 0.5 * (2.0 * PI).ln() - z.ln() + series.ln_1p()
}

/// The value that is exceeded with this probability: `z` with `P(Z > z) = tail`.
#[must_use]
pub fn upper_quantile(tail: f64) -> f64 {
    if !(tail > 0.0 && tail < 1.0) {
        return match tail {
            0.0 => f64::INFINITY,
            1.0 => f64::NEG_INFINITY,
            _ => f64::NAN,
        };
    }
    if tail > 0.5 {
        return -upper_quantile(1.0 - tail);
    }
    // Newton's method on the logarithm of the tail, which is concave, from a crude bound.
    let mut z = (-2.0 * tail.ln()).sqrt() - 0.5;
    for _ in 0..50 {
        let found = ln_upper_tail(z);
        let step = (found - tail.ln()) * (found + 0.5 * z * z).exp() * (2.0 * PI).sqrt();
        z += step;
        if step.abs() <= 1e-15 * z.abs().max(1e-3) {
            break;
        }
    }
    z
}

/// `z` with `P(Z ≤ z) = probability`.
#[must_use]
pub fn quantile(probability: f64) -> f64 {
    -upper_quantile(probability)
}

/// Quantile for a two-sided interval of this level, such as 1.96 for 0.95.
#[must_use]
pub fn two_sided(level: f64) -> f64 {
    upper_quantile((1.0 - level) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy 1.17.1: `stats.norm.sf`, `logsf`, `isf`.
    #[test]
    fn tails_are_those_of_scipy() {
        let close = |found: f64, expected: f64| {
            let off = ((found - expected) / expected).abs();
            assert!(off < 1e-13, "expected {expected}, found {found}, off by {off:e}");
        };
        close(upper_tail(1.0), 0.158_655_253_931_457_05);
        close(upper_tail(10.0), 7.619_853_024_160_527e-24);
        close(ln_upper_tail(40.0), -804.608_442_013_753_9);
        close(upper_quantile(0.025), 1.959_963_984_540_054);
        close(upper_quantile(1e-100), 21.273_453_560_965_322);
        close(quantile(0.025), -1.959_963_984_540_054);
        assert!((ln_upper_tail(FAR) - ln_upper_tail(FAR + 1e-12)).abs() < 1e-9);
    }
}
