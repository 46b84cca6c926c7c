//! Thompson sampling under a budget: the best mix for what is left, solved anew at every decision.

use super::config::{ArmLimits, KnapsackConfig};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use promopt_envs::knapsack::{Mix, best_mix};
use promopt_envs::{ActionId, ActionMask};
use promopt_policies::{ActionDistribution, Decision, LinearPolicy, LinearScores};
use rand::RngCore;
use rand_distr::{Distribution, StandardNormal};

/// A bandit with knapsack (Badanidiyuru, Kleinberg and Slivkins 2013; Agrawal and Devanur 2016).
///
/// Mean reward and mean cost of an arm, as shares of their limits, have Beta posteriors, drawn as
/// normal with the same mean and deviation. A decision draws both for each arm, at one number of
/// deviations from their means, since one fate decides both; solves [`best_mix`] for the budget that
/// is left per decision that is left; and
/// averages the mixes of several draws. The arm is drawn from that average, so its propensity is exact. The dual price of
/// the mix thus follows what was spent: a lean start makes budget cheaper later.
///
/// **Never over budget.** An arm is allowed only while its largest cost fits what is neither spent
/// nor promised; what is decided counts as promised at its largest cost until
/// [`learn`](Self::learn) says what it was. So the rule also holds when outcomes come late.
///
/// As an [`Agent`] it reads the share of the budget that is left from the first feature of the
/// observation, as the environment `BudgetedBandit-v0` shows it, and starts each episode with a full
/// budget and all it has learned.
#[derive(Debug, Clone)]
pub struct KnapsackBandit {
    config: KnapsackConfig,
    arms: Vec<Belief>,
    spent: f64,
    promised: f64,
    decisions: u64,
}

/// Outcomes of an arm, as sums of shares of their limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Belief {
    outcomes: f64,
    reward: f64,
    cost: f64,
}

/// Mean and standard deviation of what a share is believed to be.
#[derive(Clone, Copy)]
struct Share {
    mean: f64,
    deviation: f64,
}

impl Share {
    /// The Beta posterior after outcomes of this sum.
    fn of(sum: f64, outcomes: f64, prior: (f64, f64)) -> Self {
        let weight = prior.0 + prior.1 + outcomes;
        let mean = ((prior.0 + sum) / weight).clamp(0.0, 1.0);
        Self { mean, deviation: (mean * (1.0 - mean) / (weight + 1.0)).sqrt() }
    }

    /// The value this many deviations from the mean.
    fn at(&self, deviations: f64) -> f64 {
        (self.mean + deviations * self.deviation).clamp(0.0, 1.0)
    }
}

impl KnapsackBandit {
    /// A bandit that has spent nothing and knows nothing.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the field that is outside its range.
    pub fn new(config: KnapsackConfig) -> Result<Self, AgentError> {
        config.validate()?;
        let arms = vec![Belief::default(); config.arms.len()];
        Ok(Self { config, arms, spent: 0.0, promised: 0.0, decisions: 0 })
    }

    /// Budget that is neither spent nor promised.
    #[must_use]
    pub fn left(&self) -> f64 {
        (self.config.budget - self.spent - self.promised).max(0.0)
    }

    /// What was spent in this episode.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// The best mix by the estimates of now, with the dual price of the budget.
    #[must_use]
    pub fn mix(&self) -> Mix {
        let (rewards, costs) = self.estimates();
        best_mix(&rewards, &costs, &ActionMask::all(self.arms.len()), self.left_per_decision())
    }

