//! The fitted response model: visit → category incidence → quantity, as a function of the observation.
//!
//! Every term reads the observation (and the week's shelf depths), nothing else, so the simulator,
//! the fit and a policy that scores offers with the model share one set of feature rows. Linear
//! predictors are sums of shared features and deviations of the customer's persona.
//!
//! ```text
//! P(visit | with us)  = σ(β · visit_features + persona intercept + offer response)
//! P(category | visit) = σ(β_c · incidence_features + persona intercept + shelf and offer response)
//! units | bought      = 1 + Poisson(exp(β_c · quantity_features + persona intercept))
//! ```
//!
//! A customer leaves for good with a small probability each week, unseen: whether a silent customer is
//! still with us is inferred from the length of the silence ([`DemandModel::alive`]).
//!
//! The response to a depth is clamped at zero from below: a deeper cut never lowers expected demand
//! within the week. Source of the stages: Gupta 1988; van Heerde and Neslin 2017.

use super::catalogue::{Offer, OfferCatalogue};
use super::history::{CategoryWeek, WeekRecord};
use super::observation::ObservationView;
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

mod basket;

/// State features of the visit model, before the offer.
pub const VISIT_STATE: usize = 11;
/// Position of the contact pressure among the visit's state features.
pub const VISIT_CONTACTS: usize = 5;
/// Position of the smoothed offer depth among the visit's state features.
pub const VISIT_OFFER_DEPTH: usize = 10;
/// Position of the stock at home among the incidence's state features.
pub const INCIDENCE_STOCK: usize = 3;
/// Position of the smoothed offer depth among the incidence's state features.
pub const INCIDENCE_OFFER_DEPTH: usize = 11;
/// Position of the contact pressure among the incidence's state features.
pub const INCIDENCE_CONTACTS: usize = 8;
/// Position of the offer on another category among the incidence's state features.
pub const INCIDENCE_ELSEWHERE: usize = 12;
/// Features of the response of visits to an offer.
pub const VISIT_OFFER: usize = 8;
/// State features of the incidence model.
pub const INCIDENCE_STATE: usize = 13;
/// Features of the response of incidence to the shelf depth.
pub const INCIDENCE_SHELF: usize = 2;
/// Features of the response of incidence to an offer on the category.
pub const INCIDENCE_OFFER: usize = 8;
/// Features of the quantity model.
pub const QUANTITY: usize = 8;
/// Largest mean of units beyond the first.
const EXTRA_UNITS_MAX: f64 = 150.0;
/// Weeks over which the habit of visiting fades.
const HABIT_WEEKS: f64 = 4.0;

