//! A synthetic retailer with a known truth, to learn on and to be judged by.
//!
//! Its structure is not that of any fitted world: a customer has continuous latent parameters and
//! chooses among products by utility; categories and the visit follow from inclusive values
//! (Ben-Akiva and Lerman 1985, ch. 10). Because the truth is known, expected margins have a closed
//! form, and an oracle can be played beside every learned policy.

pub mod calendar;
pub mod config;
pub mod customer;
pub mod demand;
pub mod facts;
pub mod logging;
pub mod market;
pub mod oracle;
pub mod play;
pub mod retailer;
pub mod simulate;
pub mod tables;

#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use config::{RetailerConfig, Structure, WorldError};
pub use customer::{Customer, CustomerState};
pub use facts::MacroFacts;
pub use logging::CurrentPolicy;
pub use market::{Market, Product};
pub use oracle::Oracle;
pub use play::{Arm, CustomerOutcome, Moment};
pub use retailer::{Line, Retailer};
pub use simulate::SimulatedHistory;
pub use tables::CanonicalTables;
