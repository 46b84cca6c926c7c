//! Any table, by the names of its columns: what judging commands read, whose files have no fixed form.
//!
//! The dialect of a text file is found by looking at its head, as `init --from` does; everything else
//! is the one way in which this program reads files.

use std::path::{Path, PathBuf};

use super::batch::{IMPOSSIBLE_DAY, Pick, Values};
use super::column::MISSING;
use super::error::DataError;
use super::intern::Interner;
use super::propose::{ProposedDialect, SURE_ENOUGH};
use super::sample::sample_file;
use super::schema::{Kind, did_you_mean};
use super::source::Source;
use super::source::parse::{Dialect, Encoding};

/// What messages of the readers call the table; they are put in other words before they leave.
const TABLE: &str = "table";
/// Rows that room is made for on the word of a file alone.
const MOST_STATED: usize = 20_000_000;

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Finite numbers, each of them there.
    Number,
    /// Names, each of them there.
    Label,
    /// Dates, each of them there.
    Day,
}

/// A column as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyColumn {
    /// Numbers, shape `[rows]`.
    Numbers(Vec<f64>),
    /// Names.
    Labels(Labels),
    /// Days since 1970-01-01, shape `[rows]`.
    Days(Vec<i32>),
}

/// Names as positions in the sorted list of different names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Position in `names`, shape `[rows]`.
    pub codes: Vec<u32>,
    /// Different names in ascending order.
    pub names: Vec<String>,
}

impl AnyColumn {
    /// The numbers; empty when it was read as something else.
    #[must_use]
    pub fn into_numbers(self) -> Vec<f64> {
        if let Self::Numbers(numbers) = self { numbers } else { Vec::new() }
    }

    /// The names; empty when it was read as something else.
    #[must_use]
    pub fn into_labels(self) -> Labels {
        if let Self::Labels(labels) = self { labels } else { Labels::default() }
    }

    /// The days; empty when it was read as something else.
    #[must_use]
    pub fn into_days(self) -> Vec<i32> {
        if let Self::Days(days) = self { days } else { Vec::new() }
    }
}

/// A CSV (plain, gzip or Zstandard) or Parquet file, opened.
#[derive(Debug, Clone)]
pub struct AnyTable {
    file: PathBuf,
    names: Vec<String>,
    dialect: Dialect,
}

