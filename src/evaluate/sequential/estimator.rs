//! Estimators of the value of a policy from trajectories: one formula, three kinds of weight.
//!
//! `term = Σ_t γ^t [ A_t (r_t − q_t) + B_t v_t ]`, and the estimate is the mean of the terms. `A_t` is
//! the weight of step `t`, `B_t` that of the step before (1 at the start); without a model `q` and `v`
//! are 0; self-normalised weights are divided by their mean over trajectories at that step. A
//! trajectory that ended stays in that mean with the weight it had.

use super::episodes::Episodes;
use crate::error::EvaluateError;
use crate::interval::Interval;
use crate::off_policy::Summary;
use promopt_envs::SeedTree;
use rand::Rng;
use rayon::prelude::*;
use std::fmt;

/// How a step is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepWeights {
    /// By nothing: the model alone, `term = v_0`.
    None,
    /// By the product of all ratios of the trajectory. Source: Precup, Sutton and Singh 2000.
    Trajectory,
    /// By the product of the ratios so far. Source: Precup, Sutton and Singh 2000.
    PerDecision,
    /// By the ratio of how often policy and log are in this situation at this time, given or
    /// [learned](super::marginal). Source: Liu et al. 2018; Xie, Ma and Wang 2019.
    Marginal,
}

/// An estimator of the expected discounted sum of rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequentialEstimator {
    /// How a step is weighed.
    pub weights: StepWeights,
    /// Whether the model has a say. Source of the doubly robust form: Jiang and Li 2016; with marginal
    /// weights Kallus and Uehara 2020.
    pub with_model: bool,
    /// Whether weights are divided by their mean. Source: Kallus and Uehara 2019.
    pub self_normalised: bool,
}

/// The model alone (fitted Q evaluation where the model was fitted to the log): as wrong as the model
/// is. Source: Le, Voloshin and Yue 2019.
pub const DM: SequentialEstimator = SequentialEstimator::of(StepWeights::None, true);
/// Trajectory-wise importance sampling.
pub const TIS: SequentialEstimator = SequentialEstimator::of(StepWeights::Trajectory, false);
/// Per-decision importance sampling.
pub const PDIS: SequentialEstimator = SequentialEstimator::of(StepWeights::PerDecision, false);
/// Sequential doubly robust.
pub const DR: SequentialEstimator = SequentialEstimator::of(StepWeights::PerDecision, true);
/// Marginalised importance sampling.
pub const MIS: SequentialEstimator = SequentialEstimator::of(StepWeights::Marginal, false);
/// Doubly robust with marginal weights ("double reinforcement learning").
pub const DRL: SequentialEstimator = SequentialEstimator::of(StepWeights::Marginal, true);

/// An estimate by trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialEstimate {
    /// The estimate.
    pub value: f64,
    /// Term of every trajectory; their mean is the estimate.
    pub terms: Vec<f64>,
    /// Influence of every trajectory, mean zero: the distance to the mean, for self-normalised weights
    /// linearised in their random mean (delta method).
    pub deviations: Vec<f64>,
    sums: StepSums,
}

/// By trajectory and step: `[weight, weight · (r − q)]` and `[weight before, weight before · v]`, from
/// which any resample of trajectories gives its estimate.
#[derive(Debug, Clone, PartialEq)]
struct StepSums {
    horizon: usize,
    steps: Vec<[f64; 4]>,
    discount: f64,
    self_normalised: bool,
}

impl SequentialEstimator {
    /// With these weights, with or without a model, not normalised.
    #[must_use]
    pub const fn of(weights: StepWeights, with_model: bool) -> Self {
        Self { weights, with_model, self_normalised: false }
    }

    /// The same with self-normalised weights.
    #[must_use]
    pub const fn normalised(self) -> Self {
        Self { self_normalised: true, ..self }
    }

