//! Several environments stepped together, with the final observation of every episode kept.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::SeedTree;
use crate::space::{ActionId, ActionMask};

impl<E: Env + ?Sized> Env for Box<E> {
    fn spec(&self) -> &EnvSpec {
        (**self).spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        (**self).reset(seed);
    }

    fn observation(&self) -> &[f32] {
        (**self).observation()
    }

    fn action_mask(&self) -> &ActionMask {
        (**self).action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        (**self).step(action)
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        (**self).info()
    }
}

/// What happens to a lane whose episode has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoresetMode {
    /// It is reset within the same `step`: `observation` shows the new episode, and
    /// `next_observation` still shows the state that the last action led to.
    SameStep,
    /// Nothing; the caller resets the lane, and stepping it before is an error.
    Disabled,
}

/// Environments of one kind, each on its own lane.
///
/// After a `step`, `next_observation` and `next_mask` describe where the action led, the end of an
/// episode included, which is what a learner stores; `observation` and `mask` describe where the
/// next action will be taken.
#[derive(Debug, Clone)]
pub struct VectorEnv<E: Env> {
    envs: Vec<E>,
    mode: AutoresetMode,
    steps: Vec<Step>,
    final_observations: Vec<Vec<f32>>,
    final_masks: Vec<ActionMask>,
}

impl<E: Env> VectorEnv<E> {
    /// Lanes over the given environments.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is none or when their specs differ.
    pub fn new(envs: Vec<E>, mode: AutoresetMode) -> Result<Self, EnvError> {
        let Some(first) = envs.first() else {
            let expected = "at least one environment";
            return Err(EnvError::InvalidParameter { name: "envs", expected, got: 0.0 });
        };
        let spec = first.spec();
        if let Some(lane) = envs.iter().position(|env| env.spec() != spec) {
            let (expected, got) = ("environments with one spec, not another at lane", lane as f64);
            return Err(EnvError::InvalidParameter { name: "envs", expected, got });
        }
        let n = envs.len();
        let nothing = Step { reward: 0.0, terminated: false, truncated: false };
        let final_observations = vec![vec![0.0; spec.observation_space.n_features()]; n];
        let final_masks = vec![ActionMask::all(spec.n_actions); n];
        Ok(Self { mode, steps: vec![nothing; n], final_observations, final_masks, envs })
    }

    /// Number of lanes, at least 1.
    #[must_use]
    pub fn n_lanes(&self) -> usize {
        self.envs.len()
    }

    /// The spec that all lanes share.
    #[must_use]
    pub fn spec(&self) -> &EnvSpec {
        self.envs[0].spec()
    }

    /// When ended lanes are reset.
    #[must_use]
    pub fn mode(&self) -> AutoresetMode {
        self.mode
    }

    /// Resets every lane; lane `i` gets the seed `seeds.index(i)`.
    pub fn reset(&mut self, seeds: SeedTree) {
        for lane in 0..self.envs.len() {
            self.reset_lane(lane, Some(seeds.index(lane as u64).seed()));
        }
    }

    /// Resets one lane; `None` continues its random stream.
    ///
    /// # Panics
    /// When the lane does not exist.
    pub fn reset_lane(&mut self, lane: usize, seed: Option<u64>) {
        self.envs[lane].reset(seed);
        self.steps[lane] = Step { reward: 0.0, terminated: false, truncated: false };
    }

