//! Sales histories from a known model, to test what is fitted and concluded from them.
//!
//! The truth lies inside the fitted family: after a few settling weeks, in which every customer buys
//! by habits of their own, each customer-week is drawn from a [`DemandModel`] that sees exactly the
//! observation the fit sees. The settling weeks are marked as weeks to leave out of the fit, so that
//! the habits they planted are known and every fitted week comes from the model. Shelf promotions
//! are random runs of weeks; offers are drawn at random and logged with their probability.
//!
//! Unlike [`promopt_envs::worlds`], which is built differently on purpose, a fit of these histories
//! must recover the truth and its intervals must cover it.

use super::actions::ActionMap;
use super::design::Encoder;
use super::error::DemandError;
use crate::data::{Category, Cell, Exposure, History, OTHER_CATEGORY, OfferRow, QualityReport};
use crate::features::PersonaTimeline;
use chrono::NaiveDate;
use promopt_envs::retail::{
    CategoryWeek, CustomerHistory, DemandModel, ObservationSchema, Offer, Prepared, WeekInput,
    WeekPlan, WeekRecord,
};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

mod truth;

pub use truth::true_model;

/// Depth of a category that is not promoted.
const SHELF_USUAL: f64 = 0.02;
/// Weeks between two shelf promotions of a category, and weeks that one lasts.
const SHELF_PAUSE: std::ops::Range<u32> = 4..11;
const SHELF_RUN: std::ops::Range<u32> = 1..4;

/// Size and promotions of a generated history.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorConfig {
    /// Customers.
    pub n_customers: u32,
    /// Weeks, settling weeks included.
    pub n_weeks: u32,
    /// Weeks at the start in which customers buy by their own habits.
    pub settling_weeks: u32,
    /// Categories, the last of them `other`.
    pub n_categories: usize,
    /// Personas, assigned at random.
    pub n_personas: usize,
    /// Probability that a customer gets an offer in a week.
    pub offer_rate: f64,
    /// Depths of offers, each in every category but `other`.
    pub offer_depths: Vec<f64>,
    /// Depths of shelf promotions.
    pub shelf_depths: Vec<f64>,
    /// Cost of telling one customer about an offer, money.
    pub contact_cost: f64,
}

impl Default for GeneratorConfig {
    /// 400 customers over 78 weeks, four categories, three personas.
    fn default() -> Self {
        Self {
            n_customers: 400,
            n_weeks: 78,
            settling_weeks: 16,
            n_categories: 4,
            n_personas: 3,
            offer_rate: 0.15,
            offer_depths: vec![0.1, 0.2, 0.3],
            shelf_depths: vec![0.1, 0.15, 0.2, 0.25, 0.3],
            contact_cost: 0.05,
        }
    }
}

/// A history and the truth behind it.
#[derive(Debug, Clone)]
pub struct GeneratedWorld {
    /// The truth.
    pub model: DemandModel,
    /// What was recorded.
    pub history: History,
    /// Its offers as actions.
    pub actions: ActionMap,
    /// The persona of every customer, the same in all weeks.
    pub timeline: PersonaTimeline,
    /// The observation.
    pub schema: ObservationSchema,
}

impl GeneratedWorld {
    /// What turns a customer's history into an observation.
    pub(crate) fn encoder(&self) -> Encoder<'_> {
        Encoder { schema: &self.schema, timeline: &self.timeline, history: &self.history }
    }
}

/// What one customer leaves in the books.
type Trace = (Vec<Cell>, Vec<Exposure>);

/// Draws a truth with [`true_model`] and a history from it.
///
/// # Errors
/// [`DemandError`] when the offers of the config do not form a catalogue.
pub fn generate(config: &GeneratorConfig, seed: SeedTree) -> Result<GeneratedWorld, DemandError> {
    let model = true_model(config.n_personas, config.n_categories, seed.child("model"));
    generate_from(model, config, seed)
}

