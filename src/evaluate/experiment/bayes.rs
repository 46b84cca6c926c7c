//! Bayesian read-outs: the chance that treatment is better and what is lost on average if it is not.

use super::effect::Effect;
use crate::distributions::beta::{Point, ln_beta};
use crate::distributions::normal;
use crate::distributions::quadrature::gauss_legendre;
use serde::Serialize;

/// A normal prior of the effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Mean.
    pub mean: f64,
    /// Variance; infinite for a flat prior.
    pub variance: f64,
}

impl Prior {
    /// Every effect alike.
    pub const FLAT: Self = Self { mean: 0.0, variance: f64::INFINITY };

    /// A prior of the relative effect in units of a metric whose baseline has this magnitude.
    #[must_use]
    pub fn scaled(self, baseline: f64) -> Self {
        Self { mean: self.mean * baseline, variance: self.variance * baseline * baseline }
    }
}

/// What the data and the prior say together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Posterior {
    /// Mean effect.
    pub mean: f64,
    /// Standard deviation.
    pub standard_deviation: f64,
    /// Lower bound of the central interval.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Chance that the effect is above 0.
    pub chance_above: f64,
    /// `E[max(effect, 0)]`: what is lost on average by staying with control when more is better.
    pub expected_gain: f64,
    /// `E[max(−effect, 0)]`: what is lost on average by shipping.
    pub expected_loss: f64,
}

/// The posterior of an effect that is normal about its estimate; `None` without a standard error.
#[must_use]
pub fn normal_posterior(effect: &Effect, prior: Prior, level: f64) -> Option<Posterior> {
    if effect.condition.is_some() {
        return None;
    }
    let own = effect.standard_error.powi(-2);
    let precision = own + 1.0 / prior.variance;
    let sd = precision.sqrt().recip();
    let mean = (effect.estimate * own + prior.mean / prior.variance) / precision;
    let reach = normal::two_sided(level) * sd;
    let z = mean / sd;
    Some(Posterior {
        mean,
        standard_deviation: sd,
        lower: mean - reach,
        upper: mean + reach,
        chance_above: normal::cdf(z),
        expected_gain: sd * excess(z),
        expected_loss: sd * excess(-z),
    })
}

/// `E[max(Z + z, 0)]`.
fn excess(z: f64) -> f64 {
    let plain = normal::density(z) + z * normal::cdf(z);
    if z > -5.0 {
        return plain;
    }
    // φ(z) − |z|·Q(|z|) loses its digits: ∫ Q from |z| on, which falls by a factor e in 1/|z|.
    let span = 12.0 / -z;
    gauss_legendre(40, -z, -z + span).iter().map(|(x, w)| w * normal::upper_tail(*x)).sum()
}

/// Two shares with beta priors, control first, by quadrature: no draws, no noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaPair {
    /// Parameters `(a, b)` of each posterior: successes and failures with the prior added.
    pub arms: [(f64, f64); 2],
}

/// Points of each integral.
const POINTS: usize = 400;

impl BetaPair {
    /// Posteriors of `hits` of `trials` with prior `Beta(a, b)`; Jeffreys' is `(0.5, 0.5)`.
    #[must_use]
    pub fn new(hits: [f64; 2], trials: [f64; 2], prior: (f64, f64)) -> Self {
        let arm = |i: usize| (hits[i] + prior.0, trials[i] - hits[i] + prior.1);
        Self { arms: [arm(0), arm(1)] }
    }

    /// Chance that treatment's share is above control's.
    #[must_use]
    pub fn chance_above(&self) -> f64 {
        self.chance_above_by(0.0)
    }

    /// Chance that treatment's share is above control's by more than this.
    #[must_use]
    pub fn chance_above_by(&self, by: f64) -> f64 {
        let [c, t] = self.arms;
        expect(t, |x| below(c, x - by))
    }

    /// `E[max(treatment − control, 0)]`, lost on average by staying.
    #[must_use]
    pub fn expected_gain(&self) -> f64 {
        let [c, t] = self.arms;
        over(self.range(), |x| above(t, x) * below(c, x))
    }

    /// `E[max(control − treatment, 0)]`, lost on average by shipping.
    #[must_use]
    pub fn expected_loss(&self) -> f64 {
        let [c, t] = self.arms;
        over(self.range(), |x| below(t, x) * above(c, x))
    }

