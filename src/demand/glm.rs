//! Penalised generalised linear models by Newton's method (iteratively reweighted least squares).
//!
//! Maximises `Σ w_i log p(y_i | x_i β) − ½ Σ_j precision_j (β_j − mean_j)²`: ridge toward a prior mean,
//! which is how the parameters of a persona or category are pooled toward what they share.
//! Coefficients whose sign theory gives are held to it: one that would break it is pinned at 0.
//! Reference: McCullagh and Nelder 1989, §2.5; Gelman et al. 2013, §16 (penalty as prior); Lawless
//! 1987 (negative binomial).

use crate::evaluate::cholesky;
use promopt_envs::retail::demand::features::Sign;
use rayon::prelude::*;
use std::ops::Range;

/// Rows added up together; fixed, so that sums do not depend on the number of threads.
const CHUNK_ROWS: usize = 8192;
const ITERATIONS_MAX: usize = 40;
/// Largest linear predictor, against overflow.
const ETA_MAX: f64 = 30.0;
/// Precision that holds a coefficient at its prior mean.
pub(crate) const PINNED: f64 = 1e10;

/// Distribution of the response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Family {
    /// 0/1 with the logit link.
    Bernoulli,
    /// Counts with the log link and variance `mean + dispersion · mean²`; Poisson at 0.
    Counts {
        /// Variance beyond Poisson.
        dispersion: f64,
    },
}

/// Rows of a regression: `x` row-major `[n × p]`, `y` `[n]`; rows of one customer stand together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Design {
    pub(crate) p: usize,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// How much each row counts, `[n]`.
    pub(crate) weight: Vec<f64>,
    /// Week of each row, `[n]`.
    pub(crate) week: Vec<u32>,
    /// Customer of each row, `[n]`.
    pub(crate) customer: Vec<u32>,
}

/// Who and when a row is, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowTag {
    pub(crate) customer: u32,
    pub(crate) week: u32,
    pub(crate) weight: f64,
}

/// The rows of some weeks.
#[derive(Debug, Clone)]
pub(crate) struct Sample<'a> {
    pub(crate) design: &'a Design,
    pub(crate) weeks: Range<u32>,
}

/// Gaussian prior with independent components, and the signs that theory gives.
#[derive(Debug, Clone)]
pub(crate) struct Prior {
    pub(crate) mean: Vec<f64>,
    pub(crate) precision: Vec<f64>,
    pub(crate) sign: Vec<Sign>,
}

/// A maximised penalised likelihood.
#[derive(Debug, Clone)]
pub(crate) struct GlmFit {
    pub(crate) beta: Vec<f64>,
    /// Lower Cholesky factor of the negative Hessian, row-major `[p × p]`.
    pub(crate) factor: Vec<f64>,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
    /// Columns that were pinned at 0 because the data asked for the other sign.
    pub(crate) pinned: Vec<usize>,
}

impl Design {
    pub(crate) fn new(p: usize) -> Self {
        Self { p, ..Self::default() }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = f64>, y: f64, tag: RowTag) {
        self.x.extend(row);
        self.y.push(y);
        self.weight.push(tag.weight);
        self.week.push(tag.week);
        self.customer.push(tag.customer);
        debug_assert_eq!(self.x.len(), self.p * self.y.len());
    }

    pub(crate) fn n(&self) -> usize {
        self.y.len()
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.x[i * self.p..(i + 1) * self.p]
    }

    /// The rows of these weeks.
    pub(crate) fn of(&self, weeks: Range<u32>) -> Sample<'_> {
        Sample { design: self, weeks }
    }
}

