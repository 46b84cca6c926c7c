//! `PricingEnv`: the prices of one product group in one store, week by week, in a fitted world.
//!
//! - **Action** `Discrete(n_plans)`: one of the plans of [`PricingRules::plans`], 0 is no promotion.
//!   Masked: price points below the least margin or below what the data hold, products promoted too recently, too many feature ads.
//! - **Observation** what the retailer knows, raw units: season, share of the episode gone, feature ads
//!   left, and for each product the last two log price ratios, the stock that its promotions have
//!   built by the best model, the last feature, weeks since the last promotion, and log units of the
//!   last week over usual. The model draw, the true stock and the shocks are hidden.
//! - **Start** a store and a week of the year at random, no stock, and a posterior draw if so ruled.
//! - **Reward** gross margin of the group in the store, money, less feature cost; realised, or expected
//!   given the state.
//! - **End** `truncated` at the horizon; never `terminated`.
//! - **Info** realised and expected margin, revenue, units, feature ads.

use super::model::{PricingModel, WEEKS_PER_YEAR, WeekState};
use super::plan::{Plan, PricingRules};
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Features that are not about one product.
const SHARED: usize = 4;
/// Features of each product.
const BY_PRODUCT: usize = 6;
/// Weeks since the last promotion are counted up to here.
const LONG_AGO: u32 = 26;
/// Bound of logarithms in the observation.
const LOG_BOUND: f32 = 8.0;

/// All that the environments of one fitted group share.
#[derive(Debug, Clone)]
pub struct PricingWorld {
    /// The best model: what the retailer believes.
    pub model: PricingModel,
    /// Posterior draws, each of the shape of `model`; may be empty without `posterior_draws`.
    pub draws: Vec<PricingModel>,
    /// Number of the first week after the data, in the numbering of the data.
    pub first_week: u32,
}

/// Where an episode begins, when the caller decides rather than chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricingScenario {
    /// Index of the store.
    pub store: usize,
    /// Index into the world's draws; `None` for the best model.
    pub draw: Option<usize>,
    /// Number of the first week, in the numbering of the data.
    pub first_week: u32,
    /// Seed of the shocks.
    pub seed: u64,
}

/// What happened in the last step, for read-outs; learners see none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PricingLedger {
    /// Realised gross margin less feature cost, money.
    pub margin: f64,
    /// The same expected given the state, money.
    pub expected_margin: f64,
    /// Realised revenue, money.
    pub revenue: f64,
    /// Realised units of all products.
    pub units: f64,
    /// Feature ads of the week.
    pub features: u32,
}

/// State of one product.
#[derive(Debug, Clone, Copy, Default)]
struct Shelf {
    /// Log units at regular prices under the model of the episode.
    base: f64,
    /// Log of mean units at regular prices under the best model.
    usual: f64,
    /// Stock by the best model: the retailer's proxy.
    believed_stock: f64,
    previous_ratio: f64,
    weeks_since: u32,
    log_units_ratio: f64,
}

/// The pricing problem of one store and product group.
#[derive(Debug, Clone)]
pub struct PricingEnv {
    world: Arc<PricingWorld>,
    rules: PricingRules,
    plans: Vec<Plan>,
    spec: EnvSpec,
    stream: Stream,
    scenario: PricingScenario,
    week: u32,
    running: bool,
    shelves: Vec<Shelf>,
    stocks: Vec<f64>,
    log_ratios: Vec<f64>,
    features: Vec<f64>,
    /// Feature ads of the last weeks, a ring of `feature_window − 1` (at least one place).
    feature_counts: Vec<u32>,
    price_limits: Vec<bool>,
    observation: Vec<f32>,
    mask: ActionMask,
    ledger: PricingLedger,
}

