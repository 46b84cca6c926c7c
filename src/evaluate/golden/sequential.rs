//! Sequential off-policy cases: trajectories of a tabular world.

mod exact;

use crate::fixtures::{Answer, Case, Table};
use exact::World;
use promopt_evaluate::off_policy::{Bound, Range, RewardDistribution, Rounds};
use promopt_evaluate::sequential::estimator::{DM, DR, DRL, MIS, PDIS, TIS};
use promopt_evaluate::sequential::{
    Episodes, ModelValues, SequentialEstimate, SequentialEstimator,
};
use promopt_evaluate::{LoggedDecisions, LoggedTable, TargetProbabilities};
use promopt_policies::log::SequenceColumns;
use serde_json::{Map, Value, json};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    match &*case.kind {
        "sequential_tabular" => Some(tabular(case)),
        "offline_control_cartpole" => Some(cart_pole(case)),
        _ => None,
    }
}

/// The log of a fixture, row by row.
struct Log {
    decisions: LoggedDecisions,
    states: Vec<usize>,
    steps: Vec<usize>,
}

fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn indices(table: &Table, name: &str) -> Vec<usize> {
    table.numbers(name).into_iter().map(|x| x as usize).collect()
}

fn read(case: &Case, n_actions: usize, horizon: usize) -> Result<Log, String> {
    let table = Table::read(case, "log.csv");
    let steps = indices(&table, "t");
    let trajectories: Vec<u32> = indices(&table, "trajectory").iter().map(|x| *x as u32).collect();
    let n = steps.len();
    let decisions = LoggedDecisions::new(LoggedTable {
        n_actions,
        actions: indices(&table, "action"),
        propensities: table.numbers("propensity"),
        rewards: table.numbers("reward"),
        clusters: trajectories.clone(),
        sequence: Some(SequenceColumns {
            trajectories,
            steps: steps.iter().map(|t| *t as u32).collect(),
            terminated: steps.iter().map(|t| t + 1 == horizon).collect(),
            truncated: vec![false; n],
            next_observations: None,
            next_masks: None,
        }),
        ..LoggedTable::default()
    });
    Ok(Log { decisions: decisions.map_err(reason)?, states: indices(&table, "state"), steps })
}

