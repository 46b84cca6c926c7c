//! What must be true of the synthetic retailer as a whole.

use super::*;
use crate::retail::{CustomerHistory, Guardrails, WeekRecord};
use crate::seed::SeedTree;

fn retailer(n_customers: usize, n_weeks: u32) -> Retailer {
    let config = RetailerConfig { n_customers, n_weeks, ..RetailerConfig::default() };
    Retailer::generate(config, SeedTree::new(11)).expect("a valid config")
}

#[test]
fn expected_contribution_is_the_mean_of_the_weeks_lived() {
    let retailer = retailer(6, 10);
    let mut record = WeekRecord::empty(6);
    for (customer, offer) in retailer.catalogue().offers().iter().step_by(3).take(6).enumerate() {
        let mut state = retailer.customers()[customer].arrive();
        state.fatigue = 1.5;
        state.reference_depth = 0.08;
        let expected = retailer.expected_contribution(customer, &state, 4, offer);
        let n = 20_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..n {
            let seed = SeedTree::new(i);
            let mut now = state.clone();
            retailer.step_record(customer, &mut now, 4, offer, seed, &mut record);
            sum += record.contribution();
            squares += record.contribution().powi(2);
        }
        // Discounts are rounded to the cent, which moves a mean by less than half a cent.
        let mean = sum / n as f64;
        let se = ((squares / n as f64 - mean * mean) / n as f64).sqrt();
        assert!((mean - expected).abs() < 4.0 * se + 0.005, "{mean} is not {expected} ± {se}");
    }
}

