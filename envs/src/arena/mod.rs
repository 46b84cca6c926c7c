//! The arena: a published synthetic retailer with published results, to compare policies in.
//!
//! RetailSynth (Xia et al. 2023, arXiv 2312.14095) and RetailSynth-AgentSim (arXiv 2405.10469),
//! written anew from their equations. Every week a customer gets a store-wide coupon and decides in
//! four stages: visit, category, product, quantity.

mod blocks;
mod config;
mod draw;
mod env;
mod fast;
mod features;
mod noise;
mod population;
mod week;
mod world;

pub use config::{ArenaConfig, FeatureSpread};
pub use draw::Draw;
pub use env::{ArenaEnv, ArenaReward};
pub use features::{FEATURE_NAMES, N_FEATURES};
pub use noise::WeekNoise;
pub use population::ArenaPopulation;
pub use week::{CustomerState, WeekOutcome};
pub use world::ArenaWorld;
