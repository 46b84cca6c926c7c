//! Whole ingests of the small fixtures, worked out by hand, and the invariants of the result.

use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::*;

const CANONICAL: &str = "preset = \"canonical\"\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn config(text: &str, fixture_name: &str) -> DataConfig {
    let config = DataConfig::from_toml(&format!("{CANONICAL}{text}")).expect("a valid config");
    config.with_dir(fixture(fixture_name))
}

fn run(config: &DataConfig) -> History {
    ingest(config, Path::new(""), "salt").expect("the fixture is usable")
}

const SMALL: &str = "n_categories = 2\ndefault_margin_rate = 0.3\n\
    margin_by_department = { DAIRY = 0.25 }\n\
    [exposures]\npath = \"exposures.csv\"\n[offers]\npath = \"offers.csv\"\n";

fn index_of(history: &History, id: &str) -> u32 {
    let hash = hash_customer("salt", id);
    history.customers.binary_search(&hash).expect("a known customer") as u32
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "expected {expected}, found {found}");
    }
}

#[test]
fn lines_become_cells_by_customer_week_and_category() {
    let history = run(&config(SMALL, "data_small"));
    assert_eq!((history.first_week.to_string().as_str(), history.n_weeks), ("2024-01-01", 2));
    let names: Vec<&str> = history.categories.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["BREAD", "MILK", "other"]);
    let cells = |id: &str| -> Vec<(u32, u16, u16, Vec<f64>)> {
        let cells = history.cells_of(index_of(&history, id)).iter();
        let money = |one: &Cell| {
            vec![one.units, one.gross, one.shelf_discount, one.offer_discount, one.cost]
        };
        cells.map(|one| (one.week, one.category, one.baskets, money(one))).collect()
    };
    let expected = |week, category, baskets, values: [f64; 5]| (week, category, baskets, values);
    let c1 = [
        expected(0, 0, 1, [1.0, 3.0, 0.0, 0.0, 1.8]),
        expected(0, 1, 2, [4.0, 8.0, 0.5, 0.4, 4.8]),
    ];
    let c2 = [
        expected(1, 0, 1, [2.0, 6.0, 1.0, 0.0, 3.6]),
        expected(1, 2, 2, [2.0, 5.0, 0.0, 0.0, 3.7]),
    ];
    for (id, expected) in [("c1", c1), ("c2", c2)] {
        let found = cells(id);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0, found.1, found.2), (expected.0, expected.1, expected.2));
            assert_close(&found.3, &expected.3);
        }
    }
}

#[test]
fn a_basket_whose_lines_carry_two_dates_counts_on_each() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy_fixture("data_small", dir.path());
    let path = dir.path().join("transactions.csv");
    let header = "customer_id,date,product_id,quantity,sales_value,basket_id\n";
    let lines = "c1,2024-01-01,milk,1,2,b1\nc1,2024-01-01,milk,2,4,b1\nc1,2024-01-02,milk,1,2,b1\n";
    std::fs::write(&path, format!("{header}{lines}")).expect("writable");
    let history = run(&config("", "data_small").with_dir(dir.path()));
    assert_eq!((history.cells.len(), history.cells[0].baskets), (1, 2));
}

#[test]
fn margin_comes_from_cost_then_rate_then_department_then_default() {
    let history = run(&config(SMALL, "data_small"));
    let rates: Vec<f64> = history.categories.iter().map(|one| one.margin_rate).collect();
    assert_close(&rates, &[0.4, 0.4, 1.0 - 3.7 / 5.0]);
    let prices: Vec<f64> = history.categories.iter().map(|one| one.mean_unit_price).collect();
    assert_close(&prices, &[3.0, 2.0, 2.5]);
    let source = history.quality.margin_source;
    for (share, money) in [
        (source.unit_cost, 7.1),
        (source.margin_rate, 8.0),
        (source.department, 4.0),
        (source.default, 1.0),
    ] {
        // Shares are rounded to a millionth.
        assert!((share - money / 20.1).abs() < 1e-6);
    }
    assert!(history.quality.margin_assumed);
}

