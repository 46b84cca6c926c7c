//! Every cleaning rule on the rows made for it, and the account that they add up to.

use std::path::{Path, PathBuf};

use super::*;

/// Rule, rows of the fixture, cents.
const EXPECTED: [(Rule, &[usize], i64); 16] = [
    (Rule::MissingKey, &[7], 210),
    (Rule::ImpossibleDate, &[8], 220),
    (Rule::DuplicateLine, &[3], 200),
    (Rule::MatchedReturn, &[10], -310),
    (Rule::ReturnedSale, &[9], 310),
    (Rule::NonPositiveQuantity, &[11], 230),
    (Rule::NonPositiveSales, &[12], 0),
    (Rule::NegativeDiscount, &[13], 240),
    (Rule::DiscountAboveShelfPrice, &[14], 5),
    (Rule::ExcludedDepartment, &[15], 4500),
    (Rule::UnknownProduct, &[16], 100),
    (Rule::WeightSoldQuantity, &[17], 50_000),
    (Rule::OutsideDates, &[18], 250),
    (Rule::ImplausibleCustomer, &[19, 20, 21, 22], 900),
    (Rule::ImplausibleUnitPrice, &[23], 9000),
    (Rule::PriceOutlier, &[24], 1500),
];
const KEPT_CENTS: i64 = 1090;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data_rules")
}

fn config() -> DataConfig {
    let text = "preset = \"canonical\"\nfirst_date = \"2024-01-01\"\nlast_date = \"2024-12-31\"\n\
                [clean]\nexclude_departments = [\"FUEL\"]\nunknown_products = \"reject\"\n\
                max_lines_per_week = 3\noutlier_ratio = 4\nmax_impossible_dates = 0.2";
    DataConfig::from_toml(text).expect("a valid config").with_dir(fixture())
}

fn run(config: &DataConfig) -> History {
    ingest(config, Path::new(""), "salt").expect("the fixture is usable")
}

fn cents(money: f64) -> i64 {
    (money * 100.0).round() as i64
}

#[test]
fn each_rule_counts_its_fixture_rows_and_totals_reconcile_to_the_cent() {
    let quality = run(&config()).quality;
    assert_eq!(quality.rules.len(), Rule::ALL.len());
    // The first rule takes a list of hashes and not a row; `tests/it/forget.rs` triggers it.
    assert_eq!((Rule::ALL[0], quality.rules[0].rows), (Rule::ForgottenCustomer, 0));
    for ((rule, rows, value), count) in EXPECTED.iter().zip(&quality.rules[1..]) {
        assert_eq!(count.name, rule.name());
        assert_eq!(count.rows, rows.len() as u64, "{}", count.name);
        assert_eq!(cents(count.sales_value), *value, "{}", count.name);
    }
    assert_eq!((quality.rows_in, quality.rows_kept), (23, 4));
    let removed: u64 = quality.rules.iter().map(|rule| rule.rows).sum();
    assert_eq!(quality.rows_in, quality.rows_kept + removed);
    let removed: i64 = EXPECTED.iter().map(|(_, _, value)| value).sum();
    assert_eq!(cents(quality.sales_kept), KEPT_CENTS);
    assert_eq!(cents(quality.sales_in), KEPT_CENTS + removed);
    assert!(quality.reconciles());
}

#[test]
fn rejected_rows_name_file_row_and_rule() {
    let rejected = rejected_rows(&config(), Path::new("")).expect("usable");
    assert!(rejected.iter().all(|one| one.file == fixture().join("transactions.csv")));
    assert!(rejected.is_sorted_by_key(|one| one.row));
    for (rule, rows, value) in EXPECTED {
        let own: Vec<&RejectedRow> = rejected.iter().filter(|one| one.rule == rule).collect();
        assert_eq!(own.iter().map(|one| one.row).collect::<Vec<_>>(), rows, "{}", rule.name());
        let sum: f64 = own.iter().filter_map(|one| one.sales_value).sum();
        assert_eq!(cents(sum), value, "{}", rule.name());
    }
}

