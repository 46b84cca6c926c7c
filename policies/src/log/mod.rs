//! The one type of logged decisions: off-policy evaluation judges on it, offline learning reads it.
//!
//! [`LoggedTable`] holds columns as they come; [`LoggedDecisions`] has been checked once, so that
//! whatever takes it cannot fail on shapes, ranges or NaN. It has two views. *Contextual*: each row
//! is a decision of its own (bandits, off-policy evaluation of one step). *Sequential*:
//! [`LoggedDecisions::trajectories`] puts the rows of a trajectory in order and says what followed
//! each of them (offline reinforcement learning, sequential evaluation).

mod decisions;
mod error;
mod trajectories;

pub use decisions::{LoggedDecisions, LoggedTable};
pub use error::LogError;
pub use trajectories::{Next, SequenceColumns, Trajectories};
