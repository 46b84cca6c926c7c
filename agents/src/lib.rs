//! Learn: deep Q-networks, linear bandits, and the loop that trains them on any world.
//!
//! Agents see observations, masks and rewards, and know nothing of what they stand for. What an
//! agent has learned leaves as a [`Snapshot`], which decides in plain numbers without this crate.
//!
//! **Threads.** With `RAYON_NUM_THREADS` unset, candle looks up the number of physical cores in
//! every matrix product, which makes small networks several times slower. A program should set
//! the variable first thing in `main`, before any thread pool starts; results do not depend on it.

pub mod agent;
pub mod bandit;
pub mod checkpoint;
pub mod dqn;
pub mod error;
pub mod experiment;
pub mod network;
pub mod normalisation;
pub mod nstep;
pub mod offline;
pub mod replay;
pub mod schedule;
pub mod tabular;
pub mod train;

pub use agent::{Agent, Metrics, Snapshot, Transition};
pub use bandit::{LinUcb, LinUcbConfig, Thompson, ThompsonConfig};
pub use checkpoint::Archive;
pub use dqn::{
    BootstrappedConfig, BootstrappedDqn, DqnAgent, DqnConfig, DqnLearner, ErrorLoss, ReturnModel,
    TargetUpdate,
};
pub use error::AgentError;
pub use normalisation::Normalisation;
pub use replay::{Priorities, Replay, ReplayConfig};
pub use tabular::{QLearning, QLearningConfig};
pub use train::{Ending, EvaluationConfig, TrainConfig, TrainEvent, TrainReport, Training, train};
