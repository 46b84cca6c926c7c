//! A number for every decision and action, from a table beside the log.
//!
//! *Wide*: one row per decision, one column per action. *Long*: a column `action`, a column of values,
//! and any columns that the log has too (position, persona, state): each row of the log takes the
//! values of its own keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::any_table::{AnyTable, ColumnKind, Labels};
use super::super::error::DataError;
use super::{in_order, one};

/// The column of a long table that names the action.
const ACTION: &str = "action";

/// A file, or one column of it, written `FILE` or `FILE:COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePlace {
    /// The file.
    pub file: PathBuf,
    /// The column of values of a long table, when there could be a doubt.
    pub column: Option<String>,
}

impl TablePlace {
    /// Takes the text of a flag apart; a colon counts only behind the name of a file that exists.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let whole = || Self { file: PathBuf::from(text), column: None };
        match text.rsplit_once(':') {
            Some((file, column)) if !Path::new(text).exists() && Path::new(file).exists() => {
                Self { file: PathBuf::from(file), column: Some(column.to_owned()) }
            }
            _ => whole(),
        }
    }
}

/// A table beside the log, opened.
#[derive(Debug)]
pub struct ByAction {
    table: AnyTable,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Columns in the order of the file, and how many letters of their names come before the action.
    Wide {
        columns: Vec<String>,
        prefix: usize,
    },
    Long {
        value: String,
    },
}

impl ByAction {
    /// Opens the table. `known` are the actions that the log shows: the columns of a wide table are
    /// named like them, all with the same letters before (`a0`, `a1` for `0`, `1`).
    ///
    /// # Errors
    /// [`DataError::CannotRead`] when no form fits; what [`AnyTable::open`] says.
    pub fn open(place: &TablePlace, known: &[String]) -> Result<Self, DataError> {
        let table = AnyTable::open(&place.file)?;
        let form = if table.has(ACTION) {
            Form::Long { value: value_column(&table, place)? }
        } else {
            let columns = table.names().to_vec();
            let prefix = common_prefix(&columns, known).ok_or_else(|| DataError::CannotRead {
                file: place.file.clone(),
                reason: format!(
                    "expected a column `{ACTION}`, or one column for each action of the log ({}), \
                     found {}",
                    known.join(", "),
                    columns.join(", ")
                ),
            })?;
            Form::Wide { columns, prefix }
        };
        Ok(Self { table, form })
    }

    /// The actions that the table knows.
    ///
    /// # Errors
    /// As [`AnyTable::read`].
    pub fn actions(&self) -> Result<Vec<String>, DataError> {
        Ok(match &self.form {
            Form::Wide { columns, prefix } => {
                in_order(columns.iter().map(|name| name[*prefix..].to_owned()))
            }
            Form::Long { .. } => in_order(
                one(&self.table, ACTION, ColumnKind::Label)?.into_labels().names.into_iter(),
            ),
        })
    }

    /// The values, shape `[n, n_actions]`, row-major; 0 for an action that the table does not know.
    ///
    /// # Errors
    /// [`DataError::CannotRead`] when a wide table has another number of rows than the log, or a long
    /// one has no row for the keys of a decision.
    pub fn values(&self, log: &Path, n: usize, actions: &[String]) -> Result<Vec<f64>, DataError> {
        match &self.form {
            Form::Wide { columns, prefix } => self.wide(columns, *prefix, n, actions),
            Form::Long { value } => self.long(value, log, n, actions),
        }
    }

    fn wide(
        &self,
        columns: &[String],
        prefix: usize,
        n: usize,
        actions: &[String],
    ) -> Result<Vec<f64>, DataError> {
        let wanted: Vec<(&str, ColumnKind)> =
            columns.iter().map(|name| (name.as_str(), ColumnKind::Number)).collect();
        let read = self.table.read(&wanted)?;
        let mut values = vec![0.0; n * actions.len()];
        for (name, column) in columns.iter().zip(read) {
            let numbers = column.into_numbers();
            if numbers.len() != n {
                let found = numbers.len();
                return Err(
                    self.unfit(format!("expected {n} rows, one per decision, found {found}"))
                );
            }
            if let Some(at) = actions.iter().position(|action| *action == name[prefix..]) {
                let to = values.iter_mut().skip(at).step_by(actions.len());
                to.zip(numbers).for_each(|(to, from)| *to = from);
            }
        }
        Ok(values)
    }

