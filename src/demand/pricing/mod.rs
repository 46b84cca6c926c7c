//! Pricing: demand of a product group from weekly sales of stores, and the world to price it in.
//!
//! Own and cross elasticities, feature ads, in-store coupons, season and stockpiling are fitted per
//! product with store effects and pooled across products; held-out weeks choose the strengths and
//! tell the error. The model, its sources and where it fails: `docs/METHODS-pricing.md`.

mod card;
mod cost;
pub mod design;
mod estimate;
mod fit;
pub mod fitted;
mod held_out;
mod level;
mod panel;
mod pool;
mod readout;
#[cfg(test)]
mod recovery_tests;
mod regress;
mod settings;

pub use fit::fit_pricing;
pub use fitted::{
    Coefficient, Evidence, FittedPricing, LineVerdict, PlainElasticity, PricedProduct, Range, Rung,
};
pub use held_out::{HeldOut, HeldOutProduct, HeldOutWeek};
pub use settings::PricingConfig;