fn logit(p: f64) -> f64 {
    let p = p.clamp(0.01, 0.99);
    (p / (1.0 - p)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Depth of an offer as customers respond to it, `ln(1 + 5 d) / 5`: the second ten per cent move
/// less than the first.
#[must_use]
pub fn felt_depth(depth: f64) -> f64 {
    (5.0 * depth).ln_1p() / 5.0
}

/// State features of the visit model; `shelf_mean` is the mean shelf depth over categories.
#[must_use]
pub fn visit_state(view: &ObservationView<'_>, shelf_mean: f64) -> [f64; VISIT_STATE] {
    visit_state_at(view, view.recency(), shelf_mean)
}

fn visit_state_at(view: &ObservationView<'_>, recency: f64, shelf_mean: f64) -> [f64; VISIT_STATE] {
    [
        1.0,
        logit(view.frequency()),
        (-recency / HABIT_WEEKS).exp(),
        view.season_sin(),
        view.season_cos(),
        view.contacts(),
        view.reference_depth(),
        shelf_mean,
        view.discount_share(),
        view.redemption_rate(),
        view.offer_depth(),
    ]
}

/// Offer features of the visit model, for a contact at `depth` in `category`.
#[must_use]
pub fn visit_offer(view: &ObservationView<'_>, category: usize, depth: f64) -> [f64; VISIT_OFFER] {
    let (depth, redeems) = (felt_depth(depth), view.redemption_rate());
    [
        depth,
        depth * view.category_share(category),
        depth * view.discount_share(),
        depth * redeems,
        depth * redeems * redeems,
        depth * (1.0 + view.recency()).ln(),
        depth * view.contacts(),
        depth * view.category_stock(category),
    ]
}

/// State features of the incidence model of a category; `elsewhere` is the depth of an offer on
/// another category, which may be what the visit was for.
#[must_use]
pub fn incidence_state(
    view: &ObservationView<'_>,
    category: usize,
    elsewhere: f64,
) -> [f64; INCIDENCE_STATE] {
    [
        1.0,
        logit(view.category_share(category)),
        (1.0 + view.category_recency(category)).ln(),
        view.category_stock(category),
        (1.0 + view.recency()).ln(),
        view.season_sin(),
        view.season_cos(),
        view.reference_depth(),
        view.contacts(),
        view.discount_share(),
        view.redemption_rate(),
        view.offer_depth(),
        felt_depth(elsewhere),
    ]
}

/// Shelf features of the incidence model.
#[must_use]
pub fn incidence_shelf(view: &ObservationView<'_>, shelf: f64) -> [f64; INCIDENCE_SHELF] {
    [shelf, shelf * view.discount_share()]
}

/// Offer features of the incidence model, for an offer at `depth` on the category itself.
#[must_use]
pub fn incidence_offer(
    view: &ObservationView<'_>,
    category: usize,
    depth: f64,
) -> [f64; INCIDENCE_OFFER] {
    let (depth, redeems) = (felt_depth(depth), view.redemption_rate());
    [
        depth,
        depth * view.category_share(category),
        depth * view.discount_share(),
        depth * redeems,
        depth * redeems * redeems,
        depth * view.contacts(),
        depth * view.category_stock(category),
        depth * view.reference_depth(),
    ]
}

/// Features of the quantity model; `offer` is the offer's depth in this category.
#[must_use]
pub fn quantity_features(
    view: &ObservationView<'_>,
    category: usize,
    shelf: f64,
    offer: f64,
) -> [f64; QUANTITY] {
    [
        1.0,
        (1.0 + view.monetary()).ln(),
        logit(view.category_share(category)),
        view.category_stock(category),
        shelf,
        offer,
        view.season_sin(),
        view.season_cos(),
    ]
}

/// Coefficients of the visit model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitModel {
    /// Shape `[VISIT_STATE]`.
    pub state: Vec<f64>,
    /// Shape `[VISIT_OFFER]`.
    pub offer: Vec<f64>,
    /// Deviation of each persona's intercept, shape `[n_personas]`.
    pub persona: Vec<f64>,
    /// Deviation of each persona's response to depth, shape `[n_personas]`.
    pub persona_offer: Vec<f64>,
}

/// Coefficients and prices of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryModel {
    /// Shape `[INCIDENCE_STATE]`.
    pub state: Vec<f64>,
    /// Shape `[INCIDENCE_SHELF]`.
    pub shelf: Vec<f64>,
    /// Shape `[INCIDENCE_OFFER]`.
    pub offer: Vec<f64>,
    /// Deviations by persona: intercept, shape `[n_personas]`.
    pub persona: Vec<f64>,
    /// Deviations by persona: response to shelf depth, shape `[n_personas]`.
    pub persona_shelf: Vec<f64>,
    /// Deviations by persona: response to offer depth, shape `[n_personas]`.
    pub persona_offer: Vec<f64>,
    /// Shape `[QUANTITY]`.
    pub quantity: Vec<f64>,
    /// Deviation of each persona's log extra units, shape `[n_personas]`.
    pub persona_quantity: Vec<f64>,
    /// Regular price of a unit by persona, money, shape `[n_personas]`.
    pub unit_price: Vec<f64>,
    /// Unit margin over the regular price.
    pub margin_rate: f64,
    /// Shelf discount that buyers realise over the shelf depth of the week.
    pub shelf_realised: f64,
    /// Mean shelf depth over the history, used when the week's is not known.
    pub shelf_mean: f64,
}

/// The response model of one fitted world (one posterior draw, or the mean).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemandModel {
    /// Store visits.
    pub visit: VisitModel,
    /// Categories in order, the last of them `other`.
    pub categories: Vec<CategoryModel>,
    /// Probability that a buyer of the category uses the offer.
    pub redemption: f64,
    /// Probability of leaving for good at the end of a week.
    pub churn: f64,
}

/// What a week is expected to bring, given the observation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeekExpectation {
    /// Probability of a visit.
    pub visit: f64,
    /// Revenue after discounts, money.
    pub revenue: f64,
    /// Contribution margin after offer and contact cost, money.
    pub contribution: f64,
    /// Offer discount plus contact cost, money.
    pub promotion_cost: f64,
}

/// The offer of a week as one category sees it; one of the two is 0.
#[derive(Debug, Clone, Copy, Default)]
struct OfferDepth {
    own: f64,
    elsewhere: f64,
}

impl OfferDepth {
    fn of(offer: &Offer, category: usize) -> Self {
        let own = offer.depth_in(category);
        Self { own, elsewhere: if own > 0.0 { 0.0 } else { offer.depth } }
    }
}

/// Expected purchase in one category, given a visit.
#[derive(Debug, Clone, Copy, Default)]
struct CategoryExpectation {
    incidence: f64,
    extra_units: f64,
    revenue: f64,
    margin: f64,
    offer_discount: f64,
}

