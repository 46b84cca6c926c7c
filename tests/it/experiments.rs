//! Experiments from the command line: planned, dealt and read out of tables under any column names.

use crate::shop::Shop;
use serde_json::Value;
use std::path::PathBuf;

/// 1,200 units in the dialect of a German spreadsheet: arm B spends 2 more, and so much is known before
/// that it shows; every unit returns something less in B.
fn german(shop: &Shop) {
    let mut text = String::from("Kunde;Gruppe;Umsatz;vorher;Retouren;Typ;Tag\n");
    for row in 0..1_200_u32 {
        let treated = row % 2 == 1;
        let taste = f64::from((row / 2) * 7 % 40);
        let noise = f64::from((row / 2) * 13 % 11) / 2.0;
        let spend = taste + noise + if treated { 2.0 } else { 0.0 };
        let back = 5.0 + noise - if treated { 1.0 } else { 0.0 };
        let (arm, kind) =
            (if treated { "B" } else { "A" }, ["neu", "treu", "alt"][row as usize % 3]);
        let comma = |x: f64| format!("{x:.2}").replace('.', ",");
        let day = 1 + row / 60;
        text += &format!(
            "k{row};{arm};{};{};{};{kind};2026-03-{day:02}\n",
            comma(spend),
            comma(taste),
            comma(back)
        );
    }
    shop.write("test.csv", text);
}

const GERMAN: &str = "abtest analyze test.csv --arm Gruppe --control A --metric Umsatz:vorher \
                      --guardrail Retouren@5% --lower-is-better Retouren";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn an_experiment_is_read_out_under_any_column_names() {
    let shop = Shop::new();
    german(&shop);
    let line = format!("{GERMAN} --persona Typ --day Tag --quantiles 0.5 --cap 0.9 --json");
    let ended = shop.promopt(&line);
    ended.succeeds();
    let found = json(&ended.stdout);
    assert_eq!(found["decisions"][0]["arm"], "B");
    assert_eq!(found["decisions"][0]["verdict"], "ship", "{found:#}");
    let spend = &found["metrics"][0];
    assert_eq!(spend["method"], "mean adjusted for vorher");
    assert!((spend["absolute"]["estimate"].as_f64().expect("a number") - 2.0).abs() < 1e-9);
    // Nearly all of the spread was known before.
    assert!(spend["variance_reduction"].as_f64() > Some(0.9));
    assert_eq!(spend["segments"].as_array().map(Vec::len), Some(3));
    assert_eq!(found["metrics"][1]["guardrail"]["state"], "safe");
    assert_eq!(found["days"][0]["days"], 20);
    assert_eq!(found["mix"]["mismatch"], false);
    let alone = shop.promopt(&format!("{line} --threads 1"));
    assert_eq!(ended.stdout, alone.stdout);
    let told = shop.promopt(&format!("{GERMAN} --persona Typ"));
    told.succeeds();
    for words in ["decision   B ship", "Umsatz rose by", "guardrail", "safe", "treu"] {
        assert!(told.stdout.contains(words), "expected `{words}` in {}", told.stdout);
    }
}

#[test]
fn an_experiment_dealt_otherwise_than_planned_is_held() {
    let shop = Shop::new();
    german(&shop);
    let held = shop.promopt(&format!("{GERMAN} --planned A=0.6,B=0.4 --json"));
    held.succeeds();
    let found = json(&held.stdout);
    assert_eq!(found["decisions"][0]["verdict"], "hold");
    assert_eq!(found["mix"]["mismatch"], true);
}

#[test]
fn what_cannot_be_read_out_is_said_with_the_way_on() {
    let shop = Shop::new();
    german(&shop);
    shop.write("hole.csv", "arm,spend\ncontrol,1\ntreatment,\n");
    let base = "abtest analyze test.csv --arm Gruppe --control A";
    for (line, words) in [
        (format!("{base} --metric Umsätze"), vec!["did you mean `Umsatz`", "test.csv"]),
        ("abtest analyze test.csv --metric Umsatz".to_owned(), vec!["`arm`", "--arm", "Gruppe"]),
        (
            "abtest analyze test.csv --arm Gruppe --metric Umsatz".to_owned(),
            vec!["(A, B)", "--control", "`control`"],
        ),
        (format!("{base} --metric Umsatz/"), vec!["spend/orders", "`Umsatz/`"]),
        (format!("{base} --metric Umsatz --guardrail Retouren@alles"), vec!["2%", "`alles`"]),
        (format!("{base} --metric Umsatz --lower-is-better Retour"), vec!["Umsatz", "Retour"]),
        (format!("{base} --metric Umsatz --planned A=1,C=1"), vec!["(A, B)", "`C`"]),
        (format!("{base} --metric Umsatz --planned A"), vec!["control=0.5,treatment=0.5"]),
        (format!("{base} --metric Umsatz --level 95"), vec!["between 0 and 1", "95"]),
        ("abtest analyze hole.csv --metric spend".to_owned(), vec!["row 3", "`spend`", "nothing"]),
        ("abtest analyze none.csv --metric spend".to_owned(), vec!["none.csv"]),
    ] {
        let ended = shop.promopt(&line);
        ended.fails(ended.code.filter(|code| [3, 4].contains(code)).unwrap_or(3), &words);
    }
}

