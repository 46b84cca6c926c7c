//! Saves a history as Parquet tables and JSON, and loads it back after checking its fingerprint.
//!
//! The folder holds `customers`, `categories`, `cells`, `market`, `offers` and `exposures` as
//! Parquet, which any notebook reads, beside them what lies below the categories (`products`,
//! `lines`, `ledger`), and `history.json` and `quality.json`. The same history gives
//! the same bytes. Numbers go into Parquet rather than JSON, because there they come back exact.

mod folder;
mod product_tables;
mod sink;
mod snapshot;
mod weeks;

use std::path::Path;

use chrono::NaiveDate;
use polars::prelude::*;
use serde::{Deserialize, Serialize};

use super::assess::Assessment;
use super::error::DataError;
use super::history::{Category, Cell, Exposure, History, OfferRow};
use super::quality::QualityReport;
use folder::{Folder, Saved, numbers, texts, whole};

pub(super) use folder::TableWriter;
pub(super) use product_tables::save_products;
pub use product_tables::{Ledger, ProductWeek, read_ledger, read_lines, read_products};
pub(super) use sink::FolderSink;
pub use sink::LedgerFacts;
pub use snapshot::{Snapshot, load_snapshot, snapshot_weeks};
pub use weeks::load_store_weeks;

const FORMAT_VERSION: u32 = 4;

/// What `history.json` holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    first_week: String,
    n_weeks: u32,
    n_categories: usize,
    #[serde(default)]
    anomalous_weeks: Vec<u32>,
    fingerprint: String,
}

/// Writes the history into an existing folder; the caller makes that atomic by renaming it.
///
/// # Errors
/// [`DataError::Store`] naming the file that could not be written.
pub fn save(history: &History, dir: &Path) -> Result<(), DataError> {
    let folder = Folder { dir };
    let customers = history.customers.iter().map(String::as_str);
    let ids = history.original_ids.as_deref();
    folder.write(
        "customers",
        customer_columns(customers, ids.map(|ids| ids.iter().map(String::as_str))),
    )?;
    folder.write("cells", cell_columns(&history.cells))?;
    save_rest(history, dir)
}

/// Writes everything but customers and cells.
pub(super) fn save_rest(history: &History, dir: &Path) -> Result<(), DataError> {
    let header = Header {
        format_version: FORMAT_VERSION,
        first_week: history.first_week.to_string(),
        n_weeks: history.n_weeks,
        n_categories: history.n_categories(),
        anomalous_weeks: history.anomalous_weeks.clone(),
        fingerprint: history.fingerprint.clone(),
    };
    let folder = Folder { dir };
    folder.write_json("history.json", &header)?;
    folder.write_json("quality.json", &history.quality)?;
    folder.write("categories", category_columns(&history.categories))?;
    let n_categories = history.n_categories() as u32;
    let market = 0..history.n_weeks * n_categories;
    folder.write(
        "market",
        vec![
            whole("week", market.clone().map(|index| index / n_categories)),
            whole("category", market.map(|index| index % n_categories)),
            numbers("shelf_depth", history.shelf_depth.iter().copied()),
            numbers("price_index", history.price_index.iter().copied()),
        ],
    )?;
    folder.write("offers", offer_columns(&history.offers))?;
    folder.write("exposures", exposure_columns(&history.exposures))
}

/// Writes the assessment and the facts about the price ledger.
pub(super) fn save_assessment(
    assessment: &Assessment,
    ledger: &LedgerFacts,
    dir: &Path,
) -> Result<(), DataError> {
    let folder = Folder { dir };
    folder.write_json("assessment.json", assessment)?;
    folder.write_json("ledger.json", ledger)
}

/// The assessment of a saved history, and the facts about its price ledger.
///
/// # Errors
/// [`DataError::Store`] when a file is missing or of another format.
pub fn load_assessment(dir: &Path) -> Result<(Assessment, LedgerFacts), DataError> {
    let folder = Folder { dir };
    Ok((folder.read_json("assessment.json")?, folder.read_json("ledger.json")?))
}

/// What cleaning did to a saved history.
///
/// # Errors
/// [`DataError::Store`] when the file is missing or of another format.
pub fn load_quality(dir: &Path) -> Result<QualityReport, DataError> {
    Folder { dir }.read_json("quality.json")
}

