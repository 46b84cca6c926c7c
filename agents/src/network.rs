//! A multi-layer perceptron on candle: scores with gradients, and the way out to plain numbers.

use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use candle_core::{DType, Device, Tensor, Var};
use promopt_envs::Stream;
use promopt_policies::mlp::normalised;
use promopt_policies::{Dense, QHead, QNetwork};
use rand::Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// Sizes of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) n_features: usize,
    pub(crate) hidden: Vec<usize>,
    pub(crate) n_actions: usize,
    pub(crate) dueling: bool,
}

/// One weight matrix `[n_in, n_out]` or bias `[1, n_out]`: its numbers, and candle's view of them.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: String,
    pub(crate) values: Vec<f32>,
    rows: usize,
    columns: usize,
    var: Var,
}

/// `Q(s, ·)` with normalisation inside. Parameters alternate weight, bias, from input to head.
///
/// A dueling head has `1 + n_actions` outputs `(V, A)`, which a constant matrix combines into
/// `Q = V + A − mean(A)`; biases are added as the product `1 · b`. Both are matrix products on
/// purpose: candle's broadcasts, and their gradients above all, cost more than the layers do.
#[derive(Debug)]
pub(crate) struct Network {
    shape: Shape,
    normalisation: Normalisation,
    pub(crate) parameters: Vec<Parameter>,
    combine: Option<Tensor>,
}

impl Network {
    /// Weights and biases uniform within `±1/√n_in` (LeCun et al. 1998; the default of PyTorch).
    pub(crate) fn new(
        shape: Shape,
        normalisation: Normalisation,
        rng: &mut Stream,
    ) -> Result<Self, AgentError> {
        normalisation.check(shape.n_features)?;
        let n_outputs = shape.n_actions + usize::from(shape.dueling);
        let mut parameters = Vec::new();
        let mut n_in = shape.n_features;
        for (layer, &n_out) in shape.hidden.iter().chain([&n_outputs]).enumerate() {
            let is_head = layer == shape.hidden.len();
            let name = if is_head { "head".to_owned() } else { format!("hidden.{layer}") };
            let bound = 1.0 / (n_in.max(1) as f32).sqrt();
            for (kind, rows) in [("weight", n_in), ("bias", 1)] {
                let draw = |_| rng.random_range(-bound..=bound);
                let values = (0..rows * n_out).map(draw).collect();
                parameters.push(Parameter::new(format!("{name}.{kind}"), values, rows, n_out)?);
            }
            n_in = n_out;
        }
        let combine = shape.dueling.then(|| combine_dueling(shape.n_actions)).transpose()?;
        Ok(Self { shape, normalisation, parameters, combine })
    }

    /// A network with the same weights and storage of its own.
    pub(crate) fn copy(&self) -> Result<Self, AgentError> {
        let parameters = self
            .parameters
            .iter()
            .map(|p| Parameter::new(p.name.clone(), p.values.clone(), p.rows, p.columns));
        Ok(Self {
            shape: self.shape.clone(),
            normalisation: self.normalisation.clone(),
            parameters: parameters.collect::<Result<_, AgentError>>()?,
            combine: self.combine.clone(),
        })
    }

    /// Moves every weight by `rate` of its difference to `other`; 1 copies.
    pub(crate) fn move_towards(&mut self, other: &Self, rate: f32) -> Result<(), AgentError> {
        for (mine, theirs) in self.parameters.iter_mut().zip(&other.parameters) {
            for (value, goal) in mine.values.iter_mut().zip(&theirs.values) {
                *value = if rate < 1.0 { *value + rate * (goal - *value) } else { *goal };
            }
        }
        self.publish()
    }

    /// Shows changed `values` to candle.
    pub(crate) fn publish(&self) -> Result<(), AgentError> {
        self.parameters.iter().try_for_each(Parameter::publish)
    }

    /// Scores of raw observations `[n, n_features]` as a tensor `[n, n_actions]` that remembers how
    /// it was made.
    pub(crate) fn forward(&self, observations: &[f32]) -> Result<Tensor, AgentError> {
        self.run(observations, |parameter| parameter.var.as_tensor().clone())
    }

    /// The numbers of [`Network::forward`], row-major, without the memory.
    pub(crate) fn scores(&self, observations: &[f32]) -> Result<Vec<f32>, AgentError> {
        let scores = self.run(observations, |parameter| parameter.var.as_detached_tensor())?;
        Ok(scores.flatten_all()?.to_vec1()?)
    }

    /// Gradient of the loss with respect to every parameter, given its gradient with respect to the
    /// scores (`[n, n_actions]`, row-major): the product of that with the network's Jacobian.
    pub(crate) fn gradients(
        &self,
        scores: &Tensor,
        score_gradient: Vec<f32>,
    ) -> Result<Vec<Vec<f32>>, AgentError> {
        let score_gradient = Tensor::from_vec(score_gradient, scores.dims(), &Device::Cpu)?;
        let gradients = (scores * score_gradient)?.sum_all()?.backward()?;
        let of = |parameter: &Parameter| match gradients.get(&parameter.var) {
            Some(gradient) => Ok(gradient.flatten_all()?.to_vec1()?),
            None => Ok(vec![0.0; parameter.values.len()]),
        };
        self.parameters.iter().map(of).collect()
    }

