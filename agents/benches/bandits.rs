//! Decisions and updates of linear bandits per second, from memory and from a text file.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use promopt_agents::{
    Agent, AgentError, LinUcb, LinUcbConfig, Normalisation, Thompson, ThompsonConfig, Transition,
};
use promopt_envs::{ActionMask, BoxSpace, EnvSpec, SeedTree};
use rand::Rng;
use std::fmt::Write;

const N_ACTIONS: usize = 10;
const N_FEATURES: usize = 20;
const N_EXAMPLES: usize = 20_000;

fn main() {
    divan::main();
}

fn spec() -> EnvSpec {
    let observation_space = BoxSpace::new(vec![-1.0; N_FEATURES], vec![1.0; N_FEATURES]);
    EnvSpec { id: "Bench-v0".into(), observation_space, n_actions: N_ACTIONS, horizon: Some(1) }
}

/// Contexts `[N_EXAMPLES, N_FEATURES]` and rewards `[N_EXAMPLES, N_ACTIONS]`.
fn examples() -> (Vec<f32>, Vec<f64>) {
    let mut rng = SeedTree::new(1).stream();
    let contexts = (0..N_EXAMPLES * N_FEATURES).map(|_| rng.random_range(-1.0..1.0)).collect();
    let rewards = (0..N_EXAMPLES * N_ACTIONS).map(|_| rng.random()).collect();
    (contexts, rewards)
}

fn play(agent: &mut dyn Agent, contexts: &[f32], rewards: &[f64]) -> Result<f64, AgentError> {
    let mask = ActionMask::all(N_ACTIONS);
    let mut rng = SeedTree::new(2).stream();
    let mut total = 0.0;
    let rows = contexts.chunks_exact(N_FEATURES).zip(rewards.chunks_exact(N_ACTIONS));
    for (observation, rewards) in rows {
        let action = agent.act(observation, &mask, &mut rng)?.action;
        total += rewards[action];
        agent.observe(&Transition {
            lane: 0,
            observation,
            action,
            reward: rewards[action],
            next_observation: observation,
            next_mask: &mask,
            terminated: true,
            truncated: false,
        })?;
    }
    Ok(total)
}

fn lin_ucb() -> LinUcb {
    let scale = Normalisation::identity(N_FEATURES);
    LinUcb::new(LinUcbConfig::default(), &spec(), scale).expect("valid settings")
}

fn thompson(draws: usize) -> Thompson {
    let config = ThompsonConfig { draws, ..Default::default() };
    Thompson::new(config, &spec(), Normalisation::identity(N_FEATURES)).expect("valid settings")
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn lin_ucb_from_memory(bencher: Bencher<'_, '_>) {
    let (contexts, rewards) = examples();
    bencher
        .counter(ItemsCount::new(N_EXAMPLES))
        .with_inputs(lin_ucb)
        .bench_values(|mut agent| black_box(play(&mut agent, &contexts, &rewards)));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn lin_ucb_with_parsing(bencher: Bencher<'_, '_>) {
    let (contexts, rewards) = examples();
    let mut text = String::new();
    let rows = contexts.chunks_exact(N_FEATURES).zip(rewards.chunks_exact(N_ACTIONS));
    for (context, rewards) in rows {
        // Writing to a string cannot fail.
        context.iter().for_each(|x| write!(text, "{x:.6} ").unwrap_or(()));
        rewards.iter().for_each(|r| write!(text, "{r:.4} ").unwrap_or(()));
        text.push('\n');
    }
    bencher.counter(ItemsCount::new(N_EXAMPLES)).with_inputs(lin_ucb).bench_values(|mut agent| {
        let (mut context, mut payoffs) = (Vec::new(), Vec::new());
        let mut total = 0.0;
        for line in text.lines() {
            context.clear();
            payoffs.clear();
            let mut words = line.split_ascii_whitespace();
            let numbers = words.by_ref().take(N_FEATURES).map(str::parse::<f32>);
            context.extend(numbers.map(|x| x.expect("a number")));
            payoffs.extend(words.map(|word| word.parse::<f64>().expect("a number")));
            total += play(&mut agent, &context, &payoffs).expect("valid examples");
        }
        black_box(total)
    });
}

#[divan::bench(sample_count = 5, sample_size = 1, args = [0, 1, 100])]
fn thompson_with_draws(bencher: Bencher<'_, '_>, draws: usize) {
    let (contexts, rewards) = examples();
    bencher
        .counter(ItemsCount::new(N_EXAMPLES))
        .with_inputs(|| thompson(draws))
        .bench_values(|mut agent| black_box(play(&mut agent, &contexts, &rewards)));
}
