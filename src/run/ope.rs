//! What any log of decisions says of any policy: `promopt ope`.

use super::error::RunError;
use crate::data::DataError;
use crate::data::decision_tables::{ByAction, DecisionLog, LogColumns, TablePlace};
use crate::evaluate::off_policy::propensity::{
    Assignments, EstimatedPropensities, PropensityOverlap, PropensitySettings,
};
use crate::evaluate::off_policy::reward_model::{RewardForm, most_robust_importance};
use crate::evaluate::off_policy::tuning::{Family, Rule, Tuned, tune};
use crate::evaluate::off_policy::{
    Bootstrap, Choice, DM, DR, Estimator, IPS, RewardDistribution, SNDR, SNIPS, Units,
    WeightProfile, Weighting, choice, estimate,
};
use crate::evaluate::{
    EvaluateError, Interval, LoggedDecisions, LoggedTable, OpeInput, OpeReport, OverlapDiagnostics,
    OverlapVerdict, RewardModelSettings, RewardPredictions, TargetProbabilities,
};
use promopt_envs::SeedTree;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Chance, per candidate, that noise alone looks like a bias when a parameter is tuned.
const TUNING_DELTA: f64 = 0.1;
/// Estimates whose interval holds whatever the reward model, when propensities are right.
const WHATEVER_THE_MODEL: [&str; 5] = ["dr", "sndr", "mrdr", "ips", "snips"];
/// Quantiles of the weights that are shown.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// The policy that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Probabilities in a table.
    Table(TablePlace),
    /// Every action equally often.
    Uniform,
    /// Always this action.
    Always(String),
}

impl Target {
    /// `uniform`, `always:ACTION`, or a table.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match (text, text.strip_prefix("always:")) {
            ("uniform", _) => Self::Uniform,
            (_, Some(action)) => Self::Always(action.to_owned()),
            _ => Self::Table(TablePlace::parse(text)),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct OpeRequest {
    /// The log.
    pub log: PathBuf,
    /// Its columns.
    pub columns: LogColumns,
    /// The policy that is judged.
    pub target: Target,
    /// A reward model's predictions; without them a model is cross-fitted.
    pub predictions: Option<TablePlace>,
    /// Form of the model that is fitted.
    pub reward_form: RewardForm,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Confidence level.
    pub level: f64,
    /// Root of the random streams.
    pub seed: u64,
    /// Shows the figures even when the verdict is that they are no evidence.
    pub despite_refusal: bool,
}

/// One estimator's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EstimateAnswer {
    /// Mean reward per decision under the policy; the interval is robust to dependence within
    /// customers.
    #[serde(flatten)]
    pub value: Interval,
    /// The same minus the mean logged reward, paired on the same decisions.
    pub uplift: Interval,
    /// Percentile interval of the bootstrap over customers.
    pub bootstrap: (f64, f64),
    /// Share of all weight that the estimator took away.
    pub weight_removed: f64,
}

/// How the weights are spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightAnswer {
    /// Quantiles by probability.
    pub quantiles: Vec<(f64, f64)>,
    /// Share of decisions without any weight.
    pub share_zero: f64,
    /// Tail index; below 2 the variance of IPS does not exist.
    pub tail_index: Option<f64>,
}

