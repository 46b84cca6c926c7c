//! The regularised incomplete beta function, on which Student's t and Fisher's F rest.

use super::gamma::{beyond_stirling as rest, ln_gamma};

/// Terms after which the continued fraction is given up; it needs about the root of the parameters.
const MOST_TERMS: usize = 1_000_000;
/// From here on the logarithm of the gamma function is expanded.
const LARGE: f64 = 30.0;

/// A point of `[0, 1]` with its distance to 1 and both logarithms, so that neither end loses digits.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// The point.
    pub x: f64,
    /// `1 − x`.
    pub y: f64,
    /// `ln x`.
    pub ln_x: f64,
    /// `ln y`.
    pub ln_y: f64,
}

impl Point {
    /// A point away from both ends.
    #[must_use]
    pub fn new(x: f64) -> Self {
        Self { x, y: 1.0 - x, ln_x: x.ln(), ln_y: (-x).ln_1p() }
    }

    /// `I_x(a, b)`, the share of the beta distribution below `x`.
    #[must_use]
    pub fn regularised(self, a: f64, b: f64) -> f64 {
        if self.x <= 0.0 {
            return 0.0;
        }
        if self.y <= 0.0 {
            return 1.0;
        }
        if self.x > (a + 1.0) / (a + b + 2.0) {
            1.0 - self.other_end().fraction(b, a)
        } else {
            self.fraction(a, b)
        }
    }

    fn other_end(self) -> Self {
        Self { x: self.y, y: self.x, ln_x: self.ln_y, ln_y: self.ln_x }
    }

    /// `I_x(a, b)` by Lentz's continued fraction; converges for `x` below the mean.
    fn fraction(self, a: f64, b: f64) -> f64 {
        const TINY: f64 = 1e-300;
        let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
        let mut c = 1.0;
        let mut d = 1.0 / keep(1.0 - (a + b) * self.x / (a + 1.0));
        let mut product = d;
        for term in 1..MOST_TERMS {
            let m = term as f64;
            let even = m * (b - m) * self.x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
            let odd = -(a + m) * (a + b + m) * self.x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
            let mut change = 1.0;
            for factor in [even, odd] {
                d = 1.0 / keep(1.0 + factor * d);
                c = keep(1.0 + factor / c);
                change *= d * c;
            }
            product *= change;
            if (change - 1.0).abs() < 1e-16 {
                break;
            }
        }
        (a * self.ln_x + b * self.ln_y - ln_beta(a, b)).exp() * product / a
    }
}

/// `ln B(a, b)`, without the cancellation of its gammas when one parameter is large.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < LARGE {
        return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    }
    // Stirling's series of both large gammas, subtracted term by term.
    let sum = small + large;
    let ratio = -(large - 0.5) * (small / large).ln_1p() - small * sum.ln() + small + rest(large)
        - rest(sum);
    ln_gamma(small) + ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy 1.17.1: `special.betainc`; the logarithm by mpmath, which scipy misses by 1e-10.
    #[test]
    fn shares_are_those_of_scipy_and_mpmath() {
        let close = |found: f64, expected: f64| {
            let off = ((found - expected) / expected).abs();
            assert!(off < 1e-12, "expected {expected}, found {found}, off by {off:e}");
        };
        close(Point::new(0.3).regularised(2.0, 5.0), 0.579_825);
        close(Point::new(0.9).regularised(50.0, 3.0), 0.096_633_285_137_252_22);
        close(ln_beta(0.5, 1e6), -6.335_390_211_057_437);
    }
}
