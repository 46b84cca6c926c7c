//! What a handful of runs on a handful of tasks say together (Agarwal et al. 2021, "Deep
//! reinforcement learning at the edge of the statistical precipice").

use crate::error::{AgentError, require};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rayon::prelude::*;
use serde::Serialize;

/// Scores of one agent: `n_tasks` tasks, each with the scores of its runs. Normalise them first if
/// tasks have different units.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores(Vec<Vec<f64>>);

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure for the scores as they are.
    pub value: f64,
    /// 2.5 % quantile over resampled scores.
    pub low: f64,
    /// 97.5 % quantile over resampled scores.
    pub high: f64,
}

impl Scores {
    /// Scores by task and run.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] unless there is a task and every task has a run;
    /// [`AgentError::NotFinite`] for a score that is not a finite number.
    pub fn new(by_task: Vec<Vec<f64>>) -> Result<Self, AgentError> {
        let filled = !by_task.is_empty() && by_task.iter().all(|runs| !runs.is_empty());
        require(filled, "scores", "one or more runs of one or more tasks", by_task.len())?;
        match by_task.iter().flatten().find(|score| !score.is_finite()) {
            Some(&got) => Err(AgentError::NotFinite { what: "score", got }),
            None => Ok(Self(by_task)),
        }
    }

    /// Scores of the runs of a single task.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn of_one_task(runs: Vec<f64>) -> Result<Self, AgentError> {
        Self::new(vec![runs])
    }

    /// The scores by task and run.
    #[must_use]
    pub fn by_task(&self) -> &[Vec<f64>] {
        &self.0
    }

    /// Mean over tasks of the mean over runs. One outlier can rule it.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let means = self.0.iter().map(|runs| runs.iter().sum::<f64>() / runs.len() as f64);
        means.sum::<f64>() / self.0.len() as f64
    }

    /// Median over tasks of the mean over runs or, for a single task, the median of its runs. Half
    /// of what it sees may be zero without changing it.
    #[must_use]
    pub fn median(&self) -> f64 {
        if let [runs] = self.0.as_slice() {
            return quantile(&sorted(runs.clone()), 0.5);
        }
        let means = self.0.iter().map(|runs| runs.iter().sum::<f64>() / runs.len() as f64);
        quantile(&sorted(means.collect()), 0.5)
    }

    /// Mean of the middle half of all runs of all tasks: a quarter of them, rounded down, is left
    /// out at either end. Robust against outliers like the median, and nearly as efficient as the
    /// mean.
    #[must_use]
    pub fn interquartile_mean(&self) -> f64 {
        let all = sorted(self.0.iter().flatten().copied().collect());
        let middle = &all[all.len() / 4..all.len() - all.len() / 4];
        middle.iter().sum::<f64>() / middle.len() as f64
    }

    /// Share of runs that score above each threshold, averaged over tasks: the whole distribution,
    /// of which the figures above are summaries.
    #[must_use]
    pub fn performance_profile(&self, thresholds: &[f64]) -> Vec<f64> {
        let share = |threshold: f64| {
            let of_task = |runs: &Vec<f64>| {
                runs.iter().filter(|&&score| score > threshold).count() as f64 / runs.len() as f64
            };
            self.0.iter().map(of_task).sum::<f64>() / self.0.len() as f64
        };
        thresholds.iter().map(|&threshold| share(threshold)).collect()
    }

    /// A figure with its stratified bootstrap interval (Efron and Tibshirani 1993): runs are drawn
    /// again within each task, `resamples` times. Each resample has a stream of its own, so the
    /// number of threads does not matter. With a few runs the interval is too narrow, for they are
    /// all it knows of the others.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for no resamples.
    pub fn estimate(
        &self,
        figure: impl Fn(&Self) -> f64 + Sync,
        resamples: u32,
        seed: SeedTree,
    ) -> Result<Estimate, AgentError> {
        let value = figure(self);
        interval(value, resamples, seed, |rng| figure(&self.resample(rng)))
    }

    fn resample(&self, rng: &mut Stream) -> Self {
        let mut again = |runs: &Vec<f64>| -> Vec<f64> {
            runs.iter().map(|_| runs[rng.random_range(0..runs.len())]).collect()
        };
        Self(self.0.iter().map(&mut again).collect())
    }
}

/// Probability that a run of `ours` beats a run of `theirs` on a task, averaged over tasks; ties
/// count half (Mann and Whitney's U over the number of pairs).
///
/// # Errors
/// [`AgentError::Shape`] unless both have the same tasks; [`AgentError::InvalidConfig`] for no
/// resamples.
pub fn probability_of_improvement(
    ours: &Scores,
    theirs: &Scores,
    resamples: u32,
    seed: SeedTree,
) -> Result<Estimate, AgentError> {
    crate::error::same_length("tasks", ours.0.len(), theirs.0.len())?;
    interval(wins(ours, theirs), resamples, seed, |rng| {
        wins(&ours.resample(rng), &theirs.resample(rng))
    })
}

fn wins(ours: &Scores, theirs: &Scores) -> f64 {
    let of_task = |(ours, theirs): (&Vec<f64>, &Vec<f64>)| {
        let theirs = sorted(theirs.clone());
        let beaten = ours.iter().map(|&score| {
            let below = theirs.partition_point(|&other| other < score);
            let not_above = theirs.partition_point(|&other| other <= score);
            (below + not_above) as f64 / 2.0
        });
        beaten.sum::<f64>() / (ours.len() * theirs.len()) as f64
    };
    ours.0.iter().zip(&theirs.0).map(of_task).sum::<f64>() / ours.0.len() as f64
}

fn interval(
    value: f64,
    resamples: u32,
    seed: SeedTree,
    figure: impl Fn(&mut Stream) -> f64 + Sync,
) -> Result<Estimate, AgentError> {
    require(resamples > 0, "resamples", "at least 1", resamples)?;
    let draws = (0..resamples).into_par_iter();
    let draws = draws.map(|index| figure(&mut seed.index(u64::from(index)).stream())).collect();
    let draws = sorted(draws);
    Ok(Estimate { value, low: quantile(&draws, 0.025), high: quantile(&draws, 0.975) })
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Quantile of sorted values, linear between neighbours (Hyndman and Fan 1996, type 7).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let at = probability * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
#[path = "aggregate_tests.rs"]
mod tests;
