//! Weeks that do not fit: outliers, level shifts and gaps of weekly sales.
//!
//! A series is explained by a robust trend, a yearly season when two years are there, and its level
//! shifts; what is left beyond chance is told. Sales are compared as logarithms, so that a half and
//! a double weigh the same.

mod decompose;
pub(super) mod iso_date;
mod loess;
mod robust;
mod shifts;
#[cfg(test)]
mod tests;

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use decompose::{SLOTS, cost, decompose, residuals};
use robust::{critical_z, mad_scale};
use shifts::{SCALE_FLOOR, find_shifts};

/// Share of clean series in which any week may pass as an outlier by chance.
const OUTLIER_ALPHA: f64 = 0.01;
/// Share of clean series in which any week may pass as a level shift by chance.
const SHIFT_ALPHA: f64 = 0.01;
/// Fewest weeks with sales that are judged: a quarter.
const MIN_WEEKS: usize = 13;
/// Weeks from which on a season can be told from a shift: two years.
const SEASON_WEEKS: usize = 104;
/// Largest share of empty weeks: beyond it an empty week is normal and not an anomaly.
const MAX_EMPTY: f64 = 0.1;

/// Weekly sales of one category, store or the whole history.
#[derive(Debug, Clone, PartialEq)]
pub struct WeeklySeries {
    /// What the series is of, for example `category: dairy`.
    pub name: String,
    /// First day of the first week.
    pub first_week: NaiveDate,
    /// Sales of each week in order; not positive or not finite means an empty week.
    pub sales: Vec<f64>,
    /// The first week began before the history did.
    pub first_partial: bool,
    /// The last week ended after the history did.
    pub last_partial: bool,
}

impl WeeklySeries {
    /// A series whose partial weeks follow from the first and last day of the history.
    pub fn new(
        name: impl Into<String>,
        first_week: NaiveDate,
        sales: Vec<f64>,
        first_day: NaiveDate,
        last_day: NaiveDate,
    ) -> Self {
        let end = first_week + Days::new(7 * sales.len() as u64);
        Self {
            name: name.into(),
            first_week,
            first_partial: first_day > first_week,
            last_partial: last_day + Days::new(1) < end,
            sales,
        }
    }

    fn is_partial(&self, week: usize) -> bool {
        (week == 0 && self.first_partial) || (week + 1 == self.sales.len() && self.last_partial)
    }

    fn week_start(&self, week: usize) -> NaiveDate {
        self.first_week + Days::new(7 * week as u64)
    }
}

/// What is odd about a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A single week far from what was expected.
    Outlier,
    /// From this week on, sales run at another level.
    LevelShift,
    /// No sales in this week, and perhaps in the next ones.
    Gap,
}

/// Which way a week is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More than expected.
    Up,
    /// Less than expected.
    Down,
}

/// One odd week, or the first of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Name of the series.
    pub series: String,
    /// First day of the week.
    #[serde(with = "iso_date")]
    pub week: NaiveDate,
    /// What is odd.
    pub kind: Kind,
    /// Weeks it lasts: 1 for an outlier, until the next shift or the end for a shift.
    pub weeks: u32,
    /// Sales of the week, money; for a shift the level from then on.
    pub observed: f64,
    /// Sales expected, money; for a shift the level without it. 0 when nothing can be expected.
    pub expected: f64,
    /// Distance from the expectation in robust standard errors; `None` for a gap.
    pub robust_z: Option<f64>,
    /// More or less than expected.
    pub direction: Direction,
}

/// Whether a series could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// With trend and yearly season.
    WithSeason,
    /// With trend only: less than two years.
    WithoutSeason,
    /// Fewer than 13 weeks with sales.
    TooShort,
    /// More than a tenth of the weeks between first and last sale are empty.
    TooSparse,
}

/// A series with what was expected, for plots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesFit {
    /// Name of the series.
    pub name: String,
    /// First day of the first week.
    #[serde(with = "iso_date")]
    pub first_week: NaiveDate,
    /// Whether it could be judged.
    pub judged: Judged,
    /// Sales of each week, money; 0 where empty.
    pub observed: Vec<f64>,
    /// Trend and level of each week, money; empty when not judged.
    pub trend: Vec<f64>,
    /// Trend, level and season of each week, money; empty when not judged.
    pub expected: Vec<f64>,
    /// Robust standard deviation of the noise in `ln(observed / expected)`; 0 when not judged.
    pub scale: f64,
    /// A week is an outlier when `|ln(observed / expected)|` is larger; 0 when not judged.
    #[serde(default)]
    pub band: f64,
    /// Odd weeks, sorted by week and kind.
    pub anomalies: Vec<Anomaly>,
}

/// Judges one series.
///
/// An outlier lies beyond `t_ν⁻¹(1 − 0.01 / 2n)` robust standard deviations of the residual, with
/// `ν = 0.37 ·` (weeks less what the fit costs). Of clean series with normal noise about 1 in 100
/// has any outlier without a season and 3 in 100 with one; at most 1 in 100 has a level shift, also
/// when neighbouring weeks correlate by 0.3. Partial first and last weeks are neither fitted nor
/// judged.
///
/// *Fails*: skewed noise (few items a week) raises more alarms; fewer than 13 weeks or more than
/// 10 % empty weeks raise none; before two years a season may pass as a shift; holidays that move
/// between weeks (Easter) are outliers.
pub fn examine(series: &WeeklySeries) -> SeriesFit {
    let value = |(week, sales): (usize, &f64)| {
        let there = sales.is_finite() && *sales > 0.0 && !series.is_partial(week);
        there.then(|| sales.ln())
    };
    let logs: Vec<Option<f64>> = series.sales.iter().enumerate().map(value).collect();
    let observed: Vec<f64> =
        series.sales.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
    let mut fit = SeriesFit {
        name: series.name.clone(),
        first_week: series.first_week,
        judged: judged(series, &logs),
        observed,
        trend: Vec::new(),
        expected: Vec::new(),
        scale: 0.0,
        band: 0.0,
        anomalies: Vec::new(),
    };
    if matches!(fit.judged, Judged::WithSeason | Judged::WithoutSeason) {
        explain(series, &logs, &mut fit);
        add_gaps(series, &mut fit);
        fit.anomalies.sort_by_key(|anomaly| (anomaly.week, anomaly.kind));
    }
    fit
}

