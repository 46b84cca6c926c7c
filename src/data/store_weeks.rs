//! Weekly sales of stores: units and price by store, product and week, with what was promoted.

use std::path::Path;

use polars::prelude::*;
use serde::{Deserialize, Serialize};

use super::batch::{Pick, Values};
use super::column::MISSING;
use super::config::{DataConfig, PRODUCT_MARK, TableConfig};
use super::error::DataError;
use super::intern::Interner;
use super::kind::{Dropped, MeanInterval, Moments};
use super::schema::{Kind, STORE_WEEKS};
use super::source::Source;
use super::store::TableWriter;
use super::table::{self, TableBatch};

/// Rules for rows that cannot be used, in the order of application.
const RULES: [(&str, &str); 4] = [
    ("missing_key", "store, product, week, units or price is missing"),
    ("non_positive_units", "without sales there is no logarithm to fit on"),
    ("non_positive_price", "without a price there is nothing to learn from it"),
    ("duplicate_week", "the store, product and week stand in an earlier row"),
];

/// Weekly sales of stores in a few figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreWeekReport {
    /// Rows read; `rows_in = rows_kept + Σ rules.rows`.
    pub rows_in: u64,
    /// Rows that can be used.
    pub rows_kept: u64,
    /// Every rule, also those that hit nothing.
    pub rules: Vec<Dropped>,
    /// Different stores.
    pub stores: u64,
    /// Different products.
    pub products: u64,
    /// First and last week, as numbered in the file.
    pub weeks: (i64, i64),
    /// Weeks without a row between the first and the last of a store and product, over all of them.
    pub gaps: u64,
    /// 10th, 50th and 90th percentile of the price.
    pub price: [f64; 3],
    /// 10th, 50th and 90th percentile of the units.
    pub units: [f64; 3],
    /// Share of rows on a deal; `None` without the column.
    pub on_deal: Option<f64>,
    /// Share of rows that were featured at all; `None` without the column.
    pub featured: Option<f64>,
    /// Mean margin as a fraction of the price; `None` without the column.
    pub margin_rate: Option<MeanInterval>,
}

/// One row; numbers that are missing are NaN.
#[derive(Debug, Clone, Copy)]
struct Row {
    store: u32,
    product: u32,
    week: f64,
    units: f64,
    price: f64,
    deal: f64,
    feature: f64,
    margin_rate: f64,
}

/// All rows; a year of a large chain is a few million of them.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    stores: Interner,
    products: Interner,
}

/// Reads the table, and writes its usable rows as `store_weeks.parquet` into `out` when given.
pub(super) fn read_store_weeks(
    config: &DataConfig,
    dir: &Path,
    out: Option<&Path>,
) -> Result<StoreWeekReport, DataError> {
    let table = config.enabled_store_weeks()?;
    let mut all = Rows::default();
    table::stream(&STORE_WEEKS, table, dir, &mut |batch| all.take(&batch))?;
    if let Some(pattern) = &config.price_columns {
        all.read_prices(table, dir, pattern)?;
    }
    let (kept, dropped) = all.usable();
    let rows_in = dropped.iter().sum::<u64>() + kept.len() as u64;
    let rules: Vec<Dropped> =
        RULES.into_iter().zip(dropped).map(|(rule, rows)| Dropped::new(rule, rows)).collect();
    if kept.is_empty() {
        return Err(DataError::nothing_kept(STORE_WEEKS.table, rows_in, &rules));
    }
    if let Some(out) = out {
        let mut writer = TableWriter::new(out, "store_weeks");
        writer.write(all.columns(&kept))?;
        writer.finish()?;
    }
    Ok(report(&kept, rows_in, rules))
}

