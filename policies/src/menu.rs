//! What a hand-written rule knows of the shop: where each feature is, and what each action offers.

use promopt_envs::retail::{ObservationSchema, Offer, OfferCatalogue};
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};

/// The observation schema and the catalogue, with the usual value of a purchase in each category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferMenu {
    /// How to read an observation.
    pub schema: ObservationSchema,
    /// What each action offers.
    pub catalogue: OfferCatalogue,
    /// Mean spend of a purchase week in the category, money; shape `[n_categories]`.
    pub category_values: Vec<f64>,
}

impl OfferMenu {
    /// A menu that values a purchase alike in every category.
    #[must_use]
    pub fn new(schema: ObservationSchema, catalogue: OfferCatalogue) -> Self {
        let category_values = vec![1.0; schema.n_categories()];
        Self { schema, catalogue, category_values }
    }

    /// The same menu with these category values, shape `[n_categories]`, money.
    #[must_use]
    pub fn with_values(mut self, category_values: Vec<f64>) -> Self {
        self.category_values = category_values;
        self
    }

    /// The allowed offer in the customer's favourite category.
    ///
    /// The favourite has the largest `share × value`: the share of visit weeks with a purchase in
    /// the category times the usual spend of such a purchase, which is what the customer spends
    /// there per visit. The whole basket counts as the sum of all categories. Within it the smallest `gap` wins (`None` rules an offer out), then the
    /// shallower offer, then the lower action. `None` when no allowed offer is left.
    pub fn favourite(
        &self,
        observation: &[f32],
        mask: &ActionMask,
        gap: impl Fn(&Offer) -> Option<f64>,
    ) -> Option<ActionId> {
        let view = self.schema.read(observation);
        let mut best: Option<([f64; 3], ActionId)> = None;
        for action in mask.allowed() {
            let Some(offer) = self.catalogue.offers().get(action) else { continue };
            if !offer.is_contact() {
                continue;
            }
            let Some(gap) = gap(offer) else { continue };
            let spend = |category: usize| {
                let value = self.category_values.get(category).copied().unwrap_or(0.0);
                view.category_share(category) * value
            };
            let spend = match offer.category {
                Some(category) => spend(category),
                None => (0..self.category_values.len()).map(spend).sum(),
            };
            // Gaps are compared in millionths: 0.3 − 0.2 is not quite 0.2 − 0.1.
            let rank = [spend, -(gap * 1e6).round(), -offer.depth];
            if best.as_ref().is_none_or(|(leader, _)| rank > *leader) {
                best = Some((rank, action));
            }
        }
        best.map(|(_, action)| action)
    }
}
