//! The CartPole log of a mixed controller: conservative learners and the clone must balance.

use super::{column, golden_folder, runs_slow, table};
use promopt_agents::offline::{
    BcqConfig, BehaviourCloning, CloningConfig, ConservativeQ, ConstrainedQ, CqlConfig, ImplicitQ,
    IqlConfig, OfflineLearner, fit,
};
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::log::SequenceColumns;
use promopt_policies::{LoggedDecisions, LoggedTable, Policy};
use rand::Rng;
use std::path::Path;

/// Updates, batch 64, as the reference figures of the fixture were made.
const UPDATES: u64 = 4_000;
const LARGEST_RETURN: u32 = 500;

fn load(folder: &Path) -> LoggedDecisions {
    let rows = table(&folder.join("log.csv"));
    let flags = |name| column(&rows, name).into_iter().map(|x| x == 1.0).collect();
    let features =
        ["cart_pos", "cart_vel", "pole_angle", "pole_vel"].map(|name| column(&rows, name));
    let n = rows.1.len();
    let observations = (0..n).flat_map(|row| features.iter().map(move |f| f[row] as f32));
    let trajectories: Vec<u32> = column(&rows, "episode").iter().map(|&x| x as u32).collect();
    LoggedDecisions::new(LoggedTable {
        n_features: 4,
        n_actions: 2,
        observations: observations.collect(),
        actions: column(&rows, "action").iter().map(|&x| x as usize).collect(),
        propensities: column(&rows, "propensity"),
        rewards: column(&rows, "reward"),
        clusters: trajectories.clone(),
        masks: None,
        sequence: Some(SequenceColumns {
            trajectories,
            steps: column(&rows, "t").iter().map(|&x| x as u32).collect(),
            terminated: flags("terminated"),
            truncated: flags("truncated"),
            ..SequenceColumns::default()
        }),
    })
    .expect("the fixture is a valid log")
}

/// Steps that a greedy policy balances the pole of Gymnasium's CartPole-v1 (Barto, Sutton and
/// Anderson 1983; Euler steps of 0.02 s in `f64`, observations in `f32`).
fn balance(policy: &dyn Policy, seed: SeedTree) -> u32 {
    let mut rng = seed.stream();
    let mut state: [f64; 4] = std::array::from_fn(|_| rng.random_range(-0.05..0.05));
    let all = ActionMask::all(2);
    for step in 0..LARGEST_RETURN {
        let [x, x_dot, theta, theta_dot] = state;
        let observation = state.map(|value| value as f32);
        let force =
            if policy.decide(&observation, &all, &mut rng).action == 1 { 10.0 } else { -10.0 };
        let (sin, cos) = theta.sin_cos();
        let inner = (force + 0.05 * theta_dot * theta_dot * sin) / 1.1;
        let angular = (9.8 * sin - cos * inner) / (0.5 * (4.0 / 3.0 - 0.1 * cos * cos / 1.1));
        let linear = inner - 0.05 * angular * cos / 1.1;
        state = [
            x + 0.02 * x_dot,
            x_dot + 0.02 * linear,
            theta + 0.02 * theta_dot,
            theta_dot + 0.02 * angular,
        ];
        if state[0].abs() > 2.4 || state[2].abs() > 12.0_f64.to_radians() {
            return step + 1;
        }
    }
    LARGEST_RETURN
}

/// Mean return of 100 greedy episodes that no learner has seen.
fn mean_return(policy: &dyn Policy) -> f64 {
    let seed = SeedTree::new(900_000).child("evaluation");
    let total: u32 = (0..100).map(|episode| balance(policy, seed.index(episode))).sum();
    f64::from(total) / 100.0
}

type Build = fn(&LoggedDecisions, SeedTree) -> Box<dyn OfflineLearner>;

#[test]
fn conservative_learners_and_the_clone_balance_the_pole() {
    let Some(root) = golden_folder().filter(|_| runs_slow()) else { return };
    let log = load(&root.join("o1_cartpole_offline"));
    let learners: [(&str, f64, Build); 5] = [
        ("CQL", 450.0, |log, seed| {
            Box::new(ConservativeQ::new(CqlConfig::default(), log, seed).expect("valid"))
        }),
        ("behaviour cloning", 450.0, |log, seed| {
            Box::new(BehaviourCloning::new(CloningConfig::default(), log, seed).expect("valid"))
        }),
        ("IQL", 0.0, |log, seed| {
            Box::new(ImplicitQ::new(IqlConfig::default(), log, seed).expect("valid"))
        }),
        ("BCQ", 0.0, |log, seed| {
            Box::new(ConstrainedQ::new(BcqConfig::default(), log, seed).expect("valid"))
        }),
        ("fitted Q", 0.0, |log, seed| {
            let config = CqlConfig { alpha: 0.0, ..CqlConfig::default() };
            Box::new(ConservativeQ::new(config, log, seed).expect("valid"))
        }),
    ];
    for (name, least, build) in learners {
        let start = std::time::Instant::now();
        let mut returns: Vec<f64> = (1..=3)
            .map(|seed| {
                let seed = SeedTree::new(seed);
                let mut learner = build(&log, seed);
                fit(&mut *learner, &log, UPDATES, seed, &mut |_, _| {}).expect("it learns");
                mean_return(&*learner.policy().expect("weights are finite"))
            })
            .collect();
        returns.sort_by(f64::total_cmp);
        let wall = start.elapsed().as_secs_f64();
        eprintln!("{name}: mean returns {returns:?} of 3 seeds, {UPDATES} updates, {wall:.1} s");
        assert!(returns[1] >= least, "{name}: median {} is below {least}", returns[1]);
    }
}
