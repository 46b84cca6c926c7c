//! The rows of an experiment case by arm, and how figures are written down.

use crate::fixtures::{Case, Table};
use promopt_evaluate::experiment::{Contrast, Effect, JointMoments, Metric, Moments};
use serde_json::{Value, json};

/// A table with the rows of two arms.
pub(crate) struct Arms {
    table: Table,
    rows: [Vec<usize>; 2],
}

/// A word of the input, or what the public cases take for granted.
pub(crate) fn word<'a>(value: &'a Value, otherwise: &'a str) -> &'a str {
    value.as_str().unwrap_or(otherwise)
}

/// Name of the case's file.
pub(crate) fn file(case: &Case) -> &str {
    let usual = if case.id.starts_with("hill") { "hillstrom.csv" } else { "retail_two_arm.csv" };
    word(&case.input["file"], usual)
}

/// Confidence level of the case.
pub(crate) fn level(case: &Case) -> f64 {
    1.0 - case.params["alpha"].as_f64().unwrap_or(0.05)
}

/// An arm of Hillstrom's experiment as the cases' names write it: `mens_vs_none`.
fn hillstrom(case: &Case, treatment: bool) -> &'static str {
    let pair = case.id.split('.').find_map(|part| part.split_once("_vs_"));
    let (treated, against) = pair.unwrap_or(("mens", "none"));
    match if treatment { treated } else { against } {
        "womens" => "Womens E-Mail",
        "mens" => "Mens E-Mail",
        _ => "No E-Mail",
    }
}

impl Arms {
    /// The case's rows: its file, arms and filter.
    pub(crate) fn of(case: &Case) -> Self {
        Self::named(case, None)
    }

    /// The same with another treatment arm.
    pub(crate) fn named(case: &Case, treatment: Option<&str>) -> Self {
        let table = Table::read(case, file(case));
        let hill = file(case) == "hillstrom.csv";
        let arm = table.text(word(&case.input["arm_col"], if hill { "treatment" } else { "arm" }));
        let usual = |which: bool| match (hill, which) {
            (true, _) => hillstrom(case, which),
            (false, true) => "treatment",
            (false, false) => "control",
        };
        let control = word(&case.input["control"], usual(false));
        let treatment = treatment.unwrap_or(word(&case.input["treatment"], usual(true)));
        let kept = filter(case, &table);
        let own = |name: &str| (0..arm.len()).filter(|i| arm[*i] == name && kept[*i]).collect();
        let rows = [own(control), own(treatment)];
        Self { table, rows }
    }

    /// The table.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Row numbers of control and treatment.
    pub(crate) fn rows(&self) -> &[Vec<usize>; 2] {
        &self.rows
    }

    /// A column of numbers by arm, control first.
    pub(crate) fn column(&self, name: &str) -> [Vec<f64>; 2] {
        let all = self.table.numbers(name);
        [0, 1].map(|arm| self.rows[arm].iter().map(|row| all[*row]).collect())
    }

    /// Moments of some columns by arm.
    pub(crate) fn joint<const K: usize>(&self, names: [&str; K]) -> [JointMoments<K>; 2] {
        let columns = names.map(|name| self.column(name));
        [0, 1].map(|arm| {
            let row = |row: usize| std::array::from_fn(|k| columns[k][arm][row]);
            JointMoments::of((0..self.rows[arm].len()).map(row))
        })
    }

    /// Moments of one column by arm.
    pub(crate) fn moments(&self, name: &str) -> [Moments; 2] {
        self.joint([name]).map(|joint| joint.only(0))
    }

    /// The means of a column against each other.
    pub(crate) fn contrast(&self, name: &str) -> Contrast {
        let [c, t] = self.moments(name);
        Contrast::new(Metric::mean(&c), Metric::mean(&t))
    }

    /// Only the rows in which a column holds this word.
    pub(crate) fn within(&self, column: &str, is: &str) -> Self {
        let text = self.table.text(column);
        let own = |rows: &Vec<usize>| rows.iter().copied().filter(|r| text[*r] == is).collect();
        Self { table: self.table.clone(), rows: [own(&self.rows[0]), own(&self.rows[1])] }
    }

    /// The different words of a column in alphabetical order.
    pub(crate) fn words(&self, column: &str) -> Vec<String> {
        let mut words = self.table.text(column).to_vec();
        words.sort();
        words.dedup();
        words
    }
}

/// Rows that a filter such as `spend>0` keeps.
fn filter(case: &Case, table: &Table) -> Vec<bool> {
    let n = table.text(table.names().next().expect("a column")).len();
    let Some((column, limit)) = case.input["filter"].as_str().and_then(|f| f.split_once('>'))
    else {
        return vec![true; n];
    };
    let limit: f64 = limit.trim().parse().expect("a number after `>`");
    table.numbers(column.trim()).iter().map(|x| *x > limit).collect()
}

/// A number, or the word for what JSON cannot hold.
pub(crate) fn number(x: f64) -> Value {
    if x.is_finite() {
        json!(x)
    } else if x.is_nan() {
        json!("nan")
    } else {
        json!(if x > 0.0 { "inf" } else { "-inf" })
    }
}

/// An effect under the names of the fixtures.
pub(crate) fn shown(effect: &Effect) -> Value {
    json!({
        "effect": effect.estimate, "std_err": effect.standard_error, "p_value": effect.p_value,
        "ci_lower": number(effect.lower), "ci_upper": number(effect.upper), "error": null,
        "df": number(effect.degrees_of_freedom),
        "t": number(effect.estimate / effect.standard_error),
    })
}

/// Two objects as one; the second wins.
pub(crate) fn with(mut first: Value, second: Value) -> Value {
    if let (Value::Object(first), Value::Object(second)) = (&mut first, second) {
        first.extend(second);
    }
    first
}

/// Why something failed, in words.
pub(crate) fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}
