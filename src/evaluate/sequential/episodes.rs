//! A log in sequence as the estimators read it: step by step, trajectory by trajectory.

use crate::error::EvaluateError;
use crate::off_policy::TargetProbabilities;
use promopt_policies::log::LoggedDecisions;

/// A model's word on every logged decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelValues<'a> {
    /// `Q_t(s, a)` of every action, the discounted sum of rewards from here on under the target
    /// policy, shape `[n, n_actions]`, row-major.
    pub q: &'a [f64],
    /// `V` of what followed the last decision of each trajectory that was cut short, by trajectory;
    /// `None` when nothing is known of it. Without it what was not watched counts as nothing.
    pub after_truncation: Option<&'a [f64]>,
}

/// Trajectories end to end: everything an estimator needs to know of a log, a policy and a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Episodes {
    /// First step of each trajectory, and the end of the last one.
    starts: Vec<usize>,
    /// Reward of each step.
    rewards: Vec<f64>,
    /// `ρ_t = target(a_t|x_t) / p_t` of each step.
    ratios: Vec<f64>,
    /// `Q_t(s_t, a_t)` of each step; 0 without a model.
    q: Vec<f64>,
    /// `V_t(s_t) = Σ_a target(a|x_t) Q_t(s_t, a)` of each step; 0 without a model.
    v: Vec<f64>,
    /// Row of the log of each step.
    rows: Vec<usize>,
    /// Trajectories after which the story went on unseen and nothing is known of it.
    cut_short: usize,
    discount: f64,
}

impl Episodes {
    /// Puts a log, a policy and a model in sequence.
    ///
    /// A trajectory that was truncated bootstraps through its end where the model knows what came
    /// after; where it does not, it is counted in [`Episodes::cut_short`]. A terminated one has no
    /// future. When every trajectory is truncated at the same step, that is the horizon.
    ///
    /// # Errors
    /// [`EvaluateError`] for a log whose rows stand alone; [`EvaluateError::WrongLength`]
    /// when policy or model were made for another log; [`EvaluateError::InvalidSetting`] for a
    /// discount outside `[0, 1]`; [`EvaluateError::TooFew`] for a single trajectory.
    pub fn new(
        log: &LoggedDecisions,
        target: &TargetProbabilities,
        model: Option<ModelValues<'_>>,
        discount: f64,
    ) -> Result<Self, EvaluateError> {
        let trajectories = log.trajectories().map_err(EvaluateError::from)?;
        check(log, target, model, discount, trajectories.len())?;
        let n_actions = log.n_actions();
        let mut found = Self::empty(discount, log.len());
        let lengths: Vec<usize> = trajectories.iter().map(<[usize]>::len).collect();
        let horizon = lengths.iter().copied().max().unwrap_or(0);
        for (at, rows) in trajectories.iter().enumerate() {
            for &row in rows {
                let (probabilities, action) = (target.row(row), log.actions()[row]);
                found.rows.push(row);
                found.rewards.push(log.rewards()[row]);
                found.ratios.push(probabilities[action] / log.propensities()[row]);
                let q = model.map(|model| &model.q[row * n_actions..][..n_actions]);
                found.q.push(q.map_or(0.0, |q| q[action]));
                found.v.push(q.map_or(0.0, |q| expected(probabilities, q)));
            }
            found.starts.push(found.rows.len());
            let last = rows[rows.len() - 1];
            if trajectories.truncated(last) && !trajectories.terminated(last) {
                match model.and_then(|model| model.after_truncation) {
                    // What came after is part of what the last decision brought.
                    Some(after) => *found.last_reward() += discount * after[at],
                    None if rows.len() < horizon => found.cut_short += 1,
                    None => {}
                }
            }
        }
        Ok(found)
    }

    fn empty(discount: f64, n: usize) -> Self {
        let column = || Vec::with_capacity(n);
        Self {
            starts: vec![0],
            rewards: column(),
            ratios: column(),
            q: column(),
            v: column(),
            rows: Vec::with_capacity(n),
            cut_short: 0,
            discount,
        }
    }

    fn last_reward(&mut self) -> &mut f64 {
        let last = self.rewards.len() - 1;
        &mut self.rewards[last]
    }

    /// Number of trajectories, at least 2.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Never true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Steps of the longest trajectory.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// Trajectories that stop before the longest one without having ended, and of which no model says
    /// how they went on: every estimate counts what followed as nothing.
    #[must_use]
    pub fn cut_short(&self) -> usize {
        self.cut_short
    }

    /// Discount factor.
    #[must_use]
    pub fn discount(&self) -> f64 {
        self.discount
    }

    /// Steps of trajectory `at`, as a range over all steps.
    pub(super) fn steps(&self, at: usize) -> std::ops::Range<usize> {
        self.starts[at]..self.starts[at + 1]
    }

