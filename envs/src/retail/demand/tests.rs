//! The response model against its own expectation, and its monotone response.

use super::features::INCIDENCE_COMMON;
use super::*;
use crate::retail::catalogue::{Offer, OfferCatalogue};
use crate::retail::history::{CategoryWeek, CustomerHistory, WeekRecord};
use crate::retail::observation::{ObservationContext, ObservationSchema};
use crate::retail::season::Season;
use crate::seed::SeedTree;

/// A hand-made model with two categories and one persona.
pub(crate) fn model() -> DemandModel {
    let mut common = [0.0; INCIDENCE_COMMON.len()];
    (common[1], common[2], common[3], common[4]) = (-0.5, -0.05, -0.3, 0.1);
    let category = CategoryModel {
        fixed: [1.0, 0.6, 0.1, 0.2, 0.05, 0.1],
        common,
        own: [-0.1, -0.3, -0.4, 0.2, -0.5],
        shelf: [2.0, 1.0],
        offer: [3.0, 0.5, 1.0, 0.1, 0.02, -0.2, -0.3, -0.5, 0.1, 0.05],
        persona: vec![0.1],
        persona_shelf: vec![0.2],
        persona_offer: vec![0.3],
        units: UnitsModel {
            fixed: [-1.0, 0.1, 0.05, 0.3],
            moving: [-0.1, 0.05, 0.0, 0.0, 0.02, 0.1, -0.2],
            shelf: 0.5,
            offer: 0.8,
            persona: vec![0.0],
            dispersion: 0.4,
        },
        unit_price: vec![4.0],
        margin_rate: 0.4,
        shelf_realised: [1.0, 1.0],
        shelf_mean: 0.05,
    };
    DemandModel {
        visit: VisitModel {
            fixed: [0.1, 0.7, 0.1, 0.2],
            moving: [0.3, 0.2, 1.0, -0.1, -0.5, 0.1, 0.0, 0.05, 0.0, 0.2],
            offer: [2.0, 1.0, 0.0, 0.1, 0.02, 0.05, 0.2, -0.3, -0.1, 0.1, 0.05],
            persona: vec![0.0],
            persona_offer: vec![0.1],
        },
        categories: vec![category.clone(), CategoryModel { margin_rate: 0.3, ..category }],
        redemption: 0.8,
        churn: 0.01,
        shock: WeekShock::default(),
    }
}

fn schema() -> ObservationSchema {
    ObservationSchema::new(1, &["a".to_owned(), "b".to_owned()])
}

fn observed(schema: &ObservationSchema) -> Vec<f32> {
    let mut history = CustomerHistory::new(2);
    let mut week = WeekRecord::empty(2);
    for i in 0..12 {
        week.clear();
        if i % 2 == 0 {
            let bought = CategoryWeek { units: 2.0, gross: 8.0, cost: 5.0, ..Default::default() };
            week.categories[usize::from(i % 4 == 0)] = bought;
        }
        history.record(&week);
    }
    let mut observation = vec![0.0; schema.n_features()];
    let season = Season { sin: 0.6, cos: 0.8, holiday: 0.3 };
    let at = ObservationContext { persona: 0, season, budget_price: 0.1, shelf: &[0.0625, 0.25] };
    schema.encode(&history, &at, &mut observation);
    observation
}

fn plan_of(model: &DemandModel, observation: &[f32], shelf: &[f64], offer: &Offer) -> WeekPlan {
    let schema = schema();
    let view = schema.read(observation);
    let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
    model.prepare(&view, &mut prepared);
    model.evaluate(&prepared, &view, &WeekInput::of_shelf(shelf), offer, &mut plan);
    plan
}

