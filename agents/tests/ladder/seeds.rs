//! What several seeds say together: trained in parallel, printed one by one and as a whole.

use promopt_agents::AgentError;
use promopt_agents::experiment::{Scores, run_seeds};
use promopt_envs::SeedTree;
use std::time::Instant;

/// Runs seeds 0 to `n − 1` of the root on two threads, prints every score, the median, the interquartile mean
/// with its 95 % interval and the time taken, and returns the scores.
pub(crate) fn scores_of(
    what: &str,
    root: u64,
    n: u32,
    run: impl Fn(SeedTree) -> Result<f64, AgentError> + Sync + Send,
) -> Result<Scores, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let runs = pool.install(|| run_seeds(SeedTree::new(root), n, run))?;
    let each: Vec<String> = runs.iter().map(|score| format!("{score:.4}")).collect();
    let scores = Scores::of_one_task(runs)?;
    let middle = scores.estimate(Scores::interquartile_mean, 2_000, SeedTree::new(7))?;
    eprintln!(
        "{what}: median {:.4}, IQM {:.4} [{:.4}, {:.4}], {n} seeds ({}), {:.1} s",
        scores.median(),
        middle.value,
        middle.low,
        middle.high,
        each.join(" "),
        start.elapsed().as_secs_f64()
    );
    Ok(scores)
}
