//! Numbers as people write them: decimal point or comma, thousands, currency, negatives.

use super::{Dialect, is_missing};

// Exact in a double, and so is the quotient of an exact mantissa and one of them rounded once.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const CURRENCIES: [&str; 24] = [
    "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₴", "₪", "₫", "R$", "EUR", "USD", "GBP", "CHF", "PLN",
    "SEK", "NOK", "DKK", "CZK", "kr", "zł", "Kč",
];
const LONGEST: usize = 64;

/// Reads a trimmed cell; NaN means missing, `None` that it is no finite number. A plain decimal
/// has the bits of the standard parser.
///
/// Thousands separators count only where nothing else can be meant: groups of three after the
/// first, and `1,234` alone is refused, since it may be a decimal comma.
pub(in crate::data) fn number(text: &[u8], dialect: &Dialect) -> Option<f64> {
    plain(text, if dialect.decimal_comma { b',' } else { b'.' })
        .or_else(|| written(text, dialect.decimal_comma))
}

/// A decimal of at most 19 digits that fits a double's mantissa, with an optional sign.
fn plain(text: &[u8], mark: u8) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let (mut mantissa, mut after) = (0_u64, None);
    for (index, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = 10 * mantissa + u64::from(digit);
        } else if *byte == mark && after.is_none() && digits.len() > 1 {
            after = Some(digits.len() - index - 1);
        } else {
            return None;
        }
    }
    if mantissa > 1 << 53 {
        return None;
    }
    let value = mantissa as f64 / POWERS[after.unwrap_or(0)];
    Some(if negative { -value } else { value })
}

/// Any other spelling.
#[cold]
fn written(text: &[u8], decimal_comma: bool) -> Option<f64> {
    if is_missing(text) {
        return Some(f64::NAN);
    }
    let text = std::str::from_utf8(text).ok()?;
    if text.trim_start_matches(['+', '-']).eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let (negative, body) = bare(text)?;
    let mut buffer = [0; LONGEST];
    let length = point_only(body, decimal_comma, &mut buffer)?;
    let value: f64 = std::str::from_utf8(&buffer[..length]).ok()?.parse().ok()?;
    value.is_finite().then_some(if negative { -value } else { value })
}

/// The sign, and the text without sign, currency and spaces around.
fn bare(text: &str) -> Option<(bool, &str)> {
    let (mut sign, mut currency) = (None, false);
    let mut rest = text.trim();
    if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        (sign, rest) = (Some(true), inner.trim());
    }
    loop {
        let before = rest.len();
        let signed = [("-", true), ("\u{2212}", true), ("+", false)];
        for (mark, negative) in signed {
            let trailing = rest.strip_suffix(mark).filter(|_| negative);
            if let Some(less) = rest.strip_prefix(mark).or(trailing) {
                if sign.is_some() {
                    return None;
                }
                (sign, rest) = (Some(negative), less.trim());
            }
        }
        for mark in CURRENCIES {
            if let Some(less) = rest.strip_prefix(mark).or_else(|| rest.strip_suffix(mark)) {
                if currency {
                    return None;
                }
                (currency, rest) = (true, less.trim());
            }
        }
        if rest.len() == before {
            return Some((sign == Some(true), rest));
        }
    }
}

/// Writes an unsigned number with a decimal point and without groups; returns its length.
fn point_only(text: &str, decimal_comma: bool, buffer: &mut [u8; LONGEST]) -> Option<usize> {
    let (decimal, other) = if decimal_comma { (',', '.') } else { ('.', ',') };
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (whole, fraction) = match mantissa.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_group =
        |mark: char| mark == other || matches!(mark, '\'' | '\u{2019}') || is_space(mark);
    let separator = whole.chars().find(|mark| is_group(*mark));
    let mut length = 0;
    let mut put = |bytes: &[u8]| -> Option<()> {
        buffer.get_mut(length..length + bytes.len())?.copy_from_slice(bytes);
        length += bytes.len();
        Some(())
    };
    if let Some(separator) = separator {
        let mut groups = whole.split(separator);
        let first = groups.next()?;
        let known = separator != other || fraction.is_some() || groups.clone().count() > 1;
        let starts = (1..=3).contains(&first.len()) && !first.starts_with('0');
        if !known || !starts || !exponent.is_empty() || !is_digits(first) {
            return None;
        }
        put(first.as_bytes())?;
        for group in groups {
            (group.len() == 3 && is_digits(group)).then_some(())?;
            put(group.as_bytes())?;
        }
    } else {
        is_digits(whole).then_some(())?;
        put(whole.as_bytes())?;
    }
    if let Some(fraction) = fraction {
        is_digits(fraction).then_some(())?;
        put(b".")?;
        put(fraction.as_bytes())?;
    }
    put(exponent.as_bytes())?;
    Some(length)
}

