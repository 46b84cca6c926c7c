//! The quality page: what was made of the data, whether it can be trusted, and how that is drawn.
//!
//! Everything shown comes from one [`QualityPage`]. Amounts are in whole currency units unless a
//! name says cents, shares are fractions in \[0, 1\], and a number that is not finite means
//! "unknown" and is shown as a dash. A part without rows is replaced by a sentence saying so.

use std::path::Path;

use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::error::ReportError;
use super::format::fine_percent;
use super::histogram::Histogram;
use super::input::{Estimate, Fact, nullable};
use super::supplement::Supplement;
use super::{calendar, drift_bars, marked_lines, price_strips};

const TEMPLATE: &str = include_str!("templates/quality.html");

/// Every plot this page may hold.
pub(super) const PLOT_NAMES: [&str; 8] = [
    "quality-weekly",
    "quality-categories",
    "quality-stores",
    "quality-calendar",
    "quality-depths",
    "quality-unit-prices",
    "quality-drift",
    "quality-exposure",
];

const DEPTHS: Histogram<'static> = Histogram {
    name: "quality-depths",
    description: "Sales of the last quarter by depth of the shelf discount",
    x_title: "Depth of the discount (share of the regular price)",
    y_title: "Share of sales",
};

const EXPOSURE: Histogram<'static> = Histogram {
    name: "quality-exposure",
    description: "Customer-weeks with an offer by number of offers at once",
    x_title: "Offers at once",
    y_title: "Share of them",
};

/// Everything the quality page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QualityPage {
    /// Heading of the page; "Quality of the sales history" when empty.
    pub title: String,
    /// Where the history came from, for example the name of the preset or folder.
    pub source: String,
    /// First and last day of the history, in words.
    pub data_window: String,
    /// Currency symbol put before every amount, for example `$`.
    pub currency: String,
    /// Whether the history can be used.
    pub verdict: QualityVerdict,
    /// Why the verdict is what it is, the gravest reason first; whole sentences.
    pub reasons: Vec<String>,
    /// Size of the kept history, ready to read (rows, sales, customers, products, stores, weeks).
    pub facts: Vec<Fact>,
    /// What every cleaning rule took away.
    pub reconciliation: Reconciliation,
    /// Weekly sales of the whole kept history.
    pub weekly: SalesSeries,
    /// Weekly sales of the top categories, largest first; at most twelve are drawn.
    pub categories: Vec<SalesSeries>,
    /// Weekly sales of the top stores, largest first; at most twelve are drawn.
    pub stores: Vec<SalesSeries>,
    /// Days with and without sales.
    pub calendar: Calendar,
    /// How complete each column is.
    pub completeness: Vec<ColumnCompleteness>,
    /// Sales of the last quarter by depth of the shelf discount, in order of depth.
    pub depths: Vec<HistogramBin>,
    /// Regular unit prices in the last quarter by category, largest category first; at most twenty are drawn.
    pub unit_prices: Vec<PriceStrip>,
    /// What changed between the first and the last quarter of the history.
    pub drift: Vec<DriftRow>,
    /// Products or categories whose sales rose most, largest first.
    pub movers_up: Vec<Mover>,
    /// Products or categories whose sales fell most, largest fall first.
    pub movers_down: Vec<Mover>,
    /// Shares of the kept sales for which something is known (category, unit cost ...).
    pub coverage: Vec<CoverageShare>,
    /// How exposures are spread; absent without an exposures table.
    pub exposure: Option<ExposureOverlap>,
    /// What the price ledger knows; absent without a ledger.
    pub price_ledger: Option<PriceLedger>,
    /// Outliers, level shifts and gaps: of all sales first, then categories, then stores, strongest
    /// first.
    pub anomalies: Vec<Anomaly>,
    /// Assumptions and remarks, whole sentences.
    pub notes: Vec<String>,
}

/// Whether a history can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityVerdict {
    /// Nothing stands in the way.
    Ok,
    /// Usable by a reader who knows the reasons.
    UsableWithCare,
    /// Not to be used as it is.
    #[default]
    NotUsable,
}

