//! An archive as bytes and as a file that is either whole or not there.

use super::crc32c::Crc32c;
use super::{Archive, Section, problem};
use crate::error::AgentError;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// The only key of the file's metadata: several would be written in the order of their hashes.
const FORMAT: &str = "promopt-archive";
const VERSION: &str = "1";

impl Archive {
    /// The archive as a safetensors file.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, AgentError> {
        let views = self.sections.iter().map(|(name, section)| {
            let n = section.bytes.len() * 8 / section.dtype.bitsize();
            TensorView::new(section.dtype, vec![n], &section.bytes)
                .map(|view| (name, view))
                .map_err(|error| problem(format!("found a section `{name}`: {error}")))
        });
        let views = views.collect::<Result<Vec<_>, AgentError>>()?;
        let label = format!("{VERSION} crc32c {:08x}", self.checksum());
        let metadata = HashMap::from([(FORMAT.to_owned(), label)]);
        safetensors::serialize(views, Some(metadata))
            .map_err(|error| problem(format!("found that it cannot be written: {error}")))
    }

    /// The archive in these bytes.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when they are cut short, changed, or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AgentError> {
        let broken = |error| problem(format!("found a file that is cut short or damaged: {error}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let metadata = metadata.metadata().as_ref().and_then(|metadata| metadata.get(FORMAT));
        let Some(label) = metadata else {
            return Err(problem("found a file of tensors that is no checkpoint".to_owned()));
        };
        let mut archive = Self::default();
        for (name, view) in tensors.tensors() {
            let section = Section { dtype: view.dtype(), bytes: view.data().to_vec() };
            archive.sections.insert(name, section);
        }
        let expected = format!("{VERSION} crc32c {:08x}", archive.checksum());
        if *label != expected {
            return Err(problem(format!("found `{label}` where its content is `{expected}`")));
        }
        Ok(archive)
    }

    /// Writes the file beside its name first and renames it then, so that a reader finds the old
    /// one or the new one and never a part.
    ///
    /// # Errors
    /// [`AgentError::File`] when the folder is not there or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), AgentError> {
        let bytes = self.to_bytes()?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        let write = || {
            let mut file = std::fs::File::create(&partial)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&partial, path)
        };
        write().map_err(|source| file_error("write", path, source))
    }

    /// Reads a file that [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// [`AgentError::File`] when it cannot be read; as for [`from_bytes`](Self::from_bytes).
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        let bytes = std::fs::read(path).map_err(|source| file_error("read", path, source))?;
        Self::from_bytes(&bytes)
    }

    /// Over names, kinds, lengths and bytes, in the order of the names.
    fn checksum(&self) -> u32 {
        let mut crc = Crc32c::new();
        for (name, section) in &self.sections {
            let length = (section.bytes.len() as u64).to_le_bytes();
            let kind = format!("{name}\0{:?}\0", section.dtype);
            crc = crc.with(kind.as_bytes()).with(&length).with(&section.bytes);
        }
        crc.finish()
    }
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> AgentError {
    AgentError::File { action, path: path.to_owned(), source }
}