impl PricingEnv {
    /// An environment over a world.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the model, a draw or the rules do not fit, or posterior
    /// draws are asked for and there are none.
    pub fn new(world: Arc<PricingWorld>, rules: PricingRules) -> Result<Self, EnvError> {
        world.model.validate()?;
        let n_products = world.model.n_products();
        let plans = rules.plans(n_products)?;
        let refuse = |name, expected| EnvError::InvalidParameter { name, expected, got: 0.0 };
        if rules.posterior_draws && world.draws.is_empty() {
            return Err(refuse("draws", "at least one, or `posterior_draws = false`"));
        }
        for draw in &world.draws {
            draw.validate()?;
            if (draw.n_products(), draw.n_stores()) != (n_products, world.model.n_stores()) {
                return Err(refuse("draws", "the products and stores of the best model"));
            }
        }
        let n_features = SHARED + BY_PRODUCT * n_products;
        Ok(Self {
            spec: EnvSpec {
                id: "Pricing-v0".to_owned(),
                observation_space: space(n_products),
                n_actions: plans.len(),
                horizon: Some(rules.horizon),
            },
            stream: Stream::seed_from_u64(0),
            scenario: PricingScenario { store: 0, draw: None, first_week: 0, seed: 0 },
            week: 0,
            running: false,
            shelves: vec![Shelf::default(); n_products],
            stocks: vec![0.0; n_products],
            log_ratios: vec![0.0; n_products],
            features: vec![0.0; n_products],
            feature_counts: vec![0; (rules.feature_window as usize - 1).max(1)],
            price_limits: vec![true; plans.len()],
            observation: vec![0.0; n_features],
            mask: ActionMask::all(plans.len()),
            ledger: PricingLedger::default(),
            world,
            rules,
            plans,
        })
    }

    /// Starts a chosen episode; plans compared on the same scenario share their random numbers.
    ///
    /// # Panics
    /// When the scenario names a store or draw that does not exist, a mistake of the caller.
    pub fn reset_to(&mut self, scenario: PricingScenario) {
        self.scenario = scenario;
        self.week = 0;
        self.running = true;
        self.ledger = PricingLedger::default();
        self.stocks.fill(0.0);
        self.log_ratios.fill(0.0);
        self.features.fill(0.0);
        self.feature_counts.fill(0);
        let world = Arc::clone(&self.world);
        let (model, best) = (self.model_of(&world), &world.model);
        for (index, shelf) in self.shelves.iter_mut().enumerate() {
            let usual = best.base_log_units(scenario.store, index);
            *shelf = Shelf {
                base: model.base_log_units(scenario.store, index),
                usual: usual + best.products[index].variance() / 2.0,
                weeks_since: LONG_AGO,
                ..Shelf::default()
            };
        }
        self.rules.write_price_limits(&self.plans, best, scenario.store, &mut self.price_limits);
        self.observe();
    }

    /// The plans by action.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// What happened in the last step.
    #[must_use]
    pub fn ledger(&self) -> &PricingLedger {
        &self.ledger
    }

    fn model_of<'w>(&self, world: &'w PricingWorld) -> &'w PricingModel {
        self.scenario.draw.map_or(&world.model, |draw| &world.draws[draw])
    }

    /// Feature ads of the last weeks that still count this week.
    fn recent_features(&self) -> u32 {
        if self.rules.feature_window > 1 { self.feature_counts.iter().sum() } else { 0 }
    }

    fn observe(&mut self) {
        let recent = self.recent_features();
        let left = self.rules.max_features.saturating_sub(recent);
        let week = f64::from(self.scenario.first_week + self.week);
        let angle = std::f64::consts::TAU * week / WEEKS_PER_YEAR;
        let gone = f64::from(self.week) / f64::from(self.rules.horizon);
        let shared = [angle.sin(), angle.cos(), gone, f64::from(left)];
        for (feature, value) in self.observation.iter_mut().zip(shared) {
            *feature = value as f32;
        }
        let blocks = self.observation[SHARED..].chunks_exact_mut(BY_PRODUCT);
        for (index, (block, shelf)) in blocks.zip(&self.shelves).enumerate() {
            let log = |value: f64| (value as f32).clamp(-LOG_BOUND, LOG_BOUND);
            block[0] = log(self.log_ratios[index]);
            block[1] = log(shelf.previous_ratio);
            block[2] = log(shelf.believed_stock);
            block[3] = self.features[index] as f32;
            block[4] = shelf.weeks_since as f32;
            block[5] = log(shelf.log_units_ratio);
        }
        let (plans, shelves, holds) = (&self.plans, &self.shelves, &self.price_limits);
        let cool_down = self.rules.cool_down;
        self.mask.fill_with(|action| {
            let plan = &plans[action];
            let rested = |product: usize| shelves[product].weeks_since >= cool_down;
            action == 0
                || (holds[action]
                    && plan.n_features() <= left
                    && plan.items.iter().all(|item| rested(item.product)))
        });
    }

    /// Sells one week at the prices that are set, and returns realised and expected margin before
    /// feature cost.
    fn sell(&mut self, model: &PricingModel, luck: &mut Stream) {
        let week = WeekState {
            log_ratios: &self.log_ratios,
            features: &self.features,
            stocks: &self.stocks,
            week: f64::from(self.scenario.first_week + self.week),
        };
        for (index, shelf) in self.shelves.iter_mut().enumerate() {
            let product = &model.products[index];
            let log_units = model.log_units(index, shelf.base, &week);
            let shock = product.sd_common * luck.sample::<f64, _>(StandardNormal)
                + product.sd_store * luck.sample::<f64, _>(StandardNormal);
            let log_ratio = self.log_ratios[index];
            let price = product.regular_prices[self.scenario.store] * log_ratio.exp();
            let unit_margin = price - product.cost_at(self.scenario.store, log_ratio);
            let units = (log_units + shock).exp();
            self.ledger.units += units;
            self.ledger.revenue += units * price;
            self.ledger.margin += units * unit_margin;
            let expected = (log_units + product.variance() / 2.0).exp();
            self.ledger.expected_margin += expected * unit_margin;
            shelf.log_units_ratio = log_units + shock - shelf.usual;
        }
    }
}

