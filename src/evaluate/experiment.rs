//! Read an experiment that was really run: arms that were dealt by chance, and what followed.
//!
//! From the bottom up: [`moments`] are what an arm's numbers come down to, [`effect`] is a difference
//! with its standard error, interval and p value, and every method around them says how it gets from
//! one to the other. Nothing here reads files or prints.

pub mod effect;
pub mod exact;
pub mod many_arms;
pub mod moments;
pub mod regression;

pub use effect::{Condition, Effect};
pub use moments::{JointMoments, Moments};
