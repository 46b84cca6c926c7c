//! The first pass: reads every transaction line once and sends it to the part of its customer.
//!
//! Only names and counts stay in memory. A part holds the customers whose hash begins with the same
//! byte, so parts in order are customers in order, and hashes cut them evenly.

use std::ops::Range;
use std::path::Path;
use std::sync::mpsc;

use rayon::prelude::*;

use super::batch::{IMPOSSIBLE_DAY, MISSING_DAY, Moment, Values};
use super::clean::lacks_key;
use super::codec;
use super::column::MISSING;
use super::config::DataConfig;
use super::error::DataError;
use super::forget::Forgotten;
use super::history::hash_customer;
use super::ingest::Request;
use super::intern::{Interner, NO_BASKET, basket_key, basket_key_of_whole};
use super::line::Line;
use super::rules::{Account, Rule};
use super::schema::TRANSACTIONS;
use super::spill::{N_PARTS, Spill};
use super::table::{self, Origins, TableBatch};

/// Rows that one thread encodes at a time.
const ROWS_AT_ONCE: usize = 1 << 15;
/// Batches that may wait between the reader and the rest.
const BATCHES_AHEAD: usize = 4;

/// What the first pass leaves behind.
#[derive(Debug)]
pub(super) struct Scan {
    /// The lines by part of their customer, with codes for names.
    pub(super) spill: Spill,
    pub(super) customers: Interner,
    /// Hash of each customer, by code.
    pub(super) hashes: Vec<String>,
    pub(super) products: Interner,
    pub(super) stores: Interner,
    pub(super) origins: Origins,
    pub(super) rows: u64,
    /// Canonical columns that are mapped, with the number of rows in which each is missing.
    pub(super) missing: Vec<(&'static str, u64)>,
    /// Whether shelf and offer discounts are negative in the files.
    pub(super) negative_discounts: [bool; 2],
    pub(super) notes: Vec<String>,
}

/// Reads the transactions; rejected lines go into the account.
pub(super) fn scan(
    request: &Request<'_>,
    dir: &Path,
    account: &mut Account,
) -> Result<Scan, DataError> {
    let config = request.config;
    let mut scanner = Scanner {
        salt: request.salt,
        spill_dir: request.spill_dir,
        forgotten: request.forgotten,
        account,
        spill: Spill::new(),
        customers: Interner::default(),
        hashes: Vec::new(),
        is_forgotten: Vec::new(),
        parts: Vec::new(),
        products: Interner::default(),
        stores: Interner::default(),
        missing: vec![None; TRANSACTIONS.columns.len()],
        signs: [[0; 2]; 2],
        impossible: 0,
        first_impossible: 0,
    };
    // One thread decodes while this one takes in: decoding is the larger half for CSV, taking in
    // for Parquet.
    let (sender, receiver) = mpsc::sync_channel::<TableBatch>(BATCHES_AHEAD);
    let (origins, rows) = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            table::stream(&TRANSACTIONS, &config.transactions, dir, &mut |batch| {
                // The other end hangs up only after an error of its own, which is reported instead.
                sender.send(batch).map_err(|_| stopped(dir))
            })
        });
        let taken = receiver.iter().try_for_each(|batch| scanner.take(&batch));
        drop(receiver);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    })?;
    let rows = rows as u64;
    scanner.refuse_impossible_dates(config, &origins, rows)?;
    Ok(scanner.finish(origins, rows))
}

fn stopped(dir: &Path) -> DataError {
    DataError::Spill { dir: dir.to_owned(), reason: "the second pass stopped".to_owned() }
}

/// One batch as columns, with codes for names.
struct Columns<'a> {
    first_row: usize,
    customers: Vec<u32>,
    products: Vec<u32>,
    stores: Vec<u32>,
    baskets: Option<&'a Values>,
    moments: &'a [Moment],
    quantity: &'a [f64],
    sales: &'a [f64],
    discounts: [&'a [f64]; 2],
}

