//! The fitted response model: visit → category incidence → units, as a function of the observation.
//!
//! Every term reads the observation (and the week's shelf depths and prices), nothing else, so the
//! simulator, the fit and a policy that scores offers share one set of feature rows
//! ([`features`]). Linear predictors are sums of shared features and deviations of the customer's
//! persona.
//!
//! ```text
//! P(visit | with us)  = σ(β · visit features + persona intercept + offer response)
//! P(category | visit) = σ(β_c · incidence features + persona intercept + shelf and offer response)
//! units | bought      = 1 + NegBin(exp(β_c · unit features + persona intercept + responses), dispersion)
//! ```
//!
//! A customer leaves for good with a small probability each week, unseen: whether a silent customer is
//! still with us is inferred from the length of the silence ([`DemandModel::alive`]).
//!
//! Responses to a depth are clamped at zero from below: a deeper cut never lowers expected demand
//! within the week. Source of the stages: Gupta 1988; van Heerde and Neslin 2017.

use super::observation::ObservationView;
use features::{
    INCIDENCE_COMMON, INCIDENCE_FIXED, INCIDENCE_OFFER, INCIDENCE_OWN, INCIDENCE_SHELF,
    UNITS_FIXED, UNITS_MOVING, VISIT_FIXED, VISIT_MOVING, VISIT_OFFER, visit_fixed, visit_moving,
};
use serde::{Deserialize, Serialize};

mod basket;
pub mod features;
mod plan;
mod score;
mod units;

pub use features::felt_depth;
pub use plan::{CategoryPlan, Prepared, WeekExpectation, WeekInput, WeekPlan};
pub use units::units_quantile;

/// Coefficients of the visit model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitModel {
    /// Of [`features::visit_fixed`].
    pub fixed: [f64; VISIT_FIXED.len()],
    /// Of [`features::visit_moving`].
    pub moving: [f64; VISIT_MOVING.len()],
    /// Of [`features::visit_offer`], per unit of felt depth.
    pub offer: [f64; VISIT_OFFER.len()],
    /// Deviation of each persona's intercept, shape `[n_personas]`.
    pub persona: Vec<f64>,
    /// Deviation of each persona's response to depth, shape `[n_personas]`.
    pub persona_offer: Vec<f64>,
}

/// Coefficients of the units of a purchase in one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitsModel {
    /// Of [`features::units_fixed`].
    pub fixed: [f64; UNITS_FIXED.len()],
    /// Of [`features::units_moving`].
    pub moving: [f64; UNITS_MOVING.len()],
    /// Response to the shelf depth.
    pub shelf: f64,
    /// Response to the felt depth of an offer on the category.
    pub offer: f64,
    /// Deviation of each persona's log units beyond the first, shape `[n_personas]`.
    pub persona: Vec<f64>,
    /// Variance beyond Poisson: `variance = mean + dispersion · mean²` of the units beyond the first.
    pub dispersion: f64,
}

/// Coefficients and prices of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryModel {
    /// Of [`features::incidence_fixed`].
    pub fixed: [f64; INCIDENCE_FIXED.len()],
    /// Of [`features::incidence_common`].
    pub common: [f64; INCIDENCE_COMMON.len()],
    /// Of [`features::incidence_own`].
    pub own: [f64; INCIDENCE_OWN.len()],
    /// Of [`features::incidence_shelf`], per unit of shelf depth.
    pub shelf: [f64; INCIDENCE_SHELF.len()],
    /// Of [`features::incidence_offer`], per unit of felt depth.
    pub offer: [f64; INCIDENCE_OFFER.len()],
    /// Deviations by persona: intercept, shape `[n_personas]`.
    pub persona: Vec<f64>,
    /// Deviations by persona: response to shelf depth, shape `[n_personas]`.
    pub persona_shelf: Vec<f64>,
    /// Deviations by persona: response to offer depth, shape `[n_personas]`.
    pub persona_offer: Vec<f64>,
    /// Units of a purchase.
    pub units: UnitsModel,
    /// Regular price of a unit by persona, money, shape `[n_personas]`.
    pub unit_price: Vec<f64>,
    /// Unit margin over the regular price.
    pub margin_rate: f64,
    /// Shelf discount that buyers realise over the shelf depth of the week: of a customer who never
    /// buys on deal, and per unit of the customer's discount share.
    pub shelf_realised: [f64; 2],
    /// Mean shelf depth over the history.
    pub shelf_mean: f64,
}

/// How much the demand of all customers moves together from week to week, for reasons that no
/// feature holds (weather, news, what competitors do).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WeekShock {
    /// Standard deviation of the shift of the visit logit.
    pub visit_sd: f64,
    /// Standard deviation of the shift of the log units beyond the first.
    pub units_sd: f64,
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
    /// Common movement of the weeks; only where many customers are simulated together.
    pub shock: WeekShock,
}

impl DemandModel {
    /// Probability that a customer who has been silent for `r = recency` weeks is still with us:
    /// `s_r / (s_r + h Σ_{j<r} s_j)` with `s_j = ((1 − h)(1 − p))^j`, `p` the customer's usual
    /// probability of a visit and `h` the weekly hazard of leaving (Fader, Hardie and Shang 2010).
    #[must_use]
    pub fn alive(&self, view: &ObservationView<'_>) -> f64 {
        let persona = view.persona();
        let fixed = dot(&self.visit.fixed, &visit_fixed(view)) + self.visit.persona[persona];
        let p = sigmoid(fixed + dot(&self.visit.moving, &visit_moving(view, 1.0, 0.0)));
        let (h, weeks) = (self.churn, view.recency());
        let survive = (1.0 - h) * (1.0 - p);
        let silent = survive.powf(weeks);
        let left = h * (1.0 - silent) / (1.0 - survive).max(1e-12);
        silent / (silent + left)
    }

    /// Number of personas it was fitted for.
    #[must_use]
    pub fn n_personas(&self) -> usize {
        self.visit.persona.len()
    }

    /// Whether every list of deviations has one entry for each persona, and there is one category
    /// model for each of `n_categories`.
    #[must_use]
    pub fn fits(&self, n_personas: usize, n_categories: usize) -> bool {
        let of_visit = [&self.visit.persona, &self.visit.persona_offer];
        let of_category = |c: &CategoryModel| {
            [&c.persona, &c.persona_shelf, &c.persona_offer, &c.units.persona, &c.unit_price]
                .iter()
                .all(|list| list.len() == n_personas)
        };
        self.categories.len() == n_categories
            && of_visit.iter().all(|list| list.len() == n_personas)
            && self.categories.iter().all(of_category)
    }
}

impl CategoryModel {
    /// Share of the regular value that a buyer gets off in a week of this shelf depth: buyers pick the
    /// deals, some more than others, so it exceeds the mean depth over products.
    #[must_use]
    pub fn realised_shelf(&self, shelf: f64, discount_share: f64) -> f64 {
        let [plain, by_share] = self.shelf_realised;
        (shelf * (plain + by_share * discount_share)).clamp(0.0, 0.9)
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    let mut sum = 0.0;
    for i in 0..N {
        sum += a[i] * b[i];
    }
    sum
}

#[cfg(test)]
pub(crate) mod tests;
