//! What can be wrong with a bundle; every message names the file and what to do next.

use crate::portable::PortableError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a bundle was not written or not loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file system refused.
    #[error(
        "cannot {action} `{}`: {source}; check the path, the permissions and the free space",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no manifest: not a bundle, or one that was never finished.
    #[error(
        "expected a bundle with `manifest.json` in `{}`, got a folder without one; run the \
         export again",
        path.display()
    )]
    NotABundle {
        /// The folder.
        path: PathBuf,
    },
    /// The target of a write holds something that is not a bundle.
    #[error(
        "expected a new or empty folder or an older bundle in `{}`, got `{found}` in it; choose \
         another folder",
        path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The first entry that no bundle holds.
        found: String,
    },
    /// A format that this version cannot read.
    #[error(
        "expected bundle format {expected} in `manifest.json`, got {found}; use the release \
         that wrote the bundle or export again"
    )]
    FormatVersion {
        /// The format of this version.
        expected: u32,
        /// The format of the bundle.
        found: u64,
    },
    /// A file of the bundle is not there.
    #[error("expected `{file}` in the bundle, got nothing; copy the whole folder or export again")]
    MissingFile {
        /// The file.
        file: String,
    },
    /// A file is not the one that was written.
    #[error(
        "expected `{file}` with sha256 {expected}, got {found}; the file was changed, export again"
    )]
    Hash {
        /// The file.
        file: String,
        /// The digest in the manifest.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// The observations of the bundle are not the ones that this version encodes.
    #[error(
        "expected observation schema {expected} in `manifest.json`, got {found}; export again \
         with this release"
    )]
    Schema {
        /// What this version encodes.
        expected: String,
        /// What the manifest says.
        found: String,
    },
    /// A file that cannot be read as what it should be.
    #[error("expected {expected} in `{file}`, got {found}; export again")]
    Content {
        /// The file.
        file: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The policy does not fit the schema or the catalogue.
    #[error("`policy.json` does not fit `manifest.json`: {0}")]
    Policy(#[from] PortableError),
    /// The policy does not reproduce a recorded decision.
    #[error(
        "expected {what} {expected} in row {row} of `golden.jsonl`, got {found}; the policy \
         decides otherwise than when it was judged, do not serve it and export again"
    )]
    Golden {
        /// Row, from 1.
        row: usize,
        /// What differs.
        what: &'static str,
        /// The recorded value.
        expected: String,
        /// The value now.
        found: String,
    },
}

impl BundleError {
    pub(super) fn content(
        file: &str,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
    ) -> Self {
        let (file, found) = (file.to_owned(), found.to_string());
        Self::Content { file, expected: expected.into(), found }
    }
}
