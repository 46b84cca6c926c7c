//! From a log to an agent that is about to go online.

use crate::agent::{Agent, Transition};
use crate::error::AgentError;
use promopt_envs::{ActionMask, BoxSpace, EnvSpec};
use promopt_policies::log::LoggedDecisions;

/// The spec of the one-step world that a log comes from, with the bounds of what it holds: what
/// agents are built for.
#[must_use]
pub fn spec_of_log(log: &LoggedDecisions) -> EnvSpec {
    let n = log.n_features();
    let (mut low, mut high) = (vec![f32::MAX; n], vec![f32::MIN; n]);
    for row in 0..log.len() {
        for (feature, &x) in log.observation(row).iter().enumerate() {
            low[feature] = low[feature].min(x);
            high[feature] = high[feature].max(x);
        }
    }
    let observation_space = BoxSpace::new(low, high);
    EnvSpec { id: "Log-v0".into(), observation_space, n_actions: log.n_actions(), horizon: Some(1) }
}

/// Shows every row of a log to an agent, in order, as an episode of one step.
///
/// Agents that model the reward of an action given the observation need no weights for this: whether
/// an action was taken says nothing about its reward once the observation is known. An agent whose
/// model is too small for that leans towards contexts where the log took the action often. Use it
/// for contextual agents: no row has a future here.
///
/// # Errors
/// Whatever the agent refuses.
pub fn warm_start(agent: &mut dyn Agent, log: &LoggedDecisions) -> Result<(), AgentError> {
    let mask = ActionMask::all(log.n_actions());
    for row in 0..log.len() {
        agent.observe(&Transition {
            lane: 0,
            observation: log.observation(row),
            action: log.actions()[row],
            reward: log.rewards()[row],
            next_observation: log.observation(row),
            next_mask: &mask,
            terminated: true,
            truncated: false,
        })?;
        agent.update()?;
    }
    Ok(())
}
