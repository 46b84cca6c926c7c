//! The written config parses, and says what was found where.

use std::path::Path;

use super::made_files::{complete_journey, german_pos, look, text};
use super::*;
use crate::data::DataConfig;

/// The `[data]` part as our config reads it.
#[track_caller]
fn parsed(text: &str) -> DataConfig {
    let whole: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let data = toml::to_string(&whole["data"]).expect("a table");
    DataConfig::from_toml(&data).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn key<'a>(config: &'a toml::Table, table: &str, key: &str) -> Option<&'a toml::Value> {
    config.get("data")?.get(table)?.get(key)
}

fn products() -> Proposal {
    let rows: String = (0..40).map(|n| format!("{n},Kind {},1.{n:02}\n", n % 5)).collect();
    look("in/products.csv", &format!("product_id,category,unit_cost\n{rows}"))
}

#[test]
fn the_config_of_a_german_till_reads_its_dialect() {
    let text =
        write_config(&[look("in/kasse.csv", &german_pos()), products()], Path::new("in"), "k");
    let whole: toml::Table = text.parse().expect("TOML");
    assert_eq!(whole["name"].as_str(), Some("k"));
    let value = |name: &str| key(&whole, "transactions", name).map(ToString::to_string);
    assert_eq!(value("path").as_deref(), Some("\"kasse.csv\""));
    assert_eq!(value("delimiter").as_deref(), Some("\";\""));
    assert_eq!(value("decimal_comma").as_deref(), Some("true"));
    assert_eq!(value("date_format").as_deref(), Some("\"dd.mm.yyyy\""));
    assert!(text.contains("customer_id = \"Kundennummer\""), "{text}");
    assert!(text.contains("# confidence 0.9"), "{text}");
    assert!(text.contains("# Without logged offers") && whole.contains_key("guardrails"));
}

#[test]
fn the_config_of_plain_files_is_ours() {
    let text =
        write_config(&[propose_mapping(&complete_journey()), products()], Path::new("in"), "x");
    let config = parsed(&text);
    assert_eq!(config.transactions.columns["customer_id"], "household_id");
    assert_eq!(config.transactions.columns["offer_discount"], "coupon_match_disc");
    assert_eq!(config.products.columns["unit_cost"], "unit_cost");
    assert_eq!(config.dir, Path::new("in"));
}

#[test]
fn parts_are_listed_and_a_second_claim_is_noted() {
    let lines = |customer: &str| {
        text(&format!("{customer},date,sku,qty,net_sales"), |s| {
            format!(
                "{},2024-03-{:02},{},{},{}.25",
                s.customer,
                s.day + 1,
                s.product,
                s.units,
                s.units
            )
        })
    };
    let all = [
        look("in/sales-02.csv", &lines("customer_id")),
        look("in/sales-01.csv", &lines("customer_id")),
        look("in/old.csv", &lines("member")),
    ];
    let text = write_config(&all, Path::new("in"), "x");
    assert!(text.contains("path = [\"sales-01.csv\", \"sales-02.csv\"]"), "{text}");
    assert!(text.contains("note: also looks like transactions"), "{text}");
    assert!(text.contains("# check: no file looks like products"), "{text}");
    parsed(&text);
}

#[test]
fn receipts_and_their_lines_are_joined() {
    let lines = text("order_id,product_id,quantity,amount_paid", |s| {
        format!("{},{},{},{}.25", s.basket, s.product, s.units, s.units * 2)
    });
    let mut orders = "order_id,user_id,order_date,store\n".to_owned();
    for order in 0..100 {
        orders +=
            &format!("{order},u{},2024-03-{:02},s{}\n", order % 40, order % 28 + 1, order % 4);
    }
    let all = [look("in/order_lines.csv", &lines), look("in/receipt_heads.csv", &orders)];
    let text = write_config(&all, Path::new("in"), "x");
    let config = parsed(&text);
    let join = config.transactions.join.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(
        (join.path.as_path(), join.on.as_str()),
        (Path::new("receipt_heads.csv"), "order_id")
    );
    assert_eq!(config.transactions.columns["customer_id"], "user_id");
    assert_eq!(config.transactions.columns["date"], "order_date");
}

#[test]
fn personal_columns_are_denied_and_guesses_are_comments() {
    let lines = text("customer_id,name,email,when,sku,foo,total paid", |s| {
        format!(
            "{},Ada {},a{}@mail.example,2024-03-{:02},{},{},{}.75",
            s.customer,
            s.customer,
            s.customer,
            s.day + 1,
            s.product,
            s.units,
            s.units
        )
    });
    let proposal = look("in/sales.csv", &lines);
    let text = write_config(&[proposal], Path::new("in"), "x");
    let whole: toml::Table = text.parse().expect("TOML");
    let denied = whole["data"].get("deny_columns").map(ToString::to_string);
    assert!(denied.is_some_and(|list| list.contains("email") && list.contains("name")), "{text}");
    assert!(text.contains("# check: quantity = "), "{text}");
}

#[test]
fn a_price_or_cents_in_place_of_the_line_value_is_noticed() {
    let header = "customer_id,date,product_id,quantity,amount";
    let line = |s: &super::made_files::Sold, amount: String| {
        format!("{},2024-03-{:02},{},{},{amount}", s.customer, s.day + 1, s.product, s.units)
    };
    let price = look("a.csv", &text(header, |s| line(s, format!("{}.5", s.product))));
    assert!(price.warnings.iter().any(|one| one.contains("unit price")), "{:?}", price.warnings);
    let cents = look("b.csv", &text(header, |s| line(s, (s.cents * s.units).to_string())));
    assert!(cents.warnings.iter().any(|one| one.contains("in cents")), "{:?}", cents.warnings);
    assert!(cents.warnings.iter().any(|one| one.contains("no basket id")));
    let open = look(
        "c.csv",
        &text(header, |s| {
            format!(
                "{},0{}/03/2024,{},{}.317,{}.5",
                s.customer,
                s.day % 9 + 1,
                s.product,
                s.units,
                s.units
            )
        }),
    );
    assert!(open.warnings.iter().any(|one| one.contains("ambiguous")), "{:?}", open.warnings);
    assert!(open.warnings.iter().any(|one| one.contains("weights")), "{:?}", open.warnings);
    let text = write_config(&[open], Path::new(""), "x");
    assert!(text.contains("# check: date_format = \"dd/mm/yyyy\""), "{text}");
}

#[test]
fn campaigns_get_their_dates_from_their_descriptions() {
    let mut descriptions = "campaign_id,campaign_type,start_date,end_date\n".to_owned();
    for number in 1..=27 {
        let kind = ["Type A", "Type B", "Type C"][number % 3];
        descriptions +=
            &format!("{number},{kind},2017-0{}-01,2017-0{}-28\n", 1 + number % 9, 1 + number % 9);
    }
    let sent = text("campaign_id,household_id", |s| format!("{},{}", 1 + s.product, s.customer));
    let all =
        [look("in/campaigns.csv", &sent), look("in/campaign_descriptions.csv", &descriptions)];
    let text = write_config(&all, Path::new("in"), "x");
    let whole: toml::Table = text.parse().expect("TOML");
    let columns = key(&whole, "exposures", "columns").and_then(|one| one.get("date"));
    assert_eq!(columns.and_then(toml::Value::as_str), Some("start_date"), "{text}");
    let join = key(&whole, "exposures", "join").and_then(|one| one.get("path"));
    assert_eq!(join.and_then(toml::Value::as_str), Some("campaign_descriptions.csv"), "{text}");
}
