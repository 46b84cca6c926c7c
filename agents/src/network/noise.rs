//! Factorised Gaussian noise on the weights of a network (Fortunato et al. 2018, §3.1).
//!
//! ```text
//! w = μ + σ ⊙ f(ε_in) f(ε_out)ᵀ,   b = μ_b + σ_b ⊙ f(ε_out),   f(x) = sgn(x) √|x|
//! ```

use super::shape::Layer;
use promopt_envs::Stream;
use rand::Rng;
use rand_distr::StandardNormal;

/// `f(ε)` of every layer: its inputs, then its outputs; all zero is silence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Noise(Vec<f32>);

impl Noise {
    pub(crate) fn silent(layers: &[Layer]) -> Self {
        Self(vec![0.0; layers.iter().map(|layer| layer.n_in + layer.n_out).sum()])
    }

    pub(crate) fn silence(&mut self) {
        self.0.fill(0.0);
    }

    pub(crate) fn draw(&mut self, rng: &mut Stream) {
        for value in &mut self.0 {
            let epsilon: f32 = rng.sample(StandardNormal);
            *value = epsilon.signum() * epsilon.abs().sqrt();
        }
    }

    /// Each layer with its `f(ε_in)` and `f(ε_out)`.
    fn layers<'a>(
        &'a self,
        layers: &'a [Layer],
    ) -> impl Iterator<Item = (&'a Layer, &'a [f32], &'a [f32])> {
        layers.iter().scan(self.0.as_slice(), |rest, layer| {
            let (own, after) = rest.split_at(layer.n_in + layer.n_out);
            *rest = after;
            let (inputs, outputs) = own.split_at(layer.n_in);
            Some((layer, inputs, outputs))
        })
    }

    /// Weights and biases with their noise, in the layout of the parameters.
    pub(crate) fn apply(&self, layers: &[Layer], parameters: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(parameters);
        for (layer, inputs, outputs) in self.layers(layers) {
            let Some((sigma_weight, sigma_bias)) = &layer.sigma else { continue };
            let rows = out[layer.weight.clone()].chunks_exact_mut(layer.n_out);
            let sigma_rows = parameters[sigma_weight.clone()].chunks_exact(layer.n_out);
            for ((row, sigma), input) in rows.zip(sigma_rows).zip(inputs) {
                for ((w, sigma), output) in row.iter_mut().zip(sigma).zip(outputs) {
                    *w += sigma * (input * output);
                }
            }
            let sigma = &parameters[sigma_bias.clone()];
            for ((b, sigma), output) in out[layer.bias.clone()].iter_mut().zip(sigma).zip(outputs) {
                *b += sigma * output;
            }
        }
    }

    /// Adds `fresh`, the gradient of the noisy weights, to that of means and deviations.
    pub(crate) fn add_gradient(&self, layers: &[Layer], fresh: &[f32], gradient: &mut [f32]) {
        for (layer, inputs, outputs) in self.layers(layers) {
            for range in [&layer.weight, &layer.bias] {
                let sums = gradient[range.clone()].iter_mut();
                sums.zip(&fresh[range.clone()]).for_each(|(sum, g)| *sum += g);
            }
            let Some((sigma_weight, sigma_bias)) = &layer.sigma else { continue };
            let rows = gradient[sigma_weight.clone()].chunks_exact_mut(layer.n_out);
            let fresh_rows = fresh[layer.weight.clone()].chunks_exact(layer.n_out);
            for ((row, fresh), input) in rows.zip(fresh_rows).zip(inputs) {
                for ((sum, g), output) in row.iter_mut().zip(fresh).zip(outputs) {
                    *sum += g * (input * output);
                }
            }
            let bias = fresh[layer.bias.clone()].iter().zip(outputs);
            for (sum, (g, output)) in gradient[sigma_bias.clone()].iter_mut().zip(bias) {
                *sum += g * output;
            }
        }
    }
}
