//! Read an experiment that was really run: arms that were dealt by chance, and what followed.
//!
//! From the bottom up: [`moments`] are what an arm's numbers come down to, [`effect`] is a difference
//! with its standard error, interval and p value, and every method around them says how it gets from
//! one to the other. Nothing here reads files or prints.

pub mod always_valid;
pub mod bayes;
pub mod clusters;
pub mod contrast;
pub mod effect;
pub mod exact;
pub mod group_sequential;
pub mod many_arms;
pub mod mix;
pub mod moments;
pub mod multiplicity;
pub mod plan;
pub mod power;
pub mod proportions;
pub mod ranks;
pub mod regression;
pub mod resample;
pub mod returns;
pub mod stratified;
pub mod trend;
pub mod uplift;

pub use contrast::{Contrast, Metric};
pub use effect::{Condition, Effect};
pub use moments::{JointMoments, Moments};

/// A quantile of ascending values, straight between neighbours (type 7 of Hyndman and Fan 1996); `None`
/// without values.
#[must_use]
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, share) = (at.floor() as usize, at.fract());
    let next = sorted[(low + 1).min(last)];
    Some(sorted[low] + share * (next - sorted[low]))
}
