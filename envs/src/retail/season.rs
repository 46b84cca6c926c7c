//! When in the year a week is: its phase, and how much of it goes before a public holiday.

use serde::{Deserialize, Serialize};

/// Days before a holiday, itself included, on which people shop for it.
const SHOPPING_DAYS: i64 = 7;
/// Days since 2000-01-01 of 0000-03-01, the start of the calendar's 400-year cycle.
const CYCLE_START: i64 = -730_425;

/// Which days shops prepare for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holidays {
    /// None.
    None,
    /// Of the United States: New Year, Easter, Memorial Day, Independence Day, Labor Day,
    /// Thanksgiving and Christmas, of every year.
    #[default]
    Us,
    /// These days, in days since 2000-01-01, ascending.
    Days(Vec<i64>),
}

/// The season of one week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Season {
    /// Sine of the phase of the year.
    pub sin: f64,
    /// Cosine of the phase of the year.
    pub cos: f64,
    /// Share of the seven shopping days of a holiday that lie in the week, in `[0, 1]`.
    pub holiday: f64,
}

impl Season {
    /// The season of the week that begins on `first_day`, in days since 2000-01-01.
    #[must_use]
    pub fn of_week(first_day: i64, holidays: &Holidays) -> Self {
        let angle = std::f64::consts::TAU * year_phase(first_day);
        Self { sin: angle.sin(), cos: angle.cos(), holiday: holidays.nearness(first_day) }
    }

    /// Whether every figure is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.sin.is_finite() && self.cos.is_finite() && self.holiday.is_finite()
    }
}

/// Phase of the year of a day, in `[0, 1)`: days since 2000-01-01 over 365.25, its fraction. Years
/// run on without a seam, so simulated weeks after the history stand where real ones would.
#[must_use]
pub fn year_phase(day: i64) -> f64 {
    (day as f64 / 365.25).rem_euclid(1.0)
}

impl Holidays {
    /// Share of the shopping days of holidays that lie in the week, at most 1.
    fn nearness(&self, first_day: i64) -> f64 {
        let overlap = |holiday: i64| {
            let first = first_day.max(holiday - SHOPPING_DAYS + 1);
            let last = (first_day + 6).min(holiday);
            (last - first + 1).max(0)
        };
        let days: i64 = match self {
            Self::None => 0,
            Self::Us => {
                let year = year_of(first_day);
                (year..=year + 1).flat_map(us_holidays).map(overlap).sum()
            }
            Self::Days(days) => days.iter().copied().map(overlap).sum(),
        };
        (days as f64 / SHOPPING_DAYS as f64).min(1.0)
    }
}

/// Days since 2000-01-01 of a date of the Gregorian calendar (after Howard Hinnant's
/// `days_from_civil`: years that begin in March have their leap day at the end).
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    CYCLE_START + cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year
}

fn year_of(day: i64) -> i64 {
    let guess = 2000 + day.div_euclid(365) + 1;
    let starts_later = |year: &i64| day_of(*year, 1, 1) > day;
    (0..).map(|back| guess - back).find(|year| !starts_later(year)).unwrap_or(guess)
}

/// Sunday is 0; 2000-01-01 was a Saturday.
fn weekday(day: i64) -> i64 {
    (day + 6).rem_euclid(7)
}

/// The `nth` (from 1) given weekday of a month.
fn nth_weekday(year: i64, month: i64, nth: i64, wanted: i64) -> i64 {
    let first = day_of(year, month, 1);
    first + (wanted - weekday(first)).rem_euclid(7) + 7 * (nth - 1)
}

fn us_holidays(year: i64) -> [i64; 7] {
    let last_monday_of_may = nth_weekday(year, 6, 1, 1) - 7;
    [
        day_of(year, 1, 1),
        easter(year),
        last_monday_of_may,
        day_of(year, 7, 4),
        nth_weekday(year, 9, 1, 1),
        nth_weekday(year, 11, 4, 4),
        day_of(year, 12, 25),
    ]
}

/// Easter Sunday by the anonymous Gregorian computus (Meeus 1991, chapter 8).
fn easter(year: i64) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    day_of(year, sum / 31, sum % 31 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_2000() {
        assert_eq!(day_of(2000, 1, 1), 0);
        assert_eq!(day_of(2000, 3, 1), 60);
        assert_eq!(day_of(2017, 12, 25), 6_568);
        for (day, year) in [(0, 2000), (-1, 1999), (365, 2000), (366, 2001), (6_568, 2017)] {
            assert_eq!(year_of(day), year, "day {day}");
        }
    }

    #[test]
    fn holidays_of_2017_are_where_the_calendar_has_them() {
        let dates = [(1, 1), (4, 16), (5, 29), (7, 4), (9, 4), (11, 23), (12, 25)];
        let expected = dates.map(|(month, day)| day_of(2017, month, day));
        assert_eq!(us_holidays(2017), expected);
    }

    #[test]
    fn shopping_days_before_a_holiday_are_shared_between_weeks() {
        // Thanksgiving 2017 was Thursday 23 November: of its seven days, Friday 17 to Thursday 23,
        // two lie in the week of Sunday 12 and five in that of Sunday 19.
        let sunday = day_of(2017, 11, 12);
        let holiday = |week: i64| Season::of_week(sunday + 7 * week, &Holidays::Us).holiday;
        assert!((holiday(0) - 2.0 / 7.0).abs() < 1e-12);
        assert!((holiday(1) - 5.0 / 7.0).abs() < 1e-12);
        assert_eq!(holiday(2), 0.0);
        assert_eq!(Season::of_week(sunday + 7, &Holidays::None).holiday, 0.0);
        let own = Holidays::Days(vec![sunday + 6]);
        assert_eq!(Season::of_week(sunday, &own).holiday, 1.0);
    }

    #[test]
    fn the_phase_runs_on_over_new_year() {
        let (before, after) = (year_phase(day_of(2017, 12, 31)), year_phase(day_of(2018, 1, 7)));
        assert!((after - before - 7.0 / 365.25).rem_euclid(1.0) < 1e-9);
    }
}
