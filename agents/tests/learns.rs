//! Every agent learns what it must on worlds whose best policy is known.

use promopt_agents::schedule::Linear;
use promopt_agents::{
    Agent, AgentError, DqnAgent, DqnConfig, Ending, LinUcb, LinUcbConfig, Normalisation, Snapshot,
    TargetUpdate, Thompson, ThompsonConfig, TrainConfig, TrainEvent, TrainReport, train,
};
use promopt_envs::diagnostic::{Chain, Identity, KnownBandit, TimeoutTrap};
use promopt_envs::{
    ActionId, ActionMask, AutoresetMode, Env, EnvError, EnvSpec, SeedTree, Step, VectorEnv,
};
use promopt_policies::Policy;
use std::ops::ControlFlow;
use std::process::Command;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn lanes<E: Env + Clone>(env: &E, n: usize) -> Result<VectorEnv<E>, EnvError> {
    VectorEnv::new(vec![env.clone(); n], AutoresetMode::Disabled)
}

fn run<E: Env + Clone>(
    agent: &mut dyn Agent,
    env: &E,
    steps: u64,
    seed: u64,
) -> Result<TrainReport, AgentError> {
    let config = TrainConfig { steps, update_every: 2, report_every: 1, ..TrainConfig::default() };
    let seed = SeedTree::new(seed).child("train");
    train(agent, &mut lanes(env, 2)?, &config, seed, &mut |_| ControlFlow::Continue(()))
}

fn small_dqn() -> DqnConfig {
    DqnConfig {
        hidden: vec![32],
        discount_factor: 0.9,
        n_step: 1,
        warm_up: 100,
        replay_capacity: 2_000,
        batch_size: 32,
        learning_rate: Linear { start: 5e-3, end: 1e-3, steps: 1_500 },
        target_update: TargetUpdate::Soft { rate: 0.05 },
        epsilon: Linear { start: 1.0, end: 0.2, steps: 1_000 },
        ..DqnConfig::default()
    }
}

fn dqn(config: DqnConfig, spec: &EnvSpec, seed: u64) -> Result<DqnAgent, AgentError> {
    let normalisation = Normalisation::identity(spec.observation_space.n_features());
    DqnAgent::new(config, spec, normalisation, SeedTree::new(seed).child("agent"))
}

fn greedy(policy: &dyn Policy, observation: &[f32], mask: &ActionMask) -> ActionId {
    let distribution = policy.distribution(observation, mask);
    mask.argmax(distribution.probabilities())
}

fn one_hot(n: usize, at: usize) -> Vec<f32> {
    (0..n).map(|i| if i == at { 1.0 } else { 0.0 }).collect()
}

#[test]
fn dqn_solves_identity() -> Outcome {
    let env = Identity::new(4, 10);
    let mut agent = dqn(small_dqn(), env.spec(), 1)?;
    run(&mut agent, &env, 2_000, 1)?;
    let policy = agent.policy()?.into_policy();
    for symbol in 0..4 {
        assert_eq!(greedy(policy.as_ref(), &one_hot(4, symbol), &ActionMask::all(4)), symbol);
    }
    Ok(())
}

#[test]
fn dqn_walks_the_chain_with_every_combination_of_switches() -> Outcome {
    let env = Chain::new(6, true);
    for (double, dueling, n_step) in [(false, false, 1), (true, true, 3)] {
        let config = DqnConfig { double, dueling, n_step, ..small_dqn() };
        let mut agent = dqn(config, env.spec(), 2)?;
        run(&mut agent, &env, 3_000, 2)?;
        let policy = agent.policy()?.into_policy();
        for cell in 0..5 {
            assert_eq!(greedy(policy.as_ref(), &one_hot(6, cell), &ActionMask::all(2)), 1);
        }
    }
    Ok(())
}

/// Calls the time limit an ending, as a learner with a single `done` flag does.
#[derive(Clone)]
struct Merged(TimeoutTrap);

impl Env for Merged {
    fn spec(&self) -> &EnvSpec {
        self.0.spec()
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.0.reset(seed);
    }

    fn observation(&self) -> &[f32] {
        self.0.observation()
    }

    fn action_mask(&self) -> &ActionMask {
        self.0.action_mask()
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        let step = self.0.step(action)?;
        Ok(Step { terminated: step.is_last(), truncated: false, ..step })
    }
}

#[test]
fn a_time_limit_does_not_cut_the_bootstrap() -> Outcome {
    let env = TimeoutTrap::new();
    let mut agent = dqn(small_dqn(), env.spec(), 3)?;
    run(&mut agent, &env, 2_500, 3)?;
    let scores = agent.scores(&[1.0])?;
    assert!(scores[TimeoutTrap::STAY] > scores[TimeoutTrap::LEAVE], "{scores:?}");
    // The world has no noise: what is left is the distance of the fixed point iteration, which
    // shrinks by at least 1 − 0.05 · 0.1 per update: 10 · 0.995^1200 = 0.024, and the step of Adam.
    let value = env.optimal_value(0.9);
    assert!((f64::from(scores[TimeoutTrap::STAY]) - value).abs() < 0.5, "{scores:?}");
    Ok(())
}

