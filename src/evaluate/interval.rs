//! Intervals for means of decisions that come in clusters, one cluster per customer.

use super::distributions::student;
use super::error::EvaluateError;
use super::logged::LoggedDecisions;
use serde::{Deserialize, Serialize};

/// Confidence level used when nobody asks for another.
pub const DEFAULT_LEVEL: f64 = 0.95;

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
    /// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)` or no degree of
    /// freedom is left.
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
        if degrees_of_freedom.is_nan() || degrees_of_freedom <= 0.0 {
            return Err(EvaluateError::InvalidSetting {
                name: "degrees_of_freedom",
                expected: "a number above 0",
                found: degrees_of_freedom,
            });
        }
        let reach = student::two_sided(level, degrees_of_freedom) * standard_error;
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
/// [`overlap`](super::off_policy::overlap) first. Source: Liang and Zeger 1986; Cameron and Miller 2015.
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

/// The arithmetic mean; NaN for nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logged::LoggedTable;

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