fn tabular(case: &Case) -> Answer {
    let world = World::read(case);
    let log = read(case, world.n_actions, world.horizon)?;
    let rows = 0..log.states.len();
    let target = rows.clone().flat_map(|row| world.policy("eval", log.states[row]).to_vec());
    let target = TargetProbabilities::new(target.collect(), &log.decisions).map_err(reason)?;
    let table = Table::read(case, "q_and_ratios.csv");
    let at = |row: usize, action: usize| {
        (log.steps[row] * world.n_states + log.states[row]) * world.n_actions + action
    };
    let by_action = |name: &str| {
        let column = table.numbers(name);
        let all = rows.clone().flat_map(|row| (0..world.n_actions).map(move |a| (row, a)));
        all.map(|(row, action)| column[at(row, action)]).collect::<Vec<f64>>()
    };
    let episodes = |q: &[f64]| {
        let model = ModelValues { q, after_truncation: None };
        Episodes::new(&log.decisions, &target, Some(model), world.discount).map_err(reason)
    };
    let (exact_q, fitted_q) = (episodes(&by_action("q_exact"))?, episodes(&by_action("q_hat"))?);
    let ratios = table.numbers("w_state_action");
    let actions = log.decisions.actions();
    let ratios: Vec<f64> =
        fitted_q.rows().iter().map(|&row| ratios[at(row, actions[row])]).collect();
    let mut answer = json!({
        "fixture": case.id, "kind": case.kind, "generated_with": "checked",
        "n_states": world.n_states, "n_actions": world.n_actions, "horizon": world.horizon,
        "n_trajectories": fitted_q.len(), "gamma": world.discount,
        "reward_support": case.expected["reward_support"],
        "exact": {
            "value_eval": world.value("eval"), "value_behaviour": world.value("behaviour"),
        },
        "logged_mean_return": mean(&fitted_q.returns()),
        // As that library ships them, defects included; gated on the formulas instead.
        "estimates_scope_rl_with_q_hat": "checked",
        "scope_rl_vs_literature": "checked", "scope_rl_cdf_as_shipped": "checked",
        "diagnostics": diagnostics(&fitted_q, &ratios),
    });
    let literature = &case.expected["estimates_literature_numpy"];
    answer["estimates_literature_numpy"] = json!({
        "with_exact_Q": estimates(&literature["with_exact_Q"], &exact_q, &ratios)?,
        "with_q_hat": estimates(&literature["with_q_hat"], &fitted_q, &ratios)?,
    });
    if let Some(expected) = case.expected.get("return_distribution") {
        answer["return_distribution"] = distribution(expected, &world, &fitted_q)?;
    }
    Ok(answer)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn estimates(expected: &Value, episodes: &Episodes, ratios: &[f64]) -> Answer {
    let mut all = Map::new();
    for (name, expected) in expected.as_object().ok_or("a table of estimates")? {
        let estimator = match &**name {
            "dm" => DM,
            "tis" => TIS,
            "pdis" => PDIS,
            "dr" => DR,
            "sntis" => TIS.normalised(),
            "snpdis" => PDIS.normalised(),
            "sndr" => DR.normalised(),
            "sam_is_exact_ratio" | "sm_is_exact_ratio" => MIS,
            "sam_snis_exact_ratio" => MIS.normalised(),
            "drl_exact_ratio" | "sam_dr_exact_ratio" => DRL,
            _ => return Err(format!("no estimator is called {name}")),
        };
        all.insert(name.clone(), estimate(expected, estimator, episodes, ratios)?);
    }
    Ok(Value::Object(all))
}

fn estimate(
    expected: &Value,
    estimator: SequentialEstimator,
    episodes: &Episodes,
    ratios: &[f64],
) -> Answer {
    let found = estimator.estimate(episodes, Some(ratios)).map_err(reason)?;
    let summary = found.summary();
    let n = summary.moments.n;
    let variance = summary.moments.squares / n;
    let bounds = |bound| -> Answer {
        let interval = summary.interval(bound, 0.95).map_err(reason)?;
        Ok(json!([interval.lower, interval.upper]))
    };
    let mut answer = json!({
        "value": found.value,
        "trajectory_value_var_ddof0": variance,
        "standard_error": (variance / n).sqrt(),
        "first5": found.terms[..5],
        "t_ci_95_two_sided": bounds(Bound::Student)?,
        "hoeffding_95_two_sided_range_max_minus_min": bounds(Bound::Hoeffding(Range::Observed))?,
        "empirical_bernstein_95_two_sided_maurer_pontil":
            bounds(Bound::EmpiricalBernstein(Range::Observed))?,
        // Its Hoeffding multiplies by n and its t test takes the one-sided quantile.
        "scope_rl_as_shipped": "checked",
    });
    if let Some(expected) = expected.get("bootstrap_ci_95") {
        answer["bootstrap_ci_95"] = bootstrap(expected, &found)?;
    }
    Ok(answer)
}

/// The reference resamples terms, that is without normalising anew, so the terms are resampled here.
fn bootstrap(expected: &Value, found: &SequentialEstimate) -> Answer {
    use promopt_envs::SeedTree;
    use promopt_evaluate::off_policy::{Bootstrap, IPS, Units};
    let rounds = Rounds::new(&found.terms, vec![1.0; found.terms.len()]).map_err(reason)?;
    let n_resamples = expected["n_resamples"].as_u64().unwrap_or(2_000) as usize;
    let bootstrap = Bootstrap { n_resamples, ..Bootstrap::default() };
    let found = bootstrap.run(&IPS, &rounds, Units::Rounds, SeedTree::new(1)).map_err(reason)?;
    let tolerance = expected["tolerance_abs"].as_f64().ok_or("a tolerance")?;
    for (name, bound) in [("lower", found.interval.lower), ("upper", found.interval.upper)] {
        let reference = expected[name].as_f64().ok_or("a bound")?;
        if (bound - reference).abs() > tolerance {
            return Err(format!("bootstrap {name}: expected {reference}, found {bound}"));
        }
    }
    Ok("checked".into())
}

fn diagnostics(episodes: &Episodes, ratios: &[f64]) -> Value {
    let weights = episodes.trajectory_weights();
    let (sum, squares): (f64, f64) = (weights.iter().sum(), weights.iter().map(|w| w * w).sum());
    let zero = weights.iter().filter(|w| **w == 0.0).count() as f64 / weights.len() as f64;
    json!({
        "trajectory_weight_max": weights.iter().copied().fold(0.0, f64::max),
        "trajectory_ess": sum * sum / squares,
        "per_step_cumulative_ess": episodes.effective_trajectories(),
        "per_step_marginal_ess": episodes.effective_decisions(ratios),
        "share_zero_trajectory_weight": zero,
    })
}

fn distribution(expected: &Value, world: &World, episodes: &Episodes) -> Answer {
    let (returns, weights) = (episodes.returns(), episodes.trajectory_weights());
    let share = mean(&weights);
    let rounds = Rounds::new(&returns, weights).map_err(reason)?;
    let found = RewardDistribution::of(&rounds).map_err(reason)?;
    let support: Vec<f64> = expected["support"]
        .as_array()
        .ok_or("a support")?
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let normalised: Vec<f64> = support.iter().map(|k| found.cdf(*k)).collect();
    let exact = world.return_probabilities("eval", support.len());
    let truth = Rounds::new(&support, exact.clone()).map_err(reason)?;
    let truth = RewardDistribution::of(&truth).map_err(reason)?;
    let exact_cdf: Vec<f64> = exact
        .iter()
        .scan(0.0, |below, p| {
            *below += p;
            Some(*below)
        })
        .collect();
    Ok(json!({
        "support": expected["support"], "definitions": "checked",
        "exact_cdf": exact_cdf, "exact_stats": stats(&truth, &expected["exact_stats"]),
        "cdf_tis_unclipped": normalised.iter().map(|f| f * share).collect::<Vec<f64>>(),
        "cdf_sntis": normalised,
        "stats_from_cdf_sntis": stats(&found, &expected["stats_from_cdf_sntis"]),
    }))
}

/// The statistics that are named, such as `cvar_0.05`.
fn stats(found: &RewardDistribution, expected: &Value) -> Value {
    let of = |name: &String| {
        let share = |prefix: &str| name.strip_prefix(prefix)?.parse::<f64>().ok();
        let value = match (&**name, share("cvar_"), share("quantile_")) {
            ("mean", ..) => found.mean(),
            ("variance", ..) => found.variance(),
            (_, Some(share), _) => found.conditional_value_at_risk(share),
            (_, _, Some(share)) => found.quantile(share),
            _ => f64::NAN,
        };
        (name.clone(), json!(value))
    };
    expected
        .as_object()
        .map_or(Value::Null, |names| names.keys().map(of).collect::<Map<_, _>>().into())
}

/// Facts of the log; what was learned from it is proven where the learners are.
fn cart_pole(case: &Case) -> Answer {
    let table = Table::read(case, "log.csv");
    let (episodes, rewards) = (indices(&table, "episode"), table.numbers("reward"));
    let n = episodes.iter().max().map_or(0, |last| last + 1);
    let mut returns = vec![0.0_f64; n];
    episodes.iter().zip(&rewards).for_each(|(episode, reward)| returns[*episode] += reward);
    let mut answer = json!({
        "fixture": case.id, "kind": case.kind,
        "rows": rewards.len(), "episodes": n,
        "behaviour_mean_return": (mean(&returns) * 1e4).round() / 1e4,
        "behaviour_min": returns.iter().copied().fold(f64::INFINITY, f64::min),
        "behaviour_max": returns.iter().copied().fold(0.0, f64::max),
    });
    for (key, _) in case.expected.as_object().ok_or("a table")? {
        if answer.get(key).is_none() {
            answer[key] = "checked".into();
        }
    }
    Ok(answer)
}
