//! A log of decisions under any column names, and the tables that go with it (a policy's
//! probabilities, a model's predictions), brought row by row to one list of actions.

mod beside;

use std::path::Path;

use super::any_table::{AnyColumn, AnyTable, ColumnKind, Labels};
use super::error::DataError;

pub use beside::{ByAction, TablePlace};

/// Which columns of the log are what.
#[derive(Debug, Clone, Default)]
pub struct LogColumns {
    /// The action that was taken.
    pub action: String,
    /// What followed.
    pub reward: String,
    /// Its probability under the logging policy: a column, or one number for all rows; `None` when
    /// nobody logged it.
    pub propensity: Option<String>,
    /// Names or patterns of features, such as `context_*`.
    pub features: Vec<String>,
    /// Customer of the decision; every row is one of its own without.
    pub customer: Option<String>,
    /// Fold for cross-fitting.
    pub fold: Option<String>,
    /// What gaps of support are shown by, such as a persona.
    pub group: Option<String>,
    /// Trajectory, and the time within it.
    pub sequence: Option<(String, String)>,
    /// Further columns of numbers that were asked for by name.
    pub extra: Vec<String>,
}

/// The log by columns; every list has one entry per decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecisionLog {
    /// Names of all actions: whole numbers in their order, else in that of the alphabet.
    pub action_names: Vec<String>,
    /// Position of the action in `action_names`.
    pub actions: Vec<usize>,
    /// What followed.
    pub rewards: Vec<f64>,
    /// Propensities, when they were logged.
    pub propensities: Option<Vec<f64>>,
    /// Names of the features.
    pub feature_names: Vec<String>,
    /// Features, shape `[n, n_features]`; words become one column of 0 and 1 per word but the first.
    pub features: Vec<f32>,
    /// Customers, as positions in their sorted list.
    pub customers: Vec<u32>,
    /// Folds, when a column was named.
    pub folds: Option<Vec<usize>>,
    /// Groups, when a column was named.
    pub groups: Option<Labels>,
    /// Trajectory and time, when columns were named.
    pub sequence: Option<(Vec<u32>, Vec<u32>)>,
    /// The further columns, in the order of the request.
    pub extra: Vec<Vec<f64>>,
}

impl DecisionLog {
    /// Number of decisions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Reads the log.
    ///
    /// # Errors
    /// As [`AnyTable::read`].
    pub fn read(file: &Path, columns: &LogColumns) -> Result<Self, DataError> {
        let table = AnyTable::open(file)?;
        let mut log = Self::default();
        let taken = one(&table, &columns.action, ColumnKind::Label)?.into_labels();
        log.action_names = in_order(taken.names.iter().cloned());
        let place: Vec<usize> =
            taken.names.iter().map(|name| position(&log.action_names, name)).collect();
        log.actions = taken.codes.iter().map(|code| place[*code as usize]).collect();
        log.rewards = one(&table, &columns.reward, ColumnKind::Number)?.into_numbers();
        let n = log.actions.len();
        log.propensities = match &columns.propensity {
            None => None,
            Some(text) => Some(match text.parse::<f64>() {
                Ok(constant) if !table.has(text) => vec![constant; n],
                _ => one(&table, text, ColumnKind::Number)?.into_numbers(),
            }),
        };
        log.read_features(&table, &columns.features)?;
        log.customers = match &columns.customer {
            Some(name) => one(&table, name, ColumnKind::Label)?.into_labels().codes,
            None => (0..n as u32).collect(),
        };
        let label =
            |name: &String| one(&table, name, ColumnKind::Label).map(AnyColumn::into_labels);
        log.groups = columns.group.as_ref().map(label).transpose()?;
        let folds = columns.fold.as_ref().map(label).transpose()?;
        log.folds = folds.map(|labels| labels.codes.iter().map(|code| *code as usize).collect());
        if let Some((trajectory, step)) = &columns.sequence {
            let steps = one(&table, step, ColumnKind::Number)?.into_numbers();
            log.sequence =
                Some((label(trajectory)?.codes, steps.iter().map(|t| *t as u32).collect()));
        }
        for name in &columns.extra {
            log.extra.push(one(&table, name, ColumnKind::Number)?.into_numbers());
        }
        Ok(log)
    }

    /// Also knows these actions, which another table has and the log may never show.
    pub fn with_actions(&mut self, more: &[String]) {
        let names = in_order(self.action_names.iter().chain(more).cloned());
        let place: Vec<usize> =
            self.action_names.iter().map(|name| position(&names, name)).collect();
        self.actions.iter_mut().for_each(|action| *action = place[*action]);
        self.action_names = names;
    }

    /// Numbers as they are, words as one column each but the first.
    fn read_features(&mut self, table: &AnyTable, patterns: &[String]) -> Result<(), DataError> {
        let n = self.actions.len();
        let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
        for pattern in patterns {
            for name in table.matching(pattern)? {
                match one(table, &name, ColumnKind::Number) {
                    Ok(read) => columns.push((name, read.into_numbers())),
                    Err(DataError::Cell { found, .. }) if found != "nothing" => {
                        let words = one(table, &name, ColumnKind::Label)?.into_labels();
                        for (code, word) in words.names.iter().enumerate().skip(1) {
                            let is = |c: &u32| f64::from(u8::from(*c as usize == code));
                            let flags = words.codes.iter().map(is).collect();
                            columns.push((format!("{name}={word}"), flags));
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let width = columns.len();
        self.features = vec![0.0; n * width];
        for (at, (name, values)) in columns.into_iter().enumerate() {
            self.feature_names.push(name);
            let to = self.features.iter_mut().skip(at).step_by(width.max(1));
            to.zip(values).for_each(|(to, value)| *to = value as f32);
        }
        Ok(())
    }
}

/// One column.
fn one(table: &AnyTable, name: &str, kind: ColumnKind) -> Result<AnyColumn, DataError> {
    let mut read = table.read(&[(name, kind)])?;
    Ok(read.pop().unwrap_or(AnyColumn::Numbers(Vec::new())))
}

/// Each name once: whole numbers in their order, else in that of the alphabet.
fn in_order(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    if names.iter().all(|name| name.parse::<u64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    } else {
        names.sort();
    }
    names.dedup();
    names
}

/// Where a name stands in a list that has it.
fn position(names: &[String], name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_in_the_order_of_their_numbers_and_words_become_columns() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("log.csv");
        let text = "action,reward,age,town\n10,1.5,30,Rome\n2,0,41,Oslo\n10,2,25,Rome\n";
        std::fs::write(&file, text).expect("it can be written");
        let columns = LogColumns {
            action: "action".into(),
            reward: "reward".into(),
            propensity: Some("0.5".into()),
            features: vec!["age".into(), "town".into()],
            ..LogColumns::default()
        };
        let mut log = DecisionLog::read(&file, &columns).expect("it is read");
        assert_eq!(
            (&log.action_names[..], &log.actions[..]),
            (&["2".to_owned(), "10".to_owned()][..], &[1, 0, 1][..])
        );
        log.with_actions(&["7".into(), "2".into()]);
        assert_eq!(log.action_names, ["2", "7", "10"]);
        assert_eq!(log.actions, [2, 0, 2]);
        assert_eq!(log.propensities, Some(vec![0.5; 3]));
        assert_eq!(log.feature_names, ["age", "town=Rome"]);
        assert_eq!(log.features, [30.0, 1.0, 41.0, 0.0, 25.0, 1.0]);
    }
}
