//! Were the units dealt out as planned? Sample ratio mismatch.
//!
//! A mismatch is a fault of the assignment or of the log, not of chance, and no effect read from such an
//! experiment can be believed. Source: Fabijan et al. 2019, with their limit of 0.001.

use crate::distributions::chi_squared_upper_tail;
use crate::distributions::gamma::ln_gamma;
use crate::error::EvaluateError;

/// A p value below this is a mismatch.
pub const MISMATCH: f64 = 0.001;

/// How the counts compare with the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    /// `Σ (O − E)² / E` over arms that were planned to have units.
    pub chi_squared: f64,
    /// Chance of one as large when units are dealt as planned; 0 when an arm that was planned to have
    /// none has some.
    pub p_value: f64,
    /// Share of the units that each arm was planned to have.
    pub planned: Vec<f64>,
}

impl SampleRatio {
    /// Counts by arm against planned weights, which need not sum to one.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when there is not one weight per arm, or
    /// [`EvaluateError::InvalidValue`] for one below 0 or none above.
    pub fn of(counts: &[u64], weights: &[f64]) -> Result<Self, EvaluateError> {
        let (expected, found) = (counts.len(), weights.len());
        if expected != found {
            let (column, unit) = ("weights", "arm");
            return Err(EvaluateError::WrongLength { column, expected, found, unit });
        }
        let sum: f64 = weights.iter().sum();
        let wrong = |w: &f64| !w.is_finite() || *w < 0.0 || sum <= 0.0;
        if let Some(row) = weights.iter().position(wrong) {
            return Err(EvaluateError::InvalidValue {
                row,
                column: "weights".into(),
                expected: "planned shares of at least 0, one of them above",
                found: weights[row],
                advice: "pass the shares that units were dealt by",
            });
        }
        let planned: Vec<f64> = weights.iter().map(|w| w / sum).collect();
        let n = counts.iter().sum::<u64>() as f64;
        let arms = || counts.iter().zip(&planned).map(|(count, share)| (*count as f64, share * n));
        let square = |(o, e): (f64, f64)| if e > 0.0 { (o - e).powi(2) / e } else { 0.0 };
        let chi_squared: f64 = arms().map(square).sum();
        let open = planned.iter().filter(|share| **share > 0.0).count();
        let unplanned = arms().any(|(o, e)| e == 0.0 && o > 0.0);
        let p_value = match (unplanned, open) {
            (true, _) => 0.0,
            (_, 0 | 1) => 1.0,
            _ => chi_squared_upper_tail(chi_squared, open as f64 - 1.0),
        };
        Ok(Self { chi_squared, p_value, planned })
    }

    /// Whether the p value is below [`MISMATCH`].
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        self.p_value < MISMATCH
    }
}

/// Exact two-sided p value of `k` of `n` units in one of two arms of share `p`: everything no likelier.
#[must_use]
pub fn exact_two_arms(k: u64, n: u64, p: f64) -> f64 {
    let ln_choose = |k: u64| {
        let ln_factorial = |n: u64| ln_gamma(n as f64 + 1.0);
        ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
    };
    let chance = |k: u64| {
        let (hit, miss) = (k as f64 * p.ln(), (n - k) as f64 * (-p).ln_1p());
        (ln_choose(k) + if k == 0 { 0.0 } else { hit } + if k == n { 0.0 } else { miss }).exp()
    };
    let own = chance(k.min(n)) * (1.0 + 1e-7);
    (0..=n).map(chance).filter(|p| *p <= own).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_without_a_plan_are_left_out_or_alarm() {
        let two = SampleRatio::of(&[60, 40], &[1.0, 1.0]).expect("two arms");
        // (10² / 50) · 2 = 4.
        assert!((two.chi_squared - 4.0).abs() < 1e-12 && !two.is_mismatch());
        let with_none = SampleRatio::of(&[60, 40, 0], &[1.0, 1.0, 0.0]).expect("two arms");
        assert_eq!((with_none.chi_squared, with_none.p_value), (two.chi_squared, two.p_value));
        let strays = SampleRatio::of(&[60, 40, 3], &[1.0, 1.0, 0.0]).expect("two arms");
        assert!(strays.is_mismatch() && strays.p_value == 0.0);
        assert!(SampleRatio::of(&[1, 2], &[1.0]).is_err());
        assert!(SampleRatio::of(&[1, 2], &[0.0, 0.0]).is_err());
        assert!(SampleRatio::of(&[1, 2], &[1.0, -0.5]).is_err());
    }

    /// A mismatch beyond what `1 − cdf` can show.
    #[test]
    fn a_gross_mismatch_keeps_its_digits() {
        let gross = SampleRatio::of(&[55_000, 45_000], &[0.5, 0.5]).expect("two arms");
        assert!(gross.p_value > 0.0 && gross.p_value < 1e-200, "{:e}", gross.p_value);
    }

    #[test]
    fn the_exact_test_by_hand() {
        // 0 or 4 of 4 at even odds: 2/16.
        assert!((exact_two_arms(4, 4, 0.5) - 0.125).abs() < 1e-12);
        assert!((exact_two_arms(2, 4, 0.5) - 1.0).abs() < 1e-12);
    }
}
