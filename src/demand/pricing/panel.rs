//! Store-weeks as the pricing fit reads them: logs, prices of rivals, regular prices.

use super::settings::PricingConfig;
use crate::data::{StoreWeekRow, StoreWeekTable};
use crate::demand::DemandError;

/// Rows of one product, by store and week.
#[derive(Debug, Clone, Default)]
pub(super) struct ProductRows {
    /// Index of the store.
    pub(super) store: Vec<usize>,
    /// Week, as numbered in the file.
    pub(super) week: Vec<i64>,
    /// Log units.
    pub(super) log_units: Vec<f64>,
    /// Log prices of all products in the store and week, shape `[n × n_products]`.
    pub(super) log_prices: Vec<f64>,
    /// Log of the regular price.
    pub(super) log_regular: Vec<f64>,
    /// Feature ad, 0 to 1; 0 where unknown.
    pub(super) feature: Vec<f64>,
    /// In-store coupon, 0 to 1; 0 where unknown.
    pub(super) deal: Vec<f64>,
    /// Log unit cost; NaN where unknown.
    pub(super) log_cost: Vec<f64>,
}

/// The product group in all stores.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// Names of the stores.
    pub(super) stores: Vec<String>,
    /// Names of the products kept.
    pub(super) products: Vec<String>,
    /// Products beyond the largest number.
    pub(super) left_out: Vec<String>,
    /// All weeks with rows, ascending.
    pub(super) weeks: Vec<i64>,
    /// Whether feature ads vary.
    pub(super) has_feature: bool,
    /// Whether in-store coupons vary.
    pub(super) has_deal: bool,
    /// Share of the rivals' prices that were not in the data and had to be carried over.
    pub(super) carried_prices: f64,
    /// Rows by product.
    pub(super) rows: Vec<ProductRows>,
}

impl ProductRows {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    /// Log of price over regular price.
    pub(super) fn log_ratio(&self, product: usize, row: usize) -> f64 {
        let n_products = self.log_prices.len() / self.len();
        self.log_prices[row * n_products + product] - self.log_regular[row]
    }
}

/// Prices of one product in one store: week and log price, ascending.
type Series = Vec<(i64, f64)>;

impl Panel {
    /// A panel of the products with the most revenue.
    ///
    /// # Errors
    /// [`DemandError::StoreWeeks`] when there are too few weeks to hold some out twice and fit.
    pub(super) fn new(table: &StoreWeekTable, config: &PricingConfig) -> Result<Self, DemandError> {
        let (kept, left_out) = largest(table, config.max_products);
        let mut weeks: Vec<i64> = table.rows.iter().map(|row| row.week).collect();
        weeks.sort_unstable();
        weeks.dedup();
        let needed = 3 * config.holdout_weeks as usize + 10;
        if weeks.len() < needed {
            return Err(DemandError::StoreWeeks {
                expected: format!("at least {needed} weeks of store sales"),
                got: weeks.len().to_string(),
                hint: "lower `holdout_weeks` under [pricing] or bring more weeks",
            });
        }
        let mut place = vec![None; table.products.len()];
        kept.iter().enumerate().for_each(|(at, &product)| place[product] = Some(at));
        let n_stores = table.stores.len();
        let mut prices: Vec<Series> = vec![Vec::new(); kept.len() * n_stores];
        let mut by_product: Vec<Vec<StoreWeekRow>> = vec![Vec::new(); kept.len()];
        for row in &table.rows {
            if let Some(at) = place[row.product] {
                prices[at * n_stores + row.store].push((row.week, row.price.ln()));
                by_product[at].push(*row);
            }
        }
        let ledger = Ledger::new(prices, n_stores);
        let mut carried = 0;
        let rows: Vec<ProductRows> = by_product
            .iter()
            .enumerate()
            .map(|(at, rows)| product_rows(at, rows, &ledger, config.regular_weeks, &mut carried))
            .collect();
        let n_rows: usize = by_product.iter().map(Vec::len).sum();
        let rivals = n_rows * kept.len().saturating_sub(1);
        let varies = |of: &dyn Fn(&ProductRows) -> &Vec<f64>| {
            rows.iter().any(|rows| of(rows).iter().any(|value| *value != of(rows)[0]))
        };
        Ok(Self {
            stores: table.stores.clone(),
            products: kept.iter().map(|&product| table.products[product].clone()).collect(),
            left_out,
            has_feature: varies(&|rows| &rows.feature),
            has_deal: varies(&|rows| &rows.deal),
            carried_prices: carried as f64 / rivals.max(1) as f64,
            weeks,
            rows,
        })
    }

    /// Number of products.
    pub(super) fn n_products(&self) -> usize {
        self.products.len()
    }

    /// Number of stores.
    pub(super) fn n_stores(&self) -> usize {
        self.stores.len()
    }

    /// The week that begins the last `n` weeks with rows.
    pub(super) fn last_weeks(&self, n: u32) -> i64 {
        self.weeks[self.weeks.len() - n as usize]
    }
}

