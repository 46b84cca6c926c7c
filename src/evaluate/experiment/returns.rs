//! What an effect is worth: per day if shipped to all, per unit of promotion cost, per unit gained.

use super::effect::{Condition, Effect};
use super::moments::JointMoments;

/// The effect per unit and day of `units` units in an experiment that had `traffic` (a share) of all
/// for `days`, as the effect per day on all: `effect · units / (traffic · days)`.
#[must_use]
pub fn if_shipped(effect: &Effect, units: f64, traffic: f64, days: f64) -> Effect {
    let scale = units / (traffic * days);
    Effect {
        estimate: effect.estimate * scale,
        standard_error: effect.standard_error * scale,
        lower: effect.lower * scale,
        upper: effect.upper * scale,
        ..*effect
    }
}

/// Difference of the first variable over the difference of the second, such as incremental spend per
/// incremental cost. Both come from the same units, so their covariance counts (delta method).
///
/// When the second difference may be 0 at this level the ratio has no bounded interval: the condition
/// says [`Condition::ZeroBaseline`] and the bounds are infinite.
#[must_use]
pub fn ratio_of_differences(
    control: &JointMoments<2>,
    treatment: &JointMoments<2>,
    level: f64,
) -> Effect {
    let d = |i: usize| treatment.means[i] - control.means[i];
    let covariance = |i: usize, j: usize| {
        control.covariance(i, j) / control.n + treatment.covariance(i, j) / treatment.n
    };
    let ratio = d(0) / d(1);
    let below = Effect::normal(d(1), covariance(1, 1).sqrt(), level);
    let part = [1.0, -ratio];
    let cell = |i: usize, j: usize| part[i] * part[j] * covariance(i, j);
    let variance = (cell(0, 0) + 2.0 * cell(0, 1) + cell(1, 1)) / (d(1) * d(1));
    let found = Effect::normal(ratio, variance.sqrt(), level);
    if below.lower <= 0.0 && below.upper >= 0.0 {
        let (lower, upper) = (f64::NEG_INFINITY, f64::INFINITY);
        return Effect {
            lower,
            upper,
            p_value: 1.0,
            condition: Some(Condition::ZeroBaseline),
            ..found
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_by_hand_and_one_that_nobody_knows() {
        let arm = |spend: f64, cost: f64| JointMoments {
            n: 100.0,
            means: [spend, cost],
            products: [[99.0, 0.0], [0.0, 0.99]],
        };
        // Differences 4 and 2 with squared errors 0.02 and 0.0002.
        let found = ratio_of_differences(&arm(10.0, 1.0), &arm(14.0, 3.0), 0.95);
        assert!((found.estimate - 2.0).abs() < 1e-12);
        assert!((found.standard_error.powi(2) - (0.02 + 4.0 * 0.0002) / 4.0).abs() < 1e-12);
        let unknown = ratio_of_differences(&arm(10.0, 1.0), &arm(14.0, 1.001), 0.95);
        assert_eq!(unknown.condition, Some(Condition::ZeroBaseline));
        assert!(unknown.upper.is_infinite());
        let daily = if_shipped(&Effect::normal(2.0, 1.0, 0.95), 100.0, 0.5, 10.0);
        assert_eq!((daily.estimate, daily.standard_error), (40.0, 20.0));
    }
}