impl<'a> Sample<'a> {
    /// Positions of the rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + 'a {
        let (design, weeks) = (self.design, self.weeks.clone());
        (0..design.n()).filter(move |i| weeks.contains(&design.week[*i]))
    }

    pub(crate) fn n(&self) -> usize {
        self.rows().count()
    }

    /// Weighted sums of the responses and of one.
    pub(crate) fn totals(&self) -> (f64, f64) {
        let add = |(y, n): (f64, f64), i: usize| {
            let weight = self.design.weight[i];
            (y + weight * self.design.y[i], n + weight)
        };
        self.rows().fold((0.0, 0.0), add)
    }

    /// Weighted mean of the responses.
    pub(crate) fn mean(&self) -> f64 {
        let (sum, n) = self.totals();
        sum / n.max(1e-12)
    }

    /// Positions of the rows in chunks of fixed bounds.
    fn chunks(&self) -> impl IndexedParallelIterator<Item = impl Iterator<Item = usize> + '_> {
        let n = self.design.n();
        (0..n.div_ceil(CHUNK_ROWS)).into_par_iter().map(move |chunk| {
            let range = chunk * CHUNK_ROWS..((chunk + 1) * CHUNK_ROWS).min(n);
            range.filter(|i| self.weeks.contains(&self.design.week[*i]))
        })
    }
}

impl Family {
    /// Mean response at the linear predictor.
    pub(crate) fn mean(self, eta: f64) -> f64 {
        let eta = eta.clamp(-ETA_MAX, ETA_MAX);
        match self {
            Self::Bernoulli => 1.0 / (1.0 + (-eta).exp()),
            Self::Counts { .. } => eta.exp(),
        }
    }

    /// First derivative of the log-likelihood by the linear predictor, and the expected negative
    /// second one.
    fn slope_and_weight(self, eta: f64, y: f64) -> (f64, f64) {
        let mean = self.mean(eta);
        match self {
            Self::Bernoulli => (y - mean, mean * (1.0 - mean)),
            Self::Counts { dispersion } => {
                let spread = 1.0 + dispersion * mean;
                ((y - mean) / spread, mean / spread)
            }
        }
    }

    /// First derivative of the log-likelihood by the linear predictor.
    pub(crate) fn slope(self, eta: f64, y: f64) -> f64 {
        self.slope_and_weight(eta, y).0
    }