fn is_space(mark: char) -> bool {
    matches!(mark, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was expected instead of a refused cell, and the setting that would read it.
pub(super) fn explain(text: &[u8], dialect: &Dialect) -> (&'static str, Option<String>) {
    let other = Dialect { decimal_comma: !dialect.decimal_comma, ..*dialect };
    let (mark, expected) = match dialect.decimal_comma {
        true => ('.', "a number with a decimal comma"),
        false => (',', "a number with a decimal point and no thousands separator"),
    };
    let text = std::str::from_utf8(text).unwrap_or_default();
    if is_ambiguous(text, mark) {
        return ("a number that can be read in one way only, unlike `1,234` and `1.234`", None);
    }
    if number(text.as_bytes(), &other).is_some_and(|value| !value.is_nan()) {
        return (expected, Some(format!("`decimal_comma = {}`", other.decimal_comma)));
    }
    let infinite = text.parse::<f64>().is_ok_and(f64::is_infinite);
    let expected = if text.contains(mark) { expected } else { "a number" };
    (if infinite { "a finite number" } else { expected }, None)
}

/// Whether the only mark may separate thousands as well as decimals.
fn is_ambiguous(text: &str, mark: char) -> bool {
    let parts = bare(text).and_then(|(_, body)| body.split_once(mark));
    parts.is_some_and(|(first, second)| {
        let starts = (1..=3).contains(&first.len()) && !first.starts_with('0');
        starts && is_digits(first) && second.len() == 3 && is_digits(second)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POINT: Dialect = Dialect {
        delimiter: b',',
        quote: b'"',
        decimal_comma: false,
        encoding: super::super::Encoding::Utf8,
        date_format: super::super::DateFormat::Iso,
    };
    const COMMA: Dialect = Dialect { decimal_comma: true, ..POINT };

    fn check(dialect: &Dialect, cases: &[(&str, f64)]) {
        for (text, value) in cases {
            let found = number(text.as_bytes(), dialect);
            assert_eq!(found.map(f64::to_bits), Some(value.to_bits()), "{text} {found:?}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        check(&POINT, &[("1234.5", 1234.5), ("+7", 7.0), (".5", 0.5), ("5.", 5.0), ("-0", -0.0)]);
        check(&POINT, &[("1,234.50", 1234.5), ("-1,234,567", -1_234_567.0), ("$1,234.50", 1234.5)]);
        check(
            &POINT,
            &[("(12.5)", -12.5), ("($12.5)", -12.5), ("12.5-", -12.5), ("\u{2212}3", -3.0)],
        );
        check(&POINT, &[("-$ 5", -5.0), ("$ -5", -5.0), ("5\u{a0}EUR", 5.0), ("1e-3", 0.001)]);
        check(
            &POINT,
            &[("1 234 567.5", 1_234_567.5), ("1\u{202f}234", 1234.0), ("1'234.5", 1234.5)],
        );
        check(&COMMA, &[("1234,5", 1234.5), ("1.234,50", 1234.5), ("1.234.567", 1_234_567.0)]);
        check(
            &COMMA,
            &[("1.234,50 \u{20ac}", 1234.5), ("7", 7.0), ("-,5", -0.5), ("1,5E3", 1500.0)],
        );
    }

    #[test]
    fn missing_words_are_missing() {
        for text in ["", "NA", "null", "NULL", "NaN", "nan", "None", "N/A", "-"] {
            assert!(number(text.as_bytes(), &POINT).is_some_and(f64::is_nan), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_two_ways_or_not_at_all_is_refused() {
        let point = [
            "1,5",
            "1,234",
            "12,34,567",
            "0,123.5",
            "1,23.5",
            "1,234,56",
            "1234,567.0",
            "inf",
            "-Infinity",
            "1e999",
            "two",
            "1.2.3",
            "--5",
            "(-5)",
            "$$5",
            "$",
            "()",
            ".",
            "e5",
            "1e",
            "+",
            "1,234e2",
            "5%",
            "0x1f",
            "1_000",
            "\u{663}",
            ",",
            "1 23",
        ];
        for text in point {
            assert_eq!(number(text.as_bytes(), &POINT), None, "{text}");
        }
        for text in ["1.5", "1.234", "1,2,3", "1,234.5", "12.34,5"] {
            assert_eq!(number(text.as_bytes(), &COMMA), None, "{text}");
        }
        assert_eq!(number(&[b'9'; 400], &POINT), None);
        assert_eq!(number(b"\xff", &POINT), None);
    }

    #[test]
    fn the_setting_that_would_read_a_number_is_named() {
        let setting = |text: &str, dialect| explain(text.as_bytes(), dialect).1;
        assert_eq!(setting("1.234,5", &POINT).as_deref(), Some("`decimal_comma = true`"));
        assert_eq!(setting("1.5", &COMMA).as_deref(), Some("`decimal_comma = false`"));
        assert_eq!(setting("two", &POINT), None);
        assert_eq!(explain(b"inf", &POINT), ("a finite number", None));
        // Either setting would make a number of it, and one of them is wrong by a thousand.
        for (text, dialect) in [("1,234", &POINT), ("-1.234 €", &COMMA)] {
            let (expected, setting) = explain(text.as_bytes(), dialect);
            assert!(expected.contains("one way only") && setting.is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_have_the_bits_of_the_standard_parser(text in "-?[0-9]{0,20}\\.?[0-9]{0,20}") {
            let expected = text.parse::<f64>().ok().map(f64::to_bits);
            let found = number(text.as_bytes(), &POINT).filter(|value| !value.is_nan());
            prop_assert_eq!(found.map(f64::to_bits), expected);
            let comma = text.replace('.', ",");
            let found = number(comma.as_bytes(), &COMMA).filter(|value| !value.is_nan());
            prop_assert_eq!(found.map(f64::to_bits), expected);
        }

        #[test]
        fn doubles_survive_being_written(value in proptest::num::f64::NORMAL) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                let expected: f64 = text.parse().expect("a number");
                // A plain spelling of more than 64 digits is no sales figure.
                if text.len() <= LONGEST {
                    prop_assert_eq!(number(text.as_bytes(), &POINT), Some(expected));
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.,'() $\u{20ac}eE\u{a0}]{0,12}") {
            for dialect in [&POINT, &COMMA] {
                let value = number(text.trim().as_bytes(), dialect);
                prop_assert!(value.is_none_or(|value| !value.is_infinite()));
                explain(text.trim().as_bytes(), dialect);
            }
        }
    }
}
