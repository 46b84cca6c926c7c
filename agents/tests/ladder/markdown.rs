//! Rung 2: DQN on the markdown season, scored by the exact value of its greedy policy.

use super::arms::is_slow;
use super::seeds::scores_of;
use promopt_agents::schedule::Linear;
use promopt_agents::{
    Agent, AgentError, DqnAgent, DqnConfig, ErrorLoss, Normalisation, TargetUpdate, TrainConfig,
    train,
};
use promopt_envs::diagnostic::Markdown;
use promopt_envs::{AutoresetMode, Env, SeedTree, VectorEnv};
use promopt_policies::Policy;
use std::ops::ControlFlow;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Root of the reported seeds; settings were chosen on others.
const REPORTED: u64 = 2_026;
const LANES: usize = 8;
/// Stable-Baselines3 got 94 % of the optimum without a budget and 93 % with one in 60,000.
const STEPS: u64 = 100_000;
const UPDATE_EVERY: u64 = 4;

/// Settings for this many steps. Demand is noise of the size of what a price decides, so scores are
/// averages over many rewards: large batches, a step size that falls to nothing, a squared error
/// (Huber's would learn medians) and one-step returns, which exploration does not bias.
fn config(steps: u64) -> DqnConfig {
    let updates = steps / UPDATE_EVERY;
    DqnConfig {
        hidden: vec![64, 64],
        discount_factor: 1.0,
        n_step: 1,
        replay_capacity: steps as usize,
        warm_up: 2_000,
        batch_size: 256,
        learning_rate: Linear { start: 1e-3, end: 1e-6, steps: updates },
        loss: ErrorLoss::Squared,
        target_update: TargetUpdate::Soft { rate: 0.01 },
        epsilon: Linear { start: 0.3, end: 0.1, steps: steps / 2 },
        reward_scale: 0.05,
        ..DqnConfig::default()
    }
}

/// Random actions that make the budget last the season: a markdown in three weeks of twelve, where
/// equal shares would spend all three in the first four weeks. What a budget is worth late in the
/// season, where demand is highest, is then never learned, and neither is to keep it.
fn paced(steps: u64) -> DqnConfig {
    DqnConfig {
        epsilon: Linear { start: 1.0, end: 0.2, steps: steps / 2 },
        exploration_weights: vec![15.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        ..config(steps)
    }
}

fn trained(
    world: &Markdown,
    config: DqnConfig,
    train_config: &TrainConfig,
    seed: SeedTree,
) -> Result<Box<dyn Policy>, AgentError> {
    let normalisation = Normalisation::from_space(&world.spec().observation_space);
    let mut agent = DqnAgent::new(config, world.spec(), normalisation, seed.child("agent"))?;
    let mut lanes = VectorEnv::new(vec![world.clone(); LANES], AutoresetMode::Disabled)?;
    // An illegal action would be an error of the environment and end the training.
    let go = &mut |_: &_| ControlFlow::Continue(());
    train(&mut agent, &mut lanes, train_config, seed.child("train"), go)?;
    Ok(agent.policy()?.into_policy())
}

/// Expected return of the greedy policy from the start, over that of the best policy.
fn share_of_optimum(world: &Markdown, policy: &dyn Policy) -> f64 {
    let decide = |state: usize| {
        let mask = world.mask_of(state);
        let distribution = policy.distribution(&world.observation_of(state), &mask);
        let action = mask.argmax(distribution.probabilities());
        assert!(mask.allows(action) && distribution.probabilities()[action] == 1.0);
        action
    };
    let actions: Vec<usize> = (0..world.n_states()).map(decide).collect();
    let mdp = world.mdp().expect("a complete table");
    let value = mdp.evaluate_steps(&actions, 1.0, 12).expect("allowed actions");
    let best = mdp.backward_induction(1.0, 12).expect("no discount");
    value[world.start()] / best.values[world.start()]
}

fn median_share(
    what: &str,
    world: &Markdown,
    config: &DqnConfig,
    steps: u64,
    n_seeds: u32,
) -> Result<f64, Box<dyn std::error::Error>> {
    let train_config = TrainConfig {
        steps,
        update_every: UPDATE_EVERY,
        report_every: 1_000,
        ..TrainConfig::default()
    };
    let scores = scores_of(&format!("{what}, {steps} steps"), REPORTED, n_seeds, |seed| {
        let policy = trained(world, config.clone(), &train_config, seed)?;
        Ok(share_of_optimum(world, policy.as_ref()))
    })?;
    Ok(scores.median())
}

#[test]
fn dqn_sells_the_season_nearly_as_well_as_the_best_plan() -> Outcome {
    let (free, budgeted) = (Markdown::new(None), Markdown::new(Some(3)));
    if !is_slow() {
        // One price all season earns 93 % at most; 10,000 steps are not enough to beat that surely,
        // but chance earns 83.6 % and looking one week ahead 64.4 %.
        let share = median_share("markdown", &free, &config(10_000), 10_000, 1)?;
        assert!(share > 0.836, "{share}");
        eprintln!("skipped: ten seeds with and without a budget; set RUN_SLOW=1");
        return Ok(());
    }
    // What the reference got in its number of steps, and the targets in ours.
    for (steps, free_share, budgeted_share) in [(60_000, 0.94, 0.93), (STEPS, 0.99, 0.98)] {
        let share = median_share("markdown", &free, &config(steps), steps, 10)?;
        assert!(share >= free_share, "{share}");
        let share = median_share("markdown, budget 3", &budgeted, &paced(steps), steps, 10)?;
        assert!(share >= budgeted_share, "{share}");
    }
    Ok(())
}
