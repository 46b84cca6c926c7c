//! Golden numbers: one update of every DQN loss equals PyTorch's (`fixtures/losses`).

use promopt_agents::replay::Batch;
use promopt_agents::{DqnConfig, DqnLearner, Normalisation};
use promopt_envs::SeedTree;
use serde::Deserialize;
use std::collections::BTreeMap;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Golden {
    n_features: usize,
    n_actions: usize,
    mean: Vec<f32>,
    scale: Vec<f32>,
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    config: DqnConfig,
    online: Vec<f32>,
    target: Vec<f32>,
    batch: Stored,
    loss: f64,
    gradient: Vec<f32>,
    gradient_norm: f64,
    updated: Vec<f32>,
}

#[derive(Deserialize)]
struct Stored {
    observations: Vec<f32>,
    next_observations: Vec<f32>,
    next_masks: Vec<bool>,
    actions: Vec<u32>,
    reward_sums: Vec<f32>,
    bootstrap_discounts: Vec<f32>,
    weights: Vec<f32>,
}

impl From<Stored> for Batch {
    fn from(stored: Stored) -> Self {
        Self {
            observations: stored.observations,
            next_observations: stored.next_observations,
            next_masks: stored.next_masks,
            slots: (0..stored.actions.len() as u32).collect(),
            actions: stored.actions,
            reward_sums: stored.reward_sums,
            bootstrap_discounts: stored.bootstrap_discounts,
            weights: stored.weights,
        }
    }
}

/// Largest difference relative to the largest number.
fn distance(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(1e-3_f32, |top, x| top.max(x.abs()));
    got.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs() / largest))
}

#[test]
fn one_update_of_every_loss_equals_pytorchs() -> Outcome {
    let golden: Golden = serde_json::from_str(include_str!("../fixtures/losses/dqn.json"))?;
    for (name, case) in golden.cases {
        let normalisation =
            Normalisation { mean: golden.mean.clone(), scale: golden.scale.clone() };
        let (n_features, n_actions) = (golden.n_features, golden.n_actions);
        let seed = SeedTree::new(1);
        let mut learner = DqnLearner::new(case.config, n_features, n_actions, normalisation, seed)?;
        learner.online_mut().parameters_mut().copy_from_slice(&case.online);
        learner.target_mut().parameters_mut().copy_from_slice(&case.target);
        let metrics = learner.learn(&case.batch.into(), 0.0)?;
        let loss = (metrics.loss - case.loss).abs() / case.loss.abs();
        let norm = (metrics.gradient_norm - case.gradient_norm).abs() / case.gradient_norm;
        assert!(loss < 1e-5 && norm < 1e-5, "{name}: {loss} {norm}");
        let gradient = distance(learner.gradient(), &case.gradient);
        assert!(gradient < 1e-5, "{name}: gradient off by {gradient}");
        let updated = distance(learner.online().parameters(), &case.updated);
        assert!(updated < 1e-5, "{name}: weights off by {updated}");
        assert_eq!(learner.target().parameters(), case.target);
    }
    Ok(())
}
