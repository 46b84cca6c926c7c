//! Bandits that must live within a budget: explore, and pay for it.

mod agent;
mod config;
mod price;

pub use agent::KnapsackBandit;
pub use config::{ArmLimits, KnapsackConfig};
pub use price::{DualPrice, DualPriceConfig};
