//! How a text file is written: encoding, separator, quotes, decimal mark, header.

use super::dates;
use super::names;
use super::text::{decimal_mark, missing, number, percent};
use super::{Judged, ProposedDialect};

/// Encoding of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without a byte order mark.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// The Western European code page of Windows.
    Windows1252,
}

impl Encoding {
    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8Bom => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }
}

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Rows that are looked at.
const ROWS: usize = 300;

/// The bytes 0x80 to 0x9f of windows-1252; the five that are not assigned stand for themselves.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Looks at the first bytes (up to about 256 KiB, decompressed) of a text file. Never fails: bytes
/// that are not text get low confidences and evidence that says so.
pub fn propose_dialect(head: &[u8]) -> ProposedDialect {
    let encoding = encoding(head);
    let text = decode(head, encoding.value);
    let quote = quote(&text);
    let delimiter = delimiter(&text, quote.value);
    let rows = records(&text, delimiter.value, quote.value, ROWS);
    let decimal_comma = decimal_comma(&rows, delimiter.value);
    let header = header(&rows, decimal_comma.value);
    let mut dialect = ProposedDialect { delimiter, quote, encoding, decimal_comma, header };
    if let Some(reason) = not_text(head, &text) {
        let encoding = &mut dialect.encoding;
        (encoding.confidence, encoding.evidence) = (0.0, reason.clone());
        for confidence in [
            &mut dialect.delimiter.confidence,
            &mut dialect.quote.confidence,
            &mut dialect.decimal_comma.confidence,
            &mut dialect.header.confidence,
        ] {
            *confidence = confidence.min(0.1);
        }
    }
    dialect
}

/// Why the bytes cannot be a text file.
fn not_text(head: &[u8], text: &str) -> Option<String> {
    let known: [(&[u8], &str); 6] = [
        (b"PAR1", "a Parquet file, not text"),
        (b"PK\x03\x04", "a zip archive or spreadsheet: save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save the sheet as CSV"),
        (b"\x1f\x8b", "gzip data: decompress it first"),
        (b"\x28\xb5\x2f\xfd", "zstd data: decompress it first"),
        (b"%PDF", "a PDF file, not a table"),
    ];
    if let Some((_, words)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(format!("the first bytes are those of {words}"));
    }
    let odd = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let (controls, all) = (text.chars().filter(odd).count(), text.chars().count());
    (all > 0 && controls * 50 > all)
        .then(|| format!("{controls} of {all} characters are control characters: binary data?"))
}

fn encoding(head: &[u8]) -> Judged<Encoding> {
    let judged = |value, confidence, evidence: &str| Judged {
        value,
        confidence,
        evidence: evidence.to_owned(),
    };
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        return judged(Encoding::Utf8Bom, 0.99, "starts with the UTF-8 byte order mark");
    }
    if head.starts_with(&[0xff, 0xfe]) {
        return judged(Encoding::Utf16Le, 0.99, "starts with a UTF-16 byte order mark");
    }
    if head.starts_with(&[0xfe, 0xff]) {
        return judged(Encoding::Utf16Be, 0.99, "starts with a UTF-16 byte order mark");
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let half = head.len() / 2;
    let (even, odd) = (zeros(0), zeros(1));
    if head.len() >= 4 && even.max(odd) * 10 > half * 4 && even.min(odd) * 10 < half {
        let order = if even > odd { Encoding::Utf16Be } else { Encoding::Utf16Le };
        return judged(order, 0.9, "every second byte is zero");
    }
    match std::str::from_utf8(head) {
        Ok(_) if head.is_ascii() => judged(Encoding::Utf8, 0.95, "all characters are ASCII"),
        Ok(_) => judged(Encoding::Utf8, 0.98, "accented characters are valid UTF-8"),
        // The sample may end inside a character.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            judged(Encoding::Utf8, 0.97, "valid UTF-8 up to the cut")
        }
        Err(_) if head.iter().any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)) => {
            judged(Encoding::Windows1252, 0.3, "not UTF-8, and windows-1252 lacks some bytes too")
        }
        Err(_) => judged(Encoding::Windows1252, 0.85, "not UTF-8; every byte is windows-1252"),
    }
}

/// The text of `head`; bytes that do not fit become the replacement character.
pub(super) fn decode(head: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(head).into_owned(),
        Encoding::Utf8Bom => String::from_utf8_lossy(head.get(3..).unwrap_or(&[])).into_owned(),
        Encoding::Windows1252 => head.iter().map(|&byte| windows_1252(byte)).collect(),
        Encoding::Utf16Le | Encoding::Utf16Be => {
            let pairs = head.chunks_exact(2).map(|pair| match encoding {
                Encoding::Utf16Be => u16::from_be_bytes([pair[0], pair[1]]),
                _ => u16::from_le_bytes([pair[0], pair[1]]),
            });
            let text = char::decode_utf16(pairs).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
            text.skip_while(|c| *c == '\u{feff}').collect()
        }
    }
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

/// The first `most` rows, whatever their lengths.
pub(super) fn records(text: &str, delimiter: char, quote: char, most: usize) -> Vec<Vec<String>> {
    let byte = |c: char, other: u8| u8::try_from(c).unwrap_or(other);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(byte(delimiter, b','))
        .quote(byte(quote, b'"'))
        .from_reader(text.as_bytes());
    let read = reader.records().map_while(Result::ok).take(most);
    read.map(|record| record.iter().map(str::to_owned).collect()).collect()
}

