//! Ratios of paired means, such as the return on promotion cost, with an interval or a reason.

use super::error::EvaluateError;
use super::interval::Interval;
use super::paired::paired;
use serde::{Deserialize, Serialize};

/// A ratio with its interval, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ratio {
    /// The denominator is above zero beyond doubt.
    Known(Interval),
    /// What is wrong with the denominator, in words.
    Undefined(String),
}

impl Ratio {
    /// The interval; `None` when undefined.
    #[must_use]
    pub fn known(&self) -> Option<&Interval> {
        match self {
            Self::Known(interval) => Some(interval),
            Self::Undefined(_) => None,
        }
    }
}

/// The ratio `R = N/D` of two means over the same customers and worlds, by the delta method: the
/// deviation of a customer in a world is `(n − R·d) / D`, so that shared luck cancels.
///
/// `people` are the number of worlds and the customers; `denominator` is its name and its values.
/// Undefined unless the interval of `D` at this level lies above zero: with less, `R` has no finite
/// interval (Fieller 1954), whatever the delta method would say.
///
/// # Errors
/// As [`paired`].
pub(super) fn ratio_of_means(
    (n_worlds, customers): (usize, &[usize]),
    level: f64,
    numerator: impl Fn(usize, usize) -> f64,
    (name, denominator): (&str, impl Fn(usize, usize) -> f64),
) -> Result<Ratio, EvaluateError> {
    let below = paired(n_worlds, customers, level, &denominator)?.interval;
    if below.lower <= 0.0 {
        let reason = if below.lower == 0.0 && below.upper == 0.0 {
            format!("no {name}")
        } else {
            format!("{name} not above zero beyond doubt")
        };
        return Ok(Ratio::Undefined(reason));
    }
    let ratio = paired(n_worlds, customers, level, &numerator)?.interval.estimate / below.estimate;
    let linear = paired(n_worlds, customers, level, |world, customer| {
        let deviation = numerator(world, customer) - ratio * denominator(world, customer);
        ratio + deviation / below.estimate
    })?;
    Ok(Ratio::Known(linear.interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ab_test::tests::test_with;

    const PEOPLE: [usize; 4] = [0, 1, 2, 3];

    fn of(
        numerator: impl Fn(usize, usize) -> f64,
        denominator: impl Fn(usize, usize) -> f64,
    ) -> Ratio {
        let people = (3, PEOPLE.as_slice());
        ratio_of_means(people, 0.95, numerator, ("cost", denominator)).expect("enough of both")
    }

    #[test]
    fn a_numerator_in_proportion_has_no_doubt() {
        let cost = |world: usize, customer: usize| 5.0 + (world + customer) as f64 * 0.1;
        let found = of(|w, c| 1.5 * cost(w, c), cost);
        let interval = found.known().expect("a clear denominator");
        assert!((interval.estimate - 1.5).abs() < 1e-12, "{interval:?}");
        assert!(interval.upper - interval.lower < 1e-9, "{interval:?}");
    }

    #[test]
    fn one_world_gives_the_textbook_delta_method() {
        let (n, d) = ([2.0, 3.0, 5.0, 6.0], [2.0, 2.5, 3.0, 2.5]);
        let people = (1, PEOPLE.as_slice());
        let found = ratio_of_means(people, 0.95, |_, c| n[c], ("cost", |_, c| d[c]));
        let interval = *found.expect("enough").known().expect("a clear denominator");
        // R = 4 / 2.5 = 1.6; n − R d = −1.2, −1, 0.2, 2: s² = 6.48 / 3, se = √(s² / 4) / 2.5.
        assert!((interval.estimate - 1.6).abs() < 1e-12);
        assert!((interval.standard_error - (2.16_f64 / 4.0).sqrt() / 2.5).abs() < 1e-12);
    }

    #[test]
    fn a_denominator_that_may_be_zero_is_named() {
        assert_eq!(of(|_, _| 1.0, |_, _| 0.0), Ratio::Undefined("no cost".to_owned()));
        let wide = of(|_, _| 1.0, |_, c| if c == 0 { 4.0 } else { -1.0 });
        assert_eq!(wide, Ratio::Undefined("cost not above zero beyond doubt".to_owned()));
    }

    #[test]
    fn promotion_money_that_is_not_spent_has_no_return() {
        let test = test_with(&[("none", 0.0), ("today", 1.0), ("same", 0.0)]);
        let found = test.promotion_return("today", "none", 0.95).expect("both are arms");
        // Margin rises by 1.2 for a cost of 1: before cost 2.2 per unit of cost, and 1 / 1.2.
        let known = |ratio: &Ratio| ratio.known().expect("money was spent").estimate;
        assert!((known(&found.return_on_cost) - 2.2).abs() < 1e-9);
        assert!((known(&found.cost_per_margin) - 1.0 / 1.2).abs() < 1e-9);
        let nothing = test.promotion_return("same", "none", 0.95).expect("both are arms");
        assert_eq!(nothing.return_on_cost, Ratio::Undefined("no promotion cost".to_owned()));
        assert_eq!(nothing.cost_per_margin, Ratio::Undefined("no incremental margin".to_owned()));
    }
}
