//! Each broken fixture file gives its error: file, row, column, what was expected, what to do next.

use std::path::Path;

use polars::prelude::*;

use super::*;

fn dir() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data_errors")
}

/// The message for a config on top of the canonical preset, with the folder left out.
fn message(text: &str) -> String {
    let config = DataConfig::from_toml(&format!("preset = \"canonical\"\n{text}"));
    let config = config.expect("a valid config").with_dir(dir());
    let error = ingest(&config, Path::new(""), "salt").expect_err("the file is broken");
    assert!(!error.is_config());
    error.to_string().replace(&format!("{}/", dir().display()), "")
}

fn check(file: &str, expected: &str) {
    assert_eq!(message(&format!("transactions = {{ path = {file:?} }}")), expected);
}

#[test]
fn a_missing_file_is_named() {
    check(
        "absent.csv",
        "cannot read absent.csv for table `transactions`: No such file or directory (os error 2); \
         check `path` in [data.transactions] and `dir` in [data]",
    );
}

#[test]
fn a_missing_column_suggests_the_nearest() {
    check(
        "missing_column.csv",
        "expected column `customer_id` (for customer_id) in missing_column.csv, found \
         customer_idd, date, product_id, quantity, sales_value; did you mean `customer_idd`?; \
         check the mapping in [data.transactions] columns, then run `promopt check -c FILE`",
    );
}

#[test]
fn another_delimiter_is_recognised() {
    check(
        "semicolon.csv",
        "expected column `customer_id` (for customer_id) in semicolon.csv, found \
         customer_id;date;product_id;quantity;sales_value; set `delimiter = \";\"` in \
         [data.transactions]; check the mapping in [data.transactions] columns, then run \
         `promopt check -c FILE`",
    );
    let text = "transactions = { path = \"semicolon.csv\", delimiter = \";\" }";
    let config = DataConfig::from_toml(&format!("preset = \"canonical\"\n{text}"));
    let config = config.expect("a valid config").with_dir(dir());
    assert!(ingest(&config, Path::new(""), "salt").is_ok());
}

#[test]
fn a_wrong_value_is_named_with_row_and_column() {
    check(
        "wrong_number.csv",
        "expected a number, found `two` in wrong_number.csv row 3 column `quantity`; correct the \
         row or check the mapping in [data.transactions] columns",
    );
    check(
        "wrong_date.csv",
        "expected an ISO date or timestamp such as 2024-12-31 or 2024-12-31T18:30:00, found \
         `02.01.2024` in wrong_date.csv row 2 column `date`; set `date_format = \"dd.mm.yyyy\"` in \
         [data.transactions]",
    );
}

#[test]
fn a_number_too_large_for_any_sale_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lines.csv");
    let header = "customer_id,date,product_id,quantity,sales_value";
    let text = format!("{header}\nc1,2024-01-01,milk,1,1e12\nc1,2024-01-02,milk,1,-2e12\n");
    std::fs::write(&path, text).expect("writable");
    let found = message(&format!("transactions = {{ path = {path:?} }}"));
    assert!(
        found.starts_with("expected a finite number of at most 1,000,000,000,000, found `-2e12`"),
        "{found}"
    );
}

#[test]
fn more_impossible_dates_than_allowed_are_refused() {
    check(
        "far_date.csv",
        "expected dates from 1990 to 2100, found 1 of 2 rows of table `transactions` with a date \
         that is not, the first in far_date.csv row 3; check the mapping of the date and \
         `date_format` in [data.transactions], or raise `max_impossible_dates` in [data.clean]",
    );
}

#[test]
fn a_few_impossible_dates_are_rejected_line_by_line() {
    let text = "preset = \"canonical\"\ntransactions = { path = \"far_date.csv\" }\n\
                clean = { max_impossible_dates = 0.5 }";
    let config = DataConfig::from_toml(text).expect("a valid config").with_dir(dir());
    let rejected = rejected_rows(&config, Path::new("")).expect("half of the dates may be bad");
    let found: Vec<(usize, Rule)> = rejected.iter().map(|one| (one.row, one.rule)).collect();
    assert_eq!(found, [(3, Rule::ImpossibleDate)]);
}

#[test]
fn broken_csv_is_refused() {
    check(
        "ragged.csv",
        "expected 5 fields, found 6 in ragged.csv row 3; quote fields that hold the delimiter, or \
         set `delimiter` in [data.transactions]",
    );
    check(
        "latin1.csv",
        "expected UTF-8 text, found other bytes in latin1.csv row 2; convert the file of \
         [data.transactions], for example with `iconv -f latin1 -t utf8`, or set \
         `encoding` there",
    );
}

#[test]
fn empty_files_are_refused() {
    for file in ["header_only.csv", "nothing.csv"] {
        check(
            file,
            &format!(
                "expected at least one data row in {file}, found none; check `path` in \
                 [data.transactions]"
            ),
        );
    }
}

#[test]
fn an_empty_result_names_the_rule_that_took_most() {
    check(
        "only_returns.csv",
        "expected transactions that pass cleaning, found none of 1 (most were rejected by rule \
         `non_positive_quantity`: a return or correction says nothing about demand); check \
         [data.transactions] columns and [data.clean]",
    );
}

#[test]
fn repeated_products_are_refused() {
    let text =
        "transactions = { path = \"good.csv\" }\nproducts = { path = \"products_twice.csv\" }";
    assert_eq!(
        message(text),
        "expected each product_id once, found `milk` again in products_twice.csv row 4; remove one \
         of the rows from the table `products`"
    );
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let text =
        "transactions = { path = \"good.csv\" }\nexposures = { path = \"propensity_zero.csv\" }";
    assert_eq!(
        message(text),
        "expected a propensity in (0, 1], the probability of the action that was taken, found 0 in \
         propensity_zero.csv row 3 column `propensity`; correct the row or drop it from the table \
         `exposures`"
    );
    let text =
        "transactions = { path = \"good.csv\" }\noffers = { path = \"offer_depth_percent.csv\" }";
    let found = message(text);
    assert!(
        found.starts_with("expected a depth from 0 to 1 (0.2 for 20 % off), found 20"),
        "{found}"
    );
}

#[test]
fn a_file_that_is_not_parquet_is_refused() {
    let found = message("transactions = { path = \"text.parquet\" }");
    assert!(found.starts_with("cannot read text.parquet for table `transactions`"), "{found}");
}

#[test]
fn parquet_columns_of_another_type_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lines.parquet");
    let mut frame = df!(
        "customer_id" => [1_i64, 2],
        "date" => ["2024-01-01", "2024-01-02"],
        "product_id" => ["milk", "milk"],
        "quantity" => [true, false],
        "count" => [1.0, f64::INFINITY],
        "sales_value" => [1.0, 2.0]
    )
    .expect("a frame");
    let file = std::fs::File::create(&path).expect("writable");
    ParquetWriter::new(file).finish(&mut frame).expect("writable");
    let bool_column = message(&format!("transactions = {{ path = {path:?} }}"));
    let expected = "expected a column of numbers, found a column of type bool in ";
    assert!(bool_column.starts_with(expected), "{bool_column}");
    let mapped =
        format!("transactions = {{ path = {path:?}, columns = {{ quantity = \"count\" }} }}");
    let infinite = message(&mapped);
    assert!(infinite.contains("expected a finite number of at most"), "{infinite}");
    assert!(infinite.contains("row 2 column `count`"), "{infinite}");
}
