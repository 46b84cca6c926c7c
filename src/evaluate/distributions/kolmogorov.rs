//! The distribution of Kolmogorov's statistic of one sample.
//!
//! Small samples by Durbin's matrix (Marsaglia, Tsang and Wang 2003), far tails by Smirnov's one-sided
//! sum, the rest by the expansion of Pelz and Good (1976), good to about 1e-10 from 140 values on.

use super::gamma::ln_gamma;
use std::f64::consts::PI;

/// `P(D > d)` for `n` values.
#[must_use]
pub fn upper_tail(d: f64, n: f64) -> f64 {
    if d <= 0.5 / n {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let square = n * d * d;
    if square >= 4.0 {
        return (2.0 * one_sided(d, n)).min(1.0);
    }
    let below = if n <= 140.0 { durbin(d, n as usize) } else { pelz_good(d, n) };
    (1.0 - below).clamp(0.0, 1.0)
}

/// `P(D⁺ > d)`. Source: Smirnov 1944; Birnbaum and Tingey 1951.
fn one_sided(d: f64, n: f64) -> f64 {
    let last = (n * (1.0 - d)).floor() as usize;
    let term = |j: usize| {
        let (j, rest) = (j as f64, 1.0 - d - j as f64 / n);
        let choose = ln_gamma(n + 1.0) - ln_gamma(j + 1.0) - ln_gamma(n - j + 1.0);
        let power = (j - 1.0) * (d + j / n).ln();
        let tail = if n - j == 0.0 { 0.0 } else { (n - j) * rest.max(0.0).ln() };
        (choose + power + tail).exp()
    };
    d * (0..=last).map(term).sum::<f64>()
}

/// `P(D < d)` from the `n`-th power of a matrix of `2k − 1` rows, `k = ⌈n d⌉`.
fn durbin(d: f64, n: usize) -> f64 {
    let k = (n as f64 * d).ceil();
    let h = k - n as f64 * d;
    let m = (2.0 * k) as usize - 1;
    let factorial = |i: usize| (1..=i).map(|x| x as f64).product::<f64>();
    let mut matrix = vec![0.0; m * m];
    for i in 0..m {
        for j in 0..m.min(i + 2) {
            matrix[i * m + j] = 1.0 / factorial(i + 1 - j);
        }
    }
    for i in 0..m {
        matrix[i * m] -= h.powi(i as i32 + 1) / factorial(i + 1);
        matrix[(m - 1) * m + i] -= h.powi((m - i) as i32) / factorial(m - i);
    }
    if 2.0 * h > 1.0 {
        matrix[(m - 1) * m] += (2.0 * h - 1.0).powi(m as i32) / factorial(m);
    }
    // n!/nⁿ is spread over the steps, so that nothing overflows.
    let mut row = vec![0.0; m];
    row[k as usize - 1] = 1.0;
    for step in 1..=n {
        let next = |j: usize| (0..m).map(|i| row[i] * matrix[i * m + j]).sum::<f64>();
        row = (0..m).map(|j| next(j) * step as f64 / n as f64).collect();
    }
    row[k as usize - 1]
}

/// Four terms in powers of `n^(−1/2)` about Kolmogorov's limit.
fn pelz_good(d: f64, n: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, z4, z6) = (z * z, z.powi(4), z.powi(6));
    let (p2, p4, p6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let root = (PI / 2.0).sqrt();
    let mut sums = [0.0; 6];
    for j in 0..40 {
        let k2 = (f64::from(j) + 0.5).powi(2);
        let (k4, k6) = (k2 * k2, k2 * k2 * k2);
        let decay = 2.0 * (-k2 * p2 / (2.0 * z2)).exp();
        sums[0] += decay;
        sums[1] += (p2 * k2 - z2) * decay;
        let second = p2 * (2.0 * z4 - 5.0 * z2) * k2 + p4 * (1.0 - 2.0 * z2) * k4;
        sums[2] += (6.0 * z6 + 2.0 * z4 + second) * decay;
        let third = p2 * (135.0 * z4 - 96.0 * z6) * k2
            + p4 * (212.0 * z4 - 60.0 * z2) * k4
            + p6 * k6 * (5.0 - 30.0 * z2);
        sums[3] += (-30.0 * z6 - 90.0 * z4 * z4 + third) * decay;
        let j2 = f64::from(j * j);
        let decay = 2.0 * (-j2 * p2 / (2.0 * z2)).exp();
        sums[4] += p2 * j2 * decay;
        sums[5] += (3.0 * p2 * j2 * z2 - p4 * j2 * j2) * decay;
    }
    let first = root / z * sums[0];
    let second = root / (6.0 * z4) * sums[1];
    let third = root / (72.0 * z.powi(7)) * sums[2] - root / (36.0 * z * z2) * sums[4];
    let fourth = root / (6480.0 * z.powi(10)) * sums[3] + root / (216.0 * z6) * sums[5];
    first + second / n.sqrt() + third / n + fourth / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy 1.17.1, `stats.kstwo.sf`: the matrix, the expansion and the sum.
    #[test]
    fn tails_are_those_of_scipy() {
        for (d, n, expected) in [
            (0.3, 5.0, 0.664),
            (0.2, 30.0, 0.157_969_161_015_473_98),
            (0.1, 140.0, 0.113_536_572_900_909_46),
            (0.08, 141.0, 0.310_841_708_792_641_17),
            (0.030_858_1, 1_496.0, 0.113_399_351_924_046_38),
            (0.005, 20_000.0, 0.697_408_840_632_761_2),
            (0.1, 1_000.0, 3.703_687_096_817_711e-9),
        ] {
            let off = (upper_tail(d, n) / expected - 1.0).abs();
            assert!(off < 1e-9, "{d} {n}: off by {off:e}");
        }
        assert_eq!((upper_tail(0.0, 10.0), upper_tail(1.0, 10.0)), (1.0, 0.0));
    }
}
