//! Checks and further looks: the mix of what was known before, the effect by day, targeting by a score,
//! and money.

use super::sums::Sums;
use super::{Question, Role, Trial};
use crate::error::EvaluateError;
use crate::experiment::returns::ratio_of_differences;
use crate::experiment::trend::{Heterogeneity, Part, slope};
use crate::experiment::uplift::{CurveKind, Ranked};
use crate::experiment::{Contrast, Effect, Metric};
use serde::Serialize;

/// Shares of the units at which a ranking is read.
const SHARES: [f64; 4] = [0.1, 0.25, 0.5, 1.0];

/// Whether an arm was like control in something known before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Balance {
    /// The column.
    pub column: String,
    /// The arm.
    pub arm: String,
    /// Difference of the means in standard deviations of control.
    pub standardised_difference: f64,
    /// p value of no difference; below 0.001 the arms were not dealt by chance.
    pub p_value: f64,
}

/// The first goal's effect over the days on which units entered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayReadout {
    /// The arm.
    pub arm: String,
    /// Number of days with two units in both arms.
    pub days: usize,
    /// Change of the effect per day; opposite to the effect it is novelty that wears off.
    pub slope: Effect,
    /// p value of "the effect is the same on all days".
    pub days_differ: f64,
    /// p value of "the effect is the same on all weekdays"; absent within one week.
    pub weekdays_differ: Option<f64>,
}

/// What treating the highest scores first would catch of the first goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpliftReadout {
    /// The arm.
    pub arm: String,
    /// Mean lead of the Qini curve over the straight line, over the magnitude of its end.
    pub qini: f64,
    /// Mean height of the uplift curve over the magnitude of its end; 0.5 without skill.
    pub auuc: f64,
    /// Area above the straight line as a share of the best ranking's; for 0/1 outcomes.
    pub qini_coefficient: Option<f64>,
    /// Share of the units, effect among the highest-scored, and share of the whole effect caught.
    pub top: Vec<(f64, f64, f64)>,
}

/// What an arm earned and cost per unit, against control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoneyReadout {
    /// The arm.
    pub arm: String,
    /// Margin after promotion cost.
    pub incremental_margin: Effect,
    /// Promotion cost.
    pub incremental_cost: Effect,
    /// Incremental margin over incremental cost; no bounded interval when the cost may be 0.
    pub return_on_cost: Effect,
    /// Incremental cost over incremental units sold; no bounded interval when those may be 0.
    pub cost_per_unit: Option<Effect>,
}

/// Columns known before, and those asked for.
pub(super) fn balance(trial: &Trial<'_>, question: &Question) -> Vec<Balance> {
    let known = question.metrics.iter().filter_map(|metric| metric.before);
    let mut columns: Vec<usize> = known.flat_map(|(x, z)| [Some(x), z]).flatten().collect();
    columns.extend(&question.balance);
    columns.sort_unstable();
    columns.dedup();
    let one = |column: usize, arm: usize| {
        let [c, t] = [trial.control, arm].map(|arm| trial.joint(arm, [column]).only(0));
        let effect = Contrast::new(Metric::mean(&c), Metric::mean(&t)).absolute(question.level);
        let spread = c.variance().sqrt();
        Balance {
            column: trial.columns[column].clone(),
            arm: trial.arms[arm].clone(),
            standardised_difference: if spread > 0.0 { effect.estimate / spread } else { 0.0 },
            p_value: effect.p_value,
        }
    };
    columns
        .iter()
        .flat_map(|column| trial.treatments().map(move |arm| (*column, arm)))
        .map(|(column, arm)| one(column, arm))
        .collect()
}

/// Position of the first goal's column when it is a mean.
fn first_goal(question: &Question) -> Option<usize> {
    let goal = question.metrics.iter().find(|metric| metric.role == Role::Goal)?;
    goal.denominator.is_none().then_some(goal.numerator)
}

