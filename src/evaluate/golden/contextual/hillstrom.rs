//! Whom to mail: policies judged on the rows of an experiment, alone and against each other.

use super::figures::reason;
use crate::fixtures::{Answer, Case, Table};
use promopt_evaluate::cholesky;
use promopt_evaluate::off_policy::{DM, DR, IPS, Influence, Rounds, SNIPS, WeightProfile};
use promopt_evaluate::{LoggedDecisions, LoggedTable, RewardPredictions, TargetProbabilities};
use serde_json::{Map, Value, json};

/// The experiment: who got which mail.
struct Experiment {
    table: Table,
    names: Vec<String>,
    actions: Vec<usize>,
}

impl Experiment {
    fn read(case: &Case) -> Result<Self, String> {
        let file = case.input["file"].as_str().ok_or("no file")?;
        let table = Table::read(case, file);
        let usual = ["No E-Mail", "Mens E-Mail", "Womens E-Mail"];
        let names: Vec<String> = match case.input["actions"].as_array() {
            Some(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => usual.map(str::to_owned).into(),
        };
        let action = |name: &String| {
            let at = names.iter().position(|known| known == name);
            at.ok_or_else(|| format!("unknown action `{name}`"))
        };
        let actions = table.text("treatment").iter().map(action).collect::<Result<_, _>>()?;
        Ok(Self { table, names, actions })
    }

    fn log(&self, rewards: Vec<f64>, shares: &[f64]) -> Result<LoggedDecisions, String> {
        let table = LoggedTable {
            n_actions: self.names.len(),
            actions: self.actions.clone(),
            propensities: self.actions.iter().map(|&action| shares[action]).collect(),
            clusters: (0..rewards.len() as u32).collect(),
            rewards,
            ..LoggedTable::default()
        };
        LoggedDecisions::new(table).map_err(reason)
    }

    /// Share of the rows with each action.
    fn shares(&self) -> Vec<f64> {
        let count = |action| self.actions.iter().filter(|&&taken| taken == action).count() as f64;
        (0..self.names.len()).map(|action| count(action) / self.actions.len() as f64).collect()
    }

    fn outcome(&self, name: &str) -> Result<Vec<f64>, String> {
        let Some(words) = name.strip_prefix("net_") else { return Ok(self.table.numbers(name)) };
        // Such as `net_30pct_margin_less_10c_per_email`.
        let number = |unit: &str| {
            let found = words.split('_').find_map(|word| word.strip_suffix(unit)?.parse().ok());
            found.map(|hundredths: f64| hundredths / 100.0).ok_or(format!("no {unit} in `{name}`"))
        };
        let (margin, cost) = (number("pct")?, number("c")?);
        let spend = self.table.numbers("spend").into_iter().zip(&self.actions);
        Ok(spend.map(|(x, &a)| margin * x - cost * f64::from(u8::from(a != 0))).collect())
    }

    /// Probabilities of a policy written as `np.full(…)`, `det([X]*len(d))` or
    /// `det([X if v OP number else Y for v in d.column])`.
    fn policy(&self, text: &str) -> Result<Vec<f64>, String> {
        let (n, n_actions) = (self.actions.len(), self.names.len());
        if text.starts_with("np.full(") {
            return Ok(vec![1.0 / n_actions as f64; n * n_actions]);
        }
        let wrong = || format!("cannot read the policy `{text}`");
        let inner = text.strip_prefix("det([").ok_or_else(wrong)?;
        let (inner, _) = inner.rsplit_once(']').ok_or_else(wrong)?;
        let words: Vec<&str> = inner.split_whitespace().collect();
        let chosen: Vec<usize> = match words[..] {
            [one] => vec![self.named(one)?; n],
            [yes, "if", test, "else", no, "for", variable, "in", column] => {
                let column = column.strip_prefix("d.").ok_or_else(wrong)?;
                let test = test.strip_prefix(variable).ok_or_else(wrong)?;
                let is_value = |c: char| c.is_ascii_digit() || "-'\"".contains(c);
                let (comparison, value) = test.split_at(test.find(is_value).ok_or_else(wrong)?);
                let (yes, no) = (self.named(yes)?, self.named(no)?);
                let holds = |cell: &String| {
                    let quoted = value.trim_matches(['\'', '"']);
                    let order = match value.parse::<f64>() {
                        Ok(number) => cell.parse::<f64>().ok()?.partial_cmp(&number)?,
                        Err(_) => cell.as_str().cmp(quoted),
                    };
                    Some(match comparison {
                        "==" => order.is_eq(),
                        "!=" => order.is_ne(),
                        "<=" => order.is_le(),
                        ">=" => order.is_ge(),
                        "<" => order.is_lt(),
                        ">" => order.is_gt(),
                        _ => return None,
                    })
                };
                let choose = |cell| holds(cell).map(|holds| if holds { yes } else { no });
                let rows = self.table.text(column).iter().map(choose);
                rows.collect::<Option<_>>().ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        let mut probabilities = vec![0.0; n * n_actions];
        chosen.iter().enumerate().for_each(|(row, a)| probabilities[row * n_actions + a] = 1.0);
        Ok(probabilities)
    }

    /// `MENS` is the action whose name starts with it, `NONE` the one that starts with `No`.
    fn named(&self, word: &str) -> Result<usize, String> {
        let first = |name: &String| name.split_whitespace().next().unwrap_or("").to_uppercase();
        let meant = if word == "NONE" { "NO" } else { word };
        let at = self.names.iter().position(|name| first(name) == meant);
        at.ok_or_else(|| format!("unknown action `{word}`"))
    }

    /// Least squares of the outcome within each arm, and its prediction of every arm for every row.
    fn predictions(&self, rewards: &[f64]) -> Result<Vec<f64>, String> {
        let column = |name: &str| self.table.numbers(name);
        let history = column("history").into_iter().map(|x| x / 100.0).collect();
        let n = rewards.len();
        let columns = [
            vec![1.0; n],
            column("recency"),
            history,
            column("mens"),
            column("womens"),
            column("newbie"),
        ];
        let width = columns.len();
        let x = |row: usize| columns.iter().map(move |column| column[row]);
        let mut predicted = vec![0.0; n * self.names.len()];
        for arm in 0..self.names.len() {
            let (mut gram, mut cross) = (vec![0.0; width * width], vec![0.0; width]);
            for row in (0..n).filter(|&row| self.actions[row] == arm) {
                for (i, xi) in x(row).enumerate() {
                    cross[i] += xi * rewards[row];
                    let gram = &mut gram[i * width..][..width];
                    gram.iter_mut().zip(x(row)).for_each(|(sum, xj)| *sum += xi * xj);
                }
            }
            let slopes = cholesky::solve(gram, cross).ok_or("collinear columns")?;
            for row in 0..n {
                predicted[row * self.names.len() + arm] =
                    x(row).zip(&slopes).map(|(x, b)| x * b).sum();
            }
        }
        Ok(predicted)
    }
}

/// The value of a policy for several outcomes, with known and with counted propensities.
pub(super) fn policy_value(case: &Case) -> Answer {
    let experiment = Experiment::read(case)?;
    let policy = experiment.policy(case.input["policy"].as_str().ok_or("no policy")?)?;
    let level = 1.0 - case.params["alpha"].as_f64().unwrap_or(0.05);
    let n_actions = experiment.names.len();
    let mailed: f64 = policy.chunks_exact(n_actions).map(|row| 1.0 - row[0]).sum();
    let mut found = json!({ "share_emailed": mailed / experiment.actions.len() as f64 });
    for (outcome, readings) in case.expected.as_object().ok_or("nothing is expected")? {
        let Some(readings) = readings.as_object() else { continue };
        let rewards = experiment.outcome(outcome)?;
        let predictions = experiment.predictions(&rewards)?;
        for (reading, expected) in readings {
            let shares = match &**reading {
                "empirical_share" => experiment.shares(),
                _ => vec![1.0 / n_actions as f64; n_actions],
            };
            let log = experiment.log(rewards.clone(), &shares)?;
            let target = TargetProbabilities::new(policy.clone(), &log).map_err(reason)?;
            let model = RewardPredictions::new(predictions.clone(), &log).map_err(reason)?;
            let rounds = Rounds::of_log(&log, &target, &model).map_err(reason)?;
            found[outcome][reading] = figures(expected, &rounds, level)?;
        }
    }
    Ok(found)
}

fn figures(expected: &Value, rounds: &Rounds<'_>, level: f64) -> Answer {
    let weights = WeightProfile::of(rounds);
    let mut found = json!({
        "n": rounds.len(),
        "n_matched": rounds.weights().iter().filter(|w| **w > 0.0).count(),
        "ess": weights.effective_sample_size,
        "mean_weight": weights.mean,
        "max_weight": weights.most,
    });
    for (name, estimator) in [("ips", IPS), ("snips", SNIPS), ("dm", DM), ("dr", DR)] {
        if expected.get(name).is_none() {
            continue;
        }
        let effect = estimator.influence(rounds).map_err(reason)?.effect(level);
        found[name] = effect.estimate.into();
        found[format!("{name}_se")] = effect.standard_error.into();
        found[format!("{name}_ci")] = json!([effect.lower, effect.upper]);
    }
    Ok(found)
}

/// Two policies on the same rows.
pub(super) fn contrast(case: &Case) -> Answer {
    let experiment = Experiment::read(case)?;
    let mut found = Map::new();
    for outcome in case.expected.as_object().into_iter().flat_map(Map::keys) {
        let rewards = experiment.outcome(outcome)?;
        let third = vec![1.0 / experiment.names.len() as f64; experiment.names.len()];
        let log = experiment.log(rewards, &third)?;
        let rounds = |side: &str| -> Result<Rounds<'_>, String> {
            let name = case.input[side].as_str().ok_or("no policy")?;
            let policy = experiment.policy(&named_policy(case, name)?)?;
            let target = TargetProbabilities::new(policy, &log).map_err(reason)?;
            let weights = target.weights(&log).map_err(reason)?;
            Rounds::new(log.rewards(), weights).map_err(reason)
        };
        let (a, b) = (rounds("a")?, rounds("b")?);
        let difference = |estimator: &promopt_evaluate::off_policy::Estimator| {
            let of = |rounds| -> Result<Influence, String> {
                estimator.influence(rounds).map_err(reason)
            };
            of(&a)?.minus(&of(&b)?).map(|found| found.effect(0.95)).map_err(reason)
        };
        let (ips, snips) = (difference(&IPS)?, difference(&SNIPS)?);
        let figures = json!({
            "ips_diff": ips.estimate,
            "ips_diff_se": ips.standard_error,
            "snips_diff": snips.estimate,
            "snips_diff_se": snips.standard_error,
            "z": snips.estimate / snips.standard_error,
            "p_value": snips.p_value,
        });
        found.insert(outcome.clone(), figures);
    }
    Ok(found.into())
}

/// The policy that another case of the same file is about.
fn named_policy(case: &Case, name: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(case.folder.join("expected.json")).map_err(reason)?;
    let all: Value = serde_json::from_str(&text).map_err(reason)?;
    let cases = all["cases"].as_array().ok_or("no cases")?;
    let about = |c: &&Value| c["id"].as_str().and_then(|id| id.split('.').nth(1)) == Some(name);
    let found = cases.iter().filter(|c| c["kind"] == "hillstrom_ope").find(about);
    let policy = found.and_then(|c| c["input"]["policy"].as_str());
    policy.map(str::to_owned).ok_or_else(|| format!("no case is about the policy `{name}`"))
}