    fn run(
        &self,
        observations: &[f32],
        view: impl Fn(&Parameter) -> Tensor,
    ) -> Result<Tensor, AgentError> {
        let n_features = self.shape.n_features;
        let n = observations.len().checked_div(n_features).unwrap_or(0);
        same_length("the observations", n.max(1) * n_features, observations.len())?;
        let (mean, scale) = (&self.normalisation.mean, &self.normalisation.scale);
        let rows = observations.chunks_exact(n_features);
        let input: Vec<f32> = rows.flat_map(|row| normalised(row, mean, scale)).collect();
        let mut x = Tensor::from_vec(input, (n, n_features), &Device::Cpu)?;
        let ones = Tensor::ones((n, 1), DType::F32, &Device::Cpu)?;
        for (layer, pair) in self.parameters.chunks_exact(2).enumerate() {
            x = (x.matmul(&view(&pair[0]))? + ones.matmul(&view(&pair[1]))?)?;
            if layer < self.shape.hidden.len() {
                x = x.relu()?;
            }
        }
        Ok(match &self.combine {
            Some(combine) => x.matmul(combine)?,
            None => x,
        })
    }

    /// The same function in plain `f32`, with scores divided by `reward_scale` so that they are in
    /// the environment's reward unit.
    pub(crate) fn export(&self, reward_scale: f32) -> Result<QNetwork, AgentError> {
        let finite = |p: &Parameter| p.values.iter().copied().find(|value| !value.is_finite());
        if let Some(got) = self.parameters.iter().find_map(finite) {
            return Err(AgentError::NotFinite { what: "weight", got: f64::from(got) });
        }
        let (hidden, head) = self.parameters.split_at(2 * self.shape.hidden.len());
        let hidden = hidden.chunks_exact(2);
        let hidden = hidden.map(|pair| dense(pair, 0..pair[0].columns, 1.0)).collect();
        let n_outputs = head[0].columns;
        let head = if self.shape.dueling {
            QHead::Dueling {
                value: dense(head, 0..1, reward_scale),
                advantage: dense(head, 1..n_outputs, reward_scale),
            }
        } else {
            QHead::Plain(dense(head, 0..n_outputs, reward_scale))
        };
        let Normalisation { mean, scale } = self.normalisation.clone();
        Ok(QNetwork { mean, scale, hidden, head })
    }

    /// Every parameter under its name in the safetensors format; weights are `[n_in, n_out]`.
    pub(crate) fn to_safetensors(&self) -> Result<Vec<u8>, AgentError> {
        let bytes: Vec<Vec<u8>> = self
            .parameters
            .iter()
            .map(|p| p.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = self.parameters.iter().zip(&bytes).map(|(p, bytes)| {
            Ok((p.name.clone(), TensorView::new(Dtype::F32, vec![p.rows, p.columns], bytes)?))
        });
        let views: Result<Vec<_>, safetensors::SafeTensorError> = views.collect();
        views
            .and_then(|views| safetensors::serialize(views, None))
            .map_err(|error| AgentError::Weights { problem: error.to_string() })
    }

    /// Reads what [`Network::to_safetensors`] wrote into a network of the same shape; on an error
    /// the network is unchanged.
    pub(crate) fn load_safetensors(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        let wrong = |problem: String| AgentError::Weights { problem };
        let stored = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
        let mut loaded = Vec::with_capacity(self.parameters.len());
        for p in &self.parameters {
            let tensor = stored.tensor(&p.name).map_err(|error| wrong(error.to_string()))?;
            if tensor.shape() != [p.rows, p.columns] || tensor.dtype() != Dtype::F32 {
                let (name, shape) = (&p.name, tensor.shape());
                return Err(wrong(format!("got `{name}` of shape {shape:?}")));
            }
            let (values, _) = tensor.data().as_chunks::<4>();
            loaded.push(values.iter().map(|&value| f32::from_le_bytes(value)).collect());
        }
        for (parameter, values) in self.parameters.iter_mut().zip(loaded) {
            parameter.values = values;
        }
        self.publish()
    }
}

impl Parameter {
    fn new(
        name: String,
        values: Vec<f32>,
        rows: usize,
        columns: usize,
    ) -> Result<Self, AgentError> {
        let var = Var::from_slice(&values, (rows, columns), &Device::Cpu)?;
        Ok(Self { name, values, rows, columns, var })
    }

