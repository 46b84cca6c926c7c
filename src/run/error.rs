//! Why a stage of a run failed, by whose fault it was.

use crate::data::DataError;
use crate::demand::DemandError;
use crate::evaluate::EvaluateError;
use crate::evaluate::budget::BudgetError;
use crate::features::PersonaError;
use crate::report::ReportError;
use promopt_agents::AgentError;
use promopt_envs::EnvError;
use promopt_envs::worlds::WorldError;
use promopt_policies::{BundleError, ReplicaError};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A stage that did not finish; the run folder is as it was before the stage.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The config asks for something impossible.
    #[error("{0}")]
    Config(String),
    /// The input files cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The customers cannot be grouped.
    #[error(transparent)]
    Personas(#[from] PersonaError),
    /// The world cannot be fitted.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// Learning failed.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// An environment was misused; a bug of ours.
    #[error("bug: {0}; please report it with the config")]
    Env(#[from] EnvError),
    /// The synthetic retailer cannot be generated.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Judging failed.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// No price fits the budget.
    #[error(transparent)]
    Budget(#[from] Box<BudgetError>),
    /// The policy bundle cannot be written or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Today's policy cannot be replicated from the log.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// An earlier stage has not run.
    #[error(
        "expected {path} from an earlier stage, found nothing there; run `promopt {command}` first"
    )]
    MissingStage {
        /// What is missing.
        path: PathBuf,
        /// What makes it.
        command: &'static str,
    },
    /// A file of the run folder cannot be read.
    #[error(
        "{path} is not what this version writes: {reason}; delete the run folder and run again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl RunError {
    /// For `map_err` around file operations.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the input data is at fault (exit code 4).
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(
            self,
            Self::Data(_)
                | Self::Personas(_)
                | Self::Demand(
                    DemandError::TooShort { .. }
                        | DemandError::TooFewRows { .. }
                        | DemandError::StoreWeeks { .. }
                )
        )
    }

    /// Whether the config is at fault (exit code 3).
    #[must_use]
    pub fn is_config(&self) -> bool {
        matches!(
            self,
            Self::Config(_)
                | Self::World(_)
                | Self::Demand(DemandError::Catalogue(_) | DemandError::NoOffers)
        ) || matches!(self, Self::Agent(AgentError::InvalidConfig { .. }))
            || matches!(self, Self::Evaluate(EvaluateError::InvalidSetting { .. }))
            || matches!(self, Self::Budget(inner) if inner.is_config())
    }
}
