//! The text of a file as a stream of UTF-8: decompressed by content, decoded by byte-order mark
//! or by the configured encoding, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult};

use super::parse::Encoding;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const CHUNK: usize = 256 << 10;
// Stands for what the encoding cannot say; no UTF-8 text holds it, so the reader names the row.
const BROKEN: u8 = 0xff;

/// The text of a file, and the encoding it turned out to be in.
pub(in crate::data) struct Text {
    reader: Box<dyn Read>,
    /// The encoding of the file: that of its byte-order mark, else the configured one.
    pub(in crate::data) encoding: Encoding,
}

/// Opens a file, plain or compressed with gzip or Zstandard.
///
/// # Errors
/// What the system or the decompressor says.
pub(in crate::data) fn open(file: &Path, encoding: Encoding) -> io::Result<Text> {
    let mut file = BufReader::with_capacity(CHUNK, File::open(file)?);
    let (start, length) = peek::<4>(&mut file)?;
    let start_bytes = &start[..length];
    let file = Cursor::new(start).take(length as u64).chain(file);
    let file = BufReader::with_capacity(CHUNK, file);
    if start_bytes.starts_with(&GZIP) {
        decode(flate2::bufread::MultiGzDecoder::new(file), encoding)
    } else if start_bytes.starts_with(&ZSTANDARD) {
        decode(zstd::stream::read::Decoder::with_buffer(file)?, encoding)
    } else {
        decode(file, encoding)
    }
}

/// Takes off a byte-order mark and decodes what is not UTF-8.
pub(in crate::data) fn decode(
    mut bytes: impl Read + 'static,
    encoding: Encoding,
) -> io::Result<Text> {
    let (start, length) = peek::<3>(&mut bytes)?;
    let marked = encoding_rs::Encoding::for_bom(&start[..length]);
    let encoding = match marked {
        Some((found, _)) if found == encoding_rs::UTF_16LE => Encoding::Utf16Le,
        Some((found, _)) if found == encoding_rs::UTF_16BE => Encoding::Utf16Be,
        Some(_) => Encoding::Utf8,
        None => encoding,
    };
    let skipped = marked.map_or(0, |(_, length)| length);
    let rest = Cursor::new(start[skipped..length].to_vec()).chain(bytes);
    let decoder = match encoding {
        Encoding::Utf8 => return Ok(Text { reader: Box::new(rest), encoding }),
        Encoding::Utf16Le => encoding_rs::UTF_16LE,
        Encoding::Utf16Be => encoding_rs::UTF_16BE,
        Encoding::Windows1252 => encoding_rs::WINDOWS_1252,
    };
    let decoder = decoder.new_decoder_without_bom_handling();
    let source = BufReader::with_capacity(CHUNK, rest);
    let reader = Decoded { source, decoder, ready: vec![0; CHUNK], from: 0, to: 0, ended: false };
    Ok(Text { reader: Box::new(reader), encoding })
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// The first bytes of a stream and how many there are.
fn peek<const N: usize>(bytes: &mut impl Read) -> io::Result<([u8; N], usize)> {
    let (mut start, mut length) = ([0; N], 0);
    while length < N {
        match bytes.read(&mut start[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok((start, length))
}

/// A stream in another encoding as UTF-8.
struct Decoded<R> {
    source: BufReader<R>,
    decoder: Decoder,
    ready: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    fn refill(&mut self) -> io::Result<()> {
        (self.from, self.to) = (0, 0);
        while self.to == 0 && !self.ended {
            let bytes = self.source.fill_buf()?;
            let last = bytes.is_empty();
            // One byte is kept free for the mark of what is broken.
            let room = self.ready.len() - 1;
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                bytes,
                &mut self.ready[..room],
                last,
            );
            self.source.consume(read);
            self.to = written;
            match result {
                DecoderResult::Malformed(..) => {
                    self.ready[written] = BROKEN;
                    self.to += 1;
                }
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.from == self.to {
            self.refill()?;
        }
        let count = buffer.len().min(self.to - self.from);
        buffer[..count].copy_from_slice(&self.ready[self.from..self.from + count]);
        self.from += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_lie_across_chunks_stay_whole() {
        // One character of three units shifts the rest against the chunks.
        let text = "x\u{1f600}".to_owned() + &"\u{1f600}é€".repeat(CHUNK / 8);
        for shift in 0..2 {
            let text = &text[shift..];
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let mut found = String::new();
            let mut decoded =
                decode(Cursor::new(bytes), Encoding::Utf16Be).expect("a stream in memory");
            decoded.read_to_string(&mut found).expect("valid");
            assert!(found == text);
        }
    }

    #[test]
    fn what_the_encoding_cannot_say_becomes_no_text() {
        let mut found = Vec::new();
        let half = [0x61, 0x00, 0x00, 0xd8, 0x62, 0x00, 0x63];
        let mut decoded = decode(Cursor::new(half), Encoding::Utf16Le).expect("in memory");
        decoded.read_to_end(&mut found).expect("a stream in memory");
        assert_eq!(found, b"a\xffb\xff");
    }

    #[test]
    fn a_byte_order_mark_outranks_the_setting() {
        let mut found = String::new();
        let bytes = Cursor::new(b"\xef\xbb\xbf\xc3\xb6");
        let mut text = decode(bytes, Encoding::Windows1252).expect("a stream in memory");
        assert_eq!(text.encoding, Encoding::Utf8);
        text.read_to_string(&mut found).expect("valid");
        assert_eq!(found, "ö");
    }
}
