//! LinUCB: optimism in the face of doubt.

use super::config::LinUcbConfig;
use super::model::{LinearModel, decide};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::error::AgentError;
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec};
use promopt_policies::{ActionDistribution, Decision};
use rand::RngCore;

/// Disjoint LinUCB (Li, Chu, Langford and Schapire 2010, algorithm 1):
/// `a = argmax xᵀθ_a + α √(xᵀ A_a⁻¹ x)` over the allowed actions, mixed with ε of the uniform
/// distribution.
///
/// Given the past, a decision without mixing is deterministic, so its propensity is exactly
/// `(1 − ε)` on the best action plus `ε` spread evenly. It learns in `observe`, from the reward
/// of the step alone: what an action does to later steps is not seen.
#[derive(Debug, Clone)]
pub struct LinUcb {
    config: LinUcbConfig,
    model: LinearModel,
}

impl LinUcb {
    /// An agent for environments with this spec.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit.
    pub fn new(
        config: LinUcbConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let model = LinearModel::new(spec, normalisation, config.ridge, config.reward_scale)?;
        Ok(Self { config, model })
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
        let belief = self.model.belief(observation, mask)?;
        let bounds = belief.means.iter().zip(&belief.deviations);
        let bounds: Vec<f64> = bounds.map(|(mean, sd)| mean + self.config.alpha * sd).collect();
        let best = ActionDistribution::deterministic(mask.argmax(&bounds), mask.n_actions());
        Ok(decide(&best, self.config.epsilon, mask, rng))
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        self.model.learn(transition)
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        Ok(None)
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        Ok(Snapshot::Linear(self.model.export(self.name())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::diagnostic::KnownBandit;
    use promopt_envs::{Env, SeedTree};

    #[test]
    fn an_untried_action_is_tried_before_a_known_good_one() -> Result<(), AgentError> {
        let env = KnownBandit::new(2, 0.0, 10)?;
        let config = LinUcbConfig { alpha: 2.0, epsilon: 0.0, ..Default::default() };
        let mut agent = LinUcb::new(config, env.spec(), Normalisation::identity(2))?;
        let (mask, observation) = (ActionMask::all(2), [0.5, 0.5]);
        let mut rng = SeedTree::new(1).stream();
        for _ in 0..20 {
            agent.observe(&Transition {
                lane: 0,
                observation: &observation,
                action: 0,
                reward: 1.0,
                next_observation: &observation,
                next_mask: &mask,
                terminated: false,
                truncated: false,
            })?;
        }
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
}
