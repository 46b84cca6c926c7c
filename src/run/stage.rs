//! Stages, the keys that tell whether one is up to date, and the order they run in.

use super::error::RunError;
use super::folder::{RunFolder, key_of, write_json};
use super::{export, judge, learn, people, prepare, price, render, synthetic, truth};
use crate::config::Config;
use crate::data::{DataConfig, DataKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the code, part of every key.
pub const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A step of the job. The order of the variants is the order of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Generate the synthetic retailer's books (only without `[data]`).
    World,
    /// Read and clean the history.
    Ingest,
    /// Group the customers.
    Personas,
    /// Fit the response.
    Fit,
    /// Train the agents.
    Train,
    /// Leaderboard and off-policy evaluation.
    Evaluate,
    /// Simulated A/B test and gate.
    AbTest,
    /// Play in the true world (only without `[data]`).
    Truth,
    /// Write the policy bundle.
    Export,
    /// Write the report.
    Report,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 10] = [
        Self::World,
        Self::Ingest,
        Self::Personas,
        Self::Fit,
        Self::Train,
        Self::Evaluate,
        Self::AbTest,
        Self::Truth,
        Self::Export,
        Self::Report,
    ];

    /// Name in messages and in the run folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Ingest => "ingest",
            Self::Personas => "personas",
            Self::Fit => "fit",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::AbTest => "abtest",
            Self::Truth => "truth",
            Self::Export => "export",
            Self::Report => "report",
        }
    }

    /// Whether the stage exists for a synthetic retailer only.
    pub(super) fn is_synthetic(self) -> bool {
        matches!(self, Self::World | Self::Truth)
    }

    /// Whether the stage can do something with data of this kind.
    fn reads(self, kind: DataKind) -> bool {
        match kind {
            DataKind::Sales => true,
            DataKind::Decisions => self <= Self::Ingest,
            DataKind::StoreWeeks => self <= Self::Ingest || self == Self::Fit,
        }
    }

    /// What must exist when the stage is done.
    pub(super) fn output(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Ingest => "history",
            Self::Personas => "personas",
            Self::Fit => "demand",
            Self::Train => "agents",
            Self::Evaluate => "evaluation/judge",
            Self::AbTest => "evaluation/abtest",
            Self::Truth => "evaluation/truth",
            Self::Export => "policy/manifest.json",
            Self::Report => "report.html",
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Done,
    /// Its results were up to date.
    UpToDate,
}

/// Watches a run; the clock is here because nothing below reads one.
pub trait Observer: Sync {
    /// A stage begins.
    fn started(&self, stage: Stage);
    /// Part of a stage is done; `done` of `total`, with a word on what.
    fn progress(&self, stage: Stage, done: u64, total: u64, note: &str);
    /// A stage ended.
    fn finished(&self, stage: Stage, outcome: Outcome);
    /// Seconds since some fixed moment.
    fn seconds(&self) -> f64;
}

/// What `run.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Version of the code.
    pub code_version: String,
    /// The resolved config.
    pub config: Config,
    /// Folder that relative data paths start from.
    pub config_dir: PathBuf,
    /// Fingerprint of the history, once ingested.
    pub data_fingerprint: Option<String>,
    /// Wall seconds of each stage when it last ran.
    pub timings: BTreeMap<String, f64>,
}

