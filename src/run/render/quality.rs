//! The quality page: what ingest measured, put into the words and figures of the page.

use super::super::error::RunError;
use crate::data::anomaly::{Anomaly, Kind, SeriesFit};
use crate::data::assess::{Assessment, TOTAL, Verdict};
use crate::data::cents::Cents;
use crate::data::{DataConfig, QualityReport, store};
use crate::report::quality_page::{self as page, QualityPage, QualityVerdict};
use crate::report::{Estimate, Fact, Sign, money, money_cents, number, percent};
use chrono::{Datelike, NaiveDate};
use std::path::Path;

mod offers;
mod parts;

/// Stores drawn.
const MOST_STORES: usize = 12;
/// Customers below which a count is not shown.
const SMALL_CELL: u64 = 10;

/// Everything the page is made of.
struct Measured<'a> {
    assessment: Assessment,
    ledger: store::LedgerFacts,
    quality: QualityReport,
    config: &'a DataConfig,
    currency: &'a str,
}

/// Writes `quality.html` and its plots into the folder of a freshly saved history.
pub(in crate::run) fn write(
    dir: &Path,
    config: &DataConfig,
    currency: &str,
) -> Result<(), RunError> {
    let (assessment, ledger) = store::load_assessment(dir)?;
    let quality = store::load_quality(dir)?;
    let measured = Measured { assessment, ledger, quality, config, currency };
    page::render(&measured.page(), dir)?;
    Ok(())
}

/// A date as people write it.
fn day(date: NaiveDate) -> String {
    date.format("%-d %B %Y").to_string()
}

fn count(value: u64) -> String {
    number(value as f64, 0)
}

/// A count of customers that never tells of fewer than ten.
fn customers(value: u64) -> String {
    if value < SMALL_CELL { format!("< {SMALL_CELL}") } else { count(value) }
}

fn fact(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value }
}

/// The name of a series without its kind.
fn own_name<'a>(series: &'a str, kind: &str) -> Option<&'a str> {
    series.strip_prefix(kind)?.strip_prefix(": ")
}

