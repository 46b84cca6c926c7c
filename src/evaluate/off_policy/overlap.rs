//! Can the log speak about this policy at all? Diagnostics of overlap and the verdict on them.

use super::input::OpeInput;
use super::target::check_size;
use crate::error::EvaluateError;
use crate::interval::{cluster_sum_of_squares, mean};
use serde::{Deserialize, Serialize};

/// Below this effective sample size estimates are refused: intervals have no meaning.
pub const REFUSE_EFFECTIVE_SAMPLE: f64 = 50.0;
/// Below this effective sample size estimates come with a caution.
pub const CAUTION_EFFECTIVE_SAMPLE: f64 = 300.0;
/// Below this share of the decisions in the effective sample estimates come with a caution.
pub const CAUTION_EFFECTIVE_SHARE: f64 = 0.1;
/// Above this share of all weight on a single decision estimates are refused.
pub const REFUSE_LARGEST_SHARE: f64 = 0.1;
/// Above this share of all weight on a single decision estimates come with a caution.
pub const CAUTION_LARGEST_SHARE: f64 = 0.02;
/// Above this target probability on actions without support estimates are refused.
pub const REFUSE_UNSUPPORTED: f64 = 0.1;
/// Above this target probability on actions without support estimates come with a caution.
pub const CAUTION_UNSUPPORTED: f64 = 0.01;
/// Weights whose mean is more standard errors away from 1 than this come with a caution: one false
/// alarm in a hundred sound logs.
pub const CAUTION_WEIGHT_MEAN_Z: f64 = 2.576;
/// Weights whose mean is more than this many times 1, or of which 1 is, come with a caution
/// whatever their standard error: a few huge weights make that as large as the error they cause, so
/// that `k` mis-logged propensities never get beyond `z = √k`.
pub const CAUTION_WEIGHT_MEAN_FACTOR: f64 = 2.0;
/// Beyond this factor estimates are refused. With right propensities a mean weight above `m` has at
/// most probability `1/m` (Markov).
pub const REFUSE_WEIGHT_MEAN_FACTOR: f64 = 5.0;
/// Fewer customers than this are refused, as small cells are everywhere.
pub const REFUSE_CUSTOMERS: usize = 10;
/// Fewer customers than this come with a caution: cluster-robust intervals run short.
pub const CAUTION_CUSTOMERS: usize = 40;
/// From this propensity on a decision counts as certain: no other action was possible.
const CERTAIN_PROPENSITY: f64 = 1.0 - 1e-9;

/// Whether estimates may be read as evidence. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapVerdict {
    /// Nothing stands against the estimates.
    Ok,
    /// Estimates are shown with the reasons for doubt beside them.
    Caution,
    /// The log cannot answer; no estimate is shown.
    Refuse,
}

/// Numbers about the importance weights `w` that tell how much of the log speaks for the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverlapDiagnostics {
    /// Number of logged decisions.
    pub n_decisions: usize,
    /// Number of customers.
    pub n_customers: usize,
    /// Effective sample size `(Σw)² / Σw²` in decisions; 0 when all weights are 0.
    pub effective_sample_size: f64,
    /// Effective sample size as a share of the decisions.
    pub effective_share: f64,
    /// Largest weight.
    pub largest_weight: f64,
    /// Share of all weight that the largest one has.
    pub largest_weight_share: f64,
    /// Mean weight; 1 in expectation when propensities are right and support is complete.
    pub mean_weight: f64,
    /// `(mean(w) − 1) / se`, with `se` robust to dependence within customers; `None` when the
    /// weights do not vary.
    pub weight_mean_z: Option<f64>,
    /// Share of the target's probability on actions without support: never logged, or ruled out at
    /// a decision whose logged action was certain.
    pub unsupported_probability: f64,
    /// Actions that the target uses and the log never shows.
    pub never_logged_actions: Vec<usize>,
    /// Smallest propensity in the log.
    pub smallest_propensity: f64,
    /// Whether propensities were logged; otherwise they were estimated afterwards.
    pub propensities_logged: bool,
}

impl OverlapDiagnostics {
    /// Measures overlap between the log and the target policy.
    #[must_use]
    pub fn measure(input: &OpeInput<'_>, propensities_logged: bool) -> Self {
        let log = input.log();
        let weights = input.weights();
        let n = log.len() as f64;
        let total: f64 = weights.iter().sum();
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let largest_weight = weights.iter().copied().fold(0.0, f64::max);
        let mean_weight = mean(weights);
        let deviations: Vec<f64> = weights.iter().map(|w| w - mean_weight).collect();
        let standard_error = cluster_sum_of_squares(&deviations, log).sqrt() / n;
        let varies = deviations.iter().any(|d| *d != 0.0) && standard_error > 0.0;
        let (unsupported_probability, never_logged_actions) = support_gap(input);
        let effective_sample_size = share(total * total, squares);
        Self {
            n_decisions: log.len(),
            n_customers: log.n_clusters(),
            effective_sample_size,
            effective_share: effective_sample_size / n,
            largest_weight,
            largest_weight_share: share(largest_weight, total),
            mean_weight,
            weight_mean_z: varies.then(|| (mean_weight - 1.0) / standard_error),
            unsupported_probability,
            never_logged_actions,
            smallest_propensity: log.propensities().iter().copied().fold(1.0, f64::min),
            propensities_logged,
        }
    }

