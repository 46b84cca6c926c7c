//! The parts of the model, fitted one after the other: visit, then incidence and units of each
//! category around what all categories share.

use super::super::coefficients::{Coefficient, describe};
use super::super::design::{PartColumn, Rows, incidence_columns, units_columns, visit_columns};
use super::super::error::DemandError;
use super::super::glm::{
    Design, Family, GlmFit, Prior, RowTag, Sample, dot, fit, mean_log_likelihood,
};
use super::super::spread::covariance_factor;
use super::priors::PriorShape;
use super::{FitTerms, OfferEvidence, PartReport, VALIDATION_WEEKS};
use promopt_envs::retail::demand::features::Sign;
use rayon::prelude::*;
use statrs::function::gamma::ln_gamma;

/// Strengths of pooling that are tried.
const STRENGTHS: [f64; 4] = [1.0, 4.0, 16.0, 64.0];
/// Pooling of personas while the hazard of leaving is learnt.
const CHURN_POOLING: f64 = 16.0;
/// Rows that the fit over all categories, and the choice of a pooling strength, need.
const ROWS_MIN: usize = 50;
/// Purchases below which a category keeps the pooled response.
const PURCHASES_MIN: usize = 100;
/// Rows used for the fit over all categories.
const POOLED_ROWS_MAX: usize = 400_000;
/// Smallest and largest dispersion of units.
const DISPERSION_RANGE: (f64, f64) = (1e-4, 10.0);
/// Rows that the dispersion is read from.
const DISPERSION_ROWS_MAX: usize = 20_000;
const GOLDEN_STEPS: usize = 30;

/// One part: its posterior, and how it went.
pub(in crate::demand) struct Part {
    pub(in crate::demand) family: Family,
    pub(in crate::demand) columns: Vec<PartColumn>,
    pub(in crate::demand) shape: PriorShape,
    pub(in crate::demand) prior: Prior,
    pub(in crate::demand) fit: GlmFit,
    /// Lower factor of the covariance of the coefficients, given what all categories share.
    pub(in crate::demand) spread: Vec<f64>,
    /// How the coefficients move with what all categories share, see [`Shared::lean`]; empty for a
    /// part that shares nothing.
    pub(in crate::demand) lean: Vec<f64>,
    pub(in crate::demand) report: PartReport,
}

/// What all categories share: the prior mean of each of them, itself uncertain.
struct Shared {
    /// Shape `[s]`, the first columns of the parts.
    mean: Vec<f64>,
    /// Lower factor of its covariance, `[s × s]`.
    spread: Vec<f64>,
}

impl Shared {
    /// How the coefficients of a category move with one standard normal of the shared mean, shape
    /// `[p × s]`: the mode under a prior of mean `m` and precision `Λ` has `dβ/dm = H⁻¹ Λ`. A draw
    /// that left this out would take the prior mean for known, and categories that lean on it would
    /// be too sure of themselves (Morris 1983).
    fn lean(&self, fit: &GlmFit, prior: &Prior) -> Vec<f64> {
        let (p, s) = (fit.beta.len(), self.mean.len());
        let mut lean = vec![0.0; p * s];
        for k in 0..s {
            let pulled = |j: usize| prior.precision[j] * self.spread[j * s + k];
            let right = (0..p).map(|j| if j < s { pulled(j) } else { 0.0 }).collect();
            let moved = crate::evaluate::cholesky::solve_factored(&fit.factor, right);
            (0..p).for_each(|j| lean[j * s + k] = moved[j]);
        }
        lean
    }
}

/// Fits parts of one history.
pub(in crate::demand) struct Fitter<'a> {
    names: &'a [&'a str],
    n_personas: usize,
    pub(in crate::demand) train_end: u32,
    terms: FitTerms,
    signs: bool,
}

