//! A multi-layer perceptron over flat parameters: outputs, and what they owe to every parameter.

use super::candle::Tape;
use super::inputs::Inputs;
use super::kernel::{Finish, Matrix, Product, Start, add_rows};
use super::noise::Noise;
use super::shape::{Layer, MlpShape};
use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::Stream;
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
    /// What goes into the first layer, unless it was given.
    first: Inputs,
    /// What goes into each later layer, shape `[n, n_in]`.
    hidden: Vec<Vec<f32>>,
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
        let mut first = std::mem::take(&mut memory.first);
        let done =
            first.fill(observations, &self.normalisation).and_then(|()| self.run(&first, memory));
        memory.first = first;
        done?;
        Ok(&memory.outputs)
    }

    /// As [`Mlp::forward`], of observations that were brought to scale before, by this network's own
    /// normalisation; goes with [`Mlp::backward_from`].
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the inputs are of another width; [`AgentError::Tensor`] when
    /// candle computes and fails.
    pub fn forward_from<'m>(
        &self,
        inputs: &Inputs,
        memory: &'m mut Activations,
    ) -> Result<&'m [f32], AgentError> {
        self.run(inputs, memory)?;
        Ok(&memory.outputs)
    }

    fn run(&self, first: &Inputs, memory: &mut Activations) -> Result<(), AgentError> {
        same_length("the inputs", first.n.max(1) * self.shape.n_features, first.values.len())?;
        memory.n = first.n;
        match &self.noise {
            Some(noise) => noise.apply(&self.layers, &self.parameters, &mut memory.effective),
            None => memory.effective.clear(),
        }
        match self.backend {
            Backend::Native => self.run_layers(first, memory),
            Backend::Candle => {
                let parameters = effective(&memory.effective, &self.parameters);
                let (tape, hidden) =
                    Tape::record(&self.layers, parameters, &first.values, first.n)?;
                tape.read_outputs(&mut memory.outputs)?;
                memory.hidden = hidden;
                memory.tape = Some(tape);
            }
        }
        Ok(())
    }

    fn run_layers(&self, first: &Inputs, memory: &mut Activations) {
        memory.tape = None;
        memory.hidden.resize_with(self.layers.len() - 1, Vec::new);
        let parameters = effective(&memory.effective, &self.parameters);
        for (at, layer) in self.layers.iter().enumerate() {
            let (before, after) = memory.hidden.split_at_mut(at);
            let is_last = after.is_empty();
            let output = after.first_mut().unwrap_or(&mut memory.outputs);
            output.resize(memory.n * layer.n_out, 0.0);
            if at == 0 && first.is_sparse() {
                let (weight, bias) = (layer.weight.clone(), layer.bias.clone());
                first.multiply(&parameters[weight], &parameters[bias], !is_last, output);
                continue;
            }
            Product {
                left: Matrix::new(before.last().unwrap_or(&first.values), layer.n_in),
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
        let first = std::mem::take(&mut memory.first);
        let done = self.backward_from(&first, memory, output_gradient, gradient);
        memory.first = first;
        done
    }

    /// As [`Mlp::backward`], for the batch that went through [`Mlp::forward_from`] last.
    ///
    /// # Errors
    /// As for [`Mlp::backward`].
    pub fn backward_from(
        &self,
        inputs: &Inputs,
        memory: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), AgentError> {
        same_length("the rows of the inputs", memory.n, inputs.n)?;
        let n_outputs = memory.n * self.shape.n_outputs;
        same_length("the output gradient", n_outputs, output_gradient.len())?;
        same_length("the gradient", self.parameters.len(), gradient.len())?;
        let Some(noise) = &self.noise else {
            return self.accumulate(inputs, memory, output_gradient, gradient);
        };
        // Noise multiplies what the weights receive, so theirs must not hold older sums.
        let mut fresh = std::mem::take(&mut memory.weight_gradient);
        fresh.clear();
        fresh.resize(gradient.len(), 0.0);
        let done = self.accumulate(inputs, memory, output_gradient, &mut fresh);
        noise.add_gradient(&self.layers, &fresh, gradient);
        memory.weight_gradient = fresh;
        done
    }

    /// Weight and bias gradients of every layer.
    fn accumulate(
        &self,
        first: &Inputs,
        memory: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), AgentError> {
        if let Some(tape) = &memory.tape {
            return tape.backward(&self.layers, output_gradient, gradient);
        }
        let Activations { n, hidden, effective: noisy, gradients, panel, .. } = memory;
        let parameters = effective(noisy, &self.parameters);
        let [above, below] = gradients;
        above.clear();
        above.extend_from_slice(output_gradient);
        for (at, layer) in self.layers.iter().enumerate().rev() {
            add_rows(above, &mut gradient[layer.bias.clone()]);
            if at == 0 && first.is_sparse() {
                first.add_products(above, layer.n_out, &mut gradient[layer.weight.clone()]);
                break;
            }
            let input = if at == 0 { &first.values } else { &hidden[at - 1] };
            Product {
                left: Matrix::transpose(input, layer.n_in),
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
                finish: Finish::Gate(input),
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
        memory.hidden.last().unwrap_or(&memory.first.values)
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
