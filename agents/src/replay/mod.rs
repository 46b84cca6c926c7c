//! Past experience, sampled uniformly or in proportion to how wrong the agent was about it.

mod batch;
mod config;
mod frames;
mod persist;
pub mod sum_tree;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use config::{Priorities, ReplayConfig};

use crate::error::AgentError;
use crate::nstep::Stretch;
use frames::{FrameId, Frames};
use promopt_envs::Stream;
use rand::Rng;
use std::collections::VecDeque;
use std::hint::black_box;
use sum_tree::SumTree;

/// Ends of stretches per lane that are looked through for the start of a new one; stretches of more
/// steps than this are stored rightly but with two observations each.
const REMEMBERED_ENDS: usize = 64;

/// The last `capacity` stretches of experience.
///
/// **Memory.** Each observation is stored once with its mask as bits, although it is the end of one
/// stretch and the start of another: an entry takes `20 + f` bytes in long episodes and `20 + 2f`
/// in episodes of one step, where `f = 4 · n_features + ⌈n_actions / 8⌉`, and with priorities
/// 9.2 bytes more. A million transitions take
///
/// | features | actions | long episodes | one-step episodes | with priorities |
/// |---|---|---|---|---|
/// | 4 (CartPole) | 2 | 37 MB | 54 MB | + 9 MB |
/// | 32 | 24 | 151 MB | 282 MB | + 9 MB |
/// | 100 | 50 | 427 MB | 834 MB | + 9 MB |
///
/// Memory is taken as experience comes in; [`ReplayConfig::validate`] refuses up front what could
/// outgrow its limit.
///
/// Termination is stored as a bootstrap discount of 0. Truncation is not stored: such an entry
/// bootstraps from the final observation like any other.
#[derive(Debug, Clone)]
pub struct Replay {
    config: ReplayConfig,
    n_features: usize,
    n_actions: usize,
    /// At most `capacity`, in the order of their slots.
    entries: Vec<Entry>,
    /// Slot of the next entry.
    cursor: usize,
    frames: Frames,
    /// Per lane, the ends of stretches at which none has started yet, oldest first.
    open_ends: Vec<VecDeque<FrameId>>,
    priorities: Option<Weighing>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    action: u32,
    reward_sum: f32,
    bootstrap_discount: f32,
    start: FrameId,
    end: FrameId,
}

/// What prioritised sampling keeps.
#[derive(Debug, Clone)]
struct Weighing {
    settings: Priorities,
    /// `(|δ| + ε)^α` of every slot.
    tree: SumTree,
    /// The largest weight ever given, which new entries get; 1 before there was any.
    largest: f64,
    /// Batches drawn so far, for the annealing of β.
    batches: u64,
    /// Scratch memory of [`draw`](Self::draw).
    masses: Vec<f64>,
}

impl Replay {
    /// An empty memory for observations and actions of these sizes.
    ///
    /// # Errors
    /// As for [`ReplayConfig::validate`].
    pub fn new(
        config: ReplayConfig,
        n_features: usize,
        n_actions: usize,
    ) -> Result<Self, AgentError> {
        config.validate(n_features, n_actions)?;
        let priorities = config.priorities.map(|settings| Weighing {
            settings,
            tree: SumTree::new(config.capacity),
            largest: 1.0,
            batches: 0,
            masses: Vec::new(),
        });
        Ok(Self {
            entries: Vec::with_capacity(config.capacity),
            cursor: 0,
            frames: Frames::new(n_features, n_actions),
            open_ends: Vec::new(),
            priorities,
            config,
            n_features,
            n_actions,
        })
    }

