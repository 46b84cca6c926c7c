//! Settings of the replay memory, and the bytes it may take.

use super::frames::Frames;
use super::sum_tree::SumTree;
use crate::error::{AgentError, require};
use crate::schedule::Linear;
use serde::{Deserialize, Serialize};

/// Bytes of an entry without its observations.
pub(super) const ENTRY_BYTES: u64 = 20;

/// Settings of [`Replay`](super::Replay).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// Entries that are kept, at least 1.
    pub capacity: usize,
    /// Largest number of bytes that the memory may come to take, see [`largest_bytes`].
    ///
    /// [`largest_bytes`]: ReplayConfig::largest_bytes
    pub memory_limit_bytes: u64,
    /// Sampling in proportion to past errors; uniform when absent.
    pub priorities: Option<Priorities>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { capacity: 100_000, memory_limit_bytes: 4 << 30, priorities: None }
    }
}

/// Proportional prioritisation (Schaul et al. 2016, §3.3 and §3.4).
///
/// Entry `i` is drawn with probability `P(i) = p_i / Σ p` where `p_i = (|δ_i| + ε)^α`, and its loss
/// is weighted by `w_i = (N · P(i))^−β`, divided by the largest of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Priorities {
    /// α in `[0, 1]`: 0 is uniform, 1 in proportion to the error.
    pub alpha: f64,
    /// β in `[0, 1]`: share of the sampling bias that weights correct; `steps` counts batches.
    pub beta: Linear,
    /// ε above 0: what keeps an entry without error from never being drawn again.
    pub epsilon: f64,
}

impl Default for Priorities {
    /// The values of Schaul et al. 2016 for the proportional variant.
    fn default() -> Self {
        let beta = Linear { start: 0.4, end: 1.0, steps: 100_000 };
        Self { alpha: 0.6, beta, epsilon: 1e-6 }
    }
}

impl ReplayConfig {
    /// Checks every range, and that the memory stays within its limit for observations and actions
    /// of these sizes.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range;
    /// [`AgentError::TooLarge`] says how many bytes the memory would take.
    pub fn validate(&self, n_features: usize, n_actions: usize) -> Result<(), AgentError> {
        let fits = self.capacity > 0 && self.capacity < (1 << 31);
        require(fits, "replay.capacity", "at least 1 and below 2^31", self.capacity)?;
        if let Some(Priorities { alpha, beta, epsilon }) = self.priorities {
            require_share("replay.priorities.alpha", alpha)?;
            require_share("replay.priorities.beta", beta.start)?;
            require_share("replay.priorities.beta", beta.end)?;
            let fits = epsilon.is_finite() && epsilon > 0.0;
            require(fits, "replay.priorities.epsilon", "a finite number above 0", epsilon)?;
        }
        let (needed, limit) = (self.largest_bytes(n_features, n_actions), self.memory_limit_bytes);
        if needed > limit {
            let capacity = self.capacity as u64;
            return Err(AgentError::TooLarge {
                what: "the replay memory",
                needed,
                limit,
                capacity,
            });
        }
        Ok(())
    }

    /// The most bytes that the memory can come to take: two observations and masks an entry, as
    /// when every episode has one step. Long episodes take half of that, for each observation is
    /// the end of one stretch and the start of another and is stored once.
    #[must_use]
    pub fn largest_bytes(&self, n_features: usize, n_actions: usize) -> u64 {
        let capacity = self.capacity as u64;
        let tree = self.priorities.map_or(0, |_| SumTree::bytes(self.capacity));
        let frames = Frames::bytes(2 * capacity, n_features, n_actions);
        capacity.saturating_mul(ENTRY_BYTES).saturating_add(frames).saturating_add(tree)
    }
}

fn require_share(field: &'static str, value: f64) -> Result<(), AgentError> {
    require((0.0..=1.0).contains(&value), field, "a number in [0, 1]", value)
}
