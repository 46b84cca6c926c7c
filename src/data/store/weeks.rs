//! Reads back the weekly sales of stores that an ingest saved.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::DataError;
use super::super::store_week_row::{StoreWeekRow, StoreWeekTable};
use super::folder::Folder;

/// The rows of `store_weeks.parquet` in a history folder.
///
/// # Errors
/// [`DataError::Store`] when the file is missing or not what this version writes.
pub fn load_store_weeks(dir: &Path) -> Result<StoreWeekTable, DataError> {
    let table = Folder { dir }.read("store_weeks")?;
    let (stores, store_of) = coded(&table.texts("store_id")?);
    let (products, product_of) = coded(&table.texts("product_id")?);
    let week = table.signed("week")?;
    let (units, price) = (table.numbers("units")?, table.numbers("price")?);
    let deal = table.optional_numbers("deal")?;
    let feature = table.optional_numbers("feature")?;
    let margin_rate = table.optional_numbers("margin_rate")?;
    let row = |at: usize| StoreWeekRow {
        store: store_of[at],
        product: product_of[at],
        week: week[at],
        units: units[at],
        price: price[at],
        deal: deal[at],
        feature: feature[at],
        margin_rate: margin_rate[at],
    };
    Ok(StoreWeekTable { stores, products, rows: (0..week.len()).map(row).collect() })
}

/// The different names in ascending order, and the place of each value among them.
fn coded(values: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut places: BTreeMap<&str, usize> = values.iter().map(|name| (name.as_str(), 0)).collect();
    places.values_mut().enumerate().for_each(|(at, place)| *place = at);
    let codes = values.iter().map(|name| places[name.as_str()]).collect();
    (places.into_keys().map(str::to_owned).collect(), codes)
}
