//! Greedy over scores, among actions that were done often enough: what batch-constrained learning exports.

use crate::distribution::ActionDistribution;
use crate::mlp::QNetwork;
use crate::policy::Policy;
use promopt_envs::ActionMask;
use serde::{Deserialize, Serialize};

/// Greedy over scores among the allowed actions that a clone of the logging policy finds probable
/// enough (Fujimoto, Conti, Ghavamzadeh and Pineau 2019): `π_b(a | s) ≥ threshold · max π_b(· | s)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportedPolicy {
    /// Scores, in the unit of the reward.
    pub scores: QNetwork,
    /// Logits of the cloned logging policy.
    pub logits: QNetwork,
    /// Smallest probability relative to that of the most probable action, in `[0, 1]`.
    pub threshold: f64,
}

impl Policy for SupportedPolicy {
    fn name(&self) -> &str {
        "bcq"
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let logits = self.logits.scores(observation);
        let mut supported = vec![false; mask.n_actions()];
        support(&logits, mask.flags(), self.threshold, &mut supported);
        // The most probable allowed action is always supported, unless its logit is no number.
        let supported = ActionMask::from_flags(supported).unwrap_or_else(|| mask.clone());
        let scores = self.scores.scores(observation).into_iter().map(f64::from);
        let action = supported.argmax(&scores.collect::<Vec<_>>());
        ActionDistribution::deterministic(action, mask.n_actions())
    }
}

/// Which allowed actions are at least `threshold` times as probable as the most probable allowed
/// one, from the logits of a softmax; all slices have the shape `[n_actions]`.
pub fn support(logits: &[f32], allowed: &[bool], threshold: f64, supported: &mut [bool]) {
    let permitted = logits.iter().zip(allowed).filter(|(_, allowed)| **allowed);
    let top = permitted.fold(f32::NEG_INFINITY, |top, (logit, _)| top.max(*logit));
    for ((supported, logit), &allowed) in supported.iter_mut().zip(logits).zip(allowed) {
        *supported = allowed && (logit - top).exp() >= threshold as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::{Dense, QHead};

    fn constant(outputs: [f32; 3]) -> QNetwork {
        QNetwork {
            mean: vec![0.0],
            scale: vec![1.0],
            hidden: Vec::new(),
            head: QHead::Plain(Dense {
                n_in: 1,
                n_out: 3,
                weight: vec![0.0; 3],
                bias: outputs.to_vec(),
            }),
        }
    }

    #[test]
    fn the_best_action_counts_only_where_it_was_done_often_enough() {
        // Probabilities relative to the second action: 0.61, 1 and 0.14.
        let (scores, logits) = (constant([1.0, 0.0, 9.0]), constant([1.5, 2.0, 0.0]));
        let action = |threshold, flags: [bool; 3]| {
            let policy =
                SupportedPolicy { scores: scores.clone(), logits: logits.clone(), threshold };
            let mask = ActionMask::from_flags(flags.to_vec()).expect("one is allowed");
            policy.distribution(&[0.0], &mask).quantile(0.5)
        };
        assert_eq!(action(0.0, [true; 3]), 2);
        assert_eq!(action(0.3, [true; 3]), 0);
        assert_eq!(action(1.0, [true; 3]), 1);
        // What is forbidden is no measure for the others: 0.14 / 0.61 of the first is left.
        assert_eq!(action(0.2, [true, false, true]), 2);
        assert_eq!(action(0.3, [true, false, true]), 0);
    }
}
