//! What a world is: the Gymnasium contract in Rust, diagnostic worlds with a known optimum, and retail worlds.
//!
//! This crate does no input or output, reads no clock and knows no learning library. The same seed
//! gives the same trajectory, bit for bit, on any number of threads.

pub mod arena;
pub mod check;
pub mod classic;
pub mod diagnostic;
pub mod env;
mod episode;
pub mod error;
pub mod exact;
pub mod knapsack;
pub mod pricing;
pub mod registry;
pub mod retail;
pub mod seed;
pub mod space;
pub mod vector;
pub mod worlds;
pub mod wrapper;

pub use check::{CheckReport, Violation, check_env};
pub use env::{Env, EnvSpec, Step};
pub use error::EnvError;
pub use seed::{SeedTree, Stream};
pub use space::{ActionId, ActionMask, BoxSpace};
pub use vector::{AutoresetMode, VectorEnv};
