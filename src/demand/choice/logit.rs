//! The conditional logit of one fine category over weeks, from counts of lines.
//!
//! ```text
//! y[w, ·] ~ Multinomial(n_w, p[w, ·])      p[w, i] ∝ exp(α_i + β · x[w, i])
//! ```
//!
//! Given the week's total, this is the Poisson regression with product and week effects: whatever
//! makes a week large for all products drops out, and β is learnt from how the shelf of a product
//! moved against its own mean while others did not (McFadden 1974; Chamberlain 1980). Maximised by
//! Newton's method.
//!
//! **Intervals.** Lines are not independent: a shopper buys several, and what a product gained in
//! one week it may gain in the next. The variance of β is the larger of the model's, scaled by
//! Pearson's dispersion, and the sandwich over products (Liang and Zeger 1986).

use crate::evaluate::cholesky;

/// Features of the shelf, in the order of `ShelfProduct::features`.
pub(super) const N_FEATURES: usize = 4;
const ITERATIONS_MAX: usize = 30;
/// Keeps product effects from drifting together, which the likelihood does not notice.
const RIDGE: f64 = 1e-4;

/// Lines and shelf of the products that were sold in nearly every week.
#[derive(Debug, Clone, Default)]
pub(super) struct ChoiceCounts {
    pub(super) n_products: usize,
    /// Lines, `[n_weeks * n_products]`, one row per week.
    pub(super) lines: Vec<f64>,
    /// Shape as `lines`.
    pub(super) features: Vec<[f64; N_FEATURES]>,
}

/// What the likelihood of one fine category says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LogitFit {
    pub(super) beta: [f64; N_FEATURES],
    /// Variance of each coefficient.
    pub(super) variance: [f64; N_FEATURES],
    /// Pearson's dispersion: 1 when lines are as independent as the model says.
    pub(super) dispersion: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// The state of one Newton step.
