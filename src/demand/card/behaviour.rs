//! How customers behave, persona by persona: six distributions read from customer-weeks.

use super::distance::Sample;
use super::distributions::Compared;
use promopt_envs::retail::WeekRecord;
use serde::{Deserialize, Serialize};

/// Customers below which a persona is not shown on its own.
pub(super) const CUSTOMERS_MIN: usize = 10;

/// The six: a name, and what one value of it is.
const BEHAVIOURS: [(&str, &str); 6] = [
    ("visit rate", "customer: share of weeks with a purchase"),
    ("category incidence", "customer and category: share of visit weeks with a purchase of it"),
    ("interpurchase time", "visit week: weeks since the one before"),
    ("basket size", "visit week: units"),
    ("quantity", "purchase of a category in a week: units"),
    ("share bought on deal", "customer: discounts over regular value"),
];

/// What one customer did, week by week.
#[derive(Debug, Clone)]
pub(super) struct Track {
    weeks: f64,
    visits: f64,
    /// Weeks since the last visit, before the coming week.
    silence: f64,
    /// Visit weeks with a purchase, shape `[n_categories]`.
    bought: Vec<f64>,
    gross: f64,
    discount: f64,
    gaps: Vec<f64>,
    baskets: Vec<f64>,
    quantities: Vec<f64>,
}

impl Track {
    /// A customer whose last visit was `recency` weeks before the last week gone by.
    pub(super) fn new(n_categories: usize, recency: u32) -> Self {
        Self {
            weeks: 0.0,
            visits: 0.0,
            silence: f64::from(recency) + 1.0,
            bought: vec![0.0; n_categories],
            gross: 0.0,
            discount: 0.0,
            gaps: Vec::new(),
            baskets: Vec::new(),
            quantities: Vec::new(),
        }
    }

    /// Takes in the next week.
    pub(super) fn add(&mut self, record: &WeekRecord) {
        self.weeks += 1.0;
        if !record.visited() {
            self.silence += 1.0;
            return;
        }
        self.visits += 1.0;
        self.gaps.push(self.silence);
        self.silence = 1.0;
        let mut basket = 0.0;
        for (count, c) in self.bought.iter_mut().zip(&record.categories) {
            if c.units > 0.0 {
                *count += 1.0;
                basket += c.units;
                self.quantities.push(c.units);
                self.gross += c.gross;
                self.discount += c.shelf_discount + c.offer_discount;
            }
        }
        self.baskets.push(basket);
    }
}

/// The six distributions of one persona, as they fill up.
#[derive(Debug, Clone, Default)]
struct Values {
    customers: usize,
    /// In the order of [`BEHAVIOURS`].
    values: [Vec<f64>; 6],
}

impl Values {
    fn add(&mut self, track: &Track) {
        self.customers += 1;
        if track.weeks > 0.0 {
            self.values[0].push(track.visits / track.weeks);
        }
        if track.visits > 0.0 {
            self.values[1].extend(track.bought.iter().map(|n| n / track.visits));
        }
        self.values[2].extend(&track.gaps);
        self.values[3].extend(&track.baskets);
        self.values[4].extend(&track.quantities);
        if track.gross > 0.0 {
            self.values[5].push(track.discount / track.gross);
        }
    }
}

/// How the customers of every persona behaved over the same weeks.
#[derive(Debug, Clone)]
pub(super) struct Behaviour(Vec<Values>);

impl Behaviour {
    pub(super) fn new(n_personas: usize) -> Self {
        Self(vec![Values::default(); n_personas])
    }

    /// Takes in a customer whose weeks are over.
    pub(super) fn add(&mut self, persona: usize, track: &Track) {
        self.0[persona].add(track);
    }

    /// The sample of behaviour `i`: of one persona, or of all customers.
    fn sample(&self, i: usize, persona: Option<usize>) -> Sample {
        match persona {
            Some(persona) => Sample::new(self.0[persona].values[i].iter().copied()),
            None => Sample::new(self.0.iter().flat_map(|v| v.values[i].iter().copied())),
        }
    }
}

/// One behaviour, of all customers and of every persona that is large enough to be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviourCompared {
    /// All customers together.
    pub all: Compared,
    /// Persona and comparison, by persona; those below ten customers are left out.
    pub personas: Vec<(usize, Compared)>,
}

