//! More than two arms: do any differ, and which differ from control.

use super::moments::Moments;
use crate::distributions::{
    fisher_upper_tail, gamma::ln_gamma, normal, quadrature::gauss_legendre,
};
use serde::Serialize;

/// Points of the quadratures over the pooled deviation and over control's mean.
const SPREADS: usize = 32;
const MEANS: usize = 64;

/// A test of all arms being alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Omnibus {
    /// The statistic.
    pub f: f64,
    /// Chance of one as large when all arms are alike.
    pub p_value: f64,
    /// Degrees of freedom of the numerator.
    pub numerator: f64,
    /// Degrees of freedom of the denominator.
    pub denominator: f64,
}

/// One-way analysis of variance with a pooled variance. Source: Fisher 1925. `None` for fewer than two
/// arms or when nothing varies.
#[must_use]
pub fn pooled_anova(arms: &[Moments]) -> Option<Omnibus> {
    let n: f64 = arms.iter().map(|arm| arm.n).sum();
    let mean = arms.iter().map(|arm| arm.n * arm.mean).sum::<f64>() / n;
    let between: f64 = arms.iter().map(|arm| arm.n * (arm.mean - mean).powi(2)).sum();
    let within: f64 = arms.iter().map(|arm| arm.squares).sum();
    let (numerator, denominator) = (arms.len() as f64 - 1.0, n - arms.len() as f64);
    let f = between / numerator / (within / denominator);
    omnibus(f, numerator, denominator)
}

/// The same for arms whose variances differ. Source: Welch 1951.
#[must_use]
pub fn welch_anova(arms: &[Moments]) -> Option<Omnibus> {
    let k = arms.len() as f64;
    let weights: Vec<f64> = arms.iter().map(|arm| 1.0 / arm.variance_of_mean()).collect();
    let total: f64 = weights.iter().sum();
    let mean = arms.iter().zip(&weights).map(|(arm, w)| w * arm.mean).sum::<f64>() / total;
    let between: f64 =
        arms.iter().zip(&weights).map(|(arm, w)| w * (arm.mean - mean).powi(2)).sum();
    let spread: f64 =
        arms.iter().zip(&weights).map(|(arm, w)| (1.0 - w / total).powi(2) / (arm.n - 1.0)).sum();
    let f = between / (k - 1.0) / (1.0 + 2.0 * (k - 2.0) / (k * k - 1.0) * spread);
    omnibus(f, k - 1.0, (k * k - 1.0) / (3.0 * spread))
}

fn omnibus(f: f64, numerator: f64, denominator: f64) -> Option<Omnibus> {
    let p_value = fisher_upper_tail(f, numerator, denominator);
    (f.is_finite() && numerator > 0.0).then_some(Omnibus { f, p_value, numerator, denominator })
}

/// One arm against control, with all such comparisons holding together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DunnettComparison {
    /// Difference of means, arm − control.
    pub estimate: f64,
    /// The t statistic with the variance pooled over all arms.
    pub statistic: f64,
    /// Chance of one as large in any comparison when no arm differs.
    pub p_value: f64,
    /// Lower bound; all intervals hold together with the level.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// Every arm against control, two-sided, jointly at this level. Source: Dunnett 1955; the joint
/// distribution is integrated over what all comparisons share (control's mean and the pooled variance).
/// Empty when an arm has fewer than two units or nothing varies.
#[must_use]
pub fn dunnett(control: &Moments, arms: &[Moments], level: f64) -> Vec<DunnettComparison> {
    let all = || arms.iter().chain([control]);
    let freedom = all().map(|arm| arm.n - 1.0).sum::<f64>();
    let variance = all().map(|arm| arm.squares).sum::<f64>() / freedom;
    if variance.is_nan() || variance <= 0.0 || all().any(|arm| arm.n < 2.0) {
        return Vec::new();
    }
    let shared = Shared::new(control, arms, freedom);
    // The joint distribution falls off like the normal one: the bracket holds any usual level.
    let (mut low, mut high) = (0.0, 50.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if shared.inside(middle) < level { low = middle } else { high = middle }
    }
    let compare = |arm: &Moments| {
        let error = (variance * (1.0 / arm.n + 1.0 / control.n)).sqrt();
        let estimate = arm.mean - control.mean;
        let statistic = estimate / error;
        let p_value = (1.0 - shared.inside(statistic.abs())).max(0.0);
        let (lower, upper) = (estimate - high * error, estimate + high * error);
        DunnettComparison { estimate, statistic, p_value, lower, upper }
    };
    arms.iter().map(compare).collect()
}

