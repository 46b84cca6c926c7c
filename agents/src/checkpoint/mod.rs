//! Named arrays and settings in one file: all that is needed to go on as if nothing had happened.

mod compare;
pub(crate) mod crc32c;
mod file;
#[cfg(test)]
mod tests;

use crate::error::AgentError;
use promopt_envs::Stream;
use safetensors::Dtype;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Sections of numbers, or of JSON, by name.
///
/// The file is a safetensors file of flat arrays with a checksum over all of them, so any library
/// for that format can look into it. The same content gives the same bytes.
///
/// ```
/// use promopt_agents::Archive;
/// let mut archive = Archive::default();
/// archive.put("weights", &[0.5_f32, -1.0]);
/// let again = Archive::from_bytes(&archive.to_bytes()?)?;
/// assert_eq!(again.get::<f32>("weights")?, [0.5, -1.0]);
/// # Ok::<(), promopt_agents::AgentError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Archive {
    sections: BTreeMap<String, Section>,
}

#[derive(Debug, Clone, PartialEq)]
struct Section {
    dtype: Dtype,
    /// Little-endian.
    bytes: Vec<u8>,
}

/// A kind of number that an [`Archive`] holds.
pub trait Element: Copy + private::Bytes {}

mod private {
    use safetensors::Dtype;

    /// Little-endian bytes of a number.
    pub trait Bytes: Sized {
        const DTYPE: Dtype;
        fn extend(self, bytes: &mut Vec<u8>);
        fn read(bytes: &[u8]) -> Vec<Self>;
    }
}

macro_rules! element {
    ($($number:ty => $dtype:ident),*) => {$(
        impl Element for $number {}
        impl private::Bytes for $number {
            const DTYPE: Dtype = Dtype::$dtype;
            fn extend(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &[u8]) -> Vec<Self> {
                let (chunks, _) = bytes.as_chunks();
                chunks.iter().map(|&chunk| Self::from_le_bytes(chunk)).collect()
            }
        }
    )*};
}

element!(f32 => F32, f64 => F64, u8 => U8, u32 => U32, u64 => U64);

impl Archive {
    /// Stores an array, in place of one of the same name.
    pub fn put<T: Element>(&mut self, name: &str, values: &[T]) {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        values.iter().for_each(|&value| value.extend(&mut bytes));
        self.sections.insert(name.to_owned(), Section { dtype: T::DTYPE, bytes });
    }

    /// An array of any length.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when there is none of this name and kind.
    pub fn get<T: Element>(&self, name: &str) -> Result<Vec<T>, AgentError> {
        let Some(section) = self.sections.get(name) else {
            return Err(problem(format!("found no section `{name}`")));
        };
        if section.dtype != T::DTYPE {
            let (found, needed) = (section.dtype, T::DTYPE);
            return Err(problem(format!("found {found:?} instead of {needed:?} in `{name}`")));
        }
        Ok(T::read(&section.bytes))
    }

    /// An array of this length.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] as for [`get`](Self::get), and for another length.
    pub fn get_n<T: Element>(&self, name: &str, n: usize) -> Result<Vec<T>, AgentError> {
        let values = self.get(name)?;
        if values.len() == n {
            return Ok(values);
        }
        Err(problem(format!("found {} instead of {n} values in `{name}`", values.len())))
    }

    /// The number of an array of one.
    ///
    /// # Errors
    /// As for [`get_n`](Self::get_n).
    pub fn get_one<T: Element>(&self, name: &str) -> Result<T, AgentError> {
        Ok(self.get_n(name, 1)?[0])
    }

    /// Whether there is a section of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.sections.contains_key(name)
    }

    /// Stores a value as JSON. Numbers that must come back to the last bit belong in
    /// [`put`](Self::put).
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it cannot be written as JSON.
    pub fn put_json<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), AgentError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| problem(format!("found `{name}`, which is not JSON: {error}")))?;
        self.put::<u8>(name, &bytes);
        Ok(())
    }

    /// A value that was stored as JSON.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when there is none of this name and form.
    pub fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, AgentError> {
        serde_json::from_slice(&self.get::<u8>(name)?)
            .map_err(|error| problem(format!("found `{name}` in another form: {error}")))
    }

    /// Errors unless the value stored under this name is equal to `now`, and names what differs.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] with every difference.
    pub fn expect_json<T: Serialize + ?Sized>(
        &self,
        name: &str,
        now: &T,
    ) -> Result<(), AgentError> {
        let mut current = Self::default();
        current.put_json(name, now)?;
        let differences = compare::differences(&self.get_json(name)?, &current.get_json(name)?);
        if differences.is_empty() {
            return Ok(());
        }
        Err(problem(format!("found another `{name}`: {}", differences.join("; "))))
    }

    /// Stores where a random stream is.
    ///
    /// # Errors
    /// As for [`put_json`](Self::put_json).
    pub fn put_stream(&mut self, name: &str, stream: &Stream) -> Result<(), AgentError> {
        self.put_json(name, stream)
    }

    /// A random stream that goes on where it was stored.
    ///
    /// # Errors
    /// As for [`get_json`](Self::get_json).
    pub fn get_stream(&self, name: &str) -> Result<Stream, AgentError> {
        self.get_json(name)
    }
}

fn problem(problem: String) -> AgentError {
    AgentError::Checkpoint { problem }
}
