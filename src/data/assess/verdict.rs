//! From figures to a verdict, with reasons a merchant understands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::anomaly::{Judged, Kind, SeriesFit};
use super::super::quality::{QualityReport, RuleCount};
use super::calendar::Calendar;
use super::drift::{Drift, Moved, change};
use super::limits::{self, Limit};
use super::observed::Observed;
use super::wording::{count, share};

/// Rules that remove what the team chose to leave out, and sales that were returned: no fault of
/// the data.
const NO_FAULT: [&str; 4] =
    ["excluded_department", "outside_dates", "matched_return", "returned_sale"];

/// Whether the history can carry the rest of promopt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing found that would mislead.
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// Usable when the reasons are kept in mind.
    #[serde(rename = "usable with care")]
    UsableWithCare,
    /// Results would mislead.
    #[serde(rename = "not usable")]
    NotUsable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Ok => "ok",
            Verdict::UsableWithCare => "usable with care",
            Verdict::NotUsable => "not usable",
        })
    }
}

/// One reason for a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Name of the limit, see [`limits::LIMITS`].
    pub check: String,
    /// What this reason alone would make of the history.
    pub verdict: Verdict,
    /// What was found, with its figure and limit.
    pub sentence: String,
    /// The figure: a share, a count, a relative change or an index.
    pub measured: f64,
    /// The limit it passed.
    pub threshold: f64,
    /// What to do next.
    pub next: String,
}

/// What the reasons are drawn from.
pub(super) struct Findings<'a> {
    pub(super) observed: &'a Observed,
    pub(super) quality: &'a QualityReport,
    pub(super) calendar: &'a Calendar,
    pub(super) drift: &'a [Drift],
    /// Total sales; `None` without sales.
    pub(super) total: Option<&'a SeriesFit>,
}

/// The limit that a figure passed, if any.
fn passed(limit: &Limit, measured: f64) -> Option<(Verdict, f64)> {
    let beyond = |bound: f64| match limit.bad_when_above {
        true => measured > bound,
        false => measured < bound,
    };
    match limit.refuse {
        Some(refuse) if beyond(refuse) => Some((Verdict::NotUsable, refuse)),
        _ => beyond(limit.care).then_some((Verdict::UsableWithCare, limit.care)),
    }
}

/// Every reason, gravest first, in the order of [`limits::LIMITS`] among equals.
pub(super) fn reasons(found: &Findings<'_>) -> Vec<Reason> {
    if found.quality.rows_kept == 0 || found.observed.days.is_empty() {
        return vec![no_sales(found.quality)];
    }
    let mut reasons = Reasons(Vec::new());
    reasons.cleaning(found.quality);
    reasons.columns(found.observed);
    reasons.calendar(found.calendar);
    reasons.coverage(found.observed);
    reasons.customers(found.observed);
    reasons.level(found.total);
    reasons.drift(found.drift);
    let mut reasons = reasons.0;
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    reasons
}

fn no_sales(quality: &QualityReport) -> Reason {
    Reason {
        check: "no_sales".to_owned(),
        verdict: Verdict::NotUsable,
        sentence: format!("No sales are left of {} rows read.", count(quality.rows_in)),
        measured: 0.0,
        threshold: 1.0,
        next: "Look at the rule that removed most rows, then at the column mapping.".to_owned(),
    }
}

struct Reasons(Vec<Reason>);

impl Reasons {
    /// Adds a reason when the figure passes the limit; the sentence is given the limit in words.
    fn check(
        &mut self,
        limit: &Limit,
        measured: f64,
        sentence: impl FnOnce(&str) -> String,
        next: &str,
    ) {
        let Some((verdict, threshold)) = passed(limit, measured) else { return };
        let words = if threshold <= 1.0 { share(threshold) } else { count(threshold as u64) };
        self.0.push(Reason {
            check: limit.check.to_owned(),
            verdict,
            sentence: sentence(&words),
            measured,
            threshold,
            next: next.to_owned(),
        });
    }

