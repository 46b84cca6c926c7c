//! Treatment against control on one metric: absolute, relative, one-sided, adjusted for what was known
//! before the experiment.
//!
//! Every metric comes down to the same thing, an estimate with the variance of one unit's part in it
//! ([`Metric`]): a mean is its own, a ratio of sums by its linearisation, a quantile by the width of
//! its order statistics. What is done with two of them is then written once.

use super::effect::{Condition, Effect};
use super::moments::{JointMoments, Moments};
use crate::distributions::{normal, student};

/// What was measured on the same units before the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    /// The estimate of it, as [`Metric::estimate`].
    pub estimate: f64,
    /// Variance of one unit's part in it.
    pub variance: f64,
    /// Covariance of a unit's parts in both.
    pub covariance: f64,
}

/// A metric of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Number of units.
    pub n: f64,
    /// Mean, ratio or quantile.
    pub estimate: f64,
    /// Variance of one unit's part in the estimate; its squared standard error is `variance / n`.
    pub variance: f64,
    /// What was known before, if it is to be adjusted for.
    pub before: Option<Before>,
}

impl Metric {
    /// The mean of a variable.
    #[must_use]
    pub fn mean(moments: &Moments) -> Self {
        let variance = moments.variance();
        Self { n: moments.n, estimate: moments.mean, variance, before: None }
    }

    /// The mean of the first variable with the second as what was known before.
    #[must_use]
    pub fn mean_with_before(moments: &JointMoments<2>) -> Self {
        let before = Before {
            estimate: moments.means[1],
            variance: moments.covariance(1, 1),
            covariance: moments.covariance(0, 1),
        };
        Self { before: Some(before), ..Self::mean(&moments.only(0)) }
    }

    /// `Σ first / Σ second` with the variance of its linearisation `(m − R·d) / mean d`.
    /// Source: Deng et al. 2018, the delta method.
    #[must_use]
    pub fn ratio(moments: &JointMoments<2>) -> Self {
        let (estimate, part) = ratio_part(moments.means[0], moments.means[1]);
        let variance = moments.covariance_of(&part, &part);
        Self { n: moments.n, estimate, variance, before: None }
    }

    /// The ratio of the first two variables with that of the last two as what was known before.
    #[must_use]
    pub fn ratio_with_before(moments: &JointMoments<4>) -> Self {
        let (estimate, now) = ratio_part(moments.means[0], moments.means[1]);
        let (earlier, then) = ratio_part(moments.means[2], moments.means[3]);
        let (now, then) = ([now[0], now[1], 0.0, 0.0], [0.0, 0.0, then[0], then[1]]);
        let before = Before {
            estimate: earlier,
            variance: moments.covariance_of(&then, &then),
            covariance: moments.covariance_of(&now, &then),
        };
        let variance = moments.covariance_of(&now, &now);
        Self { n: moments.n, estimate, variance, before: Some(before) }
    }

    /// A quantile of sorted values, `level` the level of the order-statistic interval from which its
    /// variance is read: `(n−1)·((upper − lower) / 2z)²`, bounds at `q ± z·√(q(1−q)/n)`.
    /// Source: Woodruff 1952. `None` without values.
    #[must_use]
    pub fn quantile(sorted: &[f64], q: f64, level: f64) -> Option<(Self, [f64; 2])> {
        let n = sorted.len() as f64;
        let z = normal::two_sided(level);
        let reach = z * (q * (1.0 - q) / n).sqrt();
        let at = |q: f64| super::quantile_of_sorted(sorted, q.clamp(0.0, 1.0));
        let bounds = [at(q - reach)?, at(q + reach)?];
        let variance = (n - 1.0) * ((bounds[1] - bounds[0]) / (2.0 * z)).powi(2);
        Some((Self { n, estimate: at(q)?, variance, before: None }, bounds))
    }

    /// The metric less `theta` times what was known before, about `centre`.
    fn adjusted(&self, theta: f64, centre: f64) -> Self {
        let Some(before) = self.before else { return *self };
        Self {
            estimate: self.estimate - theta * (before.estimate - centre),
            variance: self.variance - 2.0 * theta * before.covariance
                + theta * theta * before.variance,
            ..*self
        }
    }
}

