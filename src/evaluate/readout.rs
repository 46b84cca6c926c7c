//! An experiment's read-out: what each arm did to each metric, whether the numbers can be believed,
//! and what to do about it.
//!
//! [`Trial`] is what was measured, one row per unit; [`Question`] is what is asked of it;
//! [`read_out`] answers with a [`Readout`]. Methods come from [`crate::experiment`]; what is decided
//! here is which of them a metric is read by, and what follows ([`decision`]).

pub mod decision;
pub mod effects;
pub mod look;
pub mod sums;

#[cfg(test)]
mod tests;

use crate::error::EvaluateError;
use crate::experiment::JointMoments;
use crate::experiment::mix::SampleRatio;
use serde::Serialize;

pub use decision::{Decision, Verdict};
pub use effects::{Between, GuardrailReadout, MetricReadout, SegmentReadout};
pub use look::{Balance, DayReadout, MoneyReadout, UpliftReadout};
pub use sums::Sums;

/// Names as positions in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codes<'a> {
    /// Position in `names`, one per row.
    pub codes: &'a [u32],
    /// The names.
    pub names: &'a [String],
}

/// What was measured, one row per unit that was dealt to an arm, as sums; rows only where a method
/// cannot do without.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// Names of the arms.
    pub arms: &'a [String],
    /// Which arm is the control.
    pub control: usize,
    /// Names of the columns of numbers.
    pub columns: &'a [String],
    /// Names of groups that were known before, such as personas; none or one when there are none.
    pub strata: &'a [String],
    /// Sums of all columns; arm `a` and group `s` are number `a · groups + s`.
    pub sums: Sums,
    /// The rows, for clusters, days, quantiles, caps and scores.
    pub rows: Option<Rows<'a>>,
}

/// The rows of a trial.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Arm of each unit.
    pub arms: &'a [u32],
    /// Columns of numbers, in the order of their names.
    pub columns: &'a [Vec<f64>],
    /// What was dealt, when it was not the row: stores, regions.
    pub clusters: Option<Codes<'a>>,
    /// Day on which each unit entered.
    pub days: Option<&'a [i32]>,
}

/// Whether more or less of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More.
    More,
    /// Less.
    Less,
}

/// What a metric is for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is to be improved; the first goal decides.
    Goal,
    /// It must not get worse by this share of control or more.
    Guardrail(f64),
}

/// A metric as positions of columns: a mean per unit, or a ratio of two sums.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSpec {
    /// How it is written.
    pub name: String,
    /// What is averaged, or the ratio's numerator.
    pub numerator: usize,
    /// The ratio's denominator.
    pub denominator: Option<usize>,
    /// The same before the experiment, as numerator and denominator.
    pub before: Option<(usize, Option<usize>)>,
    /// What it is for.
    pub role: Role,
    /// Which direction is good.
    pub better: Better,
}

/// Columns of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Contribution margin after promotion cost.
    pub margin: usize,
    /// Promotion cost.
    pub cost: usize,
    /// Units sold.
    pub sold: Option<usize>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Metrics; the first goal decides.
    pub metrics: Vec<MetricSpec>,
    /// Planned shares of the arms, as names of arms are ordered; equal ones without.
    pub planned: Option<Vec<f64>>,
    /// Confidence level.
    pub level: f64,
    /// Whether it is looked at more than once, so that intervals that hold at every look decide.
    pub peeking: bool,
    /// Quantile at which values are capped in a second read-out of the goals.
    pub cap: Option<f64>,
    /// Quantiles of the goals to compare.
    pub quantiles: Vec<f64>,
    /// Columns whose mix is checked beside what was known before.
    pub balance: Vec<usize>,
    /// Column by which units would be treated first.
    pub score: Option<usize>,
    /// Columns of money.
    pub money: Option<Money>,
}

/// How many units each arm has against the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mix {
    /// Number of units (clusters, where those were dealt) by arm.
    pub units: Vec<(String, u64)>,
    /// Planned shares.
    pub planned: Vec<f64>,
    /// Statistic against the plan.
    pub chi_squared: f64,
    /// Chance of a mix as uneven when units are dealt as planned.
    pub p_value: f64,
    /// Whether that is below 0.001: then nothing else can be believed.
    pub mismatch: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Readout {
    /// Confidence level of all intervals.
    pub level: f64,
    /// What to do with each arm.
    pub decisions: Vec<Decision>,
    /// Units by arm.
    pub mix: Mix,
    /// Effects by metric and arm.
    pub metrics: Vec<MetricReadout>,
    /// The first goal between arms that are not the control.
    pub between: Vec<Between>,
    /// Whether the arms were alike before.
    pub balance: Vec<Balance>,
    /// What the first goal's effect did over the days.
    pub days: Vec<DayReadout>,
    /// What treating by score would catch of the first goal.
    pub uplift: Vec<UpliftReadout>,
    /// What it earned and cost.
    pub money: Vec<MoneyReadout>,
}

