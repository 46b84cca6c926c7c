//! The merchandiser's price optimiser: one best price per category, the same for everybody.

use crate::baseline::{SAME_DEPTH, action_or_none};
use crate::distribution::ActionDistribution;
use crate::menu::OfferMenu;
use crate::policy::Policy;
use promopt_envs::ActionMask;
use promopt_envs::retail::Offer;
use serde::{Deserialize, Serialize};

/// Offers each category at the depth that its own-price elasticity calls for, in the customer's
/// favourite among the categories that call for one.
///
/// With unit cost `c`, regular price `p` and constant elasticity `ε < −1` the margin
/// `(p − c) · Q(p)` is largest at `p* = c · ε / (1 + ε)`, so the depth is `1 − p*/p`, moved to the
/// nearest rung of the category's ladder, 0 (no offer) being one. With `ε ≥ −1` a higher price always
/// earns more: no offer. It knows neither customers nor the weeks after: nobody who would have bought
/// anyway is told apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceOptimum {
    /// Short name for tables.
    pub name: String,
    /// Depth by category, 0 for no offer; shape `[n_categories]`.
    pub depths: Vec<f64>,
    /// What there is to offer.
    pub menu: OfferMenu,
}

impl PriceOptimum {
    /// The rule for these own-price elasticities and margin rates `1 − c/p`, both shape
    /// `[n_categories]`.
    #[must_use]
    pub fn new(elasticities: &[f64], margin_rates: &[f64], menu: OfferMenu) -> Self {
        let rungs = |category: usize| {
            let own = move |offer: &&Offer| offer.is_contact() && offer.category == Some(category);
            menu.catalogue.offers().iter().filter(own).map(|offer| offer.depth)
        };
        let depths = elasticities.iter().zip(margin_rates).enumerate().map(|(category, (e, m))| {
            let wanted = best_depth(*e, *m);
            let gap = |depth: &f64| (depth - wanted).abs();
            let nearest = |a: &f64, b: &f64| gap(a).total_cmp(&gap(b)).then(a.total_cmp(b));
            std::iter::once(0.0).chain(rungs(category)).min_by(nearest).unwrap_or(0.0)
        });
        let depths = depths.collect();
        Self { name: "elasticity".to_owned(), depths, menu }
    }
}

/// `1 − p*/p`, at least 0; 0 where no price is best.
fn best_depth(elasticity: f64, margin_rate: f64) -> f64 {
    if elasticity < -1.0 {
        (1.0 - (1.0 - margin_rate) * elasticity / (1.0 + elasticity)).max(0.0)
    } else {
        0.0
    }
}

impl Policy for PriceOptimum {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let action = self.menu.favourite(observation, mask, |offer| {
            let depth = *self.depths.get(offer.category?)?;
            (depth > 0.0 && (offer.depth - depth).abs() < SAME_DEPTH).then_some(0.0)
        });
        action_or_none(action, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{bought, catalogue, customer, menu, observe};
    use promopt_envs::retail::WeekRecord;

    #[test]
    fn depths_are_the_hand_worked_ones() {
        // c/p = 0.6 and ε = −4: p*/p = 0.6 · 4/3 = 0.8.
        assert!((best_depth(-4.0, 0.4) - 0.2).abs() < 1e-12);
        // c/p = 0.6 and ε = −2: p*/p = 1.2, dearer than today; ε = −1 has no best price.
        assert_eq!((best_depth(-2.0, 0.4), best_depth(-1.0, 0.4)), (0.0, 0.0));
        assert_eq!(best_depth(f64::NAN, 0.4), 0.0);
        // Snapped: 0.2 → 0.2; 1 − 0.6 · 6/5 = 0.28 → 0.3; 1 − 0.85 · 20/19 = 0.105 → 0.1.
        let rule = PriceOptimum::new(&[-4.0, -6.0, -20.0], &[0.4, 0.4, 0.15], menu());
        assert_eq!(rule.depths, [0.2, 0.3, 0.1]);
        // Half-way to the first rung and below: no offer.
        assert_eq!(PriceOptimum::new(&[-19.0; 3], &[0.09; 3], menu()).depths, [0.0; 3]);
    }

    #[test]
    fn the_favourite_among_the_categories_worth_an_offer_gets_it() {
        let rule = PriceOptimum::new(&[-4.0, -1.5, -20.0], &[0.4, 0.4, 0.15], menu());
        let taken = |weeks: &[WeekRecord]| {
            let observation = observe(&customer(weeks), 0);
            let p = rule.distribution(&observation, &ActionMask::all(10));
            catalogue().offer(p.quantile(0.5)).id.clone()
        };
        // Dairy is the favourite, but calls for no offer.
        assert_eq!(taken(&[bought(&[1, 2]), bought(&[1])]), "wine-10%");
        let inelastic = PriceOptimum::new(&[-1.0; 3], &[0.4; 3], menu());
        let observation = observe(&customer(&[bought(&[1])]), 0);
        let p = inelastic.distribution(&observation, &ActionMask::all(10));
        assert_eq!(p.probabilities()[0], 1.0);
    }
}
