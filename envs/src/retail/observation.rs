//! The one observation encoder, and the schema that travels with every policy.

use super::history::{CustomerHistory, RECENCY_MAX, STOCK_MAX, TENURE_MAX};
use crate::space::BoxSpace;
use serde::{Deserialize, Serialize};

/// Raised whenever the meaning, order or unit of a feature changes.
pub const SCHEMA_VERSION: u32 = 1;

/// One feature of the observation: raw value, never scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Unique name, such as `recency` or `share:dairy`.
    pub name: String,
    /// Unit in words.
    pub unit: String,
    /// Smallest value.
    pub low: f32,
    /// Largest value; encoding clips to it.
    pub high: f32,
}

/// Names, units, ranges and order of the features; also where to find each of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservationSchema {
    /// See [`SCHEMA_VERSION`].
    pub version: u32,
    /// Number of personas.
    pub n_personas: usize,
    /// Category names in order.
    pub categories: Vec<String>,
    /// The features in order.
    pub features: Vec<Feature>,
}

/// Phase of the year of a day, in `[0, 1)`: days since 2000-01-01 over 365.25, its fraction. Years
/// run on without a seam, so simulated weeks after the history stand where real ones would.
#[must_use]
pub fn year_phase(day: i64) -> f64 {
    (day as f64 / 365.25).rem_euclid(1.0)
}

/// What the encoder needs besides the customer's history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObservationContext {
    /// Persona of the customer, below `n_personas`.
    pub persona: usize,
    /// Phase of the year of the first day of the decision week; see [`year_phase`].
    pub year_phase: f64,
    /// Budget price λ: what one unit of promotion spend costs besides itself; 0 without a budget.
    pub budget_price: f64,
}

/// Features that do not belong to a category, after the personas; name, unit, largest value.
const GLOBAL: [(&str, &str, f32); 13] = [
    ("recency", "weeks since the last visit", RECENCY_MAX as f32),
    ("frequency", "share of weeks with a visit", 1.0),
    ("monetary", "money per visit week after discounts", 10_000.0),
    ("tenure", "weeks since the first visit", TENURE_MAX as f32),
    ("discount_share", "discounts over regular value", 1.0),
    ("reference_depth", "smoothed depth seen lately", 1.0),
    ("offer_depth", "smoothed depth of offers received", 1.0),
    ("contacts", "contacts lately, decayed 0.8 a week", 5.0),
    ("redemption_rate", "share of contacts redeemed, shrunk", 1.0),
    ("weeks_since_offer", "weeks since the last contact", RECENCY_MAX as f32),
    ("season_sin", "sine of the phase of the year", 1.0),
    ("season_cos", "cosine of the phase of the year", 1.0),
    ("budget_price", "money per money of promotion spend", 10.0),
];

/// Offsets of the global features behind the personas.
const RECENCY: usize = 0;
const FREQUENCY: usize = 1;
const MONETARY: usize = 2;
const DISCOUNT_SHARE: usize = 4;
const REFERENCE_DEPTH: usize = 5;
const OFFER_DEPTH: usize = 6;
const CONTACTS: usize = 7;
const REDEMPTION_RATE: usize = 8;
const SEASON_SIN: usize = 10;
const SEASON_COS: usize = 11;
const BUDGET_PRICE: usize = 12;

impl ObservationSchema {
    /// The schema for this many personas and these categories.
    #[must_use]
    pub fn new(n_personas: usize, categories: &[String]) -> Self {
        let feature = |name: String, unit: &str, low: f32, high: f32| Feature {
            name,
            unit: unit.to_owned(),
            low,
            high,
        };
        let mut features: Vec<Feature> = (0..n_personas)
            .map(|k| feature(format!("persona:{k}"), "membership", 0.0, 1.0))
            .collect();
        for (name, unit, high) in GLOBAL {
            let low = if name.starts_with("season") { -1.0 } else { 0.0 };
            features.push(feature(name.to_owned(), unit, low, high));
        }
        for name in categories {
            let weeks = "weeks since the last purchase in the category";
            features.push(feature(format!("recency:{name}"), weeks, 0.0, RECENCY_MAX as f32));
            let share = "share of visit weeks with a purchase in the category";
            features.push(feature(format!("share:{name}"), share, 0.0, 1.0));
            let stock = "units at home over the usual level";
            features.push(feature(format!("stock:{name}"), stock, 0.0, STOCK_MAX as f32));
        }
        let categories = categories.to_vec();
        Self { version: SCHEMA_VERSION, n_personas, categories, features }
    }

