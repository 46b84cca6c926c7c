//! A limit on the steps of an episode: truncated, never terminated.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};

/// Truncates episodes after a number of steps.
///
/// A step that the environment itself ends keeps its own flags, so a story that ends on the last
/// watched step counts as terminated. The spec's horizon becomes the smaller of the two limits.
#[derive(Debug, Clone)]
pub struct TimeLimit<E> {
    env: E,
    spec: EnvSpec,
    limit: u32,
    elapsed: u32,
    cut: bool,
}

impl<E: Env> TimeLimit<E> {
    /// The environment, watched for at most `limit` steps.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the limit is 0.
    pub fn new(env: E, limit: u32) -> Result<Self, EnvError> {
        if limit == 0 {
            let expected = "at least one step";
            return Err(EnvError::InvalidParameter { name: "limit", expected, got: 0.0 });
        }
        let mut spec = env.spec().clone();
        spec.horizon = Some(spec.horizon.map_or(limit, |horizon| horizon.min(limit)));
        Ok(Self { env, spec, limit, elapsed: 0, cut: false })
    }

    /// The environment inside.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    /// Steps taken in the current episode.
    #[must_use]
    pub fn elapsed(&self) -> u32 {
        self.elapsed
    }
}

impl<E: Env> Env for TimeLimit<E> {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.elapsed = 0;
        self.cut = false;
    }

    fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        if self.cut {
            return Err(EnvError::ResetNeeded);
        }
        let mut step = self.env.step(action)?;
        self.elapsed += 1;
        if !step.is_last() && self.elapsed >= self.limit {
            step.truncated = true;
            self.cut = true;
        }
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
    use crate::diagnostic::{Chain, Identity, TimeoutTrap};

    #[test]
    fn it_keeps_the_contract() {
        for limit in [1, 3, 1_000] {
            let make = || TimeLimit::new(Identity::new(4, 10), limit).expect("a limit above 0");
            assert_eq!(check_env(&mut || Box::new(make()), 1), []);
        }
    }

    #[test]
    fn the_limit_truncates_and_never_terminates() -> Result<(), EnvError> {
        let mut env = TimeLimit::new(Chain::new(9, false), 2)?;
        assert_eq!(env.spec().horizon, Some(2));
        env.reset(Some(0));
        assert!(!env.step(1)?.is_last());
        let last = env.step(1)?;
        assert!(last.truncated && !last.terminated);
        assert_eq!(env.observation()[2], 1.0);
        assert_eq!(env.step(1), Err(EnvError::ResetNeeded));
        env.reset(None);
        assert!(env.step(1).is_ok());
        Ok(())
    }

    #[test]
    fn an_ending_on_the_last_watched_step_stays_an_ending() -> Result<(), EnvError> {
        let mut env = TimeLimit::new(TimeoutTrap::new(), 1)?;
        env.reset(None);
        let last = env.step(TimeoutTrap::LEAVE)?;
        assert!(last.terminated && !last.truncated);
        env.reset(None);
        assert!(env.step(TimeoutTrap::STAY)?.truncated);
        Ok(())
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        assert!(TimeLimit::new(TimeoutTrap::new(), 0).is_err());
    }
}
