//! Regression that listens to one neighbourhood of depths.

/// Bayesian linear regression with a weight per outcome: precision `P = I / prior² + Σ w x xᵀ /
/// noise²`, kept as its inverse by the identity of Sherman and Morrison (1950).
#[derive(Debug, Clone)]
pub(super) struct LocalRegression {
    /// Covariance of the weights, shape `[n × n]`.
    pub(super) covariance: Vec<f64>,
    /// Mean of the weights, shape `[n]`.
    pub(super) weights: Vec<f64>,
}

impl LocalRegression {
    pub(super) fn new(n: usize, prior_deviation: f64) -> Self {
        let mut covariance = vec![0.0; n * n];
        let variance = prior_deviation * prior_deviation;
        covariance.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = variance);
        Self { covariance, weights: vec![0.0; n] }
    }

    /// Mean and standard deviation of the expected reward at `x`.
    pub(super) fn predict(&self, x: &[f64]) -> (f64, f64) {
        let rows = self.covariance.chunks_exact(x.len()).zip(x);
        let variance: f64 = rows.map(|(row, x_i)| x_i * dot(row, x)).sum();
        (dot(&self.weights, x), variance.max(0.0).sqrt())
    }

    /// Learns from an outcome whose noise has this variance.
    pub(super) fn learn(&mut self, x: &[f64], reward: f64, variance: f64) {
        let n = x.len();
        let projected: Vec<f64> = self.covariance.chunks_exact(n).map(|row| dot(row, x)).collect();
        let gain = 1.0 / (variance + dot(&projected, x));
        let surprise = gain * (reward - dot(&self.weights, x));
        for (weight, p) in self.weights.iter_mut().zip(&projected) {
            *weight += surprise * p;
        }
        for (row, p_i) in self.covariance.chunks_exact_mut(n).zip(&projected) {
            for (value, p_j) in row.iter_mut().zip(&projected) {
                *value -= gain * p_i * p_j;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_outcomes_give_the_hand_worked_posterior() {
        // Prior variance 1, noise variance 1, x = (1, 1) then (1, −1), r = 2 then 0: the precision
        // is 3I and Σ x r = (2, 2), so the mean is (2/3, 2/3) and the variance at (3, 0) is 3.
        let mut regression = LocalRegression::new(2, 1.0);
        regression.learn(&[1.0, 1.0], 2.0, 1.0);
        regression.learn(&[1.0, -1.0], 0.0, 1.0);
        let (mean, deviation) = regression.predict(&[3.0, 0.0]);
        assert!((mean - 2.0).abs() < 1e-12 && (deviation - 3.0_f64.sqrt()).abs() < 1e-12);
    }
}
