//! Rung 6, a continuous action: regret on a known surface, to the best depth and the best constant.

use super::arms::{Estimate, is_slow};
use promopt_agents::AgentError;
use promopt_agents::bandit::continuous::{ContinuousBandit, ContinuousConfig};
use promopt_agents::checkpoint::Archive;
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;

const ALL: (f64, f64) = (0.0, 1.0);
const NOISE: f64 = 0.3;
/// Where the reward of each kind of customer peaks.
const PEAKS: [f64; 3] = [0.2, 0.45, 0.8];

/// `1 − 4 (depth − peak)²`: one peak of height 1 for each kind.
fn surface(kind: usize, depth: f64) -> f64 {
    1.0 - 4.0 * (depth - PEAKS[kind]).powi(2)
}

fn one_hot(kind: usize) -> [f32; 3] {
    std::array::from_fn(|i| if i == kind { 1.0 } else { 0.0 })
}

fn bandit() -> Result<ContinuousBandit, AgentError> {
    ContinuousBandit::new(ContinuousConfig { noise: NOISE, ..Default::default() }, 3)
}

/// Plays and learns; the regret to the peak of each context.
fn play(bandit: &mut ContinuousBandit, steps: u32, rng: &mut Stream) -> Result<f64, AgentError> {
    let mut regret = 0.0;
    for _ in 0..steps {
        let kind = rng.random_range(0..3);
        let depth = bandit.decide(&one_hot(kind), ALL, rng)?.depth;
        let noise: f64 = StandardNormal.sample(rng);
        bandit.learn(&one_hot(kind), depth, surface(kind, depth) + NOISE * noise)?;
        regret += 1.0 - surface(kind, depth);
    }
    Ok(regret)
}

#[test]
fn it_finds_the_depth_of_each_context_where_a_constant_cannot() -> Result<(), AgentError> {
    let (n_seeds, steps) = if is_slow() { (20, 20_000) } else { (2, 3_000) };
    // The best constant is the mean peak, and gives away 4 times the variance of the peaks.
    let mean = PEAKS.iter().sum::<f64>() / 3.0;
    let variance = PEAKS.iter().map(|peak| (peak - mean).powi(2)).sum::<f64>() / 3.0;
    let constant = 4.0 * variance * f64::from(steps);
    let start = Instant::now();
    let (mut regrets, mut ends) = (Vec::new(), Vec::new());
    for seed in 0..n_seeds {
        let mut rng = SeedTree::new(31).index(seed).stream();
        let mut bandit = bandit()?;
        let early = play(&mut bandit, steps / 2, &mut rng)?;
        let late = play(&mut bandit, steps / 2, &mut rng)?;
        regrets.push(early + late);
        ends.push(late / f64::from(steps / 2));
        for (kind, peak) in PEAKS.iter().enumerate() {
            // Half a cell, and what 20 % of a bandwidth of noise in the estimate moves the peak by.
            let depth = bandit.best_depth(&one_hot(kind))?;
            assert!((depth - peak).abs() < 0.1, "{depth} for {peak}");
        }
    }
    let (regret, end) = (Estimate::of(&regrets), Estimate::of(&ends));
    eprintln!(
        "continuous depth: regret {regret} of {steps} steps (best constant {constant:.0}), \
         {:.4} ± {:.4} a step in the second half, {n_seeds} seeds, {:.1} s",
        end.mean,
        end.error,
        start.elapsed().as_secs_f64()
    );
    assert!(regret.mean + 3.0 * regret.error < constant / 2.0, "{regret} of {constant}");
    // In the end: ε = 0.01 of uniform depths give away 4 (1/12 + (peak − 1/2)²) on average, below
    // 0.007 a step; exploration must have fallen to a tenth of what the best constant gives away.
    assert!(end.mean < 0.007 + 0.1 * constant / f64::from(steps), "{}", end.mean);
    Ok(())
}

#[test]
fn the_density_is_the_one_that_depths_are_drawn_with() -> Result<(), AgentError> {
    let mut rng = SeedTree::new(32).stream();
    let mut bandit = bandit()?;
    play(&mut bandit, 150, &mut rng)?;
    let (context, limits) = (one_hot(1), (0.13, 0.58));
    // The density is constant within cells of 1/32 cut by the limits: 3,200 midpoints integrate it
    // but for the two cut cells, whose error is below the highest density times 1/3200 each.
    let at = |i: i32| (f64::from(i) + 0.5) / 3_200.0;
    let (mut total, mut highest, mut below_half) = (0.0, 0.0_f64, 0.0);
    for i in 0..3_200 {
        let density = bandit.density(&context, limits, at(i))?;
        assert!((density > 0.0) == (0.13 < at(i) && at(i) < 0.58), "{density} at {}", at(i));
        total += density / 3_200.0;
        below_half += if at(i) < 0.375 { density / 3_200.0 } else { 0.0 };
        highest = highest.max(density);
    }
    assert!((total - 1.0).abs() < 2.0 * highest / 3_200.0, "{total}");
    let n = 4_000;
    let mut seen = 0.0;
    for _ in 0..n {
        let decision = bandit.decide(&context, limits, &mut rng)?;
        assert!((0.13..=0.58).contains(&decision.depth));
        assert_eq!(decision.density, bandit.density(&context, limits, decision.depth)?);
        seen += f64::from(u8::from(decision.depth < 0.375)) / f64::from(n);
    }
    // 4 standard errors of a share are at most 4 · 0.5 / √4000 = 0.0317.
    assert!((seen - below_half).abs() < 0.0317 + highest / 3_200.0, "{seen} {below_half}");
    Ok(())
}

#[test]
fn a_loaded_bandit_goes_on_as_the_saved_one() -> Result<(), AgentError> {
    let mut rng = SeedTree::new(33).stream();
    let (mut first, mut second) = (bandit()?, bandit()?);
    play(&mut first, 200, &mut rng)?;
    let mut archive = Archive::default();
    first.save(&mut archive)?;
    second.load(&archive)?;
    let mut again = rng.clone();
    assert_eq!(play(&mut first, 100, &mut rng)?, play(&mut second, 100, &mut again)?);
    Ok(())
}

#[test]
fn impossible_inputs_are_errors() -> Result<(), AgentError> {
    let mut bandit = bandit()?;
    let mut rng = SeedTree::new(34).stream();
    assert!(bandit.decide(&[1.0], ALL, &mut rng).is_err());
    assert!(bandit.decide(&[f32::NAN, 0.0, 0.0], ALL, &mut rng).is_err());
    assert!(bandit.decide(&one_hot(0), (0.5, 0.5), &mut rng).is_err());
    assert!(bandit.learn(&one_hot(0), 1.5, 0.0).is_err());
    assert!(bandit.learn(&one_hot(0), 0.5, f64::NAN).is_err());
    let config = ContinuousConfig { bandwidth: 0.0, ..Default::default() };
    assert!(ContinuousBandit::new(config, 1).is_err());
    Ok(())
}
