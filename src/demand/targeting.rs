//! Who was offered what: the weights that make logged offers count as if nobody had been picked, and
//! the check whether a log without propensities can be weighed at all.
//!
//! Rows are weighed by `how usual the action is / how likely it was here` (stabilised inverse
//! propensity, Robins, Hernán and Brumback 2000), cut to a range. With the customer's state in the
//! regression as well the estimate is right when either the response or the propensity is: doubly
//! robust in the sense of weighted regression (Kang and Schafer 2007).

use super::design::Encoder;
use super::glm::{Design, Family, Prior, RowTag, dot, fit};
use super::replay::{Replay, WeekView};
use crate::data::History;
use promopt_envs::retail::ObservationView;
use promopt_envs::retail::demand::features::{Sign, visit_fixed, visit_moving};
use promopt_envs::retail::history::RECENCY_MAX;
use serde::{Deserialize, Serialize};

/// Smallest and largest weight of a row.
const WEIGHT_RANGE: (f64, f64) = (0.2, 5.0);
/// Contacted and other customer-weeks that an estimate of propensities needs.
const SIDE_MIN: usize = 200;
/// Beyond this area under the curve, contacted and other customers have too little in common.
const AUC_MAX: f64 = 0.90;
/// Smallest effective share of the weighed customer-weeks.
const EFFECTIVE_MIN: f64 = 0.30;
const FOLDS: u32 = 2;
const PRECISION: f64 = 0.25;

/// What the check of a log without propensities found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Customer-weeks with an offer.
    pub contacted: usize,
    /// Customer-weeks without.
    pub others: usize,
    /// Area under the curve of the estimated propensity: 0.5 is a lottery, 1 a rule.
    pub auc: f64,
    /// Effective share of the customer-weeks once weighed.
    pub effective_share: f64,
    /// Whether the response may be learnt from these offers.
    pub usable: bool,
    /// The finding in words.
    pub finding: String,
}

/// How much a row counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Weighing {
    /// Share of each action in the log, `[n_actions]`; for logged propensities.
    usual: Vec<f64>,
    estimated: Option<Estimated>,
}

/// A cross-fitted model of who gets an offer.
#[derive(Debug, Clone)]
struct Estimated {
    /// Coefficients by fold: fold `f` is applied to customers of fold `f` and learnt on the others.
    beta: Vec<Vec<f64>>,
    share: f64,
}

fn features(view: &ObservationView<'_>) -> Vec<f64> {
    let moving = visit_moving(view, view.recency(), 0.0);
    let monetary = view.monetary().ln_1p();
    visit_fixed(view).into_iter().chain(moving).chain([monetary]).collect()
}

impl Estimated {
    fn propensity(&self, customer: u32, row: &[f64]) -> f64 {
        Family::Bernoulli.mean(dot(&self.beta[(customer % FOLDS) as usize], row))
    }

    fn weight(&self, customer: u32, row: &[f64], contacted: bool) -> f64 {
        let p = self.propensity(customer, row).clamp(1e-4, 1.0 - 1e-4);
        let weight = if contacted { self.share / p } else { (1.0 - self.share) / (1.0 - p) };
        weight.clamp(WEIGHT_RANGE.0, WEIGHT_RANGE.1)
    }
}

impl Weighing {
    /// Weights from logged propensities; rows without one count 1.
    pub(super) fn logged(history: &History, replay: &Replay<'_>, n_actions: usize) -> Self {
        let mut counts = vec![0.0_f64; n_actions];
        for exposure in &history.exposures {
            if let Some(action) = replay.action_of(exposure.offer) {
                counts[action] += 1.0;
            }
        }
        let total = counts.iter().sum::<f64>().max(1.0);
        Self { usual: counts.iter().map(|n| n / total).collect(), estimated: None }
    }

    /// Estimates who was contacted from what was known, on the weeks before `train_end`; the weights
    /// follow where customers overlap, and nothing is weighed where they do not.
    pub(super) fn estimated(
        history: &History,
        replay: &Replay<'_>,
        encoder: &Encoder<'_>,
        train_end: u32,
    ) -> (Self, Overlap) {
        let design = contacts(history, replay, encoder, train_end);
        let contacted = design.y.iter().filter(|y| **y > 0.5).count();
        let others = design.n() - contacted;
        let refuse = |finding: String| Overlap {
            contacted,
            others,
            auc: f64::NAN,
            effective_share: 0.0,
            usable: false,
            finding,
        };
        if contacted < SIDE_MIN || others < SIDE_MIN {
            let finding = format!(
                "{contacted} customer-weeks with an offer and {others} without: too few to tell who \
                 gets one (at least {SIDE_MIN} of each)"
            );
            return (Self::default(), refuse(finding));
        }
        let Some(estimated) = cross_fit(&design) else {
            let finding = "the propensity to be contacted could not be estimated".to_owned();
            return (Self::default(), refuse(finding));
        };
        let overlap = judge(&design, &estimated, contacted, others);
        let weighing = Self { usual: Vec::new(), estimated: overlap.usable.then_some(estimated) };
        (weighing, overlap)
    }

