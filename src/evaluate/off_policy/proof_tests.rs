//! Estimators hold what they promise, on generated logs with known truth: coverage, unbiasedness,
//! and errors in the order that theory gives.
//!
//! 120 logs by default, 1,000 with `RUN_SLOW=1`.

use super::*;
use crate::logged::{LoggedDecisions, LoggedTable};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rayon::prelude::*;

/// Rounds per log.
const ROUNDS: usize = 600;
const ACTIONS: usize = 3;

fn logs() -> usize {
    if std::env::var_os("RUN_SLOW").is_some_and(|word| word == "1") { 1_000 } else { 120 }
}

/// Four standard errors of a share of 0.95 among the logs: 0.028 for 1,000, 0.080 for 120.
fn coverage_slack() -> f64 {
    4.0 * (0.95 * 0.05 / logs() as f64).sqrt()
}

/// Mean reward of action `a` for context `x` in {−1, 1}: not linear in (x, onehot(a)).
fn mean_reward(x: f64, action: usize) -> f64 {
    [0.0, 0.5 + 0.5 * x, 1.0 - x][action]
}

fn logging(x: f64) -> [f64; ACTIONS] {
    if x > 0.0 { [0.5, 0.2, 0.3] } else { [0.3, 0.4, 0.3] }
}

fn target(x: f64) -> [f64; ACTIONS] {
    if x > 0.0 { [0.1, 0.8, 0.1] } else { [0.1, 0.2, 0.7] }
}

/// `½ Σ_x Σ_a target(a|x) mean(x, a)`: at 1 it is 0.8·1 + 0.1·0 = 0.8, at −1 it is 0.2·0 + 0.7·2 =
/// 1.4, so the truth is 1.1. Logging brings ½ (0.2·1) + ½ (0.3·2) = 0.4.
const TRUTH: f64 = 1.1;
const LOGGED: f64 = 0.4;

/// Noise with mean 0 and standard deviation 1.
fn noise(rng: &mut Stream) -> f64 {
    (rng.random::<f64>() - 0.5) * 12.0_f64.sqrt()
}

/// Customers with four rounds each and an effect of their own, so that rounds are not independent.
fn simulate(seed: u64, own_effect: f64) -> LoggedDecisions {
    let mut rng = SeedTree::new(11).index(seed).stream();
    let mut table = LoggedTable { n_features: 1, n_actions: ACTIONS, ..LoggedTable::default() };
    let mut own = 0.0;
    for round in 0..ROUNDS {
        if round % 4 == 0 {
            own = own_effect * noise(&mut rng);
        }
        let x = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let u: f64 = rng.random();
        let [first, second, _] = logging(x);
        let action = usize::from(u >= first) + usize::from(u >= first + second);
        table.observations.push(x as f32);
        table.actions.push(action);
        table.propensities.push(logging(x)[action]);
        table.rewards.push(mean_reward(x, action) + own + 0.5 * noise(&mut rng));
        table.clusters.push(round as u32 / 4);
    }
    LoggedDecisions::new(table).expect("the simulated log is valid")
}

