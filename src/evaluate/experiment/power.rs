//! How many units an experiment needs, what it could find, and with what chance.

use crate::distributions::{noncentral, normal, student};

/// Whether the test looks at both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Both.
    Two,
    /// That of the effect only.
    One,
}

/// A comparison of two means as it is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDesign {
    /// Units of treatment per unit of control.
    pub ratio: f64,
    /// Chance of finding an effect where there is none.
    pub alpha: f64,
    /// Directions.
    pub sides: Sides,
}

impl MeanDesign {
    /// Chance of finding an effect of `effect_size` standard deviations with `n_control` units in
    /// control, by Student's t with `n₁ + n₂ − 2` degrees of freedom.
    #[must_use]
    pub fn power(&self, effect_size: f64, n_control: f64) -> f64 {
        let all = n_control * (1.0 + self.ratio);
        self.power_at(self.shift(effect_size, n_control), all - 2.0)
    }

    /// The same with the variance taken as known.
    #[must_use]
    pub fn power_normal(&self, effect_size: f64, n_control: f64) -> f64 {
        self.power_at(self.shift(effect_size, n_control), f64::INFINITY)
    }

    /// The same with Welch's degrees of freedom at equal variances.
    #[must_use]
    pub fn power_welch(&self, effect_size: f64, n_control: f64) -> f64 {
        let (n, m) = (n_control, n_control * self.ratio);
        let df =
            (1.0 / n + 1.0 / m).powi(2) / (1.0 / (n * n * (n - 1.0)) + 1.0 / (m * m * (m - 1.0)));
        self.power_at(self.shift(effect_size, n_control), df)
    }

    fn shift(&self, effect_size: f64, n_control: f64) -> f64 {
        effect_size * (n_control * self.ratio / (1.0 + self.ratio)).sqrt()
    }

    fn power_at(&self, shift: f64, df: f64) -> f64 {
        let tail = match self.sides {
            Sides::Two => self.alpha / 2.0,
            Sides::One => self.alpha,
        };
        let limit = student::upper_quantile(tail, df);
        let above = noncentral::upper_tail(limit, df, shift);
        match self.sides {
            Sides::Two => above + noncentral::upper_tail(limit, df, -shift),
            Sides::One => above,
        }
    }

    /// Units of control for this power, not rounded. `power` is one of the methods above. `None` for an
    /// effect of 0 or beyond 1e15 units.
    #[must_use]
    pub fn units(
        &self,
        effect_size: f64,
        power: f64,
        of: impl Fn(&Self, f64, f64) -> f64,
    ) -> Option<f64> {
        let (size, least) = (effect_size.abs(), 2.0 + 2.0 / self.ratio);
        rising_root(|n| of(self, size, n) - power, least, 1e15)
    }

    /// Smallest effect in standard deviations that is found with this power.
    #[must_use]
    pub fn effect_size(
        &self,
        n_control: f64,
        power: f64,
        of: impl Fn(&Self, f64, f64) -> f64,
    ) -> Option<f64> {
        rising_root(|size| of(self, size, n_control) - power, 1e-12, 1e9)
    }
}

/// Two shares, control first, as they are planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionDesign {
    /// Share of control and of treatment.
    pub shares: [f64; 2],
    /// Units of treatment per unit of control.
    pub ratio: f64,
    /// Chance of finding a difference where there is none, two-sided.
    pub alpha: f64,
}

impl ProportionDesign {
    /// Cohen's h, `2 asin √p₂ − 2 asin √p₁`: the difference where shares vary alike.
    #[must_use]
    pub fn cohens_h(&self) -> f64 {
        let [c, t] = self.shares.map(|p| 2.0 * p.sqrt().asin());
        t - c
    }

    /// Units of control by Cohen's h.
    #[must_use]
    pub fn units_arcsine(&self, power: f64) -> Option<f64> {
        let design = MeanDesign { ratio: self.ratio, alpha: self.alpha, sides: Sides::Two };
        design.units(self.cohens_h(), power, MeanDesign::power_normal)
    }

    /// Standard deviations of the difference for one unit of control: under "no difference" with the
    /// pooled share, and as planned.
    fn spreads(&self) -> [f64; 2] {
        let ([c, t], ratio) = (self.shares, self.ratio);
        let pooled = (c + t * ratio) / (1.0 + ratio);
        let variance = |p: f64| p * (1.0 - p);
        let null = variance(pooled) * (1.0 + 1.0 / ratio);
        [null.sqrt(), (variance(c) + variance(t) / ratio).sqrt()]
    }