    fn long(
        &self,
        value: &str,
        log: &Path,
        n: usize,
        actions: &[String],
    ) -> Result<Vec<f64>, DataError> {
        let beside = AnyTable::open(log)?;
        let shared = |name: &&String| *name != ACTION && *name != value && beside.has(name);
        let keys: Vec<&String> = self.table.names().iter().filter(shared).collect();
        let of = |table: &AnyTable, name: &str| {
            one(table, name, ColumnKind::Label).map(super::AnyColumn::into_labels)
        };
        let own: Vec<Labels> =
            keys.iter().map(|key| of(&self.table, key)).collect::<Result<_, _>>()?;
        let logged: Vec<Labels> =
            keys.iter().map(|key| of(&beside, key)).collect::<Result<_, _>>()?;
        let (taken, numbers) =
            (of(&self.table, ACTION)?, one(&self.table, value, ColumnKind::Number)?.into_numbers());
        let place: Vec<Option<usize>> = taken
            .names
            .iter()
            .map(|name| actions.iter().position(|action| action == name))
            .collect();
        // Values by key, each a row over the actions.
        let mut rows: BTreeMap<Vec<&str>, Vec<f64>> = BTreeMap::new();
        for (row, number) in numbers.into_iter().enumerate() {
            let key = own.iter().map(|labels| labels.at(row)).collect();
            let values = rows.entry(key).or_insert_with(|| vec![0.0; actions.len()]);
            if let Some(at) = place[taken.codes[row] as usize] {
                values[at] = number;
            }
        }
        let mut values = Vec::with_capacity(n * actions.len());
        let mut key = Vec::new();
        for row in 0..n {
            key.clear();
            key.extend(logged.iter().map(|labels| labels.at(row)));
            let Some(found) = rows.get(&key) else {
                let shown: Vec<String> =
                    keys.iter().zip(&key).map(|(name, value)| format!("{name} {value}")).collect();
                return Err(self.unfit(format!("it has no row for {}", shown.join(", "))));
            };
            values.extend_from_slice(found);
        }
        Ok(values)
    }

    fn unfit(&self, reason: String) -> DataError {
        DataError::CannotRead { file: self.table.file().to_owned(), reason }
    }
}

impl Labels {
    /// The name in a row.
    #[must_use]
    pub fn at(&self, row: usize) -> &str {
        &self.names[self.codes[row] as usize]
    }
}

/// The column of values: the one that was named, else one of the usual names, else the only one left.
fn value_column(table: &AnyTable, place: &TablePlace) -> Result<String, DataError> {
    const USUAL: [&str; 7] =
        ["prob", "probability", "eval_prob", "q_hat", "prediction", "value", "pi"];
    if let Some(column) = &place.column {
        return table.matching(column).map(|_| column.clone());
    }
    if let Some(name) = USUAL.into_iter().find(|name| table.has(name)) {
        return Ok(name.to_owned());
    }
    let last = table.names().iter().rfind(|name| *name != ACTION);
    last.cloned().ok_or_else(|| DataError::CannotRead {
        file: place.file.clone(),
        reason: "it has no column of values".into(),
    })
}

/// Letters that all names have in front of the action, the fewest that make every known action one.
fn common_prefix(columns: &[String], known: &[String]) -> Option<usize> {
    let first = columns.first()?;
    let shared = |end: &usize| {
        first.is_char_boundary(*end) && columns.iter().all(|name| name.starts_with(&first[..*end]))
    };
    (0..first.len())
        .take_while(shared)
        .find(|end| known.iter().all(|action| columns.iter().any(|name| name[*end..] == **action)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join(name);
        std::fs::write(&file, text).expect("it can be written");
        (dir, file)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_wide_table_is_matched_by_the_names_of_its_columns() {
        let (_dir, path) = file("pi.csv", "a0,a1,a10\n0.1,0.2,0.7\n0.3,0.3,0.4\n");
        let place = TablePlace { file: path.clone(), column: None };
        let table = ByAction::open(&place, &words(&["10", "0"])).expect("it opens");
        let actions = table.actions().expect("it has some");
        assert_eq!(actions, ["0", "1", "10"]);
        let values = table.values(&path, 2, &actions).expect("two rows");
        assert_eq!(values, [0.1, 0.2, 0.7, 0.3, 0.3, 0.4]);
        let short = table.values(&path, 3, &actions).expect_err("a row is missing").to_string();
        assert!(short.contains("expected 3 rows"), "{short}");
        let strange = ByAction::open(&place, &words(&["red"])).expect_err("no such action");
        assert!(strange.to_string().contains("a0, a1, a10"), "{strange}");
    }

    #[test]
    fn a_long_table_is_joined_by_the_columns_that_the_log_has_too() {
        let (_log_dir, log) = file("log.csv", "position,action,reward\n1,A,0\n0,B,1\n1,B,0\n");
        let text = "action,position,prob\nA,0,0.25\nB,0,0.75\nA,1,0.5\nB,1,0.5\n";
        let (_dir, path) = file("pi.csv", text);
        let place = TablePlace { file: path, column: None };
        let table = ByAction::open(&place, &words(&["A", "B"])).expect("it opens");
        let values = table.values(&log, 3, &words(&["A", "B"])).expect("all keys are there");
        assert_eq!(values, [0.5, 0.5, 0.25, 0.75, 0.5, 0.5]);
        let (_other, log) = file("log.csv", "position,action,reward\n3,A,0\n0,B,1\n");
        let missing = table.values(&log, 2, &words(&["A", "B"])).expect_err("no position 3");
        assert!(missing.to_string().contains("no row for position 3"), "{missing}");
    }
}
