//! A log of decisions with their propensities, as off-policy evaluation needs it.

use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};

/// Decisions as columns, oldest first; row-major where two-dimensional.
///
/// Every row is complete in itself: it has the observation and mask after the decision as well, the
/// final ones of an episode included, so rows may be shuffled, split or cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecisionTable {
    /// Number of features of an observation.
    pub n_features: usize,
    /// Number of actions, allowed or not.
    pub n_actions: usize,
    /// Episode of each decision, counted from 0 since the log was made.
    pub episodes: Vec<u32>,
    /// Observations before the decision, shape `[n, n_features]`.
    pub observations: Vec<f32>,
    /// Actions allowed in the decision, shape `[n, n_actions]`.
    pub masks: Vec<bool>,
    /// Actions taken.
    pub actions: Vec<ActionId>,
    /// Probability that the deciding policy gave the action it took, in `(0, 1]`.
    pub propensities: Vec<f64>,
    /// Rewards that followed.
    pub rewards: Vec<f64>,
    /// Observations after the decision, shape `[n, n_features]`.
    pub next_observations: Vec<f32>,
    /// Actions allowed after the decision, shape `[n, n_actions]`.
    pub next_masks: Vec<bool>,
    /// Whether the story ended with the decision.
    pub terminated: Vec<bool>,
    /// Whether we stopped watching after the decision.
    pub truncated: Vec<bool>,
}

impl DecisionTable {
    fn empty(spec: &EnvSpec) -> Self {
        let (n_features, n_actions) = (spec.observation_space.n_features(), spec.n_actions);
        Self { n_features, n_actions, ..Self::default() }
    }

    /// Number of decisions `n`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether nothing was decided yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    fn reserve(&mut self, n: usize) {
        self.episodes.reserve_exact(n);
        self.observations.reserve_exact(n * self.n_features);
        self.masks.reserve_exact(n * self.n_actions);
        self.actions.reserve_exact(n);
        self.propensities.reserve_exact(n);
        self.rewards.reserve_exact(n);
        self.next_observations.reserve_exact(n * self.n_features);
        self.next_masks.reserve_exact(n * self.n_actions);
        self.terminated.reserve_exact(n);
        self.truncated.reserve_exact(n);
    }

    /// Moves the first `n` rows behind the others.
    fn rotate(&mut self, n: usize) {
        self.episodes.rotate_left(n);
        self.observations.rotate_left(n * self.n_features);
        self.masks.rotate_left(n * self.n_actions);
        self.actions.rotate_left(n);
        self.propensities.rotate_left(n);
        self.rewards.rotate_left(n);
        self.next_observations.rotate_left(n * self.n_features);
        self.next_masks.rotate_left(n * self.n_actions);
        self.terminated.rotate_left(n);
        self.truncated.rotate_left(n);
    }
}

/// Writes a row over an old one, or appends it.
fn put<T: Copy>(column: &mut Vec<T>, row: usize, values: &[T]) {
    let from = row * values.len();
    if from == column.len() {
        column.extend_from_slice(values);
    } else {
        column[from..from + values.len()].copy_from_slice(values);
    }
}

/// Logs every decision taken in an environment.
///
/// It is the outermost layer and not an [`Env`]: a step without its propensity does not exist here.
/// A bounded log allocates at construction only and forgets its oldest decisions; a growing one
/// allocates as it grows.
#[derive(Debug, Clone)]
pub struct DecisionLog<E> {
    env: E,
    table: DecisionTable,
    capacity: Option<usize>,
    /// Row that the next decision goes to.
    row: usize,
    n_logged: u64,
    n_resets: u32,
    observation: Vec<f32>,
    mask: Vec<bool>,
}

impl<E: Env> DecisionLog<E> {
    /// A log that keeps everything.
    #[must_use]
    pub fn growing(env: E) -> Self {
        let spec = env.spec();
        let observation = vec![0.0; spec.observation_space.n_features()];
        let (mask, table) = (vec![true; spec.n_actions], DecisionTable::empty(spec));
        Self { env, table, capacity: None, row: 0, n_logged: 0, n_resets: 0, observation, mask }
    }

    /// A log that keeps the latest `capacity` decisions (raised to at least 1).
    #[must_use]
    pub fn bounded(env: E, capacity: usize) -> Self {
        let mut log = Self::growing(env);
        let capacity = capacity.max(1);
        log.table.reserve(capacity);
        log.capacity = Some(capacity);
        log
    }

    /// The environment inside.
    #[must_use]
    pub fn env(&self) -> &E {
        &self.env
    }

    /// Spec of the environment.
    #[must_use]
    pub fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    /// Starts an episode; see [`Env::reset`].
    pub fn reset(&mut self, seed: Option<u64>) {
        self.env.reset(seed);
        self.n_resets += 1;
    }

    /// Observation of the current state.
    #[must_use]
    pub fn observation(&self) -> &[f32] {
        self.env.observation()
    }

    /// Actions that are allowed in the current state.
    #[must_use]
    pub fn action_mask(&self) -> &ActionMask {
        self.env.action_mask()
    }

