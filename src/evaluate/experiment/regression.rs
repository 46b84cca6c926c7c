//! Least squares with standard errors that do not trust the errors to be even or independent.

use super::effect::Effect;
use crate::cholesky;
use crate::distributions::fisher_upper_tail;
use crate::error::EvaluateError;

/// How the covariance of the coefficients is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Covariance<'a> {
    /// Even, independent errors.
    Classic,
    /// Squared residuals as they are. Source: White 1980.
    Hc0,
    /// The same times `n / (n − p)`. Source: MacKinnon and White 1985, as those below.
    Hc1,
    /// Each divided by `1 − h`, `h` its leverage.
    Hc2,
    /// Each divided by `(1 − h)²`.
    Hc3,
    /// Summed within clusters first (rank of the cluster of each row, number of clusters), times
    /// `G/(G−1) · (n−1)/(n−p)`, with `G − 1` degrees of freedom. Source: Cameron and Miller 2015.
    Clustered(&'a [usize], usize),
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression<'a> {
    design: &'a [f64],
    width: usize,
    coefficients: Vec<f64>,
    residuals: Vec<f64>,
    /// `(XᵀX)⁻¹`, row-major.
    inverse: Vec<f64>,
}

impl<'a> Regression<'a> {
    /// Regresses `y` on the columns of `design`, shape `[n, width]`, row-major; the intercept is a
    /// column of it.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when shapes do not fit; [`EvaluateError::TooFew`] for no more
    /// rows than columns; [`EvaluateError::Unsolvable`] when columns depend on each other.
    pub fn fit(design: &'a [f64], width: usize, y: &[f64]) -> Result<Self, EvaluateError> {
        let n = y.len();
        let (expected, found) = (n * width, design.len());
        if expected != found {
            let (column, unit) = ("design", "row and column");
            return Err(EvaluateError::WrongLength { column, expected, found, unit });
        }
        crate::logged::at_least("rows", width + 1, n, "leave out a covariate")?;
        let mut gram = vec![0.0; width * width];
        let mut right = vec![0.0; width];
        for (row, y) in design.chunks_exact(width).zip(y) {
            for i in 0..width {
                right[i] += row[i] * y;
                for j in 0..=i {
                    gram[i * width + j] += row[i] * row[j];
                }
            }
        }
        let factor = cholesky::factor(gram, width).ok_or(EvaluateError::Unsolvable { fold: 0 })?;
        let mut coefficients = cholesky::solve_factored(&factor, right);
        let rest = |beta: &[f64]| -> Vec<f64> {
            let of = |(row, y): (&[f64], &f64)| y - dot(row, beta);
            design.chunks_exact(width).zip(y).map(of).collect()
        };
        // One step of refinement takes what the normal equations lose.
        let mut right = vec![0.0; width];
        for (row, rest) in design.chunks_exact(width).zip(rest(&coefficients)) {
            right.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * rest);
        }
        let step = cholesky::solve_factored(&factor, right);
        coefficients.iter_mut().zip(step).for_each(|(b, step)| *b += step);
        let residuals = rest(&coefficients);
        let unit = |i: usize| (0..width).map(|j| f64::from(u8::from(i == j))).collect();
        let inverse = (0..width).flat_map(|i| cholesky::solve_factored(&factor, unit(i))).collect();
        Ok(Self { design, width, coefficients, residuals, inverse })
    }

    /// Coefficients in the order of the columns.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// One coefficient with its interval.
    #[must_use]
    pub fn effect(&self, column: usize, covariance: Covariance<'_>, level: f64) -> Effect {
        let variance = self.covariance_of_coefficients(covariance)[column * self.width + column];
        let freedom = self.degrees_of_freedom(covariance);
        Effect::student(self.coefficients[column], variance.sqrt(), freedom, level)
    }

    /// `F = bᵀ V⁻¹ b / q` for `q` coefficients being 0 together, its p value, and both degrees of
    /// freedom. `None` when their covariance is singular.
    #[must_use]
    pub fn wald(&self, columns: &[usize], covariance: Covariance<'_>) -> Option<Wald> {
        let all = self.covariance_of_coefficients(covariance);
        let q = columns.len();
        let cells = columns.iter().flat_map(|i| columns.iter().map(move |j| i * self.width + j));
        let part = cells.map(|cell| all[cell]);
        let b: Vec<f64> = columns.iter().map(|i| self.coefficients[*i]).collect();
        let solved = cholesky::solve(part.collect(), b.clone())?;
        let f = dot(&b, &solved) / q as f64;
        let denominator = self.degrees_of_freedom(covariance);
        let p_value = fisher_upper_tail(f, q as f64, denominator);
        Some(Wald { f, p_value, numerator: q as f64, denominator })
    }

    fn degrees_of_freedom(&self, covariance: Covariance<'_>) -> f64 {
        match covariance {
            Covariance::Clustered(_, clusters) => clusters as f64 - 1.0,
            _ => (self.residuals.len() - self.width) as f64,
        }
    }

    /// Covariance of the coefficients, row-major, shape `[width, width]`.
    #[must_use]
    pub fn covariance_of_coefficients(&self, kind: Covariance<'_>) -> Vec<f64> {
        let (n, p) = (self.residuals.len() as f64, self.width as f64);
        if kind == Covariance::Classic {
            let squares: f64 = self.residuals.iter().map(|u| u * u).sum();
            return self.inverse.iter().map(|x| x * squares / (n - p)).collect();
        }
        let middle = match kind {
            Covariance::Clustered(ranks, clusters) => self.clustered(ranks, clusters),
            _ => self.uneven(kind),
        };
        let scale = match kind {
            Covariance::Hc1 => n / (n - p),
            Covariance::Clustered(_, clusters) => {
                let g = clusters as f64;
                g / (g - 1.0) * (n - 1.0) / (n - p)
            }
            _ => 1.0,
        };
        let width = self.width;
        let times = |a: &[f64], b: &[f64]| -> Vec<f64> {
            let cell = |at: usize| -> f64 {
                let (i, j) = (at / width, at % width);
                (0..width).map(|k| a[i * width + k] * b[k * width + j]).sum()
            };
            (0..width * width).map(cell).collect()
        };
        let both = times(&times(&self.inverse, &middle), &self.inverse);
        both.into_iter().map(|x| scale * x).collect()
    }

    /// `Σ u² x xᵀ`, with `u` corrected for leverage as the kind says.
    fn uneven(&self, kind: Covariance<'_>) -> Vec<f64> {
        let width = self.width;
        let mut middle = vec![0.0; width * width];
        for (row, u) in self.design.chunks_exact(width).zip(&self.residuals) {
            let leverage = || -> f64 {
                self.inverse.chunks_exact(width).zip(row).map(|(line, x)| x * dot(line, row)).sum()
            };
            let square = u * u;
            let square = match kind {
                Covariance::Hc2 => square / (1.0 - leverage()),
                Covariance::Hc3 => square / (1.0 - leverage()).powi(2),
                _ => square,
            };
            add_outer(&mut middle, row, square);
        }
        middle
    }

    /// `Σ_g s_g s_gᵀ` with `s_g = Σ u x` over the rows of a cluster.
    fn clustered(&self, ranks: &[usize], clusters: usize) -> Vec<f64> {
        let width = self.width;
        let mut sums = vec![0.0; clusters * width];
        for ((row, u), rank) in self.design.chunks_exact(width).zip(&self.residuals).zip(ranks) {
            let sum = &mut sums[rank * width..][..width];
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += u * x);
        }
        let mut middle = vec![0.0; width * width];
        sums.chunks_exact(width).for_each(|sum| add_outer(&mut middle, sum, 1.0));
        middle
    }
}

