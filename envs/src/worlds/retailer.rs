//! The retailer itself: what happens in a customer-week, and what was to be expected of it.

use super::calendar::Calendar;
use super::config::{CATEGORIES, RetailerConfig, WorldError};
use super::customer::{Customer, CustomerState};
use super::demand::{CategoryDemand, Expected, Seen, Situation};
use super::market::{Market, cents};
use crate::retail::{Guardrails, MaskRule, Offer, OfferCatalogue, WeekRecord};
use crate::seed::SeedTree;
use rand::Rng;

/// Most categories a retailer can have.
const CATEGORIES_MAX: usize = CATEGORIES.len();
/// Most units of one purchase.
const UNITS_MAX: u32 = 40;
/// Cumulative share of visits by day of the week, Monday first.
const DAYS: [f64; 7] = [0.11, 0.22, 0.34, 0.47, 0.65, 0.88, 1.0];

/// One line of a receipt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Product index.
    pub product: usize,
    /// Units bought.
    pub quantity: u32,
    /// Value at the regular price, money.
    pub gross: f64,
    /// Discount that everybody gets, money.
    pub shelf_discount: f64,
    /// Discount from the customer's own offer, money.
    pub offer_discount: f64,
    /// Cost of the goods, money.
    pub cost: f64,
    /// Day of the week, 0 is Monday.
    pub day: u32,
}

/// A retailer whose truth is known.
#[derive(Debug, Clone)]
pub struct Retailer {
    config: RetailerConfig,
    calendar: Calendar,
    market: Market,
    catalogue: OfferCatalogue,
    categories: Vec<String>,
    customers: Vec<Customer>,
}

impl Retailer {
    /// Draws products, shelf prices and customers.
    ///
    /// # Errors
    /// [`WorldError`] when the config is out of range.
    pub fn generate(config: RetailerConfig, seed: SeedTree) -> Result<Self, WorldError> {
        config.validate()?;
        let calendar = Calendar::new(&config.first_date)?;
        let categories = config.category_names();
        let catalogue = OfferCatalogue::grid(&categories, &config.depths, config.contact_cost)?;
        let market = Market::generate(&config, calendar, seed.child("market"));
        let root = seed.child("customers");
        let customers = (0..config.n_customers as u64)
            .map(|i| Customer::generate(&config, &market, root.index(i)))
            .collect();
        Ok(Self { config, calendar, market, catalogue, categories, customers })
    }

    /// What it was made from.
    #[must_use]
    pub fn config(&self) -> &RetailerConfig {
        &self.config
    }

    /// Dates of its weeks.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Products and shelf prices.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The offers it can make.
    #[must_use]
    pub fn catalogue(&self) -> &OfferCatalogue {
        &self.catalogue
    }

    /// Category names in order.
    #[must_use]
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// The true customers.
    #[must_use]
    pub fn customers(&self) -> &[Customer] {
        &self.customers
    }

    /// Which offers these guardrails allow here.
    #[must_use]
    pub fn mask_rule(&self, guardrails: &Guardrails) -> MaskRule {
        let margins = self.market.margin_rates();
        MaskRule::new(guardrails, &self.catalogue, &self.categories, margins)
    }

