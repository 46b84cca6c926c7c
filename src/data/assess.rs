//! Can this history be trusted: completeness, calendar, distributions, drift, and a verdict.
//!
//! [`Observed`] is filled while the files stream by; [`assess`] is a pure function of it and of the
//! [`QualityReport`]. Every limit is in [`limits::LIMITS`] with its reason.

#[cfg(test)]
pub(in crate::data) mod by_line;
mod calendar;
mod drift;
mod exposure;
mod histogram;
pub mod limits;
mod observed;
#[cfg(test)]
mod tests;
mod verdict;
mod wording;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, Kind, SeriesFit, WeeklySeries, all_anomalies, examine};
use super::quality::QualityReport;

pub use super::gaps::DaySpan;

pub use calendar::{Calendar, StoreGaps};
pub use drift::{Drift, Moved, population_stability};
pub use exposure::{ExposureGlance, Overlap};
pub use histogram::{ExactSum, Histogram, Scale};
pub use observed::{
    Compared, Comparison, Completeness, CustomerCounts, DayTally, Exposed, Observed, Period,
    ProductSales, UNKNOWN_CATEGORY,
};
pub use verdict::{Reason, Verdict};

use calendar::Weeks;
use verdict::{Findings, ratio};
use wording::count;

/// Name of the series of all sales.
pub const TOTAL: &str = "total";
/// Products listed per direction.
const MOVERS: usize = 10;
/// The quantiles shown of every distribution.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// What a team should know of its history before anything is learned from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The verdict: the gravest of the reasons.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub headline: String,
    /// Why, gravest first; empty when ok.
    pub reasons: Vec<Reason>,
    /// How complete each column is, by name.
    pub completeness: Vec<ColumnCompleteness>,
    /// Span, weekdays and gaps.
    pub calendar: Calendar,
    /// Quantiles of depth, basket value and price by category.
    pub distributions: Vec<Distribution>,
    /// Share of sales by depth: none, then steps of five points.
    pub depth_sales: DepthSales,
    /// Products whose sales rose most, in money.
    pub movers_up: Vec<Mover>,
    /// Products whose sales fell most, in money.
    pub movers_down: Vec<Mover>,
    /// First against last quarter.
    pub drift: Vec<Drift>,
    /// How much of the sales is known in which respect.
    pub coverage: Coverage,
    /// Logged offers at a glance.
    pub exposures: ExposureGlance,
    /// Total, category and store sales by week with what was expected, for plots.
    pub series: Vec<SeriesFit>,
    /// Odd weeks of all series, sorted by series and week.
    pub anomalies: Vec<Anomaly>,
}

/// How complete a column is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnCompleteness {
    /// `table.column`.
    pub column: String,
    /// Rows read.
    pub rows: u64,
    /// Rows in which it is missing.
    pub missing: u64,
    /// Share of rows in which it is there.
    pub complete: f64,
    /// Whether no line can be used without it.
    pub key: bool,
}

/// Quantiles ([`QUANTILES`]) of one quantity at either end of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// What it is of.
    pub what: String,
    /// Lines (or baskets) of the first quarter.
    pub first_lines: u64,
    /// Quantiles in the first quarter; empty without lines.
    pub first: Vec<f64>,
    /// Lines (or baskets) of the last quarter.
    pub last_lines: u64,
    /// Quantiles in the last quarter; empty without lines.
    pub last: Vec<f64>,
}

/// Share of sales by shelf depth; empty without sales.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DepthSales {
    /// First quarter.
    pub first: Vec<f64>,
    /// Last quarter.
    pub last: Vec<f64>,
}

/// A product whose sales moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mover {
    /// Product.
    pub product: String,
    /// Category, empty when unknown.
    pub category: String,
    /// Sales in the first quarter, money.
    pub first: f64,
    /// Sales in the last quarter, money.
    pub last: f64,
    /// `last − first`, money.
    pub change: f64,
}

/// What is known of the sales and customers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Kept sales, money.
    pub sales: f64,
    /// Share of the sales with a known category.
    pub category: f64,
    /// Share of the sales with a known cost or margin.
    pub cost: f64,
    /// Customers with sales.
    pub customers: u64,
    /// Mean customers per week with sales.
    pub customers_per_week: f64,
    /// Customers of the first quarter.
    pub active_first: u64,
    /// Customers of the last quarter.
    pub active_last: u64,
    /// Customers of both.
    pub active_both: u64,
}

impl Assessment {
    /// All sales first, then categories, then stores; within each the most money first, which is
    /// `|observed − expected|` times the weeks that it lasts.
    pub fn anomalies_by_size(&self) -> Vec<&Anomaly> {
        let rank = |one: &Anomaly| match one.series.split_once(": ") {
            None => 0,
            Some(("category", _)) => 1,
            Some(_) => 2,
        };
        let money = |one: &Anomaly| (one.observed - one.expected).abs() * f64::from(one.weeks);
        let mut all: Vec<&Anomaly> = self.anomalies.iter().collect();
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then(money(b).total_cmp(&money(a))));
        all
    }

    /// First days of the weeks whose total sales are an outlier, ascending.
    pub fn outlier_weeks(&self) -> impl Iterator<Item = NaiveDate> {
        let is_outlier = |one: &&Anomaly| one.series == TOTAL && one.kind == Kind::Outlier;
        self.anomalies.iter().filter(is_outlier).map(|one| one.week)
    }
}

