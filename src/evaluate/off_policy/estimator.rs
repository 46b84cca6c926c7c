//! Every one-step estimator is one formula: a weight, a model or none, a normaliser or none.
//!
//! The contribution of a round is
//!
//! ```text
//! v_i + h(w_i) (r_i − q_i) / c        with v = q = 0 without a model, c = 1 or c = mean h(w)
//! ```
//!
//! and the estimate is their mean. What is done to the weight, `h`, is the [`Weighting`]; the rest
//! are two switches of [`Estimator`]. Nothing is stored between rounds or logs.

use super::rounds::Rounds;
use super::summary::{Influence, Summary, sum};
use crate::error::EvaluateError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of an importance weight `w` before it is used: `h(w)`.
///
/// All but [`Weighting::Plain`] trade variance for bias towards the model (with a model) or towards
/// 0 (without). A weight of 0 stays 0 under every one, also where the formula reads 0/0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weighting {
    /// 0: believe the model alone.
    Ignored,
    /// `w`.
    Plain,
    /// `min(w, L)`, `L ≥ 0`. Source: Strehl et al. 2010; Su et al. 2020 (pessimistic shrinkage).
    Clipped(f64),
    /// `w` up to and including `T`, 0 above. Source: Wang, Agarwal and Dudik 2017 (SWITCH).
    Switched(f64),
    /// `L w / (w² + L)`, `L ≥ 0`; `w` for infinite `L`. Source: Su et al. 2020 (optimistic
    /// shrinkage).
    Shrunk(f64),
    /// `w / (1 − L + L w)`, `0 ≤ L ≤ 1`. Source: Metelli, Russo and Restelli 2021 (sub-Gaussian).
    Smoothed(f64),
}

impl Weighting {
    /// `h(w)`.
    #[must_use]
    pub fn apply(self, weight: f64) -> f64 {
        let mut out = [0.0];
        self.fill(&[weight], &mut out);
        out[0]
    }

    /// `h` of each weight; one tight loop per kind.
    fn fill(self, weights: &[f64], out: &mut [f64]) {
        fn map(weights: &[f64], out: &mut [f64], h: impl Fn(f64) -> f64) {
            for (out, w) in out.iter_mut().zip(weights) {
                *out = h(*w);
            }
        }
        match self {
            Self::Ignored | Self::Shrunk(0.0) => out.fill(0.0),
            Self::Plain | Self::Shrunk(f64::INFINITY) => out.copy_from_slice(weights),
            Self::Clipped(most) => map(weights, out, |w| if w < most { w } else { most }),
            Self::Switched(most) => map(weights, out, |w| if w <= most { w } else { 0.0 }),
            Self::Shrunk(l) => map(weights, out, |w| l * w / (w * w + l)),
            // At L = 1 the limit for w → 0 is 1, but an action the target never takes counts 0.
            Self::Smoothed(l) => {
                map(weights, out, |w| if w > 0.0 { w / (1.0 - l + l * w) } else { 0.0 });
            }
        }
    }

    fn check(self) -> Result<(), EvaluateError> {
        let (name, expected, found, most) = match self {
            Self::Ignored | Self::Plain => return Ok(()),
            Self::Clipped(l) => ("clip", "a number of at least 0", l, f64::INFINITY),
            Self::Switched(l) => ("switch", "a number of at least 0", l, f64::INFINITY),
            Self::Shrunk(l) => ("shrinkage", "a number of at least 0", l, f64::INFINITY),
            Self::Smoothed(l) => ("smoothing", "a number from 0 to 1", l, 1.0),
        };
        if (0.0..=most).contains(&found) {
            return Ok(());
        }
        Err(EvaluateError::InvalidSetting { name, expected, found })
    }
}

/// A one-step estimator of the mean reward under the target policy, in the unit of the reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimator {
    /// What is done to the weights.
    pub weighting: Weighting,
    /// Whether the reward model has a say.
    pub with_model: bool,
    /// Whether weights are divided by their mean: less variance, a bias of `O(1/n)`, and without a
    /// model never outside the range of the rewards.
    pub self_normalised: bool,
}