    /// Number of entries that can be sampled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was stored yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes taken now.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let entries = self.entries.capacity() * std::mem::size_of::<Entry>();
        let tree = self.priorities.as_ref().map_or(0, |_| SumTree::bytes(self.config.capacity));
        entries as u64 + self.frames.memory_bytes() + tree
    }

    /// Stores a stretch, in place of the oldest one when the memory is full, and returns its slot.
    /// With priorities it gets the largest one so far, so that it is likely to be seen soon.
    ///
    /// # Panics
    /// When an observation or mask has another length than the memory was made for.
    pub fn push(&mut self, stretch: &Stretch<'_>) -> u32 {
        let (start, end) = self.frames_of(stretch);
        self.frames.refer(start);
        self.frames.refer(end);
        let (action, slot) = (stretch.action as u32, self.cursor);
        let Stretch { reward_sum, bootstrap_discount, .. } = *stretch;
        let entry = Entry { action, reward_sum, bootstrap_discount, start, end };
        if slot == self.entries.len() {
            self.entries.push(entry);
        } else {
            let oldest = std::mem::replace(&mut self.entries[slot], entry);
            self.frames.release(oldest.start);
            self.frames.release(oldest.end);
        }
        if let Some(weighing) = &mut self.priorities {
            weighing.tree.set(slot, weighing.largest);
        }
        self.cursor = if slot + 1 == self.config.capacity { 0 } else { slot + 1 };
        slot as u32
    }

    /// The frames of a stretch: where it starts is where an earlier one of its lane ended, unless
    /// its episode is young; where it ends is where the one before did, when the episode is over.
    fn frames_of(&mut self, stretch: &Stretch<'_>) -> (FrameId, FrameId) {
        if self.open_ends.len() <= stretch.lane {
            self.open_ends.resize_with(stretch.lane + 1, VecDeque::new);
        }
        let (frames, ends) = (&mut self.frames, &mut self.open_ends[stretch.lane]);
        while ends.front().is_some_and(|&id| !frames.is_stored(id)) {
            ends.pop_front();
        }
        let start = match ends.iter().position(|&id| frames.shows(id, stretch.observation)) {
            Some(at) => {
                let id = ends[at];
                // The last one stays: the episode may be over and the next stretch end there too.
                ends.drain(..(at + 1).min(ends.len() - 1));
                id
            }
            None => frames.push(stretch.observation, None),
        };
        let shared = ends.back().copied().filter(|&id| {
            frames.shows(id, stretch.next_observation) && frames.allows(id, stretch.next_mask)
        });
        let end = shared.unwrap_or_else(|| {
            let id = frames.push(stretch.next_observation, Some(stretch.next_mask));
            ends.push_back(id);
            if ends.len() > REMEMBERED_ENDS {
                ends.pop_front();
            }
            id
        });
        (start, end)
    }

    /// Draws `n` entries with replacement into `batch`; leaves it empty when nothing is stored.
    ///
    /// Without priorities every entry is as likely and every weight is 1. With priorities draw `k`
    /// comes from the `k`-th of `n` equal parts of the total priority, and the weights are divided
    /// by the largest of the batch, as in Schaul et al. 2016: then no step is larger than an
    /// unweighted one, and the most ordinary entry of each batch counts fully. Dividing by the
    /// largest of the whole memory would shrink every step for the sake of a single entry without
    /// error.
    pub fn sample(&mut self, n: usize, rng: &mut Stream, batch: &mut Batch) {
        batch.clear();
        if self.is_empty() {
            return;
        }
        match &mut self.priorities {
            None => {
                let len = self.entries.len();
                batch.slots.extend((0..n).map(|_| rng.random_range(0..len) as u32));
                batch.weights.resize(n, 1.0);
            }
            Some(weighing) => weighing.draw(n, self.entries.len(), rng, batch),
        }
        // Most reads miss the cache, at two places per entry. Short passes that only read keep many
        // misses under way at once, where copying would wait for them a few at a time.
        let entries: Vec<Entry> =
            batch.slots.iter().map(|&slot| self.entries[slot as usize]).collect();
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| (self.frames.row(entry.start), self.frames.row(entry.end)))
            .collect();
        black_box(rows.iter().fold(0, |all, (start, end)| all ^ start.touch() ^ end.touch()));
        for entry in &entries {
            batch.actions.push(entry.action);
            batch.reward_sums.push(entry.reward_sum);
            batch.bootstrap_discounts.push(entry.bootstrap_discount);
        }
        for (start, end) in rows {
            batch.observations.extend(start.numbers());
            batch.next_observations.extend(end.numbers());
            batch.next_masks.extend(end.flags(self.n_actions));
        }
    }

    /// Tells how wrong the agent was about sampled entries: `errors` are their temporal-difference
    /// errors `δ`, of which only the size counts. Without priorities nothing happens.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when there is not one error per slot or a slot was never filled;
    /// [`AgentError::NotFinite`] for an error that is not a finite number.
    pub fn set_priorities(&mut self, slots: &[u32], errors: &[f32]) -> Result<(), AgentError> {
        crate::error::same_length("errors", slots.len(), errors.len())?;
        let (len, Some(weighing)) = (self.entries.len(), &mut self.priorities) else {
            return Ok(());
        };
        for (&slot, &error) in slots.iter().zip(errors) {
            if !error.is_finite() {
                let got = f64::from(error);
                return Err(AgentError::NotFinite { what: "temporal-difference error", got });
            }
            if slot as usize >= len {
                let (what, expected, got) =
                    ("filled slots above the one named", len, slot as usize);
                return Err(AgentError::Shape { what, expected, got });
            }
            let Priorities { alpha, epsilon, .. } = weighing.settings;
            let weight = (f64::from(error.abs()) + epsilon).powf(alpha);
            weighing.largest = weighing.largest.max(weight);
            weighing.tree.set(slot as usize, weight);
        }
        Ok(())
    }
}

impl Weighing {
    fn draw(&mut self, n: usize, len: usize, rng: &mut Stream, batch: &mut Batch) {
        let beta = self.settings.beta.at(self.batches);
        self.batches += 1;
        self.tree.settle();
        let total = self.tree.total();
        let part = total / n as f64;
        self.masses.clear();
        self.masses.extend((0..n).map(|k| (k as f64 + rng.random::<f64>()) * part));
        batch.slots.resize(n, 0);
        self.tree.find_all(&mut self.masses, &mut batch.slots);
        let weight = |&slot: &u32| {
            let probability = self.tree.weight(slot as usize) / total;
            (len as f64 * probability).powf(-beta)
        };
        // The masses are used up: their place now holds the weights.
        self.masses.clear();
        self.masses.extend(batch.slots.iter().map(weight));
        let largest = self.masses.iter().copied().fold(0.0, f64::max);
        batch.weights.extend(self.masses.iter().map(|weight| (weight / largest) as f32));
    }
}
