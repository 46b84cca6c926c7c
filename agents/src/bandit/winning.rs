//! How often each of several uncertain scores is the largest one.

use promopt_envs::ActionMask;
use promopt_policies::ActionDistribution;
use rand::RngCore;
use rand_distr::{Distribution, StandardNormal};

/// Standard deviations around a mean that the grid covers.
const REACH: f64 = 5.0;

/// `P(a = argmax_b Z_b)` over the allowed actions, for independent
/// `Z_b ~ N(means[b], deviations[b]²)`.
///
/// `P(a) = ∫ f_a(z) Π_{b≠a} F_b(z) dz`, as a sum over the cells of an even grid of the chance that
/// `Z_a` falls into the cell times the mean chance of the others below it, scaled to sum to 1. The
/// error is of the order of the cell's width against the smallest deviation in play: with 128 cells
/// and deviations within a factor of 5 of each other it is below 0.01.
#[must_use]
pub fn argmax_probabilities(
    means: &[f64],
    deviations: &[f64],
    mask: &ActionMask,
    cells: usize,
) -> ActionDistribution {
    let edge = |sign: f64| {
        let edges = mask.allowed().map(|a| means[a] + sign * REACH * deviations[a]);
        edges.fold(f64::NEG_INFINITY, f64::max)
    };
    // Below the highest lower edge the maximum is almost never found, and actions that end there
    // almost never win.
    let (low, high) = (edge(-1.0), edge(1.0));
    let width = (high - low) / cells.max(1) as f64;
    if !(width.is_finite() && width > 0.0) {
        return ActionDistribution::deterministic(mask.argmax(means), mask.n_actions());
    }
    let contends = |&a: &usize| means[a] + REACH * deviations[a] > low;
    let contenders: Vec<usize> = mask.allowed().filter(contends).collect();
    let below = |z: f64| -> Vec<f64> {
        contenders.iter().map(|&a| normal_below((z - means[a]) / deviations[a])).collect()
    };
    let mut weights = vec![0.0; mask.n_actions()];
    let mut left = vec![0.0; contenders.len()];
    for cell in 0..cells {
        let right = below(low + (cell + 1) as f64 * width);
        let middle: Vec<f64> = left.iter().zip(&right).map(|(l, r)| (l + r) / 2.0).collect();
        // Products over all others: those before `i` times those after `i`.
        let mut after = vec![1.0; contenders.len()];
        for i in (1..contenders.len()).rev() {
            after[i - 1] = after[i] * middle[i];
        }
        let mut before = 1.0;
        for (i, &action) in contenders.iter().enumerate() {
            weights[action] += (right[i] - left[i]).max(0.0) * before * after[i];
            before *= middle[i];
        }
        left = right;
    }
    ActionDistribution::from_weights(&weights, mask)
}

/// Shares of `n_draws` joint draws from `N(means, noise² covariance)` in which each allowed action
/// scores best, into `shares`; `covariance` has shape `[n, n]` and becomes its Cholesky factor.
pub(super) fn winning_shares(
    (means, covariance): (&[f64], &mut [f64]),
    noise: f64,
    n_draws: usize,
    mask: &ActionMask,
    rng: &mut dyn RngCore,
    shares: &mut [f64],
) {
    let n = means.len();
    factorise(covariance, n);
    let (mut normals, mut draw) = (vec![0.0; n], vec![0.0; n]);
    shares.fill(0.0);
    for _ in 0..n_draws {
        normals.iter_mut().for_each(|z| *z = StandardNormal.sample(rng));
        for (action, draw) in draw.iter_mut().enumerate() {
            let row = &covariance[action * n..][..=action];
            let shift: f64 = row.iter().zip(&normals).map(|(l, z)| l * z).sum();
            *draw = means[action] + noise * shift;
        }
        shares[mask.argmax(&draw)] += 1.0 / n_draws as f64;
    }
}

