//! Customers who asked to be forgotten: how the run folder remembers to leave them out without
//! holding the name under which they appeared, and where that name could still be.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::history::{hash_customer, hex};
use super::store;

/// First words of the list.
const HEADER: &str = "salt";

/// Marks of customers who are left out of an ingest.
///
/// A mark is a second salted hash over the customer's hash, so that the list does not hold the name
/// under which the customer stands in older copies of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    marks: BTreeSet<String>,
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut mark = hex(&digest.finalize());
    mark.truncate(32);
    mark
}

impl Forgotten {
    /// A list without customers.
    #[must_use]
    pub const fn new() -> Self {
        Self { marks: BTreeSet::new() }
    }

    /// Adds a customer; false when the customer was on the list.
    pub fn add(&mut self, salt: &str, id: &str) -> bool {
        self.marks.insert(Self::mark(salt, &hash_customer(salt, id)))
    }

    /// Whether the customer of this hash is on the list.
    pub(super) fn holds(&self, salt: &str, hash: &str) -> bool {
        !self.marks.is_empty() && self.marks.contains(&Self::mark(salt, hash))
    }

    /// Whether nobody is on the list.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Number of customers on the list.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// The list as a file: a line that tells the salt by its digest, then one mark a line.
    pub fn to_text(&self, salt: &str) -> String {
        let marks = self.marks.iter().map(|mark| format!("{mark}\n"));
        format!("{HEADER} {}\n{}", Self::salt_mark(salt), marks.collect::<String>())
    }

    /// Reads the list back.
    ///
    /// # Errors
    /// A reason when it was written under another salt, under which the marks would mean nobody.
    pub fn from_text(text: &str, salt: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let first = format!("{HEADER} {}", Self::salt_mark(salt));
        if lines.next() != Some(&first) {
            return Err("it was written under another salt (or seed), so nobody on it would be \
                        recognised; set the salt and seed of then, or delete the list and run \
                        `promopt forget` again for everybody on it"
                .to_owned());
        }
        let marks = lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        Ok(Self { marks: marks.collect() })
    }

    fn mark(salt: &str, hash: &str) -> String {
        digest(&["forgotten", salt, hash])
    }

    fn salt_mark(salt: &str) -> String {
        digest(&["salt of the forgotten", salt])
    }
}

/// Whether a saved history holds the customer of this hash.
///
/// # Errors
/// [`DataError::Store`] when the list of customers cannot be read.
pub fn history_holds(dir: &Path, hash: &str) -> Result<bool, DataError> {
    Ok(store::saved_customers(dir)?.iter().any(|customer| customer == hash))
}

/// What a file says about a customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// It holds the hash.
    pub hash: bool,
    /// It holds the identifier as it stands in the team's files.
    pub id: bool,
}

/// Shorter identifiers are looked for in whole fields only; as a part of a text they mean nothing.
const DISTINCTIVE: usize = 6;

/// Looks for a customer in one file. Parquet is searched in its columns of text, by whole values;
/// CSV by whole fields in columns that `is_customer` accepts; any other file byte by byte, for the
/// hash and, as a whole word, for an identifier of at least six characters.
///
/// # Errors
/// [`DataError::Store`] when the file cannot be read.
pub fn look_for(
    file: &Path,
    hash: &str,
    id: &str,
    is_customer: &dyn Fn(&str) -> bool,
) -> Result<Found, DataError> {
    let failed = |reason: String| DataError::Store { path: file.to_owned(), reason };
    let end = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if end == "parquet" || end == "pq" {
        return look_in_parquet(file, hash, id).map_err(failed);
    }
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|reason| failed(reason.to_string()))?;
    let in_table = matches!(&*end, "csv" | "tsv" | "txt") && in_fields(&bytes, id, is_customer);
    let id = in_table || id.len() >= DISTINCTIVE && has_word(&bytes, id.as_bytes());
    Ok(Found { hash: find(&bytes, hash.as_bytes()).next().is_some(), id })
}

