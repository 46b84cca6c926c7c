//! Decide and travel: policies as distributions over actions, and the bundle that carries one to a server.
//!
//! Nothing here trains, and no tensor library is linked: a serving system can embed this crate alone.

pub mod baseline;
pub mod bundle;
pub mod categorical;
pub mod distribution;
pub mod elasticity;
pub mod greedy;
pub mod linear;
pub mod log;
pub mod menu;
pub mod mlp;
pub mod policy;
pub mod policy_tree;
pub mod portable;
pub mod propensity;
pub mod replica;
pub mod score;
pub mod supported;
pub mod two_segment;

pub use baseline::{AlwaysDepth, Fixed, RfmWinBack, UniformRandom};
pub use bundle::{
    Bundle, BundleError, BundleParts, Manifest, golden_rows, load_bundle, write_bundle,
};
pub use categorical::CategoricalHead;
pub use distribution::ActionDistribution;
pub use elasticity::PriceOptimum;
pub use greedy::GreedyMargin;
pub use linear::{LinearPolicy, LinearScores};
pub use log::{LogError, LoggedDecisions, LoggedTable};
pub use menu::OfferMenu;
pub use mlp::{Dense, QHead, QNetwork, QPolicy, ShapeError};
pub use policy::{Decision, Policy};
pub use policy_tree::{PolicyTree, TreeNode};
pub use portable::{PortableError, PortablePolicy};
pub use propensity::PropensityTargeting;
pub use replica::{LoggingReplica, ReplicaError};
pub use score::{Reason, ScoreError, Scored, Scorer};
pub use supported::SupportedPolicy;
pub use two_segment::TwoSegment;

#[cfg(test)]
mod fixture;
