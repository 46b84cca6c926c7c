//! A transaction line as few bytes: what lies between two passes over the data.
//!
//! Money that is a whole number of cents, and quantities that are whole, are stored as short
//! integers; everything else keeps its 64 bits, so what is read back is exact.

use super::line::Line;
use super::rules::nearest_whole;

/// Bits of the first byte of a line, two for each number.
const ZERO: u8 = 0;
const SCALED: u8 = 1;
const EXACT: u8 = 2;

/// Appends a line.
pub(super) fn encode(line: &Line, out: &mut Vec<u8>) {
    let numbers = numbers(line);
    let kinds = [
        kind(numbers[0], 1.0),
        kind(numbers[1], 100.0),
        kind(numbers[2], 100.0),
        kind(numbers[3], 100.0),
    ];
    out.push(kinds[0].0 | kinds[1].0 << 2 | kinds[2].0 << 4 | kinds[3].0 << 6);
    // Days were checked to lie between 1990 and 2100, which is 7,305 to 47,846.
    out.extend_from_slice(&(line.day as u16).to_le_bytes());
    out.push(line.hour);
    unsigned(u64::from(line.customer), out);
    unsigned(u64::from(line.product), out);
    // One more, so that the largest value, which stands for "missing", is the shortest.
    unsigned(u64::from(line.store.wrapping_add(1)), out);
    unsigned(line.basket.wrapping_add(1), out);
    unsigned(u64::from(line.row), out);
    for (index, (kind, scaled)) in kinds.into_iter().enumerate() {
        match kind {
            SCALED => unsigned(((scaled << 1) ^ (scaled >> 63)) as u64, out),
            EXACT => out.extend_from_slice(&numbers[index].to_le_bytes()),
            _ => {}
        }
    }
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads the lines that [`encode`] wrote, in order.
pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, tail) =
            self.bytes.split_first_chunk().expect("the encoder wrote the whole line");
        self.bytes = tail;
        *head
    }

    fn unsigned(&mut self) -> u64 {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let [byte] = self.take();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    fn number(&mut self, kind: u8, index: usize) -> f64 {
        match kind {
            SCALED => {
                let zigzag = self.unsigned();
                let scaled = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                if index == 0 { scaled as f64 } else { scaled as f64 / 100.0 }
            }
            EXACT => f64::from_le_bytes(self.take()),
            _ => 0.0,
        }
    }
}

impl Iterator for Decoder<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.bytes.is_empty() {
            return None;
        }
        let [kinds] = self.take();
        let day = i32::from(u16::from_le_bytes(self.take()));
        let [hour] = self.take();
        let customer = self.unsigned() as u32;
        let product = self.unsigned() as u32;
        let store = (self.unsigned() as u32).wrapping_sub(1);
        let basket = self.unsigned().wrapping_sub(1);
        let row = self.unsigned() as u32;
        Some(Line {
            customer,
            day,
            hour,
            product,
            store,
            basket,
            row,
            quantity: self.number(kinds & 3, 0),
            sales: self.number(kinds >> 2 & 3, 1),
            shelf_discount: self.number(kinds >> 4 & 3, 2),
            offer_discount: self.number(kinds >> 6, 3),
        })
    }
}

fn numbers(line: &Line) -> [f64; 4] {
    [line.quantity, line.sales, line.shelf_discount, line.offer_discount]
}

/// How a number is stored, and the integer when it is a scaled one.
fn kind(number: f64, scale: f64) -> (u8, i64) {
    let scaled = nearest_whole(number * scale);
    if number.to_bits() == 0 {
        (ZERO, 0)
    } else if scaled != 0
        && scaled.unsigned_abs() < 1 << 50
        && (scaled as f64 / scale).to_bits() == number.to_bits()
    {
        (SCALED, scaled)
    } else {
        (EXACT, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::MISSING;
    use super::super::intern::NO_BASKET;
    use super::*;

    fn number() -> impl Strategy<Value = f64> {
        let any = any::<f64>().prop_filter("finite", |x| x.is_finite());
        let cents = (-1_000_000_i64..1_000_000).prop_map(|cents| cents as f64 / 100.0);
        prop_oneof![Just(0.0), Just(-0.0), Just(0.005), cents, any]
    }

    prop_compose! {
        fn line()(
            ids in any::<[u32; 3]>(), basket in any::<u64>(), store_known in any::<bool>(),
            day in 7305..47_847_i32, hour in any::<u8>(), row in any::<u32>(),
            numbers in [number(), number(), number(), number()],
        ) -> Line {
            let [customer, product, store] = ids;
            let [quantity, sales, shelf_discount, offer_discount] = numbers;
            let store = if store_known { store } else { MISSING };
            let basket = if store_known { basket } else { NO_BASKET };
            Line {
                customer, day, hour, product, store, basket, row,
                quantity, sales, shelf_discount, offer_discount,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_bit_equal(lines in prop::collection::vec(line(), 0..20)) {
            let mut bytes = Vec::new();
            lines.iter().for_each(|line| encode(line, &mut bytes));
            let back: Vec<Line> = Decoder::new(&bytes).collect();
            prop_assert_eq!(back.len(), lines.len());
            for (back, line) in back.iter().zip(&lines) {
                prop_assert_eq!(numbers(back).map(f64::to_bits), numbers(line).map(f64::to_bits));
                prop_assert_eq!(back, line);
            }
        }
    }

    #[test]
    fn an_ordinary_line_takes_fewer_than_thirty_bytes() {
        let line = Line {
            customer: 400_000,
            day: 17_200,
            hour: 18,
            product: 40_000,
            store: 367,
            basket: 31_198_570_044,
            row: 90_000_000,
            quantity: 1.0,
            sales: 2.99,
            shelf_discount: 0.5,
            offer_discount: 0.0,
        };
        let mut bytes = Vec::new();
        encode(&line, &mut bytes);
        assert!(bytes.len() < 30, "{} bytes", bytes.len());
    }
}