/// Rows and sales in = kept + rejected, by rule. Money is in cents so that it can be exact.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reconciliation {
    /// Transaction lines read.
    pub rows_in: u64,
    /// Transaction lines kept.
    pub rows_kept: u64,
    /// Sales read, cents.
    pub cents_in: i64,
    /// Sales kept, cents.
    pub cents_kept: i64,
    /// Every rule in the order of application, also those that hit nothing.
    pub rules: Vec<RuleRow>,
    /// `rows_in − rows_kept − Σ rules.rows`; anything but zero is shown as a failure.
    pub rows_unexplained: i64,
    /// `cents_in − cents_kept − Σ rules.cents_removed`; anything but zero is shown as a failure.
    pub cents_unexplained: i64,
}

impl Reconciliation {
    /// Whether nothing is unexplained, checked against the rows and cents themselves so that a
    /// caller who forgot to fill in what is unexplained cannot claim it.
    fn is_exact(&self) -> bool {
        let rows = self.rules.iter().map(|rule| i128::from(rule.rows)).sum::<i128>();
        let cents = self.rules.iter().map(|rule| i128::from(rule.cents_removed)).sum::<i128>();
        let adds_up = i128::from(self.rows_in) == i128::from(self.rows_kept) + rows
            && i128::from(self.cents_in) == i128::from(self.cents_kept) + cents;
        adds_up && self.rows_unexplained == 0 && self.cents_unexplained == 0
    }
}

/// What one cleaning rule took away.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RuleRow {
    /// Name of the rule, as in the file of bad rows.
    pub name: String,
    /// Why such rows cannot be used.
    pub reason: String,
    /// The setting in force, in words: its threshold, or that it is off.
    pub setting: String,
    /// Rows removed.
    pub rows: u64,
    /// Sales removed, cents; negative when removing them raised sales.
    pub cents_removed: i64,
    /// `cents_removed` as a share of `cents_in`.
    pub share_of_sales: f64,
}

/// Sales by week with what was expected and what stands out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SalesSeries {
    /// Name of the category or store; not shown for the whole history.
    pub name: String,
    /// One entry for each week, in order, without gaps.
    pub weeks: Vec<SalesWeek>,
    /// Weeks at which the level of sales moved for good.
    pub level_shifts: Vec<LevelShift>,
}

/// Sales of one week.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SalesWeek {
    /// First day of the week, for example `2017-01-02`.
    pub week: String,
    /// Sales of the week; NaN when the week is missing.
    #[serde(deserialize_with = "nullable")]
    pub sales: f64,
    /// Sales expected from trend and season, with the band outside of which a week is an outlier.
    pub expected: Estimate,
    /// Whether the week stands out.
    pub is_outlier: bool,
}

/// A lasting change of the level of sales.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LevelShift {
    /// Index into `weeks` of the first week at the new level.
    pub week: usize,
    /// New level over old level, minus one.
    #[serde(deserialize_with = "nullable")]
    pub change: f64,
}

/// Every day of the history, to show the gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Calendar {
    /// Day of the week of the first day: 0 is Monday, 6 is Sunday.
    pub first_weekday: usize,
    /// One entry per day in order.
    pub days: Vec<CalendarDay>,
    /// Days without any sales.
    pub days_without_sales: u64,
    /// The gaps in words, for example "25 December 2016 to 26 December 2016 (2 days)".
    pub gaps: Vec<String>,
}

/// One day of the calendar strip.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CalendarDay {
    /// The day as `YYYY-MM-DD`.
    pub date: String,
    /// Transaction lines of the day; zero is a gap.
    pub lines: u64,
}

/// How complete one column is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ColumnCompleteness {
    /// Name of the table.
    pub table: String,
    /// Name of the column in the canonical schema.
    pub column: String,
    /// Column of the file it was read from; empty when it is absent.
    pub read_from: String,
    /// Share of rows with a readable value.
    pub filled: f64,
    /// Remark, for example what was assumed instead; may be empty.
    pub note: String,
}

/// One bar of a histogram.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HistogramBin {
    /// What the bar stands for, for example `10–20 %`.
    pub label: String,
    /// Height of the bar as a share of the whole.
    pub share: f64,
}