    /// Length of an observation.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// Number of categories.
    #[must_use]
    pub fn n_categories(&self) -> usize {
        self.categories.len()
    }

    /// The bounds as a space.
    #[must_use]
    pub fn space(&self) -> BoxSpace {
        let low = self.features.iter().map(|f| f.low).collect();
        BoxSpace::new(low, self.features.iter().map(|f| f.high).collect())
    }

    /// Writes the observation of a customer before the decision of a week.
    ///
    /// `out` has length [`n_features`](Self::n_features); every value is clipped to its range.
    pub fn encode(&self, history: &CustomerHistory, at: &ObservationContext, out: &mut [f32]) {
        debug_assert_eq!(out.len(), self.n_features());
        let (personas, rest) = out.split_at_mut(self.n_personas);
        personas.fill(0.0);
        personas[at.persona] = 1.0;
        let (global, by_category) = rest.split_at_mut(GLOBAL.len());
        let angle = std::f64::consts::TAU * at.year_phase;
        let values = [
            f64::from(history.recency_weeks()),
            history.frequency(),
            history.monetary(),
            f64::from(history.tenure_weeks()),
            history.discount_share(),
            history.reference_depth(),
            history.offer_depth(),
            history.contact_pressure(),
            history.redemption_rate(),
            f64::from(history.weeks_since_offer()),
            angle.sin(),
            angle.cos(),
            at.budget_price,
        ];
        for (slot, value) in global.iter_mut().zip(values) {
            *slot = value as f32;
        }
        for (category, slots) in by_category.chunks_exact_mut(3).enumerate() {
            slots[0] = history.category_recency_weeks(category) as f32;
            slots[1] = history.category_share(category) as f32;
            slots[2] = history.category_stock(category) as f32;
        }
        for (slot, feature) in out.iter_mut().zip(&self.features) {
            *slot = slot.clamp(feature.low, feature.high);
        }
    }

    /// A reader of one observation by name, for models and rules.
    #[must_use]
    pub fn read<'a>(&self, observation: &'a [f32]) -> ObservationView<'a> {
        self.read_with_traits(observation, observation)
    }

    /// A reader that takes the slow features (frequency, monetary, discount share, redemption rate,
    /// category shares) from another observation of the same customer.
    ///
    /// They say who a customer is. A simulator that let them follow simulated purchases would turn
    /// every bought visit into a lasting habit, which a fit on many customers cannot tell from
    /// customers who differ; it therefore holds them at the start of the episode.
    #[must_use]
    pub fn read_with_traits<'a>(
        &self,
        observation: &'a [f32],
        traits: &'a [f32],
    ) -> ObservationView<'a> {
        debug_assert_eq!(observation.len(), self.n_features());
        debug_assert_eq!(traits.len(), self.n_features());
        ObservationView { n_personas: self.n_personas, values: observation, traits }
    }
}

/// Named access to one encoded observation.
#[derive(Debug, Clone, Copy)]
pub struct ObservationView<'a> {
    n_personas: usize,
    values: &'a [f32],
    traits: &'a [f32],
}

