//! Deep Q-networks: one agent with double, dueling and n-step learning as switches.

mod agent;
mod config;
mod head;
pub mod loss;

pub use agent::DqnAgent;
pub use config::{DqnConfig, TargetUpdate};
