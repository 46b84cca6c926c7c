//! Weights that come from elsewhere: embeddings of actions, kernels, several loggers.

use super::figures::{by_action, decisions, estimate, indices, policy, reason, words};
use crate::fixtures::{Answer, Case, Table};
use promopt_evaluate::RewardPredictions;
use promopt_evaluate::off_policy::continuous::{ContinuousLog, Kernel};
use promopt_evaluate::off_policy::embedding::{
    Dimension, Search, marginal_weights, select_dimensions,
};
use promopt_evaluate::off_policy::loggers::weighted_by_precision;
use promopt_evaluate::off_policy::{DR, IPS, Rounds, SNIPS, WeightProfile};
use serde_json::{Map, json};

/// Many actions, weighed by what they are made of.
pub(super) fn embeddings(case: &Case) -> Answer {
    let table = Table::read(case, "log.csv");
    let (n_actions, _) = by_action(case, "eval_policy.csv");
    let log = decisions(&table, n_actions, "propensity")?;
    let (target, logging) =
        (policy(case, "eval_policy.csv", &log)?, policy(case, "behaviour_policy.csv", &log)?);
    let dimensions = dimensions(case, &table, n_actions)?;
    let all: Vec<&Dimension> = dimensions.iter().collect();
    let marginal = marginal_weights(&target, &logging, &all).map_err(reason)?;
    let marginal = Rounds::new(log.rewards(), marginal).map_err(reason)?;
    let own = target.weights(&log).map_err(reason)?;
    let own = Rounds::new(log.rewards(), own).map_err(reason)?;
    let mut estimators = Map::new();
    for (key, expected) in case.expected["estimators"].as_object().ok_or("no estimators")? {
        let search = |search| {
            // Their delta is two-sided.
            let found =
                select_dimensions(log.rewards(), &target, &logging, &dimensions, search, 0.025)
                    .map_err(reason)?;
            // Where nothing disagrees they return the one before the last.
            let back = if found.stopped_by.is_none() && found.path.len() > 1 { 2 } else { 1 };
            let mut value = json!({ "value": found.path[found.path.len() - back].value });
            words(expected, &mut value);
            Ok::<_, String>(value)
        };
        let found = match &**key {
            "mips_exact" => estimate(expected, &IPS, &marginal)?,
            "sn_mips_exact" => {
                let mut found = estimate(expected, &SNIPS, &marginal)?;
                // The number of a defect.
                found["obp_as_shipped"] = "checked".into();
                found
            }
            "ipw" => estimate(expected, &IPS, &own)?,
            "snipw" => estimate(expected, &SNIPS, &own)?,
            "mips_slope_exact" => search(Search::Exact)?,
            "mips_slope_greedy" => search(Search::Greedy)?,
            // Weights of a classifier, "informative only".
            "mips_estimated_weights" => "checked".into(),
            _ => return Err(format!("unknown estimator `{key}`")),
        };
        estimators.insert(key.clone(), found);
    }
    let ess = WeightProfile::of(&own).effective_sample_size;
    let mut found = json!({
        "estimators": estimators,
        "diagnostics": { "n": log.len(), "n_actions": n_actions, "ess": ess },
        // The number of a defect.
        "product_of_marginals_variant_of_obp_0_5_5": "checked",
    });
    words(&case.expected, &mut found);
    Ok(found)
}

fn dimensions(case: &Case, log: &Table, n_actions: usize) -> Result<Vec<Dimension>, String> {
    let table = Table::read(case, "p_e_a.csv");
    let (actions, of, categories) =
        (indices(&table, "action"), indices(&table, "embed_dim"), indices(&table, "category"));
    let probabilities = table.numbers("prob");
    let n_dimensions = of.iter().max().map_or(0, |most| most + 1);
    let dimension = |d: usize| {
        let rows: Vec<usize> = (0..of.len()).filter(|&row| of[row] == d).collect();
        let n_categories = rows.iter().map(|&row| categories[row] + 1).max().unwrap_or(0);
        let mut of_action = vec![0.0; n_actions * n_categories];
        for row in rows {
            of_action[actions[row] * n_categories + categories[row]] = probabilities[row];
        }
        let seen = indices(log, &format!("embed_{d}")).into_iter().map(|c| c as u32).collect();
        Dimension::new(n_categories, &of_action, seen).map_err(reason)
    };
    (0..n_dimensions).map(dimension).collect()
}

