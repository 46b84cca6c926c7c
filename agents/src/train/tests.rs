//! Evaluations and early stops of a small learner, and what the loop promises about seeds.

use super::small_agent::Small;
use super::*;
use crate::agent::{Metrics, Snapshot};
use promopt_envs::diagnostic::{Identity, KnownBandit};
use promopt_envs::{ActionMask, EnvError, EnvSpec};
use promopt_policies::Decision;
use rand::RngCore;
use std::cell::RefCell;
use std::rc::Rc;

/// The report, the scores with whether each was the best yet, and the best.
type Evaluated = (TrainReport, Vec<(Score, bool)>, Option<Best>);
type Outcome = Result<(), Box<dyn std::error::Error>>;

const CONFIG: TrainConfig =
    TrainConfig { steps: 1_500, update_every: 2, updates_at_once: 1, report_every: 10 };

fn evaluation() -> EvaluationConfig {
    EvaluationConfig { every: 100, episodes: 4, seed: 11, ..Default::default() }
}

fn lanes<E: Env + Clone>(env: &E, n: usize) -> Result<VectorEnv<E>, EnvError> {
    VectorEnv::new(vec![env.clone(); n], AutoresetMode::Disabled)
}

fn go(_: &TrainEvent) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Trains a small agent on the identity with evaluations.
fn evaluated(config: &EvaluationConfig) -> Result<Evaluated, AgentError> {
    let env = Identity::new(3, 8);
    let mut agent = Small::new(env.spec(), 1, false)?;
    let make = || -> Result<Box<dyn Env>, EnvError> { Ok(Box::new(Identity::new(3, 8))) };
    let mut envs = lanes(&env, 2)?;
    let mut training = Training::new(&mut agent, &mut envs, &CONFIG, SeedTree::new(1))?
        .with_evaluation(config.clone(), &make)?;
    let mut scores = Vec::new();
    let report = training.run(&mut |event| {
        if let TrainEvent::Evaluation { score, best, .. } = event {
            scores.push((*score, *best));
        }
        ControlFlow::Continue(())
    })?;
    let best = training.best()?;
    Ok((report, scores, best))
}

#[test]
fn the_best_policy_is_kept() -> Outcome {
    let (report, scores, best) = evaluated(&evaluation())?;
    assert_eq!((report.ending, scores.len()), (Ending::Steps, 15));
    let best = best.ok_or("there were evaluations")?;
    let first_best = scores.iter().rposition(|(_, best)| *best).ok_or("the first is the best")?;
    assert!(scores.iter().all(|(score, _)| score.mean <= best.score.mean));
    assert_eq!((scores[first_best].0, (first_best as u64 + 1) * 100), (best.score, best.step));
    // The world has no noise beside its symbols, of which every policy that matches them gets 8.
    assert_eq!(best.score.mean, 8.0);
    let seeds = SeedTree::new(evaluation().seed).child("evaluation");
    let policy = best.snapshot.into_policy();
    let returns = episode_returns(policy.as_ref(), &mut Identity::new(3, 8), 4, 100, seeds)?;
    assert_eq!(Score::of(&returns), best.score);
    Ok(())
}

#[test]
fn training_ends_when_patience_does() -> Outcome {
    let config = EvaluationConfig { patience: Some(3), ..evaluation() };
    let (report, scores, _) = evaluated(&config)?;
    assert_eq!(report.ending, Ending::Patience);
    let latest = scores.iter().rposition(|(_, best)| *best).ok_or("the first is the best")?;
    assert_eq!(scores.len(), latest + 1 + 3);
    // Nothing improves by a million: the first evaluation sets the mark and three more fail it.
    let config = EvaluationConfig { min_improvement: 1e6, ..config };
    assert_eq!(evaluated(&config)?.1.len(), 4);
    Ok(())
}

#[test]
fn training_ends_at_its_target() -> Outcome {
    let config = EvaluationConfig { target_return: Some(8.0), ..evaluation() };
    let (report, scores, _) = evaluated(&config)?;
    assert_eq!(report.ending, Ending::Target);
    let (last, before) = scores.split_last().ok_or("there were evaluations")?;
    assert!(last.0.mean >= 8.0 && before.iter().all(|(score, _)| score.mean < 8.0));
    assert_eq!(report.steps, 100 * scores.len() as u64);
    Ok(())
}

#[test]
fn an_evaluation_does_not_change_the_training() -> Outcome {
    let env = KnownBandit::masked(4, 0.1, 7)?;
    let make =
        || -> Result<Box<dyn Env>, EnvError> { Ok(Box::new(KnownBandit::masked(4, 0.1, 7)?)) };
    let run = |evaluates: bool| -> Result<Vec<u8>, AgentError> {
        let mut agent = Small::new(env.spec(), 3, true)?;
        let mut envs = lanes(&env, 3)?;
        let mut training = Training::new(&mut agent, &mut envs, &CONFIG, SeedTree::new(1))?;
        if evaluates {
            training = training.with_evaluation(evaluation(), &make)?;
        }
        training.run(&mut go)?;
        let mut archive = Archive::default();
        agent.save(&mut archive)?;
        archive.to_bytes()
    };
    assert_eq!(run(true)?, run(false)?);
    Ok(())
}