    fn cleaning(&mut self, quality: &QualityReport) {
        if !quality.reconciles() {
            self.0.push(Reason {
                check: "adds_up".to_owned(),
                verdict: Verdict::NotUsable,
                sentence: "Rows and sales read, kept and removed do not add up.".to_owned(),
                measured: quality.sales_in - quality.sales_kept,
                threshold: quality.rules.iter().map(|rule| rule.sales_value).sum(),
                next: "Read the files again; if it stays, report it as an error of promopt."
                    .to_owned(),
            });
        }
        let faulty: Vec<&RuleCount> =
            quality.rules.iter().filter(|rule| !NO_FAULT.contains(&rule.name.as_str())).collect();
        let worst =
            faulty.iter().max_by(|a, b| a.sales_value.abs().total_cmp(&b.sales_value.abs()));
        let worst = worst.map_or("", |rule| rule.name.as_str());
        let removed: f64 = faulty.iter().map(|rule| rule.sales_value.abs()).sum();
        let part = ratio(removed, quality.sales_kept + removed);
        let sentence = |limit: &str| {
            format!(
                "Cleaning removed {} of the sales, most of it by the rule {worst} (limit {limit}).",
                share(part)
            )
        };
        let next = "Look at the removed rows of that rule: a wrong column or unit is the usual \
                    cause. Sales without a loyalty card are best left out of the file.";
        self.check(&limits::SALES_REMOVED, part, sentence, next);
        let rows: u64 = faulty.iter().map(|rule| rule.rows).sum();
        let part = ratio(rows as f64, (quality.rows_kept + rows) as f64);
        let sentence =
            |limit: &str| format!("Cleaning removed {} of the rows (limit {limit}).", share(part));
        self.check(&limits::ROWS_REMOVED, part, sentence, "Look at the rules that removed most.");
        let repeats = faulty.iter().find(|rule| rule.name == "duplicate_line");
        let part = ratio(repeats.map_or(0.0, |rule| rule.rows as f64), quality.rows_in as f64);
        let sentence = |limit: &str| {
            format!("{} of the rows repeat another one (limit {limit}).", share(part))
        };
        let next = "Check whether a file was given twice or two exports overlap.";
        self.check(&limits::DUPLICATE_ROWS, part, sentence, next);
    }

    fn columns(&mut self, observed: &Observed) {
        for (name, column) in observed.completeness.iter().filter(|(_, column)| column.key) {
            let customer = name.ends_with("customer") || name.ends_with("customer_id");
            let limit = if customer { &limits::CUSTOMER_MISSING } else { &limits::KEY_MISSING };
            let part = ratio(column.missing as f64, column.rows as f64);
            let sentence = |limit: &str| {
                format!("{} of the rows have no {name} (limit {limit}).", share(part))
            };
            let next = match customer {
                true => "Sales without a customer are not used: check that the rest is typical.",
                false => "Check the column mapping and the date and number formats of this column.",
            };
            self.check(limit, part, sentence, next);
        }
    }

    fn calendar(&mut self, calendar: &Calendar) {
        let weeks = calendar.weeks;
        let sentence = |limit: &str| {
            format!("The history has {} whole weeks with sales (at least {limit}).", count(weeks))
        };
        let next = "Add older files: a longer history shows habits and seasons.";
        self.check(&limits::WEEKS, weeks as f64, sentence, next);
        let lost = calendar.missing_weeks.len();
        let part = ratio(lost as f64, lost as f64 + weeks as f64);
        let first = calendar.missing_weeks.first().map_or("", String::as_str);
        let sentence = |limit: &str| {
            let plural = if lost == 1 { "week has" } else { "weeks have" };
            format!(
                "{lost} whole {plural} no sales at all, first {first} (limit {limit} of weeks)."
            )
        };
        let next = "Find the missing export, or start the history after the gap with first_date.";
        self.check(&limits::MISSING_WEEKS, part, sentence, next);
        let part = ratio(calendar.missing_days as f64, calendar.expected_days as f64);
        let longest = calendar.longest_gap.map_or(String::new(), |gap| {
            format!(", the longest gap from {} to {}", gap.first, gap.last)
        });
        let sentence = |limit: &str| {
            let days = count(calendar.missing_days);
            format!("{days} trading days ({}) have no sales{longest} (limit {limit}).", share(part))
        };
        self.check(&limits::MISSING_DAYS, part, sentence, "Ask for the files of these days.");
        let part = ratio(calendar.thin_days as f64, calendar.expected_days as f64);
        let sentence = |limit: &str| {
            let days = count(calendar.thin_days);
            format!("{days} days have less than a tenth of their usual sales (limit {limit}).")
        };
        self.check(
            &limits::THIN_DAYS,
            part,
            sentence,
            "Check these days for lost tills or stores.",
        );
    }

