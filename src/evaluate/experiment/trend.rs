//! Does the effect last? Effects by day: a trend (novelty or learning), differences between weekdays,
//! and whether groups differ more than chance would have it.

use super::effect::Effect;
use super::moments::Moments;
use super::regression::{Covariance, Regression};
use crate::distributions::chi_squared_upper_tail;
use crate::error::EvaluateError;

/// One difference with its standard error, of a day or a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Treatment − control.
    pub effect: f64,
    /// Its standard error, above 0.
    pub standard_error: f64,
}

impl Part {
    /// The difference of two means.
    #[must_use]
    pub fn of(control: &Moments, treatment: &Moments) -> Self {
        let variance = control.variance_of_mean() + treatment.variance_of_mean();
        Self { effect: treatment.mean - control.mean, standard_error: variance.sqrt() }
    }

    fn weight(&self) -> f64 {
        1.0 / (self.standard_error * self.standard_error)
    }
}

/// Whether parts differ more than their errors explain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heterogeneity {
    /// Effect with each part weighted by its precision.
    pub effect: f64,
    /// `Σ w (effect − mean)²`. Source: Cochran 1954.
    pub q: f64,
    /// Number of parts less one.
    pub degrees_of_freedom: f64,
    /// Chance of a `q` as large when all parts have one effect.
    pub p_value: f64,
    /// Share of the differences that chance does not explain, `max(0, 1 − df/q)`.
    pub i_squared: f64,
    /// Variance of the true effects (DerSimonian and Laird 1986).
    pub tau_squared: f64,
}

impl Heterogeneity {
    /// Of at least two parts with standard errors above 0.
    ///
    /// # Errors
    /// [`EvaluateError::TooFew`].
    pub fn of(parts: &[Part]) -> Result<Self, EvaluateError> {
        let usable = parts.iter().filter(|part| part.standard_error > 0.0).count();
        let advice = "leave out parts in which an arm has fewer than two units";
        crate::logged::at_least("parts with a standard error", parts.len().max(2), usable, advice)?;
        let sum = |of: &dyn Fn(&Part) -> f64| -> f64 { parts.iter().map(of).sum() };
        let weights = sum(&Part::weight);
        let effect = sum(&|p| p.weight() * p.effect) / weights;
        let q = sum(&|p| p.weight() * (p.effect - effect).powi(2));
        let df = parts.len() as f64 - 1.0;
        let scale = weights - sum(&|p| p.weight() * p.weight()) / weights;
        Ok(Self {
            effect,
            q,
            degrees_of_freedom: df,
            p_value: chi_squared_upper_tail(q, df),
            i_squared: if q > 0.0 { (1.0 - df / q).max(0.0) } else { 0.0 },
            tau_squared: ((q - df) / scale).max(0.0),
        })
    }

    /// The parts drawn towards each other by how little they differ: means and standard deviations of
    /// normal effects about the common one, whose own uncertainty counts. Unlike the raw parts, the best
    /// of many is not the luckiest. Source: Efron and Morris 1975; empirical Bayes.
    #[must_use]
    pub fn shrunk(&self, parts: &[Part]) -> Vec<Part> {
        let precision = |p: &Part| 1.0 / (p.standard_error.powi(2) + self.tau_squared);
        let all: f64 = parts.iter().map(precision).sum();
        let centre = parts.iter().map(|p| precision(p) * p.effect).sum::<f64>() / all;
        let draw = |p: &Part| {
            let keep = self.tau_squared * precision(p);
            let own = keep * p.standard_error.powi(2);
            let common = (1.0 - keep).powi(2) / all;
            Part {
                effect: keep * p.effect + (1.0 - keep) * centre,
                standard_error: (own + common).sqrt(),
            }
        };
        parts.iter().map(draw).collect()
    }
}

/// Slope of the effect over time with weights by precision; a falling one on a gain is novelty that
/// wears off. The errors' size is taken from the residuals.
///
/// # Errors
/// [`EvaluateError::WrongLength`] when there is not one time per part; [`EvaluateError::TooFew`] for
/// fewer than three, [`EvaluateError::Unsolvable`] for one time only.
pub fn slope(times: &[f64], parts: &[Part], level: f64) -> Result<Effect, EvaluateError> {
    let (expected, found) = (parts.len(), times.len());
    if expected != found {
        let (column, unit) = ("times", "part");
        return Err(EvaluateError::WrongLength { column, expected, found, unit });
    }
    let root = |part: &Part| part.weight().sqrt();
    let design: Vec<f64> =
        times.iter().zip(parts).flat_map(|(time, p)| [root(p), time * root(p)]).collect();
    let y: Vec<f64> = parts.iter().map(|p| p.effect * root(p)).collect();
    Ok(Regression::fit(&design, 2, &y)?.effect(1, Covariance::Classic, level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(of: &[(f64, f64)]) -> Vec<Part> {
        of.iter().map(|&(effect, standard_error)| Part { effect, standard_error }).collect()
    }

    #[test]
    fn parts_that_agree_become_one_and_parts_that_do_not_stay() {
        let same = parts(&[(1.0, 0.5), (1.0, 0.5)]);
        let found = Heterogeneity::of(&same).expect("two parts");
        assert_eq!((found.q, found.tau_squared, found.p_value), (0.0, 0.0, 1.0));
        let shrunk = found.shrunk(&same);
        // Two estimates of one effect: error 0.5/√2.
        assert!((shrunk[0].standard_error - 0.5 / 2.0_f64.sqrt()).abs() < 1e-15);
        let apart = parts(&[(0.0, 0.1), (10.0, 0.1)]);
        let found = Heterogeneity::of(&apart).expect("two parts");
        // Weights of 100 about 5: q = 100·25·2.
        assert!((found.q - 5000.0).abs() < 1e-9 && found.i_squared > 0.99);
        let shrunk = found.shrunk(&apart);
        assert!(shrunk[0].effect < 0.01 && shrunk[1].effect > 9.99, "{shrunk:?}");
        assert!(Heterogeneity::of(&same[..1]).is_err());
        assert!(Heterogeneity::of(&parts(&[(1.0, 0.0), (2.0, 1.0)])).is_err());
    }

    #[test]
    fn an_even_slope_is_found() {
        let days = [1.0, 2.0, 3.0, 4.0];
        let falling = parts(&[(4.0, 0.1), (3.0, 0.2), (2.1, 0.3), (1.0, 0.4)]);
        let found = slope(&days, &falling, 0.95).expect("four days");
        assert!((found.estimate + 1.0).abs() < 0.05 && found.upper < 0.0);
        assert!(slope(&days[..3], &falling, 0.95).is_err());
        assert!(slope(&[1.0; 4], &falling, 0.95).is_err());
    }
}
