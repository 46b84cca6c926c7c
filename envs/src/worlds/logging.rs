//! What the retailer does today: a marketing rule with exploration, whose propensities are exact.

use super::config::Structure;
use crate::retail::{CustomerHistory, OfferCatalogue};
use crate::space::{ActionId, ActionMask};

/// Weeks of absence after which the rule calls somebody absent.
const ABSENT_WEEKS: u32 = 4;
/// How much likelier the absent are contacted.
const ABSENT_FACTOR: f64 = 1.4;
/// Weeks without a purchase in a category after which it counts as fully lapsed.
const LAPSED_WEEKS: u32 = 8;
/// Weeks of absence at which shallow and deep offers weigh the same.
const BALANCED_WEEKS: f64 = 6.0;
/// Log weight per 0.1 of depth and per week of absence beyond that.
const DEPTH_TILT: f64 = 0.25;

/// Today's policy: contacts about a third of the customers with an offer in a category that they
/// usually buy, the likelier the longer they have not, deeper the longer they stay away altogether;
/// and now and then it explores uniformly.
///
/// `p = (1 − ε) rule + ε uniform(allowed)`. It reads only the observed history.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentPolicy {
    contact_rate: f64,
    exploration: f64,
    /// Category and depth of each action after `none`.
    targets: Vec<(usize, f64)>,
}

impl CurrentPolicy {
    /// Today's policy over a catalogue.
    #[must_use]
    pub fn new(structure: &Structure, catalogue: &OfferCatalogue) -> Self {
        let target = |offer: &crate::retail::Offer| offer.category.map(|c| (c, offer.depth));
        let targets = catalogue.offers().iter().filter_map(target).collect();
        let contact_rate = structure.current_contact_rate;
        Self { contact_rate, exploration: structure.exploration_share, targets }
    }

    /// Probability of each action given what is known of the customer; zero where masked, summing
    /// to one. Shape `[n_actions]`.
    #[must_use]
    pub fn probabilities(&self, history: &CustomerHistory, mask: &ActionMask) -> Vec<f64> {
        let mut out = vec![0.0; self.targets.len() + 1];
        self.probabilities_into(history, mask, &mut out);
        out
    }

    /// [`probabilities`](Self::probabilities) without allocation.
    pub fn probabilities_into(
        &self,
        history: &CustomerHistory,
        mask: &ActionMask,
        out: &mut [f64],
    ) {
        debug_assert_eq!(out.len(), self.targets.len() + 1);
        let absence = history.recency_weeks();
        let tilt = DEPTH_TILT * (f64::from(absence.min(8)) - BALANCED_WEEKS);
        out[0] = 0.0;
        for (i, &(category, depth)) in self.targets.iter().enumerate() {
            let share = history.category_share(category);
            let lapsed = f64::from(history.category_recency_weeks(category).min(LAPSED_WEEKS));
            let weight = share * (0.5 + lapsed) * (tilt * depth / 0.1).exp();
            out[i + 1] = if mask.allows(i + 1) { weight } else { 0.0 };
        }
        let total: f64 = out.iter().sum();
        let eager = if absence >= ABSENT_WEEKS { ABSENT_FACTOR } else { 1.0 };
        let contact = if total > 0.0 { (self.contact_rate * eager).min(1.0) } else { 0.0 };
        let scale = if total > 0.0 { contact / total } else { 0.0 };
        out.iter_mut().for_each(|p| *p *= scale);
        out[0] = 1.0 - contact;
        let share = self.exploration / mask.n_allowed() as f64;
        for (p, &allowed) in out.iter_mut().zip(mask.flags()) {
            *p = (1.0 - self.exploration) * *p + if allowed { share } else { 0.0 };
        }
    }

    /// The action at the uniform number `luck` in `[0, 1)` under `probabilities`.
    #[must_use]
    pub fn draw(probabilities: &[f64], luck: f64) -> ActionId {
        let mut rest = luck;
        let mut last = 0;
        for (action, &p) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            last = action;
            rest -= p;
            if rest < 0.0 {
                break;
            }
        }
        last
    }
}
