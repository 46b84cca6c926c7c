//! How far two samples are apart: Kolmogorov–Smirnov, range coverage and Wasserstein-1.

/// A sample in ascending order, finite values only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Sorts the values; those that are not finite are left out.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Arithmetic mean; not a number for an empty sample.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// Standard deviation with the divisor n; 0 when all values are equal.
    fn deviation(&self) -> f64 {
        let mean = self.mean();
        (self.0.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / self.0.len() as f64).sqrt()
    }

    fn range(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}

/// How far a simulated sample is from the real one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// `1 − sup_x |F(x) − G(x)|` of the two empirical distribution functions, in `[0, 1]`, 1 best;
    /// exact with ties. `KSComplement` of sdmetrics is the same number.
    pub ks_complement: f64,
    /// `max(0, 1 − (max(0, min_s − min_r) + max(0, max_r − max_s)) / (max_r − min_r))`, the share of
    /// the real range that the simulated one covers (`RangeCoverage` of sdmetrics); `None` when the
    /// real sample has no range.
    pub range_coverage: Option<f64>,
    /// `∫ |F(x) − G(x)| dx`, the Wasserstein-1 distance, in the unit of the values.
    pub wasserstein: f64,
    /// The same over the standard deviation of the real sample; `None` when that is 0.
    pub wasserstein_over_deviation: Option<f64>,
}

impl Distance {
    /// The distance of a simulated sample from the real one; `None` when either is empty.
    #[must_use]
    pub fn between(real: &Sample, simulated: &Sample) -> Option<Self> {
        let ((low, high), (lowest, highest)) = (real.range()?, simulated.range()?);
        let (largest, area) = gaps(&real.0, &simulated.0);
        let missed = ((lowest - low).max(0.0) + (high - highest).max(0.0)) / (high - low);
        let deviation = real.deviation();
        Some(Self {
            ks_complement: 1.0 - largest,
            range_coverage: (high > low).then(|| (1.0 - missed).max(0.0)),
            wasserstein: area,
            wasserstein_over_deviation: (deviation > 0.0).then(|| area / deviation),
        })
    }
}

/// Largest vertical gap between two empirical distribution functions, and the area between them.
/// Both samples ascend and are not empty.
fn gaps(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut i, mut j) = (0, 0);
    let (mut largest, mut area) = (0.0_f64, 0.0);
    let (mut gap, mut before) = (0.0_f64, a[0].min(b[0]));
    while i < a.len() || j < b.len() {
        let at = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) | (None, Some(x)) => *x,
            (None, None) => break,
        };
        area += gap * (at - before);
        i += a[i..].iter().take_while(|x| **x <= at).count();
        j += b[j..].iter().take_while(|y| **y <= at).count();
        gap = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        largest = largest.max(gap);
        before = at;
    }
    (largest, area)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        name: String,
        real: Vec<f64>,
        simulated: Vec<f64>,
        ks_complement: f64,
        range_coverage: Option<f64>,
        wasserstein: f64,
        deviation: f64,
    }

    fn distance(real: &[f64], simulated: &[f64]) -> Distance {
        let sample = |values: &[f64]| Sample::new(values.iter().copied());
        Distance::between(&sample(real), &sample(simulated)).expect("neither is empty")
    }

    #[test]
    fn distances_are_those_of_scipy() {
        let text = include_str!("../../../tests/fixtures/realism/golden.json");
        let goldens: Vec<Golden> = serde_json::from_str(text).expect("the fixture is JSON");
        assert!(goldens.len() >= 8);
        for golden in &goldens {
            let found = distance(&golden.real, &golden.simulated);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            let name = &golden.name;
            assert!(near(found.ks_complement, golden.ks_complement), "{name}: {found:?}");
            assert!(near(found.wasserstein, golden.wasserstein), "{name}: {found:?}");
            assert_eq!(found.range_coverage.is_some(), golden.range_coverage.is_some(), "{name}");
            let pair = found.range_coverage.zip(golden.range_coverage);
            assert!(pair.is_none_or(|(a, b)| near(a, b)), "{name}: {found:?}");
            let over = found.wasserstein_over_deviation.unwrap_or(0.0) * golden.deviation;
            assert!(golden.deviation == 0.0 || near(over, golden.wasserstein), "{name}");
        }
    }

    #[test]
    fn ties_count_as_one_step() {
        // F is 3/4 at 1 and 1 at 2; G is 1/4 at 1 and 1 at 2: the gap is 1/2 over a length of 1.
        let found = distance(&[1.0, 1.0, 1.0, 2.0], &[1.0, 2.0, 2.0, 2.0]);
        assert_eq!((found.ks_complement, found.wasserstein), (0.5, 0.5));
    }

    #[test]
    fn range_coverage_loses_what_is_missing_at_either_end() {
        // The example of the sdmetrics manual: 8 and 2.7 of 60.7 are missing.
        let found = distance(&[37.0, 97.7], &[45.0, 95.0]);
        let expected = 1.0 - 10.7 / 60.7;
        assert!((found.range_coverage.expect("there is a range") - expected).abs() < 1e-12);
        assert_eq!(distance(&[0.0, 1.0], &[-5.0, 9.0]).range_coverage, Some(1.0));
        assert_eq!(distance(&[0.0, 1.0], &[5.0, 9.0]).range_coverage, Some(0.0));
        assert_eq!(distance(&[3.0, 3.0], &[3.0]).range_coverage, None);
    }

    #[test]
    fn nothing_is_at_no_distance_from_anything() {
        assert_eq!(Distance::between(&Sample::default(), &Sample::new([1.0])), None);
        assert_eq!(Distance::between(&Sample::new([1.0]), &Sample::new([f64::NAN])), None);
    }

    proptest! {
        #[test]
        fn a_sample_is_at_no_distance_from_itself_in_any_order(
            mut values in proptest::collection::vec(-5_i32..5, 1..60)
        ) {
            let sample = Sample::new(values.iter().map(|v| f64::from(*v)));
            values.reverse();
            let shuffled = Sample::new(values.iter().map(|v| f64::from(*v)));
            let found = Distance::between(&sample, &shuffled).expect("not empty");
            prop_assert_eq!((found.ks_complement, found.wasserstein), (1.0, 0.0));
        }

        #[test]
        fn distances_are_the_same_both_ways(
            a in proptest::collection::vec(-9.0_f64..9.0, 1..40),
            b in proptest::collection::vec(-9.0_f64..9.0, 1..40)
        ) {
            let (there, back) = (distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(there.ks_complement, back.ks_complement);
            prop_assert_eq!(there.wasserstein, back.wasserstein);
            prop_assert!((0.0..=1.0).contains(&there.ks_complement));
        }
    }
}
