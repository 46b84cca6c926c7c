//! Linear bandits: each action has its own linear model, and doubt drives exploration.

pub mod arms;
pub mod budgeted;
mod config;
pub mod continuous;
pub mod delayed;
mod lin_ucb;
mod model;
mod thompson;

pub use config::{LinUcbConfig, ThompsonConfig};
pub use lin_ucb::LinUcb;
pub use thompson::{Thompson, argmax_probabilities};
