//! Acrobot: swing a double pendulum above its bar by a motor between its links.

use super::reseed;
use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;
use std::f64::consts::{FRAC_PI_2, PI};

const GRAVITY: f64 = 9.8;
/// Length and mass of each link; the centre of mass lies in the middle, the moment of inertia is 1.
const LENGTH: f64 = 1.0;
const MASS: f64 = 1.0;
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
const SECONDS: f64 = 0.2;
const TOP_SPEEDS: [f64; 2] = [4.0 * PI, 9.0 * PI];
const START: f64 = 0.1;
const HORIZON: u32 = 500;

/// Gymnasium's `Acrobot-v1` (Sutton 1996; the dynamics of Sutton and Barto's book).
///
/// - **Action**: torque −1, 0 or 1 on the joint.
/// - **Observation**: cosine and sine of the upper angle, of the lower angle relative to it, and
///   both angular velocities, shape `[6]`.
/// - **Start**: angles and velocities uniform within ±0.1; 0 hangs down.
/// - **Reward**: −1 per step, 0 for the step that arrives.
/// - **End**: terminated when the tip is one link above the bar; truncated after 500 steps.
#[derive(Debug, Clone)]
pub struct Acrobot {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    mask: ActionMask,
    /// Two angles, two angular velocities.
    state: [f64; 4],
    observation: [f32; 6],
}

impl Acrobot {
    /// A pendulum that waits for its first reset.
    #[must_use]
    pub fn new() -> Self {
        let speeds = TOP_SPEEDS.map(|speed| speed as f32);
        let high = vec![1.0, 1.0, 1.0, 1.0, speeds[0], speeds[1]];
        let low = high.iter().map(|bound| -bound).collect();
        Self {
            spec: EnvSpec {
                id: "Acrobot-v1".into(),
                observation_space: BoxSpace::new(low, high),
                n_actions: 3,
                horizon: Some(HORIZON),
            },
            episode: Episode::new(HORIZON),
            stream: SeedTree::new(0).stream(),
            mask: ActionMask::all(3),
            state: [0.0; 4],
            observation: [0.0; 6],
        }
    }

    /// Starts an episode in this state: upper angle, lower angle, their velocities.
    pub fn start_from(&mut self, state: [f64; 4]) {
        self.episode.begin();
        self.show(state);
    }

    fn show(&mut self, state: [f64; 4]) {
        self.state = state;
        let [upper, lower, upper_speed, lower_speed] = state;
        self.observation =
            [upper.cos(), upper.sin(), lower.cos(), lower.sin(), upper_speed, lower_speed]
                .map(|x| x as f32);
    }
}

impl Default for Acrobot {
    fn default() -> Self {
        Self::new()
    }
}

/// Time derivative of the state under a torque.
fn derivative([upper, lower, upper_speed, lower_speed]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sine, cosine) = lower.sin_cos();
    let d1 = MASS * CENTRE * CENTRE
        + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cosine)
        + 2.0 * INERTIA;
    let d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cosine) + INERTIA;
    let phi2 = MASS * CENTRE * GRAVITY * (upper + lower - FRAC_PI_2).cos();
    let phi1 = -MASS * LENGTH * CENTRE * lower_speed * lower_speed * sine
        - 2.0 * MASS * LENGTH * CENTRE * lower_speed * upper_speed * sine
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * (upper - FRAC_PI_2).cos()
        + phi2;
    let lower_change = (torque + d2 / d1 * phi1
        - MASS * LENGTH * CENTRE * upper_speed * upper_speed * sine
        - phi2)
        / (MASS * CENTRE * CENTRE + INERTIA - d2 * d2 / d1);
    let upper_change = -(d2 * lower_change + phi1) / d1;
    [upper_speed, lower_speed, upper_change, lower_change]
}

/// One step of the fourth-order Runge-Kutta method.
fn integrate(state: [f64; 4], torque: f64) -> [f64; 4] {
    let shifted = |slope: [f64; 4], by: f64| std::array::from_fn(|i| state[i] + by * slope[i]);
    let first = derivative(state, torque);
    let second = derivative(shifted(first, SECONDS / 2.0), torque);
    let third = derivative(shifted(second, SECONDS / 2.0), torque);
    let fourth = derivative(shifted(third, SECONDS), torque);
    std::array::from_fn(|i| {
        state[i] + SECONDS / 6.0 * (first[i] + 2.0 * second[i] + 2.0 * third[i] + fourth[i])
    })
}

/// The same angle in `[−π, π]`, in whole turns as Gymnasium takes them.
fn wrapped(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Env for Acrobot {
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
        let [upper, lower, upper_speed, lower_speed] = integrate(self.state, action as f64 - 1.0);
        let bounded = |speed: f64, top: f64| speed.clamp(-top, top);
        let state = [
            wrapped(upper),
            wrapped(lower),
            bounded(upper_speed, TOP_SPEEDS[0]),
            bounded(lower_speed, TOP_SPEEDS[1]),
        ];
        self.show(state);
        let arrived = -state[0].cos() - (state[1] + state[0]).cos() > 1.0;
        Ok(self.episode.advance(if arrived { 0.0 } else { -1.0 }, arrived))
    }
}
