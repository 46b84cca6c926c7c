//! What the rows of sales lines show together: baskets, and what the amounts of money mean.

use std::collections::BTreeMap;

use super::content::{Content, NO_CODE};

/// Who and when, row by row.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Position of the likely customer column.
    customer: Option<usize>,
    /// Position of the likely date column.
    date: Option<usize>,
    /// Customer and day of each row as one number; [`NO_CODE`] where unknown.
    customer_days: Vec<u32>,
    /// Codes of each column.
    codes: Vec<Vec<u32>>,
}

/// Fewer repeated values tell nothing.
const FEW: usize = 5;

impl Lines {
    /// `days` holds the text of the likely date column.
    pub(super) fn new(
        customer: Option<usize>,
        date: Option<(usize, Vec<&str>)>,
        contents: &[&Content],
    ) -> Self {
        let codes: Vec<Vec<u32>> = contents.iter().map(|content| content.codes.clone()).collect();
        let mut seen: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        let mut customer_days = Vec::new();
        if let (Some(customer), Some((_, days))) = (customer, &date) {
            for (&code, day) in codes[customer].iter().zip(days) {
                let next = u32::try_from(seen.len()).unwrap_or(NO_CODE - 1);
                let day = day.trim().split([' ', 'T']).next().unwrap_or("");
                customer_days.push(match code {
                    NO_CODE => NO_CODE,
                    code => *seen.entry((code, day)).or_insert(next),
                });
            }
        }
        Self { customer, date: date.map(|(column, _)| column), customer_days, codes }
    }

    /// Of the values that come again, the share that always come with the same customer and day.
    /// `None` where that says nothing.
    pub(super) fn one_customer_and_day(&self, column: usize) -> Option<f64> {
        if self.customer == Some(column) || self.date == Some(column) {
            return None;
        }
        let mut groups: BTreeMap<u32, (u32, usize, bool)> = BTreeMap::new();
        for (&value, &owner) in self.codes.get(column)?.iter().zip(&self.customer_days) {
            if value == NO_CODE || owner == NO_CODE {
                continue;
            }
            let group = groups.entry(value).or_insert((owner, 0, true));
            group.1 += 1;
            group.2 &= group.0 == owner;
        }
        let repeated = groups.values().filter(|group| group.1 > 1);
        let total = repeated.clone().count();
        let single = repeated.filter(|group| group.2).count();
        (total >= FEW).then(|| single as f64 / total as f64)
    }
}

/// Of the lines with two units or more, the share where `total` is quantity times `price`.
/// `None` with too few such lines.
pub(super) fn is_product(quantity: &[f64], price: &[f64], total: &[f64]) -> Option<f64> {
    let lines = quantity.iter().zip(price).zip(total);
    let lines = lines.map(|((quantity, price), total)| (*quantity, *price, *total));
    let told = lines.filter(|(q, p, t)| *q >= 2.0 && *p > 0.0 && t.is_finite() && *t != 0.0);
    let (mut all, mut equal) = (0_usize, 0_usize);
    for (quantity, price, total) in told {
        all += 1;
        let tolerance = 0.006 * quantity.max(1.0) + 0.001 * total.abs();
        equal += usize::from((quantity * price - total).abs() <= tolerance);
    }
    (all >= FEW).then(|| equal as f64 / all as f64)
}

/// Whether an amount stays the same when more units are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PriceVotes {
    /// Pairs of lines of one product where the amount stays as it is.
    pub(super) unit_price: usize,
    /// Pairs where it grows with the quantity.
    pub(super) line_value: usize,
}

/// Compares, product by product, the median amount of single units with lines of several units.
pub(super) fn price_votes(product: &[u32], quantity: &[f64], amount: &[f64]) -> PriceVotes {
    let mut singles: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    let rows = || product.iter().zip(quantity).zip(amount).map(|((p, q), a)| (*p, *q, *a));
    for (product, quantity, amount) in rows() {
        if product != NO_CODE && quantity == 1.0 && amount > 0.0 {
            singles.entry(product).or_default().push(amount);
        }
    }
    let mut votes = PriceVotes { unit_price: 0, line_value: 0 };
    for list in singles.values_mut() {
        list.sort_by(f64::total_cmp);
    }
    for (product, quantity, amount) in rows().filter(|row| row.1 >= 2.0 && row.2 > 0.0) {
        let Some(list) = singles.get(&product) else { continue };
        let single = list[list.len() / 2];
        // Nearer to one price or to that many prices, on the scale of ratios.
        let ratio = (amount / single).ln();
        if ratio.abs() < (ratio - quantity.ln()).abs() {
            votes.unit_price += 1;
        } else {
            votes.line_value += 1;
        }
    }
    votes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_quantity_and_price_are_recognised() {
        let quantity = [2.0, 3.0, 2.0, 4.0, 5.0, 1.0];
        let price = [1.5, 2.0, 0.99, 1.0, 2.0, 9.0];
        let total: Vec<f64> = quantity.iter().zip(price).map(|(q, p)| q * p).collect();
        assert_eq!(is_product(&quantity, &price, &total), Some(1.0));
        assert_eq!(is_product(&quantity, &price, &price), Some(0.0));
        assert_eq!(is_product(&[1.0], &[1.0], &[1.0]), None);
    }

    #[test]
    fn a_unit_price_does_not_grow_with_the_quantity() {
        let product = [0, 0, 0, 1, 1, 1];
        let quantity = [1.0, 2.0, 3.0, 1.0, 1.0, 4.0];
        let prices = price_votes(&product, &quantity, &[2.0, 2.0, 1.9, 5.0, 5.1, 5.0]);
        assert_eq!(prices, PriceVotes { unit_price: 3, line_value: 0 });
        let values = price_votes(&product, &quantity, &[2.0, 4.0, 5.8, 5.0, 5.1, 19.0]);
        assert_eq!(values, PriceVotes { unit_price: 0, line_value: 3 });
    }

    #[test]
    fn baskets_belong_to_one_customer_and_day() {
        let cells = |texts: &[&'static str]| Content::of(texts.iter().copied(), None, false);
        let customer = cells(&["a", "a", "b", "b", "a", "a", "b", "b", "c", "c"]);
        let basket = cells(&["1", "1", "2", "2", "3", "3", "4", "4", "5", "5"]);
        let store = cells(&["s", "t", "s", "t", "s", "t", "u", "v", "u", "v"]);
        let days = vec!["d1", "d1", "d1", "d1", "d2", "d2", "d2", "d2", "d3 10:00", "d3 11:00"];
        let date = cells(&["d"; 10]);
        let lines = Lines::new(Some(0), Some((3, days)), &[&customer, &basket, &store, &date]);
        assert_eq!(lines.one_customer_and_day(1), Some(1.0));
        assert_eq!(lines.one_customer_and_day(2), None, "too few stores to tell");
        assert_eq!(lines.one_customer_and_day(0), None);
    }
}
