//! Deep Q-networks: one agent with every component of Rainbow as a switch.

mod agent;
mod categorical;
mod checkpoint;
mod config;
mod head;
mod learner;
mod loss;
mod quantile;

pub use agent::DqnAgent;
pub use config::{DqnConfig, ErrorLoss, ReturnModel, TargetUpdate};
pub use learner::DqnLearner;
