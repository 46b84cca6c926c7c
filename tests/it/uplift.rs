//! Five retailers, all agents, and the truth: how much of the oracle's uplift each one captures.

use crate::shop::Shop;
use promopt::evaluate::Interval;
use std::collections::BTreeMap;

/// Seeds of the retailers: nothing was tuned on them.
const SEEDS: [u64; 5] = [101, 102, 103, 104, 105];

/// Whole runs with every default; some minutes in a release build.
#[test]
#[allow(clippy::print_stderr, reason = "the figures are what the test is for")]
fn captured_uplift_by_agent_over_five_retailers() {
    if std::env::var_os("RUN_SLOW").is_none() {
        eprintln!("skipped: five whole runs; set RUN_SLOW=1");
        return;
    }
    let shop = Shop::new();
    let mut captured: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for seed in SEEDS {
        shop.promopt(&format!("run --quiet --seed {seed} --run {seed}")).succeeds();
        let path = shop.path(&format!("{seed}/evaluation/truth/truth.json"));
        let text = std::fs::read_to_string(path).expect("the truth of a synthetic run");
        let truth: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for arm in truth["arms"].as_array().expect("arms") {
            let name = arm["policy"].as_str().expect("a name").to_owned();
            captured.entry(name).or_default().push(arm["captured"].as_f64().expect("a share"));
        }
        let chosen = truth["captured_uplift"]["estimate"].as_f64().expect("a share");
        captured.entry("* chosen".to_owned()).or_default().push(chosen);
    }
    for (name, shares) in &captured {
        let interval = over_worlds(shares);
        let Interval { estimate, lower, upper, .. } = interval;
        eprintln!("{name:16} {estimate:.3} [{lower:.3}, {upper:.3}]  {shares:.3?}");
    }
    let chosen = over_worlds(&captured["* chosen"]);
    let current = over_worlds(&captured["current"]);
    assert!(chosen.lower > 0.0 && chosen.lower > current.upper, "{chosen:?}");
}

/// Student interval over worlds.
fn over_worlds(shares: &[f64]) -> Interval {
    let n = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / n;
    let variance = shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Interval::student(mean, (variance / n).sqrt(), n - 1.0, 0.95).expect("five worlds")
}