pub(super) fn days(
    trial: &Trial<'_>,
    question: &Question,
) -> Result<Vec<DayReadout>, EvaluateError> {
    let (Some(rows), Some(goal)) = (trial.rows, first_goal(question)) else {
        return Ok(Vec::new());
    };
    let Some(days) = rows.days else { return Ok(Vec::new()) };
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else {
        return Ok(Vec::new());
    };
    let n_days = (last - first) as usize + 1;
    let column = [rows.columns[goal].as_slice()];
    let sums = Sums::of(&column, n_days * trial.arms.len(), |row| {
        rows.arms[row] as usize * n_days + (days[row] - first) as usize
    });
    let part = |of: &dyn Fn(usize) -> bool, arm: usize| {
        let moments = |arm: usize| {
            sums.together((0..n_days).filter(|d| of(*d)).map(|d| arm * n_days + d), [0]).only(0)
        };
        let (c, t) = (moments(trial.control), moments(arm));
        let part = Part::of(&c, &t);
        (c.n >= 2.0 && t.n >= 2.0 && part.standard_error > 0.0).then_some(part)
    };
    let mut found = Vec::new();
    for arm in trial.treatments() {
        let (mut times, mut parts) = (Vec::new(), Vec::new());
        for day in 0..n_days {
            if let Some(one) = part(&|d| d == day, arm) {
                times.push(day as f64);
                parts.push(one);
            }
        }
        if parts.len() < 3 {
            continue;
        }
        let weekdays: Vec<Part> = (0..7)
            .filter_map(|weekday| part(&|d| (d as i32 + first) % 7 == weekday, arm))
            .collect();
        let weekdays_differ = Heterogeneity::of(&weekdays).ok().filter(|_| n_days >= 7);
        found.push(DayReadout {
            arm: trial.arms[arm].clone(),
            days: parts.len(),
            slope: slope(&times, &parts, question.level)?,
            days_differ: Heterogeneity::of(&parts)?.p_value,
            weekdays_differ: weekdays_differ.map(|spread| spread.p_value),
        });
    }
    Ok(found)
}

pub(super) fn uplift(trial: &Trial<'_>, question: &Question) -> Vec<UpliftReadout> {
    let (Some(score), Some(goal), Some(all)) = (question.score, first_goal(question), trial.rows)
    else {
        return Vec::new();
    };
    let (score, outcome) = (&all.columns[score], &all.columns[goal]);
    let one = |arm: usize| {
        let codes = all.arms;
        let rows = || {
            let of = |row: &usize| [trial.control, arm].contains(&(codes[*row] as usize));
            (0..codes.len()).filter(of)
        };
        let y: Vec<f64> = rows().map(|row| outcome[row]).collect();
        let own: Vec<f64> = rows().map(|row| score[row]).collect();
        let treated: Vec<bool> = rows().map(|row| codes[row] as usize == arm).collect();
        let ranked = Ranked::new(&y, &own, &treated)?;
        let (whole, curve) = (ranked.top(1.0), ranked.uplift());
        let n = y.len() as f64;
        let caught = |share: f64| curve.at(share * n) / (whole * n);
        Some(UpliftReadout {
            arm: trial.arms[arm].clone(),
            qini: ranked.mean_height(CurveKind::Qini, true).1,
            auuc: ranked.mean_height(CurveKind::Uplift, true).0,
            qini_coefficient: y
                .iter()
                .all(|y| *y == 0.0 || *y == 1.0)
                .then(|| ranked.qini_coefficient(true)),
            top: SHARES.iter().map(|s| (*s, ranked.top(*s), caught(*s))).collect(),
        })
    };
    trial.treatments().filter_map(one).collect()
}

pub(super) fn money(trial: &Trial<'_>, question: &Question) -> Vec<MoneyReadout> {
    let Some(money) = question.money else { return Vec::new() };
    let level = question.level;
    let one = |arm: usize| {
        let effect = |column: usize| {
            let [c, t] = [trial.control, arm].map(|arm| trial.joint(arm, [column]).only(0));
            Contrast::new(Metric::mean(&c), Metric::mean(&t)).absolute(level)
        };
        let ratio = |over: [usize; 2]| {
            let [c, t] = [trial.control, arm].map(|arm| trial.joint(arm, over));
            ratio_of_differences(&c, &t, level)
        };
        MoneyReadout {
            arm: trial.arms[arm].clone(),
            incremental_margin: effect(money.margin),
            incremental_cost: effect(money.cost),
            return_on_cost: ratio([money.margin, money.cost]),
            cost_per_unit: money.sold.map(|sold| ratio([money.cost, sold])),
        }
    };
    trial.treatments().map(one).collect()
}
