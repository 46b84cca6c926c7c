//! Estimated propensities held against what happened: area under the curve, calibration, and the
//! isotonic correction.

use super::Assignments;

/// Bins of equally many decisions.
const BINS: usize = 10;

/// Probability that a taken decision ranks above one that was not; ties count half. NaN when all or
/// none were taken.
pub(super) fn area_under_curve(p: &[f64], taken: &[bool]) -> f64 {
    let order = ascending(p);
    let n_taken = taken.iter().filter(|t| **t).count() as f64;
    let n_other = p.len() as f64 - n_taken;
    let (mut at, mut below, mut wins) = (0, 0.0, 0.0);
    while at < order.len() {
        let same = order[at..].iter().take_while(|row| p[**row] == p[order[at]]).count();
        let here = order[at..at + same].iter().filter(|row| taken[**row]).count() as f64;
        let others = same as f64 - here;
        wins += here * (below + others / 2.0);
        below += others;
        at += same;
    }
    wins / (n_taken * n_other)
}

/// Mean distance between mean propensity and observed share over bins of equally many decisions.
pub(super) fn error(p: &[f64], taken: &[bool]) -> f64 {
    let order = ascending(p);
    let size = order.len().div_ceil(BINS).max(1);
    let off = order.chunks(size).map(|bin| {
        let believed: f64 = bin.iter().map(|row| p[*row]).sum();
        let seen = bin.iter().filter(|row| taken[**row]).count() as f64;
        (believed - seen).abs()
    });
    off.sum::<f64>() / p.len() as f64
}

/// Replaces each action's probabilities by the observed share of their neighbours, monotone in what
/// they were (pool adjacent violators), then brings each decision's to sum 1.
pub(super) fn isotonic(values: &mut [f64], log: &Assignments<'_>) {
    let n_actions = log.n_actions;
    for action in 0..n_actions {
        let p: Vec<f64> = values.iter().skip(action).step_by(n_actions).copied().collect();
        let order = ascending(&p);
        // Blocks of share and size; equal propensities are one block from the start.
        let mut blocks: Vec<(f64, usize)> = Vec::new();
        let mut at = 0;
        while at < order.len() {
            let same = order[at..].iter().take_while(|row| p[**row] == p[order[at]]).count();
            let hits =
                order[at..at + same].iter().filter(|row| log.actions[**row] == action).count();
            let mut block = (hits as f64 / same as f64, same);
            while let Some(last) = blocks.last().copied().filter(|last| last.0 >= block.0) {
                let size = last.1 + block.1;
                block = ((last.0 * last.1 as f64 + block.0 * block.1 as f64) / size as f64, size);
                blocks.pop();
            }
            blocks.push(block);
            at += same;
        }
        let shares = blocks.into_iter().flat_map(|(share, size)| std::iter::repeat_n(share, size));
        for (row, share) in order.into_iter().zip(shares) {
            values[row * n_actions + action] = share;
        }
    }
    for row in values.chunks_exact_mut(n_actions) {
        // The action that was taken has a share above 0 in its block.
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= total);
    }
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]).then(a.cmp(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_by_hand() {
        let taken = [true, false, true, false];
        assert_eq!(area_under_curve(&[0.9, 0.1, 0.8, 0.2], &taken), 1.0);
        assert_eq!(area_under_curve(&[0.5; 4], &taken), 0.5);
        assert_eq!(area_under_curve(&[0.4, 0.3, 0.2, 0.1], &taken), 0.75);
    }

    #[test]
    fn violators_are_pooled() {
        // In order of propensity: 0, 1, 0, 1 → 0, ½, ½, 1 for action 1 and the mirror for action 0.
        let mut values: Vec<f64> =
            [0.1, 0.2, 0.3, 0.4].iter().flat_map(|p| [1.0 - p, *p]).collect();
        let log = Assignments {
            features: &[0.0; 4],
            n_features: 1,
            actions: &[0, 1, 0, 1],
            n_actions: 2,
            clusters: &[0, 1, 2, 3],
        };
        isotonic(&mut values, &log);
        assert_eq!(values, [1.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 1.0]);
    }
}
