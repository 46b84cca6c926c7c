//! How strongly one customer responds to offers: a posterior over the slope of the log-odds in depth.
//!
//! Customers differ far more in their response to offers than in anything else that an offer's margin
//! depends on, and a redemption rate mixes response with how often the category is bought anyway.
//! Here each offer is held against what was usual before it:
//!
//! ```text
//! P(redeemed | θ) = σ(logit p₀ + θ · depth),  p₀ = share of weeks with a visit × share of visits with
//!                                                  a purchase in the offer's category
//! ```
//!
//! The slope θ is one of [`SLOPES`], equally likely before the first offer. Evidence fades by 1 % a
//! week. It is a Bayes filter on a grid (Rossi, McCulloch and Allenby 1996 target coupons by such
//! posteriors); the fitted model decides what it means for demand.

use serde::{Deserialize, Serialize};

/// Slopes that are told apart, log-odds per unit of depth.
pub const SLOPES: [f64; 8] = [0.0, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 35.0];
/// Weekly decay of the evidence: a half-life of 69 weeks.
const EVIDENCE_DECAY: f64 = 0.99;
/// Redemption without a response is at least this likely and unlikely.
const USUAL_MIN: f64 = 0.01;

/// Log-likelihood of every slope, given the offers received; zeros before the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferResponse {
    log_likelihood: [f64; SLOPES.len()],
}

impl OfferResponse {
    /// Lets a week pass.
    pub(super) fn fade(&mut self) {
        self.log_likelihood.iter_mut().for_each(|l| *l *= EVIDENCE_DECAY);
    }

    /// Takes note of an offer of this depth, where `usual` is the probability of a purchase that
    /// would redeem it, had it not been made. An offer without depth says nothing.
    pub(super) fn learn(&mut self, usual: f64, depth: f64, redeemed: bool) {
        if depth <= 0.0 {
            return;
        }
        let usual = usual.clamp(USUAL_MIN, 1.0 - USUAL_MIN);
        let odds = usual / (1.0 - usual);
        for (log_likelihood, slope) in self.log_likelihood.iter_mut().zip(SLOPES) {
            let lifted = odds * (slope * depth).exp();
            let p = if redeemed { lifted / (1.0 + lifted) } else { 1.0 / (1.0 + lifted) };
            *log_likelihood += p.ln();
        }
    }

    /// Posterior mean of `ln(1 + θ)`, between 0 and `ln 36`.
    #[must_use]
    pub fn expected(&self) -> f64 {
        let largest = self.log_likelihood.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut total, mut sum) = (0.0, 0.0);
        for (log_likelihood, slope) in self.log_likelihood.iter().zip(SLOPES) {
            let weight = (log_likelihood - largest).exp();
            total += weight;
            sum += weight * f64::ln_1p(slope);
        }
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior_mean() -> f64 {
        SLOPES.iter().map(|s| f64::ln_1p(*s)).sum::<f64>() / SLOPES.len() as f64
    }

    #[test]
    fn nothing_is_known_before_the_first_offer_and_nothing_is_learned_from_no_depth() {
        let mut response = OfferResponse::default();
        assert!((response.expected() - prior_mean()).abs() < 1e-12);
        response.learn(0.3, 0.0, true);
        assert_eq!(response, OfferResponse::default());
    }

    #[test]
    fn two_slopes_by_hand() {
        // p0 = 0.5 and depth 0.1, redeemed: P = e^{0.1 θ} / (1 + e^{0.1 θ}).
        let mut response = OfferResponse::default();
        response.learn(0.5, 0.1, true);
        let p = |slope: f64| 1.0 / (1.0 + (-0.1 * slope).exp());
        let gap = response.log_likelihood[7] - response.log_likelihood[0];
        assert!((gap - (p(35.0) / 0.5).ln()).abs() < 1e-12);
    }

    #[test]
    fn a_purchase_that_was_likely_anyway_says_less_than_one_that_was_not() {
        let after = |usual: f64, redeemed: bool| {
            let mut response = OfferResponse::default();
            response.learn(usual, 0.2, redeemed);
            response.expected()
        };
        assert!(after(0.1, true) > after(0.8, true) && after(0.8, true) > prior_mean());
        assert!(after(0.8, false) < after(0.1, false) && after(0.1, false) < prior_mean());
    }

    #[test]
    fn a_slope_is_recovered_from_its_own_frequencies() {
        // 400 offers, redeemed as often as slope 7 says: the posterior settles on 7.
        let mut response = OfferResponse::default();
        let p: f64 = 1.0 / (1.0 + (0.8_f64 / 0.2 * (-7.0_f64 * 0.2).exp()));
        let n_redeemed = (400.0 * p).round() as usize;
        (0..400).for_each(|i| response.learn(0.2, 0.2, i < n_redeemed));
        assert!((response.expected() - 8.0_f64.ln()).abs() < 0.05, "{}", response.expected());
    }

    #[test]
    fn evidence_fades() {
        let mut response = OfferResponse::default();
        response.learn(0.1, 0.3, true);
        let fresh = response.expected();
        (0..69).for_each(|_| response.fade());
        assert!(response.expected() < fresh && response.expected() > prior_mean());
    }
}
