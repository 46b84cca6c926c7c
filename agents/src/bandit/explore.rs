//! Exploration over any regressor: ε-greedy, inverse gap weighting, or the votes of a bootstrap.

use super::decision::{draw, inverse_gap, mostly};
use super::features::ActionFeatures;
use super::model::{load_blocks, save_blocks};
use super::regressor::{Regressor, RegressorConfig};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec, SeedTree};
use promopt_policies::{Decision, LinearPolicy, LinearScores};
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

/// How predictions become a distribution over actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Exploration {
    /// The best prediction, and uniform for the share [`RegressorBanditConfig::epsilon`].
    EpsilonGreedy,
    /// SquareCB (Foster and Rakhlin 2020): inverse gap weighting
    /// `p(a) = 1 / (n + γ_t (ŷ_best − ŷ_a))` with `γ_t = scale · t^exponent` after `t` rewards. The
    /// theory asks for exponent ½ and a scale of the order of the root of the number of actions over
    /// the regressor's regret; gaps are in the environment's reward unit.
    SquareCb {
        /// `γ` after the first reward, not negative.
        scale: f64,
        /// Growth of `γ`, not negative.
        exponent: f64,
    },
    /// Online bootstrap (Oza and Russell 2001; Eckles and Kaptein 2014; Osband et al. 2016): each
    /// replica counts each reward `Poisson(1)` times, and an action is taken as often as replicas
    /// hold it to be best.
    Bootstrap {
        /// Number of replicas, at least 2.
        replicas: usize,
    },
}

/// Settings of [`RegressorBandit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegressorBanditConfig {
    /// What predicts.
    pub regressor: RegressorConfig,
    /// What explores.
    pub exploration: Exploration,
    /// Share of uniform decisions, in `[0, 1]`: a floor under every propensity.
    pub epsilon: f64,
}

impl Default for RegressorBanditConfig {
    fn default() -> Self {
        let exploration = Exploration::SquareCb { scale: 10.0, exponent: 0.5 };
        Self { regressor: RegressorConfig::default(), exploration, epsilon: 0.0 }
    }
}

impl RegressorBanditConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.regressor.validate()?;
        let fits = (0.0..=1.0).contains(&self.epsilon);
        require(fits, "epsilon", "a number in [0, 1]", self.epsilon)?;
        match self.exploration {
            Exploration::EpsilonGreedy => Ok(()),
            Exploration::SquareCb { scale, exponent } => {
                for (field, value) in [("scale", scale), ("exponent", exponent)] {
                    let fits = value.is_finite() && value >= 0.0;
                    require(fits, field, "a finite number, not negative", value)?;
                }
                Ok(())
            }
            Exploration::Bootstrap { replicas } => {
                require(replicas >= 2, "replicas", "at least 2", replicas)
            }
        }
    }
}

/// A contextual bandit from a regressor and a way to explore.
///
/// Propensities are the probabilities that the action was drawn with. A bootstrap gives many actions
/// no vote, so its propensities are only fit for off-policy evaluation with `epsilon` above 0.
#[derive(Debug)]
pub struct RegressorBandit {
    config: RegressorBanditConfig,
    n_features: usize,
    actions: Option<ActionFeatures>,
    /// One, or the replicas of the bootstrap.
    regressors: Vec<Box<dyn Regressor>>,
    /// Where the bootstrap's weights of each reward grow from.
    seed: SeedTree,
    n_rewards: u64,
    rewards: Vec<f64>,
    probabilities: Vec<f64>,
}

impl RegressorBandit {
    /// An agent for environments with this spec; with action features, one model for all actions.
    /// Only a bootstrap uses the seed.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when normalisation or table do not
    /// fit.
    pub fn new(
        config: RegressorBanditConfig,
        spec: &EnvSpec,
        normalisation: &Normalisation,
        actions: Option<&ActionFeatures>,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let n = match config.exploration {
            Exploration::Bootstrap { replicas } => replicas,
            Exploration::EpsilonGreedy | Exploration::SquareCb { .. } => 1,
        };
        let build = |_| config.regressor.build(spec, normalisation.clone(), actions.cloned());
        let regressors = (0..n).map(build).collect::<Result<_, _>>()?;
        let n_features = spec.observation_space.n_features();
        let zeros = vec![0.0; spec.n_actions];
        let (rewards, probabilities) = (zeros.clone(), zeros);
        let actions = actions.cloned();
        let n_rewards = 0;
        Ok(Self {
            config,
            n_features,
            actions,
            regressors,
            seed,
            n_rewards,
            rewards,
            probabilities,
        })
    }

