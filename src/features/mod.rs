//! From a customer's history to persona features, clusters and named personas.
//!
//! Nothing here reads files or rows: training, scoring and serving all hand over the same
//! [`CustomerHistory`](promopt_envs::retail::CustomerHistory), so a customer is put into the same
//! persona wherever the question is asked.

pub mod behaviour;
pub mod cards;
pub mod cluster_error;
pub mod correlation;
pub mod customer;
pub mod drift;
pub mod gap;
pub mod gmm;
#[cfg(test)]
mod golden;
pub mod kmeans;
pub mod matrix;
pub mod mini_batch;
pub mod mixture;
pub mod noise;
pub mod pca;
pub mod personas;
mod sample;
pub mod scale;
pub mod silhouette;
pub mod stability;
pub mod value;
pub mod ward;

pub use cards::PersonaCard;
pub use customer::{feature_names, feature_units, persona_features};
pub use kmeans::{KMeans, KMeansConfig, KMeansError};
pub use matrix::Matrix;
pub use personas::{PersonaConfig, PersonaError, PersonaModel};
pub use scale::FeatureScale;
pub use silhouette::{KScore, mean_silhouette};