/// Plain IPS, `mean(w r)`: unbiased when propensities are right and support is complete; its
/// variance grows with the largest weight. Source: Horvitz and Thompson 1952; Strehl et al. 2010.
pub const IPS: Estimator = Estimator::of(Weighting::Plain, false);
/// `Σ w r / Σ w`. Source: Swaminathan and Joachims 2015.
pub const SNIPS: Estimator = IPS.normalised();
/// The direct method, `mean(v)`: as wrong as the model is, and its interval does not contain that
/// bias. Source: Beygelzimer and Langford 2009.
pub const DM: Estimator = Estimator::of(Weighting::Ignored, true);
/// Doubly robust, `mean(v + w (r − q))`: unbiased when the propensities are right whatever the
/// cross-fitted model, consistent when the model is right whatever the propensities. On predictions
/// fitted with [`most_robust_importance`](super::reward_model::most_robust_importance) it is MRDR.
/// Source: Dudik, Langford and Li 2011; Farajtabar et al. 2018.
pub const DR: Estimator = Estimator::of(Weighting::Plain, true);
/// `mean(v) + Σ w (r − q) / Σ w`. Source: Kallus and Uehara 2019.
pub const SNDR: Estimator = DR.normalised();

/// Rounds per pass over the cache: the buffers stay in its first level.
const CHUNK: usize = 512;

impl Estimator {
    /// With this weighting, with or without a model, not normalised.
    #[must_use]
    pub const fn of(weighting: Weighting, with_model: bool) -> Self {
        Self { weighting, with_model, self_normalised: false }
    }

    /// The same with self-normalised weights.
    #[must_use]
    pub const fn normalised(self) -> Self {
        Self { self_normalised: true, ..self }
    }

    /// The estimate alone, in one pass and without storing anything per round.
    ///
    /// # Errors
    /// [`EvaluateError::NoWeight`] when a self-normalised estimator finds no positive weight;
    /// [`EvaluateError::InvalidSetting`] for a parameter out of range.
    pub fn value(&self, rounds: &Rounds<'_>) -> Result<f64, EvaluateError> {
        self.weighting.check()?;
        let (mut base, mut correction, mut weights) = (0.0, 0.0, 0.0);
        self.for_each_chunk(rounds, |chunk| {
            base += sum(chunk.base);
            correction += sum(chunk.correction);
            weights += sum(chunk.weights);
        });
        let n = rounds.len() as f64;
        match self.self_normalised {
            false => Ok((base + correction) / n),
            true if weights > 0.0 => Ok(base / n + correction / weights),
            true => Err(EvaluateError::NoWeight { estimator: self.to_string() }),
        }
    }

    /// Contribution of every round, shape `[n]`; their mean is the estimate.
    ///
    /// # Errors
    /// As [`Estimator::value`].
    pub fn contributions(&self, rounds: &Rounds<'_>) -> Result<Vec<f64>, EvaluateError> {
        let scale = self.scale(rounds)?;
        let mut all = Vec::with_capacity(rounds.len());
        self.for_each_chunk(rounds, |chunk| {
            all.extend(chunk.base.iter().zip(chunk.correction).map(|(v, g)| v + scale * g));
        });
        Ok(all)
    }

    /// Moments and range of the contributions, without storing them.
    ///
    /// # Errors
    /// As [`Estimator::value`].
    pub fn summary(&self, rounds: &Rounds<'_>) -> Result<Summary, EvaluateError> {
        let scale = self.scale(rounds)?;
        let mut summary = Summary::default();
        self.for_each_chunk(rounds, |chunk| {
            let mut terms = [0.0; CHUNK];
            let terms = &mut terms[..chunk.base.len()];
            for ((x, v), g) in terms.iter_mut().zip(chunk.base).zip(chunk.correction) {
                *x = v + scale * g;
            }
            summary.add(terms);
        });
        Ok(summary)
    }

    /// The estimate and the influence of every round on it (mean zero): the distance to the mean
    /// for a plain mean, the linearised ratio for a self-normalised one (delta method),
    /// `v_i − mean v + (g_i − h_i Σg/Σh) / mean h` with `g = h (r − q)`.
    ///
    /// # Errors
    /// As [`Estimator::value`].
    pub fn influence(&self, rounds: &Rounds<'_>) -> Result<Influence, EvaluateError> {
        let (scale, value) = (self.scale(rounds)?, self.value(rounds)?);
        if !self.self_normalised {
            let mut deviations = self.contributions(rounds)?;
            deviations.iter_mut().for_each(|x| *x -= value);
            return Ok(Influence::new(value, deviations, true));
        }
        let n = rounds.len() as f64;
        let base = if self.with_model { sum(rounds.predicted_target()) / n } else { 0.0 };
        let ratio = value - base;
        let mut deviations = Vec::with_capacity(rounds.len());
        self.for_each_chunk(rounds, |chunk| {
            let rows = chunk.base.iter().zip(chunk.correction).zip(chunk.weights);
            deviations.extend(rows.map(|((v, g), h)| v - base + scale * (g - h * ratio)));
        });
        Ok(Influence::new(value, deviations, false))
    }