#[test]
fn sampled_weeks_agree_with_the_expectation() {
    let schema = schema();
    let observation = observed(&schema);
    let catalogue =
        OfferCatalogue::grid(&schema.categories, &[0.2], 0.05).expect("a valid catalogue");
    let (model, shelf) = (model(), [0.1, 0.0]);
    for offer in catalogue.offers() {
        let mut plan = plan_of(&model, &observation, &shelf, offer);
        let expected = plan.expected();
        let mut week = WeekRecord::empty(2);
        let n = 40_000;
        let (mut sum, mut squares, mut cost) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let mut rng = SeedTree::new(3).index(i).stream();
            plan.sample(offer, &mut rng, &mut week);
            let x = week.contribution();
            sum += x;
            squares += x * x;
            cost += week.promotion_cost();
        }
        let mean = sum / n as f64;
        let se = ((squares / n as f64 - mean * mean) / n as f64).sqrt();
        assert!((mean - expected.contribution).abs() < 4.0 * se, "{mean} {expected:?} {se}");
        assert!((cost / n as f64 - expected.promotion_cost).abs() < 4.0 * se + 1e-9);
    }
}

#[test]
fn scores_equal_expected_weeks_at_the_planned_shelf() {
    let schema = schema();
    let observation = observed(&schema);
    let view = schema.read(&observation);
    let catalogue =
        OfferCatalogue::grid(&schema.categories, &[0.1, 0.3], 0.05).expect("a valid catalogue");
    let model = model();
    let mut scores = Vec::new();
    model.score(&view, &catalogue, &mut scores);
    for (offer, score) in catalogue.offers().iter().zip(&scores) {
        let week = plan_of(&model, &observation, &[0.0625, 0.25], offer).expected();
        let (cost, alive) = (offer.contact_cost, model.alive(&view));
        let spent = alive * (week.promotion_cost - cost) + cost;
        let expected = alive * (week.contribution + cost) - cost - view.budget_price() * spent;
        assert!((expected - score).abs() < 1e-9);
    }
}

#[test]
fn a_deeper_cut_never_lowers_expected_demand() {
    let schema = schema();
    let observation = observed(&schema);
    let mut model = model();
    // Even with coefficients of the wrong sign.
    model.visit.offer[0] = -9.0;
    model.categories[0].offer[0] = -9.0;
    model.categories[0].units.offer = -1.0;
    model.categories[0].units.shelf = -1.0;
    model.categories[0].shelf[0] = -9.0;
    let depths = [0.05, 0.1, 0.2, 0.3, 0.4];
    let catalogue =
        OfferCatalogue::grid(&schema.categories[..1], &depths, 0.0).expect("a valid catalogue");
    let units = |shelf: f64, offer: &Offer| {
        let plan = plan_of(&model, &observation, &[shelf, 0.0], offer);
        plan.expected_baskets() * plan.categories[0].units()
    };
    let offered: Vec<f64> = catalogue.offers().iter().map(|o| units(0.1, o)).collect();
    assert!(offered.windows(2).all(|w| w[1] >= w[0]), "{offered:?}");
    let on_shelf: Vec<f64> = depths.iter().map(|d| units(*d, &Offer::none())).collect();
    assert!(on_shelf.windows(2).all(|w| w[1] >= w[0]), "{on_shelf:?}");
}

#[test]
fn silence_is_read_as_leaving_by_hand() {
    let schema = schema();
    let mut history = CustomerHistory::new(2);
    let mut week = WeekRecord::empty(2);
    week.categories[0] = CategoryWeek { units: 1.0, gross: 4.0, cost: 2.0, ..Default::default() };
    history.record(&week);
    let season = Season::default();
    let at = ObservationContext { persona: 0, season, budget_price: 0.0, shelf: &[] };
    let mut observation = vec![0.0; schema.n_features()];
    let mut model = model();
    // A visit probability of one half whatever the state, and a hazard of one fifth.
    model.visit.fixed.fill(0.0);
    model.visit.moving.fill(0.0);
    model.churn = 0.2;
    schema.encode(&history, &at, &mut observation);
    assert_eq!(model.alive(&schema.read(&observation)), 1.0);
    history.record(&WeekRecord::empty(2));
    schema.encode(&history, &at, &mut observation);
    // One silent week: 0.8 × 0.5 alive against 0.2 gone.
    assert!((model.alive(&schema.read(&observation)) - 0.4 / 0.6).abs() < 1e-9);
}
