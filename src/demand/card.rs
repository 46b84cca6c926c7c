//! The realism card: the held-out weeks replayed in the fitted world, line by line.
//!
//! Customers start as they stood before the held-out weeks and live through the shelf depths and
//! offers that really happened; everything else is simulated, several times over posterior draws.

use super::design::Encoder;
use super::fit::FittedDemand;
use super::replay::LoggedAction;
use super::world::Ground;
use promopt_envs::SeedTree;
use promopt_envs::retail::{
    CustomerHistory, DemandModel, Prepared, WeekInput, WeekPlan, WeekRecord,
};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Replications of the held-out weeks.
const REPLICATIONS: u64 = 24;

/// Whether a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardVerdict {
    /// Within its band.
    Pass,
    /// Within twice its band.
    Warn,
    /// Outside.
    Fail,
}

/// One line of the card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardLine {
    /// What is compared.
    pub line: String,
    /// Value in the held-out weeks, where there is one.
    pub actual: Option<f64>,
    /// Value in the fitted world.
    pub simulated: f64,
    /// The band, in words.
    pub band: String,
    /// Whether it holds.
    pub verdict: CardVerdict,
}

/// Revenue of one held-out week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardWeek {
    /// First day, ISO.
    pub week: String,
    /// Revenue in the history, money.
    pub actual: f64,
    /// Mean revenue over the replications, money.
    pub simulated: f64,
    /// 2.5 % quantile over the replications.
    pub lower: f64,
    /// 97.5 % quantile over the replications.
    pub upper: f64,
}

/// The card of a fitted world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealismCard {
    /// Lines in order.
    pub lines: Vec<CardLine>,
    /// Held-out weeks in order.
    pub weeks: Vec<CardWeek>,
}

/// What a stretch of weeks looked like, over all customers.
#[derive(Debug, Clone, Default)]
struct Tally {
    /// Revenue by week, shape `[n_weeks]`.
    revenue: Vec<f64>,
    /// Revenue by persona, shape `[n_personas]`.
    persona_revenue: Vec<f64>,
    /// Weeks with a purchase by category, shape `[n_categories]`.
    purchases: Vec<f64>,
    customer_weeks: f64,
    visits: f64,
    units: f64,
    gross: f64,
    discount: f64,
    margin: f64,
}

impl Tally {
    fn new(n_weeks: usize, n_personas: usize, n_categories: usize) -> Self {
        Self {
            revenue: vec![0.0; n_weeks],
            persona_revenue: vec![0.0; n_personas],
            purchases: vec![0.0; n_categories],
            ..Self::default()
        }
    }

    fn add(&mut self, week: usize, persona: usize, record: &WeekRecord) {
        let revenue = record.revenue();
        self.revenue[week] += revenue;
        self.persona_revenue[persona] += revenue;
        self.margin += record.contribution();
        self.customer_weeks += 1.0;
        self.visits += f64::from(u8::from(record.visited()));
        for (count, c) in self.purchases.iter_mut().zip(&record.categories) {
            *count += f64::from(u8::from(c.units > 0.0));
            self.units += c.units;
            self.gross += c.gross;
            self.discount += c.shelf_discount + c.offer_discount;
        }
    }

    fn merge(&mut self, other: &Self) {
        let join = |a: &mut Vec<f64>, b: &[f64]| a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
        join(&mut self.revenue, &other.revenue);
        join(&mut self.persona_revenue, &other.persona_revenue);
        join(&mut self.purchases, &other.purchases);
        self.customer_weeks += other.customer_weeks;
        self.visits += other.visits;
        self.units += other.units;
        self.gross += other.gross;
        self.discount += other.discount;
        self.margin += other.margin;
    }
}

/// A customer of the held-out weeks: where they started, and what really happened.
struct Subject {
    customer: u32,
    start: CustomerHistory,
    persona: usize,
    logged: Vec<Option<LoggedAction>>,
    contact_depths: Vec<Option<f64>>,
}

