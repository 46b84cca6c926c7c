//! Turns a block of whole CSV records into a batch.

use super::super::super::batch::{Batch, Pick, Values};
use super::super::parse::{Dialect, is_missing_identifier, moment, number, trim};

/// What to read from each record.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// How the file is written.
    pub(super) dialect: Dialect,
    /// The columns to read.
    pub(super) picks: &'a [Pick],
    /// Fields of the header, and so of every record.
    pub(super) width: usize,
}

/// The first thing wrong in a block; rows count from the start of the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A record is longer or shorter than the header.
    Ragged { row: usize, expected: usize, found: usize },
    /// A record is not in the encoding of the file.
    NotText { row: usize },
    /// A cell cannot be read as what its column holds.
    Cell { row: usize, pick: usize, text: Vec<u8> },
}

/// The fields of one record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    spans: Vec<Span>,
    unquoted: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    /// Whether it lies among the unquoted copies instead of in the block.
    copied: bool,
}

impl Plan<'_> {
    /// The batch of a block; its first row is for the caller to fill in.
    pub(super) fn parse(&self, block: &[u8]) -> Result<Batch, Fault> {
        let valid = std::str::from_utf8(block).map_or_else(|fault| fault.valid_up_to(), str::len);
        // Every record has a byte for each of its fields, and all but the last end a line.
        let most = memchr::memchr2_iter(b'\n', b'\r', block).count() + 1;
        let most = most.min(block.len() / self.width.max(1) + 1);
        let mut columns: Vec<Values> =
            self.picks.iter().map(|pick| Values::with_capacity(pick.kind, most)).collect();
        let mut fields = Fields::default();
        let (mut row, mut at) = (0, 0);
        while let Some(next) = fields.split(block, at, &self.dialect) {
            if fields.len() != self.width {
                return Err(Fault::Ragged { row, expected: self.width, found: fields.len() });
            }
            if next > valid {
                return Err(Fault::NotText { row });
            }
            for (index, (pick, column)) in self.picks.iter().zip(&mut columns).enumerate() {
                let text = trim(fields.get(block, pick.position));
                if !self.push(column, text) {
                    return Err(Fault::Cell { row, pick: index, text: text.to_vec() });
                }
            }
            (row, at) = (row + 1, next);
        }
        Ok(Batch { first_row: 0, rows: row, columns })
    }

    /// Adds a cell; false when it cannot be read.
    fn push(&self, column: &mut Values, text: &[u8]) -> bool {
        match column {
            Values::Text(texts) if is_missing_identifier(text) => texts.push(b""),
            Values::Text(texts) => texts.push(text),
            Values::Numbers(numbers) => match number(text, &self.dialect) {
                Some(value) => numbers.push(value),
                None => return false,
            },
            Values::Moments(moments) => match moment(text, &self.dialect) {
                Some(value) => moments.push(value),
                None => return false,
            },
            Values::Whole(_) => unreachable!("CSV gives identifiers as text"),
        }
        true
    }
}

impl Fields {
    /// Splits the record at or after `at` and returns its end; `None` when only blank lines are
    /// left.
    pub(super) fn split(&mut self, block: &[u8], at: usize, dialect: &Dialect) -> Option<usize> {
        self.spans.clear();
        self.unquoted.clear();
        let blank = block[at..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let mut at = at + blank;
        if at == block.len() {
            return None;
        }
        loop {
            let end = match block.get(at) {
                Some(byte) if *byte == dialect.quote => self.quoted(block, at, dialect),
                _ => {
                    let end = field_end(block, at, dialect.delimiter);
                    self.spans.push(Span { start: at as u32, end: end as u32, copied: false });
                    end
                }
            };
            match block.get(end) {
                Some(byte) if *byte == dialect.delimiter => at = end + 1,
                Some(_) => return Some(end + 1),
                None => return Some(end),
            }
        }
    }

    /// Adds a field that starts with a quote; two quotes inside stand for one, and what follows the
    /// closing quote belongs to the field.
    fn quoted(&mut self, block: &[u8], at: usize, dialect: &Dialect) -> usize {
        let quote = dialect.quote;
        let closing = |from: usize| {
            memchr::memchr(quote, &block[from..]).map_or(block.len(), |mark| from + mark)
        };
        let start = at + 1;
        let mut close = closing(start);
        let after = (close + 1).min(block.len());
        let end = field_end(block, after, dialect.delimiter);
        if block.get(after) != Some(&quote) && end == after {
            self.spans.push(Span { start: start as u32, end: close as u32, copied: false });
            return end;
        }
        let copied = self.unquoted.len();
        let mut from = start;
        while block.get(close + 1) == Some(&quote) {
            self.unquoted.extend_from_slice(&block[from..=close]);
            from = close + 2;
            close = closing(from);
        }
        self.unquoted.extend_from_slice(&block[from..close]);
        let after = (close + 1).min(block.len());
        let end = field_end(block, after, dialect.delimiter);
        self.unquoted.extend_from_slice(&block[after..end]);
        let (start, stop) = (copied as u32, self.unquoted.len() as u32);
        self.spans.push(Span { start, end: stop, copied: true });
        end
    }

    /// Number of fields.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// A field of the record that was split last, from the same block.
    pub(super) fn get<'a>(&'a self, block: &'a [u8], index: usize) -> &'a [u8] {
        let Span { start, end, copied } = self.spans[index];
        let from = if copied { &self.unquoted } else { block };
        &from[start as usize..end as usize]
    }
}

/// Where a field without quotes ends: at a delimiter, at the end of a line or of the block. Looks
/// at eight bytes at once, since most fields are that short.
fn field_end(block: &[u8], at: usize, delimiter: u8) -> usize {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest bit that is set marks the first byte that equals the wanted one.
    let equal = |word: u64, wanted: u8| {
        let zero = word ^ (LOW * u64::from(wanted));
        zero.wrapping_sub(LOW) & !zero & HIGH
    };
    let mut at = at;
    while let Some(word) = block[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, delimiter) | equal(word, b'\n') | equal(word, b'\r');
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = &block[at..];
    let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_at_the_first_mark_at_any_distance() {
        for length in 0..40 {
            for mark in [&b","[..], b"\n", b"\r", b""] {
                for filler in [b'a', b'-', 0x2b, 0x0c, 0x8d, 0xff, 0] {
                    let block = [&vec![filler; length][..], mark, b",\n\r,,,,,,"].concat();
                    assert_eq!(field_end(&block, 0, b','), length, "{mark:?} {filler}");
                    assert_eq!(field_end(&block[..length], 0, b','), length);
                }
            }
        }
    }
}
