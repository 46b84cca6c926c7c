//! What an ingest can end in: a history in memory, a folder, or a list of rejected rows.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::assemble::Part;
use super::assess::{Assessment, assess};
use super::column::{date_of, day_of};
use super::config::DataConfig;
use super::error::DataError;
use super::forget::Forgotten;
use super::history::History;
use super::ingest::{Frame, Request, Rest, Sink, Snapshots, ingest as run};
use super::market::Priced;
use super::ranks::Names;
use super::rules::Rule;
use super::store::{self, FolderSink};
use super::table;
use crate::features::Matrix;
use crate::features::behaviour::feature_specs;

/// A list without customers.
static NOBODY: Forgotten = Forgotten::new();

/// A transaction line that cleaning removed, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRow {
    /// The file.
    pub file: PathBuf,
    /// Row of the file, counted from 1, where a CSV header is row 1.
    pub row: usize,
    /// The rule that rejected it.
    pub rule: Rule,
    /// Its sales value, money; `None` when missing.
    pub sales_value: Option<f64>,
}

/// Reads, cleans and aggregates the configured tables into memory.
///
/// `base_dir` is the folder of the config file; `salt` goes into the customer hashes. The same
/// content and salt give the same history, bit for bit.
///
/// # Errors
/// [`DataError`] naming the file, row and column of the first thing that cannot be used.
pub fn ingest(config: &DataConfig, base_dir: &Path, salt: &str) -> Result<History, DataError> {
    let spill_dir = std::env::temp_dir();
    in_memory(&request(config, base_dir, salt, &spill_dir)).map(|(history, _)| history)
}

/// The same with the customer features as of a day, shape `[n_customers, n_features]`, in the order
/// of [`feature_specs`](crate::features::behaviour::feature_specs).
///
/// # Errors
/// As [`ingest`].
pub fn ingest_as_of(
    config: &DataConfig,
    base_dir: &Path,
    salt: &str,
    as_of: NaiveDate,
) -> Result<(History, Matrix), DataError> {
    let spill_dir = std::env::temp_dir();
    let snapshots = Snapshots::AsOf(day_of(as_of));
    let request = Request { snapshots, ..request(config, base_dir, salt, &spill_dir) };
    in_memory(&request)
}

fn in_memory(request: &Request<'_>) -> Result<(History, Matrix), DataError> {
    let config = request.config;
    let mut sink = MemorySink::default();
    let rest = run(request, &mut sink)?;
    let n_features = feature_specs(&rest.frame.categories).len();
    let (mut history, observed) = history_of(rest, config);
    if config.clean.exclude_anomalous_weeks {
        let assessment = assess(&observed, &history.quality);
        history.anomalous_weeks = anomalous_weeks(config, &assessment, &history);
    }
    history.customers = sink.customers;
    history.original_ids = config.keep_ids.then_some(sink.ids);
    history.cells = sink.cells;
    history.fingerprint = history.compute_fingerprint();
    let mut features = Matrix::new(n_features);
    for row in sink.features.chunks_exact(n_features) {
        let pushed = features.push(row);
        debug_assert!(pushed, "a chunk is a row");
    }
    Ok((history, features))
}

/// The same, written piece by piece into an existing folder together with customer features, price
/// ledger and quality assessment; the history is never held whole.
///
/// `weeks_before_end` names weeks, counted back from the end, for which features are also computed.
/// The caller makes the folder appear at once by renaming it.
///
/// # Errors
/// As [`ingest`], and [`DataError::Store`] when the folder cannot be written.
pub fn ingest_into(
    config: &DataConfig,
    base_dir: &Path,
    salt: &str,
    weeks_before_end: &[u32],
    dir: &Path,
) -> Result<Assessment, DataError> {
    ingest_into_without(&NOBODY, config, base_dir, salt, weeks_before_end, dir)
}

/// The same without the customers of a list; their lines count under a rule of their own.
///
/// # Errors
/// As [`ingest_into`].
pub fn ingest_into_without(
    forgotten: &Forgotten,
    config: &DataConfig,
    base_dir: &Path,
    salt: &str,
    weeks_before_end: &[u32],
    dir: &Path,
) -> Result<Assessment, DataError> {
    let snapshots = Snapshots::Regular { weeks_before_end };
    let sampled = config.product_sample_customers;
    let request = Request { snapshots, sampled, forgotten, ..request(config, base_dir, salt, dir) };
    let mut sink = FolderSink::new(dir, config.keep_ids);
    let mut rest = run(&request, &mut sink)?;
    store::save_products(&std::mem::take(&mut rest.products), dir)?;
    let (fingerprint, ledger) = sink.finish()?;
    let (mut history, observed) = history_of(rest, config);
    let assessment = assess(&observed, &history.quality);
    history.anomalous_weeks = anomalous_weeks(config, &assessment, &history);
    history.fingerprint = fingerprint.finish(&history);
    store::save_rest(&history, dir)?;
    store::save_assessment(&assessment, &ledger, dir)?;
    Ok(assessment)
}