    /// The estimate from these episodes. `marginal` are the ratios of every step, in the order of the
    /// steps, which only [`StepWeights::Marginal`] reads.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when marginal ratios are asked for and not one per step;
    /// [`EvaluateError::NoWeight`] when a self-normalised estimate finds a step without any weight;
    /// [`EvaluateError::Overflow`] when a product of ratios exceeds what a number can hold.
    pub fn estimate(
        &self,
        episodes: &Episodes,
        marginal: Option<&[f64]>,
    ) -> Result<SequentialEstimate, EvaluateError> {
        let sums = self.sums(episodes, marginal)?;
        let n = episodes.len() as f64;
        let totals = sums.totals(0..episodes.len());
        if self.self_normalised && totals.iter().any(|step| step[0] <= 0.0 || step[2] <= 0.0) {
            return Err(EvaluateError::NoWeight { estimator: self.to_string() });
        }
        let centres: Vec<[f64; 4]> = totals.iter().map(|step| step.map(|x| x / n)).collect();
        let terms: Vec<f64> = sums.each(episodes.len(), |step, [_, g, _, v]| {
            let centre = if self.self_normalised { centres[step] } else { [1.0; 4] };
            g / centre[0] + v / centre[2]
        });
        let value = terms.iter().sum::<f64>() / n;
        let deviations = if self.self_normalised {
            sums.each(episodes.len(), |step, [w, g, b, v]| {
                let [cw, cg, cb, cv] = centres[step];
                (g - w * cg / cw) / cw + (v - b * cv / cb) / cb
            })
        } else {
            terms.iter().map(|term| term - value).collect()
        };
        Ok(SequentialEstimate { value, terms, deviations, sums })
    }

    fn sums(
        &self,
        episodes: &Episodes,
        marginal: Option<&[f64]>,
    ) -> Result<StepSums, EvaluateError> {
        let weights = self.weigh(episodes, marginal)?;
        let horizon = episodes.horizon();
        let mut steps = Vec::with_capacity(episodes.len() * horizon);
        for at in 0..episodes.len() {
            let range = episodes.steps(at);
            let mut before = 1.0;
            for step in 0..horizon {
                let here = range.start + step;
                if here >= range.end {
                    // It ended: no reward any more, and the weight it had.
                    steps.push([before, 0.0, before, 0.0]);
                    continue;
                }
                let weight = weights[here];
                let rest = episodes.rewards()[here]
                    - if self.with_model { episodes.q()[here] } else { 0.0 };
                let value = if self.with_model { episodes.v()[here] } else { 0.0 };
                let value = if self.weights == StepWeights::None && step > 0 { 0.0 } else { value };
                let before_now =
                    if self.weights == StepWeights::Trajectory { weight } else { before };
                steps.push([weight, weight * rest, before_now, before_now * value]);
                before = weight;
            }
        }
        if steps.iter().flatten().any(|x| !x.is_finite()) {
            return Err(EvaluateError::Overflow { estimator: self.to_string() });
        }
        let (discount, self_normalised) = (episodes.discount(), self.self_normalised);
        Ok(StepSums { horizon, steps, discount, self_normalised })
    }

    /// The weight `A_t` of every step.
    fn weigh(
        &self,
        episodes: &Episodes,
        marginal: Option<&[f64]>,
    ) -> Result<Vec<f64>, EvaluateError> {
        let n = episodes.rewards().len();
        Ok(match self.weights {
            StepWeights::None => vec![0.0; n],
            StepWeights::PerDecision => episodes.log_products().into_iter().map(f64::exp).collect(),
            StepWeights::Trajectory => {
                let products = episodes.log_products();
                let whole = |at: usize| {
                    let steps = episodes.steps(at);
                    std::iter::repeat_n(products[steps.end - 1].exp(), steps.len())
                };
                (0..episodes.len()).flat_map(whole).collect()
            }
            StepWeights::Marginal => {
                let found = marginal.map_or(0, <[f64]>::len);
                if found != n {
                    let (column, unit) = ("marginal_ratio", "decision");
                    return Err(EvaluateError::WrongLength { column, expected: n, found, unit });
                }
                marginal.unwrap_or(&[]).to_vec()
            }
        })
    }
}

impl StepSums {
    /// Sums over some trajectories, by step.
    fn totals(&self, trajectories: impl Iterator<Item = usize>) -> Vec<[f64; 4]> {
        let mut totals = vec![[0.0; 4]; self.horizon];
        for at in trajectories {
            let own = &self.steps[at * self.horizon..][..self.horizon];
            for (total, step) in totals.iter_mut().zip(own) {
                total.iter_mut().zip(step).for_each(|(sum, x)| *sum += x);
            }
        }
        totals
    }

