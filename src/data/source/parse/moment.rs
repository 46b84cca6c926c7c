//! Dates and timestamps: the day, and the hour where there is one.

use super::super::super::batch::{Moment, UNKNOWN_HOUR};
use super::{DateFormat, Dialect, is_missing, number};

// 1990-01-01 and 2100-12-31 as days since 1970-01-01.
const FIRST_DAY: i64 = 7305;
const LAST_DAY: i64 = 47_846;
// 1899-12-30, day 0 of spreadsheets.
const SPREADSHEET_EPOCH: i64 = -25_569;

/// Reads a trimmed cell. A date of the right shape that does not exist or lies outside 1990 to
/// 2100 is [`Moment::IMPOSSIBLE`]; `None` means another shape. Of a timestamp with a zone the date
/// counts as it is written.
pub(in crate::data) fn moment(text: &[u8], dialect: &Dialect) -> Option<Moment> {
    if is_missing(text) {
        return Some(Moment::MISSING);
    }
    let (year, month, day, time) = match dialect.date_format {
        DateFormat::Iso => year_first(text, b'-')?,
        DateFormat::YearMonthDay => year_first(text, b'/')?,
        DateFormat::DayMonthYearDots => {
            let (day, month, year, time) = year_last(text, b'.')?;
            (year, month, day, time)
        }
        DateFormat::DayMonthYear => {
            let (day, month, year, time) = year_last(text, b'/')?;
            (year, month, day, time)
        }
        DateFormat::MonthDayYear => {
            let (month, day, year, time) = year_last(text, b'/')?;
            (year, month, day, time)
        }
        DateFormat::Compact => compact(text)?,
        DateFormat::Unix => return unix(text),
        DateFormat::Excel => return excel(text, dialect),
    };
    let hour = hour_of(time)?;
    if month > 12 && is_slashed(dialect.date_format) && day <= 12 && day > 0 {
        // Day and month are the other way round, which is a setting and not a slip.
        return None;
    }
    Some(match days_from_civil(year, month, day).and_then(plausible) {
        Some(day) => Moment { day, hour },
        None => Moment::IMPOSSIBLE,
    })
}

/// The settings under which a cell would be a possible date.
pub(super) fn other_formats(text: &[u8], dialect: &Dialect) -> Option<String> {
    let fits = |date_format: &DateFormat| {
        let other = Dialect { date_format: *date_format, ..*dialect };
        moment(text, &other).is_some_and(|moment| moment.day >= 0)
    };
    let names: Vec<String> = (DateFormat::ALL.iter().filter(|format| fits(format)))
        .map(|format| format!("`date_format = \"{}\"`", format.name()))
        .collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

fn is_slashed(format: DateFormat) -> bool {
    matches!(format, DateFormat::DayMonthYear | DateFormat::MonthDayYear)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, when it exists.
fn days_from_civil(year: u32, month: u32, day: u32) -> Option<i64> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get((month as usize).checked_sub(1)?)?;
    let length = length + u32::from(leap && month == 2);
    if day == 0 || day > length {
        return None;
    }
    // Years start in March, so that the leap day comes last.
    let (year, month) = (i64::from(year) - i64::from(month <= 2), i64::from((month + 9) % 12));
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leaps + day_of_year - 719_468)
}

fn plausible(day: i64) -> Option<i32> {
    (FIRST_DAY..=LAST_DAY).contains(&day).then_some(day as i32)
}

type Parts<'a> = (u32, u32, u32, &'a [u8]);

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| 10 * value + u32::from(byte - b'0'))
    })
}

/// `yyyy-mm-dd` and the rest.
fn year_first(text: &[u8], mark: u8) -> Option<Parts<'_>> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    if date[4] != mark || date[7] != mark {
        return None;
    }
    Some((digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?, rest))
}

