//! Not only the mean: the distribution of the reward under the target policy.
//!
//! Self-normalised weights turn the logged rewards into a sample of the target policy's:
//! `F(x) = Σ w_i 1{r_i ≤ x} / Σ w_i`. The mean of that distribution is SNIPS. Noisier than means
//! where weights are few: read the effective sample size beside it. Source: Chandak et al. 2021
//! (UnO); Huang et al. 2021.

use super::rounds::Rounds;
use super::summary::sum;
use crate::error::EvaluateError;

/// Weighted empirical distribution of the reward.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardDistribution {
    /// Rewards in ascending order, those without weight left out.
    rewards: Vec<f64>,
    /// `F` at each of them; the last is 1.
    cumulative: Vec<f64>,
}

impl RewardDistribution {
    /// The distribution of the reward under the target policy of these rounds.
    ///
    /// # Errors
    /// [`EvaluateError::NoWeight`] when every weight is 0.
    pub fn of(rounds: &Rounds<'_>) -> Result<Self, EvaluateError> {
        let total = sum(rounds.weights());
        if total <= 0.0 {
            return Err(EvaluateError::NoWeight { estimator: "reward distribution".into() });
        }
        let pairs = rounds.rewards().iter().zip(rounds.weights());
        let mut pairs: Vec<(f64, f64)> =
            pairs.filter(|(_, w)| **w > 0.0).map(|(r, w)| (*r, *w)).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0.0;
        let cumulative = pairs.iter().map(|(_, w)| {
            below += w / total;
            below
        });
        let mut cumulative: Vec<f64> = cumulative.collect();
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        Ok(Self { rewards: pairs.into_iter().map(|(r, _)| r).collect(), cumulative })
    }

    /// `F(x)`, the share of rewards up to `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        match self.rewards.partition_point(|r| *r <= x) {
            0 => 0.0,
            n => self.cumulative[n - 1],
        }
    }

    /// Smallest reward `x` with `F(x) ≥ probability`; the lower quartile at 0.25.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        let at = self.cumulative.partition_point(|f| *f < probability);
        self.rewards[at.min(self.rewards.len() - 1)]
    }

    /// Mean reward.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.expect(|r| r)
    }

    /// Variance of the reward around its mean, divisor `Σw`.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.expect(|r| (r - mean) * (r - mean))
    }

    /// Conditional value at risk: mean of the worst `share` of the rewards, `share` in `(0, 1]`;
    /// the reward at the border counts with the part that is needed. Source: Rockafellar and
    /// Uryasev 2000.
    #[must_use]
    pub fn conditional_value_at_risk(&self, share: f64) -> f64 {
        let share = share.clamp(f64::MIN_POSITIVE, 1.0);
        let mut below = 0.0;
        let mut total = 0.0;
        for (reward, up_to) in self.rewards.iter().zip(&self.cumulative) {
            let part = up_to.min(share) - below;
            if part <= 0.0 {
                break;
            }
            total += reward * part;
            below += part;
        }
        total / below
    }

    fn expect(&self, of: impl Fn(f64) -> f64) -> f64 {
        let mut below = 0.0;
        let parts = self.rewards.iter().zip(&self.cumulative).map(|(r, up_to)| {
            let part = up_to - below;
            below = *up_to;
            of(*r) * part
        });
        parts.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimator::SNIPS;
    use super::*;

    fn distribution() -> RewardDistribution {
        let rounds = Rounds::new(&[3.0, -1.0, 0.0, 9.0], vec![1.0, 2.0, 1.0, 0.0]).expect("valid");
        RewardDistribution::of(&rounds).expect("there is weight")
    }

    #[test]
    fn figures_are_those_by_hand() {
        // −1 with 1/2, 0 with 1/4, 3 with 1/4; 9 has no weight.
        let found = distribution();
        assert_eq!([-1.5, -1.0, 0.0, 3.0].map(|x| found.cdf(x)), [0.0, 0.5, 0.75, 1.0]);
        assert_eq!([0.25, 0.5, 0.51, 1.0].map(|p| found.quantile(p)), [-1.0, -1.0, 0.0, 3.0]);
        assert_eq!((found.mean(), found.variance()), (0.25, 2.75 - 0.0625));
        assert_eq!(found.conditional_value_at_risk(0.75), (-0.5 + 0.0) / 0.75);
        assert_eq!(found.conditional_value_at_risk(0.1), -1.0);
        assert!((found.conditional_value_at_risk(1.0) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn its_mean_is_snips_and_no_weight_is_named() {
        let rewards: Vec<f64> = (0..90).map(|i| f64::from(i * 7 % 11)).collect();
        let weights = (0..90).map(|i| f64::from(i % 4)).collect();
        let rounds = Rounds::new(&rewards, weights).expect("valid");
        let snips = SNIPS.summary(&rounds).expect("there is weight").moments.mean;
        let mean = RewardDistribution::of(&rounds).expect("there is weight").mean();
        assert!((snips - mean).abs() < 1e-12);
        let none = Rounds::new(&[1.0, 2.0], vec![0.0; 2]).expect("valid");
        assert!(RewardDistribution::of(&none).is_err());
    }
}