    /// Takes an action that was drawn with probability `propensity`, and logs it.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the propensity is outside `(0, 1]`; what
    /// [`Env::step`] refuses. Nothing is logged then.
    pub fn step_with_propensity(
        &mut self,
        action: ActionId,
        propensity: f64,
    ) -> Result<Step, EnvError> {
        if !(propensity > 0.0 && propensity <= 1.0) {
            let (name, expected) = ("propensity", "a probability above 0");
            return Err(EnvError::InvalidParameter { name, expected, got: propensity });
        }
        self.observation.copy_from_slice(self.env.observation());
        self.mask.copy_from_slice(self.env.action_mask().flags());
        let step = self.env.step(action)?;
        let (table, row) = (&mut self.table, self.row);
        put(&mut table.episodes, row, &[self.n_resets.saturating_sub(1)]);
        put(&mut table.observations, row, &self.observation);
        put(&mut table.masks, row, &self.mask);
        put(&mut table.actions, row, &[action]);
        put(&mut table.propensities, row, &[propensity]);
        put(&mut table.rewards, row, &[step.reward]);
        put(&mut table.next_observations, row, self.env.observation());
        put(&mut table.next_masks, row, self.env.action_mask().flags());
        put(&mut table.terminated, row, &[step.terminated]);
        put(&mut table.truncated, row, &[step.truncated]);
        self.n_logged += 1;
        self.row += 1;
        if Some(self.row) == self.capacity {
            self.row = 0;
        }
        Ok(step)
    }

    /// Decisions in the log.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the log is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Decisions taken since construction, those forgotten or handed out included.
    #[must_use]
    pub fn n_logged(&self) -> u64 {
        self.n_logged
    }

    /// Hands out the log, oldest decision first, and goes on with an empty one.
    #[must_use]
    pub fn take(&mut self) -> DecisionTable {
        let mut fresh = DecisionTable::empty(self.env.spec());
        if let Some(capacity) = self.capacity {
            fresh.reserve(capacity);
        }
        let mut table = std::mem::replace(&mut self.table, fresh);
        if self.row < table.len() {
            table.rotate(self.row);
        }
        self.row = 0;
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Chain, KnownBandit};
    use crate::seed::SeedTree;

    fn play(log: &mut DecisionLog<KnownBandit>, n: usize) -> Result<(), EnvError> {
        let mut choices = SeedTree::new(4).stream();
        for _ in 0..n {
            let mask = log.action_mask();
            let (action, propensity) = (mask.sample(&mut choices), 1.0 / mask.n_allowed() as f64);
            if log.step_with_propensity(action, propensity)?.is_last() {
                log.reset(None);
            }
        }
        Ok(())
    }

    #[test]
    fn every_decision_is_logged_with_what_it_saw_and_led_to() -> Result<(), EnvError> {
        let mut log = DecisionLog::growing(Chain::new(3, false));
        for _ in 0..2 {
            log.reset(Some(1));
            log.step_with_propensity(1, 0.5)?;
            log.step_with_propensity(1, 0.25)?;
        }
        let table = log.take();
        assert_eq!((table.len(), log.len(), log.n_logged()), (4, 0, 4));
        assert_eq!(table.episodes, [0, 0, 1, 1]);
        assert_eq!(table.actions, [1; 4]);
        assert_eq!(table.propensities, [0.5, 0.25, 0.5, 0.25]);
        assert_eq!(table.terminated, [false, true, false, true]);
        assert_eq!(table.truncated, [false; 4]);
        assert_eq!(table.observations[3..6], [0.0, 1.0, 0.0]);
        assert_eq!(table.next_observations[3..6], [0.0, 0.0, 1.0]);
        assert!((table.rewards[1] - 0.99).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_bounded_log_keeps_the_latest_decisions_in_order() -> Result<(), EnvError> {
        let bandit = KnownBandit::masked(3, 0.5, 7)?;
        let (mut all, mut few) =
            (DecisionLog::growing(bandit.clone()), DecisionLog::bounded(bandit, 10));
        for log in [&mut all, &mut few] {
            log.reset(Some(3));
            play(log, 24)?;
        }
        let (all, few) = (all.take(), few.take());
        assert_eq!((all.len(), few.len()), (24, 10));
        assert_eq!(few.rewards, all.rewards[14..]);
        assert_eq!(few.observations, all.observations[14 * 3..]);
        assert_eq!(few.next_observations, all.next_observations[14 * 3..]);
        assert_eq!(few.masks, all.masks[14 * 3..]);
        assert_eq!(few.next_masks, all.next_masks[14 * 3..]);
        assert_eq!(few.episodes, all.episodes[14..]);
        assert_eq!(few.propensities, all.propensities[14..]);
        assert_eq!(few.actions, all.actions[14..]);
        assert_eq!(few.truncated, all.truncated[14..]);
        for row in 0..10 {
            assert!(few.masks[row * 3 + few.actions[row]], "a masked action was logged");
        }
        Ok(())
    }

    #[test]
    fn a_log_that_was_taken_starts_anew() -> Result<(), EnvError> {
        let mut log = DecisionLog::bounded(KnownBandit::masked(3, 0.5, 7)?, 10);
        log.reset(Some(3));
        play(&mut log, 13)?;
        assert_eq!(log.take().len(), 10);
        assert!(log.is_empty());
        play(&mut log, 4)?;
        let table = log.take();
        assert_eq!((table.len(), log.n_logged()), (4, 17));
        assert_eq!(table.episodes, [1, 2, 2, 2]);
        Ok(())
    }

    #[test]
    fn what_is_refused_is_not_logged() -> Result<(), EnvError> {
        let mut log = DecisionLog::growing(Chain::new(3, false));
        assert_eq!(log.step_with_propensity(1, 1.0), Err(EnvError::ResetNeeded));
        log.reset(None);
        for propensity in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(log.step_with_propensity(1, propensity).is_err());
        }
        assert!(log.step_with_propensity(5, 1.0).is_err());
        assert!(log.is_empty());
        assert_eq!(log.observation(), [1.0, 0.0, 0.0]);
        Ok(())
    }
}
