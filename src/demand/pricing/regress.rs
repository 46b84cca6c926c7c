//! Least squares with a fixed effect by store, and covariances that hold when errors hang together.
//!
//! Store effects are taken out by the within transformation. Prices move in most stores at once, so
//! rows of a week are no more independent than rows of a store. Two covariances are given: clustered
//! by store (CR0, Liang and Zeger 1986: what the literature prints), and by store and by week,
//! `V_store + V_week + V_row`, which is positive definite and errs on the wide side (Davezies,
//! D'Haultfœuille and Guyonvarch 2021 on leaving the intersection in).

use crate::evaluate::cholesky;

/// A column whose variance is explained to this part by those before it cannot be told apart.
const COLLINEAR: f64 = 1e-6;

/// Rows of a regression; `x` has shape `[n × p]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) p: usize,
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Index of the store of each row.
    pub(super) store: Vec<usize>,
    /// Number of stores; some may have no row.
    pub(super) n_stores: usize,
    /// Index of the week of each row.
    pub(super) week: Vec<usize>,
    /// Number of weeks.
    pub(super) n_weeks: usize,
}

/// A fit over the columns that the rows can tell apart.
#[derive(Debug, Clone)]
pub(super) struct Regression {
    /// Columns that were estimated, ascending; the others are left to pooling.
    pub(super) kept: Vec<usize>,
    /// Coefficients of the kept columns.
    pub(super) beta: Vec<f64>,
    /// Covariance clustered by store, shape `[k × k]` over the kept columns.
    pub(super) by_store: Vec<f64>,
    /// Covariance clustered by store and by week, `[k × k]`.
    pub(super) covariance: Vec<f64>,
    /// Means of the columns by store, `[n_stores × p]`; NaN for a store without rows.
    pub(super) x_means: Vec<f64>,
    /// Mean response by store; NaN for a store without rows.
    pub(super) y_means: Vec<f64>,
    /// Rows by store.
    pub(super) counts: Vec<usize>,
}

impl Rows {
    /// Appends a row.
    pub(super) fn push(&mut self, row: &[f64], y: f64, store: usize, week: usize) {
        debug_assert_eq!(row.len(), self.p);
        self.x.extend_from_slice(row);
        self.y.push(y);
        self.store.push(store);
        self.week.push(week);
    }

    fn means(&self) -> (Vec<f64>, Vec<f64>, Vec<usize>) {
        let mut x_means = vec![0.0; self.n_stores * self.p];
        let (mut y_means, mut counts) = (vec![0.0; self.n_stores], vec![0_usize; self.n_stores]);
        for ((row, y), &store) in self.x.chunks_exact(self.p).zip(&self.y).zip(&self.store) {
            let sums = &mut x_means[store * self.p..(store + 1) * self.p];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            y_means[store] += y;
            counts[store] += 1;
        }
        for (store, &count) in counts.iter().enumerate() {
            let n = count as f64;
            x_means[store * self.p..(store + 1) * self.p].iter_mut().for_each(|sum| *sum /= n);
            y_means[store] /= n;
        }
        (x_means, y_means, counts)
    }

    /// Fits by least squares; `order` lists the columns from the one to keep first to the last when
    /// they cannot all be told apart. `None` without any usable column.
    pub(super) fn fit(&self, order: &[usize]) -> Option<Regression> {
        let (x_means, y_means, counts) = self.means();
        let (n, p) = (self.y.len(), self.p);
        let mut within = self.x.clone();
        let mut y = self.y.clone();
        for (i, &store) in self.store.iter().enumerate() {
            let means = &x_means[store * p..(store + 1) * p];
            within[i * p..(i + 1) * p].iter_mut().zip(means).for_each(|(x, mean)| *x -= mean);
            y[i] -= y_means[store];
        }
        let mut gram = vec![0.0; p * p];
        let mut cross = vec![0.0; p];
        for (row, y) in within.chunks_exact(p).zip(&y) {
            for (a, &xa) in row.iter().enumerate() {
                cross[a] += xa * y;
                let line = &mut gram[a * p..a * p + a + 1];
                line.iter_mut().zip(row).for_each(|(sum, xb)| *sum += xa * xb);
            }
        }
        let kept = identified(&gram, p, order, &self.x, n);
        if kept.is_empty() {
            return None;
        }
        let k = kept.len();
        let small = pick(&gram, p, &kept);
        let factor = cholesky::factor(small, k)?;
        let right = kept.iter().map(|&column| cross[column]).collect();
        let beta = cholesky::solve_factored(&factor, right);
        let mut scores = vec![0.0; n * k];
        for (i, row) in within.chunks_exact(p).enumerate() {
            let fitted: f64 = kept.iter().zip(&beta).map(|(&column, b)| row[column] * b).sum();
            let residual = y[i] - fitted;
            for (score, &column) in scores[i * k..(i + 1) * k].iter_mut().zip(&kept) {
                *score = row[column] * residual;
            }
        }
        let by_store = sandwich(&factor, &scores, k, Some((&self.store, self.n_stores)));
        let by_week = sandwich(&factor, &scores, k, Some((&self.week, self.n_weeks)));
        let by_row = sandwich(&factor, &scores, k, None);
        let covariance = by_store.iter().zip(&by_week).zip(&by_row).map(|((a, b), c)| a + b + c);
        let covariance = covariance.collect();
        Some(Regression { kept, beta, by_store, covariance, x_means, y_means, counts })
    }
}

