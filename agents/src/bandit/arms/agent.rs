//! The agent: one rule over what is remembered of each arm.

use super::config::{ArmBanditConfig, Rule};
use super::index::{kl_budget, kl_ucb, ucb};
use super::posterior::Posterior;
use super::records::{Changed, Record, Records};
use super::winning::{WinningProbabilities, even_over_best};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use promopt_envs::{ActionId, ActionMask, EnvSpec};
use promopt_policies::{ActionDistribution, Decision, LinearPolicy, LinearScores};
use rand::RngCore;

/// A bandit whose arms are the actions, whatever is observed.
///
/// Given the past, greedy and optimistic rules say one arm, or several with equal shares when they
/// tie, so that the order of arms is irrelevant. A Thompson rule says each arm as often as it is
/// believed to be best; those chances are computed ([`WinningProbabilities`]) and the arm is drawn
/// *from them*. Either way the propensity is the exact probability of what was done. It learns in
/// `observe`, from the reward of the step alone.
#[derive(Debug, Clone)]
pub struct ArmBandit {
    config: ArmBanditConfig,
    n_features: usize,
    records: Records,
    /// Only a Thompson rule has them.
    winning: Option<WinningProbabilities>,
    decisions: u64,
}

impl ArmBandit {
    /// An agent for environments with this spec.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the field that is outside its range.
    pub fn new(config: ArmBanditConfig, spec: &EnvSpec) -> Result<Self, AgentError> {
        config.validate()?;
        let n_arms = spec.n_actions;
        let prior = config.rule.posterior(&Record::default());
        let winning =
            prior.map(|prior| WinningProbabilities::new(prior, n_arms, config.grid_cells));
        Ok(Self {
            n_features: spec.observation_space.n_features(),
            records: Records::new(config.memory, n_arms),
            winning,
            decisions: 0,
            config,
        })
    }

    /// What the next decision is drawn from, exploration included.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the mask has the wrong length.
    pub fn distribution(&mut self, mask: &ActionMask) -> Result<ActionDistribution, AgentError> {
        same_length("the mask", self.records.arms().len(), mask.n_actions())?;
        let epsilon = self.config.epsilon.at(self.decisions);
        let chosen = match &mut self.winning {
            Some(winning) => winning.probabilities(mask).clone(),
            None => even_over_best(&self.indices(), mask),
        };
        Ok(if epsilon > 0.0 { chosen.mix_uniform(epsilon, mask) } else { chosen })
    }

    /// Learns from a reward of an arm.
    ///
    /// # Errors
    /// When there is no such arm, or the reward is not finite or outside the range that the rule
    /// needs.
    pub fn learn(&mut self, arm: ActionId, reward: f64) -> Result<(), AgentError> {
        let n_arms = self.records.arms().len();
        if arm >= n_arms {
            let what = "arms above the one played";
            return Err(AgentError::Shape { what, expected: n_arms, got: arm });
        }
        if !reward.is_finite() {
            return Err(AgentError::NotFinite { what: "reward", got: reward });
        }
        let (low, high) = self.config.reward_range;
        let scaled = if self.config.rule.is_bounded() {
            let expected = "a range that contains every reward";
            require((low..=high).contains(&reward), "reward_range", expected, reward)?;
            (reward - low) / (high - low)
        } else {
            reward
        };
        let changed = self.records.add(arm, scaled);
        self.believe(&changed);
        Ok(())
    }

