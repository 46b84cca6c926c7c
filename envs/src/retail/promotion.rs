//! `PromotionEnv`: one customer, week by week, in a fitted world; the action is the offer.
//!
//! - **Action** `Discrete(n_offers)`: the offers of the catalogue, 0 is `none`; masked by guardrails.
//! - **Observation** the vector of [`ObservationSchema`], raw units.
//! - **Start** a real customer's history, a posterior draw and a stretch of shelf depths, at random.
//! - **Reward** contribution margin of the week − λ × promotion cost; realised, or expected given the
//!   state (the same mean, far less noise, hence the choice for training).
//! - **End** `terminated` when the customer has not visited for `lapse_weeks` (whether the customer has
//!   left before that is hidden, as it is in life); `truncated` at the horizon.
//! - **Info** realised and expected contribution, revenue, promotion cost, visit, contact.

use super::catalogue::OfferCatalogue;
use super::demand::{DemandModel, Prepared, WeekExpectation, WeekInput, WeekPlan};
use super::guardrails::MaskRule;
use super::history::{CustomerHistory, WeekRecord};
use super::observation::{ObservationContext, ObservationSchema};
use super::season::Season;
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask};
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A customer as an episode finds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartState {
    /// Everything known before the first decision.
    pub history: CustomerHistory,
    /// The persona, fixed over the episode.
    pub persona: usize,
}

/// All that the environments of one fitted world share.
#[derive(Debug, Clone)]
pub struct PromotionWorld {
    /// The encoder.
    pub schema: ObservationSchema,
    /// The actions.
    pub catalogue: OfferCatalogue,
    /// Which of them are allowed when.
    pub mask_rule: MaskRule,
    /// Posterior draws of the response model, at least one.
    pub draws: Vec<DemandModel>,
    /// Customers to start from, at least one.
    pub starts: Vec<StartState>,
    /// Shelf depths of past weeks, replayed in order, shape `[n_weeks × n_categories]`.
    pub shelf: Vec<f64>,
    /// First day of the first decision week, in days since 2000-01-01.
    pub first_day: i64,
}

impl PromotionWorld {
    /// Shelf depths by category of a week, counted from the first of the past weeks; after the last
    /// of them they begin again.
    fn shelf_of(&self, week: usize) -> &[f64] {
        let n = self.schema.n_categories();
        let row = week % (self.shelf.len() / n);
        &self.shelf[row * n..(row + 1) * n]
    }
}

/// How episodes run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromotionConfig {
    /// Weeks until truncation.
    pub horizon: u32,
    /// Weeks without a visit after which the customer counts as gone.
    pub lapse_weeks: u32,
    /// Whether rewards are expected given the state rather than realised.
    pub expected_reward: bool,
    /// Budget prices λ drawn from at reset; `[0]` without a budget.
    pub budget_prices: Vec<f64>,
}

impl Default for PromotionConfig {
    /// Half a year, gone after 20 silent weeks, expected rewards, no budget.
    fn default() -> Self {
        Self { horizon: 26, lapse_weeks: 20, expected_reward: true, budget_prices: vec![0.0] }
    }
}

/// What happened in the last step, for read-outs; learners see none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeekLedger {
    /// Realised contribution margin, money.
    pub contribution: f64,
    /// Contribution margin expected given the state, money.
    pub expected_contribution: f64,
    /// Realised revenue, money.
    pub revenue: f64,
    /// Realised offer discount and contact cost, money.
    pub promotion_cost: f64,
    /// Whether the customer bought anything.
    pub visited: bool,
    /// Whether the customer was contacted.
    pub contacted: bool,
}

/// Where an episode begins, when the caller decides rather than chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Index into the world's starts.
    pub start: usize,
    /// Index into the world's posterior draws.
    pub draw: usize,
    /// First row of the shelf panel.
    pub shelf_week: usize,
    /// Budget price λ.
    pub budget_price: f64,
    /// Seed of the customer's luck.
    pub seed: u64,
}

/// The promotion MDP of one customer.
#[derive(Debug, Clone)]
pub struct PromotionEnv {
    world: Arc<PromotionWorld>,
    config: PromotionConfig,
    spec: EnvSpec,
    stream: Stream,
    scenario: Scenario,
    history: CustomerHistory,
    week: u32,
    /// Whether the customer is still with us; no observation shows it.
    alive: bool,
    running: bool,
    observation: Vec<f32>,
    /// The observation at the start of the episode, whose slow features the world keeps.
    traits: Vec<f32>,
    mask: ActionMask,
    /// The parts of the response that hold over the episode.
    prepared: Prepared,
    plan: WeekPlan,
    /// Seasons of the weeks of an episode and of the one after it, shape `[horizon + 1]`.
    seasons: Arc<[Season]>,
    record: WeekRecord,
    ledger: WeekLedger,
}

