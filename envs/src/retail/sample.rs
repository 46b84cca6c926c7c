//! A made-up shop of any size, for benches, tests and the registry: nothing in it was fitted.

use super::catalogue::{CatalogueError, Mechanic, Offer, OfferCatalogue, Purchase};
use super::demand::features::{
    Column, INCIDENCE_COMMON, INCIDENCE_FIXED, INCIDENCE_OFFER, INCIDENCE_OWN, INCIDENCE_SHELF,
    UNITS_FIXED, UNITS_MOVING, VISIT_FIXED, VISIT_MOVING, VISIT_OFFER,
};
use super::demand::{CategoryModel, DemandModel, UnitsModel, VisitModel, WeekShock};
use super::guardrails::{Guardrails, MaskRule};
use super::history::{CategoryWeek, CustomerHistory, WeekRecord};
use super::observation::ObservationSchema;
use super::promotion::{PromotionWorld, StartState};
use crate::seed::{SeedTree, Stream};
use rand::Rng;

/// Cost of a contact, money.
const CONTACT_COST: f64 = 0.05;
/// Weeks that customers have behind them, and weeks of shelf depths.
const WEEKS: usize = 52;
/// Customers to start from.
const CUSTOMERS: usize = 64;
/// Steady customers and seekers of deals.
const PERSONAS: usize = 2;

/// A shop with `n_categories` categories (at least 1) and `n_offers` offers besides none: 10 and 20 %
/// off, three for two, two off, and a coupon of 30 %, category by category.
///
/// Customers, shelf depths and the two posterior draws come from the seed; it belongs to the world.
///
/// # Errors
/// [`CatalogueError::Depth`] when there are so many offers that one would cost more than the goods:
/// from the ninth round of categories on.
pub fn sample_world(
    n_categories: usize,
    n_offers: usize,
    seed: SeedTree,
) -> Result<PromotionWorld, CatalogueError> {
    let n_categories = n_categories.max(1);
    let names: Vec<String> = (0..n_categories).map(|c| format!("category {c}")).collect();
    let offers = (0..n_offers).map(|i| offer(i, n_categories)).collect();
    let catalogue = OfferCatalogue::new(offers, n_categories)?;
    let draws = vec![model(n_categories, 0.0), model(n_categories, 0.2)];
    let margins: Vec<f64> = draws[0].categories.iter().map(|c| c.margin_rate).collect();
    let mut shelf = seed.child("shelf").stream();
    let depth = |_| if shelf.random_bool(0.3) { shelf.random_range(0.1..0.3) } else { 0.0 };
    let customer = |i: usize| {
        let persona = i % PERSONAS;
        let history = history(n_categories, &mut seed.child("customers").index(i as u64).stream());
        StartState { history, persona }
    };
    Ok(PromotionWorld {
        mask_rule: MaskRule::new(&Guardrails::default(), &catalogue, &names, &margins),
        schema: ObservationSchema::new(PERSONAS, &names),
        catalogue,
        draws,
        starts: (0..CUSTOMERS).map(customer).collect(),
        shelf: (0..WEEKS * n_categories).map(depth).collect(),
        first_day: 9_132,
    })
}

fn offer(i: usize, n_categories: usize) -> Offer {
    let (round, category) = (i / n_categories, i % n_categories);
    let scale = 1.0 + (round / 5) as f64;
    let id = format!("offer {i}");
    let usual = Purchase { units: 1.8, unit_price: 4.0, basket: 30.0 };
    let mechanic = match round % 5 {
        0 => return Offer::percent(id, Some(category), 0.1 * scale, CONTACT_COST),
        1 => return Offer::percent(id, Some(category), 0.2 * scale, CONTACT_COST),
        2 => Mechanic::BuyGet { buy: 2, free: 1, share: 1.0 / scale },
        3 => Mechanic::Amount { off: 2.0 * scale },
        _ => Mechanic::Coupon { share: 0.3, redemption: 0.4 / scale },
    };
    Offer::with_terms(id, mechanic, Some(category), CONTACT_COST, &usual)
}

/// Coefficients by the names of their columns; the others are 0.
fn named<const N: usize>(columns: &[Column; N], values: &[(&str, f64)]) -> [f64; N] {
    let mut out = [0.0; N];
    for (name, value) in values {
        let at = columns.iter().position(|column| column.name == *name);
        out[at.expect("the name of a column of the response model")] = *value;
    }
    out
}

/// The response of the shop's customers; `shift` makes another draw of it.
fn model(n_categories: usize, shift: f64) -> DemandModel {
    let visit = VisitModel {
        fixed: named(&VISIT_FIXED, &[("level", 0.1 + shift), ("logit frequency", 0.7)]),
        moving: named(
            &VISIT_MOVING,
            &[
                ("habit", 0.5),
                ("shelf depth, all categories", 1.0),
                ("contacts lately", -0.1),
                ("offer depth lately", -0.5),
                ("season sin", 0.1),
                ("holiday", 0.3),
            ],
        ),
        offer: named(
            &VISIT_OFFER,
            &[("offer", 1.0), ("offer × category share", 1.0), ("offer × contacts lately", -0.2)],
        ),
        persona: vec![0.1, -0.1],
        persona_offer: vec![-0.2, 0.3],
    };
    let categories = (0..n_categories).map(|c| category_model(c, shift)).collect();
    let shock = WeekShock::default();
    DemandModel { visit, categories, redemption: 0.8, churn: 0.01, shock }
}

