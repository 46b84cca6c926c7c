//! Single cells: what counts as missing, and numbers with either decimal mark.

/// Whether a cell holds nothing.
pub(super) fn missing(text: &str) -> bool {
    matches!(
        text.trim(),
        "" | "NA" | "N/A" | "n/a" | "NULL" | "null" | "Null" | "NaN" | "nan" | "None" | "\\N" | "-"
    )
}

/// Reads a number: sign in front or behind, currency signs, thousands separators, percent sign.
pub(super) fn number(text: &str, decimal_comma: bool) -> Option<f64> {
    let (decimal, grouping) = if decimal_comma { (',', '.') } else { ('.', ',') };
    let bare = text.trim().trim_matches(['$', '€', '£', '%', ' ', '\u{a0}']);
    let (negative, bare) = match (bare.strip_prefix('-'), bare.strip_suffix('-')) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        (None, None) => (false, bare.strip_prefix('+').unwrap_or(bare)),
    };
    let bare = bare.trim_start_matches(['$', '€', '£', ' ']);
    if bare.len() > 40 || !bare.starts_with(|c: char| c.is_ascii_digit() || c == decimal) {
        return None;
    }
    let (whole, fraction) = bare.split_once(decimal).unwrap_or((bare, ""));
    let mut groups = whole.split([grouping, ' ', '\u{a0}', '\'']);
    let first = groups.next().unwrap_or("");
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    let plain = format!("{digits}.{fraction}");
    let exponent = fraction.contains(['e', 'E']);
    let clean = digits.bytes().all(|b| b.is_ascii_digit())
        && (exponent || fraction.bytes().all(|b| b.is_ascii_digit()));
    let value: f64 = if clean { plain.parse().ok()? } else { return None };
    value.is_finite().then_some(if negative { -value } else { value })
}

/// Which decimal mark a cell shows: `Some(true)` for a comma, `None` when it could be either.
pub(super) fn decimal_mark(text: &str) -> Option<bool> {
    let text = text.trim();
    let at = text.rfind([',', '.'])?;
    let comma = text.as_bytes()[at] == b',';
    let behind = text[at + 1..].trim_end_matches(['€', '$', '£', ' ', '-', '%']);
    let other = if comma { '.' } else { ',' };
    let mark = if comma { ',' } else { '.' };
    let before = &text[..at];
    if before.contains(mark) || number(text, comma).is_none() {
        return None;
    }
    let decided = behind.len() != 3 || before.contains(other) || before.trim_matches('-') == "0";
    decided.then_some(comma)
}

/// Logistic function.
pub(super) fn confidence(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// A share as a percentage in words; never "100 %" unless it is all.
pub(super) fn percent(share: f64) -> String {
    let rounded = if share < 1.0 { (share * 100.0).floor() } else { 100.0 };
    format!("{rounded} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_either_mark() {
        assert_eq!(number("1.234,50", true), Some(1234.5));
        assert_eq!(number("1,234.50", false), Some(1234.5));
        assert_eq!(number("12,99-", true), Some(-12.99));
        assert_eq!(number("$ 3.20", false), Some(3.2));
        assert_eq!(number("-€4,00", true), Some(-4.0));
        assert_eq!(number("01.02.2024", true), None);
        assert_eq!(number("1,5", false), None);
        assert_eq!(number("abc", false), None);
        assert_eq!(number(".5", false), Some(0.5));
        assert_eq!(number("", false), None);
        assert_eq!(number(".", false), None);
    }

    #[test]
    fn three_digits_behind_a_mark_decide_nothing() {
        assert_eq!(decimal_mark("1,234"), None);
        assert_eq!(decimal_mark("0,234"), Some(true));
        assert_eq!(decimal_mark("3,99"), Some(true));
        assert_eq!(decimal_mark("3.99"), Some(false));
        assert_eq!(decimal_mark("1.234,5"), Some(true));
        assert_eq!(decimal_mark("01.02.2024"), None);
        assert_eq!(decimal_mark("1,2,3"), None);
    }
}
