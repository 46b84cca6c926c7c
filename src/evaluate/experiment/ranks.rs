//! Tests that read only the order of the values: Mann–Whitney, Kolmogorov–Smirnov, permutation.

use crate::distributions::{kolmogorov, normal};

/// Mann and Whitney's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the first sample is larger, ties counting half.
    pub u: f64,
    /// Two-sided p value.
    pub p_value: f64,
    /// Share of such pairs: the chance that a unit of the first sample beats one of the second.
    pub superiority: f64,
}

/// `U` and a p value from the normal distribution, corrected for ties and continuity.
///
/// Values that cannot be compared (NaN) are taken as equal; callers refuse them. `None` without values
/// in both samples. Source: Mann and Whitney 1947.
#[must_use]
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    let (u, tied) = u_and_ties(first, second)?;
    let (a, b) = (first.len() as f64, second.len() as f64);
    let n = a + b;
    let variance = a * b / 12.0 * (n + 1.0 - tied / (n * (n - 1.0)));
    let larger = u.max(a * b - u);
    let z = (larger - a * b / 2.0 - 0.5) / variance.sqrt();
    let p_value = if variance > 0.0 { (2.0 * normal::upper_tail(z)).min(1.0) } else { 1.0 };
    Some(MannWhitney { u, p_value, superiority: u / (a * b) })
}

/// The same with the exact distribution of `U`, for small samples without ties.
#[must_use]
pub fn mann_whitney_exact(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    let (u, tied) = u_and_ties(first, second)?;
    if tied > 0.0 {
        return None;
    }
    let (a, b) = (first.len(), second.len());
    // Ways to reach each U: adding a unit to the first sample multiplies by (1 − x^(b+i)) / (1 − x^i).
    let mut ways = vec![0.0; a * b + 1];
    ways[0] = 1.0;
    for i in 1..=a {
        (b + i..ways.len()).rev().for_each(|at| ways[at] -= ways[at - b - i]);
        (i..ways.len()).for_each(|at| ways[at] += ways[at - i]);
    }
    let larger = u.max((a * b) as f64 - u) as usize;
    let tail: f64 = ways[larger..].iter().sum::<f64>() / ways.iter().sum::<f64>();
    let superiority = u / (a * b) as f64;
    Some(MannWhitney { u, p_value: (2.0 * tail).min(1.0), superiority })
}

/// `U` of the first sample and `Σ t³ − t` over groups of `t` tied values.
fn u_and_ties(first: &[f64], second: &[f64]) -> Option<(f64, f64)> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let mut all: Vec<(f64, bool)> = first.iter().map(|x| (*x, true)).collect();
    all.extend(second.iter().map(|x| (*x, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut tied, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..].iter().take_while(|(x, _)| *x == all[at].0).count().max(1);
        let rank = at as f64 + (same as f64 + 1.0) / 2.0;
        ranks += rank * all[at..at + same].iter().filter(|(_, mine)| *mine).count() as f64;
        tied += (same as f64).powi(3) - same as f64;
        at += same;
    }
    let a = first.len() as f64;
    Some((ranks - a * (a + 1.0) / 2.0, tied))
}

/// Largest gap between the two empirical distributions, and its p value as that of one sample of
/// `n·m/(n+m)` values. `None` without values in both.
#[must_use]
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> Option<(f64, f64)> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut own = values.to_vec();
        own.sort_by(f64::total_cmp);
        own
    };
    let (first, second) = (sorted(first), sorted(second));
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (mut i, mut j, mut gap) = (0, 0, 0.0_f64);
    while i < first.len() && j < second.len() {
        let at = first[i].min(second[j]);
        i += first[i..].iter().take_while(|x| **x <= at).count();
        j += second[j..].iter().take_while(|x| **x <= at).count();
        gap = gap.max((i as f64 / n - j as f64 / m).abs());
    }
    Some((gap, kolmogorov::upper_tail(gap, (n * m / (n + m)).round())))
}

/// Splits beyond which the exact permutation test is not tried.
pub const MOST_SPLITS: f64 = 1e6;

/// Two-sided p value of the difference of means among all ways to split the units: twice the smaller
/// tail. `None` when there are more than [`MOST_SPLITS`] ways or too few values.
#[must_use]
pub fn permutation(first: &[f64], second: &[f64]) -> Option<f64> {
    let (k, n) = (first.len(), first.len() + second.len());
    let ways = (1..=k).fold(1.0, |ways, i| ways * (n - k + i) as f64 / i as f64);
    if k == 0 || second.is_empty() || ways > MOST_SPLITS {
        return None;
    }
    let values: Vec<f64> = first.iter().chain(second).copied().collect();
    let own: f64 = first.iter().sum();
    // Which side the difference lies on is decided by the sum of the first group.
    let slack = 1e-13 * values.iter().map(|x| x.abs()).sum::<f64>();
    let mut chosen: Vec<usize> = (0..k).collect();
    let (mut above, mut below, mut all) = (0.0, 0.0, 0.0);
    loop {
        let sum: f64 = chosen.iter().map(|i| values[*i]).sum();
        above += f64::from(u8::from(sum >= own - slack));
        below += f64::from(u8::from(sum <= own + slack));
        all += 1.0;
        let Some(at) = (0..k).rev().find(|at| chosen[*at] < n - k + at) else { break };
        chosen[at] += 1;
        for next in at + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
    Some((2.0 * f64::min(above, below) / all).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 against 3, fully apart: U = 9, one of 20 orders each side.
    #[test]
    fn three_against_three_by_hand() {
        let (low, high) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        let exact = mann_whitney_exact(&high, &low).expect("no ties");
        assert_eq!((exact.u, exact.superiority), (9.0, 1.0));
        assert!((exact.p_value - 0.1).abs() < 1e-15);
        assert!((permutation(&high, &low).expect("20 splits") - 0.1).abs() < 1e-15);
        assert_eq!(kolmogorov_smirnov(&high, &low).map(|(gap, _)| gap), Some(1.0));
    }

    #[test]
    fn equal_samples_say_nothing() {
        let same = [2.0; 5];
        let found = mann_whitney(&same, &same).expect("values");
        assert_eq!((found.superiority, found.p_value), (0.5, 1.0));
        assert_eq!(mann_whitney_exact(&same, &same), None);
        assert_eq!(mann_whitney(&[], &same), None);
        assert_eq!(kolmogorov_smirnov(&same, &[]), None);
        assert_eq!(permutation(&[1.0; 40], &[2.0; 40]), None);
    }
}
