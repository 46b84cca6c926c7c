//! A head that predicts how likely each return is, and scores by the mean (Bellemare et al. 2017).

use crate::mlp::{Dense, ShapeError, all_finite, same_length};
use serde::{Deserialize, Serialize};

/// `Q(s, a) = Σ_j z_j · softmax_j(l(s, a, ·))` over fixed atoms `z_j`.
///
/// With a value stream `l = V_j + A_aj − mean over all actions of A_aj`, atom by atom
/// (Hessel et al. 2018).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalHead {
    /// `V`, one output per atom, in dueling networks.
    pub value: Option<Dense>,
    /// `A`, outputs `[n_actions, n_atoms]`.
    pub advantage: Dense,
    /// `z`, the returns that may happen, shape `[n_atoms]`.
    pub atoms: Vec<f32>,
}

impl CategoricalHead {
    /// Number of scores.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.advantage.n_out / self.atoms.len().max(1)
    }

    pub(crate) fn check(&self, width: usize) -> Result<(), ShapeError> {
        let n_atoms = self.atoms.len();
        same_length("atoms", n_atoms.max(2), n_atoms)?;
        all_finite("atoms", &self.atoms)?;
        if let Some(value) = &self.value {
            value.check("value", width)?;
            same_length("value", n_atoms, value.n_out)?;
        }
        self.advantage.check("advantage", width)?;
        same_length("advantage", self.n_actions().max(1) * n_atoms, self.advantage.n_out)
    }

    pub(crate) fn scores(&self, x: &[f32]) -> Vec<f32> {
        let mut logits = self.advantage.forward(x);
        if let Some(value) = &self.value {
            add_value(&value.forward(x), &mut logits);
        }
        let mean = |logits: &mut [f32]| {
            softmax(logits);
            self.atoms.iter().zip(logits).map(|(atom, p)| atom * *p).sum()
        };
        logits.chunks_exact_mut(self.atoms.len()).map(mean).collect()
    }
}

/// `A_aj ← V_j + A_aj − mean over a of A_aj` for `[n_actions, n_atoms]`.
fn add_value(value: &[f32], advantages: &mut [f32]) {
    let n_atoms = value.len();
    let n_actions = advantages.len() / n_atoms;
    for (j, value) in value.iter().enumerate() {
        let sum: f32 = advantages.iter().skip(j).step_by(n_atoms).sum();
        let shift = value - sum / n_actions as f32;
        advantages.iter_mut().skip(j).step_by(n_atoms).for_each(|a| *a += shift);
    }
}

/// Turns logits into probabilities in place, `e^{l_j} / Σ_k e^{l_k}`, and returns `ln Σ_k e^{l_k}`.
///
/// Plain arithmetic only, so every machine gets the same bits.
#[inline]
pub fn softmax(logits: &mut [f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = exp_of_negative(*logit - top));
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|p| *p /= sum);
    top + sum.ln()
}

/// `e^x` for `x ≤ 0` within 2 units in the last place, 0 below −87: a power of two times a
/// polynomial in the rest (coefficients of Moshier's Cephes library, `expf`).
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let kept = if x < -87.0 { -87.0 } else { x };
    let shifted = kept * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = kept - whole * LN_2_HIGH - whole * LN_2_LOW;
    let mut sum = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * r + c;
    }
    let fraction = sum * r * r + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    if x < -87.0 { 0.0 } else { fraction * f32::from_bits(exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        for i in 0..87_000 {
            let x = -(i as f32) / 1_000.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp_of_negative(x)) - expected).abs() / expected;
            assert!(error < 2.4e-7, "{x}: {error}");
        }
        assert_eq!((exp_of_negative(0.0), exp_of_negative(-1e9)), (1.0, 0.0));
        assert!(exp_of_negative(f32::NAN).is_nan());
    }

    #[test]
    fn a_softmax_is_worked_by_hand() {
        // Weights 1, 2, 5 of 8.
        let mut p = [10.0, 10.0 + 2.0_f32.ln(), 10.0 + 5.0_f32.ln()];
        let log_sum = softmax(&mut p);
        for (got, expected) in p.iter().zip([0.125, 0.25, 0.625]) {
            assert!((got - expected).abs() < 1e-6);
        }
        assert!((log_sum - (10.0 + 8.0_f32.ln())).abs() < 1e-5);
    }

    #[test]
    fn the_score_is_the_mean_of_the_returns() {
        // Atoms −1, 0, 1. Action 0: even logits, mean 0. Action 1: all on the last, mean 1.
        let advantage = Dense {
            weight: vec![0.0; 6],
            bias: vec![0.0, 0.0, 0.0, 0.0, 0.0, 80.0],
            n_in: 1,
            n_out: 6,
        };
        let mut head = CategoricalHead { value: None, advantage, atoms: vec![-1.0, 0.0, 1.0] };
        assert_eq!(head.check(1), Ok(()));
        assert_eq!(head.scores(&[0.0]), [0.0, 1.0]);
        // Centred advantages of the last atom are ∓40; V adds 40 to the middle one.
        head.value =
            Some(Dense { weight: vec![0.0; 3], bias: vec![0.0, 40.0, 0.0], n_in: 1, n_out: 3 });
        assert_eq!(head.check(1), Ok(()));
        let scores = head.scores(&[0.0]);
        assert!(scores[0].abs() < 1e-6 && (scores[1] - 0.5).abs() < 1e-6, "{scores:?}");
        head.atoms.pop();
        assert!(head.check(1).is_err());
    }
}
