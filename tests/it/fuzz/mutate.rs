//! Ways to break bytes.

use promopt_envs::Stream;
use rand::Rng;

/// Where bytes are broken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bias {
    /// Anywhere.
    None,
    /// From this position on.
    From(usize),
}

/// What stands at the edge of what a reader expects.
const TOKENS: [&[u8]; 36] = [
    b"0",
    b"-0",
    b"-1",
    b"1e308",
    b"-1e308",
    b"1e-320",
    b"999999999999999999999999",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"9007199254740993",
    b"NaN",
    b"inf",
    b"NA",
    b"",
    b"1990-01-01",
    b"2100-12-31",
    b"2024-02-30",
    b"9999-99-99",
    b"31.12.2024",
    b"\"",
    b"\"\"",
    b"'",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xf0\x9f\x9b\x92",
    b"\xc3",
    b"\xff\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x08",
    b"PAR1",
];
const LONGEST_COPY: usize = 64;
const MOST_COPIES: usize = 2000;

/// Breaks the bytes in one to three places, most often in one.
pub(super) fn mutate(bytes: &mut Vec<u8>, bias: Bias, stream: &mut Stream) {
    for _ in 0..1 + stream.random_range(0..6_usize).saturating_sub(3) {
        let first = match bias {
            Bias::None => 0,
            Bias::From(position) => position.min(bytes.len()),
        };
        let at = stream.random_range(first..=bytes.len());
        once(bytes, at, stream);
    }
}

fn once(bytes: &mut Vec<u8>, at: usize, stream: &mut Stream) {
    let length = stream.random_range(0..=LONGEST_COPY).min(bytes.len() - at);
    match stream.random_range(0..13) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << stream.random_range(0..8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = stream.random();
            }
        }
        3 if stream.random_range(0..4) == 0 => bytes.truncate(at),
        3 | 4 => drop(bytes.drain(at..at + length)),
        5 => {
            let copy = bytes[at..at + length].to_vec();
            let to = stream.random_range(0..=bytes.len());
            drop(bytes.splice(to..to, copy));
        }
        6 | 7 => {
            let token = TOKENS[stream.random_range(0..TOKENS.len())];
            drop(bytes.splice(at..at, token.iter().copied()));
        }
        8 => replace_field(bytes, at, stream),
        9 => {
            let token = TOKENS[stream.random_range(0..TOKENS.len())];
            let end = (at + token.len()).min(bytes.len());
            drop(bytes.splice(at..end, token.iter().copied()));
        }
        10 => replace_everywhere(bytes, at, stream),
        11 => {
            let fill = [0x00, 0x7f, 0x80, 0xff][stream.random_range(0..4)];
            let end = at + length.min(9);
            bytes[at..end].fill(fill);
        }
        _ => {
            let copies = stream.random_range(1..MOST_COPIES);
            let copy = bytes[at..at + length].repeat(copies);
            drop(bytes.splice(at..at, copy));
        }
    }
}

/// Puts a token in the place of every cell or word that is the same as that around a position.
fn replace_everywhere(bytes: &mut Vec<u8>, at: usize, stream: &mut Stream) {
    let (start, end) = field(bytes, at);
    let old = bytes[start..end].to_vec();
    let token = TOKENS[stream.random_range(0..TOKENS.len())];
    let fields = bytes.split_inclusive(ends_field).flat_map(|part| {
        let (text, end) = match part {
            [text @ .., last] if ends_field(last) => (text, &part[text.len()..]),
            _ => (part, &[][..]),
        };
        [if text == old { token } else { text }, end].concat()
    });
    *bytes = fields.collect();
}

fn ends_field(byte: &u8) -> bool {
    matches!(byte, b',' | b';' | b'\n' | b' ' | b'=')
}

/// Start and end of the cell or word around a position.
fn field(bytes: &[u8], at: usize) -> (usize, usize) {
    let start = bytes[..at].iter().rposition(ends_field).map_or(0, |position| position + 1);
    let end = bytes[at..].iter().position(ends_field).map_or(bytes.len(), |length| at + length);
    (start, end)
}

/// Puts a token in the place of the whole cell or word around a position.
fn replace_field(bytes: &mut Vec<u8>, at: usize, stream: &mut Stream) {
    let (start, end) = field(bytes, at);
    let token = TOKENS[stream.random_range(0..TOKENS.len())];
    drop(bytes.splice(start..end, token.iter().copied()));
}
