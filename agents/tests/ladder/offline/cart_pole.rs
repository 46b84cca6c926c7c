//! The CartPole log of a mixed controller: conservative learners and the clone must balance.

use super::{column, golden_folder, runs_slow, table};
use promopt_agents::offline::{
    BcqConfig, BehaviourCloning, CloningConfig, ConservativeQ, ConstrainedQ, CqlConfig, ImplicitQ,
    IqlConfig, OfflineLearner, fit,
};
use promopt_envs::classic::CartPole;
use promopt_envs::{Env, SeedTree};
use promopt_policies::log::SequenceColumns;
use promopt_policies::{LoggedDecisions, LoggedTable, Policy};
use std::path::Path;

/// Updates, batch 64, as the reference figures of the fixture were made.
const UPDATES: u64 = 4_000;

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

/// Return of one episode of a greedy policy.
fn balance(policy: &dyn Policy, seed: SeedTree) -> f64 {
    let (mut env, mut rng, mut total) = (CartPole::new(), seed.stream(), 0.0);
    env.reset(Some(seed.seed()));
    loop {
        let decision = policy.decide(env.observation(), env.action_mask(), &mut rng);
        let step = env.step(decision.action).expect("the action is allowed");
        total += step.reward;
        if step.is_last() {
            return total;
        }
    }
}

/// Mean return of 100 greedy episodes that no learner has seen.
fn mean_return(policy: &dyn Policy) -> f64 {
    let seed = SeedTree::new(900_000).child("evaluation");
    (0..100).map(|episode| balance(policy, seed.index(episode))).sum::<f64>() / 100.0
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