    /// The verdict and its reasons in plain words.
    ///
    /// The worst single finding decides. Estimated propensities leave no slack: with them the
    /// verdict is never better than caution, and a caution about overlap becomes a refusal.
    #[must_use]
    pub fn verdict(&self) -> (OverlapVerdict, Vec<String>) {
        let findings = self.findings();
        let worst = findings.iter().map(|(verdict, _)| *verdict).max();
        let mut verdict = worst.unwrap_or(OverlapVerdict::Ok);
        let mut reasons: Vec<String> = findings.into_iter().map(|(_, reason)| reason).collect();
        if !self.propensities_logged {
            let (raised, reason) = if verdict == OverlapVerdict::Ok {
                (OverlapVerdict::Caution, "propensities were not logged but estimated")
            } else {
                let reason = "propensities were estimated, not logged, and overlap is not ample";
                (OverlapVerdict::Refuse, reason)
            };
            verdict = raised;
            reasons.push(reason.into());
        }
        (verdict, reasons)
    }

    fn findings(&self) -> Vec<(OverlapVerdict, String)> {
        let mut findings = Vec::new();
        let mut check = |refuse: bool, caution: bool, reason: String| {
            if refuse || caution {
                let verdict = if refuse { OverlapVerdict::Refuse } else { OverlapVerdict::Caution };
                findings.push((verdict, reason));
            }
        };
        let size = self.effective_sample_size;
        check(
            size < REFUSE_EFFECTIVE_SAMPLE,
            size < CAUTION_EFFECTIVE_SAMPLE || self.effective_share < CAUTION_EFFECTIVE_SHARE,
            format!(
                "{} logged decisions are worth {size:.0} decisions of the target policy \
                 (ok from {CAUTION_EFFECTIVE_SAMPLE} and {:.0}%, refused below \
                 {REFUSE_EFFECTIVE_SAMPLE})",
                self.n_decisions,
                100.0 * CAUTION_EFFECTIVE_SHARE,
            ),
        );
        let share = self.largest_weight_share;
        check(
            share > REFUSE_LARGEST_SHARE,
            share > CAUTION_LARGEST_SHARE,
            format!(
                "one decision carries {:.1}% of all weight (ok up to {:.0}%, refused above {:.0}%)",
                100.0 * share,
                100.0 * CAUTION_LARGEST_SHARE,
                100.0 * REFUSE_LARGEST_SHARE,
            ),
        );
        let gap = self.unsupported_probability;
        check(
            gap > REFUSE_UNSUPPORTED,
            gap > CAUTION_UNSUPPORTED,
            format!(
                "{:.1}% of the target's choices fall on offers that the log could not show \
                 (ok up to {:.0}%, refused above {:.0}%)",
                100.0 * gap,
                100.0 * CAUTION_UNSUPPORTED,
                100.0 * REFUSE_UNSUPPORTED,
            ),
        );
        let z = self.weight_mean_z.unwrap_or(0.0);
        let factor = self.mean_weight.max(1.0 / self.mean_weight);
        check(
            factor > REFUSE_WEIGHT_MEAN_FACTOR,
            z.abs() > CAUTION_WEIGHT_MEAN_Z || factor > CAUTION_WEIGHT_MEAN_FACTOR,
            format!(
                "weights average {:.3}, {:.1} standard errors from 1 (ok within \
                 {CAUTION_WEIGHT_MEAN_Z} and a factor of {CAUTION_WEIGHT_MEAN_FACTOR}, refused \
                 beyond one of {REFUSE_WEIGHT_MEAN_FACTOR}): propensities or support are wrong",
                self.mean_weight,
                z.abs(),
            ),
        );
        check(
            self.n_customers < REFUSE_CUSTOMERS,
            self.n_customers < CAUTION_CUSTOMERS,
            format!(
                "only {} customers are in the log (ok from {CAUTION_CUSTOMERS}, refused below \
                 {REFUSE_CUSTOMERS})",
                self.n_customers,
            ),
        );
        findings
    }
}