#[test]
fn shelf_depth_weighs_products_by_their_share_of_the_whole_history() {
    let history = run(&config(SMALL, "data_small"));
    assert_close(&history.shelf_depth, &[0.0, 0.5 / 8.0, 0.0, 1.0 / 6.0, 0.0, 0.0]);
    assert_eq!(history.shelf_depth_at(0, 1), 0.0625);
    assert_eq!(history.shelf_depth_at(7, 1), 0.0);
    assert_eq!(history.shelf_depth_at(0, 3), 0.0);
}

#[test]
fn the_price_index_follows_the_regular_price_and_not_the_cut() {
    let history = run(&config(SMALL, "data_small"));
    // Bread costs 3 in both weeks and is only cut in the second; milk is sold at 2 in the first.
    assert_close(&history.price_index, &[0.0; 6]);
}

#[test]
fn exposures_are_kept_with_offers_nobody_described() {
    let history = run(&config(SMALL, "data_small"));
    let offers: Vec<(&str, &str, f64)> = history
        .offers
        .iter()
        .map(|one| (one.offer_id.as_str(), one.mechanic.as_str(), one.depth))
        .collect();
    assert_eq!(offers, [("o1", "coupon", 0.2), ("o2", "basket", 0.2), ("o9", "campaign", 0.0)]);
    let of = |id| history.exposures_of(index_of(&history, id));
    assert_eq!(of("c1").len(), 1);
    assert_eq!((of("c1")[0].week, of("c1")[0].offer, of("c1")[0].propensity), (0, 0, Some(0.5)));
    assert_eq!((of("c2")[0].week, of("c2")[0].offer, of("c2")[0].propensity), (1, 2, None));
    let counts = history.quality.exposures;
    assert_eq!((counts.rows_in, counts.rows_kept, counts.unknown_offer), (6, 2, 1));
    let dropped =
        [counts.missing_key, counts.unknown_customer, counts.outside_dates, counts.duplicate];
    assert_eq!(dropped, [1; 4]);
    assert!(history.quality.notes.iter().any(|note| note.contains("mechanic \"campaign\"")));
}

#[test]
fn a_joined_file_gives_the_dates_of_campaigns() {
    let text = "[exposures]\npath = \"mailing.csv\"\ncolumns = { date = \"start_date\" }\n\
                join = { path = \"mailing_dates.csv\", on = \"offer_id\" }";
    let config = config(text, "data_small");
    let lines = check_files(&config, Path::new("")).expect("the files are there");
    assert!(lines[2].ends_with("mailing.csv gives customer_id, date, offer_id"), "{}", lines[2]);
    let history = run(&config);
    let week = |id| history.exposures_of(index_of(&history, id))[0].week;
    assert_eq!((week("c1"), week("c2")), (0, 1));
    // The date of o7 is not in the joined file.
    assert_eq!(history.quality.exposures.missing_key, 1);
}

#[test]
fn discounts_with_the_other_sign_are_flipped_and_noted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy_fixture("data_small", dir.path());
    let path = dir.path().join("transactions.csv");
    let text = std::fs::read_to_string(&path).expect("readable");
    let text = text.replace("0.50,0", "-0.50,0").replace("1.00,0\n", "-1.00,0\n");
    std::fs::write(&path, text).expect("writable");
    let flipped = run(&config(SMALL, "data_small").with_dir(dir.path()));
    assert_eq!(flipped.fingerprint, run(&config(SMALL, "data_small")).fingerprint);
    let note = "`shelf_discount` is negative in 2 of 2 non-zero rows; its sign was flipped";
    assert_eq!(flipped.quality.notes[0], note);
}

