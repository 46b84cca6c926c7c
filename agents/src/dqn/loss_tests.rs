//! Targets and losses worked by hand, and the defects seen in other implementations.

use super::*;

/// Three entries: alive (γ = 0.9), truncated (looks the same), terminated.
fn batch(next_masks: &[bool]) -> Batch {
    Batch {
        next_masks: next_masks.to_vec(),
        actions: vec![0, 1, 2],
        reward_sums: vec![1.0, 1.0, 1.0],
        bootstrap_discounts: vec![0.9, 0.9, 0.0],
        weights: vec![1.0; 3],
        ..Batch::default()
    }
}

const TARGET: [f32; 9] = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 100.0, 200.0, 300.0];
const ONLINE: [f32; 9] = [0.0, 9.0, 1.0, 9.0, 0.0, 1.0, 0.0, 0.0, 9.0];

fn head(returns: ReturnModel) -> Head {
    Head::new(&DqnConfig { dueling: false, returns, ..DqnConfig::default() }, 3)
}

fn assert_close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    }
}

fn mean_targets(next_masks: &[bool], choosing: &[f32]) -> Vec<f32> {
    let (mut best, mut out) = (Vec::new(), Vec::new());
    let batch = batch(next_masks);
    choose(choosing, &batch.next_masks, 3, &mut best);
    targets(&head(ReturnModel::Mean), &batch, &best, &mut TARGET.clone(), &mut out);
    out
}

#[test]
fn the_plain_target_takes_the_targets_own_maximum() {
    // 1 + 0.9·3, 1 + 0.9·30, and 1 after the termination.
    assert_close(&mean_targets(&[true; 9], &TARGET), &[3.7, 28.0, 1.0]);
}

#[test]
fn the_double_target_lets_the_online_network_choose() {
    // The online network prefers actions 1 and 0, worth 2 and 10: 1 + 0.9·2, 1 + 0.9·10.
    assert_close(&mean_targets(&[true; 9], &ONLINE), &[2.8, 10.0, 1.0]);
}

#[test]
fn a_masked_action_is_never_in_a_target() {
    // Without action 1 the online network prefers 2 (worth 3); without 0 also 2 (worth 30).
    let masks = [true, false, true, false, true, true, true, true, true];
    assert_close(&mean_targets(&masks, &ONLINE), &[3.7, 28.0, 1.0]);
    let single = [true, false, false, false, true, false, true, true, true];
    assert_close(&mean_targets(&single, &TARGET), &[1.9, 19.0, 1.0]);
}

#[test]
fn a_masked_action_is_in_no_distributional_target_either() {
    // Two atoms an action; the masked action 2 would win in both models.
    let next: Vec<f32> = (0..18).map(|i| i as f32).collect();
    let masks = [true, true, false, true, true, false, true, true, false];
    let quantiles = head(ReturnModel::Quantile { n_quantiles: 2 });
    let categorical = head(ReturnModel::Categorical { n_atoms: 2, low: 0.0, high: 10.0 });
    for head in [quantiles, categorical] {
        let (mut best, mut scores, mut out) = (Vec::new(), Vec::new(), Vec::new());
        head.scores(&next, &mut scores);
        let batch = batch(&masks);
        choose(&scores, &batch.next_masks, 3, &mut best);
        assert!(best.iter().all(|&action| action < 2));
        targets(&head, &batch, &best, &mut next.clone(), &mut out);
        if let ReturnModel::Quantile { .. } = head.model {
            // Action 1 of each entry: (2, 3), (8, 9), and nothing after the termination.
            assert_close(&out, &[2.8, 3.7, 8.2, 9.1, 1.0, 1.0]);
        }
    }
}

#[test]
fn a_score_that_is_not_a_number_is_not_chosen() {
    assert_eq!(argmax(&[f32::NAN, 1.0, 2.0], &[true; 3]), 2);
    assert_eq!(argmax(&[f32::NAN, 1.0, 2.0], &[true, false, false]), 0);
    assert_eq!(argmax(&[5.0, 5.0], &[true, true]), 0);
}

fn losses(config: &DqnConfig, weights: &[f32]) -> (f64, Losses) {
    let batch = Batch { actions: vec![0, 1], weights: weights.to_vec(), ..Batch::default() };
    let head = Head::new(config, 2);
    let mut losses = Losses::default();
    let value = losses.fill(&head, config, &batch, &[0.5, 7.0, 7.0, -3.0], &[0.0, 0.0]);
    (value, losses)
}

#[test]
fn huber_is_worked_by_hand() {
    // Errors 0.5 and −3 with δ = 1: (0.125 + 2.5) / 2; gradients 0.5/2 and −1/2.
    let config = DqnConfig { huber_delta: 1.0, ..DqnConfig::default() };
    let (value, losses) = losses(&config, &[1.0, 1.0]);
    assert!((value - 1.3125).abs() < 1e-6);
    assert_eq!(losses.taken, [0.25, -0.5]);
    assert_eq!(losses.errors, [0.5, -3.0]);
}

#[test]
fn the_weights_of_priorities_act_with_every_loss() {
    // Defect seen elsewhere: weights that are dropped when Huber is on. (0.125 · 1 + 2.5 · 0.2) / 2.
    let huber = DqnConfig { huber_delta: 1.0, ..DqnConfig::default() };
    let (value, with_huber) = losses(&huber, &[1.0, 0.2]);
    assert!((value - 0.3125).abs() < 1e-6);
    assert_close(&with_huber.taken, &[0.25, -0.1]);
    // Priorities come from the errors themselves, not from weighted ones.
    assert_eq!(with_huber.errors, [0.5, -3.0]);
    // (0.125 · 1 + 4.5 · 0.2) / 2.
    let squared = DqnConfig { loss: ErrorLoss::Squared, ..DqnConfig::default() };
    let (value, with_squares) = losses(&squared, &[1.0, 0.2]);
    assert!((value - 0.5125).abs() < 1e-6);
    assert_close(&with_squares.taken, &[0.25, -0.3]);
}
