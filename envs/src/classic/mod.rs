//! The classic control tasks, step for step as Gymnasium has them, to compare learners by.
//!
//! State and dynamics are in `f64`; observations are rounded to `f32`. Time limits truncate.

mod acrobot;
mod cart_pole;
mod mountain_car;

pub use acrobot::Acrobot;
pub use cart_pole::CartPole;
pub use mountain_car::MountainCar;

use crate::seed::{SeedTree, Stream};

/// The stream after a reset: a new one for a seed, the old one without.
fn reseed(stream: &mut Stream, seed: Option<u64>) {
    if let Some(seed) = seed {
        *stream = SeedTree::new(seed).stream();
    }
}

#[cfg(test)]
mod tests;
