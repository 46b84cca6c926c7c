//! Any policy played in the true world, customer by customer, with shared luck between arms.

use super::customer::CustomerState;
use super::retailer::Retailer;
use crate::retail::{CustomerHistory, MaskRule, WeekRecord};
use crate::seed::SeedTree;
use crate::space::{ActionId, ActionMask};
use rand::Rng;
use std::ops::Range;

/// What a policy may look at when it decides. Only the oracle looks at `state`.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Customer index.
    pub customer: usize,
    /// Week to decide for.
    pub week: u32,
    /// The true state.
    pub state: &'a CustomerState,
    /// The observed history.
    pub history: &'a CustomerHistory,
    /// What is allowed.
    pub mask: &'a ActionMask,
    /// A uniform number in `[0, 1)` for policies that draw.
    pub luck: f64,
}

/// What one customer brought over the weeks played.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CustomerOutcome {
    /// Contribution margin after contact costs, money.
    pub contribution: f64,
    /// Revenue, money.
    pub revenue: f64,
    /// Discounts through offers plus contact costs, money.
    pub promotion_cost: f64,
    /// Weeks with a purchase.
    pub visits: u32,
    /// Contacts made.
    pub contacts: u32,
    /// Offers used.
    pub redemptions: u32,
    /// Whether the customer is with us at the end.
    pub alive: bool,
}

/// A policy's outcome for a group of customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// One outcome per customer played.
    pub outcomes: Vec<CustomerOutcome>,
    /// Weeks played.
    pub n_weeks: u32,
}

impl Arm {
    /// Mean contribution of a customer-week, money.
    #[must_use]
    pub fn contribution_per_week(&self) -> f64 {
        self.per_week(|o| o.contribution)
    }

    /// Mean of any sum of the outcomes per customer-week.
    #[must_use]
    pub fn per_week(&self, of: impl Fn(&CustomerOutcome) -> f64) -> f64 {
        let total: f64 = self.outcomes.iter().map(of).sum();
        total / (self.outcomes.len() as f64 * f64::from(self.n_weeks))
    }

    /// Contribution of a customer-week above that of another arm with the same customers and luck:
    /// mean of the paired differences and its standard error, money.
    #[must_use]
    pub fn uplift_over(&self, other: &Self) -> (f64, f64) {
        debug_assert_eq!(self.outcomes.len(), other.outcomes.len());
        let weeks = f64::from(self.n_weeks);
        let pairs = self.outcomes.iter().zip(&other.outcomes);
        let gaps: Vec<f64> =
            pairs.map(|(a, b)| (a.contribution - b.contribution) / weeks).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (mean, (variance / n).sqrt())
    }
}

impl Retailer {
    /// Plays a policy with one customer from a state and history on. Customers are independent, so
    /// callers may spread them over threads.
    pub fn play_customer(
        &self,
        customer: usize,
        (state, history): (&CustomerState, &CustomerHistory),
        weeks: Range<u32>,
        seed: SeedTree,
        rule: &MaskRule,
        policy: &mut dyn FnMut(&Moment<'_>) -> ActionId,
    ) -> CustomerOutcome {
        let mut state = state.clone();
        let mut history = history.clone();
        let mut mask = rule.blank();
        let mut record = WeekRecord::empty(self.categories().len());
        let mut outcome = CustomerOutcome::default();
        let decisions = seed.child("decisions").index(customer as u64);
        let luck_of_weeks = seed.child("weeks");
        for week in weeks {
            rule.write(&history, &mut mask);
            let luck = decisions.index(u64::from(week)).stream().random();
            let (now, past) = (&state, &history);
            let moment = Moment { customer, week, state: now, history: past, mask: &mask, luck };
            let offer = self.catalogue().offer(policy(&moment));
            self.step_record(customer, &mut state, week, offer, luck_of_weeks, &mut record);
            history.record(&record);
            outcome.contribution += record.contribution();
            outcome.revenue += record.revenue();
            outcome.promotion_cost += record.promotion_cost();
            outcome.visits += u32::from(record.visited());
            outcome.contacts += u32::from(offer.is_contact());
            outcome.redemptions += u32::from(record.redeemed());
        }
        outcome.alive = state.alive;
        outcome
    }

    /// Plays a policy with the customers `0, stride, 2 stride, …`, one after the other.
    pub fn play(
        &self,
        (states, histories, stride): (&[CustomerState], &[CustomerHistory], usize),
        weeks: Range<u32>,
        seed: SeedTree,
        rule: &MaskRule,
        policy: &mut dyn FnMut(&Moment<'_>) -> ActionId,
    ) -> Arm {
        let n_weeks = weeks.len() as u32;
        let play_one = |customer: usize| {
            let start = (&states[customer], &histories[customer]);
            self.play_customer(customer, start, weeks.clone(), seed, rule, policy)
        };
        let outcomes = (0..states.len()).step_by(stride.max(1)).map(play_one).collect();
        Arm { outcomes, n_weeks }
    }
}
