//! The regular price of a category by week, as one number: what shoppers face before any promotion.
//!
//! ```text
//! index[w, c] = Σ_p weight_p · (ln r[p, w] − mean_w ln r[p, w])        (Σ_p weight_p = 1)
//! ```
//!
//! A fixed-weight geometric index of price relatives (Jevons' form with value weights): weights are
//! those of the shelf depth, so it moves with prices and not with what is bought, and the mean over
//! the weeks is 0. `r[p, w]` is the ledger's regular price, over stores the geometric mean weighted
//! by units. A price that is not seen in a week is the last one seen, and before the first sale the
//! first one: prices stay until they are changed, and a product that is not sold must not move the
//! index. Where stores of different price levels are put together, a change of the mix of stores
//! looks like a small change of price.

/// Smallest change of a log price that is kept: a hundredth of a per cent.
const SMALLEST_CHANGE: f64 = 1e-4;

/// Log regular price of one product: the weeks in which it changed, ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PricePath(Vec<(u32, f64)>);

/// Collects the regular prices of one product from rows in any order of weeks.
#[derive(Debug, Clone)]
pub(super) struct PathBuilder {
    /// By week: Σ units · ln price, Σ units.
    weeks: Vec<(f64, f64)>,
}

impl PathBuilder {
    /// Nothing seen in so many weeks.
    pub(super) fn new(n_weeks: usize) -> Self {
        Self { weeks: vec![(0.0, 0.0); n_weeks] }
    }

    /// A price that was paid for so many units.
    pub(super) fn see(&mut self, week: u32, price: f64, units: f64) {
        let (sum, weight) = &mut self.weeks[week as usize];
        *sum += units * price.ln();
        *weight += units;
    }

    /// What was seen; the builder is then empty again.
    pub(super) fn take(&mut self) -> PricePath {
        let mut changes: Vec<(u32, f64)> = Vec::new();
        for (week, (sum, weight)) in self.weeks.iter_mut().enumerate() {
            if *weight > 0.0 {
                let price = *sum / *weight;
                let last = changes.last().map(|(_, last)| *last);
                if last.is_none_or(|last| (price - last).abs() >= SMALLEST_CHANGE) {
                    changes.push((week as u32, price));
                }
            }
            (*sum, *weight) = (0.0, 0.0);
        }
        PricePath(changes)
    }
}

impl PricePath {
    /// Adds `weight` times the log price relative to its own mean to every `stride`-th value of
    /// `out`, one value per week.
    pub(super) fn add_to(&self, weight: f64, stride: usize, out: &mut [f64]) {
        let n_weeks = out.len().div_ceil(stride);
        let mut mean = 0.0;
        self.spans(n_weeks).for_each(|(weeks, price)| mean += weeks.len() as f64 * price);
        mean /= n_weeks as f64;
        for (weeks, price) in self.spans(n_weeks) {
            weeks.for_each(|week| out[week * stride] += weight * (price - mean));
        }
    }

    /// The weeks of each price, the first price reaching back to the first week.
    fn spans(&self, n_weeks: usize) -> impl Iterator<Item = (std::ops::Range<usize>, f64)> {
        self.0.iter().enumerate().map(move |(index, (week, price))| {
            let start = if index == 0 { 0 } else { *week as usize };
            let end = self.0.get(index + 1).map_or(n_weeks, |(next, _)| *next as usize);
            (start..end, *price)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseen_week_keeps_the_last_price_and_the_mean_is_zero() {
        let mut builder = PathBuilder::new(4);
        builder.see(1, 2.0, 1.0);
        builder.see(3, 4.0, 1.0);
        let path = builder.take();
        let mut out = vec![0.0; 8];
        path.add_to(1.0, 2, &mut out);
        // ln 2 for three weeks and ln 4 for one: the mean is 1.25 ln 2.
        let step = 2.0_f64.ln() / 4.0;
        for (week, expected) in [-step, -step, -step, 3.0 * step].into_iter().enumerate() {
            assert!((out[2 * week] - expected).abs() < 1e-12, "week {week}: {out:?}");
            assert!(out[2 * week + 1].abs() < 1e-12);
        }
        assert_eq!(builder.take(), PricePath::default(), "taking empties");
    }

    #[test]
    fn prices_of_stores_are_weighed_by_units() {
        let mut builder = PathBuilder::new(2);
        builder.see(0, 1.0, 3.0);
        builder.see(0, 16.0, 1.0);
        assert!((builder.take().0[0].1 - 2.0_f64.ln()).abs() < 1e-12);
    }
}
