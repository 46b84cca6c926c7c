//! Counts over kept lines, dense and in whole numbers, from which the quality report is made.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::aggregate::Weeks;
use super::assess::{
    Compared, Comparison, DayTally, ExactSum, Observed, Period, ProductSales, Scale,
};
use super::column::{MISSING, date_of};
use super::line::Line;
use super::products::{Cost, Products};
use super::quality::LineCount;
use super::rules::{micros, money};

/// Counts over the lines of some customers; counts of other customers can be added.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    weeks: Weeks,
    compared: Compared,
    days: Vec<(u64, i128)>,
    /// `[n_categories, n_weeks]`, millionths.
    category_weeks: Vec<i128>,
    /// `[n_stores, n_weeks]`, millionths.
    store_weeks: Vec<i128>,
    /// `[n_stores, n_days]`.
    store_days: Vec<bool>,
    depth: Comparison,
    prices: Vec<Comparison>,
    baskets: Comparison,
    /// First and last quarter by product, millionths.
    products: Vec<[i128; 2]>,
    with_category: i128,
    /// By kind of cost: unit cost, rate, department, default.
    by_cost: [i128; 4],
    unknown_products: (u64, i128),
    uncategorised: (u64, i128),
    customer_weeks: Vec<u64>,
    customers: super::assess::CustomerCounts,
}

impl Tally {
    /// Empty counts.
    pub(super) fn new(
        weeks: Weeks,
        (first_day, last_day): (i32, i32),
        n_categories: usize,
        n_stores: usize,
        n_products: usize,
    ) -> Self {
        let n_weeks = weeks.count as usize;
        Self {
            weeks,
            compared: Compared::of(date_of(first_day), date_of(last_day)),
            days: vec![(0, 0); 7 * n_weeks],
            category_weeks: vec![0; n_categories * n_weeks],
            store_weeks: vec![0; n_stores * n_weeks],
            store_days: vec![false; n_stores * 7 * n_weeks],
            depth: Comparison::new(Scale::Depth),
            prices: vec![Comparison::new(Scale::LogMoney); n_categories],
            baskets: Comparison::new(Scale::LogMoney),
            products: vec![[0; 2]; n_products],
            with_category: 0,
            by_cost: [0; 4],
            unknown_products: (0, 0),
            uncategorised: (0, 0),
            customer_weeks: vec![0; n_weeks],
            customers: Default::default(),
        }
    }

    /// Counts all lines of one customer, sorted by day and basket.
    pub(super) fn customer(&mut self, lines: &[Line], category_of: &[u16], products: &Products) {
        let periods = Periods::of(&self.compared);
        let (mut last_week, mut seen) = (u32::MAX, [false; 2]);
        for line in lines {
            let week = self.weeks.index(line.day).expect("the weeks span every kept line");
            if week != last_week {
                self.customer_weeks[week as usize] += 1;
                last_week = week;
            }
            let period = periods.at(line.day);
            if let Some(period) = period {
                seen[period as usize] = true;
            }
            self.line(line, week, period, category_of[line.product as usize], products);
        }
        self.customers.total += 1;
        self.customers.active_first += u64::from(seen[0]);
        self.customers.active_last += u64::from(seen[1]);
        self.customers.active_both += u64::from(seen[0] && seen[1]);
        let key = |line: &Line| (line.day, line.basket, line.store);
        for basket in lines.chunk_by(|left, right| key(left) == key(right)) {
            if let Some(period) = periods.at(basket[0].day) {
                let value = basket.iter().map(|line| i128::from(micros(line.sales))).sum();
                let value = money(value);
                self.baskets.of_mut(period.into()).add(value, value);
            }
        }
    }

    fn line(
        &mut self,
        line: &Line,
        week: u32,
        period: Option<Quarter>,
        category: u16,
        products: &Products,
    ) {
        let sales = i128::from(micros(line.sales));
        let n_weeks = self.weeks.count as usize;
        let day = (line.day - self.weeks.first_day) as usize;
        self.days[day].0 += 1;
        self.days[day].1 += sales;
        self.category_weeks[usize::from(category) * n_weeks + week as usize] += sales;
        if line.store != MISSING {
            self.store_weeks[line.store as usize * n_weeks + week as usize] += sales;
            self.store_days[line.store as usize * 7 * n_weeks + day] = true;
        }
        let product = line.product as usize;
        let kind = match products.cost[product] {
            Cost::PerUnit(_) => 0,
            Cost::Rate(_) => 1,
            Cost::DepartmentRate(_) => 2,
            Cost::DefaultRate(_) => 3,
        };
        self.by_cost[kind] += sales;
        let missed = match (products.known[product], products.category[product]) {
            (false, _) => Some(&mut self.unknown_products),
            (true, None) => Some(&mut self.uncategorised),
            (true, Some(_)) => None,
        };
        match missed {
            Some((rows, sum)) => {
                *rows += 1;
                *sum += sales;
            }
            None => self.with_category += sales,
        }
        if let Some(period) = period {
            let gross = line.gross();
            self.products[product][period as usize] += sales;
            self.depth.of_mut(period.into()).add(line.shelf_discount / gross, line.sales);
            let prices = self.prices[usize::from(category)].of_mut(period.into());
            prices.add(gross / line.quantity, line.sales);
        }
    }

