//! Data that is no customer sales history: logged decisions and weekly sales of stores.

use crate::real_data;
use crate::shop::Shop;
use promopt::data::{DecisionReport, LogReport, StoreWeekReport};
use promopt::demand::FittedPricing;
use std::fs;

fn summary(shop: &Shop) -> LogReport {
    let text = fs::read_to_string(shop.path("run/history/summary.json"));
    serde_json::from_str(&text.expect("a finished ingest")).expect("it is JSON")
}

fn decisions(shop: &Shop) -> DecisionReport {
    match summary(shop) {
        LogReport::Decisions(report) => report,
        LogReport::StoreWeeks(_) => panic!("these are decisions"),
    }
}

fn store_weeks(shop: &Shop) -> StoreWeekReport {
    match summary(shop) {
        LogReport::StoreWeeks(report) => report,
        LogReport::Decisions(_) => panic!("these are weekly sales"),
    }
}

/// A shop that ingested real files with a preset; `None` when they are not there.
fn ingested(folder: &str, preset: &str) -> Option<Shop> {
    let files = real_data(folder)?;
    let shop = Shop::new();
    let dir = std::path::absolute(files).expect("a path");
    shop.write("own.toml", format!("[data]\npreset = {preset:?}\ndir = {dir:?}\n"));
    shop.promopt("ingest -c own.toml --run run").succeeds();
    Some(shop)
}

#[test]
fn rows_of_a_decision_log_are_kept_or_counted_by_rule() {
    let shop = Shop::new();
    shop.write(
        "log.csv",
        "who,day,arm,p,click\na,2024-01-01,x,0.5,1\nb,2024-01-02,y,0.25,0\n\
         a,2024-01-03,x,0.5,0\nc,2024-01-03,,0.5,0\nc,2024-01-03,x,0,0\nc,2024-01-03,x,0.5,\n",
    );
    shop.write(
        "own.toml",
        "[data]\nkind = \"decisions\"\n[data.decisions]\npath = \"log.csv\"\n\
         [data.decisions.columns]\ncustomer_id = \"who\"\ndate = \"day\"\noffer_id = \"arm\"\n\
         propensity = \"p\"\n",
    );
    let checked = shop.promopt("check -c own.toml");
    assert!(checked.succeeds().stdout.contains("impossible_propensity"), "{checked:#?}");
    assert!(!shop.path("runs").exists(), "a check writes nothing");
    let ended = shop.promopt("ingest -c own.toml --run run");
    assert!(ended.succeeds().stdout.contains("0.250000 to 0.500000"), "{ended:#?}");
    let report = decisions(&shop);
    assert_eq!((report.rows_in, report.rows_kept, report.customers), (6, 3, Some(3)));
    let dropped: Vec<(&str, u64)> =
        report.rules.iter().map(|rule| (rule.rule.as_str(), rule.rows)).collect();
    let expected = [
        ("missing_offer", 1),
        ("impossible_date", 0),
        ("impossible_propensity", 1),
        ("missing_outcome", 1),
    ];
    assert_eq!(dropped, expected);
    assert_eq!(report.offers.iter().map(|offer| offer.rows).collect::<Vec<_>>(), [2, 1]);
    let click = &report.outcomes[0];
    assert!(click.name == "click" && (click.mean.mean - 1.0 / 3.0).abs() < 1e-12);
    let raw = fs::read(shop.path("run/history/decisions.parquet")).expect("it was written");
    assert!(raw.starts_with(b"PAR1"));
    let again = shop.promopt("ingest --run run");
    assert!(again.succeeds().stderr.contains("up to date"), "{again:#?}");
}

