//! From a team's files to one validated [`History`]: read, map, clean, aggregate, account.
//!
//! polars stays in this room; what leaves it is plain Rust. Lines are never held whole: they pass in
//! parts, so memory follows the number of customers and products and not that of lines. The result
//! does not depend on the order of rows, on how tables are split into files, on where the files lie,
//! or on the number of threads.

mod aggregate;
pub mod anomaly;
pub mod any_table;
mod assemble;
pub mod assess;
mod batch;
pub mod cents;
mod clean;
pub mod clean_config;
mod cleaned;
#[cfg(test)]
mod cleaning_tests;
mod codec;
mod column;
pub mod config;
#[cfg(test)]
mod config_tests;
pub mod decision_tables;
mod decisions;
mod deliver;
#[cfg(test)]
mod dialect_tests;
mod digest;
pub mod error;
#[cfg(test)]
mod error_tests;
mod exposures;
pub mod forget;
mod gaps;
pub mod history;
mod ingest;
#[cfg(test)]
mod ingest_tests;
mod intern;
#[cfg(test)]
mod invariance_tests;
pub mod kind;
pub mod ledger;
mod line;
#[cfg(test)]
mod made_shop;
mod market;
pub mod offers;
mod presets;
mod price_index;
mod prices;
mod product_facts;
pub mod product_lines;
#[cfg(test)]
mod product_tests;
mod products;
mod promotions;
pub mod propose;
pub mod quality;
mod ranks;
mod rules;
pub mod sample;
mod scan;
mod schema;
mod source;
mod spill;
pub mod store;
mod store_week_row;
mod store_weeks;
mod table;
mod tally;

pub use config::{DataConfig, WeekStart};
pub use decisions::{DecisionReport, OfferOutcomes, Outcome};
pub use deliver::{
    RejectedRow, check_files, ingest, ingest_as_of, ingest_into, ingest_into_without, rejected_rows,
};
pub use digest::digest_of_files;
pub use error::DataError;
pub use forget::Forgotten;
pub use history::{Category, Cell, Exposure, History, OTHER_CATEGORY, OfferRow, hash_customer};
pub use kind::{DataKind, LogReport};
pub use offers::OfferContent;
pub use product_lines::{ProductCell, ProductRow, ProductTable};
pub use quality::{MarginSource, QualityReport};
pub use rules::Rule;
pub use store::{Ledger, ProductWeek, load, read_ledger, read_lines, read_products, save};
pub use store_week_row::{StoreWeekRow, StoreWeekTable};
pub use store_weeks::StoreWeekReport;
