//! What can go wrong when an environment is misused.

use thiserror::Error;

/// A misuse of an environment; the message says what to call instead.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EnvError {
    /// `step` was called outside an episode.
    #[error("expected a running episode, found none; call `reset` before `step`")]
    ResetNeeded,
    /// The action does not exist or is masked in the current state.
    #[error(
        "expected an allowed action below {n_actions}, got {got}{}; read `action_mask` before `step`",
        if *.masked { " (masked in this state)" } else { "" }
    )]
    InvalidAction {
        /// The action that was passed.
        got: usize,
        /// Number of actions of the environment.
        n_actions: usize,
        /// Whether the action exists but is masked.
        masked: bool,
    },
    /// A parameter is outside its range.
    #[error("expected {expected} for `{name}`, got {got}")]
    InvalidParameter {
        /// Name of the parameter.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
        /// The value that was passed.
        got: f64,
    },
}