impl DemandModel {
    /// Probability that a customer who has been silent for `r = recency` weeks is still with us:
    /// `s_r / (s_r + h Σ_{j<r} s_j)` with `s_j = ((1 − h)(1 − p))^j`, `p` the customer's usual
    /// probability of a visit and `h` the weekly hazard of leaving (Fader, Hardie and Shang 2010).
    #[must_use]
    pub fn alive(&self, view: &ObservationView<'_>) -> f64 {
        let persona = view.persona();
        let usual = dot(&self.visit.state, &visit_state_at(view, 1.0, 0.0));
        let p = sigmoid(usual + self.visit.persona[persona]);
        let (h, weeks) = (self.churn, view.recency());
        let survive = (1.0 - h) * (1.0 - p);
        let silent = survive.powf(weeks);
        let left = h * (1.0 - silent) / (1.0 - survive).max(1e-12);
        silent / (silent + left)
    }

    fn visit_logit(&self, view: &ObservationView<'_>, shelf_mean: f64, offer: &Offer) -> f64 {
        let (model, persona) = (&self.visit, view.persona());
        let base = dot(&model.state, &visit_state(view, shelf_mean)) + model.persona[persona];
        base + self.visit_response(view, offer)
    }

    /// Lift of the visit logit by an offer, at least 0.
    fn visit_response(&self, view: &ObservationView<'_>, offer: &Offer) -> f64 {
        let Some(category) = offer.category else { return 0.0 };
        let model = &self.visit;
        let shared = dot(&model.offer, &visit_offer(view, category, offer.depth));
        (shared + model.persona_offer[view.persona()] * felt_depth(offer.depth)).max(0.0)
    }

    fn category(
        &self,
        view: &ObservationView<'_>,
        category: usize,
        shelf: f64,
        offer: OfferDepth,
    ) -> CategoryExpectation {
        let OfferDepth { own: depth, elsewhere } = offer;
        let (model, persona) = (&self.categories[category], view.persona());
        let mut eta =
            dot(&model.state, &incidence_state(view, category, elsewhere)) + model.persona[persona];
        let shelf_response = dot(&model.shelf, &incidence_shelf(view, shelf));
        eta += (shelf_response + model.persona_shelf[persona] * shelf).max(0.0);
        if depth > 0.0 {
            let response = dot(&model.offer, &incidence_offer(view, category, depth));
            eta += (response + model.persona_offer[persona] * felt_depth(depth)).max(0.0);
        }
        let log_extra = dot(&model.quantity, &quantity_features(view, category, shelf, depth))
            + model.persona_quantity[persona];
        let incidence = sigmoid(eta);
        let extra_units = log_extra.exp().min(EXTRA_UNITS_MAX);
        let gross = incidence * (1.0 + extra_units) * model.unit_price[persona];
        let shelf_paid = 1.0 - model.realised_shelf(shelf);
        let offer_discount = gross * shelf_paid * depth * self.redemption;
        let revenue = gross * shelf_paid - offer_discount;
        let margin = revenue - gross * (1.0 - model.margin_rate);
        CategoryExpectation { incidence, extra_units, revenue, margin, offer_discount }
    }

    /// What the week brings in expectation from a customer who is with us. Shape of `shelf`:
    /// `[n_categories]`.
    #[must_use]
    pub fn expected_week(
        &self,
        view: &ObservationView<'_>,
        shelf: &[f64],
        offer: &Offer,
    ) -> WeekExpectation {
        let visit = sigmoid(self.visit_logit(view, mean(shelf), offer));
        let mut total = WeekExpectation { visit, ..WeekExpectation::default() };
        let mut basket_size = 0.0;
        for (category, &depth) in shelf.iter().enumerate() {
            let c = self.category(view, category, depth, OfferDepth::of(offer, category));
            basket_size += c.incidence;
            total.revenue += c.revenue;
            total.contribution += c.margin;
            total.promotion_cost += c.offer_discount;
        }
        let baskets = visit * basket::scale(basket_size);
        total.revenue *= baskets;
        total.contribution = baskets * total.contribution - offer.contact_cost;
        total.promotion_cost = baskets * total.promotion_cost + offer.contact_cost;
        total
    }

