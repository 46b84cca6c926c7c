//! The choice of products against what its formulas say, by hand and by counting draws.

use super::*;
use crate::SeedTree;
use crate::retail::history::{CategoryWeek, WeekRecord};

const DRAWS: usize = 20_000;

/// Two categories: one of three products, and one of two fine categories of two products each. The
/// product with index 7 is not on sale.
fn model() -> ChoiceModel {
    let single = LineUnits::of(&[(1.0, 1.0)], 8);
    let units = [single.clone(), LineUnits::of(&[(1.0, 1.0), (2.0, 1.0)], 8)];
    let response = ChoiceResponse { depth: 3.0, price: 2.0, display: 0.5, mailer: 0.4 };
    let fine = |category, products: &[u32], share: &[f64]| FineCategory {
        category,
        products: products.to_vec(),
        share: share.to_vec(),
        prior_lines: 4.0,
        response,
        units: units.clone(),
    };
    let price = |fine, regular| ProductPrice { fine, regular, tier: 1 };
    ChoiceModel {
        n_personas: 2,
        categories: vec![
            CategoryChoice { fine: vec![0], share: vec![1.0, 1.0], prior_lines: 1.0 },
            CategoryChoice {
                fine: vec![1, 2],
                share: vec![0.75, 0.25, 0.5, 0.5],
                prior_lines: 6.0,
            },
        ],
        fine: vec![
            fine(0, &[0, 1, 2], &[0.5, 0.3, 0.2, 0.1, 0.1, 0.8]),
            fine(1, &[3, 4], &[0.5, 0.5, 0.9, 0.1]),
            fine(1, &[5, 6], &[0.2, 0.8, 0.2, 0.8]),
        ],
        prices: [0, 0, 0, 1, 1, 2, 2, 2].map(|fine| price(fine, 1.0 + f64::from(fine))).to_vec(),
        own_units: vec![(6, [LineUnits::of(&[(2.5, 1.0)], 8), single])],
    }
}

/// A shelf without promotions but for these products.
fn shelf(special: &[(usize, ShelfProduct)]) -> Vec<ShelfProduct> {
    let mut shelf = vec![ShelfProduct::default(); 8];
    special.iter().for_each(|(product, own)| shelf[*product] = *own);
    shelf
}

fn cut(depth: f64) -> ShelfProduct {
    ShelfProduct { depth, ..ShelfProduct::default() }
}

fn record(units: [f64; 2]) -> WeekRecord {
    let mut record = WeekRecord::empty(2);
    for (slot, units) in record.categories.iter_mut().zip(units) {
        *slot = CategoryWeek {
            units,
            gross: 2.3 * units,
            shelf_discount: 0.7 * units,
            offer_discount: 0.31 * units,
            cost: units,
        };
    }
    record
}

/// How often each product is drawn first by customers with this past.
fn frequencies(weeks: &ChoiceWeeks<'_>, persona: usize, past: &[u32], category: usize) -> Vec<f64> {
    let mut bought = [0.0; 2];
    bought[category] = 1.0;
    let (record, mut lines) = (record(bought), Vec::new());
    let mut counts = vec![0.0; 8];
    for customer in 0..DRAWS as u64 {
        let mut own = CustomerChoices::default();
        past.iter().for_each(|product| own.record(weeks, *product));
        let mut rng = SeedTree::new(11).index(customer).stream();
        weeks.expand(0, persona, &mut own, &record, &mut rng, &mut lines);
        counts[lines[0].product as usize] += 1.0 / DRAWS as f64;
    }
    counts
}

/// Within four standard errors of a share of that many draws.
fn assert_frequency(found: f64, expected: f64) {
    let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
    assert!((found - expected).abs() <= 4.0 * error, "expected {expected}, found {found}");
}

#[test]
fn lines_sum_to_the_record_whatever_is_drawn() {
    let model = model();
    for (case, depth) in [0.0, 0.3, 0.9].into_iter().enumerate() {
        let weeks = ChoiceWeeks::new(&model, shelf(&[(0, cut(depth)), (5, cut(depth / 2.0))]));
        let (mut past, mut lines) = (CustomerChoices::default(), Vec::new());
        let mut rng = SeedTree::new(3).index(case as u64).stream();
        for units in 0..60 {
            let record = record([f64::from(units), f64::from(units % 7) * 1.37]);
            weeks.expand(0, units as usize % 2, &mut past, &record, &mut rng, &mut lines);
            for (category, bought) in (0..).zip(&record.categories) {
                let own: Vec<&ProductLine> =
                    lines.iter().filter(|line| line.category == category).collect();
                let sum =
                    |value: fn(&ProductLine) -> f64| own.iter().map(|l| value(l)).sum::<f64>();
                for (total, lines) in [
                    (bought.units, sum(|line| line.units)),
                    (bought.gross, sum(|line| line.gross)),
                    (bought.shelf_discount, sum(|line| line.shelf_discount)),
                    (bought.offer_discount, sum(|line| line.offer_discount)),
                ] {
                    assert!((total - lines).abs() <= 1e-9 * (1.0 + total), "{total} {lines}");
                }
                assert!(own.windows(2).all(|two| two[0].product < two[1].product));
                for line in &own {
                    let paid = line.gross - line.shelf_discount - line.offer_discount;
                    assert!(line.units > 0.0 && line.shelf_discount >= 0.0 && paid >= -1e-9);
                }
            }
        }
    }
}

