//! The held-out weeks as they were, and lived through again in the fitted world.

use super::behaviour::{Behaviour, Track};
use super::distributions::TenDistributions;
use super::product_panel::Trip;
use super::tally::Tally;
use crate::demand::replay::LoggedAction;
use crate::demand::world::Ground;
use promopt_envs::SeedTree;
use promopt_envs::retail::{
    CustomerHistory, DemandModel, Prepared, WeekInput, WeekPlan, WeekRecord,
};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A customer of the held-out weeks: where they started, and what was done to them.
pub(super) struct Subject {
    pub(super) customer: u32,
    start: CustomerHistory,
    pub(super) persona: usize,
    logged: Vec<Option<LoggedAction>>,
    /// Depth and category of the contact of each week.
    contacts: Vec<(Option<f64>, Option<usize>)>,
}

/// What all customers did over the held-out weeks.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    pub(super) behaviour: Behaviour,
}

impl Outcome {
    fn new(ground: &Ground<'_>, n_weeks: usize) -> Self {
        let (n_personas, n) = (ground.schema.n_personas, ground.schema.n_categories());
        Self { tally: Tally::new(n_weeks, n_personas, n), behaviour: Behaviour::new(n_personas) }
    }
}

/// Start states of the customers still around before the held-out weeks, and what they really did.
pub(super) fn observe(
    ground: &Ground<'_>,
    train_end: u32,
    lapse_weeks: u32,
) -> (Vec<Subject>, Outcome) {
    let n_weeks = (ground.history.n_weeks - train_end) as usize;
    let (mut subjects, mut actual) = (Vec::new(), Outcome::new(ground, n_weeks));
    let replay = ground.replay();
    for customer in 0..ground.history.customers.len() as u32 {
        let start = replay.summary(customer, train_end);
        if start.tenure_weeks() == 0 || start.recency_weeks() >= lapse_weeks {
            continue;
        }
        let persona = ground.timeline.at(customer as usize, train_end);
        let (mut logged, mut contacts) = (vec![None; n_weeks], vec![(None, None); n_weeks]);
        let mut track = Track::new(ground.schema.n_categories(), start.recency_weeks());
        replay.walk(customer, ground.history.n_weeks, |week| {
            if let Some(at) = week.week.checked_sub(train_end) {
                logged[at as usize] = week.logged;
                contacts[at as usize] = (week.record.contact_depth, week.record.contact_category);
                actual.tally.add(at as usize, persona, week.record);
                track.add(week.record);
            }
        });
        actual.behaviour.add(persona, &track);
        subjects.push(Subject { customer, start, persona, logged, contacts });
    }
    (subjects, actual)
}

/// One replication: the subjects live through the shelf depths and offers that really came. Product
/// lines are drawn when there is a `trip` for them.
pub(super) fn replicate(
    ground: &Ground<'_>,
    model: &DemandModel,
    subjects: &[Subject],
    train_end: u32,
    mut trip: Option<Trip<'_>>,
    seed: SeedTree,
) -> (Outcome, Option<TenDistributions>) {
    let schema = &ground.schema;
    let encoder = ground.encoder();
    let n = schema.n_categories();
    let n_weeks = (ground.history.n_weeks - train_end) as usize;
    let shocks = shocks(model, n_weeks, seed.child("shock"));
    let mut outcome = Outcome::new(ground, n_weeks);
    let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
    let mut observation = vec![0.0; schema.n_features()];
    let mut traits = vec![0.0; schema.n_features()];
    let mut record = WeekRecord::empty(n);
    for (i, subject) in subjects.iter().enumerate() {
        let mut history = subject.start.clone();
        let mut track = Track::new(n, history.recency_weeks());
        let luck = seed.index(i as u64);
        let mut past = trip.as_ref().and_then(|t| t.past(i));
        encoder.encode(subject.customer, train_end, &history, train_end, &mut traits);
        model.prepare(&schema.read(&traits), &mut prepared);
        let mut alive =
            luck.child("alive").stream().random::<f64>() < model.alive(&schema.read(&traits));
        for (at, logged) in subject.logged.iter().enumerate() {
            let week = train_end + at as u32;
            encoder.encode(subject.customer, train_end, &history, week, &mut observation);
            let cells = week as usize * n..(week as usize + 1) * n;
            let offer = ground.actions.catalogue.offer(logged.map_or(0, |l| l.action));
            let mut stream = luck.index(at as u64).stream();
            let view = schema.read_with_traits(&observation, &traits);
            let leaves = stream.random::<f64>() < model.churn;
            if alive {
                let (visit_shock, units_shock) = shocks[at];
                let shelf = &ground.history.shelf_depth[cells.clone()];
                let price = ground.history.price_index.get(cells).unwrap_or(&[]);
                let input = WeekInput { shelf, price, visit_shock, units_shock };
                model.evaluate(&prepared, &view, &input, offer, &mut plan);
                plan.sample(offer, &mut stream, &mut record);
            } else {
                record.contact(offer);
            }
            alive &= !leaves;
            (record.contact_depth, record.contact_category) = subject.contacts[at];
            outcome.tally.add(at, subject.persona, &record);
            track.add(&record);
            if let Some((trip, past)) = trip.as_mut().zip(past.as_mut()) {
                trip.add(past, at, &record, luck.child("lines").index(at as u64));
            }
            history.record(&record);
        }
        outcome.behaviour.add(subject.persona, &track);
    }
    (outcome, trip.map(Trip::finish))
}

/// Common shifts of the visit logit and of the log extra units, by week: what moves everybody.
fn shocks(model: &DemandModel, n_weeks: usize, seed: SeedTree) -> Vec<(f64, f64)> {
    let of_week = |at: usize| {
        let mut stream = seed.index(at as u64).stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        (model.shock.visit_sd * normal(), model.shock.units_sd * normal())
    };
    (0..n_weeks).map(of_week).collect()
}
