//! The tables below the categories say the same as the cells above them, and samples are prefixes.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::made_shop::{Format, shop, written};
use super::*;

/// Products, sampled lines, ledger and cells of an ingest.
struct Tables {
    products: ProductTable,
    lines: Vec<ProductCell>,
    ledger: Ledger,
    history: History,
}

fn tables(config: &DataConfig) -> Tables {
    let out = tempfile::tempdir().expect("a temporary folder");
    ingest_into(config, Path::new(""), "salt", &[], out.path()).expect("ten lines are clean");
    let products = read_products(out.path()).expect("just written");
    let ledger = read_ledger(out.path(), &products).expect("just written");
    let lines = read_lines(out.path()).expect("just written");
    Tables { products, lines, ledger, history: load(out.path()).expect("just written") }
}

/// Units, gross and both discounts by key.
type Sums<K> = BTreeMap<K, [f64; 4]>;

fn sums<K: Ord, T>(rows: &[T], of: impl Fn(&T) -> (K, [f64; 4])) -> Sums<K> {
    let mut sums = Sums::new();
    for row in rows {
        let (key, values) = of(row);
        let own = sums.entry(key).or_insert([0.0; 4]);
        own.iter_mut().zip(values).for_each(|(own, value)| *own += value);
    }
    sums
}

fn assert_same<K: Ord + std::fmt::Debug>(left: &Sums<K>, right: &Sums<K>) {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (key, values) in left {
        for (value, other) in values.iter().zip(&right[key]) {
            assert!((value - other).abs() < 1e-9, "{key:?}: {values:?}, {:?}", right[key]);
        }
    }
}

fn of_line(line: &ProductCell) -> [f64; 4] {
    [line.units, line.gross, line.shelf_discount, line.offer_discount]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn lines_products_and_ledger_add_up_to_the_cells(rows in shop()) {
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let Tables { products, lines, ledger, history } = tables(&config);
        let category = |product: u32| products.rows[product as usize].category;
        let of_cells = sums(&history.cells, |cell| {
            let values = [cell.units, cell.gross, cell.shelf_discount, cell.offer_discount];
            ((cell.customer, cell.week, cell.category), values)
        });
        let of_lines = sums(&lines, |line| {
            ((line.customer, line.week, category(line.product)), of_line(line))
        });
        assert_same(&of_lines, &of_cells);
        let by_product = sums(&lines, |line| {
            (line.product, [line.units, line.gross, 0.0, 0.0])
        });
        let described: Vec<(u32, &ProductRow)> = (0..).zip(&products.rows).collect();
        assert_same(&by_product, &sums(&described, |(product, row)| {
            (*product, [row.units, row.gross, 0.0, 0.0])
        }));
        let by_week = sums(&lines, |line| {
            ((line.product, line.week), [line.units, line.gross, line.shelf_discount, 0.0])
        });
        assert_same(&by_week, &sums(&ledger.rows, |row| {
            ((row.product, row.week), [row.units, row.gross, row.shelf_discount, 0.0])
        }));
        let keys: Vec<_> = lines.iter().map(|line| (line.customer, line.week, line.product)).collect();
        prop_assert!(keys.is_sorted_by(|left, right| left < right));
        prop_assert!(products.rows.is_sorted_by(|left, right| left.product_id < right.product_id));
        prop_assert!(products.rows.iter().all(|row| (row.group as usize) < products.groups.len()));
    }

    #[test]
    fn a_smaller_sample_is_a_prefix_and_changes_nothing_else(
        rows in shop(), size in 0..4_u32,
    ) {
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let all = tables(&config);
        let config = DataConfig { product_sample_customers: size, ..config };
        let some = tables(&config);
        let kept: Vec<ProductCell> =
            all.lines.into_iter().filter(|line| line.customer < size).collect();
        prop_assert_eq!(some.lines, kept);
        prop_assert_eq!(some.products, all.products);
        prop_assert_eq!(some.history.fingerprint, all.history.fingerprint);
    }

    #[test]
    fn the_price_index_has_a_mean_of_zero_over_the_weeks(rows in shop()) {
        let (_dir, config) = written(&[(&rows, Format::Csv)]);
        let history = ingest(&config, Path::new(""), "salt").expect("ten lines are clean");
        let n_categories = history.n_categories();
        prop_assert_eq!(history.price_index.len(), history.shelf_depth.len());
        for category in 0..n_categories {
            let weeks = history.price_index.iter().skip(category).step_by(n_categories);
            prop_assert!(weeks.sum::<f64>().abs() < 1e-9);
        }
    }
}
