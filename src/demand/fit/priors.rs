//! Prior distributions of the parts: how far a coefficient may be from what it is pooled to.

use super::super::design::PartColumn;
use super::super::glm::{PINNED, Prior};
use super::FitTerms;
use promopt_envs::retail::demand::features::{Sign, Term};

/// Prior standard deviation of coefficients on state features, in logits.
const STATE_SD: f64 = 2.0;
/// Prior standard deviation of coefficients on depths: 5 means that 20 % off moves a logit by 1.
const DEPTH_SD: f64 = 5.0;
/// Prior standard deviation of a category around all categories, and of a persona around its
/// category, at pooling strength 1.
const POOL_STATE_SD: f64 = 1.0;
const POOL_DEPTH_SD: f64 = 3.0;
/// Pooling of a part that has too little data of its own.
const ALL_POOLED: f64 = 1e6;

/// Prior of one part: a mean, and a standard deviation that pooling narrows.
#[derive(Debug, Clone)]
pub(in crate::demand) struct PriorShape {
    mean: Vec<f64>,
    /// Standard deviation of each column at pooling strength 1.
    sd: Vec<f64>,
    /// Whether the strength of pooling applies to the column.
    pooled: Vec<bool>,
    sign: Vec<Sign>,
    /// Columns that are not in the model.
    absent: Vec<bool>,
}

fn is_depth(term: Term) -> bool {
    matches!(term, Term::Shelf | Term::Offer)
}

impl PriorShape {
    /// Coefficients around 0; deviations of personas are pooled to it.
    pub(super) fn around_zero(columns: &[PartColumn], terms: FitTerms) -> Self {
        let sd = |c: &PartColumn| match (c.of_persona, is_depth(c.term)) {
            (true, true) => POOL_DEPTH_SD,
            (true, false) => POOL_STATE_SD,
            (false, true) => DEPTH_SD,
            (false, false) => STATE_SD,
        };
        Self {
            mean: vec![0.0; columns.len()],
            sd: columns.iter().map(sd).collect(),
            pooled: columns.iter().map(|c| c.of_persona).collect(),
            sign: columns.iter().map(|c| c.sign).collect(),
            absent: columns.iter().map(|c| !terms.has(c.term)).collect(),
        }
    }

    /// Shared columns around the fit over all categories, deviations of personas around 0. The first
    /// column, the category's own level, is free.
    pub(super) fn around(columns: &[PartColumn], shared: &[f64], terms: FitTerms) -> Self {
        let mut mean = shared.to_vec();
        mean.resize(columns.len(), 0.0);
        let sd = |c: &PartColumn| if is_depth(c.term) { POOL_DEPTH_SD } else { POOL_STATE_SD };
        let mut shape = Self {
            mean,
            sd: columns.iter().map(sd).collect(),
            pooled: (0..columns.len()).map(|j| j > 0).collect(),
            ..Self::around_zero(columns, terms)
        };
        shape.sd[0] = STATE_SD;
        shape
    }

    /// The prior at a strength of pooling; `None` pools entirely.
    pub(in crate::demand) fn at(&self, strength: Option<f64>) -> Prior {
        let strength = strength.unwrap_or(ALL_POOLED);
        let precision = |j: usize| match (self.absent[j], self.pooled[j]) {
            (true, _) => PINNED,
            (false, true) => strength / (self.sd[j] * self.sd[j]),
            (false, false) => 1.0 / (self.sd[j] * self.sd[j]),
        };
        let mean = |j: usize| if self.absent[j] { 0.0 } else { self.mean[j] };
        let sign = |j: usize| if self.absent[j] { Sign::Free } else { self.sign[j] };
        let n = self.mean.len();
        Prior {
            mean: (0..n).map(mean).collect(),
            precision: (0..n).map(precision).collect(),
            sign: (0..n).map(sign).collect(),
        }
    }

    /// The same prior without the columns of a term.
    pub(in crate::demand) fn without(&self, columns: &[PartColumn], term: Term) -> Self {
        let absent = columns.iter().zip(&self.absent).map(|(c, gone)| *gone || c.term == term);
        Self { absent: absent.collect(), ..self.clone() }
    }
}
