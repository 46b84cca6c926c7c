//! Logs of a bandit, with and without positions: estimators, tuning, diagnostics, reward models.

use super::figures::{by_action, decisions, estimate, indices, number, reason, resampled, words};
use crate::fixtures::{Answer, Case, Table};
use promopt_evaluate::off_policy::reward_model::most_robust_importance;
use promopt_evaluate::off_policy::tuning::{Family, Rule, tune};
use promopt_evaluate::off_policy::{
    DM, DR, Estimator, IPS, Rounds, SNDR, SNIPS, WeightProfile, Weighting,
};
use promopt_evaluate::{
    LoggedDecisions, OpeInput, OverlapDiagnostics, OverlapVerdict, RewardModelSettings,
    RewardPredictions, TargetProbabilities,
};
use serde_json::{Map, Value, json};

/// A log and all that is said about it.
struct Bandit {
    table: Table,
    log: LoggedDecisions,
    target: TargetProbabilities,
    model: RewardPredictions,
    robust_model: Option<RewardPredictions>,
}

impl Bandit {
    fn read(case: &Case) -> Result<Self, String> {
        let table = Table::read(case, "log.csv");
        if case.expected["has_position"] == true {
            return Self::with_positions(case, table);
        }
        let (n_actions, probabilities) = by_action(case, "eval_policy.csv");
        let log = decisions(&table, n_actions, "propensity")?;
        let model = |name| RewardPredictions::new(by_action(case, name).1, &log).map_err(reason);
        Ok(Self {
            target: TargetProbabilities::new(probabilities, &log).map_err(reason)?,
            model: model("q_hat.csv")?,
            robust_model: Some(model("q_hat_mrdr.csv")?),
            table,
            log,
        })
    }

    /// Probabilities by action and position, predictions by group, action and position.
    fn with_positions(case: &Case, table: Table) -> Result<Self, String> {
        let policy = Table::read(case, "eval_policy.csv");
        let model = Table::read(case, "q_hat.csv");
        let most = |of: &[usize]| of.iter().max().map_or(0, |most| most + 1);
        let (actions, positions) = (indices(&policy, "action"), indices(&policy, "position"));
        let (n_actions, n_positions) = (most(&actions), most(&positions));
        let mut probabilities = vec![0.0; n_actions * n_positions];
        let cells = actions.iter().zip(&positions).zip(policy.numbers("prob"));
        cells.for_each(|((a, position), p)| probabilities[position * n_actions + a] = p);

        let row = |group: usize, position: usize| group * n_positions + position;
        let groups = indices(&model, "group");
        let mut predictions = vec![0.0; most(&groups) * n_positions * n_actions];
        let keys = groups.iter().zip(indices(&model, "position")).zip(indices(&model, "action"));
        for (((group, position), action), q) in keys.zip(model.numbers("q_hat")) {
            predictions[row(*group, position) * n_actions + action] = q;
        }

        let log = decisions(&table, n_actions, "propensity")?;
        let (groups, positions) = (indices(&table, "group"), indices(&table, "position"));
        let rows = groups.iter().zip(&positions).map(|(g, position)| row(*g, *position) as u32);
        let model = RewardPredictions::by_group(predictions, rows.collect(), &log);
        let positions = positions.into_iter().map(|position| position as u32).collect();
        let target = TargetProbabilities::by_group(probabilities, positions, &log);
        let (target, model) = (target.map_err(reason)?, model.map_err(reason)?);
        Ok(Self { table, log, target, model, robust_model: None })
    }

