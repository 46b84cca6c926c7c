//! What each product costs: unit prices on a fine grid, from which outliers are told.
//!
//! A price falls into step `round(256 · log₂ price)`, 0.3 % wide. Counts by step are whole numbers,
//! so they add up the same in any order and need no line to be held; medians and spreads are read
//! from them.

use super::line::Line;
use super::rules::{Rule, micros, nearest_whole};

/// Steps of the grid per doubling of the price.
const STEPS_PER_OCTAVE: f64 = 256.0;
/// Makes the median absolute deviation a standard deviation under a normal distribution.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Lines of one product at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) step: i16,
    pub(super) lines: u32,
    /// Lines with a shelf discount.
    pub(super) on_deal: u32,
    /// Sales value, millionths.
    pub(super) sales: i128,
    pub(super) first_day: i32,
    pub(super) last_day: i32,
}

/// Lines by product and step of the unit price.
#[derive(Debug, Clone, Default)]
pub(super) struct PriceCounts {
    /// Steps by product, ascending: apart from the counts, so that a search stays in one cache line.
    steps: Vec<Vec<i16>>,
    products: Vec<Vec<Bin>>,
}

/// The step of a unit price, which is positive.
pub(super) fn step_of(price: f64) -> i16 {
    nearest_whole(price.log2() * STEPS_PER_OCTAVE) as i16
}

impl PriceCounts {
    /// Empty counts of this many products.
    pub(super) fn new(n_products: usize) -> Self {
        Self { steps: vec![Vec::new(); n_products], products: vec![Vec::new(); n_products] }
    }

    /// Counts a line.
    pub(super) fn add(&mut self, line: &Line) {
        self.add_bin(
            line.product,
            Bin {
                step: step_of(line.gross() / line.quantity),
                lines: 1,
                on_deal: u32::from(line.shelf_discount > 0.0),
                sales: micros(line.sales).into(),
                first_day: line.day,
                last_day: line.day,
            },
        );
    }

    fn add_bin(&mut self, product: u32, bin: Bin) {
        let bins = &mut self.products[product as usize];
        let steps = &mut self.steps[product as usize];
        match steps.binary_search(&bin.step) {
            Ok(at) => {
                let own = &mut bins[at];
                own.lines += bin.lines;
                own.on_deal += bin.on_deal;
                own.sales += bin.sales;
                own.first_day = own.first_day.min(bin.first_day);
                own.last_day = own.last_day.max(bin.last_day);
            }
            Err(at) => {
                steps.insert(at, bin.step);
                bins.insert(at, bin);
            }
        }
    }

    /// Adds other counts.
    pub(super) fn merge(&mut self, other: &PriceCounts) {
        for (product, bins) in other.products.iter().enumerate() {
            bins.iter().for_each(|bin| self.add_bin(product as u32, *bin));
        }
    }

    /// The bins of each product, by ascending step.
    pub(super) fn products(&self) -> &[Vec<Bin>] {
        &self.products
    }
}

/// How far a unit price may be from the product's median.
#[derive(Debug, Clone, Copy)]
pub(super) struct PriceLimits {
    /// Ratio to the median above which, or below whose inverse, a price is implausible.
    pub(super) max_ratio: f64,
    /// Robust z of the log price from which it is an outlier; 0 switches the rule off.
    pub(super) outlier_z: f64,
    /// No price nearer to the median than this ratio is an outlier, however constant prices are.
    pub(super) outlier_ratio: f64,
}

/// Steps that a product's prices may have, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plausible {
    /// Inside, the ratio rule passes.
    by_ratio: (i16, i16),
    /// Inside, both rules pass.
    by_spread: (i16, i16),
    /// Median of what is left; 0 when nothing is.
    pub(super) median: i16,
}

impl Plausible {
    /// The rule that rejects a step.
    pub(super) fn rejects(&self, step: i16) -> Option<Rule> {
        let outside = |(low, high): (i16, i16)| step < low || step > high;
        if outside(self.by_ratio) {
            Some(Rule::ImplausibleUnitPrice)
        } else {
            outside(self.by_spread).then_some(Rule::PriceOutlier)
        }
    }
}

/// Trims a product's prices until no rule rejects any, because each removal can move the median:
/// cleaning what was kept rejects nothing.
pub(super) fn plausible(bins: &[Bin], limits: &PriceLimits) -> Plausible {
    let steps = |ratio: f64| (ratio.log2() * STEPS_PER_OCTAVE).floor() as i32;
    let (max_steps, outlier_steps) = (steps(limits.max_ratio), steps(limits.outlier_ratio));
    let mut left = bins;
    let mut by_ratio = (i16::MIN, i16::MAX);
    loop {
        let median = median_step(left);
        let trimmed = within(left, median, max_steps);
        if trimmed.len() < left.len() {
            // Only steps outside the ratio of the latest median are lost, so one pair of ends holds.
            by_ratio = ends(trimmed);
            left = trimmed;
            continue;
        }
        if limits.outlier_z > 0.0 {
            let spread = MAD_TO_DEVIATION * median_deviation(left, median);
            let width = ((limits.outlier_z * spread).floor() as i32).max(outlier_steps);
            let trimmed = within(left, median, width);
            if trimmed.len() < left.len() {
                left = trimmed;
                continue;
            }
        }
        let by_spread = if left.len() < bins.len() { ends(left) } else { by_ratio };
        return Plausible { by_ratio, by_spread, median };
    }
}

