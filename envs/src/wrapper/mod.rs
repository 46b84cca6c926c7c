//! Environments around environments: each changes one thing and passes everything else through.
//!
//! A wrapper is an [`Env`](crate::Env) itself (all but [`DecisionLog`], which needs a propensity with
//! every action), so wrappers nest and work in a [`VectorEnv`](crate::VectorEnv). They are generic,
//! so calls are resolved at compile time, and allocate nothing per step once their buffers are full.
//! Seeds reach the innermost environment unchanged; refused steps change nothing.

mod decision_log;
mod episode_statistics;
mod mask_actions;
mod moments;
mod normalise_observation;
mod reward;
mod time_limit;

pub use decision_log::{DecisionLog, DecisionTable};
pub use episode_statistics::{EpisodeRecord, EpisodeStatistics};
pub use mask_actions::MaskActions;
pub use moments::RunningMoments;
pub use normalise_observation::NormaliseObservation;
pub use reward::{NormaliseReward, ScaleReward};
pub use time_limit::TimeLimit;
