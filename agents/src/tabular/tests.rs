//! Q-learning against hand-worked updates and a chain whose values are known.

use super::*;
use crate::agent::{Agent, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::schedule::Linear;
use crate::train::{TrainConfig, train};
use promopt_envs::diagnostic::Chain;
use promopt_envs::{ActionMask, AutoresetMode, BoxSpace, Env, EnvSpec, SeedTree, VectorEnv};
use std::ops::ControlFlow;

fn spec() -> EnvSpec {
    EnvSpec {
        id: "pair".into(),
        observation_space: BoxSpace::new(vec![0.0; 2], vec![1.0; 2]),
        n_actions: 3,
        horizon: None,
    }
}

fn config() -> QLearningConfig {
    QLearningConfig { discount_factor: 0.5, power: 1.0, ..Default::default() }
}

const HERE: [f32; 2] = [1.0, 0.0];
const THERE: [f32; 2] = [0.0, 1.0];

fn step<'a>(from: &'a [f32], action: usize, reward: f64, mask: &'a ActionMask) -> Transition<'a> {
    Transition {
        lane: 0,
        observation: from,
        action,
        reward,
        next_observation: &THERE,
        next_mask: mask,
        terminated: false,
        truncated: false,
    }
}

#[test]
fn targets_skip_masked_actions_and_terminations_and_bootstrap_through_truncations()
-> Result<(), AgentError> {
    let all = ActionMask::all(3);
    let last = ActionMask::from_flags(vec![false, false, true]).expect("one is allowed");
    let mut agent = QLearning::new(config(), &spec())?;
    let ends = Transition { terminated: true, ..step(&THERE, 0, 100.0, &all) };
    agent.observe(&ends)?;
    agent.observe(&Transition { action: 2, reward: 4.0, ..ends })?;
    assert_eq!(agent.scores(&THERE)?, [100.0, 0.0, 4.0]);
    // 1 + 0.5 · 4, for the 100 is not allowed there.
    agent.observe(&step(&HERE, 0, 1.0, &last))?;
    // 1 + 0.5 · 100: a time limit is not an end.
    agent.observe(&Transition { truncated: true, ..step(&HERE, 1, 1.0, &all) })?;
    agent.observe(&Transition { terminated: true, ..step(&HERE, 2, 1.0, &all) })?;
    assert_eq!(agent.scores(&HERE)?, [3.0, 51.0, 1.0]);
    // The second update has step size 1/2: 3 + (5 + 2 − 3) / 2.
    agent.observe(&step(&HERE, 0, 5.0, &last))?;
    assert_eq!(agent.scores(&HERE)?[0], 5.0);
    Ok(())
}

#[test]
fn decisions_stay_within_the_mask_and_state_their_propensity() -> Result<(), AgentError> {
    let config = QLearningConfig { epsilon: Linear::constant(0.4), ..config() };
    let mut agent = QLearning::new(config, &spec())?;
    let mask = ActionMask::from_flags(vec![false, true, true]).expect("two are allowed");
    let mut rng = SeedTree::new(1).stream();
    for _ in 0..200 {
        let decision = agent.act(&HERE, &mask, &mut rng)?;
        let expected = if decision.action == 1 { 0.8 } else { 0.2 };
        assert!(mask.allows(decision.action));
        assert!((decision.propensity - expected).abs() < 1e-12);
    }
    Ok(())
}

fn on_chain(steps: u64) -> Result<QLearning, AgentError> {
    let world = Chain::new(6, true);
    let config = QLearningConfig { discount_factor: 0.9, ..Default::default() };
    let mut agent = QLearning::new(config, world.spec())?;
    let mut lanes = VectorEnv::new(vec![world; 2], AutoresetMode::Disabled)?;
    let train_config = TrainConfig { steps, ..Default::default() };
    let go = &mut |_: &_| ControlFlow::Continue(());
    train(&mut agent, &mut lanes, &train_config, SeedTree::new(3), go)?;
    Ok(agent)
}

#[test]
fn it_walks_the_chain_and_its_snapshot_does_the_same() -> Result<(), Box<dyn std::error::Error>> {
    let agent = on_chain(4_000)?;
    let policy = agent.policy()?;
    let Snapshot::Linear(linear) = &policy else { return Err("a table leaves as linear".into()) };
    for cell in 0..5 {
        let observation: Vec<f32> = (0..6).map(|i| f32::from(u8::from(i == cell))).collect();
        let scores = agent.scores(&observation)?;
        assert!(scores[1] > scores[0], "{cell}: {scores:?}");
        assert_eq!(linear.scores.scores(&observation), scores);
    }
    Ok(())
}

#[test]
fn a_loaded_agent_goes_on_as_the_saved_one() -> Result<(), AgentError> {
    let mut first = on_chain(300)?;
    let mut archive = Archive::default();
    first.save(&mut archive)?;
    let config = QLearningConfig { discount_factor: 0.9, ..Default::default() };
    let mut second = QLearning::new(config.clone(), Chain::new(6, true).spec())?;
    second.load(&archive)?;
    let mask = ActionMask::all(2);
    let (here, there) = ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let transition = Transition {
        lane: 0,
        observation: &here,
        action: 1,
        reward: 0.3,
        next_observation: &there,
        next_mask: &mask,
        terminated: false,
        truncated: false,
    };
    first.observe(&transition)?;
    second.observe(&transition)?;
    assert_eq!(first.policy()?, second.policy()?);
    let other = QLearningConfig { power: 0.9, ..config };
    let mut third = QLearning::new(other, Chain::new(6, true).spec())?;
    assert!(third.load(&archive).expect_err("another power").to_string().contains("power"));
    Ok(())
}

#[test]
fn what_it_cannot_do_is_an_error_that_says_why() -> Result<(), AgentError> {
    let mask = ActionMask::all(3);
    let mut agent = QLearning::new(config(), &spec())?;
    let mixed = Transition { observation: &[0.5, 0.5], ..step(&HERE, 0, 1.0, &mask) };
    agent.observe(&mixed)?;
    assert_eq!((agent.n_states(), agent.scores(&[0.5, 0.5])?[0]), (1, 1.0));
    assert!(agent.policy().expect_err("not one-hot").to_string().contains("one-hot"));
    // A state takes 2 · 4 + 3 · 16 = 56 bytes.
    let small = QLearningConfig { memory_limit_bytes: 56, ..config() };
    let mut agent = QLearning::new(small, &spec())?;
    agent.observe(&mixed)?;
    agent.observe(&mixed)?;
    assert!(agent.observe(&step(&HERE, 0, 1.0, &mask)).is_err());
    for (wrong, field) in [
        (QLearningConfig { power: 0.5, ..config() }, "power"),
        (QLearningConfig { discount_factor: 1.5, ..config() }, "discount_factor"),
        (QLearningConfig { initial_score: f64::NAN, ..config() }, "initial_score"),
        (QLearningConfig { epsilon: Linear::constant(2.0), ..config() }, "epsilon"),
    ] {
        assert!(wrong.validate().expect_err("out of range").to_string().contains(field));
    }
    Ok(())
}
