//! Which estimator would have been right? Estimators scored against a truth that is known.
//!
//! A generated log has a truth for every policy. Each estimator values a set of candidate policies on
//! many logs; the scores say how far off the values were, whether the right policies came out on top,
//! and how often a policy worse than what is done today passed for a better one. Sources: Voloshin et
//! al. 2021 (error, rank); Doroudi et al. 2017 (regret); Kiyohara et al. 2023 (SharpeRatio@k, type I
//! and II errors).

pub mod world;

use crate::error::EvaluateError;
use crate::interval::{Interval, mean};
use crate::off_policy::{
    DM, DR, Estimator, IPS, RewardModelSettings, RewardPredictions, Rounds, SNDR, SNIPS,
    TargetProbabilities, Weighting,
};
use promopt_envs::SeedTree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use world::MetaWorld;

/// Estimators that are scored.
pub const SCORED: [Estimator; 9] = [
    IPS,
    SNIPS,
    DM,
    DR,
    SNDR,
    Estimator::of(Weighting::Clipped(10.0), false),
    Estimator::of(Weighting::Switched(10.0), true),
    Estimator::of(Weighting::Shrunk(10.0), true),
    Estimator::of(Weighting::Smoothed(0.05), true),
];

/// What an estimator made of many logs; every figure is a mean over logs with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetaScore {
    /// The estimator.
    pub estimator: String,
    /// Mean over policies of `|V̂ − V| / |V|`.
    pub relative_error: Interval,
    /// Spearman's rank correlation of estimates and truth over policies.
    pub rank_correlation: Interval,
    /// Best true value less the best true value among the `k` policies with the highest estimates.
    pub regret_at_k: Interval,
    /// `(best true value among those k − value of today's policy) / standard deviation of the true
    /// values of those k`: return over risk of trying out all of them.
    pub sharpe_ratio_at_k: Interval,
    /// Share of the policies that are worse than today's and estimated as better.
    pub type_one: Interval,
    /// Share of the policies that are better than today's and estimated as worse.
    pub type_two: Interval,
}

/// How the estimators are scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetaSettings {
    /// Decisions in a log.
    pub n_rounds: usize,
    /// Logs.
    pub n_logs: usize,
    /// Policies that would be tried out.
    pub k: usize,
    /// Confidence level.
    pub level: f64,
}

/// Values [`SCORED`] on logs of this world, against the truth.
///
/// # Errors
/// [`EvaluateError::TooFew`] for fewer than two logs, `k` of 0 or more than the candidates; as the
/// estimators.
pub fn score_estimators(
    world: &MetaWorld,
    settings: &MetaSettings,
    seeds: SeedTree,
) -> Result<Vec<MetaScore>, EvaluateError> {
    let at_least = crate::logged::at_least;
    at_least("logs", 2, settings.n_logs, "an interval over logs needs several")?;
    at_least("policies to try out", 1, settings.k, "3 are usual")?;
    at_least("candidate policies", settings.k, world.n_policies(), "lower k")?;
    // Estimates by log, estimator and policy.
    let estimates: Vec<Vec<Vec<f64>>> = (0..settings.n_logs)
        .into_par_iter()
        .map(|log| on_one_log(world, settings.n_rounds, seeds.index(log as u64)))
        .collect::<Result<_, _>>()?;
    let truth = world.truth();
    SCORED
        .iter()
        .enumerate()
        .map(|(at, estimator)| {
            let logs: Vec<&[f64]> = estimates.iter().map(|log| log[at].as_slice()).collect();
            read(estimator, &truth, &logs, settings)
        })
        .collect()
}

fn on_one_log(
    world: &MetaWorld,
    n_rounds: usize,
    seeds: SeedTree,
) -> Result<Vec<Vec<f64>>, EvaluateError> {
    let log = world.log(n_rounds, seeds)?;
    let model = RewardPredictions::cross_fit(&log, &RewardModelSettings::default())?;
    let mut values = vec![Vec::with_capacity(world.n_policies()); SCORED.len()];
    for policy in 0..world.n_policies() {
        let target = TargetProbabilities::new(world.probabilities(policy, &log), &log)?;
        let rounds = Rounds::of_log(&log, &target, &model)?;
        for (estimator, values) in SCORED.iter().zip(&mut values) {
            values.push(estimator.summary(&rounds)?.moments.mean);
        }
    }
    Ok(values)
}

/// The true values of the candidates and of today's policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// By candidate.
    pub values: Vec<f64>,
    /// Of the policy that made the log.
    pub today: f64,
}

