//! Where a training is: counters, recent returns, and what each lane has done in its episode.

use super::event::{Ending, TrainEvent, TrainReport};
use crate::checkpoint::Archive;
use crate::error::AgentError;
use promopt_envs::{ActionId, Env, SeedTree, VectorEnv};
use std::collections::VecDeque;

/// Episodes over which the report averages.
const RECENT: usize = 100;

pub(super) struct Progress {
    pub(super) steps: u64,
    pub(super) updates: u64,
    episodes: u64,
    lanes: Vec<Lane>,
    recent: VecDeque<f64>,
    /// The lane and the number of an episode decide its seed.
    seed: SeedTree,
}

/// An episode in progress: with its number and its actions it can be played again.
#[derive(Debug, Clone, Default)]
struct Lane {
    episode: u64,
    actions: Vec<u32>,
    episode_return: f64,
}

impl Progress {
    pub(super) fn new(n_lanes: usize, seed: SeedTree) -> Self {
        let (lanes, recent) = (vec![Lane::default(); n_lanes], VecDeque::with_capacity(RECENT));
        Self { steps: 0, updates: 0, episodes: 0, lanes, recent, seed }
    }

    /// Seed of the lane's current episode.
    pub(super) fn episode_seed(&self, lane: usize) -> u64 {
        self.seed.index(lane as u64).index(self.lanes[lane].episode).seed()
    }

    pub(super) fn note_step(&mut self, lane: usize, action: ActionId, reward: f64) {
        self.steps += 1;
        let lane = &mut self.lanes[lane];
        lane.actions.push(action as u32);
        lane.episode_return += reward;
    }

    pub(super) fn end_episode(&mut self, lane: usize, terminated: bool) -> TrainEvent {
        let lane = &mut self.lanes[lane];
        let episode_return = std::mem::take(&mut lane.episode_return);
        let length = lane.actions.len() as u32;
        lane.actions.clear();
        lane.episode += 1;
        self.episodes += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(episode_return);
        TrainEvent::Episode { step: self.steps, episode_return, length, terminated }
    }

    pub(super) fn report(&self, ending: Ending) -> TrainReport {
        let n = self.recent.len();
        let recent_return = (n > 0).then(|| self.recent.iter().sum::<f64>() / n as f64);
        let Self { steps, episodes, updates, .. } = *self;
        TrainReport { steps, episodes, updates, recent_return, ending }
    }

    pub(super) fn save<E: Env>(&self, envs: &VectorEnv<E>, archive: &mut Archive) {
        let counters = [self.steps, self.updates, self.episodes];
        archive.put("training.counters", &counters);
        let recent: Vec<f64> = self.recent.iter().copied().collect();
        archive.put("training.recent_returns", &recent);
        let lanes = || self.lanes.iter();
        let episodes: Vec<u64> = lanes().map(|lane| lane.episode).collect();
        let lengths: Vec<u64> = lanes().map(|lane| lane.actions.len() as u64).collect();
        let returns: Vec<f64> = lanes().map(|lane| lane.episode_return).collect();
        let actions: Vec<u32> = lanes().flat_map(|lane| lane.actions.iter().copied()).collect();
        archive.put("training.lanes.episodes", &episodes);
        archive.put("training.lanes.lengths", &lengths);
        archive.put("training.lanes.returns", &returns);
        archive.put("training.lanes.actions", &actions);
        archive.put("training.lanes.observations", &observations(envs));
    }

    /// Plays every lane's episode again up to where it was.
    pub(super) fn load<E: Env>(
        &mut self,
        envs: &mut VectorEnv<E>,
        archive: &Archive,
    ) -> Result<(), AgentError> {
        let n = self.lanes.len();
        let counters: Vec<u64> = archive.get_n("training.counters", 3)?;
        (self.steps, self.updates, self.episodes) = (counters[0], counters[1], counters[2]);
        self.recent = archive.get("training.recent_returns")?.into();
        let episodes: Vec<u64> = archive.get_n("training.lanes.episodes", n)?;
        let lengths: Vec<u64> = archive.get_n("training.lanes.lengths", n)?;
        let returns: Vec<f64> = archive.get_n("training.lanes.returns", n)?;
        let actions: Vec<u32> = archive.get("training.lanes.actions")?;
        let mut rest = actions.as_slice();
        for lane in 0..n {
            let taken = usize::try_from(lengths[lane]).ok().and_then(|n| rest.split_at_checked(n));
            let Some((mine, others)) = taken else {
                return Err(problem("found fewer actions than its episodes have steps"));
            };
            rest = others;
            let (episode, episode_return) = (episodes[lane], returns[lane]);
            self.lanes[lane] = Lane { episode, actions: mine.to_vec(), episode_return };
            let mine: Vec<ActionId> = mine.iter().map(|&action| action as ActionId).collect();
            envs.replay_lane(lane, self.episode_seed(lane), &mine)?;
        }
        let then: Vec<f32> = archive.get("training.lanes.observations")?;
        let now = observations(envs);
        let same = then.iter().map(|x| x.to_bits()).eq(now.iter().map(|x| x.to_bits()));
        if !same {
            return Err(problem(
                "found environments that do not come to the same state when they are reset with \
                 the same seed and take the same actions (see `check_env`)",
            ));
        }
        Ok(())
    }
}

/// Where every lane is, shape `[n_lanes, n_features]`.
fn observations<E: Env>(envs: &VectorEnv<E>) -> Vec<f32> {
    (0..envs.n_lanes()).flat_map(|lane| envs.observation(lane)).copied().collect()
}

fn problem(problem: &str) -> AgentError {
    AgentError::Checkpoint { problem: problem.to_owned() }
}