    /// The estimated mean reward of every arm, in the environment's unit, shape `[n_arms]`. An arm
    /// without rewards has the mean of its prior, or under a rule without one the lowest reward.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let (low, high) = self.config.reward_range;
        let mean = |arm: &Record| {
            let believed = self.config.rule.posterior(arm).map(|posterior| posterior.mean());
            match believed {
                Some(mean) => mean,
                None if arm.weight > 0.0 => arm.mean,
                None if self.config.rule.is_bounded() => 0.0,
                None => low,
            }
        };
        let unscaled = |mean: f64| {
            if self.config.rule.is_bounded() { low + mean * (high - low) } else { mean }
        };
        self.records.arms().iter().map(|arm| unscaled(mean(arm))).collect()
    }

    fn indices(&self) -> Vec<f64> {
        let total = self.records.total_weight();
        let index = |arm: &Record| {
            if arm.weight <= 0.0 {
                return f64::INFINITY;
            }
            match self.config.rule {
                Rule::Ucb { exploration } => ucb(arm.mean, arm.weight, total, exploration),
                Rule::KlUcb { c } => kl_ucb(arm.mean, kl_budget(total, c) / arm.weight),
                _ => arm.mean,
            }
        };
        self.records.arms().iter().map(index).collect()
    }

    fn believe(&mut self, changed: &Changed) {
        let Some(winning) = &mut self.winning else { return };
        let mut renew = |arm: ActionId| {
            if let Some(posterior) = self.config.rule.posterior(&self.records.arms()[arm]) {
                winning.set(arm, posterior);
            }
        };
        match *changed {
            Changed::Arms(arm, other) => [Some(arm), other].into_iter().flatten().for_each(renew),
            Changed::All => (0..self.records.arms().len()).for_each(&mut renew),
        }
    }
}

impl Rule {
    /// What a Thompson rule believes about an arm with this record.
    fn posterior(&self, arm: &Record) -> Option<Posterior> {
        match *self {
            Self::Greedy | Self::Ucb { .. } | Self::KlUcb { .. } => None,
            Self::ThompsonBeta { successes, failures } => {
                // Rounding may carry a mean of 0 or 1 over its end.
                let wins = (arm.weight * arm.mean).clamp(0.0, arm.weight);
                Some(Posterior::Beta(successes + wins, failures + arm.weight - wins))
            }
            Self::ThompsonGaussian { mean, deviation, noise } => {
                let prior = 1.0 / (deviation * deviation);
                let seen = arm.weight / (noise * noise);
                let centre = (prior * mean + seen * arm.mean) / (prior + seen);
                Some(Posterior::Normal(centre, (prior + seen).sqrt().recip()))
            }
            Self::ThompsonStudent { mean, strength, shape, scale } => {
                let strength_now = strength + arm.weight;
                let centre = (strength * mean + arm.weight * arm.mean) / strength_now;
                let shape_now = shape + arm.weight / 2.0;
                let pull = strength * arm.weight * (arm.mean - mean).powi(2) / strength_now;
                let scale_now = scale + (arm.spread + pull) / 2.0;
                let width = (scale_now / (shape_now * strength_now)).sqrt();
                Some(Posterior::Student(2.0 * shape_now, centre, width))
            }
        }
    }
}

impl Agent for ArmBandit {
    fn name(&self) -> &str {
        self.config.rule.name()
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        let distribution = self.distribution(mask)?;
        self.decisions += 1;
        let action = distribution.sample(rng);
        Ok(Decision { action, propensity: distribution.probabilities()[action] })
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.records.arms().len())?;
        self.learn(transition.action, transition.reward)
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    /// A linear policy that has an intercept per arm and nothing else.
    fn policy(&self) -> Result<Snapshot, AgentError> {
        let n = self.n_features;
        let row = |mean: f64| vec![0.0; n].into_iter().chain([mean]).collect();
        let weights = self.means().into_iter().map(row).collect();
        let scores = LinearScores { mean: vec![0.0; n], scale: vec![1.0; n], weights };
        Ok(Snapshot::Linear(LinearPolicy::new(self.name(), scores, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        archive.put("decisions", &[self.decisions]);
        if let Some(winning) = &self.winning {
            archive.put("grid", &winning.grid());
        }
        self.records.save(archive);
        Ok(())
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        self.decisions = archive.get_one("decisions")?;
        self.records.load(archive)?;
        self.believe(&Changed::All);
        if let Some(winning) = &mut self.winning {
            let grid: Vec<f64> = archive.get_n("grid", 3)?;
            winning.restore_grid([grid[0], grid[1], grid[2]]);
        }
        Ok(())
    }
}
