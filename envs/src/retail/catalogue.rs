//! The offers a customer can get, which are the actions of the promotion MDP.

use crate::space::ActionId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How an offer lowers the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mechanic {
    /// No offer and no contact.
    None,
    /// A share of the price off, in one category.
    Percent,
}

/// One offer. Offer 0 of a catalogue is always `none`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Identifier in files, unique within the catalogue.
    pub id: String,
    /// How it lowers the price.
    pub mechanic: Mechanic,
    /// Category it applies to; `None` only for the offer `none`.
    pub category: Option<usize>,
    /// Fraction off the price, in `[0, 1)`.
    pub depth: f64,
    /// Cost of telling the customer, paid whether or not the offer is used; money.
    pub contact_cost: f64,
}

impl Offer {
    /// The offer that is no offer.
    #[must_use]
    pub fn none() -> Self {
        let id = "none".to_owned();
        Self { id, mechanic: Mechanic::None, category: None, depth: 0.0, contact_cost: 0.0 }
    }

    /// Whether the customer hears from us at all.
    #[must_use]
    pub fn is_contact(&self) -> bool {
        self.mechanic != Mechanic::None
    }

    /// Shim.
    #[must_use]
    pub fn is_percent(&self) -> bool {
        true
    }

    /// Shim.
    #[must_use]
    pub fn redemption(&self) -> f64 {
        1.0
    }

    /// Shim.
    #[must_use]
    pub fn felt_share(&self, _purchase: &Purchase) -> f64 {
        self.depth
    }

    /// Shim.
    #[must_use]
    pub fn cost_share(&self, _purchase: &Purchase) -> f64 {
        self.depth
    }

    /// Shim.
    pub fn redeem(&self, categories: &mut [super::history::CategoryWeek]) {
        for (c, week) in categories.iter_mut().enumerate() {
            week.offer_discount = (week.gross - week.shelf_discount) * self.depth_in(c);
        }
    }

    /// Depth in this category: the offer's when it targets it, otherwise 0.
    #[must_use]
    pub fn depth_in(&self, category: usize) -> f64 {
        if self.category == Some(category) { self.depth } else { 0.0 }
    }
}

/// Shim.
#[derive(Debug, Clone, Copy)]
pub struct Purchase {
    /// Shim.
    pub units: f64,
    /// Shim.
    pub unit_price: f64,
    /// Shim.
    pub basket: f64,
}

/// Why a list of offers is not a catalogue.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CatalogueError {
    /// Two offers share an identifier.
    #[error("expected every offer_id once, got `{0}` twice; rename one of the offers")]
    DuplicateId(String),
    /// A depth outside `(0, 1)`.
    #[error("expected depth in (0, 1) for offer `{id}`, got {depth}; 0.2 means 20 % off")]
    Depth {
        /// The offer.
        id: String,
        /// Its depth.
        depth: f64,
    },
    /// A contact cost below zero or not finite.
    #[error("expected a contact_cost of at least 0 for offer `{id}`, got {cost}")]
    ContactCost {
        /// The offer.
        id: String,
        /// Its cost.
        cost: f64,
    },
    /// A category that does not exist.
    #[error("expected a category below {n_categories} for offer `{id}`, got {got:?}")]
    Category {
        /// The offer.
        id: String,
        /// What was given.
        got: Option<usize>,
        /// How many categories there are.
        n_categories: usize,
    },
}

/// The offers in action order; index 0 is `none`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferCatalogue {
    offers: Vec<Offer>,
}

impl OfferCatalogue {
    /// A catalogue of `none` followed by `offers`.
    ///
    /// # Errors
    /// [`CatalogueError`] when an identifier repeats, a depth is outside `(0, 1)`, a cost is
    /// negative, or a category is not below `n_categories`.
    pub fn new(offers: Vec<Offer>, n_categories: usize) -> Result<Self, CatalogueError> {
        let mut all = vec![Offer::none()];
        for offer in offers {
            if all.iter().any(|o| o.id == offer.id) {
                return Err(CatalogueError::DuplicateId(offer.id));
            }
            if !(offer.depth > 0.0 && offer.depth < 1.0) {
                return Err(CatalogueError::Depth { id: offer.id, depth: offer.depth });
            }
            if !(offer.contact_cost >= 0.0 && offer.contact_cost.is_finite()) {
                return Err(CatalogueError::ContactCost { id: offer.id, cost: offer.contact_cost });
            }
            if offer.category.is_none_or(|c| c >= n_categories) {
                let got = offer.category;
                return Err(CatalogueError::Category { id: offer.id, got, n_categories });
            }
            all.push(offer);
        }
        Ok(Self { offers: all })
    }

    /// Every combination of category and depth, category by category.
    ///
    /// # Errors
    /// As [`OfferCatalogue::new`].
    pub fn grid(
        category_names: &[String],
        depths: &[f64],
        contact_cost: f64,
    ) -> Result<Self, CatalogueError> {
        let mut offers = Vec::with_capacity(category_names.len() * depths.len());
        for (category, name) in category_names.iter().enumerate() {
            for &depth in depths {
                let id = format!("{}-{:.0}%", name, depth * 100.0);
                let (mechanic, category) = (Mechanic::Percent, Some(category));
                offers.push(Offer { id, mechanic, category, depth, contact_cost });
            }
        }
        Self::new(offers, category_names.len())
    }

    /// Number of actions, `none` included.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.offers.len()
    }

    /// The offer behind an action.
    ///
    /// # Panics
    /// When the action is not below [`n_actions`](Self::n_actions); callers hold valid actions.
    #[must_use]
    pub fn offer(&self, action: ActionId) -> &Offer {
        &self.offers[action]
    }

    /// All offers in action order.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The action with this identifier.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<ActionId> {
        self.offers.iter().position(|o| o.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_starts_with_none_and_goes_category_by_category() {
        let names = ["bakery".to_owned(), "dairy".to_owned()];
        let grid = OfferCatalogue::grid(&names, &[0.1, 0.2], 0.05).expect("valid grid");
        let ids: Vec<&str> = grid.offers().iter().map(|o| o.id.as_str()).collect();
        assert_eq!(ids, ["none", "bakery-10%", "bakery-20%", "dairy-10%", "dairy-20%"]);
        assert_eq!(grid.offer(3).depth_in(1), 0.1);
        assert_eq!(grid.offer(3).depth_in(0), 0.0);
    }

    #[test]
    fn depths_are_fractions_and_identifiers_are_unique() {
        let names = ["bakery".to_owned()];
        assert!(matches!(
            OfferCatalogue::grid(&names, &[20.0], 0.0),
            Err(CatalogueError::Depth { .. })
        ));
        assert!(matches!(
            OfferCatalogue::grid(&names, &[0.2, 0.2], 0.0),
            Err(CatalogueError::DuplicateId(_))
        ));
    }
}