    pub(crate) fn situation<'a>(
        &'a self,
        customer: usize,
        state: &'a CustomerState,
        week: u32,
    ) -> Situation<'a> {
        let structure = &self.config.structure;
        Situation::new(&self.market, structure, &self.customers[customer], state, week)
    }

    /// Expected contribution of a customer's week under an offer, in closed form, money:
    /// `P(visit) Σ_c P(c | visit) Σ_j P(j | c) E[units_j] (price_j − cost_j) − contact cost`.
    ///
    /// An offer is used whenever its category is bought. Rounding to cents is left out.
    #[must_use]
    pub fn expected_contribution(
        &self,
        customer: usize,
        state: &CustomerState,
        week: u32,
        offer: &Offer,
    ) -> f64 {
        self.expected_week(customer, state, week, offer).1 - contact_cost(offer)
    }

    /// Expected units of a customer's week under an offer.
    #[must_use]
    pub fn expected_units(
        &self,
        customer: usize,
        state: &CustomerState,
        week: u32,
        offer: &Offer,
    ) -> f64 {
        self.expected_week(customer, state, week, offer).0
    }

    fn expected_week(
        &self,
        customer: usize,
        state: &CustomerState,
        week: u32,
        offer: &Offer,
    ) -> (f64, f64) {
        if !state.alive {
            return (0.0, 0.0);
        }
        let situation = self.situation(customer, state, week);
        let mut sum = Expected::default();
        let mut gain = 0.0;
        for category in 0..self.market.n_categories() {
            let plain = situation.expect(category, 0.0);
            let depth = offer.depth_in(category);
            let used = if depth > 0.0 { situation.expect(category, depth) } else { plain };
            sum.units += used.units;
            sum.margin += used.margin;
            sum.surplus += plain.surplus;
            gain += used.surplus - plain.surplus;
        }
        let visit = situation.visit_probability(sum.surplus, gain);
        (visit * sum.units, visit * sum.margin)
    }

    /// [`expected_contribution`](Self::expected_contribution) of every action at once; `out` has
    /// one slot per action. Only each offer's own category is computed again.
    pub fn expected_contributions_into(
        &self,
        customer: usize,
        state: &CustomerState,
        week: u32,
        out: &mut [f64],
    ) {
        debug_assert_eq!(out.len(), self.catalogue.n_actions());
        let situation = self.situation(customer, state, week);
        let mut plain = [Expected::default(); CATEGORIES_MAX];
        let mut surplus = 0.0;
        let mut margin = 0.0;
        for (category, slot) in plain.iter_mut().enumerate().take(self.market.n_categories()) {
            *slot = situation.expect(category, 0.0);
            surplus += slot.surplus;
            margin += slot.margin;
        }
        for (offer, value) in self.catalogue.offers().iter().zip(out) {
            let (gain, change) = offer.category.map_or((0.0, 0.0), |category| {
                let used = situation.expect(category, offer.depth);
                (used.surplus - plain[category].surplus, used.margin - plain[category].margin)
            });
            let visit = situation.visit_probability(surplus, gain);
            let earned = if state.alive { visit * (margin + change) } else { 0.0 };
            *value = earned - contact_cost(offer);
        }
    }

    /// Lives through one week: writes what was bought to `record`, moves the state on, and returns
    /// the lines of the receipt.
    ///
    /// The random numbers depend on the seed, customer and week alone, and always come in the same
    /// order, so two arms that share a seed share their luck. A customer who left buys nothing, but
    /// a contact still costs.
    pub fn step(
        &self,
        customer: usize,
        state: &mut CustomerState,
        week: u32,
        offer: &Offer,
        seed: SeedTree,
        record: &mut WeekRecord,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        self.advance(customer, state, week, offer, seed, (record, |line| lines.push(line)));
        lines
    }

    /// [`step`](Self::step) without the lines.
    pub fn step_record(
        &self,
        customer: usize,
        state: &mut CustomerState,
        week: u32,
        offer: &Offer,
        seed: SeedTree,
        record: &mut WeekRecord,
    ) {
        self.advance(customer, state, week, offer, seed, (record, |_| ()));
    }

    fn advance(
        &self,
        customer: usize,
        state: &mut CustomerState,
        week: u32,
        offer: &Offer,
        seed: SeedTree,
        (record, mut emit): (&mut WeekRecord, impl FnMut(Line)),
    ) {
        record.clear();
        if offer.is_contact() {
            record.contact_depth = Some(offer.depth);
            record.contact_category = offer.category;
            record.contact_cost = offer.contact_cost;
        }
        if !state.alive {
            return;
        }
        let mut rng = seed.index(customer as u64).index(u64::from(week)).stream();
        let [visit_luck, churn_luck, day_luck]: [f64; 3] = rng.random();
        let day = DAYS.iter().position(|&share| day_luck < share).unwrap_or(6) as u32;
        let mut seen = Seen { visited: false, n_categories: 0, depth: 0.0 };
        {
            let situation = self.situation(customer, state, week);
            let (visit, demands) = self.demands(&situation, offer);
            let visits = visit_luck < visit;
            let n_categories = self.market.n_categories();
            for (category, demand) in demands.iter().enumerate().take(n_categories) {
                let luck: [f64; 3] = rng.random();
                if !visits {
                    continue;
                }
                let depth = offer.depth_in(category);
                if luck[0] >= demand.incidence {
                    continue;
                }
                let mut line = self.draw_line(&situation, category, depth, demand, luck);
                line.day = day;
                seen.visited = true;
                seen.n_categories += 1;
                let paid = line.gross - line.shelf_discount - line.offer_discount;
                seen.depth = seen.depth.max(1.0 - paid / line.gross);
                let bought = &mut record.categories[category];
                bought.units = f64::from(line.quantity);
                bought.gross = line.gross;
                bought.shelf_discount = line.shelf_discount;
                bought.offer_discount = line.offer_discount;
                bought.cost = line.cost;
                emit(line);
            }
        }
        for (stock, bought) in state.stock.iter_mut().zip(&record.categories) {
            *stock += bought.units;
        }
        let truth = &self.customers[customer];
        truth.live_through(state, offer, &seen);
        state.alive = churn_luck >= truth.churn_probability(state);
    }

    /// The probability of a visit, and the demand of every category under the offer.
    fn demands(
        &self,
        at: &Situation<'_>,
        offer: &Offer,
    ) -> (f64, [CategoryDemand; CATEGORIES_MAX]) {
        let mut demands = [CategoryDemand::NOTHING; CATEGORIES_MAX];
        let mut surplus = 0.0;
        let mut gain = 0.0;
        for (category, slot) in demands.iter_mut().enumerate().take(self.market.n_categories()) {
            at.category_into(category, 0.0, slot);
            surplus += slot.surplus;
            let depth = offer.depth_in(category);
            if depth > 0.0 {
                gain -= slot.surplus;
                at.category_into(category, depth, slot);
                gain += slot.surplus;
            }
        }
        (at.visit_probability(surplus, gain), demands)
    }

    fn draw_line(
        &self,
        situation: &Situation<'_>,
        category: usize,
        depth: f64,
        demand: &CategoryDemand,
        luck: [f64; 3],
    ) -> Line {
        let n = self.market.per_category();
        let mut rest = luck[1] * demand.total;
        let j = demand.weights[..n]
            .iter()
            .position(|&weight| {
                rest -= weight;
                rest < 0.0
            })
            .unwrap_or(n - 1);
        let shelf = self.market.shelf(situation.week, category)[j];
        let product = &self.market.in_category(category)[j];
        let mean = situation.extra_units(category, shelf.log_cut - (1.0 - depth).ln());
        let quantity = 1 + poisson_quantile(mean, luck[2]);
        let units = f64::from(quantity);
        Line {
            product: category * n + j,
            quantity,
            gross: cents(units * product.price),
            shelf_discount: cents(units * (product.price - shelf.price)),
            offer_discount: cents(units * shelf.price * depth),
            cost: cents(units * product.unit_cost),
            day: 0,
        }
    }
}

fn contact_cost(offer: &Offer) -> f64 {
    if offer.is_contact() { offer.contact_cost } else { 0.0 }
}

/// The Poisson quantile at `u`, by adding up probabilities; at most [`UNITS_MAX`] − 1.
fn poisson_quantile(mean: f64, u: f64) -> u32 {
    let mut probability = (-mean).exp();
    let mut cumulative = probability;
    let mut count = 0;
    while u >= cumulative && count + 1 < UNITS_MAX {
        count += 1;
        probability *= mean / f64::from(count);
        cumulative += probability;
    }
    count
}