/// Two numbers of one or two digits, a year of four, and the rest.
fn year_last(text: &[u8], mark: u8) -> Option<Parts<'_>> {
    let short = |text: &'_ [u8]| -> Option<(u32, usize)> {
        let length = if text.get(1) == Some(&mark) { 1 } else { 2 };
        (text.get(length) == Some(&mark)).then_some(())?;
        Some((digits(&text[..length])?, length + 1))
    };
    let (first, length) = short(text)?;
    let text = &text[length..];
    let (second, length) = short(text)?;
    let (year, rest) = text[length..].split_first_chunk::<4>()?;
    Some((first, second, digits(year)?, rest))
}

/// `yyyymmdd` and the rest.
fn compact(text: &[u8]) -> Option<Parts<'_>> {
    let (date, rest) = text.split_first_chunk::<8>()?;
    if rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((digits(&date[..4])?, digits(&date[4..6])?, digits(&date[6..])?, rest))
}

/// The hour of what follows a date: nothing, or `T` or spaces and a time. Only the hour is read;
/// minutes, fractions and zones are passed over.
fn hour_of(rest: &[u8]) -> Option<u8> {
    let time = match rest {
        [] => return Some(UNKNOWN_HOUR),
        [b'T' | b't' | b' ', time @ ..] => time.trim_ascii_start(),
        _ => return None,
    };
    let length = time.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    // `183000` and `1830` are times without marks.
    let hour = digits(&time[..if length >= 4 { 2 } else { length.min(2) }])?;
    let hour = match time.last_chunk::<2>().map(|end| end.map(|byte| byte.to_ascii_uppercase())) {
        Some([b'P', b'M']) if hour < 12 => hour + 12,
        Some([b'A', b'M']) if hour == 12 => 0,
        _ => hour,
    };
    Some(if hour < 24 { hour as u8 } else { UNKNOWN_HOUR })
}

