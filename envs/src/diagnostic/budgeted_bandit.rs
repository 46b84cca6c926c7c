//! Budgeted bandit: arms that pay and cost when they hit, and a budget for the whole episode.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::knapsack::best_mix;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// An arm of a [`BudgetedBandit`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PricedArm {
    /// Chance of a hit.
    pub probability: f64,
    /// What a hit pays.
    pub reward: f64,
    /// What a hit takes from the budget.
    pub cost: f64,
}

/// Exploration with a purse (Badanidiyuru, Kleinberg and Slivkins 2013).
///
/// - **Action**: one of `k` arms; the first costs nothing.
/// - **Observation**: shares of budget and time that are left, shape `[2]`.
/// - **Start**: everything is left.
/// - **Reward**: with the arm's probability its reward, else 0; a hit also takes the arm's cost from
///   the budget.
/// - **Mask**: an arm is allowed while its cost fits what is left, so no policy can overspend.
/// - **End**: truncated after `horizon` steps; never terminated.
/// - **Info**: `expected_reward` of the last action, and `spent` so far.
///
/// No policy earns more in expectation than the linear program over mean shares,
/// [`bound`](Self::bound).
#[derive(Debug, Clone)]
pub struct BudgetedBandit {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: [f32; 2],
    mask: ActionMask,
    arms: Vec<PricedArm>,
    budget: f64,
    spent: f64,
    elapsed: u32,
    expected: f64,
}

impl BudgetedBandit {
    /// A bandit with these arms; `horizon` is raised to at least 1.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is no arm, the first costs something, a probability
    /// is outside `[0, 1]`, or a cost, reward or the budget is negative or not finite.
    pub fn new(arms: Vec<PricedArm>, budget: f64, horizon: u32) -> Result<Self, EnvError> {
        let invalid = |name, expected, got| Err(EnvError::InvalidParameter { name, expected, got });
        match arms.first() {
            None => return invalid("arms", "at least one arm", 0.0),
            Some(first) if first.cost != 0.0 => {
                return invalid("cost", "0 for the first arm", first.cost);
            }
            Some(_) => {}
        }
        if let Some(arm) = arms.iter().find(|arm| !(0.0..=1.0).contains(&arm.probability)) {
            return invalid("probability", "a number in [0, 1]", arm.probability);
        }
        let amounts = arms.iter().flat_map(|arm| [arm.reward, arm.cost]).chain([budget]);
        let wrong = |amount: &f64| !(amount.is_finite() && *amount >= 0.0);
        if let Some(got) = amounts.into_iter().find(wrong) {
            let name = "reward, cost or budget";
            return invalid(name, "a finite number that is not negative", got);
        }
        let horizon = horizon.max(1);
        Ok(Self {
            spec: EnvSpec {
                id: "BudgetedBandit-v0".into(),
                observation_space: BoxSpace::new(vec![0.0; 2], vec![1.0; 2]),
                n_actions: arms.len(),
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: [1.0; 2],
            mask: ActionMask::all(arms.len()),
            arms,
            budget,
            spent: 0.0,
            elapsed: 0,
            expected: 0.0,
        })
    }

    /// The optimum of the linear program: an upper bound of every policy's expected return.
    #[must_use]
    pub fn bound(&self) -> f64 {
        let horizon = self.spec.horizon.map_or(0.0, f64::from);
        let of = |part: fn(&PricedArm) -> f64| -> Vec<f64> {
            self.arms.iter().map(|arm| arm.probability * part(arm)).collect()
        };
        let (rewards, costs) = (of(|arm| arm.reward), of(|arm| arm.cost));
        let all = ActionMask::all(self.arms.len());
        best_mix(&rewards, &costs, &all, self.budget / horizon).reward * horizon
    }

    /// The budget that is left.
    #[must_use]
    pub fn left(&self) -> f64 {
        self.budget - self.spent
    }

    fn look(&mut self) {
        let share = if self.budget > 0.0 { self.left() / self.budget } else { 0.0 };
        let horizon = self.spec.horizon.map_or(1.0, f64::from);
        self.observation = [share as f32, (1.0 - f64::from(self.elapsed) / horizon) as f32];
        let left = self.left();
        self.mask.fill_with(|arm: ActionId| self.arms[arm].cost <= left);
    }
}

impl Env for BudgetedBandit {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        (self.spent, self.elapsed, self.expected) = (0.0, 0, 0.0);
        self.look();
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let arm = self.arms[action];
        let hit = f64::from(u8::from(self.stream.random::<f64>() < arm.probability));
        self.expected = arm.probability * arm.reward;
        self.spent += hit * arm.cost;
        self.elapsed += 1;
        self.look();
        Ok(self.episode.advance(hit * arm.reward, false))
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![("expected_reward", self.expected), ("spent", self.spent)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    fn arms() -> Vec<PricedArm> {
        let arm = |probability, reward, cost| PricedArm { probability, reward, cost };
        vec![arm(0.05, 10.0, 0.0), arm(0.08, 9.0, 1.0), arm(0.11, 8.0, 2.0), arm(0.13, 7.0, 3.0)]
    }

    #[test]
    fn it_keeps_the_contract() -> Result<(), EnvError> {
        let env = BudgetedBandit::new(arms(), 3.0, 60)?;
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn the_bound_is_the_hand_worked_one_and_nothing_is_overspent() -> Result<(), EnvError> {
        // 10,000 steps with 1,200: 5/7 of the second arm and 2/7 of the third earn .765714 a step.
        let mut env = BudgetedBandit::new(arms(), 1_200.0, 10_000)?;
        assert!((env.bound() - 7_657.142_857).abs() < 1e-6);
        env.reset(Some(3));
        let mut stopped = false;
        while !env.step(if env.action_mask().allows(3) { 3 } else { 0 })?.is_last() {
            assert!(env.left() >= 0.0);
            stopped |= !env.action_mask().allows(3);
        }
        // The third arm alone would spend 3,900, so its budget ends and it is masked.
        assert!(stopped && env.left() < 3.0);
        Ok(())
    }

    #[test]
    fn impossible_arms_are_refused() {
        assert!(BudgetedBandit::new(vec![], 1.0, 5).is_err());
        assert!(BudgetedBandit::new(arms()[1..].to_vec(), 1.0, 5).is_err());
        assert!(BudgetedBandit::new(arms(), f64::NAN, 5).is_err());
    }
}
