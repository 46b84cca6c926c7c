//! The chance that each arm is the best one, kept up to date arm by arm.

use super::posterior::Posterior;
use promopt_envs::{ActionId, ActionMask};
use promopt_policies::ActionDistribution;

/// Place of the first of Gauss's two points in a cell of width 1.
const FIRST_POINT: f64 = 0.211_324_865_405_187_1;
/// Width of the first cell in deviations of the most certain arm in play.
const FINENESS: f64 = 0.5;

/// `P(a = argmax_b Z_b)` over the allowed arms, for independent `Z_b` from the arms' posteriors:
/// `∫ f_a(z) Π_{b≠a} F_b(z) dz`.
///
/// The integral is taken with Gauss's two points per cell on a grid that begins where the maximum
/// can be at the earliest, at the highest lower end of the arms in play. Each of them reaches across
/// that place, the certain ones barely: so the cells are narrow there and grow geometrically. A
/// change of one arm costs its own curve only, and the grid stays for as long as it fits.
///
/// The answer is a distribution whatever the grid's error, which the tests hold below 0.002 at the
/// default of 48 cells.
#[derive(Debug, Clone)]
pub struct WinningProbabilities {
    posteriors: Vec<Posterior>,
    stale: Vec<bool>,
    grid: Grid,
    /// `f_a(z) dz` at each point, shape `[n_arms][n_points]`.
    mass: Vec<f64>,
    /// `F_a(z)` at each point, shape `[n_arms][n_points]`.
    below: Vec<f64>,
    /// Products over the arms before and after one, shape `[n_points]` and `[n_arms][n_points]`.
    before: Vec<f64>,
    after: Vec<f64>,
    answer: Option<(ActionMask, ActionDistribution)>,
}

/// Points of a grid over `[low, high]` whose cells grow from `first`.
#[derive(Debug, Clone, Default)]
struct Grid {
    low: f64,
    high: f64,
    first: f64,
    widths: Vec<f64>,
    points: Vec<f64>,
    ln_points: Vec<f64>,
    ln_rests: Vec<f64>,
}

/// Where the maximum may be, and the smallest deviation among the arms in play.
struct Region {
    low: f64,
    high: f64,
    smallest: f64,
}

impl WinningProbabilities {
    /// Arms that all have the same posterior, integrated on this many cells, at least one.
    #[must_use]
    pub fn new(posterior: Posterior, n_arms: usize, cells: usize) -> Self {
        let n_points = 2 * cells.max(1);
        Self {
            posteriors: vec![posterior; n_arms],
            stale: vec![true; n_arms],
            grid: Grid { widths: vec![0.0; cells.max(1)], ..Grid::default() },
            mass: vec![0.0; n_arms * n_points],
            below: vec![0.0; n_arms * n_points],
            before: vec![0.0; n_points],
            after: vec![0.0; n_arms * n_points],
            answer: None,
        }
    }

    /// Replaces what is believed about an arm.
    pub fn set(&mut self, arm: ActionId, posterior: Posterior) {
        if self.posteriors[arm] != posterior {
            self.posteriors[arm] = posterior;
            self.stale[arm] = true;
            self.answer = None;
        }
    }

    /// The chances, zero where masked.
    pub fn probabilities(&mut self, mask: &ActionMask) -> &ActionDistribution {
        if self.answer.as_ref().is_none_or(|(answered, _)| answered != mask) {
            let distribution = self.integrate(mask);
            self.answer = Some((mask.clone(), distribution));
        }
        let answer = self.answer.as_ref();
        &answer.expect("it was stored just now or before").1
    }

    /// What decides how the integral is rounded and does not follow from the posteriors.
    pub(crate) fn grid(&self) -> [f64; 3] {
        [self.grid.low, self.grid.high, self.grid.first]
    }

    /// Goes on with the grid of another time.
    pub(crate) fn restore_grid(&mut self, [low, high, first]: [f64; 3]) {
        self.grid.build(low, high, first);
        self.stale.fill(true);
        self.answer = None;
    }

