//! Customer value: how often a customer will come back, and what that is worth.
//!
//! [`BgNbd`] says how many purchases to expect, [`GammaGamma`] how much money each brings, and
//! [`CustomerValue`] puts both together. [`calibrate`] fits on the first
//! part of a history and judges on the rest, beside a baseline.

pub mod bg_nbd;
pub mod calibration;
pub mod gamma_gamma;
#[cfg(test)]
mod golden_tests;
mod minimise;
mod purchases_ahead;
pub mod simulate;

pub use bg_nbd::BgNbd;
pub use calibration::{Calibration, CalibrationRow, TrackingWeek, calibrate};
pub use gamma_gamma::{GammaGamma, frequency_value_correlation};
pub use simulate::simulate_customers;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Above this correlation between frequency and value, in size, [`GammaGamma`] is a poor model.
pub const LARGEST_CORRELATION: f64 = 0.3;

/// One purchase occasion: everything a customer bought at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Purchase {
    /// Weeks since the start of the history; days are sevenths.
    pub time: f64,
    /// Money.
    pub value: f64,
}

/// All that the models need to know of a customer. The first purchase makes someone a customer;
/// only the later ones, the repeat purchases, are counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RepeatSummary {
    /// Number of purchase occasions after the first, `x`.
    pub repeat_purchases: u32,
    /// Weeks from the first to the last purchase, `t_x`; 0 when there is no repeat purchase.
    pub recency: f64,
    /// Weeks from the first purchase to the end of the observation, `T`.
    pub age: f64,
    /// Mean value of the repeat purchases, money; 0 when there is none.
    pub mean_value: f64,
}

impl RepeatSummary {
    /// Summary of the purchases up to and including week `end`, in the order of their times;
    /// purchases at the same time count as one. `None` when the first comes after `end`.
    #[must_use]
    pub fn of(purchases: &[Purchase], end: f64) -> Option<Self> {
        let seen = &purchases[..purchases.partition_point(|purchase| purchase.time <= end)];
        let first = seen.first()?.time;
        let repeats = &seen[seen.partition_point(|purchase| purchase.time <= first)..];
        let count = repeats.chunk_by(|a, b| a.time == b.time).count();
        let value: f64 = repeats.iter().map(|purchase| purchase.value).sum();
        Some(Self {
            repeat_purchases: u32::try_from(count).unwrap_or(u32::MAX),
            recency: repeats.last().map_or(0.0, |last| last.time - first),
            age: end - first,
            mean_value: if count == 0 { 0.0 } else { value / count as f64 },
        })
    }

    /// What is wrong with the summary, if anything.
    fn problem(&self) -> Option<&'static str> {
        let times = [self.recency, self.age, self.mean_value];
        if times.iter().any(|value| !value.is_finite()) {
            Some("a value that is not finite")
        } else if self.recency < 0.0 || self.recency > self.age {
            Some("a recency outside of 0 to the age")
        } else if (self.repeat_purchases == 0) != (self.recency == 0.0) {
            Some("a recency that is 0 with repeat purchases, or above 0 without")
        } else {
            None
        }
    }
}

fn check_summaries(customers: &[RepeatSummary]) -> Result<(), ValueError> {
    let bad = customers.iter().enumerate().find_map(|(row, one)| Some((row, one.problem()?)));
    bad.map_or(Ok(()), |(row, problem)| Err(ValueError::Summary { row, problem }))
}

/// How a fit by maximum likelihood went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// Customers that the likelihood is taken over.
    pub n_customers: usize,
    /// Log-likelihood at the estimate.
    pub log_likelihood: f64,
    /// Whether the gradient vanished at the estimate and the curvature is that of a maximum.
    pub converged: bool,
    /// Largest derivative, in size, of the mean log-likelihood by the logarithm of a parameter.
    pub gradient: f64,
    /// Evaluations of the likelihood once a start was chosen.
    pub evaluations: usize,
    /// Whether the search by gradient had to be started anew from a search without.
    pub used_fallback: bool,
    /// Whether a parameter ran off towards 0 or infinity: the data do not say what it is, as when
    /// nobody drops out or all customers are alike. Predictions may still be good.
    pub at_bound: bool,
    /// Standard errors of the logarithms of the parameters, in their order, from the inverse
    /// Hessian; times the parameter they are standard errors of the parameters. `None` when the
    /// Hessian is not positive definite.
    pub standard_errors: Option<Vec<f64>>,
}

