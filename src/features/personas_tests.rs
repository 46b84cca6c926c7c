//! Personas of made-up customers whose kinds are known.

use super::super::behaviour::{
    CustomerLog, FeatureComputer, FeatureContext, ProductFacts, Purchase, UNKNOWN_BRAND,
};
use super::*;
use rand::Rng;

/// How one kind of customer shops: chance of a visit a week, money in the favourite category, depth
/// of discount, favourite category, weeks since they stopped.
type Kind = (f64, f64, f64, u32, i32);

const KINDS: [Kind; 4] = [
    (0.95, 90.0, 0.30, 0, 0),
    (0.90, 20.0, 0.00, 1, 0),
    (0.25, 40.0, 0.02, 2, 0),
    (0.60, 45.0, 0.15, 0, 20),
];
const WEEKS: i32 = 80;

fn categories() -> Vec<String> {
    ["produce", "snacks", "household"].map(str::to_owned).to_vec()
}

/// One product per category.
fn products() -> Vec<ProductFacts> {
    let product = |category| ProductFacts {
        category,
        brand: UNKNOWN_BRAND,
        private_label: None,
        price_tier: 0.5,
        deal_share: 0.3,
    };
    (0..3).map(product).collect()
}

fn purchases(kind: Kind, seeds: SeedTree) -> Vec<Purchase> {
    let (visit, money, depth, favourite, stopped) = kind;
    let mut stream = seeds.stream();
    let mut purchases = Vec::new();
    for week in 0..WEEKS {
        if stream.random::<f64>() < visit && week < WEEKS - stopped {
            let gross = money * stream.random_range(0.8..1.2);
            purchases.push(Purchase {
                day: 17_000 + 7 * week,
                hour: 18,
                basket: week as u64,
                product: favourite,
                store: 0,
                quantity: 1.0,
                gross,
                shelf_discount: gross * depth,
                offer_discount: 0.0,
            });
        }
    }
    purchases
}

/// Feature rows of logs.
fn rows(logs: &[Vec<Purchase>]) -> Matrix {
    let products = products();
    let context = FeatureContext { products: &products, n_categories: 3, first_day: 17_000 };
    let mut computer = FeatureComputer::new(context);
    let mut rows = Matrix::new(feature_specs(&categories()).len());
    for purchases in logs {
        let log = CustomerLog { purchases, contacts: &[] };
        assert!(rows.push(computer.features_as_of(&log, 17_000 + 7 * WEEKS)));
    }
    rows
}

/// Customers of the four kinds in turn.
fn population(n: usize) -> Matrix {
    let seeds = SeedTree::new(11);
    let logs: Vec<Vec<Purchase>> =
        (0..n).map(|i| purchases(KINDS[i % 4], seeds.index(i as u64))).collect();
    rows(&logs)
}

fn fit(rows: &Matrix) -> Result<(PersonaModel, Vec<usize>), PersonaError> {
    PersonaModel::fit(rows, &categories(), &PersonaConfig::default(), SeedTree::new(4))
}

fn fit_with(rows: &Matrix, config: &PersonaConfig) -> (PersonaModel, Vec<usize>) {
    let fitted = PersonaModel::fit(rows, &categories(), config, SeedTree::new(4));
    fitted.expect("enough customers")
}

#[test]
fn kinds_of_shoppers_are_recovered_and_named() {
    let (model, labels) = fit(&population(200)).expect("enough customers");
    assert_eq!(model.n_personas(), 4);
    for (i, &label) in labels.iter().enumerate() {
        assert_eq!(label, labels[i % 4], "customer {i} is with others of its kind");
    }
    // The stock-up kind brings most money a week, so it comes first.
    assert_eq!(labels[0], 0);
    let names: Vec<&str> = model.names().collect();
    assert!(names[0].starts_with("weekly") && names[0].contains("stock-up"), "{names:?}");
    assert!(names[0].contains("deal-driven"), "{names:?}");
    assert!(names[labels[3]].starts_with("lapsing"), "{names:?}");
    assert!(names[labels[2]].starts_with("occasional"), "{names:?}");
    assert!(names[labels[1]].contains("full-price"), "{names:?}");
    assert_eq!(model.cards.iter().map(|card| card.size).sum::<usize>(), 200);
    assert!(model.cards.iter().all(|card| card.share == 0.25));
}

#[test]
fn every_method_finds_the_kinds() {
    let rows = population(200);
    for method in [Method::KMeans, Method::GaussianMixture, Method::Ward] {
        let (model, labels) = fit_with(&rows, &PersonaConfig { method, ..Default::default() });
        assert_eq!(model.n_personas(), 4, "{method:?}");
        assert!((0..200).all(|i| labels[i] == labels[i % 4]), "{method:?}");
        for (row, &label) in rows.rows().zip(&labels) {
            assert_eq!(model.assign(row), label, "{method:?}");
        }
    }
}

