//! Decide and travel: policies as distributions over actions, and the bundle that carries one to a server.
//!
//! Nothing here trains, and no tensor library is linked: a serving system can embed this crate alone.

pub mod distribution;
pub mod linear;
pub mod mlp;
pub mod policy;

pub use distribution::ActionDistribution;
pub use linear::{LinearPolicy, LinearScores};
pub use mlp::{Dense, QHead, QNetwork, QPolicy, ShapeError};
pub use policy::{Decision, Policy};
