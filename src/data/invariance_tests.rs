//! What must not change the outcome of an ingest, on shops with dirt of every kind: the order of
//! rows, their files and formats, threads, memory, names of baskets and of customers.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::made_shop::{BASKET, CUSTOMER, Format, Row, SALES, files, outputs, shop, written};
use super::rules::micros;
use super::spill::Spill;
use super::*;

/// Names of the files that differ.
fn differing(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names = left.keys().chain(right.keys());
    let mut names: Vec<String> =
        names.filter(|name| left.get(*name) != right.get(*name)).cloned().collect();
    names.dedup();
    names
}

fn rejected(config: &DataConfig) -> Vec<RejectedRow> {
    rejected_rows(config, Path::new("")).expect("ten lines are clean")
}

/// The rows that no rule rejects, from one CSV file.
fn kept(rows: &[Row], config: &DataConfig) -> Vec<Row> {
    let rejected = rejected(config);
    let is_kept = |index: usize| rejected.iter().all(|one| one.row != index + 2);
    let rows = rows.iter().enumerate().filter(|(index, _)| is_kept(*index));
    rows.map(|(_, row)| row.clone()).collect()
}

/// A decimal with up to six digits after the point in millionths, without a float in between.
fn exact(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |digits: &str| digits.parse::<i64>().unwrap_or(0);
    sign * (1_000_000 * number(whole) + number(&format!("{part:0<6}")))
}

/// The features of every customer by week and identifier, as bits.
fn features(dir: &Path) -> BTreeMap<(u32, String), Vec<u64>> {
    let ids = load(dir).expect("just saved").original_ids.expect("asked for");
    let mut features = BTreeMap::new();
    for week in store::snapshot_weeks(dir).expect("readable") {
        let snapshot = store::load_snapshot(dir, week).expect("just saved");
        for (row, id) in ids.iter().enumerate() {
            let bits = snapshot.features.row(row).iter().map(|value| value.to_bits()).collect();
            features.insert((week, id.clone()), bits);
        }
    }
    features
}

fn features_of(rows: &[Row]) -> BTreeMap<(u32, String), Vec<u64>> {
    let (dir, mut config) = written(&[(rows, Format::Csv)]);
    config.exposures = None;
    let out = dir.path().join("out");
    std::fs::create_dir(&out).expect("writable");
    ingest_into(&config, Path::new(""), "salt", &[3], &out).expect("ten lines are clean");
    features(&out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn order_files_formats_and_threads_change_no_byte(
        (rows, shuffled) in shop().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cuts in [0.0..1.0_f64, 0.0..1.0_f64],
    ) {
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let whole = outputs(&config, 4);
        prop_assert!(whole.contains_key("assessment.json") && whole.contains_key("ledger.parquet"));
        let [mut start, mut end] = cuts.map(|cut| 1 + (cut * (rows.len() - 2) as f64) as usize);
        if start > end {
            (start, end) = (end, start);
        }
        let (first, rest) = shuffled.split_at(start);
        let (second, third) = rest.split_at(end - start);
        let formats = [Format::Csv, Format::Gzip, Format::Parquet, Format::Zstandard];
        let parts: Vec<(&[Row], Format)> = [first, second, third]
            .into_iter()
            .zip(formats.into_iter().cycle().skip(start % 4))
            .filter(|(rows, _)| !rows.is_empty())
            .collect();
        let (_dir, config) = written(&parts);
        prop_assert_eq!(differing(&outputs(&config, 1), &whole), Vec::<String>::new());
    }

    #[test]
    fn cleaning_is_idempotent(rows in shop()) {
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let kept = kept(&rows, &config);
        let (_dir, again) = written(&[(&kept, Format::Csv)]);
        prop_assert_eq!(rejected(&again), Vec::new());
        let fingerprint =
            |config| ingest(config, Path::new(""), "salt").expect("ten lines are clean").fingerprint;
        prop_assert_eq!(fingerprint(&again), fingerprint(&config));
    }

    #[test]
    fn baskets_may_have_any_names(rows in shop()) {
        let renamed: Vec<Row> = rows.iter().cloned().map(|mut row| {
            row[BASKET] = row[BASKET].chars().rev().collect::<String>() + "-é";
            row
        }).collect();
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let (_other, other) = written(&[(&renamed, Format::Csv)]);
        prop_assert_eq!(differing(&outputs(&other, 2), &outputs(&config, 2)), Vec::<String>::new());
    }

    #[test]
    fn customers_who_swap_names_swap_features(rows in shop(), shift in 1..6_usize) {
        let names = ["c0", "c1", "c2", "c3", "c4", "c5"];
        let swapped = |name: &str| {
            let position = names.iter().position(|known| *known == name);
            position.map_or(name, |position| names[(position + shift) % 6]).to_owned()
        };
        let renamed: Vec<Row> = rows.iter().cloned().map(|mut row| {
            row[CUSTOMER] = swapped(&row[CUSTOMER]);
            row
        }).collect();
        let before = features_of(&rows).into_iter();
        let expected: BTreeMap<_, _> =
            before.map(|((week, id), features)| ((week, swapped(&id)), features)).collect();
        prop_assert_eq!(features_of(&renamed), expected);
    }

    #[test]
    fn totals_reconcile_to_the_millionth(
        rows in shop(),
        micros_of in prop::collection::vec(1..40_000_000_i64, 8),
    ) {
        let mut rows = rows;
        for (row, micros) in rows.iter_mut().step_by(3).zip(micros_of.iter().cycle()) {
            if !row[SALES].is_empty() {
                row[SALES] = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            }
        }
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let history = ingest(&config, Path::new(""), "salt").expect("ten lines are clean");
        let quality = &history.quality;
        let sum = |rows: &[Row]| rows.iter().map(|row| exact(&row[SALES])).sum::<i64>();
        let kept = kept(&rows, &config);
        prop_assert_eq!(quality.rows_in, rows.len() as u64);
        prop_assert_eq!(quality.rows_kept, kept.len() as u64);
        prop_assert_eq!(micros(quality.sales_in), sum(&rows));
        prop_assert_eq!(micros(quality.sales_kept), sum(&kept));
        let removed: i64 = quality.rules.iter().map(|rule| micros(rule.sales_value)).sum();
        prop_assert_eq!(sum(&kept) + removed, sum(&rows));
        prop_assert!(quality.reconciles());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn lines_that_went_to_disk_give_the_same_bytes(rows in shop()) {
        let (dir, config) = written(&[(&rows, Format::Csv)]);
        let ingested = |name: &str| {
            let out = dir.path().join(name);
            std::fs::create_dir(&out).expect("writable");
            ingest_into(&config, Path::new(""), "salt", &[3], &out).expect("ten lines are clean");
            files(&out)
        };
        let in_memory = ingested("memory");
        // No byte may stay in memory.
        let on_disk = Spill::within(0, || ingested("disk"));
        prop_assert_eq!(differing(&on_disk, &in_memory), Vec::<String>::new());
    }
}