struct Curvature {
    value: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl ChoiceCounts {
    /// Fits the logit; `None` when the curvature is not positive definite at working precision.
    pub(super) fn fit(&self) -> Option<LogitFit> {
        let p = self.n_products + N_FEATURES;
        let mut theta = vec![0.0; p];
        let mut now = self.curvature(&theta);
        let (mut iterations, mut converged) = (0, false);
        while iterations < ITERATIONS_MAX && !converged {
            iterations += 1;
            let factor = cholesky::factor(now.hessian.clone(), p)?;
            let step = cholesky::solve_factored(&factor, now.gradient.clone());
            let gain: f64 = step.iter().zip(&now.gradient).map(|(a, b)| a * b).sum();
            converged = gain <= 1e-10 * (1.0 + now.value.abs());
            let mut scale = 1.0;
            while !converged {
                let moved = theta.iter().zip(&step).map(|(old, step)| old + scale * step);
                let moved: Vec<f64> = moved.collect();
                let next = self.curvature(&moved);
                if next.value >= now.value {
                    (theta, now) = (moved, next);
                    break;
                }
                scale *= 0.5;
                // No ascent is left at working precision.
                converged = scale < 1e-6;
            }
        }
        let factor = cholesky::factor(now.hessian, p)?;
        let (dispersion, meat) = self.residuals(&theta);
        let variance = variance(&factor, &meat, dispersion, self.n_products);
        let mut beta = [0.0; N_FEATURES];
        beta.copy_from_slice(&theta[self.n_products..]);
        Some(LogitFit { beta, variance, dispersion, iterations, converged })
    }

    /// Lines, features and probabilities of every week with a line.
    fn weeks(
        &self,
        theta: &[f64],
    ) -> impl Iterator<Item = (&[f64], &[[f64; N_FEATURES]], Vec<f64>, f64)> {
        let (alpha, beta) = theta.split_at(self.n_products);
        let lines = self.lines.chunks_exact(self.n_products);
        let weeks = lines.zip(self.features.chunks_exact(self.n_products));
        let weeks = weeks.filter(|(lines, _)| lines.iter().sum::<f64>() > 0.0);
        weeks.map(move |(lines, features)| {
            let eta = alpha.iter().zip(features).map(|(own, x)| own + dot(x, beta));
            let eta: Vec<f64> = eta.collect();
            let top = eta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log_sum = top + eta.iter().map(|own| (own - top).exp()).sum::<f64>().ln();
            let shares = eta.iter().map(|own| (own - log_sum).exp()).collect();
            let value = lines.iter().zip(&eta).map(|(y, own)| y * (own - log_sum)).sum();
            (lines, features, shares, value)
        })
    }

    fn curvature(&self, theta: &[f64]) -> Curvature {
        let (m, p) = (self.n_products, theta.len());
        let mut out = Curvature { value: 0.0, gradient: vec![0.0; p], hessian: vec![0.0; p * p] };
        for (lines, features, shares, value) in self.weeks(theta) {
            let total: f64 = lines.iter().sum();
            let mean = mean_features(features, &shares);
            out.value += value;
            for i in 0..m {
                let own = total * shares[i];
                let rest = lines[i] - own;
                out.gradient[i] += rest;
                // Only the lower triangle is read.
                for (h, share) in out.hessian[i * p..=i * p + i].iter_mut().zip(&shares) {
                    *h -= own * share;
                }
                out.hessian[i * p + i] += own;
                for k in 0..N_FEATURES {
                    let centred = features[i][k] - mean[k];
                    out.gradient[m + k] += features[i][k] * rest;
                    out.hessian[(m + k) * p + i] += own * centred;
                    for l in 0..=k {
                        out.hessian[(m + k) * p + m + l] +=
                            own * centred * (features[i][l] - mean[l]);
                    }
                }
            }
        }
        for (j, own) in theta.iter().enumerate() {
            out.value -= 0.5 * RIDGE * own * own;
            out.gradient[j] -= RIDGE * own;
            out.hessian[j * p + j] += RIDGE;
        }
        out
    }

    /// Pearson's dispersion, and the sum over products of the outer products of their scores.
    fn residuals(&self, theta: &[f64]) -> (f64, [[f64; N_FEATURES]; N_FEATURES]) {
        let m = self.n_products;
        let mut scores = vec![[0.0; N_FEATURES]; m];
        let (mut chi, mut n_weeks) = (0.0, 0_usize);
        for (lines, features, shares, _) in self.weeks(theta) {
            let total: f64 = lines.iter().sum();
            let mean = mean_features(features, &shares);
            n_weeks += 1;
            for i in 0..m {
                let rest = lines[i] - total * shares[i];
                chi += rest * rest / (total * shares[i]).max(1e-9);
                for k in 0..N_FEATURES {
                    scores[i][k] += (features[i][k] - mean[k]) * rest;
                }
            }
        }
        let mut meat = [[0.0; N_FEATURES]; N_FEATURES];
        for score in &scores {
            for k in 0..N_FEATURES {
                (0..N_FEATURES).for_each(|l| meat[k][l] += score[k] * score[l]);
            }
        }
        let free = (m - 1) as f64 * (n_weeks.max(2) - 1) as f64 - N_FEATURES as f64;
        (chi / free.max(1.0), meat)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn mean_features(features: &[[f64; N_FEATURES]], shares: &[f64]) -> [f64; N_FEATURES] {
    let mut mean = [0.0; N_FEATURES];
    for (own, share) in features.iter().zip(shares) {
        mean.iter_mut().zip(own).for_each(|(mean, x)| *mean += share * x);
    }
    mean
}

/// Variances of β from the factor of the negative Hessian and the sum of squared scores.
fn variance(
    factor: &[f64],
    meat: &[[f64; N_FEATURES]; N_FEATURES],
    dispersion: f64,
    m: usize,
) -> [f64; N_FEATURES] {
    let p = m + N_FEATURES;
    let clusters = m as f64 / (m.max(2) - 1) as f64;
    std::array::from_fn(|k| {
        let mut unit = vec![0.0; p];
        unit[m + k] = 1.0;
        let column = cholesky::solve_factored(factor, unit);
        let bread = &column[m..];
        let quadratic = |l: usize| bread[l] * dot(&meat[l], bread);
        let sandwich = clusters * (0..N_FEATURES).map(quadratic).sum::<f64>();
        (bread[k] * dispersion.max(1.0)).max(sandwich)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    const TRUTH: [f64; N_FEATURES] = [3.0, 1.5, 0.6, 0.4];

    /// Generated choices of `m` products over `weeks`, `n` lines a week.
    fn generated(m: usize, weeks: usize, n: usize, seed: u64) -> ChoiceCounts {
        let mut rng = SeedTree::new(seed).stream();
        let alpha: Vec<f64> = (0..m).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mut counts = ChoiceCounts { n_products: m, ..ChoiceCounts::default() };
        for _ in 0..weeks {
            let mut cumulative = Vec::new();
            for own in &alpha {
                let promoted: bool = rng.random_bool(0.2);
                let depth = if promoted { rng.random_range(0.1..0.5) } else { 0.0_f64 };
                let x = [
                    -(1.0 - depth).ln(),
                    rng.random_range(-0.1..0.1),
                    f64::from(u8::from(promoted && rng.random_bool(0.5))),
                    f64::from(u8::from(rng.random_bool(0.1))),
                ];
                cumulative.push(cumulative.last().unwrap_or(&0.0) + (own + dot(&x, &TRUTH)).exp());
                counts.features.push(x);
            }
            let mut lines = vec![0.0; m];
            for _ in 0..n {
                let luck = rng.random::<f64>() * cumulative[m - 1];
                lines[cumulative.partition_point(|sum| *sum <= luck)] += 1.0;
            }
            counts.lines.extend(lines);
        }
        counts
    }

    #[test]
    fn two_products_and_two_weeks_are_worked_out_by_hand() {
        // Both sell 50 without a cut; with a half-price cut the first sells 80 of 100:
        // β = ln(0.8 / 0.2) / ln 2 = 2.
        let cut = [2.0_f64.ln(), 0.0, 0.0, 0.0];
        let counts = ChoiceCounts {
            n_products: 2,
            lines: vec![50.0, 50.0, 80.0, 20.0],
            features: vec![[0.0; 4], [0.0; 4], cut, [0.0; 4]],
        };
        let fit = counts.fit().expect("a finite design");
        assert!((fit.beta[0] - 2.0).abs() < 1e-3, "{fit:?}");
        assert!(fit.converged && fit.beta[1..].iter().all(|own| own.abs() < 1e-9));
    }

    #[test]
    fn known_responses_are_recovered_within_four_standard_errors() {
        for seed in 0..5 {
            let fit = generated(12, 50, 400, seed).fit().expect("a finite design");
            assert!(fit.converged);
            for (k, truth) in TRUTH.iter().enumerate() {
                let error = fit.variance[k].sqrt();
                assert!((fit.beta[k] - truth).abs() < 4.0 * error, "{k}: {fit:?}");
                assert!(error < 0.6, "{k}: {fit:?}");
            }
            // χ² over (11 · 49 − 4) = 535 has a standard error of √(2 / 535) = 0.061.
            assert!((fit.dispersion - 1.0).abs() < 4.0 * 0.061 + 0.05, "{fit:?}");
        }
    }

    #[test]
    fn a_week_without_lines_changes_nothing() {
        let counts = generated(5, 30, 100, 9);
        let mut more = counts.clone();
        more.lines.extend([0.0; 5]);
        more.features.extend([[0.3; 4]; 5]);
        assert_eq!(counts.fit(), more.fit());
    }
}
