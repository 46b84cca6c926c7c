//! Penalised generalised linear models by Newton's method (iteratively reweighted least squares).
//!
//! Maximises `Σ log p(y_i | x_i β) − ½ Σ_j precision_j (β_j − mean_j)²`: ridge toward a prior mean,
//! which is how the parameters of a persona or category are pooled toward what they share.
//! Reference: McCullagh and Nelder 1989, §2.5; Gelman et al. 2013, §16 (penalty as prior).

use crate::cholesky;
use rayon::prelude::*;

/// Rows added up together; fixed, so that sums do not depend on the number of threads.
const CHUNK_ROWS: usize = 8192;
const ITERATIONS_MAX: usize = 40;
/// Largest linear predictor, against overflow.
const ETA_MAX: f64 = 30.0;

/// Distribution of the response, with its canonical link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// 0/1 with the logit link.
    Bernoulli,
    /// Counts with the log link; only the mean must be right (quasi-likelihood).
    Poisson,
}

/// Rows of a regression: `x` row-major `[n × p]`, `y` `[n]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Design {
    pub(crate) p: usize,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// How much each row counts, `[n]`.
    pub(crate) weight: Vec<f64>,
    /// Week of each row, `[n]`.
    pub(crate) week: Vec<u32>,
}

/// Gaussian prior with independent components.
#[derive(Debug, Clone)]
pub(crate) struct Prior {
    pub(crate) mean: Vec<f64>,
    pub(crate) precision: Vec<f64>,
}

/// A maximised penalised likelihood.
#[derive(Debug, Clone)]
pub(crate) struct GlmFit {
    pub(crate) beta: Vec<f64>,
    /// Lower Cholesky factor of the negative Hessian, row-major `[p × p]`.
    pub(crate) factor: Vec<f64>,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

impl Design {
    pub(crate) fn new(p: usize) -> Self {
        Self { p, ..Self::default() }
    }

    pub(crate) fn push(
        &mut self,
        row: impl IntoIterator<Item = f64>,
        y: f64,
        week: u32,
        weight: f64,
    ) {
        self.x.extend(row);
        self.y.push(y);
        self.weight.push(weight);
        self.week.push(week);
        debug_assert_eq!(self.x.len(), self.p * self.y.len());
    }

    pub(crate) fn n(&self) -> usize {
        self.y.len()
    }

    /// The rows before a week, and those from it on.
    pub(crate) fn split_at(&self, week: u32) -> (Self, Self) {
        let (mut before, mut after) = (Self::new(self.p), Self::new(self.p));
        for (i, row) in self.x.chunks_exact(self.p).enumerate() {
            let side = if self.week[i] < week { &mut before } else { &mut after };
            side.push(row.iter().copied(), self.y[i], self.week[i], self.weight[i]);
        }
        (before, after)
    }

    /// Weighted mean of the responses.
    pub(crate) fn mean(&self) -> f64 {
        dot(&self.weight, &self.y) / self.weight.iter().sum::<f64>().max(1e-12)
    }

    /// Rows in chunks: features, responses, weights.
    fn chunks(&self) -> impl IndexedParallelIterator<Item = (&[f64], &[f64], &[f64])> {
        let x = self.x.par_chunks(CHUNK_ROWS * self.p);
        let y = self.y.par_chunks(CHUNK_ROWS);
        x.zip(y).zip(self.weight.par_chunks(CHUNK_ROWS)).map(|((x, y), w)| (x, y, w))
    }
}

impl Family {
    /// Mean and variance at the linear predictor.
    fn mean_variance(self, eta: f64) -> (f64, f64) {
        let eta = eta.clamp(-ETA_MAX, ETA_MAX);
        match self {
            Self::Bernoulli => {
                let mean = 1.0 / (1.0 + (-eta).exp());
                (mean, mean * (1.0 - mean))
            }
            Self::Poisson => (eta.exp(), eta.exp()),
        }
    }

    /// Mean response of a row.
    pub(crate) fn mean(self, row: &[f64], beta: &[f64]) -> f64 {
        self.mean_variance(dot(row, beta)).0
    }

