//! Products, and the shelf promotions that everybody gets.

use super::calendar::Calendar;
use super::config::{CATEGORIES, RetailerConfig};
use crate::seed::SeedTree;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Weeks after the history for which shelf promotions are laid down.
pub const FUTURE_WEEKS: u32 = 60;
/// Phase of the year at which most people visit.
const VISIT_PEAK: f64 = 0.95;
/// Weekly probability that a shelf deal ends: deals last two weeks on average.
const DEAL_END: f64 = 0.5;
/// Depths of shelf deals, drawn with equal probability.
const SHELF_DEPTHS: [f64; 5] = [0.1, 0.15, 0.2, 0.25, 0.3];

/// One product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Index of its category.
    pub category: usize,
    /// Regular price, money.
    pub price: f64,
    /// Cost of one unit, money.
    pub unit_cost: f64,
    /// Utility that everybody gets from it.
    pub quality: f64,
    /// Brand name.
    pub brand: String,
}

/// Price of one product in one week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShelfPrice {
    /// What the shelf says, money, whole cents.
    pub price: f64,
    /// Fraction off the regular price.
    pub depth: f64,
    /// Log of regular over shelf price.
    pub log_cut: f64,
}

/// The products and their shelf prices, week by week; the same for every arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    products: Vec<Product>,
    per_category: usize,
    shelf: Vec<ShelfPrice>,
    n_weeks: u32,
    margin_rates: Vec<f64>,
    seasons: Vec<f64>,
    visit_seasons: Vec<f64>,
}

impl Market {
    /// Draws the products and `n_weeks` + [`FUTURE_WEEKS`] weeks of shelf deals: for each product a
    /// two-state Markov chain whose stationary share on deal is `shelf_deal_share`.
    #[must_use]
    pub fn generate(config: &RetailerConfig, calendar: Calendar, seed: SeedTree) -> Self {
        let per_category = config.products_per_category;
        let mut rng = seed.child("products").stream();
        let mut products = Vec::with_capacity(config.n_categories * per_category);
        let mut peaks = Vec::with_capacity(config.n_categories);
        for (category, &(.., mean_price)) in CATEGORIES.iter().take(config.n_categories).enumerate()
        {
            let margin: f64 = rng.random_range(0.33..0.46);
            peaks.push(rng.random::<f64>());
            for rank in 0..per_category {
                let z: f64 = StandardNormal.sample(&mut rng);
                let price = (mean_price * (0.25 * z).exp() * 10.0).floor() / 10.0 + 0.09;
                let cost_rate = 1.0 - (margin + rng.random_range(-0.03..0.03));
                // Dearer products are better, so that price alone does not decide.
                let taste: f64 = StandardNormal.sample(&mut rng);
                products.push(Product {
                    category,
                    price: cents(price),
                    unit_cost: cents(price * cost_rate),
                    quality: 2.0 * 0.25 * z + 0.4 * taste,
                    brand: format!("brand-{}", char::from(b'a' + (rank % 26) as u8)),
                });
            }
        }
        let n_weeks = config.n_weeks + FUTURE_WEEKS;
        let shelf = shelf_prices(&products, n_weeks, config.structure.shelf_deal_share, seed);
        let margin_rates = products
            .chunks_exact(per_category)
            .map(|group| {
                let price: f64 = group.iter().map(|p| p.price).sum();
                1.0 - group.iter().map(|p| p.unit_cost).sum::<f64>() / price
            })
            .collect();
        let wave = |week: u32, peak: f64| {
            (std::f64::consts::TAU * (calendar.year_phase(week) - peak)).cos()
        };
        let seasons =
            (0..n_weeks).flat_map(|week| peaks.iter().map(move |&p| wave(week, p))).collect();
        let visit_seasons = (0..n_weeks).map(|week| wave(week, VISIT_PEAK)).collect();
        Self { products, per_category, shelf, n_weeks, margin_rates, seasons, visit_seasons }
    }

    /// All products, category by category.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Products in each category.
    #[must_use]
    pub fn per_category(&self) -> usize {
        self.per_category
    }

    /// The products of one category.
    #[must_use]
    pub fn in_category(&self, category: usize) -> &[Product] {
        &self.products[category * self.per_category..(category + 1) * self.per_category]
    }

    /// Number of categories.
    #[must_use]
    pub fn n_categories(&self) -> usize {
        self.margin_rates.len()
    }

