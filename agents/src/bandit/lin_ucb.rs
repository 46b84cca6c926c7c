//! LinUCB: optimism in the face of doubt.

use super::config::LinUcbConfig;
use super::decision::mostly;
use super::features::ActionFeatures;
use super::model::{Likelihood, LinearModel, ModelConfig};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec};
use promopt_policies::Decision;
use rand::RngCore;

/// LinUCB (Li, Chu, Langford and Schapire 2010, algorithm 1): `a = argmax xᵀθ_a + α √(xᵀA_a⁻¹x)`
/// over the allowed actions, mixed with ε of the uniform distribution.
///
/// [`LinUcb::new`] gives each action a model of its own ("disjoint"); [`LinUcb::shared`] has one
/// model over features of observation and action. Given the past, a decision without mixing is
/// deterministic, so its propensity is exactly `1 − ε` on the best action plus `ε` spread evenly. It
/// learns in `observe`, from the reward of the step alone: what an action does to later steps is not
/// seen. A decision costs `O(K d²)` and a reward `O(d²)`, neither allocates.
#[derive(Debug, Clone)]
pub struct LinUcb {
    config: LinUcbConfig,
    model: LinearModel,
    bounds: Vec<f64>,
}

impl LinUcb {
    /// An agent with one model per action.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit.
    pub fn new(
        config: LinUcbConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
    ) -> Result<Self, AgentError> {
        Self::build(config, spec, normalisation, None)
    }

    /// An agent with one model for all actions, over features of observation and action.
    ///
    /// # Errors
    /// As for [`LinUcb::new`], and when the table of action features does not fit.
    pub fn shared(
        config: LinUcbConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: ActionFeatures,
    ) -> Result<Self, AgentError> {
        Self::build(config, spec, normalisation, Some(actions))
    }

    fn build(
        config: LinUcbConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: Option<ActionFeatures>,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let (ridge, reward_scale) = (config.ridge, config.reward_scale);
        let model = ModelConfig { ridge, reward_scale, likelihood: Likelihood::Gaussian };
        let model = LinearModel::new(spec, normalisation, actions, model)?;
        Ok(Self { config, model, bounds: vec![0.0; spec.n_actions] })
    }
}

impl Agent for LinUcb {
    fn name(&self) -> &str {
        "lin_ucb"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        self.model.check(observation, mask)?;
        let belief = self.model.believe(observation);
        let optimistic = belief.means.iter().zip(belief.variances);
        for (bound, (mean, variance)) in self.bounds.iter_mut().zip(optimistic) {
            *bound = mean + self.config.alpha * variance.sqrt();
        }
        Ok(mostly(mask.argmax(&self.bounds), self.config.epsilon, mask, rng))
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.model.features().n_features(), self.bounds.len())?;
        self.model.learn(transition.observation, transition.action, transition.reward, 1.0)
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        Ok(Snapshot::Linear(self.model.export(self.name())?))
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        self.model.save(archive)
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        self.model.load(archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::features::Interaction;
    use crate::bandit::test_world::step;
    use promopt_envs::diagnostic::KnownBandit;
    use promopt_envs::{Env, SeedTree};

    #[test]
    fn an_untried_action_is_tried_before_a_known_good_one() -> Result<(), AgentError> {
        let env = KnownBandit::new(2, 0.0, 10)?;
        let config = LinUcbConfig { alpha: 2.0, epsilon: 0.0, ..Default::default() };
        let mut agent = LinUcb::new(config, env.spec(), Normalisation::identity(2))?;
        let (mask, observation) = (ActionMask::all(2), [0.5, 0.5]);
        let mut rng = SeedTree::new(1).stream();
        (0..20).try_for_each(|_| agent.observe(&step(&observation, 0, 1.0, &mask)))?;
        // Known: about 1 + 2·0.2. Unknown: 0 + 2·√(0.25 + 0.25 + 1) = 2.45.
        let decision = agent.act(&observation, &mask, &mut rng)?;
        assert_eq!(decision, Decision { action: 1, propensity: 1.0 });
        Ok(())
    }

    #[test]
    fn mixing_makes_the_propensity_smaller_than_one() -> Result<(), AgentError> {
        let env = KnownBandit::new(4, 0.0, 10)?;
        let config = LinUcbConfig { epsilon: 0.2, ..Default::default() };
        let mut agent = LinUcb::new(config, env.spec(), Normalisation::identity(4))?;
        let mask = ActionMask::all(4);
        let mut rng = SeedTree::new(1).stream();
        for _ in 0..50 {
            let decision = agent.act(&[0.0; 4], &mask, &mut rng)?;
            let expected = if decision.action == 0 { 0.85 } else { 0.05 };
            assert!((decision.propensity - expected).abs() < 1e-12);
        }
        Ok(())
    }

    #[test]
    fn what_is_learned_of_two_depths_carries_over_to_a_third_never_tried() -> Result<(), AgentError>
    {
        // Reward = 2 · depth: actions of depth 0 and 1 are seen, the one of depth 3 is not.
        let env = KnownBandit::new(3, 0.0, 10)?;
        let config = LinUcbConfig { alpha: 0.0, epsilon: 0.0, ridge: 1e-3, ..Default::default() };
        let actions = ActionFeatures {
            table: vec![vec![0.0], vec![1.0], vec![3.0]],
            interaction: Interaction::Additive,
        };
        let mut agent = LinUcb::shared(config, env.spec(), Normalisation::identity(3), actions)?;
        let (mask, observation) = (ActionMask::all(3), [0.0; 3]);
        for _ in 0..50 {
            agent.observe(&step(&observation, 0, 0.0, &mask))?;
            agent.observe(&step(&observation, 1, 2.0, &mask))?;
        }
        let mut rng = SeedTree::new(1).stream();
        assert_eq!(agent.act(&observation, &mask, &mut rng)?.action, 2);
        let Snapshot::Linear(policy) = agent.policy()? else { panic!("a linear policy") };
        assert!((policy.scores.scores(&observation)[2] - 6.0).abs() < 0.01);
        Ok(())
    }
}
