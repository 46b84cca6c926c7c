//! What the price ledger says of the shelf of every product, week by week.

use crate::data::{Ledger, ProductTable, ProductWeek};
use promopt_envs::retail::ShelfProduct;
use std::ops::Range;

/// The ledger by product, and what each product usually costs.
#[derive(Debug, Clone)]
pub struct ChoiceMarket<'a> {
    rows: &'a [ProductWeek],
    /// Where the rows of each product end, `[n_products]`.
    ends: Vec<usize>,
    /// Log of the usual regular price, `[n_products]`.
    usual: Vec<f64>,
}

impl<'a> ChoiceMarket<'a> {
    /// The ledger of these products; what a product usually costs is the mean log regular price
    /// over its weeks with a sale before `train_end`, or over the whole history when there is none.
    #[must_use]
    pub fn new(products: &ProductTable, ledger: &'a Ledger, train_end: u32) -> Self {
        let rows = &ledger.rows;
        let end = |product| rows.partition_point(|row| row.product <= product);
        let ends: Vec<usize> = (0..products.rows.len() as u32).map(end).collect();
        let mut market = Self { rows, ends, usual: Vec::new() };
        market.usual = (0..products.rows.len())
            .map(|product| {
                let before = market.of(product).iter().filter(|row| row.week < train_end);
                let prices: Vec<f64> = before.map(|row| row.regular_price.ln()).collect();
                match prices.len() {
                    0 => products.rows[product].mean_price.ln(),
                    n => prices.iter().sum::<f64>() / n as f64,
                }
            })
            .collect();
        market
    }

    /// The weeks with a sale of a product, ascending.
    pub(super) fn of(&self, product: usize) -> &'a [ProductWeek] {
        let start = product.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[product]]
    }

    /// What a product usually costs, money per unit.
    #[must_use]
    pub fn usual_price(&self, product: usize) -> f64 {
        self.usual[product].exp()
    }

    /// The shelf of one product in some weeks.
    ///
    /// What a shelf asked that nobody bought from is not known. In a week without a sale it is
    /// guessed to be as when the product was last bought (before the first sale, as usual).
    pub(super) fn shelf_of(&self, product: usize, weeks: Range<u32>) -> Vec<ShelfProduct> {
        let mut rows = self.of(product).iter().peekable();
        let mut guess = ShelfProduct { guessed: true, ..ShelfProduct::default() };
        let mut shelf = Vec::with_capacity(weeks.len());
        let seen = |row: &ProductWeek| ShelfProduct {
            depth: row.depth(),
            log_price: row.regular_price.ln() - self.usual[product],
            display: row.display,
            mailer: row.mailer,
            guessed: false,
        };
        while let Some(row) = rows.next_if(|row| row.week < weeks.start) {
            guess = ShelfProduct { guessed: true, ..seen(row) };
        }
        for week in weeks {
            let own = rows.next_if(|row| row.week == week).map_or(guess, seen);
            guess = ShelfProduct { guessed: true, ..own };
            shelf.push(own);
        }
        shelf
    }

    /// The shelf of all products in some weeks, `[weeks * n_products]`, one row per week.
    #[must_use]
    pub fn shelf(&self, weeks: Range<u32>) -> Vec<ShelfProduct> {
        let n_products = self.ends.len();
        let mut shelf = vec![ShelfProduct::default(); weeks.len() * n_products];
        for product in 0..n_products {
            let own = self.shelf_of(product, weeks.clone());
            let slots = shelf.iter_mut().skip(product).step_by(n_products.max(1));
            slots.zip(own).for_each(|(slot, own)| *slot = own);
        }
        shelf
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ProductRow;

    #[test]
    fn a_week_without_a_sale_is_guessed_from_the_last_one_with_a_sale() {
        let row = ProductRow {
            product_id: "p".to_owned(),
            category: 0,
            group: 0,
            units: 3.0,
            gross: 9.0,
            mean_price: 3.0,
            brand: None,
            private_label: None,
        };
        let products = ProductTable { rows: vec![row], groups: vec!["g".to_owned()] };
        let week = |week: u32, regular_price: f64, off: f64| ProductWeek {
            product: 0,
            week,
            units: 1.0,
            gross: regular_price,
            shelf_discount: off * regular_price,
            regular_price,
            display: 0.5,
            mailer: 0.0,
        };
        let rows = vec![week(1, 2.0, 0.2), week(3, 8.0, 0.0), week(5, 99.0, 0.0)];
        let ledger = Ledger { rows, has_promotions: true };
        let market = ChoiceMarket::new(&products, &ledger, 5);
        // Usually √(2 · 8) = 4; the price after the training weeks does not count.
        assert!((market.usual_price(0) - 4.0).abs() < 1e-12);
        let shelf = market.shelf(0..5);
        assert_eq!(shelf[0], ShelfProduct { guessed: true, ..ShelfProduct::default() });
        assert!((shelf[1].log_price + 2.0_f64.ln()).abs() < 1e-12 && shelf[1].depth == 0.2);
        assert_eq!(shelf[2], ShelfProduct { guessed: true, ..shelf[1] });
        assert!(!shelf[3].guessed && shelf[3].depth == 0.0);
        assert_eq!(market.shelf(2..5), shelf[2..]);
    }
}
