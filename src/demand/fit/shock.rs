//! How much all customers move together from week to week, beyond what the features say.
//!
//! In every training week the actual visits (and units) are held against the fitted ones; the
//! variance of the shift that would make them agree, less what chance alone gives, is that of the
//! common shock. Method of moments for a random effect of the week.

use super::super::design::Rows;
use super::super::glm::{Family, dot};
use super::parts::Part;
use promopt_envs::retail::WeekShock;

/// Weeks that a variance needs.
const WEEKS_MIN: usize = 8;

/// Standard deviations of the common shifts; `parts` are visit, incidence and units by category.
pub(super) fn learn(rows: &Rows, parts: &[Part], train_end: u32) -> WeekShock {
    let n_categories = rows.units.len();
    let visit = Weeks::new(train_end).add(&parts[0], &rows.visit);
    let units = parts[1 + n_categories..]
        .iter()
        .zip(&rows.units)
        .fold(Weeks::new(train_end), |weeks, (part, design)| weeks.add(part, design));
    WeekShock { visit_sd: visit.shift_sd(), units_sd: units.shift_sd() }
}

/// By week: the sum of scores and of their weights, `shift ≈ score / weight`, and the variance that
/// chance gives the score.
struct Weeks {
    score: Vec<f64>,
    weight: Vec<f64>,
    variance: Vec<f64>,
}

impl Weeks {
    fn new(n: u32) -> Self {
        let zeros = || vec![0.0; n as usize];
        Self { score: zeros(), weight: zeros(), variance: zeros() }
    }

    fn add(mut self, part: &Part, design: &super::super::glm::Design) -> Self {
        for i in design.of(0..self.score.len() as u32).rows() {
            let (week, w) = (design.week[i] as usize, design.weight[i]);
            let mean = part.family.mean(dot(design.row(i), &part.fit.beta));
            let (weight, variance) = match part.family {
                Family::Bernoulli => (mean * (1.0 - mean), mean * (1.0 - mean)),
                Family::Counts { dispersion } => (mean, mean * (1.0 + dispersion * mean)),
            };
            self.score[week] += w * (design.y[i] - mean);
            self.weight[week] += w * weight;
            self.variance[week] += w * w * variance;
        }
        self
    }

    fn shift_sd(&self) -> f64 {
        let mut shifts = Vec::new();
        let mut chance = 0.0;
        for ((score, weight), variance) in self.score.iter().zip(&self.weight).zip(&self.variance) {
            if *weight > 0.0 {
                shifts.push(score / weight);
                chance += variance / (weight * weight);
            }
        }
        if shifts.len() < WEEKS_MIN {
            return 0.0;
        }
        let n = shifts.len() as f64;
        let mean = shifts.iter().sum::<f64>() / n;
        let spread = shifts.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0);
        (spread - chance / n).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_beyond_chance_is_what_is_left() {
        // Shifts ±0.1 in ten weeks: variance 10 · 0.01 / 9; chance gives 0.002 in each.
        let n = 10;
        let score = (0..n).map(|w| if w % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let weeks = Weeks { score, weight: vec![10.0; n], variance: vec![0.2; n] };
        assert!((weeks.shift_sd() - (0.1 / 9.0 - 0.002_f64).sqrt()).abs() < 1e-12);
        let few = Weeks { score: vec![1.0; 3], weight: vec![1.0; 3], variance: vec![0.0; 3] };
        assert_eq!(few.shift_sd(), 0.0);
    }
}