/// All anomalies of many series, sorted by series, week and kind.
pub fn all_anomalies(fits: &[SeriesFit]) -> Vec<Anomaly> {
    let mut all: Vec<Anomaly> = fits.iter().flat_map(|fit| fit.anomalies.clone()).collect();
    all.sort_by(|a, b| (&a.series, a.week, a.kind).cmp(&(&b.series, b.week, b.kind)));
    all
}

fn judged(series: &WeeklySeries, logs: &[Option<f64>]) -> Judged {
    let there = logs.iter().flatten().count();
    if there < MIN_WEEKS {
        return Judged::TooShort;
    }
    let first = logs.iter().position(Option::is_some).unwrap_or(0);
    let last = logs.iter().rposition(Option::is_some).unwrap_or(0);
    let empty =
        (first..=last).filter(|week| logs[*week].is_none() && !series.is_partial(*week)).count();
    match (empty as f64 > MAX_EMPTY * (last - first + 1) as f64, there >= SEASON_WEEKS) {
        (true, _) => Judged::TooSparse,
        (false, true) => Judged::WithSeason,
        (false, false) => Judged::WithoutSeason,
    }
}

/// Fills in trend, expectation, scale, level shifts and outliers.
fn explain(series: &WeeklySeries, logs: &[Option<f64>], fit: &mut SeriesFit) {
    let n = logs.len();
    let seasonal = fit.judged == Judged::WithSeason;
    let shifts = find_shifts(logs, seasonal, SHIFT_ALPHA);
    let step = |week: usize| -> f64 {
        shifts.iter().filter(|shift| shift.week <= week).map(|shift| shift.size).sum()
    };
    let levelled: Vec<Option<f64>> =
        logs.iter().enumerate().map(|(week, log)| log.map(|log| log - step(week))).collect();
    let slots: Vec<usize> = (0..n)
        .map(|week| {
            let middle = series.week_start(week) + Days::new(3);
            (middle.ordinal0() as usize / 7).min(SLOTS - 1)
        })
        .collect();
    let parts = decompose(&levelled, seasonal.then_some(slots.as_slice()));
    let left = residuals(&levelled, &parts.trend, &parts.season);
    let there: Vec<f64> = left.iter().flatten().copied().collect();
    // Residuals are smaller than the noise by what the fit follows, those of outliers are not.
    let free = (there.len() as f64 - cost(there.len(), seasonal)).max(1.0);
    fit.scale = (mad_scale(&there) * (there.len() as f64 / free).sqrt()).max(SCALE_FLOOR);
    fit.trend = (0..n).map(|week| (parts.trend[week] + step(week)).exp()).collect();
    fit.expected =
        (0..n).map(|week| (parts.trend[week] + parts.season[week] + step(week)).exp()).collect();
    let limit = critical_z(OUTLIER_ALPHA, there.len(), free);
    fit.band = limit * fit.scale;
    for (week, residual) in left.iter().enumerate() {
        let Some(z) = residual.map(|r| r / fit.scale).filter(|z| z.abs() > limit) else { continue };
        fit.anomalies.push(Anomaly {
            series: series.name.clone(),
            week: series.week_start(week),
            kind: Kind::Outlier,
            weeks: 1,
            observed: fit.observed[week],
            expected: fit.expected[week],
            robust_z: Some(z),
            direction: if z > 0.0 { Direction::Up } else { Direction::Down },
        });
    }
    for (i, shift) in shifts.iter().enumerate() {
        let end = shifts.get(i + 1).map_or(n, |next| next.week);
        fit.anomalies.push(Anomaly {
            series: series.name.clone(),
            week: series.week_start(shift.week),
            kind: Kind::LevelShift,
            weeks: (end - shift.week) as u32,
            observed: fit.trend[shift.week],
            expected: fit.trend[shift.week] * (-shift.size).exp(),
            robust_z: Some(shift.z),
            direction: if shift.size > 0.0 { Direction::Up } else { Direction::Down },
        });
    }
}

/// Runs of empty weeks, also before the first and after the last sale.
fn add_gaps(series: &WeeklySeries, fit: &mut SeriesFit) {
    let n = fit.observed.len();
    let empty = |week: usize| fit.observed[week] <= 0.0 && !series.is_partial(week);
    let mut gaps = Vec::new();
    let mut week = 0;
    while week < n {
        let end = (week..n).find(|other| !empty(*other)).unwrap_or(n);
        if end > week {
            gaps.push((week, end - week));
        }
        week = end.max(week) + 1;
    }
    for (week, weeks) in gaps {
        fit.anomalies.push(Anomaly {
            series: series.name.clone(),
            week: series.week_start(week),
            kind: Kind::Gap,
            weeks: weeks as u32,
            observed: 0.0,
            expected: fit.expected[week],
            robust_z: None,
            direction: Direction::Down,
        });
    }
}
