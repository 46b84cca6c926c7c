//! The best tree of two questions, found exactly over a grid of thresholds.

/// Scores of every action for the rows of a log, and each feature cut into bins.
pub(super) struct Table<'a> {
    /// Shape `[n, n_actions]`.
    pub(super) scores: &'a [f64],
    pub(super) n_actions: usize,
    /// Ascending thresholds of each feature: a row goes below the `s`-th when its bin is at most `s`.
    pub(super) thresholds: Vec<Vec<f32>>,
    /// Bin of each row, feature by feature; shape `[n_features, n]`.
    pub(super) bins: Vec<Vec<u16>>,
    /// Rows that a leaf holds at least.
    pub(super) smallest_leaf: usize,
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) feature: usize,
    /// Index of the threshold.
    pub(super) at: usize,
}

/// A question and the best question on either side; `None` where it is best to ask no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TwoLevels {
    pub(super) root: Split,
    pub(super) below: Option<Split>,
    pub(super) above: Option<Split>,
}

/// Sum of scores of the best action with what it takes to get it.
#[derive(Debug, Clone, Copy)]
struct Best {
    value: f64,
    split: Option<Split>,
}

impl Table<'_> {
    /// The question that gains most over the rows; `None` when none gains.
    pub(super) fn best_split(&self, rows: &[usize]) -> Option<Split> {
        let totals = self.totals(rows);
        let mut best = Best { value: largest(&totals), split: None };
        for feature in 0..self.bins.len() {
            let (sums, counts) = self.histogram(rows, feature);
            self.scan(feature, &sums, &counts, &totals, rows.len(), &mut best);
        }
        best.split
    }

    /// The two levels of questions that gain most over the rows; `None` when no question does.
    ///
    /// For each pair of features, rows are summed once into a histogram over both their bins. Running
    /// sums over the first then give, for each threshold of the root, what is needed to scan all
    /// thresholds of the second. That costs `O(F² (n K + T² K))` instead of `O(F² T² n K)`.
    pub(super) fn best_two_levels(&self, rows: &[usize]) -> Option<TwoLevels> {
        let totals = self.totals(rows);
        let mut best: Option<(f64, TwoLevels)> = None;
        for first in 0..self.bins.len() {
            let mut sides = self.sides_without_question(rows, first, &totals);
            for second in 0..self.bins.len() {
                self.scan_pair(rows, (first, second), &mut sides);
            }
            for (at, [below, above]) in sides.iter().enumerate() {
                let value = below.value + above.value;
                let ahead = best.as_ref().is_none_or(|(most, _)| value > *most);
                if ahead && value.is_finite() {
                    let root = Split { feature: first, at };
                    let levels = TwoLevels { root, below: below.split, above: above.split };
                    best = Some((value, levels));
                }
            }
        }
        let gain = |value: f64| value > largest(&totals) + 1e-12 * largest(&totals).abs();
        best.filter(|(value, _)| gain(*value)).map(|(_, levels)| levels)
    }

    /// Sum of each action's scores over the rows.
    pub(super) fn totals(&self, rows: &[usize]) -> Vec<f64> {
        let mut totals = vec![0.0; self.n_actions];
        rows.iter().for_each(|&row| add(&mut totals, self.row(row)));
        totals
    }

    /// Whether the row goes below.
    pub(super) fn is_below(&self, row: usize, split: Split) -> bool {
        usize::from(self.bins[split.feature][row]) <= split.at
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.scores[row * self.n_actions..][..self.n_actions]
    }

    /// Sums of scores and numbers of rows by bin of one feature.
    fn histogram(&self, rows: &[usize], feature: usize) -> (Vec<f64>, Vec<usize>) {
        let n_bins = self.thresholds[feature].len() + 1;
        let (mut sums, mut counts) = (vec![0.0; n_bins * self.n_actions], vec![0; n_bins]);
        for &row in rows {
            let bin = usize::from(self.bins[feature][row]);
            counts[bin] += 1;
            add(&mut sums[bin * self.n_actions..][..self.n_actions], self.row(row));
        }
        (sums, counts)
    }

    /// For each threshold of the feature, the value of one action below and one above; too small
    /// sides are worth `−∞`.
    fn sides_without_question(
        &self,
        rows: &[usize],
        feature: usize,
        totals: &[f64],
    ) -> Vec<[Best; 2]> {
        let (sums, counts) = self.histogram(rows, feature);
        let mut below = vec![0.0; self.n_actions];
        let mut n_below = 0;
        let by_threshold = sums.chunks_exact(self.n_actions).zip(&counts);
        let sides = by_threshold.take(self.thresholds[feature].len()).map(|(sums, count)| {
            add(&mut below, sums);
            n_below += count;
            let fits = n_below.min(rows.len() - n_below) >= self.smallest_leaf.max(1);
            let side =
                |value| Best { value: if fits { value } else { f64::NEG_INFINITY }, split: None };
            [side(largest(&below)), side(largest_rest(totals, &below))]
        });
        sides.collect()
    }

    /// Improves either side of each threshold of the first feature by a question on the second.
    fn scan_pair(&self, rows: &[usize], (first, second): (usize, usize), sides: &mut [[Best; 2]]) {
        let k = self.n_actions;
        let n_bins = self.thresholds[second].len() + 1;
        let n_first = self.thresholds[first].len() + 1;
        let mut sums = vec![0.0; n_first * n_bins * k];
        let mut counts = vec![0_usize; n_first * n_bins];
        for &row in rows {
            let cell =
                usize::from(self.bins[first][row]) * n_bins + usize::from(self.bins[second][row]);
            counts[cell] += 1;
            add(&mut sums[cell * k..][..k], self.row(row));
        }
        let (mut below, mut above) = (vec![0.0; n_bins * k], vec![0.0; n_bins * k]);
        let (mut n_below, mut n_above) = (vec![0; n_bins], vec![0; n_bins]);
        sums.chunks_exact(n_bins * k).for_each(|stripe| add(&mut above, stripe));
        for stripe in counts.chunks_exact(n_bins) {
            n_above.iter_mut().zip(stripe).for_each(|(to, count)| *to += count);
        }
        for (at, [best_below, best_above]) in sides.iter_mut().enumerate() {
            let stripe = &sums[at * n_bins * k..][..n_bins * k];
            add(&mut below, stripe);
            above.iter_mut().zip(stripe).for_each(|(to, sum)| *to -= sum);
            for (bin, count) in counts[at * n_bins..][..n_bins].iter().enumerate() {
                n_below[bin] += count;
                n_above[bin] -= count;
            }
            if best_below.value == f64::NEG_INFINITY {
                continue;
            }
            self.scan_side(second, &below, &n_below, best_below);
            self.scan_side(second, &above, &n_above, best_above);
        }
    }

    fn scan_side(&self, feature: usize, sums: &[f64], counts: &[usize], best: &mut Best) {
        let mut totals = vec![0.0; self.n_actions];
        sums.chunks_exact(self.n_actions).for_each(|bin| add(&mut totals, bin));
        self.scan(feature, sums, counts, &totals, counts.iter().sum(), best);
    }

    /// Keeps the best threshold of a feature, given its histogram, if it beats what is known.
    fn scan(
        &self,
        feature: usize,
        sums: &[f64],
        counts: &[usize],
        totals: &[f64],
        n: usize,
        best: &mut Best,
    ) {
        let mut below = vec![0.0; self.n_actions];
        let mut n_below = 0;
        let by_threshold = sums.chunks_exact(self.n_actions).zip(counts);
        for (at, (sums, count)) in by_threshold.take(self.thresholds[feature].len()).enumerate() {
            add(&mut below, sums);
            n_below += count;
            let value = largest(&below) + largest_rest(totals, &below);
            let fits = n_below.min(n - n_below) >= self.smallest_leaf.max(1);
            // Sums in another order differ in the last bits: that is no gain.
            if fits && value > best.value + 1e-12 * value.abs() {
                *best = Best { value, split: Some(Split { feature, at }) };
            }
        }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// `max_a (totals_a − below_a)`.
fn largest_rest(totals: &[f64], below: &[f64]) -> f64 {
    totals.iter().zip(below).map(|(t, b)| t - b).fold(f64::NEG_INFINITY, f64::max)
}
