//! Student's t distribution, for any degrees of freedom above 0, infinity included.

use super::{beta, normal};

/// From here on the tail is expanded about the normal one: the next term is below `t¹¹/ν³`.
const LARGE: f64 = 1e8;

/// `P(T > t)`.
#[must_use]
pub fn upper_tail(t: f64, degrees_of_freedom: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - upper_tail(-t, degrees_of_freedom);
    }
    if degrees_of_freedom >= LARGE {
        let first = t * (1.0 + t * t) / 4.0;
        let second = t * (-3.0 + t * t * (-7.0 + t * t * (-5.0 + t * t * 3.0))) / 96.0;
        let added = (first + second / degrees_of_freedom) / degrees_of_freedom;
        return normal::upper_tail(t) + normal::density(t) * added;
    }
    let square = t * t / degrees_of_freedom;
    let point = beta::Point {
        x: 1.0 / (1.0 + square),
        y: square / (1.0 + square),
        ln_x: -square.ln_1p(),
        ln_y: square.ln() - square.ln_1p(),
    };
    0.5 * point.regularised(degrees_of_freedom / 2.0, 0.5)
}

/// `P(|T| > |t|)`, a two-sided p value.
#[must_use]
pub fn two_tails(t: f64, degrees_of_freedom: f64) -> f64 {
    2.0 * upper_tail(t.abs(), degrees_of_freedom)
}

/// `t` with `P(T > t) = tail`.
///
/// Newton's method on the logarithm of the tail within a bracket, from the expansion about the
/// normal quantile.
#[must_use]
pub fn upper_quantile(tail: f64, degrees_of_freedom: f64) -> f64 {
    let df = degrees_of_freedom;
    if df.is_nan() || df <= 0.0 || df.is_infinite() || !(tail > 0.0 && tail < 1.0) {
        return if df > 0.0 { normal::upper_quantile(tail) } else { f64::NAN };
    }
    if tail > 0.5 {
        return -upper_quantile(1.0 - tail, df);
    }
    if tail == 0.5 {
        return 0.0;
    }
    let z = normal::upper_quantile(tail);
    let mut t = z + (z.powi(3) + z) / (4.0 * df);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..200 {
        let found = upper_tail(t, df);
        if found > tail {
            low = t
        } else {
            high = t
        }
        let step = (found / tail).ln() * found / density(t, df);
        let next = t + step;
        let inside = next > low && next < high;
        let next = match (inside, high.is_finite()) {
            (true, _) => next,
            (false, true) => (low + high) / 2.0,
            (false, false) => 2.0 * t,
        };
        if (next - t).abs() <= 1e-15 * t.abs() {
            return next;
        }
        t = next;
    }
    t
}

/// Quantile for a two-sided interval of this level.
#[must_use]
pub fn two_sided(level: f64, degrees_of_freedom: f64) -> f64 {
    upper_quantile((1.0 - level) / 2.0, degrees_of_freedom)
}

fn density(t: f64, df: f64) -> f64 {
    let normaliser = -beta::ln_beta(df / 2.0, 0.5) - 0.5 * df.ln();
    (normaliser - (df + 1.0) / 2.0 * (t * t / df).ln_1p()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        let off = ((found - expected) / expected).abs();
        assert!(off < 1e-12, "expected {expected}, found {found}, off by {off:e}");
    }

    /// Values of scipy 1.17.1: `stats.t.isf`, `stats.t.sf`.
    #[test]
    fn quantiles_and_tails_are_those_of_scipy() {
        close(upper_quantile(0.025, 1.0), 12.706_204_736_174_694);
        close(upper_quantile(0.025, 4.0), 2.776_445_105_197_793);
        close(upper_quantile(0.025, 5_459.166_825_728_088), 1.960_398_627_483_170_8);
        close(two_tails(1.768_838_356_335_683_4, 5_459.166_825_728_088), 0.076_976_682_836_489_9);
        close(upper_tail(20.0, 1_000.0), 2.031_144_249_762_408_7e-75);
    }

    #[test]
    fn quantile_and_tail_undo_each_other_and_meet_the_normal() {
        for df in [0.7, 2.0, 30.0, 1e4, 1e8, 1e12] {
            for tail in [0.4, 0.05, 1e-6, 1e-40] {
                close(upper_tail(upper_quantile(tail, df), df), tail);
            }
        }
        let off = upper_quantile(0.025, 1e15) - normal::upper_quantile(0.025);
        assert!(off.abs() < 1e-14, "{off:e}");
    }
}
