//! The third pass: from the kept lines of a part to customers, cells, features and counts.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::aggregate::{self, Grouping, Weeks};
use super::codec::{self, Decoder};
use super::error::DataError;
use super::history::Cell;
use super::intern::NO_BASKET;
use super::line::Line;
use super::prices::{Plausible, step_of};
use super::product_lines::{self, ProductCell};
use super::products::Products;
use super::rules::Account;
use super::spill::{N_PARTS, Spill};
use super::tally::Tally;
use crate::features::behaviour::{
    Contact, CustomerLog, FeatureComputer, FeatureContext, ProductFacts, Purchase,
};

/// What the third pass needs besides the lines.
pub(super) struct Assembler<'a> {
    pub(super) plausible: &'a [Plausible],
    pub(super) products: &'a Products,
    pub(super) grouping: &'a Grouping,
    pub(super) weeks: Weeks,
    pub(super) facts: &'a [ProductFacts],
    /// By product rank, the index among the products with a kept line.
    pub(super) product_index: &'a [u32],
    /// Contacts by customer rank, sorted by customer and day.
    pub(super) contacts: &'a [(u32, Contact)],
    /// Days before which the features read, ascending.
    pub(super) as_of: &'a [i32],
    /// One per thread.
    pub(super) tallies: &'a [Mutex<Tally>],
    /// Where the lines go by product.
    pub(super) by_product: &'a Spill,
    pub(super) spill_dir: &'a Path,
}

/// Some customers in order of their hash.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Ranks of the customers with a kept line, ascending.
    pub(super) ranks: Vec<u32>,
    /// Their cells, with the position in `ranks` for a customer index.
    pub(super) cells: Vec<Cell>,
    /// By date of `as_of`, the features of every customer, row by row.
    pub(super) features: Vec<Vec<f64>>,
    /// What the first of them bought product by product, with the position in `ranks` likewise.
    pub(super) lines: Vec<ProductCell>,
}

impl Assembler<'_> {
    /// Works through the encoded lines of a part, which are sorted; the purchases of the first
    /// `sampled` customers are also kept product by product.
    pub(super) fn part(
        &self,
        bytes: &[u8],
        sampled: u32,
        account: &mut Account,
    ) -> Result<Part, DataError> {
        let mut out = Part { features: vec![Vec::new(); self.as_of.len()], ..Part::default() };
        let mut by_product: Vec<Vec<u8>> = vec![Vec::new(); N_PARTS];
        let mut computer = FeatureComputer::new(FeatureContext {
            products: self.facts,
            n_categories: self.grouping.names.len(),
            first_day: self.weeks.first_day,
        });
        let mut lines = Vec::new();
        let mut purchases = Vec::new();
        let thread = rayon::current_thread_index().map_or(0, |index| index + 1);
        let mut tally = self.tallies[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let mut decoder = Decoder::new(bytes).peekable();
        while let Some(first) = decoder.peek() {
            let rank = first.customer;
            lines.clear();
            while let Some(line) = decoder.next_if(|line| line.customer == rank) {
                let plausible = &self.plausible[line.product as usize];
                match plausible.rejects(step_of(line.gross() / line.quantity)) {
                    Some(rule) => account.reject(line.row, rule, line.sales),
                    None => lines.push(line),
                }
            }
            if lines.is_empty() {
                continue;
            }
            tally.customer(&lines, &self.grouping.of_product, self.products);
            for line in &lines {
                codec::encode(&without_customer(line), &mut by_product[self.part_of(line.product)]);
            }
            let own = out.ranks.len() as u32;
            out.ranks.push(rank);
            self.features(rank, &lines, &mut purchases, &mut computer, &mut out.features);
            if own < sampled {
                let index = self.product_index;
                product_lines::cells(&lines, own, self.weeks, index, &mut out.lines);
            }
            aggregate::cells(
                &mut lines,
                own,
                self.weeks,
                self.grouping,
                self.products,
                &mut out.cells,
            );
        }
        drop(tally);
        for (part, bytes) in by_product.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            self.by_product.append(part, self.spill_dir, |out| out.extend_from_slice(bytes))?;
        }
        Ok(out)
    }

    /// The part of the second spill that a product belongs to; parts in order are products in order.
    pub(super) fn part_of(&self, product: u32) -> usize {
        product as usize * N_PARTS / self.plausible.len()
    }

    fn features(
        &self,
        rank: u32,
        lines: &[Line],
        purchases: &mut Vec<Purchase>,
        computer: &mut FeatureComputer<'_>,
        out: &mut [Vec<f64>],
    ) {
        if self.as_of.is_empty() {
            return;
        }
        purchases.clear();
        purchases.extend(lines.iter().map(purchase));
        let start = self.contacts.partition_point(|(customer, _)| *customer < rank);
        let end = self.contacts.partition_point(|(customer, _)| *customer <= rank);
        let contacts: Vec<Contact> =
            self.contacts[start..end].iter().map(|(_, contact)| *contact).collect();
        let log = CustomerLog { purchases, contacts: &contacts };
        computer.snapshots(&log, self.as_of, |index, features| {
            out[index].extend_from_slice(features);
        });
    }
}

fn purchase(line: &Line) -> Purchase {
    Purchase {
        day: line.day,
        hour: line.hour,
        basket: line.basket,
        product: line.product,
        store: line.store,
        quantity: line.quantity,
        gross: line.gross(),
        shelf_discount: line.shelf_discount,
        offer_discount: line.offer_discount,
    }
}

/// What the market's prices are made of: no person.
fn without_customer(line: &Line) -> Line {
    Line { customer: 0, basket: NO_BASKET, hour: 0, row: 0, ..*line }
}