impl Measured<'_> {
    fn page(&self) -> QualityPage {
        let found = &self.assessment;
        let (reconciliation, is_shifted) = self.reconciliation();
        QualityPage {
            title: String::new(),
            source: self.source(),
            data_window: found.calendar.span.map_or_else(String::new, |span| {
                format!("{} to {}", day(span.first), day(span.last))
            }),
            currency: self.currency.to_owned(),
            verdict: match found.verdict {
                Verdict::Ok => QualityVerdict::Ok,
                Verdict::UsableWithCare => QualityVerdict::UsableWithCare,
                Verdict::NotUsable => QualityVerdict::NotUsable,
            },
            reasons: found
                .reasons
                .iter()
                .map(|reason| format!("{} {}", reason.sentence, reason.next))
                .collect(),
            facts: self.facts(&reconciliation),
            reconciliation,
            weekly: total_sales(found),
            categories: self.largest("category", usize::MAX),
            stores: self.largest("store", MOST_STORES),
            calendar: parts::calendar(&found.calendar),
            completeness: self.completeness(),
            depths: parts::depths(&found.depth_sales.last),
            unit_prices: self.unit_prices(),
            drift: self.drift(),
            movers_up: parts::movers(&found.movers_up, found.calendar.span),
            movers_down: parts::movers(&found.movers_down, found.calendar.span),
            coverage: self.coverage(),
            exposure: offers::exposure(&found.exposures),
            price_ledger: offers::price_ledger(&self.ledger, self.n_weeks()),
            anomalies: self.anomalies(),
            notes: self.notes(is_shifted),
        }
    }

    fn source(&self) -> String {
        match &self.config.preset {
            Some(preset) => format!("Tables as in the preset `{preset}`"),
            None => "Tables as mapped in the config".to_owned(),
        }
    }

    fn n_weeks(&self) -> u64 {
        self.assessment.series.first().map_or(0, |fit| fit.observed.len() as u64)
    }

    fn series_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a SeriesFit, &'a str)> {
        self.assessment.series.iter().filter_map(move |fit| Some((fit, own_name(&fit.name, kind)?)))
    }

    fn facts(&self, reconciliation: &page::Reconciliation) -> Vec<Fact> {
        let found = &self.assessment;
        let kept = money_cents(reconciliation.cents_kept, self.currency);
        let stores = self.series_of("store").count() as u64;
        let mut facts = vec![
            fact("Sales kept", kept),
            fact("Rows kept", count(self.quality.rows_kept)),
            fact("Whole weeks", count(found.calendar.weeks)),
            fact("Customers", customers(found.coverage.customers)),
            fact("Products", count(self.ledger.products)),
        ];
        if stores > 0 {
            facts.push(fact("Stores", count(stores)));
        }
        facts
    }

    fn reconciliation(&self) -> (page::Reconciliation, bool) {
        let quality = &self.quality;
        let cents = Cents::of(quality);
        let rows: u64 = quality.rules.iter().map(|rule| rule.rows).sum();
        let rules = quality.rules.iter().zip(&cents.rules).map(|(rule, cents_removed)| {
            let share = *cents_removed as f64 / cents.read as f64;
            page::RuleRow {
                name: rule.name.clone(),
                reason: rule.reason.clone(),
                setting: rule.setting.clone(),
                rows: rule.rows,
                cents_removed: *cents_removed,
                share_of_sales: share,
            }
        });
        let reconciliation = page::Reconciliation {
            rows_in: quality.rows_in,
            rows_kept: quality.rows_kept,
            cents_in: cents.read,
            cents_kept: cents.kept,
            rules: rules.collect(),
            rows_unexplained: quality.rows_in as i64 - (quality.rows_kept + rows) as i64,
            cents_unexplained: cents.unexplained,
        };
        (reconciliation, cents.is_shifted)
    }

    /// The largest categories or stores by sales.
    fn largest(&self, kind: &str, most: usize) -> Vec<page::SalesSeries> {
        let mut all: Vec<(f64, &SeriesFit, &str)> = self
            .series_of(kind)
            .map(|(fit, name)| (fit.observed.iter().sum(), fit, name))
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.into_iter().take(most).map(|(_, fit, name)| sales_series(fit, name)).collect()
    }

    fn completeness(&self) -> Vec<page::ColumnCompleteness> {
        let columns = &self.config.transactions.columns;
        let row = |one: &crate::data::assess::ColumnCompleteness| {
            let (table, column) = one.column.split_once('.').unwrap_or(("", &one.column));
            page::ColumnCompleteness {
                table: table.to_owned(),
                column: column.to_owned(),
                read_from: columns.get(column).cloned().unwrap_or_else(|| column.to_owned()),
                filled: one.complete,
                note: if one.key { "rows without it are left out" } else { "" }.to_owned(),
            }
        };
        self.assessment.completeness.iter().map(row).collect()
    }

    fn unit_prices(&self) -> Vec<page::PriceStrip> {
        let by_size = self.largest("category", usize::MAX);
        let strip = |series: page::SalesSeries| {
            let what = format!("price of {}", series.name);
            let found = self.assessment.distributions.iter().find(|one| one.what == what)?;
            let [p05, p25, p50, p75, p95] = *found.last.first_chunk()?;
            let lines = found.last_lines;
            Some(page::PriceStrip { category: series.name, lines, p05, p25, p50, p75, p95 })
        };
        by_size.into_iter().filter_map(strip).collect()
    }

    fn drift(&self) -> Vec<page::DriftRow> {
        let row = |one: &crate::data::assess::Drift| {
            let words = |value: Option<f64>| match value {
                None => String::new(),
                Some(depth) if one.what == "shelf depth" => percent(depth),
                Some(amount) => money(amount, self.currency, Sign::Minus),
            };
            let name = match one.what.as_str() {
                "shelf depth" => "Depth of discounts (mean)".to_owned(),
                "basket value" => "Basket value (median)".to_owned(),
                other => match other.strip_prefix("price of ") {
                    Some(category) => format!("Price of {category} (median)"),
                    None => other.to_owned(),
                },
            };
            let (first, last) = (words(one.first), words(one.last));
            page::DriftRow { name, psi: one.psi.unwrap_or(f64::NAN), first, last }
        };
        self.assessment.drift.iter().map(row).collect()
    }

    fn coverage(&self) -> Vec<page::CoverageShare> {
        let known = &self.assessment.coverage;
        let source = &self.quality.margin_source;
        let assumed = match (source.department > 0.0, source.default > 0.0) {
            (false, false) => String::new(),
            (true, false) => "margin assumed by department".to_owned(),
            (false, true) => "margin assumed, the same everywhere (default_margin_rate)".to_owned(),
            (true, true) => "margin assumed by department, else the same everywhere".to_owned(),
        };
        let rest = "counted as “other”, never offered".to_owned();
        let rest = if known.category < 1.0 { rest } else { String::new() };
        vec![
            page::CoverageShare { name: "Category".to_owned(), share: known.category, note: rest },
            page::CoverageShare {
                name: "Unit cost or margin".to_owned(),
                share: known.cost,
                note: assumed,
            },
        ]
    }

    /// All sales first, then categories, then stores; the strongest first, gaps before all.
    fn anomalies(&self) -> Vec<page::Anomaly> {
        let rank = |one: &Anomaly| match one.series.split_once(": ") {
            None => 0,
            Some(("category", _)) => 1,
            Some(_) => 2,
        };
        let strength = |one: &Anomaly| one.robust_z.map_or(f64::INFINITY, f64::abs);
        let mut all: Vec<&Anomaly> = self.assessment.anomalies.iter().collect();
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then(strength(b).total_cmp(&strength(a))));
        let excludes = self.config.clean.exclude_anomalous_weeks;
        let row = |one: &Anomaly| page::Anomaly {
            week: one.week.to_string(),
            series: place(&one.series),
            kind: kind(one),
            sales: one.observed,
            expected: one.expected,
            robust_z: one.robust_z.unwrap_or(f64::NAN),
            is_excluded: excludes && one.series == TOTAL && one.kind == Kind::Outlier,
        };
        all.into_iter().map(row).collect()
    }

    fn notes(&self, is_shifted: bool) -> Vec<String> {
        let mut notes: Vec<String> = self.quality.notes.iter().map(|note| sentence(note)).collect();
        if is_shifted {
            let words = "Amounts removed are rounded to cents so that they add up: one or more \
                         differ from the nearest cent by less than a cent.";
            notes.push(words.to_owned());
        }
        let stores = self.series_of("store").count();
        if stores > MOST_STORES {
            notes.push(format!("Of {stores} stores the {MOST_STORES} with most sales are drawn."));
        }
        let unjudged = self.series_of("store").filter(|(fit, _)| fit.expected.is_empty()).count();
        if unjudged > 0 {
            notes.push(format!(
                "{unjudged} of {stores} stores sold in too few weeks to tell an odd one; they are \
                 not among the anomalies."
            ));
        }
        if self.config.clean.exclude_anomalous_weeks {
            let weeks: Vec<String> = self.assessment.outlier_weeks().map(day).collect();
            notes.push(match weeks.is_empty() {
                true => "No week is left out of the fit: total sales have no outlier.".to_owned(),
                false => format!(
                    "Left out of the fit, because total sales are an outlier: the weeks of {}.",
                    weeks.join(", ")
                ),
            });
        }
        notes
    }
}

