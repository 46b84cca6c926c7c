//! Saves a history as Parquet tables and JSON, and loads it back after checking its fingerprint.
//!
//! The folder holds `customers`, `categories`, `cells`, `market`, `offers` and `exposures` as
//! Parquet, which any notebook reads, and `history.json` and `quality.json`. The same history gives
//! the same bytes. Numbers go into Parquet rather than JSON, because there they come back exact.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use polars::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::error::DataError;
use super::history::{Category, Cell, Exposure, History, OfferRow};

const FORMAT_VERSION: u32 = 1;

/// What `history.json` holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    first_week: String,
    n_weeks: u32,
    n_customers: usize,
    n_categories: usize,
    has_original_ids: bool,
    fingerprint: String,
}

/// Writes the history into an existing folder; the caller makes that atomic by renaming it.
///
/// # Errors
/// [`DataError::Store`] naming the file that could not be written.
pub fn save(history: &History, dir: &Path) -> Result<(), DataError> {
    let header = Header {
        format_version: FORMAT_VERSION,
        first_week: history.first_week.to_string(),
        n_weeks: history.n_weeks,
        n_customers: history.customers.len(),
        n_categories: history.n_categories(),
        has_original_ids: history.original_ids.is_some(),
        fingerprint: history.fingerprint.clone(),
    };
    let folder = Folder { dir };
    folder.write_json("history.json", &header)?;
    folder.write_json("quality.json", &history.quality)?;
    let mut customers = vec![texts("customer", history.customers.iter())];
    customers.extend(history.original_ids.iter().map(|ids| texts("original_id", ids.iter())));
    folder.write("customers", customers)?;
    folder.write("categories", category_columns(&history.categories))?;
    folder.write("cells", cell_columns(&history.cells))?;
    let n_categories = history.n_categories() as u32;
    let market = 0..history.n_weeks * n_categories;
    folder.write(
        "market",
        vec![
            whole("week", market.clone().map(|index| index / n_categories)),
            whole("category", market.map(|index| index % n_categories)),
            numbers("shelf_depth", history.shelf_depth.iter().copied()),
        ],
    )?;
    folder.write("offers", offer_columns(&history.offers))?;
    folder.write("exposures", exposure_columns(&history.exposures))
}

/// Reads a history that [`save`] wrote.
///
/// # Errors
/// [`DataError::Store`] when a file is missing, has another format or does not fit the
/// fingerprint.
pub fn load(dir: &Path) -> Result<History, DataError> {
    let folder = Folder { dir };
    let header: Header = folder.read_json("history.json")?;
    let bad_header = |reason: String| folder.error("history.json", &reason);
    if header.format_version != FORMAT_VERSION {
        let found = header.format_version;
        return Err(bad_header(format!("expected format {FORMAT_VERSION}, found {found}")));
    }
    let first_week = header.first_week.parse::<NaiveDate>();
    let first_week = first_week.map_err(|reason| bad_header(reason.to_string()))?;
    let customers = folder.read("customers")?;
    let original_ids = match header.has_original_ids {
        true => Some(customers.texts("original_id")?),
        false => None,
    };
    let history = History {
        first_week,
        n_weeks: header.n_weeks,
        customers: customers.texts("customer")?,
        original_ids,
        categories: read_categories(&folder.read("categories")?)?,
        cells: read_cells(&folder.read("cells")?)?,
        shelf_depth: folder.read("market")?.numbers("shelf_depth")?,
        offers: read_offers(&folder.read("offers")?)?,
        exposures: read_exposures(&folder.read("exposures")?)?,
        quality: folder.read_json("quality.json")?,
        fingerprint: header.fingerprint,
    };
    if history.compute_fingerprint() != history.fingerprint {
        return Err(bad_header("the tables do not fit the fingerprint; they were changed".into()));
    }
    Ok(history)
}