/// What all comparisons with control have in common.
struct Shared {
    /// Correlation of each comparison with control's mean.
    loadings: Vec<f64>,
    /// Values of the pooled standard deviation over the true one, with their probabilities.
    spreads: Vec<(f64, f64)>,
    /// Values of control's mean in its standard errors, with the weights of the quadrature.
    means: Vec<(f64, f64)>,
}

impl Shared {
    fn new(control: &Moments, arms: &[Moments], freedom: f64) -> Self {
        let loadings = arms.iter().map(|arm| 1.0 / (1.0 + control.n / arm.n).sqrt()).collect();
        // The density of s = √(χ²/ν), on ±8 of its standard deviations.
        let reach = 8.0 / (2.0 * freedom).sqrt();
        let half = freedom / 2.0;
        let constant = half * half.ln() - ln_gamma(half) + std::f64::consts::LN_2;
        let density = |s: f64| (constant + (freedom - 1.0) * s.ln() - half * s * s).exp();
        let points = gauss_legendre(SPREADS, (1.0 - reach).max(1e-6), 1.0 + reach);
        let spreads = points.into_iter().map(|(s, weight)| (s, weight * density(s))).collect();
        Self { loadings, spreads, means: gauss_legendre(MEANS, -8.0, 8.0) }
    }

    /// Chance that no comparison's |t| exceeds this when no arm differs.
    fn inside(&self, t: f64) -> f64 {
        let of_spread = |(s, weight): &(f64, f64)| weight * self.given(t * s);
        let total: f64 = self.spreads.iter().map(|(_, weight)| weight).sum();
        self.spreads.iter().map(of_spread).sum::<f64>() / total
    }

    fn given(&self, bound: f64) -> f64 {
        let at = |(z, weight): &(f64, f64)| {
            let each = self.loadings.iter().map(|l| {
                let own = (1.0 - l * l).sqrt();
                normal::cdf((bound - l * z) / own) - normal::cdf((-bound - l * z) / own)
            });
            weight * normal::density(*z) * each.product::<f64>()
        };
        self.means.iter().map(at).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_arms_are_students_test() {
        let (a, b) = (Moments::of(&[1.0, 2.0, 4.0, 7.0]), Moments::of(&[2.0, 5.0, 9.0]));
        let found = pooled_anova(&[a, b]).expect("they vary");
        let both = dunnett(&a, &[b], 0.95);
        assert!((found.f - both[0].statistic.powi(2)).abs() < 1e-12);
        assert!((found.p_value - both[0].p_value).abs() < 1e-6, "{found:?} {both:?}");
        assert!(pooled_anova(&[a]).is_none());
        assert!(dunnett(&Moments::of(&[1.0, 1.0]), &[Moments::of(&[1.0, 1.0])], 0.95).is_empty());
    }

    #[test]
    fn more_comparisons_need_more_evidence() {
        let arm = Moments { n: 50.0, mean: 0.5, squares: 49.0 };
        let control = Moments { mean: 0.0, ..arm };
        let one = dunnett(&control, &[arm], 0.95)[0];
        let three = dunnett(&control, &[arm, control, control], 0.95)[0];
        assert!(three.p_value > one.p_value && three.lower < one.lower);
        // Not as much as independent looks would: they share control.
        assert!(three.p_value < 1.0 - (1.0 - one.p_value).powi(3));
    }
}
