//! The persona model: preparation, centres and cards, fitted once and carried to every decision.

use promopt_envs::SeedTree;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::behaviour::{FeatureSpec, default_persona_features, feature_specs};
use super::cards::{self, PersonaCard};
use super::cluster_error::ClusterError;
use super::gmm::{self, GmmConfig};
use super::kmeans::{KMeansError, nearest};
use super::matrix::Matrix;
use super::mixture::{CovarianceKind, Gmm};
use super::preparation::Preparation;
use super::selection;
use super::silhouette::KScore;

/// Mean silhouette below which there is no clear structure (Kaufman and Rousseeuw 1990, table 4).
pub const CLEAR_STRUCTURE: f64 = 0.25;

/// Why personas cannot be learned.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PersonaError {
    /// A setting is out of range.
    #[error("expected {expected} for `{key}` in [personas], got {found}; correct the config file")]
    Settings {
        /// The key.
        key: &'static str,
        /// What would be accepted.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// There are not enough customers that differ.
    #[error(
        "expected at least {needed} customers with different behaviour for k_min = {needed}, got \
         {distinct} among {n_customers} customers; give more history or lower k_min"
    )]
    TooFewCustomers {
        /// Fewest personas asked for.
        needed: usize,
        /// Customers that differ in a prepared feature.
        distinct: usize,
        /// Customers given.
        n_customers: usize,
    },
    /// Clustering refused for a reason that the checks above do not name.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl From<KMeansError> for PersonaError {
    fn from(error: KMeansError) -> Self {
        Self::Cluster(error.into())
    }
}

/// How customers are grouped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// k-means from k-means++ starts; mini-batch above 50,000 customers.
    #[default]
    KMeans,
    /// Gaussian mixture with diagonal covariances.
    GaussianMixture,
    /// Ward's tree on a sample; the rest goes to the nearest centre.
    Ward,
}

/// What the number of personas is chosen by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChooseBy {
    /// The largest mean silhouette.
    #[default]
    Silhouette,
    /// The gap statistic's rule.
    Gap,
    /// The lowest BIC of Gaussian mixtures.
    Bic,
}

/// Settings of the persona fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonaConfig {
    /// Fewest personas, ≥ 1.
    pub k_min: usize,
    /// Most personas.
    pub k_max: usize,
    /// Starts of each clustering.
    pub n_init: usize,
    /// How customers are grouped.
    pub method: Method,
    /// What the number of personas is chosen by.
    pub choose_by: ChooseBy,
    /// Features to group by; empty means the default list.
    pub features: Vec<String>,
    /// |r| beyond which a feature repeats an earlier one and is left out.
    pub max_correlation: f64,
    /// Bootstrap samples of the stability; 0 leaves stability and gap statistic out.
    pub n_bootstrap: usize,
    /// Weeks that lifetime value looks ahead.
    pub value_weeks: u32,
    /// Yearly rate at which future margin is discounted.
    pub yearly_discount_rate: f64,
}

impl Default for PersonaConfig {
    fn default() -> Self {
        Self {
            k_min: 3,
            k_max: 7,
            n_init: 8,
            method: Method::KMeans,
            choose_by: ChooseBy::Silhouette,
            features: Vec::new(),
            max_correlation: 0.95,
            n_bootstrap: 20,
            value_weeks: 52,
            yearly_discount_rate: 0.1,
        }
    }
}

impl PersonaConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`PersonaError::Settings`] naming the first key that is out of range.
    pub fn validate(&self) -> Result<(), PersonaError> {
        let require = |ok: bool, key, expected: &str, found: String| {
            let expected = expected.to_owned();
            if ok { Ok(()) } else { Err(PersonaError::Settings { key, expected, found }) }
        };
        let &Self { k_min, k_max, n_init, .. } = self;
        require(k_min >= 1, "k_min", "at least 1", k_min.to_string())?;
        require(k_max >= k_min, "k_max", "at least k_min", k_max.to_string())?;
        require(k_max <= 50, "k_max", "at most 50", k_max.to_string())?;
        require(n_init >= 1, "n_init", "at least 1", n_init.to_string())?;
        let r = self.max_correlation;
        require(r > 0.0 && r <= 1.0, "max_correlation", "in (0, 1]", r.to_string())?;
        let n = self.n_bootstrap;
        require(n == 0 || n >= 2, "n_bootstrap", "0 (off) or at least 2", n.to_string())?;
        let weeks = self.value_weeks;
        require((1..=1040).contains(&weeks), "value_weeks", "1 to 1040", weeks.to_string())?;
        let rate = self.yearly_discount_rate;
        require((0.0..1.0).contains(&rate), "yearly_discount_rate", "in [0, 1)", rate.to_string())
    }
}

/// Learned personas: everything needed to put any customer into one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaModel {
    /// How features become points.
    pub preparation: Preparation,
    /// How customers were grouped.
    pub method: Method,
    /// Centres of the personas among the points, shape `[n_personas, n_features]`.
    pub centres: Matrix,
    /// Spread of each persona, for soft membership (and, with a mixture, for the assignment).
    pub mixture: Gmm,
    /// What each persona is like, in persona order.
    pub cards: Vec<PersonaCard>,
    /// Scores of every number of personas tried.
    pub k_scores: Vec<KScore>,
    /// Mean standardised features, shape `[n_personas, n_features]`: the heat map.
    pub z_scores: Matrix,
}

