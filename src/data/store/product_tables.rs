//! Tables below the categories: products, what a sample of customers bought of them, and the price
//! ledger; read back as plain structs.

use std::path::Path;

use polars::prelude::*;

use super::super::error::DataError;
use super::super::product_lines::{ProductCell, ProductRow, ProductTable};
use super::folder::{Folder, numbers, texts, whole};

/// The market of one product in one week, over all stores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductWeek {
    /// Index into [`ProductTable::rows`].
    pub product: u32,
    /// Week index.
    pub week: u32,
    /// Units sold to all customers.
    pub units: f64,
    /// Value at the regular price, money.
    pub gross: f64,
    /// Money off for everybody.
    pub shelf_discount: f64,
    /// Regular price of a unit, money: the ledger's; over stores the geometric mean weighted by
    /// units.
    pub regular_price: f64,
    /// Share of the units that were sold under a display; 0 where that is not recorded.
    pub display: f64,
    /// Share of the units that were sold while in a mailer; 0 where that is not recorded.
    pub mailer: f64,
}

impl ProductWeek {
    /// Share taken off the regular value for everybody, within [0, 1].
    #[must_use]
    pub fn depth(&self) -> f64 {
        (self.shelf_discount / self.gross).clamp(0.0, 1.0)
    }
}

/// The price ledger by product and week.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// One per product and week with a sale, sorted by product and week.
    pub rows: Vec<ProductWeek>,
    /// Whether displays and mailers are recorded.
    pub has_promotions: bool,
}

/// Writes the products.
pub(in crate::data) fn save_products(table: &ProductTable, dir: &Path) -> Result<(), DataError> {
    let rows = &table.rows;
    let group = |row: &ProductRow| row.group as usize;
    let brands: Vec<Option<u32>> = rows.iter().map(|row| row.brand).collect();
    let labels: Vec<Option<bool>> = rows.iter().map(|row| row.private_label).collect();
    let columns = vec![
        whole("product", 0..rows.len() as u32),
        texts("product_id", rows.iter().map(|row| row.product_id.as_str())),
        whole("category", rows.iter().map(|row| row.category.into())),
        whole("group", rows.iter().map(|row| row.group)),
        texts("group_name", rows.iter().map(|row| table.groups[group(row)].as_str())),
        numbers("units", rows.iter().map(|row| row.units)),
        numbers("gross", rows.iter().map(|row| row.gross)),
        numbers("mean_price", rows.iter().map(|row| row.mean_price)),
        Column::new("brand".into(), brands),
        Column::new("private_label".into(), labels),
    ];
    Folder { dir }.write("products", columns)
}

/// The columns of `lines`.
pub(super) fn line_columns(rows: &[ProductCell]) -> Vec<Column> {
    vec![
        whole("customer", rows.iter().map(|row| row.customer)),
        whole("week", rows.iter().map(|row| row.week)),
        whole("product", rows.iter().map(|row| row.product)),
        numbers("units", rows.iter().map(|row| row.units)),
        numbers("gross", rows.iter().map(|row| row.gross)),
        numbers("shelf_discount", rows.iter().map(|row| row.shelf_discount)),
        numbers("offer_discount", rows.iter().map(|row| row.offer_discount)),
    ]
}

/// The products of a saved history.
///
/// # Errors
/// [`DataError::Store`] when the table is missing or of another format.
pub fn read_products(dir: &Path) -> Result<ProductTable, DataError> {
    let table = Folder { dir }.read("products")?;
    let (ids, names) = (table.texts("product_id")?, table.texts("group_name")?);
    let (category, group) = (table.short("category")?, table.whole("group")?);
    let (units, gross) = (table.numbers("units")?, table.numbers("gross")?);
    let mean_price = table.numbers("mean_price")?;
    let (brand, label) = (table.optional_whole("brand")?, table.flags("private_label")?);
    let n_groups = group.iter().max().map_or(0, |last| *last as usize + 1);
    let mut groups = vec![String::new(); n_groups];
    for (name, group) in names.into_iter().zip(&group) {
        groups[*group as usize] = name;
    }
    let row = |(index, product_id): (usize, String)| ProductRow {
        product_id,
        category: category[index],
        group: group[index],
        units: units[index],
        gross: gross[index],
        mean_price: mean_price[index],
        brand: brand[index],
        private_label: label[index],
    };
    Ok(ProductTable { rows: ids.into_iter().enumerate().map(row).collect(), groups })
}

