//! The plainest way to fill in what was observed, line by line: what tests make histories with, and
//! hold the dense counts of `tally` against.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Comparison, ExactSum, Observed, Period, Scale, UNKNOWN_CATEGORY};

/// One kept line, as far as the assessment looks at it.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) struct LineFacts<'a> {
    /// Date of sale.
    pub(in crate::data) day: NaiveDate,
    /// First day of its week.
    pub(in crate::data) week: NaiveDate,
    /// Store, when recorded.
    pub(in crate::data) store: Option<&'a str>,
    /// Product.
    pub(in crate::data) product: &'a str,
    /// Category, when known.
    pub(in crate::data) category: Option<&'a str>,
    /// Sales value, money.
    pub(in crate::data) sales: f64,
    /// Price paid per unit, money.
    pub(in crate::data) unit_price: f64,
    /// Fraction off for everybody.
    pub(in crate::data) shelf_depth: f64,
    /// Whether its cost was read and not assumed.
    pub(in crate::data) cost_known: bool,
}

impl Observed {
    /// Counts one kept line everywhere but in the distinct counts, baskets and completeness.
    pub(in crate::data) fn add_line(&mut self, line: &LineFacts<'_>) {
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
        product.category = line.category.unwrap_or_default().to_owned();
        match period {
            Period::First => product.first += sales,
            Period::Last => product.last += sales,
        }
    }

    /// Counts one whole basket.
    pub(in crate::data) fn add_basket(&mut self, day: NaiveDate, value: f64) {
        if let Some(period) = self.compared.period_of(day) {
            self.baskets.of_mut(period).add(value, value);
        }
    }
}

fn add_week(
    series: &mut BTreeMap<String, BTreeMap<NaiveDate, ExactSum>>,
    name: &str,
    week: NaiveDate,
    sales: ExactSum,
) {
    *series.entry(name.to_owned()).or_default().entry(week).or_default() += sales;
}