#[test]
fn a_learner_that_merges_the_flags_falls_into_the_trap() -> Outcome {
    let env = Merged(TimeoutTrap::new());
    let mut agent = dqn(small_dqn(), env.spec(), 3)?;
    run(&mut agent, &env, 2_500, 3)?;
    let scores = agent.scores(&[1.0])?;
    assert!(scores[TimeoutTrap::LEAVE] > scores[TimeoutTrap::STAY], "{scores:?}");
    Ok(())
}

#[test]
fn a_masked_action_is_never_taken_and_propensities_are_exact() -> Outcome {
    let env = KnownBandit::masked(4, 0.0, 10)?;
    let config = DqnConfig { epsilon: Linear::constant(0.4), ..small_dqn() };
    let mut agent = dqn(config, env.spec(), 4)?;
    let mask = ActionMask::from_flags(vec![false, true, true, false]).ok_or("two are allowed")?;
    let mut rng = SeedTree::new(4).stream();
    let mut taken = [0_u32; 4];
    let mut propensities = [0.0_f64; 4];
    for _ in 0..4_000 {
        let decision = agent.act(&[0.1, -0.2, 0.3, 0.4], &mask, &mut rng)?;
        taken[decision.action] += 1;
        propensities[decision.action] = decision.propensity;
    }
    assert_eq!((taken[0], taken[3]), (0, 0));
    let mut known = [propensities[1], propensities[2]];
    known.sort_by(f64::total_cmp);
    assert!((known[0] - 0.2).abs() < 1e-12 && (known[1] - 0.8).abs() < 1e-12);
    // A count of 4000 · 0.2 = 800 has standard deviation √(4000 · 0.2 · 0.8) = 25.3.
    assert!((f64::from(taken[1].min(taken[2])) - 800.0).abs() < 4.0 * 25.3);
    Ok(())
}

#[test]
fn the_snapshot_of_a_trained_agent_scores_as_candle_does() -> Outcome {
    let env = KnownBandit::new(5, 0.1, 20)?;
    let config = DqnConfig { reward_scale: 0.5, ..small_dqn() };
    let mut agent = dqn(config, env.spec(), 5)?;
    run(&mut agent, &env, 600, 5)?;
    let Snapshot::Network(policy) = agent.policy()? else {
        return Err("a Q-network leaves as a network".into());
    };
    for i in 0..50 {
        let observation: Vec<f32> = (0..5).map(|j| ((i * 5 + j) as f32).sin()).collect();
        let plain = policy.network.scores(&observation);
        for (plain, scaled) in plain.iter().zip(agent.scores(&observation)?) {
            assert!((plain - scaled / 0.5).abs() < 1e-5, "{plain} {scaled}");
        }
    }
    Ok(())
}

fn trained_weights(seed: u64) -> Result<Vec<u8>, AgentError> {
    let env = KnownBandit::masked(4, 0.1, 20)?;
    let config = DqnConfig { hidden: vec![128, 128], batch_size: 64, ..small_dqn() };
    let mut agent = dqn(config, env.spec(), seed)?;
    run(&mut agent, &env, 300, seed)?;
    agent.weights_safetensors()
}

#[test]
#[expect(clippy::print_stdout, reason = "the test of thread counts reads it from this process")]
fn the_same_seed_gives_the_same_weights() -> Outcome {
    let weights = trained_weights(6)?;
    assert_eq!(weights, trained_weights(6)?);
    assert_ne!(weights, trained_weights(7)?);
    let hash = weights.iter().fold(0_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
    });
    println!("weights:{hash:016x};");
    Ok(())
}

#[test]
fn the_number_of_threads_does_not_change_the_weights() -> Outcome {
    let hash_with = |threads: &str| -> Result<String, Box<dyn std::error::Error>> {
        let output = Command::new(std::env::current_exe()?)
            .args(["--exact", "the_same_seed_gives_the_same_weights", "--nocapture"])
            .env("RAYON_NUM_THREADS", threads)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let (_, rest) = text.split_once("weights:").ok_or("the child prints its hash")?;
        Ok(rest.split(';').next().unwrap_or_default().to_owned())
    };
    assert_eq!(hash_with("1")?, hash_with("3")?);
    Ok(())
}

