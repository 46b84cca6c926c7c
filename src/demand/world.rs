//! The fitted world as an MDP: start states, shelf depths, guardrails and posterior draws together.

use super::actions::ActionMap;
use super::design::Encoder;
use super::replay::Replay;
use crate::data::History;
use crate::features::PersonaTimeline;
use chrono::NaiveDate;
use promopt_envs::retail::{
    CustomerHistory, DemandModel, Guardrails, MaskRule, ObservationSchema, PromotionWorld, Season,
    StartState,
};

/// Everything about a history that worlds, logs and scores are built from.
pub struct Ground<'a> {
    /// The cleaned history.
    pub history: &'a History,
    /// Catalogue and logged actions.
    pub actions: &'a ActionMap,
    /// Which persona a customer had when.
    pub timeline: &'a PersonaTimeline,
    /// The observation schema.
    pub schema: ObservationSchema,
    /// Limits on offers.
    pub guardrails: &'a Guardrails,
}

/// A date as days since 2000-01-01.
pub(crate) fn day_number(date: NaiveDate) -> i64 {
    (date - NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default()).num_days()
}

/// The season of week `week` of a history that begins on `first_week`.
#[must_use]
pub fn week_season(schema: &ObservationSchema, first_week: NaiveDate, week: u32) -> Season {
    schema.season(day_number(first_week) + 7 * i64::from(week))
}

/// `n` of the given items, evenly spread; all of them when there are fewer.
#[must_use]
pub fn evenly(items: &[usize], n: usize) -> Vec<usize> {
    let n = n.min(items.len());
    (0..n).map(|i| items[i * items.len() / n]).collect()
}

impl<'a> Ground<'a> {
    /// Puts the pieces together.
    #[must_use]
    pub fn new(
        history: &'a History,
        actions: &'a ActionMap,
        schema: ObservationSchema,
        timeline: &'a PersonaTimeline,
        guardrails: &'a Guardrails,
    ) -> Self {
        Self { history, actions, timeline, schema, guardrails }
    }

    /// The replay of the log.
    #[must_use]
    pub fn replay(&self) -> Replay<'a> {
        Replay::new(self.history, self.actions)
    }

    /// What turns a customer's history into an observation.
    pub(crate) fn encoder(&self) -> Encoder<'_> {
        Encoder { schema: &self.schema, timeline: self.timeline, history: self.history }
    }

    /// The guardrails compiled against the catalogue.
    #[must_use]
    pub fn mask_rule(&self) -> MaskRule {
        let margins: Vec<f64> = self.history.categories.iter().map(|c| c.margin_rate).collect();
        let names = &self.schema.categories;
        MaskRule::new(self.guardrails, &self.actions.catalogue, names, &margins)
    }

    /// Summaries of all customers after the weeks `0..until`, by customer index.
    #[must_use]
    pub fn summaries(&self, until: u32) -> Vec<CustomerHistory> {
        let replay = self.replay();
        (0..self.history.customers.len() as u32).map(|c| replay.summary(c, until)).collect()
    }

    /// Index of the customers that are still around after the weeks `0..until`: they have visited,
    /// and not longer than `lapse_weeks` ago.
    #[must_use]
    pub fn alive(&self, summaries: &[CustomerHistory], lapse_weeks: u32) -> Vec<usize> {
        let is_alive =
            |h: &CustomerHistory| h.tenure_weeks() > 0 && h.recency_weeks() < lapse_weeks;
        (0..summaries.len()).filter(|&i| is_alive(&summaries[i])).collect()
    }

    /// A world that starts after the weeks `0..until` with the customers `who`.
    #[must_use]
    pub fn world(
        &self,
        draws: Vec<DemandModel>,
        summaries: &[CustomerHistory],
        who: &[usize],
        until: u32,
    ) -> PromotionWorld {
        let start = |&i: &usize| StartState {
            persona: self.timeline.at(i, until),
            history: summaries[i].clone(),
        };
        PromotionWorld {
            schema: self.schema.clone(),
            catalogue: self.actions.catalogue.clone(),
            mask_rule: self.mask_rule(),
            draws,
            starts: who.iter().map(start).collect(),
            shelf: self.history.shelf_depth.clone(),
            first_day: day_number(self.history.week_start(until)),
        }
    }
}

/// Names of the categories of a history, in order.
#[must_use]
pub fn category_names(history: &History) -> Vec<String> {
    history.categories.iter().map(|c| c.name.clone()).collect()
}