#[test]
fn a_plan_answers_both_ways() {
    let shop = Shop::new();
    // Half a standard deviation: 63 per arm.
    let plan = shop.promopt("abtest plan --mean 10 --sd 2 --effect 10% --json");
    plan.succeeds();
    assert_eq!(json(&plan.stdout)["plan"]["units"], serde_json::json!([63.0, 63.0]));
    let back = shop.promopt("abtest plan --mean 10 --sd 2 --units 126 --json");
    let effect = json(&back.stdout)["plan"]["effect"].as_f64().expect("a number");
    assert!((effect - 1.0).abs() < 0.01, "{effect}");
    german(&shop);
    let line = "abtest plan --history test.csv --metric Umsatz:vorher --effect 5% --per-day 60 \
                --looks 4 --arms control=0.4,small=0.3,large=0.3";
    let history = shop.promopt(line);
    history.succeeds();
    for words in ["units", "small", "known before explains", "looks", "duration", "days"] {
        assert!(history.stdout.contains(words), "expected `{words}` in {}", history.stdout);
    }
    for (line, words) in [
        ("abtest plan --effect 5%", "--history"),
        ("abtest plan --mean 10 --sd 2 --effect much", "`much`"),
        ("abtest plan --mean 10 --sd 2 --effect 0", "other than 0"),
        ("abtest plan --share 0.9 --effect 0.2", "cannot change"),
        ("abtest plan --mean 10 --sd 2 --effect 1 --looks often", "`often`"),
        ("abtest plan --mean 10 --sd 2 --effect 1 --arms control=1", "two arms"),
    ] {
        shop.promopt(line).fails(3, &[words]);
    }
}

#[test]
fn units_are_dealt_for_good_and_evenly_within_groups() {
    let shop = Shop::new();
    german(&shop);
    let deal = "abtest assign test.csv --id Kunde --salt spring --arms control=0.5,treatment=0.5";
    shop.promopt(&format!("{deal} --out all.csv")).succeeds();
    // Fewer units: nobody who stays moves.
    let text = std::fs::read_to_string(shop.path("test.csv")).expect("it is there");
    let fewer: Vec<&str> = text.lines().take(700).collect();
    shop.write("test.csv", fewer.join("\n"));
    shop.promopt(&format!("{deal} --out fewer.csv")).succeeds();
    let read = |name: &str| std::fs::read_to_string(shop.path(name)).expect("it was written");
    let all = read("all.csv");
    assert!(all.starts_with("Kunde,arm\n"));
    assert!(read("fewer.csv").lines().all(|line| all.contains(&format!("{line}\n"))));
    let grouped = shop.promopt(&format!("{deal} --persona Typ --out grouped.csv --json"));
    grouped.succeeds();
    for units in json(&grouped.stdout)["by_persona"].as_object().expect("groups").values() {
        let [c, t] = ["control", "treatment"].map(|arm| units[arm].as_u64().expect("a count"));
        assert!(c.abs_diff(t) <= 1, "{units}");
    }
    shop.write("twice.csv", "customer_id\na\nb\na\n");
    shop.promopt("abtest assign twice.csv --salt x").fails(3, &["every unit once", "2 units"]);
}

/// The golden cases that a table and flags can ask for, through the compiled program.
#[test]
fn the_command_line_gives_the_golden_figures() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/golden");
    let root = std::env::var_os("PROMOPT_GOLDEN").map_or_else(beside, PathBuf::from).join("ab");
    let Ok(text) = std::fs::read_to_string(root.join("expected.json")) else { return };
    let shop = Shop::new();
    let mut compared = 0;
    for case in json(&text)["cases"].as_array().expect("cases") {
        let (kind, input) = (case["kind"].as_str(), &case["input"]);
        let word = |key: &str| input[key].as_str().unwrap_or_default();
        let metric = match kind {
            Some("welch_abs") if input["filter"].is_null() => word("value").to_owned(),
            Some("cuped") if case["expected"].get("theta").is_some() => {
                format!("{}:{}", word("value"), word("covariate"))
            }
            Some("ratio_delta") if !case["id"].as_str().unwrap_or("").ends_with("relative") => {
                format!("{}/{}", word("numerator"), word("denominator"))
            }
            _ => continue,
        };
        let file = root.join(word("file"));
        let level = 1.0 - case["params"]["alpha"].as_f64().unwrap_or(0.05);
        let line =
            format!("abtest analyze {} --metric {metric} --level {level} --json", file.display());
        let ended = shop.promopt(&line);
        ended.succeeds();
        let found = &json(&ended.stdout)["metrics"][0]["absolute"];
        for (ours, theirs) in [("estimate", "effect"), ("lower", "ci_lower"), ("upper", "ci_upper")]
        {
            let Some(expected) = case["expected"][theirs].as_f64() else { continue };
            let found = found[ours].as_f64().expect("a number");
            let off = (found - expected).abs();
            assert!(off <= 1e-9 + 1e-6 * expected.abs(), "{} {theirs}: {found}", case["id"]);
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}
