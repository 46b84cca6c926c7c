//! Judge policies before they go live: off-policy on logs, paired in simulation, then the gate.
//!
//! Three questions, three rooms. *What do the logged decisions say about another policy?*
//! [`LoggedDecisions`] is validated once, and [`off_policy`] says whether the log can answer, which
//! estimator to read and what it says.
//! *What happens in simulated worlds?* [`ab_test`] compares arms with common random numbers and
//! [`leaderboard`] ranks them, [`budget`] finds the price at which one stays within a budget. *What do published results say?* [`arena`] plays the same world.
//! *May it ship?* [`gate`] answers. Nothing here does input or output.

pub mod ab_test;
pub mod arena;
pub mod budget;
pub mod cholesky;
pub mod distributions;
pub mod error;
pub mod experiment;
pub mod gate;
pub mod interval;
pub mod leaderboard;
pub mod logged;
pub mod off_policy;
pub mod paired;
pub mod ratio;
pub mod readout;
pub mod rollout;
pub mod sequential;

#[cfg(test)]
mod paired_tests;

pub use ab_test::{ArmOutcomes, Comparison, CustomerTotals, SimulatedOutcomes, SimulatedTest};
pub use error::EvaluateError;
pub use gate::{Approval, GateDecision, GateQuestion};
pub use interval::{DEFAULT_LEVEL, Interval};
pub use leaderboard::{Leaderboard, Roles};
pub use logged::{LoggedDecisions, LoggedTable};
pub use off_policy::{
    EstimateRow, OpeInput, OpeReport, OverlapDiagnostics, OverlapVerdict, RewardModelSettings,
    RewardPredictions, TargetProbabilities, judge_logged,
};
pub use ratio::Ratio;
