//! Which estimator to read, decided by the log and explained, before any number is shown.
//!
//! Estimators trade bias for variance in a way that depends on the log. The rule of Tucker and Lee
//! ([`accepted`]), on whole estimators instead of clipping parameters: from the widest interval
//! to the narrowest, each is accepted as long as it agrees with all wider ones up to noise; the
//! last accepted is the choice. Its error is then within a constant of the best candidate's,
//! whichever that is (Su, Srinath and Krishnamurthy 2020). It needs one unbiased
//! candidate, so IPS and DR are always among them. The choice has a small error, but a narrow
//! interval may not contain a bias that noise hides: the interval of DR beside it does.

use super::estimator::{DM, DR, Estimator, IPS, SNDR, SNIPS, Weighting};
use super::input::OpeInput;
use super::summary::Influence;
use super::tuning::{Candidate, accepted};
use crate::error::EvaluateError;
use serde::{Deserialize, Serialize};

/// Candidates from unbiased to model only.
pub const CANDIDATES: [Estimator; 9] = [
    IPS,
    SNIPS,
    DR,
    SNDR,
    Estimator::of(Weighting::Shrunk(1_000.0), true),
    Estimator::of(Weighting::Shrunk(100.0), true),
    Estimator::of(Weighting::Shrunk(10.0), true),
    Estimator::of(Weighting::Shrunk(1.0), true),
    DM,
];

/// Chance, per candidate and side, that noise alone looks like a disagreement.
const DELTA: f64 = 0.05;

/// Which estimator was chosen, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name of the estimator.
    pub estimator: String,
    /// Why, in plain words.
    pub reason: String,
    /// The two estimators that are farthest apart for their noise; `None` when none can be
    /// compared.
    pub disagreement: Option<Disagreement>,
}

/// Two estimators of the same thing on the same decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Their names.
    pub between: [String; 2],
    /// First minus second, in the unit of the reward.
    pub difference: f64,
    /// The difference in standard errors of the paired difference.
    pub standard_errors: f64,
}

/// Chooses among [`CANDIDATES`]; also returns the chosen estimator itself.
///
/// # Errors
/// As [`Estimator::influence`].
pub fn choose(input: &OpeInput<'_>) -> Result<(Estimator, Choice), EvaluateError> {
    choose_among(input, &CANDIDATES)
}

/// Chooses among these candidates, at least one of them unbiased.
///
/// # Errors
/// As [`Estimator::influence`]; [`EvaluateError::TooFew`] without candidates.
pub fn choose_among(
    input: &OpeInput<'_>,
    estimators: &[Estimator],
) -> Result<(Estimator, Choice), EvaluateError> {
    let advice = "name at least one estimator";
    crate::logged::at_least("estimators to choose from", 1, estimators.len(), advice)?;
    let influences = estimators.iter().map(|estimator| estimator.influence(input.rounds()));
    let influences = influences.collect::<Result<Vec<Influence>, EvaluateError>>()?;
    let mut candidates = Vec::with_capacity(estimators.len());
    for influence in &influences {
        let interval = influence.interval(input.log(), 1.0 - 2.0 * DELTA)?;
        let score = interval.upper - interval.estimate;
        candidates.push(Candidate { parameter: 0.0, value: influence.value, score });
    }
    let (kept, stopped) = accepted(&candidates);
    // The widest candidate is always accepted.
    let chosen = kept[kept.len() - 1];
    let name = |at: usize| estimators[at].to_string();
    let reach = |at: usize| candidates[at].score;
    let mut reason = format!(
        "{} is the narrowest estimate (within {:.4} at 90 %) that agrees with all {} wider ones",
        name(chosen),
        reach(chosen),
        kept.len() - 1,
    );
    if let Some((next, against)) = stopped {
        let off = (candidates[next].value - candidates[against].value).abs();
        reason += &format!(
            "; the next narrower, {}, is {off:.4} away from {}, more than noise explains",
            name(next),
            name(against),
        );
    }
    let disagreement = farthest(estimators, &influences)?;
    Ok((estimators[chosen], Choice { estimator: name(chosen), reason, disagreement }))
}

fn farthest(
    estimators: &[Estimator],
    influences: &[Influence],
) -> Result<Option<Disagreement>, EvaluateError> {
    let mut worst: Option<Disagreement> = None;
    for (a, first) in influences.iter().enumerate() {
        for (b, second) in influences.iter().enumerate().skip(a + 1) {
            let difference = first.minus(second)?;
            let error = difference.standard_error();
            if error <= f64::EPSILON * first.value.abs() {
                continue;
            }
            let standard_errors = difference.value.abs() / error;
            if worst.as_ref().is_none_or(|w| standard_errors > w.standard_errors) {
                let between = [estimators[a].to_string(), estimators[b].to_string()];
                let difference = difference.value;
                worst = Some(Disagreement { between, difference, standard_errors });
            }
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logged::{LoggedDecisions, LoggedTable};
    use crate::{RewardPredictions, TargetProbabilities};
    use promopt_envs::SeedTree;
    use rand::Rng;

    /// Two actions worth 0 and 1, logged evenly; the target plays the second with 0.9.
    fn choice(n: usize, model: [f64; 2]) -> (Estimator, Choice) {
        let mut rng = SeedTree::new(8).stream();
        let actions: Vec<usize> = (0..n).map(|_| usize::from(rng.random::<bool>())).collect();
        let noise = |_| rng.random::<f64>() - 0.5;
        let noise: Vec<f64> = (0..n).map(noise).collect();
        let log = LoggedDecisions::new(LoggedTable {
            n_actions: 2,
            rewards: actions.iter().zip(noise).map(|(&a, e)| a as f64 + e).collect(),
            actions,
            propensities: vec![0.5; n],
            clusters: (0..n as u32).collect(),
            ..LoggedTable::default()
        })
        .expect("valid");
        let target = TargetProbabilities::by_group(vec![0.1, 0.9], vec![0; n], &log);
        let target = target.expect("it sums to one");
        let model = RewardPredictions::by_group(model.to_vec(), vec![0; n], &log).expect("valid");
        choose(&OpeInput::new(&log, &target, &model).expect("they fit")).expect("there is weight")
    }

    #[test]
    fn a_right_model_is_believed_and_a_wrong_one_is_not() {
        let (chosen, right) = choice(2_000, [0.0, 1.0]);
        assert_eq!(chosen, DM, "{right:?}");
        let (chosen, wrong) = choice(2_000, [2.0, -1.0]);
        assert_ne!(chosen, DM, "{wrong:?}");
        assert!(wrong.reason.contains("more than noise explains"), "{}", wrong.reason);
        let apart = wrong.disagreement.expect("estimators differ");
        assert!(apart.standard_errors > 4.0, "{apart:?}");
    }
}
