//! Demand of a product group in a store: constant elasticities, feature ads, season and stockpiling.
//!
//! For product `i` in store `s` and week `t`, with `x_j = ln(price_j / regular_j)`:
//!
//! ```text
//! ln units_i = a_is + Σ_j b_ij ln price_j + f_i feature_i + d_i deal_i
//!            + Σ_h (p_ih sin 2πht/52.18 + q_ih cos 2πht/52.18) + κ_i S_i + w_it + e_ist
//! S_i(t+1)   = δ S_i(t) + (1 − δ) (b_ii x_i + f_i feature_i + d_i deal_i)
//! ```
//!
//! `S` is what customers have bought ahead of need: past promotion lifts in log units, fading by `δ` a
//! week. `κ < 0` is the dip after a promotion. `w ~ N(0, sd_common²)` hits every store in the week,
//! `e ~ N(0, sd_store²)` one store only. Source of the form: van Heerde, Leeflang and Wittink 2000 and
//! 2004 (SCAN*PRO with dynamic effects); Montgomery 1997.

use crate::error::EnvError;
use serde::{Deserialize, Serialize};

/// Weeks of a year, `365.25 / 7`.
pub const WEEKS_PER_YEAR: f64 = 365.25 / 7.0;

/// Bounds of a linear predictor, so that no draw overflows.
const LOG_UNITS_MAX: f64 = 30.0;

/// Demand and cost of one product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductModel {
    /// `a`: log units at prices of 1 by store, shape `[n_stores]`.
    pub intercepts: Vec<f64>,
    /// `b`: change of log units by log price of every product of the group, shape `[n_products]`;
    /// the own-price elasticity stands at the product's own position.
    pub elasticities: Vec<f64>,
    /// `f`: change of log units by a full feature ad.
    pub feature: f64,
    /// `d`: change of log units by an in-store coupon.
    pub deal: f64,
    /// Sine and cosine of each harmonic of the year, shape `[2 × n_harmonics]`.
    pub season: Vec<f64>,
    /// `κ`: change of log units by one log unit of stock.
    pub stock: f64,
    /// Standard deviation of the shock that all stores share in a week, log units.
    pub sd_common: f64,
    /// Standard deviation of a store's own shock, log units.
    pub sd_store: f64,
    /// Price without a promotion by store, money per unit, shape `[n_stores]`.
    pub regular_prices: Vec<f64>,
    /// Unit cost at the regular price by store, money per unit, shape `[n_stores]`.
    pub unit_costs: Vec<f64>,
    /// Change of log unit cost by log price ratio: the part of a price cut that the supplier bears.
    pub funding: f64,
    /// Lowest share of the regular price that the data hold often enough to be asked about.
    pub lowest_ratio: f64,
}

/// Demand of the whole group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PricingModel {
    /// The products, at least one.
    pub products: Vec<ProductModel>,
    /// `δ`: share of the stock that is left after a week, in `[0, 1)`.
    pub stock_decay: f64,
}

/// What a week looks like before units are known; all slices have shape `[n_products]`.
#[derive(Debug, Clone, Copy)]
pub struct WeekState<'a> {
    /// `x`: log of price over regular price.
    pub log_ratios: &'a [f64],
    /// Feature ads, 0 to 1.
    pub features: &'a [f64],
    /// `S`: stock at the start of the week, log units.
    pub stocks: &'a [f64],
    /// Number of the week, in the numbering of the data.
    pub week: f64,
}

impl ProductModel {
    /// What a promotion of its own does to log units within the week, without stock and rivals.
    #[must_use]
    pub fn log_lift(&self, own: usize, log_ratio: f64, feature: f64, deal: f64) -> f64 {
        self.elasticities[own] * log_ratio + self.feature * feature + self.deal * deal
    }

    /// Seasonal part of log units.
    #[must_use]
    pub fn season_at(&self, week: f64) -> f64 {
        let pairs = self.season.chunks_exact(2).enumerate();
        pairs
            .map(|(h, pair)| {
                let angle = std::f64::consts::TAU * (h + 1) as f64 * week / WEEKS_PER_YEAR;
                pair[0] * angle.sin() + pair[1] * angle.cos()
            })
            .sum()
    }

    /// Unit cost at a price ratio, money per unit.
    #[must_use]
    pub fn cost_at(&self, store: usize, log_ratio: f64) -> f64 {
        self.unit_costs[store] * (self.funding * log_ratio).exp()
    }

    /// Margin at a price ratio as a fraction of the price, `1 − cost / price`.
    #[must_use]
    pub fn margin_rate(&self, store: usize, log_ratio: f64) -> f64 {
        let price = self.regular_prices[store] * log_ratio.exp();
        1.0 - self.cost_at(store, log_ratio) / price
    }

    /// Variance of a store-week's log units around their mean.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.sd_common * self.sd_common + self.sd_store * self.sd_store
    }
}

impl PricingModel {
    /// Number of products.
    #[must_use]
    pub fn n_products(&self) -> usize {
        self.products.len()
    }

    /// Number of stores.
    #[must_use]
    pub fn n_stores(&self) -> usize {
        self.products.first().map_or(0, |product| product.intercepts.len())
    }

