//! Exit codes, and which failure gets which.

use crate::data::DataError;
use crate::run::RunError;
use std::fmt;
use std::process::ExitCode;

/// What the process ends with; 2 (usage) is given by the flag parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Failure = 1,
    Config = 3,
    Data = 4,
    Gate = 5,
    Bug = 70,
}

/// Why a command failed, in one message.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(super) fn config(message: &str) -> Self {
        Self { exit: Exit::Config, message: message.to_owned() }
    }

    pub(super) fn data(message: &str) -> Self {
        Self { exit: Exit::Data, message: message.to_owned() }
    }

    pub(super) fn gate(message: &str) -> Self {
        Self { exit: Exit::Gate, message: message.to_owned() }
    }

    pub(super) fn other(message: &str) -> Self {
        Self { exit: Exit::Failure, message: message.to_owned() }
    }

    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Data(inner) if inner.is_config() => Exit::Config,
            RunError::Env(_) => Exit::Bug,
            e if e.is_config() => Exit::Config,
            e if e.is_data() => Exit::Data,
            _ => Exit::Failure,
        };
        Self { exit, message: error.to_string() }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        RunError::from(error).into()
    }
}
