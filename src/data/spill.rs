//! Lines in parts that fit into memory, kept in memory while they fit and on disk when not.
//!
//! A part is a run of customers (or products), so that each can be sorted and summed alone. Blocks
//! that outgrow the memory budget go to one unnamed temporary file, which the system removes even
//! when the process is killed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::error::DataError;

/// Number of parts: at 100 million lines a part has 400,000, some 30 MB when decoded.
pub(super) const N_PARTS: usize = 256;
/// Bytes kept in memory over all parts before blocks go to disk.
const MEMORY_BUDGET: usize = 768 << 20;

#[cfg(test)]
thread_local! {
    static TEST_BUDGET: std::cell::Cell<usize> = const { std::cell::Cell::new(MEMORY_BUDGET) };
}

/// Bytes by part.
#[derive(Debug)]
pub(super) struct Spill {
    parts: Vec<Mutex<Blocks>>,
    file: Mutex<Option<File>>,
    block_bytes: usize,
}

/// What one part holds.
#[derive(Debug, Default)]
struct Blocks {
    /// Place and length in the file, in the order of writing.
    on_disk: Vec<(u64, usize)>,
    in_memory: Vec<u8>,
}

impl Spill {
    /// An empty spill.
    pub(super) fn new() -> Self {
        #[cfg(test)]
        let budget = TEST_BUDGET.get();
        #[cfg(not(test))]
        let budget = MEMORY_BUDGET;
        Self::with_budget(budget)
    }

    /// What `work` returns when spills that this thread makes in it have another budget.
    #[cfg(test)]
    pub(super) fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
        let before = TEST_BUDGET.replace(bytes);
        let outcome = work();
        TEST_BUDGET.set(before);
        outcome
    }

    fn with_budget(bytes: usize) -> Self {
        let parts = (0..N_PARTS).map(|_| Mutex::default()).collect();
        Self { parts, file: Mutex::new(None), block_bytes: bytes / N_PARTS }
    }

    /// Appends to a part by letting `write` append to its buffer.
    pub(super) fn append(
        &self,
        part: usize,
        dir: &Path,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), DataError> {
        let mut blocks = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut blocks.in_memory);
        if blocks.in_memory.len() > self.block_bytes {
            let place = self.store(&blocks.in_memory, dir)?;
            blocks.on_disk.push(place);
            blocks.in_memory.clear();
        }
        Ok(())
    }

    /// Takes all bytes of a part, in the order they were appended; the part is then empty.
    pub(super) fn take(&self, part: usize, dir: &Path) -> Result<Vec<u8>, DataError> {
        let blocks = {
            let mut blocks = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *blocks)
        };
        if blocks.on_disk.is_empty() {
            return Ok(blocks.in_memory);
        }
        let stored: usize = blocks.on_disk.iter().map(|(_, length)| length).sum();
        let mut bytes = vec![0; stored];
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = guard.as_mut().expect("a block on disk was written to the file");
        let mut at = 0;
        for (place, length) in blocks.on_disk {
            let read = file
                .seek(SeekFrom::Start(place))
                .and_then(|_| file.read_exact(&mut bytes[at..at + length]));
            read.map_err(|reason| failed(dir, &reason))?;
            at += length;
        }
        drop(guard);
        bytes.extend_from_slice(&blocks.in_memory);
        Ok(bytes)
    }

    fn store(&self, bytes: &[u8], dir: &Path) -> Result<(u64, usize), DataError> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = (|| {
            let file = match &mut *guard {
                Some(file) => file,
                none => none.insert(tempfile::tempfile_in(dir)?),
            };
            let place = file.seek(SeekFrom::End(0))?;
            file.write_all(bytes)?;
            Ok((place, bytes.len()))
        })();
        written.map_err(|reason: std::io::Error| failed(dir, &reason))
    }
}

fn failed(dir: &Path, reason: &std::io::Error) -> DataError {
    DataError::Spill { dir: dir.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_to_disk_comes_back_in_order() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let spill = Spill::with_budget(N_PARTS * 100);
        let mut expected = vec![Vec::new(); 3];
        for step in 0..500_usize {
            let block = vec![step as u8; step % 37];
            expected[step % 3].extend_from_slice(&block);
            let appended = spill.append(step % 3, dir.path(), |out| out.extend_from_slice(&block));
            appended.expect("the folder can be written");
        }
        for (part, expected) in expected.iter().enumerate() {
            assert_eq!(&spill.take(part, dir.path()).expect("readable"), expected);
            assert!(spill.take(part, dir.path()).expect("readable").is_empty());
        }
    }
}
