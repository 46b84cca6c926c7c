//! How the text of a cell becomes a value under the dialect of its table.

mod moment;
mod number;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::error::DataError;
use super::super::schema::Kind;

pub(in crate::data) use moment::moment;

/// The largest number a cell may hold, so that sums over billions of lines stay finite and exact.
pub(in crate::data) const LARGEST_NUMBER: f64 = 1e12;
/// What is expected instead of a larger one.
pub(in crate::data) const NOT_TOO_LARGE: &str = "a finite number of at most 1,000,000,000,000";

/// How the files of a table are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Dialect {
    /// Separator of CSV fields; an ASCII character.
    pub(in crate::data) delimiter: u8,
    /// Mark around CSV fields that hold a delimiter; an ASCII character.
    pub(in crate::data) quote: u8,
    /// Whether `1,5` is one and a half.
    pub(in crate::data) decimal_comma: bool,
    /// Encoding of files without a byte-order mark.
    pub(in crate::data) encoding: Encoding,
    /// How dates are written.
    pub(in crate::data) date_format: DateFormat,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            decimal_comma: false,
            encoding: Encoding::Utf8,
            date_format: DateFormat::Iso,
        }
    }
}

/// Encoding of the text of a file that has no byte-order mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8", alias = "utf8")]
    Utf8,
    /// UTF-16, low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Western European in one byte a character; holds all of latin1.
    #[serde(rename = "windows-1252", alias = "latin1", alias = "iso-8859-1")]
    Windows1252,
}

impl Encoding {
    /// The name in the config.
    pub(in crate::data) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
        }
    }
}

/// How dates are written; each but the last two may be followed by a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DateFormat {
    /// `2024-12-31`.
    #[default]
    #[serde(rename = "iso", alias = "yyyy-mm-dd")]
    Iso,
    /// `31.12.2024`.
    #[serde(rename = "dd.mm.yyyy")]
    DayMonthYearDots,
    /// `31/12/2024`.
    #[serde(rename = "dd/mm/yyyy")]
    DayMonthYear,
    /// `12/31/2024`.
    #[serde(rename = "mm/dd/yyyy")]
    MonthDayYear,
    /// `20241231`.
    #[serde(rename = "yyyymmdd")]
    Compact,
    /// `2024/12/31`.
    #[serde(rename = "yyyy/mm/dd")]
    YearMonthDay,
    /// Seconds since 1970-01-01 in UTC.
    #[serde(rename = "unix")]
    Unix,
    /// Days since 1899-12-30, as spreadsheets count; the fraction is the time.
    #[serde(rename = "excel")]
    Excel,
}

impl DateFormat {
    /// All formats.
    pub(in crate::data) const ALL: [Self; 8] = [
        Self::Iso,
        Self::DayMonthYearDots,
        Self::DayMonthYear,
        Self::MonthDayYear,
        Self::YearMonthDay,
        Self::Compact,
        Self::Unix,
        Self::Excel,
    ];

    /// The name in the config.
    pub(in crate::data) fn name(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::DayMonthYearDots => "dd.mm.yyyy",
            Self::DayMonthYear => "dd/mm/yyyy",
            Self::MonthDayYear => "mm/dd/yyyy",
            Self::Compact => "yyyymmdd",
            Self::YearMonthDay => "yyyy/mm/dd",
            Self::Unix => "unix",
            Self::Excel => "excel",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Iso => "an ISO date or timestamp such as 2024-12-31 or 2024-12-31T18:30:00",
            Self::DayMonthYearDots => "a date such as 31.12.2024 or 31.12.2024 18:30",
            Self::DayMonthYear => "a date such as 31/12/2024 or 31/12/2024 18:30",
            Self::MonthDayYear => "a date such as 12/31/2024 or 12/31/2024 6:30 PM",
            Self::Compact => "a date such as 20241231 or 20241231 18:30",
            Self::YearMonthDay => "a date such as 2024/12/31 or 2024/12/31 18:30",
            Self::Unix => "seconds since 1970-01-01 such as 1735669800",
            Self::Excel => "a spreadsheet's count of days such as 45657 or 45657.77",
        }
    }
}

/// A text that stands for a value that is not there.
pub(in crate::data) fn is_missing(text: &[u8]) -> bool {
    matches!(text, b"" | b"NA" | b"null" | b"NULL" | b"NaN" | b"None" | b"N/A" | b"-")
}

/// An identifier that is not there; fewer words than for numbers, since `None` or `-` may be a
/// brand.
pub(in crate::data) fn is_missing_identifier(text: &[u8]) -> bool {
    matches!(text, b"" | b"NA" | b"null" | b"NULL")
}

/// Reads a trimmed cell as [`number::number`] does, but refuses what is too large for any sale.
#[inline]
pub(in crate::data) fn number(text: &[u8], dialect: &Dialect) -> Option<f64> {
    number::number(text, dialect).filter(|value| value.is_nan() || value.abs() <= LARGEST_NUMBER)
}

/// Takes white space off both ends, Unicode's included.
#[inline]
pub(in crate::data) fn trim(text: &[u8]) -> &[u8] {
    let visible = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    if visible(text.first()) && visible(text.last()) {
        return text;
    }
    let text = text.trim_ascii();
    std::str::from_utf8(text).map_or(text, |text| text.trim().as_bytes())
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) struct Origin<'a> {
    /// Table of the config.
    pub(in crate::data) table: &'static str,
    /// The file.
    pub(in crate::data) file: &'a Path,
    /// Row as messages give it.
    pub(in crate::data) row: usize,
    /// Column of the file.
    pub(in crate::data) column: &'a str,
}

/// Says what is wrong with a cell that [`number`] or [`moment`] refused, and which setting would
/// read it.
pub(in crate::data) fn explain(
    kind: Kind,
    text: &[u8],
    dialect: &Dialect,
    origin: Origin<'_>,
) -> DataError {
    let (expected, setting) = match kind {
        Kind::Identifier => ("a string or an integer", None),
        Kind::Number if number::number(text, dialect).is_some() => (NOT_TOO_LARGE, None),
        Kind::Number => number::explain(text, dialect),
        Kind::Day => (dialect.date_format.expected(), moment::other_formats(text, dialect)),
    };
    let (table, file) = (origin.table, origin.file.to_owned());
    let (row, column) = (origin.row, origin.column.to_owned());
    let found = shown(text);
    match setting {
        Some(setting) => {
            let (found, setting) = (found.into(), setting.into());
            DataError::OtherDialect {
                table,
                file,
                row,
                column: column.into(),
                found,
                expected,
                setting,
            }
        }
        None => DataError::WrongType { table, file, row, column, found, expected },
    }
}

/// A cell as messages show it, shortened when long.
fn shown(text: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}
