//! A run: the stages from history to report over one run folder, each skipped when up to date.

pub mod abtest;
mod agents;
pub mod assign;
pub mod error;
mod export;
mod exposures;
mod fit;
pub mod folder;
pub mod forget;
mod from_log;
pub mod judge;
mod learn;
pub mod lift;
pub mod load;
pub mod ope;
pub mod ope_sequence;
mod people;
mod prepare;
mod price;
mod render;
mod rules;
pub mod score;
pub mod stage;
pub mod summary;
pub mod synthetic;
mod truth;
mod value;

pub use error::RunError;
pub use folder::RunFolder;
pub use forget::{Forgetting, Touch};
pub use stage::{Job, Observer, Outcome, RunRecord, Stage};
pub use truth::TruthResult;
