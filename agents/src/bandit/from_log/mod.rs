//! Contextual policies from a log of decisions with known propensities, without interaction.
//!
//! [`policy_from_log`] fits linear scores by one of three objectives, [`tree_from_log`] a small
//! readable tree, and [`warm_start`] shows a log to an agent before it goes online. All see each row
//! as a decision of its own: what an action does to later ones is not seen.

mod objective;
mod scores;
mod tree;
mod tree_search;
mod uplift;
mod warm_start;

pub use objective::{FromLogConfig, Objective, policy_from_log};
pub use scores::{RewardModel, doubly_robust_scores};
pub use tree::{GrownTree, TreeConfig, tree_from_log};
pub use uplift::uplift_from_log;
pub use warm_start::{spec_of_log, warm_start};
