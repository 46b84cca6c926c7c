//! Smoothed Thompson sampling over cells of a continuous action.

use super::config::ContinuousConfig;
use super::local::LocalRegression;
use crate::bandit::arms::{Posterior, WinningProbabilities};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use promopt_envs::ActionMask;
use rand::{Rng, RngCore};

/// One decision together with the density it had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthDecision {
    /// In `[0, 1]`.
    pub depth: f64,
    /// Probability density with which the policy takes this depth here, above 0.
    pub density: f64,
}

/// A contextual bandit whose action is a number in `[0, 1]`.
///
/// Smoothed as in CATS (Majzoubi et al. 2020; Krishnamurthy et al. 2020), without its tree of
/// binary classifiers: a decision costs as many predictions as there are cells, not the logarithm
/// of that. A policy chooses a cell and the depth is uniform within it, so that every depth has a
/// density; mixing in ε of the uniform keeps it away from 0. What a cell brings is not learned from
/// inverse densities but by a regression on the outcomes of its neighbourhood, with triangular
/// weights over the bandwidth and a slope in depth
/// (local linear regression, Fan 1992: without the slope, cells at the ends would be off). A cell is
/// chosen as often as it is believed to be the best ([`WinningProbabilities`]), taking the cells'
/// beliefs as independent.
///
/// Regret to the best depth goes down to what a cell's width and the bandwidth smooth away.
#[derive(Debug, Clone)]
pub struct ContinuousBandit {
    config: ContinuousConfig,
    n_features: usize,
    cells: Vec<LocalRegression>,
    winning: WinningProbabilities,
}

impl ContinuousBandit {
    /// A bandit for contexts of `n_features` numbers, to which it adds an intercept.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the field that is outside its range.
    pub fn new(config: ContinuousConfig, n_features: usize) -> Result<Self, AgentError> {
        config.validate()?;
        let cell = LocalRegression::new(n_features + 2, config.prior_deviation);
        let prior = Posterior::Normal(0.0, config.prior_deviation);
        let winning = WinningProbabilities::new(prior, config.cells, 48);
        Ok(Self { cells: vec![cell; config.cells], n_features, winning, config })
    }

    /// The chance that each cell is chosen when depths in `limits` are allowed, shape `[cells]`; the
    /// uniform share is not in it.
    ///
    /// # Errors
    /// [`AgentError::Shape`] for a context of the wrong length, [`AgentError::InvalidConfig`] for
    /// limits that leave nothing of `[0, 1]`.
    pub fn probabilities(
        &mut self,
        context: &[f32],
        limits: (f64, f64),
    ) -> Result<Vec<f64>, AgentError> {
        let x = self.features(context, 0.0)?;
        let found = format!("({}, {})", limits.0, limits.1);
        let fits = 0.0 <= limits.0 && limits.0 < limits.1 && limits.1 <= 1.0;
        require(fits, "limits", "two depths in [0, 1], the lower one first", found)?;
        let overlaps = |cell| self.overlap(cell, limits) > 0.0;
        let flags = (0..self.cells.len()).map(overlaps).collect();
        let mask = ActionMask::from_flags(flags).expect("the limits hold a part of some cell");
        for (cell, regression) in self.cells.iter().enumerate() {
            let (mean, deviation) = regression.predict(&x);
            // A deviation of 0 would be a belief without any doubt.
            self.winning.set(cell, Posterior::Normal(mean, deviation.max(1e-12)));
        }
        Ok(self.winning.probabilities(&mask).probabilities().to_vec())
    }

    /// Density of a depth when depths in `limits` are allowed; 0 outside of them.
    ///
    /// # Errors
    /// As for [`probabilities`](Self::probabilities).
    pub fn density(
        &mut self,
        context: &[f32],
        limits: (f64, f64),
        depth: f64,
    ) -> Result<f64, AgentError> {
        let chances = self.probabilities(context, limits)?;
        Ok(self.density_of(&chances, limits, depth))
    }

    /// Chooses a depth in `limits`.
    ///
    /// # Errors
    /// As for [`probabilities`](Self::probabilities).
    pub fn decide(
        &mut self,
        context: &[f32],
        limits: (f64, f64),
        rng: &mut dyn RngCore,
    ) -> Result<DepthDecision, AgentError> {
        let chances = self.probabilities(context, limits)?;
        let within = |(low, high): (f64, f64), rng: &mut dyn RngCore| {
            (low + (high - low) * rng.random::<f64>()).min(high)
        };
        let depth = if rng.random::<f64>() < self.config.epsilon {
            within(limits, rng)
        } else {
            let mut left = rng.random::<f64>();
            let chosen = chances.iter().position(|chance| {
                left -= chance;
                left < 0.0 && *chance > 0.0
            });
            // Rounding may leave a rest after the last cell.
            let last = || chances.iter().rposition(|&chance| chance > 0.0).unwrap_or(0);
            let (low, high) = self.part(chosen.unwrap_or_else(last), limits);
            within((low, high), rng)
        };
        Ok(DepthDecision { depth, density: self.density_of(&chances, limits, depth) })
    }

