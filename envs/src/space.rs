//! Spaces: bounded observation vectors, discrete actions and the mask over them.

use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

/// Index of a discrete action. By convention action 0 is the neutral one (`none`).
pub type ActionId = usize;

/// A box in `R^n`: closed bounds for each feature of an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxSpace {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl BoxSpace {
    /// A box with the given bounds.
    ///
    /// # Panics
    /// When the bounds differ in length or a lower bound is above its upper bound; both are
    /// mistakes of the environment's author.
    #[must_use]
    pub fn new(low: Vec<f32>, high: Vec<f32>) -> Self {
        assert_eq!(low.len(), high.len(), "bounds must have one length");
        assert!(low.iter().zip(&high).all(|(l, h)| l <= h), "low must not exceed high");
        Self { low, high }
    }

    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.low.len()
    }

    /// Lower bounds, shape `[n_features]`.
    #[must_use]
    pub fn low(&self) -> &[f32] {
        &self.low
    }

    /// Upper bounds, shape `[n_features]`.
    #[must_use]
    pub fn high(&self) -> &[f32] {
        &self.high
    }

    /// Whether the observation has the right length, is finite and lies within the bounds.
    #[must_use]
    pub fn contains(&self, observation: &[f32]) -> bool {
        observation.len() == self.low.len()
            && observation
                .iter()
                .zip(self.low.iter().zip(&self.high))
                .all(|(x, (l, h))| x.is_finite() && l <= x && x <= h)
    }
}

/// Which actions are allowed in a state; at least one always is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionMask(Vec<bool>);

impl Clone for ActionMask {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Without allocation when the masks are of one length; a derived one would allocate.
    fn clone_from(&mut self, source: &Self) {
        self.0.clone_from(&source.0);
    }
}

impl ActionMask {
    /// A mask that allows every one of `n_actions` actions.
    #[must_use]
    pub fn all(n_actions: usize) -> Self {
        assert!(n_actions > 0, "an environment has at least one action");
        Self(vec![true; n_actions])
    }

    /// A mask from flags; `None` when no action is allowed.
    #[must_use]
    pub fn from_flags(allowed: Vec<bool>) -> Option<Self> {
        allowed.iter().any(|&a| a).then_some(Self(allowed))
    }

    /// Rewrites every flag in place, without allocation. Action 0 stays allowed whatever `f` says
    /// when nothing else is, so that the mask never becomes empty.
    pub fn fill_with(&mut self, f: impl Fn(ActionId) -> bool) {
        let mut any = false;
        for (action, flag) in self.0.iter_mut().enumerate() {
            *flag = f(action);
            any |= *flag;
        }
        if !any {
            self.0[0] = true;
        }
    }

    /// Takes over the flags of another mask over the same actions, without allocation.
    ///
    /// # Panics
    /// When the masks differ in length; both then belong to different environments.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }

    /// Whether the action exists and is allowed.
    #[must_use]
    pub fn allows(&self, action: ActionId) -> bool {
        self.0.get(action).copied().unwrap_or(false)
    }

    /// The flags, shape `[n_actions]`.
    #[must_use]
    pub fn flags(&self) -> &[bool] {
        &self.0
    }

    /// Number of actions, allowed or not.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.0.len()
    }

    /// Number of allowed actions, at least 1.
    #[must_use]
    pub fn n_allowed(&self) -> usize {
        self.0.iter().filter(|&&a| a).count()
    }

    /// The allowed actions in ascending order.
    pub fn allowed(&self) -> impl Iterator<Item = ActionId> + '_ {
        self.0.iter().enumerate().filter_map(|(i, &a)| a.then_some(i))
    }

    /// One allowed action, uniformly.
    pub fn sample(&self, rng: &mut dyn RngCore) -> ActionId {
        let pick = rng.random_range(0..self.n_allowed());
        // The range above is the number of allowed actions, so the iterator has a `pick`-th one.
        self.allowed().nth(pick).unwrap_or(0)
    }

    /// The allowed action with the largest score; ties go to the lower index. NaN never wins.
    #[must_use]
    pub fn argmax(&self, scores: &[f64]) -> ActionId {
        debug_assert_eq!(scores.len(), self.0.len());
        let mut best: Option<ActionId> = None;
        for action in self.allowed() {
            let better = match best {
                None => true,
                Some(b) => scores[action] > scores[b] || scores[b].is_nan(),
            };
            if better {
                best = Some(action);
            }
        }
        best.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argmax_never_picks_a_masked_action() {
        let mask = ActionMask::from_flags(vec![true, false, true]).expect("one is allowed");
        assert_eq!(mask.argmax(&[1.0, 9.0, 2.0]), 2);
    }

    #[test]
    fn a_nan_score_never_wins() {
        assert_eq!(ActionMask::all(3).argmax(&[f64::NAN, 1.0, f64::NAN]), 1);
    }

    #[test]
    fn a_mask_without_actions_does_not_exist() {
        assert!(ActionMask::from_flags(vec![false, false]).is_none());
        let mut mask = ActionMask::all(3);
        mask.fill_with(|_| false);
        assert_eq!(mask.flags(), [true, false, false]);
    }

    #[test]
    fn a_box_rejects_nan_and_wrong_lengths() {
        let space = BoxSpace::new(vec![0.0, -1.0], vec![1.0, 1.0]);
        assert!(space.contains(&[0.5, 0.0]));
        assert!(!space.contains(&[0.5]));
        assert!(!space.contains(&[f32::NAN, 0.0]));
        assert!(!space.contains(&[1.5, 0.0]));
    }
}
