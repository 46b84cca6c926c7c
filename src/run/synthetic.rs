//! The built-in retailer's books as files, and the config that reads them.

use super::error::RunError;
use super::stage::{Job, Stage};
use crate::data::DataConfig;
use promopt_envs::SeedTree;
use promopt_envs::worlds::{Retailer, RetailerConfig, SimulatedHistory};
use serde::Serialize;
use std::path::Path;

/// The folder of the books inside the run folder.
pub(super) const WORLD: &str = "world";
/// Salt of the synthetic customers' hashes; they are nobody.
pub(super) const SALT: &str = "synthetic";

/// Reads the canonical tables that [`write_world`] writes.
const TABLES: &str = r#"
preset = "canonical"
salt = "synthetic"

[transactions]
path = "transactions.csv"

[products]
path = "products.csv"

[customers]
path = "customers.csv"

[exposures]
path = "exposures.csv"

[offers]
path = "offers.csv"
"#;

/// The data config of a synthetic retailer, relative to its `world` folder.
pub(super) fn data_config(world: &RetailerConfig) -> Result<DataConfig, RunError> {
    let mut config = DataConfig::from_toml(TABLES)?;
    config.n_categories = world.n_categories;
    Ok(config)
}

/// Generates the retailer of a job; the same config and seed give the same one.
pub(super) fn generate(job: &Job<'_>) -> Result<(Retailer, SimulatedHistory), RunError> {
    let seed = SeedTree::new(job.config.seed).child("world");
    let retailer = Retailer::generate(job.config.world.clone(), seed.child("structure"))?;
    let past = retailer.simulate_history(seed.child("history"));
    Ok((retailer, past))
}

/// Writes the books.
pub(super) fn write_world(job: &Job<'_>) -> Result<(), RunError> {
    let (_, past) = generate(job)?;
    let tables = &past.tables;
    job.observer.progress(Stage::World, 1, 2, "history generated");
    job.folder.replace(WORLD, |dir| {
        write_csv(&dir.join("transactions.csv"), &tables.transactions)?;
        write_csv(&dir.join("products.csv"), &tables.products)?;
        write_csv(&dir.join("customers.csv"), &tables.customers)?;
        write_csv(&dir.join("exposures.csv"), &tables.exposures)?;
        write_csv(&dir.join("offers.csv"), &tables.offers)
    })
}

fn write_csv<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), RunError> {
    let failed = |e: csv::Error| RunError::io("write", path)(e.into());
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    writer.flush().map_err(RunError::io("write", path))
}
