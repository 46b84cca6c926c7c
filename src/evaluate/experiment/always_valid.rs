//! Intervals and p values that hold at every look, so that an experiment may be read daily and stopped
//! when it has said enough.
//!
//! An interval of a fixed number of units, looked at every day, will exclude 0 sooner or later without
//! any effect. These widen by a boundary that the whole path crosses with chance α only. Per-look p
//! values are not falling; the one to act on is their minimum so far ([`running_minimum`]).

use super::effect::Effect;
use crate::distributions::student;

/// Units for which the boundary is tightest, unless told otherwise.
pub const DEFAULT_TUNING: f64 = 5000.0;

/// `ρ = √((−2 ln α + ln(−2 ln α + 1)) / N*)`, tightest at `N*` units.
/// Source: Waudby-Smith et al. 2021 (arXiv 2103.06476).
#[must_use]
pub fn rho(alpha: f64, tuning: f64) -> f64 {
    let log = -2.0 * alpha.ln();
    ((log + log.ln_1p()) / tuning).sqrt()
}

/// Half the width of the asymptotic confidence sequence in standard errors, at `n` units:
/// `√(2(nρ² + 1)/(nρ²) · ln(√(nρ² + 1)/α))`.
#[must_use]
pub fn reach(n: f64, rho: f64, alpha: f64) -> f64 {
    let grown = n * rho * rho;
    (2.0 * (grown + 1.0) / grown * ((grown + 1.0).sqrt() / alpha).ln()).sqrt()
}

/// The asymptotic confidence sequence at this look, from an estimate with its standard error over `n`
/// units. The p value is `min(1, √(nρ² + 1) · exp(−ρ² n z²/(2(nρ² + 1))))`.
#[must_use]
pub fn asymptotic(fixed: &Effect, n: f64, rho: f64) -> Effect {
    if fixed.condition.is_some() {
        return *fixed;
    }
    let reach = reach(n, rho, 1.0 - fixed.level) * fixed.standard_error;
    let z = fixed.estimate / fixed.standard_error;
    let grown = n * rho * rho;
    let log = 0.5 * grown.ln_1p() - grown * z * z / (2.0 * (grown + 1.0));
    Effect {
        lower: fixed.estimate - reach,
        upper: fixed.estimate + reach,
        degrees_of_freedom: f64::INFINITY,
        p_value: log.exp().min(1.0),
        ..*fixed
    }
}

/// The mixture sequential probability ratio test with a normal mixture of variance `tau_squared`:
/// `Λ = √(V/(V + nτ²)) · exp(n²τ²d²/(2V(V + nτ²)))`, `V = n·se²`, p value `min(1, 1/Λ)`.
///
/// It is the confidence sequence above at `ρ² = τ²/V`. Source: Johari, Pekelis and Walsh 2017; Robbins
/// 1970.
#[must_use]
pub fn mixture(fixed: &Effect, n: f64, tau_squared: f64) -> (f64, Effect) {
    let v = n * fixed.standard_error * fixed.standard_error;
    let found = asymptotic(fixed, n, (tau_squared / v).sqrt());
    let (d, sum) = (fixed.estimate, v + n * tau_squared);
    let log = 0.5 * (v / sum).ln() + n * n * tau_squared * d * d / (2.0 * v * sum);
    (log.exp(), found)
}

/// Lower bound of the one-sided sequence at level `1 − alpha` with its p value: "treatment is better",
/// looked at as often as one likes. Source: Waudby-Smith et al. 2021, proposition for one side.
#[must_use]
pub fn lower_bound(fixed: &Effect, n: f64, rho: f64, alpha: f64) -> (f64, f64) {
    let grown = n * rho * rho;
    let root = (grown + 1.0).sqrt();
    let reach = |alpha: f64| {
        (2.0 * (grown + 1.0) / grown * (root / (2.0 * alpha)).ln_1p()).sqrt() * fixed.standard_error
    };
    let lower = fixed.estimate - reach(alpha);
    // The level at which the bound is 0: ln(1 + root/2α) = z² · grown / (2(grown + 1)).
    let z = fixed.estimate / fixed.standard_error;
    let needed = z * z * grown / (2.0 * (grown + 1.0));
    let p_value = if z > 0.0 { root / (2.0 * needed.exp_m1()) } else { 1.0 };
    (lower, p_value.min(1.0))
}

/// The smallest p value so far at every look: the one that may be acted upon.
#[must_use]
pub fn running_minimum(p_values: &[f64]) -> Vec<f64> {
    let mut least = 1.0_f64;
    let step = |p: &f64| {
        least = least.min(*p);
        least
    };
    p_values.iter().map(step).collect()
}

/// By how much a sequence is wider than an interval of one look at `n` units.
#[must_use]
pub fn price_of_peeking(n: f64, rho: f64, alpha: f64) -> f64 {
    reach(n, rho, alpha) / student::two_sided(1.0 - alpha, f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    #[test]
    fn the_sequence_is_tightest_near_its_tuning_and_the_p_value_is_its_inverse() {
        let rho = rho(0.05, 5000.0);
        let widths = [500.0, 5000.0, 500_000.0].map(|n| price_of_peeking(n, rho, 0.05));
        assert!(widths[1] < widths[0] && widths[1] < widths[2] && widths[1] < 1.6, "{widths:?}");
        let edge = reach(800.0, rho, 0.05);
        let found = asymptotic(&Effect::normal(edge, 1.0, 0.95), 800.0, rho);
        assert!(found.lower.abs() < 1e-12 && (found.p_value - 0.05).abs() < 1e-12);
        let (lower, p) = lower_bound(&Effect::normal(3.0, 1.0, 0.95), 800.0, rho, 0.05);
        let (_, same) = lower_bound(&Effect::normal(3.0, 1.0, 0.95), 800.0, rho, p);
        assert!(lower > -1.0 && (p - same).abs() < 1e-15);
        let at_p = lower_bound(&Effect::normal(3.0, 1.0, 0.95), 800.0, rho, p).0;
        assert!(at_p.abs() < 1e-12);
    }

    /// 400 experiments without an effect, looked at after each of 60 days of 50 units: an interval of
    /// one look excludes 0 at some time in far more than 5 %, the sequence in at most 5 % up to
    /// 4 standard errors (0.05 + 4·√(0.05·0.95/400) = 0.094).
    #[test]
    fn looking_every_day_does_not_break_the_level() {
        let rho = rho(0.05, 1500.0);
        let mut rng = SeedTree::new(5).child("looks").stream();
        let (mut naive, mut safe) = (0, 0);
        for _ in 0..400 {
            let (mut sum, mut ever) = (0.0, [false; 2]);
            for day in 1..=60 {
                let noise: f64 = (0..50).map(|_| rng.random::<f64>() - 0.5).sum();
                sum += noise * 12.0_f64.sqrt();
                let n = f64::from(day) * 50.0;
                let fixed = Effect::normal(sum / n, 1.0 / n.sqrt(), 0.95);
                let sequence = asymptotic(&fixed, n, rho);
                ever[0] |= fixed.lower > 0.0 || fixed.upper < 0.0;
                ever[1] |= sequence.lower > 0.0 || sequence.upper < 0.0;
            }
            naive += u32::from(ever[0]);
            safe += u32::from(ever[1]);
        }
        assert!(naive > 80 && f64::from(safe) / 400.0 < 0.094, "naive {naive}, safe {safe}");
    }
}
