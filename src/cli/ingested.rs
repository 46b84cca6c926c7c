//! What `promopt ingest` prints: the verdict, what became of every row, and what stands out.

use crate::data::QualityReport;
use crate::data::anomaly::{Anomaly, Kind};
use crate::data::assess::{Assessment, TOTAL};
use crate::data::cents::Cents;
use crate::data::store::LedgerFacts;
use crate::report::{Sign, money, money_cents, number};
use std::fmt::Write;
use std::path::Path;

/// Widest line, columns.
const WIDTH: usize = 100;
/// Odd weeks listed.
const MOST_ANOMALIES: usize = 5;

/// What a saved history is told from.
pub(super) struct Ingested<'a> {
    pub(super) assessment: &'a Assessment,
    pub(super) ledger: &'a LedgerFacts,
    pub(super) quality: &'a QualityReport,
    pub(super) currency: &'a str,
}

impl Ingested<'_> {
    /// The whole table; `page` is where the quality page lies.
    pub(super) fn table(&self, page: &Path) -> String {
        let mut out = String::new();
        let found = self.assessment;
        paragraph(&mut out, "verdict", &found.headline);
        for reason in &found.reasons {
            paragraph(&mut out, "", &format!("- {} {}", reason.sentence, reason.next));
        }
        self.reconciliation(&mut out);
        let stores = found.series.iter().filter(|fit| fit.name.starts_with("store: ")).count();
        let stores = if stores > 0 { format!(", {stores} stores") } else { String::new() };
        let span = found.calendar.span.map_or_else(String::new, |span| {
            format!(" ({} to {}, {} days without sales)", span.first, span.last, closed(found))
        });
        let line = format!(
            "{} whole weeks{span}, {} customers, {} products{stores}",
            found.calendar.weeks,
            count(found.coverage.customers),
            count(self.ledger.products)
        );
        let _ = writeln!(out);
        paragraph(&mut out, "history", &line);
        self.anomalies(&mut out);
        for note in &self.quality.notes {
            paragraph(&mut out, "note", note);
        }
        // A path is not broken, so that it can be copied.
        let _ = writeln!(out, "{:<11}{}", "page", page.display());
        out
    }

    fn reconciliation(&self, out: &mut String) {
        let cents = Cents::of(self.quality);
        let mut row = |name: &str, rows: u64, sales: i64| {
            let share = match cents.read {
                0 => "–".to_owned(),
                read => format!("{:.2} %", sales as f64 / read as f64 * 100.0),
            };
            let sales = money_cents(sales, self.currency);
            let _ = writeln!(out, "{name:<32}{:>14}{sales:>22}{share:>12}", count(rows));
        };
        row("\nread", self.quality.rows_in, cents.read);
        for (rule, sales) in self.quality.rules.iter().zip(&cents.rules) {
            if rule.rows > 0 {
                row(&format!("- {}", rule.name), rule.rows, *sales);
            }
        }
        row("kept", self.quality.rows_kept, cents.kept);
        let removed: u64 = self.quality.rules.iter().map(|rule| rule.rows).sum();
        let rows = self.quality.rows_in as i64 - (self.quality.rows_kept + removed) as i64;
        if rows != 0 || cents.unexplained != 0 {
            let sales = money_cents(cents.unexplained, self.currency);
            let _ = writeln!(out, "does not add up: {rows} rows and {sales} are unexplained");
        }
    }

    /// Total sales first, then categories, then stores; the strongest first.
    fn anomalies(&self, out: &mut String) {
        let mut all: Vec<&Anomaly> = self.assessment.anomalies.iter().collect();
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then(strength(b).total_cmp(&strength(a))));
        if all.is_empty() {
            paragraph(out, "odd weeks", "none");
        }
        for (index, one) in all.iter().take(MOST_ANOMALIES).enumerate() {
            let label = if index == 0 { "odd weeks" } else { "" };
            paragraph(out, label, &self.anomaly(one));
        }
        if all.len() > MOST_ANOMALIES {
            let rest = all.len() - MOST_ANOMALIES;
            paragraph(out, "", &format!("and {rest} more on the page"));
        }
    }

    fn anomaly(&self, one: &Anomaly) -> String {
        let money = |amount| money(amount, self.currency, Sign::Minus);
        let place = match one.series.as_str() {
            TOTAL => "all sales".to_owned(),
            other => other.replacen(": ", " ", 1),
        };
        let (week, observed, expected) = (one.week, money(one.observed), money(one.expected));
        match one.kind {
            Kind::Outlier => format!("{week}  {place}: {observed}, expected {expected}"),
            Kind::LevelShift => format!("{week}  {place}: from {expected} to {observed} a week"),
            Kind::Gap => format!("{week}  {place}: no sales, weeks: {}", one.weeks),
        }
    }
}

fn rank(one: &Anomaly) -> u8 {
    match one.series.split_once(": ") {
        None => 0,
        Some(("category", _)) => 1,
        Some(_) => 2,
    }
}

fn strength(one: &Anomaly) -> f64 {
    one.robust_z.map_or(f64::INFINITY, f64::abs)
}

fn closed(found: &Assessment) -> usize {
    found.calendar.lines_by_day.iter().filter(|lines| **lines == 0).count()
}

fn count(value: u64) -> String {
    number(value as f64, 0)
}

/// A label and a text broken between words, indented below itself.
fn paragraph(out: &mut String, label: &str, text: &str) {
    const INDENT: usize = 11;
    let mut line = format!("{label:<INDENT$}");
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(INDENT + if text.starts_with("- ") { 2 } else { 0 });
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_broken_between_words_and_loses_none() {
        let text = format!("- {}", "margins of all sales are assumed and not read ".repeat(6));
        let mut out = String::new();
        paragraph(&mut out, "", text.trim_end());
        assert!(out.lines().count() > 2);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&out), words(&text));
    }
}
