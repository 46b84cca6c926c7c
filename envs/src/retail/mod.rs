//! The retail worlds: what a customer-week is, how it is observed, and the MDP around it.
//!
//! The encoder in [`observation`] is the only one: simulator, training, off-policy evaluation,
//! scorer and server all feed week records into a [`CustomerHistory`] and encode that.

pub mod catalogue;
pub mod choice;
pub mod demand;
pub mod guardrails;
pub mod history;
pub mod observation;
pub mod promotion;
pub mod response;
pub mod sample;
pub mod season;

pub use catalogue::{
    CatalogueError, Mechanic, MechanicKind, Offer, OfferCatalogue, Purchase, Tier,
};
pub use choice::{
    CategoryChoice, ChoiceModel, ChoiceResponse, ChoiceWeeks, CustomerChoices, FineCategory,
    LineUnits, ProductLine, ProductPrice, ShelfProduct,
};
pub use demand::{
    CategoryModel, DemandModel, Prepared, UnitsModel, VisitModel, WeekExpectation, WeekInput,
    WeekPlan, WeekShock,
};
pub use guardrails::{Guardrails, MaskRule, Refusal};
pub use history::{CategoryWeek, CustomerHistory, WeekRecord};
pub use observation::{Feature, ObservationContext, ObservationSchema, ObservationView};
pub use promotion::{
    PromotionConfig, PromotionEnv, PromotionWorld, Scenario, StartState, WeekLedger,
};
pub use response::OfferResponse;
pub use season::{Holidays, Season};
