//! Who the customers are: continuous latent parameters, and the state that weeks change.

use super::config::RetailerConfig;
use super::market::Market;
use crate::seed::SeedTree;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Share of customers that exist from week 0.
const FOUNDERS: f64 = 0.75;
/// The others arrive within this first share of the history.
const ARRIVAL_SHARE: f64 = 0.4;

/// The true parameters of one customer. No policy may see them, except the oracle.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// Coefficient of log price in product utility.
    pub price_sensitivity: f64,
    /// Log-odds of a visit in a usual week.
    pub visit: f64,
    /// Attention to personal offers, before fatigue.
    pub attention: f64,
    /// Scale of what fatigue does; 1 is the median at strength 1.
    pub fatigue_sensitivity: f64,
    /// Weekly hazard of leaving when rested and satisfied.
    pub churn_hazard: f64,
    /// Growth of extra units with the log of the price cut.
    pub stockpiling: f64,
    /// Household size relative to the median.
    pub household: f64,
    /// Log-odds of buying each category on a visit at regular prices, shape `[n_categories]`.
    pub tastes: Vec<f64>,
    /// Extra units of a purchase at regular prices, shape `[n_categories]`.
    pub extra_units: Vec<f64>,
    /// Units used per week, shape `[n_categories]`.
    pub consumption: Vec<f64>,
    /// Choice weight of each product at its regular price, shape `[n_products]`; sums to one within
    /// a category.
    pub product_weights: Vec<f64>,
    /// Surplus that the store offers at regular prices: the sum of `ln(1 + exp(taste))`.
    pub usual_surplus: f64,
    /// Week of arrival.
    pub arrival_week: u32,
    /// Age band, an attribute that is only reported.
    pub age_band: &'static str,
    /// Region, an attribute that is only reported.
    pub region: &'static str,
}

/// What the weeks change about one customer.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerState {
    /// Units at home, shape `[n_categories]`.
    pub stock: Vec<f64>,
    /// Smoothed depth seen lately.
    pub reference_depth: f64,
    /// Contacts lately, decayed.
    pub fatigue: f64,
    /// Weeks since the last visit with a purchase.
    pub weeks_since_visit: u32,
    /// Weeks since the last good experience: a deal, or at least two categories in the basket.
    pub weeks_since_good: u32,
    /// Whether the customer is still with us; leaving is for good.
    pub alive: bool,
}

impl Customer {
    /// Draws one customer. `market` gives the products; `seed` is this customer's own node.
    #[must_use]
    pub fn generate(config: &RetailerConfig, market: &Market, seed: SeedTree) -> Self {
        let structure = &config.structure;
        let mut rng = seed.stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let thrift = normal();
        let loyalty = normal();
        let log_household = 0.35 * normal();
        let price_sensitivity =
            structure.price_sensitivity * (structure.price_sensitivity_sd * thrift).exp();
        // The thrifty watch offers more, shop around more and stock up more.
        let attention = structure.attention
            * (structure.attention_sd * (0.4 * thrift + 0.917 * normal())).exp();
        let visit = structure.visit_intercept + structure.visit_sd * (loyalty - 0.2 * thrift);
        let stockpiling = structure.stockpiling * (0.15 * thrift + 0.3 * normal()).exp();
        let fatigue_sensitivity = structure.fatigue_strength
            * (structure.fatigue_sd * (0.95 * normal() - 0.3 * loyalty)).exp();
        let churn_hazard = structure.churn_base * (0.5 * normal() - 0.3 * loyalty).exp();
        let n_categories = market.n_categories();
        let taste = |z: f64| structure.category_intercept + structure.category_sd * z;
        let tastes: Vec<f64> = (0..n_categories).map(|_| taste(normal())).collect();
        let extra = |z: f64| structure.extra_units * (log_household + 0.3 * z).exp();
        let extra_units: Vec<f64> = (0..n_categories).map(|_| extra(normal())).collect();
        let mut product_weights = Vec::with_capacity(market.products().len());
        for category in 0..n_categories {
            let group = market.in_category(category);
            let mean_price = group.iter().map(|p| p.price).sum::<f64>() / group.len() as f64;
            let start = product_weights.len();
            for product in group {
                let utility = product.quality + structure.brand_sd * normal()
                    - price_sensitivity * (product.price / mean_price).ln();
                product_weights.push(utility.exp());
            }
            let total: f64 = product_weights[start..].iter().sum();
            product_weights[start..].iter_mut().for_each(|w| *w /= total);
        }
        let visit_rate = logistic(visit);
        let consumption = tastes
            .iter()
            .zip(&extra_units)
            .map(|(&taste, &extra)| (visit_rate * logistic(taste) * (1.0 + extra)).max(0.02))
            .collect();
        let usual_surplus = tastes.iter().map(|&taste| softplus(taste)).sum();
        let (arrival_week, age_band, region) = attributes(config, thrift, log_household, seed);
        Self {
            price_sensitivity,
            visit,
            attention,
            fatigue_sensitivity,
            churn_hazard,
            stockpiling,
            household: log_household.exp(),
            tastes,
            extra_units,
            consumption,
            product_weights,
            usual_surplus,
            arrival_week,
            age_band,
            region,
        }
    }

    /// The state on arrival: a week of cover at home, and nothing seen of us yet.
    #[must_use]
    pub fn arrive(&self) -> CustomerState {
        CustomerState {
            stock: self.consumption.clone(),
            reference_depth: 0.03,
            fatigue: 0.0,
            weeks_since_visit: 1,
            weeks_since_good: 1,
            alive: true,
        }
    }
}

fn attributes(
    config: &RetailerConfig,
    thrift: f64,
    log_household: f64,
    seed: SeedTree,
) -> (u32, &'static str, &'static str) {
    let mut rng = seed.child("attributes").stream();
    let late = f64::from(config.n_weeks) * ARRIVAL_SHARE;
    let founder = rng.random::<f64>() < FOUNDERS;
    let arrival: f64 = rng.random::<f64>() * late;
    let z: f64 = StandardNormal.sample(&mut rng);
    let age_band = match 0.3 * log_household - 0.2 * thrift + z {
        x if x < -0.8 => "18-34",
        x if x < 0.2 => "35-49",
        x if x < 1.0 => "50-64",
        _ => "65+",
    };
    let region = ["north", "east", "south", "west"][rng.random_range(0..4)];
    (if founder { 0 } else { arrival as u32 }, age_band, region)
}

/// The logistic function.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))`, the surplus of a choice between nothing and an option of log-odds `x`.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
