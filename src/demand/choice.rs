//! The choice of products below the demand model's categories, fitted to the lines of a sample.
//!
//! Formulas, sources and when they fail: `docs/METHODS-choice.md`. Only weeks before `train_end`
//! are read. What a shelf asks for a product that nobody bought is not known, so the response is
//! learnt from products sold in nearly every week; all other products have the response of their
//! fine category. The evidence is "quasi": shelf prices and promotions vary over weeks for
//! everybody, and product and week effects take out what makes a product or a week large as a
//! whole.

mod fitting;
mod lines;
mod logit;
mod market;
mod panels;
mod pool;
mod report;
#[cfg(test)]
mod tests;
mod urn;

pub use fitting::{ChoiceData, FineResponse, FittedChoice, SteadyProduct, fit_choice};
pub use market::ChoiceMarket;
pub use panels::{real_panel, simulated_panel, starting_choices};
pub use pool::Pooled;
pub use report::{CategoryReadOut, ChoiceReport, Estimate, Shared};
