//! Logged decisions: which offer was made, how likely it was, and what followed.

use std::path::Path;

use polars::prelude::*;
use serde::{Deserialize, Serialize};

use super::batch::{IMPOSSIBLE_DAY, MISSING_DAY, Values};
use super::column::MISSING;
use super::config::DataConfig;
use super::error::DataError;
use super::history::hash_customer;
use super::intern::Interner;
use super::kind::{Dropped, MeanInterval, Moments};
use super::schema::{DECISIONS, OUTCOMES};
use super::store::TableWriter;
use super::table::{self, TableBatch};

/// Rules for rows that cannot be used, in the order of application.
const RULES: [(&str, &str); 4] = [
    ("missing_offer", "without the offer that was made there is no decision"),
    ("impossible_date", "no calendar has the date, or it is not from 1990 to 2100"),
    ("impossible_propensity", "the probability of the offer that was made is in (0, 1]"),
    ("missing_outcome", "none of the outcomes is known"),
];

/// A log of decisions in a few figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionReport {
    /// Rows read; `rows_in = rows_kept + Σ rules.rows`.
    pub rows_in: u64,
    /// Rows that can be used.
    pub rows_kept: u64,
    /// Every rule, also those that hit nothing.
    pub rules: Vec<Dropped>,
    /// Different customers; `None` when every row is a customer of its own.
    pub customers: Option<u64>,
    /// Smallest and largest propensity; `None` when none is known.
    pub propensity: Option<(f64, f64)>,
    /// Whether the propensity is the constant of the config instead of a column.
    pub propensity_assumed: bool,
    /// Mean of each outcome.
    pub outcomes: Vec<Outcome>,
    /// Every offer, in order of its identifier.
    pub offers: Vec<OfferOutcomes>,
}

/// Mean of an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Canonical name of the outcome.
    pub name: String,
    /// Its mean and interval.
    pub mean: MeanInterval,
}

/// What followed one offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferOutcomes {
    /// The offer.
    pub offer_id: String,
    /// Decisions for it.
    pub rows: u64,
    /// Mean of each outcome after it.
    pub outcomes: Vec<Outcome>,
}

/// Reads the log, and writes its usable rows as `decisions.parquet` into `out` when given.
pub(super) fn read_decisions(
    config: &DataConfig,
    dir: &Path,
    salt: &str,
    out: Option<&Path>,
) -> Result<DecisionReport, DataError> {
    let decisions = config.enabled_decisions()?;
    let mut log = Log {
        salt,
        constant: config.decision_propensity,
        writer: out.map(|out| TableWriter::new(out, "decisions")),
        rows_in: 0,
        rows_kept: 0,
        dropped: [0; RULES.len()],
        customers: Interner::default(),
        hashes: Vec::new(),
        offers: Interner::default(),
        by_offer: Vec::new(),
        total: [Moments::default(); OUTCOMES.len()],
        propensity: None,
        assumed: false,
    };
    table::stream(&DECISIONS, decisions, dir, &mut |batch| log.take(&batch))?;
    if let Some(writer) = log.writer.take() {
        writer.finish()?;
    }
    log.report()
}

struct Log<'a> {
    salt: &'a str,
    constant: Option<f64>,
    writer: Option<TableWriter>,
    rows_in: u64,
    rows_kept: u64,
    dropped: [u64; RULES.len()],
    customers: Interner,
    /// By code of the customer.
    hashes: Vec<String>,
    offers: Interner,
    /// By code of the offer: decisions and outcomes.
    by_offer: Vec<(u64, [Moments; OUTCOMES.len()])>,
    total: [Moments; OUTCOMES.len()],
    propensity: Option<(f64, f64)>,
    assumed: bool,
}

/// The columns of a batch, an empty slice where there is no column.
struct Columns<'a> {
    days: Vec<i32>,
    propensity: Option<&'a [f64]>,
    outcomes: [Option<&'a [f64]>; OUTCOMES.len()],
}

impl<'a> Columns<'a> {
    fn of(batch: &'a TableBatch) -> Self {
        let days = match &batch.columns[DECISIONS.position("date")] {
            Some(Values::Moments(moments)) => moments.iter().map(|moment| moment.day).collect(),
            _ => vec![MISSING_DAY; batch.rows],
        };
        let outcomes = OUTCOMES.map(|name| numbers(batch, name));
        Self { days, propensity: numbers(batch, "propensity"), outcomes }
    }
}

fn numbers<'a>(batch: &'a TableBatch, name: &str) -> Option<&'a [f64]> {
    match &batch.columns[DECISIONS.position(name)] {
        Some(Values::Numbers(numbers)) => Some(numbers),
        _ => None,
    }
}

