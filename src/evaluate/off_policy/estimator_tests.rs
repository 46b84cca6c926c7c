//! The formula at its edges: weights of zero, parameters at their limits, chunk borders.

use super::*;

const REWARDS: [f64; 4] = [1.0, -2.0, 0.5, 3.0];

fn rounds() -> Rounds<'static> {
    let (logged, target) = (vec![0.5, -1.0, 0.0, 2.0], vec![0.25, 0.5, 1.0, -1.0]);
    Rounds::with_model(&REWARDS, vec![0.0, 0.5, 4.0, 10.0], logged, target).expect("valid")
}

fn value(estimator: Estimator) -> f64 {
    estimator.summary(&rounds()).expect("there is weight").moments.mean
}

#[test]
fn a_weight_of_zero_stays_zero_and_shrinking_never_gives_nan() {
    for weighting in [
        Weighting::Shrunk(0.0),
        Weighting::Shrunk(1.0),
        Weighting::Shrunk(f64::INFINITY),
        Weighting::Smoothed(0.0),
        Weighting::Smoothed(1.0),
        Weighting::Clipped(0.0),
    ] {
        assert_eq!(weighting.apply(0.0), 0.0, "{weighting:?}");
        assert!(value(Estimator::of(weighting, true)).is_finite(), "{weighting:?}");
    }
    assert_eq!(Weighting::Smoothed(1.0).apply(7.0), 1.0);
}

#[test]
fn limits_of_the_parameters_are_the_plain_estimators() {
    let plain = value(DR);
    for weighting in [
        Weighting::Clipped(f64::INFINITY),
        Weighting::Switched(f64::INFINITY),
        Weighting::Shrunk(f64::INFINITY),
        Weighting::Smoothed(0.0),
    ] {
        assert_eq!(value(Estimator::of(weighting, true)), plain, "{weighting:?}");
    }
    assert_eq!(value(Estimator::of(Weighting::Shrunk(0.0), true)), value(DM));
}

#[test]
fn switching_keeps_the_threshold_itself() {
    assert_eq!(Weighting::Switched(4.0).apply(4.0), 4.0);
    assert_eq!(Weighting::Switched(4.0).apply(4.000_001), 0.0);
}

#[test]
fn estimates_are_those_by_hand() {
    // w r = 0, -1, 2, 30; w (r − q) = 0, -0.5, 2, 10; v = 0.25, 0.5, 1, -1; Σw = 14.5.
    assert_eq!(value(IPS), 31.0 / 4.0);
    assert_eq!(value(DM), 0.75 / 4.0);
    assert_eq!(value(DR), (0.75 + 11.5) / 4.0);
    assert!((value(SNIPS) - 31.0 / 14.5).abs() < 1e-15);
    assert!((value(SNDR) - (0.75 / 4.0 + 11.5 / 14.5)).abs() < 1e-15);
    let removed = Estimator::of(Weighting::Clipped(4.0), true).removed(&rounds());
    assert_eq!(removed.share_of_rounds, 0.25);
    assert!((removed.share_of_weight - 6.0 / 14.5).abs() < 1e-15);
}

#[test]
fn influences_sum_to_zero_and_are_the_derivative_of_the_estimate() {
    let rewards: Vec<f64> = (0..1_300).map(|i| f64::from(i % 7) - 2.0).collect();
    let weights: Vec<f64> = (0..1_300).map(|i| f64::from(i * i % 13) / 3.0).collect();
    let logged: Vec<f64> = (0..1_300).map(|i| f64::from(i % 5)).collect();
    let target: Vec<f64> = (0..1_300).map(|i| f64::from(i % 11)).collect();
    let all = Rounds::with_model(&rewards, weights.clone(), logged.clone(), target.clone());
    let all = all.expect("valid");
    let rest = Rounds::with_model(
        &rewards[..1_299],
        weights[..1_299].to_vec(),
        logged[..1_299].to_vec(),
        target[..1_299].to_vec(),
    );
    let rest = rest.expect("valid");
    for estimator in [IPS, SNIPS, DM, DR, SNDR] {
        let found = estimator.influence(&all).expect("there is weight");
        let deviations = found.deviations();
        let mean = estimator.summary(&all).expect("there is weight").moments.mean;
        assert!((found.value - mean).abs() < 1e-12 * mean.abs(), "{estimator}");
        assert!(sum(deviations).abs() < 1e-9 * 1_300.0, "{estimator}");
        let without = estimator.summary(&rest).expect("there is weight").moments.mean;
        // Leaving one round out moves the estimate by −D/(n−1), up to O(1/n²).
        let moved = (found.value - without) * 1_299.0;
        let last = deviations[1_299];
        assert!((moved - last).abs() < 0.01 * last.abs() + 1e-9, "{estimator}: {moved} {last}");
    }
}

#[test]
fn no_weight_and_parameters_out_of_range_are_named() {
    let none = Rounds::new(&REWARDS, vec![0.0; 4]).expect("valid");
    let message = SNIPS.summary(&none).expect_err("no weight").to_string();
    assert!(message.contains("snips"), "{message}");
    assert_eq!(IPS.summary(&none).expect("a mean of zeros").moments.mean, 0.0);
    for weighting in
        [Weighting::Clipped(-1.0), Weighting::Smoothed(1.5), Weighting::Shrunk(f64::NAN)]
    {
        let refused = Estimator::of(weighting, true).summary(&rounds());
        assert!(matches!(refused, Err(EvaluateError::InvalidSetting { .. })), "{weighting:?}");
    }
}
