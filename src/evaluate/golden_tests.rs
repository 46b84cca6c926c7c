//! Estimates and reward model against values computed by Open Bandit Pipeline 0.5.7.
//!
//! The fixtures lie under `PROMOPT_GOLDEN`, else beside the workspace; without them the tests say
//! that they skip.

use super::*;
use std::path::{Path, PathBuf};

/// Folders of logged bandit fixtures (`kind` is `contextual_bandit`), in ascending order.
fn fixtures() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden");
    let root = std::env::var_os("PROMOPT_GOLDEN").map_or_else(beside, PathBuf::from).join("ope");
    let Ok(entries) = std::fs::read_dir(&root) else {
        // Cargo shows this with --nocapture; a missing fixture must not look like a failure.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: no golden values at {}; set PROMOPT_GOLDEN\n", root.display()),
        );
        return Vec::new();
    };
    let folders = entries.map(|entry| entry.expect("the folder can be listed").path());
    let mut folders: Vec<PathBuf> = folders
        .filter(|folder| folder.join("expected.json").exists())
        .filter(|folder| expected(folder)["kind"] == "contextual_bandit")
        .collect();
    folders.sort();
    assert!(folders.len() >= 4, "b1 to b4 are contextual bandits");
    folders
}

fn expected(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("it can be read");
    serde_json::from_str(&text).expect("expected.json is valid")
}

/// Header and rows of a numeric CSV file.
fn table(path: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = std::fs::read_to_string(path).expect("the fixture can be read");
    let mut lines = text.lines();
    let header = lines.next().expect("there is a header").split(',').map(str::to_owned).collect();
    let row = |line: &str| line.split(',').map(|x| x.parse().expect("a number")).collect();
    (header, lines.map(row).collect())
}

struct Fixture {
    log: LoggedDecisions,
    folds: Vec<usize>,
    target: Vec<f64>,
    q_hat: Vec<f64>,
}

fn load(folder: &Path) -> Fixture {
    let (header, rows) = table(&folder.join("log.csv"));
    let at = |name: &str| header.iter().position(|h| h == name).expect("the column exists");
    let column = |name: &str| rows.iter().map(|row| row[at(name)]).collect::<Vec<f64>>();
    let index = |name: &str| column(name).into_iter().map(|x| x as usize).collect::<Vec<_>>();
    let (first, after) = (at("context_0"), at("action"));
    let (actions, target) = table(&folder.join("eval_policy.csv"));
    let log = LoggedDecisions::new(LoggedTable {
        n_features: after - first,
        n_actions: actions.len(),
        observations: rows.iter().flat_map(|r| &r[first..after]).map(|&x| x as f32).collect(),
        actions: index("action"),
        propensities: column("propensity"),
        rewards: column("reward"),
        clusters: (0..rows.len() as u32).collect(),
        masks: None,
        sequence: None,
    });
    let (_, q_hat) = table(&folder.join("q_hat.csv"));
    Fixture {
        log: log.expect("the fixture is a valid log"),
        folds: index("fold"),
        target: target.concat(),
        q_hat: q_hat.concat(),
    }
}

fn close(found: f64, expected: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * expected.abs() + 1e-12
}

#[test]
fn estimates_agree_with_open_bandit_pipeline() {
    for folder in fixtures() {
        let fixture = load(&folder);
        let log = &fixture.log;
        let target = TargetProbabilities::new(fixture.target, log).expect("rows sum to one");
        let predictions = RewardPredictions::new(fixture.q_hat, log).expect("they fit the log");
        let input = OpeInput::new(log, &target, &predictions).expect("they belong together");
        let golden = expected(&folder);
        let estimators: [(&str, &dyn Estimator); 4] = [
            ("ipw", &InversePropensity),
            ("snipw", &SelfNormalised),
            ("dm", &DirectMethod),
            ("dr", &DoublyRobust),
        ];
        for (key, estimator) in estimators {
            let golden = &golden["estimators"][key];
            let number = |value: &serde_json::Value| value.as_f64().expect("a number");
            let contributions = estimator.contributions(&input);
            let found = interval::mean(&contributions);
            let place = format!("{} {key}", folder.display());
            assert!(close(found, number(&golden["value"]), 1e-9), "{place}: {found}");
            for (at, found) in contributions.iter().take(5).enumerate() {
                let first = number(&golden["round_rewards"]["first5"][at]);
                assert!(close(*found, first, 1e-9), "{place}, decision {at}: {found}");
            }
            if key != "snipw" {
                // Singleton clusters: G/(G−1) · Σ D² / n² is the golden variance with ddof 1.
                let estimated = estimator::estimate(estimator, &input, 0.95).expect("valid level");
                let n = log.len() as f64;
                let golden_error = number(&golden["standard_error"]) * (n / (n - 1.0)).sqrt();
                let error = estimated.value.standard_error;
                assert!(close(error, golden_error, 1e-8), "{place}: {error}");
            }
        }
    }
}

#[test]
fn diagnostics_agree_with_open_bandit_pipeline() {
    for folder in fixtures() {
        let fixture = load(&folder);
        let log = &fixture.log;
        let target = TargetProbabilities::new(fixture.target, log).expect("rows sum to one");
        let predictions = RewardPredictions::new(fixture.q_hat, log).expect("they fit the log");
        let input = OpeInput::new(log, &target, &predictions).expect("they belong together");
        let found = OverlapDiagnostics::measure(&input, true);
        let golden = expected(&folder);
        let pairs = [
            ("ess", found.effective_sample_size),
            ("weight_max", found.largest_weight),
            ("max_weight_share", found.largest_weight_share),
            ("weight_mean", found.mean_weight),
            ("weight_mean_z", found.weight_mean_z.expect("weights vary")),
            ("min_pscore", found.smallest_propensity),
        ];
        for (key, value) in pairs {
            let golden = golden["diagnostics"][key].as_f64().expect("a number");
            assert!(close(value, golden, 1e-9), "{} {key}: {value}", folder.display());
        }
        let refused = found.verdict().0 == OverlapVerdict::Refuse;
        let tiny = folder.ends_with("b4_tiny_propensity_8a");
        assert_eq!(refused, tiny, "{}: only tiny propensities are refused", folder.display());
        let report = judge_logged(&input, true, DEFAULT_LEVEL).expect("the level is valid");
        assert_eq!(report.estimates.len(), if tiny { 0 } else { 4 });
    }
}

#[test]
fn the_reward_model_agrees_with_the_recipe() {
    for folder in fixtures() {
        let fixture = load(&folder);
        let settings = RewardModelSettings::default();
        let found =
            RewardPredictions::cross_fit_with_folds(&fixture.log, &fixture.folds, &settings)
                .expect("the model can be fitted");
        let n_actions = fixture.log.n_actions();
        for (row, golden) in fixture.q_hat.chunks_exact(n_actions).enumerate() {
            for (action, (a, b)) in found.row(row).iter().zip(golden).enumerate() {
                let place = format!("{} row {row} action {action}", folder.display());
                assert!((a - b).abs() <= 2e-6, "{place}: expected {b}, found {a}");
            }
        }
    }
}
