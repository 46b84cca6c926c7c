//! The stage that reads and cleans the history.

use super::error::RunError;
use super::render::quality;
use super::stage::Job;
use super::synthetic::{SALT, WORLD};
use crate::data;
use promopt_envs::SeedTree;

/// Reads, cleans and stores the history.
pub(super) fn ingest(job: &Job<'_>) -> Result<(), RunError> {
    let config = job.data_config()?;
    let (base, salt) = match job.config.data {
        Some(_) => (job.config_dir.to_owned(), salt(job)),
        None => (job.folder.path(WORLD), SALT.to_owned()),
    };
    if !config.has_customers() {
        return job.folder.replace("history", |dir| {
            data::kind::read_log(&config, &base, &salt, Some(dir))?;
            Ok(())
        });
    }
    let forgotten = job.forgotten()?;
    // The weeks that are held out of the fit must not be read by the features it uses.
    let before_end = [job.config.fit.holdout_weeks];
    job.folder.replace("history", |dir| {
        data::ingest_into_without(&forgotten, &config, &base, &salt, &before_end, dir)?;
        quality::write(dir, &config, &job.config.currency)
    })
}

/// The salt of the config, else one grown from the seed.
pub(super) fn salt(job: &Job<'_>) -> String {
    let configured = job.config.data.as_ref().and_then(|d| d.salt.clone());
    configured
        .unwrap_or_else(|| format!("{:016x}", SeedTree::new(job.config.seed).child("salt").seed()))
}
