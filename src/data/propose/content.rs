//! What the values of one column look like.

use std::collections::BTreeMap;

use super::dates::{self, DateFit, DateFormat};
use super::text::{missing, number};

/// Stands for a missing value among the codes.
pub(super) const NO_CODE: u32 = u32::MAX;

/// Share of values that must be numbers in a column of numbers.
const MOST: f64 = 0.97;

/// How files say that a product is the retailer's own.
const OWN_BRAND: [&str; 5] = ["private", "private label", "own", "own brand", "store brand"];

/// Facts about a column.
#[derive(Debug)]
pub(super) struct Content {
    /// Values that are there.
    pub(super) filled: usize,
    /// Different values.
    pub(super) distinct: usize,
    /// Values as small numbers in order of first appearance, [`NO_CODE`] where missing; one a row.
    pub(super) codes: Vec<u32>,
    /// Values as numbers, NaN where they are none; one a row.
    pub(super) values: Vec<f64>,
    /// Facts about the numbers, when nearly all values are numbers.
    pub(super) numbers: Option<Numbers>,
    /// How dates are written, when nearly all values are dates.
    pub(super) dates: Option<DateFit>,
    /// Whether a Parquet file declares dates.
    pub(super) declared_date: bool,
    /// Most values are dates that no date format reads; one of them.
    pub(super) unreadable_date: Option<String>,
    /// Share of values with a letter.
    pub(super) letters: f64,
    /// Few different values, one of which says that a product is the retailer's own.
    pub(super) private_label: bool,
    /// Share of values that look like an e-mail address.
    pub(super) emails: f64,
    /// Share of values that look like a telephone number.
    pub(super) phones: f64,
    /// Share of values that could be numbers of payment cards.
    pub(super) cards: f64,
    /// Median year of the dates, if any.
    pub(super) year: Option<i32>,
}

/// Facts about a column of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// Smallest.
    pub(super) min: f64,
    /// Median.
    pub(super) median: f64,
    /// 99th percentile.
    pub(super) p99: f64,
    /// Largest.
    pub(super) max: f64,
    /// Share of whole numbers.
    pub(super) whole: f64,
    /// Share below 0.
    pub(super) negative: f64,
    /// Share equal to 0.
    pub(super) zero: f64,
}

impl Content {
    /// Looks at the values of one column; `type_name` is that of a Parquet file.
    pub(super) fn of<'a>(
        cells: impl Iterator<Item = &'a str> + Clone,
        type_name: Option<&str>,
        decimal_comma: bool,
    ) -> Self {
        let filled_cells = cells.clone().filter(|cell| !missing(cell));
        let filled = filled_cells.clone().count();
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let codes: Vec<u32> = cells
            .clone()
            .map(|cell| {
                let next = u32::try_from(seen.len()).unwrap_or(NO_CODE - 1);
                if missing(cell) { NO_CODE } else { *seen.entry(cell.trim()).or_insert(next) }
            })
            .collect();
        let values: Vec<f64> =
            cells.map(|cell| number(cell, decimal_comma).unwrap_or(f64::NAN)).collect();
        let lower = type_name.unwrap_or("").to_lowercase();
        let declared_date = lower.contains("date") || lower.contains("timestamp");
        let dates = dates::fit(filled_cells.clone());
        let share = |test: &dyn Fn(&str) -> bool| {
            filled_cells.clone().filter(|cell| test(cell)).count() as f64 / filled.max(1) as f64
        };
        let odd_dates = dates.is_none() && share(&dates::unreadable) > 0.9;
        let own = |cell: &&str| OWN_BRAND.contains(&cell.to_lowercase().as_str());
        Self {
            filled,
            private_label: (2..=4).contains(&seen.len()) && seen.keys().any(own),
            distinct: seen.len(),
            numbers: Numbers::of(&values, filled),
            declared_date,
            unreadable_date: filled_cells.clone().next().filter(|_| odd_dates).map(str::to_owned),
            letters: share(&|cell| cell.contains(char::is_alphabetic)),
            emails: share(&email),
            phones: share(&phone),
            cards: share(&card),
            year: dates.as_ref().and_then(|fit| median_year(filled_cells.clone(), fit.format)),
            dates,
            codes,
            values,
        }
    }

    /// Whether every row has its own value.
    pub(super) fn unique(&self) -> bool {
        self.filled > 1 && self.distinct == self.codes.len()
    }

    /// Different values per value that is there.
    pub(super) fn variety(&self) -> f64 {
        self.distinct as f64 / self.filled.max(1) as f64
    }

    /// Whether the values can only be dates: written so, or declared so.
    pub(super) fn surely_dates(&self) -> bool {
        let written = self.dates.as_ref().is_some_and(|fit| !fit.format.bare_number());
        self.declared_date || written
    }

    /// Whether some value is a number with a fraction.
    pub(super) fn fractions(&self) -> bool {
        self.numbers.is_some_and(|numbers| numbers.whole < 1.0)
    }
}