impl BehaviourCompared {
    /// The persona that agrees least, with its KS complement.
    #[must_use]
    pub fn worst(&self) -> Option<(usize, &Compared)> {
        let of = |c: &Compared| c.ks_complement.mean;
        let least = self.personas.iter().min_by(|a, b| of(&a.1).total_cmp(&of(&b.1)))?;
        Some((least.0, &least.1))
    }
}

/// Compares the six behaviours with those of the replications.
#[must_use]
pub(super) fn compare_behaviour(
    real: &Behaviour,
    simulated: &[Behaviour],
) -> Vec<BehaviourCompared> {
    let compare = |i: usize, persona: Option<usize>| {
        let (name, unit) = BEHAVIOURS[i];
        let samples: Vec<Sample> = simulated.iter().map(|s| s.sample(i, persona)).collect();
        let samples: Vec<&Sample> = samples.iter().collect();
        Compared::new(name, unit, &real.sample(i, persona), &samples)
    };
    let shown: Vec<usize> =
        (0..real.0.len()).filter(|p| real.0[*p].customers >= CUSTOMERS_MIN).collect();
    let behaviour = |i: usize| {
        let of_persona = |p: &usize| Some((*p, compare(i, Some(*p))?));
        let personas = shown.iter().filter_map(of_persona).collect();
        Some(BehaviourCompared { all: compare(i, None)?, personas })
    };
    (0..BEHAVIOURS.len()).filter_map(behaviour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::card::spread::Spread;
    use promopt_envs::retail::CategoryWeek;

    fn week(units: [f64; 2]) -> WeekRecord {
        let mut record = WeekRecord::empty(2);
        for (c, units) in record.categories.iter_mut().zip(units) {
            let (gross, shelf_discount) = (2.0 * units, 0.5 * units);
            *c = CategoryWeek { units, gross, shelf_discount, ..CategoryWeek::default() };
        }
        record
    }

    fn track(weeks: &[[f64; 2]]) -> Track {
        let mut track = Track::new(2, 1);
        weeks.iter().for_each(|units| track.add(&week(*units)));
        track
    }

    #[test]
    fn the_six_are_those_counted_by_hand() {
        let mut behaviour = Behaviour::new(1);
        // The last visit was two weeks before the first of these weeks.
        behaviour.add(0, &track(&[[0.0, 0.0], [3.0, 0.0], [1.0, 2.0], [0.0, 0.0]]));
        let values = |i| behaviour.sample(i, Some(0));
        assert_eq!(values(0), Sample::new([0.5]));
        assert_eq!(values(1), Sample::new([1.0, 0.5]));
        assert_eq!(values(2), Sample::new([3.0, 1.0]));
        assert_eq!(values(3), Sample::new([3.0, 3.0]));
        assert_eq!(values(4), Sample::new([3.0, 1.0, 2.0]));
        assert_eq!(values(5), Sample::new([0.25]));
    }

    #[test]
    fn a_customer_who_never_came_has_a_visit_rate_and_nothing_else() {
        let mut behaviour = Behaviour::new(1);
        behaviour.add(0, &track(&[[0.0, 0.0], [0.0, 0.0]]));
        let sizes: Vec<usize> = (0..6).map(|i| behaviour.sample(i, None).len()).collect();
        assert_eq!(sizes, [1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn personas_of_less_than_ten_customers_are_counted_in_all_but_not_shown() {
        let mut behaviour = Behaviour::new(2);
        for i in 0..19 {
            let units = f64::from(i % 4);
            behaviour.add(usize::from(i < 9), &track(&[[units, 1.0], [0.0, 0.0]]));
        }
        let compared = compare_behaviour(&behaviour, &[behaviour.clone()]);
        assert_eq!(compared.len(), 6);
        for one in &compared {
            assert_eq!(one.personas.len(), 1, "{}", one.all.name);
            assert_eq!(one.personas[0].0, 0);
            assert_eq!(one.all.ks_complement, Spread::exact(1.0));
            assert_eq!(one.worst().map(|w| w.0), Some(0));
        }
        assert_eq!(compared[0].all.n_real, 19);
    }
}
