//! From a customer's purchases to features, clusters, named personas and lifetime value.
//!
//! Nothing here reads files: [`behaviour`] is the one computation of features as of any date, for
//! training, scoring and serving, so a customer is put into the same persona wherever the question
//! is asked.

pub mod behaviour;
pub mod cards;
pub mod cluster_error;
pub mod correlation;
pub mod drift;
pub mod evidence;
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
pub mod preparation;
mod sample;
pub mod scale;
mod selection;
pub mod silhouette;
pub mod stability;
pub mod timeline;
pub mod value;
pub mod ward;

pub use cards::PersonaCard;
pub use kmeans::{KMeans, KMeansConfig, KMeansError};
pub use matrix::Matrix;
pub use personas::{PersonaConfig, PersonaError, PersonaModel};
pub use preparation::Preparation;
pub use scale::FeatureScale;
pub use silhouette::{KScore, mean_silhouette};
pub use timeline::PersonaTimeline;
