//! Ranks for codes: numbers of customers, products and stores that do not depend on the order of rows.

use super::line::Line;
use super::scan::Scan;

/// Orders that do not depend on the order of rows.
#[derive(Debug)]
pub(super) struct Ranked {
    /// Code by rank, ascending by hash.
    pub(super) customers: Vec<u32>,
    pub(super) customer_ranks: Vec<u32>,
    pub(super) products: Vec<String>,
    pub(super) product_ranks: Vec<u32>,
    pub(super) stores: Vec<String>,
    pub(super) store_ranks: Vec<u32>,
}

impl Ranked {
    /// The orders of the names that the first pass met.
    pub(super) fn of(scan: &Scan) -> Self {
        let mut customers: Vec<u32> = (0..scan.hashes.len() as u32).collect();
        customers.sort_unstable_by(|a, b| {
            let key = |code: &u32| (&scan.hashes[*code as usize], scan.customers.name(*code));
            key(a).cmp(&key(b))
        });
        let mut customer_ranks = vec![0; customers.len()];
        for (rank, code) in customers.iter().enumerate() {
            customer_ranks[*code as usize] = rank as u32;
        }
        let (products, product_ranks) = scan.products.ranked();
        let (stores, store_ranks) = scan.stores.ranked();
        Self { customers, customer_ranks, products, product_ranks, stores, store_ranks }
    }

    /// A line with ranks for codes and discounts of positive sign.
    pub(super) fn line(&self, line: &Line, negative_discounts: [bool; 2]) -> Line {
        let signed = |value: f64, negative: bool| if negative { 0.0 - value } else { value };
        Line {
            customer: self.customer_ranks[line.customer as usize],
            product: self.product_ranks[line.product as usize],
            store: self.store_ranks.get(line.store as usize).copied().unwrap_or(line.store),
            shelf_discount: signed(line.shelf_discount, negative_discounts[0]),
            offer_discount: signed(line.offer_discount, negative_discounts[1]),
            ..*line
        }
    }
}

/// Names behind ranks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) scan: &'a Scan,
    pub(super) ranked: &'a Ranked,
}

impl Names<'_> {
    /// Hash of a customer.
    pub(super) fn hash(&self, rank: u32) -> &str {
        &self.scan.hashes[self.ranked.customers[rank as usize] as usize]
    }

    /// Identifier of a customer as in the files.
    pub(super) fn id(&self, rank: u32) -> &str {
        let code = self.ranked.customers[rank as usize];
        self.scan.customers.name(code).expect("every customer has a name")
    }

    /// Identifier of a product as in the files.
    pub(super) fn product(&self, rank: u32) -> &str {
        &self.ranked.products[rank as usize]
    }

    /// Identifier of a store as in the files.
    pub(super) fn store(&self, rank: u32) -> Option<&str> {
        self.ranked.stores.get(rank as usize).map(String::as_str)
    }
}
