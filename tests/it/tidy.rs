//! What `docs/ARCHITECTURE.md` promises and no compiler checks; each rule is one test.

mod source;

use serde_json::Value;
use source::{Source, functions, read_all, relative, walk, words};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FOLDERS: [&str; 7] = ["src", "envs", "policies", "agents", "tests", "benches", "examples"];
const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// Every Rust file of the workspace, read once for all tests.
fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| read_all(Path::new(ROOT), &FOLDERS));
    assert!(!SOURCES.is_empty(), "no Rust file found below {ROOT}");
    &SOURCES
}

/// Fails with every broken place and what to do about it.
#[track_caller]
fn demand_none(broken: &[String], remedy: &str) {
    assert!(broken.is_empty(), "{remedy}:\n  {}", broken.join("\n  "));
}

/// `path:line: what` for every line of a text on which `finds` finds something.
fn places(source: &Source, text: &str, finds: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let at = |(index, line): (usize, &str)| {
        finds(line).map(|what| format!("{}:{}: {what}", source.path, index + 1))
    };
    text.lines().enumerate().filter_map(at).collect()
}

/// The first of these names that a line of code uses; `std::fs` and `use std::{fs, ..}` are one name.
fn first_named(line: &str, names: &[&str]) -> Option<String> {
    let compact: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let uses = |name: &&&str| match name.rsplit_once("::") {
        None => words(&compact).any(|word| word == **name),
        Some((module, last)) => {
            let group = format!("{module}::{{");
            compact.match_indices(**name).any(|(at, _)| ends_there(&compact[at + name.len()..]))
                || compact
                    .split_once(&group)
                    .is_some_and(|(_, inside)| words(inside).any(|word| word == last))
        }
    };
    names.iter().find(uses).map(|name| format!("`{name}`"))
}

fn ends_there(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_')
}

/// Which files outside `rooms` name one of these in the given text of theirs.
fn named_outside(rooms: &[&str], names: &[&str], text_of: impl Fn(&Source) -> &str) -> Vec<String> {
    sources()
        .iter()
        .filter(|source| !rooms.iter().any(|room| source.is_in(room)))
        .flat_map(|source| places(source, text_of(source), |line| first_named(line, names)))
        .collect()
}

/// Packages of the workspace with the names of their dependencies of every kind.
fn packages() -> Vec<(String, Vec<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let name = |value: &Value| value["name"].as_str().expect("it has a name").to_owned();
    let list = |value: &Value| value.as_array().expect("it is a list").clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| (name(package), list(&package["dependencies"]).iter().map(name).collect()))
        .collect()
}

#[test]
fn crates_depend_only_on_those_to_their_left() {
    const ORDER: [&str; 5] =
        ["promopt-envs", "promopt-policies", "promopt-agents", "promopt-evaluate", "promopt"];
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    let mut broken = Vec::new();
    for (package, dependencies) in packages() {
        let Some(own) = rank(&package) else {
            broken.push(format!("{package}: has no place in the order"));
            continue;
        };
        let right = |name: &&String| rank(name).is_some_and(|other| other >= own);
        let wrong = dependencies.iter().filter(right);
        broken.extend(wrong.map(|name| format!("{package} depends on {name}")));
    }
    demand_none(
        &broken,
        "the arrow is envs <- policies <- agents <- evaluate <- promopt; move the code left",
    );
}

#[test]
fn only_the_rooms_that_need_a_heavy_library_link_it() {
    const HOMES: [(&str, &[&str]); 4] = [
        ("polars", &["promopt"]),
        ("candle-core", &["promopt-agents"]),
        ("candle-nn", &["promopt-agents"]),
        ("plotters", &["promopt"]),
    ];
    let mut broken = Vec::new();
    for (package, dependencies) in packages() {
        for (library, homes) in HOMES {
            if dependencies.iter().any(|name| name == library) && !homes.contains(&&*package) {
                broken.push(format!("{package} depends on {library}"));
            }
        }
    }
    demand_none(&broken, "a heavy library has one home; pass plain structs across the border");
}

#[test]
fn every_file_opens_with_its_purpose() {
    let broken: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}:1", source.path))
        .collect();
    demand_none(&broken, "open the file with a `//!` sentence that says what it is for");
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let broken: Vec<String> = sources()
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, n_lines)| *n_lines > MAX_FILE_LINES)
        .map(|(path, n_lines)| format!("{path}:{n_lines}: {n_lines} lines"))
        .collect();
    demand_none(&broken, "split the file along a seam of its subject");
}

#[test]
fn no_function_is_longer_than_seventy_lines() {
    let mut broken = Vec::new();
    for source in sources() {
        for function in functions(&source.code) {
            if function.n_lines > MAX_FUNCTION_LINES {
                let (name, n_lines) = (&function.name, function.n_lines);
                broken.push(format!("{}:{}: `{name}` has {n_lines}", source.path, function.line));
            }
        }
    }
    demand_none(&broken, "give a part of the function its own name");
}

#[test]
fn every_path_named_in_the_architecture_page_exists() {
    let page = "docs/ARCHITECTURE.md";
    let text = std::fs::read_to_string(Path::new(ROOT).join(page)).expect("the page is there");
    let mut broken = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2).filter(|name| looks_like_a_path(name));
        let missing = quoted.filter(|name| !Path::new(ROOT).join(name).exists());
        broken.extend(missing.map(|name| format!("{page}:{}: `{name}`", index + 1)));
    }
    demand_none(&broken, "mend the page: it names what is not there");
}

