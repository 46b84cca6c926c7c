//! What the assessment needs to know of a history: counts, exact sums and histograms.
//!
//! Filled while streaming. Everything adds up, so neither the order of lines nor the split into
//! parts matters; only distinct counts need parts that do not share a customer or a basket.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use thiserror::Error;

use super::histogram::{ExactSum, Histogram, Scale};

/// Name under which lines without a category are summed.
pub const UNKNOWN_CATEGORY: &str = "unknown";
/// Longest stretch compared at either end of the history, days: a quarter of 13 weeks.
const COMPARED_DAYS: i64 = 91;

/// Why two observations cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObservedError {
    /// Their first and last quarters are not the same days.
    #[error(
        "expected parts of one history that compare days until {expected}, found one until \
         {found}; build every part with the same first and last day"
    )]
    DifferentPeriods {
        /// Last day of the first quarter here.
        expected: NaiveDate,
        /// Last day of the first quarter of the other part.
        found: NaiveDate,
    },
}

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

/// One kept line, as far as the assessment looks at it.
#[derive(Debug, Clone, Copy)]
pub struct LineFacts<'a> {
    /// Date of sale.
    pub day: NaiveDate,
    /// First day of its week.
    pub week: NaiveDate,
    /// Store, when recorded.
    pub store: Option<&'a str>,
    /// Product.
    pub product: &'a str,
    /// Category, when known.
    pub category: Option<&'a str>,
    /// Sales value, money.
    pub sales: f64,
    /// Price paid per unit, money.
    pub unit_price: f64,
    /// Fraction off for everybody.
    pub shelf_depth: f64,
    /// Whether its cost was read and not assumed.
    pub cost_known: bool,
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

    /// Counts one kept line everywhere but in the distinct counts, baskets and completeness.
    pub fn add_line(&mut self, line: &LineFacts<'_>) {
        let sales = ExactSum::from(line.sales);
        let day = self.days.entry(line.day).or_default();
        day.lines += 1;
        day.sales += sales;
        self.sales += sales;
        if line.category.is_some() {
            self.sales_with_category += sales;
        }
        if line.cost_known {
            self.sales_with_cost += sales;
        }
        let category = line.category.unwrap_or(UNKNOWN_CATEGORY);
        add_week(&mut self.category_weeks, category, line.week, sales);
        if let Some(store) = line.store {
            add_week(&mut self.store_weeks, store, line.week, sales);
            self.store_days.entry(store.to_owned()).or_default().insert(line.day);
        }
        let Some(period) = self.compared.period_of(line.day) else { return };
        self.depth.of_mut(period).add(line.shelf_depth, line.sales);
        self.prices
            .entry(category.to_owned())
            .or_insert_with(|| Comparison::new(Scale::LogMoney))
            .of_mut(period)
            .add(line.unit_price, line.sales);
        let product = self.products.entry(line.product.to_owned()).or_default();
        product.name_category(line.category.unwrap_or_default());
        match period {
            Period::First => product.first += sales,
            Period::Last => product.last += sales,
        }
    }

    /// Counts one whole basket.
    pub fn add_basket(&mut self, day: NaiveDate, value: f64) {
        if let Some(period) = self.compared.period_of(day) {
            self.baskets.of_mut(period).add(value, value);
        }
    }

    /// Takes product sales as rows of name, category, first and last quarter, money.
    pub fn add_products(&mut self, rows: impl IntoIterator<Item = (String, String, f64, f64)>) {
        for (name, category, first, last) in rows {
            let product = self.products.entry(name).or_default();
            product.name_category(&category);
            product.first.add(first);
            product.last.add(last);
        }
    }

    /// Adds what another part of the same history observed.
    ///
    /// # Errors
    ///
    /// [`ObservedError::DifferentPeriods`] when the parts compare different days.
    pub fn merge(&mut self, other: &Self) -> Result<(), ObservedError> {
        if self.compared != other.compared {
            return Err(ObservedError::DifferentPeriods {
                expected: self.compared.first_until,
                found: other.compared.first_until,
            });
        }
        for (name, column) in &other.completeness {
            let here = self.completeness.entry(name.clone()).or_default();
            here.rows += column.rows;
            here.missing += column.missing;
            here.key |= column.key;
        }
        for (day, tally) in &other.days {
            let here = self.days.entry(*day).or_default();
            here.lines += tally.lines;
            here.sales += tally.sales;
        }
        for (store, days) in &other.store_days {
            self.store_days.entry(store.clone()).or_default().extend(days);
        }
        merge_weeks(&mut self.category_weeks, &other.category_weeks);
        merge_weeks(&mut self.store_weeks, &other.store_weeks);
        self.depth.merge(&other.depth);
        self.baskets.merge(&other.baskets);
        for (category, prices) in &other.prices {
            let empty = || Comparison::new(Scale::LogMoney);
            self.prices.entry(category.clone()).or_insert_with(empty).merge(prices);
        }
        for (name, product) in &other.products {
            let here = self.products.entry(name.clone()).or_default();
            here.name_category(&product.category);
            here.first += product.first;
            here.last += product.last;
        }
        self.sales += other.sales;
        self.sales_with_category += other.sales_with_category;
        self.sales_with_cost += other.sales_with_cost;
        for (week, customers) in &other.customer_weeks {
            *self.customer_weeks.entry(*week).or_default() += customers;
        }
        self.customers.merge(other.customers);
        self.exposures.merge(&other.exposures);
        Ok(())
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

impl ProductSales {
    /// Of several categories of one product the last in the alphabet stays, in any order of lines.
    fn name_category(&mut self, category: &str) {
        if category > self.category.as_str() {
            category.clone_into(&mut self.category);
        }
    }
}

impl CustomerCounts {
    fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.active_first += other.active_first;
        self.active_last += other.active_last;
        self.active_both += other.active_both;
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

    fn merge(&mut self, other: &Self) {
        for (offer, rows) in &other.offers {
            *self.offers.entry(offer.clone()).or_default() += rows;
        }
        self.customers += other.customers;
        for (offers, weeks) in &other.at_once {
            *self.at_once.entry(*offers).or_default() += weeks;
        }
        self.none += other.none;
        self.with_propensity += other.with_propensity;
        let both = [self.min_propensity, other.min_propensity];
        self.min_propensity = both.into_iter().flatten().reduce(f64::min);
        self.weeks.extend(&other.weeks);
    }
}

fn add_week(
    weeks: &mut BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
    name: &str,
    week: NaiveDate,
    sales: ExactSum,
) {
    if let Some(found) = weeks.get_mut(name) {
        *found.entry(week).or_default() += sales;
    } else {
        weeks.insert(name.to_owned(), BTreeMap::from([(week, sales)]));
    }
}

fn merge_weeks(
    here: &mut BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
    other: &BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
) {
    for (name, weeks) in other {
        for (week, sales) in weeks {
            add_week(here, name, *week, *sales);
        }
    }
}
