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
use crate::experiment::mix::SampleRatio;
use serde::Serialize;

pub use decision::{Decision, Verdict};
pub use effects::{Between, GuardrailReadout, MetricReadout, SegmentReadout};
pub use look::{Balance, DayReadout, MoneyReadout, UpliftReadout};

/// Names as positions in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codes<'a> {
    /// Position in `names`, one per row.
    pub codes: &'a [u32],
    /// The names.
    pub names: &'a [String],
}

/// What was measured: one row per unit that was dealt to an arm.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Arm of each unit.
    pub arms: Codes<'a>,
    /// Which arm is the control.
    pub control: usize,
    /// Columns of numbers by name, each one value per row.
    pub columns: &'a [(String, Vec<f64>)],
    /// Group that was known before, such as the persona.
    pub strata: Option<Codes<'a>>,
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
        (0..self.arms.names.len()).filter(move |arm| *arm != control)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.arms.codes.len()
    }
}

fn check(trial: &Trial<'_>, question: &Question) -> Result<(), EvaluateError> {
    let expected = trial.rows();
    let codes = [("strata", trial.strata), ("clusters", trial.clusters)];
    let lengths = codes.iter().filter_map(|(name, codes)| codes.map(|c| (*name, c.codes.len())));
    let days = trial.days.map(|days| ("days", days.len()));
    let columns = trial.columns.iter().map(|(_, column)| ("column", column.len()));
    for (column, found) in lengths.chain(days).chain(columns) {
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
    let arms = trial.arms.names.len();
    crate::logged::at_least("arms", 2, arms, "name the column that holds the arm")?;
    let goals = question.metrics.iter().filter(|metric| metric.role == Role::Goal).count();
    crate::logged::at_least("goals", 1, goals, "name a metric to be improved")?;
    let mut units = vec![0_usize; arms];
    trial.arms.codes.iter().for_each(|arm| units[*arm as usize] += 1);
    let fewest = units.iter().copied().min().unwrap_or(0);
    crate::logged::at_least("units in each arm", 2, fewest, "leave out arms that hardly ran")
}

/// Units of each arm; a cluster counts for the arm of its first row.
fn mix(trial: &Trial<'_>, question: &Question) -> Result<Mix, EvaluateError> {
    let names = trial.arms.names;
    let mut counts = vec![0_u64; names.len()];
    match trial.clusters {
        None => trial.arms.codes.iter().for_each(|arm| counts[*arm as usize] += 1),
        Some(clusters) => {
            let mut seen = vec![false; clusters.names.len()];
            for (cluster, arm) in clusters.codes.iter().zip(trial.arms.codes) {
                counts[*arm as usize] += u64::from(!seen[*cluster as usize]);
                seen[*cluster as usize] = true;
            }
        }
    }
    let equal = || vec![1.0; names.len()];
    let planned = question.planned.clone().unwrap_or_else(equal);
    let found = SampleRatio::of(&counts, &planned)?;
    Ok(Mix {
        mismatch: found.is_mismatch(),
        units: names.iter().cloned().zip(counts).collect(),
        chi_squared: found.chi_squared,
        p_value: found.p_value,
        planned: found.planned,
    })
}
