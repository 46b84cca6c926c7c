//! Trend and yearly season of a weekly series, blind to single odd weeks.

use super::loess::{Sample, bisquare, loess};
use super::robust::{mad_scale, median};

/// Weeks in the yearly pattern; the last slot also holds the days beyond 52 weeks.
pub(super) const SLOTS: usize = 52;
/// Trend span with a season, weeks: the first odd number above 1.5 years, as STL recommends.
const SEASONAL_SPAN: usize = 79;
/// Trend span without a season, weeks: half a year, so that the trend follows what the season
/// would have explained and not a promotion of a few weeks.
const PLAIN_SPAN: usize = 27;
/// Span over which the yearly pattern is smoothed, weeks: two or three years are too few to learn
/// each week on its own.
const SEASON_SPAN: f64 = 4.0;
/// A week keeps a peak of its own when every year shows it this many scales beyond the smooth
/// pattern: both of two clean years do so with probability `2 · 0.0062² · 52 = 0.4 %` per series.
const SHARP: f64 = 2.5;
/// Rounds of robustness weights; five suffice by Cleveland et al. (1990).
const OUTER: usize = 5;

/// The explained part of a series, in its own unit.
#[derive(Debug, Clone)]
pub(super) struct Decomposition {
    /// Trend of every week.
    pub(super) trend: Vec<f64>,
    /// Season of every week, mean zero over the year; all zero when none was fitted.
    pub(super) season: Vec<f64>,
}

/// Splits `values` (`None` = not there) into trend and season in the manner of STL: loess trend,
/// cyclic pattern, bisquare robustness weights. `slots` is the week of the year of every value;
/// without it there is no season.
///
/// Differs from STL where few years demand it: the pattern is the same each year and smooth over
/// neighbouring weeks, except in weeks that stand out in every year alike (Christmas).
pub(super) fn decompose(values: &[Option<f64>], slots: Option<&[usize]>) -> Decomposition {
    let n = values.len();
    let mut weights = vec![1.0; n];
    let mut season = vec![0.0; n];
    let mut sharp = [0.0; SLOTS];
    let mut trend = vec![0.0; n];
    let span = if slots.is_some() { SEASONAL_SPAN } else { PLAIN_SPAN };
    for _ in 0..OUTER {
        for _ in 0..if slots.is_some() { 2 } else { 1 } {
            trend = fit_trend(values, &season, &weights, span);
            if let Some(slots) = slots {
                let pattern = fit_season(values, &trend, &weights, slots, &mut sharp);
                season = slots.iter().map(|slot| pattern[*slot]).collect();
            }
        }
        let sizes: Vec<f64> =
            residuals(values, &trend, &season).into_iter().flatten().map(f64::abs).collect();
        let middle = median(&sizes).max(1e-9);
        for (t, weight) in weights.iter_mut().enumerate() {
            let residual = values[t].map(|value| value - trend[t] - season[t]);
            *weight = residual.map_or(0.0, |residual| bisquare(residual, middle));
        }
    }
    Decomposition { trend, season }
}

/// Values that trend and season cost, so that `n - cost` are left for the noise: `1 + 2 n / span`
/// for a local line, and for the season the trace of its smoother, 52 times the weight 1/4.63 of
/// the middle week of a window.
pub(super) fn cost(n: usize, seasonal: bool) -> f64 {
    let n = n as f64;
    if seasonal {
        1.0 + 2.0 * n / SEASONAL_SPAN as f64 + SLOTS as f64 / 4.63
    } else {
        1.0 + 2.0 * n / PLAIN_SPAN as f64
    }
}

/// What trend and season leave of each value.
pub(super) fn residuals(values: &[Option<f64>], trend: &[f64], season: &[f64]) -> Vec<Option<f64>> {
    let left = |(t, value): (usize, &Option<f64>)| value.map(|v| v - trend[t] - season[t]);
    values.iter().enumerate().map(left).collect()
}

fn fit_trend(values: &[Option<f64>], season: &[f64], weights: &[f64], span: usize) -> Vec<f64> {
    let samples: Vec<Sample> = values
        .iter()
        .enumerate()
        .filter_map(|(t, value)| {
            value.map(|v| Sample { at: t as f64, value: v - season[t], weight: weights[t] })
        })
        .collect();
    (0..values.len()).map(|t| loess(&samples, t as f64, span).unwrap_or(0.0)).collect()
}

