//! Thompson sampling: each action as often as it is believed to be the best one.

use super::config::ThompsonConfig;
use super::decision::draw;
use super::features::ActionFeatures;
use super::model::{Belief, Likelihood, LinearModel, ModelConfig};
use super::winning::{argmax_probabilities, winning_shares};
use crate::agent::{Agent, Metrics, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, EnvSpec};
use promopt_policies::Decision;
use rand::RngCore;

/// Linear Thompson sampling (Agrawal and Goyal 2013; Russo et al. 2018), or logistic Thompson
/// sampling (Chapelle and Li 2011) by [`ThompsonConfig::likelihood`].
///
/// With one model per action ([`Thompson::new`]), drawing weights from each posterior and taking the
/// best score is the same as drawing the scores `xᵀθ_a ~ N(xᵀθ̂_a, noise² xᵀA_a⁻¹x)`, which are
/// independent between actions. The probability that an action wins is then an integral over one
/// variable. The agent computes these probabilities on a grid ([`argmax_probabilities`]) and draws
/// the action *from them*, so the logged propensity is the exact probability of what it did, whatever
/// the grid's error; mixing in ε keeps it away from 0.
///
/// With one model for all actions ([`Thompson::shared`]) the scores are correlated; the agent then
/// counts wins among [`ThompsonConfig::draws`] joint draws and draws the action from those shares. It
/// learns in `observe`, from the reward of the step alone.
#[derive(Debug, Clone)]
pub struct Thompson {
    config: ThompsonConfig,
    model: LinearModel,
    /// Standard deviations on the grid, or the covariance of the draws.
    spread: Vec<f64>,
    winning: Vec<f64>,
}

impl Thompson {
    /// An agent with one model per action.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit.
    pub fn new(
        config: ThompsonConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
    ) -> Result<Self, AgentError> {
        Self::build(config, spec, normalisation, None)
    }

    /// An agent with one model for all actions, over features of observation and action.
    ///
    /// # Errors
    /// As for [`Thompson::new`]; also when the table of action features does not fit, and when
    /// `draws` is 0, since there is no grid for correlated scores.
    pub fn shared(
        config: ThompsonConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: ActionFeatures,
    ) -> Result<Self, AgentError> {
        require(config.draws > 0, "draws", "at least 1 where actions share a model", config.draws)?;
        Self::build(config, spec, normalisation, Some(actions))
    }

    fn build(
        config: ThompsonConfig,
        spec: &EnvSpec,
        normalisation: Normalisation,
        actions: Option<ActionFeatures>,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let ThompsonConfig { ridge, reward_scale, likelihood, .. } = config;
        let model = ModelConfig { ridge, reward_scale, likelihood };
        let model = LinearModel::new(spec, normalisation, actions, model)?;
        Ok(Self { config, model, spread: Vec::new(), winning: vec![0.0; spec.n_actions] })
    }
}

impl Agent for Thompson {
    fn name(&self) -> &str {
        match self.config.likelihood {
            Likelihood::Gaussian => "thompson",
            Likelihood::Logistic => "logistic_thompson",
        }
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        self.model.check(observation, mask)?;
        let ThompsonConfig { noise, draws, epsilon, grid_cells, .. } = self.config;
        if draws == 0 {
            let Belief { means, variances } = self.model.believe(observation);
            self.spread.clear();
            self.spread.extend(variances.iter().map(|variance| noise * variance.sqrt()));
            let winning = argmax_probabilities(means, &self.spread, mask, grid_cells);
            self.winning.copy_from_slice(winning.probabilities());
        } else {
            let Belief { means, variances: covariance } = self.model.believe_jointly(observation);
            self.spread.clear();
            self.spread.extend_from_slice(covariance);
            let belief = (means, self.spread.as_mut_slice());
            winning_shares(belief, noise, draws, mask, rng, &mut self.winning);
        }
        Ok(draw(|action| self.winning[action], epsilon, mask, rng))
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        transition.check(self.model.features().n_features(), self.winning.len())?;
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
