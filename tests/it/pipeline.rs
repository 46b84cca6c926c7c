//! Whole runs through the compiled program: what is written, that it repeats, and what re-runs.

use crate::shop::{SMALL, Shop, assert_same, finished, snapshot, snapshot_without_times};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

const STAGES: [&str; 10] = [
    "world", "ingest", "personas", "fit", "train", "evaluate", "abtest", "truth", "export",
    "report",
];

/// Names of the stages that a run folder says are finished.
fn finished_stages(run: &Path) -> Vec<String> {
    let entries = fs::read_dir(run.join("stages")).expect("the run has stages");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("the entry is readable").file_name().to_string_lossy().into_owned()
    };
    let names: Vec<String> = entries.map(name).collect();
    STAGES.iter().filter(|s| names.iter().any(|n| n == **s)).map(|s| (*s).to_owned()).collect()
}

/// Stages that a command reported as run and as up to date.
fn reported(stderr: &str) -> (Vec<&str>, Vec<&str>) {
    let first_words = |ending: &str| {
        let lines = stderr.lines().filter(|line| line.contains(ending));
        lines.filter_map(|line| line.split_whitespace().next()).collect()
    };
    (first_words(" done in "), first_words(" up to date"))
}

#[test]
fn a_run_ends_with_the_captured_uplift_and_every_result_on_disk() {
    let run = finished();
    run.ended.succeeds();
    assert_eq!(reported(&run.ended.stderr), (STAGES.to_vec(), vec![]));
    let captured = run.ended.stdout.lines().find(|l| l.starts_with("captured uplift"));
    let captured = captured.expect("a line with the captured uplift");
    let figure = captured.split_whitespace().nth(2).expect("a figure");
    assert!(figure.parse::<f64>().is_ok_and(f64::is_finite), "{captured}");
    for file in [
        "run.json",
        "report.html",
        "plots/headline.svg",
        "world/transactions.csv",
        "history/quality.json",
        "personas/personas.json",
        "demand/model.json",
        "demand/card.json",
        "agents/policies.json",
        "agents/dqn/checkpoint/training.safetensors",
        "evaluation/judge/judge.json",
        "evaluation/abtest/abtest.json",
        "evaluation/truth/truth.json",
        "policy/manifest.json",
        "policy/policy.json",
        "policy/golden.jsonl",
        "policy/MODEL_CARD.md",
    ] {
        let size = fs::metadata(run.run.join(file)).map(|m| m.len());
        assert!(size.as_ref().is_ok_and(|n| *n > 0), "{file}: {size:?}");
    }
    assert!(snapshot(&run.run).keys().all(|name| !name.contains("pending")));
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let shop = Shop::new();
    let config = finished().config.display();
    shop.promopt(&format!("run -c {config} --run two --threads 2")).succeeds();
    assert_same(
        &snapshot_without_times(&finished().run),
        &snapshot_without_times(&shop.path("two")),
    );
}

#[test]
fn another_seed_gives_another_retailer_and_other_results() {
    let shop = Shop::new();
    let config = finished().config.display();
    shop.promopt(&format!("run -c {config} --run other --seed 8")).succeeds();
    let (seven, eight) = (snapshot(&finished().run), snapshot(&shop.path("other")));
    for file in [
        "world/transactions.csv",
        "demand/model.json",
        "agents/policies.json",
        "evaluation/judge/judge.json",
        "report.html",
    ] {
        assert!(seven[file] != eight[file], "{file} does not depend on the seed");
    }
}

#[test]
fn a_second_run_is_up_to_date_and_changes_no_byte() {
    let shop = Shop::with_finished_run();
    let before = snapshot_without_times(&shop.path("run"));
    let config = finished().config.display();
    let again = shop.promopt(&format!("run -c {config} --run run"));
    assert_eq!(reported(&again.succeeds().stderr), (vec![], STAGES.to_vec()));
    assert_same(&before, &snapshot_without_times(&shop.path("run")));
    // The folder remembers its config, so `-c` can be left out.
    let remembered = shop.promopt("run --run run");
    assert_eq!(reported(&remembered.succeeds().stderr), (vec![], STAGES.to_vec()));
    assert_same(&before, &snapshot_without_times(&shop.path("run")));
}