fn unix(text: &[u8]) -> Option<Moment> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fraction = match &text[length..] {
        [] => true,
        [b'.', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    // Twelve digits and more are milliseconds.
    if !(1..=11).contains(&length) || !fraction {
        return None;
    }
    let seconds = text[..length].iter().fold(0, |sum, byte| 10 * sum + i64::from(byte - b'0'));
    let hour = (seconds % 86_400 / 3600) as u8;
    Some(plausible(seconds / 86_400).map_or(Moment::IMPOSSIBLE, |day| Moment { day, hour }))
}

fn excel(text: &[u8], dialect: &Dialect) -> Option<Moment> {
    let count = number(text, dialect).filter(|count| (0.0..1e6).contains(count))?;
    // Half a second up, since 18:00 may be stored as 0.7499999.
    let seconds = ((count * 86_400.0) + 0.5).floor() as i64;
    let has_time = count.fract() != 0.0;
    let hour = if has_time { (seconds % 86_400 / 3600) as u8 } else { UNKNOWN_HOUR };
    let day = plausible(seconds / 86_400 + SPREADSHEET_EPOCH);
    Some(day.map_or(Moment::IMPOSSIBLE, |day| Moment { day, hour }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, date_format: DateFormat) -> Option<Moment> {
        moment(text.as_bytes(), &Dialect { date_format, ..Dialect::default() })
    }

    fn at(day: i32, hour: u8) -> Option<Moment> {
        Some(Moment { day, hour })
    }

    #[test]
    fn iso_dates_and_timestamps_give_day_and_hour() {
        let iso = |text| read(text, DateFormat::Iso);
        assert_eq!(iso("2017-01-02"), at(17_168, UNKNOWN_HOUR));
        for text in ["2017-01-02T23:53:26Z", "2017-01-02 23:59:59.123+02:00", "2017-01-02T23"] {
            assert_eq!(iso(text), at(17_168, 23), "{text}");
        }
        assert_eq!(iso("2017-01-02T9:30"), at(17_168, 9));
        assert_eq!(iso("2017-01-02T99:30"), at(17_168, UNKNOWN_HOUR));
        assert_eq!(iso("1990-01-01"), at(7305, UNKNOWN_HOUR));
        assert_eq!(iso("2100-12-31"), at(47_846, UNKNOWN_HOUR));
        for text in
            ["01.02.2017", "2017-1-2", "2017-01-02x", "20170102", "é2017-01-0", "2017-01-02T"]
        {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_or_are_far_off_are_impossible() {
        for text in ["2023-02-30", "2023-02-29", "1900-02-29", "2017-13-01", "2017-00-01"] {
            assert_eq!(read(text, DateFormat::Iso), Some(Moment::IMPOSSIBLE), "{text}");
        }
        for text in ["1989-12-31", "2101-01-01", "0000-00-00", "9999-99-99 00:00"] {
            assert_eq!(read(text, DateFormat::Iso), Some(Moment::IMPOSSIBLE), "{text}");
        }
        assert_eq!(read("2024-02-29", DateFormat::Iso), at(19_782, UNKNOWN_HOUR));
        assert_eq!(read("31/11/2024", DateFormat::DayMonthYear), Some(Moment::IMPOSSIBLE));
        assert_eq!(read("0", DateFormat::Unix), Some(Moment::IMPOSSIBLE));
        assert_eq!(read("1", DateFormat::Excel), Some(Moment::IMPOSSIBLE));
        assert_eq!(read("NA", DateFormat::Excel), Some(Moment::MISSING));
    }

    #[test]
    fn every_format_reads_the_same_moment() {
        use DateFormat::*;
        let cases = [
            (Iso, "2024-12-03T18:30:00"),
            (DayMonthYearDots, "3.12.2024 18:30"),
            (DayMonthYear, "03/12/2024  18:30"),
            (MonthDayYear, "12/3/2024 6:30 PM"),
            (Compact, "20241203T183000"),
            (Compact, "20241203 18"),
            (YearMonthDay, "2024/12/03 18:30:01"),
            (Unix, "1733250600.25"),
            (Excel, "45629.7708333333"),
        ];
        for (format, text) in cases {
            assert_eq!(read(text, format), at(20_060, 18), "{text}");
            assert!(read("x", format).is_none() && read("2024", Iso).is_none());
        }
        assert_eq!(read("12/3/2024 12:05 am", MonthDayYear), at(20_060, 0));
        assert_eq!(read("45629", Excel), at(20_060, UNKNOWN_HOUR));
        assert_eq!(read("1733250600000", Unix), None);
    }

    #[test]
    fn the_settings_that_would_read_a_date_are_named() {
        let iso = Dialect::default();
        let others = |text: &str| other_formats(text.as_bytes(), &iso);
        let named = |names: &[&str]| {
            let named: Vec<String> =
                names.iter().map(|name| format!("`date_format = \"{name}\"`")).collect();
            Some(named.join(" or "))
        };
        assert_eq!(others("31.12.2024"), named(&["dd.mm.yyyy"]));
        assert_eq!(others("03/04/2024"), named(&["dd/mm/yyyy", "mm/dd/yyyy"]));
        assert_eq!(others("12/31/2024"), named(&["mm/dd/yyyy"]));
        assert_eq!(others("20241231"), named(&["yyyymmdd"]));
        assert_eq!(others("1733250600"), named(&["unix"]));
        assert_eq!(others("45629"), named(&["excel"]));
        assert_eq!(others("yesterday"), None);
        // The 25th month is no slip but the other order of day and month.
        let american = Dialect { date_format: DateFormat::MonthDayYear, ..iso };
        assert_eq!(moment(b"25/12/2024", &american), None);
        assert_eq!(other_formats(b"25/12/2024", &american), named(&["dd/mm/yyyy"]));
    }

    proptest! {
        #[test]
        fn days_agree_with_the_calendar(day in 7305_i32..=47_846) {
            use chrono::{Datelike, NaiveDate};
            let date = NaiveDate::from_num_days_from_ce_opt(day + 719_163).expect("a date");
            prop_assert_eq!(read(&date.to_string(), DateFormat::Iso), at(day, UNKNOWN_HOUR));
            let text = format!("{}/{}/{}", date.month(), date.day(), date.year());
            prop_assert_eq!(read(&text, DateFormat::MonthDayYear), at(day, UNKNOWN_HOUR));
        }

        #[test]
        fn any_text_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            for date_format in DateFormat::ALL {
                let dialect = Dialect { date_format, ..Dialect::default() };
                moment(&bytes, &dialect);
                other_formats(&bytes, &dialect);
            }
        }
    }
}