/// Replays the held-out weeks and fills the card.
#[must_use]
pub fn realism_card(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    lapse_weeks: u32,
    seed: SeedTree,
) -> RealismCard {
    let history = ground.history;
    let n_weeks = (history.n_weeks - fitted.train_end) as usize;
    let empty = Tally::new(n_weeks, ground.schema.n_personas, ground.schema.n_categories());
    let (subjects, actual) = observe(ground, fitted.train_end, lapse_weeks, &empty);
    let draws: Vec<&DemandModel> = fitted.judge.iter().chain([&fitted.mean]).collect();
    let replicate = |r: u64| {
        let model = draws[r as usize % draws.len()];
        replay_simulated(ground, model, &subjects, fitted.train_end, empty.clone(), seed.index(r))
    };
    let simulated: Vec<Tally> = (0..REPLICATIONS).into_par_iter().map(replicate).collect();
    let weeks = held_out_weeks(ground, fitted.train_end, &actual, &simulated);
    RealismCard { lines: lines(&actual, &simulated, &weeks), weeks }
}

/// Start states of the customers still around before the held-out weeks, and what they really did.
fn observe(
    ground: &Ground<'_>,
    train_end: u32,
    lapse_weeks: u32,
    empty: &Tally,
) -> (Vec<Subject>, Tally) {
    let (mut subjects, mut actual) = (Vec::new(), empty.clone());
    let replay = ground.replay();
    let n_weeks = empty.revenue.len();
    for customer in 0..ground.history.customers.len() as u32 {
        let start = replay.summary(customer, train_end);
        if start.tenure_weeks() == 0 || start.recency_weeks() >= lapse_weeks {
            continue;
        }
        let persona = ground.timeline.at(customer as usize, train_end);
        let (mut logged, mut contact_depths) = (vec![None; n_weeks], vec![None; n_weeks]);
        replay.walk(customer, ground.history.n_weeks, |week| {
            if let Some(at) = week.week.checked_sub(train_end) {
                logged[at as usize] = week.logged;
                contact_depths[at as usize] = week.record.contact_depth;
                actual.add(at as usize, persona, week.record);
            }
        });
        subjects.push(Subject { customer, start, persona, logged, contact_depths });
    }
    (subjects, actual)
}

fn replay_simulated(
    ground: &Ground<'_>,
    model: &DemandModel,
    subjects: &[Subject],
    train_end: u32,
    mut tally: Tally,
    seed: SeedTree,
) -> Tally {
    let schema = &ground.schema;
    let first_week = ground.history.first_week;
    let encoder = Encoder { schema, timeline: ground.timeline, first_week };
    let n = schema.n_categories();
    let mut observation = vec![0.0; schema.n_features()];
    let mut record = WeekRecord::empty(n);
    let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
    let shocks: Vec<(f64, f64)> = (0..tally.revenue.len())
        .map(|at| {
            let mut stream = seed.child("shock").index(at as u64).stream();
            let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
            (model.shock.visit_sd * normal(), model.shock.units_sd * normal())
        })
        .collect();
    for (i, subject) in subjects.iter().enumerate() {
        let mut history = subject.start.clone();
        let luck = seed.index(i as u64);
        let mut traits = vec![0.0; schema.n_features()];
        encoder.encode(subject.customer, train_end, &history, train_end, &mut traits);
        model.prepare(&schema.read(&traits), &mut prepared);
        let mut alive =
            luck.child("alive").stream().random::<f64>() < model.alive(&schema.read(&traits));
        for (at, logged) in subject.logged.iter().enumerate() {
            let week = train_end + at as u32;
            encoder.encode(subject.customer, train_end, &history, week, &mut observation);
            let shelf = &ground.history.shelf_depth[week as usize * n..(week as usize + 1) * n];
            let offer = ground.actions.catalogue.offer(logged.map_or(0, |l| l.action));
            let mut stream = luck.index(at as u64).stream();
            let view = schema.read_with_traits(&observation, &traits);
            let leaves = stream.random::<f64>() < model.churn;
            if alive {
                let (visit_shock, units_shock) = shocks[at];
                let input = WeekInput { visit_shock, units_shock, ..WeekInput::of_shelf(shelf) };
                model.evaluate(&prepared, &view, &input, offer, &mut plan);
                plan.sample(offer, &mut stream, &mut record);
            } else {
                record.contact(offer);
            }
            alive &= !leaves;
            record.contact_depth = subject.contact_depths[at];
            tally.add(at, subject.persona, &record);
            history.record(&record);
        }
    }
    tally
}

