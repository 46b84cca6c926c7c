//! One customer-week of the model: prepared once per customer, evaluated once per week, then read
//! out in expectation and sampled, without allocation.

use super::features::{
    CategoryInput, incidence_common, incidence_fixed, incidence_offer, incidence_own,
    incidence_shelf, units_fixed, units_moving, visit_fixed, visit_moving, visit_offer,
};
use super::{CategoryModel, DemandModel, basket, dot, felt_depth, sigmoid, units_quantile};
use crate::retail::catalogue::{Mechanic, Offer, Purchase};
use crate::retail::history::{CategoryWeek, WeekRecord};
use crate::retail::observation::ObservationView;
use rand::{Rng, RngCore};

/// Largest mean of units beyond the first.
const EXTRA_UNITS_MAX: f64 = 150.0;

/// The parts of the predictors that hold over an episode: who the customer is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prepared {
    persona: usize,
    visit: f64,
    categories: Vec<PreparedCategory>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct PreparedCategory {
    incidence: f64,
    /// Response of incidence per unit of shelf depth.
    shelf: f64,
    units: f64,
}

/// What a week holds besides the customer.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeekInput<'a> {
    /// Shelf depth by category, shape `[n_categories]`.
    pub shelf: &'a [f64],
    /// Log regular price over its mean by category; empty when unknown, which counts as 0.
    pub price: &'a [f64],
    /// Shift of every visit logit.
    pub visit_shock: f64,
    /// Shift of all log units beyond the first.
    pub units_shock: f64,
}

impl<'a> WeekInput<'a> {
    /// A week of which only the shelf depths are known.
    #[must_use]
    pub fn of_shelf(shelf: &'a [f64]) -> Self {
        Self { shelf, ..Self::default() }
    }

    fn price(&self, category: usize) -> f64 {
        self.price.get(category).copied().unwrap_or(0.0)
    }
}

/// What the week is expected to bring in one category, given a visit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CategoryPlan {
    /// Probability of a purchase.
    pub incidence: f64,
    /// Expected units beyond the first, given a purchase.
    pub extra_units: f64,
    /// Regular price of a unit, money.
    pub unit_price: f64,
    /// Unit margin over the regular price.
    pub margin_rate: f64,
    /// Share of the regular value that the shelf discount leaves.
    pub shelf_paid: f64,
    /// Share of what is then paid that the offer takes, redemption counted.
    pub offer_share: f64,
    dispersion: f64,
    /// Logit of the incidence and log of the extra units before the offer.
    eta: f64,
    log_extra: f64,
}

impl CategoryPlan {
    /// Expected value at the regular price, money.
    #[must_use]
    pub fn gross(&self) -> f64 {
        self.incidence * (1.0 + self.extra_units) * self.unit_price
    }

    /// Expected units.
    #[must_use]
    pub fn units(&self) -> f64 {
        self.incidence * (1.0 + self.extra_units)
    }

    /// Expected offer discount, money.
    #[must_use]
    pub fn offer_discount(&self) -> f64 {
        self.gross() * self.shelf_paid * self.offer_share
    }

    /// Expected revenue, money.
    #[must_use]
    pub fn revenue(&self) -> f64 {
        self.gross() * self.shelf_paid * (1.0 - self.offer_share)
    }

    /// Expected revenue less cost of goods, money.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.revenue() - self.gross() * (1.0 - self.margin_rate)
    }

    /// Turns the predictors, moved by the response to an offer, into expectations.
    pub(super) fn respond(&mut self, incidence: f64, units: f64) {
        self.incidence = sigmoid(self.eta + incidence);
        self.extra_units = (self.log_extra + units).exp().min(EXTRA_UNITS_MAX);
    }
}

/// A customer-week as the model sees it; buffers are kept for the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeekPlan {
    /// Probability of a visit.
    pub visit: f64,
    /// Categories in order, given a visit.
    pub categories: Vec<CategoryPlan>,
    /// Cost of the contact, money.
    pub contact_cost: f64,
    pub(super) visit_logit: f64,
    redemption: f64,
    incidence: Vec<f64>,
    bought: Vec<bool>,
}

/// What a week is expected to bring, given the observation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeekExpectation {
    /// Probability of a visit.
    pub visit: f64,
    /// Units.
    pub units: f64,
    /// Revenue after discounts, money.
    pub revenue: f64,
    /// Contribution margin after offer and contact cost, money.
    pub contribution: f64,
    /// Offer discount plus contact cost, money.
    pub promotion_cost: f64,
}

