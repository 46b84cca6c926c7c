//! Multinomial logistic regression with a ridge penalty.

use super::Assignments;
use crate::cholesky;

/// Steps after which the fit is taken as it is.
const MOST_STEPS: usize = 500;
/// Largest change of a coefficient that counts as none, on standardised features.
const TOLERANCE: f64 = 1e-6;

/// Coefficients by action: an intercept and a slope per standardised feature.
pub(super) struct Softmax {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// Shape `[n_actions, 1 + n_features]`.
    coefficients: Vec<f64>,
    n_actions: usize,
}

/// Fits `P(a|x) ∝ exp(β_a·[1, x])` on some rows by accelerated steps of Böhning's bound.
///
/// The Hessian of every action is at most `½ XᵀX`, so one Cholesky factor serves all steps and all
/// actions, and no step can overshoot (Böhning 1992); momentum with restarts makes up for the bound
/// being loose for rare actions (O'Donoghue and Candès 2015). `None` when the factor fails.
pub(super) fn fit(log: &Assignments<'_>, rows: &[usize], ridge: f64) -> Option<Softmax> {
    let (mean, scale) = standard(log, rows);
    let width = 1 + log.n_features;
    let mut model = Softmax {
        mean,
        scale,
        coefficients: vec![0.0; log.n_actions * width],
        n_actions: log.n_actions,
    };
    let design: Vec<f64> = rows.iter().flat_map(|row| model.design(log.row(*row))).collect();
    let factor = cholesky::factor(bound(&design, width, ridge), width)?;
    let mut before = model.coefficients.clone();
    let mut momentum = 1.0_f64;
    for _ in 0..MOST_STEPS {
        let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
        let carry = (momentum - 1.0) / next;
        let ahead: Vec<f64> = model
            .coefficients
            .iter()
            .zip(&before)
            .map(|(now, old)| now + carry * (now - old))
            .collect();
        let gradient = gradient(log, rows, &design, &ahead, ridge);
        let mut moved = ahead.clone();
        for (slope, part) in gradient.chunks_exact(width).zip(moved.chunks_exact_mut(width)) {
            let step = cholesky::solve_factored(&factor, slope.to_vec());
            part.iter_mut().zip(step).for_each(|(value, step)| *value += step);
        }
        before = std::mem::replace(&mut model.coefficients, moved);
        let change = |(now, old): (&f64, &f64)| now - old;
        let uphill: f64 = gradient
            .iter()
            .zip(model.coefficients.iter().zip(&before).map(change))
            .map(|(g, d)| g * d)
            .sum();
        momentum = if uphill < 0.0 { 1.0 } else { next };
        let largest =
            model.coefficients.iter().zip(&ahead).map(change).map(f64::abs).fold(0.0, f64::max);
        if largest < TOLERANCE {
            break;
        }
    }
    Some(model)
}

impl Softmax {
    /// Probability of every action.
    pub(super) fn predict(&self, row: &[f32]) -> Vec<f64> {
        let design = self.design(row);
        let mut scores = vec![0.0; self.n_actions];
        probabilities(&self.coefficients, &design, &mut scores);
        scores
    }

    fn design(&self, row: &[f32]) -> Vec<f64> {
        let scaled = row.iter().zip(self.mean.iter().zip(&self.scale));
        std::iter::once(1.0).chain(scaled.map(|(x, (m, s))| (f64::from(*x) - m) / s)).collect()
    }
}

/// Mean and standard deviation of every feature; 1 where it does not vary.
fn standard(log: &Assignments<'_>, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let n = rows.len().max(1) as f64;
    let of = |feature: usize| {
        let values = || rows.iter().map(|row| f64::from(log.row(*row)[feature]));
        let mean = values().sum::<f64>() / n;
        let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    };
    (0..log.n_features).map(of).unzip()
}

/// `½ XᵀX + ridge`, with next to nothing on the intercept.
fn bound(design: &[f64], width: usize, ridge: f64) -> Vec<f64> {
    let mut gram = vec![0.0; width * width];
    for row in design.chunks_exact(width) {
        for i in 0..width {
            for j in 0..=i {
                gram[i * width + j] += 0.5 * row[i] * row[j];
            }
        }
    }
    for i in 1..width {
        gram[i * width + i] += ridge;
    }
    gram[0] += 1e-9;
    gram
}

/// Gradient of the penalised log-likelihood, shape `[n_actions, width]`.
fn gradient(
    log: &Assignments<'_>,
    rows: &[usize],
    design: &[f64],
    coefficients: &[f64],
    ridge: f64,
) -> Vec<f64> {
    let width = 1 + log.n_features;
    let mut sums = vec![0.0; coefficients.len()];
    let mut p = vec![0.0; log.n_actions];
    for (row, x) in rows.iter().zip(design.chunks_exact(width)) {
        probabilities(coefficients, x, &mut p);
        for (action, part) in sums.chunks_exact_mut(width).enumerate() {
            let rest = f64::from(u8::from(log.actions[*row] == action)) - p[action];
            part.iter_mut().zip(x).for_each(|(sum, x)| *sum += rest * x);
        }
    }
    for (at, (sum, value)) in sums.iter_mut().zip(coefficients).enumerate() {
        if at % width > 0 {
            *sum -= ridge * value;
        }
    }
    sums
}

fn probabilities(coefficients: &[f64], design: &[f64], out: &mut [f64]) {
    for (score, slopes) in out.iter_mut().zip(coefficients.chunks_exact(design.len())) {
        *score = slopes.iter().zip(design).map(|(b, x)| b * x).sum();
    }
    let most = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    out.iter_mut().for_each(|score| *score = (*score - most).exp());
    let total: f64 = out.iter().sum();
    out.iter_mut().for_each(|score| *score /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saturated_model_has_the_observed_shares() {
        // One feature of two values: action shares 1/4 and 3/4 in the first group, 1/2 in the second.
        let features = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let actions = [0, 1, 1, 1, 0, 0, 1, 1];
        let clusters = [0, 1, 2, 3, 4, 5, 6, 7];
        let log = Assignments {
            features: &features,
            n_features: 1,
            actions: &actions,
            n_actions: 2,
            clusters: &clusters,
        };
        let rows: Vec<usize> = (0..8).collect();
        let model = fit(&log, &rows, 1e-9).expect("two groups can be told apart");
        assert!((model.predict(&[0.0])[1] - 0.75).abs() < 1e-4);
        assert!((model.predict(&[1.0])[1] - 0.5).abs() < 1e-4);
    }
}
