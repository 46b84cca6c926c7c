//! The policy contract: a distribution over allowed actions, and decisions that carry their propensity.

use crate::distribution::ActionDistribution;
use promopt_envs::{ActionId, ActionMask};
use rand::RngCore;

/// One decision together with the probability it had: without it nothing can be judged later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The action taken.
    pub action: ActionId,
    /// Probability with which the policy takes this action here, in `(0, 1]`.
    pub propensity: f64,
}

/// Anything that chooses among allowed actions from an observation.
///
/// Observations are raw (unscaled); a policy that needs scaling does it inside.
pub trait Policy: Send + Sync {
    /// Short name for tables, such as `"dqn"` or `"always-10%"`.
    fn name(&self) -> &str;

    /// The distribution over actions in this state; zero where the mask forbids.
    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution;

    /// Draws an action and returns it with its propensity.
    fn decide(&self, observation: &[f32], mask: &ActionMask, rng: &mut dyn RngCore) -> Decision {
        let distribution = self.distribution(observation, mask);
        let action = distribution.sample(rng);
        Decision { action, propensity: distribution.probabilities()[action] }
    }
}
