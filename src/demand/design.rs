//! Regression rows from the replayed log: one visit row per customer-week, and incidence and units
//! rows per category and visit; with the name, term and sign of every column.

use super::glm::{Design, RowTag};
use super::replay::{Replay, WeekView};
use super::targeting::Weighing;
use super::world::week_season;
use crate::data::History;
use crate::features::PersonaTimeline;
use promopt_envs::retail::demand::features::{
    CategoryInput, Column, INCIDENCE_COMMON, INCIDENCE_FIXED, INCIDENCE_OFFER, INCIDENCE_OWN,
    INCIDENCE_SHELF, Sign, Term, UNITS_FIXED, UNITS_MOVING, UNITS_RESPONSE, VISIT_FIXED,
    VISIT_MOVING, VISIT_OFFER, felt_depth, incidence_common, incidence_fixed, incidence_offer,
    incidence_own, incidence_shelf, units_fixed, units_moving, visit_fixed, visit_moving,
    visit_offer,
};
use promopt_envs::retail::history::RECENCY_MAX;
use promopt_envs::retail::{
    CustomerHistory, ObservationContext, ObservationSchema, ObservationView, Offer, OfferCatalogue,
};
use std::ops::Range;

/// Units beyond which a week's purchase is cut for the units model.
const UNITS_MAX: f64 = 150.0;

/// One column of a part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartColumn {
    pub(super) name: String,
    pub(super) term: Term,
    pub(super) sign: Sign,
    /// A persona's deviation.
    pub(super) of_persona: bool,
}

/// Columns of shared features, then of the deviations of personas named after what they move.
fn columns(shared: &[&[Column]], deviations: &[(&str, Term)], n: usize) -> Vec<PartColumn> {
    let own = shared.iter().flat_map(|columns| columns.iter()).map(|column| PartColumn {
        name: column.name.to_owned(),
        term: column.term,
        sign: column.sign,
        of_persona: false,
    });
    let of_personas = deviations.iter().flat_map(|(what, term)| {
        (0..n).map(move |k| PartColumn {
            name: format!("{what}, persona {k}"),
            term: *term,
            sign: Sign::Free,
            of_persona: true,
        })
    });
    own.chain(of_personas).collect()
}

/// Columns of the visit part.
pub(super) fn visit_columns(n_personas: usize) -> Vec<PartColumn> {
    let deviations = [("level", Term::Level), ("offer", Term::Offer)];
    columns(&[&VISIT_FIXED, &VISIT_MOVING, &VISIT_OFFER], &deviations, n_personas)
}

/// Columns of the incidence of a category.
pub(super) fn incidence_columns(n_personas: usize) -> Vec<PartColumn> {
    let deviations = [("level", Term::Level), ("shelf depth", Term::Shelf), ("offer", Term::Offer)];
    let shared: [&[Column]; 5] =
        [&INCIDENCE_FIXED, &INCIDENCE_COMMON, &INCIDENCE_OWN, &INCIDENCE_SHELF, &INCIDENCE_OFFER];
    columns(&shared, &deviations, n_personas)
}

/// Columns of the units of a category.
pub(super) fn units_columns(n_personas: usize) -> Vec<PartColumn> {
    let shared: [&[Column]; 3] = [&UNITS_FIXED, &UNITS_MOVING, &UNITS_RESPONSE];
    columns(&shared, &[("level", Term::Level)], n_personas)
}

/// What turns a replayed week into an observation.
pub(crate) struct Encoder<'a> {
    pub(crate) schema: &'a ObservationSchema,
    pub(crate) timeline: &'a PersonaTimeline,
    /// Where the calendar and the shelf discounts of the weeks come from.
    pub(crate) history: &'a History,
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
        let n = self.schema.n_categories();
        let row = week as usize * n..(week as usize + 1) * n;
        let at = ObservationContext {
            persona: self.timeline.at(customer as usize, persona_week),
            season: week_season(self.schema, self.history.first_week, week),
            budget_price: 0.0,
            shelf: self.history.shelf_depth.get(row).unwrap_or(&[]),
        };
        self.schema.encode(history, &at, out);
    }
}

/// Rows of every part of the model.
pub(super) struct Rows {
    pub(super) visit: Design,
    pub(super) incidence: Vec<Design>,
    pub(super) units: Vec<Design>,
    /// Weeks since the last visit, for each visit row.
    pub(super) recency: Vec<f64>,
    /// Visit rows of each customer after the last visit of the training weeks: the weeks in which they
    /// may have left.
    pub(super) tails: Vec<Range<usize>>,
}

/// What rows are made from.
pub(super) struct Source<'a> {
    pub(super) history: &'a History,
    pub(super) replay: Replay<'a>,
    pub(super) catalogue: &'a OfferCatalogue,
    pub(super) encoder: &'a Encoder<'a>,
    pub(super) weighing: &'a Weighing,
}

/// A week as the parts see it.
struct RowInput<'a> {
    view: ObservationView<'a>,
    shelf: &'a [f64],
    price: &'a [f64],
    offer: &'a Offer,
    tag: RowTag,
}

