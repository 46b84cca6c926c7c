//! Exact values and policies of small decision processes whose transitions are known.
//!
//! Value iteration, policy evaluation and backward induction over a [`TabularMdp`]: what a learner in
//! the same world is held against. Time limits are no part of such a process: the discounted methods
//! value the untruncated story, and backward induction a story of a given number of steps.

#[cfg(test)]
mod tests;

use crate::space::ActionId;
use thiserror::Error;

/// One possible outcome of an action in a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Its probability, in `[0, 1]`; those of one action in one state sum to 1.
    pub probability: f64,
    /// The state that follows; not looked at when the story ends.
    pub next: usize,
    /// Reward of the step.
    pub reward: f64,
    /// Whether the story ends: nothing is earned afterwards.
    pub terminated: bool,
}

/// Why a table of transitions is no decision process, or a request makes no sense on it.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ExactError {
    /// No state or no action.
    #[error("expected at least one state and one action, got {n_states} and {n_actions}")]
    Empty {
        /// Number of states.
        n_states: usize,
        /// Number of actions.
        n_actions: usize,
    },
    /// A transition that cannot be.
    #[error(
        "expected {expected} in state {state}, action {action}, got {got}; mend the transitions"
    )]
    Transition {
        /// The state.
        state: usize,
        /// The action.
        action: ActionId,
        /// What would have been accepted.
        expected: &'static str,
        /// What was given.
        got: f64,
    },
    /// A state in which nothing can be done.
    #[error(
        "expected an allowed action in state {state}, got none; end the story on the way there"
    )]
    NoAction {
        /// The state.
        state: usize,
    },
    /// A parameter outside its range.
    #[error("expected {expected} for `{name}`, got {got}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
        /// What was given.
        got: f64,
    },
}

/// A finite Markov decision process with sparse transitions.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularMdp {
    n_states: usize,
    n_actions: usize,
    /// Where the transitions of `(state, action)` begin, shape `[n_states × n_actions + 1]`.
    offsets: Vec<usize>,
    transitions: Vec<Transition>,
    /// Expected reward of `(state, action)`, shape `[n_states × n_actions]`.
    rewards: Vec<f64>,
    /// Whether any story ends.
    ends: bool,
}

/// An exact answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Value of each state, shape `[n_states]`.
    pub values: Vec<f64>,
    /// Greedy action of each state, ties to the lower index; empty for an evaluated policy.
    pub policy: Vec<ActionId>,
    /// No value is further than this from the true one.
    pub bound: f64,
    /// Sweeps over all states.
    pub sweeps: usize,
}

impl TabularMdp {
    /// Builds the table by asking for the outcomes of every action in every state.
    ///
    /// `outcomes(state, action, out)` pushes the transitions; an action without any is not allowed.
    ///
    /// # Errors
    /// [`ExactError`] for probabilities that are negative or do not sum to 1 within 1e-9, rewards
    /// that are not finite, unknown next states and states without an action.
    pub fn new(
        n_states: usize,
        n_actions: usize,
        mut outcomes: impl FnMut(usize, ActionId, &mut Vec<Transition>),
    ) -> Result<Self, ExactError> {
        if n_states == 0 || n_actions == 0 {
            return Err(ExactError::Empty { n_states, n_actions });
        }
        let mut mdp = Self {
            n_states,
            n_actions,
            offsets: vec![0],
            transitions: Vec::new(),
            rewards: Vec::with_capacity(n_states * n_actions),
            ends: false,
        };
        let mut row = Vec::new();
        for state in 0..n_states {
            for action in 0..n_actions {
                row.clear();
                outcomes(state, action, &mut row);
                mdp.push(state, action, &row)?;
            }
            if mdp.allowed(state).next().is_none() {
                return Err(ExactError::NoAction { state });
            }
        }
        Ok(mdp)
    }

