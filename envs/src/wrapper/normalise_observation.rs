//! Observations scaled to mean 0 and variance 1 by what was seen so far.

use super::moments::RunningMoments;
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask, BoxSpace};

/// Added to variances, so that a feature that never varied does not divide by zero; Gymnasium's.
const EPSILON: f64 = 1e-8;

/// Shows `(x − mean) / sqrt(variance + 1e-8)`, clipped to `[−clip, clip]`.
///
/// Mean and variance are those of all observations so far, the final ones of episodes included, and
/// the one shown is taken in first. While they are updated a trajectory does not repeat under the
/// same seed; [`freeze`](Self::freeze) them for evaluation. Policies that travel should keep raw
/// observations and carry their own normalisation instead.
#[derive(Debug, Clone)]
pub struct NormaliseObservation<E> {
    env: E,
    spec: EnvSpec,
    clip: f32,
    moments: RunningMoments,
    updating: bool,
    observation: Vec<f32>,
}

impl<E: Env> NormaliseObservation<E> {
    /// Starts without statistics and updates them.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the clip is not a finite number above 0.
    pub fn new(env: E, clip: f32) -> Result<Self, EnvError> {
        let moments = RunningMoments::new(env.spec().observation_space.n_features());
        let mut wrapped = Self::with_moments(env, clip, moments)?;
        wrapped.updating = true;
        Ok(wrapped)
    }

    /// Starts from statistics of an earlier play and keeps them frozen.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the clip is not a finite number above 0 or the statistics
    /// are of another number of features.
    pub fn with_moments(env: E, clip: f32, moments: RunningMoments) -> Result<Self, EnvError> {
        if !(clip.is_finite() && clip > 0.0) {
            let (expected, got) = ("a finite number above 0", f64::from(clip));
            return Err(EnvError::InvalidParameter { name: "clip", expected, got });
        }
        let n_features = env.spec().observation_space.n_features();
        if moments.n_features() != n_features {
            let (expected, got) = ("as many features as observed", moments.n_features() as f64);
            return Err(EnvError::InvalidParameter { name: "moments", expected, got });
        }
        let mut spec = env.spec().clone();
        spec.observation_space = BoxSpace::new(vec![-clip; n_features], vec![clip; n_features]);
        let observation = vec![0.0; n_features];
        Ok(Self { env, spec, clip, moments, updating: false, observation })
    }

    /// The environment inside, with raw observations.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    /// The statistics, to save or to merge with those of other lanes.
    #[must_use]
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// Stops updating the statistics.
    pub fn freeze(&mut self) {
        self.updating = false;
    }

    /// Goes on updating the statistics.
    pub fn unfreeze(&mut self) {
        self.updating = true;
    }

    fn observe(&mut self) {
        let raw = self.env.observation();
        if self.updating {
            self.moments.update(raw.iter().map(|&x| f64::from(x)));
        }
        self.moments.normalise(raw, EPSILON, self.clip, &mut self.observation);
    }
}

impl<E: Env> Env for NormaliseObservation<E> {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.observe();
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        let step = self.env.step(action)?;
        self.observe();
        Ok(step)
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        self.env.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;
    use crate::diagnostic::KnownBandit;

    fn learned() -> Result<RunningMoments, EnvError> {
        let mut env = NormaliseObservation::new(KnownBandit::new(3, 0.1, 4_000)?, 5.0)?;
        env.reset(Some(1));
        while !env.step(0)?.is_last() {}
        Ok(env.moments().clone())
    }

    #[test]
    fn it_keeps_the_contract_when_frozen() -> Result<(), EnvError> {
        let moments = learned()?;
        let bandit = KnownBandit::masked(3, 0.1, 20)?;
        let env = NormaliseObservation::with_moments(bandit, 0.5, moments)?;
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn the_moments_are_those_of_the_observations() -> Result<(), EnvError> {
        // 4,001 uniforms on [−1, 1]: mean 0 with standard error sqrt(1/3 / 4001) = 0.0091, variance
        // 1/3 with standard error sqrt((1/5 − 1/9) / 4001) = 0.0047; four of them are allowed.
        let moments = learned()?;
        assert_eq!(moments.count(), 4_001);
        for feature in 0..3 {
            assert!(moments.mean()[feature].abs() < 0.0365);
            assert!((moments.variance(feature) - 1.0 / 3.0).abs() < 0.0189);
        }
        Ok(())
    }

    #[test]
    fn frozen_statistics_do_not_move_and_repeat_the_trajectory() -> Result<(), EnvError> {
        let mut env = NormaliseObservation::new(KnownBandit::new(3, 0.1, 5)?, 5.0)?;
        env.reset(Some(1));
        env.step(0)?;
        env.freeze();
        let before = env.moments().clone();
        env.reset(Some(9));
        let first = env.observation().to_vec();
        env.reset(Some(9));
        assert_eq!(env.observation(), first);
        assert_eq!(*env.moments(), before);
        env.unfreeze();
        env.reset(Some(9));
        assert_eq!(env.moments().count(), before.count() + 1);
        Ok(())
    }

    #[test]
    fn a_wrong_clip_and_foreign_statistics_are_refused() -> Result<(), EnvError> {
        let bandit = KnownBandit::new(3, 0.1, 5)?;
        assert!(NormaliseObservation::new(bandit.clone(), 0.0).is_err());
        assert!(NormaliseObservation::new(bandit.clone(), f32::NAN).is_err());
        let foreign = RunningMoments::new(2);
        assert!(NormaliseObservation::with_moments(bandit, 5.0, foreign).is_err());
        Ok(())
    }
}
