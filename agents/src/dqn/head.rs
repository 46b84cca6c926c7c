//! From a network's outputs to one score per action, and back.
//!
//! Outputs of one row are `[n_streams, n_atoms]`: the value first in dueling heads, then one stream
//! per action. An atom is the score itself, the logit of a return, or a quantile of the return.

use super::config::{DqnConfig, ReturnModel};
use super::{categorical, quantile};
use crate::network::Mlp;
use promopt_policies::{CategoricalHead, QHead};
use pulp::Arch;

/// What the outputs mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) n_actions: usize,
    dueling: bool,
    pub(crate) model: ReturnModel,
    /// The returns of a categorical model, the quantile levels of a quantile model, or nothing.
    pub(crate) support: Vec<f32>,
}

impl Head {
    pub(crate) fn new(config: &DqnConfig, n_actions: usize) -> Self {
        let support = match config.returns {
            ReturnModel::Mean => Vec::new(),
            ReturnModel::Categorical { n_atoms, low, high } => {
                categorical::atoms(n_atoms, low as f32, high as f32)
            }
            ReturnModel::Quantile { n_quantiles } => quantile::midpoints(n_quantiles),
        };
        Self { n_actions, dueling: config.dueling, model: config.returns, support }
    }

    pub(crate) fn n_atoms(&self) -> usize {
        self.support.len().max(1)
    }

    pub(crate) fn n_outputs(&self) -> usize {
        (self.n_actions + usize::from(self.dueling)) * self.n_atoms()
    }

    /// Atoms of every action, shape `[n, n_actions, n_atoms]`: in dueling heads, atom by atom,
    /// `V + A − mean over all actions of A` (Wang et al. 2016, eq. 9).
    pub(crate) fn combine(&self, outputs: &[f32], atoms: &mut Vec<f32>) {
        atoms.clear();
        if !self.dueling {
            atoms.extend_from_slice(outputs);
            return;
        }
        let n_atoms = self.n_atoms();
        for row in outputs.chunks_exact(self.n_outputs()) {
            let (value, advantages) = row.split_at(n_atoms);
            let from = atoms.len();
            atoms.extend_from_slice(advantages);
            for (j, value) in value.iter().enumerate() {
                let sum: f32 = advantages.iter().skip(j).step_by(n_atoms).sum();
                let shift = value - sum / self.n_actions as f32;
                atoms[from + j..].iter_mut().step_by(n_atoms).for_each(|atom| *atom += shift);
            }
        }
    }

    /// The gradient of all outputs, given that of the atoms of the actions taken, `[n, n_atoms]`:
    /// `g` for `V`, `(1[a taken] − 1/n_actions) g` for `A`.
    pub(crate) fn spread(&self, actions: &[u32], taken: &[f32], gradient: &mut Vec<f32>) {
        let n_atoms = self.n_atoms();
        gradient.clear();
        gradient.resize(actions.len() * self.n_outputs(), 0.0);
        let rows = gradient.chunks_exact_mut(self.n_outputs());
        for ((row, &action), g) in rows.zip(actions).zip(taken.chunks_exact(n_atoms)) {
            let at = action as usize * n_atoms;
            if !self.dueling {
                row[at..at + n_atoms].copy_from_slice(g);
                continue;
            }
            let (value, advantages) = row.split_at_mut(n_atoms);
            value.copy_from_slice(g);
            for stream in advantages.chunks_exact_mut(n_atoms) {
                stream.iter_mut().zip(g).for_each(|(a, g)| *a = -g / self.n_actions as f32);
            }
            advantages[at..].iter_mut().zip(g).for_each(|(a, g)| *a += g);
        }
    }

    /// The mean return of every action, shape `[n, n_actions]`.
    pub(crate) fn scores(&self, atoms: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        match self.model {
            ReturnModel::Mean => scores.extend_from_slice(atoms),
            ReturnModel::Categorical { .. } => Arch::new().dispatch(|| {
                let rows = atoms.chunks_exact(self.support.len());
                scores.extend(rows.map(|logits| categorical::mean(&self.support, logits)));
            }),
            ReturnModel::Quantile { .. } => {
                let n = self.support.len();
                let rows = atoms.chunks_exact(n);
                scores.extend(rows.map(|row| row.iter().sum::<f32>() / n as f32));
            }
        }
    }

    /// The head as an exported policy has it, in the environment's reward unit.
    pub(crate) fn export(&self, network: &Mlp, reward_scale: f32) -> QHead {
        let (all, n_atoms) = (self.n_outputs(), self.n_atoms());
        let value_end = if self.dueling { n_atoms } else { 0 };
        if let ReturnModel::Categorical { .. } = self.model {
            let atoms = self.support.iter().map(|atom| atom / reward_scale).collect();
            let value = self.dueling.then(|| network.export_outputs(0..n_atoms, 1, 1.0));
            let advantage = network.export_outputs(value_end..all, 1, 1.0);
            return QHead::Categorical(CategoricalHead { value, advantage, atoms });
        }
        // A mean of quantiles is linear in the outputs, so one output per action will do.
        let advantage = network.export_outputs(value_end..all, n_atoms, reward_scale);
        if !self.dueling {
            return QHead::Plain(advantage);
        }
        QHead::Dueling {
            value: network.export_outputs(0..n_atoms, n_atoms, reward_scale),
            advantage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(dueling: bool, returns: ReturnModel) -> Head {
        Head::new(&DqnConfig { dueling, returns, ..DqnConfig::default() }, 3)
    }

    #[test]
    fn a_dueling_head_centres_its_advantages() {
        // V = 10; A = (1, 2, 6), mean 3; Q = 10 + (−2, −1, 3).
        let head = head(true, ReturnModel::Mean);
        let mut atoms = Vec::new();
        head.combine(&[10.0, 1.0, 2.0, 6.0], &mut atoms);
        assert_eq!(atoms, [8.0, 9.0, 13.0]);
    }

    #[test]
    fn spreading_is_the_transpose_of_combining() {
        // For a linear map C, ⟨C x, g⟩ = ⟨x, Cᵀ g⟩ for all x and g.
        for dueling in [false, true] {
            let head = head(dueling, ReturnModel::Quantile { n_quantiles: 2 });
            let outputs: Vec<f32> = (0..2 * head.n_outputs()).map(|i| (i as f32).sin()).collect();
            let (actions, taken) = ([2, 0], [0.3, -1.0, 2.0, 0.7]);
            let (mut atoms, mut back) = (Vec::new(), Vec::new());
            head.combine(&outputs, &mut atoms);
            head.spread(&actions, &taken, &mut back);
            let picked = [atoms[4], atoms[5], atoms[6], atoms[7]];
            let left: f32 = picked.iter().zip(&taken).map(|(x, g)| x * g).sum();
            let right: f32 = outputs.iter().zip(&back).map(|(x, g)| x * g).sum();
            assert!((left - right).abs() < 1e-5, "{left} {right}");
        }
    }
}