    /// Central interval of treatment − control.
    #[must_use]
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let at = |chance: f64| {
            let (mut low, mut high) = (-1.0, 1.0);
            for _ in 0..60 {
                let middle: f64 = (low + high) / 2.0;
                if self.chance_above_by(middle) > chance { low = middle } else { high = middle }
            }
            (low + high) / 2.0
        };
        [at((1.0 + level) / 2.0), at((1.0 - level) / 2.0)]
    }

    fn range(&self) -> (f64, f64) {
        let [c, t] = self.arms.map(support);
        (c.0.min(t.0), c.1.max(t.1))
    }
}

/// Where a beta distribution has all but 1e-30 or so of itself.
fn support((a, b): (f64, f64)) -> (f64, f64) {
    let n = a + b;
    let mean = a / n;
    let reach = 12.0 * (mean * (1.0 - mean) / (n + 1.0)).sqrt() + 60.0 / n;
    ((mean - reach).max(0.0), (mean + reach).min(1.0))
}

fn over((from, to): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    gauss_legendre(POINTS, from, to).iter().map(|(x, weight)| weight * f(*x)).sum()
}

/// `E[f(X)]` over `x = sin² φ`, in which the density is smooth at both ends.
fn expect((a, b): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    let (from, to) = support((a, b));
    let normaliser = std::f64::consts::LN_2 - ln_beta(a, b);
    over((from.sqrt().asin(), to.sqrt().asin()), |angle| {
        let (sine, cosine) = angle.sin_cos();
        let log = (2.0 * a - 1.0) * sine.ln() + (2.0 * b - 1.0) * cosine.ln();
        (normaliser + log).exp() * f(sine * sine)
    })
}

fn below((a, b): (f64, f64), x: f64) -> f64 {
    Point::new(x.clamp(0.0, 1.0)).regularised(a, b)
}

fn above((a, b): (f64, f64), x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    Point { x: 1.0 - x, y: x, ln_x: (-x).ln_1p(), ln_y: x.ln() }.regularised(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_less_loss_is_the_mean_and_a_prior_draws_towards_itself() {
        let effect = Effect::normal(0.4, 0.3, 0.95);
        let flat = normal_posterior(&effect, Prior::FLAT, 0.95).expect("an error");
        assert!((flat.expected_gain - flat.expected_loss - 0.4).abs() < 1e-15);
        assert!((flat.lower - effect.lower).abs() < 1e-14);
        let prior = Prior { mean: 0.0, variance: 0.09 };
        let drawn = normal_posterior(&effect, prior, 0.95).expect("an error");
        assert!((drawn.mean - 0.2).abs() < 1e-15);
        // A hopeless treatment: the gain is tiny, not 0 and not negative.
        let bad = Effect::normal(-6.0, 0.3, 0.95);
        let lost = normal_posterior(&bad, Prior::FLAT, 0.95).expect("an error");
        assert!(lost.expected_gain > 0.0 && lost.expected_gain < 1e-80);
        // Either way of computing the excess agrees where they meet.
        let (near, far) = (excess(-4.999_999), excess(-5.000_001));
        assert!((near / far - 1.0).abs() < 2e-5, "{near:e} {far:e}");
    }

    /// Beta(1,1) against Beta(2,1): P(B > A) = ∫ 2x·x dx = 2/3, E[B] − E[A] = 1/6.
    #[test]
    fn shares_by_hand() {
        let pair = BetaPair { arms: [(1.0, 1.0), (2.0, 1.0)] };
        assert!((pair.chance_above() - 2.0 / 3.0).abs() < 1e-12);
        let mean = pair.expected_gain() - pair.expected_loss();
        assert!((mean - 1.0 / 6.0).abs() < 1e-12);
        let [low, high] = pair.interval(0.9);
        assert!((pair.chance_above_by(low) - 0.95).abs() < 1e-9 && high < 1.0);
        // Nobody bought in either arm: Jeffreys' prior still gives even odds.
        let none = BetaPair::new([0.0, 0.0], [20.0, 20.0], (0.5, 0.5));
        assert!((none.chance_above() - 0.5).abs() < 1e-6, "{}", none.chance_above());
    }
}