impl AnyTable {
    /// Looks at the head of the file.
    ///
    /// # Errors
    /// [`DataError::CannotRead`] when the file cannot be opened, is broken or has no header.
    pub fn open(file: &Path) -> Result<Self, DataError> {
        let sample = sample_file(file).map_err(plain)?;
        let headless = sample.dialect.as_ref().is_some_and(|dialect| {
            !dialect.header.value && dialect.header.confidence >= SURE_ENOUGH
        });
        if sample.header.is_empty() || headless {
            let reason = "its first row does not look like names of columns; add a header row";
            return Err(DataError::CannotRead { file: file.to_owned(), reason: reason.into() });
        }
        let dialect = sample.dialect.as_ref().map_or_else(Dialect::default, dialect);
        let source = Source { table: TABLE, file, dialect: &dialect };
        let names = source.header().map_err(plain)?;
        Ok(Self { file: file.to_owned(), names, dialect })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Names of the columns in the order of the file.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is such a column.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The columns that a name or a pattern such as `context_*` stands for, in the order of the file.
    ///
    /// # Errors
    /// [`DataError::NoSuchColumn`] when there is none.
    pub fn matching(&self, pattern: &str) -> Result<Vec<String>, DataError> {
        let Some((before, after)) = pattern.split_once('*') else {
            return self.position(pattern).map(|_| vec![pattern.to_owned()]);
        };
        let long = before.len() + after.len();
        let fits = |name: &&String| {
            name.len() >= long && name.starts_with(before) && name.ends_with(after)
        };
        let found: Vec<String> = self.names.iter().filter(fits).cloned().collect();
        if found.is_empty() { Err(self.without(pattern)) } else { Ok(found) }
    }

    /// Reads columns by name, each once, in the order of the request.
    ///
    /// # Errors
    /// [`DataError::NoSuchColumn`], [`DataError::Cell`] at the first value that is missing or of
    /// another kind, or what the file itself is broken by.
    pub fn read(&self, wanted: &[(&str, ColumnKind)]) -> Result<Vec<AnyColumn>, DataError> {
        let rows = self.source().stated_rows().unwrap_or(0).min(MOST_STATED);
        let column = |(_, kind): &(&str, ColumnKind)| match kind {
            ColumnKind::Number => AnyColumn::Numbers(Vec::with_capacity(rows)),
            ColumnKind::Label => {
                AnyColumn::Labels(Labels { codes: Vec::with_capacity(rows), names: Vec::new() })
            }
            ColumnKind::Day => AnyColumn::Days(Vec::with_capacity(rows)),
        };
        let mut columns: Vec<AnyColumn> = wanted.iter().map(column).collect();
        let names = self.each_batch(wanted, &mut |batch| {
            for (column, more) in columns.iter_mut().zip(batch) {
                match (column, more) {
                    (AnyColumn::Numbers(all), Piece::Numbers(more)) => all.extend_from_slice(more),
                    (AnyColumn::Labels(all), Piece::Codes(more)) => {
                        all.codes.extend_from_slice(more);
                    }
                    (AnyColumn::Days(all), Piece::Days(more)) => all.extend_from_slice(more),
                    _ => {}
                }
            }
        })?;
        for (column, Ranked { names, ranks }) in columns.iter_mut().zip(names) {
            if let AnyColumn::Labels(labels) = column {
                labels.codes.iter_mut().for_each(|code| *code = ranks[*code as usize]);
                labels.names = names;
            }
        }
        Ok(columns)
    }

    /// Hands columns on piece by piece as they are read, and returns the names of each.
    ///
    /// # Errors
    /// As [`AnyTable::read`].
    pub fn each_batch(
        &self,
        wanted: &[(&str, ColumnKind)],
        sink: &mut dyn FnMut(&[Piece<'_>]),
    ) -> Result<Vec<Ranked>, DataError> {
        let picks: Vec<Pick> = wanted
            .iter()
            .map(|(name, kind)| {
                let kind = match kind {
                    ColumnKind::Number => Kind::Number,
                    ColumnKind::Label => Kind::Identifier,
                    ColumnKind::Day => Kind::Day,
                };
                Ok(Pick { position: self.position(name)?, name: (*name).to_owned(), kind })
            })
            .collect::<Result<_, DataError>>()?;
        let mut pieces: Vec<Building> = wanted.iter().map(|_| Building::default()).collect();
        let source = self.source();
        let first = source.first_row();
        source
            .read(&picks, &mut |batch| {
                for ((piece, values), pick) in pieces.iter_mut().zip(&batch.columns).zip(&picks) {
                    if let Err((row, expected, found)) = piece.take(values) {
                        let row = first + batch.first_row + row;
                        let (file, column) = (self.file.clone(), pick.name.clone());
                        return Err(DataError::Cell { file, row, column, expected, found });
                    }
                }
                let views: Vec<Piece<'_>> =
                    pieces.iter().zip(&batch.columns).map(|(p, values)| p.view(values)).collect();
                sink(&views);
                Ok(())
            })
            .map_err(plain)?;
        let ranked = |piece: Building| {
            let (names, ranks) = piece.names.ranked();
            Ranked { names, ranks }
        };
        Ok(pieces.into_iter().map(ranked).collect())
    }

    fn source(&self) -> Source<'_> {
        Source { table: TABLE, file: &self.file, dialect: &self.dialect }
    }

    fn position(&self, name: &str) -> Result<usize, DataError> {
        self.names.iter().position(|known| known == name).ok_or_else(|| self.without(name))
    }

    fn without(&self, column: &str) -> DataError {
        let hint = did_you_mean(column, self.names.iter().map(String::as_str));
        DataError::NoSuchColumn {
            file: self.file.clone(),
            column: column.to_owned(),
            found: self.names.join(", ").into(),
            hint: hint.into(),
        }
    }
}

/// Names in ascending order, and the rank of each code; both empty for columns that are not names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranked {
    /// The names.
    pub names: Vec<String>,
    /// Position in `names` by code.
    pub ranks: Vec<u32>,
}

/// Successive values of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Piece<'a> {
    /// Numbers.
    Numbers(&'a [f64]),
    /// Names by code, in the order in which they appeared.
    Codes(&'a [u32]),
    /// Days since 1970-01-01.
    Days(&'a [i32]),
}

/// What a column keeps from one batch to the next, and the batch's values that are not handed on as they
/// were read.
#[derive(Default)]
struct Building {
    names: Interner,
    codes: Vec<u32>,
    days: Vec<i32>,
}

/// Row within the batch, what was expected and what is there.
type Fault = (usize, &'static str, String);

impl Building {
    fn take(&mut self, values: &Values) -> Result<(), Fault> {
        let nothing = || "nothing".to_owned();
        match values {
            Values::Numbers(numbers) => {
                // Without a way out the loop runs over several numbers at once.
                let any = numbers.iter().fold(false, |any, x| any | x.is_nan());
                match any.then(|| numbers.iter().position(|x| x.is_nan())).flatten() {
                    Some(row) => Err((row, "a number", nothing())),
                    None => Ok(()),
                }
            }
            Values::Text(_) | Values::Whole(_) => {
                self.codes.clear();
                self.names.codes_into(values, &mut self.codes);
                let any = self.codes.iter().fold(false, |any, code| any | (*code == MISSING));
                match any.then(|| self.codes.iter().position(|c| *c == MISSING)).flatten() {
                    Some(row) => Err((row, "a name", nothing())),
                    None => Ok(()),
                }
            }
            Values::Moments(moments) => {
                self.days.clear();
                self.days.extend(moments.iter().map(|moment| moment.day));
                match self.days.iter().position(|day| *day <= IMPOSSIBLE_DAY) {
                    Some(row) => Err((row, "a date from 1990 to 2100", nothing())),
                    None => Ok(()),
                }
            }
        }
    }

    fn view<'a>(&'a self, values: &'a Values) -> Piece<'a> {
        match values {
            Values::Numbers(numbers) => Piece::Numbers(numbers),
            Values::Text(_) | Values::Whole(_) => Piece::Codes(&self.codes),
            Values::Moments(_) => Piece::Days(&self.days),
        }
    }
}

/// The dialect that a look at the file proposed.
fn dialect(proposed: &ProposedDialect) -> Dialect {
    let ascii = |mark: char, otherwise: u8| u8::try_from(mark).unwrap_or(otherwise);
    let encodings = [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Windows1252];
    let name = proposed.encoding.value.as_str();
    Dialect {
        delimiter: ascii(proposed.delimiter.value, b','),
        quote: ascii(proposed.quote.value, b'"'),
        decimal_comma: proposed.decimal_comma.value,
        encoding: encodings.into_iter().find(|known| known.name() == name).unwrap_or_default(),
        ..Dialect::default()
    }
}

/// Messages of the readers speak of a config; these files have none.
fn plain(error: DataError) -> DataError {
    match error {
        DataError::Unreadable { file, reason, .. } => DataError::CannotRead { file, reason },
        DataError::EmptyFile { file, .. } => {
            DataError::CannotRead { file, reason: "it has no rows".into() }
        }
        DataError::WrongType { file, row, column, found, expected, .. } => {
            DataError::Cell { file, row, column, expected, found }
        }
        DataError::OtherDialect { file, row, column, found, expected, .. } => {
            DataError::Cell { file, row, column: column.into(), expected, found: found.into() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("log.csv");
        std::fs::write(&file, text).expect("it can be written");
        (dir, file)
    }

    #[test]
    fn columns_are_read_by_name_in_any_order_and_dialect() {
        let (_dir, file) = table("arm;spend;x_0;x_1\nb;1,5;0,25;2\na;2;0,5;3\nb;0,1;1;4\n");
        let table = AnyTable::open(&file).expect("it opens");
        assert_eq!(table.matching("x_*").expect("two"), ["x_0", "x_1"]);
        let wanted = [("spend", ColumnKind::Number), ("arm", ColumnKind::Label)];
        let read = table.read(&wanted).expect("they are there");
        assert_eq!(read[0], AnyColumn::Numbers(vec![1.5, 2.0, 0.1]));
        let labels = Labels { codes: vec![1, 0, 1], names: vec!["a".into(), "b".into()] };
        assert_eq!(read[1], AnyColumn::Labels(labels));
    }

    #[test]
    fn what_is_not_there_is_said_with_file_row_and_column() {
        let (_dir, file) = table("arm,spend\na,1\nb,\n");
        let table = AnyTable::open(&file).expect("it opens");
        let message =
            |name: &str, kind| table.read(&[(name, kind)]).expect_err("it is wrong").to_string();
        let typo = message("spent", ColumnKind::Number);
        assert!(typo.contains("did you mean `spend`"), "{typo}");
        let hole = message("spend", ColumnKind::Number);
        assert!(hole.contains("found nothing") && hole.contains("row 3"), "{hole}");
        let word = message("arm", ColumnKind::Number);
        assert!(word.contains("`a`") && word.contains("row 2 column `arm`"), "{word}");
        let missing = AnyTable::open(&file.with_file_name("lag.csv")).expect_err("no such file");
        assert!(missing.to_string().contains("lag.csv"), "{missing}");
    }
}
