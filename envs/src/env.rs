//! The environment contract: Gymnasium's `reset` and `step`, without allocation per step.

use crate::error::EnvError;
use crate::space::{ActionId, ActionMask, BoxSpace};

/// What an environment promises about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvSpec {
    /// Name with version, such as `"Chain-v0"`; a change of behaviour is a new version.
    pub id: String,
    /// Bounds of every observation feature; shape `[n_features]`.
    pub observation_space: BoxSpace,
    /// Number of discrete actions; valid actions are `0..n_actions`.
    pub n_actions: usize,
    /// Steps after which an episode is truncated, when there is a limit.
    pub horizon: Option<u32>,
}

/// The outcome of one step. Observation and mask of the new state are read from the environment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Reward of the step, finite.
    pub reward: f64,
    /// The story ended (an absorbing state): targets must not bootstrap from the new observation.
    pub terminated: bool,
    /// We stopped watching (time limit): targets must bootstrap from the new observation.
    pub truncated: bool,
}

impl Step {
    /// True when the episode is over for either reason and `reset` is needed.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// A world that an agent can act in.
///
/// The protocol is Gymnasium's: `reset` starts an episode, `step` advances it, and after a step with
/// `terminated` or `truncated` the next call must be `reset`. `observation` and `action_mask` always
/// describe the current state, including the final one, until the next `reset`.
pub trait Env {
    /// Spaces, horizon and name; constant over the life of the environment.
    fn spec(&self) -> &EnvSpec;

    /// Starts an episode. `Some(seed)` restarts the random stream; `None` continues it.
    fn reset(&mut self, seed: Option<u64>);

    /// Observation of the current state, shape `[n_features]`, raw units.
    fn observation(&self) -> &[f32];

    /// Actions that are allowed in the current state; at least one is.
    fn action_mask(&self) -> &ActionMask;

    /// Takes an action.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first `reset` or after the last step of an episode;
    /// [`EnvError::InvalidAction`] when the action is out of range or masked. The state is unchanged then.
    fn step(&mut self, action: ActionId) -> Result<Step, EnvError>;

    /// Named figures about the last step, for logs only; learners must not read them.
    fn info(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

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
