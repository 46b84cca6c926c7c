//! A few looks planned ahead: boundaries for the z statistic at each that spend one α over all.
//!
//! The chance of crossing at a look is integrated along the path, look by look (Armitage, McPherson and
//! Rowe 1969), on Gauss–Legendre points between the boundaries.

use crate::distributions::normal;
use crate::distributions::quadrature::gauss_legendre;
use crate::error::EvaluateError;

/// Points between the boundaries.
const POINTS: usize = 400;
/// Standard deviations beyond which a path is not followed.
const FAR: f64 = 9.0;

/// How much of α may have been spent when a share of the information is in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spending {
    /// Hardly any early: `2 − 2Φ(z(α/4)/√t)` per tail of α/2. Source: Lan and DeMets 1983.
    OBrienFleming,
    /// Evenly: `α ln(1 + (e − 1)t)`.
    Pocock,
    /// `α tᵖ`.
    Power(f64),
}

impl Spending {
    fn spent(self, share: f64, alpha: f64) -> f64 {
        match self {
            Self::OBrienFleming => {
                let z = normal::upper_quantile(alpha / 4.0);
                4.0 * normal::upper_tail(z / share.sqrt())
            }
            Self::Pocock => alpha * (1.0 + (std::f64::consts::E - 1.0) * share).ln(),
            Self::Power(power) => alpha * share.powf(power),
        }
    }
}

/// Two-sided boundaries at planned looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Boundaries {
    /// z at each look beyond which the experiment stops.
    pub z: Vec<f64>,
    /// α spent up to each look.
    pub spent: Vec<f64>,
}

impl Boundaries {
    /// Boundaries for looks at these shares of the information, rising to at most 1.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] for shares that do not rise within `(0, 1]` or an `alpha`
    /// outside `(0, 1)`.
    pub fn spending(shares: &[f64], alpha: f64, by: Spending) -> Result<Self, EvaluateError> {
        check(shares, alpha)?;
        let (mut z, mut spent) = (Vec::new(), Vec::new());
        let mut path = Path::default();
        for &share in shares {
            let total = by.spent(share, alpha);
            let now = total - spent.last().copied().unwrap_or(0.0);
            let look = path.next_look(share);
            let bound = falling_root(|z| look.crossed(z) - now, 0.0, 38.0);
            path = look.continued(bound);
            z.push(bound);
            spent.push(total);
        }
        Ok(Self { z, spent })
    }

    /// `C·√(K/k)` at evenly spaced looks. Source: O'Brien and Fleming 1979.
    ///
    /// # Errors
    /// As [`Boundaries::spending`].
    pub fn o_brien_fleming(looks: usize, alpha: f64) -> Result<Self, EvaluateError> {
        Self::of_shape(looks, alpha, |share| 1.0 / share.sqrt())
    }

    /// The same boundary at every look. Source: Pocock 1977.
    ///
    /// # Errors
    /// As [`Boundaries::spending`].
    pub fn pocock(looks: usize, alpha: f64) -> Result<Self, EvaluateError> {
        Self::of_shape(looks, alpha, |_| 1.0)
    }

    fn of_shape(
        looks: usize,
        alpha: f64,
        shape: impl Fn(f64) -> f64,
    ) -> Result<Self, EvaluateError> {
        let shares: Vec<f64> = (1..=looks).map(|k| k as f64 / looks as f64).collect();
        check(&shares, alpha)?;
        let at = |c: f64| -> Vec<f64> { shares.iter().map(|share| c * shape(*share)).collect() };
        let total = |c: f64| crossings(&shares, &at(c)).iter().sum::<f64>();
        let z = at(falling_root(|c| total(c) - alpha, 0.5, 12.0));
        let mut sum = 0.0;
        let spent = crossings(&shares, &z).into_iter().map(|p| {
            sum += p;
            sum
        });
        let spent = spent.collect();
        Ok(Self { z, spent })
    }

    /// Effect in standard errors of the last look that is found with this power, over that of a single
    /// look; squared, by how much the looks lengthen the experiment.
    #[must_use]
    pub fn inflation(&self, shares: &[f64], alpha: f64, power: f64) -> f64 {
        let found = |drift: f64| crossings_with(shares, &self.z, drift).iter().sum::<f64>();
        let drift = falling_root(|drift| power - found(drift), 0.0, 20.0);
        let single = normal::upper_quantile(alpha / 2.0) + normal::upper_quantile(1.0 - power);
        drift / single
    }

    /// p value of a single look that each boundary stands for.
    #[must_use]
    pub fn nominal(&self) -> Vec<f64> {
        self.z.iter().map(|z| 2.0 * normal::upper_tail(*z)).collect()
    }
}

/// Chance of crossing for the first time at each look without an effect.
#[must_use]
pub fn crossings(shares: &[f64], z: &[f64]) -> Vec<f64> {
    crossings_with(shares, z, 0.0)
}

