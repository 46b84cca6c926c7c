//! Reads picked columns of a CSV file in batches: blocks that end with a record are parsed on all
//! threads and handed on in the order of the file, so that neither threads nor block size show.

mod block;
mod split;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use self::block::{Fault, Fields, Plan};
use self::split::{Blocks, Stop};
use super::super::batch::{Batch, Pick};
use super::super::error::DataError;
use super::parse::{Dialect, Encoding, Origin, explain, trim};
use super::text::{self, Text};

/// Number that messages give to the first data row; the header is row 1.
pub(in crate::data) const FIRST_ROW: usize = 2;

/// How much is read at once, in bytes.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    block: usize,
    longest_record: usize,
}

// A block and its batch stay near the processor's cache.
const SIZES: Sizes = Sizes { block: 1 << 20, longest_record: 16 << 20 };
const HEADER_SIZES: Sizes = Sizes { block: 64 << 10, ..SIZES };

/// Names of the columns, trimmed.
///
/// # Errors
/// [`DataError::EmptyFile`] when there is no name, else what [`read`] says of the first row.
pub(in crate::data) fn header(
    file: &Path,
    dialect: &Dialect,
    table: &'static str,
) -> Result<Vec<String>, DataError> {
    Ok(CsvFile { file, dialect, table }.open(HEADER_SIZES)?.names)
}

/// Refuses picked columns whose name stands twice in the header.
///
/// # Errors
/// [`DataError::AmbiguousColumn`] naming the first of them.
pub(in crate::data) fn check_unique(
    file: &Path,
    table: &'static str,
    names: &[String],
    picks: &[Pick],
) -> Result<(), DataError> {
    for pick in picks {
        let same = names.iter().enumerate().filter(|(_, name)| **name == pick.name);
        let positions: Vec<String> = same.map(|(index, _)| (index + 1).to_string()).collect();
        if positions.len() > 1 {
            return Err(DataError::AmbiguousColumn {
                table,
                file: file.to_owned(),
                column: pick.name.clone(),
                positions: positions.join(" and "),
            });
        }
    }
    Ok(())
}

/// Reads the picked columns, hands them to `sink` in batches in the order of the file, and
/// returns the number of rows. Blank lines are no rows.
///
/// # Errors
/// The first fault in the order of the file, naming row and column, or the first error of `sink`.
/// Batches before the fault have been handed on by then.
pub(in crate::data) fn read(
    file: &Path,
    dialect: &Dialect,
    table: &'static str,
    picks: &[Pick],
    sink: &mut dyn FnMut(Batch) -> Result<(), DataError>,
) -> Result<usize, DataError> {
    CsvFile { file, dialect, table }.read(SIZES, picks, sink)
}

#[derive(Debug, Clone, Copy)]
struct CsvFile<'a> {
    file: &'a Path,
    dialect: &'a Dialect,
    table: &'static str,
}

/// A file whose header has been read.
struct Opened {
    names: Vec<String>,
    encoding: Encoding,
    /// What follows the header in the block that held it.
    first: Vec<u8>,
    blocks: Blocks<Text>,
}