    /// Adds the counts of other customers.
    pub(super) fn merge(&mut self, other: &Self) {
        fn add<T: Copy + std::ops::AddAssign>(own: &mut [T], more: &[T]) {
            own.iter_mut().zip(more).for_each(|(own, more)| *own += *more);
        }
        for (own, more) in self.days.iter_mut().zip(&other.days) {
            own.0 += more.0;
            own.1 += more.1;
        }
        add(&mut self.category_weeks, &other.category_weeks);
        add(&mut self.store_weeks, &other.store_weeks);
        self.store_days.iter_mut().zip(&other.store_days).for_each(|(own, more)| *own |= more);
        self.depth.merge(&other.depth);
        self.prices.iter_mut().zip(&other.prices).for_each(|(own, more)| own.merge(more));
        self.baskets.merge(&other.baskets);
        for (own, more) in self.products.iter_mut().zip(&other.products) {
            add(own, more);
        }
        self.with_category += other.with_category;
        add(&mut self.by_cost, &other.by_cost);
        for (own, more) in [
            (&mut self.unknown_products, other.unknown_products),
            (&mut self.uncategorised, other.uncategorised),
        ] {
            own.0 += more.0;
            own.1 += more.1;
        }
        add(&mut self.customer_weeks, &other.customer_weeks);
        let (own, more) = (&mut self.customers, &other.customers);
        own.total += more.total;
        own.active_first += more.active_first;
        own.active_last += more.active_last;
        own.active_both += more.active_both;
    }

    /// Lines of products that the products table does not have, and of those without a category.
    pub(super) fn unplaced(&self) -> [LineCount; 2] {
        let count = |(rows, sum)| LineCount { rows, sales_value: money(sum) };
        [count(self.unknown_products), count(self.uncategorised)]
    }

    /// Kept sales by kind of cost: unit cost, rate, department, default; money.
    pub(super) fn by_cost(&self) -> [f64; 4] {
        self.by_cost.map(money)
    }

    /// The counts with their names and dates.
    pub(super) fn observed(
        &self,
        categories: &[String],
        stores: &[String],
        sold: &[String],
        products: &Products,
    ) -> Observed {
        let mut observed = Observed::new(self.compared);
        let n_weeks = self.weeks.count as usize;
        let sum = |micros: i128| ExactSum::from(money(micros));
        for (day, (lines, sales)) in self.days.iter().enumerate().filter(|(_, (n, _))| *n > 0) {
            let date = date_of(self.weeks.first_day + day as i32);
            observed.days.insert(date, DayTally { lines: *lines, sales: sum(*sales) });
            observed.sales += sum(*sales);
        }
        let series = |values: &[i128]| -> BTreeMap<NaiveDate, ExactSum> {
            let sold = values.iter().enumerate().filter(|(_, sales)| **sales != 0);
            sold.map(|(week, sales)| (self.week_start(week), sum(*sales))).collect()
        };
        for (index, values) in self.category_weeks.chunks(n_weeks).enumerate() {
            observed.category_weeks.insert(categories[index].clone(), series(values));
        }
        for (index, values) in self.store_weeks.chunks(n_weeks).enumerate() {
            let days = &self.store_days[index * 7 * n_weeks..(index + 1) * 7 * n_weeks];
            let open = days.iter().enumerate().filter(|(_, open)| **open);
            let open = open.map(|(day, _)| date_of(self.weeks.first_day + day as i32)).collect();
            observed.store_weeks.insert(stores[index].clone(), series(values));
            observed.store_days.insert(stores[index].clone(), open);
        }
        observed.depth = self.depth.clone();
        observed.baskets = self.baskets.clone();
        for (name, prices) in categories.iter().zip(&self.prices) {
            observed.prices.insert(name.clone(), prices.clone());
        }
        for (index, [first, last]) in self.products.iter().enumerate() {
            if *first != 0 || *last != 0 {
                let category = products.category[index];
                let category = category.map(|name| products.category_names[name as usize].clone());
                let row = ProductSales {
                    category: category.unwrap_or_default(),
                    first: sum(*first),
                    last: sum(*last),
                };
                observed.products.insert(sold[index].clone(), row);
            }
        }
        observed.sales_with_category = ExactSum::from(money(self.with_category));
        let read = self.by_cost[0] + self.by_cost[1];
        observed.sales_with_cost = ExactSum::from(money(read));
        for (week, customers) in self.customer_weeks.iter().enumerate().filter(|(_, n)| **n > 0) {
            observed.customer_weeks.insert(self.week_start(week), *customers);
        }
        observed.customers = self.customers;
        observed
    }

    fn week_start(&self, week: usize) -> NaiveDate {
        date_of(self.weeks.first_day + 7 * week as i32)
    }
}

/// The two quarters compared, as an index.
#[derive(Debug, Clone, Copy)]
enum Quarter {
    First = 0,
    Last = 1,
}

impl From<Quarter> for Period {
    fn from(quarter: Quarter) -> Self {
        match quarter {
            Quarter::First => Period::First,
            Quarter::Last => Period::Last,
        }
    }
}

/// The two quarters compared, as days.
struct Periods {
    first_until: i32,
    last_from: i32,
}

impl Periods {
    fn of(compared: &Compared) -> Self {
        use super::column::day_of;
        Self { first_until: day_of(compared.first_until), last_from: day_of(compared.last_from) }
    }

    fn at(&self, day: i32) -> Option<Quarter> {
        if day <= self.first_until {
            Some(Quarter::First)
        } else {
            (day >= self.last_from).then_some(Quarter::Last)
        }
    }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