#[test]
fn the_summary_as_json_has_the_figures_of_the_table() {
    let shop = Shop::with_finished_run();
    let ended = shop.promopt("run --run run --json");
    let summary: serde_json::Value =
        serde_json::from_str(&ended.succeeds().stdout).expect("stdout is JSON and nothing else");
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let captured = summary["truth"]["captured_uplift"]["estimate"].as_f64();
    let shown = format!("captured uplift  {:+.3} ", captured.expect("a number"));
    assert!(finished().ended.stdout.contains(&shown), "{shown}");
}

#[test]
fn stage_by_stage_comes_to_the_same_as_one_run() {
    let shop = Shop::new();
    let config = finished().config.display();
    let commands = [
        ("personas", "personas"),
        ("ingest", "personas"),
        ("fit", "fit"),
        ("train", "train"),
        ("evaluate", "evaluate"),
        ("abtest simulate", "abtest"),
        ("export", "export"),
        ("report", "report"),
    ];
    for (command, last) in commands {
        shop.promopt(&format!("{command} -c {config} --run run")).succeeds();
        let position = STAGES.iter().position(|s| *s == last).expect("a stage");
        assert_eq!(finished_stages(&shop.path("run")), STAGES[..=position], "after {command}");
    }
    assert_same(
        &snapshot_without_times(&finished().run),
        &snapshot_without_times(&shop.path("run")),
    );
}

#[test]
fn a_change_of_judging_leaves_the_fit_and_the_agents_alone() {
    let shop = Shop::with_finished_run();
    shop.write("judge.toml", format!("{SMALL}level = 0.9\n"));
    let again = shop.promopt("run -c judge.toml --run run");
    let (ran, kept) = reported(&again.succeeds().stderr);
    assert_eq!(kept, ["world", "ingest", "personas", "fit", "train"]);
    assert_eq!(ran, ["evaluate", "abtest", "truth", "export", "report"]);
    let (before, after) = (snapshot(&finished().run), snapshot(&shop.path("run")));
    let upstream = |files: BTreeMap<String, Vec<u8>>| {
        let kept = ["world/", "history/", "personas/", "demand/", "agents/"];
        files.into_iter().filter(|(n, _)| kept.iter().any(|k| n.starts_with(k))).collect()
    };
    let abtest = "evaluation/abtest/abtest.json";
    assert!(before[abtest] != after[abtest]);
    assert_same(&upstream(before), &upstream(after));
}

/// Starts a run and kills it when the DQN has left its first checkpoint; false when it was too fast
/// to be caught.
fn kill_while_training(shop: &Shop, line: &str, run: &Path) -> bool {
    let mut command = shop.command(line);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("the compiled program starts");
    let checkpoint = || {
        let files = fs::read_dir(run.join("agents-unfinished")).into_iter().flatten().flatten();
        files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("dqn-"))
    };
    while !checkpoint() && child.try_wait().expect("its state is known").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ended");
    checkpoint() && !run.join("agents").exists()
}

#[test]
fn a_run_killed_in_training_finishes_as_if_never_interrupted() {
    let config = finished().config.display();
    let line = format!("run -c {config} --run run");
    let caught = (0..5).find_map(|_| {
        let shop = Shop::new();
        let run = shop.path("run");
        kill_while_training(&shop, &line, &run).then_some(shop)
    });
    let shop = caught.expect("one of five kills hits the training");
    assert_eq!(finished_stages(&shop.path("run")), STAGES[..4]);
    let interrupted = shop.path("run").join("agents-unfinished");
    let again = shop.promopt(&line);
    let (ran, kept) = reported(&again.succeeds().stderr);
    assert_eq!((kept, ran), (STAGES[..4].to_vec(), STAGES[4..].to_vec()));
    assert!(!interrupted.exists(), "what was unfinished is finished");
    assert_same(
        &snapshot_without_times(&finished().run),
        &snapshot_without_times(&shop.path("run")),
    );
}
