//! Return and length of the running episode and of the latest finished ones.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};
use std::collections::VecDeque;

/// A finished episode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeRecord {
    /// Undiscounted sum of its rewards.
    pub episode_return: f64,
    /// Number of its steps.
    pub length: u32,
    /// Whether it ended by itself and not by a limit.
    pub terminated: bool,
}

/// Counts along; `info` gains `episode_return` and `episode_length` of the running episode, and of
/// the finished one until the next reset. An episode that is reset before its end is not recorded.
#[derive(Debug, Clone)]
pub struct EpisodeStatistics<E> {
    env: E,
    episode_return: f64,
    length: u32,
    n_finished: u64,
    capacity: usize,
    recent: VecDeque<EpisodeRecord>,
}

impl<E: Env> EpisodeStatistics<E> {
    /// Remembers the latest `capacity` finished episodes (raised to at least 1).
    #[must_use]
    pub fn new(env: E, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let recent = VecDeque::with_capacity(capacity);
        Self { env, episode_return: 0.0, length: 0, n_finished: 0, capacity, recent }
    }

    /// The environment inside.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    /// Return so far of the running episode, or of the one that has just finished.
    #[must_use]
    pub fn episode_return(&self) -> f64 {
        self.episode_return
    }

    /// Steps so far of the running episode, or of the one that has just finished.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Episodes finished since construction.
    #[must_use]
    pub fn n_finished(&self) -> u64 {
        self.n_finished
    }

    /// The latest finished episode.
    #[must_use]
    pub fn last(&self) -> Option<&EpisodeRecord> {
        self.recent.back()
    }

    /// The latest finished episodes, oldest first, at most the capacity.
    pub fn recent(&self) -> impl ExactSizeIterator<Item = &EpisodeRecord> {
        self.recent.iter()
    }
}

impl<E: Env> Env for EpisodeStatistics<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.episode_return = 0.0;
        self.length = 0;
    }

    fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        let step = self.env.step(action)?;
        self.episode_return += step.reward;
        self.length += 1;
        if step.is_last() {
            let (episode_return, length) = (self.episode_return, self.length);
            if self.recent.len() == self.capacity {
                self.recent.pop_front();
            }
            let terminated = step.terminated;
            self.recent.push_back(EpisodeRecord { episode_return, length, terminated });
            self.n_finished += 1;
        }
        Ok(step)
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        let mut info = self.env.info();
        info.push(("episode_return", self.episode_return));
        info.push(("episode_length", f64::from(self.length)));
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;
    use crate::diagnostic::{Chain, Identity};
    use crate::seed::SeedTree;
    use crate::vector::{AutoresetMode, VectorEnv};

    #[test]
    fn it_keeps_the_contract() {
        let make = || EpisodeStatistics::new(Identity::new(4, 10), 3);
        assert_eq!(check_env(&mut || Box::new(make()), 1), []);
    }

    #[test]
    fn the_latest_episodes_are_kept_and_all_are_counted() -> Result<(), EnvError> {
        let env = EpisodeStatistics::new(Chain::new(3, false), 2);
        let mut lanes = VectorEnv::new(vec![env], AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        for _ in 0..3 {
            lanes.step(&[1])?;
            lanes.step(&[1])?;
        }
        for _ in 0..12 {
            lanes.step(&[0])?;
        }
        let env = &lanes.envs()[0];
        assert_eq!((env.n_finished(), env.recent().len()), (4, 2));
        let ended: Vec<(u32, bool)> = env.recent().map(|e| (e.length, e.terminated)).collect();
        assert_eq!(ended, [(2, true), (12, false)]);
        let last = env.last().expect("four episodes finished");
        assert!((last.episode_return + 0.12).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_refused_step_counts_nothing_and_info_tells_the_episode() -> Result<(), EnvError> {
        let mut env = EpisodeStatistics::new(Chain::new(3, false), 2);
        env.reset(None);
        env.step(1)?;
        assert!(env.step(7).is_err());
        assert_eq!(env.info(), [("episode_return", -0.01), ("episode_length", 1.0)]);
        env.reset(None);
        assert_eq!((env.length(), env.episode_return(), env.n_finished()), (0, 0.0, 0));
        Ok(())
    }
}
