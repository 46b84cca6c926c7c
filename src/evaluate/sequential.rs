//! Off-policy evaluation of whole trajectories: what a policy would bring when today's decision
//! changes tomorrow's customer.
//!
//! [`Episodes`] hold a log in sequence with the target policy's ratios and, where there is a model, its
//! values. An [estimator] weighs every step by the product of all ratios, by the product so far, or by
//! how much more often the policy would be in that situation ([`marginal`]); with or without a model,
//! self-normalised or not. [`mod@blend`] mixes the model's word on the far future with the log's on the
//! near one. The contextual room next door ([`off_policy`](crate::off_policy)) is the case of one step.

pub mod blend;
pub mod episodes;
pub mod estimator;
pub mod marginal;

#[cfg(test)]
mod proof_tests;

pub use blend::{Blend, blend};
pub use episodes::{Episodes, ModelValues};
pub use estimator::{SequentialEstimate, SequentialEstimator, StepWeights};
pub use marginal::marginal_ratios;