    fn integrate(&mut self, mask: &ActionMask) -> ActionDistribution {
        let region = self.region(mask);
        if !(region.low < region.high && region.smallest > 0.0) {
            let means: Vec<f64> = self.posteriors.iter().map(Posterior::mean).collect();
            return even_over_best(&means, mask);
        }
        if !self.grid.fits(&region) {
            let (low, high) = self.posteriors[0].support();
            let margin = region.smallest;
            let (low, high) =
                ((region.low - margin).max(low), (region.high + 2.0 * margin).min(high));
            self.grid.build(low, high, FINENESS * region.smallest);
            self.stale.fill(true);
        }
        let in_play: Vec<ActionId> =
            mask.allowed().filter(|&arm| self.posteriors[arm].reach().1 > region.low).collect();
        for &arm in &in_play {
            if std::mem::take(&mut self.stale[arm]) {
                self.draw_curve(arm);
            }
        }
        ActionDistribution::from_weights(&self.multiply(&in_play), mask)
    }

    fn region(&self, mask: &ActionMask) -> Region {
        let mut region =
            Region { low: f64::NEG_INFINITY, high: f64::NEG_INFINITY, smallest: f64::INFINITY };
        for arm in mask.allowed() {
            let (low, high) = self.posteriors[arm].reach();
            region.low = region.low.max(low);
            region.high = region.high.max(high);
        }
        for posterior in mask.allowed().map(|arm| &self.posteriors[arm]) {
            if posterior.reach().1 > region.low {
                region.smallest = region.smallest.min(posterior.deviation());
            }
        }
        region
    }

    /// Mass and distribution function of an arm at every point. Within a cell the density is taken
    /// as the line through its two points; the whole is scaled to the exact mass above the grid's
    /// low end, and what lies below it or above its high end is added to the nearest cell.
    fn draw_curve(&mut self, arm: ActionId) {
        let n = self.grid.points.len();
        let posterior = self.posteriors[arm];
        let mass = &mut self.mass[arm * n..(arm + 1) * n];
        let below = &mut self.below[arm * n..(arm + 1) * n];
        let mut highest = f64::NEG_INFINITY;
        for (i, log) in mass.iter_mut().enumerate() {
            let grid = &self.grid;
            *log = posterior.log_density(grid.points[i], grid.ln_points[i], grid.ln_rests[i]);
            highest = highest.max(*log);
        }
        for (pair, width) in mass.as_chunks_mut::<2>().0.iter_mut().zip(&self.grid.widths) {
            *pair = pair.map(|log| (log - highest).exp() * width / 2.0);
        }
        // What is out of reach is not worth an incomplete beta function.
        let (from, to) = posterior.reach();
        let under = if self.grid.low > from { posterior.below(self.grid.low) } else { 0.0 };
        let over = if self.grid.high < to { 1.0 - posterior.below(self.grid.high) } else { 0.0 };
        let outside = (under, over);
        let total: f64 = mass.iter().sum();
        let inside = (1.0 - outside.0 - outside.1).max(0.0);
        let scale = if total > 0.0 { inside / total } else { 0.0 };
        let mut left = outside.0;
        let pairs = mass.as_chunks_mut::<2>().0.iter_mut();
        for (pair, below) in pairs.zip(below.as_chunks_mut::<2>().0) {
            *pair = pair.map(|mass| mass * scale);
            let [first, second] = *pair;
            // ∫ of the line from the cell's left end to each of its points.
            let (near, far) = (0.5, FIRST_POINT * FIRST_POINT * 3.0_f64.sqrt());
            *below = [
                left + (near * first - far * second).max(0.0),
                left + (first + second - (near * second - far * first).max(0.0)),
            ];
            left += first + second;
        }
        mass[0] += outside.0;
        mass[n - 1] += outside.1;
    }

