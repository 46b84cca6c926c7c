//! The rule with two segments: a deep offer to whoever looks at prices, nothing to the others.

use crate::baseline::action_or_none;
use crate::distribution::ActionDistribution;
use crate::menu::OfferMenu;
use crate::policy::Policy;
use promopt_envs::ActionMask;
use serde::{Deserialize, Serialize};

/// Deepest offer that the rule makes.
const DEEPEST: f64 = 0.35;

/// A deep offer in the favourite category to customers whose discount share is above a threshold.
///
/// The discount share is discounts over regular value: it says how much a customer has bought on
/// offer so far, which is what a marketer can see of price sensitivity. With the median as the
/// threshold about half of the customers are reached. The favourite is explained at
/// [`OfferMenu::favourite`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoSegment {
    /// Short name for tables.
    pub name: String,
    /// Depth wanted, in `(0, 1)`; the nearest that is offered is taken.
    pub depth: f64,
    /// Discount share above which a customer counts as price-sensitive.
    pub threshold: f64,
    /// What there is to offer.
    pub menu: OfferMenu,
}

impl TwoSegment {
    /// The rule at this threshold, with the deepest offer of at most 35 % (the shallowest of all
    /// where each is deeper).
    #[must_use]
    pub fn new(threshold: f64, menu: OfferMenu) -> Self {
        let depths = || menu.catalogue.offers().iter().filter(|o| o.is_contact()).map(|o| o.depth);
        let deep = depths().filter(|&depth| depth <= DEEPEST + 1e-9).max_by(f64::total_cmp);
        let depth = deep.or_else(|| depths().min_by(f64::total_cmp)).unwrap_or(DEEPEST);
        Self { name: "two-segment".to_owned(), depth, threshold, menu }
    }
}

impl Policy for TwoSegment {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let sensitive = self.menu.schema.read(observation).discount_share() > self.threshold;
        let deep = || {
            self.menu.favourite(observation, mask, |offer| Some((offer.depth - self.depth).abs()))
        };
        action_or_none(if sensitive { deep() } else { None }, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{bought, catalogue, customer, menu, observe};
    use promopt_envs::retail::WeekRecord;

    #[test]
    fn only_whoever_buys_on_offer_gets_the_deep_one_and_in_the_favourite_category() {
        let policy = TwoSegment::new(0.1, menu());
        assert_eq!((policy.depth, policy.name()), (0.3, "two-segment"));
        let mut on_offer = bought(&[1]);
        // 0.5 off 2: a discount share of one quarter.
        on_offer.categories[1].shelf_discount = 0.5;
        let taken = |weeks: &[WeekRecord]| {
            let observation = observe(&customer(weeks), 0);
            let p = policy.distribution(&observation, &ActionMask::all(10));
            catalogue().offer(p.quantile(0.5)).id.clone()
        };
        assert_eq!(taken(&[on_offer]), "dairy-30%");
        assert_eq!(taken(&[bought(&[1])]), "none");
    }
}