fn ratio_part(numerator: f64, denominator: f64) -> (f64, [f64; 2]) {
    let ratio = numerator / denominator;
    (ratio, [1.0 / denominator, -ratio / denominator])
}

/// Coefficient of what was known before that leaves the least variance, `cov(y, x) / var(x)`, from
/// both arms taken together; 0 when it does not vary. Source: Deng et al. 2013 (CUPED).
#[must_use]
pub fn theta(pooled: &Metric) -> f64 {
    match pooled.before {
        Some(before) if before.variance > 0.0 => before.covariance / before.variance,
        _ => 0.0,
    }
}

/// Two arms with the adjustment that both share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    control: Metric,
    treatment: Metric,
    theta: f64,
    /// Both after the adjustment.
    arms: [Metric; 2],
}

/// Which direction a one-sided test asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Treatment is greater.
    Greater,
    /// Treatment is less.
    Less,
}

impl Contrast {
    /// Treatment against control as they are.
    #[must_use]
    pub fn new(control: Metric, treatment: Metric) -> Self {
        Self { control, treatment, theta: 0.0, arms: [control, treatment] }
    }

    /// Adjusted by `theta` times what was known before ([`theta`] of both arms together), about
    /// `centre`, its estimate over both arms.
    #[must_use]
    pub fn adjusted(control: Metric, treatment: Metric, theta: f64, centre: f64) -> Self {
        let arms = [control.adjusted(theta, centre), treatment.adjusted(theta, centre)];
        Self { control, treatment, theta, arms }
    }

    /// The same with the sign of the metric turned, for metrics of which less is better.
    #[must_use]
    pub fn turned(&self) -> Self {
        let turn = |arm: &Metric| Metric {
            estimate: -arm.estimate,
            before: arm.before.map(|b| Before { covariance: -b.covariance, ..b }),
            ..*arm
        };
        let [c, t] = &self.arms;
        Self {
            control: turn(&self.control),
            treatment: turn(&self.treatment),
            theta: -self.theta,
            arms: [turn(c), turn(t)],
        }
    }

    /// Both arms after the adjustment, control first.
    #[must_use]
    pub fn arms(&self) -> &[Metric; 2] {
        &self.arms
    }

    /// The coefficient of the adjustment.
    #[must_use]
    pub fn theta(&self) -> f64 {
        self.theta
    }