impl Columns<'_> {
    fn line(&self, row: usize) -> Line {
        let Moment { day, hour } = self.moments.get(row).copied().unwrap_or(Moment::MISSING);
        let number = |values: &[f64]| values.get(row).copied().unwrap_or(f64::NAN);
        // Adding 0 turns -0 into 0, which would otherwise be another bit pattern.
        let discount = |values: &[f64]| match number(values) {
            value if value.is_nan() => 0.0,
            value => value + 0.0,
        };
        Line {
            customer: self.customers[row],
            day,
            hour,
            product: self.products[row],
            store: self.stores[row],
            basket: basket(self.baskets, row),
            quantity: number(self.quantity) + 0.0,
            sales: number(self.sales) + 0.0,
            shelf_discount: discount(self.discounts[0]),
            offer_discount: discount(self.discounts[1]),
            row: (self.first_row + row) as u32,
        }
    }
}

/// What some rows of a batch came to.
struct Routed {
    account: Account,
    /// Encoded lines by part.
    parts: Vec<Vec<u8>>,
    impossible: u64,
    /// Row of the first impossible date, where there is one.
    first_impossible: usize,
}

struct Scanner<'a> {
    salt: &'a str,
    spill_dir: &'a Path,
    forgotten: &'a Forgotten,
    account: &'a mut Account,
    spill: Spill,
    customers: Interner,
    hashes: Vec<String>,
    /// Whether a customer is left out, by code.
    is_forgotten: Vec<bool>,
    /// Part of each customer, by code.
    parts: Vec<u8>,
    products: Interner,
    stores: Interner,
    /// By canonical column, where it is mapped.
    missing: Vec<Option<u64>>,
    /// Negative and positive values of the shelf and the offer discount.
    signs: [[u64; 2]; 2],
    impossible: u64,
    first_impossible: usize,
}

