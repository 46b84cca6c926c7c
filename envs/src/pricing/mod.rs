//! The pricing world: one store and one product group, week by week, on a ladder of price points.

pub mod environment;
pub mod model;
pub mod plan;
pub mod sample;

pub use environment::{PricingEnv, PricingLedger, PricingScenario, PricingWorld};
pub use model::{PricingModel, ProductModel, WEEKS_PER_YEAR, WeekState};
pub use plan::{Plan, PlanItem, PricingRules};
