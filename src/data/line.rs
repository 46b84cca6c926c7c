//! Transaction lines in one canonical order, so that no later sum depends on the order of rows.

use std::cmp::Ordering;

use super::column::{Identifiers, MISSING, MISSING_DAY};
use super::history::hash_customer;
use super::table::Table;

/// One transaction line; identifiers are ranks, so they sort the same however rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) customer: u32,
    pub(super) day: i32,
    pub(super) product: u32,
    pub(super) basket: u32,
    pub(super) store: u32,
    pub(super) quantity: f64,
    pub(super) sales: f64,
    pub(super) shelf_discount: f64,
    pub(super) offer_discount: f64,
    /// Row of the table, to say where a rejected line stood.
    pub(super) row: u32,
}

/// A customer's hash and identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Customer {
    pub(super) hash: String,
    pub(super) id: String,
}

/// All transaction lines, sorted.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// By customer rank, sorted by hash.
    pub(super) customers: Vec<Customer>,
    /// By product rank, sorted by identifier.
    pub(super) products: Vec<String>,
    /// Whether baskets are recorded.
    pub(super) has_baskets: bool,
    /// What was noticed while reading.
    pub(super) notes: Vec<String>,
}

impl Line {
    /// Value at the regular shelf price.
    pub(super) fn gross(&self) -> f64 {
        self.sales + self.shelf_discount + self.offer_discount
    }

    /// Order over all fields that are read from the files.
    pub(super) fn compare(&self, other: &Line) -> Ordering {
        let key = |line: &Line| (line.customer, line.day, line.product, line.basket, line.store);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.quantity.total_cmp(&other.quantity))
            .then_with(|| self.sales.total_cmp(&other.sales))
            .then_with(|| self.shelf_discount.total_cmp(&other.shelf_discount))
            .then_with(|| self.offer_discount.total_cmp(&other.offer_discount))
    }
}

/// Turns the transactions table into sorted lines.
pub(super) fn sorted_lines(table: &Table, salt: &str) -> Lines {
    let mut notes = Vec::new();
    let (customers, customer_ranks) = rank_customers(table.identifiers("customer_id"), salt);
    let ranked = |name: &str| table.identifiers(name).map(Identifiers::ranked).unwrap_or_default();
    let (products, product_ranks) = ranked("product_id");
    let (_, basket_ranks) = ranked("basket_id");
    let (_, store_ranks) = ranked("store_id");
    let codes = |name: &str| table.identifiers(name).map(|column| column.codes.as_slice());
    let columns = [
        (codes("customer_id"), customer_ranks),
        (codes("product_id"), product_ranks),
        (codes("basket_id"), basket_ranks),
        (codes("store_id"), store_ranks),
    ];
    let rank = |column: usize, row: usize| {
        let (codes, ranks) = &columns[column];
        codes.and_then(|codes| ranks.get(codes[row] as usize)).copied().unwrap_or(MISSING)
    };
    let number = |values: Option<&[f64]>, row: usize| values.map_or(f64::NAN, |values| values[row]);
    let (quantity, sales) = (table.numbers("quantity"), table.numbers("sales_value"));
    let days = table.days("date");
    let shelf = discounts(table, "shelf_discount", &mut notes);
    let offer = discounts(table, "offer_discount", &mut notes);
    let line = |row: usize| Line {
        customer: rank(0, row),
        day: days.map_or(MISSING_DAY, |days| days[row]),
        product: rank(1, row),
        basket: rank(2, row),
        store: rank(3, row),
        quantity: number(quantity, row),
        sales: number(sales, row),
        shelf_discount: shelf.get(row).copied().unwrap_or(0.0),
        offer_discount: offer.get(row).copied().unwrap_or(0.0),
        row: row as u32,
    };
    let mut lines: Vec<Line> = (0..table.rows).map(line).collect();
    // Of equal lines the one that stands first in the files stays first.
    lines.sort_unstable_by(|left, right| left.compare(right).then(left.row.cmp(&right.row)));
    let has_baskets = codes("basket_id").is_some();
    Lines { lines, customers, products, has_baskets, notes }
}

fn rank_customers(column: Option<&Identifiers>, salt: &str) -> (Vec<Customer>, Vec<u32>) {
    let names = column.map(|column| column.names.as_slice()).unwrap_or_default();
    let mut order: Vec<(Customer, usize)> = names
        .iter()
        .enumerate()
        .map(|(code, id)| (Customer { hash: hash_customer(salt, id), id: id.clone() }, code))
        .collect();
    order.sort_unstable();
    let mut ranks = vec![0; names.len()];
    for (rank, (_, code)) in order.iter().enumerate() {
        ranks[*code] = rank as u32;
    }
    (order.into_iter().map(|(customer, _)| customer).collect(), ranks)
}

/// A discount column with missing as 0 and with positive sign.
fn discounts(table: &Table, name: &str, notes: &mut Vec<String>) -> Vec<f64> {
    let Some(values) = table.numbers(name) else { return Vec::new() };
    let negative = values.iter().filter(|value| **value < 0.0).count();
    let positive = values.iter().filter(|value| **value > 0.0).count();
    let sign = if negative > positive { -1.0 } else { 1.0 };
    if sign < 0.0 {
        notes.push(format!(
            "`{name}` is negative in {negative} of {} non-zero rows; its sign was flipped",
            negative + positive
        ));
    }
    // Adding 0 turns -0 into 0, which would otherwise be another bit pattern.
    values.iter().map(|value| if value.is_nan() { 0.0 } else { sign * value + 0.0 }).collect()
}
