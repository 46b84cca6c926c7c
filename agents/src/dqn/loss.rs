//! What a Q-network should have said, and how wrong it was.
//!
//! For a stretch of `k ≤ n` steps from `s` to `s'`:
//! ```text
//! y = Σ_{i<k} γ^i r_i + d · Q_target(s', a*)      d = γ^k, or 0 when the stretch terminated
//! a* = argmax over allowed a of Q_choose(s', a)    Q_choose = Q_online (double) or Q_target
//! L = mean over the batch of Huber_δ(Q_online(s, a) − y)
//! ```
//! A truncated episode keeps its `d`: only a termination has no future.

use crate::replay::Batch;

/// `y` for every entry, shape `[n]`. Scores have shape `[n, n_actions]`, row-major.
///
/// Pass `target_scores` as `choosing_scores` for plain Q-learning. Masked actions are never chosen.
/// Sources: Mnih et al. 2015; van Hasselt, Guez and Silver 2016, eq. 4.
#[must_use]
pub fn targets(batch: &Batch, target_scores: &[f32], choosing_scores: &[f32]) -> Vec<f32> {
    let n_actions = target_scores.len() / batch.len().max(1);
    let rows = |flat: &[f32]| flat.len() == batch.next_masks.len();
    debug_assert!(rows(target_scores) && rows(choosing_scores));
    (0..batch.len())
        .map(|entry| {
            let row = entry * n_actions..(entry + 1) * n_actions;
            let best = argmax(&choosing_scores[row.clone()], &batch.next_masks[row.clone()]);
            let future = target_scores[row][best];
            batch.reward_sums[entry] + batch.bootstrap_discounts[entry] * future
        })
        .collect()
}

/// The allowed action with the largest score; ties go to the lower index.
fn argmax(scores: &[f32], allowed: &[bool]) -> usize {
    let mut best = None;
    for (action, (&score, _)) in scores.iter().zip(allowed).enumerate().filter(|(_, x)| *x.1) {
        if best.is_none_or(|(_, top)| score > top) {
            best = Some((action, score));
        }
    }
    best.map_or(0, |(action, _)| action)
}

/// A loss with its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Mean over the batch.
    pub value: f64,
    /// Derivative with respect to every score, shape `[n, n_actions]`; zero for actions not taken.
    pub gradient: Vec<f32>,
    /// Mean score of the actions taken.
    pub mean_q: f64,
}

/// Huber's loss of the scores of the actions taken: `e² / 2` up to `δ`, `δ (|e| − δ/2)` beyond,
/// whose derivative is `e` clipped to `±δ` (Huber 1964). With errors beyond `δ` its minimum is not
/// the mean of the targets.
#[must_use]
pub fn huber(scores: &[f32], actions: &[u32], targets: &[f32], delta: f32) -> Loss {
    let n = actions.len();
    let n_actions = scores.len() / n.max(1);
    let share = 1.0 / n.max(1) as f32;
    let mut loss = Loss { value: 0.0, gradient: vec![0.0; scores.len()], mean_q: 0.0 };
    for (entry, (&action, target)) in actions.iter().zip(targets).enumerate() {
        let at = entry * n_actions + action as usize;
        let error = scores[at] - target;
        let clipped = error.clamp(-delta, delta);
        // e²/2 inside and δ(|e| − δ/2) outside are both c(e − c/2) with c the clipped error.
        loss.value += f64::from(clipped * (error - clipped / 2.0));
        loss.mean_q += f64::from(scores[at]);
        loss.gradient[at] = clipped * share;
    }
    loss.value /= n.max(1) as f64;
    loss.mean_q /= n.max(1) as f64;
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor, Var};

    /// Three entries: alive (γ = 0.9), truncated (looks the same), terminated.
    fn batch(next_masks: &[bool]) -> Batch {
        Batch {
            next_masks: next_masks.to_vec(),
            actions: vec![0, 1, 2],
            reward_sums: vec![1.0, 1.0, 1.0],
            bootstrap_discounts: vec![0.9, 0.9, 0.0],
            ..Batch::default()
        }
    }

    const TARGET: [f32; 9] = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 100.0, 200.0, 300.0];
    const ONLINE: [f32; 9] = [0.0, 9.0, 1.0, 9.0, 0.0, 1.0, 0.0, 0.0, 9.0];

    fn assert_close(got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn the_plain_target_takes_the_targets_own_maximum() {
        // 1 + 0.9·3, 1 + 0.9·30, and 1 after the termination.
        assert_close(&targets(&batch(&[true; 9]), &TARGET, &TARGET), &[3.7, 28.0, 1.0]);
    }

    #[test]
    fn the_double_target_lets_the_online_network_choose() {
        // The online network prefers actions 1 and 0, worth 2 and 10: 1 + 0.9·2, 1 + 0.9·10.
        assert_close(&targets(&batch(&[true; 9]), &TARGET, &ONLINE), &[2.8, 10.0, 1.0]);
    }

    #[test]
    fn a_masked_action_is_never_in_a_target() {
        // Without action 1 the online network prefers 2 (worth 3); without 0 also 2 (worth 30).
        let masks = [true, false, true, false, true, true, true, true, true];
        assert_close(&targets(&batch(&masks), &TARGET, &ONLINE), &[3.7, 28.0, 1.0]);
        let single = [true, false, false, false, true, false, true, true, true];
        assert_close(&targets(&batch(&single), &TARGET, &TARGET), &[1.9, 19.0, 1.0]);
    }

    #[test]
    fn huber_is_worked_by_hand() {
        // Errors 0.5 and −3 with δ = 1: (0.125 + 2.5) / 2; gradients 0.5/2 and −1/2.
        let loss = huber(&[0.5, 7.0, 7.0, -3.0], &[0, 1], &[0.0, 0.0], 1.0);
        assert!((loss.value - 1.3125).abs() < 1e-6);
        assert_eq!(loss.gradient, [0.25, 0.0, 0.0, -0.5]);
        assert!((loss.mean_q + 1.25).abs() < 1e-6);
    }

    #[test]
    fn huber_and_its_gradient_agree_with_candle() -> candle_core::Result<()> {
        let scores = [0.3_f32, -2.0, 4.0, 1.1, 0.9, -0.2];
        let (actions, targets) = ([1_u32, 0, 1], [0.5_f32, 3.7, -0.3]);
        let loss = huber(&scores, &actions, &targets, 0.8);
        let var = Var::from_slice(&scores, (3, 2), &Device::Cpu)?;
        let index = Tensor::from_slice(&actions, (3, 1), &Device::Cpu)?;
        let taken = var.gather(&index, 1)?.squeeze(1)?;
        let expected = candle_nn::loss::huber(&taken, &Tensor::new(&targets, &Device::Cpu)?, 0.8)?;
        assert!((loss.value - f64::from(expected.to_scalar::<f32>()?)).abs() < 1e-6);
        let gradients = expected.backward()?;
        let gradient = gradients.get(&var).expect("the loss depends on the scores");
        assert_close(&loss.gradient, &gradient.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }
}
