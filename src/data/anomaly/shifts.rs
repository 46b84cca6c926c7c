//! Level shifts: weeks from which on sales run at another level than before.

use super::decompose::shared_part;
use super::robust::{critical_z, mad_scale, median, neighbour_correlation};

/// Fewest weeks on either side of a shift: shorter runs are outliers, not a new level.
pub(super) const MIN_SEGMENT: usize = 6;
/// Widths of the windows compared, weeks: the shortest for shifts that last six weeks, a quarter
/// for small shifts that stay.
const WINDOWS: [usize; 2] = [MIN_SEGMENT, 13];
/// Smallest shift worth telling, as a difference of logarithms: about 5 %.
const MIN_SHIFT: f64 = 0.05;
/// Most shifts told per series; with more, "level" means little.
const MAX_SHIFTS: usize = 6;
/// A year, weeks.
const YEAR: i64 = 52;
/// Standard deviation of a median over that of a mean, normal noise: `√(π / 2)`.
const MEDIAN_COST: f64 = 1.253_314;
/// Noise from the median size of a step between neighbours: `1.4826 / √2`.
const MEDIAN_STEP: f64 = 1.048_358;
/// Highest neighbour correlation believed; beyond it the series wanders and has no level.
const MAX_CORRELATION: f64 = 0.8;
/// Smallest noise assumed, as in the search for outliers.
pub(super) const SCALE_FLOOR: f64 = 0.01;

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// First week of the new level.
    pub(super) week: usize,
    /// New level minus old.
    pub(super) size: f64,
    /// `size` over its standard error.
    pub(super) z: f64,
}

/// The weeks that are there, in order, with their values.
struct Present {
    weeks: Vec<i64>,
    values: Vec<f64>,
}

/// Difference of medians at one place.
#[derive(Clone, Copy)]
struct Contrast {
    size: f64,
    /// `1/a + 1/b` for windows of `a` and `b` weeks, twice that when another year is taken off.
    spread: f64,
}

/// Finds level shifts by binary segmentation, the clearest first.
///
/// At each week the medians of up to 6 and up to 13 weeks before and after are compared, less a
/// straight drift; where the same week of another year exists, less what both years show (a
/// season). When `seasonal`, only weeks with such a counterpart are compared, which leaves out up
/// to eleven weeks in the middle of a history of two years.
///
/// The standard error is `√(π/2) · σ · √((1 + ρ)/(1 − ρ)) · √(1/a + 1/b)`, with σ and the neighbour
/// correlation ρ from residuals around a running median. A shift is told when its z passes
/// [`critical_z`] over all comparisons; that is conservative because they overlap, and needs no
/// permutation because σ stands for the noise without any shift.
///
/// *Fails* when the level wanders (ρ > 0.8), and before two years are there a season looks like a
/// shift.
pub(super) fn find_shifts(values: &[Option<f64>], seasonal: bool, alpha: f64) -> Vec<Shift> {
    let (weeks, mut levelled): (Vec<i64>, Vec<f64>) = values
        .iter()
        .enumerate()
        .filter_map(|(week, value)| value.map(|value| (week as i64, value)))
        .unzip();
    let mut found: Vec<Shift> = Vec::new();
    while found.len() < MAX_SHIFTS {
        let present = Present { weeks: weeks.clone(), values: levelled.clone() };
        let taken: Vec<usize> = found.iter().map(|shift| shift.week).collect();
        let Some((place, shift)) = present.clearest(seasonal, &taken, alpha) else { break };
        levelled[place..].iter_mut().for_each(|value| *value -= shift.size);
        found.push(shift);
    }
    found.sort_by_key(|shift| shift.week);
    found
}