    /// `Σ_points mass_a Π_{b≠a} below_b` for every arm in play.
    fn multiply(&mut self, in_play: &[ActionId]) -> Vec<f64> {
        let n = self.grid.points.len();
        let mut weights = vec![0.0; self.posteriors.len()];
        let rows = in_play.len();
        self.after[(rows - 1) * n..rows * n].fill(1.0);
        for row in (1..rows).rev() {
            let (earlier, later) = self.after.split_at_mut(row * n);
            let below = &self.below[in_play[row] * n..(in_play[row] + 1) * n];
            let target = &mut earlier[(row - 1) * n..];
            for ((out, later), below) in target.iter_mut().zip(&later[..n]).zip(below) {
                *out = later * below;
            }
        }
        self.before.fill(1.0);
        for (row, &arm) in in_play.iter().enumerate() {
            let mass = &self.mass[arm * n..(arm + 1) * n];
            let below = &self.below[arm * n..(arm + 1) * n];
            let after = &self.after[row * n..(row + 1) * n];
            let points = mass.iter().zip(below).zip(after).zip(&mut self.before);
            weights[arm] = points
                .map(|(((mass, below), after), before)| {
                    let share = mass * *before * after;
                    *before *= below;
                    share
                })
                .sum();
        }
        weights
    }
}

impl Grid {
    /// Whether integrals over the region would be about as good as on its own grid.
    fn fits(&self, region: &Region) -> bool {
        let covers = self.low <= region.low && region.high <= self.high;
        let fineness = self.first / region.smallest;
        let near = region.low - self.low <= 3.0 * region.smallest;
        covers && near && fineness <= 1.3 * FINENESS && fineness >= 0.3 * FINENESS
    }

    fn build(&mut self, low: f64, high: f64, first: f64) {
        (self.low, self.high, self.first) = (low, high, first);
        let n = self.widths.len();
        let growth = growth(first, high - low, n);
        let mut width = first.min((high - low) / n as f64);
        for cell in &mut self.widths {
            *cell = width;
            width *= growth;
        }
        let scale = (high - low) / self.widths.iter().sum::<f64>();
        let mut left = low;
        self.points.clear();
        for width in &mut self.widths {
            *width *= scale;
            self.points.push(left + FIRST_POINT * *width);
            self.points.push(left + (1.0 - FIRST_POINT) * *width);
            left += *width;
        }
        self.ln_points = self.points.iter().map(|x| x.ln()).collect();
        self.ln_rests = self.points.iter().map(|x| (-x).ln_1p()).collect();
    }
}

/// The factor by which `n` cells must grow from `first` to fill `length`; 1 when they fill it as
/// they are.
fn growth(first: f64, length: f64, n: usize) -> f64 {
    let filled = |factor: f64| (0..n).fold(0.0, |sum, _| sum * factor + first);
    if filled(1.0) >= length {
        return 1.0;
    }
    let (mut low, mut high) = (1.0, 2.0);
    while filled(high) < length {
        high *= 2.0;
    }
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if filled(middle) < length { low = middle } else { high = middle }
    }
    high
}