/// The reward's distribution under the policy, by self-normalised weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistributionAnswer {
    /// Standard deviation of the reward of one decision.
    pub standard_deviation: f64,
    /// Smallest reward that a quarter of the decisions do not exceed.
    pub lower_quartile: f64,
    /// Median.
    pub median: f64,
    /// Mean of the worst tenth.
    pub worst_tenth: f64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpeAnswer {
    /// Whether the estimates may be read as evidence.
    pub verdict: OverlapVerdict,
    /// Why the verdict is not ok; empty when it is.
    pub reasons: Vec<String>,
    /// The estimate with the narrowest interval among those that hold whatever the reward model;
    /// absent when refused.
    pub decide_on: Option<String>,
    /// Which estimate has the smallest expected error, and why; its interval may leave out its bias.
    /// Absent when refused.
    pub choice: Option<Choice>,
    /// Names of the actions, in the order of their numbers in the diagnostics.
    pub actions: Vec<String>,
    /// Features of the reward and the propensity model.
    pub features: Vec<String>,
    /// Mean logged reward per decision.
    pub logged_value: Interval,
    /// Estimates by name; empty when refused.
    pub estimates: BTreeMap<String, EstimateAnswer>,
    /// What the tuned estimators considered, by name of the family.
    pub tuning: BTreeMap<&'static str, Tuned>,
    /// The numbers behind the verdict.
    pub diagnostics: OverlapDiagnostics,
    /// The weights.
    pub weights: WeightAnswer,
    /// What the estimate of the propensities says about overlap; absent when they were logged.
    pub propensities: Option<PropensityOverlap>,
    /// The distribution of the reward; absent when refused.
    pub distribution: Option<DistributionAnswer>,
}

/// Reads the tables and judges the policy on the log.
///
/// # Errors
/// [`RunError`] for files, columns, probabilities and settings that cannot be used.
pub fn judge_table(request: &OpeRequest) -> Result<OpeAnswer, RunError> {
    let Opened { mut log, target, predictions, propensities, overlap } = open(request)?;
    let decisions = LoggedDecisions::new(LoggedTable {
        n_features: log.feature_names.len(),
        n_actions: log.action_names.len(),
        observations: std::mem::take(&mut log.features),
        actions: std::mem::take(&mut log.actions),
        propensities,
        rewards: std::mem::take(&mut log.rewards),
        clusters: std::mem::take(&mut log.customers),
        masks: None,
        sequence: None,
    })
    .map_err(EvaluateError::from)?;
    let target = TargetProbabilities::new(target, &decisions)?;
    answer(request, &log, &decisions, &target, predictions, overlap)
}

/// The log and the tables beside it, complete.
pub(super) struct Opened {
    pub(super) log: DecisionLog,
    /// Probability of every action at every decision.
    pub(super) target: Vec<f64>,
    /// Predicted reward of every action at every decision.
    pub(super) predictions: Option<Vec<f64>>,
    pub(super) propensities: Vec<f64>,
    /// What estimating the propensities said; `None` when they were logged.
    overlap: Option<PropensityOverlap>,
}

pub(super) fn open(request: &OpeRequest) -> Result<Opened, RunError> {
    let mut log = DecisionLog::read(&request.log, &request.columns)
        .map_err(|error| with_advice(error, &request.columns))?;
    let target = open_target(request, &mut log)?;
    let predictions = open_beside(request.predictions.as_ref(), &mut log)?;
    let (propensities, overlap) = propensities(&mut log)?;
    let n_actions = log.action_names.len();
    let target = match target {
        Probabilities::Table(table) => table.values(&request.log, log.len(), &log.action_names)?,
        Probabilities::Constant(of) => {
            let row: Vec<f64> = log.action_names.iter().map(|name| of(name, n_actions)).collect();
            row.repeat(log.len())
        }
    };
    let predictions = match predictions {
        Some(table) => Some(table.values(&request.log, log.len(), &log.action_names)?),
        None => None,
    };
    Ok(Opened { log, target, predictions, propensities, overlap })
}

/// Where the propensities are missing, there are three ways on.
fn with_advice(error: DataError, columns: &LogColumns) -> RunError {
    match &error {
        DataError::NoSuchColumn { column, .. } if Some(column) == columns.propensity.as_ref() => {
            RunError::Config(format!(
                "{error}, or give one number for all rows, as --propensity 0.5, or --propensity \
                 estimated with --features"
            ))
        }
        _ => error.into(),
    }
}

/// Probability of an action by its name, among so many.
type ByName = Box<dyn Fn(&str, usize) -> f64>;

/// The policy's probabilities, before the rows of the log are known to be complete.
enum Probabilities {
    Table(ByAction),
    Constant(ByName),
}

