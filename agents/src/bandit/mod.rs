//! Contextual bandits: models of what each action earns, and doubt that drives exploration.

pub mod arms;
pub mod budgeted;
mod config;
pub mod continuous;
mod decision;
pub mod delayed;
mod explore;
mod features;
mod kernel;
mod lin_ucb;
mod model;
mod regressor;
mod ridge;
#[cfg(test)]
mod test_world;
mod thompson;
mod winning;

pub use config::{LinUcbConfig, ThompsonConfig};
pub use explore::{Exploration, RegressorBandit, RegressorBanditConfig};
pub use features::{ActionFeatures, Interaction};
pub use lin_ucb::LinUcb;
pub use model::Likelihood;
pub use regressor::{Regressor, RegressorConfig};
pub use thompson::Thompson;
pub use winning::argmax_probabilities;
