//! The ladder of proof: every learner against known optima and published figures, rung by rung.
mod arms;
mod depth;
mod waiting;

mod losses;
mod offline;

mod contextual;
mod contextual_worlds;