fn open_target(request: &OpeRequest, log: &mut DecisionLog) -> Result<Probabilities, RunError> {
    Ok(match &request.target {
        Target::Table(place) => {
            let table = ByAction::open(place, &log.action_names)?;
            log.with_actions(&table.actions()?);
            Probabilities::Table(table)
        }
        Target::Uniform => Probabilities::Constant(Box::new(|_, n| 1.0 / n as f64)),
        Target::Always(action) => {
            if !log.action_names.contains(action) {
                return Err(RunError::Config(format!(
                    "expected one of {:?} behind `always:`, got `{action}`",
                    log.action_names
                )));
            }
            let always = action.clone();
            let one = move |name: &str, _| f64::from(u8::from(name == always));
            Probabilities::Constant(Box::new(one))
        }
    })
}

fn open_beside(
    place: Option<&TablePlace>,
    log: &mut DecisionLog,
) -> Result<Option<ByAction>, RunError> {
    let Some(place) = place else { return Ok(None) };
    let table = ByAction::open(place, &log.action_names)?;
    log.with_actions(&table.actions()?);
    Ok(Some(table))
}

/// The logged propensities, or estimated ones with what they say about overlap.
fn propensities(log: &mut DecisionLog) -> Result<(Vec<f64>, Option<PropensityOverlap>), RunError> {
    if let Some(logged) = log.propensities.take() {
        return Ok((logged, None));
    }
    if log.feature_names.is_empty() {
        return Err(RunError::Config(
            "expected features to estimate propensities from, since none were logged; name what \
             was known before the decision, as --features 'recency,spend_*', or the column of \
             propensities, or one number for all rows, as --propensity 0.5"
                .to_owned(),
        ));
    }
    let clusters: Vec<usize> = log.customers.iter().map(|c| *c as usize).collect();
    let assignments = Assignments {
        features: &log.features,
        n_features: log.feature_names.len(),
        actions: &log.actions,
        n_actions: log.action_names.len(),
        clusters: &clusters,
    };
    let found = EstimatedPropensities::cross_fit(&assignments, &PropensitySettings::default())?;
    Ok((found.of_taken(&log.actions), Some(found.overlap().clone())))
}

fn answer(
    request: &OpeRequest,
    log: &DecisionLog,
    decisions: &LoggedDecisions,
    target: &TargetProbabilities,
    predictions: Option<Vec<f64>>,
    overlap: Option<PropensityOverlap>,
) -> Result<OpeAnswer, RunError> {
    let settings =
        RewardModelSettings { form: request.reward_form, ..RewardModelSettings::default() };
    let fitted = |importance: Option<&[f64]>| {
        let spread = |rank: &usize| rank % settings.n_folds;
        let dealt = || decisions.cluster_ranks().iter().map(spread).collect();
        let folds: Vec<usize> = log.folds.clone().unwrap_or_else(dealt);
        RewardPredictions::cross_fit_with_folds(decisions, &folds, importance, &settings)
    };
    let model = match predictions {
        Some(values) => RewardPredictions::new(values, decisions)?,
        None => fitted(None)?,
    };
    let input = OpeInput::new(decisions, target, &model)?;
    let logged = overlap.is_none();
    let report: OpeReport = crate::evaluate::judge_logged(&input, logged, request.level)?;
    let (mut verdict, mut reasons) = (report.verdict, report.reasons);
    if let Some(overlap) = &overlap {
        verdict = verdict.max(overlap.verdict);
        reasons.extend(overlap.reasons.iter().cloned());
    }
    let profile = WeightProfile::of(input.rounds());
    let mut answer = OpeAnswer {
        verdict,
        reasons,
        decide_on: None,
        choice: None,
        actions: log.action_names.clone(),
        features: log.feature_names.clone(),
        logged_value: report.on_policy_value,
        estimates: BTreeMap::new(),
        tuning: BTreeMap::new(),
        diagnostics: report.diagnostics,
        weights: WeightAnswer {
            quantiles: QUANTILES.map(|p| (p, profile.quantile(p))).to_vec(),
            share_zero: profile.share_zero,
            tail_index: profile.tail_index,
        },
        propensities: overlap,
        distribution: None,
    };
    if verdict == OverlapVerdict::Refuse && !request.despite_refusal {
        return Ok(answer);
    }
    let (chosen, choice) = choice::choose(&input)?;
    answer.choice = Some(choice);
    estimate_all(request, &input, chosen, &mut answer)?;
    let robust = fitted(Some(&most_robust_importance(decisions, target)));
    // Ill-conditioned where propensities are tiny: then this one is left out.
    if let Ok(model) = robust {
        let input = OpeInput::new(decisions, target, &model)?;
        answer.estimates.insert("mrdr".into(), one(request, &input, &DR)?);
    }
    answer.distribution = Some(distribution(&input)?);
    let width = |name: &&str| answer.estimates.get(*name).map(|one| one.value.standard_error);
    let narrowest = WHATEVER_THE_MODEL
        .into_iter()
        .filter(|name| width(name).is_some())
        .min_by(|a, b| width(a).unwrap_or(f64::NAN).total_cmp(&width(b).unwrap_or(f64::NAN)));
    answer.decide_on = narrowest.map(str::to_owned);
    Ok(answer)
}