/// The mean target probability without support, and the used actions that were never logged.
fn support_gap(input: &OpeInput<'_>) -> (f64, Vec<usize>) {
    let (log, target) = (input.log(), input.target());
    let mut logged = vec![false; log.n_actions()];
    log.actions().iter().for_each(|&action| logged[action] = true);
    let mut missing = vec![0.0; log.n_actions()];
    let mut gap = 0.0;
    for (row, (&action, &propensity)) in log.actions().iter().zip(log.propensities()).enumerate() {
        let certain = propensity >= CERTAIN_PROPENSITY;
        for (other, &probability) in target.row(row).iter().enumerate() {
            if !logged[other] {
                missing[other] += probability;
            }
            if !logged[other] || (certain && other != action) {
                gap += probability;
            }
        }
    }
    let used = missing.iter().enumerate().filter(|(_, mass)| **mass > 0.0);
    (gap / log.len() as f64, used.map(|(action, _)| action).collect())
}

/// What a group of decisions says about one action that the target uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SupportGap {
    /// Group, such as a persona; 0 when there are none.
    pub group: usize,
    /// The action.
    pub action: usize,
    /// Mean target probability of the action in the group.
    pub target_probability: f64,
    /// How often it was logged in the group.
    pub n_logged: usize,
    /// Number of decisions in the group.
    pub n_decisions: usize,
}

