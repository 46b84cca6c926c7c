//! Rules that no policy may break, turned into action masks.

use super::catalogue::{MechanicKind, Offer, OfferCatalogue};
use super::history::CustomerHistory;
use crate::space::ActionMask;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Limits on what a customer may be offered. `none` is always allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guardrails {
    /// Deepest offer, as a fraction of the price: the nominal depth, so a mechanic counts as what
    /// it takes off a usual purchase that qualifies.
    pub max_depth: f64,
    /// Smallest unit margin an offer may leave, as a fraction of the regular price; an offer on the
    /// whole basket must leave it in every category.
    pub min_margin: f64,
    /// Most that one contact may cost: the contact and, when the offer is used, the money of the
    /// mechanics that name one (amount, spend_get, gift, free_shipping). Shares of the price are
    /// limited by `max_depth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_offer_cost: Option<f64>,
    /// Mechanics that may be offered; all of them when empty.
    pub allowed_mechanics: Vec<MechanicKind>,
    /// Most contacts within `contact_window_weeks`.
    pub max_contacts: u32,
    /// Weeks over which contacts are counted, up to 32.
    pub contact_window_weeks: u32,
    /// Weeks without contact after each contact.
    pub cool_down_weeks: u32,
    /// Category names that never get an offer; as long as there are any, nor does the whole basket.
    pub excluded_categories: Vec<String>,
}

impl Default for Guardrails {
    /// At most 50 % off, never below cost, at most three contacts in four weeks, no cool-down.
    fn default() -> Self {
        Self {
            max_depth: 0.5,
            min_margin: 0.0,
            max_offer_cost: None,
            allowed_mechanics: Vec::new(),
            max_contacts: 3,
            contact_window_weeks: 4,
            cool_down_weeks: 0,
            excluded_categories: Vec::new(),
        }
    }
}

/// Slack in comparing fractions and money that are not exact in binary.
const SLACK: f64 = 1e-9;

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
        if let Some(cost) = self.max_offer_cost {
            let fits = cost.is_finite() && cost >= 0.0;
            require(fits, "max_offer_cost", "money of at least 0", cost.to_string())?;
        }
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
        self.refusal(offer, categories, margin_rates).is_none()
    }

    /// The first rule that forbids an offer to everybody; `None` when it may be made. Shapes:
    /// `categories` and `margin_rates` are `[n_categories]`.
    #[must_use]
    pub fn refusal(
        &self,
        offer: &Offer,
        categories: &[String],
        margin_rates: &[f64],
    ) -> Option<Refusal> {
        if !offer.is_contact() {
            return None;
        }
        let kind = offer.mechanic.kind();
        if !self.allowed_mechanics.is_empty() && !self.allowed_mechanics.contains(&kind) {
            return Some(Refusal::Mechanic { mechanic: kind });
        }
        let (depth, limit) = (offer.depth, self.max_depth);
        if depth > limit + SLACK {
            return Some(Refusal::Depth { depth, limit });
        }
        let cost = offer.contact_cost + offer.mechanic.money_at_stake();
        if let Some(limit) = self.max_offer_cost.filter(|&limit| cost > limit + SLACK) {
            return Some(Refusal::Cost { cost, limit });
        }
        let targets = offer.category.map_or(0..categories.len(), |c| c..c + 1);
        for category in targets {
            let name = &categories[category];
            if self.excluded_categories.contains(name) {
                return Some(Refusal::Category { category: name.clone() });
            }
            let (margin, limit) = (margin_rates[category] - depth, self.min_margin);
            if margin < limit - SLACK {
                return Some(Refusal::Margin { category: name.clone(), margin, limit });
            }
        }
        None
    }

    /// Whether this customer may be contacted in the coming week.
    #[must_use]
    pub fn permits_contact(&self, history: &CustomerHistory) -> bool {
        history.contacts_in(self.contact_window_weeks.min(32)) < self.max_contacts
            && (self.cool_down_weeks == 0 || history.contacts_in(self.cool_down_weeks.min(32)) == 0)
    }
}

/// The rule that forbids an offer to everybody, in the words of a merchant.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its mechanic is not on the list.
    Mechanic {
        /// The mechanic.
        mechanic: MechanicKind,
    },
    /// It takes too much off.
    Depth {
        /// Nominal depth of the offer.
        depth: f64,
        /// `max_depth`.
        limit: f64,
    },
    /// It leaves too little.
    Margin {
        /// Category in which it does.
        category: String,
        /// Margin that it leaves, as a fraction of the regular price.
        margin: f64,
        /// `min_margin`.
        limit: f64,
    },
    /// It costs too much.
    Cost {
        /// Cost of the contact and the money it promises.
        cost: f64,
        /// `max_offer_cost`.
        limit: f64,
    },
    /// It applies to a category that never gets an offer.
    Category {
        /// The category.
        category: String,
    },
}

