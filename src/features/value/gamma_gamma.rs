//! The gamma-gamma model of the value of a purchase (Fader and Hardie 2013, "The gamma-gamma model
//! of monetary value").
//!
//! A customer's purchases are worth `Gamma(p, rate ν)` each, and over customers
//! `ν ~ Gamma(q, rate γ)`: the spread within a customer is proportional to the mean. Value is taken
//! to be independent of frequency; [`frequency_value_correlation`] says whether that is credible.

use super::minimise::{Objective, minimise};
use super::{FitReport, RepeatSummary, ValueError, check_positive, check_summaries};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

/// Customers with repeat purchases needed for a fit of three parameters.
const FEWEST: usize = 20;
/// Customers that are summed together: fixed, so that sums do not depend on threads.
const CHUNK: usize = 4096;

/// The three parameters, all positive and finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GammaGamma {
    /// Shape of the value of one purchase: the coefficient of variation within a customer is
    /// `1 / √p`.
    pub p: f64,
    /// Shape of the customers' rates.
    pub q: f64,
    /// Rate parameter of the customers' rates, money.
    pub gamma: f64,
}

impl GammaGamma {
    /// The model with these parameters.
    ///
    /// # Errors
    /// When one is not positive and finite.
    pub fn new(p: f64, q: f64, gamma: f64) -> Result<Self, ValueError> {
        for (name, value) in [("p", p), ("q", q), ("gamma", gamma)] {
            check_positive(name, value)?;
        }
        Ok(Self { p, q, gamma })
    }

    /// Maximum likelihood on the logarithms of the parameters, with values scaled to a mean of 1.
    ///
    /// Customers without repeat purchases, or whose mean value is not positive (returns), say
    /// nothing here and are left out; the report counts those that stay.
    ///
    /// # Errors
    /// When a summary cannot be true, or fewer than 20 customers stay.
    pub fn fit(customers: &[RepeatSummary]) -> Result<(Self, FitReport), ValueError> {
        check_summaries(customers)?;
        let mut kept: Vec<[f64; 2]> = usable(customers).collect();
        if kept.len() < FEWEST {
            return Err(ValueError::TooFew { found: kept.len(), needed: FEWEST });
        }
        let n = kept.len() as f64;
        let unit = kept.iter().map(|[_, mean]| mean).sum::<f64>() / n;
        kept.iter_mut().for_each(|[_, mean]| *mean /= unit);
        let best = minimise(&mean_loss(&kept), &[0.0, 0.5, 0.0]);
        let [p, q, gamma] = std::array::from_fn(|i| best.point[i].exp());
        let model = Self { p, q, gamma: gamma * unit };
        let report = FitReport {
            n_customers: kept.len(),
            log_likelihood: model.log_likelihood(customers),
            converged: best.converged,
            gradient: best.gradient,
            evaluations: best.evaluations,
            used_fallback: best.used_fallback,
            at_bound: best.at_bound,
            standard_errors: best
                .inverse_hessian
                .map(|inverse| (0..3).map(|i| (inverse[i * 4] / n).sqrt()).collect()),
        };
        Ok((model, report))
    }

    /// Log-likelihood of the mean values of customers with repeat purchases of positive value:
    /// the sum of `-ln m - ln B(px, q) - q ln(1 + xm/γ) - px ln(1 + γ/(xm))`.
    #[must_use]
    pub fn log_likelihood(&self, customers: &[RepeatSummary]) -> f64 {
        self.sums(&usable(customers).collect::<Vec<_>>())[0]
    }

    /// Expected value of a purchase, money: `p (γ + x m) / (p x + q - 1)`, the mean of the
    /// customer's own mean and that of all, weighted by what each knows.
    ///
    /// Infinite where `p x + q <= 1`, that is when values spread so wide that there is no mean, for
    /// customers without repeat purchase when `q <= 1`. A mean value below 0 counts as 0.
    #[must_use]
    pub fn expected_value(&self, customer: &RepeatSummary) -> f64 {
        let count = f64::from(customer.repeat_purchases);
        let known = self.p * count + self.q - 1.0;
        if known <= 0.0 {
            return f64::INFINITY;
        }
        self.p * (self.gamma + count * customer.mean_value.max(0.0)) / known
    }

