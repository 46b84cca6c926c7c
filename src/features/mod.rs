//! From a customer's history to persona features, clusters and named personas.
//!
//! Nothing here reads files or rows: training, scoring and serving all hand over the same
//! [`CustomerHistory`](promopt_envs::retail::CustomerHistory), so a customer is put into the same
//! persona wherever the question is asked.

pub mod cards;
pub mod customer;
pub mod kmeans;
pub mod matrix;
pub mod personas;
pub mod scale;
pub mod silhouette;

pub use cards::PersonaCard;
pub use customer::{feature_names, feature_units, persona_features};
pub use kmeans::{KMeans, KMeansConfig, KMeansError};
pub use matrix::Matrix;
pub use personas::{PersonaConfig, PersonaError, PersonaModel};
pub use scale::FeatureScale;
pub use silhouette::{KScore, mean_silhouette};
