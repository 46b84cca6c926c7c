//! Reference results of scikit-learn and scipy; `tests/fixtures/clustering/make.py` makes them.

use serde_json::Value;

use super::matrix::Matrix;

/// The reference results under this key.
pub(super) fn golden(key: &str) -> Value {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/clustering/golden.json"));
    let mut all: Value = serde_json::from_str(text).expect("the fixture is JSON");
    all.get_mut(key).expect("the fixture has this key").take()
}

/// The points under this name.
pub(super) fn points(name: &str) -> Matrix {
    matrix(&golden("points")[name])
}

/// A list of rows.
pub(super) fn matrix(value: &Value) -> Matrix {
    let rows: Vec<Vec<f64>> = read(value);
    Matrix::from_rows(&rows).expect("rows of equal length")
}

/// A value of any plain type.
pub(super) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("the fixture holds this type")
}

/// Largest |difference| of two lists of one length.
pub(super) fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The values of a matrix, row after row.
pub(super) fn flat(matrix: &Matrix) -> Vec<f64> {
    matrix.rows().flatten().copied().collect()
}

/// The positions of rows, shuffled.
pub(super) fn in_any_order(rows: usize) -> impl proptest::strategy::Strategy<Value = Vec<usize>> {
    use proptest::strategy::{Just, Strategy};
    Just((0..rows).collect::<Vec<_>>()).prop_shuffle()
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::{KMeansConfig, fit_from};
    use super::super::silhouette::mean_silhouette;
    use super::*;

    #[test]
    fn k_means_labels_equal_those_of_scikit_learn_from_the_same_centres() {
        let cases: Vec<Value> = read(&golden("k_means"));
        assert_eq!(cases.len(), 9);
        for case in cases {
            let points = points(&read::<String>(&case["points"]));
            let centres = points.select(&read::<Vec<usize>>(&case["start_rows"]));
            let config = KMeansConfig::new(centres.n_rows());
            let fit = fit_from(&points, centres, &config).expect("valid input");
            assert_eq!(fit.labels, read::<Vec<usize>>(&case["labels"]));
            assert_eq!(fit.n_iterations, read::<usize>(&case["n_iterations"]));
            let expected = flat(&matrix(&case["centres"]));
            assert!(largest_difference(&flat(&fit.centres), &expected) < 1e-9);
            assert!((fit.inertia - read::<f64>(&case["inertia"])).abs() < 1e-8);
        }
    }

    #[test]
    fn silhouettes_equal_those_of_scikit_learn() {
        for case in read::<Vec<Value>>(&golden("k_means")) {
            let points = points(&read::<String>(&case["points"]));
            let found = mean_silhouette(&points, &read::<Vec<usize>>(&case["labels"]));
            assert!((found - read::<f64>(&case["silhouette"])).abs() < 1e-9);
        }
    }
}
