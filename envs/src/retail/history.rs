//! A customer's running history: everything the observation is computed from, one week at a time.
//!
//! Past sales (ingest, scoring) and simulated weeks go through the same [`CustomerHistory::record`],
//! so what a policy saw in training is what it sees when it serves. All averages are exponentially
//! weighted by week; the constants are below and the formulas at the fields.

use super::catalogue::Offer;
use super::response::OfferResponse;
use serde::{Deserialize, Serialize};

/// Weekly decay of slow averages (habits): a half-life of 17 weeks.
const HABIT_DECAY: f64 = 0.96;
/// Weekly decay of what says what a customer has a taste for: a half-life of 69 weeks.
const TASTE_DECAY: f64 = 0.99;
/// Weekly decay of the contact pressure felt lately: a half-life of 3 weeks.
const CONTACT_DECAY: f64 = 0.8;
/// Weekly decay of the reference depth: a half-life of 4 weeks.
const REFERENCE_DECAY: f64 = 0.85;
/// Weekly decay of units at home: a half-life of 2 weeks.
const STOCK_DECAY: f64 = 0.7;
/// Weeks counted in recencies before they saturate.
pub const RECENCY_MAX: u32 = 52;
/// Weeks counted in tenure before it saturates.
pub const TENURE_MAX: u32 = 104;
/// Largest relative stock that is told apart.
pub const STOCK_MAX: f64 = 4.0;
/// Most units of a purchase that are told apart.
pub const UNITS_MAX: f64 = 200.0;

/// What one customer bought in one category in one week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CategoryWeek {
    /// Units bought; 0 means not bought.
    pub units: f64,
    /// Value at the regular price, money.
    pub gross: f64,
    /// Discount anyone got, money.
    pub shelf_discount: f64,
    /// Discount from this customer's offer, money.
    pub offer_discount: f64,
    /// Cost of the goods, money.
    pub cost: f64,
}

impl CategoryWeek {
    /// What the retailer received: gross less both discounts.
    #[must_use]
    pub fn revenue(&self) -> f64 {
        self.gross - self.shelf_discount - self.offer_discount
    }

    /// Revenue less cost of goods.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.revenue() - self.cost
    }
}

/// One customer-week: purchases by category, and the contact that went before them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WeekRecord {
    /// Purchases, shape `[n_categories]`; all zero when the customer did not buy.
    pub categories: Vec<CategoryWeek>,
    /// Depth of the offer received, when there was a contact.
    pub contact_depth: Option<f64>,
    /// Category of that offer; `None` without a contact and for an offer on the whole basket.
    pub contact_category: Option<usize>,
    /// Cost of that contact, money.
    pub contact_cost: f64,
}

impl WeekRecord {
    /// A week without purchases or contact.
    #[must_use]
    pub fn empty(n_categories: usize) -> Self {
        let categories = vec![CategoryWeek::default(); n_categories];
        Self { categories, ..Self::default() }
    }

    /// Empties the record for reuse, without allocation.
    pub fn clear(&mut self) {
        self.categories.fill(CategoryWeek::default());
        self.contact_depth = None;
        self.contact_category = None;
        self.contact_cost = 0.0;
    }

    /// Turns the record into a week without purchases, after this offer was made.
    pub fn contact(&mut self, offer: &Offer) {
        self.clear();
        if offer.is_contact() {
            self.contact_depth = Some(offer.depth);
            self.contact_category = offer.category;
            self.contact_cost = offer.contact_cost;
        }
    }

    /// Whether anything was bought.
    #[must_use]
    pub fn visited(&self) -> bool {
        self.categories.iter().any(|c| c.units > 0.0)
    }

    /// Whether the offer of the week was used.
    #[must_use]
    pub fn redeemed(&self) -> bool {
        self.contact_depth.is_some() && self.categories.iter().any(|c| c.offer_discount > 0.0)
    }

    /// Largest share of the regular value that was taken off in any category bought.
    #[must_use]
    pub fn deepest_discount(&self) -> f64 {
        let depth = |c: &CategoryWeek| (c.shelf_discount + c.offer_discount) / c.gross;
        let bought = self.categories.iter().filter(|c| c.gross > 0.0);
        bought.map(depth).fold(0.0, f64::max).min(1.0)
    }

    /// Revenue over all categories, money.
    #[must_use]
    pub fn revenue(&self) -> f64 {
        self.categories.iter().map(CategoryWeek::revenue).sum()
    }

