//! The current level of a product's demand: a level that may wander, seen through weekly shocks.
//!
//! ```text
//! r_t = l_t + e_t,  e_t ~ N(0, s²)      mean residual of a week over stores
//! l_t = l_(t−1) + n_t,  n_t ~ N(0, q)
//! ```
//!
//! The ratio `q / s²` maximises the likelihood over a grid that holds 0 (a level that stays); the
//! filter then tells where the level stands at the end (Harvey 1989, the local level model). A fit
//! over years would otherwise sell next week at the mean level of those years.

/// Ratios of the variance of the level's step to that of the weekly shock.
const RATIOS: [f64; 10] = [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0];

/// Where the level stands after the last week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Level {
    /// Its mean, log units.
    pub(super) mean: f64,
    /// Its variance.
    pub(super) variance: f64,
    /// Variance of its step in a week, `q`.
    pub(super) drift: f64,
    /// Variance of the weekly shock, `s²`.
    pub(super) shock: f64,
}

impl Level {
    /// The level behind (week, mean residual), ascending by week.
    pub(super) fn of(weeks: &[(i64, f64)]) -> Self {
        let mut best = (f64::NEG_INFINITY, Self::default());
        for ratio in RATIOS {
            let (likelihood, level) = filtered(weeks, ratio);
            if likelihood > best.0 {
                best = (likelihood, level);
            }
        }
        best.1
    }

    /// Variance of the level so many weeks later.
    pub(super) fn variance_after(&self, weeks: i64) -> f64 {
        self.variance + self.drift * weeks.max(0) as f64
    }
}

/// Log-likelihood at the best shock variance, and the level, from a diffuse start at the first week.
fn filtered(weeks: &[(i64, f64)], ratio: f64) -> (f64, Level) {
    let Some(&(mut last, mut mean)) = weeks.first() else {
        return (0.0, Level::default());
    };
    // In units of the shock variance.
    let mut variance = 1.0;
    let (mut squares, mut log_scales, mut n) = (0.0, 0.0, 0.0);
    for &(week, residual) in &weeks[1..] {
        variance += ratio * (week - last) as f64;
        let scale = variance + 1.0;
        let surprise = residual - mean;
        squares += surprise * surprise / scale;
        log_scales += scale.ln();
        n += 1.0;
        mean += variance / scale * surprise;
        variance /= scale;
        last = week;
    }
    let shock = squares / f64::max(n, 1.0);
    let likelihood = -0.5 * (n * shock.max(1e-300).ln() + log_scales);
    (likelihood, Level { mean, variance: variance * shock, drift: ratio * shock, shock })
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn a_level_that_stays_is_the_mean() {
        let weeks: Vec<(i64, f64)> = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
            .into_iter()
            .enumerate()
            .map(|(t, r)| (t as i64, r))
            .collect();
        let level = Level::of(&weeks);
        assert!(level.mean.abs() < 1e-12 && level.drift == 0.0);
        // s² / n after n weeks.
        assert!((level.variance - level.shock / 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_level_that_moved_is_found_where_it_went() {
        let mut rng = SeedTree::new(9).stream();
        let weeks: Vec<(i64, f64)> = (0..100)
            .map(|t| {
                let level = if t < 50 { 0.0 } else { 1.0 };
                (t, level + 0.2 * rng.sample::<f64, _>(StandardNormal))
            })
            .collect();
        let level = Level::of(&weeks);
        assert!((level.mean - 1.0).abs() < 4.0 * level.variance.sqrt(), "{level:?}");
        assert!(level.drift > 0.0);
    }
}
