//! `run` and the single stages: resolve the config, do the work, print what came out.

use super::exit::Failure;
use super::flags::Shared;
use super::progress::Terminal;
use super::table;
use crate::config::Config;
use crate::data::{DataKind, store};
use crate::run::{Job, Observer, RunError, RunFolder, RunRecord, Stage, summary};
use std::fs;
use std::path::{Path, PathBuf};

/// A config with where it came from and where its run goes.
pub(super) struct Resolved {
    pub(super) config: Config,
    pub(super) config_dir: PathBuf,
    pub(super) root: PathBuf,
}

/// Reads the config file, or takes the one a run folder was made with, or the synthetic default;
/// then lays the flags over it.
pub(super) fn resolve(shared: &Shared) -> Result<Resolved, Failure> {
    let (mut config, config_dir) = match (&shared.config, recorded(shared)?) {
        (Some(file), _) => read_config(file)?,
        (None, Some(record)) => (record.config, record.config_dir),
        (None, None) => (Config::default(), PathBuf::from(".")),
    };
    if let Some(seed) = shared.seed {
        config.seed = seed;
    }
    if let Some(dir) = &shared.data {
        let Some(data) = config.data.take() else {
            let message = "expected a config with a [data] part beside --data, found none; \
                           add `-c FILE`, or start one with `promopt init`";
            return Err(Failure::config(message));
        };
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        config.data = Some(data.with_dir(dir));
    }
    config.validate().map_err(|e| Failure::config(&e))?;
    let root = shared.run.clone().unwrap_or_else(|| Path::new("runs").join(&config.name));
    Ok(Resolved { config, config_dir, root })
}

/// The record of an existing run folder given by `--run`.
fn recorded(shared: &Shared) -> Result<Option<RunRecord>, Failure> {
    let (None, Some(root)) = (&shared.config, &shared.run) else { return Ok(None) };
    let path = root.join("run.json");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Failure::config(&format!(
            "{} is not what this version writes: {e}; give the config again with `-c FILE`",
            path.display()
        ))
    })
}

fn read_config(file: &Path) -> Result<(Config, PathBuf), Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|e| {
        Failure::config(&format!(
            "cannot read the config {shown}: {e}; `promopt init {shown}` writes one to start from"
        ))
    })?;
    let config = Config::from_toml(&text)
        .map_err(|e| Failure::config(&format!("in {shown}: {}", e.trim_end())))?;
    let dir = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    Ok((config, dir))
}

/// Runs the stages up to `last` over a resolved config.
pub(super) fn run_stages(
    resolved: &Resolved,
    observer: &dyn Observer,
    last: Stage,
) -> Result<(), Failure> {
    let folder = RunFolder::open(&resolved.root)?;
    let job = Job {
        config: &resolved.config,
        config_dir: &resolved.config_dir,
        folder: &folder,
        observer,
    };
    Ok(job.run_until(last)?)
}

/// `promopt run`.
pub(super) fn run(shared: &Shared, require_approval: bool) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    if kind(&resolved) == DataKind::StoreWeeks {
        return finish(&resolved, shared, Stage::Fit);
    }
    let terminal = Terminal::new(shared);
    run_stages(&resolved, &terminal, Stage::Report)?;
    let summary = read_summary(&resolved)?;
    if shared.json {
        println!("{}", table::json(&summary)?);
    } else {
        print!("{}", table::closing(&summary, &resolved.root, terminal.seconds()));
    }
    gate(&summary, require_approval)
}

/// Any single stage, with those before it that are not up to date.
pub(super) fn until(shared: &Shared, last: Stage) -> Result<(), Failure> {
    finish(&resolve(shared)?, shared, last)
}

fn kind(resolved: &Resolved) -> DataKind {
    resolved.config.data.as_ref().map_or(DataKind::Sales, |data| data.kind)
}

/// Runs up to a stage and prints what came out.
fn finish(resolved: &Resolved, shared: &Shared, last: Stage) -> Result<(), Failure> {
    run_stages(resolved, &Terminal::new(shared), last)?;
    if let Some(text) = super::logs::ingested(resolved, last, shared.json)? {
        print!("{text}");
    } else if kind(resolved) == DataKind::StoreWeeks {
        print!("{}", super::priced::fitted(resolved, shared.json)?);
    } else if shared.json && last == Stage::Ingest {
        println!("{}", assessment(resolved)?);
    } else if shared.json {
        let folder = serde_json::json!({ "run": resolved.root, "stage": last.name() });
        println!("{folder}");
    } else if last == Stage::Report {
        println!("{}", resolved.root.join("report.html").display());
    } else {
        print!("{}", table::stage(resolved, last)?);
    }
    Ok(())
}

/// The assessment of the history as JSON.
fn assessment(resolved: &Resolved) -> Result<String, Failure> {
    let dir = resolved.root.join("history");
    let (assessment, _) = store::load_assessment(&dir).map_err(RunError::from)?;
    serde_json::to_string_pretty(&assessment).map_err(|e| Failure::other(&e.to_string()))
}

/// `promopt ingest`.
pub(super) fn ingest(shared: &Shared, bad_rows: Option<&Path>) -> Result<(), Failure> {
    if let Some(out) = bad_rows {
        super::tools::bad_rows(&resolve(shared)?, out)?;
    }
    until(shared, Stage::Ingest)
}

/// `promopt export`.
pub(super) fn export(shared: &Shared, require_approval: bool) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    run_stages(&resolved, &Terminal::new(shared), Stage::Export)?;
    let summary = read_summary(&resolved)?;
    if shared.json {
        println!("{}", table::json(&summary)?);
    } else {
        println!("{}: {}", resolved.root.join("policy").display(), table::approval(&summary));
    }
    gate(&summary, require_approval)
}

pub(super) fn read_summary(resolved: &Resolved) -> Result<summary::Summary, Failure> {
    let folder = RunFolder::open(&resolved.root)?;
    Ok(summary::read(&folder, resolved.config.data.is_none())?)
}

fn gate(summary: &summary::Summary, require_approval: bool) -> Result<(), Failure> {
    if require_approval && !summary.approved {
        let reasons = summary.gate_reasons.join("; ");
        return Err(Failure::gate(&format!("the gate does not approve the policy: {reasons}")));
    }
    Ok(())
}