impl<'a> Fitter<'a> {
    pub(super) fn new(
        names: &'a [&'a str],
        n_personas: usize,
        train_end: u32,
        terms: FitTerms,
        signs: bool,
    ) -> Self {
        Self { names, n_personas, train_end, terms, signs }
    }

    /// Columns without the signs of theory when they are not asked for.
    fn signed(&self, mut columns: Vec<PartColumn>) -> Vec<PartColumn> {
        if !self.signs {
            columns.iter_mut().for_each(|column| column.sign = Sign::Free);
        }
        columns
    }

    /// Prior of the visit part while the hazard of leaving is learnt.
    pub(super) fn churn_prior(&self) -> Prior {
        let columns = self.signed(visit_columns(self.n_personas));
        PriorShape::around_zero(&columns, self.terms).at(Some(CHURN_POOLING))
    }

    /// Whether a term is in the model, and there is something to learn it from.
    pub(in crate::demand) fn terms(&self) -> FitTerms {
        self.terms
    }

    /// Visit, then incidence by category, then units by category.
    pub(super) fn fit_all(&self, rows: &Rows) -> Result<Vec<Part>, DemandError> {
        let columns = self.signed(visit_columns(self.n_personas));
        let shape = PriorShape::around_zero(&columns, self.terms);
        let mut parts =
            vec![self.part("visit", Family::Bernoulli, &rows.visit, (columns, shape), None)?];
        let columns = self.signed(incidence_columns(self.n_personas));
        let shared = self.pooled(Family::Bernoulli, &rows.incidence, &columns, "incidence")?;
        parts.extend(self.by_category("incidence", &rows.incidence, &columns, &shared)?);
        let columns = self.signed(units_columns(self.n_personas));
        let poisson = Family::Counts { dispersion: 0.0 };
        let shared = self.pooled(poisson, &rows.units, &columns, "units")?;
        parts.extend(self.by_category("units", &rows.units, &columns, &shared)?);
        Ok(parts)
    }

    fn by_category(
        &self,
        what: &str,
        designs: &[Design],
        columns: &[PartColumn],
        shared: &Shared,
    ) -> Result<Vec<Part>, DemandError> {
        let shape = PriorShape::around(columns, &shared.mean, self.terms);
        let fit_one = |(design, name): (&Design, &&str)| {
            let family = match what {
                "incidence" => Family::Bernoulli,
                _ => Family::Counts { dispersion: self.dispersion(design, &shape) },
            };
            let name = format!("{what}:{name}");
            self.part(&name, family, design, (columns.to_vec(), shape.clone()), Some(shared))
        };
        designs.par_iter().zip(self.names).map(fit_one).collect()
    }

    /// The fit over all categories on the shared columns, on evenly spaced rows when there are many.
    fn pooled(
        &self,
        family: Family,
        designs: &[Design],
        columns: &[PartColumn],
        what: &'static str,
    ) -> Result<Shared, DemandError> {
        let samples: Vec<Sample<'_>> = designs.iter().map(|d| d.of(0..self.train_end)).collect();
        let total: usize = samples.iter().map(Sample::n).sum();
        if total < ROWS_MIN {
            return Err(DemandError::TooFewRows { what, needed: ROWS_MIN, got: total });
        }
        let shared: Vec<PartColumn> = columns.iter().filter(|c| !c.of_persona).cloned().collect();
        let stride = total.div_ceil(POOLED_ROWS_MAX);
        let mut design = Design::new(shared.len());
        for sample in &samples {
            for i in sample.rows().step_by(stride) {
                let from = sample.design;
                let (customer, week, weight) = (from.customer[i], from.week[i], from.weight[i]);
                let row = from.row(i)[..shared.len()].iter().copied();
                design.push(row, from.y[i], RowTag { customer, week, weight });
            }
        }
        let prior = PriorShape::around_zero(&shared, self.terms).at(None);
        let sample = design.of(0..self.train_end);
        match fit(family, &sample, &prior, None) {
            Some(done) if done.converged => {
                let spread = covariance_factor(family, &sample, &prior, &done);
                Ok(Shared { mean: done.beta, spread })
            }
            other => {
                let iterations = other.map_or(0, |f| f.iterations);
                Err(DemandError::NotConverged { what: what.to_owned(), iterations })
            }
        }
    }

    /// Variance of units beyond Poisson, at the largest negative binomial likelihood around the means
    /// of a Poisson fit; by golden section on a logarithmic scale.
    fn dispersion(&self, design: &Design, shape: &PriorShape) -> f64 {
        let sample = design.of(0..self.train_end);
        let poisson = Family::Counts { dispersion: 0.0 };
        let Some(found) = fit(poisson, &sample, &shape.at(Some(STRENGTHS[1])), None) else {
            return 0.0;
        };
        let step = sample.n().div_ceil(DISPERSION_ROWS_MAX).max(1);
        let rows: Vec<(f64, f64, f64)> = sample
            .rows()
            .step_by(step)
            .map(|i| (poisson.mean(dot(design.row(i), &found.beta)), design.y[i], design.weight[i]))
            .collect();
        let gain = |log_dispersion: f64| -> f64 {
            let r = (-log_dispersion).exp();
            let shared = ln_gamma(r);
            let of_row = |&(m, y, w): &(f64, f64, f64)| {
                let counts = ln_gamma(y + r) - shared;
                w * (counts + y * (m / (r + m)).ln() - r * (m / r).ln_1p())
            };
            rows.iter().map(of_row).sum()
        };
        golden_section(gain, DISPERSION_RANGE.0.ln(), DISPERSION_RANGE.1.ln()).exp()
    }

    /// Chooses the strength of pooling on the last training weeks, then fits all of them.
    fn part(
        &self,
        name: &str,
        family: Family,
        design: &Design,
        (columns, shape): (Vec<PartColumn>, PriorShape),
        shared: Option<&Shared>,
    ) -> Result<Part, DemandError> {
        let failed = |iterations| DemandError::NotConverged { what: name.to_owned(), iterations };
        let all = design.of(0..self.train_end);
        let held_out = design.of(self.train_end..u32::MAX);
        let rows = all.n();
        let hits = all.rows().filter(|i| family != Family::Bernoulli || design.y[*i] > 0.5).count();
        let pooled_because = (hits < PURCHASES_MIN && name != "visit").then(|| {
            format!(
                "{hits} purchases, fewer than the {PURCHASES_MIN} that a category of its own needs"
            )
        });
        let pooling = match pooled_because {
            Some(_) => None,
            None => Some(self.strength(family, design, &shape).ok_or_else(|| failed(0))?),
        };
        let prior = shape.at(pooling);
        let found = fit(family, &all, &prior, None).ok_or_else(|| failed(0))?;
        if !found.converged {
            return Err(failed(found.iterations));
        }
        let report = PartReport {
            part: name.to_owned(),
            rows,
            pooling,
            held_out: mean_log_likelihood(family, &held_out, &found.beta),
            held_out_constant: constant_log_likelihood(family, &held_out, all.mean()),
            iterations: found.iterations,
            converged: found.converged,
            pinned: found.pinned.iter().map(|&j| columns[j].name.clone()).collect(),
            pooled_because,
        };
        let spread = covariance_factor(family, &all, &prior, &found);
        let lean = shared.map_or_else(Vec::new, |shared| shared.lean(&found, &prior));
        Ok(Part { family, columns, shape, prior, fit: found, spread, lean, report })
    }

    /// The strength under which the last training weeks are likeliest.
    fn strength(&self, family: Family, design: &Design, shape: &PriorShape) -> Option<f64> {
        let validation_start = self.train_end - VALIDATION_WEEKS;
        let (early, late) =
            (design.of(0..validation_start), design.of(validation_start..self.train_end));
        let strongest = STRENGTHS[STRENGTHS.len() - 1];
        if early.n() < ROWS_MIN || late.n() < ROWS_MIN {
            return Some(strongest);
        }
        let (mut best, mut chosen) = (f64::NEG_INFINITY, strongest);
        let mut start: Option<Vec<f64>> = None;
        for strength in STRENGTHS {
            let trial = fit(family, &early, &shape.at(Some(strength)), start.as_deref())?;
            let score = mean_log_likelihood(family, &late, &trial.beta);
            if score > best {
                (best, chosen) = (score, strength);
            }
            start = Some(trial.beta);
        }
        Some(chosen)
    }
}