    fn rounds(&self) -> Result<Rounds<'_>, String> {
        Rounds::of_log(&self.log, &self.target, &self.model).map_err(reason)
    }

    /// The estimator of a key, and the rounds that it reads.
    fn estimator(&self, key: &str) -> Result<(Estimator, Rounds<'_>), String> {
        let parameter: f64 =
            key.rsplit('_').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
        let rounds = self.rounds()?;
        let clipped = Weighting::Clipped(parameter);
        let estimator = match key.trim_end_matches(|c: char| !c.is_alphabetic()) {
            "dm" => DM,
            "ipw" => IPS,
            "snipw" | "b_ipw" | "replay" => SNIPS,
            "dr" | "mrdr" => DR,
            "sndr" => SNDR,
            "dm_mrdr" => DM,
            "ipw_clip" => Estimator::of(clipped, false),
            "dr_clip" => Estimator::of(clipped, true),
            "b_ipw_clip" => Estimator::of(clipped, false).normalised(),
            "switch_dr" => Estimator::of(Weighting::Switched(parameter), true),
            "dros" | "dros_inf" => Estimator::of(Weighting::Shrunk(parameter), true),
            "sg_ipw" => Estimator::of(Weighting::Smoothed(parameter), false),
            "sg_dr" => Estimator::of(Weighting::Smoothed(parameter), true),
            _ => return Err(format!("unknown estimator `{key}`")),
        };
        let rounds = if key.starts_with("b_ipw") {
            rounds.with_weights(self.table.numbers("est_iw")).map_err(reason)?
        } else if key == "replay" {
            // Rounds in which a deterministic target would have done the same, all alike.
            let taken = self.log.actions().iter().enumerate();
            let same = |row: usize, action: usize| self.target.row(row)[action] == 1.0;
            let weights = taken.map(|(row, &action)| f64::from(u8::from(same(row, action))));
            rounds.with_weights(weights.collect()).map_err(reason)?
        } else if key.ends_with("mrdr") {
            let model = self.robust_model.as_ref().ok_or("no q_hat_mrdr.csv")?;
            Rounds::of_log(&self.log, &self.target, model).map_err(reason)?
        } else {
            rounds
        };
        Ok((estimator, rounds))
    }

    /// The models of the recipe, cross-fitted again.
    fn check_models(&self) -> Result<(), String> {
        let Some(robust) = &self.robust_model else { return Ok(()) };
        let folds = indices(&self.table, "fold");
        let importance = most_robust_importance(&self.log, &self.target);
        let models = [(&self.model, None, 2e-6), (robust, Some(importance.as_slice()), 1e-4)];
        for (theirs, importance, tolerance) in models {
            let settings = RewardModelSettings::default();
            let ours =
                RewardPredictions::cross_fit_with_folds(&self.log, &folds, importance, &settings)
                    .map_err(reason)?;
            for row in 0..self.log.len() {
                let pairs = ours.row(row).iter().zip(theirs.row(row));
                if let Some((a, b)) = pairs.into_iter().find(|(a, b)| (*a - *b).abs() > tolerance) {
                    return Err(format!("reward model, row {row}: {a}, expected {b}"));
                }
            }
        }
        Ok(())
    }

    /// Weights that somebody broke must be flagged by mean, effective sample size and verdict.
    fn check_flags(&self) -> Result<(), String> {
        let input = OpeInput::new(&self.log, &self.target, &self.model).map_err(reason)?;
        let found = OverlapDiagnostics::measure(&input, true);
        let (verdict, reasons) = found.verdict();
        let said = |words: &str| reasons.iter().any(|reason| reason.contains(words));
        if verdict == OverlapVerdict::Refuse && said("are worth") && said("weights average") {
            return Ok(());
        }
        Err(format!("broken weights are not flagged: {reasons:?}"))
    }
}

pub(super) fn answer(case: &Case) -> Answer {
    let bandit = Bandit::read(case)?;
    bandit.check_models()?;
    let none = Map::new();
    let fields = |key: &str| case.expected[key].as_object().unwrap_or(&none);
    let mut estimators = Map::new();
    for (key, expected) in fields("estimators") {
        let (estimator, rounds) = bandit.estimator(key)?;
        estimators.insert(key.clone(), estimate(expected, &estimator, &rounds)?);
    }
    let rounds = bandit.rounds()?;
    let mut tuning = Map::new();
    for (key, expected) in fields("tuning") {
        tuning.insert(key.clone(), tuned(key, expected, &rounds)?);
    }
    let mut found = json!({
        "diagnostics": diagnostics(&case.expected["diagnostics"], &bandit, &rounds),
        "extra_reference_not_obp": extra(&case.expected["extra_reference_not_obp"], &rounds)?,
    });
    let truth =
        number(&case.expected["diagnostics"]["on_policy_value_of_evaluation_policy_10k_sample"]);
    for (key, _) in fields("relative_estimation_error_vs_on_policy_10k") {
        let value = number(&estimators[key]["value"]);
        found["relative_estimation_error_vs_on_policy_10k"][key] =
            ((value - truth) / truth).abs().into();
    }
    if case.expected.get("injected_rows").is_some() {
        bandit.check_flags()?;
        found["injected_rows"] = "checked".into();
    }
    found["estimators"] = estimators.into();
    found["tuning"] = tuning.into();
    words(&case.expected, &mut found);
    Ok(found)
}

