//! The persona model: scales, centres and cards, fitted once and carried to every decision.

use promopt_envs::SeedTree;
use promopt_envs::retail::CustomerHistory;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cards::{self, PersonaCard};
use super::customer::{FREQUENCY, MONETARY, N_HABITS, feature_names, persona_features};
use super::kmeans::{KMeansError, nearest};
use super::matrix::Matrix;
use super::scale::FeatureScale;
use super::silhouette::{KScore, choose_k};

/// Mean silhouette below which there is no clear structure (Kaufman and Rousseeuw 1990, table 4).
pub const CLEAR_STRUCTURE: f64 = 0.25;

/// Why personas cannot be learned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PersonaError {
    /// The range of k is empty or starts at 0.
    #[error(
        "expected 1 <= k_min <= k_max and n_init >= 1, got k_min = {k_min}, k_max = {k_max}, \
         n_init = {n_init}; correct the persona settings"
    )]
    Settings {
        /// Fewest personas.
        k_min: usize,
        /// Most personas.
        k_max: usize,
        /// Starts of each clustering.
        n_init: usize,
    },
    /// There are not enough customers that differ.
    #[error(
        "expected at least {needed} customers with different behaviour for k_min = {needed}, got \
         {distinct} among {n_customers} customers; give more history or lower k_min"
    )]
    TooFewCustomers {
        /// Fewest personas asked for.
        needed: usize,
        /// Customers that differ in a scaled feature.
        distinct: usize,
        /// Customers given.
        n_customers: usize,
    },
    /// A history has another number of categories than the names given.
    #[error(
        "expected {expected} categories in the history of customer {customer}, got {found}; build \
         histories and personas from one category list"
    )]
    Categories {
        /// Position of the customer.
        customer: usize,
        /// Categories named.
        expected: usize,
        /// Categories in the history.
        found: usize,
    },
    /// A feature is NaN or infinite.
    #[error(
        "expected a finite {feature} for customer {customer}, got NaN or infinity; check the money \
         columns of the transactions"
    )]
    NotFinite {
        /// Position of the customer.
        customer: usize,
        /// Name of the feature.
        feature: String,
    },
    /// Clustering refused for a reason that the checks above do not name.
    #[error(transparent)]
    KMeans(#[from] KMeansError),
}

/// Settings of the persona fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonaConfig {
    /// Fewest personas, ≥ 1.
    pub k_min: usize,
    /// Most personas.
    pub k_max: usize,
    /// Starts of each clustering.
    pub n_init: usize,
}

impl Default for PersonaConfig {
    fn default() -> Self {
        Self { k_min: 3, k_max: 7, n_init: 8 }
    }
}

/// Learned personas: everything needed to put any customer into one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaModel {
    /// Names of the features, as [`feature_names`].
    pub feature_names: Vec<String>,
    /// Scales of the features, in the same order.
    pub scales: Vec<FeatureScale>,
    /// Centres in scaled units, shape `[n_personas, n_features]`.
    pub centres: Matrix,
    /// What each persona is like, in persona order.
    pub cards: Vec<PersonaCard>,
    /// Scores of every number of personas tried.
    pub k_scores: Vec<KScore>,
    /// Mean standardised features, shape `[n_personas, n_features]`: the heat map.
    pub z_scores: Matrix,
}

