//! Parquet files, a row group's worth of rows at a time.

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use polars::prelude::*;

use super::super::batch::{Batch, MISSING_WHOLE, Moment, Pick, TextColumn, UNKNOWN_HOUR, Values};
use super::super::column::check_day;
use super::super::error::DataError;
use super::super::schema::Kind;
use super::Source;
use super::parse::{self, Origin};

/// Rows of a batch.
const BATCH_ROWS: NonZeroUsize = NonZeroUsize::new(1 << 17).expect("not zero");

/// Names of the columns.
pub(super) fn header(source: &Source<'_>) -> Result<Vec<String>, DataError> {
    let schema = guarded(source, || scan(source)?.collect_schema())?;
    Ok(schema.iter_names().map(|name| name.to_string()).collect())
}

/// Hands the picked columns on in batches and returns the number of rows.
pub(super) fn read(
    source: &Source<'_>,
    picks: &[Pick],
    sink: &mut dyn FnMut(Batch) -> Result<(), DataError>,
) -> Result<usize, DataError> {
    let expected = n_rows(source)?;
    let mut names: Vec<&str> = picks.iter().map(|pick| pick.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(expected);
    }
    let wanted: Vec<Expr> = names.into_iter().map(col).collect();
    let query = guarded(source, || scan(source).map(|frame| frame.select(wanted)))?;
    let mut rows = 0;
    for frame in batches(query) {
        let frame = frame.map_err(|reason| source.unreadable(&reason))?;
        let mut columns = Vec::with_capacity(picks.len());
        for pick in picks {
            let column = frame.column(&pick.name).map_err(|reason| source.unreadable(&reason))?;
            let reader = Reader { source, pick, first_row: rows };
            columns.push(reader.values(column.as_materialized_series())?);
        }
        let batch = Batch { first_row: rows, rows: frame.height(), columns };
        rows += batch.rows;
        sink(batch)?;
    }
    if rows != expected {
        // A decoder that panics on a broken page ends the stream without a word.
        let reason = format!("it says it has {expected} rows, but only {rows} can be read");
        return Err(source.unreadable(&reason));
    }
    Ok(rows)
}

/// Runs a query in a thread of its own and hands its rows on as they are decoded, in order.
fn batches(query: LazyFrame) -> impl Iterator<Item = PolarsResult<DataFrame>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let failed = sender.clone();
    let deliver = move |frame| {
        // True stops the query: nobody listens any more.
        Ok(sender.send(Ok(frame)).is_err())
    };
    std::thread::spawn(move || {
        let query = query.sink_batches(PlanCallback::new(deliver), true, Some(BATCH_ROWS));
        if let Err(reason) = query.and_then(|query| query.collect_with_engine(Engine::Streaming)) {
            // A reader that has hung up has its own error to report.
            let _ = failed.send(Err(reason));
        }
    });
    receiver.into_iter()
}

/// Number of rows that the file says it has.
pub(super) fn n_rows(source: &Source<'_>) -> Result<usize, DataError> {
    let file = File::open(source.file).map_err(|reason| source.unreadable(&reason))?;
    guarded(source, || ParquetReader::new(file).num_rows())
}

/// Runs a decoder that may panic on a broken file.
fn guarded<T>(
    source: &Source<'_>,
    decode: impl FnOnce() -> PolarsResult<T>,
) -> Result<T, DataError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|reason| source.unreadable(&reason)),
        Err(_) => Err(source.unreadable(&"the Parquet file is broken")),
    }
}

fn scan(source: &Source<'_>) -> PolarsResult<LazyFrame> {
    // Opening first gives the system's own words for a missing file.
    File::open(source.file)?;
    let path = PlRefPath::try_from_path(source.file)?;
    LazyFrame::scan_parquet(path, ScanArgsParquet { glob: false, ..Default::default() })
}

