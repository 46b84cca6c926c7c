//! The ladder of proof: every learner against known optima and published figures, rung by rung.

// A proof is there to show its figures and how long they took.
#![allow(clippy::print_stderr, clippy::disallowed_methods)]

mod arms;
mod classic_control;
mod contextual;
mod contextual_worlds;
mod deep_sea;
mod depth;
mod losses;
mod markdown;
mod offline;
mod seeds;
mod tables;
mod waiting;