/// The yearly pattern: loess around the circle of weeks plus what single weeks share in all years.
/// `sharp` carries the latter from one round to the next, so that it stays out of the smoothing.
fn fit_season(
    values: &[Option<f64>],
    trend: &[f64],
    weights: &[f64],
    slots: &[usize],
    sharp: &mut [f64; SLOTS],
) -> Vec<f64> {
    let mut sums = [(0.0, 0.0); SLOTS];
    for (t, value) in values.iter().enumerate() {
        if let Some(value) = value {
            sums[slots[t]].0 += weights[t] * (value - trend[t] - sharp[slots[t]]);
            sums[slots[t]].1 += weights[t];
        }
    }
    let smooth: Vec<f64> = (0..SLOTS).map(|slot| circular_line(&sums, slot)).collect();
    let mut beyond: Vec<Vec<f64>> = vec![Vec::new(); SLOTS];
    for (t, value) in values.iter().enumerate() {
        if let Some(value) = value {
            beyond[slots[t]].push(value - trend[t] - smooth[slots[t]]);
        }
    }
    let all: Vec<f64> = beyond.iter().flatten().copied().collect();
    let least = SHARP * mad_scale(&all);
    for (peak, years) in sharp.iter_mut().zip(&beyond) {
        let shared = shared_part(years);
        *peak = if years.len() > 1 && shared.abs() > least { shared } else { 0.0 };
    }
    let pattern: Vec<f64> = smooth.iter().zip(sharp.iter()).map(|(a, b)| a + b).collect();
    let mean = pattern.iter().sum::<f64>() / SLOTS as f64;
    pattern.into_iter().map(|value| value - mean).collect()
}

/// Local line through the slots around one slot, over the turn of the year.
fn circular_line(sums: &[(f64, f64); SLOTS], slot: usize) -> f64 {
    let reach = SEASON_SPAN as i64 - 1;
    let around: Vec<Sample> = (-reach..=reach)
        .filter_map(|offset| {
            let other = (slot as i64 + offset).rem_euclid(SLOTS as i64) as usize;
            let (sum, weight) = sums[other];
            let near = (1.0 - (offset.abs() as f64 / SEASON_SPAN).powi(3)).powi(3);
            (weight > 0.0).then(|| Sample {
                at: offset as f64,
                value: sum / weight,
                weight: weight * near,
            })
        })
        .collect();
    // The window is already weighted by distance; a span far beyond it leaves that as it is.
    loess(&around, 0.0, 1000).unwrap_or(0.0)
}

/// The part that all values share: the smallest in size when all have one sign, else 0.
pub(super) fn shared_part(values: &[f64]) -> f64 {
    let alike = values.iter().all(|v| *v > 0.0) || values.iter().all(|v| *v < 0.0);
    let smallest = values.iter().copied().min_by(|a, b| a.abs().total_cmp(&b.abs()));
    smallest.filter(|_| alike).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_trend_is_found_and_one_odd_week_does_not_bend_it() {
        let mut values: Vec<Option<f64>> =
            (0..40).map(|t| Some(1.0 + 0.01 * t as f64 + 0.001 * (t % 3) as f64)).collect();
        values[20] = Some(9.0);
        values[30] = None;
        let fit = decompose(&values, None);
        for (t, trend) in fit.trend.iter().enumerate() {
            assert!((trend - 1.001 - 0.01 * t as f64).abs() < 0.002, "week {t}: {trend}");
        }
        assert!(fit.season.iter().all(|season| *season == 0.0));
    }

    #[test]
    fn a_yearly_pattern_with_a_sharp_week_is_found_from_two_years() {
        let slots: Vec<usize> = (0..104).map(|t| t % SLOTS).collect();
        let truth = |slot: usize| {
            let turn = std::f64::consts::TAU * slot as f64 / SLOTS as f64;
            0.2 * turn.sin() + if slot == 50 { 0.8 } else { 0.0 }
        };
        let values: Vec<Option<f64>> = slots.iter().map(|slot| Some(5.0 + truth(*slot))).collect();
        let fit = decompose(&values, Some(&slots));
        for (t, slot) in slots.iter().enumerate() {
            let error = fit.trend[t] + fit.season[t] - 5.0 - truth(*slot);
            assert!(error.abs() < 0.03, "week {t}: off by {error}");
        }
    }

    #[test]
    fn years_share_only_what_all_of_them_show() {
        assert_eq!(shared_part(&[0.5, 0.2]), 0.2);
        assert_eq!(shared_part(&[-0.5, -0.7]), -0.5);
        assert_eq!(shared_part(&[0.5, -0.2]), 0.0);
        assert_eq!(shared_part(&[]), 0.0);
    }
}
