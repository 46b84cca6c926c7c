//! A multi-layer perceptron over flat parameters: outputs, and what they owe to every parameter.

use super::candle::Tape;
use super::kernel::{Finish, Matrix, Product, Start, add_rows};
use super::noise::Noise;
use super::shape::{Layer, MlpShape};
use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::Stream;
use promopt_policies::mlp::normalised;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Who computes the products.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// This crate's kernels.
    #[default]
    Native,
    /// candle, the reference that the kernels are tested against.
    Candle,
}

/// `x = clip((observation − mean) / scale, ±5)`, ReLU layers, then a linear layer.
///
/// Parameters lie flat, layer by layer: weight `[n_in, n_out]` row-major, bias `[n_out]`, and in
/// noisy networks their standard deviations in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    pub(super) shape: MlpShape,
    pub(super) layers: Vec<Layer>,
    pub(super) normalisation: Normalisation,
    pub(super) parameters: Vec<f32>,
    noise: Option<Noise>,
    backend: Backend,
}

/// What a forward pass leaves for the backward pass, and all scratch memory; grows to the largest
/// batch and is not allocated again.
#[derive(Debug, Default)]
pub struct Activations {
    /// Rows of the batch.
    pub(super) n: usize,
    /// What goes into each layer, shape `[n, n_in]`.
    pub(super) inputs: Vec<Vec<f32>>,
    /// Shape `[n, n_outputs]`.
    pub(super) outputs: Vec<f32>,
    /// Weights with their noise; empty without noise.
    effective: Vec<f32>,
    /// Gradients of the current and of the previous layer's values.
    gradients: [Vec<f32>; 2],
    weight_gradient: Vec<f32>,
    panel: Vec<f32>,
    tape: Option<Tape>,
}

impl Mlp {
    /// Weights and biases uniform within `±1/√n_in` (LeCun et al. 1998; the default of PyTorch);
    /// in noisy networks standard deviations of `σ₀/√n_in` and no noise until it is drawn.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for a size of 0, or when the normalisation does not fit.
    pub fn new(
        shape: MlpShape,
        normalisation: Normalisation,
        rng: &mut Stream,
    ) -> Result<Self, AgentError> {
        shape.check()?;
        normalisation.check(shape.n_features)?;
        let layers = shape.layers();
        let mut parameters = vec![0.0; shape.n_parameters()];
        for layer in &layers {
            let bound = 1.0 / (layer.n_in as f32).sqrt();
            for range in [&layer.weight, &layer.bias] {
                let values = &mut parameters[range.clone()];
                values.fill_with(|| rng.random_range(-bound..=bound));
            }
            if let (Some((weight, bias)), Some(sigma)) = (&layer.sigma, shape.noisy) {
                parameters[weight.clone()].fill(sigma * bound);
                parameters[bias.clone()].fill(sigma * bound);
            }
        }
        let noise = shape.noisy.map(|_| Noise::silent(&layers));
        let backend = Backend::default();
        Ok(Self { shape, layers, normalisation, parameters, noise, backend })
    }

    /// The same network computed by another backend.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Its sizes.
    #[must_use]
    pub fn shape(&self) -> &MlpShape {
        &self.shape
    }

    /// The constants that raw observations are brought to scale with.
    #[must_use]
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// All parameters in the layout of the type.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Draws new noise (no effect on a network without); it stays until the next call.
    pub fn draw_noise(&mut self, rng: &mut Stream) {
        if let Some(noise) = &mut self.noise {
            noise.draw(rng);
        }
    }

    /// Sets all noise to zero, so that outputs are those of the mean weights.
    pub fn silence(&mut self) {
        if let Some(noise) = &mut self.noise {
            noise.silence();
        }
    }

    /// Moves every parameter by `rate` of its difference to `other`; 1 copies. Both must be of one
    /// shape.
    pub fn move_towards(&mut self, other: &Self, rate: f32) {
        debug_assert_eq!(self.shape, other.shape);
        if rate >= 1.0 {
            return self.parameters.copy_from_slice(&other.parameters);
        }
        pulp::Arch::new().dispatch(|| {
            for (value, goal) in self.parameters.iter_mut().zip(&other.parameters) {
                *value += rate * (goal - *value);
            }
        });
    }