fn category_columns(rows: &[Category]) -> Vec<Column> {
    vec![
        texts("name", rows.iter().map(|row| &row.name)),
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
        texts("offer_id", rows.iter().map(|row| &row.offer_id)),
        texts("mechanic", rows.iter().map(|row| &row.mechanic)),
        Column::new(
            "category".into(),
            rows.iter().map(|row| row.category.as_deref()).collect::<Vec<_>>(),
        ),
        numbers("depth", rows.iter().map(|row| row.depth)),
        numbers("min_spend", rows.iter().map(|row| row.min_spend)),
        numbers("contact_cost", rows.iter().map(|row| row.contact_cost)),
    ]
}

fn read_offers(table: &Saved) -> Result<Vec<OfferRow>, DataError> {
    let (ids, mechanics) = (table.texts("offer_id")?, table.texts("mechanic")?);
    let (categories, depths) = (table.optional_texts("category")?, table.numbers("depth")?);
    let (spends, costs) = (table.numbers("min_spend")?, table.numbers("contact_cost")?);
    let offer = |row: usize| OfferRow {
        offer_id: ids[row].clone(),
        mechanic: mechanics[row].clone(),
        category: categories[row].clone(),
        depth: depths[row],
        min_spend: spends[row],
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

fn texts<'a>(name: &str, values: impl Iterator<Item = &'a String>) -> Column {
    Column::new(name.into(), values.map(String::as_str).collect::<Vec<_>>())
}

fn whole(name: &str, values: impl Iterator<Item = u32>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

fn numbers(name: &str, values: impl Iterator<Item = f64>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

/// The folder of a saved history.
struct Folder<'a> {
    dir: &'a Path,
}

impl Folder<'_> {
    fn error(&self, name: &str, reason: &dyn std::fmt::Display) -> DataError {
        DataError::Store { path: self.dir.join(name), reason: reason.to_string() }
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), DataError> {
        let text =
            serde_json::to_string_pretty(value).map_err(|reason| self.error(name, &reason))?;
        std::fs::write(self.dir.join(name), text + "\n").map_err(|reason| self.error(name, &reason))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, DataError> {
        let text = std::fs::read_to_string(self.dir.join(name));
        let text = text.map_err(|reason| self.error(name, &reason))?;
        serde_json::from_str(&text).map_err(|reason| self.error(name, &reason))
    }

    fn write(&self, table: &str, columns: Vec<Column>) -> Result<(), DataError> {
        let name = format!("{table}.parquet");
        let fail = |reason: &dyn std::fmt::Display| self.error(&name, reason);
        let file = File::create(self.dir.join(&name)).map_err(|reason| fail(&reason))?;
        let mut file = BufWriter::new(file);
        let height = columns.first().map_or(0, Column::len);
        let mut frame = DataFrame::new(height, columns).map_err(|reason| fail(&reason))?;
        ParquetWriter::new(&mut file).finish(&mut frame).map_err(|reason| fail(&reason))?;
        file.flush().map_err(|reason| fail(&reason))
    }

    fn read(&self, table: &str) -> Result<Saved, DataError> {
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
struct Saved {
    frame: DataFrame,
    path: PathBuf,
}

impl Saved {
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

    fn texts(&self, name: &str) -> Result<Vec<String>, DataError> {
        self.values(name, |column| {
            Ok(column.str()?.iter().map(|text| text.map(str::to_owned)).collect())
        })
    }

    fn optional_texts(&self, name: &str) -> Result<Vec<Option<String>>, DataError> {
        self.values(name, |column| {
            Ok(Some(column.str()?.iter().map(|text| text.map(str::to_owned)).collect()))
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, DataError> {
        self.values(name, |column| Ok(column.f64()?.iter().collect()))
    }

    fn optional_numbers(&self, name: &str) -> Result<Vec<Option<f64>>, DataError> {
        self.values(name, |column| Ok(Some(column.f64()?.iter().collect())))
    }

    fn whole(&self, name: &str) -> Result<Vec<u32>, DataError> {
        self.values(name, |column| Ok(column.u32()?.iter().collect()))
    }

    fn short(&self, name: &str) -> Result<Vec<u16>, DataError> {
        let narrow = |value: Option<u32>| u16::try_from(value?).ok();
        self.values(name, |column| Ok(column.u32()?.iter().map(narrow).collect()))
    }
}