#[test]
fn expectations_of_all_actions_at_once_are_those_of_each() {
    let retailer = retailer(20, 10);
    let mut values = vec![0.0; retailer.catalogue().n_actions()];
    for customer in 0..20 {
        let state = retailer.customers()[customer].arrive();
        retailer.expected_contributions_into(customer, &state, 7, &mut values);
        for (offer, value) in retailer.catalogue().offers().iter().zip(&values) {
            let one = retailer.expected_contribution(customer, &state, 7, offer);
            assert!((one - value).abs() < 1e-9, "{one} {value}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let (a, b) = (retailer(30, 20), retailer(30, 20));
    let (first, second) =
        (a.simulate_history(SeedTree::new(1)), b.simulate_history(SeedTree::new(1)));
    assert_eq!(first.tables, second.tables);
    assert_eq!(first.states, second.states);
    assert_ne!(first.tables, b.simulate_history(SeedTree::new(2)).tables);
}

#[test]
fn arms_share_their_luck() {
    let retailer = retailer(60, 20);
    let past = retailer.simulate_history(SeedTree::new(1));
    let rule = retailer.mask_rule(&Guardrails::default());
    let start = (&past.states[..], &past.histories[..], 1);
    let arm = |seed: u64, action: usize| {
        let mut always = |at: &Moment<'_>| if at.mask.allows(action) { action } else { 0 };
        retailer.play(start, 20..30, SeedTree::new(seed), &rule, &mut always)
    };
    assert_eq!(arm(5, 0), arm(5, 0));
    assert_ne!(arm(5, 0), arm(6, 0));
    // The first week differs by the offer alone: whoever comes without one also comes with one.
    let mut record = [WeekRecord::empty(6), WeekRecord::empty(6)];
    for customer in 0..60 {
        for (record, action) in record.iter_mut().zip([0, 3]) {
            let mut state = past.states[customer].clone();
            let offer = retailer.catalogue().offer(action);
            retailer.step_record(customer, &mut state, 20, offer, SeedTree::new(5), record);
        }
        assert!(record[1].visited() || !record[0].visited());
    }
}

#[test]
fn a_deeper_offer_never_lowers_expected_units() {
    let retailer = retailer(200, 10);
    for (customer, truth) in retailer.customers().iter().enumerate() {
        let mut state = truth.arrive();
        state.reference_depth = 0.15;
        for week in [0, 5] {
            let none = retailer.catalogue().offer(0);
            let base = retailer.expected_units(customer, &state, week, none);
            for offers in retailer.catalogue().offers()[1..].chunks(3) {
                let mut last = base;
                for offer in offers {
                    let units = retailer.expected_units(customer, &state, week, offer);
                    assert!(units >= last, "{units} after {last}");
                    last = units;
                }
            }
        }
    }
}

#[test]
fn fatigue_lowers_visits_and_the_response_and_hastens_leaving() {
    let retailer = retailer(100, 10);
    let catalogue = retailer.catalogue();
    for (customer, truth) in retailer.customers().iter().enumerate() {
        let rested = truth.arrive();
        let tired = CustomerState { fatigue: 4.0, ..rested.clone() };
        let units =
            |state, action| retailer.expected_units(customer, state, 3, catalogue.offer(action));
        assert!(units(&tired, 0) < units(&rested, 0));
        assert!(units(&tired, 2) < units(&rested, 2));
        assert!(truth.churn_probability(&tired) > truth.churn_probability(&rested));
    }
    // Summed over customers the response itself shrinks: attention falls with fatigue.
    let response = |fatigue: f64| -> f64 {
        let lift = |(customer, truth): (usize, &Customer)| {
            let state = CustomerState { fatigue, ..truth.arrive() };
            let with = retailer.expected_units(customer, &state, 3, catalogue.offer(2));
            with / retailer.expected_units(customer, &state, 3, catalogue.offer(0))
        };
        retailer.customers().iter().enumerate().map(lift).sum()
    };
    assert!(response(4.0) < response(0.0));
}

#[test]
fn stock_is_used_up_and_a_promotion_leaves_a_dip() {
    let retailer = retailer(1500, 10);
    let none = retailer.catalogue().offer(0);
    let deal = retailer.catalogue().offer(3);
    let mut record = WeekRecord::empty(6);
    let mut gaps = Vec::new();
    for (customer, truth) in retailer.customers().iter().enumerate() {
        let mut later = [0.0; 2];
        for (units, first) in later.iter_mut().zip([none, deal]) {
            let mut state = truth.arrive();
            let seed = SeedTree::new(2);
            retailer.step_record(customer, &mut state, 0, first, seed, &mut record);
            let stock = state.stock.clone();
            state.alive = true;
            for week in 1..4 {
                retailer.step_record(customer, &mut state, week, none, seed, &mut record);
                *units += record.categories[0].units;
                if !record.visited() && week == 1 {
                    assert!(state.stock.iter().zip(&stock).all(|(now, then)| now <= then));
                }
                state.alive = true;
            }
        }
        gaps.push(later[1] - later[0]);
    }
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
    // Paired over 1,500 customers: the dip in the category is beyond 4 standard errors of zero.
    assert!(mean < -4.0 * (variance / n).sqrt(), "{mean} {}", (variance / n).sqrt());
}

#[test]
fn todays_propensities_sum_to_one_and_respect_the_mask() {
    let retailer = retailer(40, 30);
    let mut drawn = 0.0;
    let mut expected = 0.0;
    let mut variance = 0.0;
    let (mut n, mut contacts) = (0, 0);
    retailer.log_weeks(SeedTree::new(3), |week| {
        let total: f64 = week.probabilities.iter().sum();
        assert!((total - 1.0).abs() < 1e-12);
        assert!(week.probabilities[week.action] > 0.0);
        let p = week.probabilities[0];
        n += 1;
        contacts += u32::from(week.action > 0);
        drawn += f64::from(u8::from(week.action == 0));
        expected += p;
        variance += p * (1.0 - p);
    });
    // A sum of independent draws given the past: 4 standard deviations.
    assert!((drawn - expected).abs() < 4.0 * f64::sqrt(variance), "{drawn} {expected}");
    assert!(contacts > 0 && n > 1000);
    let rule = retailer.mask_rule(&Guardrails::default());
    let policy = CurrentPolicy::new(&retailer.config().structure, retailer.catalogue());
    let mut history = CustomerHistory::new(6);
    let mut week = WeekRecord::empty(6);
    week.contact_depth = Some(0.1);
    for _ in 0..3 {
        history.record(&week);
    }
    let mut mask = rule.blank();
    rule.write(&history, &mut mask);
    let probabilities = policy.probabilities(&history, &mask);
    assert!((probabilities[0] - 1.0).abs() < 1e-12);
}

#[test]
fn the_books_hold_what_the_weeks_held() {
    let retailer = retailer(50, 30);
    let (mut revenue, mut shelf, mut offer, mut weeks) = (0.0, 0.0, 0.0, 0);
    retailer.log_weeks(SeedTree::new(4), |week| {
        weeks += 1;
        revenue += week.record.revenue();
        shelf += week.record.categories.iter().map(|c| c.shelf_discount).sum::<f64>();
        offer += week.record.categories.iter().map(|c| c.offer_discount).sum::<f64>();
    });
    let tables = retailer.simulate_history(SeedTree::new(4)).tables;
    let sum = |of: fn(&tables::TransactionRow) -> f64| -> f64 {
        tables.transactions.iter().map(of).sum()
    };
    assert!((sum(|row| row.sales_value) - revenue).abs() < 1e-6);
    assert!((sum(|row| row.shelf_discount) - shelf).abs() < 1e-6);
    assert!((sum(|row| row.offer_discount) - offer).abs() < 1e-6);
    assert_eq!(tables.exposures.len(), weeks);
    assert_eq!(tables.offers[0].offer_id, "none");
    for row in &tables.exposures {
        assert!(row.propensity > 0.0 && row.propensity <= 1.0);
    }
    for row in &tables.transactions {
        assert!(row.date.as_str() >= "2024-01-01" && row.date.as_str() < "2024-07-29");
        let product = tables.products.iter().find(|p| p.product_id == row.product_id);
        let list = product.expect("every product sold is listed").list_price;
        let gross = row.sales_value + row.shelf_discount + row.offer_discount;
        assert!((gross - list * f64::from(row.quantity)).abs() < 1e-6);
    }
}

#[test]
fn the_oracle_beats_no_offers_today_and_its_myopic_self() {
    let retailer = retailer(500, 40);
    let past = retailer.simulate_history(SeedTree::new(1));
    let rule = retailer.mask_rule(&Guardrails::default());
    let weeks = 40..66;
    let start = (&past.states[..], &past.histories[..]);
    let oracle = Oracle::tune(&retailer, start, &weeks, &rule, SeedTree::new(8));
    let play = |policy: &mut dyn FnMut(&Moment<'_>) -> usize| {
        let everybody = (start.0, start.1, 1);
        retailer.play(everybody, weeks.clone(), SeedTree::new(9), &rule, policy)
    };
    let best = play(&mut oracle.policy(&retailer));
    let current = CurrentPolicy::new(&retailer.config().structure, retailer.catalogue());
    let today = play(&mut |at: &Moment<'_>| {
        CurrentPolicy::draw(&current.probabilities(at.history, at.mask), at.luck)
    });
    let none = play(&mut |_: &Moment<'_>| 0);
    let myopic = play(&mut Oracle::myopic().policy(&retailer));
    for other in [&none, &today, &myopic] {
        let (mean, se) = best.uplift_over(other);
        assert!(mean - 1.96 * se > 0.0, "{mean} ± {se}");
    }
}

#[test]
fn the_default_retailer_looks_like_a_real_one() {
    let facts = MacroFacts::measure(&retailer(1000, 52), SeedTree::new(1));
    assert!((0.4..0.65).contains(&facts.visit_rate), "{facts:?}");
    assert!((25.0..45.0).contains(&facts.basket_value), "{facts:?}");
    assert!((0.28..0.40).contains(&facts.gross_margin), "{facts:?}");
    assert!((0.15..0.30).contains(&facts.deal_line_share), "{facts:?}");
    assert!((0.10..0.25).contains(&facts.yearly_churn), "{facts:?}");
    assert!((-3.5..-2.0).contains(&facts.elasticity), "{facts:?}");
    assert!((0.3..0.5).contains(&facts.contact_rate), "{facts:?}");
}
