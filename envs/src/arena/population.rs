//! All customers of a world, week by week.

use super::features::{N_FEATURES, Tally};
use super::noise::WeekNoise;
use super::response::{N_RESPONSE_FEATURES, ResponseTally};
use super::week::{CustomerState, WeekOutcome, play, shift, tops};
use super::world::ArenaWorld;
use crate::error::EnvError;
use crate::seed::SeedTree;
use crate::space::ActionId;
use rand::Rng;

/// Weeks over which the cap for customers played alone is averaged.
const CAP_WEEKS: u32 = 8;

/// The customers of a world under one policy.
///
/// Utilities are clipped at a quantile of the week's whole population, as in the original: one
/// customer's coupon may so touch another's week, by very little.
#[derive(Debug, Clone)]
pub struct ArenaPopulation {
    states: Vec<CustomerState>,
    outcomes: Vec<WeekOutcome>,
    tallies: Vec<Tally>,
    responses: Vec<ResponseTally>,
    /// Largest utilities, by customer and category.
    tops: Vec<f32>,
    /// Room for the weights of one category.
    weights: Vec<f32>,
    highest: Highest,
    week: u32,
}

impl ArenaPopulation {
    /// Before the first week.
    #[must_use]
    pub fn new(world: &ArenaWorld) -> Self {
        let n = world.config().n_customers;
        Self {
            states: vec![CustomerState::START; n],
            outcomes: vec![WeekOutcome::default(); n],
            tallies: vec![Tally::default(); n],
            responses: vec![ResponseTally::default(); n],
            tops: vec![0.0; n * world.categories.len()],
            weights: vec![0.0; world.n_slots],
            highest: Highest::new(world),
            week: 0,
        }
    }

    /// Number of customers.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.states.len()
    }

    /// Plays the week that `noise` holds; one coupon per customer.
    ///
    /// # Errors
    /// [`EnvError::InvalidAction`] when a coupon does not exist, [`EnvError::InvalidParameter`]
    /// when there are more or fewer coupons than customers, or the noise is of another week.
    /// Nothing has happened then.
    pub fn play(
        &mut self,
        world: &ArenaWorld,
        noise: &WeekNoise,
        coupons: &[ActionId],
    ) -> Result<&[WeekOutcome], EnvError> {
        self.check(world, noise, coupons)?;
        let n_categories = world.categories.len();
        let rows = || (0..).zip(coupons);
        self.highest.clear();
        for ((customer, &action), top) in rows().zip(self.tops.chunks_exact_mut(n_categories)) {
            let (utility, shift) = (noise.row(customer).utility, shift(world, customer, action));
            tops(world, utility, shift, top, &mut self.weights);
            self.highest.offer(world, utility, shift, top);
        }
        let cap = self.highest.quantile();
        for ((customer, &action), top) in rows().zip(self.tops.chunks_exact_mut(n_categories)) {
            let decision = (customer, self.week, action);
            let state = &mut self.states[customer];
            let room = (top, &mut self.weights[..], cap);
            let outcome = play(world, decision, noise.row(customer), room, state);
            let coupon = world.config().coupon(action);
            self.tallies[customer].add(&outcome, coupon);
            let is_high = 2 * action >= world.config().n_coupons - 1;
            self.responses[customer].add(&outcome, coupon, is_high);
            self.outcomes[customer] = outcome;
        }
        self.week += 1;
        Ok(&self.outcomes)
    }

    /// The features of a customer before the week that `noise` holds.
    ///
    /// # Panics
    /// When `noise` is empty or holds fewer customers.
    #[must_use]
    pub fn features(
        &self,
        world: &ArenaWorld,
        noise: &WeekNoise,
        customer: usize,
    ) -> [f32; N_FEATURES] {
        self.tallies[customer].features(world, noise, customer)
    }

    /// What the retailer's own records say of how a customer answered coupons so far.
    ///
    /// # Panics
    /// When there is no such customer.
    #[must_use]
    pub fn response_features(&self, customer: usize) -> [f32; N_RESPONSE_FEATURES] {
        self.responses[customer].features()
    }

    fn check(
        &self,
        world: &ArenaWorld,
        noise: &WeekNoise,
        coupons: &[ActionId],
    ) -> Result<(), EnvError> {
        let refuse = |name, expected, got| Err(EnvError::InvalidParameter { name, expected, got });
        if coupons.len() != self.states.len() {
            return refuse("coupons", "one coupon per customer", coupons.len() as f64);
        }
        if noise.week() != Some(self.week) {
            let got = noise.week().map_or(f64::NAN, f64::from);
            return refuse("noise", "the noise of the week that comes next", got);
        }
        let n_actions = world.config().n_coupons;
        match coupons.iter().find(|&&action| action >= n_actions) {
            Some(&got) => Err(EnvError::InvalidAction { got, n_actions, masked: false }),
            None => Ok(()),
        }
    }
}