/// Actions that the target policy uses in a group where the log shows them fewer than `enough`
/// times, the largest target probability first: where the estimates rest on the model alone, or on
/// nothing.
///
/// `groups` is the group of each decision, such as the customer's persona; `None` takes all as one.
///
/// # Errors
/// [`EvaluateError::WrongLength`] when there is not one group per decision.
pub fn support_gaps(
    input: &OpeInput<'_>,
    groups: Option<&[usize]>,
    enough: usize,
) -> Result<Vec<SupportGap>, EvaluateError> {
    let (log, target) = (input.log(), input.target());
    check_size("group", "decision", log.len(), groups.map_or(log.len(), <[usize]>::len))?;
    let group = |row: usize| groups.map_or(0, |groups| groups[row]);
    let n_groups = (0..log.len()).map(group).max().unwrap_or(0) + 1;
    let n_actions = log.n_actions();
    let mut n_decisions = vec![0_usize; n_groups];
    let mut cells = vec![(0.0, 0_usize); n_groups * n_actions];
    for (row, &taken) in log.actions().iter().enumerate() {
        n_decisions[group(row)] += 1;
        let cells = &mut cells[group(row) * n_actions..][..n_actions];
        cells.iter_mut().zip(target.row(row)).for_each(|(cell, p)| cell.0 += p);
        cells[taken].1 += 1;
    }
    let gap = |(at, &(mass, n_logged)): (usize, &(f64, usize))| SupportGap {
        group: at / n_actions,
        action: at % n_actions,
        target_probability: mass / n_decisions[at / n_actions] as f64,
        n_logged,
        n_decisions: n_decisions[at / n_actions],
    };
    let thin = cells.iter().enumerate().filter(|(_, cell)| cell.0 > 0.0 && cell.1 < enough);
    let mut gaps: Vec<SupportGap> = thin.map(gap).collect();
    gaps.sort_by(|a, b| b.target_probability.total_cmp(&a.target_probability));
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoggedDecisions, LoggedTable, RewardPredictions, TargetProbabilities};

    /// `n` decisions of two actions in turn, three exist.
    fn log(n: usize) -> LoggedDecisions {
        LoggedDecisions::new(LoggedTable {
            n_features: 0,
            n_actions: 3,
            observations: Vec::new(),
            actions: (0..n).map(|row| row % 2).collect(),
            propensities: vec![0.5; n],
            rewards: vec![1.0; n],
            clusters: (0..n as u32).collect(),
            masks: None,
            sequence: None,
        })
        .expect("the table is valid")
    }

    /// The target plays action 1 with `focus`, 2 with `third`, else 0.
    fn diagnostics(n: usize, focus: f64, third: f64, logged: bool) -> OverlapDiagnostics {
        let log = log(n);
        let rows = [1.0 - focus - third, focus, third].repeat(n);
        let target = TargetProbabilities::new(rows, &log).expect("rows sum to one");
        let predictions = RewardPredictions::new(vec![0.0; 3 * n], &log).expect("they fit");
        let input = OpeInput::new(&log, &target, &predictions).expect("they belong together");
        OverlapDiagnostics::measure(&input, logged)
    }

    #[test]
    fn weights_are_measured_as_by_hand() {
        // Weights alternate 0.5 and 1.5: ESS = (4·1)² / (2·0.25 + 2·2.25) = 3.2.
        let found = diagnostics(4, 0.75, 0.0, true);
        assert!((found.effective_sample_size - 3.2).abs() < 1e-12);
        assert!((found.largest_weight_share - 0.375).abs() < 1e-12);
        assert_eq!((found.mean_weight, found.weight_mean_z), (1.0, Some(0.0)));
        assert_eq!(found.unsupported_probability, 0.0);
    }

    #[test]
    fn ample_overlap_is_ok_and_estimated_propensities_cap_it_at_caution() {
        assert_eq!(diagnostics(1000, 0.6, 0.0, true).verdict().0, OverlapVerdict::Ok);
        let (verdict, reasons) = diagnostics(1000, 0.6, 0.0, false).verdict();
        assert_eq!(verdict, OverlapVerdict::Caution);
        assert_eq!(reasons, ["propensities were not logged but estimated"]);
    }

    #[test]
    fn a_caution_turns_into_a_refusal_when_propensities_are_estimated() {
        assert_eq!(diagnostics(200, 0.5, 0.0, true).verdict().0, OverlapVerdict::Caution);
        assert_eq!(diagnostics(200, 0.5, 0.0, false).verdict().0, OverlapVerdict::Refuse);
    }

    #[test]
    fn offers_the_log_never_showed_are_refused_and_named() {
        let found = diagnostics(1000, 0.4, 0.2, true);
        assert!((found.unsupported_probability - 0.2).abs() < 1e-9);
        assert_eq!(found.never_logged_actions, [2]);
        let (verdict, reasons) = found.verdict();
        assert_eq!(verdict, OverlapVerdict::Refuse);
        assert!(reasons.iter().any(|r| r.starts_with("20.0% of the target's choices")));
    }

    #[test]
    fn few_customers_and_tiny_samples_are_refused() {
        assert_eq!(diagnostics(8, 0.5, 0.0, true).verdict().0, OverlapVerdict::Refuse);
        assert_eq!(diagnostics(49, 0.5, 0.0, true).verdict().0, OverlapVerdict::Refuse);
    }

    #[test]
    fn a_few_tiny_propensities_are_flagged_by_weight_mean_and_effective_sample() {
        // Eight of 3,000 decisions are logged with 1e-4 instead of 1/2: the weights average
        // (2992·1 + 8·5000)/3000 = 14.3, at z = √8 = 2.8, and are worth nine decisions.
        let n = 3_000;
        let propensity = |row: usize| if row.is_multiple_of(375) { 1e-4 } else { 0.5 };
        let log = LoggedDecisions::new(LoggedTable {
            n_actions: 2,
            actions: (0..n).map(|row| row % 2).collect(),
            propensities: (0..n).map(propensity).collect(),
            rewards: vec![1.0; n],
            clusters: (0..n as u32).collect(),
            ..LoggedTable::default()
        })
        .expect("every propensity is a probability");
        let groups = vec![0; n];
        let target = TargetProbabilities::by_group(vec![0.5, 0.5], groups, &log).expect("valid");
        let predictions = RewardPredictions::new(vec![0.0; 2 * n], &log).expect("they fit");
        let input = OpeInput::new(&log, &target, &predictions).expect("they belong together");
        let (verdict, reasons) = OverlapDiagnostics::measure(&input, true).verdict();
        assert_eq!(verdict, OverlapVerdict::Refuse);
        for start in ["3000 logged decisions are worth 9", "weights average 14.331, 2.8 standard"] {
            assert!(reasons.iter().any(|reason| reason.starts_with(start)), "{reasons:?}");
        }
    }

    #[test]
    fn support_gaps_are_found_by_group() {
        let log = log(8);
        let rows = [0.7, 0.2, 0.1].repeat(8);
        let target = TargetProbabilities::new(rows, &log).expect("rows sum to one");
        let predictions = RewardPredictions::new(vec![0.0; 24], &log).expect("they fit");
        let input = OpeInput::new(&log, &target, &predictions).expect("they belong together");
        // Even rows are group 0 and logged action 0, odd ones group 1 and action 1.
        let groups: Vec<usize> = (0..8).map(|row| row % 2).collect();
        let found = support_gaps(&input, Some(&groups), 1).expect("one group per decision");
        let cells: Vec<(usize, usize)> = found.iter().map(|g| (g.group, g.action)).collect();
        assert_eq!(cells, [(1, 0), (0, 1), (0, 2), (1, 2)]);
        assert!((found[0].target_probability - 0.7).abs() < 1e-12);
        assert_eq!((found[0].n_logged, found[0].n_decisions), (0, 4));
        let all = support_gaps(&input, None, 1).expect("no groups");
        assert_eq!(all.iter().map(|g| g.action).collect::<Vec<_>>(), [2]);
        assert!(support_gaps(&input, Some(&groups[1..]), 1).is_err());
    }
}
