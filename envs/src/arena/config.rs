//! The parameters of an arena world; the defaults are AgentSim's `no_marketing` configuration.

use super::draw::Draw;
use crate::error::EnvError;
use serde::{Deserialize, Serialize};

/// How the spread of a feature `N(m, s)` goes with its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSpread {
    /// `s = |m|`: what the published results were made with, because the authors draw both with
    /// one key.
    LikeMean,
    /// s is a half-normal draw of its own, as the papers' equations read.
    Independent,
}

/// Sizes and distributions of an arena world.
///
/// Defaults: 100 customers, 30 categories, 2,514 products, coupons 0, 5, …, 50 %, and the draws of
/// RetailSynth-AgentSim (Xia et al. 2024, arXiv 2405.10469, configuration `no_marketing`). The price
/// slope is the constant that the authors' fixed key always drew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArenaConfig {
    /// Customers of a world.
    pub n_customers: usize,
    /// Products of each category.
    pub category_sizes: Vec<usize>,
    /// Weeks whose shelf prices are drawn; nothing can be played beyond.
    pub n_weeks: u32,
    /// Number of coupons, the first being none.
    pub n_coupons: usize,
    /// Step from one coupon to the next, as a share of the price.
    pub coupon_step: f64,
    /// No shelf price falls below it; coupons go below.
    pub lowest_price: f64,
    /// α₀ of a product's base price `max(α₀ + α₁ Z, lowest_price)`.
    pub price_intercept: Draw,
    /// α₁, one number for the world.
    pub price_slope: f64,
    /// Depth of a shelf discount.
    pub discount_depth: Draw,
    /// Probability that a product goes on deal, drawn per product.
    pub deal_start: Draw,
    /// Probability that a deal goes on, drawn per product.
    pub deal_stay: Draw,
    /// How spreads go with means, in the product's own feature Z, X and the marketing feature.
    pub feature_spread: FeatureSpread,
    /// Effect of the product's own feature Z, per customer and product.
    pub quality_effect: Draw,
    /// Effect of the weekly feature X, per customer and product.
    pub feature_effect: Draw,
    /// c of the price effect `c · (customer part) · (product part)`, below 0.
    pub price_effect_scale: f64,
    /// Product part of the price effect, at most 0.
    pub product_price_effect: Draw,
    /// Customer part of the price effect, at most 0.
    pub customer_price_effect: Draw,
    /// Scale of the Gumbel noise in utility.
    pub utility_noise: f64,
    /// Utilities above this quantile of the week's population are clipped to it; 1 clips none.
    pub utility_clip: f64,
    /// Intercept of buying in a category, per category.
    pub category_intercept: Draw,
    /// Effect of a category's inclusive value on buying in it, per category.
    pub category_slope: Draw,
    /// Habit θ: how much of last week's visit probability stays, per customer, within [0, 1].
    pub visit_habit: Draw,
    /// Intercept of the visit, one number for the world.
    pub visit_intercept: Draw,
    /// Effect of last week's store value on the visit, one number for the world.
    pub visit_slope: Draw,
    /// Effect of the marketing feature on the visit, one number for the world.
    pub visit_marketing: Draw,
    /// Intercept of the log mean of further units, per product.
    pub quantity_intercept: Draw,
    /// Effect of utility on the log mean of further units, per customer and product.
    pub quantity_slope: Draw,
}

impl Default for ArenaConfig {
    fn default() -> Self {
        Self {
            n_customers: 100,
            category_sizes: vec![
                59, 5, 2, 63, 18, 145, 93, 61, 20, 3, 93, 93, 5, 89, 84, 76, 44, 135, 36, 28, 112,
                87, 150, 132, 241, 178, 34, 301, 14, 113,
            ],
            n_weeks: 70,
            n_coupons: 11,
            coupon_step: 0.05,
            lowest_price: 1.0,
            price_intercept: Draw::at_least(0.0, 1.3, 0.5),
            price_slope: 0.868,
            discount_depth: Draw::Beta { alpha: 50.0, beta: 50.0 },
            deal_start: Draw::Beta { alpha: 40.0, beta: 60.0 },
            deal_stay: Draw::Beta { alpha: 40.0, beta: 60.0 },
            feature_spread: FeatureSpread::LikeMean,
            quality_effect: Draw::LogNormal { mean: 1.0, sd: 0.4 },
            feature_effect: Draw::LogNormal { mean: -1.0, sd: 1.0 },
            price_effect_scale: -1.4,
            product_price_effect: Draw::at_most(0.0, -3.0, 2.0),
            customer_price_effect: Draw::at_most(0.0, -3.0, 1.5),
            utility_noise: 0.1,
            utility_clip: 0.9999,
            category_intercept: Draw::Normal { mean: -5.0, sd: 0.5 },
            category_slope: Draw::Truncated {
                mean: 0.1,
                sd: 0.04,
                low: Some(0.0),
                high: Some(0.12),
            },
            visit_habit: Draw::Uniform { low: 0.25, high: 0.45 },
            visit_intercept: Draw::Gumbel { mode: 4.0, scale: 0.1 },
            visit_slope: Draw::at_least(0.0, 0.01, 0.01),
            visit_marketing: Draw::Uniform { low: 5.0, high: 6.0 },
            quantity_intercept: Draw::Gumbel { mode: -3.0, scale: 0.1 },
            quantity_slope: Draw::LogNormal { mean: -4.0, sd: 0.1 },
        }
    }
}

