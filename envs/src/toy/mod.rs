//! The toy-text tasks of Gymnasium as tables: exactly solvable, and played from the same table.

mod grids;
mod table_world;
mod taxi;

pub use grids::{LakeSize, cliff_walking, frozen_lake};
pub use table_world::TableWorld;
pub use taxi::taxi;

#[cfg(test)]
mod tests;
