//! What each term adds: the model fitted again without it, on weeks that neither fit saw.

use super::churn::usual_alive;
use super::design::Rows;
use super::error::DemandError;
use super::fit::parts::{Fitter, Part};
use super::glm::{Design, dot, fit};
use promopt_envs::retail::demand::features::Term;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Standard normal quantile of a two-sided 95 % interval.
const Z95: f64 = 1.959_963_985;
const PER_CUSTOMER_WEEKS: f64 = 1000.0;

/// What the model loses without a term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// Name of the term.
    pub term: String,
    /// Log-likelihood that the term adds per 1,000 held-out customer-weeks, over all parts.
    pub gain: f64,
    /// Lower bound of its 95 % interval, by customers.
    pub lower: f64,
    /// Upper bound of its 95 % interval.
    pub upper: f64,
}

/// Terms that are left out one at a time, by name.
const TERMS: [(&str, Term); 10] = [
    ("season", Term::Season),
    ("holidays", Term::Holidays),
    ("habit", Term::Habit),
    ("stock at home", Term::Stock),
    ("reference depth", Term::ReferenceDepth),
    ("contact fatigue", Term::Fatigue),
    ("regular price", Term::Price),
    ("halo of other categories", Term::Halo),
    ("shelf discount", Term::Shelf),
    ("offers", Term::Offer),
];

/// Log-likelihood of the held-out weeks by customer.
type ByCustomer = BTreeMap<u32, f64>;

/// Fits again without each term that is in the model, from the full fit and at its pooling strengths.
/// `plain` are the visit weights before silence was weighed, `hazard` the weekly hazard of leaving.
///
/// # Errors
/// [`DemandError::NotConverged`] when a smaller model does not converge.
pub(super) fn ablate(
    fitter: &Fitter<'_>,
    rows: &mut Rows,
    parts: &[Part],
    plain: &[f64],
    hazard: f64,
) -> Result<Vec<Ablation>, DemandError> {
    let full: Vec<Vec<f64>> = parts.iter().map(|part| part.fit.beta.clone()).collect();
    let held_out = HeldOut { fitter, rows: &*rows, parts };
    let whole = held_out.by_customer(&full, hazard);
    let weeks = held_out.customer_weeks();
    let mut table = Vec::new();
    for (name, term) in TERMS {
        // A term of which nothing was seen, such as offers where there were none, has no effect.
        if held_out.moves(term) {
            let smaller = held_out.without(term)?;
            table.push(compare(name, &whole, &held_out.by_customer(&smaller, hazard), weeks));
        }
    }
    if fitter.terms().churn {
        let weighed = std::mem::replace(&mut rows.visit.weight, plain.to_vec());
        let held_out = HeldOut { fitter, rows: &*rows, parts };
        let mut staying = full.clone();
        staying[0] = held_out.refit(&parts[0], &rows.visit, None)?;
        table.push(compare(
            "leaving for good",
            &whole,
            &held_out.by_customer(&staying, 0.0),
            weeks,
        ));
        rows.visit.weight = weighed;
    }
    Ok(table)
}

/// The held-out rows of all parts.
struct HeldOut<'a> {
    fitter: &'a Fitter<'a>,
    rows: &'a Rows,
    parts: &'a [Part],
}