impl PersonaModel {
    /// Learns personas from the histories, and returns the persona of each customer with them.
    ///
    /// Features are clipped to their 1% and 99% quantiles, standardised, and clustered by k-means
    /// with the k in `k_min..=k_max` of the largest mean silhouette. When there are more categories
    /// than the four features of how a customer buys, the categories are weighted down by
    /// `sqrt(4 / n_categories)` so that together they weigh the same; "other" weighs nothing. Personas are numbered by mean
    /// money per week (monetary × frequency), the largest first. The order of the customers changes
    /// nothing but the order of the labels.
    ///
    /// # Errors
    ///
    /// When the settings are out of range, a history has other categories or a feature that is not
    /// finite, or fewer than `k_min` customers differ.
    pub fn fit(
        histories: &[&CustomerHistory],
        categories: &[String],
        config: &PersonaConfig,
        seeds: SeedTree,
    ) -> Result<(Self, Vec<usize>), PersonaError> {
        let &PersonaConfig { k_min, k_max, n_init } = config;
        if k_min == 0 || k_max < k_min || n_init == 0 {
            return Err(PersonaError::Settings { k_min, k_max, n_init });
        }
        let given = training_features(histories, categories)?;
        let n_customers = histories.len();
        if n_customers < k_min {
            let distinct = given.n_distinct_rows();
            return Err(PersonaError::TooFewCustomers { needed: k_min, distinct, n_customers });
        }
        let order = given.sorted_order();
        let features = given.select(&order);
        let weight = (N_HABITS as f64 / categories.len().max(N_HABITS) as f64).sqrt();
        let weight_of = |j: usize| match j.checked_sub(N_HABITS) {
            None => 1.0,
            Some(category) if categories[category] == cards::UNNAMED => 0.0,
            Some(_) => weight,
        };
        let scale = |j| FeatureScale::fit(features.column(j), weight_of(j));
        let scales: Vec<FeatureScale> = (0..features.n_columns()).map(scale).collect();
        let scaled = map_rows(&features, |row| scaled_row(&scales, row));
        let (fit, k_scores) =
            choose_k(&scaled, k_min, k_max, n_init, seeds).map_err(|error| match error {
                KMeansError::TooFewPoints { needed, found, .. } => {
                    PersonaError::TooFewCustomers { needed, distinct: found, n_customers }
                }
                other => PersonaError::KMeans(other),
            })?;
        let centres =
            fit.centres.select(&by_weekly_money(&features, &fit.labels, fit.centres.n_rows()));
        let sorted_labels: Vec<usize> = scaled.rows().map(|row| nearest(&centres, row)).collect();
        let n_personas = centres.n_rows();
        let z_rows = map_rows(&features, |row| {
            scales.iter().zip(row).map(|(scale, &value)| scale.z_score(value)).collect()
        });
        let z_scores = cards::cluster_means(&z_rows, &sorted_labels, n_personas);
        let cards = cards::describe(&features, &sorted_labels, &z_scores, categories);
        let mut labels = vec![0; n_customers];
        for (&customer, &label) in order.iter().zip(&sorted_labels) {
            labels[customer] = label;
        }
        let feature_names = feature_names(categories);
        Ok((Self { feature_names, scales, centres, cards, k_scores, z_scores }, labels))
    }

    /// Number of personas.
    #[must_use]
    pub fn n_personas(&self) -> usize {
        self.centres.n_rows()
    }

    /// Names of the personas, no two alike.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.cards.iter().map(|card| card.name.as_str())
    }

    /// Persona of a customer: that of the nearest centre, as the labels of [`fit`](Self::fit).
    ///
    /// The history must have the categories the model was fitted with.
    #[must_use]
    pub fn assign(&self, history: &CustomerHistory) -> usize {
        let mut features = Vec::with_capacity(self.scales.len());
        persona_features(history, &mut features);
        debug_assert_eq!(features.len(), self.scales.len());
        nearest(&self.centres, &scaled_row(&self.scales, &features))
    }

    /// Mean silhouette of the clustering that was kept.
    #[must_use]
    pub fn silhouette(&self) -> f64 {
        let kept = self.k_scores.iter().find(|score| score.n_clusters == self.n_personas());
        kept.map_or(0.0, |score| score.silhouette)
    }

    /// A sentence to show when the customers form no clear groups.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let silhouette = self.silhouette();
        (silhouette < CLEAR_STRUCTURE).then(|| {
            format!(
                "no clear groups among the customers: the best mean silhouette is {silhouette:.2} \
                 and below {CLEAR_STRUCTURE}; read the personas as a convenient partition, not as \
                 kinds of people"
            )
        })
    }
}

fn training_features(
    histories: &[&CustomerHistory],
    categories: &[String],
) -> Result<Matrix, PersonaError> {
    let names = feature_names(categories);
    let mut features = Matrix::new(names.len());
    let mut row = Vec::with_capacity(names.len());
    for (customer, history) in histories.iter().enumerate() {
        persona_features(history, &mut row);
        if !features.push(&row) {
            let (expected, found) = (categories.len(), history.n_categories());
            return Err(PersonaError::Categories { customer, expected, found });
        }
    }
    match features.first_not_finite() {
        Some((customer, column)) => {
            Err(PersonaError::NotFinite { customer, feature: names[column].clone() })
        }
        None => Ok(features),
    }
}

fn scaled_row(scales: &[FeatureScale], features: &[f64]) -> Vec<f64> {
    let pairs = scales.iter().zip(features);
    pairs.map(|(scale, &value)| scale.z_score(value) * scale.weight).collect()
}

