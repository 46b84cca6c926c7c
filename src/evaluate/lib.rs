//! Judge policies before they go live: off-policy on logs, paired in simulation, then the gate.
//!
//! Three questions, three rooms. *What do the logged decisions say about another policy?*
//! [`LoggedDecisions`] is validated once, the estimators ([`ips`], [`direct`], [`doubly_robust`])
//! yield per-decision contributions, [`interval`] turns them into cluster-robust intervals, and
//! [`overlap`] decides whether the numbers may be shown at all ([`off_policy`] puts it together).
//! *What happens in simulated worlds?* [`ab_test`] compares arms with common random numbers and
//! [`leaderboard`] ranks them, [`budget`] finds the price at which one stays within a budget. *What do published results say?* [`arena`] plays the same world.
//! *May it ship?* [`gate`] answers. Nothing here does input or output.

pub mod ab_test;
pub mod arena;
pub mod budget;
pub mod cholesky;
pub mod direct;
pub mod distributions;
pub mod doubly_robust;
pub mod error;
pub mod estimator;
pub mod experiment;
pub mod gate;
pub mod interval;
pub mod ips;
pub mod leaderboard;
pub mod logged;
pub mod off_policy;
pub mod overlap;
pub mod paired;
pub mod propensity;
pub mod ratio;
pub mod reward_model;
pub mod rollout;
pub mod target;

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod golden_tests;

pub use ab_test::{ArmOutcomes, Comparison, CustomerTotals, SimulatedOutcomes, SimulatedTest};
pub use direct::DirectMethod;
pub use doubly_robust::DoublyRobust;
pub use error::EvaluateError;
pub use estimator::{Estimator, OpeInput};
pub use gate::{Approval, GateDecision, GateQuestion};
pub use interval::{DEFAULT_LEVEL, Interval};
pub use ips::{InversePropensity, SelfNormalised};
pub use leaderboard::{Leaderboard, Roles};
pub use logged::{LoggedDecisions, LoggedTable};
pub use off_policy::{EstimateRow, OpeReport, judge_logged};
pub use overlap::{OverlapDiagnostics, OverlapVerdict};
pub use ratio::Ratio;
pub use reward_model::{RewardModelSettings, RewardPredictions};
pub use target::TargetProbabilities;
