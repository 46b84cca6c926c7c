//! Plays a customer through a promotion and the weeks after it, with it and without it, on the same
//! luck.

use super::past::{PastPromotion, PromotionKind, UsualDepth};
use super::tally::{Comparison, Tally};
use crate::data::History;
use crate::demand::actions::ActionMap;
use crate::demand::design::Encoder;
use crate::demand::replay::Replay;
use promopt_envs::retail::history::RECENCY_MAX;
use promopt_envs::retail::{
    CustomerHistory, DemandModel, OfferCatalogue, Prepared, WeekInput, WeekPlan, WeekRecord,
};
use promopt_envs::{ActionId, SeedTree};
use std::ops::Range;

/// The weeks of a promotion and those after it, as everybody sees them.
pub(super) struct Scene<'a> {
    encoder: &'a Encoder<'a>,
    catalogue: &'a OfferCatalogue,
    promotion: &'a PastPromotion,
    /// The promoted offer as an action.
    offer: Option<ActionId>,
    /// From the first week of the promotion to the last one after it.
    weeks: Range<u32>,
    n_categories: usize,
    /// Shelf depths as they were, shape `[weeks × n_categories]`; the usual ones after the history.
    shelf: Vec<f64>,
    /// The same without the promotion.
    shelf_without: Vec<f64>,
    /// Log regular prices over their mean; 0 after the history.
    price: Vec<f64>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        history: &History,
        encoder: &'a Encoder<'a>,
        actions: &'a ActionMap,
        promotion: &'a PastPromotion,
        after_weeks: u32,
    ) -> Self {
        let n = history.n_categories();
        let offer = promotion.offer.and_then(|offer| actions.action_of(offer));
        let weeks = promotion.weeks.start..promotion.weeks.end + after_weeks;
        let usual: Vec<f64> = (0..n).map(|c| UsualDepth::of_category(history, c).level).collect();
        let unknown = vec![0.0; n];
        let panel = |panel: &[f64], after: &[f64]| -> Vec<f64> {
            let row = |week: u32| panel.get(week as usize * n..(week as usize + 1) * n);
            weeks.clone().flat_map(|week| row(week).unwrap_or(after).to_vec()).collect()
        };
        let shelf = panel(&history.shelf_depth, &usual);
        let price = panel(&history.price_index, &unknown);
        let mut shelf_without = shelf.clone();
        if let (PromotionKind::Shelf, Some(category)) = (promotion.kind, promotion.category) {
            for week in 0..promotion.weeks.len() {
                shelf_without[week * n + category] = promotion.usual_depth;
            }
        }
        Self {
            encoder,
            catalogue: &actions.catalogue,
            promotion,
            offer,
            weeks,
            n_categories: n,
            shelf,
            shelf_without,
            price,
        }
    }

    fn input(&self, week: u32, promoted: bool) -> WeekInput<'_> {
        let row = (week - self.weeks.start) as usize * self.n_categories;
        let panel = if promoted { &self.shelf } else { &self.shelf_without };
        let cells = row..row + self.n_categories;
        let price = &self.price[cells.clone()];
        WeekInput { price, ..WeekInput::of_shelf(&panel[cells]) }
    }

    /// Whether the promotion reaches a customer with this logged offer in this week.
    fn is_promoted(&self, action: ActionId, week: u32) -> bool {
        self.promotion.weeks.contains(&week) && self.offer.is_none_or(|offer| offer == action)
    }

    /// The customer as the promotion found them, with the offers of the weeks to come; `None` when
    /// nothing was known of them, or they had been silent for so long that the model says nothing,
    /// or, for an offer, when they did not get it.
    ///
    /// A customer enters with the first week in which the promotion reached them: the first week of
    /// a shelf promotion, the week of their first offer otherwise.
    pub(super) fn cast(&self, replay: &Replay<'_>, customer: u32) -> Option<Actor> {
        let mut actor: Option<Actor> = None;
        replay.walk(customer, self.weeks.end, |week| {
            let action = week.logged.map_or(0, |logged| logged.action);
            let enters = match self.offer {
                None => week.week == self.weeks.start,
                Some(_) => self.is_promoted(action, week.week),
            };
            let known =
                || week.history.tenure_weeks() > 0 && week.history.recency_weeks() < RECENCY_MAX;
            if actor.is_none() && enters && known() {
                let (history, actions) = (week.history.clone(), Vec::new());
                actor = Some(Actor { customer, enters: week.week, history, actions });
            }
            if let Some(actor) = &mut actor {
                actor.actions.push(action);
            }
        });
        actor
    }
}

