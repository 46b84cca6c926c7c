//! How much to clip, switch, shrink or smooth: the parameter is chosen from the log, and nothing is
//! remembered from one log to the next.
//!
//! Also the choice among whole estimators rests on [`accepted`]: see [`choice`](super::choice).

use super::bounds::Bound;
use super::estimator::{Estimator, Weighting};
use super::rounds::Rounds;
use crate::error::EvaluateError;
use crate::logged::at_least;
use serde::{Deserialize, Serialize};

/// A family of weightings with one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// [`Weighting::Clipped`].
    Clipped,
    /// [`Weighting::Switched`].
    Switched,
    /// [`Weighting::Shrunk`].
    Shrunk,
    /// [`Weighting::Smoothed`].
    Smoothed,
}

impl Family {
    /// The member with this parameter.
    #[must_use]
    pub fn member(self, parameter: f64) -> Weighting {
        match self {
            Self::Clipped => Weighting::Clipped(parameter),
            Self::Switched => Weighting::Switched(parameter),
            Self::Shrunk => Weighting::Shrunk(parameter),
            Self::Smoothed => Weighting::Smoothed(parameter),
        }
    }

    /// Parameters from hardly any weight to all of it, for weights as this log has them.
    #[must_use]
    pub fn usual_parameters(self) -> &'static [f64] {
        const UP: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1_000.0, f64::INFINITY];
        const SHARE: &[f64] = &[0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9];
        if self == Self::Smoothed { SHARE } else { UP }
    }
}

/// How a parameter is chosen; `θ` are estimates, `c` their one-sided t reaches at `δ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// From wide to narrow as long as the intervals `θ ± 2c` have a point in common.
    /// Source: Su, Srinath and Krishnamurthy 2020.
    Slope,
    /// From wide to narrow as long as `|θ_j − θ_i| ≤ c_i + (√6 − 1) c_j` for all kept `j`: needs no
    /// known order of the biases. Source: Tucker and Lee 2021.
    SlopePlusPlus,
    /// Smallest `variance/n + bias²` with the bias read off the log, `|mean((w − h)(r − q))|`.
    /// Source: Su et al. 2020.
    MseDirect,
    /// The same with an upper bound of the bias, which adds
    /// `sqrt(2 mean(w²) ln(2/δ) / n) + 2 max(w) ln(2/δ) / 3n`: cautious, so it seldom clips.
    MseUpperBound,
}

/// One parameter as the rule saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The parameter.
    pub parameter: f64,
    /// Estimate with it.
    pub value: f64,
    /// Reach `c` under the two rules of intervals, estimated mean squared error under the others.
    pub score: f64,
}

/// The chosen parameter and what was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// The chosen one.
    pub chosen: Candidate,
    /// All, in the order given.
    pub candidates: Vec<Candidate>,
}

/// Chooses the parameter of a family from this log alone.
///
/// # Errors
/// [`EvaluateError::TooFew`] without parameters; [`EvaluateError::InvalidSetting`] for one out of
/// range or a `delta` outside `(0, 1)`.
pub fn tune(
    family: Family,
    with_model: bool,
    rounds: &Rounds<'_>,
    parameters: &[f64],
    rule: Rule,
    delta: f64,
) -> Result<Tuned, EvaluateError> {
    at_least("parameters to choose from", 1, parameters.len(), "take the usual ones")?;
    let slack = bias_slack(rounds, delta);
    let mut candidates = Vec::with_capacity(parameters.len());
    for &parameter in parameters {
        let estimator = Estimator::of(family.member(parameter), with_model);
        let summary = estimator.summary(rounds)?;
        let reach = summary.reach(Bound::Student, delta)?;
        let spread = summary.moments.squares / summary.moments.n.powi(2);
        let score = match rule {
            Rule::Slope | Rule::SlopePlusPlus => reach,
            Rule::MseDirect => spread + bias(&estimator, rounds).powi(2),
            Rule::MseUpperBound => spread + (bias(&estimator, rounds) + slack).powi(2),
        };
        candidates.push(Candidate { parameter, value: summary.moments.mean, score });
    }
    let best = match rule {
        Rule::Slope => last_that_meets(&candidates),
        Rule::SlopePlusPlus => *accepted(&candidates).0.last().unwrap_or(&0),
        Rule::MseDirect | Rule::MseUpperBound => smallest(&candidates),
    };
    Ok(Tuned { chosen: candidates[best], candidates })
}

