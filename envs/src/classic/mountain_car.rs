//! MountainCar: a weak engine must swing back and forth to climb.

use super::reseed;
use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

const LEFT_WALL: f64 = -1.2;
const RIGHT_WALL: f64 = 0.6;
const TOP_SPEED: f64 = 0.07;
const GOAL: f64 = 0.5;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;
const HORIZON: u32 = 200;

/// Gymnasium's `MountainCar-v0` (Moore 1990).
///
/// - **Action**: 0 drives left, 1 coasts, 2 drives right.
/// - **Observation**: position, velocity, shape `[2]`.
/// - **Start**: position uniform in `[−0.6, −0.4)`, at rest.
/// - **Reward**: −1 per step.
/// - **End**: terminated at position 0.5; truncated after 200 steps.
///
/// Random play returns −200; a good policy about −100.
#[derive(Debug, Clone)]
pub struct MountainCar {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    mask: ActionMask,
    state: [f64; 2],
    observation: [f32; 2],
}

impl MountainCar {
    /// A car that waits for its first reset.
    #[must_use]
    pub fn new() -> Self {
        let low = vec![LEFT_WALL as f32, -TOP_SPEED as f32];
        let high = vec![RIGHT_WALL as f32, TOP_SPEED as f32];
        Self {
            spec: EnvSpec {
                id: "MountainCar-v0".into(),
                observation_space: BoxSpace::new(low, high),
                n_actions: 3,
                horizon: Some(HORIZON),
            },
            episode: Episode::new(HORIZON),
            stream: SeedTree::new(0).stream(),
            mask: ActionMask::all(3),
            state: [0.0; 2],
            observation: [0.0; 2],
        }
    }

    /// Starts an episode in this state: position, velocity.
    pub fn start_from(&mut self, state: [f64; 2]) {
        self.episode.begin();
        self.show(state);
    }

    fn show(&mut self, state: [f64; 2]) {
        self.state = state;
        self.observation = state.map(|x| x as f32);
    }
}

impl Default for MountainCar {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for MountainCar {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        reseed(&mut self.stream, seed);
        let position = self.stream.random_range(-0.6..-0.4);
        self.start_from([position, 0.0]);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let [position, velocity] = self.state;
        let change = (action as f64 - 1.0) * FORCE - (3.0 * position).cos() * GRAVITY;
        let mut velocity = (velocity + change).clamp(-TOP_SPEED, TOP_SPEED);
        let position = (position + velocity).clamp(LEFT_WALL, RIGHT_WALL);
        if position == LEFT_WALL && velocity < 0.0 {
            velocity = 0.0;
        }
        self.show([position, velocity]);
        Ok(self.episode.advance(-1.0, position >= GOAL && velocity >= 0.0))
    }
}
