//! Customer-weeks per CPU-second of the arena on one thread; the peer is `arena_numpy.py`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures")]

use promopt_envs::arena::{ArenaConfig, ArenaPopulation, ArenaWorld, WeekNoise};
use promopt_envs::{EnvError, SeedTree};
use std::time::Instant;

/// CPU seconds of this process where the system tells, else seconds since `start`.
fn cpu_seconds(start: Instant) -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() -> Result<(), EnvError> {
    let (tree, start) = (SeedTree::new(1), Instant::now());
    let world = ArenaWorld::new(ArenaConfig::default(), tree)?;
    println!("world drawn in {:.3} s", cpu_seconds(start));
    let n = world.config().n_customers;
    let mut noise = WeekNoise::new(&world, n);
    let coupons: Vec<usize> = (0..n).map(|customer| customer % 11).collect();
    let (mut weeks, mut luck, mut decisions, mut revenue) = (0_u32, 0.0, 0.0, 0.0);
    while luck + decisions < 3.0 {
        let mut population = ArenaPopulation::new(&world);
        for week in 0..world.config().n_weeks {
            let before = cpu_seconds(start);
            noise.fill(&world, tree.index(u64::from(weeks)), week, 0);
            let between = cpu_seconds(start);
            let outcomes = population.play(&world, &noise, &coupons)?;
            luck += between - before;
            decisions += cpu_seconds(start) - between;
            revenue += outcomes.iter().map(|outcome| outcome.revenue).sum::<f64>();
            weeks += 1;
        }
    }
    let customer_weeks = f64::from(weeks) * n as f64;
    println!("{:.0} customer-weeks per CPU-second", customer_weeks / (luck + decisions));
    println!(
        "microseconds per customer-week: {:.1} for luck, {:.1} for decisions",
        luck / customer_weeks * 1e6,
        decisions / customer_weeks * 1e6
    );
    println!("mean revenue {:.4} per customer-week", revenue / customer_weeks);
    Ok(())
}
