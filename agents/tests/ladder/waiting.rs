//! Rung 6, late rewards and checkpoints of bandits: what waiting costs, and that resuming costs nothing.

use super::arms::{Estimate, is_slow};
use promopt_agents::bandit::arms::{ArmBandit, ArmBanditConfig, Epsilon, Memory, Rule};
use promopt_agents::bandit::budgeted::{ArmLimits, KnapsackBandit, KnapsackConfig};
use promopt_agents::bandit::delayed::{Delayed, DelayedConfig};
use promopt_agents::checkpoint::Archive;
use promopt_agents::{Agent, Snapshot, TrainConfig, train};
use promopt_envs::diagnostic::{BernoulliBandit, BudgetedBandit, PricedArm};
use promopt_envs::{ActionMask, AutoresetMode, Env, SeedTree, VectorEnv};
use std::collections::VecDeque;
use std::ops::ControlFlow;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const ARMS: [f64; 2] = [0.9, 0.8];

/// Regret of a bandit on two arms whose rewards come `delay` decisions late, learned in batches.
fn late_regret(
    rule: Rule,
    delay: usize,
    batch: usize,
    horizon: u32,
    seed: SeedTree,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut env = BernoulliBandit::new(ARMS.to_vec(), horizon)?;
    let agent = ArmBandit::new(ArmBanditConfig::of(rule), env.spec())?;
    let config = DelayedConfig { batch, ..DelayedConfig::default() };
    let (mut bandit, mut rng) = (Delayed::new(agent, config)?, seed.child("act").stream());
    env.reset(Some(seed.child("world").seed()));
    let (mut regret, mut on_the_way) = (0.0, VecDeque::new());
    for now in 0..u64::from(horizon) {
        let (ticket, decision) =
            bandit.decide(env.observation(), env.action_mask(), now, &mut rng)?;
        on_the_way.push_back((ticket, env.step(decision.action)?.reward));
        regret += env.info()[0].1;
        if on_the_way.len() > delay {
            let (ticket, reward) = on_the_way.pop_front().ok_or("one is on the way")?;
            bandit.report(ticket, reward)?;
        }
        bandit.learn(now, false)?;
        assert!(bandit.counts().learned <= (now + 1).saturating_sub(delay as u64));
    }
    Ok(regret)
}

#[test]
fn waiting_costs_at_most_the_gaps_of_what_is_awaited() -> Outcome {
    // Joulani, György and Szepesvári (2013): regret under delay is at most that without it plus the
    // gap of every decision awaited at once, here 0.1 · (delay + batch − 1).
    let (n_seeds, horizon) = if is_slow() { (200, 10_000) } else { (20, 3_000) };
    let thompson = Rule::ThompsonBeta { successes: 1.0, failures: 1.0 };
    for (name, rule) in [("Thompson", thompson), ("KL-UCB", Rule::KlUcb { c: 0.0 })] {
        let mut estimates = Vec::new();
        for (delay, batch) in [(0, 1), (50, 1), (0, 100), (200, 100)] {
            let of_seed =
                |seed| late_regret(rule, delay, batch, horizon, SeedTree::new(41).index(seed));
            let regrets: Result<Vec<f64>, _> = (0..n_seeds).map(of_seed).collect();
            let regret = Estimate::of(&regrets?);
            eprintln!("{name}, delay {delay}, batch {batch}: regret {regret} at {horizon}");
            estimates.push((regret, 0.1 * (delay + batch - 1) as f64));
        }
        let (without, _) = estimates[0];
        for (regret, waiting) in &estimates[1..] {
            let noise = 3.0 * regret.error.hypot(without.error);
            assert!(regret.mean <= without.mean + waiting + noise, "{name}: {regret}");
        }
    }
    Ok(())
}

