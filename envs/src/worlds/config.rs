//! What a synthetic retailer looks like: its size, and the strength of every effect in it.

use super::calendar::Calendar;
use crate::retail::CatalogueError;
use crate::seed::SeedTree;
use rand::Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most products a category can have.
pub const MAX_PRODUCTS: usize = 16;

/// Category names in the order in which they are used: name, department, mean price in money.
pub(crate) const CATEGORIES: [(&str, &str, f64); 12] = [
    ("bakery", "fresh", 8.3),
    ("dairy", "fresh", 9.8),
    ("produce", "fresh", 10.5),
    ("meat", "fresh", 18.6),
    ("snacks", "grocery", 10.5),
    ("beverages", "grocery", 13.5),
    ("frozen", "grocery", 12.8),
    ("pantry", "grocery", 9.0),
    ("breakfast", "grocery", 9.8),
    ("household", "non-food", 15.8),
    ("personal-care", "non-food", 14.1),
    ("pet", "non-food", 16.4),
];

/// Why a synthetic retailer cannot be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum WorldError {
    /// A number outside its range.
    #[error(
        "expected `{field}` between {low} and {high}, got {got}; change it in the world's config"
    )]
    Range {
        /// Name of the config field.
        field: &'static str,
        /// Smallest accepted value.
        low: f64,
        /// Largest accepted value.
        high: f64,
        /// What was given.
        got: f64,
    },
    /// The first date is not a Monday in ISO form.
    #[error("expected `first_date` to be a Monday such as 2024-01-01, got `{0}`")]
    FirstDate(String),
    /// The offers do not form a catalogue.
    #[error("the world's `depths` and `contact_cost` give no offer catalogue: {0}")]
    Offers(#[from] CatalogueError),
}

/// Size, offers and dates of a synthetic retailer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetailerConfig {
    /// Number of customers.
    pub n_customers: usize,
    /// Weeks of history to simulate.
    pub n_weeks: u32,
    /// Number of categories, up to 12.
    pub n_categories: usize,
    /// Products in each category, up to [`MAX_PRODUCTS`].
    pub products_per_category: usize,
    /// Depths at which each category is offered, as fractions of the price.
    pub depths: Vec<f64>,
    /// Cost of one contact, money.
    pub contact_cost: f64,
    /// First day of week 0: a Monday, ISO form.
    pub first_date: String,
    /// Strength of every effect.
    pub structure: Structure,
}

impl Default for RetailerConfig {
    fn default() -> Self {
        Self {
            n_customers: 2000,
            n_weeks: 78,
            n_categories: 6,
            products_per_category: 8,
            depths: vec![0.1, 0.2, 0.3],
            contact_cost: 0.06,
            first_date: "2024-01-01".to_owned(),
            structure: Structure::default(),
        }
    }
}

/// Strength of the effects in the world. Levels are those of a median customer; `_sd` are the
/// standard deviations of the underlying normals, so 0 makes everybody alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Structure {
    /// Coefficient of log price in product utility.
    pub price_sensitivity: f64,
    /// Heterogeneity of price sensitivity (log scale).
    pub price_sensitivity_sd: f64,
    /// Log-odds of a store visit in a usual week.
    pub visit_intercept: f64,
    /// Heterogeneity of the log-odds of a visit.
    pub visit_sd: f64,
    /// Log-odds of buying a category on a visit, at regular prices.
    pub category_intercept: f64,
    /// Heterogeneity of category tastes (log-odds).
    pub category_sd: f64,
    /// Heterogeneity of product tastes (utility).
    pub brand_sd: f64,
    /// How much a category's inclusive value moves its incidence, in `[0, 1]`.
    pub incidence_strength: f64,
    /// How much the surplus expected in the store moves the visit.
    pub visit_pull: f64,
    /// Extra units of a purchase at regular prices.
    pub extra_units: f64,
    /// Growth of extra units with the log of the price cut: stockpiling.
    pub stockpiling: f64,
    /// Log-odds of incidence lost per week of cover at home.
    pub stock_strength: f64,
    /// Utility per unit of gap between a depth and the reference depth; losses weigh double.
    pub reference_strength: f64,
    /// Log-odds that an offer of depth 1 adds by being personal, at full attention.
    pub offer_salience: f64,
    /// Median attention to offers.
    pub attention: f64,
    /// Heterogeneity of attention to offers (log scale).
    pub attention_sd: f64,
    /// Scale of everything that fatigue does; 0 switches it off.
    pub fatigue_strength: f64,
    /// Heterogeneity of fatigue sensitivity (log scale).
    pub fatigue_sd: f64,
    /// Log-odds of a visit right after a visit, relative to long after one.
    pub habit_strength: f64,
    /// Weekly hazard of leaving, for a rested and satisfied customer.
    pub churn_base: f64,
    /// Amplitude of the season in log-odds.
    pub season_amplitude: f64,
    /// Share of product-weeks on a shelf deal.
    pub shelf_deal_share: f64,
    /// Share of today's decisions that are drawn uniformly over what is allowed.
    pub exploration_share: f64,
    /// Probability that today's rule contacts a customer in a usual week.
    pub current_contact_rate: f64,
}

impl Default for Structure {
    fn default() -> Self {
        Self {
            price_sensitivity: 3.6,
            price_sensitivity_sd: 0.4,
            visit_intercept: 0.5,
            visit_sd: 0.8,
            category_intercept: -2.0,
            category_sd: 1.9,
            brand_sd: 0.8,
            incidence_strength: 0.6,
            visit_pull: 0.9,
            extra_units: 0.5,
            stockpiling: 1.5,
            stock_strength: 0.12,
            reference_strength: 0.8,
            offer_salience: 4.0,
            attention: 0.8,
            attention_sd: 1.2,
            fatigue_strength: 0.45,
            fatigue_sd: 0.6,
            habit_strength: 0.8,
            churn_base: 0.002,
            season_amplitude: 0.2,
            shelf_deal_share: 0.12,
            exploration_share: 0.2,
            current_contact_rate: 0.3,
        }
    }
}

