//! Figures inside sentences.

/// A count with thousands separated: `12,345`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A fraction as a percentage, with one decimal below 10%: `3.4%`, `12%`.
pub(super) fn share(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent == 0.0 || (percent.abs() >= 9.95) {
        format!("{:.0}%", percent.abs() * percent.signum())
    } else {
        format!("{percent:.1}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_a_merchant_writes_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(share(0.034), "3.4%");
        assert_eq!(share(0.0), "0%");
        assert_eq!(share(0.125), "12%");
        assert_eq!(share(-0.5), "-50%");
    }
}
