//! Paired differences over customers and worlds: sampling and model uncertainty in one interval.

use super::error::EvaluateError;
use super::interval::{Interval, mean};
use serde::{Deserialize, Serialize};

/// A paired difference and where its uncertainty comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedEstimate {
    /// The mean difference with its interval.
    pub interval: Interval,
    /// Standard error from having these customers and no others.
    pub sampling_standard_error: f64,
    /// Standard error from not knowing which world is true; `None` with a single world, whose
    /// interval then leaves model uncertainty out.
    pub model_standard_error: Option<f64>,
}

/// Estimates the mean of `value(world, customer)` over `n` customers in `m` worlds.
///
/// Worlds are posterior draws of the fitted model, each simulated with the same customers. With
/// `s_c²` the variance of customer means (over worlds) and `s_w²` the variance of world means (over
/// customers), `se² = s_c²/n + (1 + 1/m) s_w²`. The truth is one more draw of the posterior, so its
/// distance to the mean of `m` draws has variance `(1 + 1/m) σ²`, as in Rubin's rules for multiple
/// imputation: more draws sharpen the figure but never make model uncertainty vanish. Under
/// `value = θ + customer + world + noise` the formula is exact for the first two parts and adds
/// `(1 + 1/m) σ_noise²/n` too much, so it errs on the safe side. Degrees of freedom:
/// `se⁴ / [(s_c²/n)²/(n−1) + ((1+1/m) s_w²)²/(m−1)]`, never below `min(n, m) − 1`.
/// Source: Rubin 1987, ch. 3; Satterthwaite 1946.
///
/// # Errors
/// [`EvaluateError::TooFew`] for no world or fewer than two customers;
/// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
pub fn paired(
    n_worlds: usize,
    customers: &[usize],
    level: f64,
    value: impl Fn(usize, usize) -> f64,
) -> Result<PairedEstimate, EvaluateError> {
    let too_few = |what, expected, found| {
        let advice = "simulate more before comparing arms";
        EvaluateError::TooFew { what, expected, found, advice }
    };
    if n_worlds < 1 {
        return Err(too_few("worlds", 1, n_worlds));
    }
    if customers.len() < 2 {
        return Err(too_few("customers", 2, customers.len()));
    }
    let (n, m) = (customers.len() as f64, n_worlds as f64);
    let mut of_customer = vec![0.0; customers.len()];
    let mut of_world = vec![0.0; n_worlds];
    for (world, world_mean) in of_world.iter_mut().enumerate() {
        for (&customer, customer_mean) in customers.iter().zip(&mut of_customer) {
            let found = value(world, customer);
            *customer_mean += found / m;
            *world_mean += found / n;
        }
    }
    let sampling = variance(&of_customer) / n;
    let model = if n_worlds > 1 { (1.0 + 1.0 / m) * variance(&of_world) } else { 0.0 };
    let total = sampling + model;
    let spread = sampling * sampling / (n - 1.0)
        + if n_worlds > 1 { model * model / (m - 1.0) } else { 0.0 };
    let degrees_of_freedom = if spread > 0.0 { total * total / spread } else { n - 1.0 };
    Ok(PairedEstimate {
        interval: Interval::student(mean(&of_world), total.sqrt(), degrees_of_freedom, level)?,
        sampling_standard_error: sampling.sqrt(),
        model_standard_error: (n_worlds > 1).then(|| model.sqrt()),
    })
}

/// The sample variance with divisor `n − 1`.
fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formula_holds_on_a_hand_worked_case() {
        // Worlds bring (1, 3) and (2, 6): customer means 1.5 and 4.5, s_c² = 4.5; world means 2
        // and 4, s_w² = 2; se² = 4.5/2 + 1.5·2 = 5.25.
        let table = [[1.0, 3.0], [2.0, 6.0]];
        let found = paired(2, &[0, 1], 0.95, |w, c| table[w][c]).expect("the input is valid");
        assert_eq!(found.interval.estimate, 3.0);
        assert!((found.interval.standard_error.powi(2) - 5.25).abs() < 1e-12);
        assert!((found.sampling_standard_error.powi(2) - 2.25).abs() < 1e-12);
        assert!((found.model_standard_error.expect("two worlds").powi(2) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_world_has_no_model_error_and_is_the_paired_t_interval() {
        // Differences 1, 2, 3: mean 2, se = 1/sqrt(3), t(0.975, 2) = 4.302653.
        let found = paired(1, &[0, 1, 2], 0.95, |_, c| 1.0 + c as f64).expect("it is valid");
        assert_eq!(found.model_standard_error, None);
        let reach = 4.302_653 / 3.0_f64.sqrt();
        assert!((found.interval.upper - 2.0 - reach).abs() < 1e-5);
    }

    #[test]
    fn nothing_to_compare_is_refused_and_equal_arms_have_no_width() {
        assert!(paired(0, &[0, 1], 0.95, |_, _| 0.0).is_err());
        assert!(paired(2, &[0], 0.95, |_, _| 0.0).is_err());
        let equal = paired(3, &[0, 1], 0.95, |_, _| 0.0).expect("it is valid").interval;
        assert_eq!((equal.lower, equal.upper), (0.0, 0.0));
        assert!(!equal.excludes_zero());
    }

    proptest! {
        #[test]
        fn swapping_the_arms_mirrors_the_interval(
            values in proptest::collection::vec(-9.0_f64..9.0, 12),
        ) {
            let there = paired(3, &[0, 1, 2, 3], 0.9, |w, c| values[w * 4 + c]).expect("valid");
            let back = paired(3, &[0, 1, 2, 3], 0.9, |w, c| -values[w * 4 + c]).expect("valid");
            prop_assert!((there.interval.lower + back.interval.upper).abs() < 1e-9);
            prop_assert!(there.interval.lower <= there.interval.estimate);
        }
    }
}
