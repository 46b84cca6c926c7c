//! A known truth inside the fitted family: realistic coefficients by hand, varied from world to
//! world.
//!
//! The levels are chosen so that a customer who visits in 45 % of the weeks and buys a category in
//! 45 % of the visits goes on doing so; responses give own-price elasticities of about −2.5 and
//! offers that a fifth more customers visit for.

use promopt_envs::SeedTree;
use promopt_envs::retail::{CategoryModel, DemandModel, UnitsModel, VisitModel, WeekShock};
use rand_distr::{Distribution, StandardNormal};

/// Relative standard deviation of a coefficient between worlds.
const BETWEEN_WORLDS: f64 = 0.2;
/// Relative standard deviation of a coefficient between categories of a world.
const BETWEEN_CATEGORIES: f64 = 0.15;
/// Deviations are cut to these multiples, so that no coefficient changes sign.
const MULTIPLES: (f64, f64) = (0.4, 1.6);

/// Standard deviations of the personas' levels, responses to depth and log units.
const PERSONA_LEVEL: f64 = 0.3;
const PERSONA_DEPTH: f64 = 0.8;
const PERSONA_UNITS: f64 = 0.15;

/// Varies coefficients with one stream.
struct Vary<R>(R);

impl<R: rand::RngCore> Vary<R> {
    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    fn scaled<const N: usize>(&mut self, values: [f64; N], spread: f64) -> [f64; N] {
        values.map(|value| value * (1.0 + spread * self.normal()).clamp(MULTIPLES.0, MULTIPLES.1))
    }

    fn one(&mut self, value: f64, spread: f64) -> f64 {
        self.scaled([value], spread)[0]
    }

    fn personas(&mut self, n: usize, sd: f64) -> Vec<f64> {
        (0..n).map(|_| sd * self.normal()).collect()
    }
}

/// A model for `n_personas` and `n_categories`, another one for every seed.
#[must_use]
pub fn true_model(n_personas: usize, n_categories: usize, seed: SeedTree) -> DemandModel {
    let mut vary = Vary(seed.child("visit").stream());
    let visit = VisitModel {
        fixed: vary.scaled([-0.6, 0.75, 0.15, 0.2], 0.1),
        moving: vary
            .scaled([0.6, 0.3, 1.5, -0.03, -0.3, 0.06, -0.04, 0.03, 0.02, 0.2], BETWEEN_WORLDS),
        offer: vary
            .scaled([0.9, 0.4, 0.3, 0.15, 0.03, 0.05, 0.1, -0.15, -0.1, 0.2, 0.05], BETWEEN_WORLDS),
        persona: vary.personas(n_personas, PERSONA_LEVEL / 2.0),
        persona_offer: vary.personas(n_personas, PERSONA_DEPTH / 2.0),
    };
    let shared = category(n_personas, &mut Vary(seed.child("shared").stream()));
    let categories = (0..n_categories)
        .map(|c| {
            let stream = seed.child("category").index(c as u64).stream();
            vary_category(&shared, n_personas, &mut Vary(stream))
        })
        .collect();
    let shock = WeekShock::default();
    DemandModel { visit, categories, redemption: 0.8, churn: 0.003, shock }
}

/// What the categories of a world share.
fn category<R: rand::RngCore>(n_personas: usize, vary: &mut Vary<R>) -> CategoryModel {
    CategoryModel {
        fixed: [0.15, 0.4, 0.2, 0.1, 0.1, 0.3],
        common: vary
            .scaled([-0.05, -0.4, -0.02, -0.3, 0.06, -0.04, 0.03, 0.02, 0.1], BETWEEN_WORLDS),
        own: vary.scaled([-0.12, -0.45, -0.6, -0.8, -0.5], BETWEEN_WORLDS),
        shelf: vary.scaled([5.0, 1.5], BETWEEN_WORLDS),
        offer: vary
            .scaled([2.2, 0.5, 0.6, 0.15, 0.05, -0.15, -0.3, -0.6, 0.3, 0.1], BETWEEN_WORLDS),
        persona: vec![0.0; n_personas],
        persona_shelf: vec![0.0; n_personas],
        persona_offer: vec![0.0; n_personas],
        units: UnitsModel {
            fixed: [-0.9, 0.1, 0.1, 0.4],
            moving: vary.scaled([-0.2, 0.04, 0.03, 0.02, 0.02, 0.1, -0.4], BETWEEN_WORLDS),
            shelf: vary.one(2.2, BETWEEN_WORLDS),
            offer: vary.one(1.2, BETWEEN_WORLDS),
            persona: vec![0.0; n_personas],
            dispersion: vary.one(0.3, BETWEEN_WORLDS),
        },
        unit_price: vec![0.0; n_personas],
        margin_rate: 0.45,
        shelf_realised: [1.15, 0.0],
        shelf_mean: 0.0,
    }
}

/// One category around what all share.
fn vary_category<R: rand::RngCore>(
    shared: &CategoryModel,
    n_personas: usize,
    vary: &mut Vary<R>,
) -> CategoryModel {
    let spread = BETWEEN_CATEGORIES;
    let price = vary.one(3.0, 0.3);
    CategoryModel {
        fixed: vary.scaled(shared.fixed, spread / 2.0),
        common: vary.scaled(shared.common, spread),
        own: vary.scaled(shared.own, spread),
        shelf: vary.scaled(shared.shelf, spread),
        offer: vary.scaled(shared.offer, spread),
        persona: vary.personas(n_personas, PERSONA_LEVEL),
        persona_shelf: vary.personas(n_personas, PERSONA_DEPTH),
        persona_offer: vary.personas(n_personas, PERSONA_DEPTH),
        units: UnitsModel {
            fixed: vary.scaled(shared.units.fixed, spread / 2.0),
            moving: vary.scaled(shared.units.moving, spread),
            shelf: vary.one(shared.units.shelf, spread),
            offer: vary.one(shared.units.offer, spread),
            persona: vary.personas(n_personas, PERSONA_UNITS),
            dispersion: shared.units.dispersion,
        },
        unit_price: vec![price; n_personas],
        margin_rate: vary.one(shared.margin_rate, 0.3),
        ..shared.clone()
    }
}
