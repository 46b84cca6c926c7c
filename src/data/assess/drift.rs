//! Whether the end of the history still resembles its beginning.

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::features::drift::{PSI_SHIFTED, PSI_STABLE, population_stability_at};

/// Groups of about equal size into which the bins of the first quarter are joined.
const GROUPS: u64 = 10;
/// Fewest lines in either quarter for a comparison.
pub(super) const MIN_LINES: u64 = 200;
/// PSI from which a distribution has moved (the usual 0.1 of credit scoring, Siddiqi 2006).
pub(super) const PSI_MODERATE: f64 = PSI_STABLE;
/// PSI from which a distribution is another one (the usual 0.25, Siddiqi 2006).
pub(super) const PSI_LARGE: f64 = PSI_SHIFTED;
/// Share of unchanged distributions whose PSI passes the noise limit by chance.
const NOISE_ALPHA: f64 = 0.01;

/// How far a distribution moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// Fewer than 200 lines in a quarter: not compared.
    Unknown,
    /// PSI below 0.1, or no more than chance.
    Stable,
    /// PSI from 0.1.
    Moderate,
    /// PSI from 0.25.
    Large,
}

/// One distribution in the first and the last quarter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// What is compared, for example `basket value`.
    pub what: String,
    /// How far it moved.
    pub moved: Moved,
    /// Population stability index; `None` when not compared.
    pub psi: Option<f64>,
    /// What PSI passes by chance in 1 % of unchanged distributions; `None` when not compared.
    pub noise: Option<f64>,
    /// Level in the first quarter: the mean; `None` without lines.
    pub first: Option<f64>,
    /// Level in the last quarter.
    pub last: Option<f64>,
}

impl Drift {
    /// `last / first − 1`; `None` when either is missing or the first is 0.
    pub fn change(&self) -> Option<f64> {
        change(self.first?, self.last?)
    }
}

/// `last / first − 1`; `None` when the first is not positive.
pub(super) fn change(first: f64, last: f64) -> Option<f64> {
    (first > 0.0).then(|| last / first - 1.0)
}

/// Population stability index of two samples in the same bins, after joining neighbouring bins until
/// each holds a tenth of the first sample: the index of
/// [`features::drift`](crate::features::drift), and what it passes by chance with probability 1 %.
///
/// Lines of one basket are not independent, so the real chance is somewhat larger. 0 and 0 when
/// everything is in one group.
pub fn population_stability(first: &[u64], last: &[u64]) -> (f64, f64) {
    let (first, last): (Vec<u64>, Vec<u64>) = joined(first, last).into_iter().unzip();
    if first.len() < 2 {
        return (0.0, 0.0);
    }
    population_stability_at(&first, &last, 1.0 - NOISE_ALPHA)
        .map_or((0.0, 0.0), |found| (found.psi, found.chance_level))
}

/// Joins neighbouring bins until each group holds a tenth of the first sample; what remains at the
/// upper end joins the last group.
fn joined(first: &[u64], last: &[u64]) -> Vec<(u64, u64)> {
    let total: u64 = first.iter().sum();
    let mut groups: Vec<(u64, u64)> = Vec::new();
    let mut open = (0, 0);
    for (a, b) in first.iter().zip(last) {
        open = (open.0 + a, open.1 + b);
        if open.0 > 0 && open.0 * GROUPS >= total {
            groups.push(std::mem::take(&mut open));
        }
    }
    match groups.last_mut() {
        Some(group) => *group = (group.0 + open.0, group.1 + open.1),
        None => groups.push(open),
    }
    groups
}

/// Compares two quarters by their distributions, and their levels by the exact means: a median read
/// off bins of 12 % would tell of changes that never were.
pub(super) fn compare(what: String, first: &Histogram, last: &Histogram) -> Drift {
    let enough = first.total_lines().min(last.total_lines()) >= MIN_LINES;
    let (psi, noise) = population_stability(first.lines(), last.lines());
    let moved = if !enough {
        Moved::Unknown
    } else if psi <= noise || psi < PSI_MODERATE {
        Moved::Stable
    } else if psi < PSI_LARGE {
        Moved::Moderate
    } else {
        Moved::Large
    };
    let known = |value: f64| enough.then_some(value);
    let (psi, noise) = (known(psi), known(noise));
    Drift { what, moved, psi, noise, first: first.mean(), last: last.mean() }
}
