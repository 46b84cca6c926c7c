//! A team's own files: other column names, another delimiter, and what is left after a failure.

use crate::shop::{SMALL, Shop, assert_same, finished, snapshot, snapshot_without_times};
use std::collections::BTreeMap;
use std::fs;

const MAPPING: &str = r#"
[data]
dir = "export"
n_categories = 3
salt = "synthetic"
[data.transactions]
path = "sales.txt"
delimiter = ";"
[data.transactions.columns]
customer_id = "Kunde Nr"
date = "Tag"
product_id = "SKU"
quantity = "Stück"
sales_value = "net sales"
basket_id = "Bon"
store_id = "Filiale"
shelf_discount = "mark-down"
offer_discount = "coupon (used)"
[data.products]
path = "articles.txt"
delimiter = ";"
[data.products.columns]
product_id = "SKU"
category = "commodity"
department = "Abteilung"
unit_cost = "COGS"
[data.exposures]
path = "mailing.txt"
delimiter = ";"
[data.exposures.columns]
customer_id = "who"
date = "when"
offer_id = "what"
propensity = "how likely"
[data.offers]
path = "actions.txt"
delimiter = ";"
[data.offers.columns]
offer_id = "what"
category = "commodity"
depth = "off"
contact_cost = "postage"
"#;

/// The new file, the synthetic table and the new names of its columns.
const RENAMED: [(&str, &str, &str); 4] = [
    (
        "sales.txt",
        "transactions.csv",
        "Kunde Nr;Tag;SKU;Stück;net sales;Bon;Filiale;mark-down;coupon (used)",
    ),
    ("articles.txt", "products.csv", "SKU;commodity;Abteilung;brand;list_price;COGS"),
    ("mailing.txt", "exposures.csv", "who;when;what;how likely"),
    ("actions.txt", "offers.csv", "what;mechanic;commodity;off;min_spend;postage"),
];

/// A shop with the tables of the shared run under other names, and a config that maps them.
fn shop_with_own_files(more: &str) -> Shop {
    finished().ended.succeeds();
    let shop = Shop::new();
    let settings = SMALL.find("[fit]").map_or("", |at| &SMALL[at..]);
    shop.write("own.toml", format!("name = \"own\"\n{MAPPING}\n{settings}{more}"));
    for (file, table, header) in RENAMED {
        let path = finished().run.join("world").join(table);
        let text = fs::read_to_string(path).expect("the world was written");
        assert!(!text.contains(['"', ';']), "no field needs quotes in {table}");
        let rows: Vec<String> = text.lines().skip(1).map(|l| l.replace(',', ";")).collect();
        shop.write(&format!("export/{file}"), format!("{header}\n{}\n", rows.join("\n")));
    }
    shop
}

fn below(files: &BTreeMap<String, Vec<u8>>, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let inside = files.iter().filter(|(name, _)| name.starts_with(folder));
    inside.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

fn quality(files: &BTreeMap<String, Vec<u8>>) -> serde_json::Value {
    serde_json::from_slice(&files["history/quality.json"]).expect("it is JSON")
}

#[test]
fn other_column_names_and_delimiters_give_the_same_history_and_agents() {
    let shop = shop_with_own_files("");
    shop.promopt("check -c own.toml").succeeds();
    let ended = shop.promopt("run -c own.toml");
    ended.succeeds();
    assert!(!ended.stdout.contains("captured uplift"), "the truth is not known for own data");
    let (own, synthetic) = (snapshot(&shop.path("runs/own")), snapshot(&finished().run));
    let kept = &quality(&own)["rows_kept"];
    assert!(kept.as_u64().is_some_and(|n| n > 0));
    assert_eq!(kept, &quality(&synthetic)["rows_kept"]);
    for folder in ["personas/", "demand/", "agents/"] {
        assert_same(&below(&own, folder), &below(&synthetic, folder));
    }
    assert!(own.keys().all(|name| !name.contains("truth") && !name.starts_with("world/")));
}

#[test]
fn a_file_that_breaks_between_two_runs_leaves_the_older_results() {
    let shop = shop_with_own_files("");
    shop.promopt("train -c own.toml --run run").succeeds();
    let before = snapshot_without_times(&shop.path("run"));
    let sales = fs::read_to_string(shop.path("export/sales.txt")).expect("it was written");
    shop.write("export/sales.txt", format!("{sales}C1;yesterday;P0001;1;2.0;b;s;0;0\n"));
    let row = (sales.lines().count() + 1).to_string();
    let failed = shop.promopt("train -c own.toml --run run");
    failed.fails(4, &["sales.txt", &row, "`Tag`", "`yesterday`", "an ISO date"]);
    let mut expected = before.clone();
    expected.remove("stages/ingest");
    assert_same(&expected, &snapshot_without_times(&shop.path("run")));
    shop.write("export/sales.txt", &sales);
    let mended = shop.promopt("train -c own.toml --run run");
    let up_to_date = |stage: &str| mended.stderr.contains(&format!("{stage} up to date"));
    assert!(!up_to_date("ingest") && up_to_date("fit") && up_to_date("train"), "{mended:#?}");
    assert_same(&before, &snapshot_without_times(&shop.path("run")));
}

#[test]
fn rejected_rows_are_written_with_file_row_and_rule() {
    let shop = shop_with_own_files("");
    let sales = fs::read_to_string(shop.path("export/sales.txt")).expect("it was written");
    shop.write("export/sales.txt", format!("{sales}C1;2024-02-01;P0001;-1;2.0;b;s;0;0\n"));
    shop.promopt("ingest -c own.toml --bad-rows bad.csv").succeeds();
    let bad = fs::read_to_string(shop.path("bad.csv")).expect("it was written");
    assert!(bad.starts_with("file,row,rule,sales_value,reason\n"), "{bad}");
    let row = format!("sales.txt,{},non_positive_quantity,2", sales.lines().count() + 1);
    assert!(bad.contains(&row), "{bad}");
}

#[test]
fn a_policy_that_is_not_approved_fails_only_when_approval_is_required() {
    // No offer is this shallow, so every policy makes none, and none is not better than none.
    let shop = shop_with_own_files("[guardrails]\nmax_depth = 0.01\n");
    let required = shop.promopt("run -c own.toml --run run --require-approval");
    required.fails(5, &["the gate does not approve the policy: "]);
    assert!(shop.path("run/report.html").exists(), "the evidence is written all the same");
    shop.promopt("export --run run --require-approval").fails(5, &["does not approve"]);
    let manifest = fs::read_to_string(shop.path("run/policy/manifest.json")).expect("it is there");
    assert!(manifest.contains("\"not_approved\""), "{manifest}");
    let allowed = shop.promopt("export --run run");
    assert!(allowed.succeeds().stdout.contains("not_approved"), "{allowed:#?}");
    let score = "score -c own.toml --policy run/policy --history export --as-of 2025-06-09";
    shop.promopt(score).succeeds();
    let actions = fs::read_to_string(shop.path("actions.csv")).expect("it was written");
    let offers: Vec<&str> = actions.lines().skip(1).filter_map(|l| l.split(',').nth(1)).collect();
    assert!(offers.len() > 100 && offers.iter().all(|offer| *offer == "none"), "{actions}");
}
