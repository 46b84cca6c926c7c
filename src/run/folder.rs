//! The run folder: where each stage keeps its results, written whole or not at all.

use super::error::RunError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Prefix of folders that are still being written.
const PENDING: &str = ".pending-";
/// Prefix of folders that are being replaced.
const REPLACED: &str = ".replaced-";

/// One run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Opens or creates the folder and clears what an interrupted run left half-written.
    ///
    /// # Errors
    /// [`RunError::Io`] when the folder cannot be made or read.
    pub fn open(root: &Path) -> Result<Self, RunError> {
        fs::create_dir_all(root).map_err(RunError::io("create", root))?;
        let folder = Self { root: root.to_owned() };
        Self::recover(root)?;
        let evaluation = folder.path("evaluation");
        if evaluation.is_dir() {
            Self::recover(&evaluation)?;
        }
        Ok(folder)
    }

    /// Removes pending folders; puts a replaced folder back when its successor never arrived.
    fn recover(parent: &Path) -> Result<(), RunError> {
        for entry in fs::read_dir(parent).map_err(RunError::io("read", parent))? {
            let path = entry.map_err(RunError::io("read", parent))?.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
            if name.starts_with(PENDING) {
                remove(&path)?;
            } else if let Some(original) = name.strip_prefix(REPLACED) {
                let home = parent.join(original);
                if home.exists() {
                    remove(&path)?;
                } else {
                    fs::rename(&path, &home).map_err(RunError::io("restore", &home))?;
                }
            }
        }
        Ok(())
    }

    /// A path inside the folder.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lets `write` fill a new folder and swaps it in as `name` when all went well.
    ///
    /// # Errors
    /// Those of `write` and of the file system; the older folder is untouched then.
    pub fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let home = self.path(name);
        let (parent, leaf) = (home.parent().unwrap_or(&self.root), name.rsplit('/').next());
        let leaf = leaf.unwrap_or(name);
        let (pending, old) =
            (parent.join(format!("{PENDING}{leaf}")), parent.join(format!("{REPLACED}{leaf}")));
        remove(&pending)?;
        fs::create_dir_all(&pending).map_err(RunError::io("create", &pending))?;
        if let Err(error) = write(&pending) {
            remove(&pending)?;
            return Err(error);
        }
        remove(&old)?;
        if home.exists() {
            fs::rename(&home, &old).map_err(RunError::io("replace", &home))?;
        }
        fs::rename(&pending, &home).map_err(RunError::io("publish", &home))?;
        remove(&old)
    }

    /// Reads a JSON file that the stage of `command` wrote.
    ///
    /// # Errors
    /// [`RunError::MissingStage`] when it is not there, [`RunError::Corrupt`] when it does not parse.
    pub fn read<T: DeserializeOwned>(
        &self,
        inside: &str,
        command: &'static str,
    ) -> Result<T, RunError> {
        let path = self.path(inside);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(RunError::MissingStage { path, command });
            }
            Err(e) => return Err(RunError::io("read", &path)(e)),
        };
        serde_json::from_str(&text).map_err(|e| RunError::Corrupt { path, reason: e.to_string() })
    }

    /// The key under which a stage last finished.
    #[must_use]
    pub fn finished_key(&self, stage: &str) -> Option<String> {
        fs::read_to_string(self.path("stages").join(stage)).ok()
    }

    /// Notes that a stage finished under a key.
    ///
    /// # Errors
    /// [`RunError::Io`] when it cannot be written.
    pub fn mark_finished(&self, stage: &str, key: &str) -> Result<(), RunError> {
        let folder = self.path("stages");
        fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        write_whole(&folder.join(stage), key.as_bytes())
    }

    /// Forgets that a stage finished, so that an interrupted rewrite is never taken for whole.
    ///
    /// # Errors
    /// [`RunError::Io`] when the note cannot be removed.
    pub fn mark_unfinished(&self, stage: &str) -> Result<(), RunError> {
        remove(&self.path("stages").join(stage))
    }
}

/// Removes a file or folder if it is there.
fn remove(path: &Path) -> Result<(), RunError> {
    let result = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    result.map_err(RunError::io("remove", path))
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`RunError::Io`] when the file system refuses; an older file is untouched then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".pending");
    let pending = path.with_file_name(name);
    fs::write(&pending, bytes).map_err(RunError::io("write", &pending))?;
    fs::rename(&pending, path).map_err(RunError::io("publish", path))
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`write_whole`].
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), RunError> {
    let corrupt =
        |e: serde_json::Error| RunError::Corrupt { path: path.to_owned(), reason: e.to_string() };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(corrupt)?;
    bytes.push(b'\n');
    write_whole(path, &bytes)
}

/// sha256 (hex) of JSON-serialisable parts, each preceded by its length.
#[must_use]
pub fn key_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_folder() {
        let temp = tempfile::tempdir().expect("a temp dir");
        let folder = RunFolder::open(&temp.path().join("run")).expect("opens");
        let fill =
            |text: &'static str| move |dir: &Path| write_whole(&dir.join("a.txt"), text.as_bytes());
        folder.replace("history", fill("one")).expect("writes");
        let failed = folder.replace("history", |dir| {
            write_whole(&dir.join("a.txt"), b"two")?;
            Err(RunError::Config("no".to_owned()))
        });
        assert!(failed.is_err());
        let text = fs::read_to_string(folder.path("history/a.txt")).expect("is there");
        assert_eq!(text, "one");
        folder.replace("history", fill("three")).expect("writes");
        let text = fs::read_to_string(folder.path("history/a.txt")).expect("is there");
        assert_eq!(text, "three");
    }

    #[test]
    fn a_run_killed_between_the_two_renames_gets_its_folder_back() {
        let temp = tempfile::tempdir().expect("a temp dir");
        let root = temp.path().join("run");
        fs::create_dir_all(root.join(".replaced-demand")).expect("made");
        fs::create_dir_all(root.join(".pending-demand")).expect("made");
        RunFolder::open(&root).expect("opens");
        assert!(root.join("demand").is_dir());
        assert!(!root.join(".pending-demand").exists());
    }
}
