//! Writes a history while it is ingested, so that it is never held whole.

use std::path::Path;

use polars::prelude::*;

use super::super::assemble::Part;
use super::super::error::DataError;
use super::super::history::{Cell, FingerprintBuilder};
use super::super::ingest::{Frame, Sink};
use super::super::market::Priced;
use super::super::product_lines::ProductCell;
use super::super::ranks::Names;
use super::folder::{TableWriter, numbers, texts, whole};
use super::product_tables::line_columns;
use super::snapshot;
use super::{cell_columns, customer_columns};

/// Rows gathered before they are written as one row group.
const GROUP_ROWS: usize = 1 << 18;

/// A sink into an existing folder.
pub(in crate::data) struct FolderSink<'a> {
    dir: &'a Path,
    keep_ids: bool,
    hashes: Vec<String>,
    ids: Vec<String>,
    cells: Vec<Cell>,
    lines: Vec<ProductCell>,
    /// By snapshot, row by row.
    features: Vec<Vec<f64>>,
    feature_names: Vec<String>,
    prices: Vec<PricedRow>,
    has_promotions: bool,
    customer_writer: TableWriter,
    cell_writer: TableWriter,
    line_writer: TableWriter,
    feature_writers: Vec<TableWriter>,
    ledger_writer: TableWriter,
    /// What was written, for the fingerprint.
    pub(in crate::data) fingerprint: FingerprintBuilder,
    /// Facts about the ledger.
    pub(in crate::data) ledger: LedgerFacts,
}

/// The price ledger in a few figures.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LedgerFacts {
    /// Products with a price.
    pub products: u64,
    /// Rows: product (and store) and week.
    pub rows: u64,
    /// Rows in which a price cut ran.
    pub on_promotion: u64,
    /// Rows with a price cut whose shelf price is not below the lowest of the 30 days before.
    pub not_below_lowest: u64,
    /// Rows with a price cut whose lowest price of the 30 days before is known.
    pub lowest_known: u64,
    /// Rows with a price cut by depth, in bins of five points.
    pub depths: Vec<u64>,
}

/// One row of the ledger with its names.
struct PricedRow {
    product: String,
    store: Option<String>,
    priced: Priced,
}

impl<'a> FolderSink<'a> {
    pub(in crate::data) fn new(dir: &'a Path, keep_ids: bool) -> Self {
        Self {
            dir,
            keep_ids,
            hashes: Vec::new(),
            ids: Vec::new(),
            cells: Vec::new(),
            lines: Vec::new(),
            features: Vec::new(),
            feature_names: Vec::new(),
            prices: Vec::new(),
            has_promotions: false,
            customer_writer: TableWriter::new(dir, "customers"),
            cell_writer: TableWriter::new(dir, "cells"),
            line_writer: TableWriter::new(dir, "lines"),
            feature_writers: Vec::new(),
            ledger_writer: TableWriter::new(dir, "ledger"),
            fingerprint: FingerprintBuilder::default(),
            ledger: LedgerFacts { depths: vec![0; 20], ..LedgerFacts::default() },
        }
    }

    /// Writes what is left and closes the files.
    pub(in crate::data) fn finish(
        mut self,
    ) -> Result<(FingerprintBuilder, LedgerFacts), DataError> {
        self.write_customers()?;
        self.write_cells()?;
        self.write_lines()?;
        self.write_prices()?;
        self.customer_writer.finish()?;
        self.cell_writer.finish()?;
        self.line_writer.finish()?;
        self.ledger_writer.finish()?;
        self.feature_writers.into_iter().try_for_each(TableWriter::finish)?;
        Ok((self.fingerprint, self.ledger))
    }

    fn write_customers(&mut self) -> Result<(), DataError> {
        let hashes = self.hashes.iter().map(String::as_str);
        let ids = self.keep_ids.then(|| self.ids.iter().map(String::as_str));
        self.customer_writer.write(customer_columns(hashes, ids))?;
        for (writer, values) in self.feature_writers.iter_mut().zip(&mut self.features) {
            writer.write(snapshot::columns(&self.hashes, &self.feature_names, values))?;
            values.clear();
        }
        self.hashes.clear();
        self.ids.clear();
        Ok(())
    }

    fn write_cells(&mut self) -> Result<(), DataError> {
        self.cell_writer.write(cell_columns(&self.cells))?;
        self.cells.clear();
        Ok(())
    }

    fn write_lines(&mut self) -> Result<(), DataError> {
        self.line_writer.write(line_columns(&self.lines))?;
        self.lines.clear();
        Ok(())
    }

