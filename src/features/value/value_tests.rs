//! Summaries, lifetime values and what is refused.

use super::*;

fn purchases(pairs: &[(f64, f64)]) -> Vec<Purchase> {
    pairs.iter().map(|&(time, value)| Purchase { time, value }).collect()
}

#[test]
fn a_summary_counts_occasions_after_the_first_until_the_end() {
    let log =
        purchases(&[(1.0, 50.0), (1.0, 5.0), (3.0, 10.0), (3.0, 20.0), (6.0, 60.0), (9.0, 1.0)]);
    let found = RepeatSummary::of(&log, 8.0);
    let expected = RepeatSummary { repeat_purchases: 2, recency: 5.0, age: 7.0, mean_value: 45.0 };
    assert_eq!(found, Some(expected));
}

#[test]
fn who_has_bought_once_has_no_recency_and_who_comes_later_no_summary() {
    let log = purchases(&[(4.0, 50.0)]);
    let once = RepeatSummary { repeat_purchases: 0, recency: 0.0, age: 6.0, mean_value: 0.0 };
    assert_eq!(RepeatSummary::of(&log, 10.0), Some(once));
    assert_eq!(RepeatSummary::of(&log, 3.0), None);
    assert_eq!(RepeatSummary::of(&[], 3.0), None);
}

fn model() -> CustomerValue {
    CustomerValue {
        purchases: BgNbd { r: 1.0, alpha: 4.0, a: 0.5, b: 3.0 },
        values: GammaGamma { p: 2.0, q: 3.0, gamma: 10.0 },
    }
}

const CUSTOMER: RepeatSummary =
    RepeatSummary { repeat_purchases: 3, recency: 8.0, age: 10.0, mean_value: 20.0 };

#[test]
fn lifetime_value_is_margin_times_value_times_discounted_purchases() {
    let model = model();
    let terms = ValueTerms { horizon_weeks: 2, weekly_discount_rate: 0.1, margin_rate: 0.25 };
    // Expected value: 2 (10 + 3 · 20) / (2 · 3 + 3 - 1) = 17.5.
    let [one, two] = [1.0, 2.0].map(|weeks| model.purchases.expected_purchases(&CUSTOMER, weeks));
    let expected = 0.25 * 17.5 * (one / 1.1 + (two - one) / 1.21);
    let found = model.lifetime_value(&CUSTOMER, &terms).expect("valid terms");
    assert!((found - expected).abs() < 1e-12);
    let none = ValueTerms { horizon_weeks: 0, ..terms };
    assert_eq!(model.lifetime_value(&CUSTOMER, &none), Ok(0.0));
}

#[test]
fn without_discount_lifetime_value_counts_all_purchases_of_the_horizon() {
    let terms = ValueTerms { horizon_weeks: 52, weekly_discount_rate: 0.0, margin_rate: 1.0 };
    let model = model();
    let expected = 17.5 * model.purchases.expected_purchases(&CUSTOMER, 52.0);
    let found = model.lifetime_value(&CUSTOMER, &terms).expect("valid terms");
    assert!((found - expected).abs() < 1e-11);
}

#[test]
fn terms_out_of_range_are_refused_by_name() {
    let good = ValueTerms { horizon_weeks: 4, weekly_discount_rate: 0.0, margin_rate: 0.3 };
    for rate in [-1.0, f64::NAN, f64::INFINITY] {
        let bad = ValueTerms { weekly_discount_rate: rate, ..good };
        let error = model().lifetime_value(&CUSTOMER, &bad).expect_err("out of range");
        assert!(error.to_string().contains("weekly_discount_rate"), "{error}");
    }
    let bad = ValueTerms { margin_rate: f64::NAN, ..good };
    let error = model().lifetime_values(&[CUSTOMER], &bad).expect_err("out of range");
    assert!(error.to_string().contains("margin_rate"), "{error}");
}

#[test]
fn summaries_that_cannot_be_true_are_refused_by_row() {
    let bad = [
        RepeatSummary { recency: 11.0, ..CUSTOMER },
        RepeatSummary { recency: 0.0, ..CUSTOMER },
        RepeatSummary { repeat_purchases: 0, ..CUSTOMER },
        RepeatSummary { age: f64::NAN, ..CUSTOMER },
        RepeatSummary { recency: -1.0, ..CUSTOMER },
        RepeatSummary { mean_value: f64::INFINITY, ..CUSTOMER },
    ];
    for one in bad {
        let customers = [CUSTOMER, one];
        let error = BgNbd::fit(&customers).expect_err("cannot be true");
        assert!(error.to_string().contains("row 1"), "{error}");
        assert_eq!(GammaGamma::fit(&customers).expect_err("cannot be true"), error);
    }
    let few = ValueError::TooFew { found: 2, needed: 20 };
    assert_eq!(BgNbd::fit(&[CUSTOMER; 2]).expect_err("too few"), few);
    assert_eq!(GammaGamma::fit(&[CUSTOMER; 2]).expect_err("too few"), few);
}

#[test]
fn parameters_that_are_not_positive_are_refused_by_name() {
    let error = BgNbd::new(1.0, 0.0, 1.0, 1.0).expect_err("not positive");
    assert!(error.to_string().contains("alpha"), "{error}");
    let error = GammaGamma::new(1.0, f64::NAN, 1.0).expect_err("not a number");
    assert!(error.to_string().contains("found NaN"), "{error}");
}

#[test]
fn value_that_rises_with_frequency_is_warned_of() {
    let customers = |rise: f64| -> Vec<RepeatSummary> {
        let one = |i: u32| RepeatSummary {
            repeat_purchases: 1 + i % 9,
            recency: 1.0 + f64::from(i % 23),
            mean_value: 20.0 + f64::from(i % 7) + rise * f64::from(i % 9),
            age: 26.0,
        };
        (0..200).map(one).collect()
    };
    let fitted = |rise| CustomerValue::fit(&customers(rise)).expect("enough customers").1;
    assert!(!fitted(0.0).value_depends_on_frequency(), "{:?}", fitted(0.0).correlation);
    assert!(fitted(2.0).value_depends_on_frequency());
    assert!(fitted(-2.0).value_depends_on_frequency());
}
