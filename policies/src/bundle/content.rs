//! The files of a bundle as bytes: their names, and how a policy turns into them and back.

use super::error::BundleError;
use super::weights::{self, WEIGHTS_FILE};
use crate::mlp::QPolicy;
use crate::portable::PortablePolicy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MANIFEST_FILE: &str = "manifest.json";
pub(super) const POLICY_FILE: &str = "policy.json";
pub(super) const PERSONAS_FILE: &str = "personas.json";
pub(super) const GOLDEN_FILE: &str = "golden.jsonl";
pub(super) const CARD_FILE: &str = "MODEL_CARD.md";

/// Every name that the format itself uses.
pub(super) const OWN_FILES: [&str; 6] =
    [MANIFEST_FILE, POLICY_FILE, PERSONAS_FILE, GOLDEN_FILE, CARD_FILE, WEIGHTS_FILE];

/// Contents by file name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A Q-network in `policy.json`: everything but the numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    kind: String,
    name: String,
    epsilon: f64,
    weights: String,
}

#[derive(Deserialize)]
struct Tagged {
    kind: String,
}

/// Adds `policy.json`, and the weights when the policy has a network.
pub(super) fn add_policy(policy: &PortablePolicy, files: &mut Files) -> Result<(), BundleError> {
    let json = if let PortablePolicy::QNetwork(q) = policy {
        files.insert(WEIGHTS_FILE.to_owned(), weights::encode(&q.network)?);
        let (kind, name) = (policy.kind().to_owned(), q.name.clone());
        to_json(
            POLICY_FILE,
            &NetworkFile { kind, name, epsilon: q.epsilon, weights: WEIGHTS_FILE.to_owned() },
        )?
    } else {
        to_json(POLICY_FILE, policy)?
    };
    files.insert(POLICY_FILE.to_owned(), json);
    Ok(())
}

/// The policy in `policy.json` and the weights.
pub(super) fn read_policy(files: &Files) -> Result<PortablePolicy, BundleError> {
    let json = file(files, POLICY_FILE)?;
    let tagged: Tagged = from_json(POLICY_FILE, "a policy with its `kind`", json)?;
    if tagged.kind != "q_network" {
        return from_json(POLICY_FILE, "a policy that this release knows", json);
    }
    let stored: NetworkFile = from_json(POLICY_FILE, "a Q-network policy", json)?;
    let network = weights::decode(file(files, &stored.weights)?)?;
    Ok(PortablePolicy::QNetwork(QPolicy::new(stored.name, network, stored.epsilon)))
}

/// The contents of a file that must be there.
pub(super) fn file<'a>(files: &'a Files, name: &str) -> Result<&'a [u8], BundleError> {
    match files.get(name) {
        Some(bytes) => Ok(bytes),
        None => Err(BundleError::MissingFile { file: name.to_owned() }),
    }
}

/// Indented JSON that ends in a newline.
pub(super) fn to_json<T: Serialize>(name: &str, value: &T) -> Result<Vec<u8>, BundleError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| BundleError::content(name, "plain data", error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads JSON, or says what was expected instead.
pub(super) fn from_json<T: DeserializeOwned>(
    name: &str,
    expected: &str,
    bytes: &[u8],
) -> Result<T, BundleError> {
    serde_json::from_slice(bytes).map_err(|error| BundleError::content(name, expected, error))
}

/// Whether the name stays inside the folder: letters, digits, `.`, `_` and `-`, no dot in front.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}
