//! Estimators on generated trajectories of a world that is solved exactly.

use super::estimator::{DM, DR, DRL, MIS, PDIS, SequentialEstimator, TIS};
use super::{Episodes, ModelValues, blend, marginal_ratios};
use crate::error::EvaluateError;
use crate::off_policy::TargetProbabilities;
use promopt_envs::SeedTree;
use promopt_policies::log::{LoggedDecisions, LoggedTable, SequenceColumns};
use rand::Rng;

const STATES: usize = 3;
const HORIZON: usize = 5;
const DISCOUNT: f64 = 0.9;

/// Chance to go to the next state (round the circle) by state and action; else stay.
const MOVES: [[f64; 2]; STATES] = [[0.2, 0.8], [0.5, 0.3], [0.7, 0.1]];
/// Chance of a reward of 1 by state and action.
const REWARDS: [[f64; 2]; STATES] = [[0.1, 0.2], [0.5, 0.3], [0.4, 0.9]];
/// Chance of action 1 under the logging and under the target policy.
const LOGGED: [f64; STATES] = [0.5, 0.4, 0.5];
const WANTED: [f64; STATES] = [0.8, 0.3, 0.7];

fn target(state: usize) -> [f64; 2] {
    [1.0 - WANTED[state], WANTED[state]]
}

/// `Q_t(s, a)` of the target policy, shape `[HORIZON][STATES][2]`, and its value from state 0.
fn solved() -> (Vec<[[f64; 2]; STATES]>, f64) {
    let mut q = vec![[[0.0; 2]; STATES]; HORIZON];
    let mut later = [0.0; STATES];
    for time in (0..HORIZON).rev() {
        for state in 0..STATES {
            for action in 0..2 {
                let go = MOVES[state][action];
                let next = go * later[(state + 1) % STATES] + (1.0 - go) * later[state];
                q[time][state][action] = REWARDS[state][action] + DISCOUNT * next;
            }
        }
        for (state, value) in later.iter_mut().enumerate() {
            *value = (0..2).map(|a| target(state)[a] * q[time][state][a]).sum();
        }
    }
    (q, later[0])
}

/// So many trajectories of the logging policy from state 0, and the state of every row.
fn log(n: usize, seeds: SeedTree) -> Result<(LoggedDecisions, Vec<usize>), EvaluateError> {
    let mut rng = seeds.stream();
    let (mut table, mut states) = (LoggedTable { n_actions: 2, ..LoggedTable::default() }, vec![]);
    let mut sequence = SequenceColumns::default();
    for trajectory in 0..n as u32 {
        let mut state = 0;
        for step in 0..HORIZON as u32 {
            let action = usize::from(rng.random_bool(LOGGED[state]));
            let p = if action == 1 { LOGGED[state] } else { 1.0 - LOGGED[state] };
            table.actions.push(action);
            table.propensities.push(p);
            let reward = rng.random_bool(REWARDS[state][action]);
            table.rewards.push(f64::from(u8::from(reward)));
            table.clusters.push(trajectory);
            sequence.trajectories.push(trajectory);
            sequence.steps.push(step);
            sequence.terminated.push(step as usize + 1 == HORIZON);
            sequence.truncated.push(false);
            states.push(state);
            if rng.random_bool(MOVES[state][action]) {
                state = (state + 1) % STATES;
            }
        }
    }
    table.sequence = Some(sequence);
    Ok((LoggedDecisions::new(table)?, states))
}

/// Episodes with the exact Q values, off by a factor.
fn episodes(n: usize, seeds: SeedTree, off: f64) -> Result<(Episodes, Vec<usize>), EvaluateError> {
    let (log, states) = log(n, seeds)?;
    let probabilities = states.iter().flat_map(|state| target(*state)).collect();
    let policy = TargetProbabilities::new(probabilities, &log)?;
    let (q, _) = solved();
    let q: Vec<f64> = states
        .iter()
        .enumerate()
        .flat_map(|(row, state)| q[row % HORIZON][*state].map(|q| off * q))
        .collect();
    let model = ModelValues { q: &q, after_truncation: None };
    Ok((Episodes::new(&log, &policy, Some(model), DISCOUNT)?, states))
}

