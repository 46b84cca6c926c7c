//! The protocol that every built-in world keeps: reset first, allowed actions only, a time limit.

use crate::env::Step;
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};

/// Where an episode stands.
#[derive(Debug, Clone)]
pub(crate) struct Episode {
    horizon: u32,
    elapsed: u32,
    running: bool,
}

impl Episode {
    pub(crate) fn new(horizon: u32) -> Self {
        Self { horizon, elapsed: 0, running: false }
    }

    pub(crate) fn begin(&mut self) {
        self.elapsed = 0;
        self.running = true;
    }

    /// Refuses a step outside an episode and an action that is not allowed.
    pub(crate) fn admit(&self, action: ActionId, mask: &ActionMask) -> Result<(), EnvError> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if mask.allows(action) {
            return Ok(());
        }
        let n_actions = mask.n_actions();
        Err(EnvError::InvalidAction { got: action, n_actions, masked: action < n_actions })
    }

    /// Counts the step and ends the episode when the story or the time does.
    pub(crate) fn advance(&mut self, reward: f64, terminated: bool) -> Step {
        self.elapsed += 1;
        let truncated = !terminated && self.elapsed >= self.horizon;
        self.running = !(terminated || truncated);
        Step { reward, terminated, truncated }
    }
}
