//! The offers a customer can get, which are the actions of the promotion MDP.
//!
//! An offer is a [`Mechanic`] with its terms, on one category or on the whole basket. Three views of
//! the same terms must agree: what a purchase is expected to save ([`Offer::felt_share`]) and to cost
//! us ([`Offer::cost_share`]), and what a realised basket gets ([`Offer::redeem`]).

mod error;
mod mechanic;
mod purchase;
mod redeem;
mod value;
mod words;

pub use error::CatalogueError;
pub use mechanic::{Mechanic, MechanicKind, Tier};
pub use purchase::{BASKET_CV, Purchase};
pub use value::SHARE_MAX;

use crate::space::ActionId;
use serde::{Deserialize, Serialize};

/// One offer. Offer 0 of a catalogue is always `none`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Identifier in files, unique within the catalogue.
    pub id: String,
    /// How it works.
    pub mechanic: Mechanic,
    /// Category it applies to; `None` for the whole basket, and for the offer `none`.
    pub category: Option<usize>,
    /// Nominal depth: the share off that a usual purchase gets once it qualifies, in `[0, 1)`.
    /// Guardrails, features and sorting use it; for percent it is exactly what the offer takes off.
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

    /// A share off the price, in one category or on the whole basket.
    #[must_use]
    pub fn percent(id: String, category: Option<usize>, depth: f64, contact_cost: f64) -> Self {
        Self { id, mechanic: Mechanic::Percent, category, depth, contact_cost }
    }

    /// An offer of any mechanic but percent, with its nominal depth for a usual purchase.
    #[must_use]
    pub fn with_terms(
        id: String,
        mechanic: Mechanic,
        category: Option<usize>,
        contact_cost: f64,
        usual: &Purchase,
    ) -> Self {
        let depth = mechanic.nominal_depth(usual, category.is_none());
        Self { id, mechanic, category, depth, contact_cost }
    }

    /// Whether the customer hears from us at all.
    #[must_use]
    pub fn is_contact(&self) -> bool {
        !matches!(self.mechanic, Mechanic::None)
    }

    /// Whether it applies to the whole basket.
    #[must_use]
    pub fn is_whole_basket(&self) -> bool {
        self.is_contact() && self.category.is_none()
    }

    /// Nominal depth in this category: the offer's when it applies there, otherwise 0.
    #[must_use]
    pub fn depth_in(&self, category: usize) -> f64 {
        if self.category.is_none_or(|own| own == category) { self.depth } else { 0.0 }
    }

    /// Checks the offer on its own.
    ///
    /// # Errors
    /// [`CatalogueError`] that names the offer, the term, what was expected and what was found.
    pub fn validate(&self, n_categories: usize) -> Result<(), CatalogueError> {
        let id = || self.id.clone();
        let mechanic = self.mechanic.kind();
        if mechanic == MechanicKind::None {
            return Err(CatalogueError::None { id: id() });
        }
        self.mechanic.validate(&self.id)?;
        if mechanic != MechanicKind::Percent && self.depth == 0.0 {
            return Err(CatalogueError::Worthless { id: id() });
        }
        if !(self.depth > 0.0 && self.depth < 1.0) {
            return Err(CatalogueError::Depth { id: id(), depth: self.depth });
        }
        if !(self.contact_cost >= 0.0 && self.contact_cost.is_finite()) {
            return Err(CatalogueError::ContactCost { id: id(), cost: self.contact_cost });
        }
        let other = match self.mechanic {
            Mechanic::Bundle { with, .. } => Some(with),
            _ => None,
        };
        if let Some(got) = self.category.into_iter().chain(other).find(|&c| c >= n_categories) {
            return Err(CatalogueError::Category { id: id(), got, n_categories });
        }
        if self.category.is_none() && !mechanic.fits_whole_basket() {
            let mechanic = mechanic.name();
            return Err(CatalogueError::CategoryMissing { id: id(), mechanic });
        }
        if other.is_some() && other == self.category {
            return Err(CatalogueError::BundleWithItself { id: id() });
        }
        Ok(())
    }
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
    /// [`CatalogueError`] when an identifier repeats or an offer is not valid; see
    /// [`Offer::validate`].
    pub fn new(offers: Vec<Offer>, n_categories: usize) -> Result<Self, CatalogueError> {
        let mut all = vec![Offer::none()];
        for offer in offers {
            if all.iter().any(|o| o.id == offer.id) {
                return Err(CatalogueError::DuplicateId(offer.id));
            }
            offer.validate(n_categories)?;
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
                offers.push(Offer::percent(id, Some(category), depth, contact_cost));
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
mod tests;
