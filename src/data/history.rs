//! The one validated type that everything after the data room starts from.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::quality::QualityReport;

/// Name of the last category, where everything lands that is not targetable.
pub const OTHER_CATEGORY: &str = "other";

/// A team's sales history, cleaned, aggregated to customer, week and category, and sorted.
///
/// Nothing in it depends on the order of rows, on how tables were split into files, or on paths.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// First day of the week with index 0.
    pub first_week: NaiveDate,
    /// Number of weeks; week indices are `0..n_weeks`.
    pub n_weeks: u32,
    /// Salted customer hashes, ascending; the position is the customer index.
    pub customers: Vec<String>,
    /// Identifiers as they stand in the files, by customer index; only kept when asked for.
    pub original_ids: Option<Vec<String>>,
    /// Targetable categories by sales value, largest first; the last one is always "other".
    pub categories: Vec<Category>,
    /// One entry per non-empty combination, sorted by customer, week, category.
    pub cells: Vec<Cell>,
    /// Market shelf depth, `[n_weeks * n_categories]`, one row per week, each in `[0, 1]`.
    pub shelf_depth: Vec<f64>,
    /// Log of each category's regular price against its mean over the weeks, `[n_weeks *
    /// n_categories]`, one row per week; 0 where unknown.
    pub price_index: Vec<f64>,
    /// Catalogue of past offers; empty when there are neither offers nor exposures.
    pub offers: Vec<OfferRow>,
    /// Logged decisions, sorted by customer, week, offer.
    pub exposures: Vec<Exposure>,
    /// Weeks whose total sales are outliers, ascending, to be left out of the fit; empty unless
    /// asked for.
    pub anomalous_weeks: Vec<u32>,
    /// What cleaning removed, what was assumed, and what a reader should know.
    pub quality: QualityReport,
    /// sha256 (hex) of everything above except `original_ids` and `quality`.
    pub fingerprint: String,
}

/// A product category as offers target it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// Name as in the products table, or "other".
    pub name: String,
    /// Margin at the regular price: `1 - cost / gross` over the whole history.
    pub margin_rate: f64,
    /// Regular price of an average unit, `gross / units`; 0 when nothing was sold.
    pub mean_unit_price: f64,
}

/// What one customer bought of one category in one week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Customer index.
    pub customer: u32,
    /// Week index.
    pub week: u32,
    /// Category index.
    pub category: u16,
    /// Distinct baskets (distinct days when baskets are not recorded) with this category.
    pub baskets: u16,
    /// Units bought.
    pub units: f64,
    /// Value at the regular shelf price: `sales value + shelf_discount + offer_discount`.
    pub gross: f64,
    /// Money taken off for everybody.
    pub shelf_discount: f64,
    /// Money taken off for this customer.
    pub offer_discount: f64,
    /// Cost of the goods.
    pub cost: f64,
}

impl Cell {
    /// What the retailer received: `gross - shelf_discount - offer_discount`.
    pub fn sales_value(&self) -> f64 {
        self.gross - self.shelf_discount - self.offer_discount
    }
}

/// One offer that could have been made in the past.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Identifier as in the files.
    pub offer_id: String,
    /// How it works ("percent", "bogo", "campaign", ...); see [`OfferRow::content`].
    pub mechanic: String,
    /// Category it is for; `None` means the whole basket or unknown.
    pub category: Option<String>,
    /// Fraction off, in `[0, 1]`; 0 when unknown.
    pub depth: f64,
    /// Money off, price, points or cost of a gift, as the mechanic has it; 0 when not given.
    pub amount: f64,
    /// Smallest spend for which it holds, money.
    pub min_spend: f64,
    /// Units to buy before others are cheaper; 0 when not given.
    pub buy_quantity: u32,
    /// Units that are cheaper then; 0 when not given.
    pub free_quantity: u32,
    /// The other category of a bundle.
    pub with_category: Option<String>,
    /// What a gift, a delivery or a point is worth to the customer, money; 0 when not given.
    pub value: f64,
    /// Share of buyers who bother to use it, in `(0, 1]`; 0 when not given.
    pub redemption: f64,
    /// Cost of telling one customer about it, money.
    pub contact_cost: f64,
}

impl OfferRow {
    /// Whether it stands for the decision to make no offer.
    pub fn is_none(&self) -> bool {
        self.offer_id == "none" || self.mechanic == "none"
    }
}

/// One logged decision: this customer was given this offer in this week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Customer index.
    pub customer: u32,
    /// Week index.
    pub week: u32,
    /// Index into [`History::offers`].
    pub offer: u16,
    /// Probability, in `(0, 1]`, that the logging policy took this action, when it was logged.
    pub propensity: Option<f64>,
}

impl History {
    /// Number of categories, "other" included.
    pub fn n_categories(&self) -> usize {
        self.categories.len()
    }

    /// First day of a week.
    pub fn week_start(&self, week: u32) -> NaiveDate {
        self.first_week + chrono::Days::new(u64::from(week) * 7)
    }

    /// Market shelf depth of a category in a week; 0 outside the history.
    pub fn shelf_depth_at(&self, week: u32, category: u16) -> f64 {
        let index = week as usize * self.n_categories() + usize::from(category);
        let inside = usize::from(category) < self.n_categories();
        self.shelf_depth.get(index).copied().filter(|_| inside).unwrap_or(0.0)
    }