fn look_in_parquet(file: &Path, hash: &str, id: &str) -> Result<Found, String> {
    let read = || -> PolarsResult<Found> {
        let mut found = Found::default();
        let options = ScanArgsParquet { glob: false, ..Default::default() };
        let mut frame = LazyFrame::scan_parquet(PlRefPath::try_from_path(file)?, options)?;
        let schema = frame.collect_schema()?;
        for (name, _) in schema.iter().filter(|(_, dtype)| **dtype == DataType::String) {
            let column = frame.clone().select([col(name.clone())]).collect()?;
            for text in column.column(name)?.str()?.iter().flatten() {
                found.hash |= text.contains(hash);
                found.id |= text == id;
            }
        }
        Ok(found)
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(found) => found.map_err(|reason| reason.to_string()),
        Err(_) => Err("the Parquet file is broken".to_owned()),
    }
}

/// Whether a column of customers in a table holds this identifier.
fn in_fields(bytes: &[u8], id: &str, is_customer: &dyn Fn(&str) -> bool) -> bool {
    [b',', b';', b'\t', b'|'].into_iter().any(|delimiter| {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
        let Ok(header) = reader.byte_headers().cloned() else { return false };
        let columns: Vec<usize> = (0..header.len())
            .filter(|&column| is_customer(String::from_utf8_lossy(&header[column]).trim()))
            .collect();
        let mut rows = reader.byte_records().map_while(Result::ok);
        let holds = |row: csv::ByteRecord| {
            columns.iter().any(|&column| row.get(column).is_some_and(|cell| cell == id.as_bytes()))
        };
        !columns.is_empty() && rows.any(holds)
    })
}

/// Where a text begins in another.
fn find<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = bytes.windows(wanted.len().max(1)).enumerate();
    windows.filter(move |(_, window)| *window == wanted).map(|(at, _)| at)
}

fn has_word(bytes: &[u8], word: &[u8]) -> bool {
    let ends = |neighbour: Option<&u8>| {
        neighbour.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_.-".contains(byte))
    };
    find(bytes, word).any(|at| {
        ends(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && ends(bytes.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_holds_neither_hash_nor_identifier() {
        let mut list = Forgotten::default();
        assert!(list.add("s", "c1") && list.add("s", "c2") && !list.add("s", "c1"));
        let text = list.to_text("s");
        let hash = hash_customer("s", "c1");
        assert!(!text.contains(&hash) && !text.contains("c1"), "{text}");
        let back = Forgotten::from_text(&text, "s").expect("the same salt");
        assert_eq!(back, list);
        assert!(back.holds("s", &hash) && !back.holds("s", &hash_customer("s", "c3")));
    }

    #[test]
    fn a_list_under_another_salt_is_refused() {
        let mut list = Forgotten::default();
        list.add("s", "c1");
        let error = Forgotten::from_text(&list.to_text("s"), "t").expect_err("another salt");
        assert!(error.contains("promopt forget"), "{error}");
    }

    #[test]
    fn a_customer_is_found_in_tables_and_texts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let is_customer = |name: &str| name == "customer_id";
        let look = |name: &str, content: &str, id: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, content).expect("writable");
            let found = look_for(&file, "0123456789abcdef", id, &is_customer).expect("readable");
            (found.hash, found.id)
        };
        assert_eq!(look("a.csv", "customer_id,x\n7,1\n", "7"), (false, true));
        assert_eq!(look("a.csv", "customer_id;x\n7;1\n", "7"), (false, true));
        assert_eq!(look("a.csv", "customer_id,x\n1,7\n", "7"), (false, false));
        assert_eq!(look("a.json", "{\"n\": 7}", "7"), (false, false));
        assert_eq!(look("a.json", "{\"who\": \"C-00012\"}", "C-00012"), (false, true));
        assert_eq!(look("a.json", "{\"who\": \"C-000123\"}", "C-00012"), (false, false));
        assert_eq!(look("a.html", "<i>0123456789abcdef</i>", "7"), (true, false));
    }

    #[test]
    fn a_customer_is_found_in_compressed_parquet() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("customers.parquet");
        let names = Column::new("customer".into(), ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]);
        let mut frame = DataFrame::new(2, vec![names]).expect("one column");
        let out = File::create(&file).expect("writable");
        ParquetWriter::new(out).finish(&mut frame).expect("writable");
        let look = |hash: &str| look_for(&file, hash, "x", &|_| true).expect("readable").hash;
        assert!(look("bbbbbbbbbbbbbbbb") && !look("cccccccccccccccc"));
    }
}
