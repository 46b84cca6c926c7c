//! Rules that no policy may break, turned into action masks.

use super::catalogue::{Offer, OfferCatalogue};
use super::history::CustomerHistory;
use crate::space::ActionMask;
use serde::{Deserialize, Serialize};

/// Limits on what a customer may be offered. `none` is always allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guardrails {
    /// Deepest offer, as a fraction of the price.
    pub max_depth: f64,
    /// Smallest unit margin an offer may leave, as a fraction of the regular price.
    pub min_margin: f64,
    /// Most contacts within `contact_window_weeks`.
    pub max_contacts: u32,
    /// Weeks over which contacts are counted, up to 32.
    pub contact_window_weeks: u32,
    /// Weeks without contact after each contact.
    pub cool_down_weeks: u32,
    /// Category names that never get an offer.
    pub excluded_categories: Vec<String>,
}

impl Default for Guardrails {
    /// At most 50 % off, never below cost, at most three contacts in four weeks, no cool-down.
    fn default() -> Self {
        Self {
            max_depth: 0.5,
            min_margin: 0.0,
            max_contacts: 3,
            contact_window_weeks: 4,
            cool_down_weeks: 0,
            excluded_categories: Vec::new(),
        }
    }
}

impl Guardrails {
    /// Checks every range.
    ///
    /// # Errors
    /// A message that names the field, what was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        let require = |ok: bool, field: &str, expected: &str, got: String| {
            if ok {
                Ok(())
            } else {
                Err(format!("expected {expected} for `guardrails.{field}`, got {got}"))
            }
        };
        let depth = self.max_depth;
        require(
            (0.0..1.0).contains(&depth),
            "max_depth",
            "a fraction in [0, 1)",
            depth.to_string(),
        )?;
        let margin = self.min_margin;
        let fits = margin.is_finite() && margin < 1.0;
        require(fits, "min_margin", "a fraction below 1", margin.to_string())?;
        for (field, weeks) in [
            ("contact_window_weeks", self.contact_window_weeks),
            ("cool_down_weeks", self.cool_down_weeks),
        ] {
            require(weeks <= 32, field, "at most 32 weeks", weeks.to_string())?;
        }
        Ok(())
    }

    /// Whether an offer may ever be made, whoever the customer is.
    #[must_use]
    pub fn permits_offer(
        &self,
        offer: &Offer,
        categories: &[String],
        margin_rates: &[f64],
    ) -> bool {
        let Some(category) = offer.category else { return true };
        offer.depth <= self.max_depth + 1e-9
            && margin_rates[category] - offer.depth >= self.min_margin - 1e-9
            && !self.excluded_categories.contains(&categories[category])
    }

    /// Whether this customer may be contacted in the coming week.
    #[must_use]
    pub fn permits_contact(&self, history: &CustomerHistory) -> bool {
        history.contacts_in(self.contact_window_weeks.min(32)) < self.max_contacts
            && (self.cool_down_weeks == 0 || history.contacts_in(self.cool_down_weeks.min(32)) == 0)
    }
}

/// Guardrails compiled against one catalogue: which offers are ever allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskRule {
    guardrails: Guardrails,
    offer_allowed: Vec<bool>,
}

impl MaskRule {
    /// Compiles the rules. Shapes: `categories` and `margin_rates` are `[n_categories]`.
    #[must_use]
    pub fn new(
        guardrails: &Guardrails,
        catalogue: &OfferCatalogue,
        categories: &[String],
        margin_rates: &[f64],
    ) -> Self {
        let allowed = |o: &Offer| guardrails.permits_offer(o, categories, margin_rates);
        let offer_allowed = catalogue.offers().iter().map(allowed).collect();
        Self { guardrails: guardrails.clone(), offer_allowed }
    }

    /// Writes the mask of a customer's coming week, without allocation.
    pub fn write(&self, history: &CustomerHistory, mask: &mut ActionMask) {
        let contact = self.guardrails.permits_contact(history);
        mask.fill_with(|action| action == 0 || (contact && self.offer_allowed[action]));
    }

    /// A mask of the right length that allows everything.
    #[must_use]
    pub fn blank(&self) -> ActionMask {
        ActionMask::all(self.offer_allowed.len())
    }

    /// Whether the action is ever allowed.
    #[must_use]
    pub fn ever_allows(&self, action: usize) -> bool {
        self.offer_allowed[action]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retail::history::WeekRecord;

    #[test]
    fn contacts_are_capped_and_offers_below_cost_never_allowed() {
        let names = ["a".to_owned(), "b".to_owned()];
        let catalogue = OfferCatalogue::grid(&names, &[0.1, 0.3], 0.0).expect("valid grid");
        let rule = MaskRule::new(&Guardrails::default(), &catalogue, &names, &[0.2, 0.4]);
        let mut history = CustomerHistory::new(2);
        let mut mask = rule.blank();
        rule.write(&history, &mut mask);
        assert_eq!(mask.flags(), [true, true, false, true, true]);
        let mut contacted = WeekRecord::empty(2);
        contacted.contact_depth = Some(0.1);
        for _ in 0..3 {
            history.record(&contacted);
        }
        rule.write(&history, &mut mask);
        assert_eq!(mask.flags(), [true, false, false, false, false]);
    }
}
