//! One customer-week before its dice are thrown: visit, category and product probabilities.
//!
//! Within a category, product `j` has utility
//! `u_j = taste + quality − β ln(price) + ρ(depth − reference)` with Gumbel noise, so choice is a
//! softmax and the category is worth its inclusive value `ln Σ exp(u_j)`. Incidence on a visit is
//! logistic in taste, inclusive value, season and cover at home; the visit is logistic in the
//! surplus `Σ ln(1 + exp(x_c))` that the categories promise. Extra units of a purchase are Poisson
//! and grow with the price cut.

use super::config::{MAX_PRODUCTS, Structure};
use super::customer::{Customer, CustomerState, logistic, softplus};
use super::market::Market;
use crate::retail::Offer;

/// Weekly decay of fatigue: a half-life of 4 weeks.
const FATIGUE_DECAY: f64 = 0.85;
/// Log-odds of a visit lost per unit of fatigue times sensitivity.
const FATIGUE_ON_VISIT: f64 = 0.05;
/// Log of attention lost per unit of fatigue times sensitivity.
const FATIGUE_ON_ATTENTION: f64 = 0.15;
/// Log of the hazard of leaving gained per unit of fatigue times sensitivity.
const FATIGUE_ON_CHURN: f64 = 0.1;
/// Largest fatigue times sensitivity that is told apart.
const FATIGUE_MAX: f64 = 12.0;
/// Log of the hazard of leaving gained per week without a good experience, up to a quarter.
const DISAPPOINTMENT: f64 = 0.1;
const DISAPPOINTMENT_WEEKS: u32 = 13;
/// Weekly decay of the reference depth.
const REFERENCE_DECAY: f64 = 0.88;
/// A loss against the reference depth weighs this many times a gain.
const LOSS_AVERSION: f64 = 2.0;
/// Weeks of cover at home beyond which more does not matter.
const COVER_MAX: f64 = 6.0;
/// Cover that the taste for a category already takes into account.
const USUAL_COVER: f64 = 1.5;
/// Share of what lies at home that is used up beyond the usual consumption.
const WASTE: f64 = 0.2;
/// Most extra units expected of one purchase.
const EXTRA_UNITS_MAX: f64 = 8.0;
/// Weeks over which the habit of visiting fades.
const HABIT_WEEKS: f64 = 4.0;

/// A customer in a week, with everything that does not depend on the offer.
pub(crate) struct Situation<'a> {
    market: &'a Market,
    structure: &'a Structure,
    customer: &'a Customer,
    state: &'a CustomerState,
    pub(crate) week: u32,
    /// Fatigue as this customer feels it.
    felt_fatigue: f64,
    /// Attention to an offer now.
    attention: f64,
}

/// One category of a customer-week under one depth of offer.
#[derive(Clone, Copy)]
pub(crate) struct CategoryDemand {
    /// Unnormalised product probabilities; the first `per_category` count.
    pub(crate) weights: [f64; MAX_PRODUCTS],
    /// Their sum.
    pub(crate) total: f64,
    /// Probability of buying on a visit.
    pub(crate) incidence: f64,
    /// What the category adds to the surplus of a visit.
    pub(crate) surplus: f64,
}

impl CategoryDemand {
    pub(crate) const NOTHING: Self =
        Self { weights: [0.0; MAX_PRODUCTS], total: 0.0, incidence: 0.0, surplus: 0.0 };
}

/// Expected units and margin of one category, given a visit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    pub(crate) units: f64,
    pub(crate) margin: f64,
    pub(crate) surplus: f64,
}

impl<'a> Situation<'a> {
    pub(crate) fn new(
        market: &'a Market,
        structure: &'a Structure,
        customer: &'a Customer,
        state: &'a CustomerState,
        week: u32,
    ) -> Self {
        let felt_fatigue = felt_fatigue(customer, state);
        let attention = customer.attention * (-FATIGUE_ON_ATTENTION * felt_fatigue).exp();
        Self { market, structure, customer, state, week, felt_fatigue, attention }
    }

