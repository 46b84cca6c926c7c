//! The training loop: any agent on any environments, with events, evaluations and checkpoints.

mod config;
mod evaluation;
mod event;
mod metrics_log;
mod progress;
#[cfg(test)]
mod resume_tests;
#[cfg(test)]
mod small_agent;
mod tensorboard;
#[cfg(test)]
mod tests;

pub use config::{EvaluationConfig, TrainConfig};
pub use evaluation::{Best, MakeEnv, Score, episode_returns};
pub use event::{Ending, TrainEvent, TrainReport};
pub use metrics_log::MetricsLog;
pub use tensorboard::EventFile;

use crate::agent::{Agent, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require};
use evaluation::Evaluator;
use progress::Progress;
use promopt_envs::{ActionId, AutoresetMode, Env, SeedTree, Step, Stream, VectorEnv};
use serde_json::json;
use std::ops::ControlFlow;

/// Receives a checkpoint and the number of environment steps so far.
pub type CheckpointSink<'a> = &'a mut dyn FnMut(u64, &Archive) -> Result<(), AgentError>;

/// Receives events and may break off at any of them.
pub type Watcher<'a> = &'a mut dyn FnMut(&TrainEvent) -> ControlFlow<()>;

/// Trains an agent and reports every episode and every few updates to `on_event`, which may break
/// off at any of them.
///
/// The seed decides the episodes (by lane and number of the episode) and the actions; the agent has
/// its own. [`Training`] does the same with evaluations and checkpoints.
///
/// # Errors
/// [`AgentError::InvalidConfig`] for a range or for environments that reset themselves; whatever
/// the agent or the environments refuse.
pub fn train<E: Env>(
    agent: &mut dyn Agent,
    envs: &mut VectorEnv<E>,
    config: &TrainConfig,
    seed: SeedTree,
    on_event: Watcher<'_>,
) -> Result<TrainReport, AgentError> {
    Training::new(agent, envs, config, seed)?.run(on_event)
}

/// A training that can be evaluated on the way, interrupted and resumed.
///
/// The loop resets lanes itself, with seeds made of the lane and the number of its episode. So a
/// checkpoint needs no environment inside: the number of the episode and the actions taken in it
/// bring a lane back to where it was. A training that is resumed from a checkpoint goes on as if it
/// had never been interrupted, to the last bit; an evaluation takes nothing from its random streams.
pub struct Training<'a, E: Env> {
    agent: &'a mut dyn Agent,
    envs: &'a mut VectorEnv<E>,
    config: TrainConfig,
    seed: SeedTree,
    act: Stream,
    progress: Progress,
    evaluator: Option<Evaluator<'a>>,
    checkpoints: Option<(u64, CheckpointSink<'a>)>,
    /// Memory of one step.
    observations: Vec<f32>,
    actions: Vec<ActionId>,
    steps: Vec<Step>,
}

impl<'a, E: Env> Training<'a, E> {
    /// A training at its beginning: resets every lane.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for a range or for environments that reset themselves.
    pub fn new(
        agent: &'a mut dyn Agent,
        envs: &'a mut VectorEnv<E>,
        config: &TrainConfig,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let leaves_resets = envs.mode() == AutoresetMode::Disabled;
        let expected = "environments whose resets are left to the training";
        require(leaves_resets, "mode", expected, format!("{:?}", envs.mode()))?;
        let progress = Progress::new(envs.n_lanes(), seed.child("envs"));
        for lane in 0..envs.n_lanes() {
            envs.reset_lane(lane, Some(progress.episode_seed(lane)));
        }
        Ok(Self {
            agent,
            envs,
            config: config.clone(),
            seed,
            act: seed.child("act").stream(),
            progress,
            evaluator: None,
            checkpoints: None,
            observations: Vec::new(),
            actions: Vec::new(),
            steps: Vec::new(),
        })
    }

    /// Tries the greedy policy out every few steps, each time in a fresh environment.
    ///
    /// # Errors
    /// As for [`EvaluationConfig::validate`].
    pub fn with_evaluation(
        mut self,
        config: EvaluationConfig,
        make_env: MakeEnv<'a>,
    ) -> Result<Self, AgentError> {
        self.evaluator = Some(Evaluator::new(config, make_env)?);
        Ok(self)
    }

    /// Hands a checkpoint to `sink` every so many environment steps (raised to at least 1).
    ///
    /// # Errors
    /// [`AgentError::NoCheckpoint`] when the agent has none, now and not after hours.
    pub fn with_checkpoints(
        mut self,
        every: u64,
        sink: CheckpointSink<'a>,
    ) -> Result<Self, AgentError> {
        self.agent.save(&mut Archive::default())?;
        self.checkpoints = Some((every.max(1), sink));
        Ok(self)
    }

    /// Goes on where a checkpoint was made. Only the number of steps to do may be another one.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was made by another training, with what differs, or is
    /// damaged; what the agent says about its part.
    pub fn resume(mut self, archive: &Archive) -> Result<Self, AgentError> {
        archive.expect_json("training.config", &self.identity())?;
        match &mut self.evaluator {
            Some(evaluator) => evaluator.load(archive)?,
            None if archive.contains("evaluation.config") => {
                let problem = "found evaluations in it, and there are none now".to_owned();
                return Err(AgentError::Checkpoint { problem });
            }
            None => {}
        }
        self.act = archive.get_stream("training.act")?;
        self.agent.load(archive)?;
        self.progress.load(self.envs, archive)?;
        Ok(self)
    }

