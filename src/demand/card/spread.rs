//! A figure over replications: its mean, and the quantiles around it.

use serde::{Deserialize, Serialize};

/// A figure with the range it takes over replications or posterior draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over the replications, or the point estimate.
    pub mean: f64,
    /// 2.5 % quantile.
    pub lower: f64,
    /// 97.5 % quantile.
    pub upper: f64,
}

impl Spread {
    /// Mean, 2.5 % and 97.5 % quantile of these values; `None` without a finite one.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let (lower, upper) = (quantile(&values, 0.025)?, quantile(&values, 0.975)?);
        Some(Self { mean, lower, upper })
    }

    /// A figure known without a range.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { mean: value, lower: value, upper: value }
    }

    /// Whether any value between the quantiles lies between `low` and `high`.
    #[must_use]
    pub fn reaches(&self, low: f64, high: f64) -> bool {
        self.lower <= high && self.upper >= low
    }
}

/// Quantile of ascending values, linear between neighbours (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let position = level * sorted.len().checked_sub(1)? as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_lie_between_neighbours_as_worked_by_hand() {
        // Of 0, 1, .. 40 the position of 2.5 % is 1 and that of 97.5 % is 39.
        let spread = Spread::of((0..41).rev().map(f64::from)).expect("there are values");
        assert_eq!(spread, Spread { mean: 20.0, lower: 1.0, upper: 39.0 });
    }

    #[test]
    fn what_is_not_a_number_is_left_out_and_nothing_has_no_spread() {
        assert_eq!(Spread::of([f64::NAN, 3.0]), Some(Spread::exact(3.0)));
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of([]), None);
    }
}
