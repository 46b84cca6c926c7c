//! The equations by hand in a tiny world, and whole worlds against closed forms.

use super::blocks::{BLOCK, BlockStream};
use super::noise::CustomerWeek;
use super::week::{log_sum_exp, play, tops, visit_probability};
use super::*;
use crate::seed::SeedTree;
use std::sync::Arc;

/// Slot of the only product of the second category.
const SECOND: usize = 8;

/// Two products in one category and one in another; everything that matters is set by hand.
fn tiny() -> ArenaWorld {
    let config = ArenaConfig {
        n_customers: 1,
        category_sizes: vec![2, 1],
        n_weeks: 3,
        ..ArenaConfig::default()
    };
    let mut world = ArenaWorld::new(config, SeedTree::new(1)).expect("valid");
    world.category_intercept = vec![0.0, -50.0];
    world.category_slope = vec![1.0, 0.0];
    (world.visit_intercept, world.visit_slope, world.visit_marketing) = (1.0, 0.5, 2.0);
    world.habit = vec![0.3];
    world.customer_effect = vec![2.0];
    world.product_effect.fill(0.0);
    // Further units: Poisson with mean e^q0 = 1/2.
    world.quantity_intercept.fill(0.5_f32.ln());
    world.set_quantity_slope(0.0);
    world
}

/// Utilities ln 2 and 0, hence weights 2 and 1; and 1 for the product of the second category.
fn utilities(world: &ArenaWorld) -> Vec<f32> {
    let mut utility = vec![-1e9; world.n_slots];
    (utility[0], utility[1], utility[SECOND]) = (2.0_f32.ln(), 0.0, 1.0);
    utility
}

/// Plays a first week with the given dice: visit, then purchase, product, quantity by category.
fn week(world: &ArenaWorld, dice: [f32; 7], action: usize) -> (WeekOutcome, CustomerState) {
    let utility = utilities(world);
    let luck =
        CustomerWeek { utility: &utility, uniforms: &dice, marketing: 0.0, feature_mean: 0.0 };
    let (mut top, mut room) = (vec![0.0; 2], vec![0.0; world.n_slots]);
    let shift = super::week::shift(world, 0, action);
    tops(world, &utility, shift, &mut top, &mut room);
    let mut state = CustomerState::START;
    let room = (&mut top[..], &mut room[..], f32::INFINITY);
    (play(world, (0, 0, action), luck, room, &mut state), state)
}

#[test]
fn a_week_is_the_one_worked_by_hand() {
    let world = tiny();
    let [price, base] = [world.shelf(0)[0], world.base_price[0]].map(f64::from);
    // P(buy) = σ(ln 3) = 3/4, P(first product) = 2/3, P(no further unit) = e^-1/2 = 0.607.
    let (outcome, state) = week(&world, [0.99, 0.74, 0.66, 0.60, 1.0, 0.0, 0.0], 4);
    assert!(outcome.visited && outcome.lines == 1 && outcome.units == 1);
    assert!((outcome.revenue - price * 0.8).abs() < 1e-6, "a coupon of 20 %");
    assert!((outcome.base_value - base).abs() < 1e-6);
    assert!((outcome.margin(0.3) - (price * 0.8 - 0.7 * base)).abs() < 1e-6);
    assert_eq!(state.visit_probability, Some(1.0));
    let store_value = (3.0 + 1.0_f32.exp()).ln();
    assert!((state.felt_store_value - store_value).abs() < 1e-5);
    let bought = |purchase, product, quantity| {
        let (outcome, _) = week(&world, [0.5, purchase, product, quantity, 1.0, 0.0, 0.0], 0);
        (outcome.units, outcome.base_value)
    };
    assert_eq!(bought(0.76, 0.5, 0.5).0, 0);
    let second = f64::from(world.base_price[1]);
    assert!((bought(0.1, 0.67, 0.1).1 - second).abs() < 1e-6);
    // P(at most one further unit) = 1.5 e^-1/2 = 0.9098.
    assert_eq!([0.61, 0.909, 0.911].map(|dice| bought(0.1, 0.1, dice).0), [2, 2, 3]);
}

