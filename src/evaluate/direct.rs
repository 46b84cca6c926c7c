//! The direct method: believe the reward model.

use super::estimator::{Estimator, OpeInput};

/// DM: `V = (1/n) Σ_i Σ_a target(a|x_i) q(x_i, a)`, one term of the outer sum per decision.
///
/// Needs no propensities and has small variance, but is as wrong as the model `q` is: its interval
/// does not contain the bias. Source: Beygelzimer and Langford 2009.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectMethod;

impl Estimator for DirectMethod {
    fn name(&self) -> &'static str {
        "dm"
    }

    fn contributions(&self, input: &OpeInput<'_>) -> Vec<f64> {
        (0..input.log().len()).map(|row| input.predicted_target(row)).collect()
    }
}
