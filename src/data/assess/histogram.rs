//! Sums and histograms that do not depend on the order in which they were filled.

use std::ops::AddAssign;

/// A sum of money in whole ten-thousandths, so that its order does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactSum(i128);

impl ExactSum {
    /// Adds an amount, rounded to a hundredth of a cent; one that is not finite counts as 0.
    pub fn add(&mut self, amount: f64) {
        // A cast saturates and takes NaN to 0; i64 keeps the sum far from the ends of i128.
        let whole = if amount.is_finite() { (amount * 1e4).round() as i64 } else { 0 };
        self.0 += i128::from(whole);
    }

    /// The sum, money.
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e4
    }
}

impl From<f64> for ExactSum {
    fn from(amount: f64) -> Self {
        let mut sum = Self::default();
        sum.add(amount);
        sum
    }
}

impl AddAssign for ExactSum {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// The bins of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Fraction off: a bin for none, then 20 bins of five points, upper end included.
    Depth,
    /// Money: 140 bins of a twentieth of a decade (12 %) from 0.01 to 100,000.
    LogMoney,
}

/// Lowest `log10` of [`Scale::LogMoney`].
const LOG_START: f64 = -2.0;
/// Width of a bin of [`Scale::LogMoney`].
const LOG_WIDTH: f64 = 0.05;

impl Scale {
    /// Number of bins.
    pub fn bins(self) -> usize {
        match self {
            Scale::Depth => 21,
            Scale::LogMoney => 140,
        }
    }

    /// The bin of a value; what lies beyond the ends (and NaN) falls into the end bin.
    pub fn bin_of(self, value: f64) -> usize {
        // The margin keeps 0.15, which is stored as a hair more than three steps, in its bin.
        let position = match self {
            Scale::Depth => (value * 20.0 - 1e-9).ceil(),
            Scale::LogMoney => ((value.max(1e-9).log10() - LOG_START) / LOG_WIDTH + 1e-9).floor(),
        };
        (position.max(0.0) as usize).min(self.bins() - 1)
    }

    /// A value between the lower (`part = 0`) and upper (`part = 1`) end of a bin.
    fn within(self, bin: usize, part: f64) -> f64 {
        match self {
            Scale::Depth if bin == 0 => 0.0,
            Scale::Depth => (bin as f64 - 1.0 + part) / 20.0,
            Scale::LogMoney => 10_f64.powf(LOG_START + LOG_WIDTH * (bin as f64 + part)),
        }
    }
}

/// Lines and their sales by bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    scale: Scale,
    lines: Vec<u64>,
    sales: Vec<ExactSum>,
    /// Sum of the values of all lines.
    values: ExactSum,
}

impl Histogram {
    /// An empty histogram.
    pub fn new(scale: Scale) -> Self {
        let sales = vec![ExactSum::default(); scale.bins()];
        Self { scale, lines: vec![0; scale.bins()], sales, values: ExactSum::default() }
    }

    /// Counts one line with its sales, money.
    pub fn add(&mut self, value: f64, sales: f64) {
        let bin = self.scale.bin_of(value);
        self.lines[bin] += 1;
        self.sales[bin] += ExactSum::from(sales);
        self.values.add(value);
    }

    /// Adds another histogram bin by bin; bins of another scale land in the nearest one.
    pub fn merge(&mut self, other: &Self) {
        for (bin, (lines, sales)) in other.lines.iter().zip(&other.sales).enumerate() {
            let bin = bin.min(self.lines.len() - 1);
            self.lines[bin] += lines;
            self.sales[bin] += *sales;
        }
        self.values += other.values;
    }

    /// Lines by bin.
    pub fn lines(&self) -> &[u64] {
        &self.lines
    }

    /// Lines of all bins.
    pub fn total_lines(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Share of the sales by bin; empty when there are none.
    pub fn sales_shares(&self) -> Vec<f64> {
        let total: f64 = self.sales.iter().map(|sum| sum.value()).sum();
        if total <= 0.0 {
            return Vec::new();
        }
        self.sales.iter().map(|sum| sum.value() / total).collect()
    }

    /// The value below which a share `q` of the lines lies, interpolated within its bin (on the
    /// log scale for money), so exact to a bin: 5 points of depth, 12 % of money. `None` when
    /// empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.total_lines();
        if total == 0 {
            return None;
        }
        let wanted = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        let mut last = 0;
        for (bin, lines) in self.lines.iter().enumerate().filter(|(_, lines)| **lines > 0) {
            let lines = *lines as f64;
            if below + lines >= wanted {
                return Some(self.scale.within(bin, (wanted - below) / lines));
            }
            below += lines;
            last = bin;
        }
        Some(self.scale.within(last, 1.0))
    }

    /// Mean of the values over the lines, exact to a hundredth of a cent; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        let total = self.total_lines();
        (total > 0).then(|| self.values.value() / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_of_exact_steps_fall_into_the_bin_they_end() {
        let bins: Vec<usize> = [0.0, 0.01, 0.05, 0.051, 0.15, 0.3, 1.0, 7.0, -0.1, f64::NAN]
            .iter()
            .map(|depth| Scale::Depth.bin_of(*depth))
            .collect();
        assert_eq!(bins, [0, 1, 1, 2, 3, 6, 20, 20, 0, 0]);
    }

    #[test]
    fn money_falls_into_twentieths_of_a_decade() {
        let bins: Vec<usize> = [0.0, 0.01, 1.0, 10.0, 1e9, f64::NAN]
            .iter()
            .map(|money| Scale::LogMoney.bin_of(*money))
            .collect();
        assert_eq!(bins, [0, 0, 40, 60, 139, 0]);
    }

    #[test]
    fn quantiles_and_mean_are_those_worked_by_hand() {
        let mut depth = Histogram::new(Scale::Depth);
        (0..6).for_each(|_| depth.add(0.0, 2.0));
        (0..4).for_each(|_| depth.add(0.18, 1.0));
        assert_eq!(depth.quantile(0.5), Some(0.0));
        // Eight of ten lines: the six of bin 0 and half of the four in (0.15, 0.2].
        assert!((depth.quantile(0.8).expect("lines") - 0.175).abs() < 1e-12);
        assert!((depth.mean().expect("lines") - 0.4 * 0.18).abs() < 1e-12);
        assert_eq!(depth.sales_shares()[0], 0.75);
        assert_eq!(Histogram::new(Scale::Depth).quantile(0.5), None);
        assert_eq!(Histogram::new(Scale::Depth).mean(), None);
    }

    #[test]
    fn a_sum_is_the_same_in_any_order_and_ignores_what_is_not_finite() {
        let amounts = [1e12, 0.1, -1e12, 0.2, f64::NAN, f64::INFINITY, 0.3];
        let mut forward = ExactSum::default();
        let mut backward = ExactSum::default();
        amounts.iter().for_each(|amount| forward.add(*amount));
        amounts.iter().rev().for_each(|amount| backward.add(*amount));
        assert_eq!(forward, backward);
        assert_eq!(forward.value(), 0.6);
    }
}