fn read(
    estimator: &Estimator,
    truth: &Truth,
    logs: &[&[f64]],
    settings: &MetaSettings,
) -> Result<MetaScore, EvaluateError> {
    let over_logs = |of: &dyn Fn(&[f64]) -> f64| {
        let values: Vec<f64> = logs.iter().map(|estimates| of(estimates)).collect();
        let (n, centre) = (values.len() as f64, mean(&values));
        let squares: f64 = values.iter().map(|x| (x - centre) * (x - centre)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        Interval::student(centre, error, n - 1.0, settings.level)
    };
    let k = settings.k;
    Ok(MetaScore {
        estimator: estimator.to_string(),
        relative_error: over_logs(&|x| relative_error(truth, x))?,
        rank_correlation: over_logs(&|x| rank_correlation(&truth.values, x))?,
        regret_at_k: over_logs(&|x| {
            largest(&truth.values) - largest(&on_top(&truth.values, x, k))
        })?,
        sharpe_ratio_at_k: over_logs(&|x| sharpe_ratio(truth, x, k))?,
        type_one: over_logs(&|x| mistaken(truth, x, false))?,
        type_two: over_logs(&|x| mistaken(truth, x, true))?,
    })
}

fn relative_error(truth: &Truth, estimates: &[f64]) -> f64 {
    let off = truth.values.iter().zip(estimates).map(|(v, x)| (x - v).abs() / v.abs());
    off.sum::<f64>() / estimates.len() as f64
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// True values of the `k` policies with the highest estimates.
fn on_top(truth: &[f64], estimates: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|a, b| estimates[*b].total_cmp(&estimates[*a]).then(a.cmp(b)));
    order.into_iter().take(k).map(|policy| truth[policy]).collect()
}

fn sharpe_ratio(truth: &Truth, estimates: &[f64], k: usize) -> f64 {
    let tried = on_top(&truth.values, estimates, k);
    let centre = mean(&tried);
    let squares: f64 = tried.iter().map(|x| (x - centre) * (x - centre)).sum();
    let risk = (squares / tried.len() as f64).sqrt();
    // One policy, or equal ones: no risk among them, so the gain itself is shown.
    (largest(&tried) - truth.today) / if risk > 0.0 { risk } else { 1.0 }
}

/// Share of the policies that are better (or worse) than today's and taken for the other.
fn mistaken(truth: &Truth, estimates: &[f64], better: bool) -> f64 {
    let pairs = truth.values.iter().zip(estimates).filter(|(v, _)| (**v >= truth.today) == better);
    let (mut all, mut wrong) = (0.0, 0.0);
    for (_, estimate) in pairs {
        all += 1.0;
        wrong += f64::from(u8::from((*estimate >= truth.today) != better));
    }
    if all > 0.0 { wrong / all } else { 0.0 }
}

/// Spearman's rank correlation; 0 when one side does not vary.
fn rank_correlation(truth: &[f64], estimates: &[f64]) -> f64 {
    let (a, b) = (ranks(truth), ranks(estimates));
    let (ma, mb) = (mean(&a), mean(&b));
    let product: f64 = a.iter().zip(&b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let square = |v: &[f64], m: f64| v.iter().map(|x| (x - m) * (x - m)).sum::<f64>();
    let scale = (square(&a, ma) * square(&b, mb)).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

/// Ranks from 1; equal values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |x: &f64| {
        let below = values.iter().filter(|other| *other < x).count() as f64;
        let same = values.iter().filter(|other| *other == x).count() as f64;
        below + (same + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let truth = Truth { values: vec![1.0, 2.0, 4.0, 3.0], today: 2.5 };
        let estimates = [3.0, 1.0, 2.0, 4.0];
        assert_eq!(on_top(&truth.values, &estimates, 2), [3.0, 1.0]);
        assert_eq!(largest(&truth.values) - largest(&on_top(&truth.values, &estimates, 2)), 1.0);
        // (3 − 2.5) / sd(3, 1) = 0.5 / 1.
        assert_eq!(sharpe_ratio(&truth, &estimates, 2), 0.5);
        // Worse than today: 1 (taken for better) and 2; better: 4 (taken for worse) and 3.
        assert_eq!(mistaken(&truth, &estimates, false), 0.5);
        assert_eq!(mistaken(&truth, &estimates, true), 0.5);
        assert_eq!(relative_error(&truth, &estimates), (2.0 + 0.5 + 0.5 + 1.0 / 3.0) / 4.0);
        // Ranks 1 2 4 3 and 3 1 2 4: 1 − 6·(4 + 1 + 4 + 1)/(4·15) = 0.
        assert!(rank_correlation(&truth.values, &estimates).abs() < 1e-15);
        assert_eq!(rank_correlation(&truth.values, &[1.0; 4]), 0.0);
    }

    #[test]
    fn a_world_with_a_good_log_is_judged_well_by_the_unbiased() -> Result<(), EvaluateError> {
        let world = MetaWorld::new(6, 8, SeedTree::new(4));
        let settings = MetaSettings { n_rounds: 3_000, n_logs: 20, k: 3, level: 0.95 };
        let scores = score_estimators(&world, &settings, SeedTree::new(5))?;
        let of = |name: &str| {
            scores.iter().find(|score| score.estimator == name).expect("it is scored").clone()
        };
        let (dr, dm) = (of("dr"), of("dm"));
        // 3,000 decisions at weights of a few: a relative error of about √(2/3,000)·2 = 0.05.
        assert!(dr.relative_error.estimate < 0.1, "{dr:?}");
        assert!(dr.rank_correlation.lower > 0.5, "{dr:?}");
        assert!(dr.relative_error.estimate < dm.relative_error.estimate, "{dr:?} {dm:?}");
        assert_eq!(scores, score_estimators(&world, &settings, SeedTree::new(5))?);
        Ok(())
    }
}