/// The largest utilities of a week, as many as the quantile needs.
#[derive(Debug, Clone)]
struct Highest {
    /// Number of values needed: the quantile lies between the two smallest of them.
    keep: usize,
    /// Weight of the larger of the two.
    fraction: f32,
    /// Nothing at or below it is among them.
    threshold: f32,
    values: Vec<f32>,
}

impl Highest {
    /// For the clip quantile q of N utilities: position `q (N − 1)` in ascending order, linear in
    /// between.
    fn new(world: &ArenaWorld) -> Self {
        let config = world.config();
        let n = config.n_customers * config.n_products();
        let position = config.utility_clip * (n - 1) as f64;
        let keep = n - position.floor() as usize;
        let fraction = (position - position.floor()) as f32;
        Self {
            keep,
            fraction,
            threshold: f32::NEG_INFINITY,
            values: Vec::with_capacity(4 * keep + 512),
        }
    }

    fn clear(&mut self) {
        self.threshold = f32::NEG_INFINITY;
        self.values.clear();
    }

    /// Takes in a customer's utilities; `tops` are their maxima by category.
    fn offer(&mut self, world: &ArenaWorld, utility: &[f32], shift: f32, tops: &[f32]) {
        for (&top, &(start, size)) in tops.iter().zip(&world.categories) {
            if top <= self.threshold {
                continue;
            }
            let slots = start..start + size;
            for (own, effect) in utility[slots.clone()].iter().zip(&world.product_effect[slots]) {
                let u = own + shift * effect;
                if u > self.threshold {
                    self.values.push(u);
                }
            }
            if self.values.len() > 2 * self.keep + 256 {
                self.shrink();
            }
        }
    }

    /// Forgets all but the values needed.
    fn shrink(&mut self) {
        let descending = |a: &f32, b: &f32| b.total_cmp(a);
        let (_, smallest, _) = self.values.select_nth_unstable_by(self.keep - 1, descending);
        self.threshold = *smallest;
        self.values.truncate(self.keep);
    }

    /// The quantile of everything taken in.
    fn quantile(&mut self) -> f32 {
        self.shrink();
        self.values.sort_unstable_by(|a, b| b.total_cmp(a));
        let low = self.values[self.keep - 1];
        let high = self.values[self.keep.saturating_sub(2)];
        low + self.fraction * (high - low)
    }
}

/// The clip for a customer played alone: the mean over a few weeks of the population's quantile
/// while everybody gets uniformly random coupons.
pub(super) fn reference_cap(world: &ArenaWorld, tree: SeedTree) -> f32 {
    let config = world.config();
    let mut noise = WeekNoise::new(world, config.n_customers);
    let (mut row, mut room) = (vec![0.0; world.categories.len()], vec![0.0; world.n_slots]);
    let mut highest = Highest::new(world);
    let n_weeks = CAP_WEEKS.min(config.n_weeks);
    let mut sum = 0.0;
    for week in 0..n_weeks {
        noise.fill(world, tree, week, 0);
        let mut coupons = tree.child("coupons").index(u64::from(week)).stream();
        highest.clear();
        for customer in 0..config.n_customers {
            let action = coupons.random_range(0..config.n_coupons);
            let (utility, shift) = (noise.row(customer).utility, shift(world, customer, action));
            tops(world, utility, shift, &mut row, &mut room);
            highest.offer(world, utility, shift, &row);
        }
        sum += highest.quantile();
    }
    sum / n_weeks as f32
}
