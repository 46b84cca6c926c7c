//! Intervals for means of decisions that come in clusters, one cluster per customer.

use super::error::EvaluateError;
use super::logged::LoggedDecisions;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Confidence level used when nobody asks for another.
pub const DEFAULT_LEVEL: f64 = 0.95;

/// From here on t quantiles are expanded about the normal ones.
const LARGE_DEGREES_OF_FREEDOM: f64 = 500.0;

/// An estimate with its two-sided confidence interval, in the unit of the estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Point estimate.
    pub estimate: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Confidence level in `(0, 1)`, such as 0.95.
    pub level: f64,
    /// Standard error of the estimate.
    pub standard_error: f64,
}

impl Interval {
    /// `estimate ± t · standard_error` with the t quantile of the given degrees of freedom.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
    pub fn student(
        estimate: f64,
        standard_error: f64,
        degrees_of_freedom: f64,
        level: f64,
    ) -> Result<Self, EvaluateError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(EvaluateError::InvalidSetting {
                name: "level",
                expected: "a confidence level in (0, 1)",
                found: level,
            });
        }
        let reach = t_quantile(0.5 + level / 2.0, degrees_of_freedom)? * standard_error;
        let (lower, upper) = (estimate - reach, estimate + reach);
        Ok(Self { estimate, lower, upper, level, standard_error })
    }

    /// Whether zero lies outside the interval.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        self.lower > 0.0 || self.upper < 0.0
    }
}

/// The interval of a mean over decisions, robust to dependence within customers.
///
/// With `D_g = Σ_{i in g} deviation_i` for each of `G` customers and `n` decisions,
/// `se² = G/(G−1) · Σ_g D_g² / n²`, with the t quantile of `G − 1` degrees of freedom. A deviation
/// is the influence of a decision on the estimate: `x_i − mean(x)` for a plain mean, the linearised
/// ratio for SNIPS (delta method), so that neither a denominator nor the number of decisions per
/// customer is treated as fixed. Too narrow with few customers or one that dominates: read
/// [`overlap`](super::overlap) first. Source: Liang and Zeger 1986; Cameron and Miller 2015.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
pub fn clustered(
    estimate: f64,
    deviations: &[f64],
    log: &LoggedDecisions,
    level: f64,
) -> Result<Interval, EvaluateError> {
    let clusters = log.n_clusters() as f64;
    let variance = clusters / (clusters - 1.0) * cluster_sum_of_squares(deviations, log)
        / (log.len() as f64).powi(2);
    Interval::student(estimate, variance.sqrt(), clusters - 1.0, level)
}

/// `Σ_g (Σ_{i in g} deviation_i)²` over customers.
pub(super) fn cluster_sum_of_squares(deviations: &[f64], log: &LoggedDecisions) -> f64 {
    let mut sums = vec![0.0; log.n_clusters()];
    for (&rank, deviation) in log.cluster_ranks().iter().zip(deviations) {
        sums[rank] += deviation;
    }
    sums.iter().map(|sum| sum * sum).sum()
}

/// The quantile of Student's t distribution.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when the degrees of freedom are not above 0.
fn t_quantile(probability: f64, degrees_of_freedom: f64) -> Result<f64, EvaluateError> {
    if degrees_of_freedom > LARGE_DEGREES_OF_FREEDOM {
        // statrs loses three digits here. Expansion about the normal quantile z (Abramowitz and
        // Stegun 1964, 26.7.5), whose next term is below 1e-8.
        let z = Normal::standard().inverse_cdf(probability);
        let first = (z.powi(3) + z) / (4.0 * degrees_of_freedom);
        let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
        return Ok(z + first + second / degrees_of_freedom.powi(2));
    }
    match StudentsT::new(0.0, 1.0, degrees_of_freedom) {
        Ok(distribution) => Ok(distribution.inverse_cdf(probability)),
        Err(_) => Err(EvaluateError::InvalidSetting {
            name: "degrees_of_freedom",
            expected: "a number above 0",
            found: degrees_of_freedom,
        }),
    }
}

/// The arithmetic mean; NaN for nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::logged::LoggedTable;

    fn log(clusters: Vec<u32>) -> LoggedDecisions {
        let n = clusters.len();
        LoggedDecisions::new(LoggedTable {
            n_features: 0,
            n_actions: 1,
            observations: Vec::new(),
            actions: vec![0; n],
            propensities: vec![1.0; n],
            rewards: vec![0.0; n],
            clusters,
            masks: None,
            sequence: None,
        })
        .expect("the table is valid")
    }

    #[test]
    fn quantiles_agree_with_the_printed_tables() {
        let table = [(1.0, 12.706_205), (4.0, 2.776_445), (1e3, 1.962_339), (5e6, 1.959_964)];
        for (degrees, expected) in table {
            let found = t_quantile(0.975, degrees).expect("degrees are positive");
            assert!((found - expected).abs() < 1e-6, "{degrees}: {found}");
        }
    }

    #[test]
    fn quantiles_have_no_jump_where_the_expansion_takes_over() {
        for probability in [0.6, 0.95, 0.975, 0.995] {
            let below = t_quantile(probability, LARGE_DEGREES_OF_FREEDOM).expect("positive");
            let above = t_quantile(probability, LARGE_DEGREES_OF_FREEDOM + 1e-6).expect("positive");
            assert!((below - above).abs() < 1e-6, "{probability}: {below} and {above}");
        }
    }

    #[test]
    fn singletons_give_the_textbook_standard_error() {
        // 1, 2, 3, 6: mean 3, variance 14/3, se = sqrt(14/12).
        let deviations = [-2.0, -1.0, 0.0, 3.0];
        let interval = clustered(3.0, &deviations, &log(vec![0, 1, 2, 3]), 0.95).expect("valid");
        assert!((interval.standard_error - (14.0_f64 / 12.0).sqrt()).abs() < 1e-14);
        assert!((interval.upper - 3.0 - 3.182_446 * interval.standard_error).abs() < 1e-5);
    }

    #[test]
    fn copies_of_a_decision_add_no_certainty() {
        let single = clustered(0.0, &[-1.0, 1.0, 0.5], &log(vec![0, 1, 2]), 0.9).expect("valid");
        let twice = [-1.0, 1.0, 0.5, -1.0, 1.0, 0.5];
        let copied = clustered(0.0, &twice, &log(vec![0, 1, 2, 0, 1, 2]), 0.9).expect("valid");
        assert!((single.standard_error - copied.standard_error).abs() < 1e-15);
        assert_eq!((single.lower, single.upper), (copied.lower, copied.upper));
    }

    #[test]
    fn a_level_outside_the_unit_interval_is_refused() {
        for level in [0.0, 1.0, f64::NAN, 95.0] {
            assert!(Interval::student(0.0, 1.0, 3.0, level).is_err());
        }
    }
}
