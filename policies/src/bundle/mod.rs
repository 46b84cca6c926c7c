//! The policy bundle: a folder with everything that is needed to decide without this repository.
//!
//! `manifest.json` says what it is and holds the sha256 of every file, its own included;
//! `policy.json` is the policy, with a network's weights in `weights.safetensors`; `personas.json`
//! is the persona model; `golden.jsonl` holds decisions that the loader reproduces before it hands
//! anything out; `MODEL_CARD.md` is for people. The digests find damage, not forgery: they are not
//! signatures.

mod content;
mod error;
mod golden;
mod load;
mod manifest;
mod weights;
mod write;

pub use error::BundleError;
pub use golden::{GoldenRow, golden_rows};
pub use load::{Bundle, load_bundle};
pub use manifest::{
    Approval, CategoryMargin, DataWindow, FORMAT_VERSION, Manifest, schema_hash, sha256,
};
pub use write::{BundleParts, write_bundle};

#[cfg(test)]
mod mechanics_tests;
#[cfg(test)]
mod tests;