#[test]
fn unknown_products_are_kept_and_counted_unless_they_are_to_be_rejected() {
    let mut config = config();
    config.clean.unknown_products = super::config::UnknownProducts::Keep;
    let quality = run(&config).quality;
    assert_eq!((quality.rows_kept, cents(quality.sales_kept)), (5, KEPT_CENTS + 100));
    assert_eq!((quality.unknown_products.rows, quality.unknown_products.sales_value), (1, 1.0));
}

#[test]
fn sums_of_a_currency_with_large_numbers_stay_exact() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let header = "customer_id,date,product_id,quantity,sales_value\n";
    // Forty lines of 900 thousand million are 3.6e13, whose millionths are more than an i64 holds.
    let line = |n: u32| format!("c{},2024-01-{:02},milk,1,900000000000.01\n", n % 7, 1 + n % 28);
    let text = format!("{header}{}", (0..40).map(line).collect::<String>());
    std::fs::write(dir.path().join("transactions.csv"), text).expect("writable");
    std::fs::copy(fixture().join("products.csv"), dir.path().join("products.csv")).expect("copied");
    let config = DataConfig::from_toml("preset = \"canonical\"").expect("valid");
    let out = dir.path().join("out");
    std::fs::create_dir(&out).expect("writable");
    ingest_into(&config.with_dir(dir.path()), Path::new(""), "salt", &[], &out).expect("usable");
    let quality = load(&out).expect("just saved").quality;
    assert_eq!((quality.rows_kept, quality.sales_kept), (40, 36_000_000_000_000.4));
}

#[test]
fn less_than_half_a_millionth_is_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = "customer_id,date,product_id,quantity,sales_value\nc1,2024-01-01,milk,1,2\n\
                c1,2024-01-01,milk,1e-320,2\nc1,2024-01-02,milk,1,1e-320\n";
    std::fs::write(dir.path().join("transactions.csv"), text).expect("writable");
    std::fs::copy(fixture().join("products.csv"), dir.path().join("products.csv")).expect("copied");
    let config = DataConfig::from_toml("preset = \"canonical\"").expect("valid");
    let rejected = rejected_rows(&config.with_dir(dir.path()), Path::new("")).expect("usable");
    let found: Vec<(usize, Rule)> = rejected.iter().map(|one| (one.row, one.rule)).collect();
    assert_eq!(found, [(3, Rule::NonPositiveQuantity), (4, Rule::NonPositiveSales)]);
}

#[test]
fn partial_weeks_are_noted() {
    let notes = run(&config()).quality.notes;
    assert!(notes[0].starts_with("the first week has sales on at most 6 of 7 days"), "{notes:?}");
    assert!(notes[1].starts_with("the last week has sales on at most 3 of 7 days"), "{notes:?}");
}

#[test]
fn cleaning_what_was_kept_rejects_nothing() {
    let config = config();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let products = std::fs::read(fixture().join("products.csv")).expect("readable");
    std::fs::write(dir.path().join("products.csv"), products).expect("writable");
    let text = std::fs::read_to_string(fixture().join("transactions.csv")).expect("readable");
    let rejected = rejected_rows(&config, Path::new("")).expect("usable");
    let is_kept = |row: usize| rejected.iter().all(|one| one.row != row);
    let lines = text.lines().enumerate().filter(|(index, _)| is_kept(index + 1));
    let kept: Vec<&str> = lines.map(|(_, line)| line).collect();
    std::fs::write(dir.path().join("transactions.csv"), kept.join("\n")).expect("writable");
    let again = config.clone().with_dir(dir.path());
    assert_eq!(rejected_rows(&again, Path::new("")), Ok(Vec::new()));
    assert_eq!(run(&again).fingerprint, run(&config).fingerprint);
}
