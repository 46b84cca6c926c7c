//! The contract of everything that learns: act with a known propensity, observe, update, hand over.

use crate::checkpoint::Archive;
use crate::error::{AgentError, same_length};
use promopt_envs::{ActionId, ActionMask};
use promopt_policies::{Decision, LinearPolicy, Policy, QPolicy};
use rand::RngCore;
use serde::{Deserialize, Serialize};

/// One step of one lane, borrowed from whoever played it.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// Which of several parallel environments this step belongs to.
    pub lane: usize,
    /// Where the action was taken, raw, shape `[n_features]`.
    pub observation: &'a [f32],
    /// The action taken.
    pub action: ActionId,
    /// What it earned.
    pub reward: f64,
    /// Where it led, the final state of an episode included, shape `[n_features]`.
    pub next_observation: &'a [f32],
    /// What is allowed there.
    pub next_mask: &'a ActionMask,
    /// The story ended: there is no future to add.
    pub terminated: bool,
    /// We stopped watching: the future goes on from `next_observation`.
    pub truncated: bool,
}

impl Transition<'_> {
    /// Errors unless lengths fit the agent and the numbers are finite.
    pub(crate) fn check(&self, n_features: usize, n_actions: usize) -> Result<(), AgentError> {
        same_length("the observation", n_features, self.observation.len())?;
        same_length("the next observation", n_features, self.next_observation.len())?;
        same_length("the next mask", n_actions, self.next_mask.n_actions())?;
        if self.action >= n_actions {
            let (expected, got) = (n_actions, self.action);
            return Err(AgentError::Shape { what: "actions above the one taken", expected, got });
        }
        if !self.reward.is_finite() {
            return Err(AgentError::NotFinite { what: "reward", got: self.reward });
        }
        let features = self.observation.iter().chain(self.next_observation);
        match features.copied().find(|x| !x.is_finite()) {
            Some(x) => Err(AgentError::NotFinite { what: "observation", got: f64::from(x) }),
            None => Ok(()),
        }
    }
}

/// Figures about one update, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metrics {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Mean score of the actions in the batch, in reward units after scaling.
    pub mean_q: f64,
    /// Share of exploring decisions now.
    pub epsilon: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Step size used.
    pub learning_rate: f64,
}

/// What an agent has learned, free of the agent: greedy over its scores (`epsilon` is 0 and may be
/// raised by the caller).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Snapshot {
    /// A Q-network.
    Network(QPolicy),
    /// Linear scores.
    Linear(LinearPolicy),
}

impl Snapshot {
    /// The same snapshot with this share of uniform exploration.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        match &mut self {
            Self::Network(policy) => policy.epsilon = epsilon,
            Self::Linear(policy) => policy.epsilon = epsilon,
        }
        self
    }

    /// The snapshot behind the policy contract.
    #[must_use]
    pub fn into_policy(self) -> Box<dyn Policy> {
        match self {
            Self::Network(policy) => Box::new(policy),
            Self::Linear(policy) => Box::new(policy),
        }
    }
}

/// Something that learns from interaction.
pub trait Agent: Send {
    /// Short name for tables, such as `"dqn"`.
    fn name(&self) -> &str;

    /// Chooses an allowed action while learning; exploration is included in the propensity.
    ///
    /// # Errors
    /// When the observation or the mask has the wrong length.
    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError>;

    /// [`Agent::act`] for one observation per lane: `observations` has shape
    /// `[n_lanes, n_features]`, row-major, and there is one mask per lane.
    ///
    /// # Errors
    /// As for [`Agent::act`].
    fn act_batch(
        &mut self,
        observations: &[f32],
        masks: &[&ActionMask],
        rng: &mut dyn RngCore,
    ) -> Result<Vec<Decision>, AgentError> {
        let n_features = observations.len() / masks.len().max(1);
        let rows = observations.chunks_exact(n_features.max(1)).zip(masks);
        rows.map(|(observation, mask)| self.act(observation, mask, rng)).collect()
    }

    /// Takes note of a step.
    ///
    /// # Errors
    /// When a length is wrong or a number is not finite.
    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError>;

    /// Learns from what was observed; `None` when there was nothing to do, as for agents that
    /// learn while they observe.
    ///
    /// # Errors
    /// When learning diverged or the tensor library failed.
    fn update(&mut self) -> Result<Option<Metrics>, AgentError>;

    /// What has been learned so far.
    ///
    /// # Errors
    /// When the weights are not finite.
    fn policy(&self) -> Result<Snapshot, AgentError>;

    /// Writes everything that affects what the agent will do: weights, optimiser, memory, pending
    /// stretches, counters, and every random stream of its own. After [`Agent::load`] into an agent
    /// of the same configuration, both go on alike to the last bit.
    ///
    /// # Errors
    /// [`AgentError::NoCheckpoint`] unless this kind of agent says otherwise.
    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        let _ = archive;
        Err(AgentError::NoCheckpoint { agent: self.name().to_owned() })
    }

    /// Takes over what [`Agent::save`] wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was written by another configuration, with what differs,
    /// or is damaged; [`AgentError::NoCheckpoint`] as for [`Agent::save`].
    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        let _ = archive;
        Err(AgentError::NoCheckpoint { agent: self.name().to_owned() })
    }
}
