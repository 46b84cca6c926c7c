//! What a fitted group says about promotions: cannibalisation, dip, price points.

use super::fitted::{Range, Rung};
use promopt_envs::pricing::{PricingModel, PricingRules};

/// The cut that cannibalisation and dip are told at: a fifth off.
const CUT: f64 = 0.8;
/// Weeks after a promotion that the read-out of the dip counts, as in the literature.
const DIP_WEEKS: u32 = 2;
/// Weeks after a promotion whose dip counts against its margin.
const LASTING_WEEKS: u32 = 12;

/// Figures under one model.
pub(super) struct Readout<'m> {
    model: &'m PricingModel,
    /// Mean units at regular prices of all by product, `[n_products][n_stores]`.
    base: Vec<Vec<f64>>,
}

impl<'m> Readout<'m> {
    /// Prepares the figures of a model.
    pub(super) fn new(model: &'m PricingModel) -> Self {
        let base = (0..model.n_products()).map(|product| {
            let half = model.products[product].variance() / 2.0;
            let units = |store| (model.base_log_units(store, product) + half).exp();
            (0..model.n_stores()).map(units).collect()
        });
        Self { base: base.collect(), model }
    }

    fn units(&self, product: usize) -> f64 {
        self.base[product].iter().sum()
    }

    /// Elasticity of a product's units with the price of another or its own.
    pub(super) fn elasticity(&self, product: usize, price_of: usize) -> f64 {
        self.model.products[product].elasticities[price_of]
    }

    /// Units gained by a cut of 20 % that the other products lose, over those gained; negative when
    /// the others gain too.
    pub(super) fn cannibalised(&self, product: usize) -> f64 {
        let multiple = |of: usize| CUT.powf(self.model.products[of].elasticities[product]);
        let gained = self.units(product) * (multiple(product) - 1.0);
        let others = (0..self.model.n_products()).filter(|other| *other != product);
        let lost: f64 = others.map(|other| self.units(other) * (1.0 - multiple(other))).sum();
        lost / gained
    }

    /// Units that a product loses in the weeks after a promotion of the given log lift, over its base.
    fn lost_after(&self, product: usize, log_lift: f64, weeks: u32) -> f64 {
        let mut stock = 0.0;
        let mut lifted = log_lift;
        let mut lost = 0.0;
        for _ in 0..weeks {
            stock = self.model.next_stock(stock, lifted);
            lifted = 0.0;
            lost += 1.0 - (self.model.products[product].stock * stock).exp();
        }
        lost
    }

    /// Units lost in the two weeks after a cut of 20 %, over those gained in it.
    pub(super) fn dip(&self, product: usize) -> f64 {
        let log_lift = self.model.products[product].log_lift(product, CUT.ln(), 0.0, 0.0);
        self.lost_after(product, log_lift, DIP_WEEKS) / (log_lift.exp() - 1.0)
    }

    /// Units multiple of a price point within the week.
    pub(super) fn multiple(&self, product: usize, ratio: f64, feature: bool) -> f64 {
        let feature = f64::from(u8::from(feature));
        self.model.products[product].log_lift(product, ratio.ln(), feature, 0.0).exp()
    }

    /// Change of the group's margin per store over the week and the dip after it, money.
    pub(super) fn margin_gain(
        &self,
        product: usize,
        (ratio, feature): (f64, bool),
        feature_cost: f64,
    ) -> f64 {
        let log_ratio = ratio.ln();
        let multiple = self.multiple(product, ratio, feature);
        let lost = self.lost_after(product, multiple.ln(), LASTING_WEEKS);
        let mut gain = 0.0;
        for (other, model) in self.model.products.iter().enumerate() {
            for (store, base) in self.base[other].iter().enumerate() {
                let regular = model.regular_prices[store];
                let usual = regular - model.unit_costs[store];
                gain += base
                    * if other == product {
                        let now = regular * ratio - model.cost_at(store, log_ratio);
                        multiple * now - usual - lost * usual
                    } else {
                        (ratio.powf(model.elasticities[product]) - 1.0) * usual
                    };
            }
        }
        gain / self.model.n_stores() as f64 - f64::from(u8::from(feature)) * feature_cost
    }

    /// Units multiple at which the product's own margin of the week stays the same, over all stores.
    fn needed_multiple(&self, product: usize, ratio: f64) -> Option<f64> {
        let model = &self.model.products[product];
        let (mut usual, mut now) = (0.0, 0.0);
        for (store, base) in self.base[product].iter().enumerate() {
            let regular = model.regular_prices[store];
            usual += base * (regular - model.unit_costs[store]);
            now += base * (regular * ratio - model.cost_at(store, ratio.ln()));
        }
        (now > 0.0).then_some(usual / now)
    }
}

/// The value at the best model with quantiles over draws.
pub(super) fn range(
    best: &Readout<'_>,
    draws: &[Readout<'_>],
    level: f64,
    of: impl Fn(&Readout<'_>) -> f64,
) -> Range {
    quantiles(of(best), draws.iter().map(of).collect(), level)
}

/// A value with the central share `level` of others around it.
pub(super) fn quantiles(value: f64, mut others: Vec<f64>, level: f64) -> Range {
    others.sort_by(f64::total_cmp);
    let last = others.len().saturating_sub(1) as f64;
    let at = |share: f64| {
        let place = share * last;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        match others.get(below).zip(others.get(above)) {
            Some((a, b)) => a + (b - a) * (place - place.floor()),
            None => f64::NAN,
        }
    };
    Range { value, lower: at((1.0 - level) / 2.0), upper: at((1.0 + level) / 2.0) }
}

/// Every price point of a product, without and with a feature ad.
pub(super) fn ladder(
    product: usize,
    (best, draws): (&Readout<'_>, &[Readout<'_>]),
    rules: &PricingRules,
    level: f64,
) -> Vec<Rung> {
    let mut rungs = Vec::new();
    for feature in [false, true] {
        if feature && !rules.features {
            continue;
        }
        for &ratio in &rules.ladder {
            let gain =
                |of: &Readout<'_>| of.margin_gain(product, (ratio, feature), rules.feature_cost);
            rungs.push(Rung {
                ratio,
                feature,
                multiple: range(best, draws, level, |of| of.multiple(product, ratio, feature)),
                needed_multiple: best.needed_multiple(product, ratio),
                margin_gain: range(best, draws, level, gain),
                is_supported: ratio == 1.0 || ratio >= best.model.products[product].lowest_ratio,
            });
        }
    }
    rungs
}