    /// Demand in one category when the customer's own offer takes `depth` off there.
    pub(crate) fn category_into(&self, category: usize, depth: f64, out: &mut CategoryDemand) {
        let Self { structure, customer, state, .. } = self;
        let shelf = self.market.shelf(self.week, category);
        let first = category * self.market.per_category();
        let offer_cut = -(1.0 - depth).ln();
        let factor = |total_depth: f64, log_cut: f64| {
            let gap = total_depth - state.reference_depth;
            let felt = if gap < 0.0 { LOSS_AVERSION * gap } else { gap };
            (customer.price_sensitivity * log_cut + structure.reference_strength * felt).exp()
        };
        let off_deal = factor(depth, offer_cut);
        let mut total = 0.0;
        for (j, price) in shelf.iter().enumerate() {
            let scale = if price.depth > 0.0 {
                factor(1.0 - (1.0 - price.depth) * (1.0 - depth), price.log_cut + offer_cut)
            } else {
                off_deal
            };
            out.weights[j] = customer.product_weights[first + j] * scale;
            total += out.weights[j];
        }
        let cover = (state.stock[category] / customer.consumption[category]).min(COVER_MAX);
        let log_odds = customer.tastes[category]
            + structure.season_amplitude * self.market.season(self.week, category)
            + structure.incidence_strength * total.ln()
            + structure.stock_strength * (USUAL_COVER - cover);
        let noticed = structure.offer_salience * self.attention * depth;
        out.total = total;
        out.incidence = logistic(log_odds + noticed);
        out.surplus = softplus(log_odds + noticed);
    }

    /// Mean extra units of product `j` of a category at its price this week.
    pub(crate) fn extra_units(&self, category: usize, log_cut: f64) -> f64 {
        let growth = (self.customer.stockpiling * log_cut).exp();
        (self.customer.extra_units[category] * growth).min(EXTRA_UNITS_MAX)
    }

    /// Expected units and margin of a category given a visit.
    pub(crate) fn expect(&self, category: usize, depth: f64) -> Expected {
        let mut demand = CategoryDemand::NOTHING;
        self.category_into(category, depth, &mut demand);
        let offer_cut = -(1.0 - depth).ln();
        let usual = self.extra_units(category, offer_cut);
        let mut units = 0.0;
        let mut margin = 0.0;
        let shelf = self.market.shelf(self.week, category);
        for (j, product) in self.market.in_category(category).iter().enumerate() {
            let price = shelf[j];
            let extra = if price.depth > 0.0 {
                self.extra_units(category, price.log_cut + offer_cut)
            } else {
                usual
            };
            let bought = demand.weights[j] * (1.0 + extra);
            units += bought;
            margin += bought * (price.price * (1.0 - depth) - product.unit_cost);
        }
        let scale = demand.incidence / demand.total;
        Expected { units: units * scale, margin: margin * scale, surplus: demand.surplus }
    }

    /// Probability of a visit when the categories promise `surplus` without an offer, and an offer
    /// that holds the customer's full attention adds `gain`.
    pub(crate) fn visit_probability(&self, surplus: f64, gain: f64) -> f64 {
        let Self { structure, customer, state, .. } = self;
        let habit = (-f64::from(state.weeks_since_visit) / HABIT_WEEKS).exp() - 0.5;
        let promised = surplus - customer.usual_surplus + self.attention * gain;
        logistic(
            customer.visit
                + structure.season_amplitude * 0.5 * self.market.visit_season(self.week)
                + structure.habit_strength * habit
                + structure.visit_pull * promised
                - FATIGUE_ON_VISIT * self.felt_fatigue,
        )
    }
}

impl Customer {
    /// What a week does to the state besides purchases: contact, prices seen, consumption.
    pub(crate) fn live_through(&self, state: &mut CustomerState, offer: &Offer, seen: &Seen) {
        let contacted = offer.is_contact();
        state.fatigue = FATIGUE_DECAY * state.fatigue + f64::from(u8::from(contacted));
        if seen.visited || contacted {
            let depth = seen.depth.max(offer.depth);
            state.reference_depth =
                REFERENCE_DECAY * state.reference_depth + (1.0 - REFERENCE_DECAY) * depth;
        }
        let good = seen.n_categories >= 2 || seen.depth > 0.0;
        state.weeks_since_visit = if seen.visited { 0 } else { state.weeks_since_visit + 1 };
        state.weeks_since_good = if good { 0 } else { state.weeks_since_good + 1 };
        for (stock, &rate) in state.stock.iter_mut().zip(&self.consumption) {
            *stock = (*stock * (1.0 - WASTE) - rate).max(0.0);
        }
    }

    /// Probability of leaving at the end of a week, given the state at that time.
    #[must_use]
    pub fn churn_probability(&self, state: &CustomerState) -> f64 {
        let waiting = f64::from(state.weeks_since_good.min(DISAPPOINTMENT_WEEKS));
        let strain = FATIGUE_ON_CHURN * felt_fatigue(self, state) + DISAPPOINTMENT * waiting;
        1.0 - (-self.churn_hazard * strain.exp()).exp()
    }
}

fn felt_fatigue(customer: &Customer, state: &CustomerState) -> f64 {
    (customer.fatigue_sensitivity * state.fatigue).min(FATIGUE_MAX)
}

/// What the customer saw in the store in one week.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) visited: bool,
    pub(crate) n_categories: usize,
    /// Deepest price cut among the purchases.
    pub(crate) depth: f64,
}
