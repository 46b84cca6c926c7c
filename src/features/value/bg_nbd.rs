//! The BG/NBD model of repeat buying (Fader, Hardie and Lee 2005, "Counting your customers the
//! easy way").
//!
//! While alive, a customer buys as a Poisson process of rate `λ`; after each repeat purchase the
//! customer drops out with probability `p`, for good and unseen. Over customers
//! `λ ~ Gamma(r, rate α)` and `p ~ Beta(a, b)`, independently. A customer who never came back counts
//! as alive: there was no repeat purchase to drop out after.
//!
//! **When it fails.** Buying is taken to be Poisson: the time since the last purchase says nothing
//! about when the next is due, apart from dropout. A weekly shopper is far more regular. The model
//! then underrates how sure an absence of three weeks is to mean something, its heterogeneity
//! mops up the rest, and standard errors are too small. It knows no season, no holidays, no growth
//! of habit and no return of the lost. The likelihood stays finite and the predictions ordered and
//! sensible for hundreds of purchases, but look at
//! [`Calibration`](super::calibration::Calibration) and its baseline before using them: for
//! customers who buy every week "the same rate as before" is hard to beat.

use super::minimise::{Objective, minimise};
use super::purchases_ahead::purchases_before_dropout;
use super::{FitReport, RepeatSummary, ValueError, check_positive, check_summaries};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

/// Customers with repeat purchases needed for a fit of four parameters.
const FEWEST: usize = 20;
/// Customers that a starting point is chosen on.
const START_SAMPLE: usize = 20_000;
/// Repeat purchases up to which sums are tabled; who has more is taken for a customer all the same.
const LONGEST_TABLE: u32 = 4096;
/// Customers that are summed together: fixed, so that sums do not depend on threads.
const CHUNK: usize = 4096;

/// The four parameters, all positive and finite; with others what the methods return means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BgNbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate parameter of the purchase rates, weeks: the mean purchase rate is `r / alpha` per week.
    pub alpha: f64,
    /// First shape of the dropout probabilities: their mean is `a / (a + b)` per repeat purchase.
    pub a: f64,
    /// Second shape of the dropout probabilities.
    pub b: f64,
}

impl BgNbd {
    /// The model with these parameters.
    ///
    /// # Errors
    /// When one is not positive and finite.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Result<Self, ValueError> {
        for (name, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            check_positive(name, value)?;
        }
        Ok(Self { r, alpha, a, b })
    }

    /// Maximum likelihood on the logarithms of the parameters, with ages scaled to a mean of 1.
    ///
    /// Always look at the report: a fit that did not converge is returned all the same.
    ///
    /// # Errors
    /// When a summary cannot be true, or fewer than 20 customers have repeat purchases.
    pub fn fit(customers: &[RepeatSummary]) -> Result<(Self, FitReport), ValueError> {
        check_summaries(customers)?;
        let found = customers.iter().filter(|one| one.repeat_purchases > 0).count();
        if found < FEWEST {
            return Err(ValueError::TooFew { found, needed: FEWEST });
        }
        let unit = customers.iter().map(|one| one.age).sum::<f64>() / customers.len() as f64;
        let scaled: Vec<RepeatSummary> = customers
            .iter()
            .map(|one| RepeatSummary { recency: one.recency / unit, age: one.age / unit, ..*one })
            .collect();
        let best = minimise(&mean_loss(&scaled), &start(&scaled));
        let [r, alpha, a, b] = std::array::from_fn(|i| best.point[i].exp());
        let model = Self { r, alpha: alpha * unit, a, b };
        let n = customers.len() as f64;
        let report = FitReport {
            n_customers: customers.len(),
            log_likelihood: model.log_likelihood(customers),
            converged: best.converged,
            gradient: best.gradient,
            evaluations: best.evaluations,
            used_fallback: best.used_fallback,
            at_bound: best.at_bound,
            standard_errors: best
                .inverse_hessian
                .map(|inverse| (0..4).map(|i| (inverse[i * 5] / n).sqrt()).collect()),
        };
        Ok((model, report))
    }

    /// Log-likelihood, the sum over customers of equation 6 of the paper, times in weeks.
    #[must_use]
    pub fn log_likelihood(&self, customers: &[RepeatSummary]) -> f64 {
        self.sums(customers)[0]
    }

    /// Probability that the customer has not dropped out by the end of the observation:
    /// `1 / (1 + a/(b+x-1) · ((α+T)/(α+t_x))^(r+x))`, and 1 without repeat purchase.
    #[must_use]
    pub fn probability_alive(&self, customer: &RepeatSummary) -> f64 {
        1.0 / (1.0 + self.ln_odds_dropped(customer).exp())
    }

    /// Expected purchases in the `weeks` after the observation (equation 10), without the
    /// cancellation and overflow of the published form: the probability of being alive times what
    /// is expected of a customer with rate `Gamma(r+x, α+T)` and dropout `Beta(a, b+x)`.
    ///
    /// NaN when `weeks` is negative or not finite.
    #[must_use]
    pub fn expected_purchases(&self, customer: &RepeatSummary, weeks: f64) -> f64 {
        let count = f64::from(customer.repeat_purchases);
        let growth = weeks / (self.alpha + customer.age);
        self.probability_alive(customer)
            * purchases_before_dropout(self.r + count, self.a, self.b + count, growth)
    }

    /// Expected repeat purchases of a new customer in the first `weeks` (equation 9).
    ///
    /// NaN when `weeks` is negative or not finite.
    #[must_use]
    pub fn expected_purchases_of_new(&self, weeks: f64) -> f64 {
        purchases_before_dropout(self.r, self.a, self.b, weeks / self.alpha)
    }

    /// Logarithm of the odds of having dropped out at the last purchase; -∞ without repeats.
    fn ln_odds_dropped(&self, customer: &RepeatSummary) -> f64 {
        if customer.repeat_purchases == 0 {
            return f64::NEG_INFINITY;
        }
        let count = f64::from(customer.repeat_purchases);
        let quiet = ((customer.age - customer.recency) / (self.alpha + customer.recency)).ln_1p();
        self.a.ln() - (self.b + count - 1.0).ln() + (self.r + count) * quiet
    }

    /// Log-likelihood and its derivatives by r, α, a, b, in an order of summation that does not
    /// depend on the number of threads.
    fn sums(&self, customers: &[RepeatSummary]) -> [f64; 5] {
        let most = customers.iter().map(|one| one.repeat_purchases).max().unwrap_or(0);
        let rising = [self.r, self.b, self.a + self.b].map(|from| Rising::new(from, most));
        let chunks: Vec<[f64; 5]> = customers
            .par_chunks(CHUNK)
            .map(|chunk| add_up(chunk.iter().map(|customer| self.terms(customer, &rising))))
            .collect();
        add_up(chunks.into_iter())
    }

    /// One customer's part of [`Self::sums`]. With `(z)_x` the rising factorial,
    /// `ln L = ln (r)_x + ln (b)_x - ln (a+b)_x - r ln(1 + T/α) - x ln(α+T) + ln(1 + D)`, where `D`
    /// are the odds of having dropped out.
    fn terms(&self, customer: &RepeatSummary, rising: &[Rising; 3]) -> [f64; 5] {
        let count = f64::from(customer.repeat_purchases);
        let (alpha, age) = (self.alpha, customer.age);
        let [of_r, of_b, of_both] =
            rising.each_ref().map(|table| table.at(customer.repeat_purchases));
        let grown = (age / alpha).ln_1p();
        let mut sums = [
            of_r[0] + of_b[0] - of_both[0] - self.r * grown - count * (alpha + age).ln(),
            of_r[1] - grown,
            self.r * age / (alpha * (alpha + age)) - count / (alpha + age),
            -of_both[1],
            of_b[1] - of_both[1],
        ];
        if customer.repeat_purchases > 0 {
            let odds = self.ln_odds_dropped(customer);
            let dropped = 1.0 / (1.0 + (-odds).exp());
            let until = alpha + customer.recency;
            sums[0] += odds.max(0.0) + (-odds.abs()).exp().ln_1p();
            sums[1] += dropped * ((age - customer.recency) / until).ln_1p();
            sums[2] += dropped * (self.r + count) * (1.0 / (alpha + age) - 1.0 / until);
            sums[3] += dropped / self.a;
            sums[4] -= dropped / (self.b + count - 1.0);
        }
        sums
    }
}