/// Turns one column of a batch into values.
struct Reader<'a> {
    source: &'a Source<'a>,
    pick: &'a Pick,
    first_row: usize,
}

impl Reader<'_> {
    fn values(&self, series: &Series) -> Result<Values, DataError> {
        let dtype = series.dtype();
        if matches!(dtype, DataType::String | DataType::Categorical(..) | DataType::Enum(..)) {
            return self.texts(series);
        }
        if *dtype == DataType::Null {
            return Ok(missing(self.pick.kind, series.len()));
        }
        match self.pick.kind {
            Kind::Number if dtype.is_primitive_numeric() => self.numbers(series),
            Kind::Day if dtype.is_temporal() && *dtype != DataType::Time => self.moments(series),
            Kind::Identifier if dtype.is_primitive_numeric() => self.wholes(series),
            kind => Err(self.wrong_type(
                0,
                format!("a column of type {dtype}"),
                match kind {
                    Kind::Identifier => "a column of strings or integers",
                    Kind::Number => "a column of numbers",
                    Kind::Day => "a column of dates, timestamps or ISO strings",
                },
            )),
        }
    }

    fn texts(&self, series: &Series) -> Result<Values, DataError> {
        let texts = series.cast(&DataType::String).map_err(|reason| self.fail(&reason))?;
        let texts = texts.str().map_err(|reason| self.fail(&reason))?;
        if let Some(column) = (self.pick.kind == Kind::Identifier).then(|| shared(texts)).flatten()
        {
            return Ok(Values::Text(column));
        }
        let cells = texts.iter().map(|text| parse::trim(text.unwrap_or("").as_bytes()));
        let dialect = self.source.dialect;
        let refuse = |row: usize, text: &[u8]| {
            parse::explain(self.pick.kind, text, dialect, self.origin(row))
        };
        match self.pick.kind {
            Kind::Identifier => {
                let mut column = TextColumn::default();
                for text in cells {
                    column.push(if parse::is_missing_identifier(text) { b"" } else { text });
                }
                Ok(Values::Text(column))
            }
            Kind::Number => {
                let number =
                    |(row, text)| parse::number(text, dialect).ok_or_else(|| refuse(row, text));
                cells.enumerate().map(number).collect::<Result<_, _>>().map(Values::Numbers)
            }
            Kind::Day => {
                let moment =
                    |(row, text)| parse::moment(text, dialect).ok_or_else(|| refuse(row, text));
                cells.enumerate().map(moment).collect::<Result<_, _>>().map(Values::Moments)
            }
        }
    }

    fn numbers(&self, series: &Series) -> Result<Values, DataError> {
        let values = series.cast(&DataType::Float64).map_err(|reason| self.fail(&reason))?;
        let values = values.f64().map_err(|reason| self.fail(&reason))?;
        let mut numbers = Vec::with_capacity(values.len());
        for chunk in values.downcast_iter() {
            match chunk.validity() {
                None => numbers.extend_from_slice(chunk.values()),
                Some(_) => numbers.extend(chunk.iter().map(|x| x.copied().unwrap_or(f64::NAN))),
            }
        }
        let too_large = |x: &f64| x.abs() > parse::LARGEST_NUMBER;
        // Without a way out the loop runs over several numbers at once.
        let any = numbers.iter().fold(false, |any, x| any | too_large(x));
        match any.then(|| numbers.iter().position(too_large)).flatten() {
            Some(row) => {
                let found = format!("`{:?}`", numbers[row]);
                Err(self.wrong_type(row, found, parse::NOT_TOO_LARGE))
            }
            None => Ok(Values::Numbers(numbers)),
        }
    }

    fn moments(&self, series: &Series) -> Result<Values, DataError> {
        let per_day = ticks_per_day(series.dtype());
        let physical = series.to_physical_repr().cast(&DataType::Int64);
        let physical = physical.map_err(|reason| self.fail(&reason))?;
        let ticks = physical.i64().map_err(|reason| self.fail(&reason))?;
        let moment = |tick: Option<i64>| match tick {
            None => Moment::MISSING,
            Some(tick) => match check_day(tick.div_euclid(per_day)) {
                None => Moment::IMPOSSIBLE,
                Some(day) if per_day < 24 => Moment { day, hour: UNKNOWN_HOUR },
                Some(day) => {
                    let hour = tick.rem_euclid(per_day) / (per_day / 24);
                    Moment { day, hour: hour as u8 }
                }
            },
        };
        Ok(Values::Moments(ticks.iter().map(moment).collect()))
    }

    fn wholes(&self, series: &Series) -> Result<Values, DataError> {
        let dtype = series.dtype();
        let whole = series.cast(&DataType::Int64).map_err(|reason| self.fail(&reason))?;
        // pandas stores integers with gaps as floats, so whole floats are identifiers too.
        let exact = whole.null_count() == series.null_count()
            && (dtype.is_integer() || is_whole(series).map_err(|reason| self.fail(&reason))?);
        if !exact {
            let expected = "a column of strings or 64-bit integers";
            return Err(self.wrong_type(0, format!("a column of type {dtype}"), expected));
        }
        let whole = whole.i64().map_err(|reason| self.fail(&reason))?;
        Ok(Values::Whole(whole.iter().map(|value| value.unwrap_or(MISSING_WHOLE)).collect()))
    }

    fn origin(&self, row: usize) -> Origin<'_> {
        Origin {
            table: self.source.table,
            file: self.source.file,
            row: self.first_row + row + self.source.first_row(),
            column: &self.pick.name,
        }
    }

    fn wrong_type(&self, row: usize, found: String, expected: &'static str) -> DataError {
        let Origin { table, file, row, column } = self.origin(row);
        let (file, column) = (file.to_owned(), column.to_owned());
        DataError::WrongType { table, file, row, column, found, expected }
    }

    fn fail(&self, reason: &PolarsError) -> DataError {
        self.source.unreadable(reason)
    }
}

