//! One column of an input table in memory, and how the text of a cell becomes a value.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};

use super::schema::Kind;

/// Code of an identifier that is not there.
pub(super) const MISSING: u32 = u32::MAX;
/// Day of a date that is not there.
pub(super) const MISSING_DAY: i32 = i32::MIN;

// 1990-01-01 and 2100-12-31 as days since 1970-01-01.
const FIRST_DAY: i32 = 7305;
const LAST_DAY: i32 = 47_846;
const EPOCH_FROM_COMMON_ERA: i32 = 719_163;

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another kind of value was expected.
    Type(&'static str),
    /// A date, but outside 1990 to 2100.
    DateOutOfRange,
}

/// Values of one column; missing cells are [`MISSING`], [`MISSING_DAY`] or NaN.
#[derive(Debug)]
pub(super) enum Column {
    /// Names with a code per row.
    Identifiers(Identifiers),
    /// Finite numbers.
    Numbers(Vec<f64>),
    /// Days since 1970-01-01.
    Days(Vec<i32>),
}

/// Distinct names in order of appearance, and the code of each row.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    /// One code per row, an index into `names`.
    pub(super) codes: Vec<u32>,
    /// Distinct names.
    pub(super) names: Vec<String>,
    lookup: HashMap<String, u32>,
}

impl Identifiers {
    /// The code of a name, which is new or known; empty and NA count as missing.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if is_missing(name) {
            return MISSING;
        }
        if let Some(code) = self.lookup.get(name) {
            return *code;
        }
        let code = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.lookup.insert(name.to_owned(), code);
        code
    }

    /// The name in a row.
    pub(super) fn name_at(&self, row: usize) -> Option<&str> {
        self.names.get(self.codes[row] as usize).map(String::as_str)
    }

    /// Names in ascending order, and the rank of each code; independent of the order of rows.
    pub(super) fn ranked(&self) -> (Vec<String>, Vec<u32>) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_unstable_by(|left, right| self.names[*left].cmp(&self.names[*right]));
        let mut ranks = vec![0; order.len()];
        for (rank, code) in order.iter().enumerate() {
            ranks[*code] = rank as u32;
        }
        (order.into_iter().map(|code| self.names[code].clone()).collect(), ranks)
    }
}

impl Column {
    /// An empty column.
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Identifier => Column::Identifiers(Identifiers::default()),
            Kind::Number => Column::Numbers(Vec::new()),
            Kind::Day => Column::Days(Vec::new()),
        }
    }

    /// Adds a row from text.
    pub(super) fn push_text(&mut self, text: &str) -> Result<(), Fault> {
        match self {
            Column::Identifiers(identifiers) => {
                let code = identifiers.intern(text);
                identifiers.codes.push(code);
            }
            Column::Numbers(numbers) => numbers.push(parse_number(text)?),
            Column::Days(days) => days.push(parse_day(text)?),
        }
        Ok(())
    }

    /// Adds rows without a value.
    pub(super) fn push_missing(&mut self, rows: usize) {
        match self {
            Column::Identifiers(identifiers) => {
                identifiers.codes.resize(identifiers.codes.len() + rows, MISSING);
            }
            Column::Numbers(numbers) => numbers.resize(numbers.len() + rows, f64::NAN),
            Column::Days(days) => days.resize(days.len() + rows, MISSING_DAY),
        }
    }

    /// The column with its rows picked by index; `None` gives a missing value.
    pub(super) fn gather(self, rows: &[Option<usize>]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[Option<usize>], missing: T) -> Vec<T> {
            rows.iter().map(|row| row.map_or(missing, |row| values[row])).collect()
        }
        match self {
            Column::Identifiers(mut identifiers) => {
                identifiers.codes = pick(&identifiers.codes, rows, MISSING);
                Column::Identifiers(identifiers)
            }
            Column::Numbers(numbers) => Column::Numbers(pick(&numbers, rows, f64::NAN)),
            Column::Days(days) => Column::Days(pick(&days, rows, MISSING_DAY)),
        }
    }
}

/// A day that is plausible for a sale.
pub(super) fn check_day(day: i64) -> Result<i32, Fault> {
    let plausible = (i64::from(FIRST_DAY)..=i64::from(LAST_DAY)).contains(&day);
    if plausible { Ok(day as i32) } else { Err(Fault::DateOutOfRange) }
}

/// A number that can be computed with; NaN stands for missing.
pub(super) fn check_number(number: f64) -> Result<f64, Fault> {
    if number.is_infinite() { Err(Fault::Type("a finite number")) } else { Ok(number) }
}

/// The date of a day count.
pub(super) fn date_of(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day + EPOCH_FROM_COMMON_ERA)
        .expect("days were checked to lie between 1990 and 2100")
}

/// The day count of a date.
pub(super) fn day_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH_FROM_COMMON_ERA
}

fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NA" | "null" | "NULL")
}

fn parse_number(text: &str) -> Result<f64, Fault> {
    if is_missing(text) {
        return Ok(f64::NAN);
    }
    let expected = if text.contains(',') {
        "a number with a decimal point and no thousands separator"
    } else {
        "a number"
    };
    text.parse::<f64>().map_err(|_| Fault::Type(expected)).and_then(check_number)
}

fn parse_day(text: &str) -> Result<i32, Fault> {
    if is_missing(text) {
        return Ok(MISSING_DAY);
    }
    let expected =
        Fault::Type("an ISO date or timestamp such as 2024-12-31 or 2024-12-31T18:30:00");
    let (date, time) = text.split_at_checked(10).ok_or(expected)?;
    let is_time =
        time.starts_with(['T', ' ']) && time[1..].starts_with(|c: char| c.is_ascii_digit());
    let date = date.parse::<NaiveDate>().map_err(|_| expected)?;
    if !time.is_empty() && !is_time {
        return Err(expected);
    }
    check_day(day_of(date).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_timestamps_give_the_same_day() {
        for text in ["2017-01-02", "2017-01-02T11:53:26Z", "2017-01-02 23:59:59+02:00"] {
            assert_eq!(
                parse_day(text).map(|day| date_of(day).to_string()),
                Ok("2017-01-02".into())
            );
        }
        for text in ["01.02.2017", "2017-13-01", "2017-01-02x", "20170102", "é2017-01-0"] {
            assert!(matches!(parse_day(text), Err(Fault::Type(_))), "{text}");
        }
        assert_eq!(parse_day("1989-12-31"), Err(Fault::DateOutOfRange));
        assert_eq!(parse_day("2101-01-01"), Err(Fault::DateOutOfRange));
        assert!(parse_day("1990-01-01").is_ok() && parse_day("2100-12-31").is_ok());
    }

    #[test]
    fn numbers_are_finite_or_missing() {
        assert_eq!(parse_number("1.5"), Ok(1.5));
        assert!(parse_number("NA").is_ok_and(f64::is_nan));
        assert!(parse_number("inf").is_err());
        assert_eq!(
            parse_number("1,5"),
            Err(Fault::Type("a number with a decimal point and no thousands separator"))
        );
    }

    #[test]
    fn ranks_do_not_depend_on_the_order_of_rows() {
        let mut column = Identifiers::default();
        let codes = ["b", "", "a", "b"].map(|name| column.intern(name));
        assert_eq!(codes, [0, MISSING, 1, 0]);
        assert_eq!(column.ranked(), (vec!["a".to_owned(), "b".to_owned()], vec![1, 0]));
    }
}
