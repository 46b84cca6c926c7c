//! Returns over several steps, built lane by lane and never across the border of an episode.

use crate::agent::Transition;
use crate::checkpoint::Archive;
use crate::error::AgentError;
use promopt_envs::{ActionId, ActionMask};
use std::collections::VecDeque;

/// A stretch of one episode, ready to be learned from:
/// `target = reward_sum + bootstrap_discount · max Q(next_observation)`.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Which of several parallel environments it belongs to.
    pub lane: usize,
    /// Where the stretch began.
    pub observation: &'a [f32],
    /// The action taken there.
    pub action: ActionId,
    /// `Σ_{i<k} γ^i r_i` over its `k ≤ n` steps.
    pub reward_sum: f32,
    /// `γ^k`, or 0 when the stretch ended in a termination.
    pub bootstrap_discount: f32,
    /// Where the stretch ended, the final state of a truncated episode included.
    pub next_observation: &'a [f32],
    /// What is allowed there.
    pub next_mask: &'a ActionMask,
}

#[derive(Debug, Clone)]
struct Pending {
    observation: Vec<f32>,
    action: ActionId,
    reward_sum: f64,
    steps: i32,
}

/// Collects transitions and emits one [`Stretch`] for each of them.
///
/// A transition is emitted once `n` rewards are known; when its episode ends before that, it is
/// emitted with the rewards there are. Nothing is lost and nothing crosses into the next episode.
/// Source: Sutton and Barto 2018, §7.1; Hessel et al. 2018 (Rainbow).
#[derive(Debug, Clone)]
pub struct NStep {
    n: usize,
    discount_factor: f64,
    lanes: Vec<VecDeque<Pending>>,
    spare: Vec<Vec<f32>>,
}

impl NStep {
    /// Stretches of at most `n` steps (raised to at least 1).
    #[must_use]
    pub fn new(n: usize, discount_factor: f64) -> Self {
        Self { n: n.max(1), discount_factor, lanes: Vec::new(), spare: Vec::new() }
    }

    /// Adds a transition and emits every stretch that it completes, oldest first.
    pub fn push(&mut self, transition: &Transition<'_>, mut emit: impl FnMut(&Stretch<'_>)) {
        if self.lanes.len() <= transition.lane {
            self.lanes.resize_with(transition.lane + 1, VecDeque::new);
        }
        let lane = &mut self.lanes[transition.lane];
        let mut observation = self.spare.pop().unwrap_or_default();
        observation.extend_from_slice(transition.observation);
        let action = transition.action;
        lane.push_back(Pending { observation, action, reward_sum: 0.0, steps: 0 });
        for pending in lane.iter_mut() {
            pending.reward_sum += self.discount_factor.powi(pending.steps) * transition.reward;
            pending.steps += 1;
        }
        let is_last = transition.terminated || transition.truncated;
        while lane.len() >= self.n || (is_last && !lane.is_empty()) {
            let Some(mut oldest) = lane.pop_front() else { break };
            let future = self.discount_factor.powi(oldest.steps) as f32;
            emit(&Stretch {
                lane: transition.lane,
                observation: &oldest.observation,
                action: oldest.action,
                reward_sum: oldest.reward_sum as f32,
                bootstrap_discount: if transition.terminated { 0.0 } else { future },
                next_observation: transition.next_observation,
                next_mask: transition.next_mask,
            });
            oldest.observation.clear();
            self.spare.push(oldest.observation);
        }
    }

    /// Writes the stretches that are not complete yet under `name`.
    pub fn save(&self, archive: &mut Archive, name: &str) {
        let pending = || {
            let lanes = self.lanes.iter().enumerate();
            lanes.flat_map(|(lane, queue)| queue.iter().map(move |pending| (lane, pending)))
        };
        let of = |part: &str| format!("{name}.{part}");
        let lanes: Vec<u32> = pending().map(|(lane, _)| lane as u32).collect();
        let actions: Vec<u32> = pending().map(|(_, p)| p.action as u32).collect();
        let steps: Vec<u32> = pending().map(|(_, p)| p.steps as u32).collect();
        let reward_sums: Vec<f64> = pending().map(|(_, p)| p.reward_sum).collect();
        let observations: Vec<f32> =
            pending().flat_map(|(_, p)| p.observation.iter().copied()).collect();
        archive.put(&of("lanes"), &lanes);
        archive.put(&of("actions"), &actions);
        archive.put(&of("steps"), &steps);
        archive.put(&of("reward_sums"), &reward_sums);
        archive.put(&of("observations"), &observations);
    }

    /// Takes over what [`save`](Self::save) wrote, for observations of `n_features`.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it is missing or damaged.
    pub fn load(
        &mut self,
        archive: &Archive,
        name: &str,
        n_features: usize,
    ) -> Result<(), AgentError> {
        let of = |part: &str| format!("{name}.{part}");
        let lanes: Vec<u32> = archive.get(&of("lanes"))?;
        let n = lanes.len();
        let actions: Vec<u32> = archive.get_n(&of("actions"), n)?;
        let steps: Vec<u32> = archive.get_n(&of("steps"), n)?;
        let reward_sums: Vec<f64> = archive.get_n(&of("reward_sums"), n)?;
        let observations: Vec<f32> = archive.get_n(&of("observations"), n * n_features)?;
        self.lanes.clear();
        for at in 0..n {
            let lane = lanes[at] as usize;
            if lane >= MOST_LANES {
                let problem = format!("found stretches of lane {lane} in `{name}`");
                return Err(AgentError::Checkpoint { problem });
            }
            self.lanes.resize_with(self.lanes.len().max(lane + 1), VecDeque::new);
            self.lanes[lane].push_back(Pending {
                observation: observations[at * n_features..][..n_features].to_vec(),
                action: actions[at] as ActionId,
                reward_sum: reward_sums[at],
                steps: i32::try_from(steps[at]).unwrap_or(i32::MAX),
            });
        }
        Ok(())
    }
}