impl Rows {
    fn take(&mut self, batch: &TableBatch) -> Result<(), DataError> {
        let values = |name: &str| batch.columns[STORE_WEEKS.position(name)].as_ref();
        let codes = |names: &mut Interner, name: &str| {
            let mut codes = Vec::with_capacity(batch.rows);
            if let Some(values) = values(name) {
                names.codes_into(values, &mut codes);
            }
            codes
        };
        let numbers = |name: &str| match values(name) {
            Some(Values::Numbers(numbers)) => Some(numbers.as_slice()),
            _ => None,
        };
        let (units, log_units) = (numbers("units"), numbers("log_units"));
        if units.is_none() && log_units.is_none() {
            let (key, found) = ("store_weeks.columns".to_owned(), "neither".to_owned());
            let expected = "a column for `units` or `log_units`".to_owned();
            return Err(DataError::Config { key, expected, found });
        }
        let stores = codes(&mut self.stores, "store_id");
        let products = codes(&mut self.products, "product_id");
        let at = |values: Option<&[f64]>, row: usize| values.map_or(f64::NAN, |values| values[row]);
        let (week, price) = (numbers("week"), numbers("price"));
        let (deal, feature) = (numbers("deal"), numbers("feature"));
        let (rate, percent) = (numbers("margin_rate"), numbers("margin_percent"));
        for row in 0..batch.rows {
            self.rows.push(Row {
                store: stores[row],
                product: products[row],
                week: at(week, row),
                units: units.map_or_else(|| at(log_units, row).exp(), |units| units[row]),
                price: at(price, row),
                deal: at(deal, row),
                feature: at(feature, row),
                margin_rate: rate.map_or_else(|| at(percent, row) / 100.0, |rate| rate[row]),
            });
        }
        Ok(())
    }

    /// Takes each row's price from the column that is named after its product.
    fn read_prices(
        &mut self,
        table: &TableConfig,
        dir: &Path,
        pattern: &str,
    ) -> Result<(), DataError> {
        let dialect = table.dialect();
        let mut before = 0;
        for file in table::files(&STORE_WEEKS, table, dir)? {
            let source = Source { table: STORE_WEEKS.table, file: &file, dialect: &dialect };
            let header = source.header()?;
            let mut picks = Vec::new();
            // By code of the product.
            let mut column_of = Vec::new();
            for code in 0..self.products.len() as u32 {
                let product = self.products.name(code).unwrap_or_default();
                let name = pattern.replace(PRODUCT_MARK, product);
                let position = header.iter().position(|column| *column == name);
                column_of.push(position.map(|_| picks.len()));
                let pick = |position| Pick { position, name: name.clone(), kind: Kind::Number };
                picks.extend(position.map(pick));
            }
            let rows = &mut self.rows;
            let mut missing = None;
            before += source.read(&picks, &mut |batch| {
                for row in 0..batch.rows {
                    let line = &mut rows[before + batch.first_row + row];
                    let Some(column) = column_of.get(line.product as usize) else { continue };
                    match column.map(|column| &batch.columns[column]) {
                        Some(Values::Numbers(prices)) => line.price = prices[row],
                        _ => missing = Some(line.product),
                    }
                }
                Ok(())
            })?;
            if let Some(code) = missing {
                let product = self.products.name(code).unwrap_or_default();
                return Err(DataError::MissingColumn {
                    table: STORE_WEEKS.table,
                    column: pattern.replace(PRODUCT_MARK, product),
                    canonical: "price",
                    found: header.join(", ").into(),
                    hint: format!("; `price_columns` is {pattern:?}").into(),
                    file,
                });
            }
        }
        Ok(())
    }