    /// Standard error of the difference.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        let [c, t] = &self.arms;
        (c.variance / c.n + t.variance / t.n).sqrt()
    }

    /// Welch and Satterthwaite's degrees of freedom.
    #[must_use]
    pub fn degrees_of_freedom(&self) -> f64 {
        let [c, t] = self.arms;
        welch([c.variance / c.n, t.variance / t.n], [c.n, t.n])
    }

    /// By how much the adjustment shrinks the squared standard error; negative when it grows.
    #[must_use]
    pub fn variance_reduction(&self) -> f64 {
        let plain = Self::new(self.control, self.treatment).standard_error();
        1.0 - (self.standard_error() / plain).powi(2)
    }

    fn refused(&self) -> Option<Condition> {
        let few = |arm: &Metric| arm.n < 2.0;
        if self.arms.iter().any(few) {
            return Some(Condition::TooFewUnits);
        }
        let varies = self.arms.iter().any(|arm| arm.variance > 0.0);
        (!varies).then_some(Condition::ZeroVariance)
    }

    fn difference(&self) -> f64 {
        self.arms[1].estimate - self.arms[0].estimate
    }

    /// Treatment − control, Welch's t test and interval. The scale to decide on.
    #[must_use]
    pub fn absolute(&self, level: f64) -> Effect {
        if let Some(condition) = self.refused() {
            return Effect::without_interval(self.difference(), level, condition);
        }
        let df = self.degrees_of_freedom();
        Effect::student(self.difference(), self.standard_error(), df, level)
    }

    /// The same with the normal distribution.
    #[must_use]
    pub fn absolute_normal(&self, level: f64) -> Effect {
        match self.refused() {
            Some(condition) => Effect::without_interval(self.difference(), level, condition),
            None => Effect::normal(self.difference(), self.standard_error(), level),
        }
    }

    /// The t test of one side: its p value and interval, open on the other side.
    #[must_use]
    pub fn one_sided(&self, side: Side, level: f64) -> Effect {
        let two = self.absolute(2.0 * level - 1.0);
        if two.condition.is_some() {
            return Effect { level, ..two };
        }
        let t = two.estimate / two.standard_error;
        let (t, lower, upper) = match side {
            Side::Greater => (t, two.lower, f64::INFINITY),
            Side::Less => (-t, f64::NEG_INFINITY, two.upper),
        };
        let p_value = student::upper_tail(t, two.degrees_of_freedom);
        Effect { lower, upper, p_value, level, ..two }
    }

    /// Difference over the magnitude of the unadjusted control, by the delta method: the baseline's own
    /// uncertainty counts, with its covariance with the difference.
    ///
    /// With `B` the unadjusted control and `D` the difference, its slope in `B` is `−(B + D)/B²` and
    /// in what was known before `θ/B`. The p value tests this scale; decide on [`Contrast::absolute`].
    #[must_use]
    pub fn relative(&self, level: f64) -> Effect {
        self.relative_at(self.difference(), level)
    }

    /// The same with the baseline's slope taken at another estimate of the difference; libraries take it
    /// at the unadjusted one, which has the same limit and more noise.
    #[must_use]
    pub fn relative_at(&self, difference: f64, level: f64) -> Effect {
        let base = self.control.estimate.abs();
        let share = self.difference() / base;
        if let Some(condition) = self.refused() {
            let share = if base > 0.0 { share } else { 0.0 };
            return Effect::without_interval(share, level, condition);
        }
        if base == 0.0 {
            return Effect::without_interval(0.0, level, Condition::ZeroBaseline);
        }
        let signed = self.control.estimate;
        let slope = -(signed + difference) / signed;
        let control = self.control.before.map_or(0.0, |before| {
            let theta = self.theta;
            theta * theta * before.variance + 2.0 * theta * slope * before.covariance
        }) + slope * slope * self.control.variance;
        let [c, t] = &self.arms;
        let variance = (control / c.n + t.variance / t.n) / (base * base);
        Effect::student(share, variance.sqrt(), self.degrees_of_freedom(), level)
    }

    /// `treatment / control − 1` with the interval of the log of the ratio, for metrics above 0:
    /// asymmetric, never below −1, and right where the baseline is uncertain. The p value is that of
    /// the absolute scale. Widely used intervals that take the baseline as known cover 81 % of the
    /// time at a nominal 95 %.
    #[must_use]
    pub fn relative_log(&self, level: f64) -> Effect {
        let [c, t] = &self.arms;
        let shares = [c, t].map(|arm| arm.variance / (arm.n * arm.estimate * arm.estimate));
        let ratio = t.estimate / c.estimate;
        if let Some(condition) = self.refused() {
            let share = if c.estimate == 0.0 { 0.0 } else { ratio - 1.0 };
            return Effect::without_interval(share, level, condition);
        }
        if !(ratio > 0.0 && ratio.is_finite()) {
            let share = if c.estimate == 0.0 { 0.0 } else { ratio - 1.0 };
            return Effect::without_interval(share, level, Condition::ZeroBaseline);
        }
        let df = welch(shares, [c.n, t.n]);
        let spread = (shares[0] + shares[1]).sqrt();
        let reach = student::two_sided(level, df) * spread;
        Effect {
            estimate: ratio - 1.0,
            standard_error: ratio * spread,
            degrees_of_freedom: df,
            lower: ratio * (-reach).exp() - 1.0,
            upper: ratio * reach.exp() - 1.0,
            ..self.absolute(level)
        }
    }

    /// One-sided test that treatment is not worse than control by `margin` or more, larger being
    /// better: `H₀: treatment − control ≤ −margin`, the margin taken as fixed.
    #[must_use]
    pub fn non_inferiority(&self, margin: f64, level: f64) -> Effect {
        let effect = self.one_sided(Side::Greater, level);
        if effect.condition.is_some() {
            return effect;
        }
        let t = (effect.estimate + margin) / effect.standard_error;
        Effect { p_value: student::upper_tail(t, effect.degrees_of_freedom), ..effect }
    }

    /// p value of "the difference lies outside `±margin`", from two one-sided tests.
    #[must_use]
    pub fn equivalence(&self, margin: f64) -> f64 {
        let effect = self.absolute(0.95);
        if effect.condition.is_some() {
            return 1.0;
        }
        let tail = |distance: f64| {
            student::upper_tail(distance / effect.standard_error, effect.degrees_of_freedom)
        };
        tail(effect.estimate + margin).max(tail(margin - effect.estimate))
    }
}