fn map_rows(matrix: &Matrix, map: impl Fn(&[f64]) -> Vec<f64>) -> Matrix {
    let rows: Vec<Vec<f64>> = matrix.rows().map(map).collect();
    Matrix::from_rows(&rows).expect("the map gives rows of one length")
}

/// Clusters by mean money per week, the largest first.
fn by_weekly_money(features: &Matrix, labels: &[usize], n_clusters: usize) -> Vec<usize> {
    let money = map_rows(features, |row| vec![row[MONETARY].exp_m1() * row[FREQUENCY]]);
    let means = cards::cluster_means(&money, labels, n_clusters).column(0);
    let mut order: Vec<usize> = (0..n_clusters).collect();
    order.sort_by(|&a, &b| means[b].total_cmp(&means[a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::retail::{CategoryWeek, WeekRecord};
    use rand::Rng;

    /// How one kind of customer shops: chance of a visit, money in the favourite category, depth of
    /// discount, favourite category, weeks since they stopped.
    type Kind = (f64, f64, f64, usize, usize);

    const KINDS: [Kind; 4] = [
        (0.95, 90.0, 0.30, 0, 0),
        (0.90, 20.0, 0.00, 1, 0),
        (0.25, 40.0, 0.02, 2, 0),
        (0.60, 45.0, 0.15, 0, 20),
    ];

    fn categories(n: usize) -> Vec<String> {
        ["produce", "snacks", "household"].iter().take(n).map(|&name| name.to_owned()).collect()
    }

    fn shopper(kind: Kind, n_categories: usize, seeds: SeedTree) -> CustomerHistory {
        let (visit, money, depth, favourite, stopped) = kind;
        let mut stream = seeds.stream();
        let mut history = CustomerHistory::new(n_categories);
        for week in 0..80 {
            let mut record = WeekRecord::empty(n_categories);
            if stream.random::<f64>() < visit && week < 80 - stopped {
                let wanted = favourite % n_categories;
                let gross = money * stream.random_range(0.8..1.2);
                let shelf_discount = gross * depth;
                record.categories[wanted] =
                    CategoryWeek { units: 1.0, gross, shelf_discount, ..Default::default() };
            }
            history.record(&record);
        }
        history
    }

    /// Customers of the four kinds in turn.
    fn population(n: usize, n_categories: usize) -> Vec<CustomerHistory> {
        let seeds = SeedTree::new(11);
        (0..n).map(|i| shopper(KINDS[i % 4], n_categories, seeds.index(i as u64))).collect()
    }

    fn fit(
        histories: &[CustomerHistory],
        n_categories: usize,
    ) -> Result<(PersonaModel, Vec<usize>), PersonaError> {
        let histories: Vec<&CustomerHistory> = histories.iter().collect();
        let categories = categories(n_categories);
        PersonaModel::fit(&histories, &categories, &PersonaConfig::default(), SeedTree::new(4))
    }

    #[test]
    fn kinds_of_shoppers_are_recovered_and_named() {
        let histories = population(200, 3);
        let (model, labels) = fit(&histories, 3).expect("enough customers");
        assert_eq!(model.n_personas(), 4);
        for (i, &label) in labels.iter().enumerate() {
            assert_eq!(label, labels[i % 4], "customer {i} is with others of its kind");
        }
        // The stock-up kind brings most money a week, so it comes first.
        assert_eq!(labels[0], 0);
        let names: Vec<&str> = model.names().collect();
        assert!(names[0].starts_with("weekly stock-up shoppers, deal-driven"), "{names:?}");
        assert!(names[labels[3]].starts_with("lapsing"), "{names:?}");
        assert!(names[labels[2]].starts_with("occasional"), "{names:?}");
        assert!(names[labels[1]].contains("full-price"), "{names:?}");
        assert_eq!(model.cards.iter().map(|card| card.size).sum::<usize>(), 200);
        assert!(model.cards.iter().all(|card| card.share == 0.25));
        assert_eq!(model.warning(), None);
        assert_eq!(model.k_scores.len(), 5);
        assert_eq!((model.z_scores.n_rows(), model.z_scores.n_columns()), (4, 7));
    }

    #[test]
    fn assigning_a_training_customer_gives_the_training_label() {
        let histories = population(300, 3);
        let (model, labels) = fit(&histories, 3).expect("enough customers");
        let json = serde_json::to_string(&model).expect("a model is plain data");
        let read: PersonaModel = serde_json::from_str(&json).expect("as written");
        for (history, &label) in histories.iter().zip(&labels) {
            assert_eq!(model.assign(history), label);
            assert_eq!(read.assign(history), label);
        }
    }

    #[test]
    fn the_order_of_customers_changes_only_the_order_of_labels() {
        let histories = population(120, 3);
        let (model, labels) = fit(&histories, 3).expect("enough customers");
        let reversed: Vec<CustomerHistory> = histories.into_iter().rev().collect();
        let (again, reversed_labels) = fit(&reversed, 3).expect("enough customers");
        assert_eq!(model, again);
        assert!(labels.iter().eq(reversed_labels.iter().rev()));
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        let histories = population(120, 3);
        let run = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
            let fitted = pool.expect("threads start").install(|| fit(&histories, 3));
            let (model, labels) = fitted.expect("enough customers");
            (serde_json::to_string(&model).expect("plain data"), labels)
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn fewer_customers_than_personas_is_an_error_that_says_what_is_needed() {
        let error = fit(&population(2, 3), 3).expect_err("two customers");
        let needed = PersonaError::TooFewCustomers { needed: 3, distinct: 2, n_customers: 2 };
        assert_eq!(error, needed);
        assert!(error.to_string().contains("at least 3 customers"), "{error}");
        assert!(fit(&[], 3).is_err());
        let twins = vec![population(1, 3).remove(0); 50];
        let error = fit(&twins, 3).expect_err("all alike");
        let needed = PersonaError::TooFewCustomers { needed: 3, distinct: 1, n_customers: 50 };
        assert_eq!(error, needed);
    }

    #[test]
    fn as_many_customers_as_personas_are_enough() {
        let histories = population(4, 3);
        let (model, labels) = fit(&histories[..3], 3).expect("three customers");
        assert_eq!(model.n_personas(), 3);
        let mut sorted = labels.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }

    #[test]
    fn one_category_is_a_constant_feature_and_does_no_harm() {
        let histories = population(80, 1);
        let (model, labels) = fit(&histories, 1).expect("enough customers");
        assert_eq!(model.scales[N_HABITS].deviation, 0.0);
        assert!(model.z_scores.column(N_HABITS).iter().all(|&z| z == 0.0));
        assert!(histories.iter().zip(&labels).all(|(h, &label)| model.assign(h) == label));
    }

    #[test]
    fn names_are_unique_and_a_shapeless_crowd_is_warned_about() {
        // One kind of customer in eight equal categories: what differs is chance alone. Everyone
        // came last week, or those who did not would rightly stand out.
        let seeds = SeedTree::new(21);
        let histories: Vec<CustomerHistory> = (0..300)
            .map(|i| {
                let mut stream = seeds.index(i).stream();
                let mut history = CustomerHistory::new(8);
                for week in 0..60 {
                    let chance = if week == 59 { 1.0 } else { 0.3 };
                    let mut week = WeekRecord::empty(8);
                    for bought in &mut week.categories {
                        if stream.random::<f64>() < chance {
                            let gross = stream.random_range(1.0..9.0);
                            let units = 1.0;
                            *bought = CategoryWeek { units, gross, ..Default::default() };
                        }
                    }
                    history.record(&week);
                }
                history
            })
            .collect();
        let listed: Vec<&CustomerHistory> = histories.iter().collect();
        let names: Vec<String> = (0..8).map(|i| format!("c{i}")).collect();
        for k in 1..=9 {
            let config = PersonaConfig { k_min: k, k_max: k, n_init: 2 };
            let fitted = PersonaModel::fit(&listed, &names, &config, SeedTree::new(1));
            let (model, _) = fitted.expect("enough customers");
            let mut unique: Vec<&str> = model.names().collect();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), k);
            assert!(model.warning().expect("no structure").starts_with("no clear groups"));
        }
    }

    #[test]
    fn wrong_settings_and_wrong_categories_are_errors() {
        let histories = population(10, 3);
        let listed: Vec<&CustomerHistory> = histories.iter().collect();
        let config = PersonaConfig { k_min: 5, k_max: 4, n_init: 8 };
        let fitted = PersonaModel::fit(&listed, &categories(3), &config, SeedTree::new(1));
        assert!(matches!(fitted, Err(PersonaError::Settings { .. })));
        let error = fit(&histories, 2).expect_err("two names for three categories");
        assert_eq!(error, PersonaError::Categories { customer: 0, expected: 2, found: 3 });
    }
}