fn ends(bins: &[Bin]) -> (i16, i16) {
    match bins {
        [] => (i16::MAX, i16::MIN),
        [first, .., last] => (first.step, last.step),
        [only] => (only.step, only.step),
    }
}

fn within(bins: &[Bin], median: i16, width: i32) -> &[Bin] {
    let distance = |bin: &Bin| i32::from(bin.step) - i32::from(median);
    let start = bins.partition_point(|bin| distance(bin) < -width);
    let end = bins.partition_point(|bin| distance(bin) <= width);
    &bins[start..end]
}

/// Step of the middle line, the upper one of two.
pub(super) fn median_step(bins: &[Bin]) -> i16 {
    let half = bins.iter().map(|bin| u64::from(bin.lines)).sum::<u64>() / 2;
    let mut below = 0;
    for bin in bins {
        below += u64::from(bin.lines);
        if below > half {
            return bin.step;
        }
    }
    0
}

/// Median distance of lines to the median, in steps.
fn median_deviation(bins: &[Bin], median: i16) -> f64 {
    let mut distances: Vec<(i32, u64)> = bins
        .iter()
        .map(|bin| ((i32::from(bin.step) - i32::from(median)).abs(), u64::from(bin.lines)))
        .collect();
    distances.sort_unstable();
    let half = distances.iter().map(|(_, lines)| lines).sum::<u64>() / 2;
    let mut below = 0;
    for (distance, lines) in distances {
        below += lines;
        if below > half {
            return f64::from(distance);
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: PriceLimits = PriceLimits { max_ratio: 20.0, outlier_z: 8.0, outlier_ratio: 3.0 };

    fn bins(prices: &[(f64, u32)]) -> Vec<Bin> {
        let mut counts = PriceCounts::new(1);
        for (price, lines) in prices {
            let bin = Bin {
                step: step_of(*price),
                lines: *lines,
                on_deal: 0,
                sales: 0,
                first_day: 0,
                last_day: 0,
            };
            counts.add_bin(0, bin);
        }
        counts.products.remove(0)
    }

    #[test]
    fn a_price_twenty_times_off_is_implausible_and_four_times_off_an_outlier() {
        let all = bins(&[(2.0, 50), (2.2, 50), (9.0, 1), (45.0, 1), (0.05, 1)]);
        let plausible = plausible(&all, &LIMITS);
        let rule = |price: f64| plausible.rejects(step_of(price));
        assert_eq!((rule(2.0), rule(2.2)), (None, None));
        assert_eq!(rule(9.0), Some(Rule::PriceOutlier));
        assert_eq!(rule(45.0), Some(Rule::ImplausibleUnitPrice));
        assert_eq!(rule(0.05), Some(Rule::ImplausibleUnitPrice));
        assert!([2.0, 2.2].map(step_of).contains(&plausible.median));
    }

    #[test]
    fn prices_that_vary_widely_have_no_outliers() {
        let all = bins(&[(1.0, 10), (2.0, 10), (4.0, 10), (8.0, 10), (16.0, 10)]);
        let plausible = plausible(&all, &LIMITS);
        assert!(all.iter().all(|bin| plausible.rejects(bin.step).is_none()));
    }

    #[test]
    fn a_switched_off_rule_rejects_nothing() {
        let limits = PriceLimits { outlier_z: 0.0, ..LIMITS };
        let all = bins(&[(2.0, 50), (9.0, 1)]);
        assert_eq!(plausible(&all, &limits).rejects(step_of(9.0)), None);
    }

    proptest! {
        #[test]
        fn what_was_kept_is_kept_again(
            prices in prop::collection::vec((0.01..500.0_f64, 1..30_u32), 1..40),
        ) {
            let all = bins(&prices);
            let first = plausible(&all, &LIMITS);
            let kept: Vec<Bin> =
                all.iter().copied().filter(|bin| first.rejects(bin.step).is_none()).collect();
            prop_assert!(!kept.is_empty());
            let second = plausible(&kept, &LIMITS);
            prop_assert!(kept.iter().all(|bin| second.rejects(bin.step).is_none()));
            prop_assert_eq!(first.median, second.median);
        }
    }
}