impl CsvFile<'_> {
    fn open(&self, sizes: Sizes) -> Result<Opened, DataError> {
        let text = text::open(self.file, self.dialect.encoding)
            .map_err(|reason| self.unreadable(reason.to_string()))?;
        let encoding = text.encoding;
        let mut blocks = Blocks::new(text, self.dialect, sizes.block, sizes.longest_record);
        loop {
            let block = blocks.next().map_err(|stop| self.stopped(&stop, 1))?;
            let Some(mut block) = block else { return Err(self.empty()) };
            let mut fields = Fields::default();
            let Some(end) = fields.split(&block, 0, self.dialect) else { continue };
            let name = |index| std::str::from_utf8(trim(fields.get(&block, index))).ok();
            let names: Option<Vec<String>> =
                (0..fields.len()).map(|index| name(index).map(str::to_owned)).collect();
            let Some(names) = names else { return Err(self.not_text(encoding, 1)) };
            if names.iter().all(String::is_empty) {
                return Err(self.empty());
            }
            if names.iter().any(|name| name.contains('\0')) {
                return Err(self.unreadable(format!(
                    "its header holds NUL bytes, so it is not {} text; set `encoding = \"utf-16le\"` or \
                     `encoding = \"utf-16be\"` in [data.{}]",
                    encoding.name(),
                    self.table
                )));
            }
            let first = block.split_off(end);
            return Ok(Opened { names, encoding, first, blocks });
        }
    }

    fn read(
        &self,
        sizes: Sizes,
        picks: &[Pick],
        sink: &mut dyn FnMut(Batch) -> Result<(), DataError>,
    ) -> Result<usize, DataError> {
        let Opened { names, encoding, first, mut blocks } = self.open(sizes)?;
        check_unique(self.file, self.table, &names, picks)?;
        if picks.iter().any(|pick| names.get(pick.position) != Some(&pick.name)) {
            return Err(self.unreadable("the header changed while it was read".to_owned()));
        }
        let plan = Plan { dialect: *self.dialect, picks, width: names.len() };
        let mut rows = 0;
        let mut deliver = |parsed: Result<Batch, Fault>| -> Result<(), DataError> {
            let mut batch = parsed.map_err(|fault| self.fault(fault, rows, picks, encoding))?;
            batch.first_row = rows;
            rows += batch.rows;
            if batch.rows == 0 { Ok(()) } else { sink(batch) }
        };
        let stopped = rayon::in_place_scope(|scope| -> Result<Option<Stop>, DataError> {
            let ahead = rayon::current_num_threads() + 1;
            let mut waiting = VecDeque::new();
            let parse = |block: Vec<u8>| {
                let (sender, receiver) = sync_channel(1);
                let plan = &plan;
                // Nobody listens any more once an earlier block was at fault.
                scope.spawn(move |_| drop(sender.send(plan.parse(&block))));
                receiver
            };
            waiting.push_back(parse(first));
            let stopped = loop {
                match blocks.next() {
                    Ok(Some(block)) => waiting.push_back(parse(block)),
                    Ok(None) => break None,
                    Err(stop) => break Some(stop),
                }
                if waiting.len() > ahead
                    && let Some(oldest) = waiting.pop_front()
                {
                    deliver(wait(&oldest))?;
                }
            };
            waiting.iter().try_for_each(|parsed| deliver(wait(parsed)))?;
            Ok(stopped)
        })?;
        match stopped {
            Some(stop) => Err(self.stopped(&stop, rows + FIRST_ROW)),
            None => Ok(rows),
        }
    }

    fn fault(
        &self,
        fault: Fault,
        rows_before: usize,
        picks: &[Pick],
        encoding: Encoding,
    ) -> DataError {
        let (table, file) = (self.table, self.file);
        let row_of = |row: usize| rows_before + row + FIRST_ROW;
        match fault {
            Fault::Ragged { row, expected, found } => {
                let (expected, found) = (expected as u64, found as u64);
                let file = file.to_owned();
                DataError::Malformed { table, file, row: row_of(row), expected, found }
            }
            Fault::NotText { row } => self.not_text(encoding, row_of(row)),
            Fault::Cell { row, pick, text } => {
                let Pick { name, kind, .. } = &picks[pick];
                let origin = Origin { table, file, row: row_of(row), column: name };
                explain(*kind, &text, self.dialect, origin)
            }
        }
    }

    fn stopped(&self, stop: &Stop, row: usize) -> DataError {
        let found = match stop {
            Stop::Broken(reason) => return self.unreadable(reason.to_string()),
            Stop::OpenQuote => "the end of the file inside quotes",
            Stop::TooLong => "more than 16 MiB without one",
        };
        DataError::EndlessRecord { table: self.table, file: self.file.to_owned(), row, found }
    }

    fn not_text(&self, encoding: Encoding, row: usize) -> DataError {
        match encoding {
            Encoding::Utf8 => {
                DataError::NotUtf8 { table: self.table, file: self.file.to_owned(), row }
            }
            other => self.unreadable(format!("row {row} is not {}", other.name())),
        }
    }

    fn empty(&self) -> DataError {
        DataError::EmptyFile { table: self.table, file: self.file.to_owned() }
    }

    fn unreadable(&self, reason: String) -> DataError {
        DataError::Unreadable { table: self.table, file: self.file.to_owned(), reason }
    }
}

/// The next parsed block. A thread of the pool lends a hand meanwhile, since it may be the only one.
fn wait<T>(receiver: &Receiver<T>) -> T {
    const ANSWERED: &str = "a parser answers before it ends";
    loop {
        match receiver.try_recv() {
            Ok(parsed) => return parsed,
            Err(TryRecvError::Disconnected) => return receiver.recv().expect(ANSWERED),
            Err(TryRecvError::Empty) => match rayon::yield_now() {
                Some(rayon::Yield::Executed) => {}
                Some(rayon::Yield::Idle) => std::thread::yield_now(),
                None => return receiver.recv().expect(ANSWERED),
            },
        }
    }
}