    fn push(
        &mut self,
        state: usize,
        action: ActionId,
        row: &[Transition],
    ) -> Result<(), ExactError> {
        let wrong = |expected, got| Err(ExactError::Transition { state, action, expected, got });
        for t in row {
            if !(0.0..=1.0 + 1e-12).contains(&t.probability) {
                return wrong("a probability", t.probability);
            }
            if !t.reward.is_finite() {
                return wrong("a finite reward", t.reward);
            }
            if !t.terminated && t.next >= self.n_states {
                return wrong("a next state that exists", t.next as f64);
            }
        }
        let total: f64 = row.iter().map(|t| t.probability).sum();
        if !row.is_empty() && (total - 1.0).abs() > 1e-9 {
            return wrong("probabilities that sum to 1", total);
        }
        self.rewards.push(row.iter().map(|t| t.probability * t.reward).sum());
        self.ends |= row.iter().any(|t| t.terminated);
        self.transitions.extend_from_slice(row);
        self.offsets.push(self.transitions.len());
        Ok(())
    }

    /// Number of states.
    #[must_use]
    pub fn n_states(&self) -> usize {
        self.n_states
    }

    /// Number of actions, allowed or not.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// Number of transitions with their own probability.
    #[must_use]
    pub fn n_transitions(&self) -> usize {
        self.transitions.len()
    }

    /// Outcomes of an action in a state; none when it is not allowed.
    ///
    /// # Panics
    /// When the state or the action does not exist.
    #[must_use]
    pub fn outcomes(&self, state: usize, action: ActionId) -> &[Transition] {
        let cell = state * self.n_actions + action;
        &self.transitions[self.offsets[cell]..self.offsets[cell + 1]]
    }