impl Structure {
    /// Name, value and accepted range of every field.
    fn fields(&self) -> [(&'static str, f64, f64, f64); 24] {
        [
            ("price_sensitivity", self.price_sensitivity, 0.1, 10.0),
            ("price_sensitivity_sd", self.price_sensitivity_sd, 0.0, 1.5),
            ("visit_intercept", self.visit_intercept, -4.0, 4.0),
            ("visit_sd", self.visit_sd, 0.0, 3.0),
            ("category_intercept", self.category_intercept, -5.0, 3.0),
            ("category_sd", self.category_sd, 0.0, 3.0),
            ("brand_sd", self.brand_sd, 0.0, 3.0),
            ("incidence_strength", self.incidence_strength, 0.0, 1.0),
            ("visit_pull", self.visit_pull, 0.0, 2.0),
            ("extra_units", self.extra_units, 0.0, 5.0),
            ("stockpiling", self.stockpiling, 0.0, 6.0),
            ("stock_strength", self.stock_strength, 0.0, 2.0),
            ("reference_strength", self.reference_strength, 0.0, 10.0),
            ("offer_salience", self.offer_salience, 0.0, 10.0),
            ("attention", self.attention, 0.0, 5.0),
            ("attention_sd", self.attention_sd, 0.0, 2.0),
            ("fatigue_strength", self.fatigue_strength, 0.0, 5.0),
            ("fatigue_sd", self.fatigue_sd, 0.0, 2.0),
            ("habit_strength", self.habit_strength, 0.0, 4.0),
            ("churn_base", self.churn_base, 0.0, 0.1),
            ("season_amplitude", self.season_amplitude, 0.0, 2.0),
            ("shelf_deal_share", self.shelf_deal_share, 0.0, 0.5),
            ("exploration_share", self.exploration_share, 0.0, 1.0),
            ("current_contact_rate", self.current_contact_rate, 0.0, 1.0),
        ]
    }
}

impl RetailerConfig {
    /// The default retailer with other strengths of its effects, each drawn in a realistic range.
    #[must_use]
    pub fn varied(seed: SeedTree) -> Self {
        let mut rng = seed.child("varied structure").stream();
        let mut around =
            |centre: f64, share: f64| centre * rng.random_range(1.0 - share..1.0 + share);
        let base = Structure::default();
        let structure = Structure {
            price_sensitivity: around(base.price_sensitivity, 0.12),
            price_sensitivity_sd: around(base.price_sensitivity_sd, 0.25),
            visit_sd: around(base.visit_sd, 0.25),
            category_sd: around(base.category_sd, 0.2),
            brand_sd: around(base.brand_sd, 0.3),
            incidence_strength: around(base.incidence_strength, 0.1),
            visit_pull: around(base.visit_pull, 0.15),
            stockpiling: around(base.stockpiling, 0.25),
            stock_strength: around(base.stock_strength, 0.4),
            reference_strength: around(base.reference_strength, 0.4),
            offer_salience: around(base.offer_salience, 0.15),
            attention_sd: around(base.attention_sd, 0.2),
            fatigue_strength: around(base.fatigue_strength, 0.25),
            fatigue_sd: around(base.fatigue_sd, 0.3),
            habit_strength: around(base.habit_strength, 0.4),
            churn_base: around(base.churn_base, 0.3),
            season_amplitude: around(base.season_amplitude, 0.5),
            shelf_deal_share: around(base.shelf_deal_share, 0.2),
            ..base
        };
        Self { structure, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), WorldError> {
        let sizes = [
            ("n_customers", self.n_customers as f64, 1.0, 1e6),
            ("n_weeks", f64::from(self.n_weeks), 1.0, 520.0),
            ("n_categories", self.n_categories as f64, 1.0, CATEGORIES.len() as f64),
            ("products_per_category", self.products_per_category as f64, 1.0, MAX_PRODUCTS as f64),
            ("number of depths", self.depths.len() as f64, 1.0, 20.0),
            ("contact_cost", self.contact_cost, 0.0, 100.0),
        ];
        for (field, got, low, high) in sizes.into_iter().chain(self.structure.fields()) {
            if !(low..=high).contains(&got) {
                return Err(WorldError::Range { field, low, high, got });
            }
        }
        Calendar::new(&self.first_date).map(|_| ())
    }

    /// The names of the categories, in order.
    #[must_use]
    pub fn category_names(&self) -> Vec<String> {
        CATEGORIES.iter().take(self.n_categories).map(|c| c.0.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_and_every_varied_retailer_are_valid_and_differ() {
        let base = RetailerConfig::default();
        assert_eq!(base.validate(), Ok(()));
        for i in 0..20 {
            let varied = RetailerConfig::varied(SeedTree::new(i));
            assert_eq!(varied.validate(), Ok(()));
            assert_ne!(varied.structure, base.structure);
            assert_eq!(varied, RetailerConfig::varied(SeedTree::new(i)));
        }
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        let mut config = RetailerConfig::default();
        config.structure.churn_base = f64::NAN;
        let message = config.validate().expect_err("not a number").to_string();
        assert!(message.contains("`churn_base` between 0 and 0.1"), "{message}");
        config = RetailerConfig { n_categories: 13, ..RetailerConfig::default() };
        assert!(matches!(config.validate(), Err(WorldError::Range { field: "n_categories", .. })));
    }
}
