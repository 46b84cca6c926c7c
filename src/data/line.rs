//! One transaction line, and the one order in which lines are worked through.

use std::cmp::Ordering;

/// One transaction line; after ranking, identifiers sort the same however rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) customer: u32,
    pub(super) day: i32,
    /// Hour of the day; 255 when unknown.
    pub(super) hour: u8,
    pub(super) product: u32,
    pub(super) store: u32,
    pub(super) basket: u64,
    pub(super) quantity: f64,
    pub(super) sales: f64,
    pub(super) shelf_discount: f64,
    pub(super) offer_discount: f64,
    /// Row of the table, to say where a rejected line stood.
    pub(super) row: u32,
}

impl Line {
    /// Value at the regular shelf price.
    pub(super) fn gross(&self) -> f64 {
        self.sales + self.shelf_discount + self.offer_discount
    }

    /// Order over all fields that are read from the files: customer, day, basket, product first.
    pub(super) fn compare(&self, other: &Line) -> Ordering {
        let first = |line: &Line| (line.customer, line.day, line.basket);
        first(self).cmp(&first(other)).then_with(|| self.compare_contents(other))
    }

    /// Order over all fields that say what was bought, whatever customers and baskets are called.
    pub(super) fn compare_contents(&self, other: &Line) -> Ordering {
        let first = |line: &Line| (line.day, line.product, line.store, line.hour);
        first(self)
            .cmp(&first(other))
            .then_with(|| self.quantity.total_cmp(&other.quantity))
            .then_with(|| self.sales.total_cmp(&other.sales))
            .then_with(|| self.shelf_discount.total_cmp(&other.shelf_discount))
            .then_with(|| self.offer_discount.total_cmp(&other.offer_discount))
    }
}
