//! Adam in one pass over plain numbers, with the gradient clipped by its global norm.

use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::network::Parameter;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;

/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `w ← w − α · m̂ / (√v̂ + ε)` (Kingma and Ba 2015,
/// algorithm 1), with `g` scaled down when the norm over all parameters exceeds a limit.
///
/// candle's optimiser builds a dozen tensors per parameter, which at these sizes takes as long as
/// the network does; the tests hold this one to it.
#[derive(Debug)]
pub(crate) struct Adam {
    epsilon: f64,
    steps: i32,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
}

impl Adam {
    pub(crate) fn new(parameters: &[Parameter], epsilon: f64) -> Self {
        let zeros: Vec<Vec<f32>> = parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
        Self { epsilon, steps: 0, first: zeros.clone(), second: zeros }
    }

    /// Changes the values of the parameters and returns the norm of the gradient before clipping.
    pub(crate) fn step(
        &mut self,
        parameters: &mut [Parameter],
        gradients: &[Vec<f32>],
        learning_rate: f64,
        largest_norm: f64,
    ) -> f64 {
        let squares = gradients.iter().flatten().map(|&g| f64::from(g) * f64::from(g));
        let norm = squares.sum::<f64>().sqrt();
        let clip = if norm > largest_norm { (largest_norm / norm) as f32 } else { 1.0 };
        self.steps = self.steps.saturating_add(1);
        let correction_1 = 1.0 - BETA_1.powi(self.steps);
        let correction_2 = 1.0 - BETA_2.powi(self.steps);
        // α · (m / c₁) / (√(v / c₂) + ε) = (α √c₂ / c₁) · m / (√v + ε √c₂).
        let rate = (learning_rate * correction_2.sqrt() / correction_1) as f32;
        let epsilon = (self.epsilon * correction_2.sqrt()) as f32;
        let (beta_1, beta_2) = (BETA_1 as f32, BETA_2 as f32);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            parameters.iter_mut().zip(gradients).zip(moments)
        {
            let moments = first.iter_mut().zip(second);
            for ((value, g), (m, v)) in parameter.values.iter_mut().zip(gradient).zip(moments) {
                let g = g * clip;
                *m = beta_1 * *m + (1.0 - beta_1) * g;
                *v = beta_2 * *v + (1.0 - beta_2) * g * g;
                *value -= rate * *m / (v.sqrt() + epsilon);
            }
        }
        norm
    }

    /// Writes steps and moments under `name`.
    pub(crate) fn save(&self, archive: &mut Archive, name: &str) {
        archive.put(&format!("{name}.steps"), &[self.steps as u32]);
        archive.put(&format!("{name}.first"), &self.first.concat());
        archive.put(&format!("{name}.second"), &self.second.concat());
    }

    /// Takes over what [`save`](Self::save) wrote.
    pub(crate) fn load(&mut self, archive: &Archive, name: &str) -> Result<(), AgentError> {
        let steps: u32 = archive.get_one(&format!("{name}.steps"))?;
        self.steps = i32::try_from(steps).unwrap_or(i32::MAX);
        for (moments, part) in [(&mut self.first, "first"), (&mut self.second, "second")] {
            let n = moments.iter().map(Vec::len).sum();
            let mut values = archive.get_n::<f32>(&format!("{name}.{part}"), n)?.into_iter();
            for moment in moments.iter_mut().flatten() {
                *moment = values.next().unwrap_or_default();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, Shape};
    use crate::normalisation::Normalisation;
    use candle_core::{Device, Tensor, Var};
    use candle_nn::{AdamW, Optimizer, ParamsAdamW};
    use promopt_envs::SeedTree;

    fn network() -> Result<Network, AgentError> {
        let shape = Shape { n_features: 2, hidden: vec![], n_actions: 3, dueling: false };
        Network::new(shape, Normalisation::identity(2), &mut SeedTree::new(1).stream())
    }

    fn gradient(step: usize, n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + 1) as f32 * (step as f32 + 0.5)).sin()).collect()
    }

    #[test]
    fn ten_steps_agree_with_candles_adam() -> Result<(), AgentError> {
        let mut network = network()?;
        let start = network.parameters[0].values.clone();
        let var = Var::from_slice(&start, 6, &Device::Cpu)?;
        let parameters = ParamsAdamW { lr: 0.01, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut reference = AdamW::new(vec![var.clone()], parameters)?;
        let mut adam = Adam::new(&network.parameters, 1e-8);
        for step in 0..10 {
            let gradient = gradient(step, 6);
            let tensor = Tensor::from_slice(&gradient, 6, &Device::Cpu)?;
            reference.backward_step(&(var.as_tensor() * tensor)?.sum_all()?)?;
            let gradients = [gradient, vec![0.0; 3]];
            adam.step(&mut network.parameters, &gradients, 0.01, f64::INFINITY);
        }
        for (got, expected) in network.parameters[0].values.iter().zip(var.to_vec1::<f32>()?) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        Ok(())
    }

    #[test]
    fn a_clipped_gradient_acts_like_its_scaled_self() -> Result<(), AgentError> {
        let (mut clipped, mut scaled) = (network()?, network()?);
        let mut clipping = Adam::new(&clipped.parameters, 1e-2);
        let mut scaling = Adam::new(&scaled.parameters, 1e-2);
        // Norm of (3, 4, 0, …) is 5; a limit of 1 divides by 5.
        let long = [vec![3.0, 0.0, 0.0, 0.0, 0.0, 0.0], vec![4.0, 0.0, 0.0]];
        let short = [vec![0.6, 0.0, 0.0, 0.0, 0.0, 0.0], vec![0.8, 0.0, 0.0]];
        let norm = clipping.step(&mut clipped.parameters, &long, 0.01, 1.0);
        scaling.step(&mut scaled.parameters, &short, 0.01, f64::INFINITY);
        assert!((norm - 5.0).abs() < 1e-9);
        for (a, b) in clipped.parameters.iter().zip(&scaled.parameters) {
            for (a, b) in a.values.iter().zip(&b.values) {
                assert!((a - b).abs() < 1e-6);
            }
        }
        Ok(())
    }
}
