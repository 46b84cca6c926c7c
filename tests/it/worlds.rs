//! The fitted world of a finished run keeps the environment contract.

use crate::fitted_world::Pieces;
use crate::shop::Shop;
use promopt_envs::retail::{PromotionConfig, PromotionEnv, Scenario};
use promopt_envs::{Env, SeedTree, check_env};
use std::sync::Arc;

#[test]
fn a_fitted_world_keeps_the_environment_contract() {
    let world = Arc::new(Pieces::of_shared_run().world_after_history().0);
    for (expected_reward, budget_prices) in
        [(true, vec![0.0]), (false, vec![0.0]), (true, vec![0.0, 0.5]), (false, vec![0.0, 0.5])]
    {
        let config = PromotionConfig { expected_reward, budget_prices, ..Default::default() };
        let mut make = || -> Box<dyn Env> {
            Box::new(PromotionEnv::new(Arc::clone(&world), config.clone()).expect("valid"))
        };
        for seed in 0..3 {
            assert_eq!(check_env(&mut make, seed), [], "{config:?}");
        }
    }
}

#[test]
fn a_budget_price_charges_promotion_spend_and_changes_nothing_else() {
    let world = Arc::new(Pieces::of_shared_run().world_after_history().0);
    let config = PromotionConfig { expected_reward: false, ..Default::default() };
    let mut free = PromotionEnv::new(Arc::clone(&world), config).expect("a valid world");
    let mut charged = free.clone();
    let mut choices = SeedTree::new(5).stream();
    let mut spent = 0.0;
    for start in 0..world.starts.len().min(20) {
        let scenario = Scenario { start, draw: 0, shelf_week: 0, budget_price: 0.0, seed: 3 };
        free.reset_to(scenario);
        charged.reset_to(Scenario { budget_price: 0.5, ..scenario });
        loop {
            let action = free.action_mask().sample(&mut choices);
            let (a, b) = (free.step(action), charged.step(action));
            let (a, b) = (a.expect("an allowed action"), b.expect("the same mask"));
            assert_eq!(free.ledger(), charged.ledger());
            assert!((a.reward - b.reward - 0.5 * free.ledger().promotion_cost).abs() < 1e-9);
            assert_eq!((a.terminated, a.truncated), (b.terminated, b.truncated));
            spent += free.ledger().promotion_cost;
            if a.is_last() {
                break;
            }
        }
    }
    assert!(spent > 0.0);
}

#[test]
fn random_play_in_a_fitted_world_never_breaks_the_contact_cap() {
    let pieces = Pieces::of_shared_run();
    let guardrails = pieces.record.config.guardrails.clone();
    let world = Arc::new(pieces.world_after_history().0);
    let mut env = PromotionEnv::new(world, PromotionConfig::default()).expect("a valid world");
    let mut choices = SeedTree::new(6).stream();
    let mut capped = 0;
    env.reset(Some(1));
    for _ in 0..2000 {
        let before = env.history().contacts_in(guardrails.contact_window_weeks);
        capped += usize::from(before >= guardrails.max_contacts);
        let action = env.action_mask().sample(&mut choices);
        let step = env.step(action).expect("an allowed action");
        let now = env.history().contacts_in(guardrails.contact_window_weeks);
        assert!(now <= guardrails.max_contacts.max(before));
        if step.is_last() {
            env.reset(None);
        }
    }
    assert!(capped > 0, "the cap never bound, so nothing was tested");
}

#[test]
fn the_built_in_environments_are_listed_with_their_verdicts() {
    let shop = Shop::new();
    let ended = shop.promopt("envs");
    let table = &ended.succeeds().stdout;
    for id in ["Chain-v0", "SmallPromotion-v0", "Promotion-v0", "Pricing-v0", "Arena-v0"] {
        assert!(table.contains(id), "{id} is not in\n{table}");
    }
    let ended = shop.promopt("envs Chain-v0 --json");
    let json: serde_json::Value = serde_json::from_str(&ended.succeeds().stdout).expect("JSON");
    assert_eq!(json[0]["sound"], true);
    assert_eq!(json[0]["optimum"]["of"], "return of an episode");
}

#[test]
fn an_unknown_environment_is_answered_with_the_known_ones() {
    let ended = Shop::new().promopt("envs Chain-v9");
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("`Chain-v9`; these exist: Identity-v0, Chain-v0"));
}
