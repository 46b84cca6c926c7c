//! The ways out of a network: named tensors for checkpoints, plain layers for exported policies.

use super::mlp::Mlp;
use super::shape::Layer;
use crate::error::AgentError;
use promopt_policies::{Dense, QHead, QNetwork};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::ops::Range;

impl Mlp {
    /// Every parameter under its name in the safetensors format: `hidden.0.weight` `[n_in, n_out]`,
    /// `hidden.0.bias` `[1, n_out]`, …, `head.weight`, `head.bias`, and in noisy networks
    /// `….sigma_weight`, `….sigma_bias`.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when they cannot be written.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, AgentError> {
        let bytes: Vec<u8> = self.parameters.iter().flat_map(|value| value.to_le_bytes()).collect();
        let views = self.named().into_iter().map(|(name, range, rows)| {
            let shape = vec![rows, range.len() / rows];
            let data = &bytes[4 * range.start..4 * range.end];
            Ok((name, TensorView::new(Dtype::F32, shape, data)?))
        });
        let views: Result<Vec<_>, safetensors::SafeTensorError> = views.collect();
        views
            .and_then(|views| safetensors::serialize(views, None))
            .map_err(|error| AgentError::Weights { problem: error.to_string() })
    }

    /// Reads what [`Mlp::to_safetensors`] wrote into a network of the same shape.
    ///
    /// # Errors
    /// [`AgentError::Weights`] when the bytes are of another network; this one is then unchanged.
    pub fn load_safetensors(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        let wrong = |problem: String| AgentError::Weights { problem };
        let stored = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
        let mut loaded = vec![0.0; self.parameters.len()];
        for (name, range, rows) in self.named() {
            let tensor = stored.tensor(&name).map_err(|error| wrong(error.to_string()))?;
            if tensor.shape() != [rows, range.len() / rows] || tensor.dtype() != Dtype::F32 {
                return Err(wrong(format!("got `{name}` of shape {:?}", tensor.shape())));
            }
            let (values, _) = tensor.data().as_chunks::<4>();
            let values = values.iter().map(|&value| f32::from_le_bytes(value));
            loaded[range].iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
        self.parameters = loaded;
        Ok(())
    }

    /// Name, place and number of rows of every tensor.
    fn named(&self) -> Vec<(String, Range<usize>, usize)> {
        let mut named = Vec::new();
        for (at, layer) in self.layers.iter().enumerate() {
            let is_head = at + 1 == self.layers.len();
            let name = if is_head { "head".to_owned() } else { format!("hidden.{at}") };
            let Layer { weight, bias, n_in, .. } = layer.clone();
            named.push((format!("{name}.weight"), weight, n_in));
            named.push((format!("{name}.bias"), bias, 1));
            if let Some((weight, bias)) = layer.sigma.clone() {
                named.push((format!("{name}.sigma_weight"), weight, n_in));
                named.push((format!("{name}.sigma_bias"), bias, 1));
            }
        }
        named
    }

    /// The hidden layers in the layout of exported policies, mean weights only.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when any weight of the network diverged.
    pub fn export_hidden(&self) -> Result<Vec<Dense>, AgentError> {
        if let Some(&got) = self.parameters.iter().find(|value| !value.is_finite()) {
            return Err(AgentError::NotFinite { what: "weight", got: f64::from(got) });
        }
        let hidden = &self.layers[..self.layers.len() - 1];
        Ok(hidden.iter().map(|layer| self.dense(layer, 0..layer.n_out, 1, 1.0)).collect())
    }

    /// These outputs of the last layer, mean weights only, divided by `divisor`; every `group`
    /// neighbouring outputs become one by their mean.
    #[must_use]
    pub fn export_outputs(&self, outputs: Range<usize>, group: usize, divisor: f32) -> Dense {
        self.dense(&self.layers[self.layers.len() - 1], outputs, group, divisor)
    }

    /// The whole network as scores, one per output, in the environment's reward unit: they are
    /// divided by `reward_scale`.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when any weight diverged.
    pub fn export(&self, reward_scale: f32) -> Result<QNetwork, AgentError> {
        let head = QHead::Plain(self.export_outputs(0..self.shape.n_outputs, 1, reward_scale));
        self.export_with(head)
    }

    /// The network with another last layer.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when any weight diverged.
    pub fn export_with(&self, head: QHead) -> Result<QNetwork, AgentError> {
        let hidden = self.export_hidden()?;
        let (mean, scale) = (self.normalisation.mean.clone(), self.normalisation.scale.clone());
        Ok(QNetwork { mean, scale, hidden, head })
    }

    /// `self + factor · other`, divided by `reward_scale`, as one network of twice the width: the two
    /// hidden parts lie side by side and do not touch. Both must be of one shape.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when any weight diverged.
    pub fn export_sum(
        &self,
        other: &Self,
        factor: f32,
        reward_scale: f32,
    ) -> Result<QNetwork, AgentError> {
        debug_assert_eq!(self.shape, other.shape);
        let pairs = self.export_hidden()?.into_iter().zip(other.export_hidden()?);
        let beside = |(at, (a, b)): (usize, (Dense, Dense))| {
            let (n_in, n_out) = (if at == 0 { a.n_in } else { 2 * a.n_in }, 2 * a.n_out);
            let mut weight = vec![0.0; n_in * n_out];
            let rows = a.weight.chunks_exact(a.n_in).chain(b.weight.chunks_exact(b.n_in));
            for (to, (own, row)) in weight.chunks_exact_mut(n_in).zip(rows).enumerate() {
                let from = if at > 0 && to >= a.n_out { a.n_in } else { 0 };
                own[from..from + a.n_in].copy_from_slice(row);
            }
            Dense { weight, bias: [a.bias, b.bias].concat(), n_in, n_out }
        };
        let hidden: Vec<Dense> = pairs.enumerate().map(beside).collect();
        let all = 0..self.shape.n_outputs;
        let (a, b) = (
            self.export_outputs(all.clone(), 1, reward_scale),
            other.export_outputs(all, 1, reward_scale / factor),
        );
        let rows = a.weight.chunks_exact(a.n_in).zip(b.weight.chunks_exact(b.n_in));
        let head = QHead::Plain(Dense {
            weight: rows.flat_map(|(a, b)| a.iter().chain(b).copied()).collect(),
            bias: a.bias.iter().zip(&b.bias).map(|(a, b)| a + b).collect(),
            n_in: 2 * a.n_in,
            n_out: a.n_out,
        });
        let (mean, scale) = (self.normalisation.mean.clone(), self.normalisation.scale.clone());
        Ok(QNetwork { mean, scale, hidden, head })
    }

    /// Transposed to `[n_out, n_in]`.
    fn dense(&self, layer: &Layer, outputs: Range<usize>, group: usize, divisor: f32) -> Dense {
        let (weight, bias) =
            (&self.parameters[layer.weight.clone()], &self.parameters[layer.bias.clone()]);
        let share = 1.0 / group as f32;
        let mean =
            |row: &[f32], to: usize| row[to..to + group].iter().sum::<f32>() * share / divisor;
        let starts = || outputs.clone().step_by(group);
        let column = |to: usize| weight.chunks_exact(layer.n_out).map(move |row| mean(row, to));
        Dense {
            weight: starts().flat_map(column).collect(),
            bias: starts().map(|to| mean(bias, to)).collect(),
            n_in: layer.n_in,
            n_out: starts().count(),
        }
    }
}