#[test]
fn parquet_and_csv_of_the_same_rows_give_the_same_history() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy_fixture("data_small", dir.path());
    let day = 1_704_067_200_000_000_i64; // 2024-01-01 in microseconds
    let ticks = [0, 0, 4, 0, 7, 8, 13].map(|days| day + days * 86_400_000_000 + 3_600_000_000);
    let times = Series::new("time".into(), ticks);
    let times = times.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("a cast");
    let mut frame = df!(
        "who" => ["c1", "c1", "c1", "c1", "c2", "c2", "c2"],
        "product_id" => ["milk", "milk", "milk", "bread", "bread", "cheese", "soap"],
        "quantity" => [2, 1, 1, 1, 2, 1, 1],
        "sales_value" => [4.0, 1.5, 1.6, 3.0, 5.0, 4.0, 1.0],
        "basket_id" => [1.0, 1.0, 2.0, 1.0, 3.0, 4.0, 5.0],
        "shelf_discount" => [Some(0.0), Some(0.5), None, None, Some(1.0), None, None],
        "offer_discount" => [0.0, 0.0, 0.4, 0.0, 0.0, 0.0, 0.0],
        "unused" => [true; 7]
    )
    .expect("a frame");
    frame.with_column(times.into()).expect("a column");
    let file = std::fs::File::create(dir.path().join("lines.parquet")).expect("writable");
    ParquetWriter::new(file).finish(&mut frame).expect("writable");
    let text = format!(
        "{SMALL}[transactions]\npath = \"lines.parquet\"\n\
         columns = {{ customer_id = \"who\", timestamp = \"time\" }}"
    );
    let parquet = run(&config(&text, "data_small").with_dir(dir.path()));
    assert_eq!(parquet.fingerprint, run(&config(SMALL, "data_small")).fingerprint);
}

#[test]
fn identifiers_stay_in_the_history_only_when_asked_for() {
    let history = run(&config(SMALL, "data_small"));
    assert_eq!(history.original_ids, None);
    let mut asked = config(SMALL, "data_small");
    asked.keep_ids = true;
    let with_ids = run(&asked);
    let ids = with_ids.original_ids.as_ref().expect("asked for");
    for (hash, id) in with_ids.customers.iter().zip(ids) {
        assert_eq!(*hash, hash_customer("salt", id));
    }
    assert_eq!(with_ids.fingerprint, history.fingerprint);
}

#[test]
fn a_saved_history_comes_back_equal_and_with_the_same_bytes() {
    let mut config = config(SMALL, "data_small");
    config.keep_ids = true;
    let history = run(&config);
    let (first, second) = (tempfile::tempdir(), tempfile::tempdir());
    let (first, second) = (first.expect("a folder"), second.expect("a folder"));
    save(&history, first.path()).expect("saved");
    let loaded = load(first.path()).expect("loaded");
    assert_eq!(loaded, history);
    save(&loaded, second.path()).expect("saved");
    for entry in std::fs::read_dir(first.path()).expect("readable") {
        let name = entry.expect("readable").file_name();
        let bytes = |dir: &Path| std::fs::read(dir.join(&name)).expect("readable");
        assert_eq!(bytes(first.path()), bytes(second.path()), "{name:?}");
    }
}

#[test]
fn a_changed_saved_history_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut history = run(&config(SMALL, "data_small"));
    history.cells[0].gross += 1.0;
    save(&history, dir.path()).expect("saved");
    let message = load(dir.path()).expect_err("changed").to_string();
    assert!(message.contains("do not fit the fingerprint"), "{message}");
    assert!(message.ends_with("run `promopt ingest` again"), "{message}");
}

fn copy_fixture(name: &str, to: &Path) {
    for entry in std::fs::read_dir(fixture(name)).expect("a fixture") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn the_complete_journey_is_read_whole() {
    let root = std::env::var_os("PROMOPT_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let dir = root.join("complete-journey");
    if std::env::var_os("RUN_SLOW").is_none() || !dir.is_dir() {
        eprintln!("skipped: needs RUN_SLOW=1 and the Complete Journey in PROMOPT_DATA");
        return;
    }
    let config = DataConfig::from_toml("preset = \"complete-journey\"").expect("a preset");
    let history = run(&config.with_dir(dir));
    assert_eq!((history.n_weeks, history.first_week.to_string().as_str()), (52, "2017-01-01"));
    assert_eq!((history.quality.rows_in, history.categories.len()), (1_205_948, 11));
    assert!((1_900..=1_996).contains(&history.customers.len()));
    assert!(history.quality.reconciles() && history.quality.margin_assumed);
    assert!(history.quality.rows_kept > 1_150_000);
    assert!(history.shelf_depth.iter().all(|depth| (0.0..0.6).contains(depth)));
}
