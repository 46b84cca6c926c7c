//! Updates per second of the network and of the whole agent, beside the same network on candle.
//!
//! Shapes are CartPole's: 4 features, 2 actions. Run with one thread:
//! `RAYON_NUM_THREADS=1 cargo bench -p promopt-agents --bench learning`.

use divan::Bencher;
use promopt_agents::network::{Activations, Adam, Backend, Mlp, MlpShape};
use promopt_agents::schedule::Linear;
use promopt_agents::{
    Agent, AgentError, DqnAgent, DqnConfig, Normalisation, ReturnModel, TargetUpdate, Transition,
};
use promopt_envs::{ActionMask, BoxSpace, EnvSpec, SeedTree};
use rand::Rng;

/// Width of both hidden layers, and batch size.
const SIZES: [(usize, usize); 4] = [(64, 64), (64, 256), (128, 64), (128, 256)];
const N_FEATURES: usize = 4;
const N_ACTIONS: usize = 2;

fn main() {
    divan::main();
}

fn network(width: usize, backend: Backend) -> Result<Mlp, AgentError> {
    let shape = MlpShape::new(N_FEATURES, &[width, width], N_ACTIONS);
    let mut rng = SeedTree::new(1).stream();
    Ok(Mlp::new(shape, Normalisation::identity(N_FEATURES), &mut rng)?.with_backend(backend))
}

fn numbers(n: usize) -> Vec<f32> {
    let mut rng = SeedTree::new(2).stream();
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Target forward, own forward, backward and Adam: what one update of DQN asks of the network.
fn update(bencher: Bencher, (width, n): (usize, usize), backend: Backend) {
    let mut online = network(width, backend).expect("valid sizes");
    let target = online.clone();
    let mut adam = Adam::new(online.parameters().len(), 1e-8);
    let mut memory = Activations::default();
    let mut gradient = vec![0.0; online.parameters().len()];
    let (observations, by_output) = (numbers(n * N_FEATURES), numbers(n * N_ACTIONS));
    bencher.bench_local(|| -> Result<f64, AgentError> {
        target.forward(&observations, &mut memory)?;
        online.forward(&observations, &mut memory)?;
        gradient.fill(0.0);
        online.backward(&mut memory, &by_output, &mut gradient)?;
        Ok(adam.step(online.parameters_mut(), &gradient, 1e-4, 10.0))
    });
}

#[divan::bench(args = SIZES)]
fn network_update(bencher: Bencher, size: (usize, usize)) {
    update(bencher, size, Backend::Native);
}

#[divan::bench(args = SIZES)]
fn network_update_on_candle(bencher: Bencher, size: (usize, usize)) {
    update(bencher, size, Backend::Candle);
}

#[divan::bench(args = [64, 128])]
fn forward_of_one_observation(bencher: Bencher, width: usize) {
    let network = network(width, Backend::Native).expect("valid sizes");
    let mut memory = Activations::default();
    let observation = numbers(N_FEATURES);
    bencher.bench_local(|| network.forward(&observation, &mut memory).map(|outputs| outputs[0]));
}

/// Act, store and update once per step, on made-up transitions.
fn whole_agent(bencher: Bencher, (width, batch_size): (usize, usize), change: &DqnConfig) {
    let config = DqnConfig {
        hidden: vec![width, width],
        batch_size,
        warm_up: 1_000,
        epsilon: Linear::constant(0.1),
        target_update: TargetUpdate::Hard { every: 500 },
        ..change.clone()
    };
    let space = BoxSpace::new(vec![-9.0; N_FEATURES], vec![9.0; N_FEATURES]);
    let spec = EnvSpec {
        id: "bench".into(),
        observation_space: space,
        n_actions: N_ACTIONS,
        horizon: None,
    };
    let normalisation = Normalisation::identity(N_FEATURES);
    let seed = SeedTree::new(3);
    let mut agent = DqnAgent::new(config, &spec, normalisation, seed).expect("a valid config");
    let (mask, mut rng) = (ActionMask::all(N_ACTIONS), seed.stream());
    let rows = numbers(1_001 * N_FEATURES);
    let mut step = 0;
    let mut play = || -> Result<(), AgentError> {
        let at = step % 1_000;
        let observation = &rows[at * N_FEATURES..][..N_FEATURES];
        let action = agent.act(observation, &mask, &mut rng)?.action;
        agent.observe(&Transition {
            lane: 0,
            observation,
            action,
            reward: 1.0,
            next_observation: &rows[(at + 1) * N_FEATURES..][..N_FEATURES],
            next_mask: &mask,
            terminated: step % 200 == 199,
            truncated: false,
        })?;
        step += 1;
        agent.update().map(|_| ())
    };
    (0..1_100).for_each(|_| play().expect("made-up transitions are valid"));
    bencher.bench_local(play);
}

/// Plain DQN as Stable-Baselines3 and CleanRL have it.
fn plain() -> DqnConfig {
    DqnConfig { double: false, dueling: false, n_step: 1, ..DqnConfig::default() }
}

#[divan::bench(args = SIZES)]
fn act_store_update(bencher: Bencher, size: (usize, usize)) {
    whole_agent(bencher, size, &plain());
}

#[divan::bench(args = SIZES)]
fn act_store_update_with_all_of_rainbow(bencher: Bencher, size: (usize, usize)) {
    let change = DqnConfig {
        returns: ReturnModel::Categorical { n_atoms: 51, low: 0.0, high: 100.0 },
        noisy: Some(0.5),
        priorities: Some(promopt_agents::Priorities::default()),
        ..DqnConfig::default()
    };
    whole_agent(bencher, size, &change);
}