impl Refusal {
    /// The code in files: the guardrail that refuses.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Mechanic { .. } => "allowed_mechanics",
            Self::Depth { .. } => "max_depth",
            Self::Margin { .. } => "min_margin",
            Self::Cost { .. } => "max_offer_cost",
            Self::Category { .. } => "excluded_categories",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |fraction: f64| fraction * 100.0;
        match self {
            Self::Mechanic { mechanic } => {
                write!(f, "offers of the kind `{}` are not allowed", mechanic.name())
            }
            Self::Depth { depth, limit } => write!(
                f,
                "{:.0} % off a usual purchase, at most {:.0} % is allowed",
                percent(*depth),
                percent(*limit)
            ),
            Self::Margin { category, margin, limit } => write!(
                f,
                "leaves a margin of {:.0} % in {category}, at least {:.0} % is wanted",
                percent(*margin),
                percent(*limit)
            ),
            Self::Cost { cost, limit } => {
                write!(f, "one contact may cost {cost:.2}, at most {limit:.2} is allowed")
            }
            Self::Category { category } => write!(f, "{category} never gets an offer"),
        }
    }
}

/// Guardrails compiled against one catalogue: which offers are ever allowed, and why not.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskRule {
    guardrails: Guardrails,
    /// What a customer may get who may be contacted.
    open: ActionMask,
    /// What a customer may get who may not: `none`.
    closed: ActionMask,
    /// Why an offer is never allowed, shape `[n_actions]`.
    refusals: Vec<Option<Refusal>>,
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
        let refusal = |o: &Offer| guardrails.refusal(o, categories, margin_rates);
        let refusals: Vec<Option<Refusal>> = catalogue.offers().iter().map(refusal).collect();
        let (mut open, mut closed) =
            (ActionMask::all(refusals.len()), ActionMask::all(refusals.len()));
        open.fill_with(|action| refusals[action].is_none());
        closed.fill_with(|action| action == 0);
        Self { guardrails: guardrails.clone(), open, closed, refusals }
    }

    /// Writes the mask of a customer's coming week, without allocation: one copy of flags.
    pub fn write(&self, history: &CustomerHistory, mask: &mut ActionMask) {
        let contact = self.guardrails.permits_contact(history);
        mask.copy_from(if contact { &self.open } else { &self.closed });
    }

    /// A mask of the right length that allows everything.
    #[must_use]
    pub fn blank(&self) -> ActionMask {
        ActionMask::all(self.refusals.len())
    }

    /// Whether the action is ever allowed.
    #[must_use]
    pub fn ever_allows(&self, action: usize) -> bool {
        self.open.allows(action)
    }

    /// Why the action is never allowed; `None` when it is.
    #[must_use]
    pub fn refusal(&self, action: usize) -> Option<&Refusal> {
        self.refusals.get(action).and_then(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retail::catalogue::{Mechanic, Purchase};
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

    #[test]
    fn every_refusal_names_its_rule() {
        let names = ["a".to_owned(), "beer".to_owned()];
        let usual = Purchase { units: 2.0, unit_price: 3.0, basket: 40.0 };
        let offer =
            |mechanic, category| Offer::with_terms("x".to_owned(), mechanic, category, 0.5, &usual);
        let guardrails = Guardrails {
            allowed_mechanics: vec![MechanicKind::Amount, MechanicKind::BuyGet],
            max_offer_cost: Some(3.0),
            excluded_categories: vec!["beer".to_owned()],
            ..Guardrails::default()
        };
        let why = |offer: &Offer| {
            let refusal = guardrails.refusal(offer, &names, &[0.3, 0.4]).expect("refused");
            (refusal.code(), refusal.to_string())
        };
        let percent = Offer::percent("x".to_owned(), Some(0), 0.1, 0.0);
        assert_eq!(why(&percent).1, "offers of the kind `percent` are not allowed");
        let free = Mechanic::BuyGet { buy: 1, free: 2, share: 1.0 };
        let (code, words) = why(&offer(free, Some(0)));
        assert_eq!(code, "max_depth");
        assert_eq!(words, "67 % off a usual purchase, at most 50 % is allowed");
        let half = Mechanic::BuyGet { buy: 1, free: 1, share: 1.0 };
        let (code, words) = why(&offer(half, Some(0)));
        assert_eq!(code, "min_margin");
        assert_eq!(words, "leaves a margin of -20 % in a, at least 0 % is wanted");
        let (code, words) = why(&offer(Mechanic::Amount { off: 2.51 }, None));
        assert_eq!(code, "max_offer_cost");
        assert_eq!(words, "one contact may cost 3.01, at most 3.00 is allowed");
        let basket = offer(Mechanic::Amount { off: 2.5 }, None);
        assert_eq!(why(&basket), ("excluded_categories", "beer never gets an offer".to_owned()));
        let fine = offer(Mechanic::Amount { off: 1.5 }, Some(0));
        assert!(guardrails.permits_offer(&fine, &names, &[0.3, 0.4]));
        let catalogue = OfferCatalogue::new(vec![fine, percent_named("y")], 2).expect("valid");
        let rule = MaskRule::new(&guardrails, &catalogue, &names, &[0.3, 0.4]);
        assert_eq!(rule.refusal(1), None);
        assert_eq!(rule.refusal(2).map(Refusal::code), Some("allowed_mechanics"));
    }

    fn percent_named(id: &str) -> Offer {
        Offer::percent(id.to_owned(), Some(0), 0.1, 0.0)
    }
}