impl Numbers {
    fn of(values: &[f64], filled: usize) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if sorted.is_empty() || (sorted.len() as f64) < MOST * filled as f64 {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let share = |test: &dyn Fn(f64) -> bool| {
            sorted.iter().filter(|value| test(**value)).count() as f64 / count as f64
        };
        Some(Self {
            min: sorted[0],
            median: sorted[count / 2],
            p99: sorted[(count - 1) * 99 / 100],
            max: sorted[count - 1],
            whole: share(&|value| value.fract() == 0.0),
            negative: share(&|value| value < 0.0),
            zero: share(&|value| value == 0.0),
        })
    }
}

fn median_year<'a>(cells: impl Iterator<Item = &'a str>, format: DateFormat) -> Option<i32> {
    if format.bare_number() {
        return None;
    }
    let year = |cell: &str| {
        let day = cell.trim().split([' ', 'T']).next()?;
        match format {
            DateFormat::Digits => day.get(..4)?.parse().ok(),
            _ => day.split(['-', '.', '/']).find(|part| part.len() == 4)?.parse().ok(),
        }
    };
    let mut years: Vec<i32> = cells.filter_map(year).collect();
    years.sort_unstable();
    years.get(years.len() / 2).copied()
}

fn email(cell: &str) -> bool {
    let cell = cell.trim();
    cell.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && !cell.contains(' ')
            && host.split('.').count() > 1
            && !host.contains('@')
    })
}

fn phone(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let formed = cell.trim().starts_with('+') || cell.contains(['(', ' ', '/']) || {
        let parts: Vec<&str> = cell.split(['-', '.']).collect();
        parts.len() == 3 && parts[0].len() == 3 && parts[1].len() == 3 && parts[2].len() == 4
    };
    let marks =
        |c: char| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | ' ' | '-' | '/' | '.');
    formed
        && (7..=15).contains(&digits)
        && cell.trim().chars().all(marks)
        && dates::fit(std::iter::once(cell)).is_none()
        && !dates::unreadable(cell)
}

/// Thirteen to nineteen digits with a right check digit (Luhn).
fn card(cell: &str) -> bool {
    let kept = cell.trim().chars().filter(|c| !matches!(c, ' ' | '-'));
    let digits: Option<Vec<u32>> = kept.map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| (13..=19).contains(&digits.len())) else {
        return false;
    };
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    digits[0] != 0 && digits.iter().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(cells: &[&str]) -> Content {
        Content::of(cells.iter().copied(), None, false)
    }

    #[test]
    fn missing_values_are_left_out_of_the_facts() {
        let column = content(&["1.5", "", "2", "NA", "2"]);
        assert_eq!((column.filled, column.distinct), (3, 2));
        assert_eq!(column.codes, [0, NO_CODE, 1, NO_CODE, 1]);
        let numbers = column.numbers.expect("numbers");
        assert_eq!((numbers.min, numbers.max), (1.5, 2.0));
        assert!(column.fractions() && !column.unique());
    }

    #[test]
    fn personal_patterns_are_recognised() {
        assert!(email("a.b@shop.example") && !email("a@b") && !email("@x.y"));
        assert!(phone("+49 30 123456") && phone("555-123-4567") && !phone("2024-01-01"));
        assert!(!phone("1234567"), "bare digits may be anything");
        assert!(card("4111 1111 1111 1111") && !card("4111111111111112") && !card("12"));
    }
}
