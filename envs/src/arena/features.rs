//! The nine features that learners see of a customer.

use super::noise::WeekNoise;
use super::week::WeekOutcome;
use super::world::ArenaWorld;

/// Number of features.
pub const N_FEATURES: usize = 9;

/// Their names, in order.
pub const FEATURE_NAMES: [&str; N_FEATURES] = [
    "purchase_quantity",
    "purchase_share",
    "purchase_price",
    "redeemed_coupon",
    "purchase_discount",
    "previous_transaction",
    "product_price",
    "marketing_feature",
    "observed_feature",
];

/// What is remembered of a customer; all zero before the first week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    weeks: u32,
    purchase_weeks: u32,
    units: u64,
    lines: u64,
    shelf_prices: f64,
    shelf_discounts: f64,
    redeemed_lines: u64,
    redeemed: f64,
    last_units: u32,
}

impl Tally {
    /// Takes in a week and the coupon (a share of the price) it was spent with.
    pub(super) fn add(&mut self, outcome: &WeekOutcome, coupon: f64) {
        self.weeks += 1;
        self.purchase_weeks += u32::from(outcome.units > 0);
        self.units += u64::from(outcome.units);
        self.lines += u64::from(outcome.lines);
        self.shelf_prices += outcome.shelf_prices;
        self.shelf_discounts += outcome.shelf_discounts;
        if coupon > 0.0 {
            self.redeemed_lines += u64::from(outcome.lines);
            self.redeemed += f64::from(outcome.lines) * coupon;
        }
        self.last_units = outcome.units;
    }

    /// The features before the week that `noise` holds in `row`.
    ///
    /// In order: mean units of weeks with a purchase; share of weeks with a purchase; mean shelf
    /// price, mean coupon (of lines bought with one) and mean shelf discount of the lines bought;
    /// then, of the week to come or last week, mean units per product, mean shelf price over all
    /// products, the marketing feature, and the mean of X over all products.
    pub(super) fn features(
        &self,
        world: &ArenaWorld,
        noise: &WeekNoise,
        row: usize,
    ) -> [f32; N_FEATURES] {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (lines, luck) = (self.lines as f64, noise.row(row));
        let values = [
            share(self.units as f64, f64::from(self.purchase_weeks)),
            share(f64::from(self.purchase_weeks), f64::from(self.weeks)),
            share(self.shelf_prices, lines),
            share(self.redeemed, self.redeemed_lines as f64),
            share(self.shelf_discounts, lines),
            f64::from(self.last_units) / world.config().n_products() as f64,
            noise.week().map_or(0.0, |week| world.mean_price(week)),
            f64::from(luck.marketing),
            f64::from(luck.feature_mean),
        ];
        values.map(|value| value as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeedTree;
    use crate::arena::{ArenaConfig, ArenaWorld};

    #[test]
    fn running_averages_are_those_worked_by_hand() {
        let config = ArenaConfig {
            n_customers: 1,
            category_sizes: vec![2],
            n_weeks: 1,
            ..ArenaConfig::default()
        };
        let world = ArenaWorld::new(config, SeedTree::new(1)).expect("valid");
        let mut noise = WeekNoise::new(&world, 1);
        noise.fill(&world, SeedTree::new(2), 0, 0);
        let mut tally = Tally::default();
        let features = tally.features(&world, &noise, 0);
        let price = (world.shelf(0)[0] + world.shelf(0)[1]) / 2.0;
        assert_eq!(features[..6], [0.0; 6]);
        assert!((features[6] - price).abs() < 1e-6);
        // 3 units on 2 lines at a coupon of 0.2; nothing; 2 units on 2 lines without a coupon.
        let bought = |lines, units, shelf_prices, shelf_discounts| WeekOutcome {
            visited: true,
            lines,
            units,
            shelf_prices,
            shelf_discounts,
            ..WeekOutcome::default()
        };
        tally.add(&bought(2, 3, 5.0, 0.5), 0.2);
        tally.add(&WeekOutcome::default(), 0.4);
        tally.add(&bought(2, 2, 3.0, 0.1), 0.0);
        let features = tally.features(&world, &noise, 0);
        let expected = [2.5, 2.0 / 3.0, 2.0, 0.2, 0.15, 1.0, price];
        for (got, expected) in features.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{features:?}");
        }
    }
}
