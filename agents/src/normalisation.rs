//! Constants that bring raw features to a common scale before anything is learned from them.

use crate::error::{AgentError, same_length};
use promopt_envs::BoxSpace;
use serde::{Deserialize, Serialize};

/// A spread below this counts as a constant feature, which is centred and not scaled.
const SMALLEST_SCALE: f32 = 1e-6;

/// `x = clip((observation − mean) / scale, ±5)`, feature by feature; fixed before training, so that
/// a stored observation means the same at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Subtracted, shape `[n_features]`.
    pub mean: Vec<f32>,
    /// Divides, above zero, shape `[n_features]`.
    pub scale: Vec<f32>,
}

impl Normalisation {
    /// Leaves features as they are (up to the clip).
    #[must_use]
    pub fn identity(n_features: usize) -> Self {
        Self { mean: vec![0.0; n_features], scale: vec![1.0; n_features] }
    }

    /// Maps finite bounds to `[−1, 1]` and leaves unbounded or constant features as they are.
    #[must_use]
    pub fn from_space(space: &BoxSpace) -> Self {
        let constants = space.low().iter().zip(space.high()).map(|(low, high)| {
            let half = (high - low) / 2.0;
            let usable = half.is_finite() && half > SMALLEST_SCALE;
            if usable { (low + half, half) } else { (0.0, 1.0) }
        });
        let (mean, scale) = constants.unzip();
        Self { mean, scale }
    }

    /// Mean and standard deviation of a sample of observations, shape `[n, n_features]`, row-major.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the sample is empty or not a whole number of rows.
    pub fn fit(observations: &[f32], n_features: usize) -> Result<Self, AgentError> {
        let n = observations.len().checked_div(n_features).unwrap_or(0);
        same_length("the sample of observations", n.max(1) * n_features, observations.len())?;
        let mut mean = vec![0.0_f64; n_features];
        let mut square = vec![0.0_f64; n_features];
        // Welford's recurrence (1962): stable for features far from zero.
        for (row, observation) in observations.chunks_exact(n_features.max(1)).enumerate() {
            for (feature, &x) in observation.iter().enumerate() {
                let before = f64::from(x) - mean[feature];
                mean[feature] += before / (row + 1) as f64;
                square[feature] += before * (f64::from(x) - mean[feature]);
            }
        }
        let scale = square.iter().map(|s| (s / n as f64).sqrt() as f32);
        let scale = scale.map(|s| if s > SMALLEST_SCALE { s } else { 1.0 }).collect();
        Ok(Self { mean: mean.into_iter().map(|m| m as f32).collect(), scale })
    }

    /// Errors unless there is one finite mean and one finite positive scale per feature.
    pub(crate) fn check(&self, n_features: usize) -> Result<(), AgentError> {
        same_length("normalisation means", n_features, self.mean.len())?;
        same_length("normalisation scales", n_features, self.scale.len())?;
        let bad_mean = self.mean.iter().find(|mean| !mean.is_finite());
        let bad_scale = self.scale.iter().find(|s| !(s.is_finite() && **s > 0.0));
        match bad_mean.or(bad_scale) {
            Some(&got) => {
                let got = f64::from(got);
                Err(AgentError::NotFinite { what: "mean and positive scale", got })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitting_gives_mean_and_standard_deviation() -> Result<(), AgentError> {
        // Feature 0: 1, 3 → mean 2, sd 1. Feature 1 is constant and stays unscaled.
        let fitted = Normalisation::fit(&[1.0, 7.0, 3.0, 7.0], 2)?;
        assert_eq!(fitted, Normalisation { mean: vec![2.0, 7.0], scale: vec![1.0, 1.0] });
        assert!(Normalisation::fit(&[], 2).is_err());
        assert!(Normalisation::fit(&[1.0; 3], 2).is_err());
        Ok(())
    }

    #[test]
    fn bounds_map_to_one_and_unbounded_features_stay() {
        let space = BoxSpace::new(vec![0.0, f32::MIN, 1.0], vec![4.0, f32::MAX, 1.0]);
        let from_space = Normalisation::from_space(&space);
        assert_eq!(from_space.mean, [2.0, 0.0, 0.0]);
        assert_eq!(from_space.scale, [2.0, 1.0, 1.0]);
    }

    #[test]
    fn a_scale_of_zero_is_refused() {
        let normalisation = Normalisation { mean: vec![0.0], scale: vec![0.0] };
        assert!(normalisation.check(1).is_err());
        assert!(Normalisation::identity(2).check(3).is_err());
    }
}