/// Continuous actions.
pub(super) fn continuous(case: &Case) -> Answer {
    let table = Table::read(case, "log.csv");
    let column = |name| table.numbers(name);
    let (rewards, actions) = (column("reward"), column("action"));
    let (densities, target_actions) = (column("propensity_density"), column("eval_action"));
    let predicted = column("q_hat_at_eval_action");
    let log = ContinuousLog {
        rewards: &rewards,
        actions: &actions,
        densities: &densities,
        target_actions: &target_actions,
        predicted: Some(&predicted),
    };
    let mut estimators = Map::new();
    for (key, expected) in case.expected["estimators"].as_object().ok_or("no estimators")? {
        let kernel = match expected["kernel"].as_str() {
            Some("gaussian") => Kernel::Gaussian,
            Some("epanechnikov") => Kernel::Epanechnikov,
            Some("triangular") => Kernel::Triangular,
            Some("cosine") => Kernel::Cosine,
            other => return Err(format!("unknown kernel {other:?}")),
        };
        let bandwidth = expected["bandwidth"].as_f64().ok_or("no bandwidth")?;
        let rounds = log.rounds(kernel, bandwidth).map_err(reason)?;
        let estimator = match key.split('_').next() {
            Some("kipw") => IPS,
            Some("ksnipw") => SNIPS,
            Some("kdr") => DR,
            _ => return Err(format!("unknown estimator `{key}`")),
        };
        let mut found = estimate(expected, &estimator, &rounds)?;
        found["bandwidth"] = bandwidth.into();
        estimators.insert(key.clone(), found);
    }
    let diagnostics = json!({ "n": rewards.len(), "true_policy_value": "checked" });
    let mut found = json!({ "estimators": estimators, "diagnostics": diagnostics });
    words(&case.expected, &mut found);
    Ok(found)
}

/// Several logging policies.
pub(super) fn loggers(case: &Case) -> Answer {
    let table = Table::read(case, "log.csv");
    let (n_actions, predictions) = by_action(case, "q_hat.csv");
    let naive = decisions(&table, n_actions, "propensity")?;
    let balanced = decisions(&table, n_actions, "propensity_avg")?;
    let target = policy(case, "eval_policy.csv", &naive)?;
    let model = RewardPredictions::new(predictions, &naive).map_err(reason)?;
    let naive = Rounds::of_log(&naive, &target, &model).map_err(reason)?;
    let balanced = Rounds::of_log(&balanced, &target, &model).map_err(reason)?;
    let strata = indices(&table, "stratum");
    let mut estimators = Map::new();
    for (key, expected) in case.expected["estimators"].as_object().ok_or("no estimators")? {
        let estimator = if key.ends_with("_dr") { DR } else { IPS };
        let rounds = match key.trim_end_matches("_dr").trim_end_matches("_ipw") {
            "multi_naive" => naive.clone(),
            "multi_bal" => balanced.clone(),
            "multi_weighted" => {
                weighted_by_precision(&naive, &strata, &estimator).map_err(reason)?
            }
            _ => return Err(format!("unknown estimator `{key}`")),
        };
        estimators.insert(key.clone(), estimate(expected, &estimator, &rounds)?);
    }
    let n = strata.len();
    let diagnostics = json!({ "n": n, "n_actions": n_actions, "true_policy_value": "checked" });
    let mut found = json!({ "estimators": estimators, "diagnostics": diagnostics });
    words(&case.expected, &mut found);
    Ok(found)
}