/// What the sampled customers of a saved history bought product by product, sorted by customer,
/// week and product.
///
/// # Errors
/// [`DataError::Store`] when the table is missing or of another format.
pub fn read_lines(dir: &Path) -> Result<Vec<ProductCell>, DataError> {
    let table = Folder { dir }.read("lines")?;
    let (customer, week) = (table.whole("customer")?, table.whole("week")?);
    let (product, units) = (table.whole("product")?, table.numbers("units")?);
    let (gross, shelf) = (table.numbers("gross")?, table.numbers("shelf_discount")?);
    let offer = table.numbers("offer_discount")?;
    let row = |index: usize| ProductCell {
        customer: customer[index],
        week: week[index],
        product: product[index],
        units: units[index],
        gross: gross[index],
        shelf_discount: shelf[index],
        offer_discount: offer[index],
    };
    Ok((0..customer.len()).map(row).collect())
}

/// The price ledger of a saved history with its products as indices and its stores put together.
///
/// # Errors
/// [`DataError::Store`] when a table is missing, of another format, or names a product that
/// `products` does not have.
pub fn read_ledger(dir: &Path, products: &ProductTable) -> Result<Ledger, DataError> {
    let folder = Folder { dir };
    let table = folder.read("ledger")?;
    let (ids, week) = (table.texts("product")?, table.whole("week")?);
    let (units, gross) = (table.numbers("units")?, table.numbers("gross")?);
    let (price, off) = (table.numbers("regular_price")?, table.numbers("shelf_discount")?);
    let has_promotions = table.has("display");
    let shares = |name: &str| match has_promotions {
        true => table.numbers(name),
        false => Ok(vec![0.0; ids.len()]),
    };
    let (display, mailer) = (shares("display")?, shares("mailer")?);
    let mut rows = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let found = products.rows.binary_search_by(|row| row.product_id.as_str().cmp(id));
        let unknown = |_| {
            let reason = format!("expected a product of products.parquet, found `{id}`");
            folder.error("ledger.parquet", &reason)
        };
        rows.push(ProductWeek {
            product: found.map_err(unknown)? as u32,
            week: week[index],
            units: units[index],
            gross: gross[index],
            shelf_discount: off[index],
            regular_price: price[index],
            display: display[index],
            mailer: mailer[index],
        });
    }
    // The sort is stable, so stores stay in their order and sums are the same every time.
    rows.sort_by_key(|row| (row.product, row.week));
    let same = |left: &ProductWeek, right: &ProductWeek| {
        (left.product, left.week) == (right.product, right.week)
    };
    Ok(Ledger { rows: rows.chunk_by(same).map(over_stores).collect(), has_promotions })
}

/// One row of the rows of several stores, at least one.
fn over_stores(rows: &[ProductWeek]) -> ProductWeek {
    let [only] = rows else {
        let sum = |value: fn(&ProductWeek) -> f64| rows.iter().map(value).sum::<f64>();
        let units = sum(|row| row.units);
        return ProductWeek {
            units,
            gross: sum(|row| row.gross),
            shelf_discount: sum(|row| row.shelf_discount),
            regular_price: (sum(|row| row.units * row.regular_price.ln()) / units).exp(),
            display: sum(|row| row.units * row.display) / units,
            mailer: sum(|row| row.units * row.mailer) / units,
            ..rows[0]
        };
    };
    *only
}
