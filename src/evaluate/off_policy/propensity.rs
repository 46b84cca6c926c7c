//! Propensities that nobody logged: estimated from who got what, and how far that can be trusted.
//!
//! Use when a log says which action was taken and not how likely it was. The estimate can only know
//! what the features know: where actions were picked by something else, every weight that rests on it
//! is wrong, and nothing here can see it. What can be seen is whether the actions' customers have
//! anything in common, and that is what [`PropensityOverlap`] says.

mod calibrate;
mod softmax;

use super::overlap::OverlapVerdict;
use crate::error::EvaluateError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Above this area under the curve the customers of an action can be told from all others too well.
pub const REFUSE_AUC: f64 = 0.90;
/// Above this area under the curve estimates come with a caution.
pub const CAUTION_AUC: f64 = 0.70;
/// Propensities within this distance of 0 or 1 lie outside the common support (Crump et al. 2009).
pub const SUPPORT_EDGE: f64 = 0.1;
/// Below this share of decisions in the common support of an action estimates are refused.
pub const REFUSE_COMMON_SUPPORT: f64 = 0.25;

/// Who got which action, and what was known of them before.
#[derive(Debug, Clone, Copy)]
pub struct Assignments<'a> {
    /// Features before the decision, shape `[n, n_features]`, row-major and finite.
    pub features: &'a [f32],
    /// Features of a decision, at least 1.
    pub n_features: usize,
    /// Actions taken, shape `[n]`, each below `n_actions`.
    pub actions: &'a [usize],
    /// Number of actions, at least 2.
    pub n_actions: usize,
    /// Customer of each decision, shape `[n]`: a customer's propensities are never learned from its
    /// own decisions.
    pub clusters: &'a [usize],
}

/// How propensities are estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PropensitySettings {
    /// Folds of customers, at least 2.
    pub n_folds: usize,
    /// Ridge penalty on every slope of the standardised features, above 0.
    pub ridge_penalty: f64,
}

impl Default for PropensitySettings {
    fn default() -> Self {
        Self { n_folds: 3, ridge_penalty: 1.0 }
    }
}

/// How well one action's customers can be told from all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionOverlap {
    /// The action.
    pub action: usize,
    /// Decisions for it.
    pub n_decisions: usize,
    /// Probability that a decision for it has a higher estimated propensity for it than one for
    /// another action (area under the curve, out of fold): 0.5 is a lottery, 1 a rule.
    pub auc: f64,
    /// Share of all decisions whose propensity for it lies between 0.1 and 0.9, or, for an action
    /// rarer than that, within a factor of 5 of its share.
    pub common_support: f64,
    /// Mean distance between estimated propensity and observed share over ten bins, before the
    /// isotonic correction.
    pub calibration_error: f64,
}

/// What the estimate says about overlap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropensityOverlap {
    /// Every action that was taken.
    pub actions: Vec<ActionOverlap>,
    /// Ok, caution or refuse.
    pub verdict: OverlapVerdict,
    /// Why the verdict is not ok; empty when it is.
    pub reasons: Vec<String>,
}

/// Estimated probability of every action at every decision.
#[derive(Debug, Clone, PartialEq)]
pub struct EstimatedPropensities {
    n_actions: usize,
    values: Vec<f64>,
    overlap: PropensityOverlap,
}

