//! Units of the world page and how a value in each of them is written.

use minijinja::{Environment, Value};
use serde::Serialize;

use super::format::{Sign, column_money, money_beside, number, share_percent, size_of};
use super::input::Estimate;
use super::lines::Axis;
use super::page::{estimate, float};

/// What a number counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A plain number.
    #[default]
    Number,
    /// A fraction, shown as a percentage.
    Share,
    /// An amount in the currency of the page.
    Money,
    /// How many times, shown as `1.8×`.
    Multiple,
}

impl Unit {
    /// The value of an estimate, with as many decimals as its interval.
    pub(super) fn value(self, estimate: &Estimate, currency: &str) -> String {
        self.beside(estimate.value, size_of(estimate), currency)
    }

    /// "lower to upper", or nothing when either end is unknown.
    pub(super) fn range(self, estimate: &Estimate, currency: &str) -> Option<String> {
        let known = estimate.lower.is_finite() && estimate.upper.is_finite();
        let end = |value| self.beside(value, size_of(estimate), currency);
        known.then(|| format!("{} to {}", end(estimate.lower), end(estimate.upper)))
    }

    /// A value with as many decimals as one of the given size, so that a column lines up.
    pub(super) fn beside(self, value: f64, size: f64, currency: &str) -> String {
        match self {
            Self::Money => money_beside(value, size, currency, Sign::Minus),
            Self::Share => share_percent(value),
            Self::Multiple if value.is_finite() => format!("{}×", number(value, 2)),
            _ => number(value, decimals(size)),
        }
    }

    /// How an axis in this unit is written.
    pub(super) fn axis(self, currency: &str) -> Axis<'_> {
        match self {
            Self::Number | Self::Multiple => Axis::Number,
            Self::Share => Axis::Percent,
            Self::Money => Axis::Money(currency),
        }
    }

    fn from_key(key: &str) -> Self {
        match key {
            "share" => Self::Share,
            "money" => Self::Money,
            "multiple" => Self::Multiple,
            _ => Self::Number,
        }
    }
}

/// Decimals of a plain number of the given size.
fn decimals(size: f64) -> usize {
    match size {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.0995 || size == 0.0 => 2,
        _ => 4,
    }
}

/// The filters `multiple`; `measure` and `measure_range`, which take a unit; `amount` and
/// `amount_range`, which take the size of the largest amount of their table.
pub(super) fn add_filters(environment: &mut Environment<'_>, currency: &str) {
    let symbol = currency.to_owned();
    environment.add_filter("measure", move |value: &Value, unit: &str| {
        Unit::from_key(unit).value(&estimate(value), &symbol)
    });
    environment.add_filter("multiple", |value: &Value| {
        Unit::Multiple.value(&Estimate::without_interval(float(value)), "")
    });
    let symbol = currency.to_owned();
    environment.add_filter("amount", move |value: &Value, largest: f64| {
        column_money(float(value), largest, &symbol, Sign::Minus)
    });
    let symbol = currency.to_owned();
    environment.add_filter("amount_range", move |value: &Value, largest: f64| {
        let all = estimate(value);
        let known = all.lower.is_finite() && all.upper.is_finite();
        let end = |value| column_money(value, largest, &symbol, Sign::Minus);
        known.then(|| format!("{} to {}", end(all.lower), end(all.upper)))
    });
    let symbol = currency.to_owned();
    environment.add_filter("measure_range", move |value: &Value, unit: &str| {
        Unit::from_key(unit).range(&estimate(value), &symbol)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_written_its_own_way() {
        let half = Estimate::new(0.5, 0.425, 0.55);
        assert_eq!(Unit::Share.value(&half, "$"), "50.0\u{a0}%");
        assert_eq!(Unit::Money.value(&half, "$"), "$0.50");
        assert_eq!(Unit::Multiple.value(&half, "$"), "0.50×");
        assert_eq!(Unit::Number.value(&half, "$"), "0.50");
        assert_eq!(Unit::Number.range(&half, "$").as_deref(), Some("0.42 to 0.55"));
        assert_eq!(Unit::Number.value(&Estimate::without_interval(12_345.6), "$"), "12,346");
    }

    #[test]
    fn what_is_unknown_is_a_dash_without_a_unit() {
        for unit in [Unit::Number, Unit::Share, Unit::Money, Unit::Multiple] {
            assert_eq!(unit.value(&Estimate::unknown(), "$"), "–");
            assert_eq!(unit.range(&Estimate::without_interval(1.0), "$"), None);
        }
    }

    #[test]
    fn a_unit_survives_the_way_through_the_template() {
        for unit in [Unit::Number, Unit::Share, Unit::Money, Unit::Multiple] {
            let key = Value::from_serialize(unit);
            assert_eq!(Unit::from_key(key.as_str().expect("units are written as words")), unit);
        }
    }
}
