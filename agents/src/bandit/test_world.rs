//! A step that tests of bandits show to their agents.

use crate::agent::Transition;
use promopt_envs::{ActionId, ActionMask};

/// A transition of one step that ends.
pub(super) fn step<'a>(
    observation: &'a [f32],
    action: ActionId,
    reward: f64,
    mask: &'a ActionMask,
) -> Transition<'a> {
    Transition {
        lane: 0,
        observation,
        action,
        reward,
        next_observation: observation,
        next_mask: mask,
        terminated: true,
        truncated: false,
    }
}