    /// Log-likelihood and its derivatives by p, q, γ of pairs of count and mean value.
    fn sums(&self, customers: &[[f64; 2]]) -> [f64; 4] {
        let (digamma_q, ln_gamma_q) = (digamma(self.q), ln_gamma(self.q));
        let term = |[count, mean]: [f64; 2]| {
            let (shape, total) = (self.p * count, count * mean);
            let (own, all) = ((self.gamma / total).ln_1p(), (total / self.gamma).ln_1p());
            let digamma_both = digamma(shape + self.q);
            let ln_beta = ln_gamma(shape) + ln_gamma_q - ln_gamma(shape + self.q);
            [
                -mean.ln() - ln_beta - self.q * all - shape * own,
                count * (digamma_both - digamma(shape) - own),
                digamma_both - digamma_q - all,
                (self.q * total / self.gamma - shape) / (self.gamma + total),
            ]
        };
        let chunks: Vec<[f64; 4]> = customers
            .par_chunks(CHUNK)
            .map(|chunk| add_up(chunk.iter().map(|customer| term(*customer))))
            .collect();
        add_up(chunks.into_iter())
    }
}

/// Correlation (Pearson) of the number of repeat purchases and their mean value over customers
/// with both; the model takes it to be 0, and
/// [`LARGEST_CORRELATION`](super::LARGEST_CORRELATION) is where to stop believing it.
///
/// `None` with fewer than 3 such customers, or when one of the two does not vary.
#[must_use]
pub fn frequency_value_correlation(customers: &[RepeatSummary]) -> Option<f64> {
    let kept: Vec<[f64; 2]> = usable(customers).collect();
    let n = kept.len() as f64;
    let centre = [0, 1].map(|i| kept.iter().map(|pair| pair[i]).sum::<f64>() / n);
    let product = |i: usize, j: usize| -> f64 {
        kept.iter().map(|pair| (pair[i] - centre[i]) * (pair[j] - centre[j])).sum()
    };
    let spread = (product(0, 0) * product(1, 1)).sqrt();
    (kept.len() >= 3 && spread > 0.0).then(|| product(0, 1) / spread)
}

/// Count and mean value of customers that the model can learn from.
fn usable(customers: &[RepeatSummary]) -> impl Iterator<Item = [f64; 2]> {
    let pairs = customers.iter().map(|one| [f64::from(one.repeat_purchases), one.mean_value]);
    pairs.filter(|[count, mean]| *count > 0.0 && *mean > 0.0)
}

fn add_up(terms: impl Iterator<Item = [f64; 4]>) -> [f64; 4] {
    terms.fold([0.0; 4], |sums, term| std::array::from_fn(|i| sums[i] + term[i]))
}

/// Mean negative log-likelihood by the logarithms of the parameters.
fn mean_loss(customers: &[[f64; 2]]) -> Box<Objective<'_>> {
    let n = customers.len() as f64;
    Box::new(move |point, gradient| {
        let [p, q, gamma] = std::array::from_fn(|i| point[i].exp());
        let sums = GammaGamma { p, q, gamma }.sums(customers);
        for (i, parameter) in [p, q, gamma].into_iter().enumerate() {
            gradient[i] = -sums[i + 1] * parameter / n;
        }
        -sums[0] / n
    })
}

#[cfg(test)]
mod tests {
    use super::super::{BgNbd, CustomerValue, simulate_customers};
    use super::*;
    use promopt_envs::SeedTree;

    const TRUTH: GammaGamma = GammaGamma { p: 4.0, q: 3.5, gamma: 20.0 };

    fn summary(repeat_purchases: u32, mean_value: f64) -> RepeatSummary {
        let recency = f64::from(repeat_purchases.min(1));
        RepeatSummary { repeat_purchases, recency, age: 2.0, mean_value }
    }

