//! Adam in one pass over flat numbers, with the gradient clipped by its global norm.

use pulp::Arch;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
/// Running sums of the norm: a fixed order that fits the vector registers.
const LANES: usize = 16;

/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `w ← w − α · m̂ / (√v̂ + ε)` (Kingma and Ba 2015,
/// algorithm 1; β₁ = 0.9, β₂ = 0.999), with `g` scaled down when its norm exceeds a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    epsilon: f64,
    steps: i32,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    /// Moments of zero for so many parameters.
    #[must_use]
    pub fn new(n_parameters: usize, epsilon: f64) -> Self {
        let zeros = vec![0.0; n_parameters];
        Self { epsilon, steps: 0, first: zeros.clone(), second: zeros }
    }

    /// Steps so far, first moments and second moments: all that the next step depends on.
    #[must_use]
    pub fn state(&self) -> (i32, &[f32], &[f32]) {
        (self.steps, &self.first, &self.second)
    }

    /// Continues from a [`Adam::state`]; false, and no change, when the lengths do not fit.
    #[must_use]
    pub fn restore(&mut self, steps: i32, first: &[f32], second: &[f32]) -> bool {
        let fits = first.len() == self.first.len() && second.len() == self.second.len();
        if fits {
            self.steps = steps;
            self.first.copy_from_slice(first);
            self.second.copy_from_slice(second);
        }
        fits
    }

    /// Changes the parameters against the gradient and returns the gradient's norm before clipping.
    ///
    /// # Panics
    /// When the lengths differ from the number of parameters given to [`Adam::new`].
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        learning_rate: f64,
        largest_norm: f64,
    ) -> f64 {
        assert_eq!(parameters.len(), self.first.len(), "one parameter per moment");
        assert_eq!(gradient.len(), self.first.len(), "one gradient per moment");
        let norm = norm(gradient);
        let clip = if norm > largest_norm { (largest_norm / norm) as f32 } else { 1.0 };
        self.steps = self.steps.saturating_add(1);
        let correction_1 = 1.0 - BETA_1.powi(self.steps);
        let correction_2 = 1.0 - BETA_2.powi(self.steps);
        // α · (m / c₁) / (√(v / c₂) + ε) = (α √c₂ / c₁) · m / (√v + ε √c₂).
        let rate = (learning_rate * correction_2.sqrt() / correction_1) as f32;
        let epsilon = (self.epsilon * correction_2.sqrt()) as f32;
        let (beta_1, beta_2) = (BETA_1 as f32, BETA_2 as f32);
        let moments = self.first.iter_mut().zip(&mut self.second);
        Arch::new().dispatch(|| {
            for ((value, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
                let g = g * clip;
                *m = beta_1 * *m + (1.0 - beta_1) * g;
                *v = beta_2 * *v + (1.0 - beta_2) * g * g;
                *value -= rate * *m / (v.sqrt() + epsilon);
            }
        });
        norm
    }
}

/// `√Σ g²` in `f64`.
fn norm(gradient: &[f32]) -> f64 {
    let (chunks, rest) = gradient.as_chunks::<LANES>();
    let mut sums = [0.0_f64; LANES];
    Arch::new().dispatch(|| {
        for chunk in chunks {
            for (sum, &g) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(g) * f64::from(g);
            }
        }
    });
    let rest: f64 = rest.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor, Var};
    use candle_nn::{AdamW, Optimizer, ParamsAdamW};

    fn gradient(step: usize, n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + 1) as f32 * (step as f32 + 0.5)).sin()).collect()
    }

    #[test]
    fn ten_steps_agree_with_candles_adam() -> candle_core::Result<()> {
        let mut parameters = gradient(77, 37);
        let var = Var::from_slice(&parameters, 37, &Device::Cpu)?;
        let settings = ParamsAdamW { lr: 0.01, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut reference = AdamW::new(vec![var.clone()], settings)?;
        let mut adam = Adam::new(37, 1e-8);
        for step in 0..10 {
            let gradient = gradient(step, 37);
            let tensor = Tensor::from_slice(&gradient, 37, &Device::Cpu)?;
            reference.backward_step(&(var.as_tensor() * tensor)?.sum_all()?)?;
            adam.step(&mut parameters, &gradient, 0.01, f64::INFINITY);
        }
        for (got, expected) in parameters.iter().zip(var.to_vec1::<f32>()?) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        Ok(())
    }

    #[test]
    fn a_clipped_gradient_acts_like_its_scaled_self() {
        let (mut clipped, mut scaled) = (vec![1.0; 40], vec![1.0; 40]);
        let (mut clipping, mut scaling) = (Adam::new(40, 1e-2), Adam::new(40, 1e-2));
        // The norm of (3, …, 4) is 5; a limit of 1 divides by 5.
        let mut long = vec![0.0; 40];
        (long[0], long[39]) = (3.0, 4.0);
        let short: Vec<f32> = long.iter().map(|g| g / 5.0).collect();
        let norm = clipping.step(&mut clipped, &long, 0.01, 1.0);
        scaling.step(&mut scaled, &short, 0.01, f64::INFINITY);
        assert!((norm - 5.0).abs() < 1e-9);
        for (a, b) in clipped.iter().zip(&scaled) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn a_restored_state_steps_as_the_original_does() {
        let (mut first, mut adam) = (vec![1.0; 5], Adam::new(5, 1e-8));
        adam.step(&mut first, &gradient(0, 5), 0.1, 1.0);
        let (steps, m, v) = adam.state();
        let mut other = Adam::new(5, 1e-8);
        assert!(!other.restore(steps, &m[1..], v));
        assert!(other.restore(steps, m, v));
        let mut second = first.clone();
        adam.step(&mut first, &gradient(1, 5), 0.1, 1.0);
        other.step(&mut second, &gradient(1, 5), 0.1, 1.0);
        assert_eq!((first, adam), (second, other));
    }
}
