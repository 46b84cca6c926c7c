//! How much more often the policy would be in a situation than the log is, learned from the log.
//!
//! Products of ratios grow with every step; the ratio of being in a state does not. For states that can
//! be counted it follows from the log step by step.

use super::episodes::Episodes;
use crate::error::EvaluateError;

/// `w_t(s_t, a_t) = w_t(s_t) ρ_t` of every step, in the order of the steps, with
/// `w_t(s) = d̂_t(s) / share of trajectories in s at t` and
/// `d̂_{t+1}(s') = mean_i w_t(s_i) ρ_i 1{s_i,t+1 = s'}`, `w_0 = 1`.
///
/// `states` are those of every row of the log, numbered from 0 below `n_states`. Needs states that sum
/// up the past (a Markov process): then the error grows with the horizon where that of products grows
/// exponentially. With coarser states than that it is biased, and no interval shows it.
/// Source: Xie, Ma and Wang 2019.
///
/// # Errors
/// [`EvaluateError::WrongLength`] when there is not a state for every decision,
/// [`EvaluateError::InvalidSetting`] for a state that is not below `n_states`.
pub fn marginal_ratios(
    episodes: &Episodes,
    states: &[usize],
    n_states: usize,
) -> Result<Vec<f64>, EvaluateError> {
    let (expected, found) = (episodes.rows().len(), states.len());
    if expected != found {
        let (column, unit) = ("state", "decision");
        return Err(EvaluateError::WrongLength { column, expected, found, unit });
    }
    if let Some(state) = states.iter().find(|state| **state >= n_states) {
        let (name, expected) = ("state", "a state below the number of states");
        return Err(EvaluateError::InvalidSetting { name, expected, found: *state as f64 });
    }
    let state_at = |step: usize| states[episodes.rows()[step]];
    let mut ratios = vec![0.0; expected];
    let mut policy: Option<Vec<f64>> = None;
    for time in 0..episodes.horizon() {
        let here: Vec<usize> = (0..episodes.len())
            .map(|at| episodes.steps(at))
            .filter(|steps| steps.start + time < steps.end)
            .map(|steps| steps.start + time)
            .collect();
        let mut logged = vec![0.0; n_states];
        here.iter().for_each(|step| logged[state_at(*step)] += 1.0);
        let mut next = vec![0.0; n_states];
        for at in 0..episodes.len() {
            let steps = episodes.steps(at);
            let step = steps.start + time;
            if step >= steps.end {
                continue;
            }
            let state = state_at(step);
            let weight = policy.as_ref().map_or(1.0, |policy| policy[state] / logged[state]);
            ratios[step] = weight * episodes.ratios()[step];
            if step + 1 < steps.end {
                next[state_at(step + 1)] += ratios[step];
            }
        }
        policy = Some(next);
    }
    Ok(ratios)
}
