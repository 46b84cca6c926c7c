//! The models against values that `tests/fixtures/value/make.py` computed with 60 digits from the
//! published formulas.

use super::*;

#[derive(Deserialize)]
struct Golden {
    purchases: [f64; 4],
    values: [f64; 3],
    weeks: [f64; 3],
    terms: (u32, f64, f64),
    log_likelihood: f64,
    value_log_likelihood: f64,
    of_new: [f64; 3],
    n_drawn: usize,
    fitted_purchases: [f64; 4],
    fitted_values: [f64; 3],
    customers: Vec<Customer>,
}

#[derive(Deserialize)]
struct Customer {
    summary: (u32, f64, f64, f64),
    alive: f64,
    expected: [f64; 3],
    value: f64,
    lifetime_value: f64,
}

impl Customer {
    fn summary(&self) -> RepeatSummary {
        let (repeat_purchases, recency, age, mean_value) = self.summary;
        RepeatSummary { repeat_purchases, recency, age, mean_value }
    }
}

fn golden() -> (Golden, CustomerValue, Vec<RepeatSummary>) {
    let text = include_str!("../../../tests/fixtures/value/golden.json");
    let golden: Golden = serde_json::from_str(text).expect("the fixture is committed");
    let [r, alpha, a, b] = golden.purchases;
    let [p, q, gamma] = golden.values;
    let (purchases, values) = (BgNbd { r, alpha, a, b }, GammaGamma { p, q, gamma });
    let summaries = golden.customers.iter().map(Customer::summary).collect();
    (golden, CustomerValue { purchases, values }, summaries)
}

#[track_caller]
fn agree(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within * expected.abs(), "{found} is not {expected}");
}

#[test]
fn log_likelihoods_agree_with_the_published_formulas() {
    let (golden, model, summaries) = golden();
    agree(model.purchases.log_likelihood(&summaries), golden.log_likelihood, 1e-12);
    agree(model.values.log_likelihood(&summaries), golden.value_log_likelihood, 1e-11);
}

#[test]
fn every_prediction_agrees_with_the_published_formulas() {
    let (golden, model, summaries) = golden();
    let (horizon_weeks, weekly_discount_rate, margin_rate) = golden.terms;
    let terms = ValueTerms { horizon_weeks, weekly_discount_rate, margin_rate };
    let worths = model.lifetime_values(&summaries, &terms).expect("valid terms");
    for ((customer, summary), worth) in golden.customers.iter().zip(&summaries).zip(worths) {
        agree(model.purchases.probability_alive(summary), customer.alive, 1e-11);
        for (weeks, expected) in golden.weeks.into_iter().zip(customer.expected) {
            agree(model.purchases.expected_purchases(summary, weeks), expected, 1e-11);
        }
        agree(model.values.expected_value(summary), customer.value, 1e-12);
        agree(worth, customer.lifetime_value, 1e-11);
    }
    for (weeks, expected) in golden.weeks.into_iter().zip(golden.of_new) {
        agree(model.purchases.expected_purchases_of_new(weeks), expected, 1e-11);
    }
}

#[test]
fn the_estimates_are_those_of_scipy() {
    // A simplex search on 15-digit values leaves about half of the digits of a flat minimum.
    let (golden, _, summaries) = golden();
    let drawn = &summaries[..golden.n_drawn];
    let (purchases, report) = BgNbd::fit(drawn).expect("enough customers");
    assert!(report.converged && !report.at_bound, "{report:?}");
    let found = [purchases.r, purchases.alpha, purchases.a, purchases.b];
    found.into_iter().zip(golden.fitted_purchases).for_each(|(f, e)| agree(f, e, 1e-4));
    let (values, report) = GammaGamma::fit(drawn).expect("enough customers");
    assert!(report.converged && !report.at_bound, "{report:?}");
    let found = [values.p, values.q, values.gamma];
    found.into_iter().zip(golden.fitted_values).for_each(|(f, e)| agree(f, e, 1e-4));
}