/// Something with a slash, or a file of a kind that only the repository has; not a pattern.
fn looks_like_a_path(name: &str) -> bool {
    let file = [".rs", ".toml", ".md", ".ipynb"].iter().any(|ending| name.ends_with(ending));
    (file || name.contains('/')) && !name.contains([' ', '<', '*', '{', ':', '|'])
}

#[test]
fn polars_stays_in_data_and_features() {
    let broken = named_outside(&["src/data", "src/features"], &["polars"], |source| &source.code);
    demand_none(&broken, "hand plain structs out of src/data or src/features");
}

#[test]
fn candle_stays_in_agents() {
    let names = ["candle_core", "candle_nn"];
    let broken = named_outside(&["agents"], &names, |source| &source.code);
    demand_none(&broken, "let agents export plain numbers to policies");
}

#[test]
fn only_the_command_line_prints_and_picks_exit_codes() {
    let rooms = ["src/cli", "src/main.rs", "src/evaluate/golden", "tests", "benches", "examples"];
    let names = ["println", "print", "eprintln", "eprint", "process::exit"];
    let called = |line: &str| {
        let name = first_named(line, &names)?;
        let bare = name.trim_matches('`');
        (bare.contains("::") || line.contains(&format!("{bare}!"))).then_some(name)
    };
    let mut broken = Vec::new();
    for source in sources().iter().filter(|x| !rooms.iter().any(|room| x.is_in(room))) {
        broken.extend(places(source, &source.shipped, called));
    }
    demand_none(&broken, "return the text or an error, and let src/cli show it");
}

#[test]
fn only_the_command_line_reads_the_clock() {
    let rooms = ["src/cli", "tests", "benches", "examples"];
    let broken = named_outside(&rooms, &["SystemTime", "Instant"], |source| &source.shipped);
    demand_none(&broken, "take the time as an argument");
}

#[test]
fn worlds_know_no_files_no_network_and_no_process() {
    let names = ["std::fs", "std::net", "std::env", "std::process", "std::io", "std::time"];
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_in("envs/src")) {
        broken.extend(places(source, &source.code, |line| first_named(line, &names)));
    }
    demand_none(&broken, "a world is a function of its settings and seed; read outside, pass in");
}

#[test]
fn agents_know_no_retail_word() {
    const WORDS: [&str; 14] = [
        "basket",
        "category",
        "churn",
        "coupon",
        "customer",
        "household",
        "offer",
        "persona",
        "promotion",
        "retail",
        "retailer",
        "shop",
        "shopper",
        "store_id",
    ];
    let retail = |line: &str| {
        let known = |word: &&str| WORDS.contains(&word.strip_suffix('s').unwrap_or(word));
        let lower = separated(line);
        let found = words(&lower).flat_map(|word| word.split('_')).find(known);
        found.map(|word| format!("`{word}`"))
    };
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_in("agents/src")) {
        broken.extend(places(source, &source.text, retail));
    }
    demand_none(&broken, "an agent sees observations, actions and rewards; name it in those words");
}

/// Lower case with `CamelCase` taken apart.
fn separated(line: &str) -> String {
    let mut out = String::new();
    for letter in line.chars() {
        if letter.is_uppercase() {
            out.push(' ');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[test]
fn nothing_is_left_unfinished() {
    let in_code = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    let in_comments = ["TODO", "FIXME", "XXX"];
    let mut broken = Vec::new();
    for source in sources() {
        broken.extend(places(source, &source.code, |line| {
            in_code.iter().find(|mark| line.contains(**mark)).map(|mark| format!("`{mark}`"))
        }));
        broken.extend(places(source, &source.comments, |line| first_named(line, &in_comments)));
    }
    demand_none(&broken, "finish it, or leave it out and open an issue");
}

#[test]
fn every_room_has_a_purpose_in_its_name() {
    const EMPTY: [&str; 7] = ["base", "common", "helper", "helpers", "misc", "util", "utils"];
    let mut paths: Vec<PathBuf> = Vec::new();
    walk(Path::new(ROOT), &mut paths);
    let mut broken: Vec<String> = paths
        .iter()
        .filter(|path| path.file_stem().is_some_and(|stem| EMPTY.iter().any(|x| stem == *x)))
        .map(|path| relative(Path::new(ROOT), path))
        .collect();
    broken.sort();
    demand_none(&broken, "name the file or folder after what it does");
}

#[test]
fn a_name_is_found_as_a_whole_word_and_inside_a_group() {
    let names = ["std::fs", "polars"];
    let check = |line: &str, expected: Option<&str>| {
        assert_eq!(first_named(line, &names).as_deref(), expected, "in {line}");
    };
    check("use std::fs;", Some("`std::fs`"));
    check("let x = std::fs::read(y);", Some("`std::fs`"));
    check("use std::{collections::BTreeMap, fs};", Some("`std::fs`"));
    check("use std::fsx;", None);
    check("use polars::prelude::*;", Some("`polars`"));
    check("let polarssen = 1;", None);
}

#[test]
fn a_pattern_or_a_run_artefact_is_not_a_path_of_the_repository() {
    for path in ["src/data", "Cargo.toml", "docs/ARCHITECTURE.md"] {
        assert!(looks_like_a_path(path), "{path}");
    }
    for other in ["runs/<name>/run.json", "manifest.json", "std::fs", "a / b", "agents/*"] {
        assert!(!looks_like_a_path(other), "{other}");
    }
}