impl Env for PricingEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = Stream::seed_from_u64(seed);
        }
        let (world, rng) = (&self.world, &mut self.stream);
        let draw = rng.random_range(0..world.draws.len().max(1));
        let scenario = PricingScenario {
            store: rng.random_range(0..world.model.n_stores()),
            draw: self.rules.posterior_draws.then_some(draw),
            first_week: world.first_week + rng.random_range(0..WEEKS_PER_YEAR as u32),
            seed: rng.random(),
        };
        self.reset_to(scenario);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if !self.mask.allows(action) {
            let n_actions = self.spec.n_actions;
            let masked = action < n_actions;
            return Err(EnvError::InvalidAction { got: action, n_actions, masked });
        }
        for (shelf, ratio) in self.shelves.iter_mut().zip(&self.log_ratios) {
            shelf.previous_ratio = *ratio;
            shelf.weeks_since = (shelf.weeks_since + 1).min(LONG_AGO);
        }
        self.log_ratios.fill(0.0);
        self.features.fill(0.0);
        let plan = &self.plans[action];
        for item in &plan.items {
            self.log_ratios[item.product] = self.rules.ladder[item.rung].ln();
            self.features[item.product] = f64::from(u8::from(item.feature));
            self.shelves[item.product].weeks_since = 0;
        }
        let n_features = plan.n_features();
        let cost = self.rules.feature_cost * f64::from(n_features);
        self.ledger = PricingLedger {
            margin: -cost,
            expected_margin: -cost,
            features: n_features,
            ..PricingLedger::default()
        };
        let world = Arc::clone(&self.world);
        let model = self.model_of(&world);
        let mut luck = SeedTree::new(self.scenario.seed).index(u64::from(self.week)).stream();
        self.sell(model, &mut luck);
        for (index, shelf) in self.shelves.iter_mut().enumerate() {
            let (ratio, feature) = (self.log_ratios[index], self.features[index]);
            let lift = |of: &PricingModel| of.products[index].log_lift(index, ratio, feature, 0.0);
            self.stocks[index] = model.next_stock(self.stocks[index], lift(model));
            let best = &world.model;
            shelf.believed_stock = best.next_stock(shelf.believed_stock, lift(best));
        }
        let place = self.week as usize % self.feature_counts.len();
        self.feature_counts[place] = n_features;
        self.week += 1;
        let truncated = self.week >= self.rules.horizon;
        self.running = !truncated;
        self.observe();
        let ledger = &self.ledger;
        let reward =
            if self.rules.expected_reward { ledger.expected_margin } else { ledger.margin };
        Ok(Step { reward, terminated: false, truncated })
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        let l = &self.ledger;
        vec![
            ("margin", l.margin),
            ("expected_margin", l.expected_margin),
            ("revenue", l.revenue),
            ("units", l.units),
            ("features", f64::from(l.features)),
        ]
    }
}

/// Bounds of the observation.
fn space(n_products: usize) -> BoxSpace {
    let (mut low, mut high) = (vec![-1.0, -1.0, 0.0, 0.0], vec![1.0, 1.0, 1.0, u32::MAX as f32]);
    for _ in 0..n_products {
        low.extend([-LOG_BOUND, -LOG_BOUND, -LOG_BOUND, 0.0, 0.0, -LOG_BOUND]);
        let long_ago = LONG_AGO as f32;
        high.extend([LOG_BOUND, LOG_BOUND, LOG_BOUND, 1.0, long_ago, LOG_BOUND]);
    }
    BoxSpace::new(low, high)
}
