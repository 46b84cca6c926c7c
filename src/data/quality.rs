//! What cleaning did and what was assumed: the record that keeps every dropped row accountable.

use serde::{Deserialize, Serialize};

/// The quality report of one ingest; totals reconcile:
/// `rows_in = rows_kept + Σ rules.rows`, and the same for sales value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Transaction lines read.
    pub rows_in: u64,
    /// Transaction lines that the history is built from.
    pub rows_kept: u64,
    /// Sales value read, money.
    pub sales_in: f64,
    /// Sales value kept, money.
    pub sales_kept: f64,
    /// Every cleaning rule in the order of application, also those that hit nothing.
    pub rules: Vec<RuleCount>,
    /// Kept lines whose product is not in the products table; they count as "other".
    pub unknown_products: LineCount,
    /// Kept lines of known products without a category; they count as "other".
    pub uncategorised: LineCount,
    /// Where the margin came from, as shares of the kept sales value.
    pub margin_source: MarginSource,
    /// True when any margin was assumed instead of read from the products table.
    pub margin_assumed: bool,
    /// What happened to the exposure rows.
    pub exposures: ExposureCounts,
    /// What happened to the rows of displays and mailers.
    #[serde(default)]
    pub promotions: PromotionCounts,
    /// Things a reader of the report should know, in plain words.
    pub notes: Vec<String>,
}

/// What one cleaning rule removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleCount {
    /// Name of the rule, as in the file of bad rows.
    pub name: String,
    /// Why such rows cannot be used.
    pub reason: String,
    /// The limit in force, as the config would say it; empty where there is none.
    #[serde(default)]
    pub setting: String,
    /// Rows removed.
    pub rows: u64,
    /// Sales value removed, money.
    pub sales_value: f64,
}

/// A number of lines and their sales value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LineCount {
    /// Lines.
    pub rows: u64,
    /// Their sales value, money.
    pub sales_value: f64,
}

/// Shares of the kept sales value by where its margin came from; they sum to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MarginSource {
    /// From `unit_cost` in the products table.
    pub unit_cost: f64,
    /// From `margin_rate` in the products table.
    pub margin_rate: f64,
    /// Assumed, from `margin_by_department` in the config.
    pub department: f64,
    /// Assumed, from `default_margin_rate` in the config.
    pub default: f64,
}

/// What happened to the rows of the exposures table; the parts sum to `rows_in`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureCounts {
    /// Rows read.
    pub rows_in: u64,
    /// Rows kept.
    pub rows_kept: u64,
    /// Dropped: customer, date or offer is missing.
    pub missing_key: u64,
    /// Dropped: the customer has no kept transaction.
    pub unknown_customer: u64,
    /// Dropped: the date is outside the weeks of the history.
    pub outside_dates: u64,
    /// Dropped: the same customer, week and offer stood there already.
    pub duplicate: u64,
    /// Kept rows whose offer is not in the offers table.
    pub unknown_offer: u64,
}

/// What happened to the rows of the promotions table; the parts sum to `rows_in`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionCounts {
    /// Rows read.
    pub rows_in: u64,
    /// Rows joined to the price ledger.
    pub rows_kept: u64,
    /// Rows of a product or store without a kept line.
    pub not_sold: u64,
    /// Rows of weeks outside the history.
    pub outside_dates: u64,
}

impl MarginSource {
    /// Sums of money as shares of a total.
    pub(super) fn shares_of(self, total: f64) -> Self {
        let share = |part: f64| (part / total * 1e6).round() / 1e6;
        Self {
            unit_cost: share(self.unit_cost),
            margin_rate: share(self.margin_rate),
            department: share(self.department),
            default: share(self.default),
        }
    }
}

impl QualityReport {
    /// Whether rows and sales value add up, sales to the cent.
    pub fn reconciles(&self) -> bool {
        let rows: u64 = self.rules.iter().map(|rule| rule.rows).sum();
        let sales: f64 = self.rules.iter().map(|rule| rule.sales_value).sum();
        self.rows_in == self.rows_kept + rows
            && (self.sales_in - self.sales_kept - sales).abs() < 0.005
    }
}