    pub(super) fn rewards(&self) -> &[f64] {
        &self.rewards
    }

    pub(super) fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    pub(super) fn q(&self) -> &[f64] {
        &self.q
    }

    pub(super) fn v(&self) -> &[f64] {
        &self.v
    }

    /// Row of the log of every step.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Discounted sum of the rewards of every trajectory: what the logging policy brought.
    #[must_use]
    pub fn returns(&self) -> Vec<f64> {
        let of = |at: usize| {
            let rewards = self.rewards[self.steps(at)].iter().rev();
            rewards.fold(0.0, |later, reward| reward + self.discount * later)
        };
        (0..self.len()).map(of).collect()
    }

    /// Natural logarithm of the product of ratios up to each step of every trajectory; minus infinity
    /// after a decision that the policy would never take.
    #[must_use]
    pub fn log_products(&self) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.ratios.len());
        for at in 0..self.len() {
            let mut sum = 0.0;
            all.extend(self.ratios[self.steps(at)].iter().map(|ratio| {
                sum += ratio.ln();
                sum
            }));
        }
        all
    }

    /// Product of all ratios of every trajectory.
    #[must_use]
    pub fn trajectory_weights(&self) -> Vec<f64> {
        let products = self.log_products();
        (0..self.len()).map(|at| products[self.steps(at).end - 1].exp()).collect()
    }

    /// Effective number of trajectories at each step, `(ΣW_t)² / ΣW_t²`, by the product of ratios so
    /// far: how quickly the log stops speaking for the policy. A trajectory that ended keeps its weight.
    #[must_use]
    pub fn effective_trajectories(&self) -> Vec<f64> {
        let products = self.log_products();
        let at_step = |step: usize| {
            let weights = (0..self.len()).map(|at| {
                let steps = self.steps(at);
                products[(steps.start + step).min(steps.end - 1)]
            });
            effective(&weights.collect::<Vec<f64>>())
        };
        (0..self.horizon()).map(at_step).collect()
    }
}

impl Episodes {
    /// Effective number of decisions at each step by a weight per step, such as
    /// [marginal ratios](super::marginal_ratios), shape of the steps.
    #[must_use]
    pub fn effective_decisions(&self, weights: &[f64]) -> Vec<f64> {
        let at_step = |step: usize| {
            let steps = (0..self.len()).map(|at| self.steps(at));
            let here = steps.filter(|steps| steps.start + step < steps.end);
            let logarithms = here.map(|steps| weights[steps.start + step].ln());
            effective(&logarithms.collect::<Vec<f64>>())
        };
        (0..self.horizon()).map(at_step).collect()
    }
}

/// `(Σw)² / Σw²` from logarithms; 0 without any weight.
fn effective(logarithms: &[f64]) -> f64 {
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return 0.0;
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in logarithms {
        let weight = (value - most).exp();
        sum += weight;
        squares += weight * weight;
    }
    sum * sum / squares
}

fn expected(probabilities: &[f64], q: &[f64]) -> f64 {
    probabilities.iter().zip(q).map(|(p, q)| p * q).sum()
}

fn check(
    log: &LoggedDecisions,
    target: &TargetProbabilities,
    model: Option<ModelValues<'_>>,
    discount: f64,
    n: usize,
) -> Result<(), EvaluateError> {
    crate::logged::at_least("trajectories", 2, n, "an interval needs several")?;
    if !(0.0..=1.0).contains(&discount) {
        let (name, expected) = ("discount_factor", "a number in [0, 1]");
        return Err(EvaluateError::InvalidSetting { name, expected, found: discount });
    }
    let unequal = |column, expected: usize, found: usize, unit| {
        let wrong = EvaluateError::WrongLength { column, expected, found, unit };
        if expected == found { Ok(()) } else { Err(wrong) }
    };
    unequal("target_probability", log.len(), target.len(), "decision")?;
    unequal("target_probability", log.n_actions(), target.n_actions(), "action")?;
    if let Some(model) = model {
        unequal("q", log.len() * log.n_actions(), model.q.len(), "action")?;
        let after = model.after_truncation.map_or(n, <[f64]>::len);
        unequal("value_after_truncation", n, after, "trajectory")?;
        let all = model.q.iter().chain(model.after_truncation.unwrap_or(&[]));
        if let Some(at) = all.into_iter().position(|value| !value.is_finite()) {
            return Err(EvaluateError::InvalidValue {
                row: at / log.n_actions(),
                column: format!("q[{}]", at % log.n_actions()),
                expected: "a finite number",
                found: f64::NAN,
                advice: "refit the model",
            });
        }
    }
    Ok(())
}