/// The lower Cholesky factor of a positive semidefinite matrix, in place; a direction without
/// variance gets a column of zeros.
fn factorise(matrix: &mut [f64], n: usize) {
    for column in 0..n {
        let before = |row: usize, matrix: &[f64]| -> f64 {
            (0..column).map(|k| matrix[row * n + k] * matrix[column * n + k]).sum()
        };
        let variance = matrix[column * n + column];
        let pivot = variance - before(column, matrix);
        let root = if pivot > 1e-12 * variance { pivot.sqrt() } else { 0.0 };
        matrix[column * n + column] = root;
        for row in column + 1..n {
            let rest = matrix[row * n + column] - before(row, matrix);
            matrix[row * n + column] = if root > 0.0 { rest / root } else { 0.0 };
        }
    }
}

/// The standard normal distribution function with an error below 7.5e-8 (Abramowitz and Stegun
/// 1964, 26.2.17).
fn normal_below(z: f64) -> f64 {
    if z.is_nan() {
        return 0.5;
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let polynomial = series.iter().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let tail = density * polynomial;
    if z > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_normal_distribution_function_matches_tables() {
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.96, 0.024_997_895)] {
            assert!((normal_below(z) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn two_actions_have_the_closed_form() {
        // P(Z₀ > Z₁) = Φ((1 − 0.5) / √(0.3² + 0.4²)) = Φ(1) = 0.8413.
        let mask = ActionMask::all(2);
        let winning = argmax_probabilities(&[1.0, 0.5], &[0.3, 0.4], &mask, 128);
        assert!((winning.probabilities()[0] - 0.841_345).abs() < 1e-3);
    }

    #[test]
    fn five_actions_agree_with_drawing() {
        let (means, deviations) = ([0.0, 0.2, -0.5, 0.1, 3.0], [1.0, 0.5, 1.5, 0.3, 0.1]);
        let flags = vec![true, true, true, true, false];
        let mask = ActionMask::from_flags(flags).expect("some are allowed");
        let winning = argmax_probabilities(&means, &deviations, &mask, 128);
        let mut rng = SeedTree::new(2).stream();
        let mut wins = [0.0; 5];
        let n = 40_000;
        for _ in 0..n {
            let mut draw = |a: usize| {
                let z: f64 = StandardNormal.sample(&mut rng);
                means[a] + deviations[a] * z
            };
            let scores: Vec<f64> = (0..5).map(&mut draw).collect();
            wins[mask.argmax(&scores)] += 1.0 / f64::from(n);
        }
        // 4 standard errors of a share are at most 4 · 0.5 / √40000 = 0.01.
        for (share, p) in wins.iter().zip(winning.probabilities()) {
            assert!((share - p).abs() < 0.01, "{share} {p}");
        }
        assert_eq!(winning.probabilities()[4], 0.0);
    }

    #[test]
    fn joint_draws_win_as_often_as_independent_and_as_tied_scores_should() {
        let mask = ActionMask::all(2);
        let mut rng = SeedTree::new(5).stream();
        let mut shares = [0.0; 2];
        // Independent: Φ(1) = 0.8413 as above. Fully correlated with equal variance: the larger mean
        // always wins. 4 standard errors: 4 · √(0.8413 · 0.1587 / 20000) = 0.0103.
        let mut apart = [0.09, 0.0, 0.0, 0.16];
        winning_shares((&[1.0, 0.5], &mut apart), 1.0, 20_000, &mask, &mut rng, &mut shares);
        assert!((shares[0] - 0.8413).abs() < 0.0103, "{shares:?}");
        let mut tied = [4.0, 4.0, 4.0, 4.0];
        winning_shares((&[1.0, 1.1], &mut tied), 1.0, 500, &mask, &mut rng, &mut shares);
        assert!((shares[1] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_single_allowed_action_is_certain() {
        let mask = ActionMask::from_flags(vec![false, true]).expect("one is allowed");
        let winning = argmax_probabilities(&[9.0, 0.0], &[1.0, 1.0], &mask, 8);
        assert_eq!(winning.probabilities(), [0.0, 1.0]);
    }
}