/// Lanes beyond this number are a damaged file and not a memory to reserve for.
pub(crate) const MOST_LANES: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds steps (reward, terminated, truncated) whose observation is their index, and returns
    /// (start, reward sum, bootstrap discount, end) of each stretch.
    fn play(n: usize, steps: &[(f64, bool, bool)]) -> Vec<(f32, f32, f32, f32)> {
        let mask = ActionMask::all(2);
        let mut n_step = NStep::new(n, 0.5);
        let mut out = Vec::new();
        for (i, &(reward, terminated, truncated)) in steps.iter().enumerate() {
            let (observation, next_observation) = ([i as f32], [i as f32 + 1.0]);
            let transition = Transition {
                lane: 0,
                observation: &observation,
                action: 1,
                reward,
                next_observation: &next_observation,
                next_mask: &mask,
                terminated,
                truncated,
            };
            n_step.push(&transition, |s| {
                let end = s.next_observation[0];
                out.push((s.observation[0], s.reward_sum, s.bootstrap_discount, end));
            });
        }
        out
    }

    #[test]
    fn a_termination_flushes_the_tail_without_a_future() {
        // γ = 0.5, n = 2, rewards 1, 2, 4: 1 + 0.5·2 = 2 bootstraps with 0.25 from state 2;
        // 2 + 0.5·4 = 4 and 4 end the story.
        let steps = [(1.0, false, false), (2.0, false, false), (4.0, true, false)];
        let expected = [(0.0, 2.0, 0.25, 2.0), (1.0, 4.0, 0.0, 3.0), (2.0, 4.0, 0.0, 3.0)];
        assert_eq!(play(2, &steps), expected);
    }

    #[test]
    fn a_truncation_flushes_the_tail_with_its_shorter_future() {
        let steps = [(1.0, false, false), (2.0, false, false), (4.0, false, true)];
        let expected = [(0.0, 2.0, 0.25, 2.0), (1.0, 4.0, 0.25, 3.0), (2.0, 4.0, 0.5, 3.0)];
        assert_eq!(play(2, &steps), expected);
    }

    #[test]
    fn no_stretch_crosses_episodes_and_none_is_lost() {
        let steps = [(1.0, false, true), (8.0, false, false), (2.0, true, false)];
        let expected = [(0.0, 1.0, 0.5, 1.0), (1.0, 9.0, 0.0, 3.0), (2.0, 2.0, 0.0, 3.0)];
        assert_eq!(play(3, &steps), expected);
    }

    #[test]
    fn one_step_is_the_plain_transition() {
        let steps = [(1.0, false, false), (2.0, true, false)];
        assert_eq!(play(1, &steps), [(0.0, 1.0, 0.5, 1.0), (1.0, 2.0, 0.0, 2.0)]);
    }

    #[test]
    fn lanes_do_not_mix() {
        let mask = ActionMask::all(2);
        let mut n_step = NStep::new(2, 0.5);
        let mut sums = Vec::new();
        for (lane, reward) in [(0, 1.0), (1, 10.0), (0, 2.0), (1, 20.0)] {
            let transition = Transition {
                lane,
                observation: &[0.0],
                action: 0,
                reward,
                next_observation: &[0.0],
                next_mask: &mask,
                terminated: false,
                truncated: false,
            };
            n_step.push(&transition, |stretch| sums.push(stretch.reward_sum));
        }
        assert_eq!(sums, [2.0, 20.0]);
    }
}
