//! A generated world whose policies have known values: customers of a few kinds, offers that suit
//! some of them, and a logging policy that leans towards what it believes to be good.

use super::Truth;
use crate::error::EvaluateError;
use crate::logged::{LoggedDecisions, LoggedTable};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Kinds of customers; the features of a customer are which kind it is, and noise.
const KINDS: usize = 24;
/// Numbers that are known of a customer.
const FEATURES: usize = 5;

/// A contextual bandit with Bernoulli rewards over finitely many kinds of customers, so that every
/// value is a sum and not a simulation.
#[derive(Debug, Clone)]
pub struct MetaWorld {
    n_actions: usize,
    /// Features by kind, shape `[KINDS, FEATURES]`.
    features: Vec<f32>,
    /// Chance of a reward by kind and action.
    chances: Vec<f64>,
    /// The logging policy, by kind and action.
    today: Vec<f64>,
    /// The candidates, each by kind and action.
    policies: Vec<Vec<f64>>,
}

impl MetaWorld {
    /// A world with so many actions and candidate policies.
    ///
    /// Chances are logistic in the features with an interaction, so that a linear reward model is
    /// wrong. Candidates are softmax policies on noisy versions of the truth, from better to worse
    /// than the logging policy.
    #[must_use]
    pub fn new(n_actions: usize, n_policies: usize, seeds: SeedTree) -> Self {
        let mut rng = seeds.child("world").stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let features: Vec<f32> = (0..KINDS * FEATURES).map(|_| normal() as f32).collect();
        let slopes: Vec<f64> = (0..n_actions * FEATURES).map(|_| 0.6 * normal()).collect();
        let bends: Vec<f64> = (0..n_actions).map(|_| 0.6 * normal()).collect();
        let mut chances = Vec::with_capacity(KINDS * n_actions);
        for kind in features.chunks_exact(FEATURES) {
            let x: Vec<f64> = kind.iter().map(|x| f64::from(*x)).collect();
            for (slope, bend) in slopes.chunks_exact(FEATURES).zip(&bends) {
                let line: f64 = slope.iter().zip(&x).map(|(b, x)| b * x).sum();
                chances.push(1.0 / (1.0 + (1.0 - line - bend * x[0] * x[1]).exp()));
            }
        }
        let leaning = |strength: f64, noise: f64, rng: &mut Stream| {
            let scores = chances.iter().map(|chance| {
                let noise: f64 = noise * Distribution::<f64>::sample(&StandardNormal, rng);
                strength * (chance + noise)
            });
            softmax(&scores.collect::<Vec<f64>>(), n_actions)
        };
        let mut rng = seeds.child("policies").stream();
        let today = leaning(2.0, 0.2, &mut rng);
        let policies = (0..n_policies)
            .map(|policy| {
                let place = policy as f64 / (n_policies.max(2) - 1) as f64;
                leaning(4.0 - 4.0 * place, 0.4, &mut rng)
            })
            .collect();
        Self { n_actions, features, chances, today, policies }
    }

    /// Number of candidate policies.
    #[must_use]
    pub fn n_policies(&self) -> usize {
        self.policies.len()
    }

    /// What every policy is worth, exactly.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let value = |policy: &Vec<f64>| {
            policy.iter().zip(&self.chances).map(|(p, chance)| p * chance).sum::<f64>()
                / KINDS as f64
        };
        Truth { values: self.policies.iter().map(value).collect(), today: value(&self.today) }
    }

    /// A log of the policy of today.
    ///
    /// # Errors
    /// [`EvaluateError`] for fewer than two rounds.
    pub fn log(&self, n_rounds: usize, seeds: SeedTree) -> Result<LoggedDecisions, EvaluateError> {
        let mut rng = seeds.stream();
        let mut table = LoggedTable {
            n_features: FEATURES,
            n_actions: self.n_actions,
            clusters: (0..n_rounds as u32).collect(),
            ..LoggedTable::default()
        };
        for _ in 0..n_rounds {
            let kind = rng.random_range(0..KINDS);
            let at = kind * self.n_actions;
            let probabilities = &self.today[at..at + self.n_actions];
            let action = drawn(probabilities, rng.random());
            table.observations.extend(&self.features[kind * FEATURES..][..FEATURES]);
            table.actions.push(action);
            table.propensities.push(probabilities[action]);
            table.rewards.push(f64::from(u8::from(rng.random_bool(self.chances[at + action]))));
        }
        Ok(LoggedDecisions::new(table)?)
    }

    /// The candidate's probabilities at every decision of a log, row-major.
    #[must_use]
    pub fn probabilities(&self, policy: usize, log: &LoggedDecisions) -> Vec<f64> {
        let mut all = Vec::with_capacity(log.len() * self.n_actions);
        for row in 0..log.len() {
            let kinds = self.features.chunks_exact(FEATURES);
            let kind = kinds.into_iter().position(|kind| kind == log.observation(row)).unwrap_or(0);
            all.extend_from_slice(
                &self.policies[policy][kind * self.n_actions..][..self.n_actions],
            );
        }
        all
    }
}

/// Softmax of every row of `width` scores.
fn softmax(scores: &[f64], width: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(scores.len());
    for row in scores.chunks_exact(width) {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|score| (score - most).exp()).collect();
        let total: f64 = powers.iter().sum();
        out.extend(powers.iter().map(|power| power / total));
    }
    out
}

/// The action at which the cumulative probability passes `at`.
fn drawn(probabilities: &[f64], at: f64) -> usize {
    let mut below = 0.0;
    let past = probabilities.iter().position(|p| {
        below += p;
        at < below
    });
    past.unwrap_or(probabilities.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_earns_what_today_is_worth() {
        let world = MetaWorld::new(5, 4, SeedTree::new(1));
        let log = world.log(20_000, SeedTree::new(2)).expect("enough rounds");
        let mean = log.rewards().iter().sum::<f64>() / 20_000.0;
        // 4 standard errors of a share, at most 0.5/√20,000.
        assert!((mean - world.truth().today).abs() < 4.0 * 0.5 / 20_000.0_f64.sqrt(), "{mean}");
        let values = world.truth().values;
        assert!(values[0] > world.truth().today && values[3] < world.truth().today, "{values:?}");
    }
}
