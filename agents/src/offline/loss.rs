//! The terms of the offline losses with their gradients, on flat scores of shape `[n, n_actions]`.
//!
//! ```text
//! temporal difference  (1/n) Σ Huber_δ(Q(s, a) − y)
//! conservative (CQL)   (1/n) Σ [log Σ_b exp Q(s, b) − Q(s, a)]   = cross-entropy of Q as logits
//! cross-entropy        (1/n) Σ −w log π(a | s),  π = softmax of logits over allowed actions
//! expectile (IQL)      (1/n) Σ |τ − 1{u < 0}| u²,  u = Q(s, a) − V(s)
//! ```
//! Sums over actions run over the allowed ones only.

use super::batch::LoggedBatch;

/// The allowed action with the largest score; ties go to the lower index.
#[must_use]
pub fn best_allowed(scores: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let better = |best: Option<usize>, action: usize| match best {
        Some(b) if scores[action] <= scores[b] => Some(b),
        _ => Some(action),
    };
    (0..scores.len()).filter(|&action| allowed(action)).fold(None, better)
}

/// Softmax over the allowed actions into `probabilities` (0 where forbidden); returns
/// `log Σ exp score`.
pub fn softmax(scores: &[f32], allowed: &[bool], probabilities: &mut [f32]) -> f32 {
    let permitted = || scores.iter().zip(allowed).filter(|(_, allowed)| **allowed);
    let top = permitted().fold(f32::NEG_INFINITY, |top, (score, _)| top.max(*score));
    let mut total = 0.0;
    for ((p, score), &allowed) in probabilities.iter_mut().zip(scores).zip(allowed) {
        *p = if allowed { (score - top).exp() } else { 0.0 };
        total += *p;
    }
    probabilities.iter_mut().for_each(|p| *p /= total);
    top + total.ln()
}

/// Adds Huber's loss of the scores of the actions taken to the gradient and returns its mean.
pub fn add_temporal_difference(
    scores: &[f32],
    actions: &[u32],
    targets: &[f32],
    delta: f32,
    gradient: &mut [f32],
) -> f64 {
    let n_actions = scores.len() / actions.len().max(1);
    let share = 1.0 / actions.len().max(1) as f32;
    let mut loss = 0.0;
    for (row, (&action, target)) in actions.iter().zip(targets).enumerate() {
        let at = row * n_actions + action as usize;
        let error = scores[at] - target;
        let clipped = error.clamp(-delta, delta);
        loss += f64::from(clipped * (error - clipped / 2.0));
        gradient[at] += clipped * share;
    }
    loss * f64::from(share)
}

/// Adds `weight_i · (log Σ_b exp score_b − score_a)` over the rows, times `factor`, to the gradient
/// and returns the mean. `weights` is `None` for 1. With scores it is CQL's conservative term
/// (Kumar et al. 2020, eq. 4), with logits the cross-entropy of a policy.
pub fn add_cross_entropy(
    scores: &[f32],
    batch: &LoggedBatch,
    weights: Option<&[f32]>,
    factor: f32,
    gradient: &mut [f32],
) -> f64 {
    let n = batch.len().max(1);
    let n_actions = scores.len() / n;
    let mut probabilities = [0.0_f32; 64];
    let mut heap = Vec::new();
    let probabilities = if n_actions <= probabilities.len() {
        &mut probabilities[..n_actions]
    } else {
        heap.resize(n_actions, 0.0);
        heap.as_mut_slice()
    };
    let mut loss = 0.0;
    for (row, &action) in batch.actions.iter().enumerate() {
        let range = row * n_actions..(row + 1) * n_actions;
        let scores = &scores[range.clone()];
        let normaliser = softmax(scores, &batch.masks[range.clone()], probabilities);
        let weight = factor * weights.map_or(1.0, |weights| weights[row]);
        loss += f64::from(weight * (normaliser - scores[action as usize]));
        let gradient = &mut gradient[range];
        for (gradient, p) in gradient.iter_mut().zip(&*probabilities) {
            *gradient += weight / n as f32 * p;
        }
        gradient[action as usize] -= weight / n as f32;
    }
    loss / n as f64
}

/// Adds `factor · (1/(n k)) Σ score²` over all scores to the gradient and returns its value: it
/// keeps logits small, so that a softmax cannot become certain.
pub fn add_square_penalty(scores: &[f32], factor: f32, gradient: &mut [f32]) -> f64 {
    let share = factor / scores.len().max(1) as f32;
    for (gradient, score) in gradient.iter_mut().zip(scores) {
        *gradient += 2.0 * share * score;
    }
    scores.iter().map(|&score| f64::from(share * score * score)).sum()
}

/// The expectile loss of values `V(s)` (shape `[n]`) against scores, with its gradient with respect
/// to the values; `τ > ½` draws them to the upper scores (Kostrikov et al. 2021, eq. 5).
pub fn expectile(values: &[f32], scores: &[f32], tau: f32, gradient: &mut Vec<f32>) -> f64 {
    let share = 1.0 / values.len().max(1) as f32;
    gradient.clear();
    let mut loss = 0.0;
    for (value, score) in values.iter().zip(scores) {
        let above = score - value;
        let weight = if above < 0.0 { 1.0 - tau } else { tau };
        loss += f64::from(weight * above * above);
        gradient.push(-2.0 * weight * above * share);
    }
    loss * f64::from(share)
}
