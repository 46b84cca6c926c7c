//! The log's word on the next steps and the model's on those after: how many steps to believe.
//!
//! The estimate that follows the log for `j` steps and then the model has less variance the smaller `j`
//! and less bias the larger. The blend is the mix of all of them with the smallest estimated error.
//! Source: MAGIC, Thomas and Brunskill 2016; here the bias is held against a t interval of the weighted
//! doubly robust estimate instead of a bootstrapped one.

use super::episodes::Episodes;
use super::estimator::{SequentialEstimate, SequentialEstimator};
use crate::error::EvaluateError;
use crate::interval::Interval;

/// Level of the interval that biases are held against.
const BIAS_LEVEL: f64 = 0.9;
/// Rounds over all pairs after which the mix is taken as it is.
const MOST_ROUNDS: usize = 1_000;

/// A mix of estimates that follow the log for `0, 1, …, horizon` steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    /// The estimate; its interval takes the mix as given and leaves the model's bias out.
    pub value: Interval,
    /// Weight of the estimate that follows the log for so many steps, shape `[horizon + 1]`, sum 1.
    pub mix: Vec<f64>,
    /// The estimates themselves.
    pub parts: Vec<f64>,
}

/// Blends the steps of an estimator with a model, usually the self-normalised doubly robust one.
///
/// # Errors
/// As [`SequentialEstimator::estimate`] and [`Interval::student`].
pub fn blend(
    estimator: &SequentialEstimator,
    episodes: &Episodes,
    marginal: Option<&[f64]>,
    level: f64,
) -> Result<Blend, EvaluateError> {
    let whole = estimator.estimate(episodes, marginal)?;
    let n = whole.terms.len() as f64;
    let partial = whole.by_length();
    let parts: Vec<f64> = partial.iter().map(|terms| terms.iter().sum::<f64>() / n).collect();
    let centred: Vec<Vec<f64>> = partial
        .iter()
        .zip(&parts)
        .map(|(terms, mean)| terms.iter().map(|term| term - mean).collect())
        .collect();
    let interval = whole.interval(BIAS_LEVEL)?;
    let bias: Vec<f64> = parts
        .iter()
        .map(|part| (part - interval.upper).max(0.0) + (part - interval.lower).min(0.0))
        .collect();
    let covariance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / (n - 1.0) / n;
    let error: Vec<Vec<f64>> = centred
        .iter()
        .zip(&bias)
        .map(|(a, x)| centred.iter().zip(&bias).map(|(b, y)| covariance(a, b) + x * y).collect())
        .collect();
    let mix = smallest(&error);
    let value = mix.iter().zip(&parts).map(|(x, part)| x * part).sum();
    let mut variance = 0.0;
    for (x, a) in mix.iter().zip(&centred) {
        variance += mix.iter().zip(&centred).map(|(y, b)| x * y * covariance(a, b)).sum::<f64>();
    }
    let standard_error = variance.max(0.0).sqrt();
    let value = Interval::student(value, standard_error, n - 1.0, level)?;
    Ok(Blend { value, mix, parts })
}

impl SequentialEstimate {
    /// Terms of the estimates that follow the log for `0, 1, …, horizon` steps and then the model:
    /// `Σ_{t<j} γ^t (A_t (r_t − q_t) + B_t v_t) + γ^j B_j v_j`.
    fn by_length(&self) -> Vec<Vec<f64>> {
        (0..=self.horizon()).map(|steps| self.terms_after(steps)).collect()
    }
}

/// The shares, sum 1, that minimise `xᵀ M x`: weight moves between two at a time to where the error is
/// smallest, until nothing moves.
fn smallest(error: &[Vec<f64>]) -> Vec<f64> {
    let n = error.len();
    let mut x = vec![1.0 / n as f64; n];
    for _ in 0..MOST_ROUNDS {
        let mut moved = 0.0_f64;
        for a in 0..n {
            for b in a + 1..n {
                let slope: f64 = (0..n).map(|i| (error[a][i] - error[b][i]) * x[i]).sum();
                let bend = error[a][a] - 2.0 * error[a][b] + error[b][b];
                let step =
                    if bend > 0.0 { -slope / bend } else { -slope.signum() * x[a].max(x[b]) };
                let step = step.clamp(-x[a], x[b]);
                x[a] += step;
                x[b] -= step;
                moved = moved.max(step.abs());
            }
        }
        if moved < 1e-12 {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::smallest;

    #[test]
    fn shares_are_the_hand_worked_ones() {
        // Independent errors of variance 1 and 3 are mixed 3 : 1; a hopeless one gets nothing.
        let mix = smallest(&[vec![1.0, 0.0, 0.0], vec![0.0, 3.0, 0.0], vec![0.0, 0.0, 1e9]]);
        assert!((mix[0] - 0.75).abs() < 1e-6 && (mix[1] - 0.25).abs() < 1e-6, "{mix:?}");
        assert!(mix[2] < 1e-6);
    }
}
