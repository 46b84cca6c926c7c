//! A training that was killed and resumed is the one that never was, byte for byte.

use super::small_agent::Small;
use super::*;
use crate::dqn::{DqnAgent, DqnConfig, ReturnModel, TargetUpdate};
use crate::normalisation::Normalisation;
use crate::replay::Priorities;
use crate::schedule::Linear;
use promopt_envs::diagnostic::{Chain, KnownBandit};
use promopt_envs::{EnvError, EnvSpec};
use std::path::Path;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A training that can be begun any number of times.
struct Case<E: Env + Clone> {
    env: E,
    n_lanes: usize,
    agent: MakeAgent,
    config: TrainConfig,
    evaluation: Option<EvaluationConfig>,
    seed: u64,
}

type MakeAgent = fn(&EnvSpec) -> Result<Box<dyn Agent>, AgentError>;

/// What is left of a training: its final checkpoint, and all that it told.
#[derive(Debug, PartialEq)]
struct Trace {
    archive: Vec<u8>,
    events: Vec<String>,
}

impl<E: Env + Clone + 'static> Case<E> {
    /// Trains, from the checkpoint in the folder if asked to, leaves a checkpoint there every 70
    /// steps, and dies at the given event.
    fn run(&self, folder: &Path, resumes: bool, dies_at: usize) -> Result<Trace, AgentError> {
        let path = folder.join("checkpoint.safetensors");
        let mut agent = (self.agent)(self.env.spec())?;
        let mut envs =
            VectorEnv::new(vec![self.env.clone(); self.n_lanes], AutoresetMode::Disabled)?;
        let make = || -> Result<Box<dyn Env>, EnvError> { Ok(Box::new(self.env.clone())) };
        let mut sink = |_: u64, archive: &Archive| archive.write(&path);
        let seed = SeedTree::new(self.seed);
        let mut training = Training::new(agent.as_mut(), &mut envs, &self.config, seed)?
            .with_checkpoints(70, &mut sink)?;
        if let Some(evaluation) = &self.evaluation {
            training = training.with_evaluation(evaluation.clone(), &make)?;
        }
        if resumes {
            training = training.resume(&Archive::read(&path)?)?;
        }
        let mut events = Vec::new();
        training.run(&mut |event| {
            events.push(serde_json::to_string(event).expect("an event is plain data"));
            if events.len() == dies_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        // What dies leaves no final checkpoint.
        let dead = events.len() == dies_at;
        let archive = if dead { Vec::new() } else { training.checkpoint()?.to_bytes()? };
        Ok(Trace { archive, events })
    }

    /// Kills the training at several events and compares what follows with the whole of it.
    fn assert_resumes(&self) -> Outcome {
        let folder = tempfile::tempdir()?;
        let whole = self.run(folder.path(), false, usize::MAX)?;
        let n = whole.events.len();
        let checkpoint = |event: &String| event.contains("\"event\":\"checkpoint\"");
        let first = 1 + whole.events.iter().position(checkpoint).ok_or("there are checkpoints")?;
        for dies_at in [first, first + 1, (first + n) / 3, (first + n) / 2, n - 2] {
            let folder = tempfile::tempdir()?;
            let dead = self.run(folder.path(), false, dies_at.max(first))?;
            let saved = 1 + dead.events.iter().rposition(checkpoint).ok_or("it lived to save")?;
            let resumed = self.run(folder.path(), true, usize::MAX)?;
            assert_eq!(dead.events, whole.events[..dead.events.len()]);
            // The event that tells of the checkpoint came after it and may or may not be told.
            assert_eq!(resumed.events, whole.events[saved..], "killed at event {dies_at} of {n}");
            assert!(resumed.archive == whole.archive, "killed at event {dies_at} of {n}");
        }
        // Twice in a row, at random places of the whole.
        let folder = tempfile::tempdir()?;
        self.run(folder.path(), false, first + 3)?;
        self.run(folder.path(), true, n / 4)?;
        let resumed = self.run(folder.path(), true, usize::MAX)?;
        assert!(resumed.archive == whole.archive);
        Ok(())
    }
}

const CONFIG: TrainConfig =
    TrainConfig { steps: 700, update_every: 2, updates_at_once: 1, report_every: 7 };

fn evaluation() -> Option<EvaluationConfig> {
    Some(EvaluationConfig { every: 150, episodes: 3, patience: Some(50), ..Default::default() })
}

fn dqn_config(n_step: usize) -> DqnConfig {
    DqnConfig {
        hidden: vec![16],
        n_step,
        warm_up: 60,
        replay_capacity: 250,
        batch_size: 16,
        learning_rate: Linear { start: 5e-3, end: 1e-3, steps: 200 },
        target_update: TargetUpdate::Hard { every: 40 },
        epsilon: Linear { start: 1.0, end: 0.1, steps: 600 },
        ..DqnConfig::default()
    }
}

fn dqn<const N: usize>(spec: &EnvSpec) -> Result<Box<dyn Agent>, AgentError> {
    make_dqn(dqn_config(N), spec)
}

fn prioritised_dqn(spec: &EnvSpec) -> Result<Box<dyn Agent>, AgentError> {
    let beta = Linear { start: 0.4, end: 1.0, steps: 250 };
    let priorities = Some(Priorities { beta, ..Default::default() });
    make_dqn(DqnConfig { priorities, ..dqn_config(3) }, spec)
}

/// Every component at once: distributions, noise and priorities.
fn rainbow(spec: &EnvSpec) -> Result<Box<dyn Agent>, AgentError> {
    let returns = ReturnModel::Categorical { n_atoms: 11, low: -5.0, high: 10.0 };
    let priorities = Some(Priorities::default());
    let target_update = TargetUpdate::Soft { rate: 0.02 };
    let noisy = Some(0.5);
    make_dqn(DqnConfig { returns, noisy, priorities, target_update, ..dqn_config(2) }, spec)
}

fn quantile_dqn(spec: &EnvSpec) -> Result<Box<dyn Agent>, AgentError> {
    let returns = ReturnModel::Quantile { n_quantiles: 8 };
    make_dqn(DqnConfig { returns, dueling: false, ..dqn_config(1) }, spec)
}

fn make_dqn(config: DqnConfig, spec: &EnvSpec) -> Result<Box<dyn Agent>, AgentError> {
    let normalisation = Normalisation::identity(spec.observation_space.n_features());
    Ok(Box::new(DqnAgent::new(config, spec, normalisation, SeedTree::new(4))?))
}

#[test]
fn dqn_resumes_on_several_lanes_with_three_steps() -> Outcome {
    let env = KnownBandit::masked(4, 0.1, 9)?;
    let (config, evaluation) = (CONFIG, evaluation());
    Case { env, n_lanes: 3, agent: dqn::<3>, config, evaluation, seed: 1 }.assert_resumes()
}

#[test]
fn dqn_resumes_on_one_lane_with_one_step() -> Outcome {
    let (env, config, evaluation) = (Chain::new(5, true), CONFIG, None);
    Case { env, n_lanes: 1, agent: dqn::<1>, config, evaluation, seed: 2 }.assert_resumes()
}

#[test]
fn dqn_resumes_with_priorities() -> Outcome {
    let env = KnownBandit::masked(4, 0.1, 9)?;
    let (agent, config, evaluation): (MakeAgent, _, _) = (prioritised_dqn, CONFIG, evaluation());
    Case { env, n_lanes: 3, agent, config, evaluation, seed: 6 }.assert_resumes()
}

#[test]
fn dqn_resumes_with_every_component() -> Outcome {
    for agent in [rainbow as MakeAgent, quantile_dqn] {
        let (env, config, evaluation) = (Chain::new(5, true), CONFIG, None);
        Case { env, n_lanes: 2, agent, config, evaluation, seed: 7 }.assert_resumes()?;
    }
    Ok(())
}

fn small<const N: usize, const PRIORITISED: bool>(
    spec: &EnvSpec,
) -> Result<Box<dyn Agent>, AgentError> {
    Ok(Box::new(Small::new(spec, N, PRIORITISED)?))
}

#[test]
fn a_small_learner_resumes_with_every_combination() -> Outcome {
    let agents: [(MakeAgent, usize); 4] = [
        (small::<1, true>, 1),
        (small::<3, true>, 4),
        (small::<3, false>, 2),
        (small::<5, true>, 3),
    ];
    for (agent, n_lanes) in agents {
        let (config, evaluation) = (CONFIG, evaluation());
        let env = Chain::new(5, true);
        Case { env, n_lanes, agent, config, evaluation, seed: 3 }.assert_resumes()?;
        let (config, evaluation) = (CONFIG, None);
        let env = KnownBandit::masked(4, 0.1, 9)?;
        Case { env, n_lanes, agent, config, evaluation, seed: 3 }.assert_resumes()?;
    }
    Ok(())
}

#[test]
fn epsilon_is_not_restarted_on_resume() -> Outcome {
    let (env, evaluation) = (KnownBandit::masked(4, 0.1, 9)?, None);
    let case = Case { env, n_lanes: 2, agent: dqn::<3>, config: CONFIG, evaluation, seed: 1 };
    let folder = tempfile::tempdir()?;
    case.run(folder.path(), false, usize::MAX)?;
    // The last checkpoint lies at 700, so this goes on from there.
    let longer = Case { config: TrainConfig { steps: 800, ..CONFIG }, ..case };
    let resumed = longer.run(folder.path(), true, usize::MAX)?;
    let update = resumed.events.iter().find(|event| event.contains("\"update\""));
    let update: serde_json::Value = serde_json::from_str(update.ok_or("it went on learning")?)?;
    assert!(update["step"].as_u64().is_some_and(|step| step > 700));
    assert_eq!(update["epsilon"], 0.1);
    Ok(())
}

/// The last checkpoint of a small training, and what resuming from a changed one says.
fn refusal(
    change: impl Fn(&mut Case<KnownBandit>, &mut Archive),
) -> Result<String, Box<dyn std::error::Error>> {
    let config = TrainConfig { steps: 200, ..CONFIG };
    let env = KnownBandit::masked(4, 0.1, 9)?;
    let mut case =
        Case { env, n_lanes: 2, agent: small::<3, true>, config, evaluation: None, seed: 1 };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("checkpoint.safetensors");
    case.run(folder.path(), false, usize::MAX)?;
    let mut archive = Archive::read(&path)?;
    change(&mut case, &mut archive);
    archive.write(&path)?;
    match case.run(folder.path(), true, usize::MAX) {
        Err(error) => Ok(error.to_string()),
        Ok(_) => Ok(String::new()),
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused_with_what_differs() -> Outcome {
    assert_eq!(refusal(|_, _| {})?, "");
    assert_eq!(refusal(|case, _| case.config.steps = 500)?, "");
    let message = refusal(|case, _| case.seed = 2)?;
    assert!(message.contains("`seed` was"), "{message}");
    let message = refusal(|case, _| case.n_lanes = 3)?;
    assert!(message.contains("`lanes` was 2 and is 3 now"), "{message}");
    let message = refusal(|case, _| case.config.update_every = 5)?;
    assert!(message.contains("`update_every` was 2 and is 5 now"), "{message}");
    let message = refusal(|case, _| case.config.updates_at_once = 8)?;
    assert!(message.contains("`updates_at_once` was 1 and is 8 now"), "{message}");
    let message = refusal(|case, _| case.evaluation = evaluation())?;
    assert!(message.contains("evaluation.config"), "{message}");
    let message = refusal(|case, _| case.agent = small::<2, true>)?;
    assert!(message.contains("`n` was 3 and is 2 now"), "{message}");
    Ok(())
}

#[test]
fn a_checkpoint_without_memory_or_streams_is_refused() -> Outcome {
    let sections = [
        "training.act",
        "training.counters",
        "training.lanes.episodes",
        "training.lanes.actions",
        "agent.sampler",
        "agent.replay.observations",
        "agent.replay.weights",
        "agent.n_step.observations",
        "agent.observed",
    ];
    for section in sections {
        let message = refusal(|_, archive| archive.put(section, &[] as &[f32]))?;
        assert!(message.contains("checkpoint"), "{section}: {message}");
    }
    Ok(())
}

#[test]
fn environments_that_do_not_repeat_themselves_are_found_out() -> Outcome {
    let message = refusal(|_, archive| {
        let n = archive.get::<f32>("training.lanes.observations").map_or(0, |values| values.len());
        archive.put("training.lanes.observations", &vec![0.25_f32; n]);
    })?;
    assert!(message.contains("check_env"), "{message}");
    Ok(())
}