    /// Contribution margin: revenue − cost of goods − contact cost, money.
    #[must_use]
    pub fn contribution(&self) -> f64 {
        self.categories.iter().map(CategoryWeek::margin).sum::<f64>() - self.contact_cost
    }

    /// What the offer cost: discount given through it plus the contact, money.
    #[must_use]
    pub fn promotion_cost(&self) -> f64 {
        self.categories.iter().map(|c| c.offer_discount).sum::<f64>() + self.contact_cost
    }
}

/// Habit of one customer in one category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct CategoryHabit {
    /// Decayed number of visit weeks with a purchase.
    bought: f64,
    /// The same with a longer memory.
    bought_long: f64,
    /// Decayed units (slow), for the usual weekly rate.
    units: f64,
    /// Units at home: decayed fast.
    stock: f64,
    /// Weeks since the last purchase, saturating.
    weeks_since: u32,
}

/// The running summary of one customer up to and including the last recorded week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerHistory {
    tenure_weeks: u32,
    weeks: f64,
    visits: f64,
    visits_long: f64,
    spend: f64,
    gross: f64,
    discount: f64,
    weeks_since_visit: u32,
    reference_depth: f64,
    offer_depth: f64,
    contact_pressure: f64,
    contacts: f64,
    redemptions: f64,
    weeks_since_offer: u32,
    /// Bit `i` is set when the customer was contacted `i + 1` weeks ago.
    contact_bits: u32,
    response: OfferResponse,
    habits: Vec<CategoryHabit>,
}

impl CustomerHistory {
    /// A customer of whom nothing is known.
    #[must_use]
    pub fn new(n_categories: usize) -> Self {
        let habit = CategoryHabit {
            bought: 0.0,
            bought_long: 0.0,
            units: 0.0,
            stock: 0.0,
            weeks_since: RECENCY_MAX,
        };
        Self {
            tenure_weeks: 0,
            weeks: 0.0,
            visits: 0.0,
            visits_long: 0.0,
            spend: 0.0,
            gross: 0.0,
            discount: 0.0,
            weeks_since_visit: RECENCY_MAX,
            reference_depth: 0.0,
            offer_depth: 0.0,
            contact_pressure: 0.0,
            contacts: 0.0,
            redemptions: 0.0,
            weeks_since_offer: RECENCY_MAX,
            contact_bits: 0,
            response: OfferResponse::default(),
            habits: vec![habit; n_categories],
        }
    }

    /// Adds one week. Weeks before the first purchase or contact leave no trace: nobody is a customer
    /// before the first visit.
    pub fn record(&mut self, week: &WeekRecord) {
        debug_assert_eq!(week.categories.len(), self.habits.len());
        let visited = week.visited();
        if self.tenure_weeks == 0 && !visited && week.contact_depth.is_none() {
            return;
        }
        self.record_response(week);
        self.tenure_weeks = (self.tenure_weeks + 1).min(TENURE_MAX);
        self.weeks = self.weeks * HABIT_DECAY + 1.0;
        self.record_visit(week, visited);
        self.record_contact(week);
        for (habit, bought) in self.habits.iter_mut().zip(&week.categories) {
            let hit = bought.units > 0.0;
            let one = f64::from(u8::from(hit));
            habit.bought = habit.bought * HABIT_DECAY + one;
            habit.bought_long = habit.bought_long * TASTE_DECAY + one;
            habit.units = habit.units * HABIT_DECAY + bought.units;
            habit.stock = (habit.stock + bought.units) * STOCK_DECAY;
            habit.weeks_since = if hit { 0 } else { (habit.weeks_since + 1).min(RECENCY_MAX) };
        }
    }

    fn record_visit(&mut self, week: &WeekRecord, visited: bool) {
        for total in [&mut self.visits, &mut self.spend, &mut self.gross, &mut self.discount] {
            *total *= HABIT_DECAY;
        }
        let mut gross = 0.0;
        let mut discount = 0.0;
        for c in &week.categories {
            gross += c.gross;
            discount += c.shelf_discount + c.offer_discount;
        }
        self.gross += gross;
        self.discount += discount;
        self.spend += gross - discount;
        self.visits += f64::from(u8::from(visited));
        self.visits_long = self.visits_long * TASTE_DECAY + f64::from(u8::from(visited));
        self.weeks_since_visit =
            if visited { 0 } else { (self.weeks_since_visit + 1).min(RECENCY_MAX) };
        let seen = week.deepest_discount().max(week.contact_depth.unwrap_or(0.0));
        if visited || week.contact_depth.is_some() {
            self.reference_depth =
                self.reference_depth * REFERENCE_DECAY + seen * (1.0 - REFERENCE_DECAY);
        }
    }

