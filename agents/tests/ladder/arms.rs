//! Rung 6, bandits without a context: Bernoulli worlds (T5), a budget (T7), and switching worlds (T8).
//!
//! The figures to compare with, and their standard errors, are read from the golden folder.

use promopt_agents::bandit::arms::{ArmBandit, ArmBanditConfig, Epsilon, Memory, Rule};
use promopt_agents::bandit::budgeted::{ArmLimits, KnapsackBandit, KnapsackConfig};
use promopt_agents::{Agent, AgentError};
use promopt_envs::diagnostic::{BernoulliBandit, BudgetedBandit, PricedArm, SwitchingBandit};
use promopt_envs::{Env, SeedTree};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Steps at which regret is noted.
const NOTED: [u32; 3] = [100, 1_000, 10_000];
const HORIZON: u32 = 10_000;
/// Root of all seeds of this file.
const ROOT: u64 = 2_026;

pub(crate) fn is_slow() -> bool {
    std::env::var("RUN_SLOW").is_ok_and(|value| value == "1")
}

/// The reference figures on bandits; `None`, after a line that says so, without the golden folder.
fn golden() -> Option<Value> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden");
    let folder = std::env::var_os("PROMOPT_GOLDEN").map_or(default.into(), PathBuf::from);
    let path = folder.join("rl/baselines.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}; set PROMOPT_GOLDEN", path.display());
        return None;
    };
    let all: Value = serde_json::from_str(&text).expect("the golden file is JSON");
    Some(all["bandits"].clone())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// Mean with its standard error.
#[derive(Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) error: f64,
}

impl Estimate {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (variance / n).sqrt() }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self { mean: value["mean"].as_f64()?, error: value["se"].as_f64()? })
    }

    /// Whether it is not larger by more than three standard errors of the difference.
    fn at_most(self, other: Self) -> bool {
        self.mean <= other.mean + 3.0 * self.error.hypot(other.error)
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ± {:.2}", self.mean, self.error)
    }
}

/// Regret of an agent in an environment, noted at [`NOTED`] steps.
pub(crate) fn regret(
    agent: &mut ArmBandit,
    env: &mut dyn Env,
    seed: SeedTree,
) -> Result<[f64; 3], Box<dyn std::error::Error>> {
    let mut rng = seed.child("act").stream();
    env.reset(Some(seed.child("world").seed()));
    let (mut total, mut noted) = (0.0, [0.0; 3]);
    for step in 1..=HORIZON {
        let decision = agent.act(env.observation(), env.action_mask(), &mut rng)?;
        let reward = env.step(decision.action)?.reward;
        total += env.info()[0].1;
        agent.learn(decision.action, reward)?;
        if let Some(i) = NOTED.iter().position(|&n| n == step) {
            noted[i] = total;
        }
    }
    Ok(noted)
}

/// Regret over seeds at each of the [`NOTED`] steps; prints it.
fn curve(
    name: &str,
    config: &ArmBanditConfig,
    env: &(impl Env + Clone),
    n_seeds: u64,
) -> Result<[Estimate; 3], Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut values = [Vec::new(), Vec::new(), Vec::new()];
    for seed in 0..n_seeds {
        let mut agent = ArmBandit::new(config.clone(), env.spec())?;
        let noted = regret(&mut agent, &mut env.clone(), SeedTree::new(ROOT).index(seed))?;
        values.iter_mut().zip(noted).for_each(|(all, value)| all.push(value));
    }
    let curve = values.map(|values| Estimate::of(&values));
    let [early, middle, late] = curve;
    let seconds = start.elapsed().as_secs_f64();
    let speed = (n_seeds * u64::from(HORIZON)) as f64 / seconds / 1e3;
    eprintln!(
        "{name}: regret {early} | {middle} | {late} at {NOTED:?}, {n_seeds} seeds, \
         {seconds:.1} s, {speed:.0} k decisions/s"
    );
    Ok(curve)
}

fn thompson() -> Rule {
    Rule::ThompsonBeta { successes: 1.0, failures: 1.0 }
}

fn epsilon_greedy(share: f64) -> ArmBanditConfig {
    ArmBanditConfig { epsilon: Epsilon::Constant { share }, ..ArmBanditConfig::of(Rule::Greedy) }
}

