//! The same network on candle: the reference for the kernels, and a backend of its own.

use super::shape::Layer;
use crate::error::AgentError;
use candle_core::{DType, Device, Tensor, Var};

/// A forward pass that candle can go back through.
#[derive(Debug)]
pub(crate) struct Tape {
    outputs: Tensor,
    /// Weight and bias of every layer.
    parameters: Vec<(Var, Var)>,
}

impl Tape {
    /// Runs the layers on `input`, shape `[n, n_in]`, and returns the hidden layers' values too.
    ///
    /// Biases are added as the product `1 · b`: candle's broadcasts, and their gradients above all,
    /// cost more than the layers do.
    pub(crate) fn record(
        layers: &[Layer],
        parameters: &[f32],
        input: &[f32],
        n: usize,
    ) -> Result<(Self, Vec<Vec<f32>>), AgentError> {
        let cpu = &Device::Cpu;
        let var = |range: &std::ops::Range<usize>, rows: usize| {
            Var::from_slice(&parameters[range.clone()], (rows, range.len() / rows), cpu)
        };
        let pair = |layer: &Layer| Ok((var(&layer.weight, layer.n_in)?, var(&layer.bias, 1)?));
        let parameters = layers.iter().map(pair).collect::<candle_core::Result<Vec<_>>>()?;
        let ones = Tensor::ones((n, 1), DType::F32, cpu)?;
        let mut x = Tensor::from_slice(input, (n, input.len() / n), cpu)?;
        let mut hidden = Vec::new();
        for (at, (weight, bias)) in parameters.iter().enumerate() {
            x = (x.matmul(weight)? + ones.matmul(bias)?)?;
            if at + 1 < layers.len() {
                x = x.relu()?;
                hidden.push(x.flatten_all()?.to_vec1()?);
            }
        }
        Ok((Self { outputs: x, parameters }, hidden))
    }

    pub(crate) fn read_outputs(&self, outputs: &mut Vec<f32>) -> Result<(), AgentError> {
        *outputs = self.outputs.flatten_all()?.to_vec1()?;
        Ok(())
    }

    /// Adds the gradient of every weight and bias: the output gradient times the Jacobian.
    pub(crate) fn backward(
        &self,
        layers: &[Layer],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), AgentError> {
        let by_output = Tensor::from_slice(output_gradient, self.outputs.dims(), &Device::Cpu)?;
        let store = (&self.outputs * by_output)?.sum_all()?.backward()?;
        for (layer, (weight, bias)) in layers.iter().zip(&self.parameters) {
            for (range, var) in [(&layer.weight, weight), (&layer.bias, bias)] {
                let Some(found) = store.get(var) else { continue };
                let found = found.flatten_all()?.to_vec1::<f32>()?;
                let sums = gradient[range.clone()].iter_mut();
                sums.zip(found).for_each(|(sum, g)| *sum += g);
            }
        }
        Ok(())
    }
}