/// `ln (z)_x = Σ_{i<x} ln(z + i)` and its derivative `Σ_{i<x} 1/(z + i)`, for all x that occur up
/// to [`LONGEST_TABLE`]: exact where differences of log-gammas would cancel.
struct Rising {
    from: f64,
    table: Vec<[f64; 2]>,
}

impl Rising {
    fn new(from: f64, most: u32) -> Self {
        let most = most.min(LONGEST_TABLE);
        let mut table = Vec::with_capacity(most as usize + 1);
        let mut sums = [0.0, 0.0];
        table.push(sums);
        for i in 0..most {
            let at = from + f64::from(i);
            sums = [sums[0] + at.ln(), sums[1] + at.recip()];
            table.push(sums);
        }
        Self { from, table }
    }

    fn at(&self, x: u32) -> [f64; 2] {
        self.table.get(x as usize).copied().unwrap_or_else(|| {
            let until = self.from + f64::from(x);
            let slope = digamma(until) - digamma(self.from);
            [ln_gamma(until) - ln_gamma(self.from), slope]
        })
    }
}

fn add_up(terms: impl Iterator<Item = [f64; 5]>) -> [f64; 5] {
    terms.fold([0.0; 5], |sums, term| std::array::from_fn(|i| sums[i] + term[i]))
}

/// Mean negative log-likelihood by the logarithms of the parameters.
fn mean_loss(customers: &[RepeatSummary]) -> Box<Objective<'_>> {
    let n = customers.len() as f64;
    Box::new(move |point, gradient| {
        let [r, alpha, a, b] = std::array::from_fn(|i| point[i].exp());
        let sums = BgNbd { r, alpha, a, b }.sums(customers);
        for (i, parameter) in [r, alpha, a, b].into_iter().enumerate() {
            gradient[i] = -sums[i + 1] * parameter / n;
        }
        -sums[0] / n
    })
}

/// The better of a few searches on a sample taken at equal distances.
fn start(customers: &[RepeatSummary]) -> Vec<f64> {
    let every = customers.len().div_ceil(START_SAMPLE);
    let sample: Vec<RepeatSummary> = customers.iter().step_by(every).copied().collect();
    let loss = mean_loss(&sample);
    let mut unused = [0.0; 4];
    let starts = [[0.0, 0.0, 0.0, 0.0], [-1.0, -2.0, -0.5, 1.0], [1.0, -3.0, 0.0, 3.0]];
    let ends = starts.map(|from| minimise(&loss, &from).point);
    let rated = ends.map(|end| (loss(&end, &mut unused), end));
    let [first, rest @ ..] = rated;
    rest.into_iter().fold(first, |best, next| if next.0 < best.0 { next } else { best }).1
}

#[cfg(test)]
#[path = "bg_nbd_tests.rs"]
mod tests;
