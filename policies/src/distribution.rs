//! A probability distribution over the allowed actions, checked once and correct ever after.

use promopt_envs::{ActionId, ActionMask};
use rand::{Rng, RngCore};

/// Probabilities over actions: non-negative, zero where masked, summing to one.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionDistribution(Vec<f64>);

impl ActionDistribution {
    /// All probability on one action.
    #[must_use]
    pub fn deterministic(action: ActionId, n_actions: usize) -> Self {
        assert!(action < n_actions, "the action exists");
        let mut p = vec![0.0; n_actions];
        p[action] = 1.0;
        Self(p)
    }

    /// Equal probability on every allowed action.
    #[must_use]
    pub fn uniform(mask: &ActionMask) -> Self {
        let share = 1.0 / mask.n_allowed() as f64;
        Self(mask.flags().iter().map(|&allowed| if allowed { share } else { 0.0 }).collect())
    }

    /// Weights restricted to the mask and scaled to sum to one. Weights that are negative or not
    /// finite count as zero; when nothing is left the distribution is uniform over the mask.
    #[must_use]
    pub fn from_weights(weights: &[f64], mask: &ActionMask) -> Self {
        debug_assert_eq!(weights.len(), mask.n_actions());
        let clean = |(&w, &allowed): (&f64, &bool)| {
            if allowed && w.is_finite() && w > 0.0 { w } else { 0.0 }
        };
        let kept: Vec<f64> = weights.iter().zip(mask.flags()).map(clean).collect();
        let total: f64 = kept.iter().sum();
        if total > 0.0 && total.is_finite() {
            Self(kept.into_iter().map(|w| w / total).collect())
        } else {
            Self::uniform(mask)
        }
    }

    /// `(1 − epsilon)` of this distribution and `epsilon` of the uniform one over the mask.
    #[must_use]
    pub fn mix_uniform(&self, epsilon: f64, mask: &ActionMask) -> Self {
        let epsilon = epsilon.clamp(0.0, 1.0);
        let share = epsilon / mask.n_allowed() as f64;
        let mixed = self
            .0
            .iter()
            .zip(mask.flags())
            .map(|(&p, &allowed)| (1.0 - epsilon) * p + if allowed { share } else { 0.0 });
        Self(mixed.collect())
    }

    /// The probabilities, shape `[n_actions]`.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.0
    }

    /// Draws an action by inverting the cumulative distribution at one uniform number.
    pub fn sample(&self, rng: &mut dyn RngCore) -> ActionId {
        self.quantile(rng.random())
    }

    /// The action at the uniform number `u` in `[0, 1)`; never one of probability zero.
    #[must_use]
    pub fn quantile(&self, u: f64) -> ActionId {
        let mut cumulative = 0.0;
        let mut last = 0;
        for (action, &p) in self.0.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            cumulative += p;
            last = action;
            if u < cumulative {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_become_a_distribution_on_the_mask(
            weights in proptest::collection::vec(-2.0_f64..5.0, 4),
            flags in proptest::collection::vec(any::<bool>(), 4),
            u in 0.0_f64..1.0,
        ) {
            prop_assume!(flags.iter().any(|&f| f));
            let mask = ActionMask::from_flags(flags).expect("one is allowed");
            let d = ActionDistribution::from_weights(&weights, &mask).mix_uniform(0.1, &mask);
            prop_assert!((d.probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(mask.allows(d.quantile(u)));
        }
    }
}
