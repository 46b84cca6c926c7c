//! Customer-weeks per CPU-second of the arena, on one thread.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures")]

use promopt_envs::arena::{ArenaConfig, ArenaPopulation, ArenaWorld, WeekNoise};
use promopt_envs::{EnvError, SeedTree};
use std::time::Instant;

fn main() -> Result<(), EnvError> {
    let tree = SeedTree::new(1);
    let start = Instant::now();
    let world = ArenaWorld::new(ArenaConfig::default(), tree)?;
    println!("world drawn in {:.3} s", start.elapsed().as_secs_f64());
    let n = world.config().n_customers;
    let mut noise = WeekNoise::new(&world, n);
    let coupons: Vec<usize> = (0..n).map(|customer| customer % 11).collect();
    let (mut weeks, mut revenue) = (0_u32, 0.0);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 3.0 {
        let mut population = ArenaPopulation::new(&world);
        for week in 0..world.config().n_weeks {
            noise.fill(&world, tree.index(u64::from(weeks)), week, 0);
            let outcomes = population.play(&world, &noise, &coupons)?;
            revenue += outcomes.iter().map(|outcome| outcome.revenue).sum::<f64>();
            weeks += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let customer_weeks = f64::from(weeks) * n as f64;
    println!("{:.0} customer-weeks per second", customer_weeks / seconds);
    println!("mean revenue {:.4} per customer-week", revenue / customer_weeks);
    Ok(())
}
