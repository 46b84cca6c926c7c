//! The tables beside the optima of Gymnasium's own.

use super::{LakeSize, TableWorld, cliff_walking, frozen_lake, taxi};
use crate::env::Env;
use crate::registry::RegistryError;

/// Exact for these sizes but for rounding.
const TOLERANCE: f64 = 1e-9;

fn optimum(world: &TableWorld) -> Result<f64, RegistryError> {
    let horizon = world.spec().horizon.expect("a time limit");
    Ok(world.start_value(&world.mdp().backward_induction(1.0, horizon)?.values))
}

/// What the policy that is optimal at discount 0.99 without a limit earns within the limit.
fn stationary(world: &TableWorld) -> Result<f64, RegistryError> {
    let horizon = world.spec().horizon.expect("a time limit");
    let policy = world.mdp().value_iteration(0.99, 1e-12)?.policy;
    Ok(world.start_value(&world.mdp().evaluate_steps(&policy, 1.0, horizon)?))
}

/// Golden: backward induction and value iteration in numpy over the tables of Gymnasium 1.4.
#[test]
fn optima_are_those_of_gymnasiums_tables() -> Result<(), RegistryError> {
    let (small, large) = (frozen_lake(LakeSize::Small)?, frozen_lake(LakeSize::Large)?);
    for (got, expected) in [
        (optimum(&small)?, 0.744_190_287_829_269_7),
        (stationary(&small)?, 0.740_164_897_758_705_1),
        (optimum(&large)?, 0.913_220_150_201_629_6),
        (stationary(&large)?, 0.862_955_379_961_112_5),
        (optimum(&taxi()?)?, 7.93),
        (stationary(&taxi()?)?, 7.93),
        (optimum(&cliff_walking()?)?, -13.0),
        (stationary(&cliff_walking()?)?, -13.0),
    ] {
        assert!((got - expected).abs() < TOLERANCE, "{got} {expected}");
    }
    Ok(())
}

#[test]
fn steps_follow_the_table() -> Result<(), Box<dyn std::error::Error>> {
    let mut lake = frozen_lake(LakeSize::Small)?;
    // From the start, going down: 1/3 each of staying (left), the cell below and the cell right.
    let n = 9_000;
    let mut counts = [0_usize; 3];
    for seed in 0..n {
        lake.reset(Some(seed));
        lake.step(1)?;
        match lake.state() {
            0 => counts[0] += 1,
            4 => counts[1] += 1,
            1 => counts[2] += 1,
            other => panic!("went to {other}"),
        }
    }
    // 3,000 expected each, standard deviation √(9000 · 1/3 · 2/3) = 44.8.
    for count in counts {
        assert!((count as f64 - 3_000.0).abs() < 4.0 * 44.8, "{counts:?}");
    }
    Ok(())
}
