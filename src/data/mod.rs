//! From a team's files to one validated [`History`]: read, map, clean, aggregate, account.
//!
//! polars stays in this room; what leaves it is plain Rust. The result does not depend on the
//! order of rows, on how tables are split into files, or on where the files lie. The `customers`
//! and `promotions` tables are checked but not read.

mod aggregate;
mod clean;
mod column;
pub mod config;
mod digest;
pub mod error;
#[cfg(test)]
mod error_tests;
mod exposures;
mod file;
pub mod history;
mod ingest;
#[cfg(test)]
mod ingest_tests;
mod line;
mod products;
pub mod quality;
mod schema;
pub mod store;
mod table;

pub use clean::Rule;
pub use config::{DataConfig, WeekStart};
pub use digest::digest_of_files;
pub use error::DataError;
pub use history::{Category, Cell, Exposure, History, OTHER_CATEGORY, OfferRow, hash_customer};
pub use ingest::{RejectedRow, check_files, ingest, rejected_rows};
pub use quality::{MarginSource, QualityReport};
pub use store::{load, save};
