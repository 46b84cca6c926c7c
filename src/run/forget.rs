//! Rebuilding a run without a customer, and the proof that nothing of the customer is left in it.

use super::error::RunError;
use super::folder::write_whole;
use super::prepare::salt;
use super::stage::{Job, Stage};
use crate::data::forget::{history_holds, look_for};
use crate::data::{DataConfig, Forgotten, hash_customer};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of forgotten customers, beside `run.json`.
const LIST: &str = "forgotten.txt";

/// What forgetting a customer did to a run folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forgetting {
    /// Whether the customer was in the history.
    pub in_history: bool,
    /// Whether the customer was on the list before.
    pub known: bool,
    /// Stages that ran again.
    pub rebuilt: Vec<&'static str>,
    /// Each file that was touched, by its path in the run folder, with what happened to it.
    pub touched: BTreeMap<String, Touch>,
    /// Files searched at the end.
    pub searched: usize,
    /// Files of the run folder that hold the hash.
    pub with_hash: usize,
    /// Files of the run folder that hold the identifier.
    pub with_id: usize,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Touch {
    /// It is new.
    Written,
    /// Its content is another.
    Rewritten,
    /// It is gone.
    Removed,
}

impl Touch {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Rewritten => "rewritten",
            Self::Removed => "removed",
        }
    }
}

impl Job<'_> {
    /// The customers that this run leaves out.
    ///
    /// # Errors
    /// [`RunError::Config`] when the list was written under another salt, [`RunError::Io`] when it
    /// cannot be read.
    pub(super) fn forgotten(&self) -> Result<Forgotten, RunError> {
        let path = self.folder.path(LIST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Forgotten::new()),
            Err(e) => return Err(RunError::io("read", &path)(e)),
        };
        let unusable = |e| RunError::Config(format!("cannot use {}: {e}", path.display()));
        Forgotten::from_text(&text, &salt(self)).map_err(unusable)
    }

    /// Puts a customer on the list, runs every stage again that had run, removes what else in the
    /// run folder holds the customer, and searches the whole folder for what is left.
    ///
    /// Files outside the run folder, such as scored CSV files or copies, are not known here.
    ///
    /// # Errors
    /// [`RunError::Config`] without `[data]` or customers, [`RunError::MissingStage`] before the
    /// first ingest, and those of the stages; the customer stays on the list then, but older
    /// results still hold the customer.
    pub fn forget(&self, id: &str) -> Result<Forgetting, RunError> {
        let Some(data) = self.config.data.as_ref().filter(|data| data.has_customers()) else {
            let message = "expected a run on a history of customers, found none: there is nobody \
                           to forget; name the run with `--run DIR` or its config with `-c FILE`";
            return Err(RunError::Config(message.to_owned()));
        };
        if !self.folder.path(Stage::Ingest.output()).is_dir() {
            let path = self.folder.path(Stage::Ingest.output());
            return Err(RunError::MissingStage { path, command: "ingest" });
        }
        let salt = salt(self);
        let hash = hash_customer(&salt, id);
        let in_history = history_holds(&self.folder.path(Stage::Ingest.output()), &hash)?;
        let before = self.digests()?;
        let mut list = self.forgotten()?;
        let known = !list.add(&salt, id);
        write_whole(&self.folder.path(LIST), list.to_text(&salt).as_bytes())?;
        let rebuilt = self.finished_stages();
        if let Some(last) = rebuilt.last() {
            self.run_until(*last)?;
        }
        let search = Search { hash: &hash, id, data, inputs: self.inputs(data) };
        for file in search.holders(&self.files()?)? {
            fs::remove_file(&file).map_err(RunError::io("remove", &file))?;
        }
        let files = self.files()?;
        let (with_hash, with_id) = search.count(&files)?;
        Ok(Forgetting {
            in_history,
            known,
            rebuilt: rebuilt.into_iter().map(Stage::name).collect(),
            touched: touched(&before, &self.digests()?),
            searched: files.len(),
            with_hash,
            with_id,
        })
    }

    /// The stages that have finished in this folder, in order.
    fn finished_stages(&self) -> Vec<Stage> {
        let finished = |stage: &Stage| {
            *stage == Stage::Ingest || self.folder.finished_key(stage.name()).is_some()
        };
        Stage::ALL.into_iter().filter(finished).filter(|stage| !stage.is_synthetic()).collect()
    }

    /// Every file of the run folder, in order.
    fn files(&self) -> Result<Vec<PathBuf>, RunError> {
        let (mut files, mut waiting) = (Vec::new(), vec![self.folder.root().to_owned()]);
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).map_err(RunError::io("read", &folder))? {
                let path = entry.map_err(RunError::io("read", &folder))?.path();
                if path.is_dir() { waiting.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The folder of the team's own files, which are not to be removed.
    fn inputs(&self, data: &DataConfig) -> Option<PathBuf> {
        let inputs = std::path::absolute(data.resolved_dir(self.config_dir)).ok()?;
        let root = std::path::absolute(self.folder.root()).ok()?;
        (inputs != root && inputs.starts_with(&root)).then_some(inputs)
    }

    fn digests(&self) -> Result<BTreeMap<String, Vec<u8>>, RunError> {
        let digest = |path: PathBuf| {
            let bytes = fs::read(&path).map_err(RunError::io("read", &path))?;
            let name = path.strip_prefix(self.folder.root()).unwrap_or(&path);
            let name = name.to_string_lossy().replace('\\', "/");
            Ok((name, Sha256::digest(&bytes).to_vec()))
        };
        self.files()?.into_iter().map(digest).collect()
    }
}

/// What is looked for.
struct Search<'a> {
    hash: &'a str,
    id: &'a str,
    data: &'a DataConfig,
    inputs: Option<PathBuf>,
}

impl Search<'_> {
    fn look(&self, file: &Path) -> Result<crate::data::forget::Found, RunError> {
        let own = self.data.transactions.columns.get("customer_id").map(String::as_str);
        let is_customer = |column: &str| {
            ["customer", "customer_id", "original_id"].contains(&column) || own == Some(column)
        };
        Ok(look_for(file, self.hash, self.id, &is_customer)?)
    }

    /// The files that hold the customer and are ours to remove.
    fn holders(&self, files: &[PathBuf]) -> Result<Vec<PathBuf>, RunError> {
        let mut holders = Vec::new();
        for file in files {
            let full = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            let input = self.inputs.as_ref().is_some_and(|inputs| full.starts_with(inputs));
            let found = if input { Default::default() } else { self.look(file)? };
            if found.hash || found.id {
                holders.push(file.clone());
            }
        }
        Ok(holders)
    }

    fn count(&self, files: &[PathBuf]) -> Result<(usize, usize), RunError> {
        let (mut with_hash, mut with_id) = (0, 0);
        for file in files {
            let found = self.look(file)?;
            with_hash += usize::from(found.hash);
            with_id += usize::from(found.id);
        }
        Ok((with_hash, with_id))
    }
}

fn touched(
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, Touch> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut touched: BTreeMap<String, Touch> =
        gone.map(|name| (name.clone(), Touch::Removed)).collect();
    for (name, digest) in after {
        match before.get(name) {
            None => touched.insert(name.clone(), Touch::Written),
            Some(older) if older != digest => touched.insert(name.clone(), Touch::Rewritten),
            Some(_) => None,
        };
    }
    touched
}
