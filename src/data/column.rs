//! One column of a small input table in memory.

use chrono::{Datelike, NaiveDate};

use super::batch::{Moment, TextColumn, Values};
use super::intern::Interner;
use super::schema::Kind;

/// Code of an identifier that is not there.
pub(super) const MISSING: u32 = u32::MAX;

// 1990-01-01 and 2100-12-31 as days since 1970-01-01.
const FIRST_DAY: i64 = 7305;
const LAST_DAY: i64 = 47_846;
const EPOCH_FROM_COMMON_ERA: i32 = 719_163;

/// Values of one column; missing cells are [`MISSING`], [`Moment::MISSING`] or NaN.
#[derive(Debug)]
pub(super) enum Column {
    /// Names with a code per row.
    Identifiers(Identifiers),
    /// Finite numbers.
    Numbers(Vec<f64>),
    /// Dates.
    Moments(Vec<Moment>),
}

/// Distinct names, and the code of each row.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    /// One code per row.
    pub(super) codes: Vec<u32>,
    /// The names behind the codes.
    pub(super) names: Interner,
}

impl Identifiers {
    /// The name in a row.
    pub(super) fn name_at(&self, row: usize) -> Option<&str> {
        self.names.name(self.codes[row])
    }
}

impl Column {
    /// An empty column.
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Identifier => Column::Identifiers(Identifiers::default()),
            Kind::Number => Column::Numbers(Vec::new()),
            Kind::Day => Column::Moments(Vec::new()),
        }
    }

    /// Adds the rows of a batch, whose values are of the same kind.
    pub(super) fn append(&mut self, values: &Values) {
        match (self, values) {
            (Column::Identifiers(own), values) => {
                let Identifiers { codes, names } = own;
                names.codes_into(values, codes);
            }
            (Column::Numbers(own), Values::Numbers(more)) => own.extend_from_slice(more),
            (Column::Moments(own), Values::Moments(more)) => own.extend_from_slice(more),
            _ => unreachable!("a reader gives the kind that was picked"),
        }
    }

    /// Adds rows without a value.
    pub(super) fn append_missing(&mut self, rows: usize) {
        match self {
            Column::Identifiers(own) => own.codes.resize(own.codes.len() + rows, MISSING),
            Column::Numbers(numbers) => numbers.resize(numbers.len() + rows, f64::NAN),
            Column::Moments(moments) => moments.resize(moments.len() + rows, Moment::MISSING),
        }
    }

    /// The values of these rows; `None` gives a missing value.
    pub(super) fn gather(&self, rows: &[Option<usize>]) -> Values {
        match self {
            Column::Identifiers(own) => {
                let mut texts = TextColumn::default();
                for row in rows {
                    let name = row.and_then(|row| own.name_at(row)).unwrap_or("");
                    texts.push(name.as_bytes());
                }
                Values::Text(texts)
            }
            Column::Numbers(own) => Values::Numbers(
                rows.iter().map(|row| row.map_or(f64::NAN, |row| own[row])).collect(),
            ),
            Column::Moments(own) => Values::Moments(
                rows.iter().map(|row| row.map_or(Moment::MISSING, |row| own[row])).collect(),
            ),
        }
    }
}

/// A day that is plausible for a sale.
pub(super) fn check_day(day: i64) -> Option<i32> {
    (FIRST_DAY..=LAST_DAY).contains(&day).then_some(day as i32)
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
