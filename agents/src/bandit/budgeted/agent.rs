//! Thompson sampling under a budget: the best mix for what is left, solved anew at every decision.

use super::config::KnapsackConfig;
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use promopt_envs::knapsack::{Mix, best_mix};
use promopt_envs::{ActionId, ActionMask};
use promopt_policies::{ActionDistribution, Decision, LinearPolicy, LinearScores};
use rand::RngCore;
use rand_distr::{Beta, Distribution};

/// A bandit with knapsack (Badanidiyuru, Kleinberg and Slivkins 2013; Agrawal and Devanur 2016).
///
/// Mean reward and mean cost of an arm, as shares of their limits, have Beta posteriors of prior
/// `Beta(1, 1)`. A decision draws both from each arm's posterior, one fate for both, solves
/// [`best_mix`] for the budget that is left per decision that is left, and averages the mixes of
/// several draws. The arm is drawn from that average, so its propensity is exact. The dual price of
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

impl Belief {
    /// Parameters of the posterior of a share whose sum is `sum`.
    fn beta(&self, sum: f64) -> (f64, f64) {
        (1.0 + sum, 1.0 + (self.outcomes - sum).max(0.0))
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
        let mut shares = vec![0.0; self.arms.len()];
        let budget = self.left_per_decision();
        for _ in 0..self.config.draws {
            let (rewards, costs) = self.draw(&mask, rng);
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

    /// Estimated mean reward and cost of every arm.
    fn estimates(&self) -> (Vec<f64>, Vec<f64>) {
        let mean = |(a, b): (f64, f64)| a / (a + b);
        let of_arm = |(belief, limits): (&Belief, &super::ArmLimits)| {
            let reward = limits.largest_reward * mean(belief.beta(belief.reward));
            (reward, limits.largest_cost * mean(belief.beta(belief.cost)))
        };
        self.arms.iter().zip(&self.config.arms).map(of_arm).unzip()
    }

    /// One draw of mean reward and cost of every allowed arm.
    fn draw(&self, mask: &ActionMask, rng: &mut dyn RngCore) -> (Vec<f64>, Vec<f64>) {
        let (mut rewards, mut costs) = self.estimates();
        let rest = self.config.horizon.saturating_sub(self.decisions) as f64;
        let width = self.config.width * (rest / self.config.horizon as f64).powf(self.config.decay);
        let deviation = |(a, b): (f64, f64)| (a * b / (a + b + 1.0)).sqrt() / (a + b);
        for arm in mask.allowed() {
            let (belief, limits) = (&self.arms[arm], &self.config.arms[arm]);
            let (a, b) = belief.beta(belief.reward);
            // Both parameters are at least 1.
            let beta = Beta::new(a, b).expect("parameters above 0");
            let away = width * (beta.sample(rng) - a / (a + b));
            let in_deviations = away / deviation((a, b));
            let cost_deviation = limits.largest_cost * deviation(belief.beta(belief.cost));
            rewards[arm] += limits.largest_reward * away;
            costs[arm] = (costs[arm] + cost_deviation * in_deviations).max(0.0);
        }
        (rewards, costs)
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
