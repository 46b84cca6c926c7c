//! One update of CQL, BCQ and IQL against PyTorch; the fixture and its recipe lie together in
//! `agents/tests/fixtures/losses`.

use super::learner::{OfflineLearner, Target, Trained};
use super::{BcqConfig, ConservativeQ, ConstrainedQ, CqlConfig, ImplicitQ, IqlConfig};
use super::{LoggedBatch, NetworkConfig};
use crate::dqn::TargetUpdate;
use crate::schedule::Linear;
use promopt_envs::SeedTree;
use promopt_policies::{LoggedDecisions, LoggedTable};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/losses/offline.json"))
        .expect("the fixture is valid")
}

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("a list");
    list.iter().map(|x| x.as_f64().expect("a number") as f32).collect()
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_array().expect("a list").iter().map(|x| x.as_bool().expect("a flag")).collect()
}

fn batch(fixture: &Value) -> LoggedBatch {
    let batch = &fixture["batch"];
    LoggedBatch {
        observations: numbers(&batch["observations"]),
        masks: flags(&batch["masks"]),
        actions: numbers(&batch["actions"]).into_iter().map(|action| action as u32).collect(),
        rewards: numbers(&batch["rewards"]),
        next_observations: numbers(&batch["next_observations"]),
        next_masks: flags(&batch["next_masks"]),
        goes_on: flags(&batch["goes_on"]),
    }
}

/// A log that only says how many features and actions there are.
fn log(fixture: &Value) -> LoggedDecisions {
    let size = |key: &str| fixture[key].as_u64().expect("a count") as usize;
    LoggedDecisions::new(LoggedTable {
        n_features: size("n_features"),
        n_actions: size("n_actions"),
        observations: vec![0.0; 2 * size("n_features")],
        actions: vec![0; 2],
        propensities: vec![1.0; 2],
        rewards: vec![0.0; 2],
        clusters: vec![0, 1],
        ..LoggedTable::default()
    })
    .expect("a valid log")
}

fn network(fixture: &Value) -> NetworkConfig {
    let number = |key: &str| fixture[key].as_f64().expect("a number");
    NetworkConfig {
        hidden: vec![fixture["hidden"].as_u64().expect("a width") as usize],
        discount_factor: number("discount_factor"),
        learning_rate: Linear::constant(number("learning_rate")),
        gradient_clip: 1e9,
        huber_delta: number("huber_delta"),
        target_update: TargetUpdate::Hard { every: 1_000 },
        normalise: false,
        ..NetworkConfig::default()
    }
}

fn set(trained: &mut Trained, values: &Value) {
    trained.set_parameters(&numbers(values));
}

fn set_target(target: &mut Target, values: &Value) {
    target.network.parameters_mut().copy_from_slice(&numbers(values));
}

#[track_caller]
fn assert_after(trained: &Trained, expected: &Value) {
    let expected = numbers(expected);
    assert_eq!(trained.network.parameters().len(), expected.len());
    for (got, expected) in trained.network.parameters().iter().zip(expected) {
        assert!((got - expected).abs() < 1e-5, "weight {got}, expected {expected}");
    }
}

#[track_caller]
fn assert_loss(loss: f64, golden: &Value) {
    let expected = golden["loss"].as_f64().expect("a number");
    assert!((loss - expected).abs() < 1e-5, "loss {loss}, expected {expected}");
}

#[test]
fn one_update_of_conservative_q_equals_pytorch() {
    let fixture = fixture();
    let golden = &fixture["cql"];
    let alpha = golden["alpha"].as_f64().expect("a number");
    let config = CqlConfig { network: network(&fixture), alpha };
    let mut learner =
        ConservativeQ::new(config, &log(&fixture), SeedTree::new(1)).expect("valid settings");
    set(&mut learner.online, &golden["before"]["online"]);
    set_target(&mut learner.target, &golden["before"]["target"]);
    assert_loss(learner.update(&batch(&fixture)).expect("finite numbers"), golden);
    assert_after(&learner.online, &golden["after"]["online"]);
}

#[test]
fn one_update_of_constrained_q_equals_pytorch() {
    let fixture = fixture();
    let golden = &fixture["bcq"];
    let number = |key: &str| golden[key].as_f64().expect("a number");
    let config = BcqConfig {
        network: network(&fixture),
        threshold: number("threshold"),
        logit_penalty: number("logit_penalty"),
    };
    let mut learner =
        ConstrainedQ::new(config, &log(&fixture), SeedTree::new(1)).expect("valid settings");
    set(&mut learner.online, &golden["before"]["online"]);
    set(&mut learner.clone, &golden["before"]["clone"]);
    set_target(&mut learner.target, &golden["before"]["target"]);
    assert_loss(learner.update(&batch(&fixture)).expect("finite numbers"), golden);
    assert_after(&learner.online, &golden["after"]["online"]);
    assert_after(&learner.clone, &golden["after"]["clone"]);
}

#[test]
fn one_update_of_implicit_q_equals_pytorch() {
    let fixture = fixture();
    let golden = &fixture["iql"];
    let number = |key: &str| golden[key].as_f64().expect("a number");
    let config = IqlConfig {
        network: network(&fixture),
        expectile: number("expectile"),
        inverse_temperature: number("inverse_temperature"),
        largest_weight: number("largest_weight"),
    };
    let mut learner =
        ImplicitQ::new(config, &log(&fixture), SeedTree::new(1)).expect("valid settings");
    let before = &golden["before"];
    for (at, name) in ["first", "second"].into_iter().enumerate() {
        set(&mut learner.scores[at], &before[name]);
        set_target(&mut learner.targets[at], &before[format!("{name}_target")]);
    }
    set(&mut learner.value, &before["value"]);
    set(&mut learner.policy, &before["policy"]);
    assert_loss(learner.update(&batch(&fixture)).expect("finite numbers"), golden);
    let after = &golden["after"];
    assert_after(&learner.scores[0], &after["first"]);
    assert_after(&learner.scores[1], &after["second"]);
    assert_after(&learner.value, &after["value"]);
    assert_after(&learner.policy, &after["policy"]);
}
