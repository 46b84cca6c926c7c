//! Contextual bandits: models of what each action earns, and doubt that drives exploration.

pub mod arms;
pub mod budgeted;
mod config;
pub mod continuous;
mod decision;
pub mod delayed;
mod explore;
mod features;
mod from_log;
mod kernel;
mod lin_ucb;
mod model;
mod neural_linear;
mod regressor;
mod ridge;
#[cfg(test)]
mod test_world;
mod thompson;
mod winning;

pub use config::{LinUcbConfig, ThompsonConfig};
pub use explore::{Exploration, RegressorBandit, RegressorBanditConfig};
pub use features::{ActionFeatures, Interaction};
pub use from_log::{
    FromLogConfig, GrownTree, Objective, RewardModel, TreeConfig, doubly_robust_scores,
    policy_from_log, spec_of_log, tree_from_log, uplift_from_log, warm_start,
};
pub use lin_ucb::LinUcb;
pub use model::Likelihood;
pub use neural_linear::{NeuralLinear, NeuralLinearConfig};
pub use regressor::{Regressor, RegressorConfig};
pub use thompson::Thompson;
pub use winning::argmax_probabilities;
