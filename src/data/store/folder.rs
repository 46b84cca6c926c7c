//! Files of a saved history: Parquet tables written piece by piece, and JSON.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::super::error::DataError;

/// The folder of a saved history.
pub(super) struct Folder<'a> {
    pub(super) dir: &'a Path,
}

impl Folder<'_> {
    pub(super) fn error(&self, name: &str, reason: &dyn std::fmt::Display) -> DataError {
        DataError::Store { path: self.dir.join(name), reason: reason.to_string() }
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), DataError> {
        let text =
            serde_json::to_string_pretty(value).map_err(|reason| self.error(name, &reason))?;
        std::fs::write(self.dir.join(name), text + "\n").map_err(|reason| self.error(name, &reason))
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, DataError> {
        let text = std::fs::read_to_string(self.dir.join(name));
        let text = text.map_err(|reason| self.error(name, &reason))?;
        serde_json::from_str(&text).map_err(|reason| self.error(name, &reason))
    }

    /// Writes a whole table.
    pub(super) fn write(&self, table: &str, columns: Vec<Column>) -> Result<(), DataError> {
        let mut writer = TableWriter::new(self.dir, table);
        writer.write(columns)?;
        writer.finish()
    }

    pub(super) fn read(&self, table: &str) -> Result<Saved, DataError> {
        let path = self.dir.join(format!("{table}.parquet"));
        let fail = |reason: String| DataError::Store { path: path.clone(), reason };
        File::open(&path).map_err(|reason| fail(reason.to_string()))?;
        let reference =
            PlRefPath::try_from_path(&path).map_err(|reason| fail(reason.to_string()))?;
        let options = ScanArgsParquet { glob: false, ..Default::default() };
        let frame = LazyFrame::scan_parquet(reference, options).and_then(LazyFrame::collect);
        let frame = frame.map_err(|reason| fail(reason.to_string()))?;
        Ok(Saved { frame, path })
    }
}

/// One saved table.
pub(super) struct Saved {
    frame: DataFrame,
    path: PathBuf,
}

impl Saved {
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.frame.get_column_names().into_iter().map(|name| name.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.frame.get_column_index(name).is_some()
    }

    fn values<T>(
        &self,
        name: &str,
        convert: impl Fn(&Column) -> PolarsResult<Option<Vec<T>>>,
    ) -> Result<Vec<T>, DataError> {
        let fail = |reason: String| DataError::Store { path: self.path.clone(), reason };
        let values = self.frame.column(name).and_then(convert);
        let values = values.map_err(|reason| fail(reason.to_string()))?;
        values.ok_or_else(|| fail(format!("column `{name}` has missing or too large values")))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, DataError> {
        self.values(name, |column| {
            Ok(column.str()?.iter().map(|text| text.map(str::to_owned)).collect())
        })
    }

    pub(super) fn optional_texts(&self, name: &str) -> Result<Vec<Option<String>>, DataError> {
        self.values(name, |column| {
            Ok(Some(column.str()?.iter().map(|text| text.map(str::to_owned)).collect()))
        })
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, DataError> {
        self.values(name, |column| Ok(column.f64()?.iter().collect()))
    }

    pub(super) fn optional_numbers(&self, name: &str) -> Result<Vec<Option<f64>>, DataError> {
        self.values(name, |column| Ok(Some(column.f64()?.iter().collect())))
    }

    pub(super) fn whole(&self, name: &str) -> Result<Vec<u32>, DataError> {
        self.values(name, |column| Ok(column.u32()?.iter().collect()))
    }

    pub(super) fn optional_whole(&self, name: &str) -> Result<Vec<Option<u32>>, DataError> {
        self.values(name, |column| Ok(Some(column.u32()?.iter().collect())))
    }

    pub(super) fn signed(&self, name: &str) -> Result<Vec<i64>, DataError> {
        self.values(name, |column| Ok(column.i64()?.iter().collect()))
    }

    pub(super) fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, DataError> {
        self.values(name, |column| Ok(Some(column.bool()?.iter().collect())))
    }

    pub(super) fn short(&self, name: &str) -> Result<Vec<u16>, DataError> {
        let narrow = |value: Option<u32>| u16::try_from(value?).ok();
        self.values(name, |column| Ok(column.u32()?.iter().map(narrow).collect()))
    }
}

/// A Parquet table written one row group at a time; the first piece fixes its columns.
pub(in crate::data) struct TableWriter {
    path: PathBuf,
    writer: Option<BatchedWriter<BufWriter<File>>>,
}

impl TableWriter {
    pub(in crate::data) fn new(dir: &Path, table: &str) -> Self {
        Self { path: dir.join(format!("{table}.parquet")), writer: None }
    }

    /// Appends rows.
    pub(in crate::data) fn write(&mut self, columns: Vec<Column>) -> Result<(), DataError> {
        let written = (|| {
            let height = columns.first().map_or(0, Column::len);
            let frame = DataFrame::new(height, columns)?;
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => {
                    let file = BufWriter::new(File::create(&self.path)?);
                    let writer =
                        ParquetWriter::new(file).with_compression(ParquetCompression::Snappy);
                    none.insert(writer.batched(frame.schema())?)
                }
            };
            writer.write_batch(&frame)
        })();
        written.map_err(|reason| self.failed(&reason))
    }

    /// Ends the file; a table of which nothing was written has no file.
    pub(in crate::data) fn finish(mut self) -> Result<(), DataError> {
        match self.writer.take() {
            Some(writer) => writer.finish().map(|_| ()).map_err(|reason| self.failed(&reason)),
            None => Ok(()),
        }
    }

    fn failed(&self, reason: &PolarsError) -> DataError {
        DataError::Store { path: self.path.clone(), reason: reason.to_string() }
    }
}

pub(super) fn texts<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

pub(super) fn whole(name: &str, values: impl Iterator<Item = u32>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

pub(super) fn numbers(name: &str, values: impl Iterator<Item = f64>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}
