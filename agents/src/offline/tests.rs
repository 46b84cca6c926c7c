//! Offline learners on logs small enough to work out by hand.

use super::pessimism::{Pessimism, plan};
use super::*;
use crate::dqn::TargetUpdate;
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::log::SequenceColumns;
use promopt_policies::{LoggedDecisions, LoggedTable, Policy};

/// One logged step: state, action, reward, whether it terminated.
type Row = (usize, usize, f64, bool);

/// Trajectories over two states (one-hot) and three actions; the masks allow what `allowed` says.
fn log(trajectories: &[Vec<Row>], allowed: impl Fn(usize, usize) -> bool) -> LoggedDecisions {
    let mut table = LoggedTable { n_features: 2, n_actions: 3, ..LoggedTable::default() };
    let (mut sequence, mut masks) = (SequenceColumns::default(), Vec::new());
    for (at, rows) in trajectories.iter().enumerate() {
        for (step, &(state, action, reward, terminated)) in rows.iter().enumerate() {
            table.observations.extend([f32::from(state == 0), f32::from(state == 1)]);
            masks.extend((0..3).map(|action| allowed(state, action)));
            table.actions.push(action);
            table.propensities.push(0.5);
            table.rewards.push(reward);
            table.clusters.push(at as u32);
            sequence.trajectories.push(at as u32);
            sequence.steps.push(step as u32);
            sequence.terminated.push(terminated);
            sequence.truncated.push(false);
        }
    }
    table.masks = Some(masks);
    table.sequence = Some(sequence);
    LoggedDecisions::new(table).expect("a valid log")
}

/// In state 0 action 0 earns 1 and ends, action 1 earns nothing and leads to state 1; there action
/// 0 earns 4 and action 1 earns 2, and both end. Action 2 is allowed and was never taken.
fn fork() -> LoggedDecisions {
    let direct = vec![(0, 0, 1.0, true)];
    let good = vec![(0, 1, 0.0, false), (1, 0, 4.0, true)];
    let poor = vec![(0, 1, 0.0, false), (1, 1, 2.0, true)];
    let rows: Vec<_> = (0..60).map(|i| [&direct, &good, &poor][i % 3].clone()).collect();
    log(&rows, |_, _| true)
}

fn network() -> NetworkConfig {
    NetworkConfig {
        hidden: vec![16],
        discount_factor: 0.5,
        batch_size: 32,
        target_update: TargetUpdate::Soft { rate: 0.05 },
        normalise: false,
        ..NetworkConfig::default()
    }
}

