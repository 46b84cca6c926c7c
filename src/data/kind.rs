//! Data that is not a customer sales history: logged decisions and weekly sales of stores. It is
//! read, checked and summed up on its own, since there is nobody in it to group or to send offers to.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::config::DataConfig;
use super::decisions::{self, DecisionReport};
use super::error::DataError;
use super::history::hex;
use super::store;
use super::store_weeks::{self, StoreWeekReport};

/// The file of a run's history folder that holds the summary.
pub const SUMMARY: &str = "summary.json";

/// Confidence level of the intervals.
const LEVEL: f64 = 0.95;

/// The normal quantile of [`LEVEL`].
const NORMAL_QUANTILE: f64 = 1.959_963_984_540_054;

/// From so many degrees of freedom on, the t quantile is that of the normal to four digits.
const MANY: f64 = 1e5;

/// What the files are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// What each customer bought, line by line.
    #[default]
    Sales,
    /// Offers made by a known policy, and what followed.
    Decisions,
    /// Units and prices by store, product and week.
    StoreWeeks,
}

impl DataKind {
    /// The value of `kind` in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Decisions => "decisions",
            Self::StoreWeeks => "store-weeks",
        }
    }

    /// Why the stages after ingest cannot use such data, and what can be done with it.
    #[must_use]
    pub fn without_customers(self) -> &'static str {
        match self {
            Self::Sales => "",
            Self::Decisions => {
                "expected customer sales for this command, found `kind = \"decisions\"`: logged \
                 decisions say what followed an offer, but not what customers bought before, so \
                 there are no personas and no demand to fit; `promopt check` and `promopt ingest` \
                 read them, and history/decisions.parquet holds what off-policy evaluation needs \
                 (offer, propensity, outcomes)"
            }
            Self::StoreWeeks => {
                "expected customer sales for this command, found `kind = \"store-weeks\"`: weekly \
                 sales of stores know no customers, so there are no personas and no offers to \
                 learn; `promopt fit` fits their price elasticities and writes demand/pricing.html \
                 and demand/pricing.json"
            }
        }
    }
}

/// What was read from data that is not a customer sales history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LogReport {
    /// Logged decisions.
    Decisions(DecisionReport),
    /// Weekly sales of stores.
    StoreWeeks(StoreWeekReport),
}

/// Rows that a rule left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Name of the rule.
    pub rule: String,
    /// Why such rows cannot be used.
    pub reason: String,
    /// Rows left out; a row is counted by the first rule that applies.
    pub rows: u64,
}

impl Dropped {
    pub(super) fn new((rule, reason): (&str, &str), rows: u64) -> Self {
        Self { rule: rule.to_owned(), reason: reason.to_owned(), rows }
    }
}

/// A mean with its two-sided 95 % confidence interval in the unit of the values: that of Wilson
/// (1927) where all values are 0 or 1, else `mean ± t · s / √n`. Rows are taken as independent; the
/// interval is absent below two rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanInterval {
    /// Rows.
    pub rows: u64,
    /// Mean.
    pub mean: f64,
    /// Lower and upper bound.
    pub interval: Option<(f64, f64)>,
}

/// Sums behind a mean, by Welford's method.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    rows: u64,
    mean: f64,
    squares: f64,
    /// Whether a value is neither 0 nor 1.
    graded: bool,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        self.rows += 1;
        self.graded |= value != 0.0 && value != 1.0;
        let step = value - self.mean;
        self.mean += step / self.rows as f64;
        self.squares += step * (value - self.mean);
    }

    /// `None` without a value.
    pub(super) fn interval(&self) -> Option<MeanInterval> {
        let Self { rows, mean, squares, graded } = *self;
        if rows == 0 {
            return None;
        }
        if rows > 1 && !graded {
            return Some(MeanInterval { rows, mean, interval: Some(wilson(mean, rows as f64)) });
        }
        let freedom = (rows as f64 - 1.0).min(MANY);
        let quantile = StudentsT::new(0.0, 1.0, freedom).ok();
        let quantile = quantile.map(|student| student.inverse_cdf(0.5 + LEVEL / 2.0));
        let reach = quantile.map(|t| t * (squares / (rows as f64 - 1.0) / rows as f64).sqrt());
        Some(MeanInterval { rows, mean, interval: reach.map(|r| (mean - r, mean + r)) })
    }
}

/// Wilson's score interval of a share among `n` rows; never empty, never outside `[0, 1]`.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let z2 = NORMAL_QUANTILE * NORMAL_QUANTILE;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let reach = NORMAL_QUANTILE / (1.0 + z2 / n) * spread;
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// Reads data without customers whole and checks it; writes it into `out`, an existing folder, when
/// one is given: the rows as Parquet and the summary as JSON.
///
/// # Errors
/// [`DataError`] naming the file, row and column of the first thing that cannot be used, or the
/// config key when the data is a sales history.
pub fn read_log(
    config: &DataConfig,
    base_dir: &Path,
    salt: &str,
    out: Option<&Path>,
) -> Result<LogReport, DataError> {
    config.validate()?;
    let dir = config.resolved_dir(base_dir);
    let report = match config.kind {
        DataKind::Sales => return Err(other_kind(config.kind, "\"decisions\" or \"store-weeks\"")),
        DataKind::Decisions => {
            LogReport::Decisions(decisions::read_decisions(config, &dir, salt, out)?)
        }
        DataKind::StoreWeeks => {
            LogReport::StoreWeeks(store_weeks::read_store_weeks(config, &dir, out)?)
        }
    };
    if let Some(out) = out {
        store::save_summary(&report, SUMMARY, out)?;
    }
    Ok(report)
}

/// The error for data of a kind that cannot be used here.
pub(super) fn other_kind(found: DataKind, expected: &str) -> DataError {
    DataError::Config {
        key: "kind".to_owned(),
        expected: expected.to_owned(),
        found: format!("{:?}", found.name()),
    }
}

/// sha256 (hex) over the summary, which counts and sums all rows.
///
/// # Errors
/// [`DataError::Store`] when there is none.
pub fn log_fingerprint(dir: &Path) -> Result<String, DataError> {
    let path = dir.join(SUMMARY);
    let failed = |e: std::io::Error| DataError::Store { path: path.clone(), reason: e.to_string() };
    Ok(hex(&Sha256::digest(std::fs::read(&path).map_err(failed)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_stays_inside_zero_and_one() {
        let mut moments = Moments::default();
        (0..10).for_each(|_| moments.add(0.0));
        let (lower, upper) = moments.interval().and_then(|one| one.interval).expect("ten rows");
        // Nothing of ten: the upper bound is z² / (n + z²) = 3.8415 / 13.8415 = 0.2775.
        assert!(lower == 0.0 && (upper - 0.2775).abs() < 1e-4, "{lower} to {upper}");
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_student() {
        let mut moments = Moments::default();
        assert_eq!(moments.interval(), None);
        moments.add(1.0);
        assert_eq!(moments.interval().and_then(|one| one.interval), None);
        [2.0, 3.0, 4.0, 5.0].into_iter().for_each(|value| moments.add(value));
        let found = moments.interval().expect("five rows");
        // The mean is 3 and s² = 2.5; with 4 degrees of freedom t = 2.776, so ± 1.9633.
        let (lower, upper) = found.interval.expect("five rows");
        assert!((found.mean - 3.0).abs() < 1e-12);
        assert!((lower - 1.0367).abs() < 1e-3 && (upper - 4.9633).abs() < 1e-3, "{found:?}");
    }
}