impl PersonaModel {
    /// Learns personas from rows of customer features, and returns the persona of each row.
    ///
    /// `rows` has the columns of [`feature_specs`]`(categories)`. Personas are numbered by mean
    /// money per week, the largest first. The order of the customers changes nothing but the order
    /// of the labels.
    ///
    /// # Errors
    ///
    /// When the settings are out of range, a feature is not known, or fewer than `k_min` customers
    /// differ.
    pub fn fit(
        rows: &Matrix,
        categories: &[String],
        config: &PersonaConfig,
        seeds: SeedTree,
    ) -> Result<(Self, Vec<usize>), PersonaError> {
        config.validate()?;
        let specs = feature_specs(categories);
        let chosen = chosen_columns(&specs, categories, config)?;
        let n_customers = rows.n_rows();
        let too_few = |distinct: usize| PersonaError::TooFewCustomers {
            needed: config.k_min,
            distinct,
            n_customers,
        };
        if n_customers < config.k_min {
            return Err(too_few(n_customers));
        }
        let order = rows.sorted_order();
        let sorted = rows.select(&order);
        let preparation = Preparation::fit(&specs, &sorted, &chosen, config.max_correlation)?;
        let points = preparation.map(&sorted, Preparation::point);
        let distinct = points.n_distinct_rows();
        if distinct < config.k_min {
            return Err(too_few(distinct));
        }
        let (centres, k_scores) = selection::centres(&points, config, distinct, seeds)?;
        let labels: Vec<usize> = points.rows().map(|row| nearest(&centres, row)).collect();
        let weekly = specs.iter().position(|spec| spec.name == "monetary_per_week");
        let money = sorted.column(weekly.expect("the feature list has money per week"));
        let centres = centres.select(&by_money(&money, &labels, centres.n_rows()));
        let mut labels: Vec<usize> = points.rows().map(|row| nearest(&centres, row)).collect();
        let n_personas = centres.n_rows();
        let kind = CovarianceKind::Diagonal;
        let mixture = gmm::fit_from_labels(&points, &labels, &GmmConfig::new(n_personas, kind))?;
        if config.method == Method::GaussianMixture {
            for (label, row) in labels.iter_mut().zip(points.rows()) {
                *label = mixture.assign(row)?;
            }
        }
        let z_rows = preparation.map(&sorted, Preparation::z_scores);
        let z_scores = cards::cluster_means(&z_rows, &labels, n_personas);
        let values = preparation.map(&sorted, Preparation::values);
        let cards = cards::describe(&preparation, &values, &labels, &z_scores);
        let mut by_customer = vec![0; n_customers];
        for (&customer, &label) in order.iter().zip(&labels) {
            by_customer[customer] = label;
        }
        let method = config.method;
        let model = Self { preparation, method, centres, mixture, cards, k_scores, z_scores };
        Ok((model, by_customer))
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

    /// Names of the features that customers were grouped by.
    pub fn feature_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.preparation.features.iter().map(|feature| feature.name.as_str())
    }

    /// Persona of a row of customer features, without any refit: that of the nearest centre, or the
    /// likeliest component of a mixture. The row must have the columns of
    /// [`Preparation::inputs`].
    #[must_use]
    pub fn assign(&self, row: &[f64]) -> usize {
        let point = self.preparation.point(row);
        match self.method {
            // A prepared point is finite and of the right length, so the mixture cannot refuse it.
            Method::GaussianMixture => self.mixture.assign(&point).unwrap_or(0),
            Method::KMeans | Method::Ward => nearest(&self.centres, &point),
        }
    }

    /// Probability of each persona for a row, from the mixture around the personas.
    #[must_use]
    pub fn membership(&self, row: &[f64]) -> Vec<f64> {
        let point = self.preparation.point(row);
        let even = || vec![1.0 / self.n_personas() as f64; self.n_personas()];
        self.mixture.responsibilities(&point).unwrap_or_else(|_| even())
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

fn chosen_columns(
    specs: &[FeatureSpec],
    categories: &[String],
    config: &PersonaConfig,
) -> Result<Vec<usize>, PersonaError> {
    let names = match config.features.is_empty() {
        true => default_persona_features(categories),
        false => config.features.clone(),
    };
    let column = |name: &String| {
        specs.iter().position(|spec| spec.name == *name).ok_or_else(|| PersonaError::Settings {
            key: "features",
            expected: format!(
                "some of {}",
                specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
            found: name.clone(),
        })
    };
    names.iter().map(column).collect()
}

/// Clusters by mean money per week, the largest first.
fn by_money(money: &[f64], labels: &[usize], n_clusters: usize) -> Vec<usize> {
    let rows: Vec<[f64; 1]> =
        money.iter().map(|value| [if value.is_finite() { *value } else { 0.0 }]).collect();
    let money = Matrix::from_rows(&rows).expect("every row has one value");
    let means = cards::cluster_means(&money, labels, n_clusters).column(0);
    let mut order: Vec<usize> = (0..n_clusters).collect();
    order.sort_by(|&a, &b| means[b].total_cmp(&means[a]));
    order
}

#[cfg(test)]
#[path = "personas_tests.rs"]
mod tests;