    /// Learns from how the week's offer was received, against what was usual before it.
    fn record_response(&mut self, week: &WeekRecord) {
        self.response.fade();
        let (Some(depth), true) = (week.contact_depth, self.tenure_weeks > 0) else { return };
        let bought = week.contact_category.map_or(1.0, |c| self.category_share(c));
        self.response.learn(self.frequency() * bought, depth, week.redeemed());
    }

    fn record_contact(&mut self, week: &WeekRecord) {
        let contacted = week.contact_depth.is_some();
        let one = f64::from(u8::from(contacted));
        self.offer_depth = self.offer_depth * REFERENCE_DECAY
            + week.contact_depth.unwrap_or(0.0) * (1.0 - REFERENCE_DECAY);
        self.contact_pressure = self.contact_pressure * CONTACT_DECAY + one;
        self.contacts = self.contacts * HABIT_DECAY + one;
        self.redemptions = self.redemptions * HABIT_DECAY + f64::from(u8::from(week.redeemed()));
        self.weeks_since_offer =
            if contacted { 0 } else { (self.weeks_since_offer + 1).min(RECENCY_MAX) };
        self.contact_bits = (self.contact_bits << 1) | u32::from(contacted);
    }

    /// The same customer with categories in another order: category `i` of the result is category
    /// `order[i]` of this history, or one never bought for `None`.
    #[must_use]
    pub fn reordered(&self, order: &[Option<usize>]) -> Self {
        let never = Self::new(1).habits[0];
        let habits = order.iter().map(|o| o.map_or(never, |i| self.habits[i])).collect();
        Self { habits, ..self.clone() }
    }

    /// Number of categories.
    #[must_use]
    pub fn n_categories(&self) -> usize {
        self.habits.len()
    }

    /// Weeks since the first visit, saturating at [`TENURE_MAX`]; 0 before it.
    #[must_use]
    pub fn tenure_weeks(&self) -> u32 {
        self.tenure_weeks
    }

    /// Weeks since the last visit, 0 right after one, saturating at [`RECENCY_MAX`].
    #[must_use]
    pub fn recency_weeks(&self) -> u32 {
        self.weeks_since_visit
    }

    /// Share of weeks with a visit, decayed and shrunk to one half with the weight of two weeks.
    #[must_use]
    pub fn frequency(&self) -> f64 {
        (self.visits + 1.0) / (self.weeks + 2.0)
    }

    /// Mean spend of a visit week after discounts, money; 0 before the first visit.
    #[must_use]
    pub fn monetary(&self) -> f64 {
        if self.visits > 0.0 { self.spend / self.visits } else { 0.0 }
    }

