//! Batches of logged transitions, gathered row by row from the log itself.

use crate::error::AgentError;
use promopt_envs::Stream;
use promopt_policies::log::{LoggedDecisions, Next, Trajectories};
use rand::Rng;

/// Rows of a log as the losses take them; two-dimensional fields are row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoggedBatch {
    /// Observations before the decision, shape `[n, n_features]`.
    pub observations: Vec<f32>,
    /// Actions allowed there, shape `[n, n_actions]`.
    pub masks: Vec<bool>,
    /// Actions taken, shape `[n]`.
    pub actions: Vec<u32>,
    /// Rewards, unscaled, shape `[n]`.
    pub rewards: Vec<f32>,
    /// Observations afterwards (zeros after an end), shape `[n, n_features]`.
    pub next_observations: Vec<f32>,
    /// Actions allowed afterwards (all after an end), shape `[n, n_actions]`.
    pub next_masks: Vec<bool>,
    /// Whether the story goes on, so that a target bootstraps; shape `[n]`.
    pub goes_on: Vec<bool>,
}

impl LoggedBatch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// True before the first row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    fn clear(&mut self) {
        self.observations.clear();
        self.masks.clear();
        self.actions.clear();
        self.rewards.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.goes_on.clear();
    }

    fn push(&mut self, log: &LoggedDecisions, row: usize, next: Next<'_>) {
        let (n_features, n_actions) = (log.n_features(), log.n_actions());
        self.observations.extend_from_slice(log.observation(row));
        extend_mask(&mut self.masks, log.mask(row), n_actions);
        self.actions.push(log.actions()[row] as u32);
        self.rewards.push(log.rewards()[row] as f32);
        let (observation, mask) = match next {
            Next::Observed { observation, mask } => (Some(observation), mask),
            Next::Ended | Next::Unknown => (None, None),
        };
        match observation {
            Some(observation) => self.next_observations.extend_from_slice(observation),
            None => self.next_observations.resize(self.actions.len() * n_features, 0.0),
        }
        extend_mask(&mut self.next_masks, mask, n_actions);
        self.goes_on.push(observation.is_some());
    }
}

fn extend_mask(to: &mut Vec<bool>, mask: Option<&[bool]>, n_actions: usize) {
    match mask {
        Some(mask) => to.extend_from_slice(mask),
        None => to.resize(to.len() + n_actions, true),
    }
}

/// Draws rows of a log uniformly, with replacement.
#[derive(Debug)]
pub struct Sampler<'a> {
    view: Trajectories<'a>,
    rows: Vec<u32>,
}

impl<'a> Sampler<'a> {
    /// Over the rows whose future is known, since the others cannot enter a target.
    ///
    /// # Errors
    /// [`AgentError::Log`] when the log has no trajectories; [`AgentError::InvalidConfig`] when no
    /// row is left.
    pub fn new(log: &'a LoggedDecisions) -> Result<Self, AgentError> {
        let view = log.trajectories()?;
        let known = |&row: &u32| view.next(row as usize) != Next::Unknown;
        let rows: Vec<u32> = (0..log.len() as u32).filter(known).collect();
        let expected = "at least one decision whose future is known";
        crate::error::require(!rows.is_empty(), "log", expected, "none")?;
        Ok(Self { view, rows })
    }

    /// Number of rows that can be drawn.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Replaces the batch by `n` rows.
    pub fn sample(&self, n: usize, rng: &mut Stream, batch: &mut LoggedBatch) {
        batch.clear();
        for _ in 0..n {
            let row = self.rows[rng.random_range(0..self.rows.len())] as usize;
            batch.push(self.view.log(), row, self.view.next(row));
        }
    }
}
