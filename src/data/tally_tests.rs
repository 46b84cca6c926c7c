//! The dense counts say what counting line by line says.

use std::collections::BTreeMap;

use promopt_envs::SeedTree;
use rand::Rng;

use super::super::assess::Observed;
use super::super::assess::by_line::LineFacts;
use super::*;

const FIRST_DAY: i32 = 19_723;
const STORES: [&str; 2] = ["north", "south"];
const SOLD: [&str; 3] = ["bread", "milk", "soap"];

/// Two products of known category and cost, one that the products table does not have.
fn products() -> Products {
    Products {
        known: vec![true, true, false],
        category: vec![Some(0), Some(1), None],
        excluded: vec![false; 3],
        list_price: vec![f64::NAN; 3],
        brand: vec![MISSING; 3],
        private_label: vec![None; 3],
        cost: vec![Cost::PerUnit(1.0), Cost::DefaultRate(0.3), Cost::DefaultRate(0.3)],
        category_names: ["BAKERY", "DAIRY"].map(str::to_owned).to_vec(),
    }
}

/// Lines of ten customers over thirty weeks, by customer, day and basket.
fn customers() -> Vec<Vec<Line>> {
    let customer = |customer: u32| {
        let mut stream = SeedTree::new(5).index(customer.into()).stream();
        let mut lines: Vec<Line> = (0..60)
            .map(|_| {
                let day = FIRST_DAY + stream.random_range(0..210);
                Line {
                    customer,
                    day,
                    hour: 9,
                    product: stream.random_range(0..3),
                    store: customer % 2,
                    basket: day as u64,
                    quantity: f64::from(stream.random_range(1..4)),
                    sales: f64::from(stream.random_range(100..900)) / 100.0,
                    shelf_discount: f64::from(stream.random_range(0..3)) / 2.0,
                    offer_discount: 0.0,
                    row: 0,
                }
            })
            .collect();
        lines.sort_by(Line::compare);
        lines
    };
    (0..10).map(customer).collect()
}

#[test]
fn dense_counts_equal_counting_line_by_line() {
    let (products, weeks) = (products(), Weeks { first_day: FIRST_DAY, count: 30 });
    let names = ["BAKERY", "DAIRY", "other"].map(str::to_owned);
    let category_of = [0, 1, 2];
    let customers = customers();
    let days = || customers.iter().flatten().map(|line| line.day);
    let span = (days().min().expect("lines"), days().max().expect("lines"));
    let empty = Tally::new(weeks, span, 3, 2, 3);
    // Two threads' worth of counts, put together.
    let mut parts = [empty.clone(), empty];
    for (index, lines) in customers.iter().enumerate() {
        parts[index % 2].customer(lines, &category_of, &products);
    }
    let [mut tally, other] = parts;
    tally.merge(&other);
    let found =
        tally.observed(&names, &STORES.map(str::to_owned), &SOLD.map(str::to_owned), &products);

    let mut expected = Observed::new(found.compared);
    let mut baskets: BTreeMap<(u32, i32), f64> = BTreeMap::new();
    for line in customers.iter().flatten() {
        let product = line.product as usize;
        expected.add_line(&LineFacts {
            day: date_of(line.day),
            week: date_of(FIRST_DAY + (line.day - FIRST_DAY) / 7 * 7),
            store: Some(STORES[line.store as usize]),
            product: SOLD[product],
            category: (product < 2).then(|| names[product].as_str()),
            sales: line.sales,
            unit_price: line.gross() / line.quantity,
            shelf_depth: line.shelf_discount / line.gross(),
            cost_known: product == 0,
        });
        *baskets.entry((line.customer, line.day)).or_default() += line.sales;
    }
    baskets.iter().for_each(|((_, day), value)| expected.add_basket(date_of(*day), *value));
    // A line without a category is called "other" by the one and "unknown" by the other.
    let other = |name: &str| if name == "unknown" { "other" } else { name }.to_owned();
    expected.category_weeks =
        expected.category_weeks.into_iter().map(|(name, it)| (other(&name), it)).collect();
    expected.prices = expected.prices.into_iter().map(|(name, it)| (other(&name), it)).collect();
    expected.customer_weeks = found.customer_weeks.clone();
    expected.customers = found.customers;
    assert_eq!(found, expected);
    assert_eq!((found.customers.total, found.customers.active_both), (10, 10));
    let visits: u64 = found.customer_weeks.values().sum();
    let mut distinct: Vec<(u32, i32)> = customers
        .iter()
        .flatten()
        .map(|line| (line.customer, (line.day - FIRST_DAY) / 7))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(visits, distinct.len() as u64);
}
