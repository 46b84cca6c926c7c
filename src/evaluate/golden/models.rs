//! Experiment cases that need rows or several arms at once: regressions, many arms, exact tests.

use crate::arms::{level, reason, shown, word};
use crate::fixtures::{Answer, Case, Table};
use promopt_evaluate::experiment::exact::TwoCounts;
use promopt_evaluate::experiment::many_arms::{dunnett, pooled_anova, welch_anova};
use promopt_evaluate::experiment::moments::Moments;
use promopt_evaluate::experiment::regression::{Covariance, Regression};
use serde_json::{Value, json};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    Some(match &*case.kind {
        "ols_ancova_hc" => adjusted(case, false),
        "ols_lin_interacted" => adjusted(case, true),
        "hillstrom_interaction" => interaction(case),
        "omnibus" => omnibus(case),
        "dunnett" => against_control(case),
        "proportion_exact" => exact(case),
        _ => return None,
    })
}

/// Names of columns; words such as "persona (dummies, first alphabetical dropped)" mean their first.
fn covariates(case: &Case) -> Vec<String> {
    let first = |value: &Value| word(value, "").split(' ').next().unwrap_or_default().to_owned();
    match &case.input["covariates"] {
        Value::Array(names) => names.iter().map(first).collect(),
        _ => vec![first(&case.input["covariate"])],
    }
}

/// Columns of numbers; words become one column each but the first in alphabetical order.
fn numbers(table: &Table, name: &str) -> Vec<Vec<f64>> {
    let text = table.text(name);
    if text.iter().all(|cell| cell.parse::<f64>().is_ok()) {
        return vec![table.numbers(name)];
    }
    let mut words = text.to_vec();
    words.sort();
    words.dedup();
    let flags = |word: &String| text.iter().map(|t| f64::from(u8::from(t == word))).collect();
    words.iter().skip(1).map(flags).collect()
}

fn adjusted(case: &Case, interacted: bool) -> Answer {
    let table = Table::read(case, word(&case.input["file"], "retail_two_arm.csv"));
    let y = table.numbers(word(&case.input["value"], "spend"));
    let treatment = word(&case.input["treatment"], "treatment");
    let arm = table.text(word(&case.input["arm_col"], "arm"));
    let treated: Vec<f64> = arm.iter().map(|arm| f64::from(u8::from(arm == treatment))).collect();
    let mut columns = vec![vec![1.0; y.len()], treated.clone()];
    for name in covariates(case) {
        for mut column in numbers(&table, &name) {
            if interacted {
                let mean = column.iter().sum::<f64>() / column.len() as f64;
                column.iter_mut().for_each(|x| *x -= mean);
                columns.push(column.clone());
                column.iter_mut().zip(&treated).for_each(|(x, t)| *x *= t);
            }
            columns.push(column);
        }
    }
    let width = columns.len();
    let design: Vec<f64> =
        (0..y.len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    let fit = Regression::fit(&design, width, &y).map_err(reason)?;
    let of = |kind| shown(&fit.effect(1, kind, level(case)));
    if case.expected.get("effect").is_some() {
        return Ok(of(Covariance::Hc1));
    }
    Ok(json!({
        "nonrobust": of(Covariance::Classic), "HC0": of(Covariance::Hc0), "HC1": of(Covariance::Hc1),
        "HC2": of(Covariance::Hc2), "HC3": of(Covariance::Hc3),
    }))
}

/// Whether the effect on visits differs between segments of past spending.
fn interaction(case: &Case) -> Answer {
    let table = Table::read(case, word(&case.input["file"], "hillstrom.csv"));
    let control = word(&case.input["control"], "No E-Mail");
    let treatment = word(&case.input["treatment"], "Mens E-Mail");
    let arm = table.text("treatment");
    let segments = numbers(&table, word(&case.input["by"], "history_segment"));
    let visit = table.numbers(word(&case.input["value"], "visit"));
    let (mut design, mut y) = (Vec::new(), Vec::new());
    for row in (0..arm.len()).filter(|row| arm[*row] == control || arm[*row] == treatment) {
        let treated = f64::from(u8::from(arm[row] == treatment));
        design.extend([1.0, treated]);
        design.extend(segments.iter().map(|segment| segment[row]));
        design.extend(segments.iter().map(|segment| treated * segment[row]));
        y.push(visit[row]);
    }
    let (q, width) = (segments.len(), 2 + 2 * segments.len());
    let fit = Regression::fit(&design, width, &y).map_err(reason)?;
    let columns: Vec<usize> = (2 + q..width).collect();
    let found = fit.wald(&columns, Covariance::Hc1).ok_or("a singular covariance")?;
    Ok(json!({
        "F": found.f, "p_value": found.p_value, "df_num": found.numerator,
        "df_denom": found.denominator,
    }))
}

/// Names of the arms in alphabetical order with the moments of a column.
fn by_arm(case: &Case) -> Vec<(String, Moments)> {
    let table = Table::read(case, word(&case.input["file"], "retail_four_arm.csv"));
    let values = table.numbers(word(&case.input["value"], "spend"));
    let arm = table.text(word(&case.input["arm_col"], "arm"));
    let mut names = arm.to_vec();
    names.sort();
    names.dedup();
    let of = |name: String| {
        let own = arm.iter().zip(&values).filter(|(a, _)| **a == name).map(|(_, x)| *x);
        let moments = Moments::of(&own.collect::<Vec<f64>>());
        (name, moments)
    };
    names.into_iter().map(of).collect()
}

fn omnibus(case: &Case) -> Answer {
    let arms: Vec<Moments> = by_arm(case).into_iter().map(|(_, moments)| moments).collect();
    let (welch, pooled) = (welch_anova(&arms), pooled_anova(&arms));
    let (welch, pooled) = (welch.ok_or("it varies")?, pooled.ok_or("it varies")?);
    Ok(json!({
        "welch_F": welch.f, "welch_p": welch.p_value, "df_num": welch.numerator,
        "df_denom": welch.denominator, "F": pooled.f, "p": pooled.p_value,
    }))
}

fn against_control(case: &Case) -> Answer {
    let control = word(&case.input["control"], "control");
    let (mine, others): (Vec<_>, Vec<_>) =
        by_arm(case).into_iter().partition(|(name, _)| name == control);
    let moments: Vec<Moments> = others.iter().map(|(_, moments)| *moments).collect();
    let (_, control) = mine.first().ok_or("no control")?;
    let found = dunnett(control, &moments, level(case));
    let each = |of: fn(&promopt_evaluate::experiment::many_arms::DunnettComparison) -> f64| {
        found.iter().map(of).collect::<Vec<f64>>()
    };
    Ok(json!({
        "arms": others.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "statistic": each(|c| c.statistic), "p_value": each(|c| c.p_value),
        "ci_lower": each(|c| c.lower), "ci_upper": each(|c| c.upper),
    }))
}

/// The table stands in the code alone: `tab=[[hits, hits], [misses, misses]]`.
fn exact(case: &Case) -> Answer {
    let (_, text) = case.code.split_once("tab=").ok_or("no table in the code")?;
    let line = text.lines().next().unwrap_or_default();
    let table: Vec<[u32; 2]> = serde_json::from_str(line.trim()).map_err(reason)?;
    let [hits, misses] = table[..] else { return Err("two rows".into()) };
    let trials = [hits[0] + misses[0], hits[1] + misses[1]];
    let counts = TwoCounts { hits, trials };
    Ok(json!({
        "fisher": counts.fisher(), "boschloo": counts.boschloo(), "barnard": counts.barnard(),
    }))
}
