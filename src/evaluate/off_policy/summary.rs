//! What contributions come down to: moments, range, and the influence of each round.

use crate::error::EvaluateError;
use crate::experiment::effect::Effect;
use crate::experiment::moments::Moments;
use crate::interval::{Interval, clustered};
use crate::logged::LoggedDecisions;

/// Eight interleaved partial results: the processor works on them at the same time, and partial
/// sums round less than one long one. Spelled out, since loops over lanes are not unrolled across
/// the parts that a release build compiles separately (4 times slower).
fn lanes(values: &[f64], start: f64, step: impl Fn(f64, f64) -> f64) -> [f64; 8] {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = [start; 8];
    for &[a, b, c, d, e, f, g, h] in blocks {
        lanes[0] = step(lanes[0], a);
        lanes[1] = step(lanes[1], b);
        lanes[2] = step(lanes[2], c);
        lanes[3] = step(lanes[3], d);
        lanes[4] = step(lanes[4], e);
        lanes[5] = step(lanes[5], f);
        lanes[6] = step(lanes[6], g);
        lanes[7] = step(lanes[7], h);
    }
    for &x in rest {
        lanes[0] = step(lanes[0], x);
    }
    lanes
}

/// The sum.
pub(super) fn sum(values: &[f64]) -> f64 {
    lanes(values, 0.0, |sum, x| sum + x).iter().sum()
}

/// `Σ (x − centre)²`.
fn squares(values: &[f64], centre: f64) -> f64 {
    lanes(values, 0.0, |sum, x| sum + (x - centre) * (x - centre)).iter().sum()
}

/// Smallest and largest of these values and the two given.
fn range(values: &[f64], least: f64, most: f64) -> (f64, f64) {
    let less = |best: f64, x: f64| if x < best { x } else { best };
    let more = |best: f64, x: f64| if x > best { x } else { best };
    let (low, high) = (lanes(values, least, less), lanes(values, most, more));
    (low.into_iter().fold(least, less), high.into_iter().fold(most, more))
}

/// Moments and range of the contributions of the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Count, mean and centred sum of squares.
    pub moments: Moments,
    /// Smallest contribution; infinite of nothing.
    pub least: f64,
    /// Largest contribution.
    pub most: f64,
}

impl Default for Summary {
    fn default() -> Self {
        Self { moments: Moments::default(), least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl Summary {
    /// The summary of these values.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut all = Self::default();
        values.chunks(512).for_each(|chunk| all.add(chunk));
        all
    }

    /// Takes more values in (Chan, Golub and LeVeque 1983): two passes over the chunk, one merge.
    pub(super) fn add(&mut self, values: &[f64]) {
        let n = values.len() as f64;
        let mean = sum(values) / n;
        self.moments = self.moments.merge(Moments { n, mean, squares: squares(values, mean) });
        (self.least, self.most) = range(values, self.least, self.most);
    }

    /// Standard error of the mean, `sqrt(variance / n)` with the unbiased variance.
    ///
    /// For self-normalised estimators take that of the [`Influence`]: their weights' mean is
    /// random.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.moments.variance_of_mean().sqrt()
    }
}

/// An estimate and how much each round moved it (influence function, mean zero), shape `[n]`.
///
/// Differences of estimates on the same rounds are differences of influences: two policies, two
/// estimators, or a policy and what was logged. That pairing is what makes them precise.
#[derive(Debug, Clone, PartialEq)]
pub struct Influence {
    /// The estimate.
    pub value: f64,
    deviations: Vec<f64>,
    is_mean: bool,
}

impl Influence {
    pub(super) fn new(value: f64, deviations: Vec<f64>, is_mean: bool) -> Self {
        Self { value, deviations, is_mean }
    }

    /// The mean of these values, such as the logged rewards.
    #[must_use]
    pub fn of_mean(values: &[f64]) -> Self {
        let value = sum(values) / values.len() as f64;
        Self::new(value, values.iter().map(|x| x - value).collect(), true)
    }

    /// Deviation of each round.
    #[must_use]
    pub fn deviations(&self) -> &[f64] {
        &self.deviations
    }

    /// This estimate minus another on the same rounds.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] when they are not of equally many rounds.
    pub fn minus(&self, other: &Self) -> Result<Self, EvaluateError> {
        let n = self.deviations.len();
        super::target::check_size("rounds", "decision", n, other.deviations.len())?;
        let pairs = self.deviations.iter().zip(&other.deviations);
        let deviations = pairs.map(|(a, b)| a - b).collect();
        Ok(Self::new(self.value - other.value, deviations, self.is_mean && other.is_mean))
    }

    /// `sqrt(Σ D² / (n (n − 1)))`; linearised ratios divide by `n²` instead (delta method).
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        let n = self.deviations.len() as f64;
        let free = if self.is_mean { n - 1.0 } else { n };
        (squares(&self.deviations, 0.0) / (n * free)).sqrt()
    }

    /// Normal interval and two-sided p value of no effect, with rounds independent.
    #[must_use]
    pub fn effect(&self, level: f64) -> Effect {
        Effect::normal(self.value, self.standard_error(), level)
    }

    /// Interval robust to dependence within customers, see [`clustered`].
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] when the level is not in `(0, 1)`.
    pub fn interval(&self, log: &LoggedDecisions, level: f64) -> Result<Interval, EvaluateError> {
        clustered(self.value, &self.deviations, log, level)
    }
}
