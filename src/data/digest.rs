//! One digest over the configured files, so that a run knows whether its input has changed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::config::DataConfig;
use super::error::DataError;
use super::history::hex;
use super::table;

/// sha256 (hex) over the content of every configured file, in the order of the config.
///
/// # Errors
/// [`DataError`] naming the first file that cannot be found or read.
pub fn digest_of_files(config: &DataConfig, base_dir: &Path) -> Result<String, DataError> {
    let dir = config.resolved_dir(base_dir);
    let mut digest = Sha256::new();
    for (schema, table) in config.tables() {
        let mut files = table::files(schema, table, &dir)?;
        files.extend(table.join.iter().map(|join| dir.join(&join.path)));
        for file in files {
            let unreadable = |source: std::io::Error| DataError::Unreadable {
                table: schema.table,
                file: file.clone(),
                reason: source.to_string(),
            };
            let mut input = File::open(&file).map_err(unreadable)?;
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = input.read(&mut buffer).map_err(unreadable)?;
                if n == 0 {
                    break;
                }
                digest.update(&buffer[..n]);
            }
        }
    }
    Ok(hex(&digest.finalize()))
}
