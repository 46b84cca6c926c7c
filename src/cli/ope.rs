//! `promopt ope`: what a log of decisions says of another policy.

use super::exit::Failure;
use super::flags::{Ope, Shared};
use crate::data::decision_tables::{LogColumns, TablePlace};
use crate::evaluate::{Interval, OverlapVerdict};
use crate::run::ope::{OpeAnswer, OpeRequest, Target, judge_table};

/// Reads, judges and prints.
pub(super) fn ope(shared: &Shared, args: &Ope) -> Result<(), Failure> {
    let list =
        |text: &String| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let request = OpeRequest {
        log: args.log.clone(),
        columns: LogColumns {
            action: args.action.clone(),
            reward: args.reward.clone(),
            propensity: (args.propensity != "estimated").then(|| args.propensity.clone()),
            features: args.features.iter().flat_map(list).collect(),
            customer: args.customer.clone(),
            fold: args.fold.clone(),
            ..LogColumns::default()
        },
        target: Target::parse(&args.target),
        predictions: args.predictions.as_deref().map(TablePlace::parse),
        resamples: args.resamples,
        level: args.level,
        seed: shared.seed.unwrap_or(0),
        despite_refusal: args.despite_refusal,
    };
    let answer = judge_table(&request)?;
    if shared.json {
        println!("{}", serde_json::json!(answer));
    } else {
        print!("{}", told(&answer));
    }
    Ok(())
}

fn told(answer: &OpeAnswer) -> String {
    let around =
        |one: &Interval| format!("{:.4} [{:.4}, {:.4}]", one.estimate, one.lower, one.upper);
    let verdict = match answer.verdict {
        OverlapVerdict::Ok => "ok",
        OverlapVerdict::Caution => "caution",
        OverlapVerdict::Refuse => "refuse: this log cannot say what the policy would bring",
    };
    let mut lines = vec![format!("verdict    {verdict}")];
    lines.extend(answer.reasons.iter().map(|reason| format!("           {reason}")));
    let found = &answer.diagnostics;
    lines.push(format!(
        "log        {} decisions of {} customers, worth {:.0} of the policy; largest weight {:.1}, \
         smallest propensity {:.4}",
        found.n_decisions,
        found.n_customers,
        found.effective_sample_size,
        found.largest_weight,
        found.smallest_propensity
    ));
    lines.push(format!("logged     {}", around(&answer.logged_value)));
    if let Some(choice) = &answer.choice {
        lines.push(format!("read       {}", choice.estimator));
        lines.push(format!("           {}", choice.reason));
        if let Some(apart) = choice.disagreement.as_ref().filter(|d| d.standard_errors > 3.0) {
            lines.push(format!(
                "           {} and {} are {:.1} standard errors apart: not both can be right",
                apart.between[0], apart.between[1], apart.standard_errors
            ));
        }
    }
    if answer.estimates.is_empty() {
        lines.push("no estimates are shown; --despite-refusal shows them".to_owned());
        return lines.join("\n") + "\n";
    }
    let head = ["policy's value", "over logged", "bootstrap", "weight removed"];
    lines.push(format!("\n{:<11}{:<28}{:<28}{:<20}{}", "", head[0], head[1], head[2], head[3]));
    for (name, one) in &answer.estimates {
        let chosen = answer.choice.as_ref().is_some_and(|choice| choice.estimator == *name);
        let (low, high) = one.bootstrap;
        lines.push(format!(
            "{:<11}{:<28}{:<28}{:<20}{:.1} %",
            format!("{}{name}", if chosen { "* " } else { "  " }),
            around(&one.value),
            around(&one.uplift),
            format!("[{low:.4}, {high:.4}]"),
            100.0 * one.weight_removed
        ));
    }
    if let Some(spread) = &answer.distribution {
        lines.push(format!(
            "\none decision under the policy: standard deviation {:.4}, lower quartile {:.4}, median \
             {:.4}, mean of the worst tenth {:.4}",
            spread.standard_deviation, spread.lower_quartile, spread.median, spread.worst_tenth
        ));
    }
    lines.join("\n") + "\n"
}
