//! Bundles survive a round trip, and nothing damaged, foreign or unfinished is ever loaded.

use super::*;
use crate::fixture::{contexts, linear, parts, policies};
use crate::linear::LinearPolicy;
use crate::policy::Policy;
use crate::portable::{PortableError, PortablePolicy};
use promopt_envs::SeedTree;
use rand::Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let dir = root.path().join("policy");
    (root, dir)
}

fn some_parts() -> BundleParts {
    parts(PortablePolicy::Linear(LinearPolicy::new("lin_ucb", linear(), 0.0)))
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file"))
        })
        .collect()
}

fn edit(dir: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).expect("a text file");
    std::fs::write(&path, change(text)).expect("a writable file");
}

/// Puts right digests on whatever the files hold now: what a careless hand would do.
fn seal(dir: &Path) {
    let text = std::fs::read_to_string(dir.join("manifest.json")).expect("a text file");
    let mut manifest: Manifest = serde_json::from_str(&text).expect("a manifest");
    for (name, digest) in &mut manifest.files {
        *digest = sha256(&std::fs::read(dir.join(name)).expect("a listed file"));
    }
    manifest.manifest_sha256 = String::new();
    let render = |m: &Manifest| serde_json::to_string_pretty(m).expect("plain data") + "\n";
    manifest.manifest_sha256 = sha256(render(&manifest).as_bytes());
    std::fs::write(dir.join("manifest.json"), render(&manifest)).expect("a writable file");
}

#[test]
fn every_kind_decides_alike_after_a_round_trip() {
    let (observations, masks) = contexts(11, 1000);
    for policy in policies() {
        let (_root, dir) = place();
        write_bundle(&dir, &parts(policy.clone())).expect("a bundle");
        let bundle = load_bundle(&dir).expect("the bundle just written");
        assert_eq!(bundle.manifest().policy_kind, policy.kind());
        assert_eq!(
            contents(&dir).contains_key("weights.safetensors"),
            policy.kind() == "q_network"
        );
        for (i, (observation, mask)) in (0_u64..).zip(observations.iter().zip(&masks)) {
            let [mut before, mut after] = [(); 2].map(|()| SeedTree::new(5).index(i).stream());
            let before = policy.decide(observation, mask, &mut before);
            let after = bundle.policy().decide(observation, mask, &mut after);
            assert_eq!(before.action, after.action);
            // JSON may round the last digit of a double.
            assert!((before.propensity - after.propensity).abs() < 1e-12);
        }
    }
}

#[test]
fn usual_shelf_depths_keep_the_hash_of_the_schema() {
    // JSON may round the last digit of a double: a bundle with such a depth refused itself.
    let mut rng = SeedTree::new(9).stream();
    for _ in 0..2000 {
        let usual: Vec<f64> = (0..3).map(|_| rng.random::<f64>() / 3.0).collect();
        let schema = crate::fixture::schema().with_usual_shelf(usual);
        let text = serde_json::to_string(&schema).expect("plain data");
        let read = serde_json::from_str(&text).expect("a schema");
        assert_eq!(schema_hash(&schema), schema_hash(&read), "{text}");
    }
}

#[test]
fn the_same_parts_give_the_same_bytes() {
    for policy in policies() {
        let ((_a, first), (_b, second)) = (place(), place());
        write_bundle(&first, &parts(policy.clone())).expect("a bundle");
        write_bundle(&second, &parts(policy)).expect("a bundle");
        assert_eq!(contents(&first), contents(&second));
    }
}

#[test]
fn a_change_of_any_byte_of_any_file_is_found_by_name() {
    let dueling = policies().into_iter().find(|p| p.name() == "dueling").expect("in the fixture");
    let (_root, dir) = place();
    write_bundle(&dir, &parts(dueling)).expect("a bundle");
    let whole = contents(&dir);
    assert_eq!(whole.len(), 7);
    for (name, bytes) in &whole {
        for position in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            std::fs::write(dir.join(name), &changed).expect("a writable file");
            let error = load_bundle(&dir).expect_err("a changed file").to_string();
            assert!(error.contains(&format!("`{name}`")), "{name} at {position}: {error}");
        }
        std::fs::remove_file(dir.join(name)).expect("a file");
        let error = load_bundle(&dir).expect_err("a missing file").to_string();
        assert!(error.contains(&format!("`{name}`")), "{error}");
        std::fs::write(dir.join(name), bytes).expect("a writable file");
    }
    load_bundle(&dir).expect("whole again");
}

