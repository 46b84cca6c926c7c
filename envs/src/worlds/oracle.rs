//! The oracle: greedy on the true parameters, with shadow prices for what offers cost later.

use super::customer::CustomerState;
use super::play::Moment;
use super::retailer::Retailer;
use crate::retail::{CustomerHistory, MaskRule};
use crate::seed::SeedTree;
use crate::space::{ActionId, ActionMask};
use std::ops::Range;

/// Customers that a search step plays, at most.
const TUNING_CUSTOMERS: usize = 300;
/// Contact prices tried.
const CONTACT_PRICES: [f64; 9] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2];
/// Depth prices tried, money per unit of depth.
const DEPTH_PRICES: [f64; 6] = [0.0, 0.5, 1.0, 2.0, 3.0, 5.0];

/// Chooses `argmax E[contribution] − contact_price · sensitivity · E₀ · contact − depth_price ·
/// depth`, where `E₀` is the expected contribution without an offer: what fatigue puts at stake.
///
/// It knows the true parameters and state, and not the dice. With both prices zero it is myopic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Oracle {
    /// Price of a contact per unit of fatigue sensitivity and of weekly contribution.
    pub contact_price: f64,
    /// Price per unit of depth, money: what a deal costs later in stock and in reference depth.
    pub depth_price: f64,
}

impl Oracle {
    /// The oracle that sees no further than the week.
    #[must_use]
    pub fn myopic() -> Self {
        Self { contact_price: 0.0, depth_price: 0.0 }
    }

    /// The best allowed action. `values` is scratch space, one slot per action.
    #[must_use]
    pub fn choose(
        &self,
        retailer: &Retailer,
        (customer, state, week): (usize, &CustomerState, u32),
        mask: &ActionMask,
        values: &mut [f64],
    ) -> ActionId {
        if !state.alive {
            return 0;
        }
        retailer.expected_contributions_into(customer, state, week, values);
        let stake = retailer.customers()[customer].fatigue_sensitivity * values[0].max(0.0);
        let offers = retailer.catalogue().offers();
        let mut best = (0, values[0]);
        for action in (1..offers.len()).filter(|&action| mask.allows(action)) {
            let later = self.contact_price * stake + self.depth_price * offers[action].depth;
            if values[action] - later > best.1 {
                best = (action, values[action] - later);
            }
        }
        best.0
    }

    /// The oracle as a policy to play.
    pub fn policy(self, retailer: &Retailer) -> impl FnMut(&Moment<'_>) -> ActionId {
        let mut values = vec![0.0; retailer.catalogue().n_actions()];
        move |at: &Moment<'_>| {
            let situation = (at.customer, at.state, at.week);
            self.choose(retailer, situation, at.mask, &mut values)
        }
    }

    /// Searches the prices that earn most over `weeks` from these states on, with the luck of
    /// `seed`: coordinate search over a grid, up to 300 customers. Judge with another seed.
    #[must_use]
    pub fn tune(
        retailer: &Retailer,
        (states, histories): (&[CustomerState], &[CustomerHistory]),
        weeks: &Range<u32>,
        rule: &MaskRule,
        seed: SeedTree,
    ) -> Self {
        let stride = states.len().div_ceil(TUNING_CUSTOMERS);
        let earns = |oracle: Self| {
            let start = (states, histories, stride);
            let arm = retailer.play(start, weeks.clone(), seed, rule, &mut oracle.policy(retailer));
            arm.contribution_per_week()
        };
        let mut best = (Self::myopic(), earns(Self::myopic()));
        for _ in 0..2 {
            let by_contact = CONTACT_PRICES.map(|p| Self { contact_price: p, ..best.0 });
            let by_depth = |from: Self| DEPTH_PRICES.map(|p| Self { depth_price: p, ..from });
            for candidate in by_contact {
                best = better(best, candidate, &earns);
            }
            for candidate in by_depth(best.0) {
                best = better(best, candidate, &earns);
            }
        }
        best.0
    }
}

fn better(best: (Oracle, f64), candidate: Oracle, earns: &impl Fn(Oracle) -> f64) -> (Oracle, f64) {
    if candidate == best.0 {
        return best;
    }
    let earned = earns(candidate);
    if earned > best.1 { (candidate, earned) } else { best }
}