impl PromotionEnv {
    /// An environment over a world.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the world has no draws, starts or shelf weeks, the horizon
    /// is 0 or there is no budget price.
    pub fn new(world: Arc<PromotionWorld>, config: PromotionConfig) -> Result<Self, EnvError> {
        let n_categories = world.schema.n_categories();
        let at_least_one = |name: &'static str, n: usize| {
            let expected = "at least one";
            if n > 0 {
                Ok(())
            } else {
                Err(EnvError::InvalidParameter { name, expected, got: 0.0 })
            }
        };
        at_least_one("draws", world.draws.len())?;
        at_least_one("starts", world.starts.len())?;
        at_least_one("shelf weeks", world.shelf.len() / n_categories.max(1))?;
        at_least_one("horizon", config.horizon as usize)?;
        at_least_one("budget_prices", config.budget_prices.len())?;
        let spec = EnvSpec {
            id: "Promotion-v0".to_owned(),
            observation_space: world.schema.space(),
            n_actions: world.catalogue.n_actions(),
            horizon: Some(config.horizon),
        };
        let season = |week: u32| world.schema.season(world.first_day + 7 * i64::from(week));
        let seasons = (0..=config.horizon).map(season).collect();
        Ok(Self {
            prepared: Prepared::default(),
            plan: WeekPlan::default(),
            seasons,
            observation: vec![0.0; world.schema.n_features()],
            traits: vec![0.0; world.schema.n_features()],
            mask: world.mask_rule.blank(),
            record: WeekRecord::empty(n_categories),
            history: world.starts[0].history.clone(),
            scenario: Scenario { start: 0, draw: 0, shelf_week: 0, budget_price: 0.0, seed: 0 },
            stream: Stream::seed_from_u64(0),
            week: 0,
            alive: true,
            running: false,
            ledger: WeekLedger::default(),
            world,
            config,
            spec,
        })
    }

    /// Starts a chosen episode; arms compared on the same scenario share their random numbers.
    pub fn reset_to(&mut self, scenario: Scenario) {
        self.scenario = scenario;
        self.history.clone_from(&self.world.starts[scenario.start].history);
        self.week = 0;
        self.running = true;
        self.ledger = WeekLedger::default();
        self.observe();
        self.traits.clone_from(&self.observation);
        let model = &self.world.draws[scenario.draw];
        let view = self.world.schema.read(&self.observation);
        model.prepare(&view, &mut self.prepared);
        let alive = model.alive(&view);
        let luck: f64 = SeedTree::new(scenario.seed).child("alive").stream().random();
        self.alive = luck < alive;
    }

    /// What happened in the last step.
    #[must_use]
    pub fn ledger(&self) -> &WeekLedger {
        &self.ledger
    }

    /// The customer's history so far.
    #[must_use]
    pub fn history(&self) -> &CustomerHistory {
        &self.history
    }

    /// The persona of the customer of the episode.
    #[must_use]
    pub fn persona(&self) -> usize {
        self.world.starts[self.scenario.start].persona
    }

    fn observe(&mut self) {
        let at = ObservationContext {
            persona: self.persona(),
            season: self.seasons[self.week as usize],
            budget_price: self.scenario.budget_price,
            shelf: self.world.shelf_of(self.scenario.shelf_week + self.week as usize),
        };
        self.world.schema.encode(&self.history, &at, &mut self.observation);
        self.world.mask_rule.write(&self.history, &mut self.mask);
    }
}

impl Env for PromotionEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = Stream::seed_from_u64(seed);
        }
        let (world, rng) = (&self.world, &mut self.stream);
        let n_shelf = world.shelf.len() / world.schema.n_categories();
        let prices = &self.config.budget_prices;
        let scenario = Scenario {
            start: rng.random_range(0..world.starts.len()),
            draw: rng.random_range(0..world.draws.len()),
            shelf_week: rng.random_range(0..n_shelf),
            budget_price: prices[rng.random_range(0..prices.len())],
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
        let world = Arc::clone(&self.world);
        let shelf = world.shelf_of(self.scenario.shelf_week + self.week as usize);
        let (model, offer) = (&world.draws[self.scenario.draw], world.catalogue.offer(action));
        let view = world.schema.read_with_traits(&self.observation, &self.traits);
        let mut luck = SeedTree::new(self.scenario.seed).index(u64::from(self.week)).stream();
        let leaves = luck.random::<f64>() < model.churn;
        let expected = if self.alive {
            let week = WeekInput::of_shelf(shelf);
            model.evaluate(&self.prepared, &view, &week, offer, &mut self.plan);
            self.plan.sample(offer, &mut luck, &mut self.record);
            self.plan.expected()
        } else {
            self.record.contact(offer);
            let cost = offer.contact_cost;
            WeekExpectation { contribution: -cost, promotion_cost: cost, ..Default::default() }
        };
        self.alive &= !leaves;
        self.history.record(&self.record);
        self.week += 1;
        self.ledger = WeekLedger {
            contribution: self.record.contribution(),
            expected_contribution: expected.contribution,
            revenue: self.record.revenue(),
            promotion_cost: self.record.promotion_cost(),
            visited: self.record.visited(),
            contacted: offer.is_contact(),
        };
        let (gain, spent) = if self.config.expected_reward {
            (expected.contribution, expected.promotion_cost)
        } else {
            (self.ledger.contribution, self.ledger.promotion_cost)
        };
        let terminated = self.history.recency_weeks() >= self.config.lapse_weeks;
        let truncated = !terminated && self.week >= self.config.horizon;
        self.running = !(terminated || truncated);
        self.observe();
        let reward = gain - self.scenario.budget_price * spent;
        Ok(Step { reward, terminated, truncated })
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        let l = &self.ledger;
        vec![
            ("contribution", l.contribution),
            ("expected_contribution", l.expected_contribution),
            ("revenue", l.revenue),
            ("promotion_cost", l.promotion_cost),
            ("visited", f64::from(u8::from(l.visited))),
            ("contacted", f64::from(u8::from(l.contacted))),
        ]
    }
}
