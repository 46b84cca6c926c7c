//! Expected contribution of every action, for policies that decide with the model itself.

use super::features::felt_depth;
use super::plan::{CategoryPlan, Prepared, WeekInput, WeekPlan};
use super::{DemandModel, basket, sigmoid};
use crate::retail::catalogue::OfferCatalogue;
use crate::retail::observation::ObservationView;

/// The categories beside an offer elsewhere, evaluated once for each felt depth.
struct Beside {
    felt: f64,
    categories: Vec<CategoryPlan>,
    basket_size: f64,
    margin: f64,
}

impl DemandModel {
    /// Expected contribution of every action at the planned shelf depths, weighed by the probability
    /// that the customer is still with us, less `budget_price` times the promotion cost; shape of
    /// `out`: `[n_actions]`.
    ///
    /// Cost: one pass over the categories for each worth of an offer, plus one category per offer;
    /// a whole pass for each offer on the whole basket.
    pub fn score(
        &self,
        view: &ObservationView<'_>,
        catalogue: &OfferCatalogue,
        out: &mut Vec<f64>,
    ) {
        self.score_at(view.budget_price(), view, catalogue, out);
    }

    /// As [`score`](Self::score), at this budget price instead of the observed one.
    pub fn score_at(
        &self,
        budget_price: f64,
        view: &ObservationView<'_>,
        catalogue: &OfferCatalogue,
        out: &mut Vec<f64>,
    ) {
        let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
        self.prepare(view, &mut prepared);
        let shelf: Vec<f64> = (0..self.categories.len()).map(|c| view.category_shelf(c)).collect();
        let week = WeekInput::of_shelf(&shelf);
        self.predict(&prepared, view, &week, &mut plan);
        let persona = view.persona();
        let alive = self.alive(view);
        let mut beside: Vec<Beside> = Vec::new();
        out.clear();
        for offer in catalogue.offers() {
            let charge = |baskets: f64, margin: f64, discount: f64| {
                let cost = baskets * discount + offer.contact_cost;
                baskets * margin - offer.contact_cost - budget_price * cost
            };
            if offer.is_contact() && offer.category.is_none() {
                self.evaluate(&prepared, view, &week, offer, &mut plan);
                let baskets = alive * plan.expected_baskets();
                let margin = plan.categories.iter().map(CategoryPlan::margin).sum();
                let discount = plan.categories.iter().map(CategoryPlan::offer_discount).sum();
                out.push(charge(baskets, margin, discount));
                self.predict(&prepared, view, &week, &mut plan);
                continue;
            }
            let (mut felt, mut cost, mut visit) = (0.0, 0.0, plan.visit_logit);
            if offer.is_contact() {
                let terms = plan.terms(offer);
                (felt, cost) = (terms.felt, terms.cost);
                visit += self.visit_response(persona, view, offer, felt_depth(felt));
            }
            let known = beside.iter().position(|b| b.felt == felt).unwrap_or_else(|| {
                beside.push(self.beside(&plan, felt));
                beside.len() - 1
            });
            let beside = &beside[known];
            let (mut size, mut margin, mut discount) = (beside.basket_size, beside.margin, 0.0);
            if let Some(c) = offer.category {
                let own = self.own(persona, view, c, &plan, (felt, cost));
                size += own.incidence - beside.categories[c].incidence;
                margin += own.margin() - beside.categories[c].margin();
                discount = own.offer_discount();
            }
            let baskets = alive * sigmoid(visit) * basket::scale(size);
            out.push(charge(baskets, margin, discount));
        }
    }

    fn beside(&self, plan: &WeekPlan, felt: f64) -> Beside {
        let mut categories = plan.categories.clone();
        let depth = felt_depth(felt);
        for (slot, model) in categories.iter_mut().zip(&self.categories) {
            slot.offer_share = 0.0;
            slot.respond(model.elsewhere(depth), 0.0);
        }
        let basket_size = categories.iter().map(|slot| slot.incidence).sum();
        let margin = categories.iter().map(CategoryPlan::margin).sum();
        Beside { felt, categories, basket_size, margin }
    }

    /// The category that the offer is on, with the offer's worth and cost as shares.
    fn own(
        &self,
        persona: usize,
        view: &ObservationView<'_>,
        category: usize,
        plan: &WeekPlan,
        (felt, cost): (f64, f64),
    ) -> CategoryPlan {
        let mut slot = plan.categories[category];
        let (eta, units) =
            self.categories[category].offer_response(persona, view, category, felt_depth(felt));
        slot.offer_share = cost;
        slot.respond(eta, units);
        slot
    }
}
