//! What a Q-network should have said, and how wrong it was.
//!
//! For a stretch of `k ≤ n` steps from `s` to `s'`:
//! ```text
//! y = Σ_{i<k} γ^i r_i + d · Z_target(s', a*)      d = γ^k, or 0 when the stretch terminated
//! a* = argmax over allowed a of Q_choose(s', a)    Q_choose = Q_online (double) or Q_target
//! L = Σ over the batch of w_i ℓ(Z_online(s_i, a_i), y_i) / n
//! ```
//! `Z` is the mean return, or its distribution, and `ℓ` the loss that goes with it. A truncated
//! episode keeps its `d`: only a termination has no future. Masked actions are never chosen. The
//! weights `w` of prioritised replay multiply the loss itself, whatever its form.
//! Sources: Mnih et al. 2015; van Hasselt, Guez and Silver 2016, eq. 4; Hessel et al. 2018.

use super::config::{DqnConfig, ErrorLoss, ReturnModel};
use super::head::Head;
use super::{categorical, quantile};
use crate::replay::Batch;
use pulp::Arch;

/// The allowed action with the largest score; ties go to the lower index, and a score that is not a
/// number never wins over one that is.
pub(crate) fn argmax(scores: &[f32], allowed: &[bool]) -> usize {
    let mut best: Option<usize> = None;
    for (action, (&score, &is_allowed)) in scores.iter().zip(allowed).enumerate() {
        let better = best.is_none_or(|top| score > scores[top] || scores[top].is_nan());
        if is_allowed && better {
            best = Some(action);
        }
    }
    best.unwrap_or(0)
}

/// `a*` of every entry from scores `[n, n_actions]`.
pub(crate) fn choose(scores: &[f32], masks: &[bool], n_actions: usize, best: &mut Vec<u32>) {
    let rows = scores.chunks_exact(n_actions).zip(masks.chunks_exact(n_actions));
    best.clear();
    best.extend(rows.map(|(scores, allowed)| argmax(scores, allowed) as u32));
}

/// `y` of every entry, shape `[n, n_atoms]`, from the target network's atoms
/// `[n, n_actions, n_atoms]`, whose chosen rows are scratch memory afterwards.
pub(crate) fn targets(
    head: &Head,
    batch: &Batch,
    best: &[u32],
    next: &mut [f32],
    targets: &mut Vec<f32>,
) {
    let n_atoms = head.n_atoms();
    targets.resize(batch.len() * n_atoms, 0.0);
    let rows = targets.chunks_exact_mut(n_atoms);
    for (entry, (target, &action)) in rows.zip(best).enumerate() {
        let at = (entry * head.n_actions + action as usize) * n_atoms;
        let next = &mut next[at..at + n_atoms];
        let (reward_sum, discount) = (batch.reward_sums[entry], batch.bootstrap_discounts[entry]);
        match head.model {
            ReturnModel::Mean | ReturnModel::Quantile { .. } => {
                for (target, next) in target.iter_mut().zip(next) {
                    // A future that is cut off must not matter even when it is infinite.
                    let future = if discount == 0.0 { 0.0 } else { discount * *next };
                    *target = reward_sum + future;
                }
            }
            ReturnModel::Categorical { .. } => Arch::new().dispatch(|| {
                categorical::project(&head.support, reward_sum, discount, next, target);
            }),
        }
    }
}

/// What the losses of a batch are computed from and into.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Atoms of the actions taken, then the gradient of the weighted mean loss with respect to
    /// them, shape `[n, n_atoms]`.
    pub(crate) taken: Vec<f32>,
    /// Size of each error for priorities, shape `[n]`: the temporal-difference error, the
    /// divergence of distributions, or the loss of the quantiles.
    pub(crate) errors: Vec<f32>,
}

impl Losses {
    /// Compares the atoms `[n, n_actions, n_atoms]` of the actions taken with their targets and
    /// returns the weighted mean loss.
    pub(crate) fn fill(
        &mut self,
        head: &Head,
        config: &DqnConfig,
        batch: &Batch,
        atoms: &[f32],
        targets: &[f32],
    ) -> f64 {
        let (n_atoms, n) = (head.n_atoms(), batch.len());
        let delta = match config.loss {
            ErrorLoss::Huber => config.huber_delta as f32,
            ErrorLoss::Squared => f32::INFINITY,
        };
        self.taken.resize(n * n_atoms, 0.0);
        self.errors.resize(n, 0.0);
        let mut sum = 0.0;
        let rows = self.taken.chunks_exact_mut(n_atoms).zip(targets.chunks_exact(n_atoms));
        for (entry, ((gradient, target), size)) in rows.zip(&mut self.errors).enumerate() {
            let at = (entry * head.n_actions + batch.actions[entry] as usize) * n_atoms;
            let own = &atoms[at..at + n_atoms];
            let loss = match head.model {
                ReturnModel::Mean => {
                    *size = own[0] - target[0];
                    gradient[0] = size.clamp(-delta, delta);
                    // e²/2 inside and δ(|e| − δ/2) outside are both c(e − c/2), c the clipped e.
                    gradient[0] * (*size - gradient[0] / 2.0)
                }
                ReturnModel::Categorical { .. } => {
                    gradient.copy_from_slice(own);
                    let both =
                        Arch::new().dispatch(|| categorical::cross_entropy(target, gradient));
                    *size = both.1;
                    both.0
                }
                ReturnModel::Quantile { .. } => {
                    *size = quantile::huber(&head.support, own, target, delta, gradient);
                    *size
                }
            };
            let weight = batch.weights[entry] / n as f32;
            sum += f64::from(weight) * f64::from(loss);
            gradient.iter_mut().for_each(|g| *g *= weight);
        }
        sum
    }
}

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
