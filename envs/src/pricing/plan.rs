//! Plans: the discrete actions of a pricing world, and the rules on when each may be used.

use super::model::PricingModel;
use crate::error::EnvError;
use serde::{Deserialize, Serialize};

/// How a store's prices may move, and how episodes run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PricingRules {
    /// Price points as shares of the regular price, in (0, 1], descending, first 1.
    pub ladder: Vec<f64>,
    /// Whether each price point can also be had with a feature ad.
    pub features: bool,
    /// Least margin of a promoted product as a fraction of its price.
    pub min_margin: f64,
    /// Most feature ads within `feature_window` weeks.
    pub max_features: u32,
    /// Weeks over which feature ads are counted, this one included.
    pub feature_window: u32,
    /// Weeks without a promotion of a product between two promotions of it.
    pub cool_down: u32,
    /// Cost of one feature ad in one store, money.
    pub feature_cost: f64,
    /// Products promoted together as lists of [`PlanItem`], besides those of one product each.
    pub joint_plans: Vec<Vec<PlanItem>>,
    /// Weeks until truncation.
    pub horizon: u32,
    /// Whether rewards are expected given the state rather than realised.
    pub expected_reward: bool,
    /// Whether each episode draws its model from the posterior rather than using the best one.
    pub posterior_draws: bool,
}

impl Default for PricingRules {
    /// Steps of five per cent down to 30 % off, 5 % least margin, one feature ad a week, two weeks
    /// between promotions of a product, half a year, expected rewards, posterior draws.
    fn default() -> Self {
        Self {
            ladder: vec![1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7],
            features: true,
            min_margin: 0.05,
            max_features: 1,
            feature_window: 1,
            cool_down: 2,
            feature_cost: 0.0,
            joint_plans: Vec::new(),
            horizon: 26,
            expected_reward: true,
            posterior_draws: true,
        }
    }
}

/// One product of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanItem {
    /// Index of the product.
    pub product: usize,
    /// Index into the ladder.
    pub rung: usize,
    /// Whether it is featured.
    pub feature: bool,
}

/// Everything that is promoted in a week; products that are not named have their regular price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Promoted products, each at most once.
    pub items: Vec<PlanItem>,
}

impl Plan {
    /// Number of feature ads.
    #[must_use]
    pub fn n_features(&self) -> u32 {
        self.items.iter().map(|item| u32::from(item.feature)).sum()
    }
}