    /// Outputs `[n, n_outputs]` of raw observations `[n, n_features]`, both row-major; `memory`
    /// then holds what [`Mlp::backward`] needs.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the observations are no whole number of rows, or none;
    /// [`AgentError::Tensor`] when candle computes and fails.
    pub fn forward<'m>(
        &self,
        observations: &[f32],
        memory: &'m mut Activations,
    ) -> Result<&'m [f32], AgentError> {
        let n_features = self.shape.n_features;
        let n = observations.len() / n_features;
        same_length("the observations", n.max(1) * n_features, observations.len())?;
        memory.n = n;
        memory.inputs.resize_with(self.layers.len(), Vec::new);
        let Normalisation { mean, scale } = &self.normalisation;
        let input = &mut memory.inputs[0];
        input.resize(observations.len(), 0.0);
        let rows = input.chunks_exact_mut(n_features).zip(observations.chunks_exact(n_features));
        for (to, from) in rows {
            to.iter_mut().zip(normalised(from, mean, scale)).for_each(|(to, x)| *to = x);
        }
        match &self.noise {
            Some(noise) => noise.apply(&self.layers, &self.parameters, &mut memory.effective),
            None => memory.effective.clear(),
        }
        match self.backend {
            Backend::Native => self.run_layers(memory),
            Backend::Candle => {
                let parameters = effective(&memory.effective, &self.parameters);
                let (tape, inputs) = Tape::record(&self.layers, parameters, &memory.inputs[0], n)?;
                tape.read_outputs(&mut memory.outputs)?;
                memory.inputs.truncate(1);
                memory.inputs.extend(inputs);
                memory.tape = Some(tape);
            }
        }
        Ok(&memory.outputs)
    }

    fn run_layers(&self, memory: &mut Activations) {
        memory.tape = None;
        let parameters = effective(&memory.effective, &self.parameters);
        for (at, layer) in self.layers.iter().enumerate() {
            let (before, after) = memory.inputs.split_at_mut(at + 1);
            let is_last = after.is_empty();
            let output = after.first_mut().unwrap_or(&mut memory.outputs);
            output.resize(memory.n * layer.n_out, 0.0);
            Product {
                left: Matrix::new(&before[at], layer.n_in),
                right: Matrix::new(&parameters[layer.weight.clone()], layer.n_out),
                depth: layer.n_in,
                columns: layer.n_out,
                start: Start::Bias(&parameters[layer.bias.clone()]),
                finish: if is_last { Finish::Keep } else { Finish::Relu },
                panel: &mut memory.panel,
                output,
            }
            .run();
        }
    }

    /// Adds `∂L/∂parameter` to `gradient` (the layout of the parameters), given `∂L/∂output`
    /// (`[n, n_outputs]`) for the batch that went through [`Mlp::forward`] last with `memory`.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when a length does not fit; [`AgentError::Tensor`] when candle
    /// computes and fails.
    pub fn backward(
        &self,
        memory: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), AgentError> {
        let n_outputs = memory.n * self.shape.n_outputs;
        same_length("the output gradient", n_outputs, output_gradient.len())?;
        same_length("the gradient", self.parameters.len(), gradient.len())?;
        let Some(noise) = &self.noise else {
            return self.accumulate(memory, output_gradient, gradient);
        };
        // Noise multiplies what the weights receive, so theirs must not hold older sums.
        let mut fresh = std::mem::take(&mut memory.weight_gradient);
        fresh.clear();
        fresh.resize(gradient.len(), 0.0);
        let done = self.accumulate(memory, output_gradient, &mut fresh);
        noise.add_gradient(&self.layers, &fresh, gradient);
        memory.weight_gradient = fresh;
        done
    }

    /// Weight and bias gradients of every layer.
    fn accumulate(
        &self,
        memory: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), AgentError> {
        if let Some(tape) = &memory.tape {
            return tape.backward(&self.layers, output_gradient, gradient);
        }
        let Activations { n, inputs, effective: noisy, gradients, panel, .. } = memory;
        let parameters = effective(noisy, &self.parameters);
        let [above, below] = gradients;
        above.clear();
        above.extend_from_slice(output_gradient);
        for (at, layer) in self.layers.iter().enumerate().rev() {
            add_rows(above, &mut gradient[layer.bias.clone()]);
            Product {
                left: Matrix::transpose(&inputs[at], layer.n_in),
                right: Matrix::new(above, layer.n_out),
                depth: *n,
                columns: layer.n_out,
                start: Start::Output,
                finish: Finish::Keep,
                panel,
                output: &mut gradient[layer.weight.clone()],
            }
            .run();
            if at == 0 {
                break;
            }
            below.resize(*n * layer.n_in, 0.0);
            Product {
                left: Matrix::new(above, layer.n_out),
                right: Matrix::transpose(&parameters[layer.weight.clone()], layer.n_out),
                depth: layer.n_out,
                columns: layer.n_in,
                start: Start::Zero,
                finish: Finish::Gate(&inputs[at]),
                panel,
                output: below,
            }
            .run();
            std::mem::swap(above, below);
        }
        Ok(())
    }

    /// The last hidden layer's values of the batch that went through [`Mlp::forward`] last, shape
    /// `[n, last width]` (the normalised observations when there is no hidden layer).
    #[must_use]
    pub fn last_hidden<'m>(&self, memory: &'m Activations) -> &'m [f32] {
        memory.inputs.get(self.layers.len() - 1).map_or(&[], Vec::as_slice)
    }
}

impl Activations {
    /// The outputs of the last forward pass, shape `[n, n_outputs]`.
    #[must_use]
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }
}

/// The noisy weights where there is noise.
fn effective<'a>(noisy: &'a [f32], parameters: &'a [f32]) -> &'a [f32] {
    if noisy.is_empty() { parameters } else { noisy }
}

#[cfg(test)]
#[path = "mlp_tests.rs"]
mod tests;