/// Quantiles of the unit price of one category.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PriceStrip {
    /// Category.
    pub category: String,
    /// Kept lines.
    pub lines: u64,
    /// 5th percentile.
    pub p05: f64,
    /// Lower quartile.
    pub p25: f64,
    /// Median.
    pub p50: f64,
    /// Upper quartile.
    pub p75: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// Change of one distribution between the first and the last quarter of the history.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DriftRow {
    /// What was compared, for example "Basket value".
    pub name: String,
    /// Population stability index; below 0.1 is steady, above 0.25 is a large change.
    pub psi: f64,
    /// Mean or share in the first quarter, ready to read; may be empty.
    pub first: String,
    /// Mean or share in the last quarter, ready to read; may be empty.
    pub last: String,
}

/// A product or category whose sales moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mover {
    /// Product or category.
    pub name: String,
    /// Sales per week in the first quarter.
    pub first: f64,
    /// Sales per week in the last quarter.
    pub last: f64,
    /// `last / first − 1`; NaN when it is new.
    pub change: f64,
}

/// Share of the kept sales for which something is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CoverageShare {
    /// What is known, for example "Unit cost".
    pub name: String,
    /// Share of kept sales.
    pub share: f64,
    /// What happens to the rest; may be empty.
    pub note: String,
}

/// How exposures to offers are spread over customers and weeks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ExposureOverlap {
    /// Counts ready to read: exposures, offers, customers reached, weeks covered ...
    pub facts: Vec<Fact>,
    /// Share of the customer-weeks with an offer by number of offers at the same time.
    pub offers_at_once: Vec<HistogramBin>,
    /// What that means for judging a policy from the history; whole sentences.
    pub remarks: Vec<String>,
}

/// What the price ledger knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PriceLedger {
    /// Products with a price history.
    pub products: u64,
    /// Weeks covered.
    pub weeks: u64,
    /// Product-weeks (by store where known) with a price.
    pub entries: u64,
    /// Share of entries sold below the regular price.
    pub share_on_promotion: f64,
    /// Median depth of those entries.
    pub median_depth: f64,
    /// Share of those entries whose price was not below the lowest of the 30 days before.
    pub share_above_30_day_low: f64,
    /// Further facts, ready to read.
    pub facts: Vec<Fact>,
}

/// One outlier or level shift.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Anomaly {
    /// First day of the week.
    pub week: String,
    /// Whole history, category or store it was found in.
    pub series: String,
    /// `outlier`, `level shift` or `no sales`.
    pub kind: String,
    /// Sales of the week, or the new level.
    pub sales: f64,
    /// Expected sales, or the old level.
    pub expected: f64,
    /// Robust standard deviations away from what was expected; NaN for a gap.
    pub robust_z: f64,
    /// Whether the week is left out of the fit.
    pub is_excluded: bool,
}

/// Writes `quality.html` and its `plots/*.svg` into `dir`.
///
/// The page holds its plots, style and text, needs no network and no script, and escapes all text
/// of the input. Equal inputs give equal bytes. Each file is written beside its place and renamed.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(page: &QualityPage, dir: &Path) -> Result<(), ReportError> {
    let currency = page.currency.as_str();
    let drift: Vec<_> = page.drift.iter().map(|row| (row.name.as_str(), row.psi)).collect();
    let about = "Population stability index between the first and the last quarter";
    let offers = page.exposure.as_ref().map_or(&[][..], |exposure| &exposure.offers_at_once);
    let plots = [
        marked_lines::weekly(PLOT_NAMES[0], &page.weekly, currency)?,
        marked_lines::small_multiples(PLOT_NAMES[1], "By category", &page.categories, currency)?,
        marked_lines::small_multiples(PLOT_NAMES[2], "By store", &page.stores, currency)?,
        calendar::strips(&page.calendar)?,
        DEPTHS.draw(&page.depths)?,
        price_strips::strips(&page.unit_prices, currency)?,
        drift_bars::bars("quality-drift", about, &drift)?,
        EXPOSURE.draw(offers)?,
    ];
    let totals = &page.reconciliation;
    let share_kept = totals.cents_kept as f64 / totals.cents_in as f64;
    Supplement {
        file: "quality.html",
        template: TEMPLATE,
        currency,
        input: Value::from_serialize(page),
        words: context! { share_kept => fine_percent(share_kept), is_exact => totals.is_exact() },
        plots: plots.into_iter().flatten().collect(),
        plot_names: &PLOT_NAMES,
    }
    .write(dir)
}