/// Draws a history from a given truth; its `shelf_mean` is set to that of the drawn shelf.
///
/// # Errors
/// As [`generate`].
pub fn generate_from(
    mut model: DemandModel,
    config: &GeneratorConfig,
    seed: SeedTree,
) -> Result<GeneratedWorld, DemandError> {
    let shelf_depth = shelf_panel(config, seed.child("shelf"));
    for (c, category) in model.categories.iter_mut().enumerate() {
        let depths = shelf_depth.iter().skip(c).step_by(config.n_categories);
        category.shelf_mean = depths.sum::<f64>() / f64::from(config.n_weeks.max(1));
    }
    let mut history = empty_history(config, &model, shelf_depth);
    let actions = ActionMap::new(&history, &[], 0.0)?;
    let names: Vec<String> = history.categories.iter().map(|c| c.name.clone()).collect();
    let usual = model.categories.iter().map(|category| category.shelf_mean).collect();
    let schema = ObservationSchema::new(config.n_personas, &names).with_usual_shelf(usual);
    let timeline = personas(config, seed.child("personas"));
    let shocks = shocks(&model, config.n_weeks, seed.child("shocks"));
    let encoder = Encoder { schema: &schema, timeline: &timeline, history: &history };
    let market = Market { model: &model, config, history: &history, actions: &actions, shocks };
    let live = |customer: u32| {
        let seed = seed.child("customer").index(u64::from(customer));
        market.live(customer, &encoder, seed)
    };
    let traces: Vec<Trace> = (0..config.n_customers).into_par_iter().map(live).collect();
    for (cells, exposures) in traces {
        history.cells.extend(cells);
        history.exposures.extend(exposures);
    }
    history.fingerprint = history.compute_fingerprint();
    Ok(GeneratedWorld { model, history, actions, timeline, schema })
}

/// Shelf depths, shape `[n_weeks × n_categories]`: the usual level, and above it random runs.
fn shelf_panel(config: &GeneratorConfig, seed: SeedTree) -> Vec<f64> {
    let n = config.n_categories;
    let mut panel = vec![SHELF_USUAL; config.n_weeks as usize * n];
    for category in 0..n {
        let mut stream = seed.index(category as u64).stream();
        let mut week = config.settling_weeks + stream.random_range(0..SHELF_PAUSE.end);
        while week < config.n_weeks && !config.shelf_depths.is_empty() {
            let depth = config.shelf_depths[stream.random_range(0..config.shelf_depths.len())];
            let end = (week + stream.random_range(SHELF_RUN)).min(config.n_weeks);
            (week..end).for_each(|w| panel[w as usize * n + category] = depth);
            week = end + stream.random_range(SHELF_PAUSE);
        }
    }
    panel
}

/// A history without customers' traces.
fn empty_history(config: &GeneratorConfig, model: &DemandModel, shelf_depth: Vec<f64>) -> History {
    let last = config.n_categories - 1;
    let name = |c: usize| if c == last { OTHER_CATEGORY.to_owned() } else { format!("aisle-{c}") };
    let categories: Vec<Category> = model
        .categories
        .iter()
        .enumerate()
        .map(|(c, of)| Category {
            name: name(c),
            margin_rate: of.margin_rate,
            mean_unit_price: of.unit_price.iter().sum::<f64>() / of.unit_price.len() as f64,
        })
        .collect();
    let mut offers = vec![offer_row("none".to_owned(), None, 0.0, 0.0)];
    for category in &categories[..last] {
        for &depth in &config.offer_depths {
            let id = format!("{}-{:.0}", category.name, depth * 100.0);
            offers.push(offer_row(id, Some(category.name.clone()), depth, config.contact_cost));
        }
    }
    History {
        first_week: NaiveDate::from_ymd_opt(2022, 1, 3).unwrap_or_default(),
        n_weeks: config.n_weeks,
        customers: (0..config.n_customers).map(|c| format!("{c:016x}")).collect(),
        original_ids: None,
        categories,
        cells: Vec::new(),
        price_index: vec![0.0; shelf_depth.len()],
        shelf_depth,
        offers,
        exposures: Vec::new(),
        anomalous_weeks: (0..config.settling_weeks).collect(),
        quality: QualityReport::default(),
        fingerprint: String::new(),
    }
}

fn offer_row(offer_id: String, category: Option<String>, depth: f64, cost: f64) -> OfferRow {
    let mechanic = if category.is_some() { "percent" } else { "none" }.to_owned();
    OfferRow { offer_id, mechanic, category, depth, contact_cost: cost, ..OfferRow::default() }
}

fn personas(config: &GeneratorConfig, seed: SeedTree) -> PersonaTimeline {
    let mut stream = seed.stream();
    let one = |_| stream.random_range(0..config.n_personas) as u16;
    PersonaTimeline { weeks: vec![0], personas: vec![(0..config.n_customers).map(one).collect()] }
}

