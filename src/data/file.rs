//! Reads picked columns of one CSV or Parquet file, naming file, row and column of what is wrong.

use std::collections::HashMap;
use std::path::Path;

use polars::prelude::*;

use super::column::{Column, Fault, MISSING, MISSING_DAY, check_day, check_number};
use super::error::DataError;

/// One file of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// Table of the config.
    pub(super) table: &'static str,
    /// The file.
    pub(super) file: &'a Path,
    /// Separator of CSV fields.
    pub(super) delimiter: u8,
}

/// A column of the file to be read into a column of the table.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    /// Index into the table's columns.
    pub(super) target: usize,
    /// Index into the file's columns.
    pub(super) position: usize,
    /// Name in the file.
    pub(super) name: String,
}

impl Source<'_> {
    /// Number that messages give to the first data row.
    pub(super) fn first_row(&self) -> usize {
        if self.is_parquet() { 1 } else { 2 }
    }

    /// Names of the columns.
    pub(super) fn header(&self) -> Result<Vec<String>, DataError> {
        if self.is_parquet() {
            let schema =
                self.scan()?.collect_schema().map_err(|reason| self.unreadable(&reason))?;
            return Ok(schema.iter_names().map(|name| name.to_string()).collect());
        }
        let mut reader = self.csv()?;
        let header = reader.headers().map_err(|reason| self.csv_error(&reason, 1))?;
        let names: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        if names.iter().all(String::is_empty) {
            return Err(DataError::EmptyFile { table: self.table, file: self.file.to_owned() });
        }
        Ok(names)
    }

    /// Appends the picked columns to `columns` and returns the number of rows.
    pub(super) fn read(&self, picks: &[Pick], columns: &mut [Column]) -> Result<usize, DataError> {
        match self.is_parquet() {
            true => self.read_parquet(picks, columns),
            false => self.read_csv(picks, columns),
        }
    }

    fn is_parquet(&self) -> bool {
        self.file.extension().is_some_and(|extension| extension == "parquet" || extension == "pq")
    }

    fn csv(&self) -> Result<csv::Reader<std::fs::File>, DataError> {
        csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .trim(csv::Trim::All)
            .from_path(self.file)
            .map_err(|reason| self.unreadable(&reason))
    }

    fn read_csv(&self, picks: &[Pick], columns: &mut [Column]) -> Result<usize, DataError> {
        let mut reader = self.csv()?;
        let mut record = csv::StringRecord::new();
        let mut rows = 0;
        loop {
            let row = rows + self.first_row();
            match reader.read_record(&mut record) {
                Ok(true) => rows += 1,
                Ok(false) => return Ok(rows),
                Err(reason) => return Err(self.csv_error(&reason, row)),
            }
            for pick in picks {
                let text = record.get(pick.position).unwrap_or("");
                columns[pick.target]
                    .push_text(text)
                    .map_err(|fault| self.fault(fault, row, &pick.name, format!("`{text}`")))?;
            }
        }
    }

    fn csv_error(&self, reason: &csv::Error, row: usize) -> DataError {
        let (table, file) = (self.table, self.file.to_owned());
        match reason.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                DataError::Malformed { table, file, row, expected: *expected_len, found: *len }
            }
            csv::ErrorKind::Utf8 { .. } => DataError::NotUtf8 { table, file, row },
            _ => self.unreadable(reason),
        }
    }

    fn scan(&self) -> Result<LazyFrame, DataError> {
        // Opening first gives the system's own words for a missing file.
        std::fs::File::open(self.file).map_err(|reason| self.unreadable(&reason))?;
        let path =
            PlRefPath::try_from_path(self.file).map_err(|reason| self.unreadable(&reason))?;
        let options = ScanArgsParquet { glob: false, ..Default::default() };
        LazyFrame::scan_parquet(path, options).map_err(|reason| self.unreadable(&reason))
    }

    fn read_parquet(&self, picks: &[Pick], columns: &mut [Column]) -> Result<usize, DataError> {
        let mut names: Vec<&str> = picks.iter().map(|pick| pick.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let wanted: Vec<Expr> = names.into_iter().map(col).collect();
        let frame = self.scan()?.select(wanted).collect();
        let frame = frame.map_err(|reason| self.unreadable(&reason))?;
        for pick in picks {
            let column = frame.column(&pick.name).map_err(|reason| self.unreadable(&reason))?;
            let series = column.as_materialized_series();
            self.push_series(series, pick, &mut columns[pick.target])?;
        }
        Ok(frame.height())
    }

    fn push_series(
        &self,
        series: &Series,
        pick: &Pick,
        column: &mut Column,
    ) -> Result<(), DataError> {
        let fail = |reason: PolarsError| self.unreadable(&reason);
        let dtype = series.dtype();
        let located = |fault: Fault, row: usize, found: String| {
            Err(self.fault(fault, row + self.first_row(), &pick.name, found))
        };
        match column {
            _ if matches!(dtype, DataType::String | DataType::Categorical(..)) => {
                let texts = series.cast(&DataType::String).map_err(fail)?;
                for (row, text) in texts.str().map_err(fail)?.iter().enumerate() {
                    let text = text.unwrap_or("").trim();
                    if let Err(fault) = column.push_text(text) {
                        return located(fault, row, format!("`{text}`"));
                    }
                }
            }
            _ if *dtype == DataType::Null => column.push_missing(series.len()),
            Column::Numbers(numbers) if dtype.is_primitive_numeric() => {
                let values = series.cast(&DataType::Float64).map_err(fail)?;
                for (row, value) in values.f64().map_err(fail)?.iter().enumerate() {
                    match check_number(value.unwrap_or(f64::NAN)) {
                        Ok(number) => numbers.push(number),
                        Err(fault) => return located(fault, row, format!("`{value:?}`")),
                    }
                }
            }
            Column::Days(days) if dtype.is_temporal() && *dtype != DataType::Time => {
                let per_day = ticks_per_day(dtype);
                let ticks = series.to_physical_repr().cast(&DataType::Int64).map_err(fail)?;
                for (row, tick) in ticks.i64().map_err(fail)?.iter().enumerate() {
                    match tick.map_or(Ok(MISSING_DAY), |tick| check_day(tick.div_euclid(per_day))) {
                        Ok(day) => days.push(day),
                        Err(fault) => {
                            let found = series.get(row).map(|value| value.to_string());
                            return located(fault, row, found.unwrap_or_default());
                        }
                    }
                }
            }
            Column::Identifiers(identifiers) if dtype.is_primitive_numeric() => {
                // pandas stores integers with gaps as floats, so whole floats are identifiers too.
                let whole = series.cast(&DataType::Int64).map_err(fail)?;
                let exact = whole.null_count() == series.null_count()
                    && (dtype.is_integer() || is_whole(series).map_err(fail)?);
                if !exact {
                    let fault = Fault::Type("a column of strings or 64-bit integers");
                    return located(fault, 0, format!("a column of type {dtype}"));
                }
                let mut seen: HashMap<i64, u32> = HashMap::new();
                for value in whole.i64().map_err(fail)?.iter() {
                    let code = value.map_or(MISSING, |value| {
                        *seen.entry(value).or_insert_with(|| identifiers.intern(&value.to_string()))
                    });
                    identifiers.codes.push(code);
                }
            }
            _ => {
                let fault = Fault::Type(expected_type(column));
                return located(fault, 0, format!("a column of type {dtype}"));
            }
        }
        Ok(())
    }

    fn fault(&self, fault: Fault, row: usize, column: &str, found: String) -> DataError {
        let (table, file, column) = (self.table, self.file.to_owned(), column.to_owned());
        match fault {
            Fault::Type(expected) => {
                DataError::WrongType { table, file, row, column, found, expected }
            }
            Fault::DateOutOfRange => DataError::DateOutOfRange { table, file, row, column, found },
        }
    }

    fn unreadable(&self, reason: &dyn std::fmt::Display) -> DataError {
        let (table, file) = (self.table, self.file.to_owned());
        DataError::Unreadable { table, file, reason: reason.to_string() }
    }
}

fn ticks_per_day(dtype: &DataType) -> i64 {
    match dtype {
        DataType::Datetime(TimeUnit::Nanoseconds, _) => 86_400_000_000_000,
        DataType::Datetime(TimeUnit::Microseconds, _) => 86_400_000_000,
        DataType::Datetime(TimeUnit::Milliseconds, _) => 86_400_000,
        _ => 1,
    }
}

fn is_whole(series: &Series) -> PolarsResult<bool> {
    let numbers = series.cast(&DataType::Float64)?;
    Ok(numbers.f64()?.iter().flatten().all(|number| number.fract() == 0.0))
}

fn expected_type(column: &Column) -> &'static str {
    match column {
        Column::Identifiers(_) => "a column of strings or integers",
        Column::Numbers(_) => "a column of numbers",
        Column::Days(_) => "a column of dates, timestamps or ISO strings",
    }
}
