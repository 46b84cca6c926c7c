//! Bandits without a context: the arms alone decide, and the observation is ignored.
//!
//! A bandit is a [`Rule`] (how doubt becomes exploration), a [`Memory`] (what of the past counts)
//! and an [`Epsilon`] (the share of uniform decisions); every combination of the three works.

mod agent;
mod config;
mod index;
mod posterior;
mod records;
mod winning;

pub use agent::ArmBandit;
pub use config::{ArmBanditConfig, Epsilon, Memory, Rule};
pub use index::{bernoulli_divergence, kl_ucb};
pub use posterior::Posterior;
pub use winning::WinningProbabilities;