fn estimates(
    estimator: SequentialEstimator,
    n_logs: u64,
    off: f64,
) -> Result<Vec<(f64, bool)>, EvaluateError> {
    let (_, truth) = solved();
    let one = |log: u64| {
        let (episodes, states) = episodes(200, SeedTree::new(77).index(log), off)?;
        let ratios = marginal_ratios(&episodes, &states, STATES)?;
        let found = estimator.estimate(&episodes, Some(&ratios))?;
        let interval = found.interval(0.95)?;
        Ok((found.value, interval.lower <= truth && truth <= interval.upper))
    };
    (0..n_logs).map(one).collect()
}

/// Mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

#[test]
fn products_of_ratios_are_unbiased_whatever_the_model() -> Result<(), EvaluateError> {
    let (_, truth) = solved();
    for (estimator, off) in [(TIS, 1.0), (PDIS, 1.0), (DR, 0.3), (DR, 1.0)] {
        let values: Vec<f64> = estimates(estimator, 300, off)?.iter().map(|e| e.0).collect();
        let (found, error) = mean(&values);
        assert!((found - truth).abs() < 4.0 * error, "{estimator}: {found} ± {error}, {truth}");
    }
    Ok(())
}

#[test]
fn each_refinement_takes_variance_away() -> Result<(), EvaluateError> {
    let spread = |estimator, off| -> Result<f64, EvaluateError> {
        Ok(mean(&estimates(estimator, 300, off)?.iter().map(|e| e.0).collect::<Vec<f64>>()).1)
    };
    let (tis, pdis, dr) = (spread(TIS, 1.0)?, spread(PDIS, 1.0)?, spread(DR, 1.0)?);
    // A standard deviation of 300 values is known to 1/√600 = 4 %.
    assert!(pdis < 0.9 * tis && dr < 0.9 * pdis, "{tis} {pdis} {dr}");
    Ok(())
}

#[test]
#[allow(clippy::print_stderr, reason = "a proof shows its figures")]
fn intervals_cover_as_often_as_they_say() -> Result<(), EvaluateError> {
    let slow = std::env::var_os("RUN_SLOW").is_some_and(|value| value == "1");
    let n_logs = if slow { 1_000 } else { 200 };
    for estimator in [PDIS, PDIS.normalised(), DR, DR.normalised(), DRL] {
        let covered = estimates(estimator, n_logs, 1.0)?.iter().filter(|e| e.1).count() as f64;
        let share = covered / n_logs as f64;
        eprintln!("{estimator}: {share} of {n_logs} intervals hold the truth");
        // 4 standard errors of a share of 0.95; skewed terms cover a little less.
        let slack = 4.0 * (0.95 * 0.05 / n_logs as f64).sqrt();
        assert!(share > 0.95 - slack, "{estimator}: {share}");
    }
    Ok(())
}

#[test]
fn marginal_ratios_do_not_share_the_bias_of_ratios_of_single_steps() -> Result<(), EvaluateError> {
    // The widely used state-marginal estimator is off by more than noise where this one is not.
    let (_, truth) = solved();
    let values: Vec<f64> = estimates(MIS, 300, 1.0)?.iter().map(|e| e.0).collect();
    let (found, error) = mean(&values);
    // Consistent, with a bias of order 1/n that 200 trajectories make small beside 4 errors.
    assert!((found - truth).abs() < 4.0 * error + truth / 200.0, "{found} ± {error}, {truth}");
    let mut alone = Vec::new();
    for log in 0..300 {
        let (episodes, _) = episodes(200, SeedTree::new(77).index(log), 1.0)?;
        alone.push(MIS.estimate(&episodes, Some(episodes.ratios()))?.value);
    }
    let (biased, error) = mean(&alone);
    assert!((biased - truth).abs() > 4.0 * error, "{biased} ± {error}, {truth}");
    Ok(())
}

