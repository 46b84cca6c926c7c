//! The response model against its own expectation, and its monotone response.

use super::*;
use crate::retail::history::CustomerHistory;
use crate::retail::observation::{ObservationContext, ObservationSchema};
use crate::seed::SeedTree;

/// A hand-made model with two categories and one persona.
pub(crate) fn model() -> DemandModel {
    let category = CategoryModel {
        state: vec![1.2, 0.6, -0.1, -0.3, 0.0, 0.1, 0.0, -0.5, -0.05, 0.1, 0.2, -0.3, -0.4],
        shelf: vec![2.0, 1.0],
        offer: vec![3.0, 0.5, 1.0, 1.0, 0.5, -0.2, -0.3, -0.5],
        persona: vec![0.1],
        persona_shelf: vec![0.2],
        persona_offer: vec![0.3],
        quantity: vec![-1.0, 0.1, 0.05, -0.1, 0.5, 0.8, 0.0, 0.0],
        persona_quantity: vec![0.0],
        unit_price: vec![4.0],
        margin_rate: 0.4,
        shelf_realised: 1.2,
        shelf_mean: 0.05,
    };
    DemandModel {
        visit: VisitModel {
            state: vec![0.2, 0.7, 0.3, 0.0, 0.0, -0.1, 0.2, 1.0, 0.1, 0.2, -0.5],
            offer: vec![2.0, 1.0, 0.0, 1.0, 0.5, 0.2, -0.3, -0.1],
            persona: vec![0.0],
            persona_offer: vec![0.1],
        },
        categories: vec![category.clone(), CategoryModel { margin_rate: 0.3, ..category }],
        redemption: 0.8,
        churn: 0.01,
    }
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
    let at = ObservationContext { persona: 0, year_phase: 0.1, budget_price: 0.0 };
    schema.encode(&history, &at, &mut observation);
    observation
}

#[test]
fn sampled_weeks_agree_with_the_expectation() {
    let schema = ObservationSchema::new(1, &["a".to_owned(), "b".to_owned()]);
    let observation = observed(&schema);
    let view = schema.read(&observation);
    let catalogue =
        OfferCatalogue::grid(&schema.categories, &[0.2], 0.05).expect("a valid catalogue");
    let (model, shelf) = (model(), [0.1, 0.0]);
    for offer in catalogue.offers() {
        let expected = model.expected_week(&view, &shelf, offer);
        let mut week = WeekRecord::empty(2);
        let n = 40_000;
        let (mut sum, mut squares, mut cost) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let mut rng = SeedTree::new(3).index(i).stream();
            model.sample_week(&view, &shelf, offer, &mut rng, &mut week);
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
fn scores_equal_expected_weeks_at_the_mean_shelf() {
    let schema = ObservationSchema::new(1, &["a".to_owned(), "b".to_owned()]);
    let observation = observed(&schema);
    let view = schema.read(&observation);
    let catalogue =
        OfferCatalogue::grid(&schema.categories, &[0.1, 0.3], 0.05).expect("a valid catalogue");
    let model = model();
    let mut scores = Vec::new();
    model.score(&view, &catalogue, &mut scores);
    for (offer, score) in catalogue.offers().iter().zip(&scores) {
        let week = model.expected_week(&view, &[0.05, 0.05], offer);
        let cost = offer.contact_cost;
        let expected = model.alive(&view) * (week.contribution + cost) - cost;
        assert!((expected - score).abs() < 1e-9);
    }
}

#[test]
fn a_deeper_cut_never_lowers_expected_demand() {
    let schema = ObservationSchema::new(1, &["a".to_owned(), "b".to_owned()]);
    let observation = observed(&schema);
    let view = schema.read(&observation);
    let mut model = model();
    // Even with coefficients of the wrong sign.
    model.visit.offer[0] = -9.0;
    model.categories[0].offer[0] = -9.0;
    let depths = [0.05, 0.1, 0.2, 0.3, 0.4];
    let catalogue =
        OfferCatalogue::grid(&schema.categories[..1], &depths, 0.0).expect("a valid catalogue");
    let units: Vec<f64> =
        catalogue.offers().iter().map(|offer| model.response_at(&view, 0, 0.1, offer).1).collect();
    assert!(units.windows(2).all(|w| w[1] >= w[0]));
}

#[test]
fn poisson_quantiles_by_hand() {
    // e^-1 = 0.3679, so the first step is at 0.3679 and the second at 0.7358.
    assert_eq!(poisson_quantile(1.0, 0.36), 0.0);
    assert_eq!(poisson_quantile(1.0, 0.37), 1.0);
    assert_eq!(poisson_quantile(1.0, 0.74), 2.0);
    assert_eq!(poisson_quantile(0.0, 0.999), 0.0);
}

#[test]
fn silence_is_read_as_leaving_by_hand() {
    let schema = ObservationSchema::new(1, &["a".to_owned(), "b".to_owned()]);
    let mut history = CustomerHistory::new(2);
    let mut week = WeekRecord::empty(2);
    week.categories[0] = CategoryWeek { units: 1.0, gross: 4.0, cost: 2.0, ..Default::default() };
    history.record(&week);
    let at = ObservationContext { persona: 0, year_phase: 0.0, budget_price: 0.0 };
    let mut observation = vec![0.0; schema.n_features()];
    let mut model = model();
    // A visit probability of one half whatever the state, and a hazard of one fifth.
    model.visit.state.fill(0.0);
    model.churn = 0.2;
    schema.encode(&history, &at, &mut observation);
    assert_eq!(model.alive(&schema.read(&observation)), 1.0);
    history.record(&WeekRecord::empty(2));
    schema.encode(&history, &at, &mut observation);
    // One silent week: 0.8 × 0.5 alive against 0.2 gone.
    assert!((model.alive(&schema.read(&observation)) - 0.4 / 0.6).abs() < 1e-9);
}
