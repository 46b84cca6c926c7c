//! The bootstrap's spread is that of theory, whatever is drawn and however it is grouped.

use super::super::estimator::{IPS, SNDR, SNIPS};
use super::*;
use rand::Rng;

/// Rewards near 5 with weights that vary: self-normalising removes most of the variance.
fn log(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut rng = SeedTree::new(5).stream();
    let weights = (0..n).map(|_| 2.0 * rng.random::<f64>()).collect();
    ((0..n).map(|_| 5.0 + rng.random::<f64>()).collect(), weights)
}

fn run(settings: Bootstrap, estimator: Estimator, units: Units<'_>, n: usize) -> Resampled {
    let (rewards, weights) = log(n);
    let rounds = Rounds::new(&rewards, weights).expect("valid");
    settings.run(&estimator, &rounds, units, SeedTree::new(9)).expect("valid")
}

#[test]
fn self_normalised_estimates_are_renormalised_in_every_resample() {
    let (rewards, weights) = log(2_000);
    let rounds = Rounds::new(&rewards, weights).expect("valid");
    let settings = Bootstrap { n_resamples: 2_000, ..Default::default() };
    let fixed = Bootstrap { fixed_normaliser: true, ..settings };
    // The standard error of a standard deviation from 2,000 resamples is 1/sqrt(4000) = 1.6 % of
    // it, so 4 se = 6.4 %.
    for estimator in [SNIPS, SNDR, IPS] {
        let theory = estimator.influence(&rounds).expect("weight").standard_error();
        let ours = run(settings, estimator, Units::Rounds, 2_000).interval.standard_error;
        assert!((ours / theory - 1.0).abs() < 0.064, "{estimator}: {ours} beside {theory}");
    }
    let ours = run(settings, SNIPS, Units::Rounds, 2_000).interval.standard_error;
    let theirs = run(fixed, SNIPS, Units::Rounds, 2_000).interval.standard_error;
    assert!(theirs > 5.0 * ours, "the reference is too wide here: {theirs} beside {ours}");
}

#[test]
fn groups_of_rounds_spread_as_the_rounds_do() {
    let settings = Bootstrap { n_resamples: 2_000, ..Default::default() };
    let grouped = Bootstrap { max_units: 1 << 11, ..settings };
    for estimator in [IPS, SNIPS, SNDR] {
        let each = run(settings, estimator, Units::Rounds, 30_000);
        let some = run(grouped, estimator, Units::Rounds, 30_000);
        assert_eq!((each.n_units, some.n_units), (30_000, 1 << 11));
        // Two times 1.6 % from the resamples and 1/sqrt(2·2048) = 1.6 % from the groups: together
        // sqrt(3)·1.6 % = 2.7 %, so 4 se = 11 %.
        let ratio = some.interval.standard_error / each.interval.standard_error;
        assert!((ratio - 1.0).abs() < 0.11, "{estimator}: {ratio}");
        let off = (some.mean - each.mean).abs();
        assert!(off < 4.0 * each.interval.standard_error * (2.0_f64 / 2_000.0).sqrt());
    }
}

#[test]
fn customers_are_drawn_whole() {
    // Every customer has the same round ten times: the spread is that of 300 rounds, not 3,000.
    let (rewards, weights) = log(300);
    let repeat = |values: &[f64]| values.iter().flat_map(|x| [*x; 10]).collect::<Vec<f64>>();
    let (rewards, weights) = (repeat(&rewards), repeat(&weights));
    let ranks: Vec<usize> = (0..3_000).map(|row| row / 10).collect();
    let rounds = Rounds::new(&rewards, weights).expect("valid");
    let settings = Bootstrap { n_resamples: 2_000, ..Default::default() };
    let units = Units::Customers { ranks: &ranks, n: 300 };
    let found = settings.run(&IPS, &rounds, units, SeedTree::new(9)).expect("valid");
    let alone = run(settings, IPS, Units::Rounds, 300);
    let ratio = found.interval.standard_error / alone.interval.standard_error;
    // Two independent sets of resamples: sqrt(2)·1.6 %, so 4 se = 9 %.
    assert!((ratio - 1.0).abs() < 0.09, "{ratio}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let settings = Bootstrap { n_resamples: 64, ..Default::default() };
    let found = || run(settings, SNIPS, Units::Rounds, 501);
    assert_eq!(alone.install(found), found());
}

#[test]
fn resamples_without_weight_are_counted_and_settings_checked() {
    let rewards = [1.0, 2.0, 3.0, 4.0];
    let rounds = Rounds::new(&rewards, vec![0.0, 0.0, 0.0, 1.0]).expect("valid");
    let settings = Bootstrap::default();
    let found = settings.run(&SNIPS, &rounds, Units::Rounds, SeedTree::new(1)).expect("valid");
    // P(no weight) = (3/4)⁴ = 0.316, with standard error sqrt(0.316·0.684/1000) = 0.0147.
    assert!((found.n_undefined as f64 / 1_000.0 - 0.316).abs() < 4.0 * 0.0147);
    assert_eq!((found.interval.lower, found.interval.upper), (4.0, 4.0));
    for wrong in [
        Bootstrap { level: 1.0, ..settings },
        Bootstrap { n_resamples: 1, ..settings },
        Bootstrap { max_units: 1, ..settings },
    ] {
        assert!(wrong.run(&IPS, &rounds, Units::Rounds, SeedTree::new(1)).is_err());
    }
}

#[test]
fn quantiles_are_linear_between_the_numbers() {
    assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
    assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
    assert_eq!(quantile(&[1.0], 0.9), 1.0);
}