impl Present {
    fn clearest(&self, seasonal: bool, taken: &[usize], alpha: f64) -> Option<(usize, Shift)> {
        let n = self.values.len();
        if n < 2 * MIN_SEGMENT {
            return None;
        }
        let noise = MEDIAN_COST * self.noise();
        // Where years are compared, both show the drift.
        let drift = |split| if seasonal { 0.0 } else { self.drift(split) };
        let candidates: Vec<usize> = (MIN_SEGMENT..=n - MIN_SEGMENT)
            .filter(|place| self.is_free(*place, taken))
            .filter(|place| !seasonal || !self.other_years(*place).is_empty())
            .collect();
        let score = |place: usize, drift: f64| {
            let contrasts = WINDOWS.map(|width| self.beyond_season(place, width, drift));
            let scores = contrasts.map(|it| (it.size, it.size / (noise * it.spread.sqrt())));
            scores.into_iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        };
        let bulk = drift(None);
        let scored = candidates.iter().filter_map(|place| Some((*place, score(*place, bulk)?)));
        let (place, (size, z)) =
            scored.max_by(|a, b| a.1.1.abs().total_cmp(&b.1.1.abs()).then(b.0.cmp(&a.0)))?;
        let limit = critical_z(alpha, candidates.len() * WINDOWS.len(), n as f64);
        if z.abs() <= limit || size.abs() < MIN_SHIFT {
            return None;
        }
        let sharp = self.sharpen(place, taken);
        let again =
            if candidates.contains(&sharp) { score(sharp, drift(Some(sharp))) } else { None };
        let (size, z) = again.unwrap_or((size, z));
        if z.abs() <= limit || size.abs() < MIN_SHIFT {
            return None;
        }
        Some((sharp, Shift { week: self.weeks[sharp] as usize, size, z }))
    }

    fn is_free(&self, place: usize, taken: &[usize]) -> bool {
        let week = self.weeks[place] as usize;
        taken.iter().all(|other| week.abs_diff(*other) >= MIN_SEGMENT)
    }

    /// Noise of one week times what neighbour correlation does to a median of many.
    fn noise(&self) -> f64 {
        let n = self.values.len();
        let residuals: Vec<f64> = (0..n)
            .map(|i| {
                let from = i.saturating_sub(6).min(n.saturating_sub(13));
                self.values[i] - median(&self.values[from..(from + 13).min(n)])
            })
            .collect();
        let pairs: Vec<(f64, f64)> = residuals
            .windows(2)
            .zip(self.weeks.windows(2))
            .filter(|(_, weeks)| weeks[1] == weeks[0] + 1)
            .map(|(two, _)| (two[0], two[1]))
            .collect();
        let correlation = neighbour_correlation(&pairs).clamp(0.0, MAX_CORRELATION);
        let inflation = ((1.0 + correlation) / (1.0 - correlation)).sqrt();
        // Weeks that alternate (a leaflet every fortnight) are each near a running median.
        let steps: Vec<f64> =
            self.values.windows(2).map(|values| (values[1] - values[0]).abs()).collect();
        let alternating = if steps.is_empty() { 0.0 } else { MEDIAN_STEP * median(&steps) };
        mad_scale(&residuals).max(alternating).max(SCALE_FLOOR) * inflation
    }

    /// Change per week of the bulk: median slope over pairs a quarter of the series apart that do
    /// not lie on different sides of a known split.
    fn drift(&self, split: Option<usize>) -> f64 {
        let apart = WINDOWS[1].max(self.values.len() / 4);
        let astride = |i: usize| split.is_some_and(|split| i >= split && i - apart < split);
        let slopes: Vec<f64> = (apart..self.values.len())
            .filter(|i| !astride(*i))
            .map(|i| {
                let weeks = (self.weeks[i] - self.weeks[i - apart]) as f64;
                (self.values[i] - self.values[i - apart]) / weeks
            })
            .collect();
        if slopes.is_empty() { 0.0 } else { median(&slopes) }
    }

    /// Median of up to `after` weeks from `place` on, less that of the `before` weeks before.
    fn contrast(&self, place: usize, before: usize, after: usize, drift: f64) -> f64 {
        let level = |from: usize, to: usize| {
            let middle = self.weeks[from..to].iter().sum::<i64>() as f64 / (to - from) as f64;
            median(&self.values[from..to]) - drift * middle
        };
        level(place, place + after) - level(place - before, place)
    }

