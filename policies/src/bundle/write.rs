//! Writing a bundle: rendered in memory, written beside its place, checked, then swapped in.

use super::content::{
    CARD_FILE, Files, GOLDEN_FILE, MANIFEST_FILE, OWN_FILES, PERSONAS_FILE, add_policy, is_plain,
    to_json,
};
use super::error::BundleError;
use super::golden::GoldenRow;
use super::load::load_bundle;
use super::manifest::{
    Approval, CategoryMargin, DataWindow, FORMAT_VERSION, Manifest, schema_hash, sha256,
};
use crate::policy::Policy;
use crate::portable::PortablePolicy;
use promopt_envs::retail::{Guardrails, ObservationSchema, OfferCatalogue};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Everything that goes into a bundle; the fields are those of [`Manifest`] where they share a
/// name.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleParts {
    /// The policy to ship.
    pub policy: PortablePolicy,
    /// What it observes.
    pub observation_schema: ObservationSchema,
    /// What it may offer.
    pub catalogue: OfferCatalogue,
    /// Margin rates that the guardrails assume, shape `[n_categories]`.
    pub margin_rates: Vec<f64>,
    /// Rules that no decision may break.
    pub guardrails: Guardrails,
    /// The persona model.
    pub personas: serde_json::Value,
    /// Recorded decisions, at least one; see [`golden_rows`](super::golden_rows).
    pub golden: Vec<GoldenRow>,
    /// Markdown for people.
    pub model_card: String,
    /// Verdict of the gate.
    pub approval: Approval,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The figures behind the verdict.
    pub evidence: serde_json::Value,
    /// Seeds by name.
    pub seeds: BTreeMap<String, u64>,
    /// Days that the data covers.
    pub data_window: DataWindow,
    /// Digest of the input data.
    pub data_fingerprint: String,
    /// Version of the code that trained and exported.
    pub code_version: String,
    /// Further files by plain name, such as `policy.onnx`.
    pub attachments: BTreeMap<String, Vec<u8>>,
}

/// Writes a bundle into `dir`, replacing an older one; the same parts give the same bytes.
///
/// The files are written to a hidden folder beside `dir` and loaded from there with every check, so
/// what would not load is never published; then the folders are swapped by renaming. When anything
/// fails or stops before the swap, the older bundle is untouched. One writer per folder at a time.
///
/// # Errors
/// [`BundleError`] when the parts do not make a bundle that loads, when `dir` holds anything but an
/// older bundle, or when the file system refuses.
pub fn write_bundle(dir: &Path, parts: &BundleParts) -> Result<(), BundleError> {
    let (fresh, aside) = (sibling(dir, "new")?, sibling(dir, "old")?);
    if !dir.exists() && aside.exists() {
        // An earlier swap stopped between its two renames.
        rename(&aside, dir)?;
    }
    refuse_foreign(dir)?;
    let (manifest, files) = render(parts)?;
    remove(&fresh)?;
    let written = write_files(&fresh, &manifest, &files).and_then(|()| load_bundle(&fresh));
    if let Err(error) = written {
        remove(&fresh)?;
        return Err(error);
    }
    swap(dir, &fresh, &aside)
}

/// The manifest and every other file, as bytes.
fn render(parts: &BundleParts) -> Result<(Vec<u8>, Files), BundleError> {
    let mut files = Files::new();
    for (name, bytes) in &parts.attachments {
        if !is_plain(name) || OWN_FILES.contains(&name.as_str()) {
            let expected = "a plain name that the bundle does not use itself";
            return Err(BundleError::content(name, expected, format!("`{name}`")));
        }
        files.insert(name.clone(), bytes.clone());
    }
    add_policy(&parts.policy, &mut files)?;
    files.insert(PERSONAS_FILE.to_owned(), to_json(PERSONAS_FILE, &parts.personas)?);
    files.insert(GOLDEN_FILE.to_owned(), golden_lines(&parts.golden)?);
    files.insert(CARD_FILE.to_owned(), parts.model_card.clone().into_bytes());
    let mut manifest = manifest(parts, &files)?;
    manifest.manifest_sha256 = sha256(&to_json(MANIFEST_FILE, &manifest)?);
    Ok((to_json(MANIFEST_FILE, &manifest)?, files))
}

