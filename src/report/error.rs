//! What can go wrong while rendering a report.

use std::path::PathBuf;

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder could not be written.
    #[error(
        "cannot write {path}: {source}; check that the folder exists, is writable and has space",
        path = path.display()
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A plot could not be drawn.
    #[error("cannot draw plot {name}: {reason}; this is a bug in the report, please file it")]
    Draw {
        /// Name of the plot.
        name: String,
        /// What the drawing backend said.
        reason: String,
    },
    /// The page template could not be filled.
    #[error("cannot fill the report page: {source}; this is a bug in the report, please file it")]
    Page {
        /// What the template engine said.
        #[from]
        source: minijinja::Error,
    },
}
