//! A difference between two arms with its standard error, interval and p value, all on one scale.

use crate::distributions::student;
use serde::{Deserialize, Serialize};

/// Why an effect has no interval: said by name, never as NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Neither arm varies.
    ZeroVariance,
    /// A relative effect was asked of a baseline of zero.
    ZeroBaseline,
    /// An arm has fewer than two units.
    TooFewUnits,
}

/// An effect as the difference treatment − control, or that relative to control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Point estimate, in the unit of the metric or as a share of the control mean.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom of the t distribution; infinite for the normal one.
    pub degrees_of_freedom: f64,
    /// Lower bound of the two-sided interval.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Two-sided p value of no effect.
    pub p_value: f64,
    /// Confidence level in `(0, 1)`.
    pub level: f64,
    /// What stands in the way of an interval; then the bounds are the estimate and the p value is 1.
    pub condition: Option<Condition>,
}

impl Effect {
    /// `estimate ± t · standard_error` and the p value of the same t statistic.
    #[must_use]
    pub fn student(
        estimate: f64,
        standard_error: f64,
        degrees_of_freedom: f64,
        level: f64,
    ) -> Self {
        if standard_error.is_nan() || standard_error <= 0.0 {
            return Self::without_interval(estimate, level, Condition::ZeroVariance);
        }
        let reach = student::two_sided(level, degrees_of_freedom) * standard_error;
        let p_value = student::two_tails(estimate / standard_error, degrees_of_freedom);
        let (lower, upper) = (estimate - reach, estimate + reach);
        Self {
            estimate,
            standard_error,
            degrees_of_freedom,
            lower,
            upper,
            p_value,
            level,
            condition: None,
        }
    }

    /// `estimate ± z · standard_error`.
    #[must_use]
    pub fn normal(estimate: f64, standard_error: f64, level: f64) -> Self {
        Self::student(estimate, standard_error, f64::INFINITY, level)
    }

    /// An estimate that nothing can be said about.
    #[must_use]
    pub fn without_interval(estimate: f64, level: f64, condition: Condition) -> Self {
        Self {
            estimate,
            standard_error: 0.0,
            degrees_of_freedom: f64::INFINITY,
            lower: estimate,
            upper: estimate,
            p_value: 1.0,
            level,
            condition: Some(condition),
        }
    }
}
