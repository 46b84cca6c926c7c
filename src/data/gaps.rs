//! Days without sales that should have had some, for the whole history or one store.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::anomaly::iso_date;

/// A weekday counts as a trading day when at least this share of its dates has sales, so that a
/// store that is closed on Sundays misses nothing.
const OPEN_SHARE: f64 = 0.5;

/// Consecutive dates, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySpan {
    /// First date.
    #[serde(with = "iso_date")]
    pub first: NaiveDate,
    /// Last date.
    #[serde(with = "iso_date")]
    pub last: NaiveDate,
    /// How many days of it count: trading days of a gap, all days of a history.
    pub days: u32,
}

impl DaySpan {
    /// All dates from first to last; `None` when there are none.
    pub fn of(days: &BTreeSet<NaiveDate>) -> Option<Self> {
        let (first, last) = (*days.first()?, *days.last()?);
        let days = u32::try_from((last - first).num_days() + 1).unwrap_or(u32::MAX);
        Some(Self { first, last, days })
    }
}

/// Which weekdays usually trade between `first` and `last`, Monday first.
pub(super) fn trading_weekdays(
    days: &BTreeSet<NaiveDate>,
    first: NaiveDate,
    last: NaiveDate,
) -> [bool; 7] {
    let mut dates = [0_u32; 7];
    let mut open = [0_u32; 7];
    for day in first.iter_days().take_while(|day| *day <= last) {
        let weekday = day.weekday().num_days_from_monday() as usize;
        dates[weekday] += 1;
        open[weekday] += u32::from(days.contains(&day));
    }
    std::array::from_fn(|weekday| {
        open[weekday] > 0 && f64::from(open[weekday]) >= OPEN_SHARE * f64::from(dates[weekday])
    })
}

/// Runs of usual trading days without sales between `first` and `last`, in order. A weekday that
/// is usually closed neither counts nor ends a run.
///
/// *Fails* to see gaps that cover more than half of the dates of a weekday.
pub(super) fn gaps(days: &BTreeSet<NaiveDate>, first: NaiveDate, last: NaiveDate) -> Vec<DaySpan> {
    let trading = trading_weekdays(days, first, last);
    let mut found: Vec<DaySpan> = Vec::new();
    let mut open_run = false;
    for day in first.iter_days().take_while(|day| *day <= last) {
        if days.contains(&day) {
            open_run = false;
        } else if trading[day.weekday().num_days_from_monday() as usize] {
            match found.last_mut().filter(|_| open_run) {
                Some(run) => (run.last, run.days) = (day, run.days + 1),
                None => found.push(DaySpan { first: day, last: day, days: 1 }),
            }
            open_run = true;
        }
    }
    found
}

/// Usual trading dates between `first` and `last`, open or missed.
pub(super) fn expected_days(days: &BTreeSet<NaiveDate>, first: NaiveDate, last: NaiveDate) -> u32 {
    let trading = trading_weekdays(days, first, last);
    let expected = first
        .iter_days()
        .take_while(|day| *day <= last)
        .filter(|day| trading[day.weekday().num_days_from_monday() as usize])
        .count();
    u32::try_from(expected).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// March 2021: the 1st is a Monday.
    fn march(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2021, 3, day).expect("a day of March")
    }

    #[test]
    fn closed_sundays_are_no_gap_and_do_not_end_one() {
        // Four weeks, no Sundays; missing: Saturday 13th and Monday 15th, and Friday 26th.
        let days: BTreeSet<NaiveDate> =
            (1..=28).filter(|d| d % 7 != 0 && ![13, 15, 26].contains(d)).map(march).collect();
        let found = gaps(&days, march(1), march(28));
        let spans: Vec<_> = found.iter().map(|gap| (gap.first, gap.last, gap.days)).collect();
        assert_eq!(spans, [(march(13), march(15), 2), (march(26), march(26), 1)]);
        assert_eq!(expected_days(&days, march(1), march(28)), 24);
        assert!(!trading_weekdays(&days, march(1), march(28))[6]);
    }

    #[test]
    fn a_full_calendar_has_no_gap_and_an_empty_one_expects_nothing() {
        let days: BTreeSet<NaiveDate> = (1..=31).map(march).collect();
        assert_eq!(gaps(&days, march(1), march(31)), []);
        assert_eq!(DaySpan::of(&days).expect("days").days, 31);
        let none = BTreeSet::new();
        assert_eq!(gaps(&none, march(1), march(31)), []);
        assert_eq!(expected_days(&none, march(1), march(31)), 0);
        assert_eq!(DaySpan::of(&none), None);
    }

    #[test]
    fn a_store_that_opens_late_misses_the_days_before() {
        let days: BTreeSet<NaiveDate> = (9..=31).map(march).collect();
        let found = gaps(&days, march(1), march(31));
        assert_eq!(found, [DaySpan { first: march(1), last: march(8), days: 8 }]);
    }
}
