//! Small worlds whose best policy is known, so that a learner can be proved right or wrong.
//!
//! Each page of this folder states Action, Observation, Start, Reward and End, and what is optimal.

mod bernoulli_bandit;
mod budgeted_bandit;
mod chain;
mod deep_sea;
mod identity;
mod known_bandit;
mod linear_bandit;
mod small_promotion;
mod switching_bandit;
mod timeout_trap;

pub use bernoulli_bandit::BernoulliBandit;
pub use budgeted_bandit::{BudgetedBandit, PricedArm};
pub use chain::Chain;
pub use deep_sea::DeepSea;
pub use identity::Identity;
pub use known_bandit::KnownBandit;
pub use linear_bandit::{LinearBandit, LinearBanditConfig};
pub use small_promotion::SmallPromotion;
pub use switching_bandit::SwitchingBandit;
pub use timeout_trap::TimeoutTrap;