    fn write_prices(&mut self) -> Result<(), DataError> {
        let columns = ledger_columns(&self.prices, self.has_promotions);
        self.ledger_writer.write(columns)?;
        self.prices.clear();
        Ok(())
    }
}

impl Sink for FolderSink<'_> {
    fn begin(&mut self, frame: &Frame) -> Result<(), DataError> {
        let specs = crate::features::behaviour::feature_specs(&frame.categories);
        self.feature_names = specs.into_iter().map(|spec| spec.name).collect();
        self.has_promotions = frame.has_promotions;
        self.features = vec![Vec::new(); frame.snapshots.len()];
        let name = |week: &u32| snapshot::table(*week);
        let writer = |week: &u32| TableWriter::new(self.dir, &name(week));
        self.feature_writers = frame.snapshots.iter().map(writer).collect();
        Ok(())
    }

    fn part(&mut self, part: Part, names: Names<'_>) -> Result<(), DataError> {
        let before = self.fingerprint.n_customers();
        for rank in &part.ranks {
            let hash = names.hash(*rank);
            self.fingerprint.customer(hash);
            self.hashes.push(hash.to_owned());
            if self.keep_ids {
                self.ids.push(names.id(*rank).to_owned());
            }
        }
        let first = self.cells.len();
        self.cells.extend(
            part.cells.iter().map(|cell| Cell { customer: cell.customer + before, ..*cell }),
        );
        self.fingerprint.cells(&self.cells[first..]);
        let placed = |line: ProductCell| ProductCell { customer: line.customer + before, ..line };
        self.lines.extend(part.lines.into_iter().map(placed));
        for (own, more) in self.features.iter_mut().zip(part.features) {
            own.extend(more);
        }
        if self.cells.len() >= GROUP_ROWS {
            self.write_cells()?;
        }
        if self.lines.len() >= GROUP_ROWS {
            self.write_lines()?;
        }
        if self.hashes.len() >= GROUP_ROWS / 8 {
            self.write_customers()?;
        }
        Ok(())
    }

    fn prices(&mut self, rows: &[Priced], names: Names<'_>) -> Result<(), DataError> {
        let mut last = None;
        for priced in rows {
            if last != Some(priced.product) {
                last = Some(priced.product);
                self.ledger.products += 1;
            }
            self.ledger.add(&priced.row);
            self.prices.push(PricedRow {
                product: names.product(priced.product).to_owned(),
                store: names.store(priced.store).map(str::to_owned),
                priced: *priced,
            });
        }
        if self.prices.len() >= GROUP_ROWS { self.write_prices() } else { Ok(()) }
    }
}

impl LedgerFacts {
    fn add(&mut self, row: &super::super::ledger::LedgerRow) {
        self.rows += 1;
        if !row.on_promotion {
            return;
        }
        self.on_promotion += 1;
        let bin = (super::super::ledger::depth(row) * 20.0) as usize;
        if let Some(count) = self.depths.get_mut(bin.min(19)) {
            *count += 1;
        }
        if let Some(lowest) = row.lowest_30_days {
            self.lowest_known += 1;
            self.not_below_lowest += u64::from(row.shelf_price >= lowest);
        }
    }
}

fn ledger_columns(rows: &[PricedRow], has_promotions: bool) -> Vec<Column> {
    let prices = || rows.iter().map(|row| &row.priced.row);
    let stores: Vec<Option<&str>> = rows.iter().map(|row| row.store.as_deref()).collect();
    let lowest: Vec<Option<f64>> = prices().map(|row| row.lowest_30_days).collect();
    let promoted: Vec<bool> = prices().map(|row| row.on_promotion).collect();
    let mut columns = vec![
        texts("product", rows.iter().map(|row| row.product.as_str())),
        Column::new("store".into(), stores),
        whole("week", prices().map(|row| row.week)),
        numbers("regular_price", prices().map(|row| row.regular_price)),
        numbers("shelf_price", prices().map(|row| row.shelf_price)),
        Column::new("lowest_30_days".into(), lowest),
        numbers("units", prices().map(|row| row.units)),
        numbers("gross", prices().map(|row| row.gross)),
        numbers("shelf_discount", prices().map(|row| row.shelf_discount)),
        Column::new("on_promotion".into(), promoted),
    ];
    if has_promotions {
        let featured = || rows.iter().map(|row| row.priced.featured.unwrap_or_default());
        columns.push(numbers("display", featured().map(|share| share.display)));
        columns.push(numbers("mailer", featured().map(|share| share.mailer)));
    }
    columns
}
