//! Drift of an assignment over time: population stability index and migration between labels.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::cluster_error::{ClusterError, in_range, same_length};

/// Index below which a population counts as stable (Siddiqi 2006).
pub const PSI_STABLE: f64 = 0.1;
/// Index from which a population counts as shifted (Siddiqi 2006).
pub const PSI_SHIFTED: f64 = 0.25;
/// Quantile of chance that a change has to pass.
const CHANCE_LEVEL: f64 = 0.95;
/// Added to every count, so that a label without customers does not make the index infinite.
const SMOOTHING: f64 = 0.5;

/// What the index says by the customary thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// Below [`PSI_STABLE`], or within what chance does to a population that has not changed.
    Stable,
    /// From [`PSI_STABLE`] to below [`PSI_SHIFTED`]: look at what moved.
    Moderate,
    /// [`PSI_SHIFTED`] or more: the clustering no longer describes this population.
    Shifted,
}

/// How far the distribution over labels moved between two times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PopulationStability {
    /// The index: Σ over labels, in nats, at least 0.
    pub psi: f64,
    /// Contribution of each label, at least 0, shape `[n_labels]`.
    pub contributions: Vec<f64>,
    /// Quantile (95% unless asked otherwise) of the index between two samples of these sizes when nothing has changed.
    pub chance_level: f64,
}

impl PopulationStability {
    /// The index read by the customary thresholds, after asking whether chance explains it.
    #[must_use]
    pub fn verdict(&self) -> DriftVerdict {
        if self.psi < PSI_STABLE || self.psi <= self.chance_level {
            DriftVerdict::Stable
        } else if self.psi < PSI_SHIFTED {
            DriftVerdict::Moderate
        } else {
            DriftVerdict::Shifted
        }
    }
}

/// Population stability index between the customers per label at two times, shapes `[n_labels]`.
///
/// PSI = Σ (qᵢ − pᵢ) ln(qᵢ / pᵢ) over shares pᵢ before and qᵢ after (Siddiqi 2006), each share
/// smoothed to (countᵢ + ½) / (total + n_labels / 2). Symmetric in time. Without any change
/// PSI / (1/n + 1/m) tends to χ² with n_labels − 1 degrees of freedom (Yurdakul 2018), from which
/// [`PopulationStability::chance_level`] comes: small populations exceed the thresholds by luck.
/// It assumes different customers at the two times; the same customers move less by chance.
///
/// # Errors
///
/// When the lengths differ, there is no label, or nobody at one of the times.
pub fn population_stability(
    before: &[u64],
    after: &[u64],
) -> Result<PopulationStability, ClusterError> {
    population_stability_at(before, after, CHANCE_LEVEL)
}

/// The same with another quantile for [`PopulationStability::chance_level`], in (0, 1).
///
/// # Errors
///
/// As [`population_stability`].
pub fn population_stability_at(
    before: &[u64],
    after: &[u64],
    level: f64,
) -> Result<PopulationStability, ClusterError> {
    same_length("counts after", before.len(), after.len())?;
    in_range("a number of labels", before.len(), 1, usize::MAX)?;
    let totals = [before, after].map(|counts| counts.iter().sum::<u64>());
    if totals.contains(&0) {
        return Err(ClusterError::TooFew { what: "customers at each time", needed: 1, found: 0 });
    }
    let n_labels = before.len() as f64;
    let share =
        |count: u64, total: u64| (count as f64 + SMOOTHING) / (total as f64 + SMOOTHING * n_labels);
    let contribution = |(&count_before, &count_after): (&u64, &u64)| {
        let (p, q) = (share(count_before, totals[0]), share(count_after, totals[1]));
        (q - p) * (q / p).ln()
    };
    let contributions: Vec<f64> = before.iter().zip(after).map(contribution).collect();
    let scale = totals.iter().map(|&total| 1.0 / total as f64).sum::<f64>();
    let quantile = ChiSquared::new(n_labels - 1.0).map_or(0.0, |law| law.inverse_cdf(level));
    let psi = contributions.iter().sum();
    Ok(PopulationStability { psi, contributions, chance_level: quantile * scale })
}

/// Customers per label, shape `[n_labels]`.
///
/// # Errors
///
/// When a label is `n_labels` or more.
pub fn label_counts(labels: &[usize], n_labels: usize) -> Result<Vec<u64>, ClusterError> {
    let mut counts = vec![0; n_labels];
    for &label in labels {
        match counts.get_mut(label) {
            Some(count) => *count += 1,
            None => return Err(label_out_of_range(label, n_labels)),
        }
    }
    Ok(counts)
}

/// Where the customers of each label went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// Customers by label before (row) and after (column), shape `[n_labels][n_labels]`.
    pub counts: Vec<Vec<u64>>,
    /// The counts as shares of their row; a row without customers is all 0.
    pub shares: Vec<Vec<f64>>,
    /// Share of all customers that kept their label; 1 when there are none.
    pub stayed: f64,
}

