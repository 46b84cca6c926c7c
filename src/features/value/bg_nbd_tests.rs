//! The purchase model by hand, on generated customers, and on shoppers it is not made for.

use super::super::{CustomerValue, GammaGamma, simulate_customers};
use super::*;
use promopt_envs::SeedTree;
use proptest::prelude::*;

fn summary(repeat_purchases: u32, recency: f64, age: f64) -> RepeatSummary {
    RepeatSummary { repeat_purchases, recency, age, mean_value: 0.0 }
}

const TRUTH: BgNbd = BgNbd { r: 0.6, alpha: 6.0, a: 0.8, b: 2.5 };

fn generated(n: u32, seed: u64) -> Vec<RepeatSummary> {
    let values = GammaGamma { p: 4.0, q: 3.5, gamma: 20.0 };
    let truth = CustomerValue { purchases: TRUTH, values };
    let logs = simulate_customers(&truth, n, 13.0, 52.0, SeedTree::new(seed)).expect("valid");
    logs.iter().filter_map(|log| RepeatSummary::of(log, 52.0)).collect()
}

#[test]
fn two_likelihoods_are_worked_by_hand() {
    let ones = BgNbd { r: 1.0, alpha: 1.0, a: 1.0, b: 1.0 };
    // Never back: (α / (α+T))^r = 1/2.
    assert!((ones.log_likelihood(&[summary(0, 0.0, 1.0)]) - 0.5_f64.ln()).abs() < 1e-15);
    // Back once, on the last day: stays 1/2 · 1/4, leaves 1/2 · 1/4.
    let once = summary(1, 1.0, 1.0);
    assert!((ones.log_likelihood(&[once]) - 0.25_f64.ln()).abs() < 1e-15);
    assert!((ones.probability_alive(&once) - 0.5).abs() < 1e-15);
}

#[test]
fn derivatives_are_those_of_the_likelihood() {
    let customers = generated(200, 1);
    let at = [0.7, 5.0, 0.9, 1.8];
    let of = |p: [f64; 4]| BgNbd { r: p[0], alpha: p[1], a: p[2], b: p[3] }.sums(&customers);
    for i in 0..4 {
        let (mut up, mut down) = (at, at);
        up[i] += 1e-5;
        down[i] -= 1e-5;
        let slope = (of(up)[0] - of(down)[0]) / 2e-5;
        assert!((of(at)[i + 1] - slope).abs() < 1e-5, "{i}: {} {slope}", of(at)[i + 1]);
    }
}

#[test]
fn known_parameters_are_found_again() {
    // Within 4 standard errors of the Hessian, on the logarithms; a normal variate leaves that
    // range once in 16,000 draws.
    let (model, report) = BgNbd::fit(&generated(6000, 2)).expect("enough customers");
    assert!(report.converged && !report.at_bound && !report.used_fallback, "{report:?}");
    let errors = report.standard_errors.expect("a maximum");
    let pairs =
        [(model.r, TRUTH.r), (model.alpha, TRUTH.alpha), (model.a, TRUTH.a), (model.b, TRUTH.b)];
    for ((found, truth), error) in pairs.into_iter().zip(errors) {
        assert!((found / truth).ln().abs() <= 4.0 * error, "{found} {truth} {error}");
        assert!(error < 0.25, "an error that says nothing: {error}");
    }
}

