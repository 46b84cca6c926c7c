//! The log as weeks: every customer's history is replayed through the one running summary.
//!
//! Fit, personas, off-policy evaluation, start states and `score` all read the log through
//! [`Replay`], so they see customers as the simulator does.

use super::actions::ActionMap;
use crate::data::{Cell, Exposure, History};
use promopt_envs::ActionId;
use promopt_envs::retail::{CategoryWeek, CustomerHistory, WeekRecord};

/// A decision of the logging policy that is an action of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedAction {
    /// What was done; 0 is `none`.
    pub action: ActionId,
    /// With which probability, when it was written down.
    pub propensity: Option<f64>,
}

/// One customer-week of the log.
#[derive(Debug)]
pub struct WeekView<'a> {
    /// Customer index.
    pub customer: u32,
    /// Week index.
    pub week: u32,
    /// The customer before this week.
    pub history: &'a CustomerHistory,
    /// What happened in the week.
    pub record: &'a WeekRecord,
    /// The logged decision; `None` when the log is silent about this week.
    pub logged: Option<LoggedAction>,
}

/// Replays the weeks of single customers.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    history: &'a History,
    actions: &'a ActionMap,
}

impl<'a> Replay<'a> {
    /// A replay of this history with these actions.
    #[must_use]
    pub fn new(history: &'a History, actions: &'a ActionMap) -> Self {
        Self { history, actions }
    }

    /// Walks through the weeks `0..until` of a customer and returns the summary after them. `each`
    /// sees every week from the first visit or contact on, with the summary before it.
    pub fn walk(
        &self,
        customer: u32,
        until: u32,
        mut each: impl FnMut(&WeekView<'_>),
    ) -> CustomerHistory {
        let mut cells = self.history.cells_of(customer);
        let mut exposures = self.history.exposures_of(customer);
        let mut summary = CustomerHistory::new(self.history.n_categories());
        let mut record = WeekRecord::empty(self.history.n_categories());
        for week in 0..until.min(self.history.n_weeks) {
            record.clear();
            let n_cells = cells.iter().take_while(|c| c.week <= week).count();
            let (of_week, later) = cells.split_at(n_cells);
            cells = later;
            fill_purchases(of_week, &mut record);
            let n_exposures = exposures.iter().take_while(|e| e.week <= week).count();
            let (of_week, later) = exposures.split_at(n_exposures);
            exposures = later;
            let logged = self.fill_contact(of_week, &mut record);
            if summary.tenure_weeks() > 0 || record.visited() || record.contact_depth.is_some() {
                each(&WeekView { customer, week, history: &summary, record: &record, logged });
            }
            summary.record(&record);
        }
        summary
    }

    /// The action that an offer of the history was; `None` when its content is unknown.
    #[must_use]
    pub fn action_of(&self, history_offer: u16) -> Option<ActionId> {
        self.actions.action_of(history_offer)
    }

    /// The summary of a customer after the weeks `0..until`.
    #[must_use]
    pub fn summary(&self, customer: u32, until: u32) -> CustomerHistory {
        self.walk(customer, until, |_| ())
    }

    /// Writes the contact of a week; the deepest offer counts when there were several.
    fn fill_contact(
        &self,
        exposures: &[Exposure],
        record: &mut WeekRecord,
    ) -> Option<LoggedAction> {
        let mut logged: Option<LoggedAction> = None;
        for exposure in exposures {
            let Some(action) = self.actions.action_of(exposure.offer) else {
                // A campaign of unknown content is a contact all the same.
                record.contact_depth.get_or_insert(0.0);
                continue;
            };
            let offer = self.actions.catalogue.offer(action);
            if offer.is_contact() && offer.depth >= record.contact_depth.unwrap_or(0.0) {
                record.contact_depth = Some(offer.depth);
                record.contact_category = offer.category;
                record.contact_cost = offer.contact_cost;
            }
            let deeper =
                logged.is_none_or(|l| self.actions.catalogue.offer(l.action).depth < offer.depth);
            if deeper {
                logged = Some(LoggedAction { action, propensity: exposure.propensity });
            }
        }
        logged
    }
}

fn fill_purchases(cells: &[Cell], record: &mut WeekRecord) {
    for cell in cells {
        record.categories[usize::from(cell.category)] = CategoryWeek {
            units: cell.units,
            gross: cell.gross,
            shelf_discount: cell.shelf_discount,
            offer_discount: cell.offer_discount,
            cost: cell.cost,
        };
    }
}
