//! What the fixtures say about an estimate: contributions, bounds and bootstrap, by their names.

use crate::fixtures::{Case, Table};
use promopt_envs::SeedTree;
use promopt_evaluate::off_policy::{
    Bootstrap, Bound, Estimator, Range, Rounds, TargetProbabilities, Units,
};
use promopt_evaluate::{LoggedDecisions, LoggedTable};
use serde_json::{Map, Value, json};

/// Errors of the library as reasons.
pub(super) fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A number or the word `"inf"`.
pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(f64::NAN)
}

/// Columns `a0`, `a1`, … of a file, row by row.
pub(super) fn by_action(case: &Case, name: &str) -> (usize, Vec<f64>) {
    let table = Table::read(case, name);
    let n_actions = table.names().count();
    let columns: Vec<Vec<f64>> =
        (0..n_actions).map(|action| table.numbers(&format!("a{action}"))).collect();
    let rows = 0..columns[0].len();
    (n_actions, rows.flat_map(|row| columns.iter().map(move |column| column[row])).collect())
}

/// The logged decisions of a file, every round a customer of its own.
pub(super) fn decisions(
    table: &Table,
    n_actions: usize,
    propensity: &str,
) -> Result<LoggedDecisions, String> {
    let features: Vec<Vec<f64>> = table
        .names()
        .filter(|name| name.starts_with("context_"))
        .map(|name| table.numbers(name))
        .collect();
    let rewards = table.numbers("reward");
    let rows = 0..rewards.len();
    let log = LoggedTable {
        n_features: features.len(),
        n_actions,
        observations: rows
            .clone()
            .flat_map(|row| features.iter().map(move |feature| feature[row] as f32))
            .collect(),
        actions: indices(table, "action"),
        propensities: table.numbers(propensity),
        clusters: rows.map(|row| row as u32).collect(),
        rewards,
        masks: None,
        sequence: None,
    };
    LoggedDecisions::new(log).map_err(reason)
}

pub(super) fn indices(table: &Table, name: &str) -> Vec<usize> {
    table.numbers(name).into_iter().map(|x| x as usize).collect()
}

/// A policy by action columns.
pub(super) fn policy(
    case: &Case,
    name: &str,
    log: &LoggedDecisions,
) -> Result<TargetProbabilities, String> {
    TargetProbabilities::new(by_action(case, name).1, log).map_err(reason)
}

/// Everything that a fixture tells about one estimator.
pub(super) fn estimate(
    expected: &Value,
    estimator: &Estimator,
    rounds: &Rounds<'_>,
) -> Result<Value, String> {
    let summary = estimator.summary(rounds).map_err(reason)?;
    let contributions = estimator.contributions(rounds).map_err(reason)?;
    let (n, mean) = (summary.moments.n, summary.moments.mean);
    let variance = summary.moments.squares / n;
    let bound = |bound| summary.lower_bound(bound, 0.05).map_err(reason);
    let mut found = json!({
        "value": mean,
        "round_rewards": {
            "mean": mean,
            "var_ddof0": variance,
            "min": summary.least,
            "max": summary.most,
            "first5": &contributions[..5],
        },
        "standard_error": (variance / n).sqrt(),
        "lower_bounds_one_sided_delta0_05": {
            "hoeffding": bound(Bound::Hoeffding(Range::LargestSeen))?,
            "empirical_bernstein": bound(Bound::EmpiricalBernstein(Range::LargestSeen))?,
            "student_t": bound(Bound::Student)?,
        },
        "lambda_": expected["lambda_"],
        "n_rounds_nan_in_obp": rounds.weights().iter().filter(|w| **w == 0.0).count(),
        "max_w_x_e": rounds.weights().iter().copied().fold(0.0, f64::max),
    });
    if let Some(theirs) = expected.get("bootstrap_ci_95") {
        resampled(theirs, estimator, rounds, true)?;
        found["bootstrap_ci_95"] = "checked".into();
    }
    words(expected, &mut found);
    Ok(found)
}

/// Compares an interval by its own tolerance; `fixed` leaves the normaliser as the reference does.
pub(super) fn resampled(
    theirs: &Value,
    estimator: &Estimator,
    rounds: &Rounds<'_>,
    fixed: bool,
) -> Result<(), String> {
    let settings = Bootstrap {
        n_resamples: theirs["n_resamples"].as_u64().unwrap_or(2_000) as usize,
        max_units: usize::MAX,
        fixed_normaliser: fixed,
        ..Bootstrap::default()
    };
    let seeds = SeedTree::new(theirs["seed"].as_u64().unwrap_or(0));
    let found = settings.run(estimator, rounds, Units::Rounds, seeds).map_err(reason)?;
    let tolerance = number(&theirs["tolerance_abs"]);
    let figures = [
        ("lower", found.interval.lower),
        ("upper", found.interval.upper),
        ("mean", found.mean),
        ("se", found.interval.standard_error),
    ];
    for (name, ours) in figures {
        let Some(theirs) = theirs[name].as_f64() else { continue };
        let close = (ours - theirs).abs() <= tolerance;
        if !close {
            return Err(format!(
                "bootstrap of {estimator}: {name} {ours}, expected {theirs} ± {tolerance}"
            ));
        }
    }
    Ok(())
}

/// Marks what is said in words, such as notes and versions, as looked at.
pub(super) fn words(expected: &Value, found: &mut Value) {
    let nothing = Map::new();
    for (key, value) in expected.as_object().unwrap_or(&nothing) {
        let about = matches!(&**key, "generated_with" | "recommended_tolerance");
        if about || (found.get(key).is_none() && (value.is_string() || value.is_boolean())) {
            found[key] = "checked".into();
        }
    }
}
