//! The way from config to history, one screen per step.

use std::path::{Path, PathBuf};

use super::aggregate::{self, Grouping, PlacedLine, Weeks};
use super::clean::{self, Cleaned, Limits, Rule};
use super::column::{date_of, day_of};
use super::config::DataConfig;
use super::error::DataError;
use super::exposures;
use super::history::History;
use super::line::{self, Line, Lines};
use super::products::{self, Cost, Products};
use super::quality::QualityReport;
use super::schema;
use super::table::{self, Table};

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

/// Transactions and products after cleaning.
struct Prepared {
    table: Table,
    lines: Lines,
    products: Products,
    cleaned: Cleaned,
}

/// Reads, cleans and aggregates the configured tables.
///
/// `base_dir` is the folder of the config file; `salt` goes into the customer hashes. The same
/// content and salt give the same history, bit for bit.
///
/// # Errors
/// [`DataError`] naming the file, row and column of the first thing that cannot be used.
pub fn ingest(config: &DataConfig, base_dir: &Path, salt: &str) -> Result<History, DataError> {
    let dir = config.resolved_dir(base_dir);
    let Prepared { lines, products, mut cleaned, .. } = prepare(config, &dir, salt)?;
    refuse_empty(&cleaned)?;
    let mut quality = account(&cleaned, &lines, &products);
    let (customers, original_ids) = keep_customers(&mut cleaned.kept, &lines);
    let weeks = weeks(&cleaned.kept, config, &mut quality);
    let grouping = aggregate::choose_categories(&cleaned.kept, &products, config);
    let mut placed = place(&cleaned.kept, &grouping, weeks, &products);
    drop(cleaned);
    let cells = aggregate::cells(&mut placed);
    let shelf_depth = aggregate::shelf_depth(&placed, &grouping, weeks);
    let default_margin = config.default_margin_rate;
    let categories = aggregate::describe_categories(grouping.names, &cells, default_margin);
    let mut offers = exposures::read_offers(config, &dir)?;
    let exposures = exposures::read_exposures(
        config,
        &dir,
        salt,
        &customers,
        weeks,
        &mut offers,
        &mut quality,
    )?;
    let mut history = History {
        first_week: date_of(weeks.first_day),
        n_weeks: weeks.count,
        customers,
        original_ids: config.keep_ids.then_some(original_ids),
        categories,
        cells,
        shelf_depth,
        offers,
        exposures,
        quality,
        fingerprint: String::new(),
    };
    history.fingerprint = history.compute_fingerprint();
    Ok(history)
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

/// The transaction lines that cleaning removes, by file and row.
///
/// # Errors
/// As [`ingest`], except that it is no error when every line is rejected.
pub fn rejected_rows(config: &DataConfig, base_dir: &Path) -> Result<Vec<RejectedRow>, DataError> {
    let prepared = prepare(config, &config.resolved_dir(base_dir), "")?;
    let mut rejected = prepared.cleaned.rejected;
    rejected.sort_by_key(|(line, _)| line.row);
    let describe = |(line, rule): (Line, Rule)| {
        let (file, row) = prepared.table.origin(line.row as usize);
        let sales_value = Some(line.sales).filter(|sales| !sales.is_nan());
        RejectedRow { file: file.to_owned(), row, rule, sales_value }
    };
    Ok(rejected.into_iter().map(describe).collect())
}

fn prepare(config: &DataConfig, dir: &Path, salt: &str) -> Result<Prepared, DataError> {
    config.validate()?;
    // Cheap checks of every table first: a wrong column name must not cost a long read.
    for (schema, table) in config.tables() {
        table::check(schema, table, dir)?;
    }
    let catalogue = table::read(&schema::PRODUCTS, &config.products, dir)?;
    let table = table::read(&schema::TRANSACTIONS, &config.transactions, dir)?;
    let lines = line::sorted_lines(&table, salt);
    let products = products::describe(&catalogue, &lines.products, config)?;
    let (first, last) = config.date_bounds()?;
    let limits = Limits {
        config: &config.clean,
        has_baskets: lines.has_baskets,
        days: (first.map_or(i32::MIN, day_of), last.map_or(i32::MAX, day_of)),
        excluded: &products.excluded,
        list_price: &products.list_price,
    };
    let cleaned = clean::clean(&lines.lines, &limits);
    Ok(Prepared { table, lines, products, cleaned })
}

fn refuse_empty(cleaned: &Cleaned) -> Result<(), DataError> {
    if !cleaned.kept.is_empty() {
        return Ok(());
    }
    let worst = cleaned.rules.iter().max_by_key(|rule| rule.rows);
    let (rule, reason) =
        worst.map(|rule| (rule.name.clone(), rule.reason.clone())).unwrap_or_default();
    let rows_in = cleaned.rejected.len() as u64;
    Err(DataError::EmptyAfterCleaning { rows_in, rule, reason })
}

fn account(cleaned: &Cleaned, lines: &Lines, products: &Products) -> QualityReport {
    let mut quality = QualityReport {
        rows_in: (cleaned.kept.len() + cleaned.rejected.len()) as u64,
        rows_kept: cleaned.kept.len() as u64,
        sales_in: cleaned.sales_in,
        sales_kept: cleaned.sales_kept,
        rules: cleaned.rules.clone(),
        notes: lines.notes.clone(),
        ..Default::default()
    };
    for line in &cleaned.kept {
        let product = line.product as usize;
        match (products.known[product], products.category[product]) {
            (false, _) => quality.unknown_products.add(line.sales),
            (true, None) => quality.uncategorised.add(line.sales),
            (true, Some(_)) => {}
        }
        let source = &mut quality.margin_source;
        match products.cost[product] {
            Cost::PerUnit(_) => source.unit_cost += line.sales,
            Cost::Rate(_) => source.margin_rate += line.sales,
            Cost::DepartmentRate(_) => source.department += line.sales,
            Cost::DefaultRate(_) => source.default += line.sales,
        }
    }
    quality.margin_assumed = quality.margin_source.department + quality.margin_source.default > 0.0;
    quality.margin_source = quality.margin_source.shares_of(cleaned.sales_kept);
    quality.round();
    quality
}

/// Renumbers lines to the customers that still have one; returns their hashes and identifiers.
fn keep_customers(kept: &mut [Line], lines: &Lines) -> (Vec<String>, Vec<String>) {
    let (mut hashes, mut ids) = (Vec::new(), Vec::new());
    let same = |left: &Line, right: &Line| left.customer == right.customer;
    for (index, group) in kept.chunk_by_mut(same).enumerate() {
        let customer = &lines.customers[group[0].customer as usize];
        hashes.push(customer.hash.clone());
        ids.push(customer.id.clone());
        group.iter_mut().for_each(|line| line.customer = index as u32);
    }
    (hashes, ids)
}

fn weeks(kept: &[Line], config: &DataConfig, quality: &mut QualityReport) -> Weeks {
    let days = || kept.iter().map(|line| line.day);
    let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
    let first_day = day_of(config.week_starts.week_of(date_of(first)));
    let count = (last - first_day) / 7 + 1;
    let (before, after) = (first - first_day, first_day + 7 * count - 1 - last);
    for (which, days) in [("first", before), ("last", after)] {
        if days > 0 {
            quality.notes.push(format!(
                "the {which} week has sales on at most {} of 7 days; set `{which}_date` or \
                 `week_starts` in [data] to leave out partial weeks",
                7 - days
            ));
        }
    }
    Weeks { first_day, count: count as u32 }
}

fn place(kept: &[Line], grouping: &Grouping, weeks: Weeks, products: &Products) -> Vec<PlacedLine> {
    let place = |line: &Line| PlacedLine {
        line: *line,
        week: weeks.index(line.day).expect("the weeks span every kept line"),
        category: grouping.of_product[line.product as usize],
        cost: products.cost[line.product as usize].of(line.quantity, line.gross()),
    };
    kept.iter().map(place).collect()
}
