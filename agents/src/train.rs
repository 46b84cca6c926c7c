//! The training loop: any agent on any environments, with events for whoever watches.

use crate::agent::{Agent, Metrics, Transition};
use crate::error::{AgentError, require};
use promopt_envs::{AutoresetMode, Env, SeedTree, VectorEnv};
use promopt_policies::Decision;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Episodes over which the report averages.
const RECENT: usize = 100;

/// Length and rhythm of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Environment steps over all lanes, at least 1; rounded up to a whole step of every lane.
    pub steps: u64,
    /// Environment steps per update, at least 1 (Mnih et al. 2015 use 4).
    pub update_every: u64,
    /// Updates per [`TrainEvent::Update`], at least 1.
    pub report_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self { steps: 100_000, update_every: 4, report_every: 100 }
    }
}

impl TrainConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        require(self.steps > 0, "steps", "at least 1", self.steps)?;
        require(self.update_every > 0, "update_every", "at least 1", self.update_every)?;
        require(self.report_every > 0, "report_every", "at least 1", self.report_every)
    }
}

/// Something that happened during training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainEvent {
    /// An episode ended.
    Episode {
        /// Environment steps so far, over all lanes.
        step: u64,
        /// Sum of its rewards.
        episode_return: f64,
        /// Number of its steps.
        length: u32,
        /// Whether it ended by itself and not by a limit.
        terminated: bool,
    },
    /// The agent learned; the figures are those of the latest update.
    Update {
        /// Environment steps so far, over all lanes.
        step: u64,
        /// Updates so far.
        updates: u64,
        /// About the update.
        #[serde(flatten)]
        metrics: Metrics,
    },
}

/// What a training came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrainReport {
    /// Environment steps over all lanes.
    pub steps: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// Updates that changed the agent.
    pub updates: u64,
    /// Mean return of the last 100 episodes, exploration included; `None` when none ended.
    pub recent_return: Option<f64>,
    /// Whether the watcher broke off.
    pub stopped: bool,
}

/// Trains an agent and reports every episode and every few updates to `on_event`, which may break
/// off at any of them.
///
/// The seed decides the episodes (`envs`) and the actions (`act`); the agent has its own.
///
/// # Errors
/// [`AgentError::InvalidConfig`] for a range or for environments without automatic reset; whatever
/// the agent or the environments refuse.
pub fn train<E: Env>(
    agent: &mut dyn Agent,
    envs: &mut VectorEnv<E>,
    config: &TrainConfig,
    seed: SeedTree,
    on_event: &mut dyn FnMut(&TrainEvent) -> ControlFlow<()>,
) -> Result<TrainReport, AgentError> {
    config.validate()?;
    let resets = envs.mode() == AutoresetMode::SameStep;
    require(resets, "mode", "environments that reset in the same step", "disabled")?;
    envs.reset(seed.child("envs"));
    let mut rng = seed.child("act").stream();
    let mut progress = Progress::new(envs.n_lanes());
    let mut observations = Vec::new();
    let mut updates_due = 0;
    while progress.steps < config.steps {
        observations.clear();
        (0..envs.n_lanes()).for_each(|lane| observations.extend_from_slice(envs.observation(lane)));
        let masks: Vec<_> = (0..envs.n_lanes()).map(|lane| envs.mask(lane)).collect();
        let decisions = agent.act_batch(&observations, &masks, &mut rng)?;
        let flow = play(agent, envs, &observations, &decisions, &mut progress, on_event)?;
        if flow.is_break() {
            return Ok(progress.report(true));
        }
        while updates_due < progress.steps / config.update_every {
            updates_due += 1;
            let Some(metrics) = agent.update()? else { continue };
            progress.updates += 1;
            let (step, updates) = (progress.steps, progress.updates);
            if updates.is_multiple_of(config.report_every)
                && on_event(&TrainEvent::Update { step, updates, metrics }).is_break()
            {
                return Ok(progress.report(true));
            }
        }
    }
    Ok(progress.report(false))
}

/// One step of every lane: take the actions, show the agent what they led to, note ended episodes.
fn play<E: Env>(
    agent: &mut dyn Agent,
    envs: &mut VectorEnv<E>,
    observations: &[f32],
    decisions: &[Decision],
    progress: &mut Progress,
    on_event: &mut dyn FnMut(&TrainEvent) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, AgentError> {
    let actions: Vec<usize> = decisions.iter().map(|decision| decision.action).collect();
    let steps = envs.step(&actions)?.to_vec();
    let rows = observations.chunks_exact(observations.len() / steps.len());
    let mut flow = ControlFlow::Continue(());
    for (lane, (step, observation)) in steps.iter().zip(rows).enumerate() {
        agent.observe(&Transition {
            lane,
            observation,
            action: actions[lane],
            reward: step.reward,
            next_observation: envs.next_observation(lane),
            next_mask: envs.next_mask(lane),
            terminated: step.terminated,
            truncated: step.truncated,
        })?;
        progress.steps += 1;
        progress.running[lane].0 += step.reward;
        progress.running[lane].1 += 1;
        if step.is_last() && flow.is_continue() {
            flow = on_event(&progress.end_episode(lane, step.terminated));
        }
    }
    Ok(flow)
}

/// Counts of a training in progress.
struct Progress {
    steps: u64,
    episodes: u64,
    updates: u64,
    /// Return and length so far of each lane's episode.
    running: Vec<(f64, u32)>,
    recent: VecDeque<f64>,
}

impl Progress {
    fn new(n_lanes: usize) -> Self {
        let (running, recent) = (vec![(0.0, 0); n_lanes], VecDeque::with_capacity(RECENT));
        Self { steps: 0, episodes: 0, updates: 0, running, recent }
    }

    fn end_episode(&mut self, lane: usize, terminated: bool) -> TrainEvent {
        let (episode_return, length) = std::mem::take(&mut self.running[lane]);
        self.episodes += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(episode_return);
        TrainEvent::Episode { step: self.steps, episode_return, length, terminated }
    }

    fn report(&self, stopped: bool) -> TrainReport {
        let n = self.recent.len();
        let recent_return = (n > 0).then(|| self.recent.iter().sum::<f64>() / n as f64);
        let Self { steps, episodes, updates, .. } = *self;
        TrainReport { steps, episodes, updates, recent_return, stopped }
    }
}
