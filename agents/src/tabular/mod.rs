//! Learners with one score per state and action: exact in the limit, for worlds of few states.

mod q_learning;
#[cfg(test)]
mod tests;

pub use q_learning::{QLearning, QLearningConfig};