    /// The usable rows by store, product and week, and how many each rule left out.
    fn usable(&self) -> (Vec<Row>, [u64; RULES.len()]) {
        let mut dropped = [0; RULES.len()];
        let mut kept = Vec::new();
        let (_, store_ranks) = self.stores.ranked();
        let (_, product_ranks) = self.products.ranked();
        for row in &self.rows {
            let numbers = [row.week, row.units, row.price];
            let keys = [row.store, row.product];
            let breaks = [
                keys.contains(&MISSING) || numbers.iter().any(|number| number.is_nan()),
                row.units <= 0.0 || row.units.is_infinite(),
                row.price <= 0.0,
            ];
            match breaks.into_iter().position(|broken| broken) {
                Some(rule) => dropped[rule] += 1,
                None => kept.push(Row {
                    store: store_ranks[row.store as usize],
                    product: product_ranks[row.product as usize],
                    ..*row
                }),
            }
        }
        kept.sort_by(|left, right| {
            let key = |row: &Row| (row.store, row.product);
            key(left).cmp(&key(right)).then(left.week.total_cmp(&right.week))
        });
        let before = kept.len();
        kept.dedup_by(|next, first| {
            (next.store, next.product) == (first.store, first.product) && next.week == first.week
        });
        dropped[3] = (before - kept.len()) as u64;
        (kept, dropped)
    }

    fn columns(&self, kept: &[Row]) -> Vec<Column> {
        let (stores, _) = self.stores.ranked();
        let (products, _) = self.products.ranked();
        let names = |name: &str, all: &[String], of: &dyn Fn(&Row) -> u32| {
            let values: Vec<&str> = kept.iter().map(|row| &*all[of(row) as usize]).collect();
            Column::new(name.into(), values)
        };
        let numbers = |name: &str, of: &dyn Fn(&Row) -> f64| {
            let value = |row: &Row| Some(of(row)).filter(|value| !value.is_nan());
            Column::new(name.into(), kept.iter().map(value).collect::<Vec<_>>())
        };
        vec![
            names("store_id", &stores, &|row| row.store),
            names("product_id", &products, &|row| row.product),
            Column::new("week".into(), kept.iter().map(|row| row.week as i64).collect::<Vec<_>>()),
            numbers("units", &|row| row.units),
            numbers("price", &|row| row.price),
            numbers("deal", &|row| row.deal),
            numbers("feature", &|row| row.feature),
            numbers("margin_rate", &|row| row.margin_rate),
        ]
    }
}

/// Sums up rows that are sorted by store, product and week.
fn report(kept: &[Row], rows_in: u64, rules: Vec<Dropped>) -> StoreWeekReport {
    let series = kept.chunk_by(|a, b| (a.store, a.product) == (b.store, b.product));
    let gaps = series.map(|rows| {
        let span = rows[rows.len() - 1].week - rows[0].week + 1.0;
        (span as u64).saturating_sub(rows.len() as u64)
    });
    let distinct = |of: &dyn Fn(&Row) -> u32| {
        let mut codes: Vec<u32> = kept.iter().map(of).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.len() as u64
    };
    let share = |of: &dyn Fn(&Row) -> f64| {
        let known: Vec<f64> = kept.iter().map(of).filter(|value| !value.is_nan()).collect();
        let hit = known.iter().filter(|value| **value > 0.0).count();
        (!known.is_empty()).then(|| hit as f64 / known.len() as f64)
    };
    let mut margin = Moments::default();
    let rates = kept.iter().map(|row| row.margin_rate).filter(|rate| !rate.is_nan());
    rates.for_each(|rate| margin.add(rate));
    let weeks = || kept.iter().map(|row| row.week as i64);
    StoreWeekReport {
        rows_in,
        rows_kept: kept.len() as u64,
        rules,
        stores: distinct(&|row| row.store),
        products: distinct(&|row| row.product),
        weeks: (weeks().min().unwrap_or(0), weeks().max().unwrap_or(0)),
        gaps: gaps.sum(),
        price: percentiles(kept.iter().map(|row| row.price)),
        units: percentiles(kept.iter().map(|row| row.units)),
        on_deal: share(&|row| row.deal),
        featured: share(&|row| row.feature),
        margin_rate: margin.interval(),
    }
}

/// 10th, 50th and 90th percentile: the smallest value that so many per cent do not exceed.
fn percentiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [0.1, 0.5, 0.9].map(|share| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values[rank.clamp(1, values.len()) - 1]
    })
}
