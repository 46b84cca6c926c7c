//! Intervals hold what they promise: bias and coverage on logs and tests with known truth.

use super::*;
use promopt_envs::{SeedTree, Stream};
use rand::Rng;

const CUSTOMERS: u32 = 150;
const DECISIONS: usize = 4;
/// Repetitions of the logs; the standard error of a coverage of 0.95 is sqrt(0.95·0.05/200) =
/// 0.0154, so 4 se = 0.0616.
const REPETITIONS: u64 = 200;
const COVERAGE_SLACK: f64 = 0.0616;

/// Mean reward of action `a` for context `x` in {−1, 1}: not linear in (x, onehot(a)).
fn mean_reward(x: f64, action: usize) -> f64 {
    [0.0, 0.5 + 0.5 * x, 1.0 - x][action]
}

fn logging(x: f64) -> [f64; 3] {
    if x > 0.0 { [0.5, 0.2, 0.3] } else { [0.3, 0.4, 0.3] }
}

fn target(x: f64) -> [f64; 3] {
    if x > 0.0 { [0.1, 0.8, 0.1] } else { [0.1, 0.2, 0.7] }
}

/// `½ Σ_x Σ_a target(a|x) mean(x, a)`: at 1 it is 0.8·1 + 0.1·0 = 0.8, at −1 it is 0.2·0 + 0.7·2 =
/// 1.4, so the truth is 1.1.
const TRUTH: f64 = 1.1;

/// Noise with mean 0 and standard deviation 1.
fn noise(rng: &mut Stream) -> f64 {
    (rng.random::<f64>() - 0.5) * 12.0_f64.sqrt()
}

/// Customers with an effect of their own, so that their decisions are not independent.
fn simulate_log(rng: &mut Stream) -> LoggedDecisions {
    let mut table = LoggedTable { n_features: 1, n_actions: 3, ..LoggedTable::default() };
    for customer in 0..CUSTOMERS {
        let own = noise(rng);
        for _ in 0..DECISIONS {
            let x = if rng.random::<bool>() { 1.0 } else { -1.0 };
            let u: f64 = rng.random();
            let [first, second, _] = logging(x);
            let action = usize::from(u >= first) + usize::from(u >= first + second);
            table.observations.push(x as f32);
            table.actions.push(action);
            table.propensities.push(logging(x)[action]);
            table.rewards.push(mean_reward(x, action) + own + 0.5 * noise(rng));
            table.clusters.push(customer);
        }
    }
    LoggedDecisions::new(table).expect("the simulated log is valid")
}

