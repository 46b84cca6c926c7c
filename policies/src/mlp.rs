//! A Q-network in plain `f32`: the forward pass of a trained network without any tensor library.

use crate::categorical::CategoricalHead;
use crate::distribution::ActionDistribution;
use crate::policy::Policy;
use promopt_envs::ActionMask;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Normalised features are clipped to `[-CLIP, CLIP]`, so that one odd value cannot rule a score.
pub const CLIP: f32 = 5.0;

/// The parts of a stored network do not fit each other.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Two lengths that must agree do not.
    #[error("expected {expected} values in `{part}`, got {got}; export the policy again")]
    Length {
        /// Which part of the network.
        part: &'static str,
        /// Number of values that the rest of the network needs.
        expected: usize,
        /// Number of values found.
        got: usize,
    },
    /// A number that must be finite (or, for a scale, above zero) is not.
    #[error("expected finite numbers and scales above zero in `{part}`; export the policy again")]
    NotFinite {
        /// Which part of the network.
        part: &'static str,
    },
}

/// One affine layer `y = W x + b`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// `W`, shape `[n_out, n_in]`, row-major.
    pub weight: Vec<f32>,
    /// `b`, shape `[n_out]`.
    pub bias: Vec<f32>,
    /// Number of inputs.
    pub n_in: usize,
    /// Number of outputs.
    pub n_out: usize,
}

impl Dense {
    /// `W x + b`, shape `[n_out]`.
    #[must_use]
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        debug_assert_eq!(x.len(), self.n_in);
        self.weight
            .chunks_exact(self.n_in.max(1))
            .zip(&self.bias)
            .map(|(row, bias)| dot(row, x) + bias)
            .collect()
    }

    pub(crate) fn check(&self, part: &'static str, n_in: usize) -> Result<(), ShapeError> {
        same_length(part, n_in, self.n_in)?;
        same_length(part, self.n_in * self.n_out, self.weight.len())?;
        same_length(part, self.n_out, self.bias.len())?;
        all_finite(part, &self.weight)?;
        all_finite(part, &self.bias)
    }
}

/// How the last hidden layer becomes one score per action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QHead {
    /// `Q = W h + b`.
    Plain(Dense),
    /// `Q(s, a) = V(s) + A(s, a) − mean over all actions of A(s, ·)` (Wang et al. 2016, eq. 9).
    Dueling {
        /// `V`, one output.
        value: Dense,
        /// `A`, one output per action.
        advantage: Dense,
    },
    /// The mean of a predicted distribution of returns.
    Categorical(CategoricalHead),
}

/// A multi-layer perceptron from a raw observation to one score per action.
///
/// `x = clip((observation − mean) / scale, ±5)`, then ReLU layers, then the head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QNetwork {
    /// Subtracted from each feature, shape `[n_features]`.
    pub mean: Vec<f32>,
    /// Divides each feature, above zero, shape `[n_features]`.
    pub scale: Vec<f32>,
    /// Layers followed by a ReLU.
    pub hidden: Vec<Dense>,
    /// The last layer.
    pub head: QHead,
}

impl QNetwork {
    /// Number of features of an observation.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Number of scores.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        match &self.head {
            QHead::Plain(dense) | QHead::Dueling { advantage: dense, .. } => dense.n_out,
            QHead::Categorical(head) => head.n_actions(),
        }
    }

    /// Checks that every part fits the next one and that every number is finite. Call it once after
    /// reading a network from a file; the forward pass relies on it.
    ///
    /// # Errors
    /// [`ShapeError`] names the first part that does not fit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        check_normalisation(&self.mean, &self.scale)?;
        let mut width = self.mean.len();
        for layer in &self.hidden {
            layer.check("hidden", width)?;
            width = layer.n_out;
        }
        match &self.head {
            QHead::Plain(dense) => dense.check("head", width),
            QHead::Dueling { value, advantage } => {
                value.check("value", width)?;
                same_length("value", 1, value.n_out)?;
                advantage.check("advantage", width)
            }
            QHead::Categorical(head) => head.check(width),
        }
    }

    /// One score per action for a raw observation, shape `[n_actions]`; masked actions included.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> Vec<f32> {
        let mut x: Vec<f32> = normalised(observation, &self.mean, &self.scale).collect();
        for layer in &self.hidden {
            x = layer.forward(&x);
            x.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        match &self.head {
            QHead::Plain(dense) => dense.forward(&x),
            QHead::Dueling { value, advantage } => {
                let mut scores = advantage.forward(&x);
                let centre = scores.iter().sum::<f32>() / scores.len() as f32;
                let shift = value.forward(&x).first().copied().unwrap_or(0.0) - centre;
                scores.iter_mut().for_each(|score| *score += shift);
                scores
            }
            QHead::Categorical(head) => head.scores(&x),
        }
    }
}

/// Greedy over the masked scores of a [`QNetwork`], with `epsilon` of the uniform mixed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QPolicy {
    /// Short name for tables.
    pub name: String,
    /// Where the scores come from.
    pub network: QNetwork,
    /// Share of decisions that are uniform over the allowed actions, in `[0, 1]`.
    pub epsilon: f64,
}

impl QPolicy {
    /// A policy with this name; `epsilon = 0` is greedy.
    #[must_use]
    pub fn new(name: impl Into<String>, network: QNetwork, epsilon: f64) -> Self {
        Self { name: name.into(), network, epsilon }
    }
}

