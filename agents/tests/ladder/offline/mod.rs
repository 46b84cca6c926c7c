//! Rung 7: learning from logs alone, held against exact values and published figures.

mod cart_pole;
mod golden;
mod tabular;
mod world;

use std::path::{Path, PathBuf};

/// The folder of reference values for logs, or `None` after saying that the test skips.
fn golden_folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden");
    let root = std::env::var_os("PROMOPT_GOLDEN").map_or_else(beside, PathBuf::from).join("ope");
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no golden values at {}; set PROMOPT_GOLDEN", root.display());
    None
}

/// Whether slow proofs run; says so when not.
fn runs_slow() -> bool {
    let slow = std::env::var_os("RUN_SLOW").is_some();
    if !slow {
        eprintln!("skipped: a slow proof; set RUN_SLOW=1");
    }
    slow
}

/// Header and rows of a numeric CSV file.
fn table(path: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = std::fs::read_to_string(path).expect("the fixture can be read");
    let mut lines = text.lines();
    let header = lines.next().expect("there is a header").split(',').map(str::to_owned).collect();
    let row = |line: &str| line.split(',').map(|x| x.parse().expect("a number")).collect();
    (header, lines.map(row).collect())
}

/// One column of a table by its name.
fn column(table: &(Vec<String>, Vec<Vec<f64>>), name: &str) -> Vec<f64> {
    let at = table.0.iter().position(|header| header == name).expect("the column exists");
    table.1.iter().map(|row| row[at]).collect()
}

fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("the fixture can be read");
    serde_json::from_str(&text).expect("the fixture is valid")
}