fn category_model(category: usize, shift: f64) -> CategoryModel {
    let units = UnitsModel {
        fixed: named(&UNITS_FIXED, &[("level", -0.6), ("log usual units", 0.4)]),
        moving: named(&UNITS_MOVING, &[("stock at home", -0.1)]),
        shelf: 0.5,
        offer: 0.8,
        persona: vec![0.0, 0.1],
        dispersion: 0.4,
    };
    CategoryModel {
        fixed: named(&INCIDENCE_FIXED, &[("level", 0.2), ("logit category share", 0.8)]),
        common: named(
            &INCIDENCE_COMMON,
            &[("contacts lately", -0.05), ("offer depth lately", -0.3), ("season cos", 0.1)],
        ),
        own: named(
            &INCIDENCE_OWN,
            &[("category recency", 0.05), ("stock at home", -0.3), ("offer elsewhere", -0.2)],
        ),
        shelf: named(&INCIDENCE_SHELF, &[("shelf depth", 2.0)]),
        offer: named(
            &INCIDENCE_OFFER,
            &[("offer", 3.0 + shift), ("offer × contacts lately", -0.2), ("offer × stock", -0.3)],
        ),
        persona: vec![0.1, -0.1],
        persona_shelf: vec![-0.2, 0.4],
        persona_offer: vec![-0.5, 1.0],
        units,
        unit_price: vec![3.0 + (category % 4) as f64; PERSONAS],
        margin_rate: 0.3 + 0.05 * (category % 3) as f64,
        shelf_realised: [1.0, 0.5],
        shelf_mean: 0.06,
    }
}

/// A year of a customer who visits and buys with rates of their own.
fn history(n_categories: usize, luck: &mut Stream) -> CustomerHistory {
    let mut history = CustomerHistory::new(n_categories);
    let mut week = WeekRecord::empty(n_categories);
    let visits = luck.random_range(0.3..0.9);
    let favours: Vec<f64> = (0..n_categories).map(|_| luck.random_range(0.05..0.6)).collect();
    for age in 0..WEEKS {
        week.clear();
        // The first week is a visit: customers are known by having bought.
        if age == 0 || luck.random_bool(visits) {
            for (bought, &favour) in week.categories.iter_mut().zip(&favours) {
                if age == 0 || luck.random_bool(favour) {
                    let units = f64::from(luck.random_range(1..=3_u8));
                    let gross = 4.0 * units;
                    *bought =
                        CategoryWeek { units, gross, cost: 0.65 * gross, ..Default::default() };
                }
            }
        }
        history.record(&week);
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;
    use crate::env::Env;
    use crate::retail::promotion::{PromotionConfig, PromotionEnv};
    use std::sync::Arc;

    fn small() -> Arc<PromotionWorld> {
        Arc::new(sample_world(3, 15, SeedTree::new(1)).expect("a valid catalogue"))
    }

    #[test]
    fn it_keeps_the_contract_in_every_configuration() {
        let world = small();
        for (expected_reward, budget_prices) in [(true, vec![0.0]), (false, vec![0.0, 0.5])] {
            let config = PromotionConfig { expected_reward, budget_prices, ..Default::default() };
            let mut make = || -> Box<dyn Env> {
                Box::new(PromotionEnv::new(Arc::clone(&world), config.clone()).expect("valid"))
            };
            assert_eq!(check_env(&mut make, 3), []);
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_shop_and_customers_differ() {
        let (a, b) = (small(), small());
        assert_eq!((&a.starts, &a.shelf), (&b.starts, &b.shelf));
        assert_ne!(a.starts[0], a.starts[1]);
        assert!(a.draws.iter().all(|draw| draw.fits(PERSONAS, 3)));
        assert_eq!(a.catalogue.n_actions(), 16);
    }

    #[test]
    fn realised_contributions_agree_with_expected_ones() {
        // 8,000 weeks of uniform play. Given the state, the realised contribution less the expected
        // one has mean 0, so its sum is a martingale; four of its standard errors are allowed.
        let mut env = PromotionEnv::new(small(), PromotionConfig::default()).expect("valid");
        let mut choices = SeedTree::new(2).stream();
        let n = 8_000;
        let (mut sum, mut squares, mut visits) = (0.0, 0.0, 0);
        env.reset(Some(1));
        for _ in 0..n {
            let action = env.action_mask().sample(&mut choices);
            let step = env.step(action).expect("an allowed action");
            let ledger = env.ledger();
            let surprise = ledger.contribution - ledger.expected_contribution;
            sum += surprise;
            squares += surprise * surprise;
            visits += usize::from(ledger.visited);
            if step.is_last() {
                env.reset(None);
            }
        }
        assert!(sum.abs() < 4.0 * f64::sqrt(squares), "{sum} {squares}");
        assert!(0 < visits && visits < n);
    }
}