    /// Actions that are allowed in a state, in ascending order; at least one.
    pub fn allowed(&self, state: usize) -> impl Iterator<Item = ActionId> + '_ {
        (0..self.n_actions).filter(move |&action| !self.outcomes(state, action).is_empty())
    }

    /// Expected reward of an action plus the discounted expected value of what follows:
    /// `Q(s, a) = r(s, a) + γ Σ p(s' | s, a) V(s')`, with nothing after an end.
    ///
    /// # Panics
    /// When the state or the action does not exist or `values` is too short.
    #[must_use]
    pub fn action_value(
        &self,
        state: usize,
        action: ActionId,
        values: &[f64],
        discount_factor: f64,
    ) -> f64 {
        let lives = self.outcomes(state, action).iter().filter(|t| !t.terminated);
        let future: f64 = lives.map(|t| t.probability * values[t.next]).sum();
        self.rewards[state * self.n_actions + action] + discount_factor * future
    }

    /// The best allowed action of a state for these values, ties to the lower index, and its value.
    fn best(&self, state: usize, values: &[f64], discount_factor: f64) -> (ActionId, f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for action in self.allowed(state) {
            let value = self.action_value(state, action, values, discount_factor);
            if value > best.1 {
                best = (action, value);
            }
        }
        best
    }

    /// The policy that maximises the expected reward of the next step and looks no further.
    #[must_use]
    pub fn myopic_policy(&self) -> Vec<ActionId> {
        let nothing = vec![0.0; self.n_states];
        (0..self.n_states).map(|state| self.best(state, &nothing, 0.0).0).collect()
    }

    /// Optimal values and policy by value iteration, `V ← max_a Q(·, a)`.
    ///
    /// After a sweep that changes values by between `l` and `u` (0 included where stories end, as
    /// the end is a state of value 0), the optimum lies between `V + γ l / (1 − γ)` and
    /// `V + γ u / (1 − γ)` (MacQueen 1966; Puterman 1994, §6.6). It stops when half of that span is
    /// at most `tolerance` and answers the middle, so `|V − V*| ≤ bound ≤ tolerance` but for rounding.
    /// The greedy policy loses at most `2 γ bound / (1 − γ)` (Singh and Yee 1994).
    ///
    /// # Errors
    /// [`ExactError::Parameter`] when the discount factor is outside `[0, 1)` or the tolerance is not
    /// above 0.
    pub fn value_iteration(
        &self,
        discount_factor: f64,
        tolerance: f64,
    ) -> Result<Solution, ExactError> {
        let backup = |state: usize, values: &[f64]| self.best(state, values, discount_factor).1;
        let mut solution = self.iterate(discount_factor, tolerance, backup)?;
        let values = &solution.values;
        let greedy = |state| self.best(state, values, discount_factor).0;
        solution.policy = (0..self.n_states).map(greedy).collect();
        Ok(solution)
    }

    /// Values of a policy that takes one action in each state; bound as for
    /// [`value_iteration`](Self::value_iteration).
    ///
    /// # Errors
    /// As for [`value_iteration`](Self::value_iteration), and when `policy` is not one allowed action
    /// for each state.
    pub fn evaluate(
        &self,
        policy: &[ActionId],
        discount_factor: f64,
        tolerance: f64,
    ) -> Result<Solution, ExactError> {
        self.check_policy(policy)?;
        self.iterate(discount_factor, tolerance, |state, values| {
            self.action_value(state, policy[state], values, discount_factor)
        })
    }

    /// Values of a policy that draws its action; `probabilities` has shape `[n_states × n_actions]`.
    ///
    /// # Errors
    /// As for [`value_iteration`](Self::value_iteration), and when a state's probabilities are
    /// negative, given to an action that is not allowed, or do not sum to 1 within 1e-9.
    pub fn evaluate_distribution(
        &self,
        probabilities: &[f64],
        discount_factor: f64,
        tolerance: f64,
    ) -> Result<Solution, ExactError> {
        self.check_distribution(probabilities)?;
        self.iterate(discount_factor, tolerance, |state, values| {
            self.drawn_value(state, probabilities, values, discount_factor)
        })
    }

    /// Errors unless there is one allowed action for each state.
    fn check_policy(&self, policy: &[ActionId]) -> Result<(), ExactError> {
        check_length("policy", self.n_states, policy.len())?;
        for (state, &action) in policy.iter().enumerate() {
            if action >= self.n_actions || self.outcomes(state, action).is_empty() {
                let (expected, got) = ("an allowed action", action as f64);
                return Err(ExactError::Transition { state, action, expected, got });
            }
        }
        Ok(())
    }

    /// Errors unless every state's probabilities are a distribution over its allowed actions.
    fn check_distribution(&self, probabilities: &[f64]) -> Result<(), ExactError> {
        check_length("probabilities", self.n_states * self.n_actions, probabilities.len())?;
        for (state, row) in probabilities.chunks_exact(self.n_actions).enumerate() {
            for (action, &p) in row.iter().enumerate() {
                let allowed = p == 0.0 || !self.outcomes(state, action).is_empty();
                if !((0.0..=1.0 + 1e-12).contains(&p) && allowed) {
                    let expected = "a probability, and 0 where the action is not allowed,";
                    return Err(ExactError::Transition { state, action, expected, got: p });
                }
            }
            let total: f64 = row.iter().sum();
            if (total - 1.0).abs() > 1e-9 {
                let expected = "probabilities of actions that sum to 1";
                return Err(ExactError::Transition { state, action: 0, expected, got: total });
            }
        }
        Ok(())
    }

    /// Expected action value under the state's probabilities.
    fn drawn_value(
        &self,
        state: usize,
        probabilities: &[f64],
        values: &[f64],
        discount_factor: f64,
    ) -> f64 {
        let row = &probabilities[state * self.n_actions..(state + 1) * self.n_actions];
        let value = |(action, &p): (ActionId, &f64)| {
            p * self.action_value(state, action, values, discount_factor)
        };
        row.iter().enumerate().filter(|(_, p)| **p > 0.0).map(value).sum()
    }

    /// Values of a policy over exactly `n_steps` steps, worth nothing beyond; exact but for rounding,
    /// at any discount factor up to 1. Shape `[n_states]`.
    ///
    /// # Errors
    /// [`ExactError::Parameter`] when the discount factor is outside `[0, 1]`, and when `policy` is
    /// not one allowed action for each state.
    pub fn evaluate_steps(
        &self,
        policy: &[ActionId],
        discount_factor: f64,
        n_steps: u32,
    ) -> Result<Vec<f64>, ExactError> {
        self.check_policy(policy)?;
        let mut probabilities = vec![0.0; self.n_states * self.n_actions];
        for (row, &action) in probabilities.chunks_exact_mut(self.n_actions).zip(policy) {
            row[action] = 1.0;
        }
        self.evaluate_distribution_steps(&probabilities, discount_factor, n_steps)
    }

    /// [`evaluate_steps`](Self::evaluate_steps) for a policy that draws its action; `probabilities`
    /// has shape `[n_states × n_actions]`.
    ///
    /// # Errors
    /// As there, and as for [`evaluate_distribution`](Self::evaluate_distribution).
    pub fn evaluate_distribution_steps(
        &self,
        probabilities: &[f64],
        discount_factor: f64,
        n_steps: u32,
    ) -> Result<Vec<f64>, ExactError> {
        check_horizon_discount(discount_factor)?;
        self.check_distribution(probabilities)?;
        let mut values = vec![0.0; self.n_states];
        let mut next = values.clone();
        for _ in 0..n_steps {
            for (state, value) in next.iter_mut().enumerate() {
                *value = self.drawn_value(state, probabilities, &values, discount_factor);
            }
            std::mem::swap(&mut values, &mut next);
        }
        Ok(values)
    }

    /// Optimal values of a story of exactly `n_steps` steps, cut there and worth nothing beyond;
    /// `policy` is that of the first step. Exact but for rounding, at any discount factor up to 1.
    ///
    /// # Errors
    /// [`ExactError::Parameter`] when the discount factor is outside `[0, 1]`.
    pub fn backward_induction(
        &self,
        discount_factor: f64,
        n_steps: u32,
    ) -> Result<Solution, ExactError> {
        check_horizon_discount(discount_factor)?;
        let mut values = vec![0.0; self.n_states];
        let mut policy = self.myopic_policy();
        let mut next = values.clone();
        for _ in 0..n_steps {
            for (state, (value, action)) in next.iter_mut().zip(&mut policy).enumerate() {
                (*action, *value) = self.best(state, &values, discount_factor);
            }
            std::mem::swap(&mut values, &mut next);
        }
        Ok(Solution { values, policy, bound: 0.0, sweeps: n_steps as usize })
    }

    /// Repeats a backup of every state until the span bound is within the tolerance.
    fn iterate(
        &self,
        discount_factor: f64,
        tolerance: f64,
        backup: impl Fn(usize, &[f64]) -> f64,
    ) -> Result<Solution, ExactError> {
        if !(0.0..1.0).contains(&discount_factor) {
            let (name, expected) = ("discount_factor", "a number in [0, 1)");
            return Err(ExactError::Parameter { name, expected, got: discount_factor });
        }
        if !(tolerance > 0.0 && tolerance.is_finite()) {
            let (name, expected) = ("tolerance", "a finite number above 0");
            return Err(ExactError::Parameter { name, expected, got: tolerance });
        }
        let reach = discount_factor / (1.0 - discount_factor);
        let mut values = vec![0.0; self.n_states];
        let mut next = values.clone();
        let mut sweeps = 0;
        loop {
            let ended = if self.ends { 0.0 } else { f64::NAN };
            // `min` and `max` of a number and NaN are the number.
            let (mut least, mut most): (f64, f64) = (ended, ended);
            for (state, (new, old)) in next.iter_mut().zip(&values).enumerate() {
                *new = backup(state, &values);
                least = least.min(*new - old);
                most = most.max(*new - old);
            }
            std::mem::swap(&mut values, &mut next);
            sweeps += 1;
            // Below the rounding of the values themselves no sweep gets closer.
            let scale = values.iter().fold(0.0_f64, |scale, v| scale.max(v.abs()));
            let rounding = 4.0 * f64::EPSILON * scale * (1.0 + reach);
            let half_span = reach * (most - least) / 2.0;
            if half_span <= tolerance.max(rounding) {
                let middle = reach * (most + least) / 2.0;
                values.iter_mut().for_each(|value| *value += middle);
                let bound = half_span.max(rounding);
                return Ok(Solution { values, policy: Vec::new(), bound, sweeps });
            }
        }
    }
}

/// A finite number of steps may go without discount.
fn check_horizon_discount(discount_factor: f64) -> Result<(), ExactError> {
    if (0.0..=1.0).contains(&discount_factor) {
        return Ok(());
    }
    let (name, expected) = ("discount_factor", "a number in [0, 1]");
    Err(ExactError::Parameter { name, expected, got: discount_factor })
}

fn check_length(name: &'static str, expected: usize, got: usize) -> Result<(), ExactError> {
    if expected == got {
        return Ok(());
    }
    let expected = "one entry for each state (and action)";
    Err(ExactError::Parameter { name, expected, got: got as f64 })
}