/// Migration table of the same customers at two times; position `i` is one customer in both.
///
/// # Errors
///
/// When the lengths differ or a label is `n_labels` or more.
pub fn migration(
    before: &[usize],
    after: &[usize],
    n_labels: usize,
) -> Result<Migration, ClusterError> {
    same_length("labels after", before.len(), after.len())?;
    if let Some(&label) = before.iter().chain(after).find(|&&label| label >= n_labels) {
        return Err(label_out_of_range(label, n_labels));
    }
    let mut counts = vec![vec![0_u64; n_labels]; n_labels];
    before.iter().zip(after).for_each(|(&from, &to)| counts[from][to] += 1);
    let row_shares = |row: &Vec<u64>| {
        let total = row.iter().sum::<u64>().max(1) as f64;
        row.iter().map(|&count| count as f64 / total).collect()
    };
    let shares = counts.iter().map(row_shares).collect();
    let kept: u64 = (0..n_labels).map(|label| counts[label][label]).sum();
    let stayed = if before.is_empty() { 1.0 } else { kept as f64 / before.len() as f64 };
    Ok(Migration { counts, shares, stayed })
}

fn label_out_of_range(label: usize, n_labels: usize) -> ClusterError {
    let range = format!("0..{n_labels}");
    ClusterError::OutOfRange { what: "a label", range, found: label.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_two_labels_matches_the_hand_calculation() {
        // Smoothed shares 80.5/101, 20.5/101 and 60.5/101, 40.5/101:
        // 0.198020 · ln(80.5/60.5) + 0.198020 · ln(40.5/20.5) = 0.056558 + 0.134828.
        let drift = population_stability(&[80, 20], &[60, 40]).expect("valid counts");
        let expected = 20.0 / 101.0 * ((80.5_f64 / 60.5).ln() + (40.5_f64 / 20.5).ln());
        assert!((drift.psi - expected).abs() < 1e-12 && (drift.psi - 0.191_386).abs() < 1e-5);
        assert!((drift.contributions.iter().sum::<f64>() - drift.psi).abs() < 1e-15);
        // χ²₁ has the 95% quantile 3.841459, times 1/100 + 1/100.
        assert!((drift.chance_level - 0.076_829).abs() < 1e-5);
        assert_eq!(drift.verdict(), DriftVerdict::Moderate);
        let back = population_stability(&[60, 40], &[80, 20]).expect("valid counts");
        assert!((back.psi - drift.psi).abs() < 1e-15);
    }

    #[test]
    fn verdicts_follow_the_thresholds_unless_chance_explains_the_index() {
        let verdict = |before: &[u64], after: &[u64]| {
            population_stability(before, after).expect("valid counts").verdict()
        };
        assert_eq!(verdict(&[500, 500], &[500, 500]), DriftVerdict::Stable);
        assert_eq!(verdict(&[900, 100], &[500, 500]), DriftVerdict::Shifted);
        // The index of 3:2 against 2:3 is 0.12 or so, but five customers say nothing.
        assert_eq!(verdict(&[3, 2], &[2, 3]), DriftVerdict::Stable);
    }

    #[test]
    fn an_empty_label_leaves_the_index_finite() {
        let drift = population_stability(&[100, 0], &[0, 100]).expect("valid counts");
        assert!(drift.psi.is_finite() && drift.verdict() == DriftVerdict::Shifted);
        let one = population_stability(&[5], &[9]).expect("one label");
        assert_eq!((one.psi, one.chance_level), (0.0, 0.0));
    }

    #[test]
    fn the_chance_level_is_exceeded_by_five_percent_of_unchanged_populations() {
        use promopt_envs::SeedTree;
        use rand::Rng;
        // 2,000 pairs of samples of 400 over four equal labels: the share beyond the level has
        // standard error sqrt(0.05 · 0.95 / 2000) = 0.0049; 4 of these are 0.0195.
        let mut stream = SeedTree::new(4).stream();
        let mut draw = || {
            let labels: Vec<usize> = (0..400).map(|_| stream.random_range(0..4)).collect();
            label_counts(&labels, 4).expect("labels below four")
        };
        let beyond = (0..2_000).filter(|_| {
            let drift = population_stability(&draw(), &draw()).expect("valid counts");
            drift.psi > drift.chance_level
        });
        assert!((beyond.count() as f64 / 2_000.0 - 0.05).abs() < 0.0195);
    }

    #[test]
    fn migration_counts_who_went_where() {
        let table = migration(&[0, 0, 0, 1, 1], &[0, 1, 1, 1, 2], 3).expect("valid labels");
        assert_eq!(table.counts, [[1, 2, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(table.shares[1], [0.0, 0.5, 0.5]);
        assert_eq!(table.shares[2], [0.0; 3]);
        assert!((table.stayed - 0.4).abs() < 1e-15);
        assert_eq!(migration(&[], &[], 2).expect("nobody").stayed, 1.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(population_stability(&[1], &[1, 2]).is_err());
        assert!(population_stability(&[], &[]).is_err());
        assert!(population_stability(&[0, 0], &[1, 2]).is_err());
        assert!(migration(&[0], &[0, 1], 2).is_err());
        assert!(migration(&[0], &[2], 2).is_err());
        assert!(label_counts(&[3], 3).is_err());
    }
}