#[test]
fn later_stages_say_what_can_be_done_without_customer_sales() {
    let shop = Shop::new();
    shop.write("log.csv", "offer_id,visit\nx,1\ny,0\n");
    let config = "[data]\nkind = \"decisions\"\n[data.decisions]\npath = \"log.csv\"\n";
    shop.write("own.toml", config);
    for command in ["run", "personas", "report"] {
        let ended = shop.promopt(&format!("{command} -c own.toml --run run"));
        ended.fails(3, &["expected customer sales", "\"decisions\"", "history/decisions.parquet"]);
    }
    shop.promopt("ingest -c own.toml --bad-rows bad.csv").fails(3, &["`kind`", "\"sales\""]);
    shop.promopt("ingest -c own.toml --run run").succeeds();
    shop.promopt("forget --customer 1 --run run").fails(3, &["nobody to forget"]);
    shop.write("log.csv", "offer_id,visit\n,1\n");
    shop.promopt("check -c own.toml").fails(4, &["`missing_offer`", "[data.decisions]"]);
    shop.write("log.csv", "offer_id,other\nx,1\n");
    shop.promopt("check -c own.toml").fails(3, &["decisions.columns", "visit, click"]);
}

#[test]
fn each_product_takes_its_price_from_its_own_column() {
    let shop = Shop::new();
    shop.write(
        "own.toml",
        "[data]\nkind = \"store-weeks\"\nprice_columns = \"price{product_id}\"\n\
         [data.store_weeks]\npath = \"s.csv\"\n[data.store_weeks.columns]\nmargin_percent = \"m\"\n",
    );
    let header = "store_id,product_id,week,units,price1,price2,deal,m\n";
    shop.write(
        "s.csv",
        format!(
            "{header}1,1,5,10,2.0,3.0,0,25\n1,2,5,20,2.0,3.0,1,35\n1,1,8,0,2.0,3.0,0,25\n\
             1,1,9,30,4.0,3.0,0,30\n1,1,9,31,4.0,3.0,0,30\n,1,9,1,1,1,0,0\n"
        ),
    );
    shop.promopt("ingest -c own.toml --run run").succeeds();
    let report = store_weeks(&shop);
    assert_eq!((report.rows_in, report.rows_kept), (6, 3));
    let dropped: Vec<u64> = report.rules.iter().map(|rule| rule.rows).collect();
    assert_eq!(dropped, [1, 1, 0, 1]);
    assert_eq!((report.weeks, report.gaps), ((5, 9), 3));
    assert_eq!(report.price, [2.0, 3.0, 4.0]);
    assert_eq!(report.units, [10.0, 20.0, 30.0]);
    assert_eq!(report.on_deal, Some(1.0 / 3.0));
    let rate = report.margin_rate.expect("it is mapped").mean;
    assert!((rate - 0.3).abs() < 1e-12);
    shop.write("s.csv", format!("{header}1,3,5,10,2.0,3.0,0,25\n"));
    shop.promopt("ingest -c own.toml --run run").fails(4, &["`price3`", "price_columns"]);
}

#[test]
fn hillstrom_has_three_even_arms() {
    let Some(shop) = ingested("hillstrom", "hillstrom") else { return };
    let report = decisions(&shop);
    assert_eq!((report.rows_in, report.rows_kept, report.customers), (64_000, 64_000, None));
    let arms: Vec<&str> = report.offers.iter().map(|offer| offer.offer_id.as_str()).collect();
    assert_eq!(arms, ["Mens E-Mail", "No E-Mail", "Womens E-Mail"]);
    // A draw of 64,000 with chance 1/3 has a standard deviation of 119; 4 of them are 477.
    for offer in &report.offers {
        assert!(offer.rows.abs_diff(21_333) < 477, "{offer:?}");
    }
    let (least, most) = report.propensity.expect("it is a constant");
    assert!(report.propensity_assumed && least == most && (least - 1.0 / 3.0).abs() < 1e-12);
    // The e-mails more than doubled the visits of some; without one 10.6 % came.
    let visits = |offer: usize| report.offers[offer].outcomes[0].mean.mean;
    assert!((visits(1) - 0.106).abs() < 0.001 && visits(0) > 0.18, "{}", visits(0));
}