    /// How much the row of this week counts.
    pub(super) fn weight(&self, view: &ObservationView<'_>, week: &WeekView<'_>) -> f64 {
        if let Some(estimated) = &self.estimated {
            let contacted = week.logged.is_some_and(|l| l.action > 0);
            return estimated.weight(week.customer, &features(view), contacted);
        }
        let Some(logged) = week.logged else { return 1.0 };
        let usual = self.usual.get(logged.action).copied();
        match (usual, logged.propensity) {
            (Some(usual), Some(p)) => (usual / p).clamp(WEIGHT_RANGE.0, WEIGHT_RANGE.1),
            _ => 1.0,
        }
    }
}

/// One row per known customer-week: whether an offer was made, and what was known before.
fn contacts(
    history: &History,
    replay: &Replay<'_>,
    encoder: &Encoder<'_>,
    train_end: u32,
) -> Design {
    let mut observation = vec![0.0; encoder.schema.n_features()];
    let mut design = Design::default();
    for customer in 0..history.customers.len() as u32 {
        replay.walk(customer, train_end, |week| {
            let recency = week.history.recency_weeks();
            if week.history.tenure_weeks() == 0 || recency >= RECENCY_MAX {
                return;
            }
            encoder.encode(customer, week.week, week.history, week.week, &mut observation);
            let row = features(&encoder.schema.read(&observation));
            let contacted = week.logged.is_some_and(|l| l.action > 0);
            design.p = row.len();
            let tag = RowTag { customer, week: week.week, weight: 1.0 };
            design.push(row, f64::from(u8::from(contacted)), tag);
        });
    }
    design
}

fn cross_fit(design: &Design) -> Option<Estimated> {
    let p = design.p;
    let prior =
        Prior { mean: vec![0.0; p], precision: vec![PRECISION; p], sign: vec![Sign::Free; p] };
    let beta = (0..FOLDS)
        .map(|fold| {
            let mut others = design.clone();
            for (weight, customer) in others.weight.iter_mut().zip(&design.customer) {
                *weight = f64::from(u8::from(customer % FOLDS != fold));
            }
            fit(Family::Bernoulli, &others.of(0..u32::MAX), &prior, None).map(|f| f.beta)
        })
        .collect::<Option<Vec<_>>>()?;
    let share = design.y.iter().sum::<f64>() / design.n() as f64;
    Some(Estimated { beta, share })
}

fn judge(design: &Design, estimated: &Estimated, contacted: usize, others: usize) -> Overlap {
    let scored: Vec<(f64, bool)> = (0..design.n())
        .map(|i| (estimated.propensity(design.customer[i], design.row(i)), design.y[i] > 0.5))
        .collect();
    let auc = area_under_curve(scored);
    let (mut sum, mut squares) = (0.0, 0.0);
    for i in 0..design.n() {
        if design.y[i] > 0.5 {
            let w = estimated.weight(design.customer[i], design.row(i), true);
            sum += w;
            squares += w * w;
        }
    }
    let effective_share = sum * sum / squares.max(1e-12) / contacted as f64;
    let usable = auc <= AUC_MAX && effective_share >= EFFECTIVE_MIN;
    let finding = format!(
        "no propensities were logged; estimated ones tell contacted customers from others with an \
         AUC of {auc:.2}, and {:.0} % of the contacted weeks count once weighed: {}",
        100.0 * effective_share,
        if usable { "they overlap" } else { "they have too little in common to compare" },
    );
    Overlap { contacted, others, auc, effective_share, usable, finding }
}

/// Probability that a contacted week scores higher than another; ties count half.
fn area_under_curve(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|s| s.1).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < scored.len() {
        let tied = scored[start..].iter().take_while(|s| s.0 == scored[start].0).count();
        let rank = start as f64 + (tied as f64 + 1.0) / 2.0;
        let hits = scored[start..start + tied].iter().filter(|s| s.1).count() as f64;
        rank_sum += rank * hits;
        start += tied;
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_by_hand() {
        // Contacted score 0.9 and 0.4, others 0.4 and 0.1: 1 + 1 + ½ + 1 of 4 pairs.
        let scored = vec![(0.9, true), (0.4, true), (0.4, false), (0.1, false)];
        assert!((area_under_curve(scored) - 3.5 / 4.0).abs() < 1e-12);
    }

    /// Contacts by a rule on one feature, or by lot.
    fn log(by_rule: bool) -> Design {
        let mut design = Design::new(2);
        for customer in 0..2_000u32 {
            let x = f64::from(customer % 100) / 50.0 - 1.0;
            let contacted = if by_rule { x > 0.5 } else { customer % 7 == 0 };
            let tag = RowTag { customer, week: 0, weight: 1.0 };
            design.push([1.0, x], f64::from(u8::from(contacted)), tag);
        }
        design
    }

    fn overlap(by_rule: bool) -> Overlap {
        let design = log(by_rule);
        let estimated = cross_fit(&design).expect("finite rows");
        let contacted = design.y.iter().sum::<f64>() as usize;
        judge(&design, &estimated, contacted, design.n() - contacted)
    }

    #[test]
    fn a_rule_is_refused_and_a_lottery_is_not() {
        let rule = overlap(true);
        assert!(!rule.usable && rule.auc > 0.99, "{rule:?}");
        let lottery = overlap(false);
        assert!(lottery.usable && (lottery.auc - 0.5).abs() < 0.1, "{lottery:?}");
        assert!(lottery.finding.contains("they overlap"));
    }
}