/// Mean reward per step of a policy without exploration on noise-free contexts.
fn value_per_step(policy: &dyn Policy, mut env: KnownBandit, seed: u64) -> Result<f64, EnvError> {
    env.reset(Some(seed));
    let (mut total, mut n) = (0.0, 0.0);
    loop {
        let action = greedy(policy, env.observation(), env.action_mask());
        let step = env.step(action)?;
        total += step.reward;
        n += 1.0;
        if step.is_last() {
            return Ok(total / n);
        }
    }
}

#[test]
fn bandits_reach_the_optimum_of_the_known_bandit() -> Outcome {
    let env = KnownBandit::new(4, 0.5, 50)?;
    let identity = Normalisation::identity(4);
    let thompson = ThompsonConfig { noise: 0.5, ..Default::default() };
    let agents: [Box<dyn Agent>; 2] = [
        Box::new(LinUcb::new(LinUcbConfig::default(), env.spec(), identity.clone())?),
        Box::new(Thompson::new(thompson, env.spec(), identity)?),
    ];
    for mut agent in agents {
        let report = run(agent.as_mut(), &env, 4_000, 8)?;
        // The uniform policy earns 0 per step. A reward's variance is 1/3 + 0.25 = 0.58 then, so
        // the mean return of 80 episodes of 50 steps has 4 standard errors of
        // 4 √(50 · 0.58 / 80) = 2.4.
        let recent = report.recent_return.ok_or("episodes ended")?;
        assert!(recent > 2.4, "{} earned {recent} while learning", agent.name());
        // The optimum is 3/5. The largest of 4 uniforms on [−1, 1] has variance
        // 4 · 4 / (25 · 6) = 0.107, so 4 standard errors over 10,000 steps are 0.0131. About 1000
        // rewards an action leave weights off by 0.5 / √(1000 / 3) = 0.03, which costs less than
        // that per step.
        let policy = agent.policy()?.into_policy();
        let value = value_per_step(policy.as_ref(), KnownBandit::new(4, 0.0, 10_000)?, 9)?;
        assert!(value > 0.6 - 0.0131 - 0.03, "{} is worth {value}", agent.name());
    }
    Ok(())
}

#[test]
fn bandits_respect_masks_while_learning() -> Outcome {
    // Taking a masked action would be an error of the environment and end the training.
    let env = KnownBandit::masked(4, 0.1, 50)?;
    let identity = Normalisation::identity(4);
    let mut agent = Thompson::new(ThompsonConfig::default(), env.spec(), identity)?;
    run(&mut agent, &env, 2_000, 10)?;
    // Optimum 0.4; see the test above for the arithmetic, at 1/2 of the rewards and noise 0.1.
    let policy = agent.policy()?.into_policy();
    let value = value_per_step(policy.as_ref(), KnownBandit::masked(4, 0.0, 10_000)?, 11)?;
    assert!(value > 0.4 - 0.0131 - 0.03, "{value}");
    Ok(())
}

#[test]
fn training_reports_every_episode_and_stops_when_told() -> Outcome {
    let env = Identity::new(3, 5);
    let mut agent = dqn(small_dqn(), env.spec(), 12)?;
    let config = TrainConfig { steps: 200, report_every: 5, ..TrainConfig::default() };
    let (mut lengths, mut updates) = (0, Vec::new());
    let report =
        train(&mut agent, &mut lanes(&env, 3)?, &config, SeedTree::new(1), &mut |event| {
            match event {
                TrainEvent::Episode { length, terminated, .. } => {
                    assert!(!terminated);
                    lengths += length;
                }
                TrainEvent::Update { updates: n, .. } => updates.push(*n),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
    // 67 steps of 3 lanes; each lane ends 13 episodes of 5. The 34th finds 100 stored entries.
    assert_eq!((report.steps, report.episodes, lengths), (201, 39, 195));
    assert_eq!(report.updates, (201 / 4) - (99 / 4));
    assert_eq!(updates, [5, 10, 15, 20, 25]);
    let stop = &mut |_: &TrainEvent| ControlFlow::Break(());
    let stopped = train(&mut agent, &mut lanes(&env, 3)?, &config, SeedTree::new(1), stop)?;
    assert!(stopped.ending == Ending::Watcher && stopped.steps < 200);
    Ok(())
}

#[test]
fn environments_that_reset_themselves_are_refused() -> Outcome {
    let env = Identity::new(3, 5);
    let mut agent = dqn(small_dqn(), env.spec(), 13)?;
    let mut lanes = VectorEnv::new(vec![env], AutoresetMode::SameStep)?;
    let go = &mut |_: &TrainEvent| ControlFlow::Continue(());
    let result = train(&mut agent, &mut lanes, &TrainConfig::default(), SeedTree::new(1), go);
    assert!(matches!(result, Err(AgentError::InvalidConfig { field: "mode", .. })));
    Ok(())
}
