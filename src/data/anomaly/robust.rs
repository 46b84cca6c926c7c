//! Medians, the MAD as a scale, and how far from it a value may lie by chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// `1 / Φ⁻¹(3/4)`: makes the median absolute deviation estimate the standard deviation of normal
/// noise.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Efficiency of the MAD against the standard deviation under normal noise (Rousseeuw and Croux
/// 1993): a MAD from `n` values knows the scale as well as a standard deviation from `0.37 n`.
const MAD_EFFICIENCY: f64 = 0.37;

/// The median; the mean of the middle two of an even number. NaN when empty.
pub(super) fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// `1.4826 · median |x − median x|`: the scale of the bulk, blind to up to half the values.
pub(super) fn mad_scale(values: &[f64]) -> f64 {
    let centre = median(values);
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    MAD_TO_SIGMA * median(&deviations)
}

/// How large the largest of `tests` robust z scores may be: passed by chance in a share `alpha` of
/// clean series at most, when the scale is the MAD of `n` values.
///
/// `t_ν⁻¹(1 − α / (2 · tests))` with `ν = 0.37 n`: Bonferroni over the tests, Student's t because
/// the scale is itself estimated. Holds for normal noise; skewed noise passes it more often.
pub(super) fn critical_z(alpha: f64, tests: usize, n: f64) -> f64 {
    let freedom = (MAD_EFFICIENCY * n).max(1.0);
    let tail = alpha / (2.0 * tests.max(1) as f64);
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(1.0 - tail))
}

/// Lag-one autocorrelation from robust scales of sums and differences (Gnanadesikan and Kettenring
/// 1972; Ma and Genton 2000); 0 for fewer than ten pairs of neighbours.
pub(super) fn neighbour_correlation(pairs: &[(f64, f64)]) -> f64 {
    if pairs.len() < 10 {
        return 0.0;
    }
    let sums: Vec<f64> = pairs.iter().map(|(left, right)| left + right).collect();
    let differences: Vec<f64> = pairs.iter().map(|(left, right)| left - right).collect();
    let (plus, minus) = (mad_scale(&sums).powi(2), mad_scale(&differences).powi(2));
    if plus + minus > 0.0 { (plus - minus) / (plus + minus) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_mad_are_those_worked_by_hand() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        // Median 3, absolute deviations 2, 1, 0, 1, 97: their median is 1.
        assert!((mad_scale(&[1.0, 2.0, 3.0, 4.0, 100.0]) - 1.482_602).abs() < 1e-6);
    }

    #[test]
    fn the_critical_z_is_a_quantile_of_students_t() {
        // One two-sided test at 5 % with 0.37 · 27 ≈ 10 degrees of freedom: 2.23.
        assert!((critical_z(0.05, 1, 27.0) - 2.228).abs() < 0.005);
        assert!(critical_z(0.01, 104, 104.0) > critical_z(0.01, 104, 1000.0));
        assert!(critical_z(0.01, 104, 104.0) > critical_z(0.01, 10, 104.0));
    }

    #[test]
    fn neighbours_that_agree_correlate_and_those_that_oppose_do_not() {
        let same: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i), f64::from(i))).collect();
        assert!((neighbour_correlation(&same) - 1.0).abs() < 1e-12);
        let opposed: Vec<(f64, f64)> = same.iter().map(|(left, right)| (*left, -right)).collect();
        assert!((neighbour_correlation(&opposed) + 1.0).abs() < 1e-12);
        assert_eq!(neighbour_correlation(&same[..5]), 0.0);
    }
}
