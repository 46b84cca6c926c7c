//! Every combination of components learns the same small world, and defects seen elsewhere.

use super::super::config::{ErrorLoss, ReturnModel, TargetUpdate};
use super::*;
use crate::network::Backend;
use crate::replay::Priorities;
use crate::schedule::Linear;
use promopt_envs::diagnostic::Chain;
use promopt_envs::{BoxSpace, Env};
use rand::Rng;

fn spec(n_features: usize, n_actions: usize) -> EnvSpec {
    EnvSpec {
        id: "test".into(),
        observation_space: BoxSpace::new(vec![-9.0; n_features], vec![9.0; n_features]),
        n_actions,
        horizon: None,
    }
}

fn small() -> DqnConfig {
    DqnConfig {
        hidden: vec![16],
        discount_factor: 0.9,
        n_step: 2,
        warm_up: 64,
        replay_capacity: 1_000,
        batch_size: 32,
        learning_rate: Linear::constant(5e-3),
        target_update: TargetUpdate::Hard { every: 20 },
        epsilon: Linear { start: 1.0, end: 0.2, steps: 500 },
        ..DqnConfig::default()
    }
}

fn agent(config: DqnConfig, n_actions: usize) -> Result<DqnAgent, AgentError> {
    let normalisation = Normalisation::identity(3);
    DqnAgent::new(config, &spec(3, n_actions), normalisation, SeedTree::new(1).child("agent"))
}

/// Plays `steps` made-up transitions from step `from` on with an update after each.
fn play(agent: &mut DqnAgent, from: u64, steps: u64) -> Result<Vec<Decision>, AgentError> {
    let n_actions = agent.n_actions;
    let mut decisions = Vec::new();
    for step in from..from + steps {
        let mut rng = SeedTree::new(5).index(step).stream();
        let mut row = || [rng.random(), rng.random(), rng.random::<f32>()];
        let (observation, next_observation) = (row(), row());
        let mut mask = ActionMask::all(n_actions);
        mask.fill_with(|action| action != step as usize % (n_actions + 1));
        let decision = agent.act(&observation, &mask, &mut rng)?;
        decisions.push(decision);
        agent.observe(&Transition {
            lane: 0,
            observation: &observation,
            action: decision.action,
            reward: f64::from(observation[0]) * decision.action as f64,
            next_observation: &next_observation,
            next_mask: &mask,
            terminated: step % 7 == 0,
            truncated: step % 11 == 0,
        })?;
        agent.update()?;
    }
    Ok(decisions)
}

/// Every model of returns with every other switch both ways.
fn combinations() -> Vec<DqnConfig> {
    let models = [
        ReturnModel::Mean,
        ReturnModel::Categorical { n_atoms: 11, low: -1.0, high: 9.0 },
        ReturnModel::Quantile { n_quantiles: 5 },
    ];
    let mut all = Vec::new();
    for returns in models {
        for bits in 0..16 {
            all.push(DqnConfig {
                returns,
                double: bits & 1 > 0,
                dueling: bits & 2 > 0,
                noisy: (bits & 4 > 0).then_some(0.5),
                priorities: (bits & 8 > 0).then(Priorities::default),
                ..small()
            });
        }
    }
    all
}

#[test]
fn every_combination_fits_every_number_of_actions_and_exports_what_it_scores() {
    // Defect seen elsewhere: double learning that panics on a shape.
    for config in combinations() {
        for n_actions in [1, 2, 5] {
            let mut agent = agent(config.clone(), n_actions).expect("a valid configuration");
            play(&mut agent, 0, 80).expect("shapes fit");
            let Ok(Snapshot::Network(policy)) = agent.policy() else { panic!("a network") };
            policy.network.validate().expect("an export fits together");
            let observation = [0.3, -0.4, 1.0];
            let plain = policy.network.scores(&observation);
            let scores = agent.scores(&observation).expect("the length fits");
            for (plain, own) in plain.iter().zip(&scores) {
                assert!((plain - own).abs() < 1e-5, "{config:?}: {plain} {own}");
            }
        }
    }
}

#[test]
fn a_killed_and_resumed_agent_is_one_that_was_never_killed() -> Result<(), AgentError> {
    // Defects seen elsewhere: ε restarts, replay and random streams are missing.
    for config in combinations() {
        let mut whole = agent(config.clone(), 3)?;
        play(&mut whole, 0, 101)?;
        let mut archive = Archive::default();
        whole.save(&mut archive)?;
        let mut resumed = agent(config, 3)?;
        resumed.load(&Archive::from_bytes(&archive.to_bytes()?)?)?;
        assert_eq!(resumed.epsilon(), whole.epsilon());
        assert_eq!(play(&mut whole, 101, 30)?, play(&mut resumed, 101, 30)?);
        let (mut a, mut b) = (Archive::default(), Archive::default());
        whole.save(&mut a)?;
        resumed.save(&mut b)?;
        assert_eq!(a.to_bytes()?, b.to_bytes()?);
    }
    Ok(())
}