#[test]
fn marginal_ratios_keep_their_decisions_where_products_lose_their_trajectories()
-> Result<(), EvaluateError> {
    let (episodes, states) = episodes(2_000, SeedTree::new(5), 1.0)?;
    let ratios = marginal_ratios(&episodes, &states, STATES)?;
    let (products, marginal) =
        (episodes.effective_trajectories(), episodes.effective_decisions(&ratios));
    assert!((products[0] - marginal[0]).abs() < 1e-6);
    assert!(products.is_sorted_by(|a, b| a > b), "{products:?}");
    assert!(marginal[HORIZON - 1] > 1.3 * products[HORIZON - 1], "{marginal:?} {products:?}");
    Ok(())
}

#[test]
fn a_right_model_is_blended_in_and_a_wrong_one_left_out() -> Result<(), EvaluateError> {
    let (_, truth) = solved();
    let (right, _) = episodes(2_000, SeedTree::new(3), 1.0)?;
    let right = blend(&DR.normalised(), &right, None, 0.95)?;
    assert!((right.mix.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let (wrong, _) = episodes(2_000, SeedTree::new(3), 3.0)?;
    let wrong = blend(&DR.normalised(), &wrong, None, 0.95)?;
    assert!(wrong.mix[0] < 0.01, "a model three times too high: {:?}", wrong.mix);
    let off = |x: f64| (x - truth).abs();
    assert!(off(wrong.parts[0]) > 1.0 && off(wrong.value.estimate) < 0.5, "{wrong:?}");
    Ok(())
}

#[test]
fn an_end_has_no_future_and_a_cut_is_counted_or_bootstrapped() -> Result<(), EvaluateError> {
    let table = |terminated: bool| LoggedTable {
        n_actions: 1,
        actions: vec![0; 3],
        propensities: vec![1.0; 3],
        rewards: vec![1.0; 3],
        clusters: vec![0, 0, 1],
        sequence: Some(SequenceColumns {
            trajectories: vec![0, 0, 1],
            steps: vec![0, 1, 0],
            terminated: vec![false, true, terminated],
            truncated: vec![false, false, !terminated],
            ..SequenceColumns::default()
        }),
        ..LoggedTable::default()
    };
    let of = |terminated: bool, after: Option<&[f64]>| {
        let log = LoggedDecisions::new(table(terminated))?;
        let policy = TargetProbabilities::new(vec![1.0; 3], &log)?;
        let model = after.map(|after| ModelValues { q: &[0.0; 3], after_truncation: Some(after) });
        Episodes::new(&log, &policy, model, 0.5)
    };
    assert_eq!(of(true, None)?.cut_short(), 0);
    let cut = of(false, None)?;
    assert_eq!((cut.cut_short(), cut.returns()), (1, vec![1.5, 1.0]));
    let known = of(false, Some(&[9.0, 2.0]))?;
    assert_eq!((known.cut_short(), known.returns()), (0, vec![1.5, 2.0]));
    assert_eq!(PDIS.estimate(&known, None)?.value, 1.75);
    assert_eq!(DM.estimate(&known, None)?.value, 0.0);
    Ok(())
}

#[test]
fn bootstraps_repeat_and_renormalise() -> Result<(), EvaluateError> {
    let (episodes, _) = episodes(300, SeedTree::new(9), 1.0)?;
    let found = PDIS.normalised().estimate(&episodes, None)?;
    let once = found.bootstrap(500, 0.95, SeedTree::new(1))?;
    assert_eq!(once, found.bootstrap(500, 0.95, SeedTree::new(1))?);
    let student = found.interval(0.95)?;
    // The delta method and the bootstrap agree on the width to a few percent: 1/√(2·500) = 3 %, and
    // as much for the tails.
    let ratio = (once.upper - once.lower) / (student.upper - student.lower);
    assert!((ratio - 1.0).abs() < 0.2, "{ratio}");
    Ok(())
}