const STATES: [[f32; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];

fn actions(policy: &dyn Policy) -> [usize; 2] {
    let mut rng = SeedTree::new(0).stream();
    STATES.map(|state| policy.decide(&state, &ActionMask::all(3), &mut rng).action)
}

fn learned(learner: &mut dyn OfflineLearner, log: &LoggedDecisions) -> [usize; 2] {
    fit(learner, log, 1_500, SeedTree::new(3), &mut |_, _| {}).expect("it learns");
    actions(&*learner.policy().expect("weights are finite"))
}

#[test]
fn linear_fitted_q_is_the_hand_worked_table() {
    let fitted = LinearFitted::control(&LinearFittedConfig::tabular(0.5), &fork()).expect("small");
    // Q(0, 1) = 0 + 0.5 · max(4, 2); action 2 was never seen.
    let scores = STATES.map(|state| fitted.scores().scores(&state));
    assert_eq!(scores, [[1.0, 2.0, 0.0], [4.0, 2.0, 0.0]]);
    assert_eq!((fitted.sweeps(), actions(&fitted.policy())), ((2, true), [1, 0]));
}

#[test]
fn features_that_depend_on_each_other_do_not_break_the_regression() {
    let config = LinearFittedConfig { intercept: true, ..LinearFittedConfig::tabular(0.5) };
    let fitted = LinearFitted::control(&config, &fork()).expect("small");
    for (state, expected) in STATES.iter().zip([[1.0, 2.0], [4.0, 2.0]]) {
        let scores = fitted.scores().scores(state);
        assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{scores:?}");
    }
}

#[test]
fn a_masked_action_is_never_in_a_target() {
    // The better action of state 1 is forbidden there by a later mask: 0 + 0.5 · 2 remains.
    let mut table = Vec::new();
    for _ in 0..4 {
        table.push(vec![(0, 1, 0.0, false), (1, 1, 2.0, true)]);
    }
    let masked = log(&table, |state, action| state == 0 || action == 1);
    let fitted = LinearFitted::control(&LinearFittedConfig::tabular(0.5), &masked).expect("small");
    assert_eq!(fitted.scores().scores(&STATES[0])[1], 1.0);

    let config = CqlConfig { network: network(), alpha: 0.0 };
    let mut learner = ConservativeQ::new(config, &masked, SeedTree::new(1)).expect("valid");
    fit(&mut learner, &masked, 1_500, SeedTree::new(3), &mut |_, _| {}).expect("it learns");
    let policy = learner.q_policy().expect("weights are finite");
    // Unmasked, the scores of actions 0 and 2 in state 1 are whatever the weights started at.
    let score = policy.network.scores(&STATES[0])[1];
    assert!((score - 1.0).abs() < 0.02, "{score}");
    let only = ActionMask::from_flags(vec![false, false, true]).expect("one is allowed");
    let distribution = policy.distribution(&STATES[0], &only);
    assert_eq!(distribution.probabilities(), [0.0, 0.0, 1.0]);
}

#[test]
fn targets_bootstrap_through_a_cut_and_leave_out_what_is_unknown() {
    let cut = |next: Option<Vec<f32>>| {
        let sequence = SequenceColumns {
            trajectories: vec![0, 1],
            steps: vec![0, 0],
            terminated: vec![false, true],
            truncated: vec![true, false],
            next_observations: next,
            next_masks: None,
        };
        let log = LoggedDecisions::new(LoggedTable {
            n_features: 2,
            n_actions: 1,
            observations: STATES.concat(),
            actions: vec![0, 0],
            propensities: vec![1.0; 2],
            rewards: vec![1.0, 2.0],
            clusters: vec![0, 1],
            masks: None,
            sequence: Some(sequence),
        });
        let log = log.expect("a valid log");
        let fitted = LinearFitted::control(&LinearFittedConfig::tabular(0.5), &log);
        fitted.expect("small").scores().scores(&STATES[0])[0]
    };
    // 1 + 0.5 · 2 where the log says where the story went on.
    assert_eq!(cut(Some([STATES[1], STATES[0]].concat())), 2.0);
    // Neither 1 (as if it had ended) nor a guess: the row is left out.
    assert_eq!(cut(None), 0.0);
}

#[test]
fn network_learners_find_the_way_round() {
    let log = fork();
    let seed = SeedTree::new(1);
    let config = CqlConfig { network: network(), alpha: 0.1 };
    let mut cql = ConservativeQ::new(config, &log, seed).expect("valid");
    assert_eq!(learned(&mut cql, &log), [1, 0]);
    let config = BcqConfig { network: network(), ..BcqConfig::default() };
    let mut bcq = ConstrainedQ::new(config, &log, seed).expect("valid");
    assert_eq!(learned(&mut bcq, &log), [1, 0]);
    let config = IqlConfig { network: network(), expectile: 0.9, ..IqlConfig::default() };
    let mut iql = ImplicitQ::new(config, &log, seed).expect("valid");
    assert_eq!(learned(&mut iql, &log), [1, 0]);
}

#[test]
fn the_conservative_term_keeps_unseen_actions_below_seen_ones() {
    let log = fork();
    let config = CqlConfig { network: network(), alpha: 0.5 };
    let mut cql = ConservativeQ::new(config, &log, SeedTree::new(1)).expect("valid");
    fit(&mut cql, &log, 1_500, SeedTree::new(3), &mut |_, _| {}).expect("it learns");
    for state in STATES {
        let scores = cql.q_policy().expect("finite").network.scores(&state);
        assert!(scores[2] < scores[0].min(scores[1]), "{scores:?}");
    }
}

#[test]
fn a_clone_gives_the_logged_shares_and_masks_hold() {
    let log = fork();
    let config = CloningConfig { network: network() };
    let mut clone = BehaviourCloning::new(config, &log, SeedTree::new(1)).expect("valid");
    fit(&mut clone, &log, 1_500, SeedTree::new(3), &mut |_, _| {}).expect("it learns");
    let policy = clone.cloned_policy().expect("weights are finite");
    let all = ActionMask::all(3);
    let found = policy.distribution(&STATES[0], &all);
    // A third and two thirds of 60; batches of 32 at rate 0.001 leave a ripple far below 0.05.
    for (p, expected) in found.probabilities().iter().zip([1.0 / 3.0, 2.0 / 3.0, 0.0]) {
        assert!((p - expected).abs() < 0.05, "{found:?}");
    }
    let mask = ActionMask::from_flags(vec![true, false, true]).expect("two are allowed");
    let masked = policy.distribution(&STATES[0], &mask);
    assert_eq!(masked.probabilities()[1], 0.0);
    assert!((masked.probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let shares = TabularLog::new(&log).expect("it has trajectories").behaviour();
    // State 1 has the smaller bits: its rows come first.
    assert_eq!(shares[..3], [0.5, 0.5, 0.0]);
}

#[test]
fn evaluations_by_network_and_table_agree() {
    let log = fork();
    let policy = promopt_policies::Fixed::new("one", 1);
    let table = LinearFitted::evaluate(&LinearFittedConfig::tabular(0.5), &log, &policy);
    let exact = table.expect("small").value(&log, &policy).expect("it has trajectories").value;
    // Action 1 twice: 0 + 0.5 · 2.
    assert_eq!(exact, 1.0);
    let config = FqeConfig { network: network() };
    let seed = SeedTree::new(5);
    let fitted = FittedEvaluation::fit(&config, &log, &policy, 1_500, seed, &mut |_, _| {});
    let value = fitted.expect("it learns").value(&log, &policy).expect("it has trajectories");
    assert!((value.value - exact).abs() < 0.02, "{value:?}");
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let log = fork();
    let weights = |seed: u64| {
        let seed = SeedTree::new(seed);
        let config = IqlConfig { network: network(), ..IqlConfig::default() };
        let mut learner = ImplicitQ::new(config, &log, seed).expect("valid");
        fit(&mut learner, &log, 50, seed, &mut |_, _| {}).expect("it learns");
        learner.q_policy().expect("weights are finite")
    };
    assert_eq!(weights(1), weights(1));
    assert_ne!(weights(1), weights(2));
}

#[test]
fn doubt_avoids_the_action_that_was_lucky_once() {
    // Action 0 earned 1 in 50 of 50, action 1 earned 1.5 once.
    let mut rows: Vec<_> = (0..50).map(|_| vec![(0, 0, 1.0, true)]).collect();
    rows.push(vec![(0, 1, 1.5, true)]);
    let table = TabularLog::new(&log(&rows, |_, _| true)).expect("it has trajectories");
    let horizon = Horizon::Steps(1);
    let sure = table.maximum_likelihood().plan(1.0, horizon).expect("one step");
    assert_eq!(sure.action(0, 0), 1);
    // 1 − 1/√50 = 0.86 against 1.5 − 1.
    assert_eq!(table.penalised(1.0).plan(1.0, horizon).expect("one step").action(0, 0), 0);
    let draws = table.posterior_draws(20, 1.0, SeedTree::new(1));
    // Half of the second action is the unknown: 0.75 against 50/51.
    let careful = plan(draws.as_slice(), 1.0, horizon, Pessimism::Percentile(0.1));
    assert_eq!(careful.expect("one step").action(0, 0), 0);
}

#[test]
fn a_discounted_plan_is_the_fixed_point_and_travels_as_a_policy() {
    let table = TabularLog::new(&fork()).expect("it has trajectories");
    let horizon = Horizon::Discounted { tolerance: 1e-12 };
    let plan = table.maximum_likelihood().plan(0.5, horizon).expect("γ is below 1");
    let state = |at: usize| table.states().state(&STATES[at]).expect("it was seen");
    assert!((plan.value(state(0)) - 2.0).abs() < 1e-9);
    assert!((plan.value(state(1)) - 4.0).abs() < 1e-9);
    assert_eq!(actions(&plan.into_policy(table.states().clone())), [1, 0]);
    assert!(table.maximum_likelihood().plan(1.0, horizon).is_err());
}

#[test]
fn settings_out_of_range_are_named_and_logs_without_trajectories_refused() {
    let log = fork();
    let named = |error: crate::AgentError, field: &str| {
        let message = error.to_string();
        assert!(message.contains(field), "{message}");
    };
    let wide = NetworkConfig { discount_factor: 1.1, ..network() };
    let config = CqlConfig { network: wide, alpha: 1.0 };
    let seed = SeedTree::new(1);
    named(ConservativeQ::new(config, &log, seed).expect_err("γ"), "discount_factor");
    let config = CqlConfig { alpha: f64::NAN, ..CqlConfig::default() };
    named(ConservativeQ::new(config, &log, seed).expect_err("α"), "alpha");
    let config = BcqConfig { threshold: 2.0, ..BcqConfig::default() };
    named(ConstrainedQ::new(config, &log, seed).expect_err("threshold"), "threshold");
    let config = IqlConfig { expectile: 1.0, ..IqlConfig::default() };
    named(ImplicitQ::new(config, &log, seed).expect_err("τ"), "expectile");
    let contextual = LoggedDecisions::new(LoggedTable {
        n_features: 1,
        n_actions: 1,
        observations: vec![0.0; 2],
        actions: vec![0; 2],
        propensities: vec![1.0; 2],
        rewards: vec![0.0; 2],
        clusters: vec![0, 1],
        ..LoggedTable::default()
    });
    let contextual = contextual.expect("a valid log");
    named(Sampler::new(&contextual).expect_err("rows stand alone"), "trajectories");
    assert!(serde_json::from_str::<CqlConfig>(r#"{"beta": 1.0}"#).is_err());
}
