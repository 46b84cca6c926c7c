//! What the assessment needs to know of a history: counts, exact sums and histograms.
//!
//! Everything is a count, an exact sum or a histogram, so the order of lines does not matter.
//! `tally` counts while lines stream by and fills this in at the end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::histogram::{ExactSum, Histogram, Scale};

/// Name under which lines without a category are summed.
pub const UNKNOWN_CATEGORY: &str = "unknown";
/// Longest stretch compared at either end of the history, days: a quarter of 13 weeks.
const COMPARED_DAYS: i64 = 91;

/// The end of the history a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The first quarter.
    First,
    /// The last quarter.
    Last,
}

/// The days compared for drift: the first and the last 13 weeks, or halves of a shorter history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// First day of the history.
    pub first_day: NaiveDate,
    /// Last day of the first quarter.
    pub first_until: NaiveDate,
    /// First day of the last quarter.
    pub last_from: NaiveDate,
    /// Last day of the history.
    pub last_day: NaiveDate,
}

impl Compared {
    /// The quarters of a history from `first_day` to `last_day`, both included.
    pub fn of(first_day: NaiveDate, last_day: NaiveDate) -> Self {
        let half = ((last_day - first_day).num_days() + 1) / 2;
        let length = half.clamp(1, COMPARED_DAYS) as u64;
        Self {
            first_day,
            first_until: first_day + Days::new(length - 1),
            last_from: last_day - Days::new(length - 1),
            last_day,
        }
    }

    /// Which quarter a day belongs to, if any.
    pub fn period_of(&self, day: NaiveDate) -> Option<Period> {
        if day < self.first_day || day > self.last_day {
            None
        } else if day <= self.first_until {
            Some(Period::First)
        } else {
            (day >= self.last_from).then_some(Period::Last)
        }
    }
}

/// One histogram for either end of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// First quarter.
    pub first: Histogram,
    /// Last quarter.
    pub last: Histogram,
}

impl Comparison {
    /// Two empty histograms.
    pub fn new(scale: Scale) -> Self {
        Self { first: Histogram::new(scale), last: Histogram::new(scale) }
    }

    /// The histogram of a quarter.
    pub fn of_mut(&mut self, period: Period) -> &mut Histogram {
        match period {
            Period::First => &mut self.first,
            Period::Last => &mut self.last,
        }
    }

    /// Adds another pair of histograms.
    pub fn merge(&mut self, other: &Self) {
        self.first.merge(&other.first);
        self.last.merge(&other.last);
    }
}

/// Rows of a column, and how many of them say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Rows read.
    pub rows: u64,
    /// Rows in which the column is empty or unreadable.
    pub missing: u64,
    /// Whether no line can be used without it.
    pub key: bool,
}

/// Lines and sales of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayTally {
    /// Kept lines.
    pub lines: u64,
    /// Their sales.
    pub sales: ExactSum,
}

/// Sales of one product at either end of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductSales {
    /// Category, empty when unknown.
    pub category: String,
    /// Sales in the first quarter.
    pub first: ExactSum,
    /// Sales in the last quarter.
    pub last: ExactSum,
}

/// Distinct customers; parts of a history must not share a customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CustomerCounts {
    /// With any kept line.
    pub total: u64,
    /// With a line in the first quarter.
    pub active_first: u64,
    /// With a line in the last quarter.
    pub active_last: u64,
    /// With a line in both.
    pub active_both: u64,
}

/// Logged offers at a glance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposed {
    /// Kept exposures by offer.
    pub offers: BTreeMap<String, u64>,
    /// Customers with any exposure; parts must not share a customer.
    pub customers: u64,
    /// Customer-weeks with offers by their number; parts must not share a customer.
    pub at_once: BTreeMap<u64, u64>,
    /// Logged decisions to make no offer.
    pub none: u64,
    /// Exposures with a logged propensity.
    pub with_propensity: u64,
    /// Smallest logged propensity.
    pub min_propensity: Option<f64>,
    /// First days of the weeks with an exposure.
    pub weeks: BTreeSet<NaiveDate>,
}

/// Everything the assessment is computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The two quarters compared.
    pub compared: Compared,
    /// Completeness by `table.column`, over all rows read.
    pub completeness: BTreeMap<String, Completeness>,
    /// Kept lines by day.
    pub days: BTreeMap<NaiveDate, DayTally>,
    /// Days with sales by store.
    pub store_days: BTreeMap<String, BTreeSet<NaiveDate>>,
    /// Sales by category and week; [`UNKNOWN_CATEGORY`] for lines without one, so that the
    /// categories of a week sum to its sales.
    pub category_weeks: BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
    /// Sales by store and week.
    pub store_weeks: BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
    /// Shelf depth of lines.
    pub depth: Comparison,
    /// Unit price of lines by category.
    pub prices: BTreeMap<String, Comparison>,
    /// Value of baskets; parts must not share a basket.
    pub baskets: Comparison,
    /// Sales at either end by product.
    pub products: BTreeMap<String, ProductSales>,
    /// Kept sales.
    pub sales: ExactSum,
    /// Kept sales of lines with a category.
    pub sales_with_category: ExactSum,
    /// Kept sales of lines whose cost was read and not assumed.
    pub sales_with_cost: ExactSum,
    /// Distinct customers by week; parts must not share a customer.
    pub customer_weeks: BTreeMap<NaiveDate, u64>,
    /// Distinct customers.
    pub customers: CustomerCounts,
    /// Logged offers.
    pub exposures: Exposed,
}

impl Observed {
    /// Nothing seen yet of a history with these first and last days.
    pub fn new(compared: Compared) -> Self {
        Self {
            compared,
            completeness: BTreeMap::new(),
            days: BTreeMap::new(),
            store_days: BTreeMap::new(),
            category_weeks: BTreeMap::new(),
            store_weeks: BTreeMap::new(),
            depth: Comparison::new(Scale::Depth),
            prices: BTreeMap::new(),
            baskets: Comparison::new(Scale::LogMoney),
            products: BTreeMap::new(),
            sales: ExactSum::default(),
            sales_with_category: ExactSum::default(),
            sales_with_cost: ExactSum::default(),
            customer_weeks: BTreeMap::new(),
            customers: CustomerCounts::default(),
            exposures: Exposed::default(),
        }
    }

    /// First and last day with sales; `None` without sales.
    pub fn ends(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((*self.days.keys().next()?, *self.days.keys().next_back()?))
    }

    /// Sales by week over all categories.
    pub fn total_weeks(&self) -> BTreeMap<NaiveDate, ExactSum> {
        let mut total: BTreeMap<NaiveDate, ExactSum> = BTreeMap::new();
        for weeks in self.category_weeks.values() {
            for (week, sales) in weeks {
                *total.entry(*week).or_default() += *sales;
            }
        }
        total
    }
}

impl Exposed {
    /// Counts one exposure; `customers` is counted by whoever knows them.
    pub fn add(&mut self, offer: &str, week: NaiveDate, propensity: Option<f64>) {
        *self.offers.entry(offer.to_owned()).or_default() += 1;
        self.weeks.insert(week);
        self.with_propensity += u64::from(propensity.is_some());
        self.least(propensity);
    }

    /// Counts one logged decision to make no offer.
    pub fn add_none(&mut self, propensity: Option<f64>) {
        self.none += 1;
        self.least(propensity);
    }

    fn least(&mut self, propensity: Option<f64>) {
        self.min_propensity =
            [self.min_propensity, propensity].into_iter().flatten().reduce(f64::min);
    }
}
