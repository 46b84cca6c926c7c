//! Plain and self-normalised inverse propensity estimators.
//!
//! Use when propensities were logged; see [`DoublyRobust`](super::DoublyRobust) when a reward model
//! is trusted too, and [`overlap`](super::overlap) before believing any of them.

use super::estimator::{Estimator, OpeInput};
use super::interval::mean;

/// Plain IPS: `V = (1/n) Σ w_i r_i`, `w_i = target(a_i|x_i) / propensity_i`.
///
/// One contribution `w_i r_i` per decision. Unbiased when propensities are right and every action
/// that the target can take had a positive one; its variance grows with the largest weight.
/// Source: Horvitz and Thompson 1952; Strehl et al. 2010.
#[derive(Debug, Clone, Copy, Default)]
pub struct InversePropensity;

impl Estimator for InversePropensity {
    fn name(&self) -> &'static str {
        "ips"
    }

    fn contributions(&self, input: &OpeInput<'_>) -> Vec<f64> {
        input.weights().iter().zip(input.log().rewards()).map(|(w, r)| w * r).collect()
    }
}

/// Self-normalised IPS: `V = Σ w_i r_i / Σ w_i`, never outside the range of the rewards.
///
/// One contribution `w_i r_i / mean(w)` per decision. Biased by `O(1/n)`. As `mean(w)` is random,
/// the deviations are those of the ratio, `w_i (r_i − V) / mean(w)` (delta method), not of the
/// contributions. NaN when every weight is zero, which the overlap verdict refuses beforehand.
/// Source: Swaminathan and Joachims 2015.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfNormalised;

impl Estimator for SelfNormalised {
    fn name(&self) -> &'static str {
        "snips"
    }

    fn contributions(&self, input: &OpeInput<'_>) -> Vec<f64> {
        let centre = mean(input.weights());
        input.weights().iter().zip(input.log().rewards()).map(|(w, r)| w * r / centre).collect()
    }

    fn deviations(&self, input: &OpeInput<'_>, contributions: &[f64]) -> Vec<f64> {
        let value = mean(contributions);
        let centre = mean(input.weights());
        let rows = input.weights().iter().zip(input.log().rewards());
        rows.map(|(w, r)| w * (r - value) / centre).collect()
    }
}
