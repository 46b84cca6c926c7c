//! Cuts a stream of CSV into blocks that end with a record.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr2};

use super::super::parse::Dialect;

/// Why there is no further block.
#[derive(Debug)]
pub(super) enum Stop {
    /// The system or the decompressor gave up.
    Broken(io::Error),
    /// The stream ends inside quotes.
    OpenQuote,
    /// A record is longer than any record should be.
    TooLong,
}

/// The blocks of a stream.
#[derive(Debug)]
pub(super) struct Blocks<R> {
    reader: R,
    delimiter: u8,
    quote: u8,
    size: usize,
    longest_record: usize,
    rest: Vec<u8>,
    ended: bool,
    /// Why the stream ended early; told after the records before it.
    broken: Option<io::Error>,
}

impl<R: Read> Blocks<R> {
    /// Blocks of about `size` bytes, or of one record where that is longer.
    pub(super) fn new(reader: R, dialect: &Dialect, size: usize, longest_record: usize) -> Self {
        let Dialect { delimiter, quote, .. } = *dialect;
        let (rest, ended, broken) = (Vec::new(), false, None);
        Self { reader, delimiter, quote, size, longest_record, rest, ended, broken }
    }

    /// The next block: whole records, counted from the end of the block before.
    ///
    /// # Errors
    /// [`Stop`]; the record at fault is the one after the last block.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        let mut block = std::mem::take(&mut self.rest);
        let mut size = self.size.max(1);
        loop {
            self.fill(&mut block, size);
            if block.is_empty() {
                return self.broken.take().map_or(Ok(None), |reason| Err(Stop::Broken(reason)));
            }
            let scan = scan(&block, self.delimiter, self.quote);
            let whole = self.ended && self.broken.is_none();
            match scan.cut {
                _ if whole && !scan.open => return Ok(Some(block)),
                Some(cut) => {
                    self.rest.extend_from_slice(&block[cut..]);
                    block.truncate(cut);
                    return Ok(Some(block));
                }
                None if self.ended => {
                    return Err(self.broken.take().map_or(Stop::OpenQuote, Stop::Broken));
                }
                None if block.len() >= self.longest_record => return Err(Stop::TooLong),
                None => size = (2 * block.len()).min(self.longest_record),
            }
        }
    }

    fn fill(&mut self, block: &mut Vec<u8>, size: usize) {
        let wanted = size.saturating_sub(block.len());
        if self.ended || wanted == 0 {
            return;
        }
        block.reserve_exact(wanted);
        match self.reader.by_ref().take(wanted as u64).read_to_end(block) {
            Ok(read) => self.ended = read < wanted,
            Err(reason) => (self.ended, self.broken) = (true, Some(reason)),
        }
    }
}

/// What a look over a block finds.
#[derive(Debug, PartialEq, Eq)]
struct Scan {
    /// End of the last line that ends outside quotes.
    cut: Option<usize>,
    /// Whether the block ends inside quotes.
    open: bool,
}

/// Follows the quotes of a block that starts with a record. A quote opens only where a field
/// starts; elsewhere it is a character like others.
fn scan(block: &[u8], delimiter: u8, quote: u8) -> Scan {
    let (mut cut, mut at) = (None, 0);
    loop {
        let starts_field = |mark: &usize| {
            *mark == 0 || matches!(block[*mark - 1], b'\n' | b'\r') || block[*mark - 1] == delimiter
        };
        let opening =
            memchr_iter(quote, &block[at..]).map(|mark| at + mark).find(|mark| starts_field(mark));
        let unquoted = &block[at..opening.unwrap_or(block.len())];
        if let Some(end) = memrchr2(b'\n', b'\r', unquoted) {
            cut = Some(at + end + 1);
        }
        let Some(opening) = opening else { return Scan { cut, open: false } };
        let mut inside = opening + 1;
        at = loop {
            let Some(mark) = memchr(quote, &block[inside..]).map(|mark| inside + mark) else {
                return Scan { cut, open: true };
            };
            if block.get(mark + 1) != Some(&quote) {
                break mark + 1;
            }
            inside = mark + 2;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str, size: usize, longest: usize) -> (Vec<String>, Option<Stop>) {
        let mut blocks = Blocks::new(text.as_bytes(), &Dialect::default(), size, longest);
        let mut found = Vec::new();
        loop {
            match blocks.next() {
                Ok(Some(block)) => found.push(String::from_utf8(block).expect("text")),
                Ok(None) => return (found, None),
                Err(stop) => return (found, Some(stop)),
            }
        }
    }

    #[test]
    fn blocks_end_with_a_record_and_lose_nothing() {
        let text = "a,b\n\"x\ny\",2\n\"say \"\"\n\"\"\",3\r\n5\" pipe,\"\"\n\n,\n7,8";
        for size in 1..text.len() + 2 {
            let (found, stop) = blocks(text, size, 1000);
            assert!(stop.is_none());
            assert_eq!(found.concat(), text);
            let starts = ["a", "\"x", "\"say", "5", "\n", ",", "7"];
            for block in &found {
                assert!(starts.iter().any(|start| block.starts_with(start)), "{size}: {block:?}");
            }
        }
    }

    #[test]
    fn an_open_quote_stops_after_the_records_before_it() {
        for size in 1..20 {
            let (found, stop) = blocks("a,b\n1,2\n3,\"4\n5,6\n", size, 1000);
            assert_eq!(found.concat(), "a,b\n1,2\n");
            assert!(matches!(stop, Some(Stop::OpenQuote)));
        }
    }

    #[test]
    fn a_record_without_end_is_not_read_to_the_end() {
        let text = format!("a,b\n1,\"{}", "x\n".repeat(1000));
        let (found, stop) = blocks(&text, 8, 64);
        assert_eq!(found.concat(), "a,b\n");
        assert!(matches!(stop, Some(Stop::TooLong)));
        let (found, stop) = blocks(&"x".repeat(1000), 8, 64);
        assert!(found.is_empty() && matches!(stop, Some(Stop::TooLong)));
    }
}