/// Fingerprint of a saved history, without reading its tables.
///
/// # Errors
/// [`DataError::Store`] when `history.json` is missing or of another format.
pub fn fingerprint(dir: &Path) -> Result<String, DataError> {
    Ok(read_header(&Folder { dir })?.fingerprint)
}

/// Writes the summary of data without customers.
pub(super) fn save_summary(
    summary: &super::kind::LogReport,
    name: &str,
    dir: &Path,
) -> Result<(), DataError> {
    Folder { dir }.write_json(name, summary)
}

/// Hashes of the customers of a saved history.
pub(super) fn saved_customers(dir: &Path) -> Result<Vec<String>, DataError> {
    Folder { dir }.read("customers")?.texts("customer")
}

fn read_header(folder: &Folder<'_>) -> Result<Header, DataError> {
    let header: Header = folder.read_json("history.json")?;
    if header.format_version != FORMAT_VERSION {
        let found = header.format_version;
        let reason = format!("expected format {FORMAT_VERSION}, found {found}");
        return Err(folder.error("history.json", &reason));
    }
    Ok(header)
}

/// Reads a history that [`save`] wrote.
///
/// # Errors
/// [`DataError::Store`] when a file is missing, has another format or does not fit the
/// fingerprint.
pub fn load(dir: &Path) -> Result<History, DataError> {
    let folder = Folder { dir };
    let header = read_header(&folder)?;
    let bad_header = |reason: String| folder.error("history.json", &reason);
    let first_week = header.first_week.parse::<NaiveDate>();
    let first_week = first_week.map_err(|reason| bad_header(reason.to_string()))?;
    let customers = folder.read("customers")?;
    let original_ids = match customers.has("original_id") {
        true => Some(customers.texts("original_id")?),
        false => None,
    };
    let market = folder.read("market")?;
    let history = History {
        first_week,
        n_weeks: header.n_weeks,
        customers: customers.texts("customer")?,
        original_ids,
        categories: read_categories(&folder.read("categories")?)?,
        cells: read_cells(&folder.read("cells")?)?,
        shelf_depth: market.numbers("shelf_depth")?,
        price_index: market.numbers("price_index")?,
        offers: read_offers(&folder.read("offers")?)?,
        exposures: read_exposures(&folder.read("exposures")?)?,
        anomalous_weeks: header.anomalous_weeks,
        quality: folder.read_json("quality.json")?,
        fingerprint: header.fingerprint,
    };
    if history.compute_fingerprint() != history.fingerprint {
        return Err(bad_header("the tables do not fit the fingerprint; they were changed".into()));
    }
    Ok(history)
}

/// The columns of `customers`.
fn customer_columns<'a>(
    hashes: impl Iterator<Item = &'a str>,
    ids: Option<impl Iterator<Item = &'a str>>,
) -> Vec<Column> {
    let mut columns = vec![texts("customer", hashes)];
    columns.extend(ids.map(|ids| texts("original_id", ids)));
    columns
}

fn category_columns(rows: &[Category]) -> Vec<Column> {
    vec![
        texts("name", rows.iter().map(|row| row.name.as_str())),
        numbers("margin_rate", rows.iter().map(|row| row.margin_rate)),
        numbers("mean_unit_price", rows.iter().map(|row| row.mean_unit_price)),
    ]
}

fn read_categories(table: &Saved) -> Result<Vec<Category>, DataError> {
    let (rates, prices) = (table.numbers("margin_rate")?, table.numbers("mean_unit_price")?);
    let names = table.texts("name")?.into_iter();
    let rows = names.zip(rates.into_iter().zip(prices));
    let row =
        |(name, (margin_rate, mean_unit_price))| Category { name, margin_rate, mean_unit_price };
    Ok(rows.map(row).collect())
}

fn cell_columns(rows: &[Cell]) -> Vec<Column> {
    vec![
        whole("customer", rows.iter().map(|row| row.customer)),
        whole("week", rows.iter().map(|row| row.week)),
        whole("category", rows.iter().map(|row| row.category.into())),
        whole("baskets", rows.iter().map(|row| row.baskets.into())),
        numbers("units", rows.iter().map(|row| row.units)),
        numbers("gross", rows.iter().map(|row| row.gross)),
        numbers("shelf_discount", rows.iter().map(|row| row.shelf_discount)),
        numbers("offer_discount", rows.iter().map(|row| row.offer_discount)),
        numbers("cost", rows.iter().map(|row| row.cost)),
    ]
}