/// Rows after which it shows whether texts are shared.
const TRIED: usize = 1 << 10;
/// Texts that are recognised without being read; a power of 2.
const RECOGNISED: usize = 64;

/// A column of few names, each of them held once; `None` when a row has none or most rows have one of
/// their own.
fn shared(texts: &StringChunked) -> Option<TextColumn> {
    let mut column = TextColumn::default();
    let mut rows = Vec::with_capacity(texts.len());
    let mut distinct = 0;
    if texts.null_count() > 0 {
        return None;
    }
    for chunk in texts.downcast_iter() {
        // A text as the decoder refers to it, up to 12 bytes itself and else a place in this chunk, and
        // its position in the column.
        let mut recent = [([u32::MAX; 4], 0_u32); RECOGNISED];
        for (row, view) in chunk.views().iter().enumerate() {
            let key = [view.length, view.prefix, view.buffer_idx, view.offset];
            let mixed =
                key.iter().fold(0_u32, |hash, part| (hash ^ part).wrapping_mul(0x9e37_79b1));
            let place = &mut recent[(mixed >> 26) as usize];
            if place.0 != key {
                let text = parse::trim(chunk.value(row).as_bytes());
                column.push(if parse::is_missing_identifier(text) { b"" } else { text });
                *place = (key, distinct);
                distinct += 1;
            }
            rows.push(place.1);
        }
        if rows.len() > TRIED && 2 * distinct as usize > rows.len() {
            return None;
        }
    }
    Some(TextColumn::shared(column, rows))
}

fn missing(kind: Kind, rows: usize) -> Values {
    match kind {
        Kind::Identifier => Values::Whole(vec![MISSING_WHOLE; rows]),
        Kind::Number => Values::Numbers(vec![f64::NAN; rows]),
        Kind::Day => Values::Moments(vec![Moment::MISSING; rows]),
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
