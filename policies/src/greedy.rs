//! Greedy on the fitted response model: the offer with the largest expected margin this week.
//!
//! With both shadow prices at zero this is the myopic baseline. With prices found by search in the
//! fitted world it charges each contact and each point of depth for what they cost later (fatigue,
//! a lower reference price), without looking ahead. With a budget price it is the multiple-choice
//! knapsack solved by its Lagrangian: each customer takes the offer with the largest margin less
//! `λ` times its expected cost, and `λ` is what makes everybody together keep to the budget.

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
    /// Added to the budget price of the observation.
    #[serde(default)]
    budget_price: f64,
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
        let (contact_price, depth_price, budget_price) = (0.0, 0.0, 0.0);
        Self { name, schema, catalogue, demand, contact_price, depth_price, budget_price }
    }

    /// The same policy with shadow prices, as shares of the margin at stake per contact and per unit of
    /// depth.
    #[must_use]
    pub fn with_prices(&self, contact_price: f64, depth_price: f64) -> Self {
        Self { name: "greedy-priced".to_owned(), contact_price, depth_price, ..self.clone() }
    }

    /// The same policy, named `knapsack`, that also pays `budget_price ≥ 0` for each unit of money that
    /// an offer is expected to cost, on top of the price that it observes.
    #[must_use]
    pub fn with_budget_price(&self, budget_price: f64) -> Self {
        Self { name: "knapsack".to_owned(), budget_price, ..self.clone() }
    }

    /// Its own price of a unit of promotion cost.
    #[must_use]
    pub fn budget_price(&self) -> f64 {
        self.budget_price
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

    /// Expected margin of the week under each action, less the observed budget price times its
    /// expected promotion cost, money; shape `[n_actions]`.
    #[must_use]
    pub fn expected_margins(&self, observation: &[f32]) -> Vec<f64> {
        self.at_price(0.0, observation)
    }

    fn at_price(&self, own: f64, observation: &[f32]) -> Vec<f64> {
        let mut margins = Vec::with_capacity(self.catalogue.n_actions());
        let view = self.schema.read(observation);
        let price = own + view.budget_price();
        self.demand.score_at(price, &view, &self.catalogue, &mut margins);
        margins
    }

    /// Expected margin of each action less its shadow prices, money; shape `[n_actions]`.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> Vec<f64> {
        let mut scores = self.at_price(self.budget_price, observation);
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
        if !(self.budget_price.is_finite() && self.budget_price >= 0.0) {
            let (what, range, got) = ("the budget price", "[0, ∞)", self.budget_price);
            return Err(PortableError::Range { what, range, got });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{catalogue, contexts, demand, schema};

    #[test]
    fn a_price_of_its_own_charges_the_expected_cost_and_a_high_one_ends_all_offers() {
        let free = GreedyMargin::myopic(schema(), catalogue(), demand());
        let [half, whole, high] = [0.5, 1.0, 1e6].map(|price| free.with_budget_price(price));
        let (observations, _) = contexts(5, 40);
        for observation in &observations {
            let scores = [&free, &half, &whole].map(|policy| policy.scores(observation));
            for (action, free) in scores[0].iter().enumerate() {
                // Linear in the price, and `none` costs nothing.
                let cost = free - scores[2][action];
                assert!((free - scores[1][action] - 0.5 * cost).abs() < 1e-9);
                assert!(if action == 0 { cost.abs() < 1e-12 } else { cost > 0.0 });
            }
            assert_eq!(high.action(observation, &ActionMask::all(10)), 0);
        }
    }

    #[test]
    fn files_from_before_the_budget_price_still_load() {
        let policy = GreedyMargin::myopic(schema(), catalogue(), demand());
        let mut json = serde_json::to_value(&policy).expect("plain data");
        json.as_object_mut().and_then(|fields| fields.remove("budget_price")).expect("a field");
        assert_eq!(serde_json::from_value::<GreedyMargin>(json).expect("an old file"), policy);
    }

    #[test]
    fn a_budget_price_that_is_no_price_is_refused() {
        let policy = GreedyMargin::myopic(schema(), catalogue(), demand());
        for price in [-0.1, f64::NAN, f64::INFINITY] {
            let error = policy.with_budget_price(price).validate(&schema(), &catalogue());
            assert!(matches!(error, Err(PortableError::Range { .. })));
        }
    }
}
