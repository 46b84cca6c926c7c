//! One pass over a customer's rows that stops at every date for which features are asked.

use super::contacts::ContactLedger;
use super::ledger::PurchaseLedger;
use super::lifecycle::Lifecycle;
use super::{CustomerLog, FeatureContext, ProductFacts, Purchase, measures};

/// Rows whose product facts are looked up at a time: such lookups wait for memory together, lookups
/// between computations wait one after the other.
const GATHERED: usize = 64;

/// Computes features of one customer after the other, reusing its memory.
///
/// What it computes depends on the log, the context and the date alone, never on what it was used
/// for before.
#[derive(Debug)]
pub struct FeatureComputer<'a> {
    context: FeatureContext<'a>,
    purchases: PurchaseLedger,
    contacts: ContactLedger,
    facts: Vec<Option<ProductFacts>>,
    features: Vec<f64>,
}

impl<'a> FeatureComputer<'a> {
    /// A computer for customers who share a context.
    #[must_use]
    pub fn new(context: FeatureContext<'a>) -> Self {
        Self {
            context,
            purchases: PurchaseLedger::default(),
            contacts: ContactLedger::default(),
            facts: Vec::new(),
            features: Vec::new(),
        }
    }

    /// The features as of a day, in the order of [`feature_specs`](super::feature_specs), from rows
    /// of earlier days only.
    pub fn features_as_of(&mut self, log: &CustomerLog<'_>, as_of: i32) -> &[f64] {
        self.snapshots(log, &[as_of], |_, _| {});
        &self.features
    }

    /// Calls `visit` with the position of each date and the features as of it, bit for bit those of
    /// [`Self::features_as_of`].
    ///
    /// One pass over the rows when the dates ascend; a date before its predecessor starts over.
    pub fn snapshots(
        &mut self,
        log: &CustomerLog<'_>,
        as_of: &[i32],
        mut visit: impl FnMut(usize, &[f64]),
    ) {
        let mut read = 0;
        let mut previous = None;
        for (position, &date) in as_of.iter().enumerate() {
            if previous.is_none_or(|previous| date < previous) {
                read = 0;
                self.purchases.clear(self.context.n_categories);
                self.contacts.clear();
            }
            previous = Some(date);
            let unread = &log.purchases[read..];
            let new = unread.iter().take_while(|row| row.day < date).count();
            self.read(&unread[..new]);
            read += new;
            self.purchases.close_basket();
            self.contacts.advance(log.contacts, date);
            self.write(date);
            visit(position, &self.features);
        }
    }

    fn read(&mut self, rows: &[Purchase]) {
        for rows in rows.chunks(GATHERED) {
            let of = |row: &Purchase| self.context.products.get(row.product as usize).copied();
            self.facts.clear();
            self.facts.extend(rows.iter().map(of));
            for (row, facts) in rows.iter().zip(&self.facts) {
                self.purchases.add(row, facts.as_ref());
            }
        }
    }

    fn write(&mut self, as_of: i32) {
        let out = &mut self.features;
        out.clear();
        measures::rhythm(&self.purchases, as_of, out);
        measures::value(&self.purchases, as_of, out);
        measures::assortment(&mut self.purchases, out);
        measures::deals(&self.purchases, out);
        measures::contacts(&self.contacts, as_of, out);
        let stage = measures::stage(&self.purchases, self.context.first_day, as_of);
        out.push(stage.map_or(f64::NAN, Lifecycle::code));
        measures::mix(&self.purchases, out);
    }
}

/// Writes the features of one customer as of a day, replacing what `out` held.
///
/// Only rows of days before `as_of` are read; the order is that of
/// [`feature_specs`](super::feature_specs). For many customers a [`FeatureComputer`] saves the
/// allocations.
pub fn features_as_of(
    log: &CustomerLog<'_>,
    context: &FeatureContext<'_>,
    as_of: i32,
    out: &mut Vec<f64>,
) {
    out.clear();
    out.extend_from_slice(FeatureComputer::new(*context).features_as_of(log, as_of));
}

/// Calls `visit` with the position of each date and the features as of it, in one pass over the
/// rows when the dates ascend; bit for bit those of [`features_as_of`].
pub fn snapshots(
    log: &CustomerLog<'_>,
    context: &FeatureContext<'_>,
    as_of: &[i32],
    visit: impl FnMut(usize, &[f64]),
) {
    FeatureComputer::new(*context).snapshots(log, as_of, visit);
}