    /// Median log units of a product in a store at regular prices of all, out of season, no stock.
    #[must_use]
    pub fn base_log_units(&self, store: usize, product: usize) -> f64 {
        let own = &self.products[product];
        let prices = own.elasticities.iter().zip(&self.products);
        let at_regular: f64 = prices.map(|(b, other)| b * other.regular_prices[store].ln()).sum();
        own.intercepts[store] + at_regular
    }

    /// Median log units of a product in a week, from its [`PricingModel::base_log_units`].
    #[must_use]
    pub fn log_units(&self, product: usize, base: f64, week: &WeekState<'_>) -> f64 {
        let own = &self.products[product];
        let prices: f64 = own.elasticities.iter().zip(week.log_ratios).map(|(b, x)| b * x).sum();
        let rest = own.feature * week.features[product] + own.stock * week.stocks[product];
        let log_units = base + prices + rest + own.season_at(week.week);
        log_units.clamp(-LOG_UNITS_MAX, LOG_UNITS_MAX)
    }

    /// Stock after a week in which the promotion lifted log units by `log_lift`.
    #[must_use]
    pub fn next_stock(&self, stock: f64, log_lift: f64) -> f64 {
        self.stock_decay * stock + (1.0 - self.stock_decay) * log_lift
    }

    /// Checks shapes and ranges.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] naming the first field that does not fit.
    pub fn validate(&self) -> Result<(), EnvError> {
        let (n_products, n_stores) = (self.n_products(), self.n_stores());
        let require = |ok: bool, name, expected, got| {
            if ok { Ok(()) } else { Err(EnvError::InvalidParameter { name, expected, got }) }
        };
        let count = |n: usize| n as f64;
        require(n_products > 0, "products", "at least one", 0.0)?;
        require(n_stores > 0, "intercepts", "at least one store", 0.0)?;
        let decay = self.stock_decay;
        require((0.0..1.0).contains(&decay), "stock_decay", "a share in [0, 1)", decay)?;
        for product in &self.products {
            let n = product.elasticities.len();
            require(n == n_products, "elasticities", "one for each product", count(n))?;
            for by_store in [&product.intercepts, &product.regular_prices, &product.unit_costs] {
                let n = by_store.len();
                require(n == n_stores, "intercepts, prices, costs", "one per store", count(n))?;
            }
            let n = product.season.len();
            require(n % 2 == 0, "season", "pairs of sine and cosine", count(n))?;
            for money in product.regular_prices.iter().chain(&product.unit_costs) {
                let fits = money.is_finite() && *money > 0.0;
                require(fits, "regular_prices, unit_costs", "money above 0", *money)?;
            }
            let lowest = product.lowest_ratio;
            require(lowest > 0.0 && lowest <= 1.0, "lowest_ratio", "a share in (0, 1]", lowest)?;
            for sd in [product.sd_common, product.sd_store] {
                require(sd.is_finite() && sd >= 0.0, "sd_common, sd_store", "at least 0", sd)?;
            }
            let free = [product.feature, product.deal, product.stock, product.funding];
            let all = free.iter().chain(&product.elasticities).chain(&product.intercepts);
            for value in all.chain(&product.season) {
                require(value.is_finite(), "coefficients", "a finite number", *value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::two_products;
    use super::*;

    #[test]
    fn log_units_are_the_sum_worked_by_hand() {
        let model = two_products();
        // Product 0: a = 4, b = (−2, 0.5), regular prices 2 and 3, κ = −0.2, f = 0.6.
        let base = 4.0 - 2.0 * 2.0_f64.ln() + 0.5 * 3.0_f64.ln();
        assert!((model.base_log_units(0, 0) - base).abs() < 1e-12);
        let cut = 0.8_f64.ln();
        let week = WeekState {
            log_ratios: &[cut, 0.0],
            features: &[1.0, 0.0],
            stocks: &[0.5, 0.0],
            week: WEEKS_PER_YEAR / 4.0,
        };
        // A quarter into the year the sine is 1 and the cosine 0; its sine coefficient is 0.1.
        let expected = base - 2.0 * cut + 0.6 - 0.2 * 0.5 + 0.1;
        assert!((model.log_units(0, base, &week) - expected).abs() < 1e-12);
        // The rival loses 0.4 × 0.223 of its log units.
        let rival = model.base_log_units(0, 1);
        assert!((model.log_units(1, rival, &week) - (rival + 0.4 * cut)).abs() < 1e-12);
    }

    #[test]
    fn a_supplier_that_bears_half_of_a_cut_keeps_the_margin_higher() {
        let model = two_products();
        // Cost 1.2 at a price of 2: 40 %. At 20 % off, half borne: 1.2 √0.8 = 1.0733 of 1.6.
        let product = &model.products[0];
        assert!((product.margin_rate(0, 0.0) - 0.4).abs() < 1e-12);
        let expected = 1.0 - 1.2 * 0.8_f64.sqrt() / 1.6;
        assert!((product.margin_rate(0, 0.8_f64.ln()) - expected).abs() < 1e-12);
    }

    #[test]
    fn stock_fades_and_fills() {
        let model = two_products();
        let after = model.next_stock(0.4, 1.0);
        assert!((after - (0.5 * 0.4 + 0.5)).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_that_is_not_square_is_refused() {
        let mut model = two_products();
        model.products[1].elasticities.pop();
        let error = model.validate().expect_err("one elasticity is missing");
        assert!(error.to_string().contains("elasticities"), "{error}");
    }
}
