//! The second pass: every part sorted and cleaned, and what its prices say together.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::aggregate::Weeks;
use super::clean::{self, Limits};
use super::codec::{self, Decoder};
use super::column::{date_of, day_of};
use super::config::DataConfig;
use super::error::DataError;
use super::ingest::{Request, setting};
use super::line::Line;
use super::prices::{self, Plausible, PriceCounts, PriceLimits};
use super::products::Products;
use super::ranks::Ranked;
use super::rules::Account;
use super::scan::Scan;
use super::spill::{N_PARTS, Spill};

/// What cleaning leaves behind.
pub(super) struct Cleaned {
    pub(super) spill: Spill,
    pub(super) counts: PriceCounts,
    pub(super) plausible: Vec<Plausible>,
}

/// Sorts and cleans part by part, then tells plausible prices from the counts of all parts.
pub(super) fn clean_parts(
    request: &Request<'_>,
    scan: &Scan,
    ranked: &Ranked,
    products: &Products,
    account: &mut Account,
) -> Result<Cleaned, DataError> {
    let config = request.config;
    let (first, last) = config.date_bounds()?;
    let days = (first.map_or(i32::MIN, day_of), last.map_or(i32::MAX, day_of));
    let limits = Limits { config: &config.clean, days, products };
    let n_products = ranked.products.len();
    let counts: Vec<Mutex<PriceCounts>> = (0..=rayon::current_num_threads())
        .map(|_| Mutex::new(PriceCounts::new(n_products)))
        .collect();
    let spill = Spill::new();
    let part = |part: usize| -> Result<Account, DataError> {
        let bytes = scan.spill.take(part, request.spill_dir)?;
        let mut lines: Vec<Line> =
            Decoder::new(&bytes).map(|line| ranked.line(&line, scan.negative_discounts)).collect();
        drop(bytes);
        let mut account = Account::new(request.list_rejected);
        clean::clean(&mut lines, &limits, &mut account);
        let thread = rayon::current_thread_index().map_or(0, |index| index + 1);
        let mut counts = counts[thread].lock().unwrap_or_else(PoisonError::into_inner);
        spill.append(part, request.spill_dir, |out| {
            for line in &lines {
                counts.add(line);
                codec::encode(line, out);
            }
        })?;
        Ok(account)
    };
    let accounts: Vec<Result<Account, DataError>> =
        (0..N_PARTS).into_par_iter().map(part).collect();
    for part in accounts {
        account.merge(part?);
    }
    let mut merged = PriceCounts::new(n_products);
    for counts in counts {
        merged.merge(&counts.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    let limits = PriceLimits {
        max_ratio: config.clean.max_price_ratio,
        outlier_z: config.clean.outlier_z,
        outlier_ratio: config.clean.outlier_ratio,
    };
    let plausible = merged.products().iter().map(|bins| prices::plausible(bins, &limits)).collect();
    Ok(Cleaned { spill, counts: merged, plausible })
}

impl Cleaned {
    fn kept(&self) -> impl Iterator<Item = (usize, &prices::Bin)> {
        let products = self.counts.products().iter().zip(&self.plausible).enumerate();
        products.flat_map(|(product, (bins, plausible))| {
            let kept = bins.iter().filter(|bin| plausible.rejects(bin.step).is_none());
            kept.map(move |bin| (product, bin))
        })
    }

    /// Kept sales value by product, millionths.
    pub(super) fn sales_by_product(&self) -> Vec<i128> {
        let mut sales = vec![0; self.plausible.len()];
        self.kept().for_each(|(product, bin)| sales[product] += bin.sales);
        sales
    }

    /// Which products have a kept line, by rank.
    pub(super) fn sold(&self) -> Vec<bool> {
        let mut sold = vec![false; self.plausible.len()];
        self.kept().for_each(|(product, _)| sold[product] = true);
        sold
    }

    /// The weeks of the history, and its first and last day with a sale.
    pub(super) fn weeks(&self, config: &DataConfig) -> (Weeks, (i32, i32)) {
        let first = self.kept().map(|(_, bin)| bin.first_day).min().unwrap_or(0);
        let last = self.kept().map(|(_, bin)| bin.last_day).max().unwrap_or(0);
        let first_day = day_of(config.week_starts.week_of(date_of(first)));
        let count = ((last - first_day) / 7 + 1) as u32;
        (Weeks { first_day, count }, (first, last))
    }
}

/// Refuses a history without a line.
pub(super) fn refuse_empty(
    cleaned: &Cleaned,
    account: &Account,
    config: &DataConfig,
) -> Result<(), DataError> {
    if cleaned.kept().next().is_some() {
        return Ok(());
    }
    let counts = account.counts(|rule| setting(rule, config));
    let worst = counts.into_iter().rev().max_by_key(|rule| rule.rows);
    let (rule, reason) = worst.map(|rule| (rule.name, rule.reason)).unwrap_or_default();
    Err(DataError::EmptyAfterCleaning { rows_in: account.rows_in, rule, reason })
}
