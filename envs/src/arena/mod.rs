//! The arena: a published synthetic retailer with published results, to compare policies in.
//!
//! RetailSynth (Xia et al. 2023, arXiv 2312.14095) in the configuration of RetailSynth-AgentSim
//! (Xia et al. 2024, arXiv 2405.10469), written anew from the equations. Customer u, product i,
//! category j, week t:
//!
//! ```text
//! base price  P_i = max(α_i0 + α_1 Z_i, 1)          Z_i ~ N(m_i, s_i) above 0
//! shelf price P_it = max((1 − D_it) P_i, 1)         D_it ~ Beta while a two-state chain is on deal
//! utility     μ_uit = β^x_ui X_uit + β^z_ui Z_i + c β^w_u β^w_i ln((1 − coupon) P_it) + ε
//! category    CV_ujt = ln Σ_{i in j} e^μ,           P(buy in j | visit) = σ(γ_0j + γ_1j CV_ujt)
//! product     softmax of μ within the category
//! quantity    1 + Poisson(exp(q_0i + q_ui μ_uit))
//! visit       P = (1 − θ_u) σ(γ_0 + I γ_1 SV + γ_2 X_ut) + θ_u P_u,t−1,  SV = ln Σ_j e^CV
//! ```
//!
//! with I and SV of last week, ε Gumbel, and μ clipped at a quantile of the week's population. X is
//! `N(m, s)` with m standard normal, drawn anew for each; [`FeatureSpread`] says how s goes with m.
//!
//! A world is drawn from named streams ([`ArenaWorld::new`]); the luck of a week ([`WeekNoise`])
//! depends on customer and week alone, so every policy meets the same. [`ArenaPopulation`] plays all
//! customers, [`ArenaEnv`] one of them as an environment.
//!
//! ```
//! use promopt_envs::SeedTree;
//! use promopt_envs::arena::{ArenaConfig, ArenaPopulation, ArenaWorld, WeekNoise};
//! let config = ArenaConfig { n_customers: 3, category_sizes: vec![5, 9], ..Default::default() };
//! let world = ArenaWorld::new(config, SeedTree::new(1))?;
//! let mut population = ArenaPopulation::new(&world);
//! let mut noise = WeekNoise::new(&world, 3);
//! noise.fill(&world, SeedTree::new(2), 0, 0);
//! let outcomes = population.play(&world, &noise, &[0, 5, 10])?;
//! assert!(outcomes.iter().all(|outcome| outcome.visited), "the first visit is certain");
//! # Ok::<(), promopt_envs::EnvError>(())
//! ```

mod blocks;
mod config;
mod draw;
mod env;
mod expectation;
mod fast;
mod features;
mod noise;
mod population;
mod response;
#[cfg(test)]
mod tests;
mod week;
mod world;

pub use config::{ArenaConfig, FeatureSpread};
pub use draw::Draw;
pub use env::{ArenaEnv, ArenaReward};
pub use expectation::ExpectedWeek;
pub use features::{FEATURE_NAMES, N_FEATURES};
pub use noise::WeekNoise;
pub use population::ArenaPopulation;
pub use response::{N_RESPONSE_FEATURES, RESPONSE_FEATURE_NAMES};
pub use week::{CustomerState, WeekOutcome};
pub use world::ArenaWorld;
