//! A bundle carries every mechanic, and rules choose among them.

use super::*;
use crate::baseline::{AlwaysDepth, UniformRandom};
use crate::fixture::{contexts, parts, schema};
use crate::menu::OfferMenu;
use crate::policy::Policy;
use crate::portable::PortablePolicy;
use promopt_envs::retail::{Mechanic, Offer, OfferCatalogue, Purchase, Tier};
use promopt_envs::{ActionMask, SeedTree};

fn every_mechanic() -> OfferCatalogue {
    let usual = Purchase { units: 2.0, unit_price: 4.0, basket: 32.0 };
    let steps = vec![Tier { units: 2, share: 0.125 }, Tier { units: 4, share: 0.25 }];
    let terms = [
        (Mechanic::Amount { off: 2.0 }, Some(1)),
        (Mechanic::FixedPrice { price: 3.0 }, Some(1)),
        (Mechanic::SpendGet { min_spend: 64.0, off: 8.0 }, None),
        (Mechanic::BuyGet { buy: 3, free: 1, share: 1.0 }, Some(2)),
        (Mechanic::Bundle { with: 1, share: 0.25, together: 0.5 }, Some(2)),
        (Mechanic::Tiers { steps }, Some(0)),
        (Mechanic::Gift { min_spend: 32.0, cost: 2.0, value: 4.0 }, None),
        (Mechanic::FreeShipping { min_spend: 16.0, cost: 5.0, value: 4.0 }, None),
        (Mechanic::Points { rate: 16.0, value_per_point: 0.0078125 }, None),
        (Mechanic::Coupon { share: 0.25, redemption: 0.5 }, Some(0)),
    ];
    let offer = |(i, (mechanic, category)): (usize, (Mechanic, Option<usize>))| {
        Offer::with_terms(format!("offer-{i}"), mechanic, category, 0.25, &usual)
    };
    let mut offers = vec![Offer::percent("percent".to_owned(), None, 0.125, 0.25)];
    offers.extend(terms.into_iter().enumerate().map(offer));
    OfferCatalogue::new(offers, 3).expect("a valid catalogue")
}

#[test]
fn every_mechanic_survives_the_bundle() {
    let catalogue = every_mechanic();
    let policy = PortablePolicy::Random(UniformRandom::default());
    let (observations, _) = contexts(5, 3);
    let masks = vec![ActionMask::all(catalogue.n_actions()); 3];
    let mut parts = parts(policy);
    parts.golden = golden_rows(&parts.policy, &observations, &masks);
    parts.catalogue = catalogue.clone();
    let root = tempfile::tempdir().expect("a temporary folder");
    let dir = root.path().join("policy");
    write_bundle(&dir, &parts).expect("a bundle");
    assert_eq!(load_bundle(&dir).expect("the same").manifest().catalogue, catalogue);
}

#[test]
fn the_whole_basket_is_everybodys_favourite() {
    let menu = OfferMenu::new(schema(), every_mechanic());
    let (observations, _) = contexts(5, 20);
    let mask = ActionMask::all(menu.catalogue.n_actions());
    let rule = AlwaysDepth::new(0.125, menu.clone());
    let mut rng = SeedTree::new(1).stream();
    for observation in &observations {
        let offer = menu.catalogue.offer(rule.decide(observation, &mask, &mut rng).action);
        assert_eq!((offer.category, offer.depth), (None, 0.125));
    }
}
