//! Small worlds whose best policy is known, so that a learner can be proved right or wrong.
//!
//! Each page of this folder states Action, Observation, Start, Reward and End, and what is optimal.

mod chain;
mod episode;
mod identity;
mod known_bandit;
mod timeout_trap;

pub use chain::Chain;
pub use identity::Identity;
pub use known_bandit::KnownBandit;
pub use timeout_trap::TimeoutTrap;
