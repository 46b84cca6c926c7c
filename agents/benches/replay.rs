//! How fast the replay memory stores and samples: CartPole's shapes, batches of 64, one core.
//!
//! `cargo bench -p promopt-agents --bench replay`. An item is one transition stored and one sampled;
//! with priorities its priority is set again, too, as in training.

use divan::Bencher;
use divan::counter::ItemsCount;
use promopt_agents::nstep::Stretch;
use promopt_agents::replay::{Batch, Priorities, Replay, ReplayConfig};
use promopt_envs::{ActionMask, SeedTree, Stream};
use rand::Rng;

const N_FEATURES: usize = 4;
const N_ACTIONS: usize = 2;
const BATCH: usize = 64;
/// Steps of an episode.
const LENGTH: usize = 200;

fn main() {
    divan::main();
}

/// A full memory, and steps to go on with, each `(from, to)`.
fn full(
    capacity: usize,
    priorities: Option<Priorities>,
) -> (Replay, Vec<[f32; N_FEATURES]>, Stream) {
    let mut rng = SeedTree::new(1).stream();
    let states: Vec<[f32; N_FEATURES]> = (0..50 * LENGTH).map(|_| rng.random()).collect();
    let config = ReplayConfig { capacity, priorities, ..Default::default() };
    let mut replay = Replay::new(config, N_FEATURES, N_ACTIONS).expect("it fits");
    let mask = ActionMask::all(N_ACTIONS);
    (0..capacity).for_each(|step| store(&mut replay, &states, &mask, step));
    (replay, states, rng)
}

fn store(replay: &mut Replay, states: &[[f32; N_FEATURES]], mask: &ActionMask, step: usize) {
    let at = (step + step / LENGTH) % (states.len() - 1);
    replay.push(&Stretch {
        lane: 0,
        observation: &states[at],
        action: step % N_ACTIONS,
        reward_sum: 1.0,
        bootstrap_discount: 0.99,
        next_observation: &states[at + 1],
        next_mask: mask,
    });
}

fn store_and_sample(bencher: Bencher<'_, '_>, capacity: usize, priorities: Option<Priorities>) {
    let (mut replay, states, mut rng) = full(capacity, priorities);
    let (mask, mut batch, mut step) = (ActionMask::all(N_ACTIONS), Batch::default(), capacity);
    let errors: Vec<f32> = (0..BATCH).map(|_| rng.random()).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            store(&mut replay, &states, &mask, step);
            step += 1;
        }
        replay.sample(BATCH, &mut rng, &mut batch);
        replay.set_priorities(&batch.slots, &errors).expect("they are numbers");
        batch.observations[0]
    });
}

#[divan::bench(args = [100_000, 1_000_000])]
fn uniform(bencher: Bencher<'_, '_>, capacity: usize) {
    store_and_sample(bencher, capacity, None);
}

#[divan::bench(args = [100_000, 1_000_000])]
fn prioritised(bencher: Bencher<'_, '_>, capacity: usize) {
    store_and_sample(bencher, capacity, Some(Priorities::default()));
}
