//! Names as small integers: each distinct name gets a code when it first appears.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::batch::{MISSING_WHOLE, Values};
use super::column::MISSING;

/// Distinct names in order of appearance.
///
/// Codes depend on the order of rows; [`ranked`](Self::ranked) gives numbers that do not.
#[derive(Debug, Default)]
pub(super) struct Interner {
    names: Vec<Box<str>>,
    by_text: HashMap<Box<[u8]>, u32, FixedState>,
    by_whole: HashMap<i64, u32, FixedState>,
}

impl Interner {
    /// The code of a name, which is UTF-8; an empty name is missing.
    pub(super) fn intern(&mut self, name: &[u8]) -> u32 {
        if name.is_empty() {
            return MISSING;
        }
        if let Some(code) = self.by_text.get(name) {
            return *code;
        }
        let code = self.names.len() as u32;
        self.names.push(String::from_utf8_lossy(name).into());
        self.by_text.insert(name.into(), code);
        code
    }

    /// The code of an integer, the same as that of its decimal digits.
    pub(super) fn intern_whole(&mut self, name: i64) -> u32 {
        if name == MISSING_WHOLE {
            return MISSING;
        }
        if let Some(code) = self.by_whole.get(&name) {
            return *code;
        }
        let code = self.intern(name.to_string().as_bytes());
        self.by_whole.insert(name, code);
        code
    }

    /// The code of a known name.
    pub(super) fn code(&self, name: &[u8]) -> Option<u32> {
        self.by_text.get(name).copied()
    }

    /// The code of a known name that is an integer.
    pub(super) fn code_of_whole(&self, name: i64) -> Option<u32> {
        let known = self.by_whole.get(&name).copied();
        known.or_else(|| self.code(name.to_string().as_bytes()))
    }

    /// Appends the codes of a column of identifiers.
    pub(super) fn codes_into(&mut self, column: &Values, codes: &mut Vec<u32>) {
        match column {
            Values::Text(texts) => {
                if let Some((shared, rows)) = texts.sharing() {
                    let of_text: Vec<u32> = shared.map(|text| self.intern(text)).collect();
                    codes.extend(rows.iter().map(|at| of_text[*at as usize]));
                } else {
                    codes.extend(texts.iter().map(|text| self.intern(text)));
                }
            }
            Values::Whole(wholes) => codes.extend(wholes.iter().map(|w| self.intern_whole(*w))),
            Values::Numbers(_) | Values::Moments(_) => {
                unreachable!("a reader gives identifiers as text or integers")
            }
        }
    }

    /// The name of a code; `None` for [`MISSING`].
    pub(super) fn name(&self, code: u32) -> Option<&str> {
        self.names.get(code as usize).map(AsRef::as_ref)
    }

    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Names in ascending order, and the rank of each code; independent of the order of rows.
    pub(super) fn ranked(&self) -> (Vec<String>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.names[*a as usize].cmp(&self.names[*b as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, code) in order.iter().enumerate() {
            ranks[*code as usize] = rank as u32;
        }
        (order.into_iter().map(|code| self.names[code as usize].to_string()).collect(), ranks)
    }
}

/// Key of a basket that is not recorded.
pub(super) const NO_BASKET: u64 = u64::MAX;

/// A basket as 64 bits without a table of all baskets, which there may be tens of millions of.
///
/// Plain non-negative integers below 2⁶² are themselves; other names are hashed (FNV-1a, mixed) into
/// the upper half. Among n hashed baskets two share a key with probability about n² / 2⁶⁴ (ten
/// million: 5e-6), and only a customer who owned both on one day would notice.
pub(super) fn basket_key(name: &[u8]) -> u64 {
    const LARGEST: u64 = 1 << 62;
    if name.is_empty() {
        return NO_BASKET;
    }
    let plain = name.len() <= 19
        && name.iter().all(u8::is_ascii_digit)
        && (name[0] != b'0' || name.len() == 1);
    if plain {
        let whole = name.iter().fold(0_u64, |sum, digit| 10 * sum + u64::from(digit - b'0'));
        if whole < LARGEST {
            return whole;
        }
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 29;
    (hash | 1 << 63).min(NO_BASKET - 1)
}

/// The same key for a basket that the file holds as an integer.
pub(super) fn basket_key_of_whole(name: i64) -> u64 {
    match name {
        MISSING_WHOLE => NO_BASKET,
        0..0x4000_0000_0000_0000 => name as u64,
        _ => basket_key(name.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_and_its_digits_are_one_name() {
        let mut names = Interner::default();
        assert_eq!(names.intern_whole(42), 0);
        assert_eq!((names.intern(b"42"), names.intern(b"b"), names.intern(b"")), (0, 1, MISSING));
        assert_eq!((names.intern_whole(MISSING_WHOLE), names.intern_whole(42)), (MISSING, 0));
        assert_eq!((names.code(b"b"), names.name(1), names.len()), (Some(1), Some("b"), 2));
    }

    #[test]
    fn ranks_do_not_depend_on_the_order_of_rows() {
        let mut names = Interner::default();
        let codes = ["b", "", "a", "b"].map(|name| names.intern(name.as_bytes()));
        assert_eq!(codes, [0, MISSING, 1, 0]);
        assert_eq!(names.ranked(), (vec!["a".to_owned(), "b".to_owned()], vec![1, 0]));
    }

    #[test]
    fn a_basket_has_one_key_however_the_file_holds_it() {
        for whole in [0, 7, 31_198_570_044, (1 << 62) - 1, 1 << 62, -5, i64::MAX] {
            assert_eq!(basket_key_of_whole(whole), basket_key(whole.to_string().as_bytes()));
        }
        assert_eq!(basket_key(b"12"), 12);
        assert_ne!(basket_key(b"012"), 12);
        assert!(basket_key(b"A12") >= 1 << 63);
        assert_eq!((basket_key(b""), basket_key_of_whole(i64::MIN)), (NO_BASKET, NO_BASKET));
    }
}
