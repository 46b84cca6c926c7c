//! Deciding under several models that the log allows: by a lower bound instead of the mean.
//!
//! The models may be posterior draws of anything: [`plan`] takes whatever can back up a value one
//! step under each ([`Models`]), and [`choose`] takes values of whole policies under each, however
//! they were found.

use super::tabular::{Horizon, Plan};
use crate::error::{AgentError, require};

/// Which figure stands for several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pessimism {
    /// Their mean: none.
    Mean,
    /// This quantile in `[0, 1]`, by linear interpolation.
    Percentile(f64),
    /// Their mean less so many of their standard deviations, as MOPO's penalty (Yu et al. 2020).
    LowerBound(f64),
}

impl Pessimism {
    /// The figure; NaN without values.
    #[must_use]
    pub fn of(self, values: &[f64]) -> f64 {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        match self {
            Self::Mean => mean,
            Self::Percentile(q) => {
                let mut sorted = values.to_vec();
                sorted.sort_by(f64::total_cmp);
                let at = q.clamp(0.0, 1.0) * (n - 1.0);
                let (below, above) = (at.floor() as usize, at.ceil() as usize);
                match (sorted.get(below), sorted.get(above)) {
                    (Some(below), Some(above)) => below + (above - below) * at.fract(),
                    _ => f64::NAN,
                }
            }
            Self::LowerBound(deviations) => {
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                mean - deviations * (squares / (n - 1.0).max(1.0)).sqrt()
            }
        }
    }
}

/// Several models of one world over the same states and actions.
pub trait Models {
    /// Number of models.
    fn n_models(&self) -> usize;

    /// Number of states.
    fn n_states(&self) -> usize;

    /// Number of actions.
    fn n_actions(&self) -> usize;

    /// Whether the log says anything about this action in this state.
    fn is_known(&self, state: usize, action: usize) -> bool;

    /// The least that a step can earn.
    fn least_reward(&self) -> f64;

    /// Expected reward plus discounted expected value of what follows under one model, for a cell
    /// (state, action); `floor` is the value of falling into the unknown.
    fn backup(
        &self,
        model: usize,
        cell: (usize, usize),
        values: &[f64],
        discount_factor: f64,
        floor: f64,
    ) -> f64;
}

/// Values every known action of every state by the pessimistic figure of its backups over the
/// models, and plans greedily: a percentile over posterior draws or MOPO-like lower bound, taken in
/// every step, so that doubt adds up along the way (more cautious than a bound on the whole).
/// States without a known action are worth the floor.
///
/// # Errors
/// [`AgentError::InvalidConfig`] without models, for γ outside `[0, 1]`, or γ = 1 without an end.
pub fn plan<M: Models + ?Sized>(
    models: &M,
    discount_factor: f64,
    horizon: Horizon,
    pessimism: Pessimism,
) -> Result<Plan, AgentError> {
    require(models.n_models() > 0, "models", "at least one model", models.n_models())?;
    let gamma = discount_factor;
    require((0.0..=1.0).contains(&gamma), "discount_factor", "a number in [0, 1]", gamma)?;
    let backup = |values: &[f64], floor: f64| -> (Vec<f64>, Vec<f64>) {
        let mut draws = vec![0.0; models.n_models()];
        let (mut scores, mut best) = (Vec::new(), Vec::new());
        for state in 0..models.n_states() {
            let mut top = f64::NEG_INFINITY;
            for action in 0..models.n_actions() {
                let mut score = f64::NEG_INFINITY;
                if models.is_known(state, action) {
                    for (model, draw) in draws.iter_mut().enumerate() {
                        *draw = models.backup(model, (state, action), values, gamma, floor);
                    }
                    score = pessimism.of(&draws);
                }
                scores.push(score);
                top = top.max(score);
            }
            best.push(if top.is_finite() { top } else { floor });
        }
        (scores, best)
    };
    let least = models.least_reward().min(0.0);
    let mut values = vec![0.0; models.n_states()];
    let mut plan = Plan { n_actions: models.n_actions(), scores: Vec::new() };
    match horizon {
        Horizon::Steps(n_steps) => {
            require(n_steps > 0, "horizon", "at least 1 step", n_steps)?;
            let mut floor = 0.0;
            for _ in 0..n_steps {
                floor = least + gamma * floor;
                let (scores, best) = backup(&values, floor);
                plan.scores.push(scores);
                values = best;
            }
            plan.scores.reverse();
        }
        Horizon::Discounted { tolerance } => {
            require(gamma < 1.0, "discount_factor", "below 1 without an end", gamma)?;
            require(tolerance > 0.0, "tolerance", "a number above 0", tolerance)?;
            let floor = least / (1.0 - gamma);
            loop {
                let (scores, best) = backup(&values, floor);
                let change = best.iter().zip(&values).map(|(new, old)| (new - old).abs());
                let largest = change.fold(0.0, f64::max);
                values = best;
                if largest <= tolerance {
                    plan.scores.push(scores);
                    break;
                }
            }
        }
    }
    Ok(plan)
}

/// The policy with the largest pessimistic value, `values[policy][draw]`; ties to the lower index,
/// so put the one to fall back on first. `None` without policies or when no figure is a number.
#[must_use]
pub fn choose(values: &[Vec<f64>], pessimism: Pessimism) -> Option<usize> {
    let figures = values.iter().map(|draws| pessimism.of(draws)).enumerate();
    let better = |best: Option<(usize, f64)>, (at, value): (usize, f64)| match best {
        Some((_, top)) if value <= top => best,
        _ => Some((at, value)),
    };
    figures.filter(|(_, value)| !value.is_nan()).fold(None, better).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_worked_by_hand() {
        let values = [4.0, 0.0, 2.0];
        assert_eq!(Pessimism::Mean.of(&values), 2.0);
        // Sorted 0, 2, 4: a quarter lies half way from 0 to 2.
        assert_eq!(Pessimism::Percentile(0.25).of(&values), 1.0);
        // Standard deviation √((4 + 4 + 0) / 2) = 2.
        assert_eq!(Pessimism::LowerBound(1.5).of(&values), -1.0);
        assert!(Pessimism::Percentile(0.5).of(&[]).is_nan());
    }

    #[test]
    fn doubt_makes_the_sure_policy_win() {
        let values = [vec![1.0, 1.1, 0.9], vec![3.0, -1.0, 2.5]];
        assert_eq!(choose(&values, Pessimism::Mean), Some(1));
        assert_eq!(choose(&values, Pessimism::Percentile(0.1)), Some(0));
        assert_eq!(choose(&values, Pessimism::LowerBound(1.0)), Some(0));
        assert_eq!(choose(&[], Pessimism::Mean), None);
    }
}
