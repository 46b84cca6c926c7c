//! What is remembered of each arm: weight, mean and spread of its rewards, under each memory.

use super::config::Memory;
use crate::checkpoint::Archive;
use crate::error::AgentError;
use std::collections::VecDeque;

/// Below this weight nothing is left of an arm's past.
const FORGOTTEN: f64 = 1e-12;

/// Rewards of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Record {
    /// Sum of weights.
    pub(super) weight: f64,
    /// Weighted mean.
    pub(super) mean: f64,
    /// Weighted sum of squared distances from the mean.
    pub(super) spread: f64,
}

impl Record {
    /// Welford's update (1962), stable where sums of squares are not.
    fn add(&mut self, reward: f64) {
        self.weight += 1.0;
        let distance = reward - self.mean;
        self.mean += distance / self.weight;
        self.spread += distance * (reward - self.mean);
    }

    /// Undoes [`add`](Self::add).
    fn remove(&mut self, reward: f64) {
        if self.weight < 1.5 {
            *self = Self::default();
            return;
        }
        let distance = reward - self.mean;
        self.weight -= 1.0;
        self.mean -= distance / self.weight;
        self.spread = (self.spread - distance * (reward - self.mean)).max(0.0);
    }

    fn fade(&mut self, factor: f64) {
        self.weight *= factor;
        self.spread *= factor;
        if self.weight < FORGOTTEN {
            *self = Self::default();
        }
    }
}

/// Which arms look different after a reward.
pub(super) enum Changed {
    /// The arm itself, and the one whose oldest reward left the window.
    Arms(usize, Option<usize>),
    /// All of them.
    All,
}

/// Rewards of every arm.
#[derive(Debug, Clone)]
pub(super) struct Records {
    memory: Memory,
    arms: Vec<Record>,
    /// Only used by a window: arm and reward, oldest first.
    window: VecDeque<(usize, f64)>,
    removed: usize,
}

impl Records {
    pub(super) fn new(memory: Memory, n_arms: usize) -> Self {
        Self { memory, arms: vec![Record::default(); n_arms], window: VecDeque::new(), removed: 0 }
    }

    pub(super) fn arms(&self) -> &[Record] {
        &self.arms
    }

    /// Weight of all that is remembered.
    pub(super) fn total_weight(&self) -> f64 {
        self.arms.iter().map(|arm| arm.weight).sum()
    }

    pub(super) fn add(&mut self, arm: usize, reward: f64) -> Changed {
        match self.memory {
            Memory::Forever => {
                self.arms[arm].add(reward);
                Changed::Arms(arm, None)
            }
            Memory::Discounted { factor } => {
                self.arms.iter_mut().for_each(|record| record.fade(factor));
                self.arms[arm].add(reward);
                Changed::All
            }
            Memory::Window { length } => {
                self.arms[arm].add(reward);
                self.window.push_back((arm, reward));
                if self.window.len() <= length {
                    return Changed::Arms(arm, None);
                }
                let oldest = self.window.pop_front().map(|(arm, reward)| {
                    self.arms[arm].remove(reward);
                    arm
                });
                self.removed += 1;
                if self.removed.is_multiple_of(length) {
                    // Rounding errors of removals would add up.
                    self.recount();
                    return Changed::All;
                }
                Changed::Arms(arm, oldest)
            }
        }
    }

    fn recount(&mut self) {
        self.arms.fill(Record::default());
        for &(arm, reward) in &self.window {
            self.arms[arm].add(reward);
        }
    }

    pub(super) fn save(&self, archive: &mut Archive) {
        let flat = |arm: &Record| [arm.weight, arm.mean, arm.spread];
        archive.put::<f64>("arms", &self.arms.iter().flat_map(flat).collect::<Vec<_>>());
        let arms: Vec<u64> = self.window.iter().map(|&(arm, _)| arm as u64).collect();
        let rewards: Vec<f64> = self.window.iter().map(|&(_, reward)| reward).collect();
        archive.put("window_arms", &arms);
        archive.put("window_rewards", &rewards);
        archive.put("window_removed", &[self.removed as u64]);
    }

    pub(super) fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        let n_arms = self.arms.len();
        let flat: Vec<f64> = archive.get_n("arms", 3 * n_arms)?;
        let arms: Vec<u64> = archive.get("window_arms")?;
        let rewards: Vec<f64> = archive.get_n("window_rewards", arms.len())?;
        if let Some(arm) = arms.iter().find(|&&arm| arm >= n_arms as u64) {
            let problem = format!("found arm {arm} of {n_arms} in `window_arms`");
            return Err(AgentError::Checkpoint { problem });
        }
        self.removed = archive.get_one::<u64>("window_removed")? as usize;
        let (chunks, _) = flat.as_chunks::<3>();
        self.arms =
            chunks.iter().map(|&[weight, mean, spread]| Record { weight, mean, spread }).collect();
        self.window = arms.into_iter().map(|arm| arm as usize).zip(rewards).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_is_weight_mean_and_spread_of_what_counts(
            rewards in proptest::collection::vec((0_usize..3, -5.0_f64..5.0), 1..80),
            length in 1_usize..20,
        ) {
            let mut window = Records::new(Memory::Window { length }, 3);
            let mut discounted = Records::new(Memory::Discounted { factor: 0.9 }, 3);
            for &(arm, reward) in &rewards {
                window.add(arm, reward);
                discounted.add(arm, reward);
            }
            let n = rewards.len();
            for arm in 0..3 {
                let in_window = |i: usize| if i + length >= n { 1.0 } else { 0.0 };
                let faded = |i: usize| 0.9_f64.powi((n - 1 - i) as i32);
                let weights: [(&Records, &dyn Fn(usize) -> f64); 2] =
                    [(&window, &in_window), (&discounted, &faded)];
                for (records, weight) in weights {
                    let of_arm = |(i, &(a, r)): (usize, &(usize, f64))| {
                        (a == arm).then(|| (weight(i), r))
                    };
                    let kept: Vec<(f64, f64)> =
                        rewards.iter().enumerate().filter_map(of_arm).collect();
                    let total: f64 = kept.iter().map(|(w, _)| w).sum();
                    let got = records.arms()[arm];
                    prop_assert!((got.weight - total).abs() < 1e-9);
                    if total > 0.0 {
                        let mean = kept.iter().map(|(w, r)| w * r).sum::<f64>() / total;
                        let spread: f64 = kept.iter().map(|(w, r)| w * (r - mean).powi(2)).sum();
                        prop_assert!((got.mean - mean).abs() < 1e-9);
                        prop_assert!((got.spread - spread).abs() < 1e-8);
                    }
                }
            }
        }
    }
}
