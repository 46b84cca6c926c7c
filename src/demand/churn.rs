//! Leaving for good, which nobody announces: expectation-maximisation over the silent weeks.
//!
//! A customer leaves at the end of a week with hazard `h` and never visits again. Weeks up to the
//! last visit were lived with us; the silent weeks after it count in the visit model only as far as
//! the customer was probably still with us. With `s_j = Π_{i ≤ j} (1 − h)(1 − p_i)` over the silent
//! weeks and `Z = s_K + h Σ_{j<K} s_j`: `P(with us in week j) = (s_K + h Σ_{j ≤ i < K} s_i) / Z`.
//! Reference: Fader, Hardie and Shang 2010 (BG/BB), with covariates in `p`.

use super::design::Rows;
use super::glm::{Design, Family, GlmFit, Prior, fit};
use std::ops::Range;

const ITERATIONS: usize = 6;
/// Weekly hazard to begin with.
const HAZARD_START: f64 = 0.01;
/// Departures and weeks counted before any are seen.
const HAZARD_PRIOR: (f64, f64) = (1.0, 200.0);

/// Weighs the silent visit rows by the probability that the customer was still with us, and returns
/// the weekly hazard of leaving. `None` when the visit model cannot be fitted.
pub(super) fn weigh_silence(rows: &mut Rows, prior: &Prior) -> Option<f64> {
    let mut hazard = HAZARD_START;
    let given = rows.visit.weight.clone();
    for tail in &rows.tails {
        for (weeks, i) in tail.clone().enumerate() {
            rows.visit.weight[i] = given[i] * 0.9_f64.powi(weeks as i32);
        }
    }
    for _ in 0..ITERATIONS {
        let model = fit(Family::Bernoulli, &rows.visit, prior)?;
        let (mut left, mut silent_lived) = (HAZARD_PRIOR.0, 0.0);
        for tail in &rows.tails {
            left += expect(&mut rows.visit, tail.clone(), &model, hazard);
            tail.clone().for_each(|i| silent_lived += rows.visit.weight[i]);
            tail.clone().for_each(|i| rows.visit.weight[i] *= given[i]);
        }
        let silent: usize = rows.tails.iter().map(ExactSizeIterator::len).sum();
        let lived = (rows.visit.n() - silent) as f64 + silent_lived + HAZARD_PRIOR.1;
        hazard = left / lived;
    }
    Some(hazard)
}

/// Sets the weights of one customer's silent weeks; returns the probability that they have left.
fn expect(visit: &mut Design, tail: Range<usize>, model: &GlmFit, hazard: f64) -> f64 {
    let mut survived = vec![1.0];
    for i in tail.clone() {
        let row = &visit.x[i * visit.p..(i + 1) * visit.p];
        let p = Family::Bernoulli.mean(row, &model.beta);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_silent_weeks_by_hand() {
        // p = 1/2 and h = 1/5: s = 1, 0.4, 0.16; Z = 0.16 + 0.2 (1 + 0.4) = 0.44.
        let mut visit = Design::new(1);
        (0..2).for_each(|week| visit.push([1.0], 0.0, week, 1.0));
        let model = GlmFit { beta: vec![0.0], factor: vec![1.0], iterations: 1, converged: true };
        let gone = expect(&mut visit, 0..2, &model, 0.2);
        assert!((gone - (1.0 - 0.16 / 0.44)).abs() < 1e-12);
        assert!((visit.weight[1] - 0.16 / 0.44).abs() < 1e-12);
        assert!((visit.weight[0] - (0.16 + 0.2 * 0.4) / 0.44).abs() < 1e-12);
    }
}
