//! Just enough of the civil calendar to date weeks, without a clock or a date library.

use super::config::WorldError;

/// Weeks counted from a first Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    first_day: i64,
}

impl Calendar {
    /// A calendar whose week 0 starts on `first_date`, an ISO date that is a Monday.
    ///
    /// # Errors
    /// [`WorldError::FirstDate`] when the text is no date or the date is not a Monday.
    pub fn new(first_date: &str) -> Result<Self, WorldError> {
        let wrong = || WorldError::FirstDate(first_date.to_owned());
        let mut parts = first_date.split('-').map(str::parse::<i64>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        if !(1900..3000).contains(&year) {
            return Err(wrong());
        }
        let first_day = days_from_civil(year, month, day);
        // 1970-01-01, day 0, was a Thursday.
        let is_monday = (first_day + 3).rem_euclid(7) == 0;
        if civil_from_days(first_day) != (year, month, day) || !is_monday {
            return Err(wrong());
        }
        Ok(Self { first_day })
    }

    /// ISO date of a day of a week; `day` 0 is Monday.
    #[must_use]
    pub fn date(&self, week: u32, day: u32) -> String {
        let (year, month, day) = civil_from_days(self.day_number(week) + i64::from(day));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Phase of the year of a week: day of the year of its first day over 365.25, in `[0, 1)`.
    #[must_use]
    pub fn year_phase(&self, week: u32) -> f64 {
        let today = self.day_number(week);
        let (year, ..) = civil_from_days(today);
        (today - days_from_civil(year, 1, 1)) as f64 / 365.25
    }

    fn day_number(&self, week: u32) -> i64 {
        self.first_day + 7 * i64::from(week)
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level
/// date algorithms"): years begin in March, so that the leap day is the last one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_cross_leap_days_and_years() {
        let calendar = Calendar::new("2024-01-01").expect("a Monday");
        assert_eq!(calendar.date(0, 6), "2024-01-07");
        assert_eq!(calendar.date(8, 3), "2024-02-29");
        assert_eq!(calendar.date(8, 4), "2024-03-01");
        assert_eq!(calendar.date(52, 2), "2025-01-01");
        assert_eq!(calendar.year_phase(0), 0.0);
        assert!((calendar.year_phase(26) - 182.0 / 365.25).abs() < 1e-12);
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in -40_000..40_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn only_mondays_that_exist_are_accepted() {
        for wrong in ["2024-01-02", "2023-02-30", "monday", "2024-01", "2024-01-01-05", "24-01-01"]
        {
            assert!(Calendar::new(wrong).is_err(), "{wrong}");
        }
    }
}