/// Judges a history from what was observed of it.
pub fn assess(observed: &Observed, quality: &QualityReport) -> Assessment {
    let calendar = calendar::calendar(observed);
    let drift = drifts(observed);
    let series = weekly_series(observed);
    let reasons = verdict::reasons(&Findings {
        observed,
        quality,
        calendar: &calendar,
        drift: &drift,
        total: series.first(),
    });
    let verdict = reasons.iter().map(|reason| reason.verdict).max().unwrap_or_default();
    let (movers_up, movers_down) = movers(observed);
    Assessment {
        verdict,
        headline: headline(verdict, &reasons, &calendar, observed.customers.total),
        reasons,
        completeness: completeness(observed),
        calendar,
        distributions: distributions(observed),
        depth_sales: DepthSales {
            first: observed.depth.first.sales_shares(),
            last: observed.depth.last.sales_shares(),
        },
        movers_up,
        movers_down,
        drift,
        coverage: coverage(observed),
        exposures: exposure::glance(&observed.exposures, observed.customers.total),
        anomalies: all_anomalies(&series),
        series,
    }
}

fn headline(verdict: Verdict, reasons: &[Reason], calendar: &Calendar, customers: u64) -> String {
    let what = format!("{} weeks and {} customers", count(calendar.weeks), count(customers));
    let grave = reasons.iter().filter(|reason| reason.verdict == verdict).count();
    let reasons = if grave == 1 { "one reason" } else { "reasons" };
    match verdict {
        Verdict::Ok => format!("The history ({what}) is ok: nothing found that would mislead."),
        Verdict::UsableWithCare => {
            format!("The history ({what}) is usable with care, for the {reasons} below.")
        }
        Verdict::NotUsable => {
            format!("The history ({what}) is not usable, for the {reasons} below.")
        }
    }
}

/// Total sales first, then categories and stores by name.
fn weekly_series(observed: &Observed) -> Vec<SeriesFit> {
    let (Some(weeks), Some((first_day, last_day))) = (Weeks::of(observed), observed.ends()) else {
        return Vec::new();
    };
    let total = observed.total_weeks();
    let categories =
        observed.category_weeks.iter().map(|(name, sales)| (format!("category: {name}"), sales));
    let stores = observed.store_weeks.iter().map(|(name, sales)| (format!("store: {name}"), sales));
    std::iter::once((TOTAL.to_owned(), &total))
        .chain(categories)
        .chain(stores)
        .map(|(name, sales)| {
            let sales = weeks.filled(sales);
            examine(&WeeklySeries::new(name, weeks.first, sales, first_day, last_day))
        })
        .collect()
}

fn completeness(observed: &Observed) -> Vec<ColumnCompleteness> {
    let row = |(name, column): (&String, &Completeness)| ColumnCompleteness {
        column: name.clone(),
        rows: column.rows,
        missing: column.missing,
        complete: 1.0 - ratio(column.missing as f64, column.rows as f64),
        key: column.key,
    };
    observed.completeness.iter().map(row).collect()
}

fn distributions(observed: &Observed) -> Vec<Distribution> {
    let quantiles =
        |histogram: &Histogram| QUANTILES.iter().filter_map(|q| histogram.quantile(*q)).collect();
    let row = |what: String, compared: &Comparison| Distribution {
        what,
        first_lines: compared.first.total_lines(),
        first: quantiles(&compared.first),
        last_lines: compared.last.total_lines(),
        last: quantiles(&compared.last),
    };
    let fixed = [("shelf depth", &observed.depth), ("basket value", &observed.baskets)];
    let fixed = fixed.into_iter().map(|(what, compared)| row(what.to_owned(), compared));
    let prices = observed.prices.iter();
    fixed.chain(prices.map(|(name, compared)| row(format!("price of {name}"), compared))).collect()
}

fn drifts(observed: &Observed) -> Vec<Drift> {
    let (depth, baskets) = (&observed.depth, &observed.baskets);
    let depth = drift::compare("shelf depth".to_owned(), &depth.first, &depth.last);
    let baskets = drift::compare("basket value".to_owned(), &baskets.first, &baskets.last);
    let price = |(name, prices): (&String, &Comparison)| {
        drift::compare(format!("price of {name}"), &prices.first, &prices.last)
    };
    [depth, baskets].into_iter().chain(observed.prices.iter().map(price)).collect()
}

fn movers(observed: &Observed) -> (Vec<Mover>, Vec<Mover>) {
    let mut all: Vec<Mover> = observed
        .products
        .iter()
        .map(|(name, sales)| {
            let (first, last) = (sales.first.value(), sales.last.value());
            let (product, category) = (name.clone(), sales.category.clone());
            Mover { product, category, first, last, change: last - first }
        })
        .collect();
    let most_first = |a: &Mover, b: &Mover| {
        b.change.abs().total_cmp(&a.change.abs()).then_with(|| a.product.cmp(&b.product))
    };
    all.sort_by(most_first);
    let up = all.iter().filter(|mover| mover.change > 0.0).take(MOVERS).cloned().collect();
    let down = all.iter().filter(|mover| mover.change < 0.0).take(MOVERS).cloned().collect();
    (up, down)
}

fn coverage(observed: &Observed) -> Coverage {
    let sales = observed.sales.value();
    let weeks = &observed.customer_weeks;
    let customers = observed.customers;
    Coverage {
        sales,
        category: ratio(observed.sales_with_category.value(), sales),
        cost: ratio(observed.sales_with_cost.value(), sales),
        customers: customers.total,
        customers_per_week: ratio(weeks.values().sum::<u64>() as f64, weeks.len() as f64),
        active_first: customers.active_first,
        active_last: customers.active_last,
        active_both: customers.active_both,
    }
}
