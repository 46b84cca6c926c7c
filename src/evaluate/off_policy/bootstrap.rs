//! The percentile bootstrap: seeded, parallel, re-normalised in every resample.
//!
//! What is drawn with replacement are *units*: rounds when they are independent, customers when
//! not. A unit is its sums (of `v`, `h (r − q)`, `h` and the count), so a resample is a few
//! additions per unit whatever the estimator, and a self-normalised estimate divides by its own
//! resample's weight.
//!
//! With more than [`Bootstrap::max_units`] units, these are dealt in turn into that many groups
//! first and groups are drawn (the random-groups method: Hansen, Hurwitz and Madow 1953; Wolter
//! 2007). A group's sums are independent of every other's, as nobody looked at the numbers when
//! dealing, so the resamples have the same mean and, up to a relative `sqrt(1/(2·groups))`, the
//! same spread: 0.4 % for 32,768 groups, where 1,000 resamples themselves leave 2.2 %
//! (`sqrt(1/(2·1000))`). Both are larger where a handful of rounds carries the estimate; so is the
//! doubt about any interval.

use super::estimator::Estimator;
use super::rounds::Rounds;
use super::summary::sum;
use super::target::check_size;
use crate::error::EvaluateError;
use crate::interval::Interval;
use promopt_envs::SeedTree;
use rand::RngCore;
use rayon::prelude::*;

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy)]
pub enum Units<'u> {
    /// Every round by itself.
    Rounds,
    /// Customers with all their rounds: the customer of each round, as a rank below `n`.
    Customers {
        /// Rank of the customer of each round.
        ranks: &'u [usize],
        /// Number of customers.
        n: usize,
    },
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub n_resamples: usize,
    /// Confidence level of the percentile interval, in `(0, 1)`.
    pub level: f64,
    /// Units beyond this many are dealt into so many groups; `usize::MAX` never groups.
    pub max_units: usize,
    /// Divides by the weight of the log, not of the resample, as Open Bandit Pipeline does. That
    /// treats a random denominator as known; for comparison alone.
    pub fixed_normaliser: bool,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_resamples: 1_000, level: 0.95, max_units: 1 << 15, fixed_normaliser: false }
    }
}

/// What came out of the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// The estimate, the percentile interval, and the standard deviation of the resamples.
    pub interval: Interval,
    /// Mean of the resamples.
    pub mean: f64,
    /// Number of units or groups that were drawn from.
    pub n_units: usize,
    /// Resamples without any weight, in which a self-normalised estimate does not exist; they are
    /// left out.
    pub n_undefined: usize,
}

/// Sums of a unit: of `v`, of `h (r − q)`, of `h`, and the number of rounds.
type Sums = [f64; 4];

impl Bootstrap {
    /// Percentile interval of an estimator. The same seed gives the same numbers on any number of
    /// threads: each resample has a stream of its own.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] for a level outside `(0, 1)`; [`EvaluateError::TooFew`]
    /// for fewer than two resamples or units; as [`Estimator::summary`].
    pub fn run(
        &self,
        estimator: &Estimator,
        rounds: &Rounds<'_>,
        units: Units<'_>,
        seeds: SeedTree,
    ) -> Result<Resampled, EvaluateError> {
        let at_least = crate::logged::at_least;
        at_least("resamples", 2, self.n_resamples, "1,000 are usual")?;
        at_least("groups", 2, self.max_units, "32,768 lose no precision")?;
        if !(self.level > 0.0 && self.level < 1.0) {
            let (name, expected) = ("level", "a confidence level in (0, 1)");
            return Err(EvaluateError::InvalidSetting { name, expected, found: self.level });
        }
        let value = estimator.value(rounds)?;
        let sums = self.sums(estimator, rounds, units)?;
        at_least("units to resample", 2, sums.len(), "one unit has no spread")?;
        let renormalised = estimator.self_normalised && !self.fixed_normaliser;
        let weight: f64 = sums.iter().map(|unit| unit[2]).sum();
        let fixed = if estimator.self_normalised { rounds.len() as f64 / weight } else { 1.0 };
        let even = sums.iter().all(|unit| unit[3] == sums[0][3]);
        // What does not vary is not gathered: most estimators need one or two sums per unit.
        let mut found = if renormalised && estimator.with_model {
            self.resample(&sums, seeds, |[v, g, h, n]| v / n + g / h)
        } else if renormalised {
            let pairs: Vec<[f64; 2]> = sums.iter().map(|[_, g, h, _]| [*g, *h]).collect();
            self.resample(&pairs, seeds, |[g, h]| g / h)
        } else if even {
            let alone: Vec<[f64; 1]> = sums.iter().map(|[v, g, ..]| [v + fixed * g]).collect();
            let n = sums.len() as f64 * sums[0][3];
            self.resample(&alone, seeds, |[x]| x / n)
        } else {
            let pairs: Vec<[f64; 2]> =
                sums.iter().map(|[v, g, _, n]| [v + fixed * g, *n]).collect();
            self.resample(&pairs, seeds, |[x, n]| x / n)
        };
        found.retain(|x| x.is_finite());
        self.read(value, found, sums.len())
    }

