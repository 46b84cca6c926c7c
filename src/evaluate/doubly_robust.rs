//! The doubly robust estimator: the reward model, corrected where the log contradicts it.

use super::estimator::{Estimator, OpeInput};

/// DR: `V = (1/n) Σ_i [ v_i + w_i (r_i − q(x_i, a_i)) ]`, `v_i = Σ_a target(a|x_i) q(x_i, a)`.
///
/// Unbiased when the propensities are right, whatever the cross-fitted `q`, and consistent when `q`
/// is right, whatever the propensities; smaller variance than IPS when `q` explains the reward.
/// Source: Dudik, Langford and Li 2011.
#[derive(Debug, Clone, Copy, Default)]
pub struct DoublyRobust;

impl Estimator for DoublyRobust {
    fn name(&self) -> &'static str {
        "dr"
    }

    fn contributions(&self, input: &OpeInput<'_>) -> Vec<f64> {
        let rows = input.weights().iter().zip(input.log().rewards()).enumerate();
        rows.map(|(row, (w, r))| {
            input.predicted_target(row) + w * (r - input.predicted_logged(row))
        })
        .collect()
    }
}