/// A customer at the start of a promotion.
pub(super) struct Actor {
    customer: u32,
    enters: u32,
    history: CustomerHistory,
    /// Logged offers from `enters` on.
    actions: Vec<ActionId>,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Desk {
    traits: Vec<f32>,
    observation: Vec<f32>,
    prepared: Prepared,
    with: WeekPlan,
    paused: WeekPlan,
    without: WeekPlan,
    record: WeekRecord,
}

/// Plays one customer under one model.
///
/// Both arms are drawn with the same random numbers, and what is added up are the expected sales
/// given the state each arm has drawn up to the week, so that only the state is subject to chance.
/// Slow features stay as the promotion found them, as in the simulator. Both arms are conditional on
/// the customer being with us; the week counts with the probability that they are.
pub(super) fn play(
    model: &DemandModel,
    scene: &Scene<'_>,
    actor: &Actor,
    luck: SeedTree,
    desk: &mut Desk,
) -> Tally {
    let (encoder, schema) = (scene.encoder, scene.encoder.schema);
    let (customer, persona_week) = (actor.customer, actor.enters);
    desk.observation.resize(schema.n_features(), 0.0);
    desk.traits.resize(schema.n_features(), 0.0);
    desk.record = WeekRecord::empty(scene.n_categories);
    encoder.encode(customer, persona_week, &actor.history, actor.enters, &mut desk.traits);
    let view = schema.read(&desk.traits);
    model.prepare(&view, &mut desk.prepared);
    let mut alive = model.alive(&view);
    let (mut seen, mut unseen) = (actor.history.clone(), actor.history.clone());
    let mut tally = Tally::default();
    for week in actor.enters..scene.weeks.end {
        let logged = actor.actions.get((week - actor.enters) as usize).copied().unwrap_or(0);
        let runs = scene.is_promoted(logged, week);
        let replaced = runs && scene.offer.is_some();
        let offer = scene.catalogue.offer(logged);
        let instead = scene.catalogue.offer(if replaced { 0 } else { logged });
        let same = seen == unseen;
        encoder.encode(customer, persona_week, &seen, week, &mut desk.observation);
        let view = schema.read_with_traits(&desk.observation, &desk.traits);
        let (input, usual) = (scene.input(week, true), scene.input(week, false));
        model.evaluate(&desk.prepared, &view, &input, offer, &mut desk.with);
        if runs {
            model.evaluate(&desk.prepared, &view, &usual, instead, &mut desk.paused);
        } else {
            desk.paused.clone_from(&desk.with);
        }
        if same {
            desk.without.clone_from(&desk.paused);
        } else {
            encoder.encode(customer, persona_week, &unseen, week, &mut desk.observation);
            let view = schema.read_with_traits(&desk.observation, &desk.traits);
            model.evaluate(&desk.prepared, &view, &usual, instead, &mut desk.without);
        }
        let category = scene.promotion.category;
        let (with, paused, without) = (&desk.with, &desk.paused, &desk.without);
        tally.add_week(&Comparison { with, paused, without, category, runs }, alive);
        tally.pay_contact(offer.contact_cost - instead.contact_cost);
        let stream = luck.index(u64::from(week)).stream();
        desk.with.sample(offer, &mut stream.clone(), &mut desk.record);
        seen.record(&desk.record);
        desk.without.sample(instead, &mut stream.clone(), &mut desk.record);
        unseen.record(&desk.record);
        alive *= 1.0 - model.churn;
    }
    tally
}
