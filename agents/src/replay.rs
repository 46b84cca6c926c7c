//! A ring of past experience in flat, preallocated memory, sampled uniformly.

use crate::nstep::Stretch;
use promopt_envs::Stream;
use rand::Rng;

/// The last `capacity` stretches of experience.
///
/// Memory is `capacity × (8 · n_features + n_actions + 12)` bytes: two `f32` observations, one byte
/// per flag of the next mask, action, reward sum and bootstrap discount. 100,000 entries of 32
/// features and 24 actions take 29 MB.
///
/// Termination is stored as a bootstrap discount of 0. Truncation is not stored: such an entry
/// bootstraps from the final observation like any other.
#[derive(Debug, Clone)]
pub struct Replay {
    capacity: usize,
    n_features: usize,
    n_actions: usize,
    len: usize,
    cursor: usize,
    observations: Vec<f32>,
    next_observations: Vec<f32>,
    next_masks: Vec<bool>,
    actions: Vec<u32>,
    reward_sums: Vec<f32>,
    bootstrap_discounts: Vec<f32>,
}

/// A sample of `n` entries; its memory is used again for the next one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Raw, shape `[n, n_features]`, row-major.
    pub observations: Vec<f32>,
    /// Raw, shape `[n, n_features]`, row-major.
    pub next_observations: Vec<f32>,
    /// What is allowed next, shape `[n, n_actions]`, row-major.
    pub next_masks: Vec<bool>,
    /// Shape `[n]`.
    pub actions: Vec<u32>,
    /// Discounted rewards of the stretch, shape `[n]`.
    pub reward_sums: Vec<f32>,
    /// `γ^k`, or 0 after a termination, shape `[n]`.
    pub bootstrap_discounts: Vec<f32>,
}

impl Replay {
    /// An empty ring; all memory is reserved here. `capacity` is raised to at least 1.
    #[must_use]
    pub fn new(capacity: usize, n_features: usize, n_actions: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            capacity,
            n_features,
            n_actions,
            len: 0,
            cursor: 0,
            observations: vec![0.0; capacity * n_features],
            next_observations: vec![0.0; capacity * n_features],
            next_masks: vec![false; capacity * n_actions],
            actions: vec![0; capacity],
            reward_sums: vec![0.0; capacity],
            bootstrap_discounts: vec![0.0; capacity],
        }
    }

    /// Number of entries that can be sampled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was stored yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the reserved memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.capacity * (8 * self.n_features + self.n_actions + 12)
    }

    /// Stores a stretch in place of the oldest one when the ring is full.
    ///
    /// # Panics
    /// When an observation or mask has another length than the ring was made for.
    pub fn push(&mut self, stretch: &Stretch<'_>) {
        let at = self.cursor;
        row_mut(&mut self.observations, at, self.n_features).copy_from_slice(stretch.observation);
        row_mut(&mut self.next_observations, at, self.n_features)
            .copy_from_slice(stretch.next_observation);
        row_mut(&mut self.next_masks, at, self.n_actions)
            .copy_from_slice(stretch.next_mask.flags());
        self.actions[at] = stretch.action as u32;
        self.reward_sums[at] = stretch.reward_sum;
        self.bootstrap_discounts[at] = stretch.bootstrap_discount;
        self.cursor = (at + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Draws `n` entries uniformly with replacement into `batch`; leaves it empty when nothing is
    /// stored.
    pub fn sample(&self, n: usize, rng: &mut Stream, batch: &mut Batch) {
        batch.clear();
        if self.is_empty() {
            return;
        }
        for _ in 0..n {
            let at = rng.random_range(0..self.len);
            batch.observations.extend_from_slice(row(&self.observations, at, self.n_features));
            batch.next_observations.extend_from_slice(row(
                &self.next_observations,
                at,
                self.n_features,
            ));
            batch.next_masks.extend_from_slice(row(&self.next_masks, at, self.n_actions));
            batch.actions.push(self.actions[at]);
            batch.reward_sums.push(self.reward_sums[at]);
            batch.bootstrap_discounts.push(self.bootstrap_discounts[at]);
        }
    }
}

impl Batch {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    fn clear(&mut self) {
        self.observations.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.actions.clear();
        self.reward_sums.clear();
        self.bootstrap_discounts.clear();
    }
}

fn row<T>(flat: &[T], at: usize, width: usize) -> &[T] {
    &flat[at * width..(at + 1) * width]
}

fn row_mut<T>(flat: &mut [T], at: usize, width: usize) -> &mut [T] {
    &mut flat[at * width..(at + 1) * width]
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::{ActionMask, SeedTree};

    fn fill(replay: &mut Replay, values: std::ops::Range<usize>) {
        for value in values {
            replay.push(&Stretch {
                observation: &[value as f32, 0.0],
                action: value % 3,
                reward_sum: value as f32,
                bootstrap_discount: 0.9,
                next_observation: &[value as f32 + 1.0, 0.0],
                next_mask: &ActionMask::all(3),
            });
        }
    }

    #[test]
    fn the_oldest_entry_is_overwritten() {
        let mut replay = Replay::new(4, 2, 3);
        fill(&mut replay, 0..6);
        assert_eq!(replay.len(), 4);
        assert_eq!(replay.reward_sums, [4.0, 5.0, 2.0, 3.0]);
        assert_eq!(replay.memory_bytes(), 4 * (16 + 3 + 12));
    }

    #[test]
    fn sampling_is_uniform_and_keeps_rows_together() {
        let mut replay = Replay::new(8, 2, 3);
        fill(&mut replay, 0..4);
        let mut batch = Batch::default();
        replay.sample(8_000, &mut SeedTree::new(1).stream(), &mut batch);
        for i in 0..batch.len() {
            let value = batch.reward_sums[i];
            assert_eq!(batch.observations[2 * i], value);
            assert_eq!(batch.next_observations[2 * i], value + 1.0);
            assert_eq!(batch.actions[i], value as u32 % 3);
        }
        // Each of 4 entries: 2000 expected, standard deviation sqrt(8000 · 1/4 · 3/4) = 38.7.
        for value in 0..4 {
            let count = batch.reward_sums.iter().filter(|&&r| r == value as f32).count();
            assert!((count as f64 - 2_000.0).abs() < 4.0 * 38.8);
        }
    }

    #[test]
    fn an_empty_ring_gives_an_empty_batch() {
        let mut batch = Batch::default();
        Replay::new(4, 2, 3).sample(5, &mut SeedTree::new(1).stream(), &mut batch);
        assert!(batch.is_empty());
    }
}
