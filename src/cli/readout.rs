//! `promopt abtest analyze`: the decision first, then what it rests on.

use super::exit::Failure;
use super::flags::{Analyze, Shared};
use crate::evaluate::experiment::{Condition, Effect};
use crate::evaluate::readout::effects::GuardrailState;
use crate::evaluate::readout::{MetricReadout, Readout, Role, Verdict};
use crate::run::RunError;
use crate::run::abtest::{
    AnalyzeRequest, MetricText, analyze as read_table, parse_guardrail, parse_shares,
};

/// Standardised differences above this are shown.
const UNLIKE: f64 = 0.1;

/// Reads and prints.
pub(super) fn analyze(shared: &Shared, args: &Analyze) -> Result<(), Failure> {
    let found = read_table(&request(args)?)?;
    if shared.json {
        println!("{}", serde_json::json!(found));
    } else {
        print!("{}", told(&found));
    }
    Ok(())
}

fn request(args: &Analyze) -> Result<AnalyzeRequest, RunError> {
    Ok(AnalyzeRequest {
        file: args.file.clone(),
        arm: args.arm.clone(),
        control: args.control.clone(),
        goals: args.metric.iter().map(|text| MetricText::parse(text)).collect::<Result<_, _>>()?,
        guardrails: args
            .guardrail
            .iter()
            .map(|text| parse_guardrail(text))
            .collect::<Result<_, _>>()?,
        lower_is_better: args.lower_is_better.clone(),
        planned: args.planned.as_deref().map(parse_shares).transpose()?,
        persona: args.persona.clone(),
        cluster: args.cluster.clone(),
        day: args.day.clone(),
        balance: args.balance.clone(),
        score: args.score.clone(),
        money: args
            .margin
            .clone()
            .zip(args.cost.clone())
            .map(|(margin, cost)| (margin, cost, args.sold.clone())),
        cap: args.cap,
        quantiles: args.quantiles.clone(),
        level: args.level,
        peeking: args.peeking,
    })
}

fn told(found: &Readout) -> String {
    let mut lines = Vec::new();
    for decision in &found.decisions {
        let verdict = match decision.verdict {
            Verdict::Ship => "ship",
            Verdict::Hold => "hold",
            Verdict::Stop => "stop",
        };
        lines.push(format!("decision   {} {verdict}", decision.arm));
        lines.extend(decision.reasons.iter().map(|reason| format!("           {reason}")));
    }
    for one in &found.between {
        lines.push(format!(
            "between    {} of {} less {}: {}, p = {}",
            one.metric,
            one.arms[0],
            one.arms[1],
            around(&one.effect),
            p(one.effect.p_value)
        ));
    }
    lines.push(mix(found));
    for one in &found.balance {
        if one.standardised_difference.abs() > UNLIKE || one.p_value < 0.001 {
            lines.push(format!(
                "unlike     {} of {} differs from control by {:+.2} standard deviations before the \
                 experiment (p = {})",
                one.column,
                one.arm,
                one.standardised_difference,
                p(one.p_value)
            ));
        }
    }
    lines.push(format!(
        "\n{:<28}{:<14}{:>12}{:>12}  {:<34}{:<30}p",
        "metric", "arm", "control", "arm", "difference", "relative"
    ));
    for metric in &found.metrics {
        lines.extend(rows(metric));
    }
    lines.extend(segments(found));
    lines.extend(further(found));
    lines.join("\n") + "\n"
}

fn mix(found: &Readout) -> String {
    let units: Vec<String> =
        found.mix.units.iter().map(|(arm, n)| format!("{n} in {arm}")).collect();
    let planned: Vec<String> =
        found.mix.planned.iter().map(|share| format!("{:.1} %", 100.0 * share)).collect();
    format!(
        "units      {}; planned {}, p = {}",
        units.join(", "),
        planned.join(", "),
        p(found.mix.p_value)
    )
}

fn p(value: f64) -> String {
    if value >= 0.001 { format!("{value:.3}") } else { format!("{value:.1e}") }
}

fn around(effect: &Effect) -> String {
    let shown = |x: f64| format!("{x:+.4}");
    match effect.condition {
        Some(Condition::ZeroVariance) => "does not vary".to_owned(),
        Some(Condition::TooFewUnits) => "too few units".to_owned(),
        Some(Condition::ZeroBaseline) => format!("{} [unbounded]", shown(effect.estimate)),
        None => {
            format!("{} [{}, {}]", shown(effect.estimate), shown(effect.lower), shown(effect.upper))
        }
    }
}