/// Why value could not be fitted or computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// A customer's summary cannot be true.
    #[error(
        "expected repeat purchases with 0 < recency <= age, found {problem} in row {row}: \
             check the purchase times of this customer"
    )]
    Summary {
        /// Row of the customer.
        row: usize,
        /// What was found.
        problem: &'static str,
    },
    /// Too few customers to learn from.
    #[error(
        "expected at least {needed} customers with repeat purchases, found {found}: use a \
             longer history"
    )]
    TooFew {
        /// Customers found.
        found: usize,
        /// Customers needed.
        needed: usize,
    },
    /// A number that has to be within a range is not.
    #[error("expected {name} to be {range}, found {found}: correct it")]
    Range {
        /// Name of the number.
        name: &'static str,
        /// Where it has to lie.
        range: &'static str,
        /// What was found.
        found: f64,
    },
}

fn check_positive(name: &'static str, found: f64) -> Result<(), ValueError> {
    let good = found > 0.0 && found.is_finite();
    good.then_some(()).ok_or(ValueError::Range { name, range: "positive and finite", found })
}

/// What a lifetime value is counted over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValueTerms {
    /// Weeks ahead.
    pub horizon_weeks: u32,
    /// Discount rate per week `d`: money of `w` weeks ahead counts `(1 + d)^-w`. At 10 % a year it
    /// is `1.1^(1/52) - 1 = 0.00183`.
    pub weekly_discount_rate: f64,
    /// Margin over value: what is left of a unit of money spent.
    pub margin_rate: f64,
}

impl ValueTerms {
    fn check(&self) -> Result<(), ValueError> {
        let (rate, margin) = (self.weekly_discount_rate, self.margin_rate);
        if !(rate > -1.0 && rate.is_finite()) {
            let (name, range) = ("weekly_discount_rate", "above -1 and finite");
            return Err(ValueError::Range { name, range, found: rate });
        }
        if !margin.is_finite() {
            return Err(ValueError::Range { name: "margin_rate", range: "finite", found: margin });
        }
        Ok(())
    }
}

/// Both models of a customer base.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CustomerValue {
    /// How often.
    pub purchases: BgNbd,
    /// How much.
    pub values: GammaGamma,
}

/// How both fits went, and whether they may be put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueFit {
    /// Of the purchases.
    pub purchases: FitReport,
    /// Of their values.
    pub values: FitReport,
    /// As of [`frequency_value_correlation`].
    pub correlation: Option<f64>,
}

impl ValueFit {
    /// Whether frequency and value move together so much that their product misleads: then who
    /// buys often is given the values of who does not.
    #[must_use]
    pub fn value_depends_on_frequency(&self) -> bool {
        self.correlation.is_some_and(|found| found.abs() > LARGEST_CORRELATION)
    }
}

impl CustomerValue {
    /// Fits both models.
    ///
    /// # Errors
    /// As of [`BgNbd::fit`] and [`GammaGamma::fit`].
    pub fn fit(customers: &[RepeatSummary]) -> Result<(Self, ValueFit), ValueError> {
        let (purchases, of_purchases) = BgNbd::fit(customers)?;
        let (values, of_values) = GammaGamma::fit(customers)?;
        let correlation = frequency_value_correlation(customers);
        let report = ValueFit { purchases: of_purchases, values: of_values, correlation };
        Ok((Self { purchases, values }, report))
    }

    /// Expected discounted margin of a customer's purchases after the observation, money:
    /// `margin · E[M] · Σ_{w=1..H} (E[Y(w)] - E[Y(w-1)]) / (1 + d)^w`, the money of a week counted
    /// at its end (Fader, Hardie and Lee 2005, "RFM and CLV", with the gamma-gamma mean `E[M]`).
    /// Infinite where [`GammaGamma::expected_value`] is.
    ///
    /// # Errors
    /// When the terms are out of range.
    pub fn lifetime_value(
        &self,
        customer: &RepeatSummary,
        terms: &ValueTerms,
    ) -> Result<f64, ValueError> {
        terms.check()?;
        Ok(self.value_on(customer, terms))
    }

    /// [`Self::lifetime_value`] of many customers, on all threads.
    ///
    /// # Errors
    /// When the terms are out of range or a summary cannot be true.
    pub fn lifetime_values(
        &self,
        customers: &[RepeatSummary],
        terms: &ValueTerms,
    ) -> Result<Vec<f64>, ValueError> {
        terms.check()?;
        check_summaries(customers)?;
        Ok(customers.par_iter().map(|customer| self.value_on(customer, terms)).collect())
    }

    fn value_on(&self, customer: &RepeatSummary, terms: &ValueTerms) -> f64 {
        let (mut before, mut weight, mut purchases) = (0.0, 1.0, 0.0);
        for week in 1..=terms.horizon_weeks {
            let until = self.purchases.expected_purchases(customer, f64::from(week));
            weight /= 1.0 + terms.weekly_discount_rate;
            purchases += (until - before) * weight;
            before = until;
        }
        terms.margin_rate * self.values.expected_value(customer) * purchases
    }
}

#[cfg(test)]
#[path = "value/value_tests.rs"]
mod tests;
