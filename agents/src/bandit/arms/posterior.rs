//! What is believed about the mean of an arm.

use std::f64::consts::{PI, SQRT_2};

/// A distribution of an arm's mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Posterior {
    /// Beta with two parameters above 0.
    Beta(f64, f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
    /// Student with degrees of freedom, location and scale.
    Student(f64, f64, f64),
}

impl Posterior {
    /// Its centre.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Beta(a, b) => a / (a + b),
            Self::Normal(mean, _) | Self::Student(_, mean, _) => mean,
        }
    }

    /// Its standard deviation; of a Student its scale, as there may be no deviation.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        match *self {
            Self::Beta(a, b) => (a * b / (a + b + 1.0)).sqrt() / (a + b),
            Self::Normal(_, deviation) | Self::Student(_, _, deviation) => deviation,
        }
    }

    /// Where all but a chance of about 1e-4 lies; much less is outside of all but the most lopsided.
    pub(super) fn reach(&self) -> (f64, f64) {
        let (below, above) = match self {
            Self::Beta(..) => (8.0, 12.0),
            Self::Normal(..) => (6.0, 6.0),
            Self::Student(..) => (10.0, 15.0),
        };
        let (low, high) = self.support();
        let (mean, deviation) = (self.mean(), self.deviation());
        ((mean - below * deviation).max(low), (mean + above * deviation).min(high))
    }

    pub(super) fn support(&self) -> (f64, f64) {
        match self {
            Self::Beta(..) => (0.0, 1.0),
            Self::Normal(..) | Self::Student(..) => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Chance of a value below `x`, within 1e-10.
    #[must_use]
    pub fn below(&self, x: f64) -> f64 {
        match *self {
            Self::Beta(a, b) => incomplete_beta(a, b, x),
            Self::Normal(mean, deviation) => normal_below((x - mean) / deviation),
            Self::Student(freedom, location, scale) => {
                let z = (x - location) / scale;
                let tail = incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + z * z)) / 2.0;
                if z > 0.0 { 1.0 - tail } else { tail }
            }
        }
    }

    /// Logarithm of the density up to a constant; `ln_x` and `ln_rest` are `ln x` and `ln(1 − x)`,
    /// and only a Beta uses them.
    pub(super) fn log_density(&self, x: f64, ln_x: f64, ln_rest: f64) -> f64 {
        match *self {
            Self::Beta(a, b) => (a - 1.0) * ln_x + (b - 1.0) * ln_rest,
            Self::Normal(mean, deviation) => {
                let z = (x - mean) / deviation;
                -z * z / 2.0
            }
            Self::Student(freedom, location, scale) => {
                let z = (x - location) / scale;
                -(freedom + 1.0) / 2.0 * (z * z / freedom).ln_1p()
            }
        }
    }
}

/// The regularised incomplete beta function `I_x(a, b)`, by Lentz's continued fraction (Press et al.
/// 2007, section 6.4).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    // The fraction converges fast on this side of the mean; the other side follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front.exp() * beta_fraction(a, b, x) / a
    } else {
        1.0 - front.exp() * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-12 {
            break;
        }
    }
    fraction
}

/// `ln Γ(x)` for `x > 0` by Stirling's series from 8 on, with an error below 1e-11.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 1.0_f64);
    while x < 8.0 {
        shift *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    (x - 0.5) * x.ln() - x + (2.0 * PI).ln() / 2.0 + series / x - shift.ln()
}

/// The standard normal distribution function by West's (2005) form of Hart's approximation, with an
/// error below 1e-14.
fn normal_below(z: f64) -> f64 {
    let x = z.abs();
    let tail = if x > 37.0 {
        0.0
    } else if x < 5.0 * SQRT_2 {
        const NUMERATOR: [f64; 7] = [
            3.526_249_659_989_11e-2,
            0.700_383_064_443_688,
            6.373_962_203_531_65,
            33.912_866_078_383,
            112.079_291_497_871,
            221.213_596_169_931,
            220.206_867_912_376,
        ];
        const DENOMINATOR: [f64; 8] = [
            8.838_834_764_831_84e-2,
            1.755_667_163_182_64,
            16.064_177_579_207,
            86.780_732_202_946_1,
            296.564_248_779_674,
            637.333_633_378_831,
            793.826_512_519_948,
            440.413_735_824_752,
        ];
        let polynomial = |terms: &[f64]| terms.iter().fold(0.0, |sum, term| sum * x + term);
        (-x * x / 2.0).exp() * polynomial(&NUMERATOR) / polynomial(&DENOMINATOR)
    } else {
        let fraction = (1..=4).rev().fold(x + 0.65, |rest, k| x + f64::from(k) / rest);
        (-x * x / 2.0).exp() / fraction / (2.0 * PI).sqrt()
    };
    if z > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_functions_match_closed_forms() {
        // Beta(1, 5): 1 − (1 − x)^5. Beta(2, 2): 3x² − 2x³. Beta(1/2, 1/2): 2/π asin √x.
        for x in [0.01, 0.3, 0.5, 0.92] {
            let close = |a: f64, b: f64, expected: f64| {
                assert!((incomplete_beta(a, b, x) - expected).abs() < 1e-10, "{a} {b} {x}");
            };
            close(1.0, 5.0, 1.0 - (1.0 - x).powi(5));
            close(2.0, 2.0, 3.0 * x * x - 2.0 * x.powi(3));
            close(0.5, 0.5, 2.0 / PI * x.sqrt().asin());
        }
        // Student with 1 degree of freedom is Cauchy, with 2 it is 1/2 + z / (2 √(2 + z²)).
        for z in [-2.0_f64, 0.0, 0.7, 5.0] {
            let one = Posterior::Student(1.0, 0.0, 1.0).below(z);
            assert!((one - (0.5 + z.atan() / PI)).abs() < 1e-10);
            let two = Posterior::Student(2.0, 1.0, 2.0).below(1.0 + 2.0 * z);
            assert!((two - (0.5 + z / (2.0 * (2.0 + z * z).sqrt()))).abs() < 1e-10);
        }
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_746_068_543), (-6.0, 9.865_876_45e-10)] {
            assert!((normal_below(z) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_beta_of_many_rewards_is_nearly_normal() {
        // The skewness of Beta(9000, 1000) is −0.054, and by Edgeworth's series the distribution
        // functions differ by at most 0.4 · 0.054 / 6 = 0.0036.
        let beta = Posterior::Beta(9_000.0, 1_000.0);
        let normal = Posterior::Normal(beta.mean(), beta.deviation());
        for z in [-2.0, -0.5, 0.0, 1.0, 2.5] {
            let x = beta.mean() + z * beta.deviation();
            assert!((beta.below(x) - normal.below(x)).abs() < 0.0037);
        }
    }
}