    /// Learns from the reward of a depth.
    ///
    /// # Errors
    /// When the context has the wrong length, the depth is outside `[0, 1]` or a number is not
    /// finite.
    pub fn learn(&mut self, context: &[f32], depth: f64, reward: f64) -> Result<(), AgentError> {
        require((0.0..=1.0).contains(&depth), "depth", "a number in [0, 1]", depth)?;
        if !reward.is_finite() {
            return Err(AgentError::NotFinite { what: "reward", got: reward });
        }
        let mut x = self.features(context, 0.0)?;
        let noise = self.config.noise * self.config.noise;
        for cell in 0..self.cells.len() {
            let offset = depth - self.centre(cell);
            let weight = 1.0 - offset.abs() / self.config.bandwidth;
            if weight > 0.0 {
                x[self.n_features + 1] = offset / self.config.bandwidth;
                self.cells[cell].learn(&x, reward, noise / weight);
            }
        }
        Ok(())
    }

    /// The middle of the cell with the largest estimated reward: what to do without exploration.
    ///
    /// # Errors
    /// [`AgentError::Shape`] for a context of the wrong length.
    pub fn best_depth(&self, context: &[f32]) -> Result<f64, AgentError> {
        let x = self.features(context, 0.0)?;
        let scores: Vec<f64> = self.cells.iter().map(|cell| cell.predict(&x).0).collect();
        Ok(self.centre(ActionMask::all(scores.len()).argmax(&scores)))
    }

    /// Writes all that was learned.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it cannot be written.
    pub fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        let all = |part: fn(&LocalRegression) -> &Vec<f64>| -> Vec<f64> {
            self.cells.iter().flat_map(part).copied().collect()
        };
        archive.put("covariances", &all(|cell| &cell.covariance));
        archive.put("weights", &all(|cell| &cell.weights));
        archive.put("grid", &self.winning.grid());
        Ok(())
    }

    /// Takes over what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was written by another configuration or is damaged.
    pub fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        let (n, k) = (self.n_features + 2, self.cells.len());
        let covariances: Vec<f64> = archive.get_n("covariances", n * n * k)?;
        let weights: Vec<f64> = archive.get_n("weights", n * k)?;
        let parts = covariances.chunks_exact(n * n).zip(weights.chunks_exact(n));
        for (cell, (covariance, weights)) in self.cells.iter_mut().zip(parts) {
            cell.covariance.copy_from_slice(covariance);
            cell.weights.copy_from_slice(weights);
        }
        let grid: Vec<f64> = archive.get_n("grid", 3)?;
        self.winning.restore_grid([grid[0], grid[1], grid[2]]);
        Ok(())
    }

    fn features(&self, context: &[f32], offset: f64) -> Result<Vec<f64>, AgentError> {
        same_length("the context", self.n_features, context.len())?;
        if let Some(&x) = context.iter().find(|x| !x.is_finite()) {
            return Err(AgentError::NotFinite { what: "context", got: f64::from(x) });
        }
        Ok(context.iter().copied().map(f64::from).chain([1.0, offset]).collect())
    }

    fn centre(&self, cell: usize) -> f64 {
        (cell as f64 + 0.5) / self.cells.len() as f64
    }

    /// The part of a cell that is within the limits; its ends are equal when there is none.
    fn part(&self, cell: usize, limits: (f64, f64)) -> (f64, f64) {
        let n = self.cells.len() as f64;
        let low = (cell as f64 / n).clamp(limits.0, limits.1);
        (low, ((cell + 1) as f64 / n).clamp(low, limits.1))
    }

    fn overlap(&self, cell: usize, limits: (f64, f64)) -> f64 {
        let (low, high) = self.part(cell, limits);
        high - low
    }

    fn density_of(&self, chances: &[f64], limits: (f64, f64), depth: f64) -> f64 {
        if depth < limits.0 || depth > limits.1 {
            return 0.0;
        }
        let n = self.cells.len();
        // The upper limit belongs to the cell below it when that is where the limits end.
        let mut cell = ((depth * n as f64) as usize).min(n - 1);
        if self.overlap(cell, limits) <= 0.0 && cell > 0 {
            cell -= 1;
        }
        let epsilon = self.config.epsilon;
        let width = self.overlap(cell, limits);
        let of_cell = if width > 0.0 { chances[cell] / width } else { 0.0 };
        (1.0 - epsilon) * of_cell + epsilon / (limits.1 - limits.0)
    }
}