impl PricingRules {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] naming the first key that does not fit.
    pub fn validate(&self) -> Result<(), EnvError> {
        let require = |ok: bool, name, expected, got| {
            if ok { Ok(()) } else { Err(EnvError::InvalidParameter { name, expected, got }) }
        };
        let first = self.ladder.first().copied().unwrap_or(f64::NAN);
        require(first == 1.0, "ladder", "1 (the regular price) as the first price point", first)?;
        for pair in self.ladder.windows(2) {
            let falls = pair[1] > 0.0 && pair[1] < pair[0];
            require(falls, "ladder", "shares above 0 in descending order", pair[1])?;
        }
        let margin = self.min_margin;
        require(margin < 1.0 && margin > -1.0, "min_margin", "a fraction in (-1, 1)", margin)?;
        require(self.feature_window > 0, "feature_window", "at least 1 week", 0.0)?;
        let cost = self.feature_cost;
        require(cost.is_finite() && cost >= 0.0, "feature_cost", "money of at least 0", cost)?;
        require(self.horizon > 0, "horizon", "at least 1 week", 0.0)?;
        for items in &self.joint_plans {
            require(!items.is_empty(), "joint_plans", "at least one product in each", 0.0)?;
            for (at, item) in items.iter().enumerate() {
                let rung = item.rung;
                let on_ladder = rung < self.ladder.len();
                require(on_ladder, "joint_plans", "a rung of the ladder", rung as f64)?;
                let once = items[..at].iter().all(|before| before.product != item.product);
                let product = item.product as f64;
                require(once, "joint_plans", "each product at most once in a plan", product)?;
            }
        }
        Ok(())
    }

    /// All plans: none, then by product each rung below the regular price without and with a feature
    /// ad (the regular price with an ad first), then the joint plans.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when a joint plan names a product that does not exist, or as
    /// for [`PricingRules::validate`].
    pub fn plans(&self, n_products: usize) -> Result<Vec<Plan>, EnvError> {
        self.validate()?;
        let mut plans = vec![Plan { items: Vec::new() }];
        for product in 0..n_products {
            for rung in 0..self.ladder.len() {
                for feature in [false, true] {
                    if (feature && !self.features) || (rung == 0 && !feature) {
                        continue;
                    }
                    plans.push(Plan { items: vec![PlanItem { product, rung, feature }] });
                }
            }
        }
        for items in &self.joint_plans {
            for item in items {
                if item.product >= n_products {
                    let (name, got) = ("joint_plans", item.product as f64);
                    let expected = "products of the group, counted from 0";
                    return Err(EnvError::InvalidParameter { name, expected, got });
                }
            }
            plans.push(Plan { items: items.clone() });
        }
        Ok(plans)
    }

    /// Whether each plan keeps the least margin in a store and asks for no price below what the data
    /// hold, written into `flags`, shape `[n_plans]`. The regular price always passes: it is what the
    /// store charges anyway.
    pub fn write_price_limits(
        &self,
        plans: &[Plan],
        model: &PricingModel,
        store: usize,
        flags: &mut [bool],
    ) {
        for (flag, plan) in flags.iter_mut().zip(plans) {
            *flag = plan.items.iter().all(|item| {
                let (ratio, product) = (self.ladder[item.rung], &model.products[item.product]);
                let margin = product.margin_rate(store, ratio.ln());
                item.rung == 0 || (margin >= self.min_margin && ratio >= product.lowest_ratio)
            });
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::model::ProductModel;
    use super::*;

    /// Two products in one store with round numbers.
    pub(in super::super) fn two_products() -> PricingModel {
        let product = |a: f64, b: [f64; 2], price: f64, cost: f64| ProductModel {
            intercepts: vec![a],
            elasticities: b.to_vec(),
            feature: 0.6,
            deal: 0.05,
            season: vec![0.1, 0.3],
            stock: -0.2,
            sd_common: 0.1,
            sd_store: 0.2,
            regular_prices: vec![price],
            unit_costs: vec![cost],
            funding: 0.5,
            lowest_ratio: 0.5,
        };
        let mut rival = product(3.0, [0.4, -3.0], 3.0, 2.4);
        (rival.season, rival.funding) = (vec![0.0, 0.0], 0.0);
        PricingModel {
            products: vec![product(4.0, [-2.0, 0.5], 2.0, 1.2), rival],
            stock_decay: 0.5,
        }
    }

    #[test]
    fn plans_are_none_then_every_point_of_every_product() {
        let rules = PricingRules { ladder: vec![1.0, 0.9, 0.8], ..PricingRules::default() };
        let plans = rules.plans(2).expect("valid");
        // none + 2 × (feature only + 2 rungs × with and without).
        assert_eq!(plans.len(), 1 + 2 * 5);
        assert!(plans[0].items.is_empty());
        assert_eq!(plans[1].items, [PlanItem { product: 0, rung: 0, feature: true }]);
        assert_eq!(plans[10].items, [PlanItem { product: 1, rung: 2, feature: true }]);
    }

    #[test]
    fn points_below_the_least_margin_or_the_data_are_flagged() {
        let mut model = two_products();
        let rules = PricingRules {
            ladder: vec![1.0, 0.9, 0.8],
            features: false,
            min_margin: 0.1,
            ..PricingRules::default()
        };
        let plans = rules.plans(2).expect("valid");
        let mut flags = vec![true; plans.len()];
        rules.write_price_limits(&plans, &model, 0, &mut flags);
        // The rival costs 2.4 of 3: 11.1 % of 2.7 is left at 10 % off, nothing of 2.4 at 20 %.
        assert_eq!(flags, [true, true, true, true, false]);
        model.products[0].lowest_ratio = 0.85;
        rules.write_price_limits(&plans, &model, 0, &mut flags);
        assert_eq!(flags, [true, true, false, true, false]);
    }

    #[test]
    fn a_ladder_that_rises_and_a_product_named_twice_are_refused() {
        let rising = PricingRules { ladder: vec![1.0, 0.8, 0.9], ..PricingRules::default() };
        assert!(rising.validate().is_err());
        let item = PlanItem { product: 0, rung: 1, feature: false };
        let twice = PricingRules { joint_plans: vec![vec![item, item]], ..PricingRules::default() };
        assert!(twice.validate().is_err());
        let item = PlanItem { product: 7, rung: 1, feature: false };
        let unknown = PricingRules { joint_plans: vec![vec![item]], ..PricingRules::default() };
        assert!(unknown.plans(2).is_err());
    }
}