    /// Weeks for which shelf prices exist: history and [`FUTURE_WEEKS`].
    #[must_use]
    pub fn n_weeks(&self) -> u32 {
        self.n_weeks
    }

    /// Gross margin of each category at regular prices, as a fraction; shape `[n_categories]`.
    #[must_use]
    pub fn margin_rates(&self) -> &[f64] {
        &self.margin_rates
    }

    /// Shelf prices of one category in one week, shape `[per_category]`. Weeks past the last one
    /// repeat it.
    #[must_use]
    pub fn shelf(&self, week: u32, category: usize) -> &[ShelfPrice] {
        let row = week.min(self.n_weeks - 1) as usize * self.products.len();
        let start = row + category * self.per_category;
        &self.shelf[start..start + self.per_category]
    }

    /// Season of a category in a week, in `[-1, 1]`.
    #[must_use]
    pub fn season(&self, week: u32, category: usize) -> f64 {
        self.seasons[week.min(self.n_weeks - 1) as usize * self.n_categories() + category]
    }

    /// Season of visits in a week, in `[-1, 1]`, highest before the new year.
    #[must_use]
    pub fn visit_season(&self, week: u32) -> f64 {
        self.visit_seasons[week.min(self.n_weeks - 1) as usize]
    }
}

/// Rounds money to whole cents.
pub(crate) fn cents(money: f64) -> f64 {
    (money * 100.0).round() / 100.0
}

fn shelf_prices(
    products: &[Product],
    n_weeks: u32,
    deal_share: f64,
    seed: SeedTree,
) -> Vec<ShelfPrice> {
    let start = DEAL_END * deal_share / (1.0 - deal_share);
    let mut shelf = Vec::with_capacity(products.len() * n_weeks as usize);
    let mut rng = seed.child("shelf deals").stream();
    let mut depths = vec![0.0; products.len()];
    for week in 0..n_weeks {
        for (product, depth) in products.iter().zip(&mut depths) {
            let u: f64 = rng.random();
            let drawn = SHELF_DEPTHS[rng.random_range(0..SHELF_DEPTHS.len())];
            let on_deal = *depth > 0.0;
            let stays = if week == 0 {
                u < deal_share
            } else if on_deal {
                u >= DEAL_END
            } else {
                u < start
            };
            *depth = match (stays, on_deal) {
                (true, true) => *depth,
                (true, false) => drawn,
                (false, _) => 0.0,
            };
            let price = cents(product.price * (1.0 - *depth));
            let log_cut = (product.price / price).ln();
            shelf.push(ShelfPrice { price, depth: 1.0 - price / product.price, log_cut });
        }
    }
    shelf
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(config: &RetailerConfig, seed: u64) -> Market {
        let calendar = Calendar::new(&config.first_date).expect("a Monday");
        Market::generate(config, calendar, SeedTree::new(seed))
    }

    #[test]
    fn shelf_deals_are_persistent_and_as_frequent_as_configured() {
        let config = RetailerConfig { n_weeks: 460, ..RetailerConfig::default() };
        let market = market(&config, 3);
        let mut on = 0.0;
        let mut stayed = 0.0;
        let mut total = 0.0;
        for week in 1..market.n_weeks() {
            for category in 0..market.n_categories() {
                let before = market.shelf(week - 1, category);
                for (now, before) in market.shelf(week, category).iter().zip(before) {
                    total += 1.0;
                    on += f64::from(u8::from(before.depth > 0.0));
                    stayed += f64::from(u8::from(before.depth > 0.0 && now.depth > 0.0));
                }
            }
        }
        // 24,912 product-weeks at 0.12; autocorrelation 1 - 0.5 - 0.068 inflates the variance
        // 2.5-fold: se = sqrt(0.12 * 0.88 / 24912 * 2.5) = 0.0033. Of the 2,990 weeks on deal half
        // go on: se = 0.009.
        assert!((on / total - 0.12_f64).abs() < 4.0 * 0.0033);
        assert!((stayed / on - 0.5_f64).abs() < 4.0 * 0.01);
    }

    #[test]
    fn prices_are_whole_cents_and_leave_a_margin() {
        let market = market(&RetailerConfig::default(), 1);
        for product in market.products() {
            assert!((product.price * 100.0 - (product.price * 100.0).round()).abs() < 1e-6);
            assert!(product.unit_cost < product.price * 0.75 && product.unit_cost > 0.0);
        }
        assert!(market.margin_rates().iter().all(|m| (0.28..0.50).contains(m)));
    }
}