    fn fill_probabilities(&mut self, observation: &[f32], mask: &ActionMask) {
        self.probabilities.fill(0.0);
        match self.config.exploration {
            Exploration::SquareCb { scale, exponent } => {
                self.regressors[0].predict(observation, &mut self.rewards);
                let gamma = scale * (self.n_rewards as f64).powf(exponent);
                inverse_gap(&self.rewards, gamma, mask, &mut self.probabilities);
            }
            Exploration::EpsilonGreedy | Exploration::Bootstrap { .. } => {
                let share = 1.0 / self.regressors.len() as f64;
                for regressor in &mut self.regressors {
                    regressor.predict(observation, &mut self.rewards);
                    self.probabilities[mask.argmax(&self.rewards)] += share;
                }
            }
        }
    }
}

impl Agent for RegressorBandit {
    fn name(&self) -> &str {
        match self.config.exploration {
            Exploration::EpsilonGreedy => "epsilon_greedy",
            Exploration::SquareCb { .. } => "square_cb",
            Exploration::Bootstrap { .. } => "bootstrap",
        }
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        same_length("the observation", self.n_features, observation.len())?;
        same_length("the mask", self.rewards.len(), mask.n_actions())?;
        if self.config.exploration == Exploration::EpsilonGreedy {
            self.regressors[0].predict(observation, &mut self.rewards);
            return Ok(mostly(mask.argmax(&self.rewards), self.config.epsilon, mask, rng));
        }
        self.fill_probabilities(observation, mask);
        Ok(draw(|action| self.probabilities[action], self.config.epsilon, mask, rng))
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.n_features, self.rewards.len())?;
        let &Transition { observation, action, reward, .. } = transition;
        let bootstrap = self.regressors.len() > 1;
        // The weights hang on the number of the reward alone, so nothing random needs to be saved.
        let mut rng = self.seed.index(self.n_rewards).stream();
        for regressor in &mut self.regressors {
            let weight = if bootstrap { poisson_of_one(rng.random()) } else { 1.0 };
            if weight > 0.0 {
                regressor.learn(observation, action, reward, weight)?;
            }
        }
        self.n_rewards += 1;
        Ok(())
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    /// Greedy over the regressor, or over the mean of the replicas' scores.
    fn policy(&self) -> Result<Snapshot, AgentError> {
        let mut mean = self.regressors[0].scores()?;
        let share = 1.0 / self.regressors.len() as f64;
        for regressor in &self.regressors[1..] {
            add(&mut mean, &regressor.scores()?);
        }
        mean.weights.iter_mut().flatten().for_each(|weight| *weight *= share);
        Ok(Snapshot::Linear(LinearPolicy::new(self.name(), mean, 0.0)))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        archive.put_json("action_features", &self.actions)?;
        archive.put_json("position", &(self.seed.seed(), self.n_rewards))?;
        for (at, regressor) in self.regressors.iter().enumerate() {
            save_blocks(archive, &format!("regressor.{at}"), &regressor.state());
        }
        Ok(())
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        archive.expect_json("action_features", &self.actions)?;
        let (seed, n_rewards): (u64, u64) = archive.get_json("position")?;
        if seed != self.seed.seed() {
            let problem = "found one of another seed".to_owned();
            return Err(AgentError::Checkpoint { problem });
        }
        for (at, regressor) in self.regressors.iter_mut().enumerate() {
            load_blocks(archive, &format!("regressor.{at}"), regressor.state_mut())?;
        }
        self.n_rewards = n_rewards;
        Ok(())
    }
}

fn add(to: &mut LinearScores, from: &LinearScores) {
    let pairs = to.weights.iter_mut().flatten().zip(from.weights.iter().flatten());
    pairs.for_each(|(to, from)| *to += from);
}