impl Log<'_> {
    fn take(&mut self, batch: &TableBatch) -> Result<(), DataError> {
        let columns = Columns::of(batch);
        if columns.outcomes.iter().all(Option::is_none) {
            let expected = format!("a column for one of {}", OUTCOMES.join(", "));
            let (key, found) = ("decisions.columns".to_owned(), "none of them".to_owned());
            return Err(DataError::Config { key, expected, found });
        }
        let offers = codes(&mut self.offers, batch, "offer_id").unwrap_or_default();
        let customers = codes(&mut self.customers, batch, "customer_id");
        self.by_offer.resize_with(self.offers.len(), Default::default);
        while self.hashes.len() < self.customers.len() {
            let name = self.customers.name(self.hashes.len() as u32).unwrap_or_default();
            self.hashes.push(hash_customer(self.salt, name));
        }
        self.assumed |= columns.propensity.is_none() && self.constant.is_some();
        let propensity = |row: usize| match columns.propensity {
            Some(values) => Some(values[row]),
            None => self.constant,
        };
        let mut kept = Vec::with_capacity(batch.rows);
        for (row, offer) in offers.iter().enumerate() {
            match rule(&columns, *offer, propensity(row), row) {
                Some(rule) => self.dropped[rule] += 1,
                None => kept.push(row),
            }
        }
        for &row in &kept {
            if let Some(value) = propensity(row) {
                let (least, most) = self.propensity.unwrap_or((value, value));
                self.propensity = Some((least.min(value), most.max(value)));
            }
            let (rows, means) = &mut self.by_offer[offers[row] as usize];
            *rows += 1;
            for (index, values) in columns.outcomes.iter().enumerate() {
                let value = values.map(|values| values[row]).filter(|value| !value.is_nan());
                value.into_iter().for_each(|value| {
                    means[index].add(value);
                    self.total[index].add(value);
                });
            }
        }
        self.rows_in += batch.rows as u64;
        self.rows_kept += kept.len() as u64;
        let propensity: Vec<Option<f64>> = kept.iter().map(|row| propensity(*row)).collect();
        self.write(&columns, &kept, &offers, customers.as_deref(), propensity)
    }

    fn write(
        &mut self,
        columns: &Columns<'_>,
        kept: &[usize],
        offers: &[u32],
        customers: Option<&[u32]>,
        propensity: Vec<Option<f64>>,
    ) -> Result<(), DataError> {
        let Some(writer) = self.writer.as_mut().filter(|_| !kept.is_empty()) else { return Ok(()) };
        let mut table = Vec::new();
        if let Some(codes) = customers {
            let hash = |row: &usize| self.hashes.get(codes[*row] as usize).map(String::as_str);
            table.push(Column::new("customer".into(), kept.iter().map(hash).collect::<Vec<_>>()));
        }
        let day = |row: &usize| Some(columns.days[*row]).filter(|day| *day != MISSING_DAY);
        let days = Column::new("date".into(), kept.iter().map(day).collect::<Vec<_>>());
        table.extend(days.cast(&DataType::Date));
        let offer = |row: &usize| self.offers.name(offers[*row]);
        table.push(Column::new("offer_id".into(), kept.iter().map(offer).collect::<Vec<_>>()));
        table.push(Column::new("propensity".into(), propensity));
        for (name, values) in OUTCOMES.into_iter().zip(columns.outcomes) {
            let Some(values) = values else { continue };
            let value = |row: &usize| Some(values[*row]).filter(|value| !value.is_nan());
            table.push(Column::new(name.into(), kept.iter().map(value).collect::<Vec<_>>()));
        }
        writer.write(table)
    }

    fn report(self) -> Result<DecisionReport, DataError> {
        let rules: Vec<Dropped> = RULES
            .into_iter()
            .zip(self.dropped)
            .map(|(rule, rows)| Dropped::new(rule, rows))
            .collect();
        if self.rows_kept == 0 {
            return Err(DataError::nothing_kept(DECISIONS.table, self.rows_in, &rules));
        }
        let (names, ranks) = self.offers.ranked();
        let mut offers: Vec<OfferOutcomes> = names
            .into_iter()
            .map(|offer_id| OfferOutcomes { offer_id, rows: 0, outcomes: Vec::new() })
            .collect();
        for (rank, (rows, means)) in ranks.iter().zip(&self.by_offer) {
            let offer = &mut offers[*rank as usize];
            (offer.rows, offer.outcomes) = (*rows, outcomes(means));
        }
        offers.retain(|offer| offer.rows > 0);
        Ok(DecisionReport {
            rows_in: self.rows_in,
            rows_kept: self.rows_kept,
            rules,
            customers: Some(self.customers.len() as u64).filter(|count| *count > 0),
            propensity: self.propensity,
            propensity_assumed: self.assumed,
            outcomes: outcomes(&self.total),
            offers,
        })
    }
}

/// The first rule that leaves a row out.
fn rule(columns: &Columns<'_>, offer: u32, propensity: Option<f64>, row: usize) -> Option<usize> {
    let unknown = |values: &Option<&[f64]>| values.is_none_or(|values| values[row].is_nan());
    let breaks = [
        offer == MISSING,
        columns.days[row] == IMPOSSIBLE_DAY,
        propensity.is_some_and(|value| !(value > 0.0 && value <= 1.0)),
        columns.outcomes.iter().all(unknown),
    ];
    breaks.into_iter().position(|broken| broken)
}

fn codes(names: &mut Interner, batch: &TableBatch, column: &str) -> Option<Vec<u32>> {
    let values = batch.columns[DECISIONS.position(column)].as_ref()?;
    let mut codes = Vec::with_capacity(batch.rows);
    names.codes_into(values, &mut codes);
    Some(codes)
}

fn outcomes(means: &[Moments; OUTCOMES.len()]) -> Vec<Outcome> {
    let outcome = |(name, moments): (&str, &Moments)| {
        moments.interval().map(|mean| Outcome { name: name.to_owned(), mean })
    };
    OUTCOMES.into_iter().zip(means).filter_map(outcome).collect()
}