/// Reads an experiment out.
///
/// # Errors
/// [`EvaluateError::WrongLength`] for columns of another length, [`EvaluateError::InvalidSetting`] for
/// a level, cap or quantile outside `(0, 1)`, [`EvaluateError::TooFew`] for fewer than two arms, fewer
/// than two units in one, or no goal, and [`EvaluateError::WrongLength`] for planned shares that are
/// not one per arm.
pub fn read_out(trial: &Trial<'_>, question: &Question) -> Result<Readout, EvaluateError> {
    check(trial, question)?;
    let mix = mix(trial, question)?;
    let (metrics, between) = effects::metrics(trial, question)?;
    let days = look::days(trial, question)?;
    let decisions = decision::decide(trial, question, &mix, &metrics, &days);
    Ok(Readout {
        level: question.level,
        decisions,
        mix,
        metrics,
        between,
        balance: look::balance(trial, question),
        days,
        uplift: look::uplift(trial, question),
        money: look::money(trial, question),
    })
}

impl Trial<'_> {
    /// The arms that are not the control.
    pub(crate) fn treatments(&self) -> impl Iterator<Item = usize> {
        let control = self.control;
        (0..self.arms.len()).filter(move |arm| *arm != control)
    }

    /// Number of groups, at least one.
    pub(crate) fn n_strata(&self) -> usize {
        self.strata.len().max(1)
    }

    /// Moments of columns in an arm, groups together.
    pub(crate) fn joint<const K: usize>(&self, arm: usize, columns: [usize; K]) -> JointMoments<K> {
        let n = self.n_strata();
        self.sums.together(arm * n..(arm + 1) * n, columns)
    }

    pub(crate) fn clusters(&self) -> Option<(Rows<'_>, Codes<'_>)> {
        self.rows.and_then(|rows| rows.clusters.map(|clusters| (rows, clusters)))
    }
}

fn check(trial: &Trial<'_>, question: &Question) -> Result<(), EvaluateError> {
    let units = |arm: usize| -> f64 {
        let n = trial.n_strata();
        (arm * n..(arm + 1) * n).map(|group| trial.sums.n(group)).sum()
    };
    let expected = (0..trial.arms.len()).map(units).sum::<f64>() as usize;
    let by_row =
        question.cap.is_some() || !question.quantiles.is_empty() || question.score.is_some();
    let rows = trial.rows.iter().flat_map(|rows| {
        let columns = rows.columns.iter().map(|column| ("column", column.len()));
        let clusters = rows.clusters.map(|clusters| ("clusters", clusters.codes.len()));
        let days = rows.days.map(|days| ("days", days.len()));
        columns.chain(clusters).chain(days).chain([("arms", rows.arms.len())])
    });
    let missing = (by_row && trial.rows.is_none()).then_some(("rows", 0));
    for (column, found) in rows.chain(missing) {
        if found != expected {
            return Err(EvaluateError::WrongLength { column, expected, found, unit: "unit" });
        }
    }
    let inside = |name, found: f64| match found > 0.0 && found < 1.0 {
        true => Ok(()),
        false => {
            let expected = "a number between 0 and 1";
            Err(EvaluateError::InvalidSetting { name, expected, found })
        }
    };
    inside("level", question.level)?;
    question.cap.map_or(Ok(()), |cap| inside("cap", cap))?;
    question.quantiles.iter().try_for_each(|q| inside("quantile", *q))?;
    let advice = "name the column that holds the arm";
    crate::logged::at_least("arms", 2, trial.arms.len(), advice)?;
    let goals = question.metrics.iter().filter(|metric| metric.role == Role::Goal).count();
    crate::logged::at_least("goals", 1, goals, "name a metric to be improved")?;
    let fewest = (0..trial.arms.len()).map(units).fold(f64::INFINITY, f64::min);
    let advice = "leave out arms that hardly ran";
    crate::logged::at_least("units in each arm", 2, fewest as usize, advice)
}

/// Units of each arm; a cluster counts for the arm of its first row.
fn mix(trial: &Trial<'_>, question: &Question) -> Result<Mix, EvaluateError> {
    let mut counts = vec![0_u64; trial.arms.len()];
    match trial.clusters() {
        None => {
            let n = trial.n_strata();
            let groups = 0..counts.len() * n;
            groups.for_each(|group| counts[group / n] += trial.sums.n(group) as u64);
        }
        Some((rows, clusters)) => {
            let mut seen = vec![false; clusters.names.len()];
            for (cluster, arm) in clusters.codes.iter().zip(rows.arms) {
                counts[*arm as usize] += u64::from(!seen[*cluster as usize]);
                seen[*cluster as usize] = true;
            }
        }
    }
    let equal = || vec![1.0; counts.len()];
    let planned = question.planned.clone().unwrap_or_else(equal);
    let found = SampleRatio::of(&counts, &planned)?;
    Ok(Mix {
        mismatch: found.is_mismatch(),
        units: trial.arms.iter().cloned().zip(counts).collect(),
        chi_squared: found.chi_squared,
        p_value: found.p_value,
        planned: found.planned,
    })
}