impl Scanner<'_> {
    fn take(&mut self, batch: &TableBatch) -> Result<(), DataError> {
        for (index, values) in batch.columns.iter().enumerate() {
            if let Some(values) = values {
                *self.missing[index].get_or_insert(0) += values.missing() as u64;
            }
        }
        let columns = self.columns(batch);
        while self.hashes.len() < self.customers.len() {
            let name = self.customers.name(self.hashes.len() as u32);
            let hash = hash_customer(self.salt, name.expect("codes are counted from 0"));
            self.parts.push(u8::from_str_radix(&hash[..2], 16).expect("a hash is in hex"));
            self.is_forgotten.push(self.forgotten.holds(self.salt, &hash));
            self.hashes.push(hash);
        }
        for (signs, values) in self.signs.iter_mut().zip(columns.discounts) {
            signs[0] += values.iter().filter(|value| **value < 0.0).count() as u64;
            signs[1] += values.iter().filter(|value| **value > 0.0).count() as u64;
        }
        let starts: Vec<usize> = (0..batch.rows).step_by(ROWS_AT_ONCE).collect();
        let routed: Vec<Routed> = starts
            .into_par_iter()
            .map(|start| self.route(&columns, start..batch.rows.min(start + ROWS_AT_ONCE)))
            .collect();
        for one in routed {
            self.account.merge(one.account);
            if self.impossible == 0 {
                self.first_impossible = one.first_impossible;
            }
            self.impossible += one.impossible;
            let filled = one.parts.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty());
            for (part, bytes) in filled {
                self.spill.append(part, self.spill_dir, |out| out.extend_from_slice(bytes))?;
            }
        }
        Ok(())
    }

    /// The columns of a batch with codes for names.
    fn columns<'b>(&mut self, batch: &'b TableBatch) -> Columns<'b> {
        let column = |name: &str| batch.columns[TRANSACTIONS.position(name)].as_ref();
        let numbers = |name: &str| match column(name) {
            Some(Values::Numbers(numbers)) => numbers.as_slice(),
            _ => &[],
        };
        let (customers, (products, stores)) = rayon::join(
            || codes(&mut self.customers, column("customer_id"), batch.rows),
            || {
                let products = codes(&mut self.products, column("product_id"), batch.rows);
                (products, codes(&mut self.stores, column("store_id"), batch.rows))
            },
        );
        Columns {
            first_row: batch.first_row,
            customers,
            products,
            stores,
            baskets: column("basket_id"),
            moments: match column("date") {
                Some(Values::Moments(moments)) => moments.as_slice(),
                _ => &[],
            },
            quantity: numbers("quantity"),
            sales: numbers("sales_value"),
            discounts: [numbers("shelf_discount"), numbers("offer_discount")],
        }
    }

    /// Sends rows of a batch to the parts of their customers.
    fn route(&self, columns: &Columns<'_>, rows: Range<usize>) -> Routed {
        let list = self.account.listed.is_some();
        let mut routed = Routed {
            account: Account::new(list),
            parts: vec![Vec::new(); N_PARTS],
            impossible: 0,
            first_impossible: 0,
        };
        for row in rows {
            let mut line = columns.line(row);
            routed.account.read(line.sales);
            if let Some(rule) = self.first_rule(&line) {
                if rule == Rule::ImpossibleDate {
                    if routed.impossible == 0 {
                        routed.first_impossible = line.row as usize;
                    }
                    routed.impossible += 1;
                }
                routed.account.reject(line.row, rule, line.sales);
                continue;
            }
            if !list {
                // Only a list of rejected lines says where they stood.
                line.row = 0;
            }
            let part = usize::from(self.parts[line.customer as usize]);
            codec::encode(&line, &mut routed.parts[part]);
        }
        routed
    }

    /// The rules that a line's own fields decide before anything is known of others.
    fn first_rule(&self, line: &Line) -> Option<Rule> {
        if self.is_forgotten.get(line.customer as usize) == Some(&true) {
            Some(Rule::ForgottenCustomer)
        } else if lacks_key(line, line.day == MISSING_DAY) {
            Some(Rule::MissingKey)
        } else {
            (line.day == IMPOSSIBLE_DAY).then_some(Rule::ImpossibleDate)
        }
    }

    fn refuse_impossible_dates(
        &self,
        config: &DataConfig,
        origins: &Origins,
        rows: u64,
    ) -> Result<(), DataError> {
        let allowed = config.clean.max_impossible_dates * rows as f64;
        if self.impossible as f64 <= allowed {
            return Ok(());
        }
        let (file, row) = origins.of(self.first_impossible);
        let (table, file) = (TRANSACTIONS.table, file.to_owned());
        Err(DataError::ImpossibleDates { table, file, row, found: self.impossible, rows })
    }

    fn finish(self, origins: Origins, rows: u64) -> Scan {
        let mut notes = Vec::new();
        let mut negative_discounts = [false; 2];
        for (index, name) in ["shelf_discount", "offer_discount"].into_iter().enumerate() {
            let [negative, positive] = self.signs[index];
            negative_discounts[index] = negative > positive;
            if negative > positive {
                let all = negative + positive;
                notes.push(format!(
                    "`{name}` is negative in {negative} of {all} non-zero rows; its sign was flipped"
                ));
            }
        }
        let missing = TRANSACTIONS.columns.iter().zip(&self.missing);
        Scan {
            spill: self.spill,
            customers: self.customers,
            hashes: self.hashes,
            products: self.products,
            stores: self.stores,
            origins,
            rows,
            missing: missing.filter_map(|(c, n)| Some((c.name, (*n)?))).collect(),
            negative_discounts,
            notes,
        }
    }
}

fn codes(names: &mut Interner, column: Option<&Values>, rows: usize) -> Vec<u32> {
    let mut codes = Vec::with_capacity(rows);
    match column {
        Some(column) => names.codes_into(column, &mut codes),
        None => codes.resize(rows, MISSING),
    }
    codes
}

fn basket(column: Option<&Values>, row: usize) -> u64 {
    match column {
        Some(Values::Text(texts)) => basket_key(texts.get(row)),
        Some(Values::Whole(wholes)) => basket_key_of_whole(wholes[row]),
        _ => NO_BASKET,
    }
}