fn quote(text: &str) -> Judged<char> {
    let wrapped = |mark: char| {
        let starts =
            DELIMITERS.map(|delimiter| text.matches(&format!("{delimiter}{mark}")).count());
        let ends = DELIMITERS.map(|delimiter| text.matches(&format!("{mark}{delimiter}")).count());
        starts.iter().zip(ends).map(|(start, end)| *start.min(&end)).max().unwrap_or(0)
    };
    let (double, single) = (wrapped('"'), wrapped('\''));
    let (value, confidence, evidence) = if single > 2 && single > 4 * double {
        ('\'', 0.85, format!("{single} fields stand in single quotes"))
    } else if double > 0 {
        ('"', 0.97, format!("{double} fields stand in double quotes"))
    } else {
        ('"', 0.8, "no field is quoted, so the usual mark".to_owned())
    };
    Judged { value, confidence, evidence }
}

/// How well a separator splits the text: consistency and cleanness of fields, and their number.
fn split_quality(text: &str, delimiter: char, quote: char) -> (f64, usize) {
    let rows = records(text, delimiter, quote, ROWS);
    let mut widths: Vec<usize> = rows.iter().map(Vec::len).collect();
    widths.sort_unstable();
    let Some(&width) = widths.get(widths.len() / 2) else { return (0.0, 0) };
    if width < 2 {
        return (0.0, width);
    }
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let consistent = share(rows.iter().filter(|row| row.len() == width).count(), rows.len());
    let header = if rows[0].len() == width { 1.0 } else { 0.5 };
    let cells: Vec<&String> = rows.iter().flatten().collect();
    let dirty = |cell: &&&String| {
        cell.contains([';', '\t', '|']) || (cell.contains(',') && number(cell, true).is_none())
    };
    let clean = 1.0 - 0.7 * share(cells.iter().filter(dirty).count(), cells.len());
    (consistent * header * clean, width)
}

fn delimiter(text: &str, quote: char) -> Judged<char> {
    let qualities = DELIMITERS.map(|delimiter| {
        let (quality, width) = split_quality(text, delimiter, quote);
        (quality, width, delimiter)
    });
    let first = qualities.iter().fold(qualities[0], |best, next| {
        // A clear gain in quality, or as good with more fields.
        let better = next.0 > best.0 + 0.05 || (next.0 > best.0 - 0.05 && next.1 > best.1);
        if better && next.0 > 0.0 { *next } else { best }
    });
    let (quality, width, value) = first;
    let rival = qualities.iter().filter(|other| other.2 != value).map(|other| other.0);
    let rival = rival.fold(0.0, f64::max);
    if quality == 0.0 {
        let evidence = "no separator splits the rows, so there is one column".to_owned();
        return Judged { value: ',', confidence: 0.5, evidence };
    }
    let evidence = format!("{} of the rows split cleanly into {width} fields", percent(quality));
    Judged { value, confidence: (quality * (1.0 - 0.4 * rival)).clamp(0.05, 0.99), evidence }
}

fn decimal_comma(rows: &[Vec<String>], delimiter: char) -> Judged<bool> {
    let marks = rows.iter().flatten().filter_map(|cell| decimal_mark(cell));
    let (commas, points) = marks.fold((0_usize, 0_usize), |(c, p), comma| match comma {
        true => (c + 1, p),
        false => (c, p + 1),
    });
    if commas + points == 0 {
        let value = false;
        let confidence = if delimiter == ';' { 0.5 } else { 0.7 };
        let evidence = "no number has a decimal mark".to_owned();
        return Judged { value, confidence, evidence };
    }
    let value = commas > points;
    let share = commas.max(points) as f64 / (commas + points) as f64;
    let word = if value { "comma" } else { "point" };
    let evidence = format!(
        "{} of {} numbers with a decimal mark have a {word}",
        commas.max(points),
        commas + points
    );
    Judged { value, confidence: 0.99 * share, evidence }
}

/// Whether a cell is data rather than a name.
fn is_value(cell: &str, decimal_comma: bool) -> bool {
    number(cell, decimal_comma).is_some()
        || dates::fit(std::iter::once(cell)).is_some()
        || cell.contains('@')
}

fn header(rows: &[Vec<String>], decimal_comma: bool) -> Judged<bool> {
    let judged = |value, confidence, evidence: String| Judged { value, confidence, evidence };
    let Some((first, rest)) = rows.split_first() else {
        return judged(false, 0.0, "there are no rows".to_owned());
    };
    let values = first.iter().filter(|cell| is_value(cell, decimal_comma)).count();
    let known = first.iter().filter(|cell| names::is_known(cell)).count();
    if values > known {
        let words = format!("{values} fields of the first row are numbers or dates");
        return judged(false, 0.95, words);
    }
    if known > 0 {
        let words = format!("{known} names of the first row are known");
        return judged(true, if known > 1 { 0.98 } else { 0.85 }, words);
    }
    let typed = (0..first.len().min(200)).filter(|&column| {
        let mut cells = rest.iter().filter_map(|row| row.get(column)).filter(|c| !missing(c));
        let any = cells.clone().next().is_some();
        any && cells.all(|cell| is_value(cell, decimal_comma))
    });
    let typed = typed.count();
    if typed > 0 && !rest.is_empty() {
        let words = format!("{typed} columns hold numbers or dates, but not in the first row");
        return judged(true, 0.9, words);
    }
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    let repeated = (0..first.len())
        .filter(|&column| rest.iter().any(|row| row.get(column) == first.get(column)))
        .count();
    if repeated > 0 || distinct.len() < first.len() || first.iter().any(|cell| missing(cell)) {
        let words = "the first row looks like the others".to_owned();
        return judged(false, 0.6, words);
    }
    judged(true, 0.6, "all is text, and the first row does not come again".to_owned())
}
