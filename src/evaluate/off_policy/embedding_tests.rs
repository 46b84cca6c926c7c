//! Marginal weights against what they reduce to, and the search against a path by hand.

use super::super::estimator::{DR, IPS};
use super::super::rounds::Rounds;
use super::*;
use crate::logged::{LoggedDecisions, LoggedTable};
use promopt_envs::SeedTree;
use rand::Rng;

const ACTIONS: usize = 6;
const LOGGING: [f64; ACTIONS] = [0.3, 0.1, 0.1, 0.2, 0.2, 0.1];
const TARGET: [f64; ACTIONS] = [0.05, 0.35, 0.3, 0.05, 0.05, 0.2];
/// Two clusters, within which the reward is the same.
const CLUSTER: [u32; ACTIONS] = [0, 0, 0, 1, 1, 1];

fn simulate(n: usize, within: f64) -> LoggedDecisions {
    let mut rng = SeedTree::new(21).stream();
    let mut table = LoggedTable { n_actions: ACTIONS, ..LoggedTable::default() };
    for row in 0..n {
        let mut u: f64 = rng.random();
        let action = LOGGING
            .iter()
            .position(|p| {
                u -= p;
                u < 0.0
            })
            .unwrap_or(ACTIONS - 1);
        table.actions.push(action);
        table.propensities.push(LOGGING[action]);
        let effect = f64::from(CLUSTER[action]) + within * action as f64;
        table.rewards.push(effect + rng.random::<f64>() - 0.5);
        table.clusters.push(row as u32);
    }
    LoggedDecisions::new(table).expect("valid")
}

fn policy(probabilities: [f64; ACTIONS], log: &LoggedDecisions) -> TargetProbabilities {
    let groups = vec![0; log.len()];
    TargetProbabilities::by_group(probabilities.to_vec(), groups, log).expect("it sums to one")
}

fn truth(within: f64) -> f64 {
    let effect = |a: usize| f64::from(CLUSTER[a]) + within * a as f64;
    (0..ACTIONS).map(|a| TARGET[a] * effect(a)).sum()
}

#[test]
fn an_embedding_that_tells_actions_apart_gives_their_weights() {
    let log = simulate(50, 0.0);
    let (target, logging) = (policy(TARGET, &log), policy(LOGGING, &log));
    let own: Vec<u32> = (0..ACTIONS as u32).collect();
    let dimension = Dimension::certain(&own, log.actions()).expect("valid");
    let found = marginal_weights(&target, &logging, &[&dimension]).expect("valid");
    let plain = target.weights(&log).expect("they fit");
    assert!(found.iter().zip(plain).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn mips_has_less_variance_than_ips_and_offcem_no_bias_from_within_clusters() {
    let n = 20_000;
    for within in [0.0, 0.3] {
        let log = simulate(n, within);
        let (target, logging) = (policy(TARGET, &log), policy(LOGGING, &log));
        let cluster = Dimension::certain(&CLUSTER, log.actions()).expect("valid");
        let marginal = marginal_weights(&target, &logging, &[&cluster]).expect("valid");
        let own = target.weights(&log).expect("they fit");
        // A model that is off by the cluster, but right within.
        let model = |a: usize| within * a as f64 + 0.4;
        let logged: Vec<f64> = log.actions().iter().map(|&a| model(a)).collect();
        let value: f64 = (0..ACTIONS).map(|a| TARGET[a] * model(a)).sum();
        let ips = Rounds::new(log.rewards(), own).expect("valid");
        let offcem = Rounds::with_model(log.rewards(), marginal, logged, vec![value; n]);
        let offcem = offcem.expect("valid");
        let ips = IPS.influence(&ips).expect("weight");
        let mips = IPS.influence(&offcem).expect("weight");
        let cem = DR.influence(&offcem).expect("weight");
        assert!(mips.standard_error() < ips.standard_error());
        assert!((cem.value - truth(within)).abs() < 4.0 * cem.standard_error(), "{}", cem.value);
        let off = (mips.value - truth(within)).abs();
        assert_eq!(off < 4.0 * mips.standard_error(), within == 0.0, "MIPS needs the assumption");
    }
}

#[test]
fn the_last_dimension_that_agrees_can_be_chosen() {
    let log = simulate(5_000, 0.0);
    let (target, logging) = (policy(TARGET, &log), policy(LOGGING, &log));
    let own: Vec<u32> = (0..ACTIONS as u32).collect();
    let dimensions = [
        Dimension::certain(&own, log.actions()).expect("valid"),
        Dimension::certain(&CLUSTER, log.actions()).expect("valid"),
    ];
    for search in [Search::Exact, Search::Greedy] {
        let found = select_dimensions(log.rewards(), &target, &logging, &dimensions, search, 0.05);
        let found = found.expect("valid");
        assert_eq!(found.stopped_by, None);
        assert_eq!(found.chosen().dimensions, [1], "the cluster alone is narrowest");
    }
}

#[test]
fn impossible_embeddings_and_broken_tables_are_refused() {
    let log = simulate(20, 0.0);
    assert!(Dimension::new(2, &[0.5, 0.6], vec![0]).is_err());
    assert!(Dimension::new(2, &[0.5, 0.5], vec![2]).is_err());
    assert!(Dimension::certain(&[0, 1], log.actions()).is_err());
    let never = policy([0.0, 0.0, 0.0, 0.5, 0.5, 0.0], &log);
    let cluster = Dimension::certain(&CLUSTER, log.actions()).expect("valid");
    assert!(marginal_weights(&policy(TARGET, &log), &never, &[&cluster]).is_err());
    assert!(marginal_weights(&never, &never, &[]).is_err());
    assert_eq!(subsets(&[0, 1, 2], 2), [[0, 1], [0, 2], [1, 2]]);
}