fn read_cells(table: &Saved) -> Result<Vec<Cell>, DataError> {
    let (customer, week) = (table.whole("customer")?, table.whole("week")?);
    let (category, baskets) = (table.short("category")?, table.short("baskets")?);
    let (units, gross) = (table.numbers("units")?, table.numbers("gross")?);
    let shelf_discount = table.numbers("shelf_discount")?;
    let (offer_discount, cost) = (table.numbers("offer_discount")?, table.numbers("cost")?);
    let cell = |row: usize| Cell {
        customer: customer[row],
        week: week[row],
        category: category[row],
        baskets: baskets[row],
        units: units[row],
        gross: gross[row],
        shelf_discount: shelf_discount[row],
        offer_discount: offer_discount[row],
        cost: cost[row],
    };
    Ok((0..customer.len()).map(cell).collect())
}

fn offer_columns(rows: &[OfferRow]) -> Vec<Column> {
    vec![
        texts("offer_id", rows.iter().map(|row| row.offer_id.as_str())),
        texts("mechanic", rows.iter().map(|row| row.mechanic.as_str())),
        Column::new(
            "category".into(),
            rows.iter().map(|row| row.category.as_deref()).collect::<Vec<_>>(),
        ),
        numbers("depth", rows.iter().map(|row| row.depth)),
        numbers("amount", rows.iter().map(|row| row.amount)),
        numbers("min_spend", rows.iter().map(|row| row.min_spend)),
        whole("buy_quantity", rows.iter().map(|row| row.buy_quantity)),
        whole("free_quantity", rows.iter().map(|row| row.free_quantity)),
        Column::new(
            "with_category".into(),
            rows.iter().map(|row| row.with_category.as_deref()).collect::<Vec<_>>(),
        ),
        numbers("value", rows.iter().map(|row| row.value)),
        numbers("redemption", rows.iter().map(|row| row.redemption)),
        numbers("contact_cost", rows.iter().map(|row| row.contact_cost)),
    ]
}

fn read_offers(table: &Saved) -> Result<Vec<OfferRow>, DataError> {
    let (ids, mechanics) = (table.texts("offer_id")?, table.texts("mechanic")?);
    let (categories, depths) = (table.optional_texts("category")?, table.numbers("depth")?);
    let (spends, costs) = (table.numbers("min_spend")?, table.numbers("contact_cost")?);
    let (amounts, values) = (table.numbers("amount")?, table.numbers("value")?);
    let (buy, free) = (table.whole("buy_quantity")?, table.whole("free_quantity")?);
    let with_category = table.optional_texts("with_category")?;
    let redemptions = table.numbers("redemption")?;
    let offer = |row: usize| OfferRow {
        offer_id: ids[row].clone(),
        mechanic: mechanics[row].clone(),
        category: categories[row].clone(),
        depth: depths[row],
        amount: amounts[row],
        min_spend: spends[row],
        buy_quantity: buy[row],
        free_quantity: free[row],
        with_category: with_category[row].clone(),
        value: values[row],
        redemption: redemptions[row],
        contact_cost: costs[row],
    };
    Ok((0..ids.len()).map(offer).collect())
}

fn exposure_columns(rows: &[Exposure]) -> Vec<Column> {
    vec![
        whole("customer", rows.iter().map(|row| row.customer)),
        whole("week", rows.iter().map(|row| row.week)),
        whole("offer", rows.iter().map(|row| row.offer.into())),
        Column::new("propensity".into(), rows.iter().map(|row| row.propensity).collect::<Vec<_>>()),
    ]
}

fn read_exposures(table: &Saved) -> Result<Vec<Exposure>, DataError> {
    let (customer, week) = (table.whole("customer")?, table.whole("week")?);
    let (offer, propensity) = (table.short("offer")?, table.optional_numbers("propensity")?);
    let exposure = |row: usize| Exposure {
        customer: customer[row],
        week: week[row],
        offer: offer[row],
        propensity: propensity[row],
    };
    Ok((0..customer.len()).map(exposure).collect())
}