/// What `read` makes of every log, with a cross-fitted model that cannot be right.
fn over_logs<T: Send>(own_effect: f64, read: impl Fn(&OpeInput<'_>, u64) -> T + Sync) -> Vec<T> {
    let each = |seed: usize| {
        let log = simulate(seed as u64, own_effect);
        let rows = (0..log.len()).flat_map(|row| target(f64::from(log.observation(row)[0])));
        let target = TargetProbabilities::new(rows.collect(), &log).expect("rows sum to one");
        let settings = RewardModelSettings::default();
        let predictions = RewardPredictions::cross_fit(&log, &settings).expect("it can be fitted");
        let input = OpeInput::new(&log, &target, &predictions).expect("they belong together");
        read(&input, seed as u64)
    };
    (0..logs()).into_par_iter().map(each).collect()
}

fn coverage(intervals: &[Interval], truth: f64) -> f64 {
    let covered = intervals.iter().filter(|i| i.lower <= truth && truth <= i.upper).count();
    covered as f64 / intervals.len() as f64
}

const UNBIASED: [Estimator; 4] = [IPS, SNIPS, DR, SNDR];

#[test]
fn clustered_intervals_cover_and_ips_and_dr_are_unbiased() {
    for estimator in UNBIASED {
        let found = over_logs(1.0, |input, _| estimate(&estimator, input, 0.95).expect("valid"));
        let values: Vec<Interval> = found.iter().map(|found| found.value).collect();
        let uplifts: Vec<Interval> = found.iter().map(|found| found.uplift).collect();
        let estimates: Vec<f64> = values.iter().map(|interval| interval.estimate).collect();
        let moments = Summary::of(&estimates).moments;
        let error = moments.variance_of_mean().sqrt();
        assert!((moments.mean - TRUTH).abs() < 4.0 * error, "{estimator}: {moments:?}");
        for (intervals, truth) in [(values, TRUTH), (uplifts, TRUTH - LOGGED)] {
            let share = coverage(&intervals, truth);
            assert!((share - 0.95).abs() < coverage_slack(), "{estimator}: covers {share}");
        }
    }
}

#[test]
fn bootstrap_and_t_intervals_cover_for_independent_rounds() {
    let settings = Bootstrap { n_resamples: 400, ..Bootstrap::default() };
    for estimator in UNBIASED {
        let found = over_logs(0.0, |input, seed| {
            let seeds = SeedTree::new(12).index(seed);
            let rounds = input.rounds();
            let resampled = settings.run(&estimator, rounds, Units::Rounds, seeds);
            let influence = estimator.influence(rounds).expect("there is weight");
            let effect = influence.effect(0.95);
            let (standard_error, level) = (effect.standard_error, effect.level);
            let (lower, upper) = (effect.lower, effect.upper);
            let linear =
                Interval { estimate: effect.estimate, lower, upper, level, standard_error };
            (resampled.expect("there is weight").interval, linear)
        });
        let (resampled, linear): (Vec<Interval>, Vec<Interval>) = found.into_iter().unzip();
        for (intervals, kind) in [(resampled, "bootstrap"), (linear, "delta method")] {
            let share = coverage(&intervals, TRUTH);
            assert!((share - 0.95).abs() < coverage_slack(), "{estimator}, {kind}: covers {share}");
        }
    }
}

#[test]
fn bootstrap_of_customers_covers_where_rounds_depend() {
    let settings = Bootstrap { n_resamples: 400, ..Bootstrap::default() };
    let found = over_logs(1.0, |input, seed| {
        let (ranks, n) = (input.log().cluster_ranks(), input.log().n_clusters());
        let seeds = SeedTree::new(13).index(seed);
        let units = Units::Customers { ranks, n };
        settings.run(&DR, input.rounds(), units, seeds).expect("there is weight").interval
    });
    let share = coverage(&found, TRUTH);
    assert!((share - 0.95).abs() < coverage_slack(), "covers {share}");
}

#[test]
fn guaranteed_bounds_never_miss_more_often_than_they_say() {
    // Weights are at most 4 and rewards within 2 + 0.5·√3 of 0: w r is within ±11.5.
    let range = Range::Known(-11.5, 11.5);
    for bound in [Bound::Hoeffding(range), Bound::EmpiricalBernstein(range)] {
        let found = over_logs(0.0, |input, _| {
            let summary = IPS.summary(input.rounds()).expect("plain");
            summary.interval(bound, 0.95).expect("the range holds")
        });
        let share = coverage(&found, TRUTH);
        assert!(share >= 0.95 - coverage_slack(), "{bound:?}: covers {share}");
    }
}

/// Mean squared errors and the standard error of the mean of their differences to the first.
fn squared_errors(estimators: &[Estimator]) -> Vec<Vec<f64>> {
    let of = |estimator: &Estimator| {
        over_logs(0.0, |input, _| {
            let found = estimator.summary(input.rounds()).expect("there is weight");
            (found.moments.mean - TRUTH).powi(2)
        })
    };
    estimators.iter().map(of).collect()
}

#[test]
fn errors_are_in_the_order_of_theory() {
    // Self-normalising and a fair model remove variance that plain IPS has; the model alone is
    // biased here, and so is a clip at 1, while a clip above the largest weight changes nothing.
    let errors = squared_errors(&[
        IPS,
        SNIPS,
        DR,
        DM,
        Estimator::of(Weighting::Clipped(1.0), false),
        Estimator::of(Weighting::Clipped(4.1), false),
    ]);
    let less = |a: usize, b: usize| {
        let gap: Vec<f64> = errors[b].iter().zip(&errors[a]).map(|(b, a)| b - a).collect();
        let moments = Summary::of(&gap).moments;
        // Two standard errors: the order of each pair is a one-sided claim, and holds by far.
        assert!(
            moments.mean > 2.0 * moments.variance_of_mean().sqrt(),
            "{a} below {b}: {moments:?}"
        );
    };
    less(1, 0);
    less(2, 0);
    less(2, 3);
    less(0, 4);
    assert_eq!(errors[0], errors[5]);
}

#[test]
fn a_useless_model_leaves_dr_with_ips() {
    let log = simulate(0, 1.0);
    let rows = (0..log.len()).flat_map(|row| target(f64::from(log.observation(row)[0])));
    let target = TargetProbabilities::new(rows.collect(), &log).expect("rows sum to one");
    let nothing = RewardPredictions::new(vec![0.0; ACTIONS * log.len()], &log).expect("they fit");
    let input = OpeInput::new(&log, &target, &nothing).expect("they belong together");
    let found = |estimator| estimate(&estimator, &input, 0.95).expect("the level is valid");
    assert_eq!(found(IPS), found(DR));
    let report = judge_logged(&input, true, 0.95).expect("the level is valid");
    let choice = report.choice.expect("overlap is ample");
    assert!(report.estimates.iter().any(|row| row.estimator == choice.estimator));
}
