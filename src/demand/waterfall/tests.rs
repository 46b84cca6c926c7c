//! The waterfall on generated worlds: sums, signs, and what the truth says of itself.

use super::play::{Desk, Scene, play};
use super::tally::Comparison;
use super::*;
use crate::demand::generate::{GeneratedWorld, GeneratorConfig, generate};
use promopt_envs::retail::{Guardrails, Prepared, WeekInput, WeekPlan};

fn world(seed: u64) -> GeneratedWorld {
    let config = GeneratorConfig { n_customers: 150, n_weeks: 60, ..GeneratorConfig::default() };
    generate(&config, SeedTree::new(seed)).expect("a valid config")
}

fn with_ground<T>(world: &GeneratedWorld, then: impl FnOnce(&Ground<'_>) -> T) -> T {
    let guardrails = Guardrails::default();
    let schema = world.schema.clone();
    then(&Ground::new(&world.history, &world.actions, schema, &world.timeline, &guardrails))
}

fn config() -> LiftConfig {
    LiftConfig { draws: 8, repeats: 4, ..LiftConfig::default() }
}

fn margin(found: &Waterfall, part: Part) -> f64 {
    found.parts.iter().find(|line| line.part == part).map_or(0.0, |line| line.margin.estimate)
}

fn units(found: &Waterfall, part: Part) -> f64 {
    let line = found.parts.iter().find(|line| line.part == part);
    line.and_then(|line| line.units).map_or(0.0, |units| units.estimate)
}

#[test]
fn the_parts_of_a_week_sum_to_the_difference_of_the_two_arms() {
    let world = world(1);
    let (encoder, schema) = (world.encoder(), &world.schema);
    let replay = Replay::new(&world.history, &world.actions);
    let mut observations = vec![vec![0.0; schema.n_features()]; 2];
    let catalogue = &world.actions.catalogue;
    for (i, offer) in catalogue.offers().iter().enumerate() {
        // Any two customers do as the two states.
        for (slot, customer) in observations.iter_mut().zip([i as u32, i as u32 + 20]) {
            encoder.encode(customer, 30, &replay.summary(customer, 30), 30, slot);
        }
        let plan = |which: usize, shelf: [f64; 4], offer| {
            let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
            let view = schema.read(&observations[which]);
            world.model.prepare(&view, &mut prepared);
            let input = WeekInput::of_shelf(&shelf);
            world.model.evaluate(&prepared, &view, &input, offer, &mut plan);
            plan
        };
        let (usual, deep) = ([0.02, 0.0, 0.1, 0.05], [0.02, 0.25, 0.1, 0.05]);
        let none = catalogue.offer(0);
        let arms = [plan(0, deep, offer), plan(0, usual, none), plan(1, usual, none)];
        let [with, paused, without] = &arms;
        let mut tally = Tally::default();
        let category = offer.category.or(Some(1));
        tally.add_week(&Comparison { with, paused, without, category, runs: true }, 0.7);
        tally.pay_contact(0.7 * offer.contact_cost);
        let (on, off) = (with.expected(), without.expected());
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
        assert!(close(tally.incremental_units(), 0.7 * (on.units - off.units)));
        assert!(close(tally.incremental_margin(), 0.7 * (on.contribution - off.contribution)));
        assert!(close(tally.revenue, 0.7 * (on.revenue - off.revenue)));
    }
}

#[test]
fn the_parts_of_a_waterfall_sum_to_its_total() {
    let world = world(2);
    with_ground(&world, |ground| {
        let past = past_promotions(&world.history, &world.actions);
        let models = vec![world.model.clone(); 8];
        let one_of = |kind| past.iter().find(|p| p.kind == kind).expect("promotions of both kinds");
        for promotion in [PromotionKind::Shelf, PromotionKind::Offer].map(one_of) {
            for share in [None, Some(0.4)] {
                let seed = SeedTree::new(3);
                let found = waterfall(ground, &models, promotion, share, &config(), seed)
                    .expect("customers were reached");
                let margins: f64 = found.parts[1..].iter().map(|line| line.margin.estimate).sum();
                let units: f64 =
                    found.parts[1..].iter().filter_map(|l| l.units).map(|u| u.estimate).sum();
                let (margin, all) =
                    (found.incremental_margin.estimate, found.incremental_units.estimate);
                assert!((margins - margin).abs() <= 1e-9 * margin.abs().max(1.0));
                assert!((units - all).abs() <= 1e-9 * all.abs().max(1.0));
            }
        }
    });
}

#[test]
fn a_deep_cut_sells_more_then_less_and_subsidises_the_baseline() {
    let world = world(4);
    with_ground(&world, |ground| {
        let past = past_promotions(&world.history, &world.actions);
        let shelf: Vec<&PastPromotion> =
            past.iter().filter(|p| p.kind == PromotionKind::Shelf).collect();
        assert!(shelf.len() > 5);
        for promotion in shelf.into_iter().take(6) {
            let models = vec![world.model.clone(); 8];
            let found = waterfall(ground, &models, promotion, None, &config(), SeedTree::new(5))
                .expect("everybody is reached");
            assert!(units(&found, Part::Baseline) > 0.0);
            assert!(units(&found, Part::OwnLift) > 0.0);
            assert!(units(&found, Part::PulledForward) < 0.0);
            assert!(margin(&found, Part::SubsidisedBaseline) < 0.0);
            assert!(margin(&found, Part::DiscountOnLift) < 0.0);
        }
    });
}

#[test]
fn without_a_response_only_the_discount_is_left() {
    let mut world = world(6);
    world.model.visit.moving[2] = 0.0;
    for category in &mut world.model.categories {
        category.shelf = [0.0; 2];
        category.own[3] = 0.0;
        category.units.shelf = 0.0;
        category.persona_shelf.fill(0.0);
    }
    // Reference depth moves with the discounts that buyers see; without it nothing is left to.
    world.model.visit.moving[1] = 0.0;
    for category in &mut world.model.categories {
        (category.common[1], category.offer[7]) = (0.0, 0.0);
    }
    with_ground(&world, |ground| {
        let past = past_promotions(&world.history, &world.actions);
        let shelf = past.iter().find(|p| p.kind == PromotionKind::Shelf).expect("one at least");
        let models = vec![world.model.clone(); 4];
        let found = waterfall(ground, &models, shelf, None, &config(), SeedTree::new(7))
            .expect("everybody is reached");
        for part in [Part::OwnLift, Part::Switched, Part::Halo, Part::PulledForward] {
            assert!(units(&found, part).abs() < 1e-9, "{part:?}");
        }
        let subsidy = margin(&found, Part::SubsidisedBaseline);
        assert!(subsidy < 0.0);
        assert!((found.incremental_margin.estimate - subsidy).abs() < 1e-9);
        assert_eq!(found.expected_multiple.estimate, 1.0);
    });
}

#[test]
fn the_same_luck_is_played_whatever_the_number_of_threads() {
    let world = world(8);
    with_ground(&world, |ground| {
        let past = past_promotions(&world.history, &world.actions);
        let models = vec![world.model.clone(); 6];
        let run = || waterfall(ground, &models, &past[0], None, &config(), SeedTree::new(9));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        assert_eq!(run(), pool.install(run));
    });
}

#[test]
fn a_sample_of_customers_agrees_with_all_of_them() {
    let world = world(10);
    with_ground(&world, |ground| {
        let past = past_promotions(&world.history, &world.actions);
        let shelf = past.iter().find(|p| p.kind == PromotionKind::Shelf).expect("one at least");
        // The standard error is a difference of two variances, each from 200 values: known to
        // sqrt(2 / 200) = 10 % of the larger one, so that it does not vanish by chance.
        let models = vec![world.model.clone(); 200];
        let of = |customers| {
            let (draws, repeats) = (models.len(), models.len());
            let config = LiftConfig { customers, draws, repeats, ..LiftConfig::default() };
            waterfall(ground, &models, shelf, None, &config, SeedTree::new(11)).expect("reached")
        };
        let (all, some) = (of(150), of(60));
        let [whole, part] = [&all, &some].map(|w| w.incremental_units);
        let se = part.standard_error.hypot(whole.standard_error);
        assert!(part.standard_error > whole.standard_error);
        assert!((whole.estimate - part.estimate).abs() < 4.0 * se, "{whole:?} {part:?}");
    });
}

#[test]
fn a_scene_outlasts_the_history() {
    let world = world(12);
    let past = past_promotions(&world.history, &world.actions);
    let last = past.last().expect("promotions");
    let encoder = world.encoder();
    let scene = Scene::new(&world.history, &encoder, &world.actions, last, 30);
    let replay = Replay::new(&world.history, &world.actions);
    let actor = (0..150).find_map(|customer| scene.cast(&replay, customer)).expect("reached");
    let tally = play(&world.model, &scene, &actor, SeedTree::new(1), &mut Desk::default());
    assert!(tally.units[0] > 0.0 && tally.incremental_margin().is_finite());
}