#[test]
fn a_new_customer_chooses_by_share_and_shelf() {
    let model = model();
    let weeks = ChoiceWeeks::new(&model, shelf(&[(1, cut(0.2))]));
    // The odds of product 1 rise by exp(−3 ln 0.8) = 0.8⁻³ = 1.953125.
    let odds = [0.5, 0.3 * 1.953_125, 0.2];
    let total: f64 = odds.iter().sum();
    let found = frequencies(&weeks, 0, &[], 0);
    for (product, own) in odds.into_iter().enumerate() {
        assert_frequency(found[product], own / total);
        let exact = weeks.probabilities(0, 0, 0)[product];
        assert!((exact - own / total).abs() < 1e-12);
    }
}

#[test]
fn a_customer_repeats_what_was_bought_before_as_the_urn_says() {
    let model = model();
    let weeks = ChoiceWeeks::new(&model, shelf(&[]));
    // Three lines of product 2 and one of product 0, against four lines' worth of the persona.
    let found = frequencies(&weeks, 0, &[2, 0, 2, 2], 0);
    for (product, expected) in [(1.0 + 2.0) / 8.0, 1.2 / 8.0, (3.0 + 0.8) / 8.0].iter().enumerate()
    {
        assert_frequency(found[product], *expected);
    }
    // Two lines in the second fine category against six lines' worth of 3 : 1; product 7 is gone.
    let found = frequencies(&weeks, 0, &[5, 7, 6], 1);
    let second = (2.0 + 6.0 * 0.25) / 8.0;
    assert_frequency(found[5] + found[6], second);
    assert_frequency(found[5], second * (1.0 + 4.0 * 0.2) / 6.0);
}

#[test]
fn a_deeper_cut_never_makes_a_product_less_likely() {
    let mut model = model();
    model.fine[0].response = ChoiceResponse { depth: -1.0, price: -2.0, ..Default::default() };
    for response in [ChoiceResponse { depth: 2.0, ..Default::default() }, model.fine[0].response] {
        let model = model.with_responses(&[response]);
        let probability = |depth: f64| {
            let weeks = ChoiceWeeks::new(&model, shelf(&[(0, cut(depth))]));
            weeks.probabilities(0, 0, 0)[0]
        };
        let path: Vec<f64> = (0..=10).map(|step| probability(f64::from(step) / 10.0)).collect();
        assert!(path.windows(2).all(|two| two[1] >= two[0]), "{path:?}");
    }
}

#[test]
fn a_guessed_shelf_moves_nobody_but_says_what_is_paid() {
    let model = model();
    let guess = ShelfProduct { guessed: true, ..cut(0.5) };
    let weeks = ChoiceWeeks::new(&model, shelf(&[(0, guess)]));
    let found = weeks.probabilities(0, 0, 0);
    assert!(found.iter().zip([0.5, 0.3, 0.2]).all(|(own, share)| (own - share).abs() < 1e-12));
    assert!(weeks.shelf(0, 0).is_promoted());
}

#[test]
fn the_same_seed_deals_the_same_lines_and_remembers_them() {
    let model = model();
    let weeks = ChoiceWeeks::new(&model, shelf(&[(3, cut(0.4))]));
    let run = || {
        let (mut past, mut lines, mut all) = (CustomerChoices::default(), Vec::new(), Vec::new());
        let mut rng = SeedTree::new(5).stream();
        for units in 1..20 {
            weeks.expand(0, 1, &mut past, &record([f64::from(units), 2.0]), &mut rng, &mut lines);
            all.extend(lines.iter().copied());
        }
        (all, past)
    };
    let (lines, past) = run();
    assert_eq!((lines.clone(), past.clone()), run());
    let mut again = CustomerChoices::default();
    lines.iter().for_each(|line| again.record(&weeks, line.product));
    assert_eq!(again, past);
}

#[test]
fn units_of_a_line_are_drawn_from_what_was_observed() {
    let units = LineUnits::of(&[(1.0, 6.0), (2.0, 3.0), (12.0, 1.0)], 8);
    let at = [(0.0, 1.0), (0.59, 1.0), (0.61, 2.0), (0.89, 2.0), (0.91, 12.0), (0.999, 12.0)];
    assert!(at.iter().all(|(uniform, expected)| units.at(*uniform) == *expected), "{units:?}");
    assert!((units.mean() - 2.4).abs() < 1e-12);
    // With two values kept, the twelve counts as two.
    assert!((LineUnits::of(&[(1.0, 6.0), (2.0, 3.0), (12.0, 1.0)], 2).mean() - 1.4).abs() < 1e-12);
    assert_eq!((LineUnits::default().at(0.5), LineUnits::default().mean()), (1.0, 0.0));
}

#[test]
fn prices_are_those_of_the_shelf_and_free_of_scaling() {
    let model = model();
    let special = ShelfProduct { depth: 0.25, log_price: 2.0_f64.ln(), ..Default::default() };
    let weeks = ChoiceWeeks::new(&model, vec![special; 8]);
    let (mut past, mut lines) = (CustomerChoices::default(), Vec::new());
    let mut rng = SeedTree::new(1).stream();
    weeks.expand(0, 0, &mut past, &record([3.0, 0.0]), &mut rng, &mut lines);
    // Usually 1, now 2, less a quarter.
    assert!(!lines.is_empty() && lines.iter().all(|line| (line.price - 1.5).abs() < 1e-12));
}