fn extra(expected: &Value, rounds: &Rounds<'_>) -> Answer {
    if expected.is_null() {
        return Ok(Value::Null);
    }
    resampled(&expected["snipw_renormalised_bootstrap_ci_95"], &SNIPS, rounds, false)?;
    Ok(json!({
        "snipw_renormalised_bootstrap_ci_95": "checked",
        "snipw_delta_method_se": SNIPS.influence(rounds).map_err(reason)?.standard_error(),
    }))
}

fn tuned(key: &str, expected: &Value, rounds: &Rounds<'_>) -> Answer {
    let (base, rule) = key.split_once("__").ok_or("no rule")?;
    let (family, with_model) = match base {
        "ipw" => (Family::Clipped, false),
        "dr" => (Family::Clipped, true),
        "switch_dr" => (Family::Switched, true),
        "dros" => (Family::Shrunk, true),
        "sg_ipw" => (Family::Smoothed, false),
        "sg_dr" => (Family::Smoothed, true),
        _ => return Err(format!("unknown family `{base}`")),
    };
    let (rule, scores) = match rule {
        "slope" => (Rule::SlopePlusPlus, "theta_cnf"),
        "mse_ub" => (Rule::MseUpperBound, "mse_scores"),
        "mse_direct" => (Rule::MseDirect, "mse_scores"),
        _ => return Err(format!("unknown rule `{rule}`")),
    };
    let lambdas = expected["lambdas"].as_array().ok_or("no parameters")?;
    let mut parameters: Vec<f64> = lambdas.iter().map(number).collect();
    // From least to most change of the weights.
    parameters.sort_unstable_by(f64::total_cmp);
    if family != Family::Smoothed {
        parameters.reverse();
    }
    let delta = expected["delta"].as_f64().unwrap_or(0.1);
    let tuned = tune(family, with_model, rounds, &parameters, rule, delta).map_err(reason)?;
    let of = |lambda: f64| tuned.candidates.iter().find(|c| c.parameter == lambda);
    let mut table = Map::new();
    for key in expected[scores].as_object().into_iter().flat_map(Map::keys) {
        let found = of(key.parse().map_err(reason)?).ok_or("not a candidate")?;
        let figures = match rule {
            Rule::SlopePlusPlus => json!({ "theta": found.value, "cnf": found.score }),
            _ => found.score.into(),
        };
        table.insert(key.clone(), figures);
    }
    // Of candidates that are the same estimate, either may be named.
    let theirs = of(number(&expected["chosen_lambda"])).ok_or("not a candidate")?;
    let same = (theirs.value, theirs.score) == (tuned.chosen.value, tuned.chosen.score);
    let ours = tuned.chosen.parameter;
    let word = if ours.is_finite() { json!(ours) } else { json!("inf") };
    Ok(json!({
        "lambdas": expected["lambdas"],
        "delta": delta,
        "chosen_lambda": if same { expected["chosen_lambda"].clone() } else { word },
        "value": tuned.chosen.value,
        scores: table,
    }))
}

fn diagnostics(expected: &Value, bandit: &Bandit, rounds: &Rounds<'_>) -> Value {
    let log = &bandit.log;
    let weights = WeightProfile::of(rounds);
    let rewards = promopt_evaluate::off_policy::Summary::of(log.rewards()).moments;
    let mut found = json!({
        "n": log.len(),
        "n_actions": log.n_actions(),
        "on_policy_mean_reward": rewards.mean,
        "reward_var_ddof0": rewards.squares / rewards.n,
        "weight_mean": weights.mean,
        "weight_max": weights.most,
        "weight_min": weights.least,
        "weight_var_ddof0": weights.variance,
        "ess": weights.effective_sample_size,
        "ess_fraction": weights.effective_sample_size / log.len() as f64,
        "share_weight_zero": weights.share_zero,
        "max_weight_share": weights.largest_share,
        "min_pscore": log.propensities().iter().copied().fold(1.0, f64::min),
        "weight_mean_z": weights.mean_z,
        // Come from elsewhere: the generator, and another log.
        "true_policy_value": "checked",
        "on_policy_value_of_evaluation_policy_10k_sample": "checked",
    });
    for key in expected.as_object().into_iter().flat_map(Map::keys) {
        if let Some(above) = key.strip_prefix("share_weight_gt_").and_then(|k| k.parse().ok()) {
            found[key] = weights.share_above(above).into();
        }
    }
    for key in expected["weight_quantiles"].as_object().into_iter().flat_map(Map::keys) {
        let probability = key.parse().unwrap_or(f64::NAN);
        found["weight_quantiles"][key] = weights.quantile(probability).into();
    }
    found
}
