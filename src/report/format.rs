//! Numbers as a reader expects them: thousands separated, a true minus sign, "–" for unknown.

use super::input::Estimate;

/// Shown wherever a number is unknown.
pub(super) const UNKNOWN: &str = "–";
/// Shown wherever a cell is too small to publish.
pub(super) const SUPPRESSED: &str = "fewer than 10 customers";

/// Whether positive amounts carry a plus sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Only a minus is shown.
    Minus,
    /// A plus or a minus is shown.
    Always,
}

fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

fn signed(value: f64, sign: Sign, unit: &str, decimals: usize, suffix: &str) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let digits = format!("{:.decimals$}", value.abs());
    let is_zero = digits.chars().all(|c| c == '0' || c == '.');
    let lead = match sign {
        _ if is_zero => "",
        _ if value < 0.0 => "−",
        Sign::Always => "+",
        Sign::Minus => "",
    };
    if digits.len() > 18 {
        return format!("{lead}{unit}{:.2e}{suffix}", value.abs());
    }
    format!("{lead}{unit}{}{suffix}", grouped(&digits))
}

/// A plain number with the given decimals.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    signed(value, Sign::Minus, "", decimals, "")
}

/// A fraction as a percentage whose sign never moves to the next line, with one decimal below 10 %.
pub(crate) fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let decimals = usize::from(value.abs() < 9.95 && (value - value.round()).abs() > 1e-9);
    signed(value, Sign::Minus, "", decimals, "\u{a0}%")
}

/// An amount: two decimals below 1,000, more below 0.1, millions and billions in words.
pub(crate) fn money(value: f64, currency: &str, sign: Sign) -> String {
    money_beside(value, value.abs(), currency, sign)
}

/// A fraction as a percentage with two decimals, so that small shares do not vanish.
pub(super) fn fine_percent(fraction: f64) -> String {
    signed(fraction * 100.0, Sign::Minus, "", 2, "\u{a0}%")
}

/// A fraction as a percentage with one decimal that says 100 only when nothing is missing and 0
/// only when there is nothing.
pub(super) fn share_percent(fraction: f64) -> String {
    match fraction {
        share if share > 0.9995 && share < 1.0 => ">\u{a0}99.9\u{a0}%".into(),
        share if share > 0.0 && share < 0.0005 => "<\u{a0}0.1\u{a0}%".into(),
        share => signed(share * 100.0, Sign::Minus, "", 1, "\u{a0}%"),
    }
}

/// An exact amount.
pub(crate) fn money_cents(cents: i64, currency: &str) -> String {
    let size = cents.unsigned_abs();
    let sign = if cents < 0 { "−" } else { "" };
    format!("{sign}{currency}{}", grouped(&format!("{}.{:02}", size / 100, size % 100)))
}

/// A relative change as a percentage with its sign.
pub(super) fn change(fraction: f64) -> String {
    let value = fraction * 100.0;
    signed(value, Sign::Always, "", usize::from(value.abs() < 9.95), "\u{a0}%")
}

/// The value of an estimate, with as many decimals as its interval.
pub(super) fn money_value(estimate: &Estimate, currency: &str, sign: Sign) -> String {
    money_beside(estimate.value, size_of(estimate), currency, sign)
}

/// The largest known part of an estimate: it decides scale and decimals of all three.
pub(super) fn size_of(estimate: &Estimate) -> f64 {
    let parts = [estimate.value, estimate.lower, estimate.upper];
    parts.into_iter().filter(|part| part.is_finite()).fold(0.0, |size, part| size.max(part.abs()))
}

/// An amount in a column whose largest is of the given size: whole from 1,000 on, never in words.
pub(super) fn column_money(value: f64, size: f64, currency: &str, sign: Sign) -> String {
    signed(value, sign, currency, if size >= 1e3 { 0 } else { 2 }, "")
}

/// An amount with the scale and decimals of one of the given size.
pub(super) fn money_beside(value: f64, size: f64, currency: &str, sign: Sign) -> String {
    let (scale, decimals, suffix) = if size >= 1e9 {
        (1e9, 2, "\u{a0}billion")
    } else if size >= 1e6 {
        (1e6, 2, "\u{a0}million")
    } else if size >= 1e3 {
        (1.0, 0, "")
    } else if size > 0.0 && size < 0.00995 {
        (1.0, 4, "")
    } else if size > 0.0 && size < 0.0995 {
        (1.0, 3, "")
    } else {
        (1.0, 2, "")
    };
    signed(value / scale, sign, currency, decimals, suffix)
}

