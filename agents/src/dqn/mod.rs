//! Deep Q-networks: one agent with double, dueling and n-step learning as switches.

mod agent;
mod config;
pub mod loss;

pub use agent::DqnAgent;
pub use config::{DqnConfig, TargetUpdate};
