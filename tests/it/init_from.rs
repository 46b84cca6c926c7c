//! `promopt init --from`: a config proposed from a team's files loads and reads them.

use crate::real_data;
use crate::shop::{Shop, finished};
use std::path::Path;

#[test]
fn the_config_proposed_for_the_synthetic_files_ingests_them_alike() {
    finished().ended.succeeds();
    let shop = Shop::with_finished_run();
    let ended = shop.promopt("init --from run/world own.toml");
    let said = &ended.succeeds().stdout;
    for words in ["-> transactions (", "customer_id     <- customer_id (0.9", "-> offers ("] {
        assert!(said.contains(words), "expected {words:?} in\n{said}");
    }
    shop.promopt("check -c own.toml").succeeds();
    shop.promopt("ingest -c own.toml --run own").succeeds();
    let quality = |run: &str| {
        let text = std::fs::read_to_string(shop.path(run).join("history/quality.json"));
        let report: promopt::data::QualityReport =
            serde_json::from_str(&text.expect("a finished ingest")).expect("it is JSON");
        report
    };
    let (own, synthetic) = (quality("own"), quality("run"));
    assert_eq!((own.rows_kept, own.sales_kept), (synthetic.rows_kept, synthetic.sales_kept));
    shop.promopt("init --from run/world own.toml").fails(1, &["own.toml exists", "--force"]);
    shop.promopt("init --from run/world/products.csv own.toml --force").succeeds();
}

#[test]
fn personal_columns_are_named_and_denied() {
    let shop = Shop::new();
    let rows: String = (0..50)
        .map(|n| format!("{n};02.01.2024;p{};1;2,5{};who{n}@example.org\n", n % 7, n % 10))
        .collect();
    shop.write("till/sales.csv", format!("Kunde;Datum;Artikel;Menge;Umsatz;E-Mail\n{rows}"));
    let ended = shop.promopt("init --from till own.toml");
    let said = &ended.succeeds().stdout;
    assert!(said.contains("personal: E-Mail ("), "{said}");
    let text = std::fs::read_to_string(shop.path("own.toml")).expect("it was written");
    for words in ["dir = \"till\"", "delimiter = \";\"", "decimal_comma = true", "\"E-Mail\","] {
        assert!(text.contains(words), "expected {words:?} in\n{text}");
    }
    // The products are still missing, and the check says so.
    shop.promopt("check -c own.toml").fails(4, &["products.csv"]);
    shop.write("denied.toml", text.replace("customer_id = \"Kunde\"", "customer_id = \"E-Mail\""));
    shop.promopt("check -c denied.toml")
        .fails(3, &["`transactions.columns.customer_id`", "\"E-Mail\"", "deny_columns"]);
}

#[test]
fn what_cannot_be_looked_at_is_a_data_error() {
    let shop = Shop::new();
    shop.promopt("init --from nowhere.csv").fails(4, &["cannot read", "nowhere.csv", "--from"]);
    shop.write("bad.parquet", "not parquet");
    shop.promopt("init --from bad.parquet").fails(4, &["bad.parquet", "--from"]);
    shop.write("in/bad.parquet", "not parquet");
    shop.write("in/products.csv", "product_id,category\n1,A\n2,B\n");
    let ended = shop.promopt("init --from in own.toml");
    assert!(ended.succeeds().stdout.contains("left out: cannot read"), "{ended:#?}");
}

#[test]
fn real_files_are_recognised_and_their_configs_pass_the_check() {
    for (folder, preset) in [
        ("complete-journey", "complete-journey"),
        ("hillstrom", "hillstrom"),
        ("open-bandit", "open-bandit"),
        ("dominicks-oj", "dominicks"),
    ] {
        let Some(files) = real_data(folder) else { continue };
        let shop = Shop::new();
        let ended = shop.promopt(&format!("init --from {} own.toml", shown(&files)));
        let said = &ended.succeeds().stdout;
        assert!(said.contains(&format!("preset = \"{preset}\"")), "{said}");
        shop.promopt("check -c own.toml").succeeds();
    }
}

fn shown(path: &Path) -> String {
    std::path::absolute(path).expect("a path").display().to_string()
}
