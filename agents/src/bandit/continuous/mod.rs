//! A bandit over a continuous action, such as a depth between 0 and 1.

mod agent;
mod config;
mod local;

pub use agent::{ContinuousBandit, DepthDecision};
pub use config::ContinuousConfig;
