//! Dates as teams write them, and which way of writing fits a whole column.

use chrono::NaiveDate;

use super::text::{missing, percent};

/// A way of writing dates that a config can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DateFormat {
    /// `2024-03-31`.
    Iso,
    /// `31.03.2024`.
    DayMonthYearDots,
    /// `31/03/2024`.
    DayMonthYear,
    /// `03/31/2024`.
    MonthDayYear,
    /// `20240331`.
    Digits,
    /// `2024/03/31`.
    YearMonthDay,
    /// Seconds since 1970.
    Unix,
    /// Days since 1899-12-30, as spreadsheets count them.
    Excel,
}

impl DateFormat {
    /// All of them, the plainest first.
    const ALL: [Self; 8] = [
        Self::Iso,
        Self::DayMonthYearDots,
        Self::YearMonthDay,
        Self::DayMonthYear,
        Self::MonthDayYear,
        Self::Digits,
        Self::Unix,
        Self::Excel,
    ];

    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::DayMonthYearDots => "dd.mm.yyyy",
            Self::DayMonthYear => "dd/mm/yyyy",
            Self::MonthDayYear => "mm/dd/yyyy",
            Self::Digits => "yyyymmdd",
            Self::YearMonthDay => "yyyy/mm/dd",
            Self::Unix => "unix",
            Self::Excel => "excel",
        }
    }

    /// Whether the values are bare numbers, so that only the name can tell that they are dates.
    pub(super) fn bare_number(self) -> bool {
        matches!(self, Self::Unix | Self::Excel)
    }

    fn reads(self, text: &str) -> bool {
        let text = text.trim();
        if self.bare_number() {
            let whole = text.strip_suffix(".0").unwrap_or(text);
            let range = match self {
                Self::Unix => 946_684_800..4_102_444_800_i64,
                _ => 25_569..73_051,
            };
            return whole.parse().is_ok_and(|value| range.contains(&value));
        }
        let day = text.split([' ', 'T']).next().unwrap_or("");
        if self == Self::Digits {
            let digits = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
            return digits && valid(&day[..4], &day[4..6], &day[6..]);
        }
        let mark = match self {
            Self::Iso => '-',
            Self::DayMonthYearDots => '.',
            _ => '/',
        };
        let mut parts = day.split(mark);
        let (Some(a), Some(b), Some(c), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        match self {
            Self::Iso | Self::YearMonthDay => valid(a, b, c),
            Self::MonthDayYear => valid(c, a, b),
            _ => valid(c, b, a),
        }
    }
}

fn valid(year: &str, month: &str, day: &str) -> bool {
    let digits = |text: &str, longest: usize| {
        let fits = text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit());
        if fits { text.parse::<u32>().ok() } else { None }
    };
    let (Some(y), Some(m), Some(d)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    year.len() == 4
        && (1900..2200).contains(&y)
        && NaiveDate::from_ymd_opt(i32::try_from(y).unwrap_or(0), m, d).is_some()
}

/// Whether a whole number can be milliseconds since 1970, which `unix` does not read.
pub(super) fn milliseconds(value: f64) -> bool {
    (946_684_800_000.0..4_102_444_800_000.0).contains(&value)
}

/// A date that no `date_format` reads, such as `31-03-2024`, `31.03.24` or `31-MAR-2024`.
pub(super) fn unreadable(text: &str) -> bool {
    let day = text.trim().split(' ').next().unwrap_or("");
    let parts: Vec<&str> = day.split(['-', '.', '/']).collect();
    let [a, month, b] = parts[..] else { return false };
    let number = |text: &str| {
        let digits = matches!(text.len(), 1 | 2 | 4) && text.bytes().all(|b| b.is_ascii_digit());
        if digits { text.parse::<u32>().ok() } else { None }
    };
    let (Some(first), Some(last)) = (number(a), number(b)) else { return false };
    let named = month.len() >= 3 && month.chars().all(char::is_alphabetic) && month.len() <= 9;
    let days = |n: u32| (1..=31).contains(&n);
    let dayish = (days(first) || a.len() == 4) && (days(last) || b.len() == 4 || b.len() == 2);
    dayish && (named || number(month).is_some_and(days))
}

