//! The pricing world worked by hand, its masks, and the contract of environments.

use super::super::plan::tests::two_products;
use super::*;
use crate::check::check_env;
use crate::pricing::PlanItem;

fn world() -> Arc<PricingWorld> {
    let mut steeper = two_products();
    steeper.products[0].elasticities[0] = -2.4;
    steeper.products[0].stock = -0.3;
    Arc::new(PricingWorld {
        model: two_products(),
        draws: vec![two_products(), steeper],
        first_week: 161,
    })
}

fn rules() -> PricingRules {
    PricingRules {
        ladder: vec![1.0, 0.9, 0.8],
        feature_cost: 5.0,
        posterior_draws: false,
        horizon: 6,
        ..PricingRules::default()
    }
}

fn begin(rules: PricingRules) -> PricingEnv {
    let mut env = PricingEnv::new(world(), rules).expect("valid");
    env.reset_to(PricingScenario { store: 0, draw: None, first_week: 0, seed: 3 });
    env
}

fn action_of(env: &PricingEnv, product: usize, rung: usize, feature: bool) -> ActionId {
    let wanted = [PlanItem { product, rung, feature }];
    env.plans().iter().position(|plan| plan.items == wanted).expect("a plan of the ladder")
}

#[test]
fn the_contract_of_environments_holds() {
    let makes = [
        rules(),
        PricingRules { posterior_draws: true, expected_reward: false, ..rules() },
        PricingRules { max_features: 2, feature_window: 4, cool_down: 0, ..rules() },
    ];
    for rules in makes {
        let mut make = || -> Box<dyn Env> {
            Box::new(PricingEnv::new(world(), rules.clone()).expect("valid"))
        };
        assert_eq!(check_env(&mut make, 11), []);
    }
}

#[test]
fn the_expected_reward_is_the_margin_worked_by_hand() {
    let mut env = begin(rules());
    let action = action_of(&env, 0, 2, true);
    let step = env.step(action).expect("allowed");
    let cut = 0.8_f64.ln();
    // Week 0: the sine is 0 and the cosine 1, whose coefficient is 0.3. σ²/2 = (0.01 + 0.04) / 2.
    let base = 4.0 - 2.0 * 2.0_f64.ln() + 0.5 * 3.0_f64.ln();
    let own = (base - 2.0 * cut + 0.6 + 0.3 + 0.025).exp() * (1.6 - 1.2 * 0.8_f64.sqrt());
    let rival_base = 3.0 + 0.4 * 2.0_f64.ln() - 3.0 * 3.0_f64.ln();
    let rival = (rival_base + 0.4 * cut + 0.025).exp() * 0.6;
    assert!((step.reward - (own + rival - 5.0)).abs() < 1e-9, "{}", step.reward);
    assert!(!step.terminated && !step.truncated);
}

#[test]
fn a_promotion_is_followed_by_a_dip_that_fades() {
    let mut promoted = begin(rules());
    let mut idle = begin(rules());
    let action = action_of(&promoted, 0, 2, false);
    promoted.step(action).expect("allowed");
    idle.step(0).expect("allowed");
    let lift = -2.0 * 0.8_f64.ln();
    // The stock is half the lift, then a quarter of it; κ = −0.2.
    for stock in [lift / 2.0, lift / 4.0] {
        promoted.step(0).expect("allowed");
        idle.step(0).expect("allowed");
        let (now, usual) = (promoted.shelves[0].log_units_ratio, idle.shelves[0].log_units_ratio);
        assert!((now - usual + 0.2 * stock).abs() < 1e-12);
    }
}

#[test]
fn the_mask_keeps_rest_weeks_and_feature_limits() {
    let limits = PricingRules { max_features: 1, feature_window: 3, cool_down: 2, ..rules() };
    let mut env = begin(limits);
    let (cut, ad) = (action_of(&env, 0, 1, false), action_of(&env, 0, 1, true));
    let (rival_cut, rival_ad) = (action_of(&env, 1, 1, false), action_of(&env, 1, 1, true));
    env.step(ad).expect("allowed");
    for _ in 0..2 {
        // Product 0 rests, and the one ad of three weeks is spent.
        let mask = env.action_mask();
        assert!(!mask.allows(cut) && mask.allows(rival_cut) && !mask.allows(rival_ad));
        env.step(0).expect("none is always allowed");
    }
    let mask = env.action_mask();
    assert!(mask.allows(cut) && mask.allows(ad) && mask.allows(rival_ad));
}

#[test]
fn the_observation_is_what_the_retailer_knows() {
    let mut env = PricingEnv::new(world(), rules()).expect("valid");
    let at = |draw| PricingScenario { store: 0, draw, first_week: 0, seed: 3 };
    env.reset_to(at(Some(1)));
    let action = action_of(&env, 0, 2, false);
    env.step(action).expect("allowed");
    let (cut, seen) = (0.8_f64.ln(), env.observation().to_vec());
    assert!((f64::from(seen[SHARED]) - cut).abs() < 1e-6, "last price ratio");
    // The stock shown is built with the best model's −2, the true one with the draw's −2.4.
    assert!((f64::from(seen[SHARED + 2]) + cut).abs() < 1e-6, "believed stock");
    assert!((env.stocks[0] + 1.2 * cut).abs() < 1e-12, "true stock");
    env.reset_to(at(None));
    env.step(action).expect("allowed");
    assert_eq!(env.observation()[..SHARED + 5], seen[..SHARED + 5]);
}

#[test]
fn realised_margins_average_to_expected_ones() {
    let mut env = begin(PricingRules { horizon: 1, expected_reward: false, ..rules() });
    let (n, mut sum, mut squares, mut expected) = (4_000, 0.0, 0.0, 0.0);
    for seed in 0..n {
        env.reset_to(PricingScenario { store: 0, draw: None, first_week: 0, seed });
        let reward = env.step(0).expect("allowed").reward;
        expected = env.ledger().expected_margin;
        sum += reward;
        squares += reward * reward;
    }
    let (n, mean) = (n as f64, sum / n as f64);
    let standard_error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - expected).abs() < 4.0 * standard_error, "{mean} against {expected}");
}

#[test]
fn a_world_without_draws_cannot_draw() {
    let world = PricingWorld { model: two_products(), draws: Vec::new(), first_week: 0 };
    let asked = PricingRules { posterior_draws: true, ..rules() };
    let error = PricingEnv::new(Arc::new(world), asked).expect_err("nothing to draw from");
    assert!(error.to_string().contains("draws"), "{error}");
}
