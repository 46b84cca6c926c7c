//! Several environments stepped together, with the final observation of every episode kept.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::SeedTree;
use crate::space::{ActionId, ActionMask};

/// What happens to a lane whose episode has just ended; the modes of Gymnasium 1.x.
///
/// | | the step that ends the episode | the step after it |
/// |---|---|---|
/// | `NextStep` | `observation` is the final one | resets, ignores the action: reward 0, not ended |
/// | `SameStep` | `observation` is the first of the new episode | acts in the new episode |
/// | `Disabled` | `observation` is the final one | is refused until the caller resets the lane |
///
/// In every mode `next_observation` and `next_mask` show what the last action led to, and
/// `final_observation` and `final_mask` the end of the lane's latest finished episode. Automatic
/// resets continue the lane's random stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoresetMode {
    /// The lane is reset by the next `step`, which takes no action on it; see [`VectorEnv::acted`].
    NextStep,
    /// The lane is reset within the same `step`.
    SameStep,
    /// Nothing; the caller resets the lane.
    Disabled,
}

/// A step on which nothing happened: before the first one, and when a lane was reset instead.
const NOTHING: Step = Step { reward: 0.0, terminated: false, truncated: false };

/// Environments of one kind, each on its own lane.
///
/// After a `step`, `next_observation` and `next_mask` describe where the action led, the end of an
/// episode included, which is what a learner stores; `observation` and `mask` describe where the
/// next action will be taken. What happens on a lane depends on its seed and its actions only, not
/// on the other lanes, so lanes may be spread over any number of threads. Stepping allocates nothing.
#[derive(Debug, Clone)]
pub struct VectorEnv<E: Env> {
    envs: Vec<E>,
    mode: AutoresetMode,
    n_features: usize,
    steps: Vec<Step>,
    acted: Vec<bool>,
    /// Whether the lane has finished an episode since the caller last reset it.
    finished: Vec<bool>,
    /// Shape `[n_lanes × n_features]`.
    final_observations: Vec<f32>,
    final_masks: Vec<ActionMask>,
}

impl<E: Env> VectorEnv<E> {
    /// Lanes over the given environments.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is none or when their specs differ.
    pub fn new(envs: Vec<E>, mode: AutoresetMode) -> Result<Self, EnvError> {
        let Some(first) = envs.first() else {
            let expected = "at least one environment";
            return Err(EnvError::InvalidParameter { name: "envs", expected, got: 0.0 });
        };
        let spec = first.spec();
        if let Some(lane) = envs.iter().position(|env| env.spec() != spec) {
            let (expected, got) = ("environments with one spec, not another at lane", lane as f64);
            return Err(EnvError::InvalidParameter { name: "envs", expected, got });
        }
        let (n, n_features) = (envs.len(), spec.observation_space.n_features());
        Ok(Self {
            mode,
            n_features,
            steps: vec![NOTHING; n],
            acted: vec![false; n],
            finished: vec![false; n],
            final_observations: vec![0.0; n * n_features],
            final_masks: vec![ActionMask::all(spec.n_actions); n],
            envs,
        })
    }

    /// Number of lanes, at least 1.
    #[must_use]
    pub fn n_lanes(&self) -> usize {
        self.envs.len()
    }

    /// The spec that all lanes share.
    #[must_use]
    pub fn spec(&self) -> &EnvSpec {
        self.envs[0].spec()
    }

    /// When ended lanes are reset.
    #[must_use]
    pub fn mode(&self) -> AutoresetMode {
        self.mode
    }

    /// Resets every lane; lane `i` gets the seed `seeds.index(i)`.
    pub fn reset(&mut self, seeds: SeedTree) {
        for lane in 0..self.envs.len() {
            self.reset_lane(lane, Some(seeds.index(lane as u64).seed()));
        }
    }

    /// Resets one lane; `None` continues its random stream.
    ///
    /// # Panics
    /// When the lane does not exist.
    pub fn reset_lane(&mut self, lane: usize, seed: Option<u64>) {
        self.envs[lane].reset(seed);
        self.steps[lane] = NOTHING;
        self.acted[lane] = false;
        self.finished[lane] = false;
    }