    /// The same week of every other year, where six weeks lie on either side.
    fn other_years(&self, place: usize) -> Vec<usize> {
        let n = self.values.len();
        let years = (self.weeks[n - 1] - self.weeks[0]) / YEAR;
        (-years..=years)
            .filter(|year| *year != 0)
            .filter_map(|year| self.weeks.binary_search(&(self.weeks[place] + year * YEAR)).ok())
            .filter(|other| (MIN_SEGMENT..=n - MIN_SEGMENT).contains(other))
            .collect()
    }

    /// The contrast less what the same week of every other year shows too, over windows that fit
    /// into all years.
    fn beyond_season(&self, place: usize, width: usize, drift: f64) -> Contrast {
        let n = self.values.len();
        let mut places = self.other_years(place);
        places.push(place);
        let before = places.iter().copied().min().unwrap_or(place).min(width);
        let after = (n - places.iter().copied().max().unwrap_or(place)).min(width);
        let sizes: Vec<f64> =
            places.iter().map(|place| self.contrast(*place, before, after, drift)).collect();
        let here = sizes[sizes.len() - 1];
        let shared = if sizes.len() > 1 { shared_part(&sizes) } else { 0.0 };
        let years = sizes.len().min(2) as f64;
        Contrast {
            size: here - shared,
            spread: years * ((before as f64).recip() + (after as f64).recip()),
        }
    }

    /// The week within a quarter of `place` that splits its surroundings with the least absolute
    /// deviation from the two medians.
    fn sharpen(&self, place: usize, taken: &[usize]) -> usize {
        let n = self.values.len();
        let (from, to) = (place.saturating_sub(13), (place + 13).min(n));
        let deviation = |part: &[f64]| {
            let centre = median(part);
            part.iter().map(|value| (value - centre).abs()).sum::<f64>()
        };
        let cost = |split: usize| {
            deviation(&self.values[from..split]) + deviation(&self.values[split..to])
        };
        let first = (from + 2).max(MIN_SEGMENT);
        let last = (to - 2).min(n - MIN_SEGMENT);
        (first..=last)
            .filter(|split| self.is_free(*split, taken))
            .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
            .unwrap_or(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiggle(week: usize) -> f64 {
        0.03 * [0.0, 1.0, -1.0, 0.5, -0.5][week % 5]
    }

    #[test]
    fn a_step_is_found_at_its_week_and_with_its_size() {
        let values: Vec<Option<f64>> =
            (0..60).map(|t| Some(wiggle(t) + if t >= 33 { 0.4 } else { 0.0 })).collect();
        let shifts = find_shifts(&values, false, 0.01);
        assert_eq!(shifts.len(), 1, "{shifts:?}");
        assert_eq!(shifts[0].week, 33);
        assert!((shifts[0].size - 0.4).abs() < 0.05, "{shifts:?}");
    }

    #[test]
    fn a_steady_growth_and_a_yearly_season_are_no_shift() {
        let growing: Vec<Option<f64>> =
            (0..80).map(|t| Some(wiggle(t) + 0.01 * t as f64)).collect();
        assert_eq!(find_shifts(&growing, false, 0.01), vec![]);
        let season = |t: usize| if t % 52 >= 39 { 0.4 } else { 0.0 };
        let seasonal: Vec<Option<f64>> = (0..156).map(|t| Some(wiggle(t) + season(t))).collect();
        assert_eq!(find_shifts(&seasonal, true, 0.01), vec![]);
    }

    #[test]
    fn a_leaflet_every_fortnight_is_no_shift() {
        let values: Vec<Option<f64>> =
            (0..60).map(|t| Some(0.1 * wiggle(t) + if t % 2 == 0 { 0.3 } else { 0.0 })).collect();
        assert_eq!(find_shifts(&values, false, 0.01), vec![]);
    }

    #[test]
    fn a_short_burst_is_no_shift_and_too_few_weeks_have_none() {
        let burst: Vec<Option<f64>> = (0..60)
            .map(|t| Some(wiggle(t) + if (30..32).contains(&t) { 1.0 } else { 0.0 }))
            .collect();
        assert_eq!(find_shifts(&burst, false, 0.01), vec![]);
        assert_eq!(find_shifts(&[Some(0.0); 11], false, 0.01), vec![]);
        assert_eq!(find_shifts(&[], false, 0.01), vec![]);
    }
}