#[test]
fn an_episode_that_does_not_end_is_an_error() -> Outcome {
    let env = Identity::new(3, 50);
    let policy = Small::new(env.spec(), 1, false)?.policy()?.into_policy();
    let result = episode_returns(policy.as_ref(), &mut env.clone(), 1, 49, SeedTree::new(1));
    let message = result.expect_err("50 steps are more than 49").to_string();
    assert!(message.contains("longest_episode"), "{message}");
    assert!(episode_returns(policy.as_ref(), &mut env.clone(), 1, 50, SeedTree::new(1)).is_ok());
    Ok(())
}

#[test]
fn a_score_has_the_interval_of_student() {
    // Mean 3, s = √(10/4), t = 2.776445: half width 2.776445 · 1.581139 / √5 = 1.963243.
    let score = Score::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!((score.mean, score.episodes), (3.0, 5));
    assert!((score.high - 4.963_243).abs() < 1e-5 && (score.low - 1.036_757).abs() < 1e-5);
    assert_eq!(Score::of(&[2.0]).high, f64::INFINITY);
}

/// Notes the seeds of its resets.
#[derive(Clone)]
struct Noting(Identity, Rc<RefCell<Vec<u64>>>);

impl Env for Noting {
    fn spec(&self) -> &EnvSpec {
        self.0.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.1.borrow_mut().extend(seed);
        self.0.reset(seed);
    }

    fn observation(&self) -> &[f32] {
        self.0.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.0.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.0.step(action)
    }
}

#[test]
fn every_episode_has_a_seed_of_its_own_and_evaluations_have_others() -> Outcome {
    let noting = || Noting(Identity::new(3, 5), Rc::default());
    let (evaluated, config) = (noting(), TrainConfig { steps: 120, ..CONFIG });
    let make = || -> Result<Box<dyn Env>, EnvError> { Ok(Box::new(evaluated.clone())) };
    let seeds_of_lanes = |n: usize| -> Result<Vec<Vec<u64>>, AgentError> {
        let worlds: Vec<Noting> = (0..n).map(|_| noting()).collect();
        let mut envs = VectorEnv::new(worlds, AutoresetMode::Disabled)?;
        let mut agent = Small::new(envs.spec(), 1, false)?;
        // The same root for both: only names keep them apart.
        let config_there = EvaluationConfig { every: 60, seed: 1, ..evaluation() };
        Training::new(&mut agent, &mut envs, &config, SeedTree::new(1))?
            .with_evaluation(config_there, &make)?
            .run(&mut go)?;
        Ok(envs.envs().iter().map(|env| env.1.borrow().clone()).collect())
    };
    let (one, three) = (seeds_of_lanes(1)?, seeds_of_lanes(3)?);
    assert_eq!((one[0].len(), three[0].len()), (1 + 120 / 5, 1 + 40 / 5));
    assert_eq!(one[0][..9], three[0][..]);
    let tried = evaluated.1.borrow();
    assert_eq!(tried.len(), 2 * 2 * 4);
    assert!(tried.chunks(4).all(|seeds| seeds == &tried[..4]));
    let mut all: Vec<u64> = three.concat();
    all.extend(&tried[..4]);
    let n = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n);
    Ok(())
}

/// An agent that was never taught to be saved.
struct Forgetful(Small);

impl Agent for Forgetful {
    fn name(&self) -> &str {
        "forgetful"
    }

    fn act(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> Result<Decision, AgentError> {
        self.0.act(observation, mask, rng)
    }

    fn observe(&mut self, transition: &Transition<'_>) -> Result<(), AgentError> {
        self.0.observe(transition)
    }

    fn update(&mut self) -> Result<Option<Metrics>, AgentError> {
        self.0.update()
    }

    fn policy(&self) -> Result<Snapshot, AgentError> {
        self.0.policy()
    }
}

#[test]
fn an_agent_without_checkpoints_is_refused_before_it_trains() -> Outcome {
    let env = KnownBandit::new(3, 0.1, 5)?;
    let mut agent = Forgetful(Small::new(env.spec(), 1, false)?);
    let mut envs = lanes(&env, 1)?;
    let mut sink = |_: u64, _: &Archive| Ok(());
    let result = Training::new(&mut agent, &mut envs, &CONFIG, SeedTree::new(1))?
        .with_checkpoints(10, &mut sink)
        .err();
    let message = result.ok_or("it cannot be saved")?.to_string();
    assert!(message.contains("`forgetful`"), "{message}");
    Ok(())
}

#[test]
fn updates_of_a_round_are_made_at_one_step() -> Outcome {
    let env = Identity::new(3, 8);
    let mut agent = Small::new(env.spec(), 1, false)?;
    let rounds = TrainConfig { steps: 160, update_every: 16, updates_at_once: 8, report_every: 1 };
    let mut steps = Vec::new();
    let report =
        train(&mut agent, &mut lanes(&env, 1)?, &rounds, SeedTree::new(1), &mut |event| {
            if let TrainEvent::Update { step, .. } = event {
                steps.push(*step);
            }
            ControlFlow::Continue(())
        })?;
    // It does not learn before it has a batch: the first round with one may be late.
    assert_eq!(report.updates, steps.len() as u64);
    let first = steps.first().ok_or("it learned")? / 16;
    assert!(steps.chunks(8).zip(first..).all(|(round, k)| round == [16 * k; 8]), "{steps:?}");
    assert_eq!(steps.last(), Some(&160));
    Ok(())
}