#[test]
fn open_bandit_logs_ten_thousand_decisions_with_their_propensities() {
    let Some(shop) = ingested("open-bandit", "open-bandit") else { return };
    let report = decisions(&shop);
    assert_eq!((report.rows_in, report.rows_kept), (10_000, 10_000));
    // The random policy shows each of the 34 items of the men's campaign alike.
    assert_eq!(report.offers.len(), 34);
    let (least, most) = report.propensity.expect("it is logged");
    assert!((least - 1.0 / 34.0).abs() < 1e-6 && (most - least).abs() < 1e-6);
    assert_eq!(report.outcomes[0].name, "click");
}

#[test]
fn dominicks_has_83_stores_and_11_brands() {
    let Some(shop) = ingested("dominicks-oj", "dominicks") else { return };
    let report = store_weeks(&shop);
    assert_eq!((report.stores, report.products, report.weeks), (83, 11, (40, 160)));
    assert_eq!(report.rows_in, report.rows_kept);
    // Prices are dollars per ounce: 64 ounces cost about two to three dollars.
    assert!((0.02..0.05).contains(&report.price[1]), "{:?}", report.price);
    assert!(report.margin_rate.expect("it is mapped").mean > 0.2);
}

/// Fits Dominick's orange juice and compares every brand with `fixtures/oj/reference.json`, which
/// numpy made from the same files.
#[test]
fn orange_juice_elasticities_are_those_of_the_reference() {
    let Some(shop) = ingested("dominicks-oj", "dominicks") else { return };
    let ended = shop.promopt("run -c own.toml --run run");
    assert!(ended.succeeds().stdout.contains("elasticity"), "{ended:#?}");
    let text = fs::read_to_string(shop.path("run/demand/pricing.json")).expect("it was fitted");
    let fitted: FittedPricing = serde_json::from_str(&text).expect("it is JSON");
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/oj/reference.json")).expect("it is JSON");
    let brands = reference["brands"].as_array().expect("a list");
    assert_eq!(brands.len(), fitted.products.len());
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let mut mean = 0.0;
    for (brand, product) in brands.iter().zip(&fitted.products) {
        assert_eq!(brand["brand"].to_string(), product.product);
        let (own, plain) = (number(&brand["own_elasticity"]), product.plain.expect("prices move"));
        // The plain specification is that of the reference, to the six digits that are kept.
        assert!((plain.value - own).abs() < 2e-6, "{} {own} {plain:?}", product.product);
        let error = number(&brand["own_standard_error"]);
        assert!((plain.error_by_store - error).abs() < 2e-6, "{} {plain:?}", product.product);
        // Season, stockpiling and pooling must not move it further than this.
        assert!(
            (product.own.value - own).abs() < 0.3,
            "{} {own} {:?}",
            brand["brand"],
            product.own
        );
        mean += product.own.value / brands.len() as f64;
    }
    assert!((mean + 2.86).abs() < 0.3, "{mean}");
    assert!(shop.path("run/demand/pricing.html").exists());
    let again = shop.promopt("fit -c own.toml --run run");
    again.succeeds();
    assert_eq!(fs::read_to_string(shop.path("run/demand/pricing.json")).expect("there"), text);
    shop.promopt("train -c own.toml --run run").fails(3, &["store-weeks", "`promopt fit`"]);
}

#[test]
fn store_weeks_too_short_to_hold_some_out_are_refused_with_the_setting() {
    let shop = Shop::new();
    shop.write(
        "own.toml",
        "[data]\nkind = \"store-weeks\"\n[data.store_weeks]\npath = \"s.csv\"\n",
    );
    let rows: String = (0..20).map(|week| format!("1,1,{week},10,2.{week}\n")).collect();
    shop.write("s.csv", format!("store_id,product_id,week,units,price\n{rows}"));
    shop.promopt("fit -c own.toml --run run")
        .fails(4, &["49 weeks", "`holdout_weeks`", "[pricing]"]);
    assert!(!shop.path("run/demand").exists(), "a failed fit leaves nothing");
}