    fn coverage(&mut self, observed: &Observed) {
        let total = observed.sales.value();
        let part = 1.0 - ratio(observed.sales_with_category.value(), total);
        let sentence =
            |limit: &str| format!("{} of the sales have no category (limit {limit}).", share(part));
        let next = "Complete the products table, or map another column to category.";
        self.check(&limits::UNKNOWN_CATEGORY, part, sentence, next);
        let part = 1.0 - ratio(observed.sales_with_cost.value(), total);
        let sentence = |limit: &str| {
            format!(
                "The margin of {} of the sales is assumed, not read (limit {limit}).",
                share(part)
            )
        };
        let next = "Add unit_cost or margin_rate to the products table.";
        self.check(&limits::UNKNOWN_COST, part, sentence, next);
    }

    fn customers(&mut self, observed: &Observed) {
        let customers = observed.customers;
        let sentence = |limit: &str| {
            format!("The history has {} customers (at least {limit}).", count(customers.total))
        };
        let next = "Add more stores or a larger sample of customers.";
        self.check(&limits::CUSTOMERS, customers.total as f64, sentence, next);
        if customers.active_first == 0 {
            return;
        }
        let first = customers.active_first as f64;
        let kept = customers.active_both as f64 / first;
        let sentence = |limit: &str| {
            let kept = share(kept);
            format!("Only {kept} of the first customers still buy at the end (at least {limit}).")
        };
        let next = "Ask whether customer numbers were issued anew during the history.";
        self.check(&limits::CUSTOMERS_KEPT, kept, sentence, next);
        let moved = change(first, customers.active_last as f64).unwrap_or(0.0);
        let sentence = |limit: &str| {
            let way = if moved > 0.0 { "more" } else { "fewer" };
            let size = share(moved.abs());
            format!(
                "{size} {way} customers buy in the last quarter than in the first (limit {limit})."
            )
        };
        let next = "Ask what changed: stores, the loyalty scheme, or the sample.";
        self.check(&limits::CUSTOMERS_CHANGED, moved.abs(), sentence, next);
    }

    fn level(&mut self, total: Option<&SeriesFit>) {
        let Some(total) = total else { return };
        let shifts = total.anomalies.iter().filter(|anomaly| anomaly.kind == Kind::LevelShift);
        for shift in shifts {
            let moved = change(shift.expected, shift.observed).unwrap_or(0.0);
            let sentence = |_: &str| {
                let way = if moved > 0.0 { "higher" } else { "lower" };
                let season = match total.judged {
                    Judged::WithoutSeason => "; with less than two years it may be the season",
                    _ => "",
                };
                let (size, week) = (share(moved.abs()), shift.week);
                let (from, to) = (count(shift.expected as u64), count(shift.observed as u64));
                format!(
                    "From the week of {week} on, sales run {size} {way} ({from} to {to} a \
                     week){season}."
                )
            };
            let next = "Ask what changed then (stores, assortment, prices, files), and start the \
                        history after it if it was not trade.";
            self.check(&limits::LEVEL_SHIFT, moved.abs(), sentence, next);
        }
    }

    fn drift(&mut self, drift: &[Drift]) {
        let moved: Vec<&Drift> = drift.iter().filter(|one| one.moved == Moved::Large).collect();
        let worst = moved.iter().filter_map(|one| one.psi).fold(0.0, f64::max);
        let sentence = |_: &str| {
            let told: Vec<String> = moved.iter().take(5).map(|one| told(one)).collect();
            let more = match moved.len().saturating_sub(5) {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            format!(
                "Between the first and the last quarter these changed a lot: {}{more}. The drift \
                 index reaches {worst:.2} (limit {}).",
                told.join(", "),
                limits::DRIFT.care
            )
        };
        let next = "Part of it may be season; if prices or discounts were changed for good, fit on \
                    the later part of the history.";
        self.check(&limits::DRIFT, worst, sentence, next);
    }
}

fn told(drift: &Drift) -> String {
    let size = drift.change().map(|change| {
        let way = if change < 0.0 { "down" } else { "up" };
        format!(" ({way} {})", share(change.abs()))
    });
    format!("{}{}", drift.what, size.unwrap_or_default())
}

/// A part of a whole; 0 of nothing.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