impl EstimatedPropensities {
    /// A multinomial logistic regression per fold of customers, learned on the others, then each
    /// action's out-of-fold probabilities made monotone in what was observed (isotonic regression;
    /// Zadrozny and Elkan 2002) and brought to sum 1. The probability of the action that was taken is
    /// never 0, since its own decision is part of the isotonic fit.
    ///
    /// Time grows with `n · n_features · n_actions` per step of the fit, and `n · n_features²` once.
    ///
    /// # Errors
    /// [`EvaluateError::TooFew`] for fewer than two folds, two actions, one feature or a customer per
    /// fold; [`EvaluateError::WrongLength`] for columns of different lengths;
    /// [`EvaluateError::Unsolvable`] when features cannot be told apart at working precision.
    pub fn cross_fit(
        log: &Assignments<'_>,
        settings: &PropensitySettings,
    ) -> Result<Self, EvaluateError> {
        log.check(settings)?;
        let folds: Vec<usize> = log.clusters.iter().map(|c| c % settings.n_folds).collect();
        let parts: Vec<(Vec<usize>, Vec<f64>)> = (0..settings.n_folds)
            .into_par_iter()
            .map(|fold| {
                let of = |inside: bool| {
                    (0..folds.len()).filter(|row| (folds[*row] == fold) == inside).collect()
                };
                let (held_out, others): (Vec<usize>, Vec<usize>) = (of(true), of(false));
                let model = softmax::fit(log, &others, settings.ridge_penalty)
                    .ok_or(EvaluateError::Unsolvable { fold })?;
                let predicted = held_out.iter().flat_map(|row| model.predict(log.row(*row)));
                let predicted = predicted.collect();
                Ok((held_out, predicted))
            })
            .collect::<Result<_, EvaluateError>>()?;
        let mut values = vec![0.0; log.actions.len() * log.n_actions];
        for (rows, predicted) in parts {
            for (row, one) in rows.into_iter().zip(predicted.chunks_exact(log.n_actions)) {
                values[row * log.n_actions..][..log.n_actions].copy_from_slice(one);
            }
        }
        let actions = log.overlap(&values);
        calibrate::isotonic(&mut values, log);
        let (verdict, reasons) = judge(&actions);
        let overlap = PropensityOverlap { actions, verdict, reasons };
        Ok(Self { n_actions: log.n_actions, values, overlap })
    }

    /// Probability of every action at decision `row`, shape `[n_actions]`, sum 1.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.n_actions..][..self.n_actions]
    }

    /// Propensity of the action that was taken at each decision, in `(0, 1]`.
    #[must_use]
    pub fn of_taken(&self, actions: &[usize]) -> Vec<f64> {
        actions.iter().enumerate().map(|(row, action)| self.row(row)[*action]).collect()
    }

    /// Whether the log can be weighed at all.
    #[must_use]
    pub fn overlap(&self) -> &PropensityOverlap {
        &self.overlap
    }
}

impl Assignments<'_> {
    fn row(&self, row: usize) -> &[f32] {
        &self.features[row * self.n_features..][..self.n_features]
    }

    fn check(&self, settings: &PropensitySettings) -> Result<(), EvaluateError> {
        let too_few = |what, expected, found, advice| {
            Err(EvaluateError::TooFew { what, expected, found, advice })
        };
        if settings.n_folds < 2 {
            return too_few("folds", 2, settings.n_folds, "nobody may be learned from itself");
        }
        if self.n_actions < 2 {
            return too_few("actions", 2, self.n_actions, "with one there is nothing to choose");
        }
        if self.n_features == 0 {
            return too_few("features", 1, 0, "name what was known of the customers");
        }
        let n_clusters = self.clusters.iter().max().map_or(0, |most| most + 1);
        if n_clusters < settings.n_folds {
            return too_few("customers", settings.n_folds, n_clusters, "use fewer folds");
        }
        let n = self.actions.len();
        let lengths = [
            ("observations", n * self.n_features, self.features.len()),
            ("cluster", n, self.clusters.len()),
        ];
        for (column, expected, found) in lengths {
            if expected != found {
                return Err(EvaluateError::WrongLength {
                    column,
                    expected,
                    found,
                    unit: "decision",
                });
            }
        }
        Ok(())
    }

    fn overlap(&self, values: &[f64]) -> Vec<ActionOverlap> {
        let of_action = |action: usize| {
            let p: Vec<f64> = values.iter().skip(action).step_by(self.n_actions).copied().collect();
            let taken: Vec<bool> = self.actions.iter().map(|a| *a == action).collect();
            let n_decisions = taken.iter().filter(|t| **t).count();
            let share = n_decisions as f64 / p.len() as f64;
            let low = SUPPORT_EDGE.min(share / 5.0);
            let high = (1.0 - SUPPORT_EDGE).max(1.0 - (1.0 - share) / 5.0);
            let inside = p.iter().filter(|p| (low..=high).contains(*p)).count();
            (n_decisions > 0).then(|| ActionOverlap {
                action,
                n_decisions,
                auc: calibrate::area_under_curve(&p, &taken),
                common_support: inside as f64 / p.len() as f64,
                calibration_error: calibrate::error(&p, &taken),
            })
        };
        (0..self.n_actions).filter_map(of_action).collect()
    }
}

