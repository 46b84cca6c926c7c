//! Propensity targeting: offers to whoever is likeliest to buy, which is not whom offers move.

use crate::baseline::action_or_none;
use crate::distribution::ActionDistribution;
use crate::policy::Policy;
use crate::portable::{PortableError, check_schema, finite, same};
use promopt_envs::retail::{
    DemandModel, ObservationSchema, Offer, OfferCatalogue, Prepared, WeekInput, WeekPlan,
};
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};

/// Makes the allowed offer with the highest predicted probability of a purchase in its category this
/// week, when that probability reaches a threshold.
///
/// What a response model without a control group optimises. The likeliest buyers are mostly those
/// who buy anyway, and the deepest offer is always the likeliest to be taken, so the promotion cost
/// goes where the least is gained: the gap to a policy that weighs margins is what uplift is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropensityTargeting {
    name: String,
    threshold: f64,
    schema: ObservationSchema,
    catalogue: OfferCatalogue,
    demand: DemandModel,
}

impl PropensityTargeting {
    /// The rule at this threshold of a probability; 0 makes an offer whenever one is allowed.
    #[must_use]
    pub fn new(
        threshold: f64,
        schema: ObservationSchema,
        catalogue: OfferCatalogue,
        demand: DemandModel,
    ) -> Self {
        Self { name: "propensity-top-k".to_owned(), threshold, schema, catalogue, demand }
    }

    /// The same rule at the threshold that lets through `share` of these customer-weeks; weeks in
    /// which no offer is allowed count among those without one.
    #[must_use]
    pub fn reaching(mut self, share: f64, weeks: &[(Vec<f32>, ActionMask)]) -> Self {
        let probability = |(observation, mask): &(Vec<f32>, ActionMask)| {
            self.likeliest(observation, mask).map(|(_, probability)| probability)
        };
        let mut probabilities: Vec<f64> = weeks.iter().filter_map(probability).collect();
        probabilities.sort_by(|a, b| b.total_cmp(a));
        let wanted = (share * weeks.len() as f64).round() as usize;
        // Probabilities end at 1: a threshold of 2 lets nobody through.
        self.threshold = match wanted.checked_sub(1) {
            None => 2.0,
            Some(last) => probabilities.get(last).copied().unwrap_or(0.0),
        };
        self
    }

    /// The least probability of a purchase that is worth an offer to it.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The allowed offer with the highest probability of a purchase in its category (a visit, for an
    /// offer on the whole basket), and that probability; the lower action among equals.
    #[must_use]
    pub fn likeliest(&self, observation: &[f32], mask: &ActionMask) -> Option<(ActionId, f64)> {
        let view = self.schema.read(observation);
        let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
        self.demand.prepare(&view, &mut prepared);
        let shelf: Vec<f64> =
            (0..self.schema.n_categories()).map(|category| view.category_shelf(category)).collect();
        let week = WeekInput::of_shelf(&shelf);
        let alive = self.demand.alive(&view);
        let mut probability = |offer: &Offer| {
            self.demand.evaluate(&prepared, &view, &week, offer, &mut plan);
            let given_visit = |category: usize| plan.categories[category].incidence;
            alive * plan.visit * offer.category.map_or(1.0, given_visit)
        };
        let mut best: Option<(ActionId, f64)> = None;
        for action in mask.allowed() {
            let Some(offer) = self.catalogue.offers().get(action).filter(|o| o.is_contact()) else {
                continue;
            };
            let found = probability(offer);
            if best.is_none_or(|(_, leader)| found > leader) {
                best = Some((action, found));
            }
        }
        best
    }

    /// Checks that the model fits this schema and catalogue; afterwards no call panics.
    ///
    /// # Errors
    /// [`PortableError`] names the first part that does not fit.
    pub fn validate(
        &self,
        schema: &ObservationSchema,
        catalogue: &OfferCatalogue,
    ) -> Result<(), PortableError> {
        check_schema(&self.schema, schema)?;
        if self.catalogue != *catalogue {
            return Err(PortableError::Other { what: "offer catalogue" });
        }
        same("modelled categories", schema.n_categories(), self.demand.categories.len())?;
        same("personas of the response model", schema.n_personas, self.demand.n_personas())?;
        if !self.demand.fits(schema.n_personas, schema.n_categories()) {
            return Err(PortableError::Other { what: "number of values by persona" });
        }
        finite("the threshold", self.threshold)
    }
}

impl Policy for PropensityTargeting {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let likeliest = self.likeliest(observation, mask);
        let taken = likeliest.filter(|(_, probability)| *probability >= self.threshold);
        action_or_none(taken.map(|(action, _)| action), mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{bought, catalogue, contexts, customer, demand, observe, schema};

    fn rule() -> PropensityTargeting {
        PropensityTargeting::new(0.0, schema(), catalogue(), demand())
    }

    #[test]
    fn the_share_that_is_asked_for_is_reached_on_the_weeks_it_was_set_on() {
        let (observations, masks) = contexts(3, 200);
        let weeks: Vec<_> = observations.into_iter().zip(masks).collect();
        let allowed = weeks.iter().filter(|(_, mask)| mask.n_allowed() > 1).count();
        for wanted in [0, 10, 60] {
            assert!(wanted <= allowed, "{allowed}");
            let rule = rule().reaching(wanted as f64 / 200.0, &weeks);
            let offered = |(o, mask): &&(Vec<f32>, ActionMask)| {
                rule.distribution(o, mask).probabilities()[0] < 1.0
            };
            let made = weeks.iter().filter(offered).count();
            // Equal customers are let through together.
            let last = |(o, mask): &&(Vec<f32>, ActionMask)| {
                rule.likeliest(o, mask).is_some_and(|(_, p)| p == rule.threshold())
            };
            let ties = weeks.iter().filter(last).count();
            assert!(made >= wanted && made < wanted + ties.max(1), "{made} of {wanted}");
        }
    }

    #[test]
    fn the_deepest_offer_in_what_is_bought_anyway_is_the_likeliest() {
        let weeks: Vec<_> = (0..20).map(|_| bought(&[1])).collect();
        let observation = observe(&customer(&weeks), 0);
        let (action, probability) =
            rule().likeliest(&observation, &ActionMask::all(10)).expect("offers are allowed");
        assert!(probability > 0.0 && probability < 1.0, "{probability}");
        assert_eq!(catalogue().offer(action).depth, 0.3);
    }
}