    /// All that is needed to go on from here.
    ///
    /// # Errors
    /// [`AgentError::NoCheckpoint`] when the agent has none.
    pub fn checkpoint(&self) -> Result<Archive, AgentError> {
        let mut archive = Archive::default();
        archive.put_json("training.config", &self.identity())?;
        archive.put_stream("training.act", &self.act)?;
        self.progress.save(self.envs, &mut archive);
        if let Some(evaluator) = &self.evaluator {
            evaluator.save(&mut archive)?;
        }
        self.agent.save(&mut archive)?;
        Ok(archive)
    }

    /// What decides the course of the training, beside the agent's own settings.
    fn identity(&self) -> serde_json::Value {
        json!({
            "agent": self.agent.name(),
            "environment": self.envs.spec().id,
            "lanes": self.envs.n_lanes(),
            "seed": self.seed.seed(),
            "update_every": self.config.update_every,
            "updates_at_once": self.config.updates_at_once,
        })
    }

    /// Trains until all steps are done, an evaluation ends it, or `on_event` breaks off. A training
    /// that was broken off must not be run again: resume it from its last checkpoint.
    ///
    /// # Errors
    /// Whatever the agent, the environments or the sink of checkpoints refuse.
    pub fn run(&mut self, on_event: Watcher<'_>) -> Result<TrainReport, AgentError> {
        loop {
            if let Some(ending) = self.evaluator.as_ref().and_then(|evaluator| evaluator.ending) {
                return Ok(self.progress.report(ending));
            }
            if self.progress.steps >= self.config.steps {
                return Ok(self.progress.report(Ending::Steps));
            }
            if self.advance(on_event)?.is_break() {
                return Ok(self.progress.report(Ending::Watcher));
            }
        }
    }

    /// The policy with the best evaluation so far; `None` before the first one.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it cannot be read.
    pub fn best(&self) -> Result<Option<Best>, AgentError> {
        self.evaluator.as_ref().map_or(Ok(None), Evaluator::best)
    }

    /// One step of every lane, and what is due after it.
    fn advance(&mut self, on_event: Watcher<'_>) -> Result<ControlFlow<()>, AgentError> {
        let before = self.progress.steps;
        if self.play(on_event)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let step = self.progress.steps;
        let times = |every: u64| step / every - before / every;
        for _ in 0..times(self.config.update_every) * self.config.updates_at_once {
            let Some(metrics) = self.agent.update()? else { continue };
            self.progress.updates += 1;
            let updates = self.progress.updates;
            if updates.is_multiple_of(self.config.report_every)
                && on_event(&TrainEvent::Update { step, updates, metrics }).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(evaluator) = &mut self.evaluator
            && times(evaluator.config.every) > 0
        {
            let (score, best) = evaluator.evaluate(self.agent.policy()?, step)?;
            if on_event(&TrainEvent::Evaluation { step, score, best }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if self.checkpoints.as_ref().is_some_and(|(every, _)| times(*every) > 0) {
            let archive = self.checkpoint()?;
            if let Some((_, sink)) = &mut self.checkpoints {
                sink(step, &archive)?;
            }
            return Ok(on_event(&TrainEvent::Checkpoint { step }));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes an action on every lane, shows the agent what it led to, and starts new episodes.
    fn play(&mut self, on_event: Watcher<'_>) -> Result<ControlFlow<()>, AgentError> {
        let n_lanes = self.envs.n_lanes();
        self.observations.clear();
        (0..n_lanes)
            .for_each(|lane| self.observations.extend_from_slice(self.envs.observation(lane)));
        let masks: Vec<_> = (0..n_lanes).map(|lane| self.envs.mask(lane)).collect();
        let decisions = self.agent.act_batch(&self.observations, &masks, &mut self.act)?;
        self.actions.clear();
        self.actions.extend(decisions.iter().map(|decision| decision.action));
        self.steps.clear();
        self.steps.extend_from_slice(self.envs.step(&self.actions)?);
        let rows = self.observations.chunks_exact(self.observations.len() / n_lanes);
        let mut flow = ControlFlow::Continue(());
        for (lane, (step, observation)) in self.steps.iter().zip(rows).enumerate() {
            let action = self.actions[lane];
            self.agent.observe(&Transition {
                lane,
                observation,
                action,
                reward: step.reward,
                next_observation: self.envs.next_observation(lane),
                next_mask: self.envs.next_mask(lane),
                terminated: step.terminated,
                truncated: step.truncated,
            })?;
            self.progress.note_step(lane, action, step.reward);
            if step.is_last() {
                let event = self.progress.end_episode(lane, step.terminated);
                self.envs.reset_lane(lane, Some(self.progress.episode_seed(lane)));
                if flow.is_continue() {
                    flow = on_event(&event);
                }
            }
        }
        Ok(flow)
    }
}