/// A test of several coefficients at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wald {
    /// The statistic.
    pub f: f64,
    /// Chance of one as large when all are 0.
    pub p_value: f64,
    /// Degrees of freedom of the numerator.
    pub numerator: f64,
    /// Degrees of freedom of the denominator.
    pub denominator: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add_outer(matrix: &mut [f64], vector: &[f64], scale: f64) {
    let width = vector.len();
    for (line, x) in matrix.chunks_exact_mut(width).zip(vector) {
        line.iter_mut().zip(vector).for_each(|(cell, y)| *cell += scale * x * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_by_hand() {
        // y = 1, 2, 4 at x = 0, 1, 2: slope 1.5, intercept 5/6; residuals 1/6, −1/3, 1/6.
        let design = [1.0, 0.0, 1.0, 1.0, 1.0, 2.0];
        let fit = Regression::fit(&design, 2, &[1.0, 2.0, 4.0]).expect("three rows");
        assert!((fit.coefficients()[0] - 5.0 / 6.0).abs() < 1e-14);
        assert!((fit.coefficients()[1] - 1.5).abs() < 1e-14);
        // Classic: s² = 1/6, var(slope) = s² / 2.
        let slope = fit.effect(1, Covariance::Classic, 0.95);
        assert!((slope.standard_error - (1.0_f64 / 12.0).sqrt()).abs() < 1e-14);
        // Rows as clusters of their own: HC1 up to (n−1)/(n−p) · G/(G−1) = n/(n−p).
        let alone = fit.effect(1, Covariance::Clustered(&[0, 1, 2], 3), 0.95);
        let uneven = fit.effect(1, Covariance::Hc1, 0.95);
        assert!((alone.standard_error - uneven.standard_error).abs() < 1e-14);
        let t = slope.estimate / slope.standard_error;
        let wald = fit.wald(&[1], Covariance::Classic).expect("one column");
        assert!((wald.f - t * t).abs() < 1e-10 && (wald.p_value - slope.p_value).abs() < 1e-12);
    }

    #[test]
    fn columns_that_depend_on_each_other_are_an_error() {
        let design = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0];
        assert!(Regression::fit(&design, 2, &[1.0, 2.0, 4.0]).is_err());
        assert!(Regression::fit(&design, 2, &[1.0, 2.0]).is_err());
    }
}