#[test]
fn days_instead_of_weeks_change_nothing_but_the_unit() {
    let weeks = generated(1500, 3);
    let days: Vec<RepeatSummary> = weeks
        .iter()
        .map(|one| RepeatSummary { recency: one.recency * 7.0, age: one.age * 7.0, ..*one })
        .collect();
    let (of_weeks, in_weeks) = BgNbd::fit(&weeks).expect("enough customers");
    let (of_days, in_days) = BgNbd::fit(&days).expect("enough customers");
    assert!((of_days.alpha / of_weeks.alpha - 7.0).abs() < 1e-6);
    assert!((of_days.a / of_weeks.a - 1.0).abs() < 1e-6);
    // Each purchase time has a density, which is 7 times as thin by day.
    let n: u32 = weeks.iter().map(|one| one.repeat_purchases).sum();
    let thinner = in_weeks.log_likelihood - in_days.log_likelihood;
    assert!((thinner - f64::from(n) * 7.0_f64.ln()).abs() < 1e-6);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let customers = generated(9000, 4);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads are to be had").install(|| BgNbd::fit(&customers))
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn weekly_shoppers_get_finite_and_sensible_answers() {
    // 200 households that shop once or twice a week for a year, a tenth of which stopped half-way:
    // far from Poisson, and nearly all alike.
    let customers: Vec<RepeatSummary> = (0..200)
        .map(|i| {
            let age = 50.0;
            let seen = if i % 10 == 0 { 25.0 } else { age - 0.1 * f64::from(i % 7) };
            summary((seen * (1.0 + f64::from(i % 5) / 4.0)) as u32, seen, age)
        })
        .collect();
    let (model, report) = BgNbd::fit(&customers).expect("enough customers");
    assert!(report.log_likelihood.is_finite());
    let (here, gone) = (summary(75, 49.8, 50.0), summary(37, 25.0, 50.0));
    assert!(model.probability_alive(&here) > 0.9);
    assert!(model.probability_alive(&gone) < 1e-6);
    // A purchase and a half a week were made before, so about 6 are to be made in 4 weeks.
    let ahead = model.expected_purchases(&here, 4.0);
    assert!((4.0..=7.0).contains(&ahead), "{ahead}");
    for extreme in [summary(400, 50.0, 50.0), summary(400, 1.0, 50.0), summary(u32::MAX, 1.0, 1.0)]
    {
        let ahead = model.expected_purchases(&extreme, 52.0);
        assert!(ahead.is_finite() && ahead >= 0.0, "{ahead}");
    }
}

#[test]
fn customers_who_never_leave_are_reported_as_a_parameter_that_ran_off() {
    let customers: Vec<RepeatSummary> = (0..100).map(|i| summary(5 + i % 6, 30.0, 30.0)).collect();
    let (model, report) = BgNbd::fit(&customers).expect("enough customers");
    assert!(report.at_bound || report.standard_errors.is_none() || !report.converged, "{report:?}");
    let ahead = model.expected_purchases(&summary(8, 30.0, 30.0), 30.0);
    assert!((7.0..9.0).contains(&ahead), "{ahead}");
}

#[test]
fn sums_beyond_the_table_go_on_where_it_ends() {
    let (short, long) = (Rising::new(0.7, 10), Rising::new(0.7, 4000));
    for (found, expected) in short.at(4000).into_iter().zip(long.at(4000)) {
        assert!((found - expected).abs() <= 1e-11 * expected, "{found} {expected}");
    }
    assert!(TRUTH.log_likelihood(&[summary(u32::MAX, 1.0, 2.0)]).is_finite());
}

#[test]
fn a_negative_horizon_gives_no_number() {
    assert!(TRUTH.expected_purchases(&summary(2, 3.0, 9.0), -1.0).is_nan());
    assert!(TRUTH.expected_purchases_of_new(f64::NAN).is_nan());
}

proptest! {
    #[test]
    fn predictions_are_ordered_and_within_reason(
        x in 0_u32..400, share in 0.01_f64..1.0, age in 0.5_f64..300.0,
        r in 0.05_f64..20.0, alpha in 0.05_f64..100.0, a in 0.01_f64..20.0, b in 0.01_f64..50.0,
    ) {
        let model = BgNbd { r, alpha, a, b };
        let customer = summary(x, if x == 0 { 0.0 } else { share * age }, age);
        let alive = model.probability_alive(&customer);
        prop_assert!((0.0..=1.0).contains(&alive));
        let ahead = [1.0, 10.0, 100.0].map(|weeks| model.expected_purchases(&customer, weeks));
        prop_assert!(0.0 <= ahead[0] && ahead[0] <= ahead[1] && ahead[1] <= ahead[2]);
        // Never more than without dropout.
        let rate = (r + f64::from(x)) / (alpha + age);
        prop_assert!(ahead[2] <= alive * rate * 100.0 * (1.0 + 1e-9));
        prop_assert!(model.log_likelihood(&[customer]).is_finite());
        let later = RepeatSummary { age: age + 1.0, ..customer };
        prop_assert!(model.probability_alive(&later) <= alive);
    }
}