    /// Mean market shelf depth of every category over the weeks `0..until`.
    pub fn usual_shelf(&self, until: u32) -> Vec<f64> {
        let mean = |category: u16| {
            let depths = (0..until).map(|week| self.shelf_depth_at(week, category));
            depths.sum::<f64>() / f64::from(until.max(1))
        };
        (0..self.n_categories() as u16).map(mean).collect()
    }

    /// The cells of one customer, sorted by week and category.
    pub fn cells_of(&self, customer: u32) -> &[Cell] {
        let start = self.cells.partition_point(|cell| cell.customer < customer);
        let end = self.cells.partition_point(|cell| cell.customer <= customer);
        &self.cells[start..end]
    }

    /// The exposures of one customer, sorted by week.
    pub fn exposures_of(&self, customer: u32) -> &[Exposure] {
        let start = self.exposures.partition_point(|one| one.customer < customer);
        let end = self.exposures.partition_point(|one| one.customer <= customer);
        &self.exposures[start..end]
    }

    /// sha256 (hex) over the canonical content; equals [`History::fingerprint`] unless changed.
    pub fn compute_fingerprint(&self) -> String {
        let mut builder = FingerprintBuilder::default();
        self.customers.iter().for_each(|customer| builder.customer(customer));
        builder.cells(&self.cells);
        builder.finish(self)
    }
}

/// Takes customers and cells as they come, so that a history need not be held to be hashed.
#[derive(Debug, Default)]
pub(super) struct FingerprintBuilder {
    customers: Canonical,
    n_customers: u32,
    cells: Canonical,
    n_cells: usize,
}

impl FingerprintBuilder {
    pub(super) fn n_customers(&self) -> u32 {
        self.n_customers
    }

    pub(super) fn customer(&mut self, hash: &str) {
        self.customers.text(hash);
        self.n_customers += 1;
    }

    pub(super) fn cells(&mut self, cells: &[Cell]) {
        for cell in cells {
            let content = &mut self.cells;
            content.whole(&[cell.customer, cell.week, cell.category.into(), cell.baskets.into()]);
            let money = [cell.gross, cell.shelf_discount, cell.offer_discount, cell.cost];
            content.numbers(&[cell.units]);
            content.numbers(&money);
        }
        self.n_cells += cells.len();
    }

    /// The fingerprint; customers and cells are those taken, the rest is read from `history`.
    pub(super) fn finish(self, history: &History) -> String {
        let mut content = Canonical::default();
        content.text("promopt history 3");
        content.text(&history.first_week.to_string());
        content.count(history.n_weeks as usize);
        content.count(self.n_customers as usize);
        content.0.update(self.customers.0.finalize());
        content.count(self.n_cells);
        content.0.update(self.cells.0.finalize());
        content.count(history.categories.len());
        for category in &history.categories {
            content.text(&category.name);
            content.numbers(&[category.margin_rate, category.mean_unit_price]);
        }
        content.count(history.shelf_depth.len());
        content.numbers(&history.shelf_depth);
        content.count(history.price_index.len());
        content.numbers(&history.price_index);
        content.count(history.offers.len());
        for offer in &history.offers {
            content.text(&offer.offer_id);
            content.text(&offer.mechanic);
            content.count(usize::from(offer.category.is_some()));
            content.text(offer.category.as_deref().unwrap_or(""));
            content.numbers(&[offer.depth, offer.amount, offer.min_spend, offer.contact_cost]);
            content.whole(&[offer.buy_quantity, offer.free_quantity]);
            content.count(usize::from(offer.with_category.is_some()));
            content.text(offer.with_category.as_deref().unwrap_or(""));
            content.numbers(&[offer.value, offer.redemption]);
        }
        content.count(history.exposures.len());
        for one in &history.exposures {
            content.whole(&[one.customer, one.week, one.offer.into()]);
            // 0 is outside the range of propensities, so it can stand for "not logged".
            content.numbers(&[one.propensity.unwrap_or(0.0)]);
        }
        content.count(history.anomalous_weeks.len());
        content.whole(&history.anomalous_weeks);
        hex(&content.0.finalize())
    }
}

/// Feeds a hash so that no two different contents give the same bytes.
#[derive(Debug, Default)]
struct Canonical(Sha256);

impl Canonical {
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    fn whole(&mut self, values: &[u32]) {
        values.iter().for_each(|value| self.0.update(value.to_le_bytes()));
    }

    fn numbers(&mut self, values: &[f64]) {
        values.iter().for_each(|value| self.0.update(value.to_le_bytes()));
    }
}

/// The name under which a customer appears everywhere: the first 16 hex digits of
/// `sha256(salt, 0, id)`.
pub fn hash_customer(salt: &str, id: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(salt.as_bytes());
    digest.update([0]);
    digest.update(id.as_bytes());
    let mut name = hex(&digest.finalize());
    name.truncate(16);
    name
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_salt_and_identifier() {
        assert_eq!(hash_customer("s", "1").len(), 16);
        assert_eq!(hash_customer("s", "1"), hash_customer("s", "1"));
        assert_ne!(hash_customer("s", "1"), hash_customer("t", "1"));
        assert_ne!(hash_customer("s", "1"), hash_customer("s", "2"));
        assert_ne!(hash_customer("s1", "2"), hash_customer("s", "12"));
    }
}