/// The share of a column that must fit.
const MOST: f64 = 0.95;

/// How the dates of a column are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DateFit {
    /// Best format.
    pub(super) format: DateFormat,
    /// 0.5 when two orders of day and month fit equally.
    pub(super) confidence: f64,
    /// The evidence in words.
    pub(super) evidence: String,
}

/// The best format for these values, if one reads nearly all of them.
pub(super) fn fit<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Option<DateFit> {
    let values = values.filter(|text| !missing(text));
    // Most columns are no dates at all; a few values show it.
    let plausible: Vec<DateFormat> = DateFormat::ALL
        .into_iter()
        .filter(|format| {
            let early = values.clone().take(20);
            let read = early.clone().filter(|text| format.reads(text)).count();
            read > 0 && 2 * read >= early.count()
        })
        .collect();
    let mut best: Vec<(DateFormat, usize)> = Vec::new();
    let total = values.clone().count();
    for format in plausible {
        let read = values.clone().filter(|text| format.reads(text)).count();
        if read as f64 >= MOST * total as f64 {
            best.push((format, read));
        }
    }
    best.sort_by_key(|&(_, read)| std::cmp::Reverse(read));
    let &(format, read) = best.first()?;
    let share = read as f64 / total as f64;
    let name = format.as_str();
    let tie = best.get(1).is_some_and(|&(_, other)| other == read);
    let slashes = |f: DateFormat| matches!(f, DateFormat::DayMonthYear | DateFormat::MonthDayYear);
    let (confidence, evidence) = if tie && slashes(format) {
        let words = "no day is above 12, so dd/mm/yyyy and mm/dd/yyyy both fit; one date with a \
                     day above 12 decides, or how the till writes today";
        (0.5, words.to_owned())
    } else if slashes(format) {
        let part = if format == DateFormat::DayMonthYear { "first" } else { "second" };
        (0.97 * share, format!("{} read as {name}; the {part} part passes 12", percent(share)))
    } else if format.bare_number() {
        (0.7 * share, format!("{} are whole numbers in the range of {name} dates", percent(share)))
    } else {
        (0.98 * share, format!("{} of the values read as {name}", percent(share)))
    };
    Some(DateFit { format, confidence, evidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(values: &[&str]) -> Option<(DateFormat, f64)> {
        fit(values.iter().copied()).map(|fit| (fit.format, fit.confidence))
    }

    #[test]
    fn every_format_is_recognised() {
        for (values, format) in [
            (["2024-03-01", "2024-12-31 10:00:00"], DateFormat::Iso),
            (["1.3.2024", "31.12.2024 08:15"], DateFormat::DayMonthYearDots),
            (["01/03/2024", "31/12/2024"], DateFormat::DayMonthYear),
            (["03/01/2024", "12/31/2024"], DateFormat::MonthDayYear),
            (["20240301", "20241231"], DateFormat::Digits),
            (["2024/03/01", "2024/12/31"], DateFormat::YearMonthDay),
            (["1709251200", "1735603200"], DateFormat::Unix),
            (["45352", "45657"], DateFormat::Excel),
        ] {
            assert_eq!(format_of(&values).map(|found| found.0), Some(format), "{values:?}");
        }
        assert_eq!(format_of(&["1", "2"]), None);
        assert_eq!(format_of(&["2024-02-30", "x"]), None);
        assert_eq!(format_of(&[]), None);
    }

    #[test]
    fn days_up_to_twelve_leave_the_order_open() {
        let fit = fit(["01/02/2024", "03/04/2024"].into_iter()).expect("dates");
        assert!((fit.confidence - 0.5).abs() < 1e-12);
        assert!(fit.evidence.contains("above 12 decides"), "{}", fit.evidence);
    }

    #[test]
    fn dates_that_no_format_reads_are_noticed() {
        for text in ["31-03-2024", "31.03.24", "31-MAR-2024", "3/31/24"] {
            assert!(unreadable(text), "{text}");
        }
        for text in ["555-12-1234", "a-b-c", "1.2.3.4", "12"] {
            assert!(!unreadable(text), "{text}");
        }
    }
}
