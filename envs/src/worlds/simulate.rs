//! The history of the retailer under today's policy, as it would stand in its books.

use super::customer::CustomerState;
use super::logging::CurrentPolicy;
use super::retailer::{Line, Retailer};
use super::tables::CanonicalTables;
use crate::retail::{CustomerHistory, Guardrails, WeekRecord};
use crate::seed::SeedTree;
use crate::space::ActionId;
use rand::Rng;

/// What a simulated past leaves behind.
#[derive(Debug, Clone)]
pub struct SimulatedHistory {
    /// The books: everything that is observed.
    pub tables: CanonicalTables,
    /// The true states at the end of the history, one per customer.
    pub states: Vec<CustomerState>,
    /// The observed histories in the world's category order, one per customer.
    pub histories: Vec<CustomerHistory>,
    /// Value at the regular price that every product sold, money, shape `[n_products]`.
    pub gross_by_product: Vec<f64>,
}

/// One customer-week of the past.
pub(crate) struct LoggedWeek<'a> {
    pub(crate) customer: usize,
    pub(crate) week: u32,
    pub(crate) action: ActionId,
    pub(crate) probabilities: &'a [f64],
    pub(crate) record: &'a WeekRecord,
    pub(crate) lines: &'a [Line],
    /// Whether the customer was with us before and after the week.
    pub(crate) alive: [bool; 2],
}

impl Retailer {
    /// Plays today's policy through the history under the default guardrails. Every customer-week
    /// since arrival has a logged propensity, also those with `none` and those of customers who
    /// left, because the retailer does not know.
    #[must_use]
    pub fn simulate_history(&self, seed: SeedTree) -> SimulatedHistory {
        let mut tables = CanonicalTables::new(self);
        let mut gross_by_product = vec![0.0; self.market().products().len()];
        let (states, histories) = self.log_weeks(seed, |week| {
            week.lines.iter().for_each(|line| gross_by_product[line.product] += line.gross);
            tables.enter(self, week);
        });
        SimulatedHistory { tables, states, histories, gross_by_product }
    }

    pub(crate) fn log_weeks(
        &self,
        seed: SeedTree,
        mut enter: impl FnMut(&LoggedWeek<'_>),
    ) -> (Vec<CustomerState>, Vec<CustomerHistory>) {
        let rule = self.mask_rule(&Guardrails::default());
        let policy = CurrentPolicy::new(&self.config().structure, self.catalogue());
        let mut probabilities = vec![0.0; self.catalogue().n_actions()];
        let mut mask = rule.blank();
        let n_categories = self.categories().len();
        let mut record = WeekRecord::empty(n_categories);
        let (decisions, weeks) = (seed.child("decisions"), seed.child("weeks"));
        let mut states = Vec::with_capacity(self.customers().len());
        let mut histories = Vec::with_capacity(self.customers().len());
        for (customer, truth) in self.customers().iter().enumerate() {
            let mut state = truth.arrive();
            let mut history = CustomerHistory::new(n_categories);
            let decisions = decisions.index(customer as u64);
            for week in truth.arrival_week..self.config().n_weeks {
                rule.write(&history, &mut mask);
                policy.probabilities_into(&history, &mask, &mut probabilities);
                let luck = decisions.index(u64::from(week)).stream().random();
                let action = CurrentPolicy::draw(&probabilities, luck);
                let before = state.alive;
                let offer = self.catalogue().offer(action);
                let lines = self.step(customer, &mut state, week, offer, weeks, &mut record);
                history.record(&record);
                enter(&LoggedWeek {
                    customer,
                    week,
                    action,
                    probabilities: &probabilities,
                    record: &record,
                    lines: &lines,
                    alive: [before, state.alive],
                });
            }
            states.push(state);
            histories.push(history);
        }
        (states, histories)
    }
}
