//! Locally weighted straight lines and the weights that make them robust.

/// A value at a position with a weight; weight 0 means "not there".
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Position, weeks.
    pub(super) at: f64,
    /// Value there.
    pub(super) value: f64,
    /// Weight, at least 0.
    pub(super) weight: f64,
}

/// Loess of degree one (Cleveland 1979): at `x` the line with the smallest
/// `Σ w_i · tricube(|x_i − x| / h) · (y_i − a − b (x_i − x))²`, of which `a` is returned.
///
/// `h` is the distance to the `span`-th nearest sample; when the series has fewer, it grows by
/// `span / n` as in STL. Falls back to the weighted mean where the samples share one position, and
/// is `None` when no sample has weight.
pub(super) fn loess(samples: &[Sample], x: f64, span: usize) -> Option<f64> {
    let mut distances: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.weight > 0.0)
        .map(|sample| (sample.at - x).abs())
        .collect();
    distances.sort_by(f64::total_cmp);
    let farthest = *distances.last()?;
    let reach = match distances.get(span.max(2) - 1) {
        Some(nearest) => *nearest,
        None => farthest * span as f64 / distances.len() as f64,
    };
    let reach = reach.max(1.0) * (1.0 + 1e-9);
    let (mut s0, mut s1, mut s2, mut t0, mut t1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for sample in samples {
        let offset = sample.at - x;
        let share = offset.abs() / reach;
        if share >= 1.0 || sample.weight <= 0.0 {
            continue;
        }
        let weight = sample.weight * (1.0 - share.powi(3)).powi(3);
        s0 += weight;
        s1 += weight * offset;
        s2 += weight * offset * offset;
        t0 += weight * sample.value;
        t1 += weight * offset * sample.value;
    }
    let determinant = s0 * s2 - s1 * s1;
    if s0 <= 0.0 {
        return None;
    }
    let flat = determinant <= 1e-9 * s0 * s2 || s2 <= 0.0;
    Some(if flat { t0 / s0 } else { (s2 * t0 - s1 * t1) / determinant })
}

/// Robustness weights of STL's outer loop (Cleveland et al. 1990): the bisquare
/// `(1 − (r / h)²)²` within `h = 6 · median |r|` and 0 beyond.
pub(super) fn bisquare(residual: f64, median_size: f64) -> f64 {
    let reach = 6.0 * median_size;
    if reach <= 0.0 {
        return if residual.abs() < 1e-12 { 1.0 } else { 0.0 };
    }
    let share = residual.abs() / reach;
    if share < 1.0 { (1.0 - share * share).powi(2) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(weights: [f64; 5]) -> Vec<Sample> {
        (0..5)
            .map(|i| Sample { at: i as f64, value: 3.0 + 2.0 * i as f64, weight: weights[i] })
            .collect()
    }

    #[test]
    fn a_straight_line_comes_back_as_itself_inside_and_beyond_the_samples() {
        for x in [0.0, 1.5, 4.0, 5.0] {
            let found = loess(&line([1.0; 5]), x, 5).expect("samples have weight");
            assert!((found - (3.0 + 2.0 * x)).abs() < 1e-9, "{x}: {found}");
        }
    }

    #[test]
    fn a_sample_without_weight_says_nothing() {
        let mut samples = line([1.0, 1.0, 0.0, 1.0, 1.0]);
        samples[2].value = 1e6;
        assert!((loess(&samples, 2.0, 5).expect("weight") - 7.0).abs() < 1e-9);
        assert_eq!(loess(&line([0.0; 5]), 2.0, 5), None);
    }

    #[test]
    fn three_samples_give_the_line_worked_by_hand() {
        // At 1 with reach 2 (span 4 of 3 samples would be 4/3): the neighbours weigh
        // (1 − (3/4)³)³ = 0.19322 each, so the mean is 3 / 1.38645.
        let samples: Vec<Sample> = [0.0, 3.0, 0.0]
            .iter()
            .enumerate()
            .map(|(i, value)| Sample { at: i as f64, value: *value, weight: 1.0 })
            .collect();
        let found = loess(&samples, 1.0, 4).expect("samples have weight");
        assert!((found - 3.0 / 1.386_45).abs() < 1e-4, "{found}");
    }

    #[test]
    fn robustness_weights_fall_from_one_to_zero_at_six_medians() {
        assert_eq!(bisquare(0.0, 1.0), 1.0);
        assert_eq!(bisquare(3.0, 1.0), 0.5625);
        assert_eq!(bisquare(-6.0, 1.0), 0.0);
        assert_eq!(bisquare(0.1, 0.0), 0.0);
    }
}