#[test]
fn a_value_changed_in_the_manifest_is_found() {
    let (_root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    edit(&dir, "manifest.json", |text| text.replace("\"not_approved\"", "\"approved\""));
    let error = load_bundle(&dir).expect_err("approved by hand");
    assert!(matches!(error, BundleError::Hash { file, .. } if file == "manifest.json"));
}

#[test]
fn a_golden_row_that_is_not_reproduced_stops_the_load() {
    type Spoil = fn(&mut GoldenRow);
    let wrong: [(&str, Spoil); 3] = [
        ("scores", |row| row.scores.iter_mut().flatten().for_each(|score| *score += 1e-3)),
        ("action", |row| row.action = (row.action + 1) % 10),
        ("probabilities", |row| row.probabilities[0] += 1e-5),
    ];
    for (expected, spoil) in wrong {
        let (_root, dir) = place();
        let mut parts = some_parts();
        write_bundle(&dir, &parts).expect("a bundle");
        spoil(&mut parts.golden[3]);
        let line = |row: &GoldenRow| serde_json::to_string(row).expect("plain data") + "\n";
        let lines: String = parts.golden.iter().map(line).collect();
        edit(&dir, "golden.jsonl", |_| lines);
        seal(&dir);
        match load_bundle(&dir).expect_err("a spoiled row") {
            BundleError::Golden { row, what, .. } => assert_eq!((row, what), (4, expected)),
            other => panic!("expected a golden error, got {other}"),
        }
    }
}

#[test]
fn golden_rows_tolerate_rounding_only_and_must_exist() {
    let (_root, dir) = place();
    let mut parts = some_parts();
    parts.golden[0].scores.iter_mut().flatten().for_each(|score| *score += 1e-6);
    parts.golden[1].probabilities[0] += 1e-7;
    write_bundle(&dir, &parts).expect("differences within the tolerance");
    parts.golden.clear();
    let error = write_bundle(&dir, &parts).expect_err("nothing to reproduce").to_string();
    assert!(error.contains("at least one row in `golden.jsonl`"), "{error}");
}

#[test]
fn another_observation_schema_is_refused() {
    let (_root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    edit(&dir, "manifest.json", |text| text.replace("weeks since the last visit", "days"));
    seal(&dir);
    assert!(matches!(load_bundle(&dir), Err(BundleError::Schema { .. })));
}

#[test]
fn a_policy_for_other_observations_is_never_written() {
    let (_root, dir) = place();
    let mut scores = linear();
    scores.mean.pop();
    scores.scale.pop();
    scores.weights.iter_mut().for_each(|row| row.truncate(scores.mean.len() + 1));
    let mut parts = some_parts();
    parts.policy = PortablePolicy::Linear(LinearPolicy::new("lin_ucb", scores, 0.0));
    let error = write_bundle(&dir, &parts).expect_err("one feature short");
    assert!(matches!(error, BundleError::Policy(PortableError::Size { what: "features", .. })));
    assert!(!dir.exists());
}

#[test]
fn a_format_from_the_future_is_told_apart_from_damage() {
    let (_root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    edit(&dir, "manifest.json", |text| {
        text.replace("\"format_version\": 2,", "\"format_version\": 3,\n  \"new_field\": true,")
    });
    let error = load_bundle(&dir).expect_err("a newer format");
    assert!(matches!(error, BundleError::FormatVersion { expected: 2, found: 3 }));
}

#[test]
fn a_half_written_folder_is_not_a_bundle() {
    let (_root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    std::fs::remove_file(dir.join("manifest.json")).expect("a file");
    assert!(matches!(load_bundle(&dir), Err(BundleError::NotABundle { .. })));
}

#[test]
fn a_failed_write_leaves_the_older_bundle_as_it_was() {
    let (root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    let before = contents(&dir);
    let mut wrong = some_parts();
    wrong.golden[0].action = (wrong.golden[0].action + 1) % 10;
    let error = write_bundle(&dir, &wrong).expect_err("a wrong golden row");
    assert!(matches!(error, BundleError::Golden { row: 1, .. }));
    assert_eq!(contents(&dir), before);
    assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 1, "nothing left over");
}

#[test]
fn a_write_that_stopped_halfway_is_cleaned_up_by_the_next_one() {
    let (root, dir) = place();
    write_bundle(&dir, &some_parts()).expect("a bundle");
    let before = contents(&dir);
    let fresh = root.path().join(".policy.new");
    std::fs::create_dir(&fresh).expect("a new folder");
    std::fs::write(fresh.join("policy.json"), "{").expect("a writable folder");
    assert_eq!(contents(&dir), before);
    load_bundle(&dir).expect("the older bundle");
    // The other place to stop: between the two renames of the swap.
    std::fs::rename(&dir, root.path().join(".policy.old")).expect("a folder to rename");
    let mut wrong = some_parts();
    wrong.golden.clear();
    write_bundle(&dir, &wrong).expect_err("no golden rows");
    assert_eq!(contents(&dir), before, "the older bundle is back");
    let mut next = some_parts();
    next.model_card = "# Next\n".to_owned();
    write_bundle(&dir, &next).expect("a bundle");
    assert_eq!(load_bundle(&dir).expect("the new bundle").model_card(), "# Next\n");
    assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 1, "nothing left over");
}

#[test]
fn a_folder_with_other_files_is_never_replaced() {
    let (_root, dir) = place();
    std::fs::create_dir(&dir).expect("a new folder");
    std::fs::write(dir.join("thesis.txt"), "years of work").expect("a writable folder");
    let error = write_bundle(&dir, &some_parts()).expect_err("somebody's folder");
    assert!(matches!(error, BundleError::Occupied { found, .. } if found == "thesis.txt"));
    assert!(dir.join("thesis.txt").exists());
}

#[test]
fn an_attachment_stays_inside_the_folder_and_replaces_nothing() {
    for name in ["../policy.onnx", ".hidden", "policy.json", "manifest.json", ""] {
        let (_root, dir) = place();
        let mut parts = some_parts();
        parts.attachments.insert(name.to_owned(), vec![0]);
        assert!(write_bundle(&dir, &parts).is_err(), "`{name}` was accepted");
    }
}
