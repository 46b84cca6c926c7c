//! Sales of a quality report in whole cents that add up.

use super::quality::QualityReport;

/// Millionths of money in a cent.
const MICROS: i128 = 10_000;

/// What was read, kept and removed, in cents: `read = kept + Σ rules + unexplained`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cents {
    /// Sales read.
    pub read: i64,
    /// Sales kept.
    pub kept: i64,
    /// Sales removed, by rule in the order of the report.
    pub rules: Vec<i64>,
    /// What neither kept nor removed sales explain; 0 unless there is an error in promopt.
    pub unexplained: i64,
    /// Whether a part was rounded away from its nearest cent so that the parts add up.
    pub is_shifted: bool,
}

impl Cents {
    /// The sales of a report in cents.
    ///
    /// The report holds millionths. Kept and removed sales are cut to whole cents, and the cents
    /// that their sum still lacks go to those with the largest remainders (Hamilton's method), so
    /// no part is a whole cent away from its exact value.
    pub fn of(quality: &QualityReport) -> Self {
        let exact = |money: f64| (money * 1e6).round() as i128;
        let removed = quality.rules.iter().map(|rule| exact(rule.sales_value));
        let parts: Vec<i128> = std::iter::once(exact(quality.sales_kept)).chain(removed).collect();
        let cut = |part: &i128| part.div_euclid(MICROS);
        let mut cents: Vec<i128> = parts.iter().map(cut).collect();
        let lacking = nearest(parts.iter().sum()) - cents.iter().sum::<i128>();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(parts[i].rem_euclid(MICROS)));
        order.iter().take(lacking.max(0) as usize).for_each(|&i| cents[i] += 1);
        let read = nearest(exact(quality.sales_in));
        let unexplained = read - cents.iter().sum::<i128>();
        let is_shifted = parts.iter().zip(&cents).any(|(part, cents)| nearest(*part) != *cents);
        Self {
            read: read as i64,
            kept: cents[0] as i64,
            rules: cents[1..].iter().map(|cents| *cents as i64).collect(),
            unexplained: unexplained as i64,
            is_shifted,
        }
    }
}

/// The nearest cent; a half goes up.
fn nearest(micros: i128) -> i128 {
    (micros + MICROS / 2).div_euclid(MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::quality::RuleCount;

    fn report(sales_in: f64, sales_kept: f64, removed: &[f64]) -> QualityReport {
        let rule = |sales: &f64| RuleCount {
            name: "a rule".to_owned(),
            reason: String::new(),
            setting: String::new(),
            rows: 1,
            sales_value: *sales,
        };
        let rules = removed.iter().map(rule).collect();
        QualityReport { sales_in, sales_kept, rules, ..QualityReport::default() }
    }

    #[test]
    fn whole_cents_stay_as_they_are() {
        let cents = Cents::of(&report(10.0, 12.5, &[1.25, -3.75]));
        assert_eq!((cents.read, cents.kept, cents.unexplained), (1000, 1250, 0));
        assert_eq!(cents.rules, [125, -375]);
        assert!(!cents.is_shifted);
    }

    #[test]
    fn a_cent_lost_in_rounding_goes_to_the_largest_remainder() {
        // Cut: 100, 33, 33, 33 cents with remainders of 0, 0.3, 0.4 and 0.3: one cent is lacking.
        let cents = Cents::of(&report(2.0, 1.0, &[0.333, 0.334, 0.333]));
        assert_eq!((cents.kept, cents.unexplained), (100, 0));
        assert_eq!(cents.rules, [33, 34, 33]);
        assert!(cents.is_shifted, "0.334 is nearer to 33 cents");
    }

    #[test]
    fn what_does_not_add_up_is_told_and_not_spread() {
        let cents = Cents::of(&report(5.03, 4.0, &[1.0]));
        assert_eq!((cents.unexplained, cents.is_shifted), (3, false));
    }
}
