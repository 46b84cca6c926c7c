//! Reading a bundle: nothing is handed out before every digest and every golden row agrees.

use super::content::{
    CARD_FILE, Files, GOLDEN_FILE, MANIFEST_FILE, file, from_json, is_plain, read_policy,
};
use super::error::BundleError;
use super::golden::{GoldenRow, check_rows};
use super::manifest::{FORMAT_VERSION, Manifest, sha256};
use crate::policy::Policy;
use crate::portable::PortablePolicy;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::Path;

/// A bundle that has passed every check of [`load_bundle`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    manifest: Manifest,
    policy: PortablePolicy,
    personas: serde_json::Value,
    golden: Vec<GoldenRow>,
    model_card: String,
}

impl Bundle {
    /// What it is and where it comes from.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &PortablePolicy {
        &self.policy
    }

    /// The persona model, as the caller wrote it.
    #[must_use]
    pub fn personas(&self) -> &serde_json::Value {
        &self.personas
    }

    /// The recorded decisions.
    #[must_use]
    pub fn golden(&self) -> &[GoldenRow] {
        &self.golden
    }

    /// The model card, Markdown.
    #[must_use]
    pub fn model_card(&self) -> &str {
        &self.model_card
    }
}

#[derive(Deserialize)]
struct Header {
    format_version: u64,
}

/// Reads and checks a bundle: format version, digests, schema, catalogue, policy and golden rows.
///
/// # Errors
/// [`BundleError`] names the first file that is not what it should be.
pub fn load_bundle(dir: &Path) -> Result<Bundle, BundleError> {
    let manifest = read_manifest(dir)?;
    manifest.check()?;
    let files = read_files(dir, &manifest)?;
    let policy = read_policy(&files)?;
    policy.validate(&manifest.observation_schema, &manifest.catalogue)?;
    for (expected, found) in
        [(manifest.policy_kind.as_str(), policy.kind()), (&manifest.policy_name, policy.name())]
    {
        if expected != found {
            return Err(BundleError::content("policy.json", format!("`{expected}`"), found));
        }
    }
    let golden = read_golden(file(&files, GOLDEN_FILE)?)?;
    let n_features = manifest.observation_schema.n_features();
    check_rows(&policy, &golden, n_features, manifest.catalogue.n_actions())?;
    let personas_file = &manifest.personas_file;
    let personas = from_json(personas_file, "JSON", file(&files, personas_file)?)?;
    let model_card = text(CARD_FILE, file(&files, CARD_FILE)?)?.to_owned();
    Ok(Bundle { manifest, policy, personas, golden, model_card })
}

fn read_manifest(dir: &Path) -> Result<Manifest, BundleError> {
    let bytes = read(dir, MANIFEST_FILE)?
        .ok_or_else(|| BundleError::NotABundle { path: dir.to_path_buf() })?;
    let header: Header = from_json(MANIFEST_FILE, "a manifest with `format_version`", &bytes)?;
    if header.format_version != u64::from(FORMAT_VERSION) {
        let found = header.format_version;
        return Err(BundleError::FormatVersion { expected: FORMAT_VERSION, found });
    }
    let manifest: Manifest = from_json(MANIFEST_FILE, "a manifest", &bytes)?;
    let expected = manifest.manifest_sha256.clone();
    let found = sha256(text(MANIFEST_FILE, &bytes)?.replace(&expected, "").as_bytes());
    if expected != found {
        let file = MANIFEST_FILE.to_owned();
        return Err(BundleError::Hash { file, expected, found });
    }
    Ok(manifest)
}

fn read_files(dir: &Path, manifest: &Manifest) -> Result<Files, BundleError> {
    let mut files = Files::new();
    for (name, expected) in &manifest.files {
        if !is_plain(name) {
            return Err(BundleError::content(MANIFEST_FILE, "plain file names", name));
        }
        let bytes =
            read(dir, name)?.ok_or_else(|| BundleError::MissingFile { file: name.clone() })?;
        let found = sha256(&bytes);
        if *expected != found {
            let (file, expected) = (name.clone(), expected.clone());
            return Err(BundleError::Hash { file, expected, found });
        }
        files.insert(name.clone(), bytes);
    }
    Ok(files)
}

fn read_golden(bytes: &[u8]) -> Result<Vec<GoldenRow>, BundleError> {
    text(GOLDEN_FILE, bytes)?
        .lines()
        .enumerate()
        .map(|(i, line)| {
            from_json(GOLDEN_FILE, &format!("a golden row in line {}", i + 1), line.as_bytes())
        })
        .collect()
}

/// The contents of a file, or `None` when it does not exist.
fn read(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, BundleError> {
    let path = dir.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BundleError::Io { action: "read", path, source }),
    }
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, BundleError> {
    std::str::from_utf8(bytes).map_err(|error| BundleError::content(name, "UTF-8 text", error))
}
