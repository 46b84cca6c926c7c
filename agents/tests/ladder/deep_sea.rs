//! Rung 5, deep sea: exploration that luck cannot replace, by an ensemble with randomised priors.

use super::arms::is_slow;
use promopt_agents::experiment::run_seeds;
use promopt_agents::{
    AgentError, BootstrappedConfig, BootstrappedDqn, Ending, EvaluationConfig, Normalisation,
    TrainConfig, Training,
};
use promopt_envs::diagnostic::DeepSea;
use promopt_envs::{AutoresetMode, Env, SeedTree, VectorEnv};
use std::ops::ControlFlow;
use std::time::Instant;

/// Root of the reported runs; settings were chosen on another one.
const REPORTED: u64 = 5_000;

/// Episodes until the sea is solved: until the greedy policy, tried out every 10 episodes, takes
/// the treasure (return 0.99; every other policy gets 0 at most). `None`: not within the limit.
fn episodes_to_solve(n: usize, seed: SeedTree) -> Result<Option<u64>, AgentError> {
    let world = seed.child("world").seed();
    let sea = DeepSea::new(n, Some(world));
    let normalisation = Normalisation::identity(n * n);
    let config = BootstrappedConfig::default();
    let mut agent = BootstrappedDqn::new(config, sea.spec(), &normalisation, seed.child("agent"))?;
    let mut envs = VectorEnv::new(vec![sea.clone()], AutoresetMode::Disabled)?;
    let length = n as u64;
    let limit = 10 * length * length;
    let train = TrainConfig { steps: limit * length, update_every: 1, ..TrainConfig::default() };
    let evaluation = EvaluationConfig {
        every: 10 * length,
        episodes: 2,
        longest_episode: n as u32,
        target_return: Some(0.98),
        ..EvaluationConfig::default()
    };
    let make_env = || Ok(Box::new(sea.clone()) as Box<dyn Env>);
    let report = Training::new(&mut agent, &mut envs, &train, seed.child("training"))?
        .with_evaluation(evaluation, &make_env)?
        .run(&mut |_| ControlFlow::Continue(()))?;
    Ok((report.ending == Ending::Target).then_some(report.steps / length))
}

fn solve(n: usize, seeds: u32) -> Result<usize, AgentError> {
    let start = Instant::now();
    let needed = run_seeds(SeedTree::new(REPORTED), seeds, |seed| episodes_to_solve(n, seed))?;
    let solved = needed.iter().flatten().count();
    eprintln!(
        "deep sea {n}: {solved} of {seeds} seeds solved within {} episodes, after {needed:?}, {:.1} s",
        10 * n * n,
        start.elapsed().as_secs_f64()
    );
    Ok(solved)
}

#[test]
fn the_treasure_is_found_long_before_luck_would() -> Result<(), AgentError> {
    if !is_slow() {
        // 360 episodes; uniform actions take the treasure once in 2⁶ and never learn to.
        assert_eq!(solve(6, 1)?, 1);
        return Ok(());
    }
    for n in [10, 20] {
        let solved = solve(n, 10)?;
        assert!(solved >= 9, "{solved} of 10 at {n}");
    }
    Ok(())
}