/// Shifts of the visit logit and of the log units in every week.
fn shocks(model: &DemandModel, n_weeks: u32, seed: SeedTree) -> Vec<(f64, f64)> {
    let mut stream = seed.stream();
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    (0..n_weeks)
        .map(|_| (model.shock.visit_sd * normal(), model.shock.units_sd * normal()))
        .collect()
}

/// How a customer buys before the model takes over.
struct Habits {
    visit: f64,
    /// Probability of each category in a visit.
    share: Vec<f64>,
    /// Probability of a further unit after each one.
    further: f64,
}

impl Habits {
    fn draw(n_categories: usize, stream: &mut Stream) -> Self {
        Self {
            visit: stream.random_range(0.2..0.8),
            share: (0..n_categories).map(|_| stream.random_range(0.2..0.8)).collect(),
            further: stream.random_range(0.15..0.5),
        }
    }

    /// A week's purchases at the usual shelf; never an empty basket.
    fn shop(
        &self,
        model: &DemandModel,
        persona: usize,
        stream: &mut Stream,
        week: &mut WeekRecord,
    ) {
        let certain = stream.random_range(0..self.share.len());
        for (c, (slot, of)) in week.categories.iter_mut().zip(&model.categories).enumerate() {
            if c != certain && stream.random::<f64>() >= self.share[c] {
                continue;
            }
            let mut units = 1.0;
            while units < 20.0 && stream.random::<f64>() < self.further {
                units += 1.0;
            }
            let gross = units * of.unit_price[persona];
            *slot = CategoryWeek {
                units,
                gross,
                shelf_discount: gross * of.realised_shelf(SHELF_USUAL, 0.0),
                offer_discount: 0.0,
                cost: gross * (1.0 - of.margin_rate),
            };
        }
    }
}

/// What all customers share.
struct Market<'a> {
    model: &'a DemandModel,
    config: &'a GeneratorConfig,
    /// The history without traces.
    history: &'a History,
    actions: &'a ActionMap,
    shocks: Vec<(f64, f64)>,
}

impl Market<'_> {
    /// Plays one customer through all weeks.
    fn live(&self, customer: u32, encoder: &Encoder<'_>, seed: SeedTree) -> Trace {
        let (schema, n) = (encoder.schema, self.config.n_categories);
        let persona = encoder.timeline.at(customer as usize, 0);
        let habits = Habits::draw(n, &mut seed.child("habits").stream());
        let mut summary = CustomerHistory::new(n);
        let mut record = WeekRecord::empty(n);
        let mut observation = vec![0.0; schema.n_features()];
        let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
        let mut trace = Trace::default();
        let mut with_us = true;
        for week in 0..self.config.n_weeks {
            let mut luck = seed.child("week").index(u64::from(week)).stream();
            let leaves = luck.random::<f64>() < self.model.churn;
            if week < self.config.settling_weeks {
                record.clear();
                // Everybody comes in the first week: nobody is a customer before the first visit.
                if luck.random::<f64>() < habits.visit || week == 0 {
                    habits.shop(self.model, persona, &mut luck, &mut record);
                }
            } else {
                let (exposure, offer) = self.offer(customer, week, &mut luck);
                trace.1.push(exposure);
                record.contact(offer);
                if with_us {
                    encoder.encode(customer, week, &summary, week, &mut observation);
                    let view = schema.read(&observation);
                    self.model.prepare(&view, &mut prepared);
                    let input = self.input(week);
                    self.model.evaluate(&prepared, &view, &input, offer, &mut plan);
                    plan.sample(offer, &mut luck, &mut record);
                }
                with_us &= !leaves;
            }
            summary.record(&record);
            keep(customer, week, &record, &mut trace.0);
        }
        trace
    }

    fn input(&self, week: u32) -> WeekInput<'_> {
        let (n, row) = (self.config.n_categories, week as usize);
        let (visit_shock, units_shock) = self.shocks[row];
        let shelf = &self.history.shelf_depth[row * n..(row + 1) * n];
        WeekInput { visit_shock, units_shock, ..WeekInput::of_shelf(shelf) }
    }

    /// Draws an offer of the history and writes it down; `none` is its first.
    fn offer(&self, customer: u32, week: u32, luck: &mut Stream) -> (Exposure, &Offer) {
        let n = self.history.offers.len() - 1;
        let contacted = luck.random::<f64>() < self.config.offer_rate;
        let which = luck.random_range(0..n.max(1));
        let (offer, propensity) = if contacted && n > 0 {
            (which as u16 + 1, self.config.offer_rate / n as f64)
        } else {
            (0, if n > 0 { 1.0 - self.config.offer_rate } else { 1.0 })
        };
        let action = self.actions.action_of(offer).unwrap_or(0);
        let exposure = Exposure { customer, week, offer, propensity: Some(propensity) };
        (exposure, self.actions.catalogue.offer(action))
    }
}

