//! The gamma function: its logarithm, the regularised incomplete one, and the error function.

use std::f64::consts::PI;

/// From here on Stirling's series is good to the last digit.
const LARGE: f64 = 15.0;

/// `ln Γ(z)` for `z > 0`, by Stirling's series above 15 and the recurrence below.
#[must_use]
pub fn ln_gamma(z: f64) -> f64 {
    let (mut shifted, mut product) = (z, 1.0);
    while shifted < LARGE {
        product *= shifted;
        shifted += 1.0;
    }
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * PI).ln() + beyond_stirling(shifted)
        - product.ln()
}

/// What Stirling's formula leaves of `ln Γ(z)`, for `z ≥ 15`.
pub(super) fn beyond_stirling(z: f64) -> f64 {
    let s = 1.0 / (z * z);
    let tail = 1.0 / 1_260.0 + s * (-1.0 / 1_680.0 + s * (1.0 / 1_188.0 - s * 691.0 / 360_360.0));
    (1.0 / 12.0 + s * (-1.0 / 360.0 + s * tail)) / z
}

/// The complementary error function, `erfc(z) = Q(1/2, z²)` for `z ≥ 0`.
#[must_use]
pub fn erfc(z: f64) -> f64 {
    if z < 0.0 {
        return 2.0 - erfc(-z);
    }
    let square = z * z;
    let scale = z / PI.sqrt() * (-square).exp();
    if square < 1.5 { 1.0 - scale * series(0.5, square) } else { scale * fraction(0.5, square) }
}

/// `Q(a, x) = Γ(a, x)/Γ(a)`, the share of the gamma distribution above `x`.
#[must_use]
pub fn regularised_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 { 1.0 - scale * series(a, x) } else { scale * fraction(a, x) }
}

/// `Σ x^k Γ(a)/Γ(a + 1 + k)`.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut at) = (1.0 / a, 1.0 / a, a);
    loop {
        at += 1.0;
        term *= x / at;
        sum += term;
        if term.abs() <= sum.abs() * 1e-17 || sum.is_nan() {
            return sum;
        }
    }
}

/// Lentz's continued fraction of the upper part.
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / keep(b);
    let mut product = d;
    for term in 1..1_000_000 {
        let i = f64::from(term);
        let factor = -i * (i - a);
        b += 2.0;
        d = 1.0 / keep(factor * d + b);
        c = keep(b + factor / c);
        let change = d * c;
        product *= change;
        if (change - 1.0).abs() <= 1e-16 || change.is_nan() {
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::regularised_upper;

    /// Values of mpmath.
    #[test]
    fn logarithms_are_those_of_mpmath() {
        for (z, expected) in [
            (0.5, 0.572_364_942_924_700_1),
            (3.0, std::f64::consts::LN_2),
            (40.25, 107.551_631_537_604_63),
        ] {
            let off: f64 = super::ln_gamma(z) - expected;
            assert!(off.abs() < 4e-15 * (1.0 + expected.abs()), "{z}: {off:e}");
        }
    }

    #[test]
    fn an_exponential_tail_is_closed_form() {
        for x in [0.1_f64, 1.0, 5.0, 300.0] {
            let off = (regularised_upper(1.0, x) / (-x).exp() - 1.0).abs();
            assert!(off < 1e-13, "{x}: {off:e}");
        }
    }
}
