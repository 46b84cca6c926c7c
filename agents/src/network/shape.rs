//! Sizes of a network, and where each layer's numbers lie in the flat vector of parameters.

use crate::error::{AgentError, require};
use std::ops::Range;

/// Sizes of a network: `n_features → hidden (ReLU) → n_outputs (linear)`.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpShape {
    /// Numbers per observation.
    pub n_features: usize,
    /// Widths of the hidden layers; none makes a linear model.
    pub hidden: Vec<usize>,
    /// Numbers per output.
    pub n_outputs: usize,
    /// `σ₀` of factorised Gaussian noise on every layer (Fortunato et al. 2018), customarily 0.5;
    /// `None` for a network without noise.
    pub noisy: Option<f32>,
}

/// One affine layer `x · W + b` as places in the flat parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) n_in: usize,
    pub(crate) n_out: usize,
    /// `[n_in, n_out]`, row-major.
    pub(crate) weight: Range<usize>,
    /// `[n_out]`.
    pub(crate) bias: Range<usize>,
    /// Standard deviations of `weight` and `bias`, in noisy networks.
    pub(crate) sigma: Option<(Range<usize>, Range<usize>)>,
}

impl MlpShape {
    /// Without noise.
    #[must_use]
    pub fn new(n_features: usize, hidden: &[usize], n_outputs: usize) -> Self {
        Self { n_features, hidden: hidden.to_vec(), n_outputs, noisy: None }
    }

    /// Number of parameters.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.layers()
            .last()
            .map_or(0, |layer| layer.sigma.as_ref().map_or(layer.bias.end, |(_, bias)| bias.end))
    }

    /// The layers from input to output.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        let mut at = 0;
        let mut take = |n: usize| {
            at += n;
            at - n..at
        };
        let mut n_in = self.n_features;
        let widths = self.hidden.iter().chain([&self.n_outputs]);
        let layer = |&n_out: &usize| {
            let (weight, bias) = (take(n_in * n_out), take(n_out));
            let sigma = self.noisy.map(|_| (take(n_in * n_out), take(n_out)));
            Layer { n_in: std::mem::replace(&mut n_in, n_out), n_out, weight, bias, sigma }
        };
        widths.map(layer).collect()
    }

    pub(crate) fn check(&self) -> Result<(), AgentError> {
        require(self.n_features > 0, "n_features", "at least 1", self.n_features)?;
        require(self.n_outputs > 0, "n_outputs", "at least 1", self.n_outputs)?;
        let widths = self.hidden.iter().all(|&width| width > 0);
        require(widths, "hidden", "widths above 0", format!("{:?}", self.hidden))?;
        match self.noisy {
            Some(s) => require(s.is_finite() && s > 0.0, "noisy", "a finite number above 0", s),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_lie_one_after_the_other_weight_before_bias() {
        let shape = MlpShape::new(3, &[4], 2);
        let layers = shape.layers();
        assert_eq!((layers[0].weight.clone(), layers[0].bias.clone()), (0..12, 12..16));
        assert_eq!((layers[1].weight.clone(), layers[1].bias.clone()), (16..24, 24..26));
        assert_eq!(shape.n_parameters(), 26);
        let noisy = MlpShape { noisy: Some(0.5), ..shape };
        assert_eq!(noisy.layers()[0].sigma, Some((16..28, 28..32)));
        assert_eq!(noisy.n_parameters(), 52);
    }

    #[test]
    fn sizes_of_zero_are_refused() {
        assert!(MlpShape::new(0, &[4], 2).check().is_err());
        assert!(MlpShape::new(3, &[0], 2).check().is_err());
        assert!(MlpShape { noisy: Some(0.0), ..MlpShape::new(3, &[], 2) }.check().is_err());
    }
}
