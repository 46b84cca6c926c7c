//! From plays under posterior draws to an estimate with an interval.

use super::tally::Tally;
use crate::evaluate::Interval;

/// One tally for each posterior draw, and those of the first draws played again on other luck.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Plays {
    pub(super) draws: Vec<Tally>,
    pub(super) repeats: Vec<Tally>,
}

impl Plays {
    /// Mean of a figure over draws.
    pub(super) fn mean(&self, figure: impl Fn(&Tally) -> f64) -> f64 {
        mean(&self.draws.iter().map(figure).collect::<Vec<f64>>())
    }

    /// Estimate and interval of a figure.
    pub(super) fn interval(&self, figure: impl Fn(&Tally) -> f64, level: f64) -> Interval {
        let draws: Vec<f64> = self.draws.iter().map(&figure).collect();
        let repeats: Vec<f64> = self.repeats.iter().map(&figure).collect();
        interval(&draws, &repeats, level)
    }
}

/// The interval of a figure of which every draw was played once, and the first ones twice.
///
/// The variance over draws is that of the posterior plus that of the simulation's luck; the second
/// is half the mean squared difference of the two plays of a draw. Deviations from the mean are
/// shrunk so that the posterior part remains, with what the luck of all draws together leaves in the
/// mean. The ends are quantiles at `(n + 1) p`, between which a further draw falls with the
/// probability asked for.
pub(in crate::demand) fn interval(draws: &[f64], repeats: &[f64], level: f64) -> Interval {
    let (n, estimate) = (draws.len() as f64, mean(draws));
    let total = draws.iter().map(|x| (x - estimate).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let squares = draws.iter().zip(repeats).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let luck = (squares / 2.0 / repeats.len().max(1) as f64).min(total);
    let variance = total - luck + luck / n.max(1.0);
    let shrink = if total > 0.0 { (variance / total).sqrt() } else { 0.0 };
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let end = |p: f64| estimate + shrink * (quantile(&sorted, p) - estimate);
    let tail = (1.0 - level) / 2.0;
    Interval {
        estimate,
        lower: end(tail),
        upper: end(1.0 - tail),
        level,
        standard_error: variance.sqrt(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The quantile at position `(n + 1) p` of sorted values, from 1; between neighbours linear.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = ((sorted.len() + 1) as f64 * p - 1.0).clamp(0.0, last as f64);
    let (below, share) = (position.floor() as usize, position.fract());
    let above = (below + 1).min(last);
    sorted[below] + share * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        // (4 + 1) × 0.5 = 2.5: between the second and the third.
        assert_eq!(quantile(&sorted, 0.5), 2.5);
        assert_eq!(quantile(&sorted, 0.01), 1.0);
        assert_eq!(quantile(&sorted, 0.99), 4.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn the_luck_of_the_simulation_is_taken_out_of_the_spread() {
        let mut stream = SeedTree::new(1).stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let (n, posterior, luck) = (4000, 1.0, 2.0);
        let truths: Vec<f64> = (0..n).map(|_| posterior * normal()).collect();
        let once: Vec<f64> = truths.iter().map(|t| t + luck * normal()).collect();
        let again: Vec<f64> = truths.iter().map(|t| t + luck * normal()).collect();
        let found = interval(&once, &again, 0.9);
        // The variance 5 of a draw has standard error 5 √(2/4000) = 0.112 and the luck's 4 has
        // 4 √(2/4000) = 0.089; together at most 0.143, four times that is 0.57.
        assert!((found.standard_error.powi(2) - 1.0).abs() < 0.57, "{found:?}");
        let half = (found.upper - found.lower) / 2.0;
        assert!((half / found.standard_error - 1.645).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn one_draw_has_no_spread() {
        let found = interval(&[3.0], &[], 0.9);
        assert_eq!((found.lower, found.estimate, found.upper), (3.0, 3.0, 3.0));
    }
}
