//! Post-stratification: effects within groups that were known before, put together by the size of the
//! groups, which takes the luck of their mix out of the difference.
//!
//! Source: Miratrix, Sekhon and Yu 2013; the relative effect and the random group sizes by the delta
//! method.

use super::effect::{Condition, Effect};
use super::moments::JointMoments;
use super::regression::{Covariance, Regression};
use crate::error::EvaluateError;

/// Control level and effect of one group with their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratum {
    /// Units of both arms.
    pub n: f64,
    /// Control mean and effect.
    pub coefficients: [f64; 2],
    /// Squared standard errors and covariance of both.
    pub covariance: [[f64; 2]; 2],
}

impl Stratum {
    /// A group by the means of its two arms.
    #[must_use]
    pub fn of_means(control: &super::Moments, treatment: &super::Moments) -> Self {
        let [c, t] = [control.variance_of_mean(), treatment.variance_of_mean()];
        Self {
            n: control.n + treatment.n,
            coefficients: [control.mean, treatment.mean - control.mean],
            covariance: [[c, -c], [-c, c + t]],
        }
    }

    /// A group adjusted for what was known before by least squares within the group. `[y, x, treated]`
    /// are the rows' moments; the control level is that at the group's mean of `x`, itself uncertain.
    ///
    /// # Errors
    /// As [`Regression::fit`], such as for a group of one arm.
    pub fn adjusted(rows: &[[f64; 3]]) -> Result<Self, EvaluateError> {
        let before = JointMoments::of(rows.iter().map(|[_, x, _]| [*x])).only(0);
        let design = rows.iter().flat_map(|[_, x, treated]| [1.0, *treated, x - before.mean]);
        let y: Vec<f64> = rows.iter().map(|row| row[0]).collect();
        let design: Vec<f64> = design.collect();
        if before.squares <= 0.0 {
            let arm = |which: f64| {
                let own = rows.iter().filter(|row| row[2] == which).map(|row| [row[0]]);
                JointMoments::of(own).only(0)
            };
            return Ok(Self::of_means(&arm(0.0), &arm(1.0)));
        }
        let fit = Regression::fit(&design, 3, &y)?;
        let b = fit.coefficients();
        let all = fit.covariance_of_coefficients(Covariance::Classic);
        let moved = (b[2] * b[2] + all[8]) * before.variance_of_mean();
        Ok(Self {
            n: rows.len() as f64,
            coefficients: [b[0], b[1]],
            covariance: [[all[0] + moved, all[1]], [all[3], all[4]]],
        })
    }
}

/// All groups together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratified {
    coefficients: [f64; 2],
    covariance: [[f64; 2]; 2],
    degrees_of_freedom: f64,
}

impl Stratified {
    /// Groups weighted by their share of the units; the shares are those of a random sample, so their
    /// own variance counts. `degrees_of_freedom` are those of the unstratified test.
    ///
    /// # Errors
    /// [`EvaluateError::TooFew`] without groups.
    pub fn new(strata: &[Stratum], degrees_of_freedom: f64) -> Result<Self, EvaluateError> {
        crate::logged::at_least("strata", 1, strata.len(), "pass the units by group")?;
        let n: f64 = strata.iter().map(|s| s.n).sum();
        let sum = |of: &dyn Fn(&Stratum) -> f64| -> f64 { strata.iter().map(of).sum() };
        let coefficients: [f64; 2] = std::array::from_fn(|i| sum(&|s| s.n / n * s.coefficients[i]));
        let cell = |i: usize, j: usize| {
            let within = sum(&|s| (s.n / n).powi(2) * s.covariance[i][j]);
            let off = |s: &Stratum, i: usize| s.coefficients[i] - coefficients[i];
            within + sum(&|s| s.n / n * off(s, i) * off(s, j)) / n
        };
        let covariance = std::array::from_fn(|i| std::array::from_fn(|j| cell(i, j)));
        Ok(Self { coefficients, covariance, degrees_of_freedom })
    }

    /// The effect in units of the metric.
    #[must_use]
    pub fn absolute(&self, level: f64) -> Effect {
        let error = self.covariance[1][1].sqrt();
        Effect::student(self.coefficients[1], error, self.degrees_of_freedom, level)
    }

    /// The effect over the control level.
    #[must_use]
    pub fn relative(&self, level: f64) -> Effect {
        let [base, effect] = self.coefficients;
        if base == 0.0 {
            return Effect::without_interval(0.0, level, Condition::ZeroBaseline);
        }
        let slope = [-effect / base, 1.0];
        let cell = |i: usize, j: usize| slope[i] * slope[j] * self.covariance[i][j];
        let variance = cell(0, 0) + 2.0 * cell(0, 1) + cell(1, 1);
        let error = variance.sqrt() / base.abs();
        Effect::student(effect / base.abs(), error, self.degrees_of_freedom, level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Moments;

    /// One group is the plain difference; two groups that mirror each other average theirs.
    #[test]
    fn groups_are_weighted_by_their_size() {
        let low = [Moments::of(&[1.0, 2.0, 3.0]), Moments::of(&[2.0, 3.0, 4.0])];
        let high = [Moments::of(&[11.0, 12.0, 13.0]), Moments::of(&[14.0, 15.0, 16.0])];
        let one = Stratified::new(&[Stratum::of_means(&low[0], &low[1])], 4.0).expect("one");
        assert!((one.absolute(0.95).estimate - 1.0).abs() < 1e-15);
        // Each arm's mean has variance 1/3.
        assert!((one.absolute(0.95).standard_error.powi(2) - 2.0 / 3.0).abs() < 1e-15);
        let strata = [low, high].map(|[c, t]| Stratum::of_means(&c, &t));
        let both = Stratified::new(&strata, 8.0).expect("two groups").absolute(0.95);
        assert!((both.estimate - 2.0).abs() < 1e-15);
        // Within: ¼·⅔ + ¼·⅔; between: effects 1 and 3 about 2, over 12 units.
        assert!((both.standard_error.powi(2) - (1.0 / 3.0 + 1.0 / 12.0)).abs() < 1e-14);
        assert!(Stratified::new(&[], 1.0).is_err());
    }
}
