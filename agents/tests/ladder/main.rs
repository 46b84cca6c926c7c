//! The ladder of proof: every learner against known optima and published figures, rung by rung.

mod contextual;
mod contextual_worlds;
