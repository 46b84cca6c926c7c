//! Running means and variances that can be saved, frozen and merged.

use serde::{Deserialize, Serialize};

/// Count, mean and sum of squared deviations of each feature of a stream of vectors.
///
/// Updated by Welford's recurrence, `mean += (x − mean) / n`, `squares += (x − mean_old)(x − mean)`,
/// which loses no digits when the mean is large against the spread, and merged by the pairwise formula
/// of Chan, Golub and LeVeque (1983). The variance is that of the population, `squares / n`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunningMoments {
    count: u64,
    /// Shape `[n_features]`.
    mean: Vec<f64>,
    /// Sums of squared deviations from the mean, shape `[n_features]`.
    squares: Vec<f64>,
}

impl RunningMoments {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(n_features: usize) -> Self {
        Self { count: 0, mean: vec![0.0; n_features], squares: vec![0.0; n_features] }
    }

    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Number of vectors seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Means so far, shape `[n_features]`; 0 before the first vector.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Population variance of a feature; 1 before the first vector, so that dividing by its root
    /// changes nothing.
    ///
    /// # Panics
    /// When the feature does not exist.
    #[must_use]
    pub fn variance(&self, feature: usize) -> f64 {
        if self.count == 0 { 1.0 } else { self.squares[feature] / self.count as f64 }
    }

    /// Writes `(x − mean) / sqrt(variance + epsilon)`, clipped to `[−clip, clip]`, of one vector.
    pub fn normalise(&self, raw: &[f32], epsilon: f64, clip: f32, out: &mut [f32]) {
        let (share, floor) =
            if self.count == 0 { (0.0, 1.0 + epsilon) } else { (1.0 / self.count as f64, epsilon) };
        let moments = self.mean.iter().zip(&self.squares);
        for ((shown, &x), (mean, squares)) in out.iter_mut().zip(raw).zip(moments) {
            let scaled = (f64::from(x) - mean) / (squares * share + floor).sqrt();
            *shown = (scaled as f32).clamp(-clip, clip);
        }
    }

    /// Takes in one vector; values beyond `n_features` are ignored.
    pub fn update(&mut self, values: impl IntoIterator<Item = f64>) {
        self.count += 1;
        let weight = 1.0 / self.count as f64;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(values) {
            let deviation = x - *mean;
            *mean += deviation * weight;
            *squares += deviation * (x - *mean);
        }
    }

    /// Takes in everything that another has seen; features that only one of them has are left out.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let total = a + b;
        let theirs = other.mean.iter().zip(&other.squares);
        for ((mean, squares), (m, s)) in self.mean.iter_mut().zip(&mut self.squares).zip(theirs) {
            let gap = m - *mean;
            *mean += gap * b / total;
            *squares += s + gap * gap * a * b / total;
        }
        self.count += other.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_by_hand() {
        let mut moments = RunningMoments::new(2);
        assert_eq!((moments.mean()[0], moments.variance(0)), (0.0, 1.0));
        for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            moments.update([x, 1e9 + x]);
        }
        assert!((moments.mean()[0] - 5.0).abs() < 1e-12);
        assert!((moments.variance(0) - 4.0).abs() < 1e-12);
        // The same spread around a mean of a thousand million.
        assert!((moments.variance(1) - 4.0).abs() < 1e-6);
    }

    #[test]
    fn a_vector_is_normalised_by_what_was_seen() {
        let mut moments = RunningMoments::new(2);
        let mut out = [0.0; 2];
        moments.normalise(&[3.0, -9.0], 0.0, 5.0, &mut out);
        assert_eq!(out, [3.0, -5.0]);
        [[1.0, 7.0], [3.0, 7.0]].into_iter().for_each(|x| moments.update(x));
        // Mean 2 and variance 1; the other never varied.
        moments.normalise(&[4.5, 7.0], 1e-8, 5.0, &mut out);
        assert!((out[0] - 2.5).abs() < 1e-6 && out[1] == 0.0);
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(
            values in prop::collection::vec(-1e3..1e3_f64, 1..60), cut in 0_usize..60
        ) {
            let cut = cut.min(values.len());
            let of = |part: &[f64]| {
                let mut moments = RunningMoments::new(1);
                part.iter().for_each(|&x| moments.update([x]));
                moments
            };
            let mut merged = of(&values[..cut]);
            merged.merge(&of(&values[cut..]));
            let whole = of(&values);
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert!((merged.mean()[0] - whole.mean()[0]).abs() < 1e-9);
            prop_assert!((merged.variance(0) - whole.variance(0)).abs() < 1e-6);
        }
    }
}