    /// Observation in which the lane's next action is taken, shape `[n_features]`.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn observation(&self, lane: usize) -> &[f32] {
        self.envs[lane].observation()
    }

    /// Mask for the lane's next action.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn mask(&self, lane: usize) -> &ActionMask {
        self.envs[lane].action_mask()
    }

    /// Observation that the lane's last step led to, before any automatic reset.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn next_observation(&self, lane: usize) -> &[f32] {
        if self.was_reset(lane) {
            &self.final_observations[lane]
        } else {
            self.envs[lane].observation()
        }
    }

    /// Mask of the state that the lane's last step led to, before any automatic reset.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn next_mask(&self, lane: usize) -> &ActionMask {
        if self.was_reset(lane) { &self.final_masks[lane] } else { self.envs[lane].action_mask() }
    }

    /// The environments, in the order of their lanes.
    #[must_use]
    pub fn envs(&self) -> &[E] {
        &self.envs
    }

    /// Steps every lane; the answer has one step per lane.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is not one action per lane; an invalid action or,
    /// with [`AutoresetMode::Disabled`], an ended lane is the environment's error, found before any
    /// lane has moved.
    pub fn step(&mut self, actions: &[ActionId]) -> Result<&[Step], EnvError> {
        self.admit(actions)?;
        for (lane, (env, &action)) in self.envs.iter_mut().zip(actions).enumerate() {
            let step = env.step(action)?;
            if step.is_last() && self.mode == AutoresetMode::SameStep {
                self.final_observations[lane].clear();
                self.final_observations[lane].extend_from_slice(env.observation());
                self.final_masks[lane].clone_from(env.action_mask());
                env.reset(None);
            }
            self.steps[lane] = step;
        }
        Ok(&self.steps)
    }

    fn was_reset(&self, lane: usize) -> bool {
        self.mode == AutoresetMode::SameStep && self.steps[lane].is_last()
    }

    fn admit(&self, actions: &[ActionId]) -> Result<(), EnvError> {
        if actions.len() != self.envs.len() {
            let (expected, got) = ("one action per environment", actions.len() as f64);
            return Err(EnvError::InvalidParameter { name: "actions", expected, got });
        }
        for (lane, &action) in actions.iter().enumerate() {
            if self.mode == AutoresetMode::Disabled && self.steps[lane].is_last() {
                return Err(EnvError::ResetNeeded);
            }
            let mask = self.envs[lane].action_mask();
            if !mask.allows(action) {
                let n_actions = mask.n_actions();
                let masked = action < n_actions;
                return Err(EnvError::InvalidAction { got: action, n_actions, masked });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Chain, Identity};

    #[test]
    fn an_ended_lane_is_reset_and_its_final_observation_kept() -> Result<(), EnvError> {
        let envs = vec![Chain::new(2, false), Chain::new(2, false)];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        let steps = lanes.step(&[1, 0])?;
        assert!(steps[0].terminated && !steps[1].is_last());
        assert_eq!(lanes.next_observation(0), [0.0, 1.0]);
        assert_eq!(lanes.observation(0), [1.0, 0.0]);
        assert_eq!(lanes.next_observation(1), lanes.observation(1));
        assert!(lanes.step(&[0, 0]).is_ok());
        assert_eq!(lanes.next_observation(0), lanes.observation(0));
        Ok(())
    }

    #[test]
    fn without_autoreset_the_caller_resets() -> Result<(), EnvError> {
        let mut lanes = VectorEnv::new(vec![Chain::new(2, false)], AutoresetMode::Disabled)?;
        lanes.reset(SeedTree::new(1));
        lanes.step(&[1])?;
        assert_eq!(lanes.observation(0), [0.0, 1.0]);
        assert_eq!(lanes.step(&[1]), Err(EnvError::ResetNeeded));
        lanes.reset_lane(0, None);
        assert!(lanes.step(&[1]).is_ok());
        Ok(())
    }

    #[test]
    fn an_invalid_action_moves_no_lane() -> Result<(), EnvError> {
        let envs = vec![Chain::new(4, false), Chain::new(4, false)];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        assert!(lanes.step(&[1, 9]).is_err());
        assert!(lanes.step(&[1]).is_err());
        assert_eq!(lanes.observation(0), [1.0, 0.0, 0.0, 0.0]);
        Ok(())
    }

    #[test]
    fn lanes_have_different_streams_and_one_spec() -> Result<(), EnvError> {
        let envs: Vec<Box<dyn Env>> = (0..2).map(|_| Identity::new(50, 9)).map(boxed).collect();
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        assert_ne!(lanes.observation(0), lanes.observation(1));
        let mixed = vec![Identity::new(3, 9), Identity::new(4, 9)];
        assert!(VectorEnv::new(mixed, AutoresetMode::SameStep).is_err());
        assert!(VectorEnv::<Identity>::new(vec![], AutoresetMode::SameStep).is_err());
        Ok(())
    }

    fn boxed(env: Identity) -> Box<dyn Env> {
        Box::new(env)
    }
}
