//! What `ingest` and `check` print of data that is not a customer sales history.

use super::exit::Failure;
use super::stages::Resolved;
use crate::data::kind::{Dropped, MeanInterval, SUMMARY};
use crate::data::{DecisionReport, LogReport, Outcome, StoreWeekReport};
use crate::run::{RunFolder, Stage};
use std::fmt::Write;

/// Offers that are listed one by one.
const MOST_OFFERS: usize = 12;

/// What `ingest` prints, when the data has no customers.
pub(super) fn ingested(
    resolved: &Resolved,
    stage: Stage,
    json: bool,
) -> Result<Option<String>, Failure> {
    let customers = resolved.config.data.as_ref().is_none_or(|data| data.has_customers());
    if customers || stage != Stage::Ingest {
        return Ok(None);
    }
    let folder = RunFolder::open(&resolved.root)?;
    let report: LogReport = folder.read(&format!("history/{SUMMARY}"), "ingest")?;
    Ok(Some(if json { format!("{}\n", serde_json::json!(report)) } else { told(&report) }))
}

/// The summary as a table.
pub(super) fn told(report: &LogReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = match report {
        LogReport::Decisions(report) => decisions(&mut out, report),
        LogReport::StoreWeeks(report) => store_weeks(&mut out, report),
    };
    out
}

fn rules(out: &mut String, rules: &[Dropped], kept: u64, read: u64) -> std::fmt::Result {
    for rule in rules {
        writeln!(out, "{:<26} {:>10}", rule.rule, rule.rows)?;
    }
    writeln!(out, "{:<26} {kept:>10}\n{:<26} {read:>10}\n", "kept", "read")
}

fn decisions(out: &mut String, report: &DecisionReport) -> std::fmt::Result {
    rules(out, &report.rules, report.rows_kept, report.rows_in)?;
    match (report.propensity, report.propensity_assumed) {
        (Some((least, _)), true) => writeln!(out, "propensity  {least:.4}, from the config")?,
        (Some((least, most)), false) => writeln!(out, "propensity  {least:.6} to {most:.6}")?,
        (None, _) => writeln!(out, "propensity  unknown: to judge a policy it must be estimated")?,
    }
    match report.customers {
        Some(count) => writeln!(out, "customers   {count}\n")?,
        None => writeln!(out, "customers   every row is one of its own\n")?,
    }
    let means = |outcomes: &[Outcome]| {
        let shown = |one: &Outcome| format!("{} {}", one.name, mean(&one.mean));
        outcomes.iter().map(shown).collect::<Vec<_>>().join("  ")
    };
    writeln!(out, "{:<20} {:>9}  mean [95 %]", "offer", "rows")?;
    for offer in report.offers.iter().take(MOST_OFFERS) {
        writeln!(out, "{:<20} {:>9}  {}", offer.offer_id, offer.rows, means(&offer.outcomes))?;
    }
    if let Some(more) = report.offers.len().checked_sub(MOST_OFFERS).filter(|more| *more > 0) {
        writeln!(out, "... and {more} more offers in history/{SUMMARY}")?;
    }
    writeln!(out, "{:<20} {:>9}  {}", "all", report.rows_kept, means(&report.outcomes))
}

fn mean(mean: &MeanInterval) -> String {
    match mean.interval {
        Some((lower, upper)) => format!("{:.4} [{lower:.4}, {upper:.4}]", mean.mean),
        None => format!("{:.4}", mean.mean),
    }
}

fn store_weeks(out: &mut String, report: &StoreWeekReport) -> std::fmt::Result {
    rules(out, &report.rules, report.rows_kept, report.rows_in)?;
    let (first, last) = report.weeks;
    writeln!(out, "stores      {}\nproducts    {}", report.stores, report.products)?;
    writeln!(out, "weeks       {first} to {last}, {} missing in all series", report.gaps)?;
    for (name, [low, middle, high]) in [("price", report.price), ("units", report.units)] {
        writeln!(out, "{name:<11} median {middle:.4}, 10-90 % {low:.4} to {high:.4}")?;
    }
    for (name, share) in [("on deal", report.on_deal), ("featured", report.featured)] {
        if let Some(share) = share {
            writeln!(out, "{name:<11} {:.1} % of the rows", share * 100.0)?;
        }
    }
    match &report.margin_rate {
        Some(rate) => writeln!(out, "margin rate {}", mean(rate)),
        None => Ok(()),
    }
}
