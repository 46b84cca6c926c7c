//! Learning from a log alone: no step is taken in any world, so what was not logged is doubtful.
//!
//! Everything reads the one [`LoggedDecisions`](promopt_policies::LoggedDecisions) that off-policy
//! evaluation judges on, through its sequential view. Three kinds of doubt are answered three ways:
//!
//! | learner | what keeps it near the log |
//! |---|---|
//! | [`BehaviourCloning`] | repeats what was done |
//! | [`ConservativeQ`] (CQL; at `alpha = 0` fitted Q) | pushes scores of rare actions down |
//! | [`ConstrainedQ`] (BCQ) | leaves actions out that were hardly ever taken |
//! | [`ImplicitQ`] (IQL) | never asks what an action that was not taken is worth |
//! | [`LinearFitted`] | nothing: fitted Q iteration and evaluation, linear or tabular |
//! | [`pessimism`] | plans with the worst of several models that the log allows |
//!
//! The network learners are [`OfflineLearner`]s that [`fit`] feeds with batches; the same seed
//! gives the same weights. Masks hold in acting and in targets, and targets bootstrap through truncation
//! and not through termination; a cut without a next observation cannot be bootstrapped from and is
//! left out of targets. γ = 1 is allowed where every story ends: put the time into the observation.

mod batch;
mod bcq;
mod cloning;
mod config;
mod cql;
mod fqe;
mod iql;
mod learner;
mod linear;
pub mod loss;
pub mod pessimism;
mod tabular;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;

pub use batch::{LoggedBatch, Sampler};
pub use bcq::{BcqConfig, ConstrainedQ};
pub use cloning::{BehaviourCloning, ClonedPolicy, CloningConfig};
pub use config::NetworkConfig;
pub use cql::{ConservativeQ, CqlConfig};
pub use fqe::{FittedEvaluation, FqeConfig};
pub use iql::{ImplicitQ, IqlConfig};
pub use learner::{OfflineLearner, fit};
pub use linear::{LinearFitted, LinearFittedConfig, ValueEstimate};
pub use tabular::{Horizon, Plan, StateTable, TabularLog, TabularModel, TabularPolicy};
