//! The distributions that the parameters of a world are drawn from.

use crate::error::EnvError;
use crate::seed::Stream;
use rand::Rng;
use rand_distr::{Beta, Distribution, Gumbel, StandardNormal};
use serde::{Deserialize, Serialize};

/// How one parameter is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Draw {
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation, above 0.
        sd: f64,
    },
    /// Normal, drawn again until it falls between the bounds.
    Truncated {
        /// Mean before truncation.
        mean: f64,
        /// Standard deviation before truncation, above 0.
        sd: f64,
        /// Lower bound, if there is one.
        low: Option<f64>,
        /// Upper bound, if there is one.
        high: Option<f64>,
    },
    /// Exponential of a normal.
    LogNormal {
        /// Mean of the logarithm.
        mean: f64,
        /// Standard deviation of the logarithm, above 0.
        sd: f64,
    },
    /// Gumbel, the law of the largest of many.
    Gumbel {
        /// Mode.
        mode: f64,
        /// Scale, above 0.
        scale: f64,
    },
    /// Uniform.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end, above the lower one.
        high: f64,
    },
    /// Beta, between 0 and 1.
    Beta {
        /// First shape, above 0.
        alpha: f64,
        /// Second shape, above 0.
        beta: f64,
    },
}

impl Draw {
    /// A normal truncated from below.
    #[must_use]
    pub fn at_least(low: f64, mean: f64, sd: f64) -> Self {
        Self::Truncated { mean, sd, low: Some(low), high: None }
    }

    /// A normal truncated from above.
    #[must_use]
    pub fn at_most(high: f64, mean: f64, sd: f64) -> Self {
        Self::Truncated { mean, sd, low: None, high: Some(high) }
    }

    /// Smallest and largest value; infinite where there is no bound.
    #[must_use]
    pub fn support(&self) -> (f64, f64) {
        match *self {
            Self::Normal { .. } | Self::Gumbel { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Truncated { low, high, .. } => {
                (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY))
            }
            Self::LogNormal { .. } => (0.0, f64::INFINITY),
            Self::Uniform { low, high } => (low, high),
            Self::Beta { .. } => (0.0, 1.0),
        }
    }

    /// Refuses parameters that are no distribution, and truncation that would hardly ever accept.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] under the given name.
    pub(super) fn check(&self, name: &'static str) -> Result<(), EnvError> {
        let refuse = |expected, got| Err(EnvError::InvalidParameter { name, expected, got });
        let (place, spread) = match *self {
            Self::Normal { mean, sd } | Self::LogNormal { mean, sd } => (mean, sd),
            Self::Truncated { mean, sd, .. } => (mean, sd),
            Self::Gumbel { mode, scale } => (mode, scale),
            Self::Uniform { low, high } => (low, high - low),
            Self::Beta { alpha, beta } => (alpha, alpha.min(beta)),
        };
        let (low, high) = self.support();
        if low.is_nan() || high.is_nan() {
            return refuse("bounds that are numbers", f64::NAN);
        }
        if !place.is_finite() {
            return refuse("a finite parameter", place);
        }
        if !(spread.is_finite() && spread > 0.0) {
            return refuse("a finite spread above 0", spread);
        }
        if let Self::Truncated { mean, sd, .. } = *self {
            let reach = (low.max(mean - 3.0 * sd), high.min(mean + 3.0 * sd));
            if !(reach.1 - reach.0 > 0.01 * sd) {
                return refuse("bounds that hold a part of mean ± 3 sd", reach.1 - reach.0);
            }
        }
        Ok(())
    }

    /// One draw; the parameters have passed [`Self::check`].
    pub(super) fn sample(&self, rng: &mut Stream) -> f64 {
        match *self {
            Self::Normal { mean, sd } => mean + sd * standard_normal(rng),
            Self::Truncated { mean, sd, .. } => {
                let (low, high) = self.support();
                loop {
                    let x = mean + sd * standard_normal(rng);
                    if low <= x && x <= high {
                        return x;
                    }
                }
            }
            Self::LogNormal { mean, sd } => (mean + sd * standard_normal(rng)).exp(),
            Self::Gumbel { mode, scale } => {
                Gumbel::new(mode, scale).map_or(mode, |law| law.sample(rng))
            }
            Self::Uniform { low, high } => low + (high - low) * rng.random::<f64>(),
            Self::Beta { alpha, beta } => Beta::new(alpha, beta).map_or(0.5, |law| law.sample(rng)),
        }
    }
}

/// A standard normal draw.
pub(super) fn standard_normal(rng: &mut Stream) -> f64 {
    rng.sample(StandardNormal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedTree;

    #[test]
    fn draws_have_the_means_of_their_laws_and_stay_in_their_support() {
        // (law, mean, variance); 40,000 draws each, so the bound is 4 √(variance / 40,000).
        let half = (2.0 / std::f64::consts::PI).sqrt();
        let cases = [
            (Draw::Normal { mean: 3.0, sd: 2.0 }, 3.0, 4.0),
            (Draw::at_least(0.0, 0.0, 1.0), half, 1.0 - half * half),
            (Draw::LogNormal { mean: 1.0, sd: 0.4 }, 1.08_f64.exp(), 0.1735 * 2.16_f64.exp()),
            (Draw::Gumbel { mode: 4.0, scale: 0.1 }, 4.057_721_6, 0.016_449),
            (Draw::Uniform { low: 5.0, high: 6.0 }, 5.5, 1.0 / 12.0),
            (Draw::Beta { alpha: 40.0, beta: 60.0 }, 0.4, 0.24 / 101.0),
        ];
        for (law, mean, variance) in cases {
            law.check("law").expect("valid");
            let mut rng = SeedTree::new(3).stream();
            let draws: Vec<f64> = (0..40_000).map(|_| law.sample(&mut rng)).collect();
            let (low, high) = law.support();
            assert!(draws.iter().all(|x| (low..=high).contains(x)));
            let found = draws.iter().sum::<f64>() / 40_000.0;
            assert!(
                (found - mean).abs() < 4.0 * (variance / 40_000.0_f64).sqrt(),
                "{law:?} {found}"
            );
        }
    }

    #[test]
    fn a_truncation_that_never_accepts_is_refused() {
        assert!(Draw::at_least(9.0, 0.0, 1.0).check("far").is_err());
        assert!(Draw::at_most(f64::NAN, 0.0, 1.0).check("undefined").is_err());
        assert!(Draw::Uniform { low: 2.0, high: 1.0 }.check("turned").is_err());
        assert!(Draw::Normal { mean: f64::INFINITY, sd: 1.0 }.check("endless").is_err());
    }
}
