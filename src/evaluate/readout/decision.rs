//! Ship, hold or stop, with the reason in plain words.

use super::effects::{GuardrailState, MetricReadout};
use super::look::DayReadout;
use super::{Better, Mix, Question, Role, Trial};
use serde::Serialize;

/// What to do with an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Give it to everybody.
    Ship,
    /// Do not decide yet.
    Hold,
    /// End it.
    Stop,
}

/// The verdict on an arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The arm.
    pub arm: String,
    /// What to do.
    pub verdict: Verdict,
    /// Why, in order of weight.
    pub reasons: Vec<String>,
}

/// A p value below this speaks of a trend over the days.
const TREND: f64 = 0.01;

/// One decision per arm that is not the control.
///
/// A mix other than planned, or clusters in two arms, holds everything. A harmed guardrail or a first
/// goal that got worse stops. A first goal that improved ships when every guardrail is safe. The first
/// goal counts on the absolute scale, by its p value adjusted for all goals and arms.
pub(super) fn decide(
    trial: &Trial<'_>,
    question: &Question,
    mix: &Mix,
    metrics: &[MetricReadout],
    days: &[DayReadout],
) -> Vec<Decision> {
    let one = |arm: usize| {
        let name = &trial.arms[arm];
        let own: Vec<&MetricReadout> = metrics.iter().filter(|m| m.arm == *name).collect();
        let (verdict, mut reasons) = verdict(question, mix, &own);
        if let Some(trend) = days.iter().find(|d| d.arm == *name) {
            reasons.extend(novelty(trend, &own));
        }
        Decision { arm: name.clone(), verdict, reasons }
    };
    trial.treatments().map(one).collect()
}

fn verdict(question: &Question, mix: &Mix, own: &[&MetricReadout]) -> (Verdict, Vec<String>) {
    if mix.mismatch {
        let counts: Vec<String> =
            mix.units.iter().map(|(arm, n)| format!("{n} in {arm}")).collect();
        let reason = format!(
            "The mix of units is not the planned one ({}; p = {:.1e}): the assignment or the log is \
             broken, and no effect can be read. Find the fault first.",
            counts.join(", "),
            mix.p_value
        );
        return (Verdict::Hold, vec![reason]);
    }
    let guarded = |state: GuardrailState| {
        own.iter().filter(move |m| m.guardrail.is_some_and(|g| g.state == state))
    };
    let harmed: Vec<String> = guarded(GuardrailState::Harmed)
        .map(|m| format!("{} got worse by {}.", m.metric, share(m.relative.estimate.abs())))
        .collect();
    let unclear: Vec<String> = guarded(GuardrailState::Unclear)
        .map(|m| format!("{} is not yet shown to hold ({}).", m.metric, interval(m)))
        .collect();
    let Some(goal) = own.iter().find(|m| m.role == Role::Goal) else {
        return (Verdict::Hold, vec!["No goal was measured.".to_owned()]);
    };
    let gain = match goal.better {
        Better::More => goal.absolute.estimate,
        Better::Less => -goal.absolute.estimate,
    };
    let sure = goal.p_holm < 1.0 - question.level && goal.absolute.condition.is_none();
    let found = format!("{} {} ({}).", goal.metric, moved(goal, sure), interval(goal));
    if !harmed.is_empty() {
        return (Verdict::Stop, [harmed, vec![found]].concat());
    }
    match (sure, gain > 0.0) {
        (true, true) if unclear.is_empty() => (Verdict::Ship, vec![found]),
        (true, true) => (Verdict::Hold, [vec![found], unclear].concat()),
        (true, false) => (Verdict::Stop, vec![found]),
        (false, _) => {
            let reach = goal.detectable.map(|size| {
                format!(
                    "These units find an effect of {} in 80 % of cases; a smaller one needs more \
                     (`promopt abtest plan`).",
                    share(size)
                )
            });
            (Verdict::Hold, std::iter::once(found).chain(reach).chain(unclear).collect())
        }
    }
}

fn moved(metric: &MetricReadout, sure: bool) -> String {
    if metric.absolute.condition.is_some() {
        return "does not vary, so nothing can be said".to_owned();
    }
    let way = if metric.absolute.estimate > 0.0 { "rose" } else { "fell" };
    if sure {
        format!("{way} by {}", share(metric.relative.estimate.abs()))
    } else {
        "is not shown to have changed".to_owned()
    }
}

fn interval(metric: &MetricReadout) -> String {
    let found = &metric.absolute;
    format!(
        "{:+.4} [{:+.4}, {:+.4}], p = {} with all goals and arms",
        found.estimate,
        found.lower,
        found.upper,
        small(metric.p_holm)
    )
}

/// A p value with the digits it needs.
fn small(p: f64) -> String {
    if p >= 0.001 { format!("{p:.3}") } else { format!("{p:.1e}") }
}

fn share(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

/// An effect that wears off, or differs by weekday.
fn novelty(trend: &DayReadout, own: &[&MetricReadout]) -> Vec<String> {
    let effect = own.iter().find(|m| m.role == Role::Goal).map_or(0.0, |m| m.absolute.estimate);
    let mut reasons = Vec::new();
    if trend.slope.p_value < TREND && trend.slope.estimate * effect < 0.0 {
        reasons.push(format!(
            "The effect shrinks by {:.4} a day (p = {}): it may be novelty.",
            trend.slope.estimate.abs(),
            small(trend.slope.p_value)
        ));
    }
    if trend.weekdays_differ.is_some_and(|p| p < TREND) {
        reasons.push("The effect differs between weekdays: run whole weeks.".to_owned());
    }
    reasons
}