#[test]
fn assigning_a_training_customer_gives_the_training_label() {
    let rows = population(300);
    let (model, labels) = fit(&rows).expect("enough customers");
    let json = serde_json::to_string(&model).expect("a model is plain data");
    let read: PersonaModel = serde_json::from_str(&json).expect("as written");
    for (row, &label) in rows.rows().zip(&labels) {
        assert_eq!(model.assign(row), label);
        assert_eq!(read.assign(row), label);
        let membership = model.membership(row);
        assert!((membership.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        // The kinds lie far apart, so soft membership agrees with the hard one.
        assert!(membership[label] > 0.5, "{membership:?}");
    }
}

#[test]
fn a_customer_without_a_purchase_gets_a_persona_too() {
    let (model, _) = fit(&population(40)).expect("enough customers");
    let empty = rows(&[Vec::new()]);
    assert!(model.assign(empty.row(0)) < model.n_personas());
}

#[test]
fn the_order_of_customers_changes_only_the_order_of_labels() {
    let rows = population(120);
    let (model, labels) = fit(&rows).expect("enough customers");
    let backwards: Vec<usize> = (0..120).rev().collect();
    let (again, reversed_labels) = fit(&rows.select(&backwards)).expect("enough customers");
    assert_eq!(model, again);
    assert!(labels.iter().eq(reversed_labels.iter().rev()));
}

#[test]
fn threads_do_not_change_a_byte() {
    let rows = population(120);
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
        let fitted = pool.expect("threads start").install(|| fit(&rows));
        let (model, labels) = fitted.expect("enough customers");
        (serde_json::to_string(&model).expect("plain data"), labels)
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn fewer_customers_than_personas_is_an_error_that_says_what_is_needed() {
    let error = fit(&population(2)).expect_err("two customers");
    let needed = PersonaError::TooFewCustomers { needed: 3, distinct: 2, n_customers: 2 };
    assert_eq!(error, needed);
    assert!(error.to_string().contains("at least 3 customers"), "{error}");
    let names = feature_specs(&categories()).len();
    assert!(fit(&Matrix::new(names)).is_err());
    let one = population(1);
    let twins = one.select(&[0; 50]);
    assert!(fit(&twins).is_err());
}

#[test]
fn names_are_unique_and_a_shapeless_crowd_is_warned_about() {
    // One kind of customer: what differs is chance alone. Everyone came last week, or those who did
    // not would rightly stand out.
    let seeds = SeedTree::new(21);
    let crowd = |i: u64| {
        let mut stream = seeds.index(i).stream();
        let mut log = Vec::new();
        for week in 0..WEEKS {
            for product in 0..3 {
                let chance = if week == WEEKS - 1 { 1.0 } else { 0.4 };
                if stream.random::<f64>() < chance {
                    let gross = stream.random_range(1.0..9.0);
                    log.push(Purchase {
                        day: 17_000 + 7 * week,
                        hour: 12,
                        basket: week as u64,
                        product,
                        store: 0,
                        quantity: 1.0,
                        gross,
                        shelf_discount: 0.2 * gross * stream.random::<f64>(),
                        offer_discount: 0.0,
                    });
                }
            }
        }
        log
    };
    let rows = rows(&(0..300).map(crowd).collect::<Vec<_>>());
    for k in [1, 2, 5, 9] {
        let config = PersonaConfig { k_min: k, k_max: k, n_init: 2, ..Default::default() };
        let (model, _) = fit_with(&rows, &config);
        let mut unique: Vec<&str> = model.names().collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), k);
        assert!(model.warning().expect("no structure").starts_with("no clear groups"));
    }
}

#[test]
fn wrong_settings_are_errors_that_name_the_key() {
    let rows = population(10);
    let wrong = |config: PersonaConfig| {
        let fitted = PersonaModel::fit(&rows, &categories(), &config, SeedTree::new(1));
        fitted.expect_err("a wrong setting").to_string()
    };
    let message = wrong(PersonaConfig { k_min: 5, k_max: 4, ..Default::default() });
    assert!(message.contains("`k_max` in [personas], got 4"), "{message}");
    let features = vec!["recency".to_owned(), "shoe_size".to_owned()];
    let message = wrong(PersonaConfig { features, ..Default::default() });
    assert!(message.contains("got shoe_size") && message.contains("mix:produce"), "{message}");
}

#[test]
fn evidence_tells_kinds_from_noise() {
    let rows = population(160);
    let config = PersonaConfig { k_max: 5, n_bootstrap: 4, ..Default::default() };
    let (model, labels) = fit_with(&rows, &config);
    let found = super::super::evidence::collect(&model, &rows, &labels, &config, SeedTree::new(1));
    let found = found.expect("enough customers");
    assert_eq!(found.beats_noise, Some(true));
    let tried: Vec<usize> = found.by_k.iter().map(|one| one.n_clusters).collect();
    assert_eq!(tried, [3, 4, 5]);
    let tree = found.tree.expect("a tree");
    assert_eq!(tree.leaves.iter().map(|(size, _)| size).sum::<u64>(), 160);
    assert_eq!(tree.merges.len(), tree.leaves.len() - 1);
    let above = tree.merges.iter().filter(|merge| merge.2 > tree.cut_height).count();
    assert_eq!(above, 3);
    assert_eq!(found.silhouettes.iter().map(Vec::len).sum::<usize>(), 160);
}
