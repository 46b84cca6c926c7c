//! The actions of the MDP from the offers of the history and the config, and back.

use super::error::DemandError;
use super::offers::{OfferEntry, OffersConfig};
use crate::data::{Cell, History, OfferContent, OfferRow};
use promopt_envs::ActionId;
use promopt_envs::retail::{CatalogueError, Mechanic, Offer, OfferCatalogue, Purchase};

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
    /// Takes the offers of the history whose content is known as the catalogue; without any, every
    /// targetable category at every one of `depths`.
    ///
    /// # Errors
    /// As [`with_offers`](Self::with_offers).
    pub fn new(history: &History, depths: &[f64], contact_cost: f64) -> Result<Self, DemandError> {
        let depths = depths.to_vec();
        Self::with_offers(history, &OffersConfig { depths, contact_cost, list: Vec::new() })
    }

    /// Takes the offers of the history whose content is known, or the grid when there are none, and
    /// the offers that the config lists.
    ///
    /// An offer of the history that saves a usual purchase nothing, or is for a category that is
    /// not targetable, is a contact of unknown content.
    ///
    /// # Errors
    /// [`DemandError::NoOffers`] when neither gives an action, [`DemandError::Listed`] when a listed
    /// offer does not fit the history, [`DemandError::Catalogue`] when offers clash.
    pub fn with_offers(history: &History, config: &OffersConfig) -> Result<Self, DemandError> {
        let shop = Shop::new(history);
        let mut offers = Vec::new();
        let mut by_history_offer = Vec::with_capacity(history.offers.len());
        for row in &history.offers {
            by_history_offer.push(match (row.is_none(), shop.logged(row)) {
                (true, _) => Some(0),
                (false, Some(offer)) => {
                    offers.push(offer);
                    Some(offers.len())
                }
                (false, None) => None,
            });
        }
        let from_history = !offers.is_empty();
        if !from_history {
            let names: Vec<String> = shop.targetable().map(str::to_owned).collect();
            let grid = OfferCatalogue::grid(&names, &config.depths, config.contact_cost)?;
            offers.extend_from_slice(&grid.offers()[1..]);
        }
        for entry in &config.list {
            let problem = |problem| DemandError::Listed { id: entry.offer_id.clone(), problem };
            offers.push(shop.listed(entry).map_err(problem)?);
        }
        let catalogue = OfferCatalogue::new(offers, history.n_categories())?;
        if catalogue.n_actions() < 2 {
            return Err(DemandError::NoOffers);
        }
        Ok(Self { catalogue, from_history, by_history_offer })
    }

    /// The map of a history onto a given catalogue, by offer identifier.
    #[must_use]
    pub fn of_catalogue(history: &History, catalogue: &OfferCatalogue) -> Self {
        let find = |row: &OfferRow| catalogue.find(&row.offer_id);
        let by_history_offer = history.offers.iter().map(find).collect();
        Self { catalogue: catalogue.clone(), from_history: true, by_history_offer }
    }

    /// The action that a logged offer was; `None` when its content is unknown.
    #[must_use]
    pub fn action_of(&self, history_offer: u16) -> Option<ActionId> {
        self.by_history_offer.get(usize::from(history_offer)).copied().flatten()
    }
}

/// What a purchase usually is, for the nominal depth of an offer.
struct Shop<'a> {
    history: &'a History,
    /// Usual purchase by category; the basket is the same in all.
    usual: Vec<Purchase>,
}

impl<'a> Shop<'a> {
    fn new(history: &'a History) -> Self {
        Self { history, usual: usual_purchases(&history.cells, history.n_categories()) }
    }

    /// Names of the categories that offers may be for: all but the last.
    fn targetable(&self) -> impl Iterator<Item = &'a str> {
        let n = self.history.n_categories().saturating_sub(1);
        self.history.categories[..n].iter().map(|category| category.name.as_str())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.targetable().position(|category| category == name)
    }

    /// A past offer, when its content is known.
    fn logged(&self, row: &OfferRow) -> Option<Offer> {
        let category = match row.category.as_deref() {
            Some(name) => Some(self.position(name)?),
            None => None,
        };
        let OfferContent::Known(mechanic) = row.content(|name| self.position(name)) else {
            return None;
        };
        let offer = self.offer(row, mechanic, category);
        let worthless = offer.validate(self.history.n_categories());
        (!matches!(worthless, Err(CatalogueError::Worthless { .. }))).then_some(offer)
    }

    /// An offer of the config.
    fn listed(&self, entry: &OfferEntry) -> Result<Offer, String> {
        let find = |name: &str| {
            self.position(name).ok_or_else(|| {
                let known: Vec<&str> = self.targetable().collect();
                format!("expected one of the targetable categories {known:?}, got `{name}`")
            })
        };
        let category = entry.category.as_deref().map(find).transpose()?;
        entry.with_category.as_deref().map(find).transpose()?;
        let mechanic = entry.mechanic(|name| self.position(name))?;
        Ok(self.offer(&entry.row(), mechanic, category))
    }

    fn offer(&self, row: &OfferRow, mechanic: Mechanic, category: Option<usize>) -> Offer {
        let id = row.offer_id.clone();
        let mechanic = match (mechanic, category) {
            (Mechanic::Percent, _) => {
                return Offer::percent(id, category, row.depth, row.contact_cost);
            }
            (Mechanic::Bundle { with, share, .. }, Some(own)) => {
                Mechanic::Bundle { with, share, together: self.together(own, with) }
            }
            (other, _) => other,
        };
        let usual = &self.usual[category.unwrap_or(0)];
        Offer::with_terms(id, mechanic, category, row.contact_cost, usual)
    }

    /// Share of the weeks with a purchase in one category that have one in the other as well,
    /// shrunk to one half with the weight of two weeks.
    fn together(&self, own: usize, with: usize) -> f64 {
        let (mut bought, mut both) = (0.0, 0.0);
        for week in weeks(&self.history.cells) {
            let has = |category: usize| week.iter().any(|c| usize::from(c.category) == category);
            if has(own) {
                bought += 1.0;
                both += f64::from(u8::from(has(with)));
            }
        }
        (both + 1.0) / (bought + 2.0)
    }
}

/// The cells of one customer-week at a time.
fn weeks(cells: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    cells.chunk_by(|a, b| (a.customer, a.week) == (b.customer, b.week))
}

/// Mean units of a customer-week with a purchase, price of a unit after shelf discounts, and mean
/// spend of a customer-week before offers; shape `[n_categories]`.
fn usual_purchases(cells: &[Cell], n_categories: usize) -> Vec<Purchase> {
    let mut sums = vec![(0.0, 0.0, 0.0); n_categories];
    let mut spend = 0.0;
    for cell in cells {
        let paid = cell.gross - cell.shelf_discount;
        let (purchases, units, money) = &mut sums[usize::from(cell.category)];
        *purchases += 1.0;
        *units += cell.units;
        *money += paid;
        spend += paid;
    }
    let basket = spend / weeks(cells).count().max(1) as f64;
    let usual = |(purchases, units, money): (f64, f64, f64)| Purchase {
        units: units / purchases.max(1.0),
        unit_price: money / units.max(1e-9),
        basket,
    };
    sums.into_iter().map(usual).collect()
}

#[cfg(test)]
mod tests;
