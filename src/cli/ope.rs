//! `promopt ope`: what a log of decisions says of another policy; `promopt ope-bench`: which
//! estimator would have been right where the truth is known.

use super::exit::Failure;
use super::flags::{Ope, OpeBench, RewardModel, Shared};
use crate::data::decision_tables::{LogColumns, TablePlace};
use crate::evaluate::off_policy::meta::{
    MetaScore, MetaSettings, score_estimators, world::MetaWorld,
};
use crate::evaluate::off_policy::reward_model::RewardForm;
use crate::evaluate::{Interval, OverlapVerdict};
use crate::run::RunError;
use crate::run::ope::{OpeAnswer, OpeRequest, Target, judge_table};
use crate::run::ope_sequence::{SequenceAnswer, judge_trajectories};
use promopt_envs::SeedTree;

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
            sequence: args.trajectory.clone().zip(args.step.clone()),
            ..LogColumns::default()
        },
        target: Target::parse(&args.target),
        predictions: args.predictions.as_deref().map(TablePlace::parse),
        reward_form: match args.reward_model {
            RewardModel::Ridge => RewardForm::Ridge,
            RewardModel::Logistic => RewardForm::Logistic,
        },
        resamples: args.resamples,
        level: args.level,
        seed: shared.seed.unwrap_or(0),
        despite_refusal: args.despite_refusal,
    };
    if args.trajectory.is_some() {
        let answer = judge_trajectories(&request, args.discount)?;
        if shared.json {
            println!("{}", serde_json::json!(answer));
        } else {
            print!("{}", told_of_trajectories(&answer));
        }
        return Ok(());
    }
    let answer = judge_table(&request)?;
    if shared.json {
        println!("{}", serde_json::json!(answer));
    } else {
        print!("{}", told(&answer));
    }
    Ok(())
}

fn around(one: &Interval) -> String {
    format!("{:.4} [{:.4}, {:.4}]", one.estimate, one.lower, one.upper)
}

fn word(verdict: OverlapVerdict) -> &'static str {
    match verdict {
        OverlapVerdict::Ok => "ok",
        OverlapVerdict::Caution => "caution",
        OverlapVerdict::Refuse => "refuse: this log cannot say what the policy would bring",
    }
}

fn told_of_trajectories(answer: &SequenceAnswer) -> String {
    let mut lines = vec![format!("verdict    {}", word(answer.verdict))];
    lines.extend(answer.reasons.iter().map(|reason| format!("           {reason}")));
    let worth: Vec<String> =
        answer.effective_trajectories.iter().map(|n| format!("{n:.0}")).collect();
    lines.push(format!(
        "log        {} trajectories of up to {} steps, worth {} of the policy step by step",
        answer.trajectories,
        answer.horizon,
        worth.join(", ")
    ));
    lines.push(format!("logged     {}", around(&answer.logged_value)));
    if answer.estimates.is_empty() {
        lines.push("no estimates are shown; --despite-refusal shows them".to_owned());
        return lines.join("\n") + "\n";
    }
    lines.push(format!("\n{:<10}{:<30}bootstrap", "", "policy's value per trajectory"));
    for (name, one) in &answer.estimates {
        let mark = if answer.decide_on.as_ref() == Some(name) { "*" } else { " " };
        let (low, high) = one.bootstrap;
        lines.push(format!("{mark} {name:<8}{:<30}[{low:.4}, {high:.4}]", around(&one.value)));
    }
    lines.push("* decide on: the narrowest interval that holds whatever the model".to_owned());
    lines.join("\n") + "\n"
}

fn told(answer: &OpeAnswer) -> String {
    let verdict = word(answer.verdict);
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
    if let Some((name, one)) =
        answer.decide_on.as_ref().and_then(|n| answer.estimates.get_key_value(n))
    {
        lines.push(format!("decide on  {name} {}", around(&one.value)));
        lines.push(
            "           the narrowest interval that holds whatever the reward model".to_owned(),
        );
    }
    if let Some(choice) = &answer.choice {
        lines.push(format!("best guess {}", choice.estimator));
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
    let width = 3 + answer.estimates.keys().map(String::len).max().unwrap_or(0);
    lines.push(format!("\n{:<width$}{:<28}{:<28}{:<20}{}", "", head[0], head[1], head[2], head[3]));
    for (name, one) in &answer.estimates {
        let chosen = answer.decide_on.as_ref() == Some(name);
        let (low, high) = one.bootstrap;
        lines.push(format!(
            "{:<width$}{:<28}{:<28}{:<20}{:.1} %",
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

/// Generates logs, scores the estimators and prints.
pub(super) fn bench(shared: &Shared, args: &OpeBench) -> Result<(), Failure> {
    let seeds = SeedTree::new(shared.seed.unwrap_or(0)).child("ope-bench");
    let world = MetaWorld::new(args.actions.max(2), args.policies.max(1), seeds.child("world"));
    let (n_rounds, n_logs, k) = (args.rounds, args.logs, args.top);
    let settings = MetaSettings { n_rounds, n_logs, k, level: 0.95 };
    let scores =
        score_estimators(&world, &settings, seeds.child("logs")).map_err(RunError::from)?;
    if shared.json {
        println!("{}", serde_json::json!(scores));
        return Ok(());
    }
    println!(
        "{n_logs} generated logs of {n_rounds} decisions, {} policies from better to worse than the \
         logging one; means over logs (95 %)\n",
        args.policies
    );
    let names: [&str; 6] =
        ["relative error", "rank correlation", "regret@k", "SharpeRatio@k", "type I", "type II"];
    println!("{:<14}{}", "", names.map(|name| format!("{name:<24}")).concat());
    for score in &scores {
        println!("{:<14}{}", score.estimator, figures(score));
    }
    Ok(())
}

fn figures(score: &MetaScore) -> String {
    let all = [
        score.relative_error,
        score.rank_correlation,
        score.regret_at_k,
        score.sharpe_ratio_at_k,
        score.type_one,
        score.type_two,
    ];
    let shown = |one: Interval| {
        format!("{:<24}", format!("{:.3} [{:.3}, {:.3}]", one.estimate, one.lower, one.upper))
    };
    all.map(shown).concat()
}
