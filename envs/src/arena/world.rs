//! One drawn world: products, customers, shelf prices of every week.

use super::blocks::BLOCK;
use super::config::{ArenaConfig, FeatureSpread};
use super::draw::standard_normal;
use super::population::reference_cap;
use super::week::LANES;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use rand::Rng;
use std::ops::Range;

/// Utility of the slots that only fill up a category to whole lanes: never chosen.
const NO_PRODUCT: f32 = -1e9;

/// Everything that is fixed before anybody shops.
///
/// Products lie category by category, each category filled up to whole lanes and the last
/// one to a whole block; a *slot* is a place in that order. Customer tables have one row of slots per customer.
#[derive(Debug, Clone)]
pub struct ArenaWorld {
    config: ArenaConfig,
    /// First slot and number of products of each category.
    pub(super) categories: Vec<(usize, usize)>,
    pub(super) n_slots: usize,
    /// 1 where a slot holds a product, else 0.
    pub(super) is_product: Vec<f32>,
    /// P_i, money.
    pub(super) base_price: Vec<f32>,
    /// Product part of the price effect.
    pub(super) product_effect: Vec<f32>,
    pub(super) quantity_intercept: Vec<f32>,
    /// Shelf price and its logarithm, by week and slot.
    shelf: Vec<f32>,
    log_shelf: Vec<f32>,
    /// Mean shelf price, by week.
    mean_price: Vec<f64>,
    /// c times the customer part of the price effect, by customer.
    pub(super) customer_effect: Vec<f32>,
    pub(super) habit: Vec<f32>,
    /// β^z Z, by customer and slot.
    quality: Vec<f32>,
    /// β^x, by customer and slot.
    feature_effect: Vec<f32>,
    quantity_slope: Vec<f32>,
    pub(super) category_intercept: Vec<f32>,
    pub(super) category_slope: Vec<f32>,
    pub(super) visit_intercept: f32,
    pub(super) visit_slope: f32,
    pub(super) visit_marketing: f32,
    /// ln(1 − coupon) by action.
    pub(super) coupon_log: Vec<f32>,
    /// The cap of utilities for a customer played alone.
    pub(super) cap: f32,
}

impl ArenaWorld {
    /// Draws a world. Every group of parameters has its own named stream, so all are independent.
    ///
    /// # Errors
    /// Those of [`ArenaConfig::check`].
    pub fn new(config: ArenaConfig, tree: SeedTree) -> Result<Self, EnvError> {
        config.check()?;
        let mut world = Self::with_products(config, tree);
        world.draw_shelf(tree);
        world.draw_customers(tree);
        world.cap = reference_cap(&world, tree.child("cap"));
        Ok(world)
    }

    fn with_products(config: ArenaConfig, tree: SeedTree) -> Self {
        let mut n_slots = 0;
        let mut categories = Vec::new();
        for &size in &config.category_sizes {
            categories.push((n_slots, size));
            n_slots += size.next_multiple_of(LANES);
        }
        n_slots = n_slots.next_multiple_of(BLOCK);
        let mut is_product = vec![0.0; n_slots];
        for &(start, size) in &categories {
            is_product[start..start + size].fill(1.0);
        }
        let by_category = |name: &str, draw: super::Draw| -> Vec<f32> {
            let mut rng = tree.child(name).stream();
            categories.iter().map(|_| draw.sample(&mut rng) as f32).collect()
        };
        let number = |name: &str, draw: super::Draw| draw.sample(&mut tree.child(name).stream());
        let coupons = (0..config.n_coupons).map(|action| (1.0 - config.coupon(action)).ln() as f32);
        let mut world = Self {
            category_intercept: by_category("category intercept", config.category_intercept),
            category_slope: by_category("category slope", config.category_slope),
            visit_intercept: number("visit intercept", config.visit_intercept) as f32,
            visit_slope: number("visit slope", config.visit_slope) as f32,
            visit_marketing: number("visit marketing", config.visit_marketing) as f32,
            coupon_log: coupons.collect(),
            cap: f32::INFINITY,
            base_price: vec![1.0; n_slots],
            product_effect: vec![0.0; n_slots],
            quantity_intercept: vec![0.0; n_slots],
            shelf: Vec::new(),
            log_shelf: Vec::new(),
            mean_price: Vec::new(),
            customer_effect: Vec::new(),
            habit: Vec::new(),
            quality: Vec::new(),
            feature_effect: Vec::new(),
            quantity_slope: Vec::new(),
            config,
            categories,
            n_slots,
            is_product,
        };
        world.draw_products(tree);
        world
    }

    fn draw_products(&mut self, tree: SeedTree) {
        let quality = self.product_quality(tree);
        let effects = self.by_product(tree.child("product price effect"), |config, rng| {
            config.product_price_effect.sample(rng)
        });
        let quantities = self.by_product(tree.child("quantity intercept"), |config, rng| {
            config.quantity_intercept.sample(rng)
        });
        let intercepts = self.by_product(tree.child("price intercept"), |config, rng| {
            config.price_intercept.sample(rng)
        });
        for slot in 0..self.n_slots {
            let price = intercepts[slot] + self.config.price_slope * quality[slot];
            self.base_price[slot] = price.max(self.config.lowest_price) as f32;
            self.product_effect[slot] = effects[slot] as f32;
            self.quantity_intercept[slot] = quantities[slot] as f32;
        }
    }

    /// Z: a normal truncated at 0 whose mean (and perhaps deviation) is a half-normal draw.
    fn product_quality(&self, tree: SeedTree) -> Vec<f64> {
        self.by_product(tree.child("quality"), |config, rng| {
            let (mean, other) = (standard_normal(rng).abs(), standard_normal(rng).abs());
            let sd = match config.feature_spread {
                FeatureSpread::LikeMean => mean,
                FeatureSpread::Independent => other,
            };
            loop {
                // The mean is not negative, so at least every other draw is accepted.
                let z = mean + sd * standard_normal(rng);
                if z >= 0.0 {
                    return z;
                }
            }
        })
    }