/// An amount on an axis whose ticks are `step` apart: as many decimals as the step needs.
pub(super) fn axis_money(value: f64, step: f64, currency: &str, sign: Sign) -> String {
    let (scale, suffix) = axis_scale(value, step);
    signed(value / scale, sign, currency, axis_decimals(step / scale), suffix)
}

/// A plain number on an axis whose ticks are `step` apart.
pub(super) fn axis_number(value: f64, step: f64) -> String {
    let (scale, suffix) = axis_scale(value, step);
    signed(value / scale, Sign::Minus, "", axis_decimals(step / scale), suffix)
}

fn axis_scale(value: f64, step: f64) -> (f64, &'static str) {
    let is_zero = value.abs() < step / 2.0;
    match step {
        _ if is_zero => (1.0, ""),
        step if step >= 1e9 => (1e9, " bn"),
        step if step >= 1e5 => (1e6, " m"),
        step if step >= 1e3 => (1e3, " k"),
        _ => (1.0, ""),
    }
}

fn axis_decimals(step: f64) -> usize {
    if step >= 0.999 { 0 } else { (-step.log10()).ceil().clamp(0.0, 6.0) as usize }
}

/// "lower to upper", or nothing when either end is unknown.
pub(super) fn money_range(estimate: &Estimate, currency: &str, sign: Sign) -> Option<String> {
    let known = estimate.lower.is_finite() && estimate.upper.is_finite();
    let size = size_of(estimate);
    let end = |value| money_beside(value, size, currency, sign);
    known.then(|| format!("{} to {}", end(estimate.lower), end(estimate.upper)))
}

/// "lower to upper" without a unit, or nothing when either end is unknown.
pub(super) fn number_range(estimate: &Estimate, decimals: usize) -> Option<String> {
    let known = estimate.lower.is_finite() && estimate.upper.is_finite();
    let end = |value| number(value, decimals);
    known.then(|| format!("{} to {}", end(estimate.lower), end(estimate.upper)))
}

/// Text of at most `limit` characters, the cut marked with an ellipsis.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= limit {
        return clean;
    }
    let kept: String = clean.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_a_person_writes_them() {
        assert_eq!(money(1234.5, "$", Sign::Minus), "$1,234");
        assert_eq!(money(-0.42, "$", Sign::Minus), "−$0.42");
        assert_eq!(money(0.42, "€", Sign::Always), "+€0.42");
        assert_eq!(money(0.031, "$", Sign::Always), "+$0.031");
        assert_eq!(money(2_345_678.0, "$", Sign::Minus), "$2.35\u{a0}million");
        assert_eq!(money(-0.0, "$", Sign::Always), "$0.00");
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(percent(0.05), "5\u{a0}%");
        assert_eq!(percent(0.0523), "5.2\u{a0}%");
        assert_eq!(percent(0.523), "52\u{a0}%");
        assert_eq!(money_cents(-123_456_705, "$"), "−$1,234,567.05");
        assert_eq!(share_percent(0.99999), ">\u{a0}99.9\u{a0}%");
        assert_eq!(share_percent(1.0), "100.0\u{a0}%");
        assert_eq!(fine_percent(0.00012), "0.01\u{a0}%");
        assert_eq!(change(0.123), "+12\u{a0}%");
        assert_eq!(change(-0.05), "−5.0\u{a0}%");
    }

    #[test]
    fn the_parts_of_an_estimate_share_scale_and_decimals() {
        let estimate = Estimate::new(0.05, -0.03, 0.13);
        assert_eq!(money_value(&estimate, "$", Sign::Always), "+$0.05");
        let range = money_range(&estimate, "$", Sign::Always);
        assert_eq!(range.as_deref(), Some("−$0.03 to +$0.13"));
        let small = Estimate::new(0.02, 0.011, 0.034);
        assert_eq!(money_value(&small, "$", Sign::Minus), "$0.020");
    }

    #[test]
    fn unknown_numbers_are_a_dash() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(money(value, "$", Sign::Always), UNKNOWN);
            assert_eq!(number(value, 2), UNKNOWN);
            assert_eq!(percent(value), UNKNOWN);
        }
        assert_eq!(money_range(&Estimate::unknown(), "$", Sign::Minus), None);
    }

    #[test]
    fn long_names_are_cut_by_character_and_not_by_byte() {
        assert_eq!(shortened("Größe über alles", 7), "Größe…");
        assert_eq!(shortened("short", 7), "short");
        assert_eq!(shortened("", 7), "");
    }
}
