//! Greedy on the fitted response model: the offer with the largest expected margin this week.
//!
//! With both shadow prices at zero this is the myopic baseline. With prices found by search in the
//! fitted world it charges each contact and each point of depth for what they cost later (fatigue,
//! a lower reference price), without looking ahead.

use crate::distribution::ActionDistribution;
use crate::policy::Policy;
use crate::portable::{PortableError, check_schema, same};
use promopt_envs::retail::{DemandModel, ObservationSchema, OfferCatalogue};
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};

/// `argmax_a E[margin | observation, a] − (contact_price + depth_price · depth(a)) · contact(a) · E₀`,
/// where `E₀` is the expected margin of the week without an offer: what fatigue and a lower reference
/// price put at stake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreedyMargin {
    name: String,
    schema: ObservationSchema,
    catalogue: OfferCatalogue,
    demand: DemandModel,
    contact_price: f64,
    depth_price: f64,
}

impl GreedyMargin {
    /// The myopic policy of a response model.
    #[must_use]
    pub fn myopic(
        schema: ObservationSchema,
        catalogue: OfferCatalogue,
        demand: DemandModel,
    ) -> Self {
        let name = "greedy-myopic".to_owned();
        Self { name, schema, catalogue, demand, contact_price: 0.0, depth_price: 0.0 }
    }

    /// The same policy with shadow prices, as shares of the margin at stake per contact and per unit of
    /// depth.
    #[must_use]
    pub fn with_prices(&self, contact_price: f64, depth_price: f64) -> Self {
        Self { name: "greedy-priced".to_owned(), contact_price, depth_price, ..self.clone() }
    }

    /// The shadow prices of a contact and of a unit of depth, shares of the margin at stake.
    #[must_use]
    pub fn prices(&self) -> (f64, f64) {
        (self.contact_price, self.depth_price)
    }

    /// Length of the observations it reads.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.schema.n_features()
    }

    /// Number of actions it scores.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.catalogue.n_actions()
    }

    /// Expected margin of the week under each action, money; shape `[n_actions]`.
    #[must_use]
    pub fn expected_margins(&self, observation: &[f32]) -> Vec<f64> {
        let mut margins = Vec::with_capacity(self.catalogue.n_actions());
        self.demand.score(&self.schema.read(observation), &self.catalogue, &mut margins);
        margins
    }

    /// Expected margin of each action less its shadow prices, money; shape `[n_actions]`.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> Vec<f64> {
        let mut scores = self.expected_margins(observation);
        let stake = scores.first().map_or(0.0, |none| none.max(0.0));
        for (score, offer) in scores.iter_mut().zip(self.catalogue.offers()) {
            if offer.is_contact() {
                *score -= (self.contact_price + self.depth_price * offer.depth) * stake;
            }
        }
        scores
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
        Ok(())
    }

    /// The action it takes.
    #[must_use]
    pub fn action(&self, observation: &[f32], mask: &ActionMask) -> ActionId {
        mask.argmax(&self.scores(observation))
    }
}

impl Policy for GreedyMargin {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        ActionDistribution::deterministic(self.action(observation, mask), mask.n_actions())
    }
}
