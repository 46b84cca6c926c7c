//! A further mask over an environment's own.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};

/// Allows an action where the environment and a rule both do.
///
/// The rule sees the observation. Where the two together would allow nothing, the environment's own
/// mask stands: a mask is never empty.
#[derive(Debug, Clone)]
pub struct MaskActions<E, F> {
    env: E,
    rule: F,
    mask: ActionMask,
    running: bool,
}

impl<E: Env, F: Fn(&[f32], ActionId) -> bool> MaskActions<E, F> {
    /// The environment under `rule(observation, action)`, true for what may be done.
    #[must_use]
    pub fn new(env: E, rule: F) -> Self {
        let mask = env.action_mask().clone();
        Self { env, rule, mask, running: false }
    }

    /// The environment inside, with its own mask.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    fn combine(&mut self) {
        let (own, observation) = (self.env.action_mask(), self.env.observation());
        let both = |action| own.allows(action) && (self.rule)(observation, action);
        if (0..own.n_actions()).any(both) {
            self.mask.fill_with(both);
        } else {
            self.mask.clone_from(own);
        }
    }
}

impl<E: Env, F: Fn(&[f32], ActionId) -> bool> Env for MaskActions<E, F> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.running = true;
        self.combine();
    }

    fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        if self.running && !self.mask.allows(action) {
            let n_actions = self.mask.n_actions();
            let masked = action < n_actions;
            return Err(EnvError::InvalidAction { got: action, n_actions, masked });
        }
        let step = self.env.step(action)?;
        self.running = !step.is_last();
        self.combine();
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

    #[test]
    fn it_keeps_the_contract() -> Result<(), EnvError> {
        let bandit = KnownBandit::masked(4, 0.1, 20)?;
        let env = MaskActions::new(bandit, |observation: &[f32], action| observation[action] < 0.5);
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn both_masks_hold_and_the_own_one_stands_where_nothing_is_left() -> Result<(), EnvError> {
        let bandit = KnownBandit::masked(3, 0.1, 500)?;
        let mut env = MaskActions::new(bandit, |x: &[f32], action| x[action] > 0.0);
        env.reset(Some(2));
        let (mut narrowed, mut stood) = (0, 0);
        loop {
            let own = env.env().action_mask().clone();
            let x = env.observation().to_vec();
            let both = |action: usize| own.allows(action) && x[action] > 0.0;
            let left: Vec<ActionId> = (0..3).filter(|&action| both(action)).collect();
            let shown: Vec<ActionId> = env.action_mask().allowed().collect();
            if left.is_empty() {
                assert_eq!(*env.action_mask(), own);
                stood += 1;
            } else {
                assert_eq!(shown, left);
                narrowed += usize::from(left.len() < own.n_allowed());
            }
            if env.step(shown[0])?.is_last() {
                break;
            }
        }
        assert!(narrowed > 0 && stood > 0, "{narrowed} {stood}");
        Ok(())
    }

    #[test]
    fn a_masked_action_is_refused_only_within_an_episode() -> Result<(), EnvError> {
        let bandit = KnownBandit::new(2, 0.1, 1)?;
        let mut env = MaskActions::new(bandit, |_: &[f32], action| action == 0);
        assert_eq!(env.step(1), Err(EnvError::ResetNeeded));
        env.reset(None);
        let refused = EnvError::InvalidAction { got: 1, n_actions: 2, masked: true };
        assert_eq!(env.step(1), Err(refused));
        assert!(env.step(0)?.truncated);
        assert_eq!(env.step(1), Err(EnvError::ResetNeeded));
        Ok(())
    }
}