/// One job over one run folder.
pub struct Job<'a> {
    /// What to compute.
    pub config: &'a Config,
    /// Folder that relative data paths start from.
    pub config_dir: &'a Path,
    /// Where to write.
    pub folder: &'a RunFolder,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl Job<'_> {
    /// Runs every stage up to and including `last` that is not up to date.
    ///
    /// # Errors
    /// The first stage that fails; its earlier results are untouched.
    pub fn run_until(&self, last: Stage) -> Result<(), RunError> {
        let without_customers =
            self.config.data.as_ref().filter(|data| !data.has_customers()).map(|data| data.kind);
        if let Some(kind) = without_customers.filter(|kind| !last.reads(*kind)) {
            return Err(RunError::Config(kind.without_customers().to_owned()));
        }
        let mut record = self.record()?;
        let mut key = String::new();
        for stage in Stage::ALL.into_iter().filter(|s| *s <= last) {
            if stage.is_synthetic() && self.config.data.is_some() {
                continue;
            }
            if without_customers.is_some_and(|kind| !stage.reads(kind)) {
                continue;
            }
            key = self.key(stage, &key)?;
            let current = self.folder.finished_key(stage.name()).as_deref() == Some(key.as_str())
                && self.folder.path(stage.output()).exists();
            self.observer.started(stage);
            if current {
                self.observer.finished(stage, Outcome::UpToDate);
                continue;
            }
            let began = self.observer.seconds();
            self.folder.mark_unfinished(stage.name())?;
            self.run_stage(stage)?;
            self.folder.mark_finished(stage.name(), &key)?;
            let seconds = self.observer.seconds() - began;
            // Whole milliseconds survive being written and read again.
            record.timings.insert(stage.name().to_owned(), (seconds * 1e3).round() / 1e3);
            if stage == Stage::Ingest {
                let dir = self.folder.path("history");
                record.data_fingerprint = Some(match without_customers {
                    Some(_) => crate::data::kind::log_fingerprint(&dir)?,
                    None => crate::data::store::fingerprint(&dir)?,
                });
            }
            write_json(&self.folder.path("run.json"), &record)?;
            self.observer.finished(stage, Outcome::Done);
        }
        Ok(())
    }

    fn run_stage(&self, stage: Stage) -> Result<(), RunError> {
        match stage {
            Stage::World => synthetic::write_world(self),
            Stage::Ingest => prepare::ingest(self),
            Stage::Personas => people::personas(self),
            Stage::Fit if self.has_customers() => prepare::fit(self),
            Stage::Fit => price::fit(self),
            Stage::Train => learn::train_agents(self),
            Stage::Evaluate => judge::evaluate(self),
            Stage::AbTest => judge::abtest(self),
            Stage::Truth => truth::play(self),
            Stage::Export => export::export(self),
            Stage::Report => render::report(self),
        }
    }

    /// The record as it stands, with this job's config.
    fn record(&self) -> Result<RunRecord, RunError> {
        let path = self.folder.path("run.json");
        let older: Option<RunRecord> =
            fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
        let record = RunRecord {
            code_version: CODE_VERSION.to_owned(),
            config: self.config.clone(),
            config_dir: self.config_dir.to_owned(),
            data_fingerprint: older.as_ref().and_then(|r| r.data_fingerprint.clone()),
            timings: older.map(|r| r.timings).unwrap_or_default(),
        };
        write_json(&path, &record)?;
        Ok(record)
    }

    /// The key of a stage: what it depends on in the config, and the key of the stage before.
    fn key(&self, stage: Stage, before: &str) -> Result<String, RunError> {
        let c = self.config;
        let json = |value: serde_json::Result<String>| {
            value.map_err(|e| RunError::Config(format!("the config cannot be written: {e}")))
        };
        let shown = (c.fit.holdout_weeks, &c.currency);
        let section = match stage {
            Stage::World => json(serde_json::to_string(&(&c.world, c.seed)))?,
            Stage::Ingest => match &c.data {
                Some(data) => {
                    let text = json(serde_json::to_string(&(data, c.seed, shown)))?;
                    let files = crate::data::digest_of_files(data, self.config_dir)?;
                    match self.forgotten()? {
                        list if list.is_empty() => key_of(&[&text, &files]),
                        list => key_of(&[&text, &files, &list.to_text(&prepare::salt(self))]),
                    }
                }
                None => json(serde_json::to_string(&(self.data_config()?, shown)))?,
            },
            Stage::Personas => {
                json(serde_json::to_string(&(&c.personas, &c.offers, c.fit.holdout_weeks, c.seed)))?
            }
            Stage::Fit if !self.has_customers() => {
                json(serde_json::to_string(&(&c.pricing, c.judge.level, c.seed, &c.currency)))?
            }
            Stage::Fit => {
                json(serde_json::to_string(&(&c.fit, &c.guardrails, c.environment.lapse_weeks)))?
            }
            Stage::Train => json(serde_json::to_string(&(&c.train, &c.environment)))?,
            Stage::Evaluate | Stage::AbTest | Stage::Truth => {
                json(serde_json::to_string(&c.judge))?
            }
            Stage::Export => String::new(),
            Stage::Report => json(serde_json::to_string(&(&c.name, &c.currency)))?,
        };
        Ok(key_of(&[stage.name(), CODE_VERSION, &section, before]))
    }

    /// Whether the data tells customers apart.
    fn has_customers(&self) -> bool {
        self.config.data.as_ref().is_none_or(DataConfig::has_customers)
    }

    /// The data config: the team's, or that of the synthetic retailer's books.
    pub(super) fn data_config(&self) -> Result<DataConfig, RunError> {
        match &self.config.data {
            Some(data) => Ok(data.clone()),
            None => synthetic::data_config(&self.config.world),
        }
    }
}