impl Rows {
    fn new(n_personas: usize, n_categories: usize) -> Self {
        let many = |p: usize| vec![Design::new(p); n_categories];
        Self {
            visit: Design::new(visit_columns(n_personas).len()),
            incidence: many(incidence_columns(n_personas).len()),
            units: many(units_columns(n_personas).len()),
            recency: Vec::new(),
            tails: Vec::new(),
        }
    }

    /// Rows of the weeks from the start of `training` on, the held-out ones included; the weeks in
    /// `left_out` are replayed but give none. Weeks of customers silent for so long that their recency
    /// has saturated say nothing about response and give none either. Silence is read up to the end
    /// of `training`.
    pub(super) fn collect(source: &Source<'_>, training: Range<u32>, left_out: &[u32]) -> Self {
        let schema = source.encoder.schema;
        let mut rows = Self::new(schema.n_personas, schema.n_categories());
        let mut observation = vec![0.0; schema.n_features()];
        for customer in 0..source.history.customers.len() as u32 {
            let (mut silent_from, mut silent_to) = (rows.visit.n(), rows.visit.n());
            source.replay.walk(customer, source.history.n_weeks, |week| {
                let known = week.history.tenure_weeks() > 0;
                if !known || week.history.recency_weeks() >= RECENCY_MAX {
                    return;
                }
                if week.week >= training.start && !left_out.contains(&week.week) {
                    rows.observe(source, week, &mut observation);
                }
                if week.week < training.end {
                    silent_to = rows.visit.n();
                    if week.record.visited() {
                        silent_from = silent_to;
                    }
                }
            });
            rows.tails.push(silent_from..silent_to);
        }
        rows
    }

    fn observe(&mut self, source: &Source<'_>, week: &WeekView<'_>, observation: &mut [f32]) {
        let (schema, history) = (source.encoder.schema, source.history);
        source.encoder.encode(week.customer, week.week, week.history, week.week, observation);
        let n = schema.n_categories();
        let cells = week.week as usize * n..(week.week as usize + 1) * n;
        let view = schema.read(observation);
        let weight = source.weighing.weight(&view, week);
        let input = RowInput {
            view,
            shelf: &history.shelf_depth[cells.clone()],
            price: history.price_index.get(cells).unwrap_or(&[]),
            offer: source.catalogue.offer(week.logged.map_or(0, |l| l.action)),
            tag: RowTag { customer: week.customer, week: week.week, weight },
        };
        self.push_visit(&input, week);
        if week.record.visited() {
            self.push_basket(&input, week);
        }
    }

    fn push_visit(&mut self, input: &RowInput<'_>, week: &WeekView<'_>) {
        let RowInput { view, shelf, offer, tag, .. } = input;
        let shelf_mean = shelf.iter().sum::<f64>() / shelf.len() as f64;
        let depth = felt_depth(offer.depth);
        let response = match offer.is_contact() {
            true => visit_offer(view, offer.category, depth),
            false => [0.0; VISIT_OFFER.len()],
        };
        let row = visit_fixed(view)
            .into_iter()
            .chain(visit_moving(view, view.recency(), shelf_mean))
            .chain(response.map(|x| x * depth))
            .chain(one_hot(view, 1.0))
            .chain(one_hot(view, depth));
        self.visit.push(row, f64::from(u8::from(week.record.visited())), *tag);
        self.recency.push(view.recency());
    }

    fn push_basket(&mut self, input: &RowInput<'_>, week: &WeekView<'_>) {
        let RowInput { view, shelf, price, offer, tag } = input;
        let (shelf_sum, depth) = (shelf.iter().sum::<f64>(), felt_depth(offer.depth));
        let others = shelf.len().saturating_sub(1).max(1) as f64;
        for (c, bought) in week.record.categories.iter().enumerate() {
            let on_it = offer.is_contact() && offer.category.is_none_or(|target| target == c);
            let own = if on_it { depth } else { 0.0 };
            let at = CategoryInput {
                shelf: shelf[c],
                shelf_elsewhere: (shelf_sum - shelf[c]) / others,
                price: price.get(c).copied().unwrap_or(0.0),
                offer_elsewhere: if on_it { 0.0 } else { depth },
            };
            let row = incidence_fixed(view, c)
                .into_iter()
                .chain(incidence_common(view))
                .chain(incidence_own(view, c, &at))
                .chain(incidence_shelf(view).map(|x| x * at.shelf))
                .chain(incidence_offer(view, c, own).map(|x| x * own))
                .chain(one_hot(view, 1.0))
                .chain(one_hot(view, at.shelf))
                .chain(one_hot(view, own));
            let hit = bought.units > 0.0;
            self.incidence[c].push(row, f64::from(u8::from(hit)), *tag);
            if hit {
                let extra = (bought.units.round().min(UNITS_MAX) - 1.0).max(0.0);
                let row = units_fixed(view, c)
                    .into_iter()
                    .chain(units_moving(view, c, at.price))
                    .chain([at.shelf, own])
                    .chain(one_hot(view, 1.0));
                self.units[c].push(row, extra, *tag);
            }
        }
    }
}

/// `value` at the customer's persona, 0 at the others.
fn one_hot(view: &ObservationView<'_>, value: f64) -> impl Iterator<Item = f64> {
    let persona = view.persona();
    (0..view.n_personas()).map(move |k| if k == persona { value } else { 0.0 })
}