/// The transaction lines that cleaning removes, by file and row.
///
/// # Errors
/// As [`ingest`], except that it is no error when every line is rejected.
pub fn rejected_rows(config: &DataConfig, base_dir: &Path) -> Result<Vec<RejectedRow>, DataError> {
    let spill_dir = std::env::temp_dir();
    let request = Request { list_rejected: true, ..request(config, base_dir, "", &spill_dir) };
    let rest = run(&request, &mut MemorySink::default())?;
    let row = |(file, row, rejection): (PathBuf, usize, super::rules::Rejection)| RejectedRow {
        file,
        row,
        rule: rejection.rule,
        sales_value: Some(rejection.sales).filter(|sales| !sales.is_nan()),
    };
    Ok(rest.rejected.into_iter().map(row).collect())
}

/// Opens every configured file and checks its header; returns one line per file for people.
///
/// # Errors
/// [`DataError`] naming the first file that cannot be read or lacks a column.
pub fn check_files(config: &DataConfig, base_dir: &Path) -> Result<Vec<String>, DataError> {
    config.validate()?;
    let dir = config.resolved_dir(base_dir);
    let mut lines = Vec::new();
    for (schema, table) in config.tables() {
        lines.append(&mut table::check(schema, table, &dir)?);
    }
    Ok(lines)
}

fn request<'a>(
    config: &'a DataConfig,
    base_dir: &'a Path,
    salt: &'a str,
    spill_dir: &'a Path,
) -> Request<'a> {
    Request {
        config,
        base_dir,
        salt,
        spill_dir,
        snapshots: Snapshots::None,
        sampled: 0,
        list_rejected: false,
        forgotten: &NOBODY,
    }
}

/// The weeks to be left out of the fit, when asked for.
fn anomalous_weeks(config: &DataConfig, assessment: &Assessment, history: &History) -> Vec<u32> {
    let starts: Vec<_> = assessment.outlier_weeks().collect();
    let is_outlier = |week: &u32| starts.contains(&history.week_start(*week));
    let asked = config.clean.exclude_anomalous_weeks;
    (0..history.n_weeks).filter(|week| asked && is_outlier(week)).collect()
}

/// A history without customers and cells, and what was observed.
fn history_of(rest: Rest, config: &DataConfig) -> (History, super::assess::Observed) {
    let Frame { weeks, categories, .. } = rest.frame;
    let history = History {
        first_week: date_of(weeks.first_day),
        n_weeks: weeks.count,
        customers: Vec::new(),
        original_ids: None,
        categories: rest.category_totals.describe(categories, config.default_margin_rate),
        cells: Vec::new(),
        shelf_depth: rest.market.shelf_depth,
        price_index: rest.market.price_index,
        offers: rest.offers,
        exposures: rest.exposures,
        anomalous_weeks: Vec::new(),
        quality: rest.quality,
        fingerprint: String::new(),
    };
    (history, rest.observed)
}

/// Keeps customers and cells.
#[derive(Default)]
struct MemorySink {
    customers: Vec<String>,
    ids: Vec<String>,
    cells: Vec<super::history::Cell>,
    features: Vec<f64>,
}

impl Sink for MemorySink {
    fn begin(&mut self, _: &Frame) -> Result<(), DataError> {
        Ok(())
    }

    fn part(&mut self, mut part: Part, names: Names<'_>) -> Result<(), DataError> {
        let before = self.customers.len() as u32;
        for rank in &part.ranks {
            self.customers.push(names.hash(*rank).to_owned());
            self.ids.push(names.id(*rank).to_owned());
        }
        part.cells.iter_mut().for_each(|cell| cell.customer += before);
        self.cells.append(&mut part.cells);
        part.features.iter().for_each(|rows| self.features.extend(rows));
        Ok(())
    }

    fn prices(&mut self, _: &[Priced], _: Names<'_>) -> Result<(), DataError> {
        Ok(())
    }
}
