//! Regression rows from the replayed log: one visit row per customer-week, and incidence and
//! quantity rows per category and visit.

use super::glm::Design;
use super::replay::{LoggedAction, Replay, WeekView};
use super::world::week_phase;
use crate::data::History;
use crate::features::PersonaTimeline;
use chrono::NaiveDate;
use promopt_envs::retail::demand::{
    INCIDENCE_OFFER, INCIDENCE_SHELF, INCIDENCE_STATE, QUANTITY, VISIT_OFFER, VISIT_STATE,
    felt_depth, incidence_offer, incidence_shelf, incidence_state, quantity_features, visit_offer,
    visit_state,
};
use promopt_envs::retail::history::RECENCY_MAX;
use promopt_envs::retail::{
    CustomerHistory, ObservationContext, ObservationSchema, ObservationView, OfferCatalogue,
};
use std::ops::Range;

/// Shared columns of the visit model; persona columns follow.
pub(super) const VISIT_SHARED: usize = VISIT_STATE + VISIT_OFFER;
/// Shared columns of the incidence model; persona columns follow.
pub(super) const INCIDENCE_SHARED: usize = INCIDENCE_STATE + INCIDENCE_SHELF + INCIDENCE_OFFER;
/// Units beyond which a week's purchase is cut for the quantity model.
const UNITS_MAX: f64 = 150.0;

/// Smallest and largest stabilised weight of a row.
const WEIGHT_RANGE: (f64, f64) = (0.2, 5.0);

/// What turns a replayed week into an observation.
pub(crate) struct Encoder<'a> {
    pub(crate) schema: &'a ObservationSchema,
    pub(crate) timeline: &'a PersonaTimeline,
    /// First day of week 0.
    pub(crate) first_week: NaiveDate,
}

impl Encoder<'_> {
    /// The observation of a customer before a week, with the persona as of `persona_week`.
    pub(crate) fn encode(
        &self,
        customer: u32,
        persona_week: u32,
        history: &CustomerHistory,
        week: u32,
        out: &mut [f32],
    ) {
        let at = ObservationContext {
            persona: self.timeline.at(customer as usize, persona_week),
            year_phase: week_phase(self.first_week, week),
            budget_price: 0.0,
        };
        self.schema.encode(history, &at, out);
    }
}

/// Rows of every part of the model.
pub(super) struct Rows {
    pub(super) visit: Design,
    pub(super) incidence: Vec<Design>,
    pub(super) quantity: Vec<Design>,
    /// Visit rows of each customer after the last visit: the weeks in which they may have left.
    pub(super) tails: Vec<Range<usize>>,
}

impl Rows {
    pub(super) fn new(n_personas: usize, n_categories: usize) -> Self {
        let many = |p: usize| vec![Design::new(p); n_categories];
        Self {
            visit: Design::new(VISIT_SHARED + 2 * n_personas),
            incidence: many(INCIDENCE_SHARED + 3 * n_personas),
            quantity: many(QUANTITY + n_personas),
            tails: Vec::new(),
        }
    }

    /// Rows of the weeks in a range; the weeks in `left_out` are replayed but give none. Weeks of
    /// customers silent for so long that their recency has saturated say nothing about response
    /// and give none either.
    pub(super) fn collect(
        history: &History,
        replay: &Replay<'_>,
        catalogue: &OfferCatalogue,
        encoder: &Encoder<'_>,
        weeks: Range<u32>,
        left_out: &[u32],
    ) -> Self {
        let schema = encoder.schema;
        let mut rows = Self::new(schema.n_personas, schema.n_categories());
        let usual = action_shares(history, replay, catalogue.n_actions());
        let mut observation = vec![0.0; schema.n_features()];
        for customer in 0..history.customers.len() as u32 {
            let mut silent_from = rows.visit.n();
            replay.walk(customer, weeks.end, |week| {
                let known = week.history.tenure_weeks() > 0;
                if week.week < weeks.start || !known || week.history.recency_weeks() >= RECENCY_MAX
                {
                    return;
                }
                if !left_out.contains(&week.week) {
                    rows.observe(history, &usual, catalogue, encoder, week, &mut observation);
                }
                if week.record.visited() {
                    silent_from = rows.visit.n();
                }
            });
            rows.tails.push(silent_from..rows.visit.n());
        }
        rows
    }

