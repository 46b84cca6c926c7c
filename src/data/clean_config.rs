//! The `[data.clean]` part of the config: how sales lines are cleaned.

use serde::{Deserialize, Serialize};

use super::config::check;
use super::error::DataError;

/// Limits of the cleaning rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleanConfig {
    /// Departments that are not the demand to be modelled, such as fuel; case is ignored.
    pub exclude_departments: Vec<String>,
    /// Larger quantities are weights or volumes, not units.
    pub max_quantity: f64,
    /// A unit price may be this many times the product's median, or this fraction of it.
    pub max_price_ratio: f64,
    /// Larger shares of the shelf price cannot be a price cut.
    pub max_depth: f64,
    /// Whether a return and the sale that it undoes are both left out.
    pub match_returns: bool,
    /// What happens to lines of products that the products table does not have.
    pub unknown_products: UnknownProducts,
    /// A customer with more lines in a week is no household; 0 switches the rule off.
    pub max_lines_per_week: u32,
    /// Robust z of a product's log unit price from which a price is an outlier; 0 switches it off.
    pub outlier_z: f64,
    /// No unit price nearer to the median than this ratio is an outlier.
    pub outlier_ratio: f64,
    /// A larger share of impossible dates means a misread column, which is an error.
    pub max_impossible_dates: f64,
    /// Leave weeks with anomalous total sales out of the fit.
    pub exclude_anomalous_weeks: bool,
}

/// What happens to lines of products that the products table does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownProducts {
    /// They stay, in category "other".
    #[default]
    Keep,
    /// They are rejected.
    Reject,
}

impl Default for CleanConfig {
    fn default() -> Self {
        Self {
            exclude_departments: Vec::new(),
            max_quantity: 100.0,
            max_price_ratio: 20.0,
            max_depth: 0.95,
            match_returns: true,
            unknown_products: UnknownProducts::Keep,
            max_lines_per_week: 500,
            outlier_z: 10.0,
            outlier_ratio: 4.0,
            max_impossible_dates: 0.01,
            exclude_anomalous_weeks: false,
        }
    }
}

impl CleanConfig {
    /// Checks every limit.
    pub(super) fn validate(&self) -> Result<(), DataError> {
        let clean = self;
        check("clean.max_quantity", clean.max_quantity > 0.0, "above 0", clean.max_quantity)?;
        let ratio = clean.max_price_ratio;
        check("clean.max_price_ratio", ratio > 1.0, "above 1", ratio)?;
        let depth = clean.max_depth;
        check("clean.max_depth", depth > 0.0 && depth <= 1.0, "in (0, 1]", depth)?;
        let z = clean.outlier_z;
        check("clean.outlier_z", z == 0.0 || z >= 3.0, "0 (off) or at least 3", z)?;
        let ratio = clean.outlier_ratio;
        check("clean.outlier_ratio", ratio > 1.0, "above 1", ratio)?;
        let share = clean.max_impossible_dates;
        check("clean.max_impossible_dates", (0.0..=1.0).contains(&share), "in [0, 1]", share)?;
        Ok(())
    }
}
