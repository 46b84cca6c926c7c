//! One thread of plain DQN on CartPole, for `peers/dqn.py` to time as a whole process.
//!
//! `dqn_cart_pole STEPS WIDTH BATCH LEARN`: acts, steps, stores and (with LEARN 1) updates once per
//! step, as the peers do.

use promopt_agents::schedule::Linear;
use promopt_agents::{DqnAgent, DqnConfig, Normalisation, TargetUpdate, TrainConfig, train};
use promopt_envs::classic::CartPole;
use promopt_envs::{AutoresetMode, Env, SeedTree, VectorEnv};
use std::error::Error;
use std::ops::ControlFlow;

/// Stored steps before the first update, as for the peers.
const WARM_UP: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<u64> =
        std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let [steps, width, batch, learn] = words[..] else {
        return Err("expected STEPS WIDTH BATCH LEARN".into());
    };
    let env = CartPole::new();
    let warm_up = if learn == 1 { WARM_UP } else { 50_000 };
    let config = DqnConfig {
        hidden: vec![width as usize; 2],
        double: false,
        dueling: false,
        n_step: 1,
        replay_capacity: 50_000,
        warm_up,
        batch_size: batch as usize,
        learning_rate: Linear::constant(2.5e-4),
        target_update: TargetUpdate::Hard { every: 500 },
        epsilon: Linear { start: 1.0, end: 0.05, steps: steps / 5 },
        ..DqnConfig::default()
    };
    let normalisation = Normalisation::identity(env.spec().observation_space.n_features());
    let mut agent = DqnAgent::new(config, env.spec(), normalisation, SeedTree::new(1))?;
    let mut envs = VectorEnv::new(vec![env], AutoresetMode::Disabled)?;
    // Without learning, updates are never due.
    let update_every = if learn == 1 { 1 } else { u64::MAX };
    let length = TrainConfig { steps, update_every, updates_at_once: 1, report_every: u64::MAX };
    train(&mut agent, &mut envs, &length, SeedTree::new(2), &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}
