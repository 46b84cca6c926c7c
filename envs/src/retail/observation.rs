//! The one observation encoder, and the schema that travels with every policy.

use super::history::{CustomerHistory, RECENCY_MAX, STOCK_MAX, TENURE_MAX, UNITS_MAX};
use super::season::{Holidays, Season};
use crate::space::BoxSpace;
use serde::{Deserialize, Serialize};

/// Raised whenever the meaning, order or unit of a feature changes.
pub const SCHEMA_VERSION: u32 = 4;

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
    /// Holidays behind the feature `holiday`.
    pub holidays: Holidays,
    /// Shelf depth of each category in a usual week: what a plan that is not known counts as; shape
    /// `[n_categories]`.
    pub usual_shelf: Vec<f64>,
    /// The features in order.
    pub features: Vec<Feature>,
}

/// What the encoder needs besides the customer's history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObservationContext<'a> {
    /// Persona of the customer, below `n_personas`.
    pub persona: usize,
    /// Season of the decision week.
    pub season: Season,
    /// Budget price λ: what one unit of promotion spend costs besides itself; 0 without a budget.
    pub budget_price: f64,
    /// Planned shelf depth of the decision week by category, shape `[n_categories]`: discounts for
    /// everybody are laid down before offers are sent. Empty when the plan is not known, which
    /// counts as a usual week.
    pub shelf: &'a [f64],
}

