//! One agent in the fitted world: made by name, trained, watched, and resumed where it was cut off.

use super::error::RunError;
use super::folder::{key_of, write_json, write_whole};
use super::stage::{Job, Stage};
use crate::config::TrainSettings;
use promopt_agents::bandit::{NeuralLinear, RegressorBandit};
use promopt_agents::train::EventFile;
use promopt_agents::{
    Agent, AgentError, Archive, DqnAgent, DqnConfig, LinUcb, Normalisation, Snapshot, Thompson,
    TrainConfig, TrainEvent, Training,
};
use promopt_envs::retail::{PromotionEnv, PromotionWorld};
use promopt_envs::{AutoresetMode, Env, EnvError, EnvSpec, SeedTree, VectorEnv};
use promopt_policies::PortablePolicy;
use serde::Serialize;
use std::cell::RefCell;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Customer-weeks of random play from which features are normalised.
const NORMALISATION_STEPS: usize = 8_000;
/// Episodes per point of the learning curve.
const CURVE_EPISODES: usize = 200;
/// Checkpoints per training.
const CHECKPOINTS: u64 = 10;
/// Where trainings that were cut off wait to be resumed.
const UNFINISHED: &str = "agents-unfinished";

/// One point of a learning curve, a line of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, Serialize)]
struct CurvePoint {
    event: &'static str,
    step: u64,
    episodes: usize,
    mean_return: f64,
    standard_error: f64,
}

/// What an agent is made from.
struct Ingredients<'a> {
    settings: &'a TrainSettings,
    spec: EnvSpec,
    normalisation: Normalisation,
    /// Standard deviation of a reward under random play.
    reward_spread: f64,
    seed: SeedTree,
}

/// Where agents are trained.
pub(super) struct Classroom<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) world: &'a Arc<PromotionWorld>,
}

