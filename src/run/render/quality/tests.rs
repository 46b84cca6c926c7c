//! The page of a small history with one planted week of triple sales.

use super::*;
use std::fs;

const SPIKE: u64 = 20;
const WEEKS: u64 = 40;

/// Sales of 12 customers in 14 stores, with prices in thousandths and one row without a customer.
fn transactions() -> String {
    let start = NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date");
    let mut text = String::from("customer_id,date,product_id,quantity,sales_value,store_id\n");
    for week in 0..WEEKS {
        for customer in 0..12_u64 {
            let date = start + chrono::Days::new(7 * week + customer % 6);
            let quantity = if week == SPIKE { 3 } else { 1 };
            let price = 5.004 + 0.1 * ((week * 7 + customer * 3) % 11) as f64;
            let sales = price * quantity as f64;
            let store = (customer + week) % 14;
            text.push_str(&format!("{customer},{date},p1,{quantity},{sales:.3},s{store}\n"));
        }
    }
    text.push_str("nobody,2024-03-01,p1,-1,4.004,s1\n,2024-03-01,p1,1,4.004,s1\n");
    text
}

/// The page, and the history it was made of.
fn written(clean: &str) -> (String, crate::data::History) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("sales.csv"), transactions()).expect("writable");
    fs::write(folder.path().join("products.csv"), "product_id,category\np1,dairy\n")
        .expect("writable");
    let text = format!(
        "n_categories = 1\n[transactions]\npath = \"sales.csv\"\n[products]\n\
         path = \"products.csv\"\n{clean}"
    );
    let config = DataConfig::from_toml(&text).expect("a valid config");
    let dir = folder.path().join("history");
    fs::create_dir(&dir).expect("a new folder");
    crate::data::ingest_into(&config, folder.path(), "salt", &[], &dir).expect("readable tables");
    write(&dir, &config, "£").expect("a page");
    let page = fs::read_to_string(dir.join("quality.html")).expect("it was written");
    assert!(dir.join("plots/quality-weekly.svg").exists());
    (page, crate::data::load(&dir).expect("a history that fits its fingerprint"))
}

#[test]
fn sales_add_up_to_the_cent_and_say_that_they_were_rounded() {
    let (page, history) = written("");
    assert!(page.contains("add up to the cent"));
    assert!(!history.quality.rules.is_empty() && history.quality.reconciles());
    let is_shifted = Cents::of(&history.quality).is_shifted;
    assert_eq!(page.contains("rounded to cents so that they add up"), is_shifted);
}

#[test]
fn weeks_are_left_out_only_when_asked_for() {
    let (page, history) = written("");
    assert_eq!(history.anomalous_weeks, [] as [u32; 0]);
    assert!(page.contains("2024-05-20") && !page.contains(">left out<"));
    let (page, other) = written("[clean]\nexclude_anomalous_weeks = true\n");
    assert_eq!(other.anomalous_weeks, [SPIKE as u32]);
    assert!(page.contains(">left out<"));
    assert!(page.contains("the weeks of 20 May 2024"), "{page}");
    assert_ne!(history.fingerprint, other.fingerprint);
    assert_eq!(history.cells, other.cells);
}

#[test]
fn only_the_largest_stores_are_drawn_and_the_page_says_so() {
    let (page, _) = written("");
    assert!(page.contains("Of 14 stores the 12 with most sales are drawn."));
}

#[test]
fn notes_and_dates_are_written_out() {
    assert_eq!(sentence("27 offers occur"), "27 offers occur.");
    assert_eq!(sentence("the first week is cut off."), "The first week is cut off.");
    assert_eq!(day(NaiveDate::from_ymd_opt(2017, 1, 1).expect("a date")), "1 January 2017");
    assert_eq!(customers(9), "< 10");
    assert_eq!(place("store: east"), "store east");
}
