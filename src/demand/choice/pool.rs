//! Partial pooling: what one fine category says of itself, drawn to what all of them say together.
//!
//! `b_f ~ N(β_f, v_f)`, `β_f ~ N(μ, τ²)`: the spread τ² by the method of moments (DerSimonian and
//! Laird 1986), μ weighted by precision, and the posterior of each β_f with the uncertainty of μ in
//! it (empirical Bayes, Morris 1983). A fine category without an estimate of its own has μ, and
//! the whole spread for its uncertainty.

use serde::{Deserialize, Serialize};

/// A number with its uncertainty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// Mean and spread over fine categories, and the posterior of each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pooling {
    pub(super) mean: Pooled,
    /// Standard deviation between fine categories, τ.
    pub(super) spread: f64,
    /// Shape `[n_fine]`.
    pub(super) each: Vec<Pooled>,
}

/// Pools estimates with their variances; `None` where there is no estimate.
pub(super) fn pool(estimates: &[Option<(f64, f64)>]) -> Pooling {
    let known: Vec<(f64, f64)> = estimates.iter().flatten().copied().collect();
    if known.is_empty() {
        let nothing = Pooled::default();
        return Pooling { mean: nothing, spread: 0.0, each: vec![nothing; estimates.len()] };
    }
    let weighted = |spread: f64| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (own, variance) in &known {
            let weight = 1.0 / (variance + spread);
            sum += weight * own;
            weights += weight;
        }
        (sum / weights, weights)
    };
    let (fixed, weights) = weighted(0.0);
    let squares: f64 = known.iter().map(|(_, variance)| 1.0 / (variance * variance)).sum();
    let heterogeneity: f64 =
        known.iter().map(|(own, variance)| (own - fixed).powi(2) / variance).sum();
    let scale = weights - squares / weights;
    let excess = heterogeneity - (known.len() as f64 - 1.0);
    let spread = if scale > 0.0 { (excess / scale).max(0.0) } else { 0.0 };
    let (mean, weights) = weighted(spread);
    let of_mean = 1.0 / weights;
    let posterior = |estimate: &Option<(f64, f64)>| match estimate {
        None => Pooled { mean, sd: (spread + of_mean).sqrt() },
        Some((own, variance)) => {
            let trust = spread / (spread + variance);
            let variance = trust * variance + (1.0 - trust).powi(2) * of_mean;
            Pooled { mean: mean + trust * (own - mean), sd: variance.sqrt() }
        }
    };
    Pooling {
        mean: Pooled { mean, sd: of_mean.sqrt() },
        spread: spread.sqrt(),
        each: estimates.iter().map(posterior).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn equal_estimates_are_drawn_to_their_mean() {
        // Q = 2 · (1 / 1) = 2 over 1 degree of freedom; C = 2 − 2/2 = 1: τ² = 1, trust = ½.
        let pooling = pool(&[Some((1.0, 1.0)), Some((3.0, 1.0)), None]);
        assert!((pooling.spread - 1.0).abs() < 1e-12 && (pooling.mean.mean - 2.0).abs() < 1e-12);
        assert!((pooling.each[0].mean - 1.5).abs() < 1e-12);
        // ½ · 1 + ¼ · Var(μ) with Var(μ) = 2 / 2 = 1.
        assert!((pooling.each[0].sd - 0.75_f64.sqrt()).abs() < 1e-12);
        assert_eq!(pooling.each[2].mean, pooling.mean.mean);
        assert!((pooling.each[2].sd - 2.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn nothing_known_is_no_response_and_one_estimate_stands_for_itself() {
        assert_eq!(pool(&[None, None]).each, [Pooled::default(); 2]);
        assert_eq!(pool(&[Some((2.0, 0.25))]).each[0], Pooled { mean: 2.0, sd: 0.5 });
    }

    #[test]
    fn posteriors_cover_the_truth_as_often_as_they_say() {
        let (mut rng, n) = (SeedTree::new(4).stream(), 2000);
        let truth: Vec<f64> = (0..n).map(|_| 2.0 + normal(&mut rng)).collect();
        let observed = truth.iter().enumerate().map(|(index, own)| {
            let sd = 0.2 + (index % 10) as f64 * 0.2;
            Some((own + sd * normal(&mut rng), sd * sd))
        });
        let pooling = pool(&observed.collect::<Vec<_>>());
        let inside = truth
            .iter()
            .zip(&pooling.each)
            .filter(|(truth, own)| (*truth - own.mean).abs() < 1.645 * own.sd);
        // 90 % of 2,000 with a standard error of √(0.9 · 0.1 / 2000) = 0.0067.
        let share = inside.count() as f64 / f64::from(n);
        assert!((share - 0.9).abs() < 4.0 * 0.0067, "{share}");
    }

    fn normal(rng: &mut promopt_envs::Stream) -> f64 {
        StandardNormal.sample(rng)
    }
}