impl Policy for QPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let scores: Vec<f64> =
            self.network.scores(observation).into_iter().map(f64::from).collect();
        ActionDistribution::deterministic(mask.argmax(&scores), mask.n_actions())
            .mix_uniform(self.epsilon, mask)
    }
}

/// `clip((observation − mean) / scale, ±CLIP)`, feature by feature. Learners use it too, so that a
/// trained and an exported network see the same numbers.
#[inline]
pub fn normalised<'a>(
    observation: &'a [f32],
    mean: &'a [f32],
    scale: &'a [f32],
) -> impl Iterator<Item = f32> + 'a {
    debug_assert_eq!(observation.len(), mean.len());
    observation
        .iter()
        .zip(mean.iter().zip(scale))
        .map(|(x, (mean, scale))| ((x - mean) / scale).clamp(-CLIP, CLIP))
}

/// Checks the lengths and the range of normalisation constants.
pub(crate) fn check_normalisation(mean: &[f32], scale: &[f32]) -> Result<(), ShapeError> {
    same_length("scale", mean.len(), scale.len())?;
    all_finite("mean", mean)?;
    all_finite("scale", scale)?;
    if scale.iter().any(|&scale| scale <= 0.0) {
        return Err(ShapeError::NotFinite { part: "scale" });
    }
    Ok(())
}

/// Errors unless the two lengths agree.
pub(crate) fn same_length(
    part: &'static str,
    expected: usize,
    got: usize,
) -> Result<(), ShapeError> {
    if expected == got { Ok(()) } else { Err(ShapeError::Length { part, expected, got }) }
}

/// Errors unless every number is finite.
pub(crate) fn all_finite(part: &'static str, values: &[f32]) -> Result<(), ShapeError> {
    let finite = values.iter().all(|value| value.is_finite());
    if finite { Ok(()) } else { Err(ShapeError::NotFinite { part }) }
}

/// Inner product with eight running sums: the order is fixed, so results are equal everywhere, and
/// the compiler can keep the sums in one vector register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(n_in: usize, weight: &[f32], bias: &[f32]) -> Dense {
        Dense { weight: weight.to_vec(), bias: bias.to_vec(), n_in, n_out: bias.len() }
    }

    fn two_features(head: QHead) -> QNetwork {
        QNetwork {
            mean: vec![1.0, 0.0],
            scale: vec![2.0, 1.0],
            hidden: vec![dense(2, &[1.0, 0.0, 0.0, -1.0], &[0.0, 0.5])],
            head,
        }
    }

    #[test]
    fn a_plain_head_gives_the_hand_worked_scores() {
        // x = ((3 − 1) / 2, 2) = (1, 2); hidden = relu(1, −2 + 0.5) = (1, 0);
        // scores = (2·1 + 0.1, −1·1 + 0.2).
        let head = QHead::Plain(dense(2, &[2.0, 7.0, -1.0, 7.0], &[0.1, 0.2]));
        assert_eq!(two_features(head).scores(&[3.0, 2.0]), [2.1, -0.8]);
    }

    #[test]
    fn a_dueling_head_centres_the_advantages_over_all_actions() {
        // hidden = (1, 0); V = 10; A = (1, 2, 6), mean 3; Q = 10 + (−2, −1, 3).
        let head = QHead::Dueling {
            value: dense(2, &[10.0, 0.0], &[0.0]),
            advantage: dense(2, &[1.0, 0.0, 2.0, 0.0, 6.0, 0.0], &[0.0; 3]),
        };
        assert_eq!(two_features(head).scores(&[3.0, 2.0]), [8.0, 9.0, 13.0]);
    }

    #[test]
    fn a_wild_feature_is_clipped() {
        let head = QHead::Plain(dense(2, &[1.0, 0.0], &[0.0]));
        assert_eq!(two_features(head).scores(&[1e9, 0.0]), [5.0]);
    }

    #[test]
    fn the_policy_never_takes_a_masked_action_and_epsilon_is_exact() {
        let head = QHead::Plain(dense(2, &[1.0, 0.0, 2.0, 0.0, 3.0, 0.0], &[0.0; 3]));
        let policy = QPolicy::new("dqn", two_features(head), 0.1);
        let mask = ActionMask::from_flags(vec![true, true, false]).expect("two are allowed");
        let distribution = policy.distribution(&[3.0, 0.0], &mask);
        let expected = [0.05, 0.95, 0.0];
        for (got, want) in distribution.probabilities().iter().zip(expected) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        let mut network = two_features(QHead::Plain(dense(2, &[1.0, 0.0], &[0.0])));
        assert_eq!(network.validate(), Ok(()));
        network.hidden[0].weight.pop();
        let error = network.validate().expect_err("a weight is missing");
        assert_eq!(error, ShapeError::Length { part: "hidden", expected: 4, got: 3 });
        network.hidden[0].weight.push(f32::NAN);
        assert_eq!(network.validate(), Err(ShapeError::NotFinite { part: "hidden" }));
        network.scale[1] = 0.0;
        assert_eq!(network.validate(), Err(ShapeError::NotFinite { part: "scale" }));
    }

    #[test]
    fn the_inner_product_uses_the_remainder_too() {
        let ones = vec![1.0_f32; 19];
        assert_eq!(dot(&ones, &ones), 19.0);
    }

    #[test]
    fn a_network_survives_json() {
        let network = two_features(QHead::Plain(dense(2, &[0.1, 0.2], &[0.3])));
        let text = serde_json::to_string(&network).expect("plain data");
        assert_eq!(serde_json::from_str::<QNetwork>(&text).expect("what we wrote"), network);
    }
}