    /// Expected contribution of every action at the mean shelf depths, weighed by the probability
    /// that the customer is still with us, less `budget_price` times the promotion cost; shape of
    /// `out`: `[n_actions]`.
    ///
    /// Cost: one pass over the categories for each depth, plus one category per offer.
    pub fn score(
        &self,
        view: &ObservationView<'_>,
        catalogue: &OfferCatalogue,
        out: &mut Vec<f64>,
    ) {
        let beside_an_offer = |elsewhere: f64| -> Vec<CategoryExpectation> {
            let offer = OfferDepth { own: 0.0, elsewhere };
            let expect = |c: usize| self.category(view, c, self.categories[c].shelf_mean, offer);
            (0..self.categories.len()).map(expect).collect()
        };
        let mut beside = vec![(0.0, beside_an_offer(0.0))];
        let n = self.categories.len().max(1) as f64;
        let shelf_mean = self.categories.iter().map(|c| c.shelf_mean).sum::<f64>() / n;
        let plain = self.visit_logit(view, shelf_mean, &catalogue.offers()[0]);
        let (budget_price, alive) = (view.budget_price(), self.alive(view));
        out.clear();
        for offer in catalogue.offers() {
            let known = beside.iter().position(|(depth, _)| *depth == offer.depth);
            let at = known.unwrap_or_else(|| {
                beside.push((offer.depth, beside_an_offer(offer.depth)));
                beside.len() - 1
            });
            let mut basket_size: f64 = beside[at].1.iter().map(|c| c.incidence).sum();
            let mut margin: f64 = beside[at].1.iter().map(|c| c.margin).sum();
            let mut discount = 0.0;
            if let Some(c) = offer.category {
                let shelf = self.categories[c].shelf_mean;
                let own = self.category(view, c, shelf, OfferDepth::of(offer, c));
                basket_size += own.incidence - beside[at].1[c].incidence;
                margin += own.margin - beside[at].1[c].margin;
                discount = own.offer_discount;
            }
            let visit = alive * sigmoid(plain + self.visit_response(view, offer));
            let baskets = visit * basket::scale(basket_size);
            let cost = baskets * discount + offer.contact_cost;
            out.push(baskets * margin - offer.contact_cost - budget_price * cost);
        }
    }

    /// Draws a week of a customer who is with us. The random numbers are consumed in a fixed order
    /// whatever happens, so that two arms with the same stream share their luck.
    pub fn sample_week(
        &self,
        view: &ObservationView<'_>,
        shelf: &[f64],
        offer: &Offer,
        rng: &mut dyn RngCore,
        week: &mut WeekRecord,
    ) {
        week.contact(offer);
        let visit = rng.random::<f64>() < sigmoid(self.visit_logit(view, mean(shelf), offer));
        let redeems = rng.random::<f64>() < self.redemption;
        let n = self.categories.len();
        let basket_luck: Vec<f64> = (0..n).map(|_| rng.random()).collect();
        let units_luck: Vec<f64> = (0..n).map(|_| rng.random()).collect();
        if !visit {
            return;
        }
        let expect = |c: usize| self.category(view, c, shelf[c], OfferDepth::of(offer, c));
        let expected: Vec<CategoryExpectation> = (0..n).map(expect).collect();
        let mut incidence: Vec<f64> = expected.iter().map(|c| c.incidence).collect();
        let mut bought = vec![false; n];
        basket::draw(&mut incidence, &basket_luck, &mut bought);
        for (category, slot) in week.categories.iter_mut().enumerate().filter(|(c, _)| bought[*c]) {
            let model = &self.categories[category];
            let extra = poisson_quantile(expected[category].extra_units, units_luck[category]);
            let gross = (1.0 + extra) * model.unit_price[view.persona()];
            let shelf_discount = gross * model.realised_shelf(shelf[category]);
            let used = if redeems { offer.depth_in(category) } else { 0.0 };
            *slot = CategoryWeek {
                units: 1.0 + extra,
                gross,
                shelf_discount,
                offer_discount: (gross - shelf_discount) * used,
                cost: gross * (1.0 - model.margin_rate),
            };
        }
    }

    /// Probability of buying in a category in a week, and expected units, at an offer depth.
    #[must_use]
    pub fn response_at(
        &self,
        view: &ObservationView<'_>,
        category: usize,
        shelf: f64,
        offer: &Offer,
    ) -> (f64, f64) {
        let visit = sigmoid(self.visit_logit(view, shelf, offer));
        let c = self.category(view, category, shelf, OfferDepth::of(offer, category));
        (visit * c.incidence, visit * c.incidence * (1.0 + c.extra_units))
    }
}

impl CategoryModel {
    /// Share of the regular value that buyers get off in a week of this shelf depth: they pick the
    /// deals, so it exceeds the mean depth over products.
    #[must_use]
    pub fn realised_shelf(&self, shelf: f64) -> f64 {
        (shelf * self.shelf_realised).clamp(0.0, 0.9)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The Poisson quantile at `u`: the smallest `k` with `P(X ≤ k) > u`, at most 200.
#[must_use]
pub fn poisson_quantile(mean: f64, u: f64) -> f64 {
    let mut probability = (-mean).exp();
    let mut cumulative = probability;
    let mut k = 0.0;
    while u >= cumulative && k < 200.0 {
        k += 1.0;
        probability *= mean / k;
        cumulative += probability;
    }
    k
}

#[cfg(test)]
mod tests;
