//! The fit on panels made from known elasticities.

use super::design::Role;
use super::estimate::{Strengths, estimate};
use super::panel::Panel;
use super::*;
use crate::data::{StoreWeekRow, StoreWeekTable};
use crate::demand::DemandError;
use promopt_envs::pricing::{PricingEnv, PricingModel, PricingRules, ProductModel, WeekState};
use promopt_envs::{SeedTree, check_env};
use rand::Rng;
use rand_distr::StandardNormal;
use std::sync::Arc;

const WEEKS: usize = 120;
const STORES: usize = 30;

/// Four products with known demand.
fn truth() -> PricingModel {
    let own = [-3.2, -2.4, -2.0, -2.8];
    let product = |index: usize| ProductModel {
        intercepts: (0..STORES).map(|store| 5.0 + 0.02 * store as f64).collect(),
        elasticities: (0..4)
            .map(
                |j| if j == index { own[index] } else { 0.1 + 0.05 * ((index + 2 * j) % 4) as f64 },
            )
            .collect(),
        feature: 0.5 + 0.1 * index as f64,
        deal: 0.05,
        season: vec![0.15, -0.1],
        stock: -0.25 + 0.03 * index as f64,
        sd_common: 0.15,
        sd_store: 0.25,
        regular_prices: vec![2.0 + 0.3 * index as f64; STORES],
        unit_costs: vec![1.4 + 0.2 * index as f64; STORES],
        funding: 0.4,
        lowest_ratio: 0.5,
    };
    PricingModel { products: (0..4).map(product).collect(), stock_decay: 0.5 }
}

/// Sales of a chain whose promotions are the same in all stores, but for small local differences.
fn table(model: &PricingModel, seed: SeedTree) -> StoreWeekTable {
    let mut rng = seed.stream();
    let n = model.n_products();
    let mut stocks = vec![vec![0.0; n]; STORES];
    let mut rows = Vec::new();
    for week in 0..WEEKS {
        let chain: Vec<(f64, bool, bool)> = (0..n)
            .map(|_| {
                let cut = rng.random::<f64>() < 0.3;
                let ratio = if cut { rng.random_range(0.65..0.95) } else { 1.0 };
                (ratio, cut && rng.random::<f64>() < 0.5, rng.random::<f64>() < 0.3)
            })
            .collect();
        let common: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        for (store, stocks) in stocks.iter_mut().enumerate() {
            let log_ratios: Vec<f64> =
                chain.iter().map(|(ratio, ..)| ratio.ln() * rng.random_range(0.8..1.2)).collect();
            let features: Vec<f64> =
                chain.iter().map(|(_, ad, _)| f64::from(u8::from(*ad))).collect();
            let at = WeekState {
                log_ratios: &log_ratios,
                features: &features,
                stocks,
                week: week as f64,
            };
            let mut units = Vec::new();
            for (index, product) in model.products.iter().enumerate() {
                let deal = f64::from(u8::from(chain[index].2));
                let log_units = model.log_units(index, model.base_log_units(store, index), &at)
                    + product.deal * deal
                    + product.sd_common * common[index]
                    + product.sd_store * rng.sample::<f64, _>(StandardNormal);
                units.push((log_units.exp(), deal));
            }
            for (index, (units, deal)) in units.into_iter().enumerate() {
                let (product, x) = (&model.products[index], log_ratios[index]);
                rows.push(StoreWeekRow {
                    store,
                    product: index,
                    week: week as i64,
                    units,
                    price: product.regular_prices[store] * x.exp(),
                    deal: Some(deal),
                    feature: Some(features[index]),
                    margin_rate: Some(product.margin_rate(store, x)),
                });
                let lift = product.log_lift(index, x, features[index], deal);
                stocks[index] = model.next_stock(stocks[index], lift);
            }
        }
    }
    rows.sort_by_key(|row| (row.store, row.product, row.week));
    StoreWeekTable {
        stores: (0..STORES).map(|store| format!("s{store:02}")).collect(),
        products: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        rows,
    }
}

fn strengths() -> Strengths {
    Strengths { stock_decay: Some(0.5), cross_strength: 1.0, harmonics: 1 }
}

#[test]
fn every_coefficient_is_recovered_within_four_posterior_deviations() {
    let model = truth();
    let panel = Panel::new(&table(&model, SeedTree::new(1)), &PricingConfig::default())
        .expect("long enough");
    let fitted = estimate(&panel, i64::MAX, strengths()).expect("prices vary");
    let stock = fitted.columns.position(Role::Stock).expect("asked for");
    let feature = fitted.columns.position(Role::Feature).expect("ads vary");
    for (index, (one, product)) in fitted.products.iter().zip(&model.products).enumerate() {
        let close = |column: usize, truth: f64, what: &str| {
            let (found, sd) = (one.beta[column], one.sd[column]);
            assert!((found - truth).abs() < 4.0 * sd, "{what} {index}: {found} ± {sd}, {truth}");
        };
        for (column, elasticity) in product.elasticities.iter().enumerate() {
            close(column, *elasticity, "elasticity");
        }
        close(stock, product.stock, "stock");
        close(feature, product.feature, "feature");
        // Not so wide that anything would pass.
        assert!(one.sd[index] < 0.3 && one.sd[stock] < 0.15, "{:?}", one.sd);
        // √(120 weeks): four standard errors of a standard deviation are 4 / √240 of it.
        assert!((one.sd_common - 0.15).abs() < 4.0 * 0.15 / 240.0_f64.sqrt() + 0.01);
        assert!((one.sd_store - 0.25).abs() < 4.0 * 0.25 / 7000.0_f64.sqrt());
    }
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let model = truth();
    let (mut inside, mut n) = (0.0, 0.0);
    for seed in 0..12 {
        let table = table(&model, SeedTree::new(100 + seed));
        let panel = Panel::new(&table, &PricingConfig::default()).expect("long enough");
        let fitted = estimate(&panel, i64::MAX, strengths()).expect("prices vary");
        for (index, one) in fitted.products.iter().enumerate() {
            let truth = model.products[index].elasticities[index];
            inside += f64::from(u8::from((one.beta[index] - truth).abs() < 1.96 * one.sd[index]));
            n += 1.0;
        }
    }
    // 48 intervals at 95 %: four standard errors below are 0.95 − 4 √(0.95 · 0.05 / 48) = 0.82.
    assert!(inside / n > 0.82, "{} of {n}", inside);
}

