//! Store-weeks as plain rows, for whoever fits on them.

/// Sales of one product in one store and week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoreWeekRow {
    /// Index into [`StoreWeekTable::stores`].
    pub store: usize,
    /// Index into [`StoreWeekTable::products`].
    pub product: usize,
    /// Week, as numbered in the file.
    pub week: i64,
    /// Units sold, above 0.
    pub units: f64,
    /// Price per unit, money, above 0.
    pub price: f64,
    /// In-store coupon, 0 to 1; `None` where unknown.
    pub deal: Option<f64>,
    /// Feature ad, 0 to 1; `None` where unknown.
    pub feature: Option<f64>,
    /// Gross margin as a fraction of the price; `None` where unknown.
    pub margin_rate: Option<f64>,
}

/// All usable rows of a table of store-weeks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreWeekTable {
    /// Names of the stores.
    pub stores: Vec<String>,
    /// Names of the products.
    pub products: Vec<String>,
    /// Rows by store, product and week, each at most once.
    pub rows: Vec<StoreWeekRow>,
}