#[test]
fn the_visit_remembers_and_only_a_visit_is_felt() {
    let world = tiny();
    let probability = |last, felt, marketing| {
        let state = CustomerState { visit_probability: last, felt_store_value: felt };
        visit_probability(&world, 0, marketing, &state)
    };
    assert_eq!(probability(None, 9.0, -9.0), 1.0);
    let logistic = |x: f32| 1.0 / (1.0 + (-x).exp());
    // 0.7 σ(1 + 0.5 × 2 + 2 × 0.25) + 0.3 × 0.5.
    let expected = 0.7 * logistic(2.5) + 0.15;
    assert!((probability(Some(0.5), 2.0, 0.25) - expected).abs() < 1e-6);
    assert!((log_sum_exp(&[0.0, 3.0_f32.ln()]) - 4.0_f32.ln()).abs() < 1e-6);
}

#[test]
fn a_coupon_raises_the_inclusive_value_by_the_elasticity() {
    // d CV / d ln P = Σ p_i β_i: the mean price effect under the softmax. Here p = (2/3, 1/3),
    // β = 2 × (−3, −1.5) = (−6, −3), so −5; over a small step h the error is h²/2 Var β = h².
    let mut world = tiny();
    (world.product_effect[0], world.product_effect[1]) = (-3.0, -1.5);
    let value = |log_price: f32| {
        let (mut top, mut room) = (vec![0.0; 2], vec![0.0; world.n_slots]);
        tops(&world, &utilities(&world), 2.0 * log_price, &mut top, &mut room);
        let weights =
            [2.0_f32.ln() - 6.0 * log_price, -3.0 * log_price].map(|u| (u - top[0]).exp());
        top[0] + weights.iter().sum::<f32>().ln()
    };
    let slope = (value(-0.01) - value(0.01)) / -0.02;
    assert!((slope + 5.0).abs() < 1e-2, "{slope}");
    let units = |action| -> u32 {
        (0..200)
            .map(|i| week(&world, [0.5, i as f32 / 200.0, 0.5, 0.5, 1.0, 0.0, 0.0], action).0.lines)
            .sum()
    };
    assert!(units(0) < units(4) && units(4) < units(10));
}

#[test]
fn frequencies_are_those_of_the_closed_forms() {
    let world = tiny();
    let mut stream = BlockStream::new(SeedTree::new(8));
    let mut block = [0.0; BLOCK];
    let (mut n, mut purchases, mut first, mut units) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..4_000 {
        stream.uniform(&mut block);
        for dice in block.chunks_exact(7) {
            let dice = [dice[0], dice[1], dice[2], dice[3], dice[4], dice[5], dice[6]];
            let (outcome, _) = week(&world, dice, 0);
            n += 1.0;
            purchases += f64::from(outcome.lines);
            units += f64::from(outcome.units);
            let base = f64::from(world.base_price[0]) * f64::from(outcome.units);
            let is_first = outcome.lines > 0 && (outcome.base_value - base).abs() < 1e-9;
            first += f64::from(u8::from(is_first));
        }
    }
    // Bernoulli 3/4; Bernoulli 2/3 and 1 + Poisson(1/2) per purchase; bounds of 4 standard errors.
    assert!((purchases / n - 0.75).abs() < 4.0 * (0.1875 / n).sqrt());
    assert!((first / purchases - 2.0 / 3.0).abs() < 4.0 * (2.0 / 9.0 / purchases).sqrt());
    assert!((units / purchases - 1.5).abs() < 4.0 * (0.5 / purchases).sqrt());
}

fn small() -> ArenaConfig {
    ArenaConfig {
        n_customers: 20,
        category_sizes: vec![13, 40, 8, 1],
        n_weeks: 10,
        utility_clip: 0.99,
        ..ArenaConfig::default()
    }
}

#[test]
fn deals_come_as_often_as_the_chain_says_and_prices_stay_in_bounds() {
    let world =
        ArenaWorld::new(ArenaConfig { n_customers: 1, ..ArenaConfig::default() }, SeedTree::new(2));
    let world = world.expect("valid");
    let (mut seen, mut deals) = (0.0, 0.0);
    for week in 1..70 {
        for (slot, &price) in world.shelf(week).iter().enumerate() {
            let base = world.base_price[slot];
            assert!((1.0..=base).contains(&price));
            if world.is_product[slot] > 0.0 && base > 1.0 {
                seen += 1.0;
                deals += f64::from(u8::from(price < base));
            }
        }
    }
    // a₀₁/(1 − a₁₁ + a₀₁) = 0.4 at the means, 0.0005 less for their spread; its standard deviation
    // over 2,000 products and more is 0.06, hence standard errors of √(0.24/seen) and 0.0013.
    let bound = 4.0 * (0.24_f64 / seen + 0.0013 * 0.0013).sqrt();
    assert!((deals / seen - 0.3995).abs() < bound, "{}", deals / seen);
}

