//! `promopt abtest plan` and `promopt abtest assign`.

use super::exit::Failure;
use super::flags::{Assign, Plan, Shared};
use crate::evaluate::experiment::Metric;
use crate::evaluate::experiment::plan::{Looks, Plan as Planned, PlanQuestion};
use crate::run::RunError;
use crate::run::abtest::{MetricText, history_metric, parse_shares};
use crate::run::assign::{AssignRequest, Assigned, assign as deal};

/// Plans and prints.
pub(super) fn plan(shared: &Shared, args: &Plan) -> Result<(), Failure> {
    let question = question(args)?;
    let planned = match (&args.effect, args.units) {
        (Some(effect), _) => question.for_effect(effect_of(args, &question, effect)?),
        (None, units) => question.for_units(units.unwrap_or(f64::NAN)),
    };
    let planned = planned.map_err(RunError::from)?;
    if shared.json {
        let days = args.per_day.map(|per_day| days(&planned, per_day));
        println!("{}", serde_json::json!({ "plan": planned, "days": days }));
    } else {
        print!("{}", told(args, &question, &planned)?);
    }
    Ok(())
}

fn config(message: String) -> Failure {
    RunError::Config(message).into()
}

fn question(args: &Plan) -> Result<PlanQuestion, Failure> {
    let plain = match (args.mean.zip(args.sd), args.share, &args.history) {
        (Some((mean, sd)), _, _) => PlanQuestion::new(mean, sd * sd),
        (_, Some(share), _) => PlanQuestion::new(share, share * (1.0 - share)),
        (_, _, Some(file)) => {
            let text = MetricText::parse(args.metric.as_deref().unwrap_or_default())?;
            let metric: Metric = history_metric(file, &text)?;
            PlanQuestion::of_history(&metric)
        }
        _ => {
            let message = "expected what the metric is like: --mean and --sd, --share, or \
                           --history and --metric";
            return Err(config(message.to_owned()));
        }
    };
    let shares = parse_shares(&args.arms)?;
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    let looks = match args.looks.as_str() {
        "always" => Looks::Always,
        "1" => Looks::Once,
        number => Looks::Planned(number.parse().map_err(|_| {
            config(format!("expected a number or `always` for --looks, got `{number}`"))
        })?),
    };
    Ok(PlanQuestion {
        allocation: shares.iter().map(|(_, share)| share / sum).collect(),
        level: args.level,
        power: args.power,
        clusters: args.icc.zip(args.cluster_size),
        looks,
        ..plain
    })
}

/// `5%` of the baseline, or a number in units of the metric.
fn effect_of(args: &Plan, question: &PlanQuestion, text: &str) -> Result<f64, Failure> {
    let (digits, scale) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), question.baseline.abs() / 100.0),
        None => (text.trim(), 1.0),
    };
    let effect = digits.parse::<f64>().map(|x| x * scale).map_err(|_| {
        config(format!("expected an effect such as 5% or 0.7 for --effect, got `{text}`"))
    })?;
    if args.share.is_some_and(|share| !(0.0..=1.0).contains(&(share + effect))) {
        let message = format!("a share of {} cannot change by {effect}", question.baseline);
        return Err(config(message));
    }
    Ok(effect)
}

/// Days until the units are there, in whole weeks.
fn days(planned: &Planned, per_day: f64) -> f64 {
    (planned.total / per_day / 7.0).ceil() * 7.0
}

fn told(args: &Plan, question: &PlanQuestion, planned: &Planned) -> Result<String, Failure> {
    let whole = |x: f64| crate::report::number(x, 0);
    let mut lines = vec![format!(
        "effect     {:+.4} on {:.4}, {:+.2} %, found in {:.0} % of cases at level {:.2} %",
        planned.effect,
        question.baseline,
        100.0 * planned.relative_effect,
        100.0 * planned.power,
        100.0 * planned.level
    )];
    let arms = parse_shares(&args.arms)?;
    let units: Vec<String> = arms
        .iter()
        .zip(&planned.units)
        .map(|((name, _), units)| format!("{name} {}", whole(*units)))
        .collect();
    lines.push(format!("units      {} in all: {}", whole(planned.total), units.join(", ")));
    if let Some(clusters) = planned.clusters {
        lines.push(format!(
            "clusters   {} in all; units in one are alike, which takes {:.2} times the units",
            whole(clusters),
            planned.design_effect
        ));
    }
    if planned.saved > 0.0 {
        lines.push(format!(
            "adjusting  what is known before explains {:.1} % of the variance, and saves as many units",
            100.0 * planned.saved
        ));
    }
    if planned.looks_factor > 1.0 {
        lines.push(format!(
            "looks      take {:.2} times the units of one look",
            planned.looks_factor
        ));
    }
    if !planned.boundaries.is_empty() {
        let z: Vec<String> = planned.boundaries.iter().map(|z| format!("{z:.3}")).collect();
        lines.push(format!("stop       at a look when |z| exceeds {}", z.join(", ")));
    }
    if let Some(per_day) = args.per_day {
        if per_day.is_nan() || per_day <= 0.0 {
            return Err(config(format!("expected units above 0 for --per-day, got {per_day}")));
        }
        lines.push(format!(
            "duration   {} days at {} units a day",
            whole(days(planned, per_day)),
            whole(per_day)
        ));
    }
    Ok(lines.join("\n") + "\n")
}

/// Deals and prints.
pub(super) fn assign(shared: &Shared, args: &Assign) -> Result<(), Failure> {
    let request = AssignRequest {
        file: args.file.clone(),
        id: args.id.clone(),
        arms: parse_shares(&args.arms)?,
        salt: args.salt.clone(),
        persona: args.persona.clone(),
        out: args.out.clone(),
    };
    let found = deal(&request)?;
    if shared.json {
        println!("{}", serde_json::json!(found));
    } else if !shared.quiet {
        print!("{}", dealt(args, &found));
    }
    Ok(())
}

fn dealt(args: &Assign, found: &Assigned) -> String {
    let counts = |units: &std::collections::BTreeMap<String, u64>| {
        let each: Vec<String> = units.iter().map(|(arm, n)| format!("{n} in {arm}")).collect();
        each.join(", ")
    };
    let mut lines = vec![format!("{}: {}", args.out.display(), counts(&found.units))];
    for (group, units) in &found.by_persona {
        lines.push(format!("  {group}: {}", counts(units)));
    }
    lines.join("\n") + "\n"
}
