//! Finds the fixtures, reads them and compares what was recomputed with what is expected.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a case comes to: a JSON value of the shape of `expected`, or why it could not be computed.
pub(crate) type Answer = Result<Value, String>;

/// One golden case.
pub(crate) struct Case {
    /// Name of the case, for messages.
    pub(crate) id: String,
    /// What is to be computed.
    pub(crate) kind: String,
    /// Folder of the case's files.
    pub(crate) folder: PathBuf,
    /// File and columns.
    pub(crate) input: Value,
    /// Settings.
    pub(crate) params: Value,
    /// What made the figures; a few cases have their numbers nowhere else.
    pub(crate) code: String,
    /// The figures.
    pub(crate) expected: Value,
    /// Relative and absolute tolerance.
    pub(crate) tolerance: [f64; 2],
}

/// Folder of the golden values, or `None` with a word on standard error.
fn golden(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let root = std::env::var_os("PROMOPT_GOLDEN").map_or_else(beside, PathBuf::from).join(folder);
    if root.exists() {
        return Some(root);
    }
    eprintln!("skipped: no golden values at {}; set PROMOPT_GOLDEN", root.display());
    None
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the fixture can be read");
    serde_json::from_str(&text).expect("the fixture is JSON")
}

/// One case per folder with an `expected.json`; figures are compared within 1e-9 unless a handler
/// says otherwise by comparing itself.
pub(crate) fn off_policy_cases() -> Vec<Case> {
    let Some(root) = golden("ope") else { return Vec::new() };
    let entries = std::fs::read_dir(&root).expect("the folder can be listed");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|folder| folder.join("expected.json").exists())
        .collect();
    folders.sort();
    let case = |folder: PathBuf| {
        let expected = json(&folder.join("expected.json"));
        let kind = expected["kind"].as_str().unwrap_or("offline_log").to_owned();
        let id = folder.file_name().expect("it has a name").to_string_lossy().into_owned();
        let (input, params) = (Value::Null, Value::Null);
        let (code, tolerance) = (String::new(), [1e-9, 1e-12]);
        Case { id, kind, folder, input, params, code, expected, tolerance }
    };
    folders.into_iter().map(case).collect()
}

/// The cases of `ab/expected.json`.
pub(crate) fn experiment_cases() -> Vec<Case> {
    let Some(folder) = golden("ab") else { return Vec::new() };
    let all = json(&folder.join("expected.json"));
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let case = |value: &Value| {
        let at = |key: &str| value["tolerance"][key].as_f64().unwrap_or(1e-9);
        Case {
            id: word(&value["id"]),
            kind: word(&value["kind"]),
            folder: folder.clone(),
            input: value["input"].clone(),
            params: value["params"].clone(),
            code: value["call"]["code"].as_str().unwrap_or_default().to_owned(),
            expected: value["expected"].clone(),
            tolerance: [at("rtol"), at("atol")],
        }
    };
    all["cases"].as_array().expect("a list of cases").iter().map(case).collect()
}

/// A CSV file by columns, as text.
#[derive(Clone)]
pub(crate) struct Table(BTreeMap<String, Vec<String>>);

impl Table {
    /// Reads a file of the case's folder; Hillstrom's lies with the data.
    pub(crate) fn read(case: &Case, name: &str) -> Self {
        let mut path = case.folder.join(name);
        if !path.exists() && name == "hillstrom.csv" {
            path = case.folder.join("../../data/hillstrom/hillstrom.csv");
        }
        let mut reader = csv::Reader::from_path(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let header = reader.headers().expect("it has a header").clone();
        let mut columns = vec![Vec::new(); header.len()];
        for row in reader.records() {
            let row = row.expect("the rows are even");
            columns.iter_mut().zip(row.iter()).for_each(|(column, x)| column.push(x.to_owned()));
        }
        Self(header.iter().map(str::to_owned).zip(columns).collect())
    }

    /// A column as it stands.
    pub(crate) fn text(&self, name: &str) -> &[String] {
        self.0.get(name).unwrap_or_else(|| panic!("no column `{name}`"))
    }

    /// A column of numbers, correctly rounded.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.text(name).iter().map(|x| x.parse().expect("a number")).collect()
    }

    /// The names, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What was compared and what differs.
#[derive(Default)]
pub(crate) struct Tally {
    n_figures: usize,
    worst: BTreeMap<String, (f64, String)>,
    wrong: Vec<String>,
}

impl Tally {
    /// Compares every figure of a case.
    pub(crate) fn judge(&mut self, case: &Case, answer: Option<Answer>) {
        match answer {
            None => self.wrong.push(format!("{}: unknown kind `{}`", case.id, case.kind)),
            Some(Err(reason)) => self.wrong.push(format!("{}: {reason}", case.id)),
            Some(Ok(found)) => self.compare(case, &case.id, &case.expected, &found),
        }
    }

    /// Every key of `expected` must be in `found`, except where the answer is the word `"checked"`:
    /// then the handler has compared that part by a rule of its own.
    fn compare(&mut self, case: &Case, place: &str, expected: &Value, found: &Value) {
        if found == "checked" {
            return;
        }
        match expected {
            Value::Object(fields) if fields.contains_key("nonfinite") => {
                let word = fields["nonfinite"].as_str().unwrap_or_default();
                let same = found.as_str() == Some(word);
                self.demand(same, || format!("{place}: expected {word}, found {found}"));
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    let inner = format!("{place}.{key}");
                    match found.get(key) {
                        Some(found) => self.compare(case, &inner, value, found),
                        None => self.wrong.push(format!("{inner}: not computed")),
                    }
                }
            }
            Value::Array(items) => {
                let n = found.as_array().map_or(0, Vec::len);
                self.demand(n == items.len(), || format!("{place}: {n} of {} items", items.len()));
                for (at, value) in items.iter().enumerate() {
                    self.compare(case, &format!("{place}[{at}]"), value, &found[at]);
                }
            }
            Value::Number(number) => {
                self.number(case, place, number.as_f64().unwrap_or(f64::NAN), found);
            }
            other => {
                self.demand(other == found, || format!("{place}: expected {other}, found {found}"));
            }
        }
    }

    fn number(&mut self, case: &Case, place: &str, expected: f64, found: &Value) {
        self.n_figures += 1;
        let found = found.as_f64().unwrap_or(f64::NAN);
        let off = (found - expected).abs();
        let [relative, absolute] = case.tolerance;
        let fits = off <= absolute + relative * expected.abs();
        self.demand(fits, || format!("{place}: expected {expected}, found {found}"));
        let share = if expected == 0.0 { off } else { off / expected.abs() };
        let worst = self.worst.entry(case.kind.clone()).or_insert((0.0, String::new()));
        // What is off by less than the absolute tolerance is rounding about zero.
        if (share > worst.0 && off > absolute) || share.is_nan() {
            *worst = (share, place.to_owned());
        }
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }

    /// Prints the worst relative difference by kind (`--nocapture` shows it) and fails on any miss.
    pub(crate) fn finish(self) {
        for (kind, (off, place)) in &self.worst {
            eprintln!("{kind:<32} {off:9.1e}  {place}");
        }
        let n = self.wrong.len();
        assert!(
            n == 0,
            "{n} of {} figures are wrong:\n  {}",
            self.n_figures,
            self.wrong.join("\n  ")
        );
    }
}
