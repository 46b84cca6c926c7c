//! The actions of the MDP from the offers of the history, and back.

use super::error::DemandError;
use crate::data::History;
use promopt_envs::ActionId;
use promopt_envs::retail::{Mechanic, Offer, OfferCatalogue};

/// The catalogue, and which action each logged offer was.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionMap {
    /// The actions.
    pub catalogue: OfferCatalogue,
    /// Whether the catalogue is what the retailer really offered (rather than a configured grid).
    pub from_history: bool,
    /// Action of each offer of the history; `None` for offers that are not actions (campaigns of
    /// unknown content). Shape `[n_offers of the history]`.
    by_history_offer: Vec<Option<ActionId>>,
}

impl ActionMap {
    /// Takes the offers of the history that have a category, a depth and no threshold as the
    /// catalogue; without any, every targetable category at every one of `depths`.
    ///
    /// # Errors
    /// [`DemandError::NoOffers`] when neither gives an action, [`DemandError::Catalogue`] when they
    /// clash.
    pub fn new(history: &History, depths: &[f64], contact_cost: f64) -> Result<Self, DemandError> {
        let targetable = history.n_categories() - 1;
        let position = |name: &str| history.categories.iter().position(|c| c.name == name);
        let mut offers = Vec::new();
        let mut by_history_offer = Vec::with_capacity(history.offers.len());
        for row in &history.offers {
            let category = row.category.as_deref().and_then(position).filter(|&c| c < targetable);
            by_history_offer.push(match category {
                _ if row.is_none() => Some(0),
                Some(category) if row.depth > 0.0 && row.min_spend <= 0.0 => {
                    offers.push(Offer {
                        id: row.offer_id.clone(),
                        mechanic: Mechanic::Percent,
                        category: Some(category),
                        depth: row.depth,
                        contact_cost: row.contact_cost,
                    });
                    Some(offers.len())
                }
                _ => None,
            });
        }
        let from_history = !offers.is_empty();
        let catalogue = if from_history {
            OfferCatalogue::new(offers, history.n_categories())?
        } else {
            let names: Vec<String> =
                history.categories[..targetable].iter().map(|c| c.name.clone()).collect();
            OfferCatalogue::grid(&names, depths, contact_cost)?
        };
        if catalogue.n_actions() < 2 {
            return Err(DemandError::NoOffers);
        }
        Ok(Self { catalogue, from_history, by_history_offer })
    }

    /// The map of a history onto a given catalogue, by offer identifier.
    #[must_use]
    pub fn of_catalogue(history: &History, catalogue: &OfferCatalogue) -> Self {
        let find = |row: &crate::data::OfferRow| catalogue.find(&row.offer_id);
        let by_history_offer = history.offers.iter().map(find).collect();
        Self { catalogue: catalogue.clone(), from_history: true, by_history_offer }
    }

    /// The action that a logged offer was; `None` when its content is unknown.
    #[must_use]
    pub fn action_of(&self, history_offer: u16) -> Option<ActionId> {
        self.by_history_offer.get(usize::from(history_offer)).copied().flatten()
    }
}