/// The products with the most revenue, in the order of their names, and the names of the others.
fn largest(table: &StoreWeekTable, most: usize) -> (Vec<usize>, Vec<String>) {
    let mut revenue = vec![0.0; table.products.len()];
    table.rows.iter().for_each(|row| revenue[row.product] += row.units * row.price);
    let mut order: Vec<usize> = (0..revenue.len()).filter(|&p| revenue[p] > 0.0).collect();
    order.sort_by(|&a, &b| revenue[b].total_cmp(&revenue[a]).then(a.cmp(&b)));
    let rest = order.split_off(order.len().min(most));
    let numbers: Option<Vec<f64>> = table.products.iter().map(|name| name.parse().ok()).collect();
    order.sort_by(|&a, &b| match &numbers {
        Some(numbers) => numbers[a].total_cmp(&numbers[b]),
        None => table.products[a].cmp(&table.products[b]),
    });
    (order, rest.into_iter().map(|product| table.products[product].clone()).collect())
}

/// Prices by product and store.
struct Ledger {
    series: Vec<Series>,
    n_stores: usize,
    /// Mean log price of each product, for stores that never sold it.
    means: Vec<f64>,
}

impl Ledger {
    fn new(series: Vec<Series>, n_stores: usize) -> Self {
        let means = series.chunks(n_stores).map(|stores| {
            let all = || stores.iter().flatten().map(|(_, price)| price);
            all().sum::<f64>() / all().count().max(1) as f64
        });
        Self { means: means.collect(), series, n_stores }
    }

    /// Log price, and whether it is that of the week itself: else the last before, the first after,
    /// or the mean of other stores.
    fn at(&self, product: usize, store: usize, week: i64) -> (f64, bool) {
        let series = &self.series[product * self.n_stores + store];
        match series.binary_search_by_key(&week, |(week, _)| *week) {
            Ok(at) => (series[at].1, true),
            Err(after) => {
                let near = after.checked_sub(1).or_else(|| (after < series.len()).then_some(after));
                (near.map_or(self.means[product], |at| series[at].1), false)
            }
        }
    }
}

fn product_rows(
    product: usize,
    rows: &[StoreWeekRow],
    ledger: &Ledger,
    regular_weeks: u32,
    carried: &mut usize,
) -> ProductRows {
    let mut out = ProductRows::default();
    for (at, row) in rows.iter().enumerate() {
        out.store.push(row.store);
        out.week.push(row.week);
        out.log_units.push(row.units.ln());
        for rival in 0..ledger.means.len() {
            let (price, known) = ledger.at(rival, row.store, row.week);
            *carried += usize::from(rival != product && !known);
            out.log_prices.push(price);
        }
        let reach = row.week - i64::from(regular_weeks);
        let recent = rows[..=at].iter().rev();
        let recent = recent.take_while(|one| one.store == row.store && one.week > reach);
        out.log_regular.push(recent.map(|one| one.price).fold(0.0, f64::max).ln());
        out.feature.push(row.feature.unwrap_or(0.0));
        out.deal.push(row.deal.unwrap_or(0.0));
        let cost = row.margin_rate.map_or(f64::NAN, |rate| row.price * (1.0 - rate));
        out.log_cost.push(if cost > 0.0 { cost.ln() } else { f64::NAN });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(store: usize, product: usize, week: i64, price: f64) -> StoreWeekRow {
        let (deal, feature, margin_rate) = (None, None, Some(0.25));
        StoreWeekRow { store, product, week, units: 8.0, price, deal, feature, margin_rate }
    }

    fn table() -> StoreWeekTable {
        // Two products over 20 weeks in one store; the second is missing in week 5.
        let first = (0..20).map(|week| row(0, 0, week, if week == 10 { 1.5 } else { 2.0 }));
        let second = (0..20).filter(|week| *week != 5).map(|week| row(0, 1, week, 3.0));
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        StoreWeekTable {
            stores: names(&["a"]),
            products: names(&["10", "9"]),
            rows: first.chain(second).collect(),
        }
    }

    fn config(max_products: usize) -> PricingConfig {
        PricingConfig { holdout_weeks: 2, regular_weeks: 4, max_products, ..Default::default() }
    }

    #[test]
    fn numbered_products_stand_in_the_order_of_their_numbers() {
        let panel = Panel::new(&table(), &config(20)).expect("enough weeks");
        assert_eq!(panel.products, ["9", "10"]);
    }

    #[test]
    fn a_missing_price_is_carried_over_and_counted() {
        let panel = Panel::new(&table(), &config(20)).expect("enough weeks");
        let ten = &panel.rows[1];
        assert!((ten.log_prices[5 * 2] - 3.0_f64.ln()).abs() < 1e-12);
        // 39 rows with one rival each, one of them without a price.
        assert!((panel.carried_prices - 1.0 / 39.0).abs() < 1e-12);
    }

    #[test]
    fn the_regular_price_is_the_highest_of_the_last_weeks() {
        let panel = Panel::new(&table(), &config(20)).expect("enough weeks");
        let ten = &panel.rows[1];
        assert!((ten.log_ratio(1, 10) - 0.75_f64.ln()).abs() < 1e-12);
        assert_eq!(ten.log_ratio(1, 11), 0.0);
        assert!((ten.log_cost[10] - (1.5_f64 * 0.75).ln()).abs() < 1e-12);
    }

    #[test]
    fn products_beyond_the_largest_number_are_named() {
        let panel = Panel::new(&table(), &config(1)).expect("enough weeks");
        assert_eq!((panel.products, panel.left_out), (vec!["9".into()], vec!["10".into()]));
    }

    #[test]
    fn too_few_weeks_are_refused_with_what_to_do() {
        let error = Panel::new(&table(), &PricingConfig::default()).expect_err("20 weeks only");
        let text = error.to_string();
        assert!(text.contains("49 weeks") && text.contains("holdout_weeks"), "{text}");
    }
}
