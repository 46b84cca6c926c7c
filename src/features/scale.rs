//! How a feature is put on a common scale: clipped, standardised, weighted.

use serde::{Deserialize, Serialize};

/// Quantiles that features are clipped to before they are scaled.
const WINSOR: [f64; 2] = [0.01, 0.99];

/// How one feature is put on the scale of the clustering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FeatureScale {
    /// 1% quantile over the training customers; smaller values count as this.
    pub lower: f64,
    /// 99% quantile over the training customers; larger values count as this.
    pub upper: f64,
    /// Mean after clipping.
    pub mean: f64,
    /// Standard deviation after clipping (dividing by n); 0 marks a constant feature.
    pub deviation: f64,
    /// Factor of the standardised feature in distances.
    pub weight: f64,
}

impl FeatureScale {
    /// The scale of one feature over the training customers, of which there is at least one.
    pub(crate) fn fit(mut values: Vec<f64>, weight: f64) -> Self {
        values.sort_by(f64::total_cmp);
        let [lower, upper] = WINSOR.map(|level| quantile(&values, level));
        let n = values.len() as f64;
        values.iter_mut().for_each(|x| *x = x.max(lower).min(upper));
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        // Shares that are equal but for rounding must not be blown up to unit variance.
        let constant = variance.sqrt() <= 1e-12 * mean.abs().max(1.0);
        let deviation = if constant { 0.0 } else { variance.sqrt() };
        Self { lower, upper, mean, deviation, weight }
    }

    /// `(clip(x, lower, upper) − mean) / deviation`; 0 for a constant feature.
    #[must_use]
    pub fn z_score(&self, value: f64) -> f64 {
        if self.deviation > 0.0 {
            (value.max(self.lower).min(self.upper) - self.mean) / self.deviation
        } else {
            0.0
        }
    }
}

/// Quantile of ascending values, linear between neighbours (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_are_clipped_to_the_outer_percentiles() {
        // 0, 1, …, 100: the 1% and 99% quantiles are 1 and 99.
        let scale = FeatureScale::fit((0..=100).rev().map(f64::from).collect(), 1.0);
        assert!((scale.lower - 1.0).abs() < 1e-9 && (scale.upper - 99.0).abs() < 1e-9);
        assert!((scale.mean - 50.0).abs() < 1e-9);
        assert_eq!(scale.z_score(1e9), scale.z_score(99.0));
        assert_eq!(scale.z_score(-1e9), scale.z_score(1.0));
    }

    #[test]
    fn deviation_divides_by_the_number_of_values() {
        // Type-7 quantiles of (0, 2) are 0.02 and 1.98: mean 1, deviation 0.98.
        let scale = FeatureScale::fit(vec![2.0, 0.0], 1.0);
        assert!((scale.deviation - 0.98).abs() < 1e-12);
        assert!((scale.z_score(2.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn constant_features_scale_to_zero() {
        let third = 1.0 / 3.0;
        let scale = FeatureScale::fit(vec![third, third + 1e-16, third], 1.0);
        assert_eq!(scale.deviation, 0.0);
        assert_eq!(scale.z_score(7.0), 0.0);
    }
}
