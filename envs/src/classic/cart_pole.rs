//! CartPole: keep a pole upright by pushing the cart below it.

use super::reseed;
use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = 1.1;
/// Half the pole's length.
const LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
const SECONDS: f64 = 0.02;
const LARGEST_ANGLE: f64 = 12.0 * std::f64::consts::TAU / 360.0;
const LARGEST_POSITION: f64 = 2.4;
const START: f64 = 0.05;
const HORIZON: u32 = 500;

/// Gymnasium's `CartPole-v1` (Barto, Sutton and Anderson 1983).
///
/// - **Action**: 0 pushes left, 1 pushes right.
/// - **Observation**: position (m), velocity, angle (rad), angular velocity, shape `[4]`.
/// - **Start**: each uniform within ±0.05.
/// - **Reward**: 1 per step.
/// - **End**: terminated beyond ±2.4 m or ±12°; truncated after 500 steps.
///
/// The best return is 500; it counts as solved from a mean of 475.
#[derive(Debug, Clone)]
pub struct CartPole {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    mask: ActionMask,
    state: [f64; 4],
    observation: [f32; 4],
}

impl CartPole {
    /// A cart that waits for its first reset.
    #[must_use]
    pub fn new() -> Self {
        let bounds =
            vec![2.0 * LARGEST_POSITION as f32, f32::MAX, 2.0 * LARGEST_ANGLE as f32, f32::MAX];
        let low = bounds.iter().map(|bound| -bound).collect();
        Self {
            spec: EnvSpec {
                id: "CartPole-v1".into(),
                observation_space: BoxSpace::new(low, bounds),
                n_actions: 2,
                horizon: Some(HORIZON),
            },
            episode: Episode::new(HORIZON),
            stream: SeedTree::new(0).stream(),
            mask: ActionMask::all(2),
            state: [0.0; 4],
            observation: [0.0; 4],
        }
    }

    /// Starts an episode in this state: position, velocity, angle, angular velocity.
    pub fn start_from(&mut self, state: [f64; 4]) {
        self.episode.begin();
        self.show(state);
    }

    fn show(&mut self, state: [f64; 4]) {
        self.state = state;
        self.observation = state.map(|x| x as f32);
    }
}

impl Default for CartPole {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for CartPole {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        reseed(&mut self.stream, seed);
        let state = std::array::from_fn(|_| self.stream.random_range(-START..START));
        self.start_from(state);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let [position, velocity, angle, spin] = self.state;
        let force = if action == 1 { FORCE } else { -FORCE };
        let (sine, cosine) = angle.sin_cos();
        let push = (force + POLE_MASS * LENGTH * spin * spin * sine) / TOTAL_MASS;
        let inertia = LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / TOTAL_MASS);
        let spin_change = (GRAVITY * sine - cosine * push) / inertia;
        let velocity_change = push - POLE_MASS * LENGTH * spin_change * cosine / TOTAL_MASS;
        // Explicit Euler: positions move with the old velocities.
        let state = [
            position + SECONDS * velocity,
            velocity + SECONDS * velocity_change,
            angle + SECONDS * spin,
            spin + SECONDS * spin_change,
        ];
        self.show(state);
        let fallen = state[0].abs() > LARGEST_POSITION || state[2].abs() > LARGEST_ANGLE;
        Ok(self.episode.advance(1.0, fallen))
    }
}
