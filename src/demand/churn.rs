//! Leaving for good, which nobody announces: expectation-maximisation over the silent weeks.
//!
//! A customer leaves at the end of a week with hazard `h` and never visits again. Weeks up to the
//! last visit were lived with us; the silent weeks after it count in the visit model only as far as
//! the customer was probably still with us. With `s_j = Π_{i ≤ j} (1 − h)(1 − p_i)` over the silent
//! weeks and `Z = s_K + h Σ_{j<K} s_j`: `P(with us in week j) = (s_K + h Σ_{j ≤ i < K} s_i) / Z`.
//! Reference: Fader, Hardie and Shang 2010 (BG/BB), with covariates in `p`.

use super::design::Rows;
use super::glm::{Design, Family, GlmFit, Prior, dot, fit};
use promopt_envs::retail::demand::features::{VISIT_FIXED, VISIT_MOVING};
use std::ops::Range;

const ITERATIONS: usize = 6;
/// Weekly hazard to begin with.
const HAZARD_START: f64 = 0.01;
/// Departures and weeks counted before any are seen.
const HAZARD_PRIOR: (f64, f64) = (1.0, 200.0);

/// Weighs the silent visit rows by the probability that the customer was still with us, and returns
/// the weekly hazard of leaving. `None` when the visit model cannot be fitted.
pub(super) fn weigh_silence(rows: &mut Rows, train_end: u32, prior: &Prior) -> Option<f64> {
    let mut hazard = HAZARD_START;
    let given = rows.visit.weight.clone();
    for tail in &rows.tails {
        for (weeks, i) in tail.clone().enumerate() {
            rows.visit.weight[i] = given[i] * 0.9_f64.powi(weeks as i32);
        }
    }
    let known = rows.visit.of(0..train_end).n();
    let mut start: Option<Vec<f64>> = None;
    for _ in 0..ITERATIONS {
        let model = fit(Family::Bernoulli, &rows.visit.of(0..train_end), prior, start.as_deref())?;
        let (mut left, mut silent_lived) = (HAZARD_PRIOR.0, 0.0);
        for tail in &rows.tails {
            left += expect(&mut rows.visit, tail.clone(), &model, hazard);
            tail.clone().for_each(|i| silent_lived += rows.visit.weight[i]);
            tail.clone().for_each(|i| rows.visit.weight[i] *= given[i]);
        }
        let silent: usize = rows.tails.iter().map(ExactSizeIterator::len).sum();
        let lived = (known - silent) as f64 + silent_lived + HAZARD_PRIOR.1;
        hazard = left / lived;
        start = Some(model.beta);
    }
    Some(hazard)
}

/// Sets the weights of one customer's silent weeks; returns the probability that they have left.
fn expect(visit: &mut Design, tail: Range<usize>, model: &GlmFit, hazard: f64) -> f64 {
    let mut survived = vec![1.0];
    for i in tail.clone() {
        let p = Family::Bernoulli.mean(dot(visit.row(i), &model.beta));
        survived.push(survived[survived.len() - 1] * (1.0 - hazard) * (1.0 - p));
    }
    let n = tail.len();
    let total = survived[n] + hazard * survived[..n].iter().sum::<f64>();
    // From the last silent week backwards: with us in it means leaving later or never.
    let mut with_us = survived[n];
    for (j, i) in tail.enumerate().rev() {
        let week = j + 1;
        with_us += if week < n { hazard * survived[week] } else { 0.0 };
        visit.weight[i] = with_us / total;
    }
    1.0 - survived[n] / total
}

/// Probability that the customer of a visit row is still with us after `recency` silent weeks, as
/// [`promopt_envs::retail::DemandModel::alive`] reads it: with the visit probability of a week right
/// after a visit and without shelf discounts.
pub(super) fn usual_alive(row: &[f64], beta: &[f64], recency: f64, hazard: f64) -> f64 {
    let (habit, shelf) = (VISIT_FIXED.len(), VISIT_FIXED.len() + 2);
    debug_assert_eq!(VISIT_MOVING[2].name, "shelf depth, all categories");
    let state = VISIT_FIXED.len() + VISIT_MOVING.len();
    let offer_columns = state..state + promopt_envs::retail::demand::features::VISIT_OFFER.len();
    let personas = (row.len() - offer_columns.end) / 2;
    let level: f64 = (0..row.len())
        .filter(|j| *j < state || (offer_columns.end..offer_columns.end + personas).contains(j))
        .map(|j| row[j] * beta[j])
        .sum();
    let usual = level + beta[habit] * ((-0.25_f64).exp() - row[habit]) - beta[shelf] * row[shelf];
    let survive = (1.0 - hazard) * (1.0 - Family::Bernoulli.mean(usual));
    let silent = survive.powf(recency);
    silent / (silent + hazard * (1.0 - silent) / (1.0 - survive).max(1e-12))
}

#[cfg(test)]
mod tests {
    use super::super::glm::RowTag;
    use super::*;

    #[test]
    fn two_silent_weeks_by_hand() {
        // p = 1/2 and h = 1/5: s = 1, 0.4, 0.16; Z = 0.16 + 0.2 (1 + 0.4) = 0.44.
        let mut visit = Design::new(1);
        (0..2).for_each(|week| visit.push([1.0], 0.0, RowTag { customer: 0, week, weight: 1.0 }));
        let (beta, factor) = (vec![0.0], vec![1.0]);
        let model = GlmFit { beta, factor, iterations: 1, converged: true, pinned: Vec::new() };
        let gone = expect(&mut visit, 0..2, &model, 0.2);
        assert!((gone - (1.0 - 0.16 / 0.44)).abs() < 1e-12);
        assert!((visit.weight[1] - 0.16 / 0.44).abs() < 1e-12);
        assert!((visit.weight[0] - (0.16 + 0.2 * 0.4) / 0.44).abs() < 1e-12);
    }
}
