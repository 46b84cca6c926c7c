//! From history to a fitted world: replay the log, fit the response, hold out the last weeks.

mod ablation;
pub mod actions;
pub mod card;
pub mod choice;
#[cfg(test)]
mod choice_journey_tests;
mod churn;
pub mod coefficients;
pub mod curves;
pub(crate) mod design;
pub mod error;
pub mod fit;
pub mod generate;
mod glm;
#[cfg(test)]
mod left_out_tests;
pub mod offers;
pub mod panel;
pub mod pricing;
pub mod recovery;
pub mod replay;
mod spread;
pub mod targeting;
pub mod waterfall;
pub mod world;

pub use ablation::Ablation;
pub use actions::ActionMap;
pub use card::{CardVerdict, RealismCard};
pub use curves::ResponseSummary;
pub use error::DemandError;
pub use fit::{FitConfig, FittedDemand};
pub use offers::{OfferEntry, OffersConfig};
pub use panel::{Panel, PanelLine};
pub use pricing::{FittedPricing, PricingConfig};
pub use replay::{LoggedAction, Replay, WeekView};
pub use world::Ground;
