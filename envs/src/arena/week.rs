//! A customer's week: visit, categories, products, quantities.

use super::fast::{exp, ln, logistic};
use super::noise::CustomerWeek;
use super::world::ArenaWorld;

/// Sums and maxima run in so many lanes; categories are filled up to a multiple of it.
pub(super) const LANES: usize = 8;

/// Mean of further units beyond which a Poisson draw is not asked for; far outside the defaults.
const MOST_UNITS: f64 = 500.0;

/// What a customer carries from week to week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CustomerState {
    /// Probability of last week's visit; `None` before the first week, whose visit is certain.
    pub visit_probability: Option<f32>,
    /// Store value of last week if there was a visit, else 0: that is how it enters the next.
    pub felt_store_value: f32,
}

impl CustomerState {
    /// Before the first week.
    pub const START: Self = Self { visit_probability: None, felt_store_value: 0.0 };
}

/// What a customer did in a week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeekOutcome {
    /// Whether the customer came.
    pub visited: bool,
    /// Products bought.
    pub lines: u32,
    /// Units bought.
    pub units: u32,
    /// Money paid, after shelf discount and coupon.
    pub revenue: f64,
    /// The same units at base prices; times one minus the gross margin rate it is their cost.
    pub base_value: f64,
    /// Sum over lines of the shelf price before the coupon.
    pub shelf_prices: f64,
    /// Sum over lines of the shelf discount, as a share of the base price.
    pub shelf_discounts: f64,
}

impl WeekOutcome {
    /// Contribution margin at a gross margin rate on base prices.
    #[must_use]
    pub fn margin(&self, gross_margin_rate: f64) -> f64 {
        self.revenue - (1.0 - gross_margin_rate) * self.base_value
    }
}

/// How much a coupon shifts the customer's utilities, per unit of the product's price effect.
pub(super) fn shift(world: &ArenaWorld, customer: usize, action: usize) -> f32 {
    world.customer_effect[customer] * world.coupon_log[action]
}

/// The largest utility of each category, unclipped, into `tops`; `room` holds one category.
pub(super) fn tops(
    world: &ArenaWorld,
    utility: &[f32],
    shift: f32,
    tops: &mut [f32],
    room: &mut [f32],
) {
    for (top, &(start, size)) in tops.iter_mut().zip(&world.categories) {
        let n = size.next_multiple_of(LANES);
        let (own, effects) = (&utility[start..start + n], &world.product_effect[start..start + n]);
        let room = &mut room[..n];
        for i in 0..n {
            room[i] = own[i] + shift * effects[i];
        }
        *top = largest(room);
    }
}

/// The largest of some numbers, which are overwritten: the upper half is folded onto the lower
/// until few are left, because a running maximum does not vectorise.
fn largest(mut values: &mut [f32]) -> f32 {
    while values.len() > LANES {
        let (low, high) = values.split_at_mut(values.len().div_ceil(2));
        for (a, b) in low.iter_mut().zip(high) {
            *a = if *b > *a { *b } else { *a };
        }
        values = low;
    }
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Plays the week of a customer whose coupon shifts utilities by `shift`.
///
/// `tops` are the largest utilities by category and become the inclusive values of a visit;
/// `weights` is room for one category.
pub(super) fn play(
    world: &ArenaWorld,
    (customer, week, action): (usize, u32, usize),
    luck: CustomerWeek<'_>,
    (tops, weights, cap): (&mut [f32], &mut [f32], f32),
    state: &mut CustomerState,
) -> WeekOutcome {
    let probability = visit_probability(world, customer, luck.marketing, state);
    let visited = luck.uniforms[0] < probability;
    *state = CustomerState { visit_probability: Some(probability), felt_store_value: 0.0 };
    let mut outcome = WeekOutcome { visited, ..WeekOutcome::default() };
    if !visited {
        return outcome;
    }
    let shift = shift(world, customer, action);
    let basket = Basket { world, customer, week, shift, cap, utility: luck.utility };
    for (category, top) in tops.iter_mut().enumerate() {
        let clipped = if *top < cap { *top } else { cap };
        let total = basket.weigh(category, clipped, weights);
        let value = clipped + ln(total);
        let dice = &luck.uniforms[1 + 3 * category..4 + 3 * category];
        let score = world.category_intercept[category] + world.category_slope[category] * value;
        if dice[0] < logistic(score) {
            let (start, size) = world.categories[category];
            let slot = start + choose(&weights[..size], dice[1] * total);
            basket.buy(slot, dice[2], 1.0 - world.config().coupon(action), &mut outcome);
        }
        *top = value;
    }
    state.felt_store_value = log_sum_exp(tops);
    outcome
}

/// `P = (1 − θ) σ(γ₀ + I γ₁ SV + γ₂ X) + θ P₋₁` with I and SV of last week; 1 in the first week.
pub(super) fn visit_probability(
    world: &ArenaWorld,
    customer: usize,
    marketing: f32,
    state: &CustomerState,
) -> f32 {
    let Some(last) = state.visit_probability else { return 1.0 };
    let score = world.visit_intercept
        + world.visit_slope * state.felt_store_value
        + world.visit_marketing * marketing;
    let habit = world.habit[customer];
    (1.0 - habit) * logistic(score) + habit * last
}

/// `ln Σ exp(x)`.
pub(super) fn log_sum_exp(values: &[f32]) -> f32 {
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    top + ln(values.iter().map(|&value| exp(value - top)).sum())
}

/// A visit in progress.
struct Basket<'a> {
    world: &'a ArenaWorld,
    customer: usize,
    week: u32,
    shift: f32,
    cap: f32,
    utility: &'a [f32],
}