#[test]
fn ips_snips_and_dr_are_unbiased_and_their_intervals_cover() {
    let settings = RewardModelSettings::default();
    let mut found: [Vec<Interval>; 3] = Default::default();
    let mut uplift_covered = 0;
    for repetition in 0..REPETITIONS {
        let log = simulate_log(&mut SeedTree::new(11).index(repetition).stream());
        let rows = (0..log.len()).flat_map(|row| target(f64::from(log.observation(row)[0])));
        let target = TargetProbabilities::new(rows.collect(), &log).expect("rows sum to one");
        let predictions = RewardPredictions::cross_fit(&log, &settings).expect("it can be fitted");
        let input = OpeInput::new(&log, &target, &predictions).expect("they belong together");
        let report = judge_logged(&input, true, DEFAULT_LEVEL).expect("the level is valid");
        for (kept, name) in found.iter_mut().zip(["ips", "snips", "dr"]) {
            let row = report.estimates.iter().find(|row| row.estimator == name);
            kept.push(row.expect("overlap is ample").value);
        }
        // Logging brings ½ (0.2·1 + 0) + ½ (0 + 0.3·2) = 0.4.
        let uplift = report.estimates[3].uplift;
        uplift_covered += u32::from(uplift.lower <= TRUTH - 0.4 && TRUTH - 0.4 <= uplift.upper);
    }
    for (intervals, name) in found.iter().zip(["ips", "snips", "dr"]) {
        let n = intervals.len() as f64;
        let estimates: Vec<f64> = intervals.iter().map(|i| i.estimate).collect();
        let centre = interval::mean(&estimates);
        let spread = estimates.iter().map(|e| (e - centre).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (spread / n).sqrt();
        assert!((centre - TRUTH).abs() < 4.0 * error, "{name}: {centre} ± {error}");
        let covers = |i: &&Interval| i.lower <= TRUTH && TRUTH <= i.upper;
        let coverage = intervals.iter().filter(covers).count() as f64 / n;
        assert!((coverage - 0.95).abs() < COVERAGE_SLACK, "{name}: coverage {coverage}");
    }
    let coverage = f64::from(uplift_covered) / REPETITIONS as f64;
    assert!((coverage - 0.95).abs() < COVERAGE_SLACK, "uplift: coverage {coverage}");
}

#[test]
fn dr_survives_a_useless_reward_model_and_beats_ips_with_a_fitted_one() {
    let log = simulate_log(&mut SeedTree::new(12).stream());
    let rows = (0..log.len()).flat_map(|row| target(f64::from(log.observation(row)[0])));
    let target = TargetProbabilities::new(rows.collect(), &log).expect("rows sum to one");
    let error_of = |predictions: &RewardPredictions, estimator: &dyn Estimator| {
        let input = OpeInput::new(&log, &target, predictions).expect("they belong together");
        estimator::estimate(estimator, &input, 0.95).expect("the level is valid").value
    };
    let nothing = RewardPredictions::new(vec![0.0; 3 * log.len()], &log).expect("they fit");
    let ips = error_of(&nothing, &InversePropensity);
    assert_eq!(ips, error_of(&nothing, &DoublyRobust));
    let settings = RewardModelSettings { interactions: vec![0], ..Default::default() };
    let fitted = RewardPredictions::cross_fit(&log, &settings).expect("it can be fitted");
    assert!(error_of(&fitted, &DoublyRobust).standard_error < ips.standard_error);
}

/// Share of simulated tests whose interval holds the effect in one more world of the posterior.
fn paired_coverage(world_spread: f64, noise_spread: f64, repetitions: u64) -> f64 {
    let (customers, worlds) = (100_usize, 5_usize);
    let everyone: Vec<usize> = (0..customers).collect();
    let mut covered = 0;
    for repetition in 0..repetitions {
        let mut rng = SeedTree::new(13).index(repetition).stream();
        let own: Vec<f64> = everyone.iter().map(|_| 2.0 * noise(&mut rng)).collect();
        // Sums of four uniforms are close enough to normal for the t quantiles of few worlds.
        let mut normal = || (0..4).map(|_| noise(&mut rng)).sum::<f64>() / 2.0;
        let shifts: Vec<f64> = (0..worlds).map(|_| world_spread * normal()).collect();
        let truth = 0.5 + world_spread * normal();
        let cells: Vec<f64> = (0..customers * worlds).map(|_| noise_spread * normal()).collect();
        let value = |w: usize, c: usize| 0.5 + own[c] + shifts[w] + cells[w * customers + c];
        let found = paired::paired(worlds, &everyone, 0.95, value).expect("the input is valid");
        covered += u64::from(found.interval.lower <= truth && truth <= found.interval.upper);
    }
    covered as f64 / repetitions as f64
}

#[test]
fn paired_intervals_cover_the_effect_in_the_true_world() {
    // 1000 tests: se = sqrt(0.95·0.05/1000) = 0.0069, so 4 se = 0.0276. The sampling error is 0.2;
    // the worlds spread less, as much and more than that.
    for world_spread in [0.0, 0.2, 0.6] {
        let coverage = paired_coverage(world_spread, 0.02, 1000);
        assert!((coverage - 0.95).abs() < 0.0276, "spread {world_spread}: {coverage}");
    }
}

#[test]
fn noise_between_worlds_makes_paired_intervals_wider_never_too_narrow() {
    // Noise as large as the customers' own effects is counted more than once: above 0.95 − 4 se.
    assert!(paired_coverage(0.2, 2.0, 1000) > 0.95 - 0.0276);
}
