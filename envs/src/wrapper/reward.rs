//! Rewards scaled by a constant, or by the spread of discounted returns.

use super::moments::RunningMoments;
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};

/// Added to the variance, as in Gymnasium.
const EPSILON: f64 = 1e-8;

/// Multiplies every reward by a constant.
#[derive(Debug, Clone)]
pub struct ScaleReward<E> {
    env: E,
    factor: f64,
}

impl<E: Env> ScaleReward<E> {
    /// The environment with rewards times `factor`.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the factor is not finite.
    pub fn new(env: E, factor: f64) -> Result<Self, EnvError> {
        if factor.is_finite() {
            return Ok(Self { env, factor });
        }
        Err(EnvError::InvalidParameter { name: "factor", expected: "a finite number", got: factor })
    }

    /// The environment inside, with raw rewards.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }
}

impl<E: Env> Env for ScaleReward<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
    }

    fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        let step = self.env.step(action)?;
        Ok(Step { reward: step.reward * self.factor, ..step })
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        self.env.info()
    }
}

/// Divides every reward by the running standard deviation of the discounted return so far:
/// `r / sqrt(variance(G) + 1e-8)` with `G ← γ G + r`, started at 0 by each reset.
///
/// The reward's sign and zero stay, as the mean is not taken off. The return of the step is taken in
/// before its reward is divided; until two of them have been seen rewards pass unchanged. While the
/// statistics are updated a trajectory does not repeat under the same seed;
/// [`freeze`](Self::freeze) them for evaluation. Follows Gymnasium's `NormalizeReward` but for the
/// restart at a reset, which there happens after terminations only.
#[derive(Debug, Clone)]
pub struct NormaliseReward<E> {
    env: E,
    discount_factor: f64,
    discounted: f64,
    moments: RunningMoments,
    updating: bool,
}

impl<E: Env> NormaliseReward<E> {
    /// Starts without statistics and updates them.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the discount factor is outside `[0, 1]`.
    pub fn new(env: E, discount_factor: f64) -> Result<Self, EnvError> {
        let mut wrapped = Self::with_moments(env, discount_factor, RunningMoments::new(1))?;
        wrapped.updating = true;
        Ok(wrapped)
    }

    /// Starts from statistics of an earlier play and keeps them frozen.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the discount factor is outside `[0, 1]` or the statistics
    /// are not of one number.
    pub fn with_moments(
        env: E,
        discount_factor: f64,
        moments: RunningMoments,
    ) -> Result<Self, EnvError> {
        if !(0.0..=1.0).contains(&discount_factor) {
            let (name, expected) = ("discount_factor", "a number in [0, 1]");
            return Err(EnvError::InvalidParameter { name, expected, got: discount_factor });
        }
        if moments.n_features() != 1 {
            let (expected, got) = ("statistics of one number", moments.n_features() as f64);
            return Err(EnvError::InvalidParameter { name: "moments", expected, got });
        }
        Ok(Self { env, discount_factor, discounted: 0.0, moments, updating: false })
    }

    /// The environment inside, with raw rewards.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    /// The statistics of discounted returns, to save or to merge with those of other lanes.
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
}

impl<E: Env> Env for NormaliseReward<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.discounted = 0.0;
    }

    fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        let step = self.env.step(action)?;
        self.discounted = self.discount_factor * self.discounted + step.reward;
        if self.updating {
            self.moments.update([self.discounted]);
        }
        let seen = self.moments.count() > 1;
        let spread = if seen { (self.moments.variance(0) + EPSILON).sqrt() } else { 1.0 };
        Ok(Step { reward: step.reward / spread, ..step })
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        self.env.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;
    use crate::diagnostic::{Identity, KnownBandit};

    #[test]
    fn both_keep_the_contract() -> Result<(), EnvError> {
        let bandit = KnownBandit::masked(3, 0.1, 20)?;
        let scaled = ScaleReward::new(bandit.clone(), 0.1)?;
        assert_eq!(check_env(&mut || Box::new(scaled.clone()), 1), []);
        let mut moments = RunningMoments::new(1);
        [0.0, 4.0].iter().for_each(|&g| moments.update([g]));
        let normalised = NormaliseReward::with_moments(bandit, 0.9, moments)?;
        assert_eq!(check_env(&mut || Box::new(normalised.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn a_constant_scales_every_reward() -> Result<(), EnvError> {
        let mut env = ScaleReward::new(Identity::new(1, 3), -2.5)?;
        env.reset(Some(0));
        assert_eq!(env.step(0)?.reward, -2.5);
        assert!(ScaleReward::new(Identity::new(1, 3), f64::INFINITY).is_err());
        Ok(())
    }

    #[test]
    fn rewards_are_divided_by_the_spread_of_discounted_returns() -> Result<(), EnvError> {
        // Rewards of 1 at γ = 0.5: returns 1, 1.5, 1.75. Population variance of the first two is
        // 0.0625; of all three, mean 17/12, it is 7/72.
        let mut env = NormaliseReward::new(Identity::new(1, 3), 0.5)?;
        env.reset(Some(0));
        assert_eq!(env.step(0)?.reward, 1.0);
        assert!((env.step(0)?.reward - 1.0 / (0.0625_f64 + EPSILON).sqrt()).abs() < 1e-9);
        let last = env.step(0)?;
        assert!((last.reward - 1.0 / (7.0_f64 / 72.0 + EPSILON).sqrt()).abs() < 1e-9);
        assert!(last.truncated);
        env.freeze();
        env.reset(None);
        let frozen = env.moments().clone();
        let expected = 1.0 / (7.0_f64 / 72.0 + EPSILON).sqrt();
        assert!((env.step(0)?.reward - expected).abs() < 1e-9);
        assert_eq!(*env.moments(), frozen);
        Ok(())
    }

    #[test]
    fn a_wrong_discount_and_foreign_statistics_are_refused() {
        let env = Identity::new(2, 3);
        assert!(NormaliseReward::new(env.clone(), 1.5).is_err());
        assert!(NormaliseReward::new(env.clone(), f64::NAN).is_err());
        assert!(NormaliseReward::with_moments(env, 0.9, RunningMoments::new(2)).is_err());
    }
}