    /// Resets one lane and takes these actions on it, while the other lanes stay where they are.
    ///
    /// # Errors
    /// Those of the environment; the lane is then where the actions before led it.
    ///
    /// # Panics
    /// When the lane does not exist.
    pub fn replay_lane(
        &mut self,
        lane: usize,
        seed: u64,
        actions: &[ActionId],
    ) -> Result<(), EnvError> {
        self.reset_lane(lane, Some(seed));
        for &action in actions {
            self.steps[lane] = self.envs[lane].step(action)?;
            self.acted[lane] = true;
        }
        Ok(())
    }

    /// Observation in which the lane's next action is taken, shape `[n_features]`.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn observation(&self, lane: usize) -> &[f32] {
        self.envs[lane].observation()
    }

    /// Mask for the lane's next action.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn mask(&self, lane: usize) -> &ActionMask {
        self.envs[lane].action_mask()
    }

    /// Observation that the lane's last step led to, before any automatic reset in the same step.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn next_observation(&self, lane: usize) -> &[f32] {
        if self.was_reset(lane) { self.kept(lane) } else { self.envs[lane].observation() }
    }

    /// Mask of the state that the lane's last step led to, before any automatic reset in the same
    /// step.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn next_mask(&self, lane: usize) -> &ActionMask {
        if self.was_reset(lane) { &self.final_masks[lane] } else { self.envs[lane].action_mask() }
    }

    /// Last observation of the lane's latest finished episode; `None` while it has finished none
    /// since [`reset_lane`](Self::reset_lane). It stays readable after automatic resets.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn final_observation(&self, lane: usize) -> Option<&[f32]> {
        self.finished[lane].then(|| self.kept(lane))
    }

    /// Mask of the last state of the lane's latest finished episode; `None` as for
    /// [`final_observation`](Self::final_observation).
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn final_mask(&self, lane: usize) -> Option<&ActionMask> {
        self.finished[lane].then(|| &self.final_masks[lane])
    }

    /// Whether the lane's last step took its action. False before the first step and, with
    /// [`AutoresetMode::NextStep`], on the step that reset the lane: no transition happened then,
    /// and a learner must not store one.
    ///
    /// # Panics
    /// When the lane does not exist.
    #[must_use]
    pub fn acted(&self, lane: usize) -> bool {
        self.acted[lane]
    }

    /// The environments, in the order of their lanes.
    #[must_use]
    pub fn envs(&self) -> &[E] {
        &self.envs
    }

    /// Steps every lane; the answer has one step per lane.
    ///
    /// With [`AutoresetMode::NextStep`] the action of an ended lane may be any number.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is not one action per lane; an invalid action or,
    /// with [`AutoresetMode::Disabled`], an ended lane is the environment's error, found before any
    /// lane has moved.
    pub fn step(&mut self, actions: &[ActionId]) -> Result<&[Step], EnvError> {
        self.admit(actions)?;
        for (lane, &action) in actions.iter().enumerate() {
            let env = &mut self.envs[lane];
            if self.mode == AutoresetMode::NextStep && self.steps[lane].is_last() {
                env.reset(None);
                self.steps[lane] = NOTHING;
                self.acted[lane] = false;
                continue;
            }
            let step = env.step(action)?;
            if step.is_last() {
                let from = lane * self.n_features;
                self.final_observations[from..from + self.n_features]
                    .copy_from_slice(env.observation());
                self.final_masks[lane].clone_from(env.action_mask());
                self.finished[lane] = true;
                if self.mode == AutoresetMode::SameStep {
                    env.reset(None);
                }
            }
            self.steps[lane] = step;
            self.acted[lane] = true;
        }
        Ok(&self.steps)
    }

    fn was_reset(&self, lane: usize) -> bool {
        self.mode == AutoresetMode::SameStep && self.steps[lane].is_last()
    }

    fn kept(&self, lane: usize) -> &[f32] {
        &self.final_observations[lane * self.n_features..(lane + 1) * self.n_features]
    }

    fn admit(&self, actions: &[ActionId]) -> Result<(), EnvError> {
        if actions.len() != self.envs.len() {
            let (expected, got) = ("one action per environment", actions.len() as f64);
            return Err(EnvError::InvalidParameter { name: "actions", expected, got });
        }
        for (lane, &action) in actions.iter().enumerate() {
            if self.mode != AutoresetMode::SameStep && self.steps[lane].is_last() {
                if self.mode == AutoresetMode::Disabled {
                    return Err(EnvError::ResetNeeded);
                }
                continue;
            }
            let mask = self.envs[lane].action_mask();
            if !mask.allows(action) {
                let n_actions = mask.n_actions();
                let masked = action < n_actions;
                return Err(EnvError::InvalidAction { got: action, n_actions, masked });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Chain, Identity, KnownBandit};

    #[test]
    fn an_ended_lane_is_reset_and_its_final_observation_kept() -> Result<(), EnvError> {
        let envs = vec![Chain::new(2, false), Chain::new(2, false)];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        let steps = lanes.step(&[1, 0])?;
        assert!(steps[0].terminated && !steps[1].is_last());
        assert_eq!(lanes.next_observation(0), [0.0, 1.0]);
        assert_eq!(lanes.observation(0), [1.0, 0.0]);
        assert_eq!(lanes.next_observation(1), lanes.observation(1));
        assert_eq!(lanes.final_observation(1), None);
        assert!(lanes.step(&[0, 0]).is_ok());
        assert_eq!(lanes.next_observation(0), lanes.observation(0));
        assert_eq!(lanes.final_observation(0), Some([0.0, 1.0].as_slice()));
        Ok(())
    }

    #[test]
    fn without_autoreset_the_caller_resets() -> Result<(), EnvError> {
        let mut lanes = VectorEnv::new(vec![Chain::new(2, false)], AutoresetMode::Disabled)?;
        lanes.reset(SeedTree::new(1));
        lanes.step(&[1])?;
        assert_eq!(lanes.observation(0), [0.0, 1.0]);
        assert_eq!(lanes.final_observation(0), Some([0.0, 1.0].as_slice()));
        assert_eq!(lanes.step(&[1]), Err(EnvError::ResetNeeded));
        lanes.reset_lane(0, None);
        assert_eq!(lanes.final_observation(0), None);
        assert!(lanes.step(&[1]).is_ok());
        Ok(())
    }

    #[test]
    fn a_lane_is_brought_back_to_where_it_was() -> Result<(), EnvError> {
        let envs = vec![KnownBandit::new(3, 0.5, 9)?; 2];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::Disabled)?;
        lanes.reset(SeedTree::new(1));
        lanes.reset_lane(1, Some(7));
        lanes.step(&[0, 1])?;
        lanes.step(&[1, 2])?;
        let other = lanes.observation(0).to_vec();
        let there = lanes.observation(1).to_vec();
        lanes.step(&[0, 0])?;
        let other_moved = lanes.observation(0).to_vec();
        assert_ne!((other, &there[..]), (other_moved.clone(), lanes.observation(1)));
        lanes.replay_lane(1, 7, &[1, 2])?;
        assert_eq!((lanes.observation(0), lanes.observation(1)), (&other_moved[..], &there[..]));
        assert!(lanes.replay_lane(1, 7, &[9]).is_err());
        Ok(())
    }

    #[test]
    fn the_next_step_resets_instead_of_acting() -> Result<(), EnvError> {
        let envs = vec![Chain::new(2, false), Chain::new(3, false)];
        assert!(VectorEnv::new(envs, AutoresetMode::NextStep).is_err());
        let envs = vec![Chain::new(3, false), Chain::new(3, false)];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::NextStep)?;
        lanes.reset(SeedTree::new(1));
        lanes.step(&[1, 0])?;
        assert!(lanes.step(&[1, 0])?[0].terminated);
        let end = [0.0, 0.0, 1.0];
        assert_eq!((lanes.observation(0), lanes.next_observation(0)), (&end[..], &end[..]));
        // The action of the ended lane is not looked at; the other lane still acts.
        let steps = lanes.step(&[99, 1])?;
        assert_eq!(steps[0], NOTHING);
        assert!((steps[1].reward + 0.01).abs() < 1e-12);
        assert_eq!((lanes.acted(0), lanes.acted(1)), (false, true));
        assert_eq!(lanes.observation(0), [1.0, 0.0, 0.0]);
        assert_eq!(lanes.final_observation(0), Some(&end[..]));
        lanes.step(&[1, 1])?;
        assert!(lanes.acted(0));
        Ok(())
    }

    #[test]
    fn the_final_mask_is_that_of_the_last_state() -> Result<(), EnvError> {
        for mode in [AutoresetMode::NextStep, AutoresetMode::SameStep, AutoresetMode::Disabled] {
            let env = KnownBandit::masked(4, 0.0, 1)?;
            let mut alone = env.clone();
            let mut lanes = VectorEnv::new(vec![env], mode)?;
            for seed in 0..20 {
                lanes.reset_lane(0, Some(seed));
                alone.reset(Some(seed));
                let action = alone.optimal_action();
                alone.step(action)?;
                assert!(lanes.step(&[action])?[0].truncated);
                assert_eq!(lanes.final_mask(0), Some(alone.action_mask()));
                assert_eq!(lanes.next_mask(0), alone.action_mask());
                assert_eq!(lanes.final_observation(0), Some(alone.observation()));
            }
        }
        Ok(())
    }

    #[test]
    fn all_modes_play_the_same_transitions() -> Result<(), EnvError> {
        let modes = [AutoresetMode::NextStep, AutoresetMode::SameStep, AutoresetMode::Disabled];
        let mut played = Vec::new();
        for mode in modes {
            let mut lanes = VectorEnv::new(vec![Identity::new(3, 4)], mode)?;
            lanes.reset(SeedTree::new(5));
            let mut transitions = Vec::new();
            while transitions.len() < 30 {
                let before = lanes.observation(0).to_vec();
                let step = lanes.step(&[1])?[0];
                if lanes.acted(0) {
                    transitions.push((before, step, lanes.next_observation(0).to_vec()));
                }
                if mode == AutoresetMode::Disabled && step.is_last() {
                    lanes.reset_lane(0, None);
                }
            }
            played.push(transitions);
        }
        assert!(played[0] == played[1] && played[1] == played[2]);
        Ok(())
    }

    #[test]
    fn two_threads_with_half_of_the_lanes_each_give_the_same_bytes() -> Result<(), EnvError> {
        let seeds = SeedTree::new(8);
        let play = |lanes: std::ops::Range<u64>| -> Result<Vec<u64>, EnvError> {
            let n = lanes.end as usize - lanes.start as usize;
            let envs = vec![KnownBandit::new(3, 1.0, 7)?; n];
            let mut vector = VectorEnv::new(envs, AutoresetMode::SameStep)?;
            for (i, lane) in lanes.enumerate() {
                vector.reset_lane(i, Some(seeds.index(lane).seed()));
            }
            let mut rewards = vec![Vec::new(); n];
            for _ in 0..50 {
                let steps = vector.step(&vec![2; n])?;
                rewards.iter_mut().zip(steps).for_each(|(r, s)| r.push(s.reward.to_bits()));
            }
            Ok(rewards.concat())
        };
        let together = play(0..6)?;
        let apart = std::thread::scope(|scope| {
            let (a, b) = (scope.spawn(|| play(0..3)), scope.spawn(|| play(3..6)));
            [a, b].map(|thread| thread.join().expect("no panic in a lane"))
        });
        let [a, b] = apart;
        assert_eq!(together, [a?, b?].concat());
        Ok(())
    }

    #[test]
    fn an_invalid_action_moves_no_lane() -> Result<(), EnvError> {
        let envs = vec![Chain::new(4, false), Chain::new(4, false)];
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        assert!(lanes.step(&[1, 9]).is_err());
        assert!(lanes.step(&[1]).is_err());
        assert_eq!(lanes.observation(0), [1.0, 0.0, 0.0, 0.0]);
        Ok(())
    }

    #[test]
    fn lanes_have_different_streams_and_one_spec() -> Result<(), EnvError> {
        let envs: Vec<Box<dyn Env>> = (0..2).map(|_| Identity::new(50, 9)).map(boxed).collect();
        let mut lanes = VectorEnv::new(envs, AutoresetMode::SameStep)?;
        lanes.reset(SeedTree::new(1));
        assert_ne!(lanes.observation(0), lanes.observation(1));
        let mixed = vec![Identity::new(3, 9), Identity::new(4, 9)];
        assert!(VectorEnv::new(mixed, AutoresetMode::SameStep).is_err());
        assert!(VectorEnv::<Identity>::new(vec![], AutoresetMode::SameStep).is_err());
        Ok(())
    }

    fn boxed(env: Identity) -> Box<dyn Env> {
        Box::new(env)
    }
}