    fn publish(&self) -> Result<(), AgentError> {
        let tensor = Tensor::from_slice(&self.values, (self.rows, self.columns), &Device::Cpu)?;
        Ok(self.var.set(&tensor)?)
    }
}

/// The matrix `[1 + n, n]` that turns `(V, A)` into `V + A − mean(A)`.
fn combine_dueling(n_actions: usize) -> Result<Tensor, AgentError> {
    let share = 1.0 / n_actions as f32;
    let mut values = vec![1.0_f32; n_actions];
    for from in 0..n_actions {
        values.extend((0..n_actions).map(|to| if from == to { 1.0 - share } else { -share }));
    }
    Ok(Tensor::from_vec(values, (n_actions + 1, n_actions), &Device::Cpu)?)
}

/// The given outputs of a layer, transposed to `[n_out, n_in]` and divided by `divisor`.
fn dense(pair: &[Parameter], outputs: std::ops::Range<usize>, divisor: f32) -> Dense {
    let (weight, bias) = (&pair[0], &pair[1]);
    let (n_in, n_out) = (weight.rows, outputs.len());
    let column =
        |to: usize| (0..n_in).map(move |from| weight.values[from * weight.columns + to] / divisor);
    Dense {
        weight: outputs.clone().flat_map(column).collect(),
        bias: bias.values[outputs].iter().map(|value| value / divisor).collect(),
        n_in,
        n_out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;

    fn network(dueling: bool, seed: u64) -> Result<Network, AgentError> {
        let shape = Shape { n_features: 3, hidden: vec![16, 9], n_actions: 4, dueling };
        let normalisation =
            Normalisation { mean: vec![1.0, -2.0, 0.0], scale: vec![2.0, 0.5, 1.0] };
        Network::new(shape, normalisation, &mut SeedTree::new(seed).stream())
    }

    const OBSERVATIONS: [f32; 6] = [0.3, -1.0, 2.0, 90.0, -2.2, -0.4];

    #[test]
    fn the_exported_network_scores_as_candle_does() -> Result<(), AgentError> {
        for dueling in [false, true] {
            let network = network(dueling, 1)?;
            let plain = network.export(1.0)?;
            plain.validate().expect("an export fits together");
            let expected = network.scores(&OBSERVATIONS)?;
            let got = OBSERVATIONS.chunks(3).flat_map(|row| plain.scores(row));
            for (got, expected) in got.zip(expected) {
                assert!((got - expected).abs() < 1e-5, "{got} {expected}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() -> Result<(), AgentError> {
        for dueling in [false, true] {
            let mut network = network(dueling, 2)?;
            let weights: Vec<f32> = (0..8).map(|i| i as f32 - 3.0).collect();
            let objective = |network: &Network| -> Result<f64, AgentError> {
                let scores = network.scores(&OBSERVATIONS)?;
                Ok(scores.iter().zip(&weights).map(|(s, w)| f64::from(s * w)).sum())
            };
            let scores = network.forward(&OBSERVATIONS)?;
            let gradients = network.gradients(&scores, weights.clone())?;
            for (parameter, at) in [(0, 5), (1, 3), (2, 40), (3, 2), (4, 7), (5, 1)] {
                let mut at_shift = |shift: f32| -> Result<f64, AgentError> {
                    network.parameters[parameter].values[at] += shift;
                    network.publish()?;
                    objective(&network)
                };
                let slope = (at_shift(1e-2)? - at_shift(-2e-2)?) / 2e-2;
                at_shift(1e-2)?;
                let gradient = f64::from(gradients[parameter][at]);
                assert!((slope - gradient).abs() < 2e-2, "{parameter} {at}: {slope} {gradient}");
            }
        }
        Ok(())
    }

    #[test]
    fn weights_survive_safetensors_and_foreign_ones_are_refused() -> Result<(), AgentError> {
        let (mut first, second) = (network(true, 3)?, network(true, 4)?);
        assert_ne!(first.scores(&OBSERVATIONS)?, second.scores(&OBSERVATIONS)?);
        first.load_safetensors(&second.to_safetensors()?)?;
        assert_eq!(first.scores(&OBSERVATIONS)?, second.scores(&OBSERVATIONS)?);
        assert!(first.load_safetensors(&network(false, 4)?.to_safetensors()?).is_err());
        assert!(first.load_safetensors(b"nothing").is_err());
        assert_eq!(first.scores(&OBSERVATIONS)?, second.scores(&OBSERVATIONS)?);
        Ok(())
    }

    #[test]
    fn moving_towards_another_network_is_linear() -> Result<(), AgentError> {
        let (mut first, second) = (network(false, 5)?, network(false, 6)?);
        let (a, b) = (first.parameters[0].values[0], second.parameters[0].values[0]);
        first.move_towards(&second, 0.25)?;
        assert!((first.parameters[0].values[0] - (0.75 * a + 0.25 * b)).abs() < 1e-6);
        first.move_towards(&second, 1.0)?;
        assert_eq!(first.scores(&OBSERVATIONS)?, second.scores(&OBSERVATIONS)?);
        Ok(())
    }

    #[test]
    fn a_diverged_network_is_not_exported() -> Result<(), AgentError> {
        let mut network = network(false, 7)?;
        network.parameters[1].values[0] = f32::NAN;
        assert!(matches!(network.export(1.0), Err(AgentError::NotFinite { .. })));
        Ok(())
    }
}