#[test]
fn regret_on_bernoulli_arms_is_that_of_the_references_or_better() -> Outcome {
    let Some(golden) = golden() else { return Ok(()) };
    let (n_seeds, n_cheap) = if is_slow() { (200, 1_000) } else { (20, 40) };
    let rules = [
        ("ucb1", ArmBanditConfig::of(Rule::Ucb { exploration: 2.0 }), n_cheap),
        ("ucb c=.5", ArmBanditConfig::of(Rule::Ucb { exploration: 0.5 }), n_cheap),
        ("klucb", ArmBanditConfig::of(Rule::KlUcb { c: 0.0 }), n_seeds),
        ("ts beta(1,1)", ArmBanditConfig::of(thompson()), n_seeds),
    ];
    for world in ["2arm_.9_.8", "10arm_lowrate"] {
        let env = BernoulliBandit::new(numbers(&golden[world]["means"]), HORIZON)?;
        // Not held to the reference, which meets the best arm first when all are unknown.
        for share in [0.1, 0.01] {
            curve(&format!("{world} eps{share}"), &epsilon_greedy(share), &env, n_cheap)?;
        }
        let decaying = Epsilon::Decaying { scale: 100.0, floor: 0.0 };
        let config = ArmBanditConfig { epsilon: decaying, ..ArmBanditConfig::of(Rule::Greedy) };
        curve(&format!("{world} decaying eps"), &config, &env, n_cheap)?;
        for (name, config, n) in &rules {
            let curve = curve(&format!("{world} {name}"), config, &env, *n)?;
            for (ours, step) in curve.into_iter().zip(NOTED) {
                let key = step.to_string();
                let Some(reference) = Estimate::read(&golden[world][*name][key]) else { continue };
                eprintln!("    {step}: reference {reference}");
                assert!(ours.at_most(reference), "{world} {name} {step}: {ours}, {reference}");
            }
        }
    }
    Ok(())
}

#[test]
fn regret_in_a_switching_world_is_below_a_third_of_plain_thompson() -> Outcome {
    let Some(golden) = golden() else { return Ok(()) };
    let world = &golden["switching"];
    let phases = world["means"].as_array().into_iter().flatten().map(numbers).collect();
    let env = SwitchingBandit::new(phases, HORIZON / 4)?;
    let n_seeds = if is_slow() { 200 } else { 6 };
    let with = |rule, memory| ArmBanditConfig { memory, ..ArmBanditConfig::of(rule) };
    let discounted = Memory::Discounted { factor: 0.995 };
    let window = Memory::Window { length: 500 };
    let plain =
        curve("switching, plain Thompson", &ArmBanditConfig::of(thompson()), &env, n_seeds)?;
    let ours = [
        ("discounted ts .995", with(thompson(), discounted)),
        ("sw-ucb W=500 xi=.6", with(Rule::Ucb { exploration: 0.6 }, window)),
        ("window Thompson 500", with(thompson(), window)),
    ];
    for (name, config) in ours {
        let [_, _, late] = curve(&format!("switching, {name}"), &config, &env, n_seeds)?;
        let third = Estimate { mean: plain[2].mean / 3.0, error: plain[2].error / 3.0 };
        assert!(late.mean + 3.0 * late.error.hypot(third.error) < third.mean, "{name}: {late}");
        if let Some(reference) = Estimate::read(&world[name]["10000"]) {
            assert!(late.at_most(reference), "{name}: {late}, reference {reference}");
        }
    }
    Ok(())
}

/// The world of T7: conversions, margins and costs of five arms.
fn budgeted_world() -> Result<BudgetedBandit, promopt_envs::EnvError> {
    let conversions = [0.05, 0.08, 0.11, 0.13, 0.14];
    let arm = |(i, probability): (usize, f64)| PricedArm {
        probability,
        reward: 10.0 - i as f64,
        cost: i as f64,
    };
    BudgetedBandit::new(conversions.into_iter().enumerate().map(arm).collect(), 1_200.0, HORIZON)
}

/// Reward, expected reward of the arms played, and what was spent, in one episode of T7.
fn live_within(seed: SeedTree) -> Result<[f64; 3], Box<dyn std::error::Error>> {
    let limits =
        |i: u32| ArmLimits { largest_reward: 10.0 - f64::from(i), largest_cost: f64::from(i) };
    let config = KnapsackConfig::new((0..5).map(limits).collect(), 1_200.0, HORIZON.into());
    let (mut agent, mut env) = (KnapsackBandit::new(config)?, budgeted_world()?);
    let mut rng = seed.child("act").stream();
    env.reset(Some(seed.child("world").seed()));
    let (mut reward, mut expected) = (0.0, 0.0);
    for _ in 0..HORIZON {
        let before = env.left();
        let decision = agent.decide(env.action_mask(), &mut rng)?;
        let step = env.step(decision.action)?;
        agent.learn(decision.action, step.reward, before - env.left())?;
        reward += step.reward;
        expected += env.info()[0].1;
    }
    assert!((agent.spent() - env.info()[1].1).abs() < 1e-9);
    Ok([reward, expected, agent.spent()])
}