    /// Log-likelihood of one response, up to terms without β.
    pub(crate) fn log_likelihood(self, eta: f64, y: f64) -> f64 {
        let eta = eta.clamp(-ETA_MAX, ETA_MAX);
        match self {
            Self::Bernoulli => y * eta - eta.max(0.0) - (-eta.abs()).exp().ln_1p(),
            Self::Counts { dispersion } if dispersion > 1e-9 => {
                y * eta - (y + 1.0 / dispersion) * (dispersion * eta.exp()).ln_1p()
            }
            Self::Counts { .. } => y * eta - eta.exp(),
        }
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Mean log-likelihood of the responses under `beta`.
pub(crate) fn mean_log_likelihood(family: Family, sample: &Sample<'_>, beta: &[f64]) -> f64 {
    log_likelihood(family, sample, beta) / sample.totals().1.max(1e-12)
}

fn log_likelihood(family: Family, sample: &Sample<'_>, beta: &[f64]) -> f64 {
    let design = sample.design;
    let of_row =
        |i: usize| design.weight[i] * family.log_likelihood(dot(design.row(i), beta), design.y[i]);
    let parts: Vec<f64> = sample.chunks().map(|rows| rows.map(of_row).sum()).collect();
    parts.iter().sum()
}

/// Gradient and negative Hessian of the log-likelihood, without the prior.
fn curvature(family: Family, sample: &Sample<'_>, beta: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (design, p) = (sample.design, sample.design.p);
    let parts: Vec<_> = sample
        .chunks()
        .map(|rows| {
            let (mut gradient, mut hessian) = (vec![0.0; p], vec![0.0; p * p]);
            for at in rows {
                let (row, w) = (design.row(at), design.weight[at]);
                let (slope, weight) = family.slope_and_weight(dot(row, beta), design.y[at]);
                for (i, &xi) in row.iter().enumerate() {
                    if xi == 0.0 {
                        continue;
                    }
                    gradient[i] += w * xi * slope;
                    let weighted = w * weight * xi;
                    for (h, &xj) in hessian[i * p..].iter_mut().zip(&row[..=i]) {
                        *h += weighted * xj;
                    }
                }
            }
            (gradient, hessian)
        })
        .collect();
    let (mut gradient, mut hessian) = (vec![0.0; p], vec![0.0; p * p]);
    for (g, h) in parts {
        gradient.iter_mut().zip(g).for_each(|(a, b)| *a += b);
        hessian.iter_mut().zip(h).for_each(|(a, b)| *a += b);
    }
    (gradient, hessian)
}

fn penalty(prior: &Prior, beta: &[f64]) -> f64 {
    let term = |((b, m), w): ((&f64, &f64), &f64)| 0.5 * w * (b - m) * (b - m);
    beta.iter().zip(&prior.mean).zip(&prior.precision).map(term).sum()
}

/// Maximises the penalised likelihood under the signs of the prior, from `start` or the prior mean.
/// `None` when the curvature is not positive definite, which a positive precision rules out for
/// finite rows.
pub(crate) fn fit(
    family: Family,
    sample: &Sample<'_>,
    prior: &Prior,
    start: Option<&[f64]>,
) -> Option<GlmFit> {
    let mut prior = prior.clone();
    let mut found = maximise(family, sample, &prior, start.unwrap_or(&prior.mean))?;
    let mut pinned = Vec::new();
    loop {
        let wrong = |j: &usize| match prior.sign[*j] {
            Sign::Free => false,
            Sign::Positive => found.beta[*j] < -1e-6,
            Sign::Negative => found.beta[*j] > 1e-6,
        };
        let wrong: Vec<usize> = (0..found.beta.len()).filter(wrong).collect();
        if wrong.is_empty() {
            return Some(GlmFit { pinned, ..found });
        }
        for j in wrong {
            (prior.mean[j], prior.precision[j], prior.sign[j]) = (0.0, PINNED, Sign::Free);
            found.beta[j] = 0.0;
            pinned.push(j);
        }
        found = maximise(family, sample, &prior, &found.beta)?;
    }
}

fn maximise(family: Family, sample: &Sample<'_>, prior: &Prior, start: &[f64]) -> Option<GlmFit> {
    let p = sample.design.p;
    let mut beta = start.to_vec();
    let objective = |b: &[f64]| log_likelihood(family, sample, b) - penalty(prior, b);
    let mut value = objective(&beta);
    for iteration in 1..=ITERATIONS_MAX {
        let (mut gradient, mut hessian) = curvature(family, sample, &beta);
        for j in 0..p {
            gradient[j] -= prior.precision[j] * (beta[j] - prior.mean[j]);
            hessian[j * p + j] += prior.precision[j];
        }
        let factor = cholesky::factor(hessian, p)?;
        let step = cholesky::solve_factored(&factor, gradient.clone());
        let gain = dot(&step, &gradient);
        let done = |beta, converged| {
            let (factor, pinned) = (factor.clone(), Vec::new());
            GlmFit { beta, factor, iterations: iteration, converged, pinned }
        };
        if gain <= 1e-13 * (1.0 + value.abs()) {
            return Some(done(beta, true));
        }
        let mut scale = 1.0;
        loop {
            let candidate: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + scale * s).collect();
            let next = objective(&candidate);
            if next >= value {
                (beta, value) = (candidate, next);
                break;
            }
            scale *= 0.5;
            if scale < 1e-6 {
                // No ascent is left at working precision.
                return Some(done(beta, true));
            }
        }
        if iteration == ITERATIONS_MAX {
            return Some(done(beta, false));
        }
    }
    None
}

impl GlmFit {
    /// Posterior standard deviation of one coefficient.
    #[cfg(test)]
    fn standard_error(&self, j: usize) -> f64 {
        let p = self.beta.len();
        let mut unit = vec![0.0; p];
        unit[j] = 1.0;
        cholesky::solve_factored(&self.factor, unit)[j].max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use promopt_envs::retail::demand::units_quantile;
    use rand::Rng;

    const TAG: RowTag = RowTag { customer: 0, week: 0, weight: 1.0 };

    fn prior(mean: f64, precision: f64, p: usize) -> Prior {
        Prior { mean: vec![mean; p], precision: vec![precision; p], sign: vec![Sign::Free; p] }
    }

    #[test]
    fn an_intercept_is_the_log_odds() {
        let mut design = Design::new(1);
        for i in 0..100 {
            design.push([1.0], f64::from(u8::from(i < 25)), TAG);
        }
        let prior = prior(0.0, 1e-9, 1);
        let fit = fit(Family::Bernoulli, &design.of(0..1), &prior, None).expect("a finite design");
        // log(0.25 / 0.75); its variance is 1 / (n p (1 − p)) = 1 / 18.75.
        assert!((fit.beta[0] - (1.0_f64 / 3.0).ln()).abs() < 1e-6);
        assert!((fit.standard_error(0) - (1.0_f64 / 18.75).sqrt()).abs() < 1e-6);
        assert!(fit.converged);
    }

    #[test]
    fn known_coefficients_are_recovered_within_four_standard_errors() {
        let mut rng = SeedTree::new(5).stream();
        let counts = |dispersion| Family::Counts { dispersion };
        for family in [Family::Bernoulli, counts(0.0), counts(0.6)] {
            let (truth, mut design) = ([-0.4, 0.8], Design::new(2));
            for _ in 0..20_000 {
                let x: f64 = rng.random_range(-1.0..1.0);
                let eta = truth[0] + truth[1] * x;
                let u: f64 = rng.random();
                let y = match family {
                    Family::Bernoulli => f64::from(u8::from(u < 1.0 / (1.0 + (-eta).exp()))),
                    Family::Counts { dispersion } => units_quantile(eta.exp(), dispersion, u),
                };
                design.push([1.0, x], y, TAG);
            }
            let prior = prior(0.0, 1e-6, 2);
            let fit = fit(family, &design.of(0..1), &prior, None).expect("a finite design");
            for (j, beta) in truth.iter().enumerate() {
                assert!((fit.beta[j] - beta).abs() < 4.0 * fit.standard_error(j));
            }
        }
    }

    #[test]
    fn a_tight_prior_wins_over_little_data() {
        let mut design = Design::new(1);
        design.push([1.0], 1.0, TAG);
        let prior = prior(-2.0, 1e6, 1);
        let fit = fit(Family::Bernoulli, &design.of(0..1), &prior, None).expect("a finite design");
        assert!((fit.beta[0] + 2.0).abs() < 1e-4);
    }

    #[test]
    fn a_sign_from_theory_is_kept_and_weeks_outside_do_not_count() {
        let mut design = Design::new(2);
        for i in 0..100 {
            let x = f64::from(i % 2);
            // More successes where x is 1, and a week of failures that is outside the sample.
            let y = f64::from(u8::from(i % 2 == 1 || i % 4 == 0));
            design.push([1.0, x], y, TAG);
            design.push([1.0, x], 0.0, RowTag { week: 7, ..TAG });
        }
        let free = prior(0.0, 1e-3, 2);
        let negative = Prior { sign: vec![Sign::Free, Sign::Negative], ..free.clone() };
        let sample = design.of(0..7);
        assert_eq!(sample.n(), 100);
        let found = fit(Family::Bernoulli, &sample, &free, None).expect("finite");
        assert!(found.beta[1] > 1.0 && found.pinned.is_empty());
        let held = fit(Family::Bernoulli, &sample, &negative, None).expect("finite");
        assert!(held.beta[1].abs() < 1e-6);
        assert_eq!(held.pinned, [1]);
        // Three quarters succeed: the level takes over, log(0.75 / 0.25).
        assert!((held.beta[0] - 3.0_f64.ln()).abs() < 1e-3);
    }
}