/// The number at the quantile `u` in `[0, 1)` of the Poisson distribution with mean 1.
fn poisson_of_one(u: f64) -> f64 {
    let mut count = 0.0;
    let mut chance = (-1.0_f64).exp();
    let mut cumulative = chance;
    while u >= cumulative && chance > 1e-17 {
        count += 1.0;
        chance /= count;
        cumulative += chance;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::test_world::step;
    use promopt_envs::Env;
    use promopt_envs::diagnostic::KnownBandit;

    fn agent(exploration: Exploration, epsilon: f64) -> Result<RegressorBandit, AgentError> {
        let env = KnownBandit::new(3, 0.0, 10)?;
        let config = RegressorBanditConfig { exploration, epsilon, ..Default::default() };
        let seed = SeedTree::new(1);
        RegressorBandit::new(config, env.spec(), &Normalisation::identity(3), None, seed)
    }

    #[test]
    fn every_way_to_explore_finds_the_best_action_and_logs_what_it_drew_from()
    -> Result<(), AgentError> {
        let ways = [
            Exploration::EpsilonGreedy,
            Exploration::SquareCb { scale: 10.0, exponent: 0.5 },
            Exploration::Bootstrap { replicas: 8 },
        ];
        let (mask, mut rng) = (ActionMask::all(3), SeedTree::new(2).stream());
        for way in ways {
            let mut agent = agent(way.clone(), 0.1)?;
            for _ in 0..300 {
                let decision = agent.act(&[1.0, 0.0, 0.0], &mask, &mut rng)?;
                let reward = [0.1, 0.2, 0.9][decision.action];
                agent.observe(&step(&[1.0, 0.0, 0.0], decision.action, reward, &mask))?;
            }
            agent.fill_probabilities(&[1.0, 0.0, 0.0], &mask);
            let total: f64 = agent.probabilities.iter().sum();
            assert!((total - 1.0).abs() < 1e-12);
            assert!(agent.probabilities[2] > 0.8, "{way:?} {:?}", agent.probabilities);
            let without_best = ActionMask::from_flags(vec![true, true, false]).expect("allowed");
            for _ in 0..20 {
                let decision = agent.act(&[1.0, 0.0, 0.0], &without_best, &mut rng)?;
                assert!(decision.action < 2 && decision.propensity >= 0.05);
            }
        }
        Ok(())
    }

    #[test]
    fn saved_and_loaded_agents_go_on_alike() -> Result<(), AgentError> {
        let (mask, x) = (ActionMask::all(3), [0.3, -0.2, 0.9]);
        let bootstrap = Exploration::Bootstrap { replicas: 3 };
        let mut first = agent(bootstrap.clone(), 0.1)?;
        let mut second = agent(bootstrap, 0.1)?;
        (0..9).try_for_each(|i| first.observe(&step(&x, i % 3, i as f64, &mask)))?;
        let mut archive = Archive::default();
        first.save(&mut archive)?;
        second.load(&archive)?;
        for agent in [&mut first, &mut second] {
            agent.observe(&step(&x, 1, 5.0, &mask))?;
        }
        assert_eq!(first.policy()?, second.policy()?);
        assert!(agent(Exploration::EpsilonGreedy, 0.1)?.load(&archive).is_err());
        Ok(())
    }

    #[test]
    fn bootstrap_weights_are_poisson_of_mean_one() {
        let (mut rng, n) = (SeedTree::new(3).stream(), 40_000);
        let draws: Vec<f64> = (0..n).map(|_| poisson_of_one(rng.random())).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let zeros = draws.iter().filter(|&&w| w == 0.0).count() as f64 / f64::from(n);
        // 4 standard errors: 4 · 1 / √40000 = 0.02, and 4 · √(0.368 · 0.632 / 40000) = 0.0097.
        assert!((mean - 1.0).abs() < 0.02 && (zeros - (-1.0_f64).exp()).abs() < 0.0097);
    }

    #[test]
    fn ranges_are_checked() {
        assert!(agent(Exploration::Bootstrap { replicas: 1 }, 0.0).is_err());
        assert!(agent(Exploration::SquareCb { scale: -1.0, exponent: 0.5 }, 0.0).is_err());
        assert!(agent(Exploration::EpsilonGreedy, 1.5).is_err());
        let text = r#"{"regressor":{"kind":"sgd","learning_rate":0.5}}"#;
        assert!(serde_json::from_str::<RegressorBanditConfig>(text).is_ok());
    }
}