#[test]
fn another_configuration_is_refused_with_its_difference() -> Result<(), AgentError> {
    let mut archive = Archive::default();
    agent(small(), 3)?.save(&mut archive)?;
    let mut other = agent(DqnConfig { double: false, ..small() }, 3)?;
    let error = other.load(&archive).expect_err("another configuration").to_string();
    assert!(error.contains("double"), "{error}");
    Ok(())
}

#[test]
fn both_backends_learn_the_same() -> Result<(), AgentError> {
    for config in combinations().into_iter().step_by(3) {
        let mut native = agent(config.clone(), 3)?;
        let mut candle = agent(DqnConfig { backend: Backend::Candle, ..config }, 3)?;
        play(&mut native, 0, 75)?;
        play(&mut candle, 0, 75)?;
        let pairs = native.learner.online.parameters().iter();
        for (a, b) in pairs.zip(candle.learner.online.parameters()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
    Ok(())
}

#[test]
fn masked_actions_are_never_taken_and_propensities_never_vanish() -> Result<(), AgentError> {
    for config in combinations() {
        let mut agent = agent(config, 4)?;
        for (step, decision) in play(&mut agent, 0, 80)?.iter().enumerate() {
            assert_ne!(decision.action, step % 5);
            assert!(decision.propensity > 0.0 && decision.propensity <= 1.0 + 1e-12);
        }
    }
    Ok(())
}

#[test]
fn the_propensity_of_noisy_layers_is_how_often_they_decide_so() -> Result<(), AgentError> {
    // 200 rounds of 1 + 99 draws estimate the frequency p to ±√(p (1 − p) / 200) from the actions
    // and closer from the propensities, whose bias is at most 1/100: 4 · 0.035 + 0.01.
    let epsilon = Linear::constant(0.1);
    let config =
        DqnConfig { noisy: Some(2.0), propensity_draws: 99, epsilon, dueling: false, ..small() };
    let mut agent = agent(config, 2)?;
    let (mask, mut rng) = (ActionMask::all(2), SeedTree::new(3).stream());
    let (mut taken, mut claimed) = (0.0, 0.0);
    for _ in 0..200 {
        let decision = agent.act(&[0.2, 0.7, -0.1], &mask, &mut rng)?;
        let first = decision.action == 0;
        taken += f64::from(u8::from(first)) / 200.0;
        claimed += (if first { decision.propensity } else { 1.0 - decision.propensity }) / 200.0;
    }
    assert!(taken > 0.02 && taken < 0.98, "noise decides: {taken}");
    assert!((taken - claimed).abs() < 0.15, "{taken} {claimed}");
    Ok(())
}

#[test]
fn noise_alone_walks_the_chain() -> Result<(), AgentError> {
    // Without ε, 6 steps to the right must come from the noise.
    let mut env = Chain::new(6, true);
    let config = DqnConfig { noisy: Some(0.5), epsilon: Linear::constant(0.0), ..small() };
    let config = DqnConfig { loss: ErrorLoss::Squared, propensity_draws: 1, ..config };
    let normalisation = Normalisation::identity(6);
    let mut agent = DqnAgent::new(config, env.spec(), normalisation, SeedTree::new(2))?;
    let mut rng = SeedTree::new(2).stream();
    env.reset(Some(1));
    for episode in 1..=2_000_u64 {
        let observation = env.observation().to_vec();
        let decision = agent.act(&observation, env.action_mask(), &mut rng)?;
        let step = env.step(decision.action)?;
        agent.observe(&Transition {
            lane: 0,
            observation: &observation,
            action: decision.action,
            reward: step.reward,
            next_observation: env.observation(),
            next_mask: env.action_mask(),
            terminated: step.terminated,
            truncated: step.truncated,
        })?;
        agent.update()?;
        if step.is_last() {
            env.reset(Some(episode));
        }
    }
    for cell in 0..5 {
        let mut observation = [0.0; 6];
        observation[cell] = 1.0;
        let scores = agent.scores(&observation)?;
        assert!(scores[1] > scores[0], "{cell}: {scores:?}");
    }
    Ok(())
}

#[test]
fn random_actions_come_as_often_as_their_weights_say() -> Result<(), AgentError> {
    let epsilon = Linear::constant(1.0);
    let config = DqnConfig { epsilon, exploration_weights: vec![15.0, 1.0, 4.0], ..small() };
    assert!(matches!(agent(config.clone(), 2), Err(AgentError::Shape { .. })));
    let mut agent = agent(config, 3)?;
    let (mask, mut rng) = (ActionMask::all(3), SeedTree::new(3).stream());
    let mut first = 0.0;
    for _ in 0..400 {
        let decision = agent.act(&[0.2, 0.7, -0.1], &mask, &mut rng)?;
        let expected = [0.75, 0.05, 0.2][decision.action];
        assert!((decision.propensity - expected).abs() < 1e-12);
        first += f64::from(u8::from(decision.action == 0)) / 400.0;
    }
    // Four standard errors: 4 · √(0.75 · 0.25 / 400) = 0.087.
    assert!((first - 0.75).abs() < 0.087, "{first}");
    Ok(())
}
