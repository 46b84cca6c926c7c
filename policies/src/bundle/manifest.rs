//! The manifest: what a bundle is, where it comes from, and the digest of every file.

use super::error::BundleError;
use promopt_envs::retail::{Guardrails, ObservationSchema, OfferCatalogue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The format that this version writes and reads.
pub const FORMAT_VERSION: u32 = 2;

/// Whether the gate let the policy through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The lower bound of its uplift is above zero on worlds never trained on.
    Approved,
    /// It is not, or it was not judged; the reasons say which.
    NotApproved,
}

/// One category and the margin that guardrails assume for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryMargin {
    /// Name, as in the schema.
    pub name: String,
    /// Margin as a fraction of the regular price.
    pub margin_rate: f64,
}

/// First and last day of the data that the policy was learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataWindow {
    /// ISO date.
    pub first: String,
    /// ISO date.
    pub last: String,
}

/// Everything about a bundle but the policy itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Digest of this file with this value left empty.
    pub manifest_sha256: String,
    /// Verdict of the gate.
    pub approval: Approval,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The figures behind the verdict, as the caller wrote them.
    pub evidence: serde_json::Value,
    /// Tag of the policy, such as `q_network`.
    pub policy_kind: String,
    /// Short name of the policy.
    pub policy_name: String,
    /// What an observation is.
    pub observation_schema: ObservationSchema,
    /// See [`schema_hash`].
    pub schema_hash: String,
    /// What each action offers.
    pub catalogue: OfferCatalogue,
    /// Categories in the order of the schema.
    pub categories: Vec<CategoryMargin>,
    /// Rules that no decision may break.
    pub guardrails: Guardrails,
    /// File with the persona model.
    pub personas_file: String,
    /// Seeds by name.
    pub seeds: BTreeMap<String, u64>,
    /// Days that the data covers.
    pub data_window: DataWindow,
    /// Digest of the input data.
    pub data_fingerprint: String,
    /// Version of the code that trained and exported.
    pub code_version: String,
    /// sha256 of every other file.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// Margin rates in the order of the categories, shape `[n_categories]`.
    #[must_use]
    pub fn margin_rates(&self) -> Vec<f64> {
        self.categories.iter().map(|category| category.margin_rate).collect()
    }

    /// Checks what the types do not: versions, schema, catalogue and categories.
    pub(super) fn check(&self) -> Result<(), BundleError> {
        let wrong = |expected: &str, found: String| {
            Err(BundleError::content("manifest.json", expected, found))
        };
        let schema = &self.observation_schema;
        let (usual, n_categories) = (&schema.usual_shelf, schema.n_categories());
        if usual.len() != n_categories || !usual.iter().all(|depth| (0.0..=1.0).contains(depth)) {
            let expected = format!("{n_categories} usual shelf depths between 0 and 1");
            return wrong(&expected, format!("{usual:?}"));
        }
        let own = ObservationSchema::new(schema.n_personas, &schema.categories)
            .with_holidays(schema.holidays.clone())
            .with_usual_shelf(usual.clone());
        let (expected, found) = (schema_hash(&own), schema_hash(schema));
        if expected != found {
            return Err(BundleError::Schema { expected, found });
        }
        if expected != self.schema_hash {
            return Err(BundleError::Schema { expected, found: self.schema_hash.clone() });
        }
        if schema.n_personas == 0 {
            return wrong("at least one persona", "none".to_owned());
        }
        let names: Vec<&String> = self.categories.iter().map(|c| &c.name).collect();
        if !names.iter().copied().eq(&schema.categories) {
            return wrong("the categories of the schema", format!("{names:?}"));
        }
        if let Some(bad) = self.categories.iter().find(|c| !c.margin_rate.is_finite()) {
            return wrong("finite margin rates", format!("{} for {}", bad.margin_rate, bad.name));
        }
        let offers = self.catalogue.offers().get(1..).unwrap_or_default();
        match OfferCatalogue::new(offers.to_vec(), schema.n_categories()) {
            Ok(rebuilt) if rebuilt == self.catalogue => Ok(()),
            Ok(_) => wrong("a catalogue that starts with `none`", "another first offer".to_owned()),
            Err(error) => wrong("a valid catalogue", error.to_string()),
        }
    }
}

/// sha256 of the schema's compact JSON: names, units, ranges, order and version.
#[must_use]
pub fn schema_hash(schema: &ObservationSchema) -> String {
    let text = serde_json::to_string(schema).expect("a schema is plain data with string keys");
    sha256(text.as_bytes())
}

/// sha256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
