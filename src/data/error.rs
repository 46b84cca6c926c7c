//! Everything that can be wrong with a team's files, said so that the next step is clear.

use std::path::PathBuf;

use super::kind::Dropped;

/// Why files could not become a history; each message ends with what to do next.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DataError {
    /// The `[data]` part of the config cannot be used.
    #[error("expected {expected} for `{key}` in [data], found {found}; correct the config file")]
    Config {
        /// Dotted key below `[data]`.
        key: String,
        /// What would be accepted.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file cannot be opened or its format is broken.
    #[error(
        "cannot read {} for table `{table}`: {reason}; \
         check `path` in [data.{table}] and `dir` in [data]", file.display()
    )]
    Unreadable {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        reason: String,
    },
    /// A file has a header at most.
    #[error(
        "expected at least one data row in {}, found none; check `path` in [data.{table}]",
        file.display()
    )]
    EmptyFile {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// A column that is needed or mapped is not in the file.
    #[error(
        "expected column `{column}` (for {canonical}) in {}, found {found}{hint}; \
         check the mapping in [data.{table}] columns, then run `promopt check -c FILE`",
        file.display()
    )]
    MissingColumn {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Name looked for.
        column: String,
        /// What it would have been used as.
        canonical: &'static str,
        /// The columns of the file.
        found: Box<str>,
        /// Empty, or `; did you mean ...?`.
        hint: Box<str>,
    },
    /// A file that a command names cannot be opened or its format is broken.
    #[error("cannot read {}: {reason}", file.display())]
    CannotRead {
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        reason: String,
    },
    /// A column that a command names is not in the file.
    #[error(
        "expected column `{column}` in {}, found {found}{hint}; name one of them", file.display()
    )]
    NoSuchColumn {
        /// The file.
        file: PathBuf,
        /// Name or pattern looked for.
        column: String,
        /// The columns of the file.
        found: Box<str>,
        /// Empty, or `; did you mean ...?`.
        hint: Box<str>,
    },
    /// A cell of a file that a command names.
    #[error(
        "expected {expected}, found {found} in {} row {row} column `{column}`; correct the row or \
         name another column", file.display()
    )]
    Cell {
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Column of the file.
        column: String,
        /// What would be accepted.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// A value, or a whole Parquet column, has the wrong type.
    #[error(
        "expected {expected}, found {found} in {} row {row} column `{column}`; correct the row \
         or check the mapping in [data.{table}] columns", file.display()
    )]
    WrongType {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Column of the file.
        column: String,
        /// The value.
        found: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A value reads well under another setting of the table.
    #[error(
        "expected {expected}, found {found} in {} row {row} column `{column}`; set {setting} in \
         [data.{table}]", file.display()
    )]
    OtherDialect {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Column of the file.
        column: Box<str>,
        /// The value.
        found: Box<str>,
        /// What would be accepted as things are set.
        expected: &'static str,
        /// The lines of the config under which the value can be read.
        setting: Box<str>,
    },
    /// A column that is read stands twice in the header.
    #[error(
        "expected one column `{column}` in {}, found it at positions {positions}; rename one of \
         them in the file or map another column in [data.{table}] columns", file.display()
    )]
    AmbiguousColumn {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// The name that is repeated.
        column: String,
        /// Where it stands, counted from 1.
        positions: String,
    },
    /// A CSV record does not end, as after a quote that is not closed.
    #[error(
        "expected an end of the record, found {found} in {} row {row}; close the quote that it \
         opens, or check `quote` and `delimiter` in [data.{table}]", file.display()
    )]
    EndlessRecord {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1; the header is row 1.
        row: usize,
        /// What stands where the end should be.
        found: &'static str,
    },
    /// So many dates are impossible that a misread column is likelier than bad rows.
    #[error(
        "expected dates from 1990 to 2100, found {found} of {rows} rows of table `{table}` with a \
         date that is not, the first in {} row {row}; check the mapping of the date and \
         `date_format` in [data.{table}], or raise `max_impossible_dates` in [data.clean]",
        file.display()
    )]
    ImpossibleDates {
        /// Table of the config.
        table: &'static str,
        /// The file of the first.
        file: PathBuf,
        /// Its row, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Rows with an impossible date.
        found: u64,
        /// Rows of the table.
        rows: u64,
    },
    /// A number is outside its range, such as a propensity of 0.
    #[error(
        "expected {expected}, found {found} in {} row {row} column `{column}`; correct the row \
         or drop it from the table `{table}`", file.display()
    )]
    OutOfRange {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Canonical column.
        column: String,
        /// The number.
        found: f64,
        /// The range and why.
        expected: &'static str,
    },
    /// A CSV record is longer or shorter than its header.
    #[error(
        "expected {expected} fields, found {found} in {} row {row}; quote fields that hold the \
         delimiter, or set `delimiter` in [data.{table}]", file.display()
    )]
    Malformed {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1; the header is row 1.
        row: usize,
        /// Fields in the header.
        expected: u64,
        /// Fields in the row.
        found: u64,
    },
    /// A CSV file is not in UTF-8.
    #[error(
        "expected UTF-8 text, found other bytes in {} row {row}; convert the file of \
         [data.{table}], for example with `iconv -f latin1 -t utf8`, or set `encoding` there",
        file.display()
    )]
    NotUtf8 {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1; the header is row 1.
        row: usize,
    },
    /// An identifier that must be unique stands in two rows.
    #[error(
        "expected each {column} once, found `{found}` again in {} row {row}; remove one of the \
         rows from the table `{table}`", file.display()
    )]
    Duplicate {
        /// Table of the config.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// Row of the file, counted from 1, where a CSV header is row 1.
        row: usize,
        /// Canonical column.
        column: String,
        /// The repeated identifier.
        found: String,
    },
    /// Cleaning removed every line.
    #[error(
        "expected transactions that pass cleaning, found none of {rows_in} (most were rejected by \
         rule `{rule}`: {reason}); check [data.transactions] columns and [data.clean]"
    )]
    EmptyAfterCleaning {
        /// Lines read.
        rows_in: u64,
        /// The rule that rejected most.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// The rules left no row of a table.
    #[error(
        "expected rows of table `{table}` that can be used, found none of {rows_in} (most were \
         left out by rule `{rule}`: {reason}); check [data.{table}] columns"
    )]
    NothingKept {
        /// Table of the config.
        table: &'static str,
        /// Rows read.
        rows_in: u64,
        /// The rule that left out most.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// A table is larger than the history's index types can address.
    #[error("expected at most {limit} {what}, found {found}; split or filter the input")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The largest count.
        limit: usize,
        /// The count found.
        found: usize,
    },
    /// The temporary file of a large ingest cannot be written or read.
    #[error("cannot keep intermediate lines in {}: {reason}; free some disk space", dir.display())]
    Spill {
        /// Folder of the temporary file.
        dir: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A saved history cannot be written or read back.
    #[error(
        "cannot use the saved history {}: {reason}; run `promopt ingest` again", path.display()
    )]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

impl DataError {
    pub(super) fn nothing_kept(table: &'static str, rows_in: u64, rules: &[Dropped]) -> Self {
        let worst = rules.iter().max_by_key(|rule| rule.rows);
        let (rule, reason) =
            worst.map(|rule| (rule.rule.clone(), rule.reason.clone())).unwrap_or_default();
        DataError::NothingKept { table, rows_in, rule, reason }
    }

    /// True when the config is at fault rather than the data (exit code 3 instead of 4).
    pub fn is_config(&self) -> bool {
        matches!(self, DataError::Config { .. })
    }
}