/// Equal shares for the allowed arms of the largest score, so that the order of arms is irrelevant.
pub(super) fn even_over_best(scores: &[f64], mask: &ActionMask) -> ActionDistribution {
    let best = mask.allowed().map(|arm| scores[arm]).fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> =
        scores.iter().map(|&score| if score == best { 1.0 } else { 0.0 }).collect();
    ActionDistribution::from_weights(&weights, mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The integral on 20,000 even cells of the whole range, from distribution functions alone.
    fn slow(posteriors: &[Posterior], low: f64, high: f64) -> Vec<f64> {
        let cells = 20_000;
        let edge = |i: usize| low + (high - low) * i as f64 / cells as f64;
        let below = |i: usize| posteriors.iter().map(|p| p.below(edge(i))).collect::<Vec<_>>();
        let mut chances = vec![0.0; posteriors.len()];
        let mut left = below(0);
        for i in 1..=cells {
            let right = below(i);
            for (arm, chance) in chances.iter_mut().enumerate() {
                let others = (0..posteriors.len()).filter(|&b| b != arm);
                let product: f64 = others.map(|b| (left[b] + right[b]) / 2.0).product();
                *chance += (right[arm] - left[arm]) * product;
            }
            left = right;
        }
        chances
    }

    fn fast(posteriors: &[Posterior]) -> Vec<f64> {
        let mut winning = WinningProbabilities::new(posteriors[0], posteriors.len(), 48);
        posteriors.iter().enumerate().for_each(|(arm, &posterior)| winning.set(arm, posterior));
        winning.probabilities(&ActionMask::all(posteriors.len())).probabilities().to_vec()
    }

    #[test]
    fn the_grid_agrees_with_a_fine_one() {
        use Posterior::{Beta, Normal, Student};
        let cases: [(Vec<Posterior>, f64, f64); 6] = [
            (vec![Beta(1.0, 1.0); 5], 0.0, 1.0),
            (vec![Beta(901.0, 101.0), Beta(9.0, 3.0), Beta(1.0, 1.0)], 0.0, 1.0),
            (
                vec![Beta(101.0, 901.0), Beta(52.0, 950.0), Beta(1.0, 40.0), Beta(2.0, 9.0)],
                0.0,
                1.0,
            ),
            (vec![Beta(9_000.0, 1_000.0), Beta(8_970.0, 1_030.0), Beta(20.0, 6.0)], 0.0, 1.0),
            (vec![Normal(0.0, 1.0), Normal(0.2, 0.05), Normal(-0.5, 2.0)], -20.0, 20.0),
            (
                vec![Student(8.0, 0.0, 1.0), Student(3.0, 0.4, 0.2), Student(30.0, 1.0, 0.3)],
                -60.0,
                60.0,
            ),
        ];
        for (posteriors, low, high) in cases {
            let (fast, slow) = (fast(&posteriors), slow(&posteriors, low, high));
            for (fast, slow) in fast.iter().zip(&slow) {
                assert!((fast - slow).abs() < 2e-3, "{posteriors:?} {fast} {slow}");
            }
        }
    }

    #[test]
    fn masks_and_certainty_are_respected() {
        let mut winning = WinningProbabilities::new(Posterior::Normal(0.0, 1.0), 3, 16);
        winning.set(1, Posterior::Normal(9.0, 0.1));
        let mask = ActionMask::from_flags(vec![true, false, true]).expect("two are allowed");
        assert_eq!(winning.probabilities(&mask).probabilities()[1], 0.0);
        assert!((winning.probabilities(&mask).probabilities()[0] - 0.5).abs() < 1e-9);
        assert!(winning.probabilities(&ActionMask::all(3)).probabilities()[1] > 0.999_999);
        let one = ActionMask::from_flags(vec![false, false, true]).expect("one is allowed");
        assert_eq!(winning.probabilities(&one).probabilities(), [0.0, 0.0, 1.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn a_history_of_changes_leaves_what_a_fresh_integral_gives(
            changes in proptest::collection::vec((0_usize..4, 1.0_f64..400.0, 1.0_f64..400.0), 1..40),
        ) {
            let mut winning = WinningProbabilities::new(Posterior::Beta(1.0, 1.0), 4, 48);
            let mut posteriors = [Posterior::Beta(1.0, 1.0); 4];
            for (arm, a, b) in changes {
                posteriors[arm] = Posterior::Beta(a, b);
                winning.set(arm, posteriors[arm]);
                let mask = ActionMask::all(4);
                let got = winning.probabilities(&mask).probabilities().to_vec();
                prop_assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                for (got, fresh) in got.iter().zip(fast(&posteriors)) {
                    prop_assert!((got - fresh).abs() < 4e-3, "{got} {fresh} {posteriors:?}");
                }
            }
        }
    }
}