/// The same when the effect is `drift` standard errors of the last look.
#[must_use]
pub fn crossings_with(shares: &[f64], z: &[f64], drift: f64) -> Vec<f64> {
    let mut path = Path { drift, ..Path::default() };
    let step = |(share, z): (&f64, &f64)| {
        let look = path.next_look(*share);
        path = look.continued(*z);
        look.crossed(*z)
    };
    shares.iter().zip(z).map(step).collect()
}

fn check(shares: &[f64], alpha: f64) -> Result<(), EvaluateError> {
    let wrong =
        |expected, name, found: f64| Err(EvaluateError::InvalidSetting { name, expected, found });
    if !(alpha > 0.0 && alpha < 1.0) {
        return wrong("a level between 0 and 1", "alpha", alpha);
    }
    let mut before = 0.0;
    for &share in shares {
        if !(share > before && share <= 1.0 + 1e-12) {
            return wrong("shares of the information that rise to at most 1", "looks", share);
        }
        before = share;
    }
    if shares.is_empty() { wrong("at least one look", "looks", 0.0) } else { Ok(()) }
}

/// Where paths that have not crossed stand: points of `B(t) = z√t` with their weight.
#[derive(Debug, Clone, Default)]
struct Path {
    share: f64,
    /// Mean of `B(1)`.
    drift: f64,
    /// Place and weight, density included; empty at the start.
    points: Vec<(f64, f64)>,
}

/// The next look of such paths.
struct Look {
    share: f64,
    drift: f64,
    /// Mean and standard deviation of the step.
    mean: f64,
    step: f64,
    from: Vec<(f64, f64)>,
}

impl Path {
    fn next_look(&self, share: f64) -> Look {
        let start = vec![(0.0, 1.0)];
        let from = if self.points.is_empty() { start } else { self.points.clone() };
        let grown = share - self.share;
        Look { share, drift: self.drift, mean: self.drift * grown, step: grown.sqrt(), from }
    }
}

impl Look {
    /// Chance of being beyond `±z` now.
    fn crossed(&self, z: f64) -> f64 {
        let bound = z * self.share.sqrt();
        let tails = |x: f64| {
            let at = x + self.mean;
            normal::upper_tail((bound - at) / self.step)
                + normal::upper_tail((bound + at) / self.step)
        };
        self.from.iter().map(|(x, weight)| weight * tails(*x)).sum()
    }

    /// The paths that go on.
    fn continued(&self, z: f64) -> Path {
        let root = self.share.sqrt();
        let bound = z.min(FAR) * root;
        let density = |x: f64| {
            let step = |y: f64| (x - y - self.mean) / self.step;
            let arrive = |(y, weight): &(f64, f64)| weight * normal::density(step(*y));
            self.from.iter().map(arrive).sum::<f64>() / self.step
        };
        let points = gauss_legendre(POINTS, -bound, bound);
        let points = points.into_iter().map(|(x, weight)| (x, weight * density(x))).collect();
        Path { share: self.share, drift: self.drift, points }
    }
}

/// Root of a falling function by bisection.
fn falling_root(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if high - low < 1e-12 {
            break;
        }
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jennison and Turnbull 2000, tables 2.1 and 2.3: K = 5 at 5 %.
    #[test]
    fn boundaries_are_those_of_the_tables() {
        let pocock = Boundaries::pocock(5, 0.05).expect("five looks");
        assert!((pocock.z[4] - 2.413).abs() < 5e-4, "{:?}", pocock.z);
        let fleming = Boundaries::o_brien_fleming(5, 0.05).expect("five looks");
        assert!((fleming.z[4] - 2.040).abs() < 5e-4, "{:?}", fleming.z);
        assert!((fleming.spent[4] - 0.05).abs() < 1e-9);
        // Tables 2.2 and 2.4: inflation 1.229 and 1.028 at 80 % power.
        let shares = [0.2, 0.4, 0.6, 0.8, 1.0];
        for (bounds, expected) in [(pocock, 1.229), (fleming, 1.028)] {
            let found = bounds.inflation(&shares, 0.05, 0.8).powi(2);
            assert!((found - expected).abs() < 1e-3, "{found}");
        }
    }

    #[test]
    fn one_look_is_the_plain_test_and_wrong_looks_are_errors() {
        for by in [Spending::OBrienFleming, Spending::Pocock, Spending::Power(3.0)] {
            let one = Boundaries::spending(&[1.0], 0.05, by).expect("one look");
            assert!((one.z[0] - 1.959_963_984_540_054).abs() < 1e-9, "{by:?} {:?}", one.z);
        }
        for shares in [vec![], vec![0.5, 0.4], vec![0.0, 1.0], vec![0.5, 1.5], vec![f64::NAN]] {
            assert!(Boundaries::spending(&shares, 0.05, Spending::Pocock).is_err());
        }
        assert!(Boundaries::spending(&[1.0], 0.0, Spending::Pocock).is_err());
    }
}