#[test]
fn the_whole_fit_is_the_same_on_one_thread_and_two_and_makes_a_world() {
    let (table, config) = (table(&truth(), SeedTree::new(2)), PricingConfig::default());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| fit_pricing(&table, &config, 0.95, SeedTree::new(5))).expect("fits")
    };
    let (one, two) = (on(1), on(2));
    assert!(one == two, "the threads changed the result");
    let text = serde_json::to_string(&one).expect("serialises");
    let back: FittedPricing = serde_json::from_str(&text).expect("parses");
    // JSON keeps all but the last bits of a number.
    assert_eq!((back.products.len(), back.draws.len()), (4, config.draws));
    assert!((back.own_spread.0 - one.own_spread.0).abs() < 1e-12);
    // Cost follows a cut by 0.4, and margins are those of the truth at the regular price.
    for product in &one.products {
        assert!((product.funding.value - 0.4).abs() < 1e-6, "{:?}", product.funding);
    }
    assert!((one.products[0].margin_rate - 0.3).abs() < 1e-6);
    // Unseen weeks: what prices explain is worth more than the mean of each store.
    assert!(one.held_out.units_mape < 0.6 * one.held_out.naive_mape, "{}", one.held_out.units_mape);
    let world = Arc::new(one.world());
    let mut make = || -> Box<dyn promopt_envs::Env> {
        Box::new(PricingEnv::new(Arc::clone(&world), PricingRules::default()).expect("valid"))
    };
    assert_eq!(check_env(&mut make, 4), []);
}

#[test]
fn a_drawn_model_keeps_the_mean_of_every_store() {
    let fitted = fit_pricing(
        &table(&truth(), SeedTree::new(3)),
        &PricingConfig::default(),
        0.95,
        SeedTree::new(5),
    )
    .expect("fits");
    let (draw, n) = (&fitted.draws[0], fitted.columns.len());
    let drawn = fitted.model_of(draw);
    let predicted = |model: &PricingModel, beta: &[f64], index: usize, store: usize| {
        let means = &fitted.column_means[index][store * n..(store + 1) * n];
        let moved: f64 = means.iter().zip(beta).map(|(mean, b)| mean * b).sum();
        model.products[index].intercepts[store] + moved
    };
    for (index, product) in fitted.products.iter().enumerate() {
        let mut best: Vec<f64> = product.prices.iter().map(|one| one.value).collect();
        best.extend(
            [product.feature, product.deal, product.stock].iter().flatten().map(|one| one.value),
        );
        best.extend(product.season.iter().map(|one| one.value));
        let moved = draw[index].level - product.level;
        let before = predicted(&fitted.model, &best, index, 3);
        let after = predicted(&drawn, &draw[index].beta, index, 3);
        assert!((after - before - moved).abs() < 1e-9);
    }
}

#[test]
fn a_price_that_never_moves_takes_the_elasticity_of_the_group_and_says_so() {
    let mut table = table(&truth(), SeedTree::new(6));
    table.rows.iter_mut().filter(|row| row.product == 2).for_each(|row| row.price = 1.5);
    let fit = |table: &StoreWeekTable| {
        fit_pricing(table, &PricingConfig::default(), 0.95, SeedTree::new(5))
    };
    let fitted = fit(&table).expect("three prices move");
    let still = &fitted.products[2];
    assert_eq!((still.own.evidence, still.own.alone, still.plain), (Evidence::Pooled, None, None));
    assert!((still.own.value - fitted.own_spread.0).abs() < 1e-6, "{:?}", still.own);
    assert!(still.own.upper - still.own.lower > 2.0 * fitted.own_spread.1, "{:?}", still.own);
    assert!(fitted.notes.iter().any(|note| note.contains("Prices of c")), "{:?}", fitted.notes);
    table.rows.iter_mut().for_each(|row| row.price = 1.5);
    match fit(&table) {
        Err(DemandError::StoreWeeks { expected, .. }) => assert!(expected.contains("change")),
        other => panic!("expected a refusal, got {}", other.is_ok()),
    }
}

#[test]
fn without_ads_and_margins_the_fit_says_what_it_assumed() {
    let mut table = table(&truth(), SeedTree::new(7));
    for row in &mut table.rows {
        (row.feature, row.deal, row.margin_rate) = (None, None, None);
    }
    let fitted =
        fit_pricing(&table, &PricingConfig::default(), 0.95, SeedTree::new(5)).expect("fits");
    assert!(fitted.products.iter().all(|product| product.feature.is_none()));
    assert!((fitted.products[0].margin_rate - 0.25).abs() < 1e-12);
    let notes = fitted.notes.join(" ");
    assert!(notes.contains("assumed") && notes.contains("no feature ads"), "{notes}");
}