    /// Discounts received as a share of the regular value of what was bought.
    #[must_use]
    pub fn discount_share(&self) -> f64 {
        if self.gross > 0.0 { (self.discount / self.gross).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Smoothed depth seen lately, on purchases and in offers.
    #[must_use]
    pub fn reference_depth(&self) -> f64 {
        self.reference_depth
    }

    /// Smoothed depth of the offers received, 0 in weeks without one: the part of the reference depth
    /// that is ours to decide.
    #[must_use]
    pub fn offer_depth(&self) -> f64 {
        self.offer_depth
    }

    /// Contacts lately, decayed by 0.8 a week; at most 5.
    #[must_use]
    pub fn contact_pressure(&self) -> f64 {
        self.contact_pressure
    }

    /// Share of contacts that were redeemed, decayed and shrunk to 0.2 with the weight of 4 contacts.
    #[must_use]
    pub fn redemption_rate(&self) -> f64 {
        (self.redemptions + 0.8) / (self.contacts + 4.0)
    }

    /// How this customer responds to offers, learned from those received: see [`OfferResponse`].
    #[must_use]
    pub fn offer_response(&self) -> f64 {
        self.response.expected()
    }

    /// Weeks since the last contact, 0 right after one, saturating at [`RECENCY_MAX`].
    #[must_use]
    pub fn weeks_since_offer(&self) -> u32 {
        self.weeks_since_offer
    }

    /// Contacts in the last `n_weeks` weeks, for `n_weeks` up to 32.
    #[must_use]
    pub fn contacts_in(&self, n_weeks: u32) -> u32 {
        let window = if n_weeks >= 32 { u32::MAX } else { (1 << n_weeks) - 1 };
        (self.contact_bits & window).count_ones()
    }

    /// Weeks since the last purchase in the category, saturating at [`RECENCY_MAX`].
    #[must_use]
    pub fn category_recency_weeks(&self, category: usize) -> u32 {
        self.habits[category].weeks_since
    }

    /// Share of visit weeks in which the category was bought, decayed and shrunk to 0.2 with the
    /// weight of one visit.
    #[must_use]
    pub fn category_share(&self, category: usize) -> f64 {
        (self.habits[category].bought + 0.2) / (self.visits + 1.0)
    }

    /// [`category_share`](Self::category_share) with a longer memory: a steadier reading of taste.
    #[must_use]
    pub fn category_long_share(&self, category: usize) -> f64 {
        (self.habits[category].bought_long + 0.2) / (self.visits_long + 1.0)
    }

    /// Units at home relative to the usual level: decayed purchases over what the usual weekly rate
    /// would hold in balance; 1 is usual, clipped to [`STOCK_MAX`], 0 for a category never bought.
    #[must_use]
    pub fn category_stock(&self, category: usize) -> f64 {
        let habit = &self.habits[category];
        if self.weeks <= 0.0 || habit.units <= 1e-9 {
            return 0.0;
        }
        let usual = habit.units / self.weeks * STOCK_DECAY / (1.0 - STOCK_DECAY);
        (habit.stock / usual).min(STOCK_MAX)
    }

    /// Units of a purchase in the category, decayed and shrunk to 1 with the weight of one purchase.
    #[must_use]
    pub fn category_units(&self, category: usize) -> f64 {
        let habit = &self.habits[category];
        ((habit.units + 1.0) / (habit.bought + 1.0)).min(UNITS_MAX)
    }

    /// Mean units a week in the category, decayed.
    #[must_use]
    pub fn category_units_per_week(&self, category: usize) -> f64 {
        if self.weeks > 0.0 { self.habits[category].units / self.weeks } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(units: &[f64], contact_depth: Option<f64>) -> WeekRecord {
        let bought = |&units: &f64| CategoryWeek {
            units,
            gross: units * 2.0,
            offer_discount: contact_depth.map_or(0.0, |d| units * 2.0 * d),
            cost: units,
            ..CategoryWeek::default()
        };
        let categories = units.iter().map(bought).collect();
        WeekRecord { categories, contact_depth, ..WeekRecord::default() }
    }

    #[test]
    fn nobody_is_a_customer_before_the_first_visit() {
        let mut history = CustomerHistory::new(2);
        history.record(&week(&[0.0, 0.0], None));
        assert_eq!(history, CustomerHistory::new(2));
    }

    #[test]
    fn two_weeks_by_hand() {
        let mut history = CustomerHistory::new(2);
        history.record(&week(&[3.0, 0.0], None));
        history.record(&week(&[0.0, 0.0], Some(0.2)));
        assert_eq!(history.tenure_weeks(), 2);
        assert_eq!(history.recency_weeks(), 1);
        // visits = 0.96, weeks = 1.96: (0.96 + 1) / (1.96 + 2).
        assert!((history.frequency() - 1.96 / 3.96).abs() < 1e-12);
        assert!((history.monetary() - 6.0).abs() < 1e-12);
        assert!((history.reference_depth() - 0.2 * 0.15).abs() < 1e-12);
        assert_eq!(history.category_recency_weeks(0), 1);
        assert_eq!(history.category_recency_weeks(1), RECENCY_MAX);
        assert_eq!(history.contacts_in(1), 1);
        assert_eq!(history.weeks_since_offer(), 0);
        // One contact, not redeemed: 0.8 / 5.
        assert!((history.redemption_rate() - 0.16).abs() < 1e-12);
    }

    #[test]
    fn steady_buying_holds_the_usual_stock() {
        let mut history = CustomerHistory::new(1);
        for _ in 0..200 {
            history.record(&week(&[2.0], None));
        }
        assert!((history.category_stock(0) - 1.0).abs() < 1e-6);
        assert!((history.category_units_per_week(0) - 2.0).abs() < 1e-9);
    }
}
