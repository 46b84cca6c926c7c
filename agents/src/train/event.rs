//! What a training tells those who watch it, and what it came to.

use super::evaluation::Score;
use crate::agent::Metrics;
use serde::Serialize;

/// Something that happened during training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrainEvent {
    /// An episode ended.
    Episode {
        /// Environment steps so far, over all lanes.
        step: u64,
        /// Sum of its rewards.
        episode_return: f64,
        /// Number of its steps.
        length: u32,
        /// Whether it ended by itself and not by a limit.
        terminated: bool,
    },
    /// The agent learned; the figures are those of the latest update.
    Update {
        /// Environment steps so far, over all lanes.
        step: u64,
        /// Updates so far.
        updates: u64,
        /// About the update.
        #[serde(flatten)]
        metrics: Metrics,
    },
    /// The greedy policy was tried out on episodes of its own.
    Evaluation {
        /// Environment steps so far, over all lanes.
        step: u64,
        /// How it did.
        #[serde(flatten)]
        score: Score,
        /// Whether no evaluation before had a mean as high.
        best: bool,
    },
    /// A checkpoint was handed to its sink.
    Checkpoint {
        /// Environment steps so far, over all lanes.
        step: u64,
    },
}

impl TrainEvent {
    /// Environment steps so far, over all lanes.
    #[must_use]
    pub fn step(&self) -> u64 {
        let (Self::Episode { step, .. }
        | Self::Update { step, .. }
        | Self::Evaluation { step, .. }
        | Self::Checkpoint { step }) = self;
        *step
    }
}

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All its steps were done.
    Steps,
    /// The watcher broke off.
    Watcher,
    /// No improvement in as many evaluations as its patience allows.
    Patience,
    /// An evaluation reached the target.
    Target,
}

/// What a training came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrainReport {
    /// Environment steps over all lanes.
    pub steps: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// Updates that changed the agent.
    pub updates: u64,
    /// Mean return of the last 100 episodes, exploration included; `None` when none ended.
    pub recent_return: Option<f64>,
    /// Why it ended.
    pub ending: Ending,
}
