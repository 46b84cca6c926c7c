//! `promopt envs`: the built-in environments, what is known of them, and whether each keeps the contract.

use super::exit::Failure;
use super::flags::{Envs, Shared};
use promopt_envs::check::{CheckReport, Verdict};
use promopt_envs::registry::{Entry, RegistryError, entries, find};
use serde::Serialize;

/// One environment as `--json` shows it.
#[derive(Debug, Serialize)]
struct Row {
    id: &'static str,
    about: &'static str,
    n_features: usize,
    observation: &'static str,
    n_actions: usize,
    actions: &'static str,
    horizon: Option<u32>,
    optimum: Option<Optimum>,
    sound: bool,
    check: CheckReport,
}

#[derive(Debug, Serialize)]
struct Optimum {
    value: f64,
    of: &'static str,
}

/// Checks and prints.
pub(super) fn envs(shared: &Shared, args: &Envs) -> Result<(), Failure> {
    let refused = |e: RegistryError| Failure::config(&e.to_string());
    let entries = match &args.id {
        Some(id) => vec![find(id).map_err(refused)?],
        None => entries(),
    };
    let seed = shared.seed.unwrap_or(0);
    let rows = entries.iter().map(|entry| row(entry, seed)).collect::<Result<Vec<_>, _>>();
    let rows = rows.map_err(refused)?;
    if shared.json {
        let text = serde_json::to_string_pretty(&rows);
        println!("{}", text.map_err(|e| Failure::other(&e.to_string()))?);
    } else {
        print!("{}", table(&rows));
    }
    let broken: Vec<&str> = rows.iter().filter(|row| !row.sound).map(|row| row.id).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::other(&format!("expected every environment to keep the contract, got {broken:?}")))
}

fn row(entry: &Entry, seed: u64) -> Result<Row, RegistryError> {
    let env = entry.make()?;
    let spec = env.spec();
    let check = entry.check(seed)?;
    Ok(Row {
        id: entry.id,
        about: entry.about,
        n_features: spec.observation_space.n_features(),
        observation: entry.observation,
        n_actions: spec.n_actions,
        actions: entry.actions,
        horizon: spec.horizon,
        optimum: entry.optimum()?.map(|o| Optimum { value: o.value, of: o.of }),
        sound: check.is_sound(),
        check,
    })
}

fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<21} {:>8} {:>7} {:>7}  {:<54} {}\n",
        "environment", "features", "actions", "horizon", "known optimum", "what it asks"
    );
    for row in rows {
        let horizon = row.horizon.map_or_else(|| "–".to_owned(), |steps| steps.to_string());
        let optimum = row
            .optimum
            .as_ref()
            .map_or_else(|| "–".to_owned(), |o| format!("{:.3}, {}", o.value, o.of));
        out.push_str(&format!(
            "{:<21} {:>8} {:>7} {horizon:>7}  {optimum:<54} {}\n",
            row.id, row.n_features, row.n_actions, row.about
        ));
    }
    out.push_str("\ncontract, by rule: ● held, – not applicable, BROKEN\n");
    rules(rows, &mut out);
    out
}

/// A matrix of verdicts, and below it what was found where a rule is broken.
fn rules(rows: &[Row], out: &mut String) {
    let Some(first) = rows.first() else { return };
    out.push_str(&format!("{:<21}", "environment"));
    for line in &first.check.rules {
        out.push_str(&format!(" {}", line.rule.name()));
    }
    out.push('\n');
    for row in rows {
        out.push_str(&format!("{:<21}", row.id));
        for line in &row.check.rules {
            let mark = match line.verdict {
                Verdict::Held => "●",
                Verdict::NotApplicable(_) => "–",
                Verdict::Broken(_) => "BROKEN",
            };
            let width = line.rule.name().len();
            out.push_str(&format!(" {mark:<width$}"));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    for row in rows {
        for violation in row.check.violations() {
            out.push_str(&format!("\n{} {}: {}", row.id, violation.rule, violation.message));
        }
    }
    let not_applicable = rows.iter().flat_map(|row| &row.check.rules);
    let mut reasons: Vec<String> = not_applicable
        .filter_map(|line| match line.verdict {
            Verdict::NotApplicable(why) => Some(format!("{} – {why}", line.rule.name())),
            Verdict::Held | Verdict::Broken(_) => None,
        })
        .collect();
    reasons.sort();
    reasons.dedup();
    if !reasons.is_empty() {
        out.push_str(&format!("\n{}\n", reasons.join("; ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let made: Result<Vec<Row>, _> = entries().iter().map(|entry| row(entry, 1)).collect();
        made.expect("the built-in parameters are valid")
    }

    #[test]
    fn the_table_has_every_environment_and_every_rule() {
        let rows = rows();
        let shown = table(&rows);
        for row in &rows {
            // Once with its facts and once with its verdicts.
            assert_eq!(shown.matches(&format!("\n{} ", row.id)).count(), 2, "{}", row.id);
            assert!(row.sound);
        }
        assert!(shown.contains("0.910, return of an episode"));
        assert!(shown.contains("reset-needed") && !shown.contains("BROKEN "));
        assert!(shown.contains("seeds – no chance was seen in the world"));
    }

    #[test]
    fn a_broken_rule_is_shown_with_what_was_found() {
        let mut rows = rows();
        rows.truncate(1);
        rows[0].check.rules[3].verdict = Verdict::Broken("expected a finite reward".to_owned());
        let shown = table(&rows);
        assert!(shown.contains("BROKEN\n") || shown.contains("BROKEN "));
        assert!(shown.contains("\nIdentity-v0 reward: expected a finite reward"));
    }

    #[test]
    fn the_json_names_verdicts_and_optimum() {
        let rows = rows();
        let chain = rows.iter().find(|row| row.id == "Chain-v0").expect("an entry");
        let json = serde_json::to_value(chain).expect("plain data");
        assert_eq!(json["horizon"], 40);
        assert_eq!(json["check"]["rules"][0]["rule"], "spec");
        assert_eq!(json["check"]["rules"][0]["verdict"], "held");
        assert!(json["optimum"]["value"].as_f64().is_some_and(|v| (v - 0.91).abs() < 1e-9));
    }
}
