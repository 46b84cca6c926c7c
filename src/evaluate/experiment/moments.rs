//! What the numbers of one arm come down to: counts, means and centred sums of squares and products.
//!
//! Centred sums are accumulated as such (two passes a block; Chan, Golub and LeVeque 1983 for merging), never as
//! `Σx² − n·mean²`: that loses all digits on near-constant numbers and gives `0.1, 0.1, 0.1` a variance.

use serde::{Deserialize, Serialize};

/// Count, mean and centred sum of squares of one variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Number of units.
    pub n: f64,
    /// Arithmetic mean; 0 of nothing.
    pub mean: f64,
    /// `Σ (x − mean)²`.
    pub squares: f64,
}

impl Moments {
    /// The moments of these values: mean and centred squares in two passes.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        JointMoments::of(values.iter().map(|x| [*x])).only(0)
    }

    /// The moments of both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let wide = |m: Self| JointMoments { n: m.n, means: [m.mean], products: [[m.squares]] };
        wide(self).merge(wide(other)).only(0)
    }

    /// Unbiased variance, `Σ (x − mean)² / (n − 1)`; NaN for fewer than two units.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.n > 1.0 { self.squares / (self.n - 1.0) } else { f64::NAN }
    }

    /// Squared standard error of the mean, `variance / n`.
    #[must_use]
    pub fn variance_of_mean(&self) -> f64 {
        self.variance() / self.n
    }
}

/// Rows that are centred on their own mean before blocks are merged: small enough for the cache.
const BLOCK: usize = 4096;

/// Count, means and centred sums of squares and products of `K` variables of the same units, such as
/// an outcome and what was known before, or a ratio's numerator and denominator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointMoments<const K: usize> {
    /// Number of units.
    pub n: f64,
    /// The means.
    pub means: [f64; K],
    /// `Σ (xᵢ − mean xᵢ)(xⱼ − mean xⱼ)`.
    pub products: [[f64; K]; K],
}

impl<const K: usize> Default for JointMoments<K> {
    fn default() -> Self {
        Self { n: 0.0, means: [0.0; K], products: [[0.0; K]; K] }
    }
}

impl<const K: usize> JointMoments<K> {
    /// The moments of these rows, block by block in two passes each.
    pub fn of(rows: impl IntoIterator<Item = [f64; K]>) -> Self {
        let mut rows = rows.into_iter();
        let mut block = Vec::with_capacity(BLOCK);
        let mut all = Self::default();
        loop {
            block.clear();
            block.extend(rows.by_ref().take(BLOCK));
            if block.is_empty() {
                return all;
            }
            all = all.merge(Self::of_block(&block));
        }
    }

    fn of_block(rows: &[[f64; K]]) -> Self {
        let n = rows.len() as f64;
        // Shifted by the first row, so that a constant has exactly its mean.
        let first = rows[0];
        let mut sums = [0.0; K];
        for row in rows {
            (0..K).for_each(|i| sums[i] += row[i] - first[i]);
        }
        let means = std::array::from_fn(|i| first[i] + sums[i] / n);
        let mut products = [[0.0; K]; K];
        for row in rows {
            let off: [f64; K] = std::array::from_fn(|i| row[i] - means[i]);
            (0..K).for_each(|i| (0..=i).for_each(|j| products[i][j] += off[i] * off[j]));
        }
        (0..K).for_each(|i| (0..i).for_each(|j| products[j][i] = products[i][j]));
        Self { n, means, products }
    }

    /// The moments of both together, in either order the same up to rounding.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let d: [f64; K] = std::array::from_fn(|i| other.means[i] - self.means[i]);
        let weight = self.n * other.n / n;
        let product =
            |i: usize, j: usize| self.products[i][j] + other.products[i][j] + d[i] * d[j] * weight;
        Self {
            n,
            means: std::array::from_fn(|i| self.means[i] + d[i] * other.n / n),
            products: std::array::from_fn(|i| std::array::from_fn(|j| product(i, j))),
        }
    }

    /// One variable alone.
    #[must_use]
    pub fn only(&self, i: usize) -> Moments {
        Moments { n: self.n, mean: self.means[i], squares: self.products[i][i] }
    }

    /// Unbiased covariance, or variance when `i = j`; NaN for fewer than two units.
    #[must_use]
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        if self.n > 1.0 { self.products[i][j] / (self.n - 1.0) } else { f64::NAN }
    }

    /// Unbiased covariance of two weighted sums of the variables.
    #[must_use]
    pub fn covariance_of(&self, a: &[f64; K], b: &[f64; K]) -> f64 {
        let cell = |i: usize, j: usize| a[i] * b[j] * self.covariance(i, j);
        (0..K).map(|i| (0..K).map(|j| cell(i, j)).sum::<f64>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_has_no_variance_however_large() {
        for value in [0.1, 1e15 + 0.3, -7.7] {
            assert_eq!(Moments::of(&[value; 1_000]).variance(), 0.0);
        }
    }

    #[test]
    fn merged_parts_are_the_whole() {
        let pairs: Vec<[f64; 2]> =
            (0..50).map(|i| [f64::from(i % 7) + 1e6, f64::from(i * i % 11)]).collect();
        let whole = JointMoments::of(pairs.iter().copied());
        let parts = JointMoments::of(pairs[..13].iter().copied())
            .merge(JointMoments::default())
            .merge(JointMoments::of(pairs[13..].iter().copied()));
        assert!((whole.means[0] - parts.means[0]).abs() < 1e-9);
        // A mean of a million and a deviation of 2: steps are rounded to 1e-10 of each other.
        assert!((whole.covariance(0, 0) / parts.covariance(0, 0) - 1.0).abs() < 1e-9);
        assert!((whole.covariance(0, 1) / parts.covariance(1, 0) - 1.0).abs() < 1e-9);
        let sum = whole.covariance_of(&[1.0, 1.0], &[1.0, 1.0]);
        let parts = whole.covariance(0, 0) + whole.covariance(1, 1) + 2.0 * whole.covariance(0, 1);
        assert!((sum / parts - 1.0).abs() < 1e-14);
    }
}