impl HeldOut<'_> {
    /// The design of the part at this position: visit, incidence by category, units by category.
    fn design(&self, part: usize) -> &Design {
        let n = self.rows.incidence.len();
        match part {
            0 => &self.rows.visit,
            at if at <= n => &self.rows.incidence[at - 1],
            at => &self.rows.units[at - 1 - n],
        }
    }

    /// Whether any coefficient of the term differs from 0.
    fn moves(&self, term: Term) -> bool {
        let moves = |part: &Part| {
            let pairs = part.columns.iter().zip(&part.fit.beta);
            pairs.into_iter().any(|(column, b)| column.term == term && b.abs() > 1e-6)
        };
        self.parts.iter().any(moves)
    }

    /// Modes of all parts without a term; a part that has no column of it keeps its own.
    fn without(&self, term: Term) -> Result<Vec<Vec<f64>>, DemandError> {
        let one = |(at, part): (usize, &Part)| {
            if part.columns.iter().all(|column| column.term != term) {
                return Ok(part.fit.beta.clone());
            }
            self.refit(part, self.design(at), Some(term))
        };
        self.parts.par_iter().enumerate().map(one).collect()
    }

    fn refit(
        &self,
        part: &Part,
        design: &Design,
        without: Option<Term>,
    ) -> Result<Vec<f64>, DemandError> {
        let shape = match without {
            Some(term) => part.shape.without(&part.columns, term),
            None => part.shape.clone(),
        };
        let prior = shape.at(part.report.pooling);
        let start: Vec<f64> = part
            .columns
            .iter()
            .zip(&part.fit.beta)
            .map(|(column, b)| if Some(column.term) == without { 0.0 } else { *b })
            .collect();
        let sample = design.of(0..self.fitter.train_end);
        match fit(part.family, &sample, &prior, Some(&start)) {
            Some(found) if found.converged => Ok(found.beta),
            other => Err(DemandError::NotConverged {
                what: part.report.part.clone(),
                iterations: other.map_or(0, |f| f.iterations),
            }),
        }
    }

    /// Log-likelihood of the held-out weeks by customer. A visit is likely as far as the customer is
    /// still with us.
    fn by_customer(&self, modes: &[Vec<f64>], hazard: f64) -> ByCustomer {
        let mut sums = ByCustomer::new();
        for (at, (part, beta)) in self.parts.iter().zip(modes).enumerate() {
            let design = self.design(at);
            for i in design.of(self.fitter.train_end..u32::MAX).rows() {
                let (eta, y) = (dot(design.row(i), beta), design.y[i]);
                let gain = if at == 0 {
                    let alive = usual_alive(design.row(i), beta, self.rows.recency[i], hazard);
                    let p = (alive * part.family.mean(eta)).clamp(1e-12, 1.0 - 1e-12);
                    if y > 0.5 { p.ln() } else { (1.0 - p).ln() }
                } else {
                    part.family.log_likelihood(eta, y)
                };
                *sums.entry(design.customer[i]).or_default() += gain;
            }
        }
        sums
    }

    fn customer_weeks(&self) -> f64 {
        self.rows.visit.of(self.fitter.train_end..u32::MAX).n() as f64
    }
}

/// Paired by customer: the sum of differences over customer-weeks, with the standard error of a sum
/// over independent customers.
fn compare(term: &str, whole: &ByCustomer, smaller: &ByCustomer, weeks: f64) -> Ablation {
    let differences: Vec<f64> = whole
        .iter()
        .map(|(customer, gain)| gain - smaller.get(customer).copied().unwrap_or(0.0))
        .collect();
    let n = differences.len().max(1) as f64;
    let sum: f64 = differences.iter().sum();
    let spread: f64 = differences.iter().map(|d| (d - sum / n) * (d - sum / n)).sum();
    let se = (spread * n / (n - 1.0).max(1.0)).sqrt();
    let scale = PER_CUSTOMER_WEEKS / weeks.max(1.0);
    Ablation {
        term: term.to_owned(),
        gain: scale * sum,
        lower: scale * (sum - Z95 * se),
        upper: scale * (sum + Z95 * se),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_paired_by_customer() {
        let whole = ByCustomer::from([(1, -1.0), (2, -2.0)]);
        let smaller = ByCustomer::from([(1, -1.5), (2, -2.1)]);
        // Differences 0.5 and 0.1 over 100 customer-weeks: 6 per 1,000. Their deviations are ±0.2, so
        // the sum has standard error sqrt(0.08 · 2 / 1) = 0.4, 4 per 1,000.
        let found = compare("x", &whole, &smaller, 100.0);
        assert!((found.gain - 6.0).abs() < 1e-9);
        assert!((found.upper - found.gain - Z95 * 4.0).abs() < 1e-9);
    }
}