    fn observe(
        &mut self,
        history: &History,
        usual: &[f64],
        catalogue: &OfferCatalogue,
        encoder: &Encoder<'_>,
        week: &WeekView<'_>,
        observation: &mut [f32],
    ) {
        let schema = encoder.schema;
        encoder.encode(week.customer, week.week, week.history, week.week, observation);
        let row = week.week as usize * schema.n_categories();
        let shelf = &history.shelf_depth[row..row + schema.n_categories()];
        let weight = stabilised_weight(week.logged, usual);
        self.push(&schema.read(observation), shelf, catalogue, week, weight);
    }

    fn push(
        &mut self,
        view: &ObservationView<'_>,
        shelf: &[f64],
        catalogue: &OfferCatalogue,
        week: &WeekView<'_>,
        weight: f64,
    ) {
        let offer = catalogue.offer(week.logged.map_or(0, |l| l.action));
        let persona = view.persona();
        let n_personas = (self.visit.p - VISIT_SHARED) / 2;
        let one_hot =
            |value: f64| (0..n_personas).map(move |k| if k == persona { value } else { 0.0 });
        let shelf_mean = shelf.iter().sum::<f64>() / shelf.len() as f64;
        let response =
            offer.category.map_or([0.0; VISIT_OFFER], |c| visit_offer(view, c, offer.depth));
        let shared = visit_state(view, shelf_mean).into_iter().chain(response);
        let row = shared.chain(one_hot(1.0)).chain(one_hot(felt_depth(offer.depth)));
        let visited = week.record.visited();
        self.visit.push(row, f64::from(u8::from(visited)), week.week, weight);
        if !visited {
            return;
        }
        for (category, bought) in week.record.categories.iter().enumerate() {
            let (own, depth) = (offer.depth_in(category), shelf[category]);
            let hit = bought.units > 0.0;
            let elsewhere = if own > 0.0 { 0.0 } else { offer.depth };
            let row = incidence_state(view, category, elsewhere)
                .into_iter()
                .chain(incidence_shelf(view, depth))
                .chain(incidence_offer(view, category, own))
                .chain(one_hot(1.0))
                .chain(one_hot(depth))
                .chain(one_hot(felt_depth(own)));
            self.incidence[category].push(row, f64::from(u8::from(hit)), week.week, weight);
            if hit {
                let extra = (bought.units.round().min(UNITS_MAX) - 1.0).max(0.0);
                let row = quantity_features(view, category, depth, own);
                let row = row.into_iter().chain(one_hot(1.0));
                self.quantity[category].push(row, extra, week.week, weight);
            }
        }
    }

    /// The rows before a week, and those from it on.
    pub(super) fn split_at(&self, week: u32) -> (Self, Self) {
        let many = |designs: &[Design]| designs.iter().map(|d| d.split_at(week)).unzip();
        let (visit, incidence, quantity) =
            (self.visit.split_at(week), many(&self.incidence), many(&self.quantity));
        (
            Self {
                visit: visit.0,
                incidence: incidence.0,
                quantity: quantity.0,
                tails: Vec::new(),
            },
            Self {
                visit: visit.1,
                incidence: incidence.1,
                quantity: quantity.1,
                tails: Vec::new(),
            },
        )
    }
}

/// How often each action was logged, as shares; shape `[n_actions]`.
fn action_shares(history: &History, replay: &Replay<'_>, n_actions: usize) -> Vec<f64> {
    let mut counts = vec![0.0_f64; n_actions];
    for exposure in &history.exposures {
        if let Some(action) = replay.action_of(exposure.offer) {
            counts[action] += 1.0;
        }
    }
    let total = counts.iter().sum::<f64>().max(1.0);
    counts.iter().map(|n| n / total).collect()
}

/// Stabilised inverse propensity weight: how usual the action is over how likely it was here, cut
/// to [`WEIGHT_RANGE`]. Rows are weighed as if offers had been made without looking at the customer,
/// so a response that the model draws too simply is at least right on average over everybody, not
/// over those who were targeted. 1 where no propensity was logged. Reference: Robins, Hernán and
/// Brumback 2000.
fn stabilised_weight(logged: Option<LoggedAction>, usual: &[f64]) -> f64 {
    let weight = |l: LoggedAction| l.propensity.map(|p| usual[l.action] / p);
    let (low, high) = WEIGHT_RANGE;
    logged.and_then(weight).map_or(1.0, |w| w.clamp(low, high))
}