    /// Units of control for a pooled z test with this power.
    #[must_use]
    pub fn units(&self, power: f64) -> f64 {
        let [null, planned] = self.spreads();
        let reach = normal::upper_quantile(self.alpha / 2.0) * null
            + normal::upper_quantile(1.0 - power) * planned;
        (reach / (self.shares[1] - self.shares[0])).powi(2)
    }

    /// Power of the pooled z test with `n_control` units of control.
    #[must_use]
    pub fn power(&self, n_control: f64) -> f64 {
        let [null, planned] = self.spreads();
        let z = normal::upper_quantile(self.alpha / 2.0) * null / planned;
        let shift = (self.shares[1] - self.shares[0]).abs() * n_control.sqrt() / planned;
        normal::upper_tail(z - shift) + normal::upper_tail(z + shift)
    }
}

/// Units of both arms when each arm's variance is known and `ratio` units of treatment come on one of
/// control, both arms rounded up.
#[must_use]
pub fn units_by_variance(
    effect: f64,
    variances: [f64; 2],
    ratio: f64,
    alpha: f64,
    power: f64,
) -> f64 {
    let z = normal::upper_quantile(alpha / 2.0) + normal::upper_quantile(1.0 - power);
    let treatment = ((z / effect).powi(2) * (variances[0] * ratio + variances[1])).ceil();
    (treatment + treatment / ratio).ceil()
}

/// How much longer a running experiment must go on: the factor `k` by which the units must grow beyond
/// those there are, so that an effect is found with this power.
///
/// `half_width` gives half the interval's width at `1 + k` times the units, in standard errors of that
/// moment. `None` beyond `k = 2²⁷`; 0 when the power is there already.
#[must_use]
pub fn further_units(
    effect: f64,
    standard_error: f64,
    power: f64,
    half_width: impl Fn(f64) -> f64,
) -> Option<f64> {
    let missing = |k: f64| power_now(effect, standard_error, k, &half_width) - power;
    if missing(0.0) > 0.0 { Some(0.0) } else { rising_root(missing, 0.0, 2.0_f64.powi(27)) }
}

/// Power with `1 + k` times the units there are, as in [`further_units`].
#[must_use]
pub fn power_now(effect: f64, standard_error: f64, k: f64, half_width: impl Fn(f64) -> f64) -> f64 {
    let shift = effect.abs() / (standard_error / (1.0 + k).sqrt());
    let limit = half_width(k);
    normal::upper_tail(limit - shift) + normal::upper_tail(limit + shift)
}

/// Root of a rising function by doubling and bisection.
fn rising_root(f: impl Fn(f64) -> f64, from: f64, most: f64) -> Option<f64> {
    let (mut low, mut high) = (from, from.max(1e-12) * 2.0);
    while f(high) < 0.0 {
        (low, high) = (high, high * 2.0);
        if high > most {
            return None;
        }
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high || (high - low) <= 1e-13 * high {
            break;
        }
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    Some((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: MeanDesign = MeanDesign { ratio: 1.0, alpha: 0.05, sides: Sides::Two };

    /// The textbook's 64 units per arm for half a standard deviation at 80 % power.
    #[test]
    fn half_a_standard_deviation_needs_64_per_arm() {
        let n = EVEN.units(0.5, 0.8, MeanDesign::power).expect("an effect");
        assert!((n - 63.77).abs() < 0.01, "{n}");
        assert!((EVEN.power(0.5, n) - 0.8).abs() < 1e-9);
        let size = EVEN.effect_size(n, 0.8, MeanDesign::power).expect("a size");
        assert!((size - 0.5).abs() < 1e-9);
        assert_eq!(EVEN.units(0.0, 0.8, MeanDesign::power), None);
    }

    /// Without an effect a test finds one at its own level.
    #[test]
    fn power_of_nothing_is_the_level() {
        assert!((EVEN.power(0.0, 30.0) - 0.05).abs() < 1e-10);
        assert!((EVEN.power_welch(0.0, 30.0) - 0.05).abs() < 1e-10);
        let shares = ProportionDesign { shares: [0.2, 0.2], ratio: 1.0, alpha: 0.05 };
        assert!((shares.power(1e4) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn uneven_arms_work_from_few_units_on() {
        // A design of one treated on four of control, from its smallest number on.
        let uneven = MeanDesign { ratio: 0.25, ..EVEN };
        let n = uneven.units(0.5, 0.8, MeanDesign::power_welch).expect("an effect");
        assert!((uneven.power_welch(0.5, n) - 0.8).abs() < 1e-9 && n > 64.0);
    }
}