    /// What a decision under this mask is drawn from; the random numbers are those of the posterior
    /// draws.
    ///
    /// # Errors
    /// [`AgentError::Shape`] for a mask of the wrong length, [`AgentError::InvalidConfig`] when it
    /// allows nothing that is affordable.
    pub fn distribution(
        &self,
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<ActionDistribution, AgentError> {
        let mask = self.affordable(mask)?;
        let n_arms = self.arms.len();
        let (beliefs, budget) = (self.beliefs(), self.left_per_decision());
        let rest = self.config.horizon.saturating_sub(self.decisions) as f64;
        let width = self.config.width * (rest / self.config.horizon as f64).powf(self.config.decay);
        let (mut rewards, mut costs) = (vec![0.0; n_arms], vec![0.0; n_arms]);
        let mut shares = vec![0.0; n_arms];
        for _ in 0..self.config.draws {
            for arm in mask.allowed() {
                let (limits, (reward, cost)) = (self.config.arms[arm], beliefs[arm]);
                let fate: f64 = StandardNormal.sample(rng);
                rewards[arm] = limits.largest_reward * reward.at(width * fate);
                costs[arm] = limits.largest_cost * cost.at(width * fate);
            }
            let mix = best_mix(&rewards, &costs, &mask, budget);
            shares[mix.cheap] += 1.0 - mix.share;
            shares[mix.dear] += mix.share;
        }
        let mixed = ActionDistribution::from_weights(&shares, &mask);
        Ok(if self.config.epsilon > 0.0 {
            mixed.mix_uniform(self.config.epsilon, &mask)
        } else {
            mixed
        })
    }

    /// Decides and promises the largest cost of the arm until its outcome is learned.
    ///
    /// # Errors
    /// As for [`distribution`](Self::distribution).
    pub fn decide(
        &mut self,
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        let distribution = self.distribution(mask, rng)?;
        let action = distribution.sample(rng);
        self.promised += self.config.arms[action].largest_cost;
        self.decisions += 1;
        Ok(Decision { action, propensity: distribution.probabilities()[action] })
    }

    /// Takes the outcome of one earlier decision; outcomes may come in any order.
    ///
    /// # Errors
    /// When there is no such arm, or reward or cost is outside `[0, largest]`.
    pub fn learn(&mut self, arm: ActionId, reward: f64, cost: f64) -> Result<(), AgentError> {
        let Some(limits) = self.config.arms.get(arm).copied() else {
            let (what, expected) = ("arms above the one played", self.arms.len());
            return Err(AgentError::Shape { what, expected, got: arm });
        };
        let expected = "a limit that no outcome exceeds, and outcomes not below 0";
        let fits = (0.0..=limits.largest_reward).contains(&reward);
        require(fits, "largest_reward", expected, reward)?;
        require((0.0..=limits.largest_cost).contains(&cost), "largest_cost", expected, cost)?;
        self.promised = (self.promised - limits.largest_cost).max(0.0);
        self.spent += cost;
        let belief = &mut self.arms[arm];
        belief.outcomes += 1.0;
        belief.reward += reward / limits.largest_reward;
        if limits.largest_cost > 0.0 {
            belief.cost += cost / limits.largest_cost;
        }
        Ok(())
    }

    /// Starts another episode with a full budget; what was learned stays.
    pub fn refill(&mut self) {
        (self.spent, self.promised, self.decisions) = (0.0, 0.0, 0);
    }

    fn left_per_decision(&self) -> f64 {
        self.left() / self.config.horizon.saturating_sub(self.decisions).max(1) as f64
    }

    fn affordable(&self, mask: &ActionMask) -> Result<ActionMask, AgentError> {
        same_length("the mask", self.arms.len(), mask.n_actions())?;
        let left = self.left();
        let fits = |arm: ActionId| mask.allows(arm) && self.config.arms[arm].largest_cost <= left;
        ActionMask::from_flags((0..self.arms.len()).map(fits).collect()).ok_or_else(|| {
            let (field, expected) = ("budget", "enough for one of the allowed arms");
            AgentError::InvalidConfig { field, expected, got: left.to_string() }
        })
    }

    /// What is believed of each arm's reward and cost, as shares of their limits.
    fn beliefs(&self) -> Vec<(Share, Share)> {
        let prior = self.config.prior;
        let of_arm = |arm: &Belief| {
            (Share::of(arm.reward, arm.outcomes, prior), Share::of(arm.cost, arm.outcomes, prior))
        };
        self.arms.iter().map(of_arm).collect()
    }

    /// Mean reward and cost of every arm.
    fn estimates(&self) -> (Vec<f64>, Vec<f64>) {
        let of_arm = |((reward, cost), limits): ((Share, Share), &ArmLimits)| {
            (limits.largest_reward * reward.mean, limits.largest_cost * cost.mean)
        };
        self.beliefs().into_iter().zip(&self.config.arms).map(of_arm).unzip()
    }
}

impl Agent for KnapsackBandit {
    fn name(&self) -> &str {
        "knapsack_bandit"
    }

    fn act(
        &mut self,
        _observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        self.decide(mask, rng)
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(transition.observation.len(), self.arms.len())?;
        let left = |observation: &[f32]| observation.first().copied().map(f64::from);
        let (Some(before), Some(after)) =
            (left(transition.observation), left(transition.next_observation))
        else {
            let what = "features, the first one the share of the budget that is left";
            return Err(AgentError::Shape { what, expected: 1, got: 0 });
        };
        // The shares are single precision: what is off by less than a part in 100,000 is rounding.
        let cost = ((before - after) * self.config.budget).max(0.0);
        let largest = self.config.arms[transition.action].largest_cost;
        let rounding = 1e-5 * self.config.budget;
        let cost = if cost <= largest + rounding { cost.min(largest) } else { cost };
        self.learn(transition.action, transition.reward, cost)?;
        if transition.terminated || transition.truncated {
            self.refill();
        }
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    /// Rewards less the price of their costs, at the estimates and the dual price of now: greedy
    /// over them is one arm of the mix.
    fn policy(&self) -> Result<Snapshot, AgentError> {
        let (rewards, costs) = self.estimates();
        let price = self.mix().price;
        let row = |(reward, cost): (&f64, &f64)| vec![0.0, 0.0, reward - price * cost];
        let weights = rewards.iter().zip(&costs).map(row).collect();
        let scores = LinearScores { mean: vec![0.0; 2], scale: vec![1.0; 2], weights };
        Ok(Snapshot::Linear(LinearPolicy::new(self.name(), scores, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        let flat = |arm: &Belief| [arm.outcomes, arm.reward, arm.cost];
        archive.put::<f64>("arms", &self.arms.iter().flat_map(flat).collect::<Vec<_>>());
        archive.put("budget", &[self.spent, self.promised]);
        archive.put("decisions", &[self.decisions]);
        Ok(())
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        let flat: Vec<f64> = archive.get_n("arms", 3 * self.arms.len())?;
        let (chunks, _) = flat.as_chunks::<3>();
        let read = |&[outcomes, reward, cost]: &[f64; 3]| Belief { outcomes, reward, cost };
        self.arms = chunks.iter().map(read).collect();
        let budget: Vec<f64> = archive.get_n("budget", 2)?;
        (self.spent, self.promised) = (budget[0], budget[1]);
        self.decisions = archive.get_one("decisions")?;
        Ok(())
    }
}