    /// `Σ_t γ^t part(t, sums)` of every trajectory.
    fn each(&self, n: usize, part: impl Fn(usize, [f64; 4]) -> f64) -> Vec<f64> {
        let of = |at: usize| {
            let own = &self.steps[at * self.horizon..][..self.horizon];
            let mut factor = 1.0;
            let mut total = 0.0;
            for (step, sums) in own.iter().enumerate() {
                total += factor * part(step, *sums);
                factor *= self.discount;
            }
            total
        };
        (0..n).map(of).collect()
    }

    /// The estimate of a resample of so many trajectories.
    fn value(&self, totals: &[[f64; 4]], n: f64) -> f64 {
        let mut factor = 1.0;
        let mut value = 0.0;
        for [w, g, b, v] in totals {
            let (first, second) = if self.self_normalised { (*w, *b) } else { (n, n) };
            value += factor * (g / first + v / second);
            factor *= self.discount;
        }
        value
    }
}

impl SequentialEstimate {
    /// Steps of the longest trajectory.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.sums.horizon
    }

    /// Terms when the log is followed for so many steps and the model after them.
    pub(super) fn terms_after(&self, steps: usize) -> Vec<f64> {
        let n = self.terms.len();
        let totals = self.sums.totals(0..n);
        self.sums.each(n, |step, [_, g, _, v]| {
            let [w, _, b, _] = totals[step].map(|x| x / n as f64);
            let (w, b) = if self.sums.self_normalised { (w, b) } else { (1.0, 1.0) };
            let logged = if step < steps { g / w } else { 0.0 };
            logged + if step <= steps { v / b } else { 0.0 }
        })
    }

    /// Two-sided t interval over trajectories, from the influence of each.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] for a level outside `(0, 1)`.
    pub fn interval(&self, level: f64) -> Result<Interval, EvaluateError> {
        let n = self.deviations.len() as f64;
        let squares: f64 = self.deviations.iter().map(|d| d * d).sum();
        Interval::student(self.value, (squares / (n - 1.0) / n).sqrt(), n - 1.0, level)
    }

    /// Moments and range of the terms, for [bounds](crate::off_policy::bounds) that hold in finite
    /// samples.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.terms)
    }

    /// Percentile interval over resampled trajectories; self-normalised weights are normalised anew in
    /// every resample. The same seed gives the same numbers on any number of threads.
    ///
    /// # Errors
    /// [`EvaluateError::TooFew`] for fewer than two resamples; [`EvaluateError::InvalidSetting`] for a
    /// level outside `(0, 1)`.
    pub fn bootstrap(
        &self,
        n_resamples: usize,
        level: f64,
        seeds: SeedTree,
    ) -> Result<Interval, EvaluateError> {
        crate::logged::at_least("resamples", 2, n_resamples, "1,000 are usual")?;
        let shape = self.interval(level)?;
        let n = self.terms.len();
        let one = |resample: usize| {
            let mut rng = seeds.index(resample as u64).stream();
            let totals = self.sums.totals((0..n).map(|_| rng.random_range(0..n)));
            self.sums.value(&totals, n as f64)
        };
        let mut values: Vec<f64> = (0..n_resamples).into_par_iter().map(one).collect();
        values.retain(|value| value.is_finite());
        values.sort_unstable_by(f64::total_cmp);
        crate::logged::at_least(
            "resamples with weight",
            2,
            values.len(),
            "the log has next to none",
        )?;
        let at = |probability: f64| {
            let place = probability * (values.len() - 1) as f64;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            values[low] + (place - place.floor()) * (values[high] - values[low])
        };
        let (lower, upper) = (at((1.0 - level) / 2.0), at((1.0 + level) / 2.0));
        Ok(Interval { lower, upper, ..shape })
    }
}

impl fmt::Display for SequentialEstimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.self_normalised { "sn" } else { "" };
        let name = match (self.weights, self.with_model) {
            (StepWeights::None, _) => return write!(f, "dm"),
            (StepWeights::Trajectory, false) => "tis",
            (StepWeights::Trajectory, true) => "trajectory_dr",
            (StepWeights::PerDecision, false) => "pdis",
            (StepWeights::PerDecision, true) => "dr",
            (StepWeights::Marginal, false) => "mis",
            (StepWeights::Marginal, true) => "drl",
        };
        write!(f, "{prefix}{name}")
    }
}
