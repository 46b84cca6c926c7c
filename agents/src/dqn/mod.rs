//! Deep Q-networks: one agent with every component of Rainbow as a switch.

mod agent;
mod bootstrapped;
mod categorical;
mod checkpoint;
mod config;
mod exploration;
mod head;
mod learner;
mod loss;
mod quantile;

pub use agent::DqnAgent;
pub use bootstrapped::{BootstrappedConfig, BootstrappedDqn};
pub use config::{DqnConfig, ErrorLoss, ReturnModel, TargetUpdate};
pub use learner::DqnLearner;
