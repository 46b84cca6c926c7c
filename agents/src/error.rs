//! What can go wrong while learning.

use promopt_envs::EnvError;
use promopt_policies::LogError;
use thiserror::Error;

/// A failure of an agent or of the training loop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// A configuration value is outside its range.
    #[error("expected {expected} for `{field}`, got {got}; change it in the agent's configuration")]
    InvalidConfig {
        /// Name of the field.
        field: &'static str,
        /// What would have been accepted.
        expected: &'static str,
        /// The value that was found.
        got: String,
    },
    /// An input does not have the length that the agent was built for.
    #[error(
        "expected {expected} values of {what}, got {got}; build the agent for this environment"
    )]
    Shape {
        /// What was passed.
        what: &'static str,
        /// Number of values needed.
        expected: usize,
        /// Number of values passed.
        got: usize,
    },
    /// A number that must be finite is not.
    #[error("expected a finite {what}, got {got}; check the environment with `check_env`")]
    NotFinite {
        /// What was computed or passed.
        what: &'static str,
        /// The value.
        got: f64,
    },
    /// Stored weights cannot be read or written, or belong to another network.
    #[error(
        "expected weights of this network, {problem}; load the checkpoint of the same configuration"
    )]
    Weights {
        /// What was found.
        problem: String,
    },
    /// Something would take more memory than its configuration allows.
    #[error(
        "expected {what} to take at most {limit} bytes, but {capacity} entries may take {needed}; \
         lower the capacity or raise `memory_limit_bytes` if the machine has that much"
    )]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// Bytes that it may come to take.
        needed: u64,
        /// Bytes that it may take.
        limit: u64,
        /// Entries asked for.
        capacity: u64,
    },
    /// A checkpoint is damaged or belongs to another training.
    #[error(
        "expected a checkpoint of this training, {problem}; resume with the configuration that \
         wrote it, or start anew"
    )]
    Checkpoint {
        /// What was found.
        problem: String,
    },
    /// This kind of agent has no checkpoints.
    #[error("expected an agent that can be checkpointed, got `{agent}`; train it without")]
    NoCheckpoint {
        /// Name of the agent.
        agent: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}; check the path and the space on its disk", path.display())]
    File {
        /// What was tried, such as `"write"`.
        action: &'static str,
        /// Where.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log cannot be learned from.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The environment refused.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The tensor library failed, which is a bug in this crate.
    #[error("expected the tensor library to work, got: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Errors with the field's name unless the condition holds.
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    expected: &'static str,
    got: impl std::fmt::Display,
) -> Result<(), AgentError> {
    if holds {
        return Ok(());
    }
    Err(AgentError::InvalidConfig { field, expected, got: got.to_string() })
}

/// Errors unless the two lengths agree.
pub(crate) fn same_length(
    what: &'static str,
    expected: usize,
    got: usize,
) -> Result<(), AgentError> {
    if expected == got { Ok(()) } else { Err(AgentError::Shape { what, expected, got }) }
}
