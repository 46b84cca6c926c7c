//! Rows of one file as typed columns: what readers of CSV and Parquet hand on, piece by piece.

use super::schema::Kind;

/// Day of a date that is not there.
pub(in crate::data) const MISSING_DAY: i32 = i32::MIN;
/// Day of a date that does not exist, such as 30 February, or lies outside 1990 to 2100.
pub(in crate::data) const IMPOSSIBLE_DAY: i32 = i32::MIN + 1;
/// Hour of a date without a time.
pub(in crate::data) const UNKNOWN_HOUR: u8 = u8::MAX;
/// A whole-number identifier that is not there.
pub(in crate::data) const MISSING_WHOLE: i64 = i64::MIN;

/// A column of the file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) struct Pick {
    /// Index into the columns of the file.
    pub(in crate::data) position: usize,
    /// Name in the file.
    pub(in crate::data) name: String,
    /// What it holds.
    pub(in crate::data) kind: Kind,
}

/// Successive rows of one file.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Batch {
    /// Index of the first row among the data rows of the file.
    pub(in crate::data) first_row: usize,
    /// Number of rows.
    pub(in crate::data) rows: usize,
    /// One column per pick, in the order of the picks.
    pub(in crate::data) columns: Vec<Values>,
}

/// One column of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) enum Values {
    /// Identifiers as text; empty means missing.
    Text(TextColumn),
    /// Identifiers that are integers; [`MISSING_WHOLE`] means missing.
    Whole(Vec<i64>),
    /// Finite numbers; NaN means missing.
    Numbers(Vec<f64>),
    /// Dates with the hour where it is known.
    Moments(Vec<Moment>),
}

/// A date and the hour of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Moment {
    /// Days since 1970-01-01, [`MISSING_DAY`] or [`IMPOSSIBLE_DAY`].
    pub(in crate::data) day: i32,
    /// Hour from 0 to 23, or [`UNKNOWN_HOUR`].
    pub(in crate::data) hour: u8,
}

impl Moment {
    /// No date.
    pub(in crate::data) const MISSING: Self = Self { day: MISSING_DAY, hour: UNKNOWN_HOUR };
    /// A date that cannot be.
    pub(in crate::data) const IMPOSSIBLE: Self = Self { day: IMPOSSIBLE_DAY, hour: UNKNOWN_HOUR };
}

/// Texts end to end in one buffer, each of them UTF-8.
#[derive(Debug, Clone, Default)]
pub(in crate::data) struct TextColumn {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Which text each row has, where rows share texts; else each has its own.
    rows: Option<Vec<u32>>,
}

impl PartialEq for TextColumn {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl TextColumn {
    /// An empty column with room for so many short texts.
    pub(in crate::data) fn with_capacity(rows: usize) -> Self {
        let (bytes, ends) = (Vec::with_capacity(8 * rows), Vec::with_capacity(rows));
        Self { bytes, ends, rows: None }
    }

    /// These texts, each of them for every row that names its position.
    pub(in crate::data) fn shared(texts: Self, rows: Vec<u32>) -> Self {
        Self { rows: Some(rows), ..texts }
    }

    /// Texts that rows share and the position of each row's, where they do.
    pub(in crate::data) fn sharing(&self) -> Option<(impl Iterator<Item = &[u8]>, &[u32])> {
        Some((0..self.ends.len()).map(|at| self.text(at))).zip(self.rows.as_deref())
    }

    /// Adds a row; empty means missing.
    ///
    /// # Panics
    /// When the column outgrows 4 GiB; readers keep their batches far below.
    pub(in crate::data) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        let end = u32::try_from(self.bytes.len());
        self.ends.push(end.expect("readers keep batches below 4 GiB"));
    }

    /// The text of a row.
    pub(in crate::data) fn get(&self, row: usize) -> &[u8] {
        self.text(self.rows.as_ref().map_or(row, |rows| rows[row] as usize))
    }

    fn text(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }

    /// The texts in order.
    pub(in crate::data) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let rows = self.rows.as_ref().map_or(self.ends.len(), Vec::len);
        (0..rows).map(|row| self.get(row))
    }
}

impl Values {
    /// An empty column for a kind with room for so many rows; identifiers as text.
    pub(in crate::data) fn with_capacity(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Identifier => Values::Text(TextColumn::with_capacity(rows)),
            Kind::Number => Values::Numbers(Vec::with_capacity(rows)),
            Kind::Day => Values::Moments(Vec::with_capacity(rows)),
        }
    }

    /// Number of rows without a value.
    pub(in crate::data) fn missing(&self) -> usize {
        match self {
            Values::Text(texts) => texts.iter().filter(|text| text.is_empty()).count(),
            Values::Whole(values) => values.iter().filter(|value| **value == MISSING_WHOLE).count(),
            Values::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Values::Moments(values) => {
                values.iter().filter(|value| value.day == MISSING_DAY).count()
            }
        }
    }
}