fn judge(actions: &[ActionOverlap]) -> (OverlapVerdict, Vec<String>) {
    let mut verdict = OverlapVerdict::Ok;
    let mut reasons = Vec::new();
    for one in actions {
        if one.auc > CAUTION_AUC {
            let worse =
                if one.auc > REFUSE_AUC { OverlapVerdict::Refuse } else { OverlapVerdict::Caution };
            verdict = verdict.max(worse);
            reasons.push(format!(
                "who got action {} can be told from all others with an area under the curve of \
                 {:.3} (ok up to {CAUTION_AUC}, refused above {REFUSE_AUC})",
                one.action, one.auc
            ));
        }
        if one.common_support < REFUSE_COMMON_SUPPORT {
            verdict = OverlapVerdict::Refuse;
            reasons.push(format!(
                "only {:.0}% of the decisions could as well have gone another way for action {} \
                 (refused below {:.0}%)",
                100.0 * one.common_support,
                one.action,
                100.0 * REFUSE_COMMON_SUPPORT
            ));
        }
    }
    (verdict, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    /// 6,000 decisions on two features; action 1 with probability `rule(x)`.
    fn made(rule: impl Fn(f64) -> f64) -> (Vec<f32>, Vec<usize>, Vec<f64>) {
        let mut rng = SeedTree::new(11).stream();
        let (mut features, mut actions, mut truth) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..6_000 {
            let x: f64 = rng.random_range(-1.7..1.7);
            let p = rule(x);
            features.extend([x as f32, rng.random_range(-1.0_f32..1.0)]);
            actions.push(usize::from(rng.random_bool(p)));
            truth.push(p);
        }
        (features, actions, truth)
    }

    fn estimate(features: &[f32], actions: &[usize]) -> EstimatedPropensities {
        let clusters: Vec<usize> = (0..actions.len()).collect();
        let log =
            Assignments { features, n_features: 2, actions, n_actions: 2, clusters: &clusters };
        EstimatedPropensities::cross_fit(&log, &PropensitySettings::default()).expect("it fits")
    }

    #[test]
    fn a_lottery_is_ok_and_its_propensities_are_its_shares() {
        let (features, actions, _) = made(|_| 0.3);
        let found = estimate(&features, &actions);
        assert_eq!(found.overlap().verdict, OverlapVerdict::Ok, "{:?}", found.overlap());
        // An area under the curve of no skill has a standard error of √(1/(12·1800) + 1/(12·4200))
        // = 0.0081.
        let auc = found.overlap().actions[1].auc;
        assert!((auc - 0.5).abs() < 4.0 * 0.0081, "{auc}");
        let mean: f64 = (0..6_000).map(|row| found.row(row)[1]).sum::<f64>() / 6_000.0;
        let share = actions.iter().sum::<usize>() as f64 / 6_000.0;
        assert!((mean - share).abs() < 1e-3, "{mean} {share}");
    }

    #[test]
    fn a_logistic_rule_is_recovered_and_a_sharp_one_refused() {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (features, actions, truth) = made(logistic);
        let found = estimate(&features, &actions);
        // Slope and intercept have standard errors of about 0.03: 4 of them move a probability by
        // at most 0.25·(0.12 + 1.7·0.12) = 0.08; on average far less. The isotonic steps hold some
        // hundred decisions each.
        let off = (0..6_000).map(|row| (found.row(row)[1] - truth[row]).abs()).sum::<f64>();
        assert!(off / 6_000.0 < 0.04, "{}", off / 6_000.0);
        let (features, actions, _) = made(|x| if x > 0.0 { 0.99 } else { 0.01 });
        let found = estimate(&features, &actions);
        assert_eq!(found.overlap().verdict, OverlapVerdict::Refuse, "{:?}", found.overlap());
        let taken = found.of_taken(&actions);
        assert!(taken.iter().all(|p| *p > 0.0 && *p <= 1.0));
    }
}
