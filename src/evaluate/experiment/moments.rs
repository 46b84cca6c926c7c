//! What the numbers of one arm come down to: counts, means and centred sums of squares and products.
//!
//! Centred sums are accumulated as such (Welford; Chan, Golub and LeVeque 1983 for merging), never as
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
        let joint = JointMoments::of(values.iter().map(|x| (*x, 0.0)));
        joint.first()
    }

    /// The moments of both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let zip = |m: Self| JointMoments {
            n: m.n,
            means: [m.mean, 0.0],
            squares: [m.squares, 0.0],
            products: 0.0,
        };
        zip(self).merge(zip(other)).first()
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

/// Counts, means, centred squares and the centred product of two variables of the same units, such as
/// an outcome and what was known before, or a ratio's numerator and denominator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct JointMoments {
    /// Number of units.
    pub n: f64,
    /// Both means.
    pub means: [f64; 2],
    /// Both centred sums of squares.
    pub squares: [f64; 2],
    /// `Σ (x − mean x)(y − mean y)`.
    pub products: f64,
}

impl JointMoments {
    /// The moments of these pairs, one by one (Welford).
    pub fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut all = Self::default();
        pairs.into_iter().for_each(|(x, y)| all.push(x, y));
        all
    }

    /// Takes one more unit in.
    pub fn push(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        let (dx, dy) = (x - self.means[0], y - self.means[1]);
        self.means[0] += dx / self.n;
        self.means[1] += dy / self.n;
        self.squares[0] += dx * (x - self.means[0]);
        self.squares[1] += dy * (y - self.means[1]);
        self.products += dx * (y - self.means[1]);
    }

    /// The moments of both together, in either order the same up to rounding.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let d = [other.means[0] - self.means[0], other.means[1] - self.means[1]];
        let weight = self.n * other.n / n;
        let square = |i: usize| self.squares[i] + other.squares[i] + d[i] * d[i] * weight;
        Self {
            n,
            means: [self.means[0] + d[0] * other.n / n, self.means[1] + d[1] * other.n / n],
            squares: [square(0), square(1)],
            products: self.products + other.products + d[0] * d[1] * weight,
        }
    }

    /// The first variable alone.
    #[must_use]
    pub fn first(&self) -> Moments {
        Moments { n: self.n, mean: self.means[0], squares: self.squares[0] }
    }

    /// The second variable alone.
    #[must_use]
    pub fn second(&self) -> Moments {
        Moments { n: self.n, mean: self.means[1], squares: self.squares[1] }
    }

    /// Unbiased covariance; NaN for fewer than two units.
    #[must_use]
    pub fn covariance(&self) -> f64 {
        if self.n > 1.0 { self.products / (self.n - 1.0) } else { f64::NAN }
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
        let pairs: Vec<(f64, f64)> =
            (0..50).map(|i| (f64::from(i % 7) + 1e6, f64::from(i * i % 11))).collect();
        let whole = JointMoments::of(pairs.iter().copied());
        let parts = JointMoments::of(pairs[..13].iter().copied())
            .merge(JointMoments::default())
            .merge(JointMoments::of(pairs[13..].iter().copied()));
        assert!((whole.means[0] - parts.means[0]).abs() < 1e-9);
        // A mean of a million and a deviation of 2: steps are rounded to 1e-10 of each other.
        assert!((whole.first().variance() / parts.first().variance() - 1.0).abs() < 1e-9);
        assert!((whole.covariance() / parts.covariance() - 1.0).abs() < 1e-9);
    }
}