/// Where an anomaly lies, in words.
pub(in crate::run) fn place(series: &str) -> String {
    match series.split_once(": ") {
        Some((kind, name)) => format!("{kind} {name}"),
        None => "all sales".to_owned(),
    }
}

/// What an anomaly is, in words.
fn kind(one: &Anomaly) -> String {
    match (one.kind, one.weeks) {
        (Kind::Outlier, _) => "outlier".to_owned(),
        (Kind::LevelShift, _) => "level shift".to_owned(),
        (Kind::Gap, 1) => "no sales".to_owned(),
        (Kind::Gap, weeks) => format!("no sales for {weeks} weeks"),
    }
}

/// A note with a capital and a full stop.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Weekly sales of the whole history.
pub(super) fn total_sales(assessment: &Assessment) -> page::SalesSeries {
    let total = assessment.series.iter().find(|fit| fit.name == TOTAL);
    total.map(|fit| sales_series(fit, "")).unwrap_or_default()
}

fn sales_series(fit: &SeriesFit, name: &str) -> page::SalesSeries {
    let first = fit.first_week;
    let index = |week: NaiveDate| ((week - first).num_days() / 7).max(0) as usize;
    let outliers: Vec<usize> = fit
        .anomalies
        .iter()
        .filter(|one| one.kind == Kind::Outlier)
        .map(|one| index(one.week))
        .collect();
    let week = |(week, sales): (usize, &f64)| page::SalesWeek {
        week: (first + chrono::Days::new(7 * week as u64)).to_string(),
        sales: *sales,
        expected: fit.expected.get(week).map_or_else(Estimate::unknown, |expected| {
            Estimate::new(*expected, expected * (-fit.band).exp(), expected * fit.band.exp())
        }),
        is_outlier: outliers.contains(&week),
    };
    let shifts = fit.anomalies.iter().filter(|one| one.kind == Kind::LevelShift);
    page::SalesSeries {
        name: name.to_owned(),
        weeks: fit.observed.iter().enumerate().map(week).collect(),
        level_shifts: shifts
            .map(|one| page::LevelShift {
                week: index(one.week),
                change: one.observed / one.expected - 1.0,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