    /// One draw per product, 0 in empty slots.
    fn by_product(
        &self,
        tree: SeedTree,
        draw: impl Fn(&ArenaConfig, &mut Stream) -> f64,
    ) -> Vec<f64> {
        let mut rng = tree.stream();
        let real = self.is_product.iter().map(|&real| real > 0.0);
        real.map(|real| if real { draw(&self.config, &mut rng) } else { 0.0 }).collect()
    }

    /// Plays the two-state chain of deals of every product, from no deal, over all weeks.
    fn draw_shelf(&mut self, tree: SeedTree) {
        let start =
            self.by_product(tree.child("deal start"), |config, rng| config.deal_start.sample(rng));
        let stay =
            self.by_product(tree.child("deal stay"), |config, rng| config.deal_stay.sample(rng));
        let mut on_deal = vec![false; self.n_slots];
        let (weeks, depths) = (tree.child("deals"), tree.child("depths"));
        for week in 0..u64::from(self.config.n_weeks) {
            let (mut luck, mut depth_luck) =
                (weeks.index(week).stream(), depths.index(week).stream());
            let mut sum = 0.0;
            for slot in 0..self.n_slots {
                let real = self.is_product[slot] > 0.0;
                let chance = if on_deal[slot] { stay[slot] } else { start[slot] };
                on_deal[slot] = real && luck.random::<f64>() < chance;
                let depth = match on_deal[slot] {
                    true => self.config.discount_depth.sample(&mut depth_luck),
                    false => 0.0,
                };
                let reduced = f64::from(self.base_price[slot]) * (1.0 - depth);
                let price = if real { reduced.max(self.config.lowest_price) } else { 1.0 };
                self.shelf.push(price as f32);
                self.log_shelf.push(price.ln() as f32);
                sum += if real { price } else { 0.0 };
            }
            self.mean_price.push(sum / self.config.n_products() as f64);
        }
    }

    fn draw_customers(&mut self, tree: SeedTree) {
        let config = self.config.clone();
        let quality = self.product_quality(tree);
        let mut rng = tree.child("customer price effect").stream();
        let mut habits = tree.child("visit habit").stream();
        for customer in 0..config.n_customers as u64 {
            let effect = config.price_effect_scale * config.customer_price_effect.sample(&mut rng);
            self.customer_effect.push(effect as f32);
            self.habit.push(config.visit_habit.sample(&mut habits) as f32);
            let row = |name: &str| tree.child(name).index(customer);
            let quality_effect = self
                .by_product(row("quality effect"), |config, rng| config.quality_effect.sample(rng));
            let feature_effect = self
                .by_product(row("feature effect"), |config, rng| config.feature_effect.sample(rng));
            let quantity_slope = self
                .by_product(row("quantity slope"), |config, rng| config.quantity_slope.sample(rng));
            for slot in 0..self.n_slots {
                let real = self.is_product[slot] > 0.0;
                let own = (quality_effect[slot] * quality[slot]) as f32;
                self.quality.push(if real { own } else { NO_PRODUCT });
                self.feature_effect.push(feature_effect[slot] as f32);
                self.quantity_slope.push(quantity_slope[slot] as f32);
            }
        }
    }

    /// The parameters this world was drawn from.
    #[must_use]
    pub fn config(&self) -> &ArenaConfig {
        &self.config
    }

    /// Mean effect of log price on the customer's utilities, below 0; the lower, the more the
    /// customer minds prices.
    #[must_use]
    pub fn price_effect(&self, customer: usize) -> f64 {
        let sum: f64 = self.product_effect.iter().map(|&effect| f64::from(effect)).sum();
        f64::from(self.customer_effect[customer]) * sum / self.config.n_products() as f64
    }

    /// Whether each customer belongs to the half that minds prices more; with an odd number the
    /// middle customer does not.
    #[must_use]
    pub fn sensitive_half(&self) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.config.n_customers).collect();
        order.sort_by(|&a, &b| self.customer_effect[b].total_cmp(&self.customer_effect[a]));
        let mut sensitive = vec![false; order.len()];
        for &customer in &order[..order.len() / 2] {
            sensitive[customer] = true;
        }
        sensitive
    }

    /// Mean shelf price over all products.
    pub(super) fn mean_price(&self, week: u32) -> f64 {
        self.mean_price[week as usize]
    }

    /// Shelf prices of a week, by slot.
    pub(super) fn shelf(&self, week: u32) -> &[f32] {
        &self.shelf[self.week_row(week)]
    }

    /// Logarithms of the shelf prices of a week, by slot.
    pub(super) fn log_shelf(&self, week: u32) -> &[f32] {
        &self.log_shelf[self.week_row(week)]
    }

    fn week_row(&self, week: u32) -> Range<usize> {
        let start = week as usize * self.n_slots;
        start..start + self.n_slots
    }

    fn customer_row(&self, customer: usize) -> Range<usize> {
        let start = customer * self.n_slots;
        start..start + self.n_slots
    }

    /// β^z Z of a customer, by slot.
    pub(super) fn quality(&self, customer: usize) -> &[f32] {
        &self.quality[self.customer_row(customer)]
    }

    /// β^x of a customer, by slot.
    pub(super) fn feature_effect(&self, customer: usize) -> &[f32] {
        &self.feature_effect[self.customer_row(customer)]
    }

    /// Effect of utility on the log mean of further units, by slot.
    pub(super) fn quantity_slope(&self, customer: usize) -> &[f32] {
        &self.quantity_slope[self.customer_row(customer)]
    }
}
