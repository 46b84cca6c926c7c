//! A sample out of the first bytes of a text file.

use std::path::PathBuf;

use super::Sample;
use super::dialect::{decode, propose_dialect, records};

/// More rows tell nothing new.
const MOST_ROWS: usize = 2000;

/// Heads at least this long may end inside a row.
const CUT: usize = 64 * 1024;

/// Proposes the dialect of `head`, the first bytes of a decompressed text file, and splits it.
///
/// Without a header the columns are called `column_1`, `column_2`, ... . Never fails: what cannot
/// be read gives an empty sample or a dialect of low confidence.
pub fn sample_from_text(file: PathBuf, head: &[u8]) -> Sample {
    let dialect = propose_dialect(head);
    let text = decode(head, dialect.encoding.value);
    let mut rows = records(&text, dialect.delimiter.value, dialect.quote.value, MOST_ROWS + 1);
    if head.len() >= CUT && rows.len() > 2 && rows.len() <= MOST_ROWS {
        rows.pop();
    }
    let header = if dialect.header.value && !rows.is_empty() {
        rows.remove(0).into_iter().map(|name| name.trim().to_owned()).collect()
    } else {
        let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
        (1..=widest).map(|number| format!("column_{number}")).collect::<Vec<_>>()
    };
    rows.truncate(MOST_ROWS);
    let types = vec![None; header.len()];
    Sample { file, header, types, rows, dialect: Some(dialect) }
}