    fn generated(n: u32, seed: u64) -> Vec<RepeatSummary> {
        let purchases = BgNbd { r: 1.0, alpha: 6.0, a: 0.8, b: 2.5 };
        let truth = CustomerValue { purchases, values: TRUTH };
        let logs = simulate_customers(&truth, n, 13.0, 52.0, SeedTree::new(seed)).expect("valid");
        logs.iter().filter_map(|log| RepeatSummary::of(log, 52.0)).collect()
    }

    #[test]
    fn a_density_and_an_expected_value_are_worked_by_hand() {
        let model = GammaGamma { p: 1.0, q: 2.0, gamma: 1.0 };
        // 1/B(1, 2) · (1/2)² · (1/2)¹ = 2/8; expected 1 · (1 + 1) / (1 + 2 - 1) = 1.
        let customer = summary(1, 1.0);
        assert!((model.log_likelihood(&[customer]) - 0.25_f64.ln()).abs() < 1e-14);
        assert!((model.expected_value(&customer) - 1.0).abs() < 1e-15);
        // Without repeats the mean of all, p γ / (q - 1).
        assert!((model.expected_value(&summary(0, 0.0)) - 1.0).abs() < 1e-15);
        assert!(GammaGamma { q: 1.0, ..model }.expected_value(&summary(0, 0.0)).is_infinite());
    }

    #[test]
    fn derivatives_are_those_of_the_likelihood() {
        let customers: Vec<[f64; 2]> = usable(&generated(200, 1)).collect();
        let at = [3.0, 2.5, 15.0];
        let of = |p: [f64; 3]| GammaGamma { p: p[0], q: p[1], gamma: p[2] }.sums(&customers);
        for i in 0..3 {
            let (mut up, mut down) = (at, at);
            up[i] += 1e-5;
            down[i] -= 1e-5;
            let slope = (of(up)[0] - of(down)[0]) / 2e-5;
            assert!((of(at)[i + 1] - slope).abs() < 1e-5, "{i}: {} {slope}", of(at)[i + 1]);
        }
    }

    #[test]
    fn known_parameters_are_found_again() {
        // Within 4 standard errors of the Hessian, on the logarithms.
        let (model, report) = GammaGamma::fit(&generated(6000, 2)).expect("enough customers");
        assert!(report.converged && !report.at_bound && !report.used_fallback, "{report:?}");
        let errors = report.standard_errors.expect("a maximum");
        let pairs = [(model.p, TRUTH.p), (model.q, TRUTH.q), (model.gamma, TRUTH.gamma)];
        for ((found, truth), error) in pairs.into_iter().zip(errors) {
            assert!((found / truth).ln().abs() <= 4.0 * error, "{found} {truth} {error}");
            assert!(error < 0.2, "an error that says nothing: {error}");
        }
    }

    #[test]
    fn returns_and_single_purchases_are_left_out_and_not_counted() {
        let mut customers = generated(500, 3);
        let (before, report) = GammaGamma::fit(&customers).expect("enough customers");
        customers.extend([summary(2, -5.0), summary(0, 0.0), summary(3, 0.0)]);
        assert_eq!(GammaGamma::fit(&customers), Ok((before, report)));
    }

    #[test]
    fn frequency_and_value_that_move_together_are_found_out() {
        let rising: Vec<RepeatSummary> =
            (1..50).map(|i| summary(i, 10.0 + 2.0 * f64::from(i))).collect();
        let found = frequency_value_correlation(&rising).expect("both vary");
        assert!((found - 1.0).abs() < 1e-12);
        // Generated independently: the standard error of 0 is 1/√n, heavy tails on both sides.
        let customers = generated(6000, 4);
        let n = usable(&customers).count() as f64;
        let found = frequency_value_correlation(&customers).expect("both vary");
        assert!(found.abs() < 4.0 / n.sqrt(), "{found}");
        assert_eq!(frequency_value_correlation(&[summary(2, 5.0); 9]), None);
        assert_eq!(frequency_value_correlation(&[]), None);
    }
}
