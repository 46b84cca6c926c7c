//! Customer features as of the start of a week: one Parquet table per week.

use std::path::Path;

use polars::prelude::*;

use super::super::error::DataError;
use super::folder::{Folder, numbers, texts};
use crate::features::Matrix;

const PREFIX: &str = "features_week_";

/// The features of all customers as of the start of a week.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The week before which purchases and contacts were read.
    pub week: u32,
    /// Names of the features.
    pub names: Vec<String>,
    /// Features by customer of the history, shape `[n_customers, n_features]`; NaN where undefined.
    pub features: Matrix,
}

/// Name of the table of a week.
pub(super) fn table(week: u32) -> String {
    format!("{PREFIX}{week}")
}

/// Columns of the features of some customers, given row by row.
pub(super) fn columns(hashes: &[String], names: &[String], values: &[f64]) -> Vec<Column> {
    let mut columns = vec![texts("customer", hashes.iter().map(String::as_str))];
    for (index, name) in names.iter().enumerate() {
        columns.push(numbers(name, values.iter().skip(index).step_by(names.len()).copied()));
    }
    columns
}

/// Weeks of which a saved history has the features, ascending.
///
/// # Errors
/// [`DataError::Store`] when the folder cannot be read.
pub fn snapshot_weeks(dir: &Path) -> Result<Vec<u32>, DataError> {
    let entries = std::fs::read_dir(dir)
        .map_err(|reason| DataError::Store { path: dir.to_owned(), reason: reason.to_string() })?;
    let week =
        |name: &str| name.strip_prefix(PREFIX)?.strip_suffix(".parquet")?.parse::<u32>().ok();
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut weeks: Vec<u32> = names.filter_map(|name| week(&name)).collect();
    weeks.sort_unstable();
    Ok(weeks)
}

/// The features as of the start of a week.
///
/// # Errors
/// [`DataError::Store`] when there is no snapshot of that week or it cannot be read.
pub fn load_snapshot(dir: &Path, week: u32) -> Result<Snapshot, DataError> {
    let saved = Folder { dir }.read(&table(week))?;
    let names: Vec<String> =
        saved.column_names().filter(|name| *name != "customer").map(str::to_owned).collect();
    let columns: Vec<Vec<f64>> =
        names.iter().map(|name| saved.numbers(name)).collect::<Result<_, _>>()?;
    let n_rows = columns.first().map_or(0, Vec::len);
    let mut features = Matrix::new(names.len());
    let mut row = Vec::with_capacity(names.len());
    for index in 0..n_rows {
        row.clear();
        row.extend(columns.iter().map(|column| column[index]));
        let pushed = features.push(&row);
        debug_assert!(pushed, "a row has one value per column");
    }
    Ok(Snapshot { week, names, features })
}