fn held_out_weeks(
    ground: &Ground<'_>,
    train_end: u32,
    actual: &Tally,
    simulated: &[Tally],
) -> Vec<CardWeek> {
    (0..actual.revenue.len())
        .map(|at| {
            let mut values: Vec<f64> = simulated.iter().map(|t| t.revenue[at]).collect();
            values.sort_by(f64::total_cmp);
            let quantile = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
            CardWeek {
                week: ground.history.week_start(train_end + at as u32).to_string(),
                actual: actual.revenue[at],
                simulated: values.iter().sum::<f64>() / values.len() as f64,
                lower: quantile(0.025),
                upper: quantile(0.975),
            }
        })
        .collect()
}

/// Judges a value by its distance from the actual one: pass within `band`, warn within twice.
fn judge(relative_error: f64, band: f64) -> CardVerdict {
    let distance = relative_error.abs();
    if distance <= band {
        CardVerdict::Pass
    } else if distance <= 2.0 * band {
        CardVerdict::Warn
    } else {
        CardVerdict::Fail
    }
}

fn lines(actual: &Tally, simulated: &[Tally], weeks: &[CardWeek]) -> Vec<CardLine> {
    let mut all = simulated[0].clone();
    simulated[1..].iter().for_each(|t| all.merge(t));
    let mut lines = vec![error_line(weeks), coverage_line(weeks)];
    type Figure = (&'static str, fn(&Tally) -> f64, f64);
    let figures: [Figure; 7] = [
        ("margin per customer-week", |t| t.margin / t.customer_weeks, 0.05),
        ("visit rate", |t| t.visits / t.customer_weeks, 0.05),
        ("weeks between visits", |t| t.customer_weeks / t.visits, 0.05),
        ("basket: revenue per visit week", |t| t.revenue.iter().sum::<f64>() / t.visits, 0.05),
        ("categories per visit week", |t| t.purchases.iter().sum::<f64>() / t.visits, 0.05),
        ("units per category purchase", |t| t.units / t.purchases.iter().sum::<f64>(), 0.05),
        ("discount over regular value", |t| t.discount / t.gross, 0.10),
    ];
    for (line, figure, band) in figures {
        let (real, fitted) = (figure(actual), figure(&all));
        lines.push(CardLine {
            line: line.to_owned(),
            actual: Some(real),
            simulated: fitted,
            band: format!("within {:.0} % of the held-out weeks", band * 100.0),
            verdict: judge(fitted / real - 1.0, band),
        });
    }
    let n = simulated.len() as f64;
    let worst = |real: &[f64], fitted: &[f64]| {
        let share = |(r, f): (&f64, &f64)| if *r > 0.0 { f / n / r - 1.0 } else { 0.0 };
        real.iter()
            .zip(fitted)
            .map(share)
            .fold(0.0_f64, |a, b| if b.abs() > a.abs() { b } else { a })
    };
    for (line, error) in [
        ("worst category: error of purchase weeks", worst(&actual.purchases, &all.purchases)),
        ("worst persona: error of revenue", worst(&actual.persona_revenue, &all.persona_revenue)),
    ] {
        let (actual, band) = (None, "within 10 %".to_owned());
        let verdict = judge(error, 0.10);
        lines.push(CardLine { line: line.to_owned(), actual, simulated: error, band, verdict });
    }
    lines
}

fn error_line(weeks: &[CardWeek]) -> CardLine {
    let error = |w: &CardWeek| ((w.simulated - w.actual) / w.actual).abs();
    let mape = weeks.iter().map(error).sum::<f64>() / weeks.len() as f64;
    CardLine {
        line: "weekly revenue: mean absolute error".to_owned(),
        actual: None,
        simulated: mape,
        band: "at most 5 % of revenue".to_owned(),
        verdict: judge(mape, 0.05),
    }
}

fn coverage_line(weeks: &[CardWeek]) -> CardLine {
    let inside = weeks.iter().filter(|w| w.lower <= w.actual && w.actual <= w.upper).count();
    let share = inside as f64 / weeks.len() as f64;
    let verdict = if share >= 0.75 {
        CardVerdict::Pass
    } else if share >= 0.5 {
        CardVerdict::Warn
    } else {
        CardVerdict::Fail
    };
    CardLine {
        line: "weekly revenue: share of weeks inside the 95 % band".to_owned(),
        actual: None,
        simulated: share,
        band: "at least 75 % of the weeks".to_owned(),
        verdict,
    }
}
