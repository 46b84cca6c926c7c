//! Paired intervals hold what they promise: coverage on simulated tests with known truth.

use super::*;
use promopt_envs::{SeedTree, Stream};
use rand::Rng;

/// Noise with mean 0 and standard deviation 1.
fn noise(rng: &mut Stream) -> f64 {
    (rng.random::<f64>() - 0.5) * 12.0_f64.sqrt()
}

/// Share of simulated tests whose interval holds the effect in one more world of the posterior.
fn paired_coverage(world_spread: f64, noise_spread: f64, repetitions: u64) -> f64 {
    let (customers, worlds) = (100_usize, 5_usize);
    let everyone: Vec<usize> = (0..customers).collect();
    let mut covered = 0;
    for repetition in 0..repetitions {
        let mut rng = SeedTree::new(13).index(repetition).stream();
        let own: Vec<f64> = everyone.iter().map(|_| 2.0 * noise(&mut rng)).collect();
        // Sums of four uniforms are close enough to normal for the t quantiles of few worlds.
        let mut normal = || (0..4).map(|_| noise(&mut rng)).sum::<f64>() / 2.0;
        let shifts: Vec<f64> = (0..worlds).map(|_| world_spread * normal()).collect();
        let truth = 0.5 + world_spread * normal();
        let cells: Vec<f64> = (0..customers * worlds).map(|_| noise_spread * normal()).collect();
        let value = |w: usize, c: usize| 0.5 + own[c] + shifts[w] + cells[w * customers + c];
        let found = paired::paired(worlds, &everyone, 0.95, value).expect("the input is valid");
        covered += u64::from(found.interval.lower <= truth && truth <= found.interval.upper);
    }
    covered as f64 / repetitions as f64
}

#[test]
fn paired_intervals_cover_the_effect_in_the_true_world() {
    // 1000 tests: se = sqrt(0.95·0.05/1000) = 0.0069, so 4 se = 0.0276. The sampling error is 0.2;
    // the worlds spread less, as much and more than that.
    for world_spread in [0.0, 0.2, 0.6] {
        let coverage = paired_coverage(world_spread, 0.02, 1000);
        assert!((coverage - 0.95).abs() < 0.0276, "spread {world_spread}: {coverage}");
    }
}

#[test]
fn noise_between_worlds_makes_paired_intervals_wider_never_too_narrow() {
    // Noise as large as the customers' own effects is counted more than once: above 0.95 − 4 se.
    assert!(paired_coverage(0.2, 2.0, 1000) > 0.95 - 0.0276);
}