impl Classroom<'_> {
    /// Trains the agent of this name, writes curve, policy and checkpoint into `out`, and returns
    /// its policy. A training of the same job that was cut off goes on where it stopped.
    pub(super) fn train(
        &self,
        name: &str,
        seed: SeedTree,
        out: &Path,
    ) -> Result<PortablePolicy, RunError> {
        fs::create_dir_all(out).map_err(RunError::io("create", out))?;
        let settings = &self.job.config.train;
        let (normalisation, reward_spread) = normalise(self.env()?, seed.child("normalise"))?;
        let lanes = (0..settings.lanes).map(|_| self.env()).collect::<Result<Vec<_>, _>>()?;
        let mut envs = VectorEnv::new(lanes, AutoresetMode::Disabled)?;
        let spec = envs.spec().clone();
        let from = Ingredients { settings, spec, normalisation, reward_spread, seed };
        let mut agent = make(name, from)?;
        let taught = self.teach(name, agent.as_mut(), &mut envs, seed)?;
        let policy = match taught.snapshot {
            Snapshot::Network(policy) => PortablePolicy::QNetwork(policy),
            Snapshot::Linear(policy) => PortablePolicy::Linear(policy),
        };
        write_whole(&out.join("metrics.jsonl"), taught.lines.as_bytes())?;
        // No clock here: the steps stand for the time.
        let events = out.join(EventFile::<Vec<u8>>::file_name(0));
        write_whole(&events, &event_file(&taught.lines).map_err(RunError::io("write", &events))?)?;
        write_json(&out.join("policy.json"), &policy)?;
        let folder = out.join("checkpoint");
        fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        taught.archive.write(&folder.join("training.safetensors"))?;
        Ok(policy)
    }

    /// Forgets trainings that were cut off: all of them are finished now, or belong to another job.
    pub(super) fn clear_unfinished(&self) -> Result<(), RunError> {
        let folder = self.job.folder.path(UNFINISHED);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(RunError::io("remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }

    fn env(&self) -> Result<PromotionEnv, EnvError> {
        PromotionEnv::new(Arc::clone(self.world), self.job.config.environment.clone())
    }

    /// The checkpoint of an agent's training, named by everything that decides how it goes.
    fn unfinished(&self, name: &str) -> Result<PathBuf, RunError> {
        let config = self.job.config;
        let text = serde_json::to_string(&(&config.train, &config.environment, config.seed))
            .map_err(|e| RunError::Config(format!("the config cannot be written: {e}")))?;
        let world = self.job.folder.finished_key("fit").unwrap_or_default();
        let key = key_of(&[super::stage::CODE_VERSION, &text, &world]);
        let folder = self.job.folder.path(UNFINISHED);
        fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        Ok(folder.join(format!("{name}-{}", key.get(..16).unwrap_or(&key))))
    }

    /// Runs the loop.
    fn teach(
        &self,
        name: &str,
        agent: &mut dyn Agent,
        envs: &mut VectorEnv<PromotionEnv>,
        seed: SeedTree,
    ) -> Result<Taught, RunError> {
        let settings = &self.job.config.train;
        let length = train_config(settings, name);
        let unfinished = self.unfinished(name)?;
        let older = Archive::read(&unfinished).ok();
        let watch = RefCell::new(Watch::new(self.job, &length, name));
        let mut keep = |_: u64, archive: &Archive| {
            let mut archive = archive.clone();
            watch.borrow().save(&mut archive)?;
            archive.write(&unfinished)
        };
        let make_env = || -> Result<Box<dyn Env>, EnvError> { Ok(Box::new(self.env()?)) };
        let mut training = Training::new(agent, envs, &length, seed.child("loop"))?
            .with_checkpoints((length.steps / CHECKPOINTS).max(1), &mut keep)?;
        if name == "dqn"
            && let Some(evaluation) = &settings.dqn_evaluation
        {
            training = training.with_evaluation(evaluation.clone(), &make_env)?;
        }
        if let Some(archive) = older {
            training = training.resume(&archive)?;
            watch.borrow_mut().load(&archive)?;
        }
        training.run(&mut |event| watch.borrow_mut().see(event))?;
        let archive = training.checkpoint()?;
        let best = training.best()?;
        drop(training);
        let snapshot = match best {
            Some(best) => best.snapshot,
            None => agent.policy()?,
        };
        let lines = watch.into_inner().lines;
        Ok(Taught { snapshot, lines, archive })
    }
}

/// What a training leaves behind.
struct Taught {
    snapshot: Snapshot,
    /// Of `metrics.jsonl`.
    lines: String,
    archive: Archive,
}

fn make(name: &str, from: Ingredients<'_>) -> Result<Box<dyn Agent>, RunError> {
    let Ingredients { settings, spec, normalisation, reward_spread, seed } = from;
    let seed = seed.child("agent");
    Ok(match name {
        "dqn" => {
            let reward_scale = settings.dqn.reward_scale / reward_spread;
            let config = DqnConfig { reward_scale, ..settings.dqn.clone() };
            Box::new(DqnAgent::new(config, &spec, normalisation, seed)?)
        }
        "lin_ucb" => Box::new(LinUcb::new(settings.lin_ucb.clone(), &spec, normalisation)?),
        "thompson" => Box::new(Thompson::new(settings.thompson.clone(), &spec, normalisation)?),
        "bandit" => {
            let config = settings.bandit.clone();
            Box::new(RegressorBandit::new(config, &spec, &normalisation, None, seed)?)
        }
        "neural_linear" => {
            let config = settings.neural_linear.clone();
            Box::new(NeuralLinear::new(config, &spec, normalisation, seed)?)
        }
        _ => return Err(RunError::Config(format!("no agent is called `{name}`"))),
    })
}

fn train_config(settings: &TrainSettings, name: &str) -> TrainConfig {
    if name == "dqn" {
        TrainConfig {
            steps: settings.dqn_steps,
            update_every: settings.dqn_update_every,
            report_every: 500,
            ..TrainConfig::default()
        }
    } else {
        let (steps, report_every) = (settings.bandit_steps, 1_000_000);
        TrainConfig { steps, update_every: 1, report_every, ..TrainConfig::default() }
    }
}

/// Means and scales of the features, and the standard deviation of rewards, under random play.
fn normalise(mut env: PromotionEnv, seed: SeedTree) -> Result<(Normalisation, f64), RunError> {
    let mut rng = seed.stream();
    let n_features = env.spec().observation_space.n_features();
    let mut observations = Vec::with_capacity(NORMALISATION_STEPS * n_features);
    let (mut sum, mut squares) = (0.0, 0.0);
    env.reset(Some(seed.child("env").seed()));
    for _ in 0..NORMALISATION_STEPS {
        observations.extend_from_slice(env.observation());
        let action = env.action_mask().sample(&mut rng);
        let step = env.step(action)?;
        sum += step.reward;
        squares += step.reward * step.reward;
        if step.is_last() {
            env.reset(None);
        }
    }
    let n = NORMALISATION_STEPS as f64;
    let spread = (squares / n - (sum / n).powi(2)).max(0.0).sqrt();
    let normalisation = Normalisation::fit(&observations, n_features)?;
    Ok((normalisation, if spread > 1e-9 { spread } else { 1.0 }))
}

/// Watches a training: `metrics.jsonl`, and progress for the user.
struct Watch<'a> {
    job: &'a Job<'a>,
    name: &'a str,
    steps: u64,
    reported: u64,
    /// Of `metrics.jsonl`, so far.
    lines: String,
    /// Returns of the episodes since the last point of the curve.
    returns: Vec<f64>,
}

impl<'a> Watch<'a> {
    fn new(job: &'a Job<'a>, length: &TrainConfig, name: &'a str) -> Self {
        let (lines, returns) = (String::new(), Vec::new());
        Self { job, name, steps: length.steps, reported: 0, lines, returns }
    }

    fn see(&mut self, event: &TrainEvent) -> ControlFlow<()> {
        match event {
            TrainEvent::Episode { step, episode_return, .. } => {
                self.returns.push(*episode_return);
                if self.returns.len() == CURVE_EPISODES {
                    self.line(&curve_point(*step, &self.returns));
                    self.returns.clear();
                }
            }
            TrainEvent::Checkpoint { .. } => {}
            figures => self.line(figures),
        }
        if event.step() >= self.reported + self.steps / 50 {
            self.reported = event.step();
            self.job.observer.progress(Stage::Train, self.reported, self.steps, self.name);
        }
        ControlFlow::Continue(())
    }

    fn line<T: Serialize>(&mut self, figures: &T) {
        if let Ok(line) = serde_json::to_string(figures) {
            self.lines.push_str(&line);
            self.lines.push('\n');
        }
    }

    fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("run.metrics", &self.lines)?;
        archive.put("run.returns", &self.returns);
        Ok(())
    }

    fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        self.lines = archive.get_json("run.metrics")?;
        self.returns = archive.get("run.returns")?;
        Ok(())
    }
}

fn curve_point(step: u64, returns: &[f64]) -> CurvePoint {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let standard_error = (variance / n).sqrt();
    CurvePoint { event: "curve", step, episodes: returns.len(), mean_return: mean, standard_error }
}

/// The lines of `metrics.jsonl` for TensorBoard: every number under `event/field`.
fn event_file(lines: &str) -> io::Result<Vec<u8>> {
    let mut file = EventFile::new(Vec::new(), 0.0)?;
    for line in lines.lines() {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(line) else { continue };
        let event = fields.get("event").and_then(|e| e.as_str()).unwrap_or("training");
        let step = fields.get("step").and_then(serde_json::Value::as_u64).unwrap_or(0);
        for (field, value) in fields.iter().filter(|(field, _)| *field != "step") {
            if let Some(value) = value.as_f64() {
                file.scalar(&format!("{event}/{field}"), step, value, step as f64)?;
            }
        }
    }
    file.finish()
}