#[test]
fn a_budget_is_kept_and_worth_nearly_what_the_linear_program_says() -> Outcome {
    let n_seeds = if is_slow() { 400 } else { 30 };
    let bound = budgeted_world()?.bound();
    assert!((bound - 7_657.1).abs() < 0.05);
    let start = Instant::now();
    let mut figures = [Vec::new(), Vec::new(), Vec::new()];
    for seed in 0..n_seeds {
        let one = live_within(SeedTree::new(ROOT).child("budget").index(seed))?;
        assert!(one[2] <= 1_200.0, "spent {}", one[2]);
        figures.iter_mut().zip(one).for_each(|(all, value)| all.push(value));
    }
    let [reward, expected, spent] = figures.map(|values| Estimate::of(&values));
    let share = |estimate: Estimate| Estimate {
        mean: 100.0 * estimate.mean / bound,
        error: 100.0 * estimate.error / bound,
    };
    let (earned, value) = (share(reward), share(expected));
    eprintln!(
        "budgeted: earned {earned} %, expected {value} % of {bound:.1} (reference 94.32 %), \
         spent {spent} of 1200, {n_seeds} seeds, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    // A few seeds can only tell that it is not below; all of them must reach it.
    let slack = if is_slow() { 0.0 } else { 3.0 * value.error };
    assert!(value.mean + slack >= 97.0, "{value} %");
    Ok(())
}

#[test]
fn every_logged_distribution_sums_to_one_on_the_mask_and_ignores_the_order_of_arms() -> Outcome {
    // Arms are named by their place; the mirrored agent sees them in reverse.
    let rules = [
        Rule::Greedy,
        Rule::Ucb { exploration: 2.0 },
        Rule::KlUcb { c: 3.0 },
        thompson(),
        Rule::ThompsonGaussian { mean: 0.5, deviation: 1.0, noise: 0.5 },
        Rule::ThompsonStudent { mean: 0.5, strength: 1.0, shape: 1.0, scale: 0.5 },
    ];
    let memories =
        [Memory::Forever, Memory::Discounted { factor: 0.9 }, Memory::Window { length: 7 }];
    let epsilon = Epsilon::Decaying { scale: 5.0, floor: 0.02 };
    let env = BernoulliBandit::new(vec![0.2, 0.5, 0.4, 0.6], HORIZON)?;
    for (rule, memory) in rules.iter().flat_map(|r| memories.iter().map(move |m| (*r, *m))) {
        let config = ArmBanditConfig { memory, epsilon, ..ArmBanditConfig::of(rule) };
        let mut agent = ArmBandit::new(config.clone(), env.spec())?;
        let mut mirrored = ArmBandit::new(config, env.spec())?;
        let mut rng = SeedTree::new(ROOT).stream();
        for step in 0_usize..120 {
            // Every mask of four arms but the empty one comes round.
            let flags: Vec<bool> = (0..4).map(|arm| (step % 15 + 1) >> arm & 1 == 1).collect();
            let reversed = flags.iter().rev().copied().collect();
            let mask = promopt_envs::ActionMask::from_flags(flags).ok_or("one is allowed")?;
            let reversed =
                promopt_envs::ActionMask::from_flags(reversed).ok_or("one is allowed")?;
            let there = agent.distribution(&mask)?.probabilities().to_vec();
            let back = mirrored.distribution(&reversed)?.probabilities().to_vec();
            assert!((there.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{rule:?} {there:?}");
            for (arm, p) in there.iter().enumerate() {
                assert!(*p == 0.0 || mask.allows(arm), "{rule:?} {there:?}");
                assert!((p - back[3 - arm]).abs() < 1e-9, "{rule:?} {there:?} {back:?}");
            }
            let decision = agent.act(&[1.0], &mask, &mut rng)?;
            mirrored.act(&[1.0], &reversed, &mut SeedTree::new(0).stream())?;
            assert_eq!(decision.propensity, there[decision.action]);
            let reward = f64::from(u8::from(step * 7 % 5 < decision.action));
            agent.learn(decision.action, reward)?;
            mirrored.learn(3 - decision.action, reward)?;
        }
    }
    Ok(())
}

#[test]
fn a_reward_outside_the_range_is_an_error_that_names_it() -> Result<(), AgentError> {
    let env = BernoulliBandit::new(vec![0.2, 0.5], HORIZON)?;
    let mut agent = ArmBandit::new(ArmBanditConfig::default(), env.spec())?;
    let error = agent.learn(0, 7.0).expect_err("7 is above 1").to_string();
    assert!(error.contains("reward_range") && error.contains('7'), "{error}");
    assert!(agent.learn(2, 1.0).is_err() && agent.learn(0, f64::NAN).is_err());
    let gaussian = Rule::ThompsonGaussian { mean: 0.0, deviation: 1.0, noise: 1.0 };
    ArmBandit::new(ArmBanditConfig::of(gaussian), env.spec())?.learn(0, 7.0)
}