impl ObservationView<'_> {
    fn slow(&self, offset: usize) -> f64 {
        f64::from(self.traits[self.n_personas + offset])
    }

    fn global(&self, offset: usize) -> f64 {
        f64::from(self.values[self.n_personas + offset])
    }

    fn category(&self, category: usize, offset: usize) -> f64 {
        f64::from(self.values[self.n_personas + GLOBAL.len() + 3 * category + offset])
    }

    /// Index of the persona: the largest membership.
    #[must_use]
    pub fn persona(&self) -> usize {
        let memberships = &self.values[..self.n_personas];
        (0..self.n_personas)
            .fold(0, |best, k| if memberships[k] > memberships[best] { k } else { best })
    }

    /// Weeks since the last visit.
    #[must_use]
    pub fn recency(&self) -> f64 {
        self.global(RECENCY)
    }

    /// Share of weeks with a visit.
    #[must_use]
    pub fn frequency(&self) -> f64 {
        self.slow(FREQUENCY)
    }

    /// Money per visit week.
    #[must_use]
    pub fn monetary(&self) -> f64 {
        self.slow(MONETARY)
    }

    /// Discounts over regular value.
    #[must_use]
    pub fn discount_share(&self) -> f64 {
        self.slow(DISCOUNT_SHARE)
    }

    /// Smoothed depth seen lately.
    #[must_use]
    pub fn reference_depth(&self) -> f64 {
        self.global(REFERENCE_DEPTH)
    }

    /// Smoothed depth of offers received.
    #[must_use]
    pub fn offer_depth(&self) -> f64 {
        self.global(OFFER_DEPTH)
    }

    /// Contacts lately.
    #[must_use]
    pub fn contacts(&self) -> f64 {
        self.global(CONTACTS)
    }

    /// Share of contacts redeemed.
    #[must_use]
    pub fn redemption_rate(&self) -> f64 {
        self.slow(REDEMPTION_RATE)
    }

    /// Sine of the phase of the year.
    #[must_use]
    pub fn season_sin(&self) -> f64 {
        self.global(SEASON_SIN)
    }

    /// Cosine of the phase of the year.
    #[must_use]
    pub fn season_cos(&self) -> f64 {
        self.global(SEASON_COS)
    }

    /// Budget price λ.
    #[must_use]
    pub fn budget_price(&self) -> f64 {
        self.global(BUDGET_PRICE)
    }

    /// Weeks since the last purchase in the category.
    #[must_use]
    pub fn category_recency(&self, category: usize) -> f64 {
        self.category(category, 0)
    }

    /// Share of visit weeks with a purchase in the category.
    #[must_use]
    pub fn category_share(&self, category: usize) -> f64 {
        self.slow(GLOBAL.len() + 3 * category + 1)
    }

    /// Units at home over the usual level.
    #[must_use]
    pub fn category_stock(&self, category: usize) -> f64 {
        self.category(category, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retail::history::{CategoryWeek, WeekRecord};

    #[test]
    fn the_view_reads_what_the_encoder_wrote() {
        let schema = ObservationSchema::new(3, &["a".to_owned(), "b".to_owned()]);
        let mut history = CustomerHistory::new(2);
        let mut week = WeekRecord::empty(2);
        week.categories[1] = CategoryWeek {
            units: 2.0,
            gross: 10.0,
            shelf_discount: 1.0,
            ..CategoryWeek::default()
        };
        history.record(&week);
        let mut observation = vec![0.0; schema.n_features()];
        let at = ObservationContext { persona: 2, year_phase: 0.25, budget_price: 0.5 };
        schema.encode(&history, &at, &mut observation);
        let view = schema.read(&observation);
        assert_eq!(view.persona(), 2);
        assert_eq!(view.recency(), 0.0);
        assert!((view.monetary() - 9.0).abs() < 1e-6);
        assert!((view.discount_share() - 0.1).abs() < 1e-6);
        assert!((view.season_sin() - 1.0).abs() < 1e-6);
        assert_eq!(view.budget_price(), 0.5);
        assert_eq!(view.category_recency(1), 0.0);
        assert_eq!(view.category_recency(0), 52.0);
        assert!(view.category_share(1) > view.category_share(0));
        assert!(schema.space().contains(&observation));
    }
}
