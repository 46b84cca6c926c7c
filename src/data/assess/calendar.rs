//! The calendar of a history: its span, its week, and the days and weeks it lacks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::super::gaps::{DaySpan, expected_days, gaps, trading_weekdays};
use super::histogram::ExactSum;
use super::observed::Observed;

/// A day with less than this share of the median sales of its weekday was probably loaded in part.
const THIN_DAY: f64 = 0.1;
/// Gaps and stores listed; the counts cover all.
const LISTED: usize = 20;

/// What the calendar of the history looks like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// First and last day with sales; `None` without sales.
    pub span: Option<DaySpan>,
    /// Whole weeks between first and last day that have sales.
    pub weeks: u64,
    /// Whole weeks without sales, first days as `2017-03-06`.
    pub missing_weeks: Vec<String>,
    /// Days with sales.
    pub trading_days: u64,
    /// Days that should have had sales by their weekday.
    pub expected_days: u64,
    /// Days without sales that should have had some.
    pub missing_days: u64,
    /// The longest gap.
    pub longest_gap: Option<DaySpan>,
    /// The first 20 gaps.
    pub gaps: Vec<DaySpan>,
    /// Days with less than a tenth of the median sales of their weekday.
    pub thin_days: u64,
    /// Kept lines of each day from the first to the last; 0 on days without sales.
    #[serde(default)]
    pub lines_by_day: Vec<u64>,
    /// Share of sales by weekday, Monday first.
    pub weekday_sales: [f64; 7],
    /// Which weekdays usually trade, Monday first.
    pub weekday_trading: [bool; 7],
    /// Up to 20 stores with gaps, those that miss most first.
    pub stores: Vec<StoreGaps>,
    /// Stores with any gap.
    pub stores_with_gaps: u64,
}

/// The gaps of one store between first and last day of the whole history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreGaps {
    /// Store.
    pub store: String,
    /// Days without sales that should have had some.
    pub missing_days: u64,
    /// Its longest gap.
    pub longest: DaySpan,
}

/// Sales of every week between the first and the last, and whether the ends are cut off.
pub(super) struct Weeks {
    /// First day of the first week.
    pub(super) first: NaiveDate,
    /// First days of all weeks.
    pub(super) starts: Vec<NaiveDate>,
}

impl Weeks {
    /// The weeks of the history; `None` without sales.
    pub(super) fn of(observed: &Observed) -> Option<Self> {
        let total = observed.total_weeks();
        let (first, last) = (*total.keys().next()?, *total.keys().next_back()?);
        let starts = first.iter_weeks().take_while(|week| *week <= last).collect();
        Some(Self { first, starts })
    }

    /// Sales of each week, 0 where there are none.
    pub(super) fn filled(&self, sales: &BTreeMap<NaiveDate, ExactSum>) -> Vec<f64> {
        let of_week = |week| sales.get(week).map_or(0.0, |sum: &ExactSum| sum.value());
        self.starts.iter().map(of_week).collect()
    }
}

/// Reads the calendar off the observed days.
pub(super) fn calendar(observed: &Observed) -> Calendar {
    let days: BTreeSet<NaiveDate> = observed.days.keys().copied().collect();
    let Some(span) = DaySpan::of(&days) else { return Calendar::default() };
    let found = gaps(&days, span.first, span.last);
    let mut calendar = Calendar {
        span: Some(span),
        trading_days: days.len() as u64,
        expected_days: u64::from(expected_days(&days, span.first, span.last)),
        missing_days: missing(&found),
        longest_gap: longest(&found),
        weekday_trading: trading_weekdays(&days, span.first, span.last),
        lines_by_day: lines_by_day(observed, span),
        ..Calendar::default()
    };
    calendar.gaps = found.into_iter().take(LISTED).collect();
    add_weeks(observed, span, &mut calendar);
    add_weekdays(observed, &mut calendar);
    let mut stores: Vec<StoreGaps> = observed
        .store_days
        .iter()
        .filter_map(|(store, days)| {
            let found = gaps(days, span.first, span.last);
            let longest = longest(&found)?;
            Some(StoreGaps { store: store.clone(), missing_days: missing(&found), longest })
        })
        .collect();
    stores.sort_by(|a, b| b.missing_days.cmp(&a.missing_days).then_with(|| a.store.cmp(&b.store)));
    calendar.stores_with_gaps = stores.len() as u64;
    stores.truncate(LISTED);
    calendar.stores = stores;
    calendar
}

fn lines_by_day(observed: &Observed, span: DaySpan) -> Vec<u64> {
    let days = span.first.iter_days().take_while(|day| *day <= span.last);
    days.map(|day| observed.days.get(&day).map_or(0, |tally| tally.lines)).collect()
}

fn missing(gaps: &[DaySpan]) -> u64 {
    gaps.iter().map(|gap| u64::from(gap.days)).sum()
}

/// The longest gap, the earliest of equals.
fn longest(gaps: &[DaySpan]) -> Option<DaySpan> {
    gaps.iter().copied().max_by(|a, b| a.days.cmp(&b.days).then(b.first.cmp(&a.first)))
}

fn add_weeks(observed: &Observed, span: DaySpan, calendar: &mut Calendar) {
    let Some(weeks) = Weeks::of(observed) else { return };
    let sales = observed.total_weeks();
    for start in &weeks.starts {
        let whole = *start >= span.first && *start + Days::new(6) <= span.last;
        if whole && sales.contains_key(start) {
            calendar.weeks += 1;
        } else if whole {
            calendar.missing_weeks.push(start.to_string());
        }
    }
}

fn add_weekdays(observed: &Observed, calendar: &mut Calendar) {
    let mut by_weekday: [Vec<f64>; 7] = Default::default();
    for (day, tally) in &observed.days {
        by_weekday[day.weekday().num_days_from_monday() as usize].push(tally.sales.value());
    }
    let total: f64 = by_weekday.iter().flatten().sum();
    for (weekday, sales) in by_weekday.iter_mut().enumerate() {
        if total > 0.0 {
            calendar.weekday_sales[weekday] = sales.iter().sum::<f64>() / total;
        }
        sales.sort_by(f64::total_cmp);
        let median = sales.get(sales.len() / 2).copied().unwrap_or(0.0);
        let thin = sales.iter().filter(|sales| **sales < THIN_DAY * median).count();
        if calendar.weekday_trading[weekday] {
            calendar.thin_days += thin as u64;
        }
    }
}