impl ArenaConfig {
    /// Number of products.
    #[must_use]
    pub fn n_products(&self) -> usize {
        self.category_sizes.iter().sum()
    }

    /// Share of the price that a coupon takes off.
    #[must_use]
    pub fn coupon(&self, action: usize) -> f64 {
        self.coupon_step * action as f64
    }

    /// Refuses what cannot be simulated.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] with the first wrong field.
    pub fn check(&self) -> Result<(), EnvError> {
        let refuse = |name, expected, got| Err(EnvError::InvalidParameter { name, expected, got });
        if self.n_customers == 0 {
            return refuse("n_customers", "at least 1", 0.0);
        }
        if self.n_weeks == 0 {
            return refuse("n_weeks", "at least 1", 0.0);
        }
        if self.category_sizes.is_empty() || self.category_sizes.contains(&0) {
            let expected = "at least one category, each with at least one product";
            return refuse("category_sizes", expected, 0.0);
        }
        let deepest = self.coupon(self.n_coupons.saturating_sub(1));
        if self.n_coupons == 0 || !(self.coupon_step > 0.0 && deepest < 1.0) {
            return refuse("coupon_step", "coupons from 0 to below 1", deepest);
        }
        let positive = [
            ("lowest_price", self.lowest_price),
            ("price_slope", self.price_slope),
            ("utility_noise", self.utility_noise),
            ("-price_effect_scale", -self.price_effect_scale),
            ("utility_clip", self.utility_clip),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return refuse(name, "a finite number above 0", value);
            }
        }
        if self.utility_clip > 1.0 {
            return refuse("utility_clip", "a quantile up to 1", self.utility_clip);
        }
        self.draws().into_iter().try_for_each(|(name, draw, (low, high))| {
            draw.check(name)?;
            let (from, to) = draw.support();
            match low <= from && to <= high {
                true => Ok(()),
                false if from < low => refuse(name, "a support that starts higher", from),
                false => refuse(name, "a support that ends lower", to),
            }
        })
    }

    /// Every distribution with the range its values may have.
    fn draws(&self) -> [(&'static str, Draw, (f64, f64)); 16] {
        let (any, share) = ((f64::NEG_INFINITY, f64::INFINITY), (0.0, 1.0));
        let negative = (f64::NEG_INFINITY, 0.0);
        [
            ("price_intercept", self.price_intercept, any),
            ("discount_depth", self.discount_depth, share),
            ("deal_start", self.deal_start, share),
            ("deal_stay", self.deal_stay, share),
            ("quality_effect", self.quality_effect, any),
            ("feature_effect", self.feature_effect, any),
            ("product_price_effect", self.product_price_effect, negative),
            ("customer_price_effect", self.customer_price_effect, negative),
            ("category_intercept", self.category_intercept, any),
            ("category_slope", self.category_slope, any),
            ("visit_habit", self.visit_habit, share),
            ("visit_intercept", self.visit_intercept, any),
            ("visit_slope", self.visit_slope, any),
            ("visit_marketing", self.visit_marketing, any),
            ("quantity_intercept", self.quantity_intercept, any),
            ("quantity_slope", self.quantity_slope, any),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_the_published_sizes() {
        let config = ArenaConfig::default();
        config.check().expect("valid");
        assert_eq!((config.category_sizes.len(), config.n_products()), (30, 2514));
        assert!((config.coupon(10) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_field_is_named() {
        let name = |config: ArenaConfig| match config.check() {
            Err(EnvError::InvalidParameter { name, .. }) => name,
            _ => "accepted",
        };
        let base = ArenaConfig::default;
        assert_eq!(name(ArenaConfig { n_customers: 0, ..base() }), "n_customers");
        assert_eq!(name(ArenaConfig { category_sizes: vec![3, 0], ..base() }), "category_sizes");
        assert_eq!(name(ArenaConfig { n_coupons: 21, ..base() }), "coupon_step");
        assert_eq!(name(ArenaConfig { utility_clip: 1.5, ..base() }), "utility_clip");
        let habit = Draw::Uniform { low: 0.5, high: 1.5 };
        assert_eq!(name(ArenaConfig { visit_habit: habit, ..base() }), "visit_habit");
        let effect = Draw::Normal { mean: -3.0, sd: 1.0 };
        assert_eq!(
            name(ArenaConfig { product_price_effect: effect, ..base() }),
            "product_price_effect"
        );
    }
}