impl DemandModel {
    /// Writes the parts that hold over an episode; `view` gives the traits.
    pub fn prepare(&self, view: &ObservationView<'_>, out: &mut Prepared) {
        let persona = view.persona();
        out.persona = persona;
        out.visit = dot(&self.visit.fixed, &visit_fixed(view)) + self.visit.persona[persona];
        let shelf_row = incidence_shelf(view);
        out.categories.clear();
        out.categories.extend(self.categories.iter().enumerate().map(|(c, model)| {
            PreparedCategory {
                incidence: dot(&model.fixed, &incidence_fixed(view, c)) + model.persona[persona],
                shelf: dot(&model.shelf, &shelf_row) + model.persona_shelf[persona],
                units: dot(&model.units.fixed, &units_fixed(view, c))
                    + model.units.persona[persona],
            }
        }));
    }

    /// Evaluates a week under an offer. `view` must be of the customer that was prepared.
    ///
    /// Cost: one pass over the categories, two exponentials in each.
    pub fn evaluate(
        &self,
        prepared: &Prepared,
        view: &ObservationView<'_>,
        week: &WeekInput<'_>,
        offer: &Offer,
        plan: &mut WeekPlan,
    ) {
        self.predict(prepared, view, week, plan);
        self.respond(prepared.persona, view, offer, plan);
    }

    /// The linear predictors without an offer.
    pub(super) fn predict(
        &self,
        prepared: &Prepared,
        view: &ObservationView<'_>,
        week: &WeekInput<'_>,
        plan: &mut WeekPlan,
    ) {
        let n = self.categories.len();
        let shelf_sum: f64 = week.shelf.iter().sum();
        let moving = visit_moving(view, view.recency(), shelf_sum / n.max(1) as f64);
        plan.visit_logit = prepared.visit + dot(&self.visit.moving, &moving) + week.visit_shock;
        plan.redemption = self.redemption;
        let common = incidence_common(view);
        let others = (n.saturating_sub(1)).max(1) as f64;
        plan.categories.resize(n, CategoryPlan::default());
        for (c, (model, slot)) in self.categories.iter().zip(&mut plan.categories).enumerate() {
            let (who, shelf) = (&prepared.categories[c], week.shelf[c]);
            let input = CategoryInput {
                shelf,
                shelf_elsewhere: (shelf_sum - shelf) / others,
                price: week.price(c),
                offer_elsewhere: 0.0,
            };
            slot.eta = who.incidence
                + dot(&model.common, &common)
                + dot(&model.own, &incidence_own(view, c, &input))
                + (who.shelf * shelf).max(0.0);
            slot.log_extra = who.units
                + dot(&model.units.moving, &units_moving(view, c, input.price))
                + (model.units.shelf * shelf).max(0.0)
                + week.units_shock;
            slot.unit_price = model.unit_price[prepared.persona];
            slot.margin_rate = model.margin_rate;
            slot.shelf_paid = 1.0 - model.realised_shelf(shelf, view.discount_share());
            slot.dispersion = model.units.dispersion;
            slot.offer_share = 0.0;
        }
    }

    /// Adds the response to the offer and turns predictors into expectations.
    fn respond(
        &self,
        persona: usize,
        view: &ObservationView<'_>,
        offer: &Offer,
        plan: &mut WeekPlan,
    ) {
        plan.contact_cost = offer.contact_cost;
        plan.visit = sigmoid(plan.visit_logit);
        if !offer.is_contact() {
            plan.categories.iter_mut().for_each(|slot| slot.respond(0.0, 0.0));
            return;
        }
        let terms = plan.terms(offer);
        let depth = felt_depth(terms.felt);
        plan.visit = sigmoid(plan.visit_logit + self.visit_response(persona, view, offer, depth));
        for (c, (model, slot)) in self.categories.iter().zip(&mut plan.categories).enumerate() {
            if offer.category.is_some_and(|target| target != c) {
                slot.respond(model.elsewhere(depth), 0.0);
            } else {
                slot.offer_share = terms.cost;
                let (eta, units) = model.offer_response(persona, view, c, depth);
                slot.respond(eta, units);
            }
        }
    }

    /// Lift of the visit logit by an offer of this felt depth, at least 0.
    pub(super) fn visit_response(
        &self,
        persona: usize,
        view: &ObservationView<'_>,
        offer: &Offer,
        felt_depth: f64,
    ) -> f64 {
        let slope = dot(&self.visit.offer, &visit_offer(view, offer.category, felt_depth))
            + self.visit.persona_offer[persona];
        (slope * felt_depth).max(0.0)
    }
}

impl CategoryModel {
    /// Shift of the incidence logit by an offer of this felt depth on another category.
    pub(super) fn elsewhere(&self, felt_depth: f64) -> f64 {
        self.own[super::features::OFFER_ELSEWHERE] * felt_depth
    }