/// The plain estimators, one tuned member of each family, and the chosen one.
fn estimate_all(
    request: &OpeRequest,
    input: &OpeInput<'_>,
    chosen: Estimator,
    answer: &mut OpeAnswer,
) -> Result<(), RunError> {
    let mut estimators: Vec<(String, Estimator)> =
        [IPS, SNIPS, DM, DR, SNDR, chosen].map(|e| (e.to_string(), e)).to_vec();
    let families = [
        ("ips_clip", Family::Clipped, false),
        ("dr_clip", Family::Clipped, true),
        ("switch_dr", Family::Switched, true),
        ("dros", Family::Shrunk, true),
        ("sg_ips", Family::Smoothed, false),
        ("sg_dr", Family::Smoothed, true),
    ];
    for (name, family, with_model) in families {
        let parameters = family.usual_parameters();
        let rule = Rule::SlopePlusPlus;
        let tuned = tune(family, with_model, input.rounds(), parameters, rule, TUNING_DELTA)?;
        let weighting: Weighting = family.member(tuned.chosen.parameter);
        estimators.push((name.to_owned(), Estimator::of(weighting, with_model)));
        answer.tuning.insert(name, tuned);
    }
    for (name, estimator) in estimators {
        answer.estimates.insert(name, one(request, input, &estimator)?);
    }
    Ok(())
}

fn one(
    request: &OpeRequest,
    input: &OpeInput<'_>,
    estimator: &Estimator,
) -> Result<EstimateAnswer, RunError> {
    let found = estimate(estimator, input, request.level)?;
    let (n_resamples, level) = (request.resamples, request.level);
    let bootstrap = Bootstrap { n_resamples, level, ..Bootstrap::default() };
    let log = input.log();
    let units = if log.n_clusters() == log.len() {
        Units::Rounds
    } else {
        Units::Customers { ranks: log.cluster_ranks(), n: log.n_clusters() }
    };
    let seeds = SeedTree::new(request.seed).child("bootstrap");
    let resampled = bootstrap.run(estimator, input.rounds(), units, seeds)?.interval;
    Ok(EstimateAnswer {
        value: found.value,
        uplift: found.uplift,
        bootstrap: (resampled.lower, resampled.upper),
        weight_removed: estimator.removed(input.rounds()).share_of_weight,
    })
}

fn distribution(input: &OpeInput<'_>) -> Result<DistributionAnswer, RunError> {
    let found = RewardDistribution::of(input.rounds())?;
    Ok(DistributionAnswer {
        standard_deviation: found.variance().sqrt(),
        lower_quartile: found.quantile(0.25),
        median: found.quantile(0.5),
        worst_tenth: found.conditional_value_at_risk(0.1),
    })
}