    /// Log-likelihood of one response, up to terms without β.
    fn log_likelihood(self, eta: f64, y: f64) -> f64 {
        let eta = eta.clamp(-ETA_MAX, ETA_MAX);
        match self {
            Self::Bernoulli => y * eta - eta.max(0.0) - (-eta.abs()).exp().ln_1p(),
            Self::Poisson => y * eta - eta.exp(),
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Mean log-likelihood of the responses under `beta`.
pub(crate) fn mean_log_likelihood(family: Family, design: &Design, beta: &[f64]) -> f64 {
    log_likelihood(family, design, beta) / design.weight.iter().sum::<f64>().max(1e-12)
}

fn log_likelihood(family: Family, design: &Design, beta: &[f64]) -> f64 {
    let p = design.p;
    let chunk = |(x, y, w): (&[f64], &[f64], &[f64])| -> f64 {
        let rows = x.chunks_exact(p).zip(y).zip(w);
        rows.map(|((row, &y), w)| w * family.log_likelihood(dot(row, beta), y)).sum()
    };
    let parts: Vec<f64> = design.chunks().map(chunk).collect();
    parts.iter().sum()
}

/// Gradient and negative Hessian of the log-likelihood, without the prior.
fn curvature(family: Family, design: &Design, beta: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let p = design.p;
    let chunk = |(x, y, w): (&[f64], &[f64], &[f64])| {
        let (mut gradient, mut hessian) = (vec![0.0; p], vec![0.0; p * p]);
        for ((row, &y), &w) in x.chunks_exact(p).zip(y).zip(w) {
            let (mean, variance) = family.mean_variance(dot(row, beta));
            for (i, &xi) in row.iter().enumerate() {
                if xi == 0.0 {
                    continue;
                }
                gradient[i] += w * xi * (y - mean);
                let weighted = w * variance * xi;
                for (h, &xj) in hessian[i * p..].iter_mut().zip(&row[..=i]) {
                    *h += weighted * xj;
                }
            }
        }
        (gradient, hessian)
    };
    let parts: Vec<_> = design.chunks().map(chunk).collect();
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

/// Maximises the penalised likelihood from the prior mean. `None` when the curvature is not
/// positive definite, which a positive precision rules out for finite rows.
pub(crate) fn fit(family: Family, design: &Design, prior: &Prior) -> Option<GlmFit> {
    let p = design.p;
    let mut beta = prior.mean.clone();
    let objective = |b: &[f64]| log_likelihood(family, design, b) - penalty(prior, b);
    let mut value = objective(&beta);
    for iteration in 1..=ITERATIONS_MAX {
        let (mut gradient, mut hessian) = curvature(family, design, &beta);
        for j in 0..p {
            gradient[j] -= prior.precision[j] * (beta[j] - prior.mean[j]);
            hessian[j * p + j] += prior.precision[j];
        }
        let factor = cholesky::factor(hessian, p)?;
        let step = cholesky::solve_factored(&factor, gradient.clone());
        let gain = dot(&step, &gradient);
        let done = |beta, converged| GlmFit {
            beta,
            factor: factor.clone(),
            iterations: iteration,
            converged,
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
    /// A draw of the Laplace posterior from standard normals, shape `[p]`.
    pub(crate) fn draw(&self, normals: Vec<f64>) -> Vec<f64> {
        let noise = cholesky::back_substitute(&self.factor, normals);
        self.beta.iter().zip(noise).map(|(b, e)| b + e).collect()
    }

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
    use rand::Rng;

    #[test]
    fn an_intercept_is_the_log_odds() {
        let mut design = Design::new(1);
        for i in 0..100 {
            design.push([1.0], f64::from(u8::from(i < 25)), 0, 1.0);
        }
        let prior = Prior { mean: vec![0.0], precision: vec![1e-9] };
        let fit = fit(Family::Bernoulli, &design, &prior).expect("a finite design");
        // log(0.25 / 0.75); its variance is 1 / (n p (1 − p)) = 1 / 18.75.
        assert!((fit.beta[0] - (1.0_f64 / 3.0).ln()).abs() < 1e-6);
        assert!((fit.standard_error(0) - (1.0_f64 / 18.75).sqrt()).abs() < 1e-6);
        assert!(fit.converged);
    }

    #[test]
    fn known_coefficients_are_recovered_within_four_standard_errors() {
        let mut rng = SeedTree::new(5).stream();
        for family in [Family::Bernoulli, Family::Poisson] {
            let (truth, mut design) = ([-0.4, 0.8], Design::new(2));
            for _ in 0..20_000 {
                let x: f64 = rng.random_range(-1.0..1.0);
                let eta = truth[0] + truth[1] * x;
                let u: f64 = rng.random();
                let y = match family {
                    Family::Bernoulli => f64::from(u8::from(u < 1.0 / (1.0 + (-eta).exp()))),
                    Family::Poisson => promopt_envs::retail::demand::poisson_quantile(eta.exp(), u),
                };
                design.push([1.0, x], y, 0, 1.0);
            }
            let prior = Prior { mean: vec![0.0; 2], precision: vec![1e-6; 2] };
            let fit = fit(family, &design, &prior).expect("a finite design");
            for (j, beta) in truth.iter().enumerate() {
                assert!((fit.beta[j] - beta).abs() < 4.0 * fit.standard_error(j));
            }
        }
    }

    #[test]
    fn a_tight_prior_wins_over_little_data() {
        let mut design = Design::new(1);
        design.push([1.0], 1.0, 0, 1.0);
        let prior = Prior { mean: vec![-2.0], precision: vec![1e6] };
        let fit = fit(Family::Bernoulli, &design, &prior).expect("a finite design");
        assert!((fit.beta[0] + 2.0).abs() < 1e-4);
    }
}