fn manifest(parts: &BundleParts, files: &Files) -> Result<Manifest, BundleError> {
    let schema = &parts.observation_schema;
    if schema.n_categories() != parts.margin_rates.len() {
        let expected = format!("{} margin rates", schema.n_categories());
        return Err(BundleError::content(MANIFEST_FILE, expected, parts.margin_rates.len()));
    }
    let categories = schema
        .categories
        .iter()
        .zip(&parts.margin_rates)
        .map(|(name, &margin_rate)| CategoryMargin { name: name.clone(), margin_rate })
        .collect();
    Ok(Manifest {
        format_version: FORMAT_VERSION,
        manifest_sha256: String::new(),
        approval: parts.approval,
        reasons: parts.reasons.clone(),
        evidence: parts.evidence.clone(),
        policy_kind: parts.policy.kind().to_owned(),
        policy_name: parts.policy.name().to_owned(),
        observation_schema: schema.clone(),
        schema_hash: schema_hash(schema),
        catalogue: parts.catalogue.clone(),
        categories,
        guardrails: parts.guardrails.clone(),
        personas_file: PERSONAS_FILE.to_owned(),
        seeds: parts.seeds.clone(),
        data_window: parts.data_window.clone(),
        data_fingerprint: parts.data_fingerprint.clone(),
        code_version: parts.code_version.clone(),
        files: files.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect(),
    })
}

fn golden_lines(rows: &[GoldenRow]) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, row)
            .map_err(|error| BundleError::content(GOLDEN_FILE, "plain data", error))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The manifest goes last, so a folder that has one has everything.
fn write_files(dir: &Path, manifest: &[u8], files: &Files) -> Result<(), BundleError> {
    std::fs::create_dir_all(dir).map_err(refused("create", dir))?;
    for (name, bytes) in files {
        let path = dir.join(name);
        std::fs::write(&path, bytes).map_err(refused("write", &path))?;
    }
    let path = dir.join(MANIFEST_FILE);
    std::fs::write(&path, manifest).map_err(refused("write", &path))
}

/// Puts `fresh` in the place of `dir`; on failure the older folder is put back.
fn swap(dir: &Path, fresh: &Path, aside: &Path) -> Result<(), BundleError> {
    if !dir.exists() {
        return rename(fresh, dir);
    }
    remove(aside)?;
    rename(dir, aside)?;
    if let Err(error) = rename(fresh, dir) {
        rename(aside, dir)?;
        return Err(error);
    }
    remove(aside)
}

/// Errors when replacing the folder would delete anything that no bundle holds.
fn refuse_foreign(dir: &Path) -> Result<(), BundleError> {
    if !dir.exists() {
        return Ok(());
    }
    let listed = listed_files(dir);
    let entries = std::fs::read_dir(dir).map_err(refused("list", dir))?;
    let mut foreign = Vec::new();
    for entry in entries {
        let name = entry.map_err(refused("list", dir))?.file_name().to_string_lossy().into_owned();
        if !OWN_FILES.contains(&name.as_str()) && !listed.contains(&name) {
            foreign.push(name);
        }
    }
    match foreign.into_iter().min() {
        Some(found) => Err(BundleError::Occupied { path: dir.to_path_buf(), found }),
        None => Ok(()),
    }
}

/// The files that the manifest of an older bundle names, of whatever format; none when unreadable.
fn listed_files(dir: &Path) -> Vec<String> {
    let manifest = std::fs::read(dir.join(MANIFEST_FILE)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let files = manifest.get("files").and_then(serde_json::Value::as_object);
    files.map(|files| files.keys().cloned().collect()).unwrap_or_default()
}

/// `.<name>.<suffix>` beside `dir`, on the same file system, so that renaming is atomic.
fn sibling(dir: &Path, suffix: &str) -> Result<PathBuf, BundleError> {
    match dir.file_name() {
        Some(name) => Ok(dir.with_file_name(format!(".{}.{suffix}", name.to_string_lossy()))),
        None => Err(refused("write a bundle to", dir)(Error::new(
            ErrorKind::InvalidInput,
            "a folder name is needed",
        ))),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), BundleError> {
    std::fs::rename(from, to).map_err(refused("rename", from))
}

fn remove(dir: &Path) -> Result<(), BundleError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(refused("remove", dir)(error)),
        _ => Ok(()),
    }
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(Error) -> BundleError {
    let path = path.to_path_buf();
    move |source| BundleError::Io { action, path, source }
}
