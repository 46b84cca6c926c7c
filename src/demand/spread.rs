//! How far the coefficients of a fit may be off: a posterior covariance that does not take the rows
//! of one customer, or of one week, for independent.
//!
//! The curvature of the likelihood alone would: but customers differ in ways that no feature holds,
//! and a shelf discount is the same for everybody in a week, so a week of luck looks like a response.
//! The covariance is therefore `H⁻¹ (G + Λ) H⁻¹` with `H` the curvature of the penalised likelihood,
//! `Λ` the precision of the prior, and `G` the sum of squared scores by customer, plus those by week,
//! less those by row. Where rows are independent, `G` is the curvature of the likelihood, and the
//! covariance that of the Laplace approximation. Reference: Liang and Zeger 1986; Cameron, Gelbach and
//! Miller 2011 (two ways of clustering).

use super::glm::{Family, GlmFit, Prior, Sample, dot};
use crate::evaluate::cholesky;

/// Lower factor `L` of the covariance `L Lᵀ` of the coefficients, row-major `[p × p]`.
///
/// Falls back on the curvature where the sum by customer, week and row is not positive definite even
/// without the subtraction, which takes non-finite rows.
pub(crate) fn covariance_factor(
    family: Family,
    sample: &Sample<'_>,
    prior: &Prior,
    fit: &GlmFit,
) -> Vec<f64> {
    let p = fit.beta.len();
    let meat = Meat::collect(family, sample, &fit.beta);
    let bread = |middle: Vec<f64>| -> Option<Vec<f64>> {
        // With middle = M Mᵀ the covariance is (H⁻¹ M)(H⁻¹ M)ᵀ.
        let m = cholesky::factor(middle, p)?;
        let columns: Vec<Vec<f64>> = (0..p)
            .map(|j| {
                let column = (0..p).map(|i| m[i * p + j]).collect();
                cholesky::solve_factored(&fit.factor, column)
            })
            .collect();
        let entry = |i: usize, j: usize| columns.iter().map(|c| c[i] * c[j]).sum::<f64>();
        let covariance =
            (0..p * p).map(|at| if at % p <= at / p { entry(at / p, at % p) } else { 0.0 });
        cholesky::factor(covariance.collect(), p)
    };
    let with_prior = |mut middle: Vec<f64>| {
        (0..p).for_each(|j| middle[j * p + j] += prior.precision[j]);
        bread(middle)
    };
    with_prior(meat.total(1.0)).or_else(|| with_prior(meat.total(0.0))).unwrap_or_else(|| {
        let inverse = |j: usize| {
            let mut unit = vec![0.0; p];
            unit[j] = 1.0;
            cholesky::back_substitute(&fit.factor, unit)
        };
        let columns: Vec<Vec<f64>> = (0..p).map(inverse).collect();
        (0..p * p).map(|at| columns[at % p][at / p]).collect()
    })
}

/// Sums of squared scores, lower triangles `[p × p]`.
struct Meat {
    by_customer: Vec<f64>,
    by_week: Vec<f64>,
    by_row: Vec<f64>,
}

impl Meat {
    fn collect(family: Family, sample: &Sample<'_>, beta: &[f64]) -> Self {
        let (design, p) = (sample.design, beta.len());
        let mut meat = Self {
            by_customer: vec![0.0; p * p],
            by_week: vec![0.0; p * p],
            by_row: vec![0.0; p * p],
        };
        let n_weeks = (sample.weeks.end - sample.weeks.start) as usize;
        let mut of_week = vec![vec![0.0; p]; n_weeks];
        let (mut of_customer, mut customer) = (vec![0.0; p], None);
        for i in sample.rows() {
            let row = design.row(i);
            let slope = family.slope(dot(row, beta), design.y[i]) * design.weight[i];
            if customer != Some(design.customer[i]) {
                add_square(&mut meat.by_customer, &of_customer, 1.0);
                of_customer.fill(0.0);
                customer = Some(design.customer[i]);
            }
            let week = &mut of_week[(design.week[i] - sample.weeks.start) as usize];
            for (j, x) in row.iter().enumerate() {
                of_customer[j] += slope * x;
                week[j] += slope * x;
            }
            add_square(&mut meat.by_row, row, slope * slope);
        }
        add_square(&mut meat.by_customer, &of_customer, 1.0);
        of_week.iter().for_each(|week| add_square(&mut meat.by_week, week, 1.0));
        meat
    }

    /// By customer and week, less `counted_twice` of what stands in both.
    fn total(&self, counted_twice: f64) -> Vec<f64> {
        let pairs = self.by_customer.iter().zip(&self.by_week).zip(&self.by_row);
        pairs.map(|((c, w), r)| c + w - counted_twice * r).collect()
    }
}

/// Adds `scale · v vᵀ` to a lower triangle.
fn add_square(sum: &mut [f64], v: &[f64], scale: f64) {
    let p = v.len();
    for (i, vi) in v.iter().enumerate() {
        if *vi != 0.0 {
            let weighted = scale * vi;
            for (slot, vj) in sum[i * p..].iter_mut().zip(&v[..=i]) {
                *slot += weighted * vj;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::glm::{Design, RowTag, fit};
    use super::*;
    use promopt_envs::SeedTree;
    use promopt_envs::retail::demand::features::Sign;
    use rand::Rng;

    /// Rows of an intercept; every customer has 20, which are all alike or independent.
    fn intercept(alike: bool) -> (Design, f64) {
        let mut rng = SeedTree::new(8).stream();
        let mut design = Design::new(1);
        for customer in 0..2_000 {
            let mut y = 0.0;
            for week in 0..20 {
                if week == 0 || !alike {
                    y = f64::from(u8::from(rng.random::<f64>() < 0.3));
                }
                design.push([1.0], y, RowTag { customer, week, weight: 1.0 });
            }
        }
        let prior = Prior { mean: vec![0.0], precision: vec![1e-6], sign: vec![Sign::Free] };
        let sample = design.of(0..20);
        let found = fit(Family::Bernoulli, &sample, &prior, None).expect("finite rows");
        let factor = covariance_factor(Family::Bernoulli, &sample, &prior, &found);
        (design, factor[0])
    }

    #[test]
    fn rows_that_are_all_alike_count_as_one() {
        // By customer 1 / (n p (1 − p)) with n = 2,000 instead of 40,000 rows; by row a twentieth of it.
        // The scores of every week are the same and sum to 0 at the maximum: by week adds nothing.
        let (design, alike) = intercept(true);
        let p = design.of(0..20).mean();
        let expected = ((1.0 - 1.0 / 20.0) / (2_000.0 * p * (1.0 - p))).sqrt();
        assert!((alike / expected - 1.0).abs() < 1e-6, "{alike} and {expected}");
        // Independent rows: the curvature's own 1 / (40,000 · 0.21). The sum of squares over 20 weeks is
        // a variance from 20 draws, so the figure has a relative error of about sqrt(2 / 20) / 2 = 0.16
        // in the part by week; four of them are 0.63.
        let all = (1.0 / (40_000.0 * 0.21_f64)).sqrt();
        let (_, independent) = intercept(false);
        assert!((independent / all - 1.0).abs() < 0.63, "{independent} and {all}");
    }
}