/// Where a function with one peak is largest.
fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..GOLDEN_STEPS {
        if at_left < at_right {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = f(right);
        } else {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = f(left);
        }
    }
    0.5 * (low + high)
}

impl Part {
    /// Posterior standard deviation of a coefficient.
    pub(in crate::demand) fn standard_deviation(&self, j: usize) -> f64 {
        let p = self.fit.beta.len();
        let shared = self.lean.len() / p;
        let own = &self.spread[j * p..=j * p + j];
        let lean = &self.lean[j * shared..(j + 1) * shared];
        own.iter().chain(lean).map(|x| x * x).sum::<f64>().sqrt()
    }

    /// Every coefficient of the part with its interval and evidence.
    pub(super) fn coefficients(&self, offers: OfferEvidence) -> Vec<Coefficient> {
        describe(self, offers)
    }
}

fn constant_log_likelihood(family: Family, sample: &Sample<'_>, mean: f64) -> f64 {
    let mean = mean.clamp(1e-6, if family == Family::Bernoulli { 1.0 - 1e-6 } else { f64::MAX });
    let eta = match family {
        Family::Bernoulli => (mean / (1.0 - mean)).ln(),
        Family::Counts { .. } => mean.ln(),
    };
    let design = sample.design;
    let of_row = |i: usize| design.weight[i] * family.log_likelihood(eta, design.y[i]);
    sample.rows().map(of_row).sum::<f64>() / sample.totals().1.max(1e-12)
}
