//! One CSV or Parquet file, read batch by batch in its own order.

pub(in crate::data) mod csv;
mod parquet;
pub(in crate::data) mod parse;
pub(in crate::data) mod paths;
pub(in crate::data) mod text;

use std::path::Path;

use super::batch::{Batch, Pick};
use super::error::DataError;
use parse::Dialect;

/// One file of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// Table of the config.
    pub(super) table: &'static str,
    /// The file.
    pub(super) file: &'a Path,
    /// How its text is written.
    pub(super) dialect: &'a Dialect,
}

impl Source<'_> {
    /// Number that messages give to the first data row.
    pub(super) fn first_row(&self) -> usize {
        if self.is_parquet() { 1 } else { 2 }
    }

    /// Names of the columns.
    pub(super) fn header(&self) -> Result<Vec<String>, DataError> {
        match self.is_parquet() {
            true => parquet::header(self),
            false => csv::header(self.file, self.dialect, self.table),
        }
    }

    /// Hands the picked columns on in batches and returns the number of rows.
    pub(super) fn read(
        &self,
        picks: &[Pick],
        sink: &mut dyn FnMut(Batch) -> Result<(), DataError>,
    ) -> Result<usize, DataError> {
        match self.is_parquet() {
            true => parquet::read(self, picks, sink),
            false => csv::read(self.file, self.dialect, self.table, picks, sink),
        }
    }

    /// Number of rows, where the file says it without being read.
    pub(super) fn stated_rows(&self) -> Option<usize> {
        if self.is_parquet() { parquet::n_rows(self).ok() } else { None }
    }

    fn is_parquet(&self) -> bool {
        self.file.extension().is_some_and(|extension| extension == "parquet" || extension == "pq")
    }

    fn unreadable(&self, reason: &dyn std::fmt::Display) -> DataError {
        let (table, file) = (self.table, self.file.to_owned());
        DataError::Unreadable { table, file, reason: reason.to_string() }
    }
}