/// `(a + b)² / (a²/(n−1) + b²/(m−1))` for squared standard errors `a` and `b`.
fn welch(squares: [f64; 2], n: [f64; 2]) -> f64 {
    let part = |i: usize| squares[i] * squares[i] / (n[i] - 1.0);
    (squares[0] + squares[1]).powi(2) / (part(0) + part(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(n: f64, estimate: f64, variance: f64) -> Metric {
        Metric { n, estimate, variance, before: None }
    }

    #[test]
    fn widely_apart_arms_have_a_p_value_that_is_not_zero() {
        let apart = Contrast::new(metric(1e4, 1.0, 1.0), metric(1e4, 1.5, 1.0)).absolute(0.95);
        // t = 35: 1 − cdf would say 0.
        assert!(apart.p_value > 0.0 && apart.p_value < 1e-200, "{:e}", apart.p_value);
    }

    #[test]
    fn constants_and_zero_baselines_are_said_by_name() {
        let constant = metric(10.0, 5.0, 0.0);
        let still = Contrast::new(constant, metric(10.0, 6.0, 0.0));
        assert_eq!(still.absolute(0.95).condition, Some(Condition::ZeroVariance));
        assert_eq!(still.relative(0.95).condition, Some(Condition::ZeroVariance));
        let nothing = Contrast::new(metric(10.0, 0.0, 1.0), metric(10.0, 1.0, 1.0));
        assert_eq!(nothing.relative(0.95).condition, Some(Condition::ZeroBaseline));
        assert_eq!(nothing.relative_log(0.95).condition, Some(Condition::ZeroBaseline));
        assert!(nothing.absolute(0.95).condition.is_none());
        let alone = Contrast::new(metric(1.0, 1.0, f64::NAN), constant);
        assert_eq!(alone.absolute(0.95).condition, Some(Condition::TooFewUnits));
    }

    /// The relative interval with a known baseline is narrower by the baseline's own share.
    #[test]
    fn the_baseline_of_a_relative_effect_is_not_taken_as_known() {
        let arms = Contrast::new(metric(1e3, 10.0, 400.0), metric(1e3, 20.0, 400.0));
        let (absolute, relative) = (arms.absolute(0.95), arms.relative(0.95));
        let known = absolute.standard_error / 10.0;
        // Slope of the control: −20/10 instead of −1.
        let expected = (0.4 * 4.0 + 0.4_f64).sqrt() / 10.0;
        assert!((relative.standard_error - expected).abs() < 1e-12);
        assert!(relative.standard_error > 1.5 * known);
        // Both scales exclude 0 or neither does, when the decision is read from the absolute one.
        assert!(arms.relative_log(0.95).lower > 0.0 && absolute.lower > 0.0);
    }

    #[test]
    fn adjusting_by_nothing_changes_nothing() {
        let before = Before { estimate: 3.0, variance: 0.0, covariance: 0.0 };
        let with = Metric { before: Some(before), ..metric(50.0, 2.0, 1.0) };
        let plain = Contrast::new(metric(50.0, 2.0, 1.0), metric(60.0, 2.5, 1.5));
        let treated = Metric { before: Some(before), ..metric(60.0, 2.5, 1.5) };
        assert_eq!(theta(&with), 0.0);
        let adjusted = Contrast::adjusted(with, treated, theta(&with), 3.0);
        assert_eq!(adjusted.absolute(0.95), plain.absolute(0.95));
        assert_eq!(adjusted.relative(0.95), plain.relative(0.95));
        assert_eq!(adjusted.variance_reduction(), 0.0);
    }
}
