//! The replay memory in a checkpoint: what it holds and where, so that sampling goes on as before.

use super::{Entry, Replay};
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::nstep::MOST_LANES;

impl Replay {
    /// Writes entries, observations, priorities and counters under `name`.
    ///
    /// # Errors
    /// As for [`Archive::put_json`].
    pub fn save(&self, archive: &mut Archive, name: &str) -> Result<(), AgentError> {
        let of = |part: &str| format!("{name}.{part}");
        archive.put_json(&of("config"), &(&self.config, self.n_features, self.n_actions))?;
        archive.put(&of("cursor"), &[self.cursor as u64]);
        let first = self.frames.first();
        let column = |value: fn(&Entry) -> u32| self.entries.iter().map(value).collect::<Vec<_>>();
        let number = |value: fn(&Entry) -> f32| self.entries.iter().map(value).collect::<Vec<_>>();
        let from_first = |ids: Vec<u32>| -> Vec<u32> {
            ids.into_iter().map(|id| id.wrapping_sub(first)).collect()
        };
        archive.put(&of("actions"), &column(|entry| entry.action));
        archive.put(&of("reward_sums"), &number(|entry| entry.reward_sum));
        archive.put(&of("bootstrap_discounts"), &number(|entry| entry.bootstrap_discount));
        archive.put(&of("starts"), &from_first(column(|entry| entry.start)));
        archive.put(&of("ends"), &from_first(column(|entry| entry.end)));
        let (observations, masks) = self.frames.stored();
        archive.put(&of("observations"), &observations);
        archive.put(&of("masks"), &masks);
        // Lane and frame of each open end; those whose memory was handed on are forgotten.
        let mut open_ends = Vec::new();
        for (lane, ends) in self.open_ends.iter().enumerate() {
            let living = ends.iter().filter(|&&id| self.frames.is_stored(id));
            open_ends.extend(living.flat_map(|&id| [lane as u32, id.wrapping_sub(first)]));
        }
        archive.put(&of("open_ends"), &open_ends);
        if let Some(weighing) = &self.priorities {
            let weights: Vec<f64> = (0..self.len()).map(|at| weighing.tree.weight(at)).collect();
            archive.put(&of("weights"), &weights);
            archive.put(&of("largest_weight"), &[weighing.largest]);
            archive.put(&of("batches"), &[weighing.batches]);
        }
        Ok(())
    }

    /// Takes over what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was written by a memory of another configuration or does
    /// not fit together; the memory is as it was then.
    pub fn load(&mut self, archive: &Archive, name: &str) -> Result<(), AgentError> {
        let of = |part: &str| format!("{name}.{part}");
        archive.expect_json(&of("config"), &(&self.config, self.n_features, self.n_actions))?;
        let mut fresh = Self::new(self.config.clone(), self.n_features, self.n_actions)?;
        let actions: Vec<u32> = archive.get(&of("actions"))?;
        let n = actions.len();
        let reward_sums: Vec<f32> = archive.get_n(&of("reward_sums"), n)?;
        let bootstrap_discounts: Vec<f32> = archive.get_n(&of("bootstrap_discounts"), n)?;
        let (starts, ends) = (archive.get_n(&of("starts"), n)?, archive.get_n(&of("ends"), n)?);
        let cursor: u64 = archive.get_one(&of("cursor"))?;
        let observations: Vec<f32> = archive.get(&of("observations"))?;
        let masks: Vec<u8> = archive.get(&of("masks"))?;
        let problem = "a replay memory whose parts do not fit together";
        let broken = || AgentError::Checkpoint { problem: format!("found {problem} in `{name}`") };
        let n_frames = fresh.frames.fill(&observations, &masks).ok_or_else(broken)?;
        let capacity = self.config.capacity;
        let next = if n < capacity { cursor == n as u64 } else { cursor < capacity as u64 };
        let known = |ids: &[u32]| ids.iter().all(|&id| id < n_frames);
        let allowed = actions.iter().all(|&action| (action as usize) < self.n_actions);
        if n > capacity || !next || !known(&starts) || !known(&ends) || !allowed {
            return Err(broken());
        }
        for at in 0..n {
            let (start, end): (u32, u32) = (starts[at], ends[at]);
            fresh.frames.refer(start);
            fresh.frames.refer(end);
            let (reward_sum, bootstrap_discount) = (reward_sums[at], bootstrap_discounts[at]);
            let action = actions[at];
            fresh.entries.push(Entry { action, reward_sum, bootstrap_discount, start, end });
        }
        fresh.cursor = cursor as usize;
        for pair in archive.get::<u32>(&of("open_ends"))?.chunks_exact(2) {
            let lane = pair[0] as usize;
            if pair[1] >= n_frames || lane >= MOST_LANES {
                return Err(broken());
            }
            fresh.open_ends.resize_with(fresh.open_ends.len().max(lane + 1), Default::default);
            fresh.open_ends[lane].push_back(pair[1]);
        }
        if let Some(weighing) = &mut fresh.priorities {
            let weights: Vec<f64> = archive.get_n(&of("weights"), n)?;
            weighing.largest = archive.get_one(&of("largest_weight"))?;
            weighing.batches = archive.get_one(&of("batches"))?;
            if !weights.iter().chain([&weighing.largest]).all(|w| w.is_finite() && *w > 0.0) {
                return Err(broken());
            }
            (0..n).for_each(|at| weighing.tree.set(at, weights[at]));
        }
        *self = fresh;
        Ok(())
    }
}