#[test]
fn the_clip_is_the_quantile_of_all_utilities_of_the_week() {
    let mut config = small();
    config.n_weeks = 1;
    let world = ArenaWorld::new(config, SeedTree::new(5)).expect("valid");
    // One week and uniformly random coupons: the reference cap is that week's quantile.
    let luck = SeedTree::new(5).child("cap");
    let mut noise = WeekNoise::new(&world, 20);
    noise.fill(&world, luck, 0, 0);
    let mut coupons = luck.child("coupons").index(0).stream();
    let mut all = Vec::new();
    for customer in 0..20 {
        let action = rand::Rng::random_range(&mut coupons, 0..11);
        let shift = super::week::shift(&world, customer, action);
        for slot in (0..world.n_slots).filter(|&slot| world.is_product[slot] > 0.0) {
            all.push(noise.row(customer).utility[slot] + shift * world.product_effect[slot]);
        }
    }
    all.sort_by(f32::total_cmp);
    // 1,240 values: position 0.99 × 1,239 = 1,226.61.
    let expected = all[1_226] + 0.61 * (all[1_227] - all[1_226]);
    assert!((world.cap - expected).abs() < 1e-4 * expected.abs(), "{} {expected}", world.cap);
}

#[test]
fn a_customer_alone_lives_as_within_the_population_but_for_the_clip() {
    let mut world = ArenaWorld::new(ArenaConfig { utility_clip: 1.0, ..small() }, SeedTree::new(6))
        .expect("valid");
    world.cap = f32::INFINITY;
    let luck = SeedTree::new(7);
    let (mut population, mut noise) = (ArenaPopulation::new(&world), WeekNoise::new(&world, 20));
    let mut together = Vec::new();
    for week in 0..9 {
        noise.fill(&world, luck, week, 0);
        let features = population.features(&world, &noise, 11);
        let outcome = population.play(&world, &noise, &[7; 20]).expect("valid")[11];
        together.push((features, outcome));
    }
    let mut alone = ArenaEnv::new(Arc::new(world), ArenaReward::Revenue, 9).expect("valid");
    alone.begin(11, luck).expect("there");
    for (week, (features, outcome)) in together.into_iter().enumerate() {
        assert_eq!(crate::Env::observation(&alone), features);
        let step = crate::Env::step(&mut alone, 7).expect("allowed");
        assert_eq!((*alone.last_outcome(), step.reward), (outcome, outcome.revenue), "{week}");
        assert_eq!((step.terminated, step.truncated), (false, week == 8));
    }
}

#[test]
fn the_same_seed_gives_the_same_world_and_wrong_plays_change_nothing() {
    let world = |seed| ArenaWorld::new(small(), SeedTree::new(seed)).expect("valid");
    let (one, twin, other) = (world(3), world(3), world(4));
    assert_eq!(one.base_price, twin.base_price);
    assert_eq!((one.shelf(9), one.cap.to_bits()), (twin.shelf(9), twin.cap.to_bits()));
    assert_ne!(one.base_price, other.base_price);
    let (mut population, mut noise) = (ArenaPopulation::new(&one), WeekNoise::new(&one, 20));
    assert!(population.play(&one, &noise, &[0; 20]).is_err(), "no week drawn");
    noise.fill(&one, SeedTree::new(1), 0, 0);
    assert!(population.play(&one, &noise, &[0; 19]).is_err());
    assert!(population.play(&one, &noise, &[11; 20]).is_err());
    assert!(population.play(&one, &noise, &[0; 20]).is_ok());
    assert!(population.play(&one, &noise, &[0; 20]).is_err(), "the week is over");
}

#[test]
fn the_sensitive_half_minds_prices_more() {
    let world = ArenaWorld::new(small(), SeedTree::new(3)).expect("valid");
    let half = world.sensitive_half();
    let effects = |sensitive| {
        let members = (0..20).filter(|&customer| half[customer] == sensitive);
        members.map(|customer| world.price_effect(customer)).collect::<Vec<_>>()
    };
    let (yes, no) = (effects(true), effects(false));
    assert_eq!((yes.len(), no.len()), (10, 10));
    assert!(yes.iter().all(|a| no.iter().all(|b| a < b)));
}