#[test]
fn a_resumed_bandit_decides_as_one_that_was_never_interrupted() -> Outcome {
    let rules = [
        Rule::Greedy,
        Rule::KlUcb { c: 0.0 },
        Rule::ThompsonBeta { successes: 1.0, failures: 1.0 },
        Rule::ThompsonStudent { mean: 0.5, strength: 1.0, shape: 1.0, scale: 0.5 },
    ];
    let memories =
        [Memory::Forever, Memory::Discounted { factor: 0.97 }, Memory::Window { length: 40 }];
    let env = BernoulliBandit::new(vec![0.3, 0.6, 0.5], 1_000)?;
    let epsilon = Epsilon::Decaying { scale: 3.0, floor: 0.01 };
    for (rule, memory) in rules.iter().flat_map(|r| memories.iter().map(move |m| (*r, *m))) {
        let config = ArmBanditConfig { memory, epsilon, ..ArmBanditConfig::of(rule) };
        let mut agent = ArmBandit::new(config.clone(), env.spec())?;
        let mut rng = SeedTree::new(42).stream();
        let mask = ActionMask::all(3);
        let play = |agent: &mut ArmBandit, rng: &mut promopt_envs::Stream, steps: u32| {
            let one = |step| -> Result<(usize, u64), promopt_agents::AgentError> {
                let decision = agent.act(&[1.0], &mask, rng)?;
                agent.learn(decision.action, f64::from((step * 7 + decision.action as u32) % 2))?;
                Ok((decision.action, decision.propensity.to_bits()))
            };
            (0..steps).map(one).collect::<Result<Vec<_>, _>>()
        };
        play(&mut agent, &mut rng, 150)?;
        let mut archive = Archive::default();
        agent.save(&mut archive)?;
        let mut resumed = ArmBandit::new(config, env.spec())?;
        resumed.load(&Archive::from_bytes(&archive.to_bytes()?)?)?;
        let mut again = rng.clone();
        let (there, here) =
            (play(&mut agent, &mut rng, 150)?, play(&mut resumed, &mut again, 150)?);
        assert_eq!(there, here, "{rule:?} {memory:?}");
        let other = ArmBanditConfig { reward_range: (0.0, 2.0), ..ArmBanditConfig::default() };
        assert!(ArmBandit::new(other, env.spec())?.load(&archive).is_err());
    }
    Ok(())
}

#[test]
fn what_was_learned_leaves_as_a_policy_of_intercepts() -> Outcome {
    let env = BernoulliBandit::new(vec![0.3, 0.6], 100)?;
    let config = ArmBanditConfig { reward_range: (0.0, 10.0), ..ArmBanditConfig::default() };
    let mut agent = ArmBandit::new(config, env.spec())?;
    for reward in [10.0, 5.0] {
        agent.learn(1, reward)?;
    }
    // Beta(1 + 1.5, 1 + 0.5) has the mean 2.5/4, of 10.
    assert_eq!(agent.means(), [5.0, 6.25]);
    let Snapshot::Linear(policy) = agent.policy()? else {
        return Err("a bandit without context leaves as linear scores".into());
    };
    assert_eq!(policy.scores.validate(), Ok(()));
    assert_eq!(policy.scores.scores(&[0.7]), agent.means());
    Ok(())
}

#[test]
fn the_training_loop_keeps_a_bandit_within_its_budget() -> Outcome {
    let arm = |probability, reward, cost| PricedArm { probability, reward, cost };
    let arms = vec![arm(0.2, 5.0, 0.0), arm(0.5, 4.0, 1.0), arm(0.8, 3.0, 2.0)];
    let limits = |arm: &PricedArm| ArmLimits { largest_reward: arm.reward, largest_cost: arm.cost };
    let config = KnapsackConfig::new(arms.iter().map(limits).collect(), 60.0, 200);
    let env = BudgetedBandit::new(arms, 60.0, 200)?;
    let mut agent = KnapsackBandit::new(config.clone())?;
    let training = TrainConfig { steps: 4_000, ..TrainConfig::default() };
    let mut lanes = VectorEnv::new(vec![env.clone()], AutoresetMode::Disabled)?;
    let go = &mut |_: &promopt_agents::TrainEvent| ControlFlow::Continue(());
    // An arm whose cost did not fit would be an error of the environment.
    let report = train(&mut agent, &mut lanes, &training, SeedTree::new(43), go)?;
    assert_eq!(report.episodes, 20);
    // The bound is 1.6 a step at 0.3 spent, between the arms (0, 1) and (0.5, 2). Twenty episodes of
    // 200 steps, whose rewards have a deviation below 2.1: 4 standard errors are 0.133 a step.
    let earned = report.recent_return.ok_or("episodes ended")? / 200.0;
    assert!((env.bound() - 320.0).abs() < 1e-9);
    assert!(earned > 1.0 && earned < 1.6 + 0.133, "{earned}");
    let mut archive = Archive::default();
    agent.save(&mut archive)?;
    let mut resumed = KnapsackBandit::new(config)?;
    resumed.load(&archive)?;
    assert_eq!(resumed.mix(), agent.mix());
    Ok(())
}