    /// Sums of every unit or group.
    fn sums(
        &self,
        estimator: &Estimator,
        rounds: &Rounds<'_>,
        units: Units<'_>,
    ) -> Result<Vec<Sums>, EvaluateError> {
        let (ranks, n_units) = match units {
            Units::Rounds => (None, rounds.len()),
            Units::Customers { ranks, n } => {
                check_size("customers", "decision", rounds.len(), ranks.len())?;
                let customers = ranks.iter().max().map_or(0, |most| most + 1);
                crate::logged::at_least("customers", customers, n, "count every rank below it")?;
                (Some(ranks), n)
            }
        };
        let groups = n_units.min(self.max_units);
        let mut sums = vec![[0.0; 4]; groups];
        let (mut round, mut next) = (0, 0);
        estimator.for_each_chunk(rounds, |chunk| {
            for ((v, g), h) in chunk.base.iter().zip(chunk.correction).zip(chunk.weights) {
                let group = match ranks {
                    Some(ranks) => ranks[round] % groups,
                    None => next,
                };
                next = if next + 1 == groups { 0 } else { next + 1 };
                round += 1;
                let unit = &mut sums[group];
                *unit = [unit[0] + v, unit[1] + g, unit[2] + h, unit[3] + 1.0];
            }
        });
        Ok(sums)
    }

    fn resample<const K: usize>(
        &self,
        units: &[[f64; K]],
        seeds: SeedTree,
        value: impl Fn([f64; K]) -> f64 + Sync,
    ) -> Vec<f64> {
        let each = |resample: usize| value(draw(units, seeds.index(resample as u64)));
        (0..self.n_resamples).into_par_iter().map(each).collect()
    }

    fn read(
        &self,
        estimate: f64,
        mut found: Vec<f64>,
        n_units: usize,
    ) -> Result<Resampled, EvaluateError> {
        let n_undefined = self.n_resamples - found.len();
        let advice = "the weight is on too few rounds to resample";
        crate::logged::at_least("resamples with weight", 2, found.len(), advice)?;
        found.sort_unstable_by(f64::total_cmp);
        let n = found.len() as f64;
        let mean = sum(&found) / n;
        let squares: Vec<f64> = found.iter().map(|x| (x - mean) * (x - mean)).collect();
        let tail = (1.0 - self.level) / 2.0;
        let interval = Interval {
            estimate,
            lower: quantile(&found, tail),
            upper: quantile(&found, 1.0 - tail),
            level: self.level,
            standard_error: (sum(&squares) / (n - 1.0)).sqrt(),
        };
        Ok(Resampled { interval, mean, n_units, n_undefined })
    }
}

/// Sums over as many units as there are, drawn with replacement.
fn draw<const K: usize>(units: &[[f64; K]], seeds: SeedTree) -> [f64; K] {
    // A power of two, as groups are by default, needs no more bits than it has, and divides evenly.
    if units.len().is_power_of_two() && units.len() <= 1 << 16 {
        return draw_per_word::<K, 4>(units, seeds);
    }
    draw_per_word::<K, 2>(units, seeds)
}

/// So many draws per 64 random bits, by multiplying and shifting (Lemire 2019 without rejection):
/// with 32 bits a unit's probability is off by at most 2⁻³², below what resamples can see.
fn draw_per_word<const K: usize, const DRAWS: usize>(
    units: &[[f64; K]],
    seeds: SeedTree,
) -> [f64; K] {
    let mut rng = seeds.stream();
    let n = units.len();
    let bits = 64 / DRAWS;
    let at = |word: u64, draw: usize| {
        let part = (word >> (draw * bits)) & ((1 << bits) - 1);
        units[((part * n as u64) >> bits) as usize]
    };
    // As many sums as draws: none waits for the one before.
    let mut sums = [[0.0; K]; DRAWS];
    for _ in 0..n / DRAWS {
        let word = rng.next_u64();
        for (draw, sum) in sums.iter_mut().enumerate() {
            let unit = at(word, draw);
            for k in 0..K {
                sum[k] += unit[k];
            }
        }
    }
    let word = rng.next_u64();
    let rest = (0..n % DRAWS).map(|draw| at(word, draw));
    let mut total = [0.0; K];
    for sum in sums.into_iter().chain(rest) {
        total.iter_mut().zip(sum).for_each(|(total, x)| *total += x);
    }
    total
}

/// Quantile of sorted numbers, linear between them (Hyndman and Fan 1996, type 7).
pub(super) fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let at = probability * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
