//! What is learned from at a time.

/// A sample of `n` entries; its memory is used again for the next one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Raw, shape `[n, n_features]`, row-major.
    pub observations: Vec<f32>,
    /// Raw, shape `[n, n_features]`, row-major.
    pub next_observations: Vec<f32>,
    /// What is allowed next, shape `[n, n_actions]`, row-major.
    pub next_masks: Vec<bool>,
    /// Shape `[n]`.
    pub actions: Vec<u32>,
    /// Discounted rewards of the stretch, shape `[n]`.
    pub reward_sums: Vec<f32>,
    /// `γ^k`, or 0 after a termination, shape `[n]`.
    pub bootstrap_discounts: Vec<f32>,
    /// Where each entry is stored, for [`set_priorities`], shape `[n]`.
    ///
    /// [`set_priorities`]: super::Replay::set_priorities
    pub slots: Vec<u32>,
    /// What each loss is to be multiplied by, in `(0, 1]`, 1 when sampling is uniform; shape `[n]`.
    pub weights: Vec<f32>,
}

impl Batch {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.observations.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.actions.clear();
        self.reward_sums.clear();
        self.bootstrap_discounts.clear();
        self.slots.clear();
        self.weights.clear();
    }
}