/// The columns that can be told apart, ascending: in the given order, each must keep some variance
/// after what the ones before explain.
fn identified(gram: &[f64], p: usize, order: &[usize], x: &[f64], n: usize) -> Vec<usize> {
    let at = |a: usize, b: usize| if a >= b { gram[a * p + b] } else { gram[b * p + a] };
    let mut kept: Vec<usize> = Vec::new();
    for &column in order {
        let own = at(column, column);
        // Rounding leaves a constant column with a little variance.
        let size: f64 = x.iter().skip(column).step_by(p).take(n).map(|x| x * x).sum();
        if !(own > 1e-12 * size && own > 0.0) {
            continue;
        }
        let k = kept.len();
        let mut small = vec![0.0; k * k];
        let mut right = vec![0.0; k];
        for (i, &a) in kept.iter().enumerate() {
            right[i] = at(a, column);
            (0..k).for_each(|j| small[i * k + j] = at(a, kept[j]));
        }
        let explained = match cholesky::solve(small, right.clone()) {
            Some(solution) => solution.iter().zip(&right).map(|(s, r)| s * r).sum::<f64>(),
            None => own,
        };
        if own - explained > COLLINEAR * own {
            kept.push(column);
        }
    }
    kept.sort_unstable();
    kept
}

/// Lower triangle of the kept rows and columns, as a full `[k × k]` matrix.
fn pick(gram: &[f64], p: usize, kept: &[usize]) -> Vec<f64> {
    let k = kept.len();
    let mut small = vec![0.0; k * k];
    for (i, &a) in kept.iter().enumerate() {
        for (j, &b) in kept[..=i].iter().enumerate() {
            small[i * k + j] = gram[a * p + b];
            small[j * k + i] = small[i * k + j];
        }
    }
    small
}

/// `A⁻¹ (Σ_g s_g s_gᵀ) A⁻¹` with `A = L Lᵀ` and scores summed by cluster, or by row without clusters.
fn sandwich(
    factor: &[f64],
    scores: &[f64],
    k: usize,
    clusters: Option<(&[usize], usize)>,
) -> Vec<f64> {
    let summed = clusters.map(|(of, n)| {
        let mut sums = vec![0.0; n * k];
        for (score, &cluster) in scores.chunks_exact(k).zip(of) {
            let sum = &mut sums[cluster * k..(cluster + 1) * k];
            sum.iter_mut().zip(score).for_each(|(a, b)| *a += b);
        }
        sums
    });
    let mut meat = vec![0.0; k * k];
    for score in summed.as_deref().unwrap_or(scores).chunks_exact(k) {
        for (line, a) in meat.chunks_exact_mut(k).zip(score) {
            line.iter_mut().zip(score).for_each(|(sum, b)| *sum += a * b);
        }
    }
    // The meat is symmetric, so solving its rows twice with a turn in between does both sides.
    turned_solve(factor, &turned_solve(factor, &meat, k), k)
}

/// `(A⁻¹ Mᵀ)`, row by row.
fn turned_solve(factor: &[f64], matrix: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; k * k];
    for (column, line) in matrix.chunks_exact(k).enumerate() {
        let solved = cholesky::solve_factored(factor, line.to_vec());
        (0..k).for_each(|row| out[row * k + column] = solved[row]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(p: usize) -> Rows {
        Rows { p, n_stores: 2, n_weeks: 3, ..Rows::default() }
    }

    #[test]
    fn a_slope_and_its_clustered_error_are_those_worked_by_hand() {
        let mut rows = rows(1);
        // Store 0 at level 1: x = −1, 0, 1 and y = 0, 1, 2. Store 1 at level 5: y = 5, 5, 5 + 1.
        for (week, (x, y)) in [(-1.0, 0.0), (0.0, 1.0), (1.0, 2.0)].into_iter().enumerate() {
            rows.push(&[x], y, 0, week);
        }
        for (week, (x, y)) in [(-1.0, 5.0), (0.0, 5.0), (1.0, 6.0)].into_iter().enumerate() {
            rows.push(&[x], y, 1, week);
        }
        let fit = rows.fit(&[0]).expect("x varies");
        // x'y = 2 + 1 and x'x = 4, so the slope is 0.75.
        assert!((fit.beta[0] - 0.75).abs() < 1e-12);
        // Scores: store 0 leaves residuals ∓0.25 · x, summing to 0.5; store 1 to −0.5.
        assert!((fit.by_store[0] - 2.0 * 0.25 / 16.0).abs() < 1e-12);
        // Weeks: −1: 0.25 + (−1)(−1/3 + 0.75) = −1/6; 0: 0; 1: 0.25 + (2/3 − 0.75) = 1/6.
        let week = 2.0 * (1.0_f64 / 6.0).powi(2) / 16.0;
        let row = (2.0 * 0.0625 + (5.0_f64 / 12.0).powi(2) + (1.0_f64 / 12.0).powi(2)) / 16.0;
        let total = 2.0 * 0.25 / 16.0 + week + row;
        assert!((fit.covariance[0] - total).abs() < 1e-12);
    }

    #[test]
    fn columns_that_cannot_be_told_apart_are_left_out_in_order() {
        let mut rows = rows(4);
        for i in 0..30 {
            let x = f64::from(i % 7);
            let z = f64::from(i % 5);
            rows.push(&[2.0 * x + 1.0, x, z, 4.0], x + z, usize::from(i >= 15), (i % 3) as usize);
        }
        let fit = rows.fit(&[1, 2, 0, 3]).expect("two columns vary");
        assert_eq!(fit.kept, [1, 2]);
        assert!(fit.beta.iter().all(|b| (b - 1.0).abs() < 1e-10));
    }
}
