//! The stages before learning but for personas: ingest and fit.

use super::error::RunError;
use super::folder::write_json;
use super::render::quality;
use super::stage::{Job, Stage};
use super::synthetic::{SALT, WORLD};
use crate::data;
use crate::demand::design::Encoder;
use crate::demand::{Ground, card, curves, fit};
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

/// Fits the response, replays the held-out weeks and summarises the curves.
pub(super) fn fit(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let first_week = history.first_week;
    let encoder = Encoder { schema: &schema, timeline: &timeline, first_week };
    let seed = SeedTree::new(job.config.seed).child("fit");
    let fitted = fit::fit_demand(&history, &actions, &encoder, &job.config.fit, seed)?;
    job.observer.progress(Stage::Fit, 1, 2, "response fitted");
    let ground = Ground::new(&history, &actions, schema.clone(), &timeline, &job.config.guardrails);
    let summaries = ground.summaries(history.n_weeks);
    let lapse_weeks = job.config.environment.lapse_weeks;
    let alive = ground.alive(&summaries, lapse_weeks);
    let response = curves::summarise(&ground, &fitted, &summaries, &alive);
    let measured = card::Measured {
        category_own_price: card::mean_own_price(&response.elasticities, &history),
        ..card::Measured::default()
    };
    let card_seed = seed.child("card");
    let card = card::realism_card(&ground, &fitted, &measured, None, lapse_weeks, card_seed);
    job.folder.replace("demand", |dir| {
        write_json(&dir.join("model.json"), &fitted)?;
        write_json(&dir.join("card.json"), &card)?;
        write_json(&dir.join("response.json"), &response)
    })
}