fn keep(customer: u32, week: u32, record: &WeekRecord, cells: &mut Vec<Cell>) {
    let bought = record.categories.iter().enumerate().filter(|(_, c)| c.units > 0.0);
    cells.extend(bought.map(|(category, c)| Cell {
        customer,
        week,
        category: category as u16,
        baskets: 1,
        units: c.units,
        gross: c.gross,
        shelf_discount: c.shelf_discount,
        offer_discount: c.offer_discount,
        cost: c.cost,
    }));
}

#[cfg(test)]
mod tests {
    use super::super::replay::Replay;
    use super::*;

    fn small() -> GeneratorConfig {
        GeneratorConfig { n_customers: 200, n_weeks: 60, ..GeneratorConfig::default() }
    }

    #[test]
    fn the_same_seed_gives_the_same_history() {
        let world = |seed| generate(&small(), SeedTree::new(seed)).expect("a valid config");
        assert_eq!(world(1).history, world(1).history);
        assert_eq!(world(1).model, world(1).model);
        assert_ne!(world(1).history.fingerprint, world(2).history.fingerprint);
    }

    #[test]
    fn a_week_brings_what_the_model_expects_of_the_replayed_customers() {
        let world = generate(&small(), SeedTree::new(3)).expect("a valid config");
        let (encoder, n) = (world.encoder(), world.history.n_categories());
        let replay = Replay::new(&world.history, &world.actions);
        let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
        let mut observation = vec![0.0; world.schema.n_features()];
        // Sums over customer-weeks of visits less their probability: martingale differences with
        // variance p (1 − p); units with their expectation, variance from the squares.
        let (mut visits, mut variance) = (0.0, 0.0);
        let (mut units, mut squares) = (0.0, 0.0);
        for customer in 0..200 {
            replay.walk(customer, world.history.n_weeks, |week| {
                let gone = week.history.recency_weeks() > 8;
                if week.week < 16 || gone {
                    return;
                }
                encoder.encode(customer, week.week, week.history, week.week, &mut observation);
                let view = world.schema.read(&observation);
                let row = week.week as usize * n;
                let input = WeekInput::of_shelf(&world.history.shelf_depth[row..row + n]);
                let offer = world.actions.catalogue.offer(week.logged.map_or(0, |l| l.action));
                world.model.prepare(&view, &mut prepared);
                world.model.evaluate(&prepared, &view, &input, offer, &mut plan);
                let visited = f64::from(u8::from(week.record.visited()));
                visits += visited - plan.visit;
                variance += plan.visit * (1.0 - plan.visit);
                let bought: f64 = week.record.categories.iter().map(|c| c.units).sum();
                let gap = bought - plan.expected().units;
                units += gap;
                squares += gap * gap;
            });
        }
        // Customers who left without a word are few within eight weeks: 0.3 % a week.
        let left = 0.003 * 8.0 * variance / 0.25;
        assert!(visits.abs() < 4.0 * f64::sqrt(variance) + left, "{visits} {variance}");
        assert!(units.abs() < 4.0 * f64::sqrt(squares) + 3.0 * left, "{units} {squares}");
    }

    #[test]
    fn habits_last_and_nobody_buys_all_or_nothing() {
        let world = generate(&GeneratorConfig::default(), SeedTree::new(5)).expect("valid");
        let weeks = f64::from(world.history.n_weeks - 16);
        let mut rates: Vec<f64> = (0..400)
            .map(|customer| {
                let mut late: Vec<u32> =
                    world.history.cells_of(customer).iter().map(|c| c.week).collect();
                late.dedup();
                late.iter().filter(|week| **week >= 16).count() as f64 / weeks
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        let (low, high) = (rates[40], rates[360]);
        assert!(low > 0.05 && low < 0.45, "10 % of customers visit in {low} of the weeks or fewer");
        assert!(high > 0.5 && high < 0.95, "10 % visit in {high} or more");
    }
}