fn share(effect: &Effect) -> String {
    let shown = |x: f64| format!("{:+.2}", 100.0 * x);
    match effect.condition {
        Some(_) => "no baseline".to_owned(),
        None => format!(
            "{} % [{}, {}]",
            shown(effect.estimate),
            shown(effect.lower),
            shown(effect.upper)
        ),
    }
}

fn rows(metric: &MetricReadout) -> Vec<String> {
    let row = |name: &str, effect: &Effect| {
        format!(
            "{name:<28}{:<14}{:>12}{:>12}  {:<34}{:<30}{}",
            "",
            "",
            "",
            around(effect),
            "",
            p(effect.p_value)
        )
    };
    let mut lines = vec![format!(
        "{:<28}{:<14}{:>12.4}{:>12.4}  {:<34}{:<30}{}",
        metric.metric,
        metric.arm,
        metric.control,
        metric.treatment,
        around(&metric.absolute),
        share(&metric.relative),
        p(metric.p_holm)
    )];
    if let (Some(plain), Some(saved)) = (&metric.unadjusted, metric.variance_reduction) {
        let name = format!("  unadjusted ({:+.1} % var.)", -100.0 * saved);
        lines.push(row(&name, plain));
    }
    if let Some(effect) = &metric.stratified {
        lines.push(row("  by group, put together", effect));
    }
    lines.push(row("  at every look", &metric.always_valid));
    if let Some((cap, effect)) = &metric.capped {
        lines.push(row(&format!("  capped at {cap:.2}"), effect));
    }
    for (q, _, _, effect) in &metric.quantiles {
        lines.push(row(&format!("  quantile {q}"), effect));
    }
    if let Some(bayes) = metric.bayes.filter(|_| metric.role == Role::Goal) {
        lines.push(format!(
            "  chance that it rises          {:.1} %; expected loss if shipped {:.4}, if not {:.4}",
            100.0 * bayes.chance_above,
            bayes.expected_loss,
            bayes.expected_gain
        ));
    }
    if let Some(guardrail) = metric.guardrail {
        let state = match guardrail.state {
            GuardrailState::Safe => "safe",
            GuardrailState::Harmed => "harmed",
            GuardrailState::Unclear => "unclear",
        };
        lines.push(format!(
            "  guardrail                     {state}: a loss of {:.4} or more has p = {}",
            guardrail.margin,
            p(guardrail.p_value)
        ));
    }
    lines
}

fn segments(found: &Readout) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in found.metrics.iter().filter(|m| m.role == Role::Goal && !m.segments.is_empty()) {
        let differ = metric.segments_differ.map_or("?".to_owned(), p);
        lines.push(format!(
            "\n{} of {} by group (p that groups differ by chance: {differ})",
            metric.metric, metric.arm
        ));
        for one in &metric.segments {
            let shrunk = one
                .shrunk
                .map_or(String::new(), |(mean, sd)| format!("expect {mean:+.4} ± {sd:.4}"));
            lines.push(format!(
                "  {:<22}{:>9} units  {:<36}{:<26}p = {}",
                one.segment,
                one.units[0] + one.units[1],
                around(&one.effect),
                shrunk,
                p(one.p_holm)
            ));
        }
    }
    lines
}

fn further(found: &Readout) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &found.days {
        lines.push(format!(
            "\ndays       {} over {} days: {} a day, p = {}",
            one.arm,
            one.days,
            around(&one.slope),
            p(one.slope.p_value)
        ));
    }
    for one in &found.money {
        lines.push(format!("\nmoney      {} per unit", one.arm));
        lines.push(format!("           margin gained    {}", around(&one.incremental_margin)));
        lines.push(format!("           promotion cost   {}", around(&one.incremental_cost)));
        lines.push(format!("           margin per cost  {}", around(&one.return_on_cost)));
        if let Some(cost) = &one.cost_per_unit {
            lines.push(format!("           cost of one more {}", around(cost)));
        }
    }
    for one in &found.uplift {
        lines.push(format!(
            "\nscore      {}: Qini {:+.4}, AUUC {:.4}{}",
            one.arm,
            one.qini,
            one.auuc,
            one.qini_coefficient.map_or(String::new(), |q| format!(", Qini coefficient {q:.4}"))
        ));
        for (share, effect, caught) in &one.top {
            lines.push(format!(
                "           highest {:>3.0} %: effect {effect:+.4}, {:.0} % of all of it",
                100.0 * share,
                100.0 * caught
            ));
        }
    }
    lines
}