impl Basket<'_> {
    /// `exp(μ − top)` of the products of a category, with μ clipped, into `weights`; their sum.
    fn weigh(&self, category: usize, top: f32, weights: &mut [f32]) -> f32 {
        let (start, size) = self.world.categories[category];
        let n = size.next_multiple_of(LANES);
        let (own, effects) =
            (&self.utility[start..start + n], &self.world.product_effect[start..start + n]);
        let weights = &mut weights[..n];
        for i in 0..n {
            let u = own[i] + self.shift * effects[i];
            let u = if u < self.cap { u } else { self.cap };
            weights[i] = exp(u - top);
        }
        let mut sums = [0.0; LANES];
        for chunk in weights.chunks_exact(LANES) {
            for i in 0..LANES {
                sums[i] += chunk[i];
            }
        }
        sums.into_iter().sum()
    }

    /// Utility of a slot, clipped.
    fn utility(&self, slot: usize) -> f32 {
        (self.utility[slot] + self.shift * self.world.product_effect[slot]).min(self.cap)
    }

    /// Adds `1 + Poisson(exp(q₀ + q₁ μ))` units of a product.
    fn buy(&self, slot: usize, uniform: f32, share_paid: f64, outcome: &mut WeekOutcome) {
        let world = self.world;
        let slope = world.quantity_slope(self.customer)[slot];
        let log_mean = world.quantity_intercept[slot] + slope * self.utility(slot);
        let units = 1 + poisson(f64::from(exp(log_mean.min(80.0))), f64::from(uniform));
        let (shelf, base) =
            (f64::from(world.shelf(self.week)[slot]), f64::from(world.base_price[slot]));
        outcome.lines += 1;
        outcome.units += units;
        outcome.revenue += f64::from(units) * shelf * share_paid;
        outcome.base_value += f64::from(units) * base;
        outcome.shelf_prices += shelf;
        outcome.shelf_discounts += 1.0 - shelf / base;
    }
}

/// Where the running weight passes `goal`: softmax by inversion.
fn choose(weights: &[f32], goal: f32) -> usize {
    let mut passed = 0.0;
    let passes = |weight: &f32| {
        passed += weight;
        goal < passed
    };
    weights.iter().position(passes).unwrap_or(weights.len() - 1)
}

/// A Poisson draw by inversion of one uniform number.
fn poisson(mean: f64, uniform: f64) -> u32 {
    let mean = mean.min(MOST_UNITS);
    let (mut count, mut term) = (0, (-mean).exp());
    let mut below = term;
    while uniform >= below && count < 2_000 {
        count += 1;
        term *= mean / f64::from(count);
        below += term;
    }
    count
}