/// Features that do not belong to a category, after the personas; name, unit, largest value.
const GLOBAL: [(&str, &str, f32); 15] = [
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
    ("holiday", "share of the days before a holiday in the week", 1.0),
    ("budget_price", "money per money of promotion spend", 10.0),
    ("offer_response", "expected ln(1 + log-odds of redemption gained per unit of depth)", 5.0),
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
const HOLIDAY: usize = 12;
const BUDGET_PRICE: usize = 13;
const OFFER_RESPONSE: usize = 14;

/// Features of each category, behind the global ones; name, unit, largest value.
const BY_CATEGORY: [(&str, &str, f32); 6] = [
    ("recency", "weeks since the last purchase in the category", RECENCY_MAX as f32),
    ("share", "share of visit weeks with a purchase in the category", 1.0),
    ("stock", "units at home over the usual level", STOCK_MAX as f32),
    ("units", "units of a purchase in the category, shrunk to 1", UNITS_MAX as f32),
    ("long_share", "share of visit weeks with a purchase in the category, long memory", 1.0),
    ("shelf", "share off for everybody in the category this week, as planned", 1.0),
];

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
            for (what, unit, high) in BY_CATEGORY {
                features.push(feature(format!("{what}:{name}"), unit, 0.0, high));
            }
        }
        Self {
            version: SCHEMA_VERSION,
            n_personas,
            usual_shelf: vec![0.0; categories.len()],
            categories: categories.to_vec(),
            holidays: Holidays::default(),
            features,
        }
    }

    /// The same schema with other usual shelf depths, shape `[n_categories]`; rounded to a millionth,
    /// so that every reader of a file that holds the schema gets the same numbers, and hash.
    #[must_use]
    pub fn with_usual_shelf(self, mut usual_shelf: Vec<f64>) -> Self {
        debug_assert_eq!(usual_shelf.len(), self.n_categories());
        usual_shelf.iter_mut().for_each(|depth| *depth = (*depth * 1e6).round() / 1e6);
        Self { usual_shelf, ..self }
    }

    /// The same schema with other holidays.
    #[must_use]
    pub fn with_holidays(self, holidays: Holidays) -> Self {
        Self { holidays, ..self }
    }

    /// The season of the week that begins on `first_day`, in days since 2000-01-01.
    #[must_use]
    pub fn season(&self, first_day: i64) -> Season {
        Season::of_week(first_day, &self.holidays)
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
    pub fn encode(&self, history: &CustomerHistory, at: &ObservationContext<'_>, out: &mut [f32]) {
        debug_assert_eq!(out.len(), self.n_features());
        let (personas, rest) = out.split_at_mut(self.n_personas);
        personas.fill(0.0);
        personas[at.persona] = 1.0;
        let (global, by_category) = rest.split_at_mut(GLOBAL.len());
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
            at.season.sin,
            at.season.cos,
            at.season.holiday,
            at.budget_price,
            history.offer_response(),
        ];
        for ((slot, value), (.., high)) in global.iter_mut().zip(values).zip(GLOBAL) {
            *slot = (value as f32).clamp(-1.0, high);
        }
        let shelf = if at.shelf.is_empty() { &self.usual_shelf } else { at.shelf };
        for (category, slots) in by_category.chunks_exact_mut(BY_CATEGORY.len()).enumerate() {
            slots[0] = history.category_recency_weeks(category) as f32;
            slots[1] = history.category_share(category) as f32;
            slots[2] = history.category_stock(category) as f32;
            slots[3] = history.category_units(category) as f32;
            slots[4] = history.category_long_share(category) as f32;
            slots[5] = (shelf[category] as f32).clamp(0.0, 1.0);
        }
    }

    /// A reader of one observation by name, for models and rules.
    #[must_use]
    pub fn read<'a>(&self, observation: &'a [f32]) -> ObservationView<'a> {
        self.read_with_traits(observation, observation)
    }

    /// A reader that takes the slow features (frequency, monetary, discount share, redemption rate,
    /// offer response, category shares and units) from another observation of the same customer.
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
        f64::from(
            self.values[self.n_personas + GLOBAL.len() + BY_CATEGORY.len() * category + offset],
        )
    }

    /// Number of personas.
    #[must_use]
    pub fn n_personas(&self) -> usize {
        self.n_personas
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

    /// What is known of the customer's response to offers, `E[ln(1 + slope)]`.
    #[must_use]
    pub fn offer_response(&self) -> f64 {
        self.slow(OFFER_RESPONSE)
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

    /// How much of the shopping for a holiday falls into the week.
    #[must_use]
    pub fn holiday(&self) -> f64 {
        self.global(HOLIDAY)
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
        self.slow(GLOBAL.len() + BY_CATEGORY.len() * category + 1)
    }

    /// Units at home over the usual level.
    #[must_use]
    pub fn category_stock(&self, category: usize) -> f64 {
        self.category(category, 2)
    }

    /// The share of visit weeks with a purchase in the category, with a longer memory.
    #[must_use]
    pub fn category_long_share(&self, category: usize) -> f64 {
        self.slow(GLOBAL.len() + BY_CATEGORY.len() * category + 4)
    }

    /// Planned shelf depth of the category this week.
    #[must_use]
    pub fn category_shelf(&self, category: usize) -> f64 {
        self.category(category, 5)
    }

    /// Units of a purchase in the category.
    #[must_use]
    pub fn category_units(&self, category: usize) -> f64 {
        self.slow(GLOBAL.len() + BY_CATEGORY.len() * category + 3)
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
        let season = Season { sin: 1.0, cos: 0.0, holiday: 0.5 };
        let shelf = [0.25, 0.0];
        let at = ObservationContext { persona: 2, season, budget_price: 0.5, shelf: &shelf };
        schema.encode(&history, &at, &mut observation);
        let view = schema.read(&observation);
        assert_eq!(view.persona(), 2);
        assert_eq!(view.recency(), 0.0);
        assert!((view.monetary() - 9.0).abs() < 1e-6);
        assert!((view.discount_share() - 0.1).abs() < 1e-6);
        assert!((view.season_sin() - 1.0).abs() < 1e-6);
        assert_eq!(view.holiday(), 0.5);
        assert_eq!(view.budget_price(), 0.5);
        // Two units in one purchase, shrunk with one of 1: 3 / 2.
        assert!((view.category_units(1) - 1.5).abs() < 1e-6);
        assert_eq!(view.category_recency(1), 0.0);
        assert_eq!(view.category_recency(0), 52.0);
        assert!(view.category_share(1) > view.category_share(0));
        assert_eq!((view.category_shelf(0), view.category_shelf(1)), (0.25, 0.0));
        assert!(schema.space().contains(&observation));
        // A plan that is not known counts as a usual week.
        let schema = schema.with_usual_shelf(vec![0.125, 0.5]);
        schema.encode(&history, &ObservationContext { shelf: &[], ..at }, &mut observation);
        assert_eq!(schema.read(&observation).category_shelf(1), 0.5);
    }
}
