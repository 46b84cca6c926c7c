//! The ladder of proof: every learner against known optima and published figures, rung by rung.

#![expect(clippy::print_stderr, reason = "proofs print their figures")]
// A proof is there to show its figures and how long they took.
#![allow(clippy::print_stderr, clippy::disallowed_methods)]

mod arms;
mod depth;
mod waiting;

mod losses;
mod offline;

mod contextual;
mod contextual_worlds;