/// `|mean((w − h(w))(r − q))|`: what the weighting takes away from the unbiased estimate.
fn bias(estimator: &Estimator, rounds: &Rounds<'_>) -> f64 {
    let plain = Estimator { weighting: Weighting::Plain, ..*estimator };
    let total = |of: &Estimator| {
        let mut total = 0.0;
        of.for_each_chunk(rounds, |chunk| total += super::summary::sum(chunk.correction));
        total
    };
    ((total(&plain) - total(estimator)) / rounds.len() as f64).abs()
}

fn bias_slack(rounds: &Rounds<'_>, delta: f64) -> f64 {
    let (n, log) = (rounds.len() as f64, (2.0 / delta).ln());
    let squares: f64 = rounds.weights().iter().map(|w| w * w).sum();
    let largest = rounds.weights().iter().copied().fold(0.0, f64::max);
    (2.0 * squares / n * log / n).sqrt() + 2.0 * largest * log / (3.0 * n)
}

/// Candidates from the widest to the narrowest; of equally wide ones the later first.
fn by_width(candidates: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).rev().collect();
    order.sort_by(|&a, &b| candidates[b].score.total_cmp(&candidates[a].score));
    order
}

/// The rule of Tucker and Lee on candidates whose score is a reach: indices of those accepted, from
/// wide to narrow (the last is the choice), and what stopped it: the candidate that disagrees and
/// the accepted one it disagrees with.
#[must_use]
pub fn accepted(candidates: &[Candidate]) -> (Vec<usize>, Option<(usize, usize)>) {
    let mut kept: Vec<usize> = Vec::with_capacity(candidates.len());
    for at in by_width(candidates) {
        if let Some(&against) = kept.iter().find(|&&j| !agree(&candidates[j], &candidates[at])) {
            return (kept, Some((at, against)));
        }
        kept.push(at);
    }
    (kept, None)
}

/// Whether a candidate is no farther from a wider one than noise allows.
pub(super) fn agree(wide: &Candidate, narrow: &Candidate) -> bool {
    let slack = 6.0_f64.sqrt() - 1.0;
    (wide.value - narrow.value).abs() <= narrow.score + slack * wide.score
}

fn last_that_meets(candidates: &[Candidate]) -> usize {
    let (mut lower, mut upper) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut last = 0;
    for at in by_width(candidates) {
        let Candidate { value, score, .. } = candidates[at];
        lower = f64::max(lower, value - 2.0 * score);
        upper = f64::min(upper, value + 2.0 * score);
        if lower > upper {
            break;
        }
        last = at;
    }
    last
}

fn smallest(candidates: &[Candidate]) -> usize {
    let scores = candidates.iter().map(|candidate| candidate.score).enumerate();
    scores.fold((0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best }).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(value: f64, score: f64) -> Candidate {
        Candidate { parameter: value, value, score }
    }

    #[test]
    fn the_narrowest_that_agrees_with_all_wider_ones_is_chosen() {
        let all = [candidate(5.0, 0.01), candidate(1.1, 0.3), candidate(1.0, 1.0)];
        let (kept, stopped) = accepted(&all);
        assert_eq!((kept, stopped), (vec![2, 1], Some((0, 2))));
        assert_eq!(last_that_meets(&all), 1);
        let (kept, stopped) = accepted(&all[1..]);
        assert_eq!((kept, stopped), (vec![1, 0], None), "the last one can be chosen, too");
    }

    #[test]
    fn tuning_keeps_nothing_from_the_log_before() {
        let rewards: Vec<f64> = (0..400).map(|i| f64::from(i % 5)).collect();
        let weights = |heavy: f64| -> Vec<f64> {
            (0..400).map(|i| if i % 40 == 0 { heavy } else { 0.5 }).collect()
        };
        let (mild, heavy) = (weights(2.0), weights(500.0));
        let mild = Rounds::new(&rewards, mild).expect("valid");
        let heavy = Rounds::new(&rewards, heavy).expect("valid");
        let tuned = |rounds: &Rounds<'_>, rule| {
            let parameters = Family::Clipped.usual_parameters();
            tune(Family::Clipped, false, rounds, parameters, rule, 0.1).expect("valid")
        };
        for rule in [Rule::Slope, Rule::SlopePlusPlus, Rule::MseDirect, Rule::MseUpperBound] {
            let before = tuned(&mild, rule);
            let _ = tuned(&heavy, rule);
            assert_eq!(tuned(&mild, rule), before, "{rule:?}");
        }
    }

    #[test]
    fn without_parameters_there_is_nothing_to_choose() {
        let rounds = Rounds::new(&[1.0, 2.0], vec![1.0, 1.0]).expect("valid");
        assert!(tune(Family::Shrunk, true, &rounds, &[], Rule::Slope, 0.1).is_err());
        assert!(tune(Family::Smoothed, true, &rounds, &[2.0], Rule::Slope, 0.1).is_err());
    }
}
