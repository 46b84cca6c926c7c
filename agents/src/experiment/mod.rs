//! Experiments over many seeds and settings, judged as they deserve.
//!
//! One training run says little: see `aggregate` for what several say together, with intervals,
//! and `search` for finding settings with a stated budget. Runs are spread over the threads of the
//! current pool; what they give depends on their seeds only.

pub mod aggregate;
pub mod search;
mod student;

pub use aggregate::{Estimate, Scores};
pub use search::{SearchConfig, SearchSpace, Settings, Trial, search};
pub(crate) use student::student_t_975;

use crate::error::AgentError;
use promopt_envs::SeedTree;
use rayon::prelude::*;

/// Runs the same experiment with `n` seeds, `root.index(0)` to `root.index(n − 1)`, in parallel;
/// results are in the order of the seeds, whatever the number of threads.
///
/// # Errors
/// That of the first seed whose run failed.
pub fn run_seeds<T: Send>(
    root: SeedTree,
    n: u32,
    run: impl Fn(SeedTree) -> Result<T, AgentError> + Sync,
) -> Result<Vec<T>, AgentError> {
    let runs: Vec<_> =
        (0..n).into_par_iter().map(|index| run(root.index(u64::from(index)))).collect();
    runs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
        let run = || run_seeds(SeedTree::new(1), 50, |seed| Ok(seed.stream().random::<u64>()));
        let with = |threads| -> Result<Vec<u64>, Box<dyn std::error::Error>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            Ok(pool.install(run)?)
        };
        assert_eq!(with(1)?, with(3)?);
        assert_eq!(with(1)?[7], SeedTree::new(1).index(7).stream().random::<u64>());
        Ok(())
    }

    #[test]
    fn the_first_failure_by_seed_is_reported() {
        let failed = run_seeds(SeedTree::new(1), 20, |seed| {
            let at = (0..20).find(|&at| seed == SeedTree::new(1).index(at)).unwrap_or(99);
            match at {
                5 | 12 => Err(AgentError::NotFinite { what: "loss", got: at as f64 }),
                _ => Ok(at),
            }
        });
        assert!(matches!(failed, Err(AgentError::NotFinite { got: 5.0, .. })));
    }
}
