//! Calendar, discounts and movers of the quality page.

use super::{Datelike, day};
use crate::data::assess::{Calendar, DaySpan, Mover};
use crate::report::quality_page as page;

/// Longest stretch compared at either end of the history, days.
const COMPARED_DAYS: u32 = 91;
/// Depths up to here have a bar of their own, in steps of five points.
const SHOWN_DEPTHS: usize = 10;

pub(super) fn calendar(found: &Calendar) -> page::Calendar {
    let Some(span) = found.span else { return page::Calendar::default() };
    let dates = span.first.iter_days().zip(&found.lines_by_day);
    let listed: u64 = found.gaps.iter().map(|gap| u64::from(gap.days)).sum();
    let mut gaps: Vec<String> = found.gaps.iter().map(gap_words).collect();
    if listed < found.missing_days {
        gaps.push(format!("and {} more days", found.missing_days - listed));
    }
    page::Calendar {
        first_weekday: span.first.weekday().num_days_from_monday() as usize,
        days: dates
            .map(|(date, lines)| page::CalendarDay { date: date.to_string(), lines: *lines })
            .collect(),
        days_without_sales: found.lines_by_day.iter().filter(|lines| **lines == 0).count() as u64,
        gaps,
    }
}

fn gap_words(gap: &DaySpan) -> String {
    match gap.first == gap.last {
        true => day(gap.first),
        false => format!("{} to {} ({} days)", day(gap.first), day(gap.last), gap.days),
    }
}

/// Shares by depth: none, steps of five points up to a half, and the rest.
pub(super) fn depths(shares: &[f64]) -> Vec<page::HistogramBin> {
    let Some((none, steps)) = shares.split_first() else { return Vec::new() };
    let bin = |label: String, share| page::HistogramBin { label, share };
    let (shown, rest) = steps.split_at(SHOWN_DEPTHS.min(steps.len()));
    let mut bins = vec![bin("none".to_owned(), *none)];
    bins.extend(
        shown
            .iter()
            .enumerate()
            .map(|(step, share)| bin(format!("{}–{} %", 5 * step, 5 * step + 5), *share)),
    );
    bins.push(bin(format!("> {} %", 5 * SHOWN_DEPTHS), rest.iter().sum()));
    bins
}

/// Movers with their sales per week of the compared quarters.
pub(super) fn movers(found: &[Mover], span: Option<DaySpan>) -> Vec<page::Mover> {
    let days = span.map_or(COMPARED_DAYS, |span| (span.days / 2).clamp(1, COMPARED_DAYS));
    let per_week = 7.0 / f64::from(days);
    let row = |one: &Mover| page::Mover {
        name: match one.category.as_str() {
            "" => one.product.clone(),
            category => format!("{} · {category}", one.product),
        },
        first: one.first * per_week,
        last: one.last * per_week,
        change: if one.first > 0.0 { one.last / one.first - 1.0 } else { f64::NAN },
    };
    found.iter().map(row).collect()
}