    /// Lift of the incidence logit and of the log extra units by an offer of this felt depth on the
    /// category, each at least 0.
    pub(super) fn offer_response(
        &self,
        persona: usize,
        view: &ObservationView<'_>,
        category: usize,
        felt_depth: f64,
    ) -> (f64, f64) {
        let slope = dot(&self.offer, &incidence_offer(view, category, felt_depth))
            + self.persona_offer[persona];
        ((slope * felt_depth).max(0.0), (self.units.offer * felt_depth).max(0.0))
    }
}

/// What an offer is worth to this customer, and costs us, as shares of what the purchase costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfferTerms {
    pub(super) felt: f64,
    /// Counted with redemption.
    pub(super) cost: f64,
}

impl WeekPlan {
    /// Takes the offer for what it is worth on the purchase that is expected without it.
    pub(super) fn terms(&mut self, offer: &Offer) -> OfferTerms {
        let redemption = self.redemption * offer.redemption();
        if offer.mechanic == Mechanic::Percent {
            return OfferTerms { felt: offer.depth, cost: offer.depth * redemption };
        }
        let mut basket = 0.0;
        for slot in &mut self.categories {
            slot.respond(0.0, 0.0);
            basket += slot.gross() * slot.shelf_paid;
        }
        let purchase = match offer.category {
            Some(c) => {
                let slot = &self.categories[c];
                let unit_price = slot.unit_price * slot.shelf_paid;
                let own = (1.0 + slot.extra_units) * unit_price;
                let elsewhere = basket - slot.gross() * slot.shelf_paid;
                Purchase { units: 1.0 + slot.extra_units, unit_price, basket: own + elsewhere }
            }
            None => {
                let units: f64 = self.categories.iter().map(CategoryPlan::units).sum();
                Purchase { units, unit_price: basket / units.max(1e-9), basket }
            }
        };
        let cost = offer.cost_share(&purchase) * redemption;
        OfferTerms { felt: offer.felt_share(&purchase), cost }
    }

    /// What the week brings in expectation from a customer who is with us.
    #[must_use]
    pub fn expected(&self) -> WeekExpectation {
        let mut total = WeekExpectation { visit: self.visit, ..WeekExpectation::default() };
        let mut basket_size = 0.0;
        for slot in &self.categories {
            let gross = slot.gross();
            let paid = gross * slot.shelf_paid;
            let discount = paid * slot.offer_share;
            basket_size += slot.incidence;
            total.units += slot.units();
            total.revenue += paid - discount;
            total.contribution += paid - discount - gross * (1.0 - slot.margin_rate);
            total.promotion_cost += discount;
        }
        let baskets = self.visit * basket::scale(basket_size);
        total.units *= baskets;
        total.revenue *= baskets;
        total.contribution = baskets * total.contribution - self.contact_cost;
        total.promotion_cost = baskets * total.promotion_cost + self.contact_cost;
        total
    }

    /// Baskets that the week is expected to bring: the factor between what a category brings given a
    /// visit and what it brings in the week.
    #[must_use]
    pub fn expected_baskets(&self) -> f64 {
        self.visit * basket::scale(self.categories.iter().map(|slot| slot.incidence).sum())
    }

    /// Draws the week of a customer who is with us. Random numbers are taken in a fixed order: the
    /// visit, the redemption, then one per category for the basket and one for the units, so that
    /// two arms with the same stream share their luck.
    pub fn sample(&mut self, offer: &Offer, rng: &mut dyn RngCore, week: &mut WeekRecord) {
        week.contact(offer);
        let visit = rng.random::<f64>() < self.visit;
        let redeems = rng.random::<f64>() < self.redemption * offer.redemption();
        if !visit {
            return;
        }
        let n = self.categories.len();
        self.incidence.clear();
        self.incidence.extend(self.categories.iter().map(|slot| slot.incidence));
        self.bought.resize(n, false);
        basket::draw(&mut self.incidence, rng, &mut self.bought);
        for (c, slot) in self.categories.iter().enumerate() {
            let luck = rng.random::<f64>();
            if self.bought[c] {
                let units = 1.0 + units_quantile(slot.extra_units, slot.dispersion, luck);
                let gross = units * slot.unit_price;
                let shelf_discount = gross * (1.0 - slot.shelf_paid);
                let cost = gross * (1.0 - slot.margin_rate);
                let offer_discount = 0.0;
                week.categories[c] =
                    CategoryWeek { units, gross, shelf_discount, offer_discount, cost };
            }
        }
        if redeems && offer.is_contact() {
            offer.redeem(&mut week.categories);
        }
    }
}
