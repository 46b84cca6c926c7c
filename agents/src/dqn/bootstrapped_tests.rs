//! The ensemble dives deep, resumes to the bit, and claims the propensities that it has.

use super::*;
use promopt_envs::Env;
use promopt_envs::diagnostic::DeepSea;

fn config() -> BootstrappedConfig {
    let dqn = DqnConfig { hidden: vec![16], warm_up: 40, batch_size: 32, ..Default::default() };
    let dqn = DqnConfig { n_step: 1, dueling: false, epsilon: Linear::constant(0.1), ..dqn };
    BootstrappedConfig { n_members: 5, keep: 0.7, dqn, ..Default::default() }
}

fn agent(
    config: BootstrappedConfig,
    env: &DeepSea,
    seed: u64,
) -> Result<BootstrappedDqn, AgentError> {
    let normalisation = Normalisation::identity(env.spec().observation_space.n_features());
    BootstrappedDqn::new(config, env.spec(), &normalisation, SeedTree::new(seed))
}

/// Plays one episode, learning at each step, and returns its return and decisions.
fn dive(
    agent: &mut BootstrappedDqn,
    env: &mut DeepSea,
    episode: u64,
) -> Result<(f64, Vec<Decision>), AgentError> {
    let mut rng = SeedTree::new(11).index(episode).stream();
    let (mut total, mut decisions) = (0.0, Vec::new());
    env.reset(Some(episode));
    loop {
        let observation = env.observation().to_vec();
        let decision = agent.act(&observation, env.action_mask(), &mut rng)?;
        let step = env.step(decision.action)?;
        agent.observe(&Transition {
            lane: 0,
            observation: &observation,
            action: decision.action,
            reward: step.reward,
            next_observation: env.observation(),
            next_mask: env.action_mask(),
            terminated: step.terminated,
            truncated: step.truncated,
        })?;
        agent.update()?;
        total += step.reward;
        decisions.push(decision);
        if step.is_last() {
            return Ok((total, decisions));
        }
    }
}

#[test]
fn a_killed_and_resumed_ensemble_is_one_that_was_never_killed() -> Result<(), AgentError> {
    let mut env = DeepSea::new(5, Some(1));
    let mut whole = agent(config(), &env, 1)?;
    for episode in 0..20 {
        dive(&mut whole, &mut env, episode)?;
    }
    let mut archive = Archive::default();
    whole.save(&mut archive)?;
    let mut resumed = agent(config(), &env, 2)?;
    resumed.load(&Archive::from_bytes(&archive.to_bytes()?)?)?;
    for episode in 20..30 {
        let expected = dive(&mut whole, &mut env, episode)?;
        assert_eq!(dive(&mut resumed, &mut env, episode)?, expected);
    }
    Ok(())
}

#[test]
fn the_propensity_is_the_share_of_members_that_agree() -> Result<(), AgentError> {
    // Each new lane follows a member of its own: 400 first decisions at p have a standard error of
    // √(p (1 − p) / 400) ≤ 0.025.
    let env = DeepSea::new(5, Some(1));
    let mut agent = agent(BootstrappedConfig { n_members: 32, ..config() }, &env, 3)?;
    let row = env.observation().to_vec();
    let (observations, mask) = (row.repeat(400), ActionMask::all(2));
    let decisions =
        agent.act_batch(&observations, &vec![&mask; 400], &mut SeedTree::new(4).stream())?;
    let first: Vec<&Decision> = decisions.iter().filter(|d| d.action == 0).collect();
    let frequency = first.len() as f64 / 400.0;
    let claimed = first[0].propensity;
    assert!(claimed > 0.0 && claimed < 1.0);
    assert!((frequency - claimed).abs() < 0.1, "{frequency} {claimed}");
    Ok(())
}

#[test]
fn the_export_is_a_member_with_its_prior() -> Result<(), AgentError> {
    let mut env = DeepSea::new(5, Some(1));
    let mut agent = agent(config(), &env, 5)?;
    for episode in 0..20 {
        dive(&mut agent, &mut env, episode)?;
    }
    let Snapshot::Network(policy) = agent.policy()? else { panic!("a network") };
    policy.network.validate().expect("parts fit");
    env.reset(Some(1));
    let observation = env.observation().to_vec();
    let mut all = Vec::new();
    agent.all_scores(&observation, &mut all)?;
    let member = agent.representative()?;
    for (got, expected) in policy.network.scores(&observation).iter().zip(&all[2 * member..]) {
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    }
    Ok(())
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures belong to the proof")]
fn deep_sea_is_solved_in_fewer_episodes_than_luck_needs() -> Result<(), AgentError> {
    // Within 1000 · (n / 10)² episodes; uniform play finds the treasure once in 2ⁿ.
    let n = if std::env::var_os("RUN_SLOW").is_some() { 10 } else { 6 };
    let within = 10 * (n * n) as u64;
    let mut env = DeepSea::new(n, Some(7));
    let mut agent = agent(BootstrappedConfig::default(), &env, 7)?;
    let mut found = 0;
    let mut episodes = 0;
    while found < 10 && episodes < within {
        let (total, _) = dive(&mut agent, &mut env, episodes)?;
        found += u32::from(total > 0.5);
        episodes += 1;
    }
    assert!(found >= 10, "found {found} times in {episodes} episodes");
    let policy = agent.policy()?.into_policy();
    env.reset(Some(1));
    let mut total = 0.0;
    loop {
        let distribution = policy.distribution(env.observation(), env.action_mask());
        let step = env.step(env.action_mask().argmax(distribution.probabilities()))?;
        total += step.reward;
        if step.is_last() {
            break;
        }
    }
    assert!((total - env.optimal_return()).abs() < 1e-9, "{total}");
    eprintln!("deep sea {n}: found 10 times within {episodes} episodes; greedy return {total:.3}");
    Ok(())
}