    /// How much of the weight the weighting took away.
    #[must_use]
    pub fn removed(&self, rounds: &Rounds<'_>) -> Removed {
        let (mut kept, mut touched) = (0.0, 0_usize);
        let mut buffer = [0.0; CHUNK];
        for weights in rounds.weights().chunks(CHUNK) {
            let out = &mut buffer[..weights.len()];
            self.weighting.fill(weights, out);
            kept += sum(out);
            touched += out.iter().zip(weights).filter(|(h, w)| h < w).count();
        }
        let total = sum(rounds.weights());
        let share_of_weight = if total > 0.0 { 1.0 - kept / total } else { 0.0 };
        Removed { share_of_weight, share_of_rounds: touched as f64 / rounds.len() as f64 }
    }

    /// `1 / c`.
    fn scale(&self, rounds: &Rounds<'_>) -> Result<f64, EvaluateError> {
        self.weighting.check()?;
        if !self.self_normalised {
            return Ok(1.0);
        }
        let mut total = 0.0;
        let mut buffer = [0.0; CHUNK];
        for weights in rounds.weights().chunks(CHUNK) {
            let out = &mut buffer[..weights.len()];
            self.weighting.fill(weights, out);
            total += sum(out);
        }
        if total > 0.0 {
            return Ok(rounds.len() as f64 / total);
        }
        Err(EvaluateError::NoWeight { estimator: self.to_string() })
    }

    /// `v`, `g = h (r − q)` and `h` of all rounds, chunk by chunk, in order.
    pub(super) fn for_each_chunk(&self, rounds: &Rounds<'_>, mut take: impl FnMut(Chunk<'_>)) {
        let (mut weights, mut correction) = ([0.0; CHUNK], [0.0; CHUNK]);
        let nothing = [0.0; CHUNK];
        for start in (0..rounds.len()).step_by(CHUNK) {
            let n = CHUNK.min(rounds.len() - start);
            let (h, g) = (&mut weights[..n], &mut correction[..n]);
            self.weighting.fill(&rounds.weights()[start..][..n], h);
            let rewards = &rounds.rewards()[start..][..n];
            let mut base = &nothing[..n];
            if self.with_model {
                base = &rounds.predicted_target()[start..][..n];
                let predicted = &rounds.predicted_logged()[start..][..n];
                for (((g, h), r), q) in g.iter_mut().zip(&*h).zip(rewards).zip(predicted) {
                    *g = h * (r - q);
                }
            } else {
                for ((g, h), r) in g.iter_mut().zip(&*h).zip(rewards) {
                    *g = h * r;
                }
            }
            take(Chunk { base, correction: g, weights: h });
        }
    }
}

/// Some consecutive rounds as an estimator sees them.
pub(super) struct Chunk<'c> {
    /// `v`, or 0 without a model.
    pub(super) base: &'c [f64],
    /// `g = h (r − q)`.
    pub(super) correction: &'c [f64],
    /// `h`.
    pub(super) weights: &'c [f64],
}

/// What a [`Weighting`] took away: nothing is clipped silently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Removed {
    /// `1 − Σ h(w) / Σ w`.
    pub share_of_weight: f64,
    /// Share of the rounds with `h(w) < w`.
    pub share_of_rounds: f64,
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.self_normalised { "sn" } else { "" };
        let base = if self.with_model { "dr" } else { "ips" };
        match self.weighting {
            Weighting::Ignored => write!(f, "dm"),
            Weighting::Plain => write!(f, "{prefix}{base}"),
            Weighting::Clipped(l) => write!(f, "{prefix}{base}_clip_{l}"),
            Weighting::Switched(l) => write!(f, "{prefix}switch_{base}_{l}"),
            Weighting::Shrunk(l) if self.with_model => write!(f, "{prefix}dros_{l}"),
            Weighting::Shrunk(l) => write!(f, "{prefix}ips_shrunk_{l}"),
            Weighting::Smoothed(l) => write!(f, "{prefix}sg_{base}_{l}"),
        }
    }
}

#[cfg(test)]
#[path = "estimator_tests.rs"]
mod tests;
