//! What a log of trajectories says of another policy: `promopt ope --trajectory`.

use super::error::RunError;
use super::ope::{OpeRequest, Opened, open};
use crate::evaluate::off_policy::overlap::{CAUTION_EFFECTIVE_SAMPLE, REFUSE_EFFECTIVE_SAMPLE};
use crate::evaluate::sequential::estimator::{DM, DR, PDIS, TIS};
use crate::evaluate::sequential::{Episodes, ModelValues, SequentialEstimator};
use crate::evaluate::{
    EvaluateError, Interval, LoggedDecisions, LoggedTable, OverlapVerdict, TargetProbabilities,
};
use promopt_envs::SeedTree;
use promopt_policies::log::SequenceColumns;
use serde::Serialize;
use std::collections::BTreeMap;

/// Estimates that do not rest on the model's truth.
const WHATEVER_THE_MODEL: [&str; 4] = ["dr", "sndr", "pdis", "snpdis"];

/// One estimator's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SequenceEstimate {
    /// Expected discounted sum of rewards of a trajectory under the policy.
    #[serde(flatten)]
    pub value: Interval,
    /// Percentile interval of the bootstrap over trajectories.
    pub bootstrap: (f64, f64),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SequenceAnswer {
    /// Whether the estimates may be read as evidence.
    pub verdict: OverlapVerdict,
    /// Why the verdict is not ok; empty when it is.
    pub reasons: Vec<String>,
    /// The estimate with the narrowest interval among those that hold whatever the model; absent when
    /// refused.
    pub decide_on: Option<String>,
    /// Number of trajectories.
    pub trajectories: usize,
    /// Steps of the longest one.
    pub horizon: usize,
    /// Discount factor.
    pub discount: f64,
    /// Effective number of trajectories at each step: how quickly the log stops speaking.
    pub effective_trajectories: Vec<f64>,
    /// Mean discounted sum of rewards in the log.
    pub logged_value: Interval,
    /// Estimates by name; empty when refused.
    pub estimates: BTreeMap<String, SequenceEstimate>,
}

/// Reads the tables and judges the policy on whole trajectories. The last row of each is taken for its
/// end: nothing is earned afterwards.
///
/// # Errors
/// [`RunError`] for files, columns, probabilities and settings that cannot be used, and propensities
/// that nobody logged.
pub fn judge_trajectories(request: &OpeRequest, discount: f64) -> Result<SequenceAnswer, RunError> {
    if request.columns.propensity.is_none() {
        return Err(RunError::Config(
            "expected logged propensities for trajectories: an estimate multiplies them over all \
             steps, and so their errors; name the column with --propensity"
                .to_owned(),
        ));
    }
    let Opened { mut log, target, predictions, propensities, .. } = open(request)?;
    let (trajectories, steps) = log.sequence.take().unwrap_or_default();
    let mut last = BTreeMap::new();
    for (row, (trajectory, step)) in trajectories.iter().zip(&steps).enumerate() {
        let end = last.entry(*trajectory).or_insert((*step, row));
        if *step >= end.0 {
            *end = (*step, row);
        }
    }
    let mut terminated = vec![false; steps.len()];
    last.values().for_each(|(_, row)| terminated[*row] = true);
    let decisions = LoggedDecisions::new(LoggedTable {
        n_features: log.feature_names.len(),
        n_actions: log.action_names.len(),
        observations: log.features,
        actions: log.actions,
        propensities,
        rewards: log.rewards,
        clusters: trajectories.clone(),
        masks: None,
        sequence: Some(SequenceColumns {
            truncated: vec![false; steps.len()],
            trajectories,
            steps,
            terminated,
            next_observations: None,
            next_masks: None,
        }),
    })
    .map_err(EvaluateError::from)?;
    let target = TargetProbabilities::new(target, &decisions)?;
    let model = predictions.as_deref().map(|q| ModelValues { q, after_truncation: None });
    let episodes = Episodes::new(&decisions, &target, model, discount)?;
    answer(request, &episodes, model.is_some())
}

fn answer(
    request: &OpeRequest,
    episodes: &Episodes,
    with_model: bool,
) -> Result<SequenceAnswer, RunError> {
    let effective_trajectories = episodes.effective_trajectories();
    let least = effective_trajectories.iter().copied().fold(f64::INFINITY, f64::min);
    let mut reasons = Vec::new();
    let verdict = match least {
        n if n < REFUSE_EFFECTIVE_SAMPLE => OverlapVerdict::Refuse,
        n if n < CAUTION_EFFECTIVE_SAMPLE => OverlapVerdict::Caution,
        _ => OverlapVerdict::Ok,
    };
    if verdict != OverlapVerdict::Ok {
        reasons.push(format!(
            "{} logged trajectories are worth {least:.0} of the policy by their end (ok from \
             {CAUTION_EFFECTIVE_SAMPLE:.0}, refused below {REFUSE_EFFECTIVE_SAMPLE:.0}); judge a \
             shorter horizon or a policy closer to the log",
            episodes.len()
        ));
    }
    let returns = episodes.returns();
    let mut found = SequenceAnswer {
        verdict,
        reasons,
        decide_on: None,
        trajectories: episodes.len(),
        horizon: episodes.horizon(),
        discount: episodes.discount(),
        effective_trajectories,
        logged_value: mean_of(&returns, request.level)?,
        estimates: BTreeMap::new(),
    };
    if verdict == OverlapVerdict::Refuse && !request.despite_refusal {
        return Ok(found);
    }
    let weighed = [TIS, TIS.normalised(), PDIS, PDIS.normalised()];
    let modelled = [DM, DR, DR.normalised()];
    let model: &[SequentialEstimator] = if with_model { &modelled } else { &[] };
    for estimator in weighed.iter().chain(model) {
        let estimate = estimator.estimate(episodes, None)?;
        let seeds = SeedTree::new(request.seed).child("ope").child(&estimator.to_string());
        let drawn = estimate.bootstrap(request.resamples, request.level, seeds)?;
        let value = estimate.interval(request.level)?;
        let bootstrap = (drawn.lower, drawn.upper);
        found.estimates.insert(estimator.to_string(), SequenceEstimate { value, bootstrap });
    }
    let width = |name: &&&str| {
        let value = found.estimates.get(**name).map(|one| one.value);
        value.map_or(f64::INFINITY, |value| value.upper - value.lower)
    };
    let narrowest = WHATEVER_THE_MODEL
        .iter()
        .filter(|name| found.estimates.contains_key(**name))
        .min_by(|a, b| width(a).total_cmp(&width(b)));
    found.decide_on = narrowest.map(|name| (*name).to_owned());
    Ok(found)
}

fn mean_of(values: &[f64], level: f64) -> Result<Interval, EvaluateError> {
    let moments = crate::evaluate::experiment::Moments::of(values);
    let error = moments.variance_of_mean().sqrt();
    Interval::student(moments.mean, error, moments.n - 1.0, level)
}
