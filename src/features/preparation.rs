//! From customer features to the numbers that clustering sees: transformed, filled, clipped,
//! standardised, weighted; what repeats another feature is left out.

use serde::{Deserialize, Serialize};

use super::behaviour::{FeatureSpec, Transform};
use super::cluster_error::ClusterError;
use super::correlation::{self, DropReason};
use super::matrix::Matrix;
use super::scale::FeatureScale;

/// Start of the names of category shares.
pub const MIX: &str = "mix:";
/// The category of everything that has no category of its own; it tells nobody apart.
pub const UNNAMED: &str = "mix:other";

/// One feature that clustering sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedFeature {
    /// Its name.
    pub name: String,
    /// Column among the inputs.
    pub column: usize,
    /// What is done first.
    pub transform: Transform,
    /// Transformed value that stands for an undefined one: the median.
    pub fill: f64,
    /// Clipping, standardising, weight.
    pub scale: FeatureScale,
}

/// A feature that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DroppedFeature {
    /// Its name.
    pub name: String,
    /// Why, in words.
    pub reason: String,
}

/// How a row of customer features becomes a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Names of the features that a row must have, in order.
    pub inputs: Vec<String>,
    /// The features used, in the order of the point's coordinates.
    pub features: Vec<PreparedFeature>,
    /// The features asked for and left out.
    pub dropped: Vec<DroppedFeature>,
}

impl Preparation {
    /// Learns medians, clipping and scales from the rows of training customers.
    ///
    /// `specs` describe the columns of `rows`; `chosen` are indices into them. A feature that is
    /// constant, or correlated with an earlier chosen one beyond `threshold` (|Pearson r| of the
    /// clipped values), is left out. When there are more category shares than other features, the
    /// shares are weighted down so that together they weigh as much; "other" weighs nothing.
    ///
    /// # Errors
    /// When there is no row, or no feature is left.
    pub fn fit(
        specs: &[FeatureSpec],
        rows: &Matrix,
        chosen: &[usize],
        threshold: f64,
    ) -> Result<Self, ClusterError> {
        let is_mix = |column: usize| specs[column].name.starts_with(MIX);
        let n_mix = chosen.iter().filter(|column| is_mix(**column)).count();
        let n_habits = chosen.len() - n_mix;
        let mix_weight = (n_habits as f64 / n_mix.max(n_habits).max(1) as f64).sqrt();
        let candidate = |&column: &usize| {
            let FeatureSpec { name, transform, .. } = &specs[column];
            let mut values: Vec<f64> =
                rows.column(column).into_iter().map(|value| transform.apply(value)).collect();
            let fill = median(&values);
            values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = fill);
            let weight = match name.as_str() {
                UNNAMED => 0.0,
                _ if is_mix(column) => mix_weight,
                _ => 1.0,
            };
            let scale = FeatureScale::fit(values, weight);
            PreparedFeature { name: name.clone(), column, transform: *transform, fill, scale }
        };
        let mut all = Self {
            inputs: specs.iter().map(|spec| spec.name.clone()).collect(),
            features: chosen.iter().map(candidate).collect(),
            dropped: Vec::new(),
        };
        let z_rows = all.map(rows, |own, row| own.z_scores(row));
        let pruning = correlation::prune(&z_rows, threshold)?;
        let said = |reason: &DropReason| match reason {
            DropReason::Constant => "the same for all customers".to_owned(),
            DropReason::Correlated { because_of, r } => {
                format!("repeats {} (r = {r:.2})", all.features[*because_of].name)
            }
        };
        let dropped = |one: &correlation::DroppedColumn| DroppedFeature {
            name: all.features[one.column].name.clone(),
            reason: said(&one.reason),
        };
        let dropped = pruning.dropped.iter().map(dropped).collect();
        let kept = pruning.kept.iter().map(|column| all.features[*column].clone()).collect();
        (all.features, all.dropped) = (kept, dropped);
        Ok(all)
    }

    /// Number of coordinates of a point.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// Transformed and filled values, before scaling.
    #[must_use]
    pub fn values(&self, row: &[f64]) -> Vec<f64> {
        let value = |feature: &PreparedFeature| {
            let value = feature.transform.apply(row[feature.column]);
            if value.is_finite() { value } else { feature.fill }
        };
        self.features.iter().map(value).collect()
    }

    /// Clipped and standardised values, all of one weight.
    #[must_use]
    pub fn z_scores(&self, row: &[f64]) -> Vec<f64> {
        let values = self.values(row);
        self.features.iter().zip(values).map(|(f, value)| f.scale.z_score(value)).collect()
    }

    /// The point that clustering sees.
    #[must_use]
    pub fn point(&self, row: &[f64]) -> Vec<f64> {
        let z_scores = self.z_scores(row);
        self.features.iter().zip(z_scores).map(|(f, z)| z * f.scale.weight).collect()
    }

    /// A function of every row, as a matrix.
    #[must_use]
    pub fn map(&self, rows: &Matrix, map: impl Fn(&Self, &[f64]) -> Vec<f64>) -> Matrix {
        let mut mapped = Matrix::new(self.n_features());
        for row in rows.rows() {
            let pushed = mapped.push(&map(self, row));
            debug_assert!(pushed, "every map gives one value per feature");
        }
        mapped
    }
}

/// Median of the defined values, the lower one of two; 0 when none is.
fn median(values: &[f64]) -> f64 {
    let mut defined: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    defined.sort_by(f64::total_cmp);
    defined.get(defined.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::behaviour::feature_specs;
    use super::*;

    fn specs() -> Vec<FeatureSpec> {
        let categories = ["a", "other"].map(str::to_owned);
        let all = feature_specs(&categories);
        let wanted = ["recency", "frequency", "tenure", "mix:a", "mix:other"];
        wanted.map(|name| all.iter().find(|spec| spec.name == name).expect("a name").clone()).into()
    }

    fn rows() -> Matrix {
        let row = |i: usize| {
            let (x, y) = (i as f64, (i * 7 % 20) as f64);
            [x, if i == 3 { f64::NAN } else { y / 20.0 }, 5.0, y / 19.0, 1.0 - y / 19.0]
        };
        Matrix::from_rows(&(0..20).map(row).collect::<Vec<_>>()).expect("equal length")
    }

    #[test]
    fn what_repeats_or_never_changes_is_left_out_with_its_reason() {
        let prepared = Preparation::fit(&specs(), &rows(), &[0, 1, 2, 3, 4], 0.95).expect("rows");
        let kept: Vec<&str> = prepared.features.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(kept, ["recency", "frequency"]);
        let reasons: Vec<String> =
            prepared.dropped.iter().map(|one| format!("{}: {}", one.name, one.reason)).collect();
        assert_eq!(reasons[0], "tenure: the same for all customers");
        assert!(reasons[1].starts_with("mix:a: repeats frequency (r = "), "{reasons:?}");
    }

    #[test]
    fn undefined_values_stand_at_the_median() {
        let prepared = Preparation::fit(&specs(), &rows(), &[0, 1], 0.95).expect("rows");
        let values = prepared.values(&[3.0, f64::NAN, 0.0, 0.0, 0.0]);
        assert_eq!(values[0], 4.0_f64.ln());
        // The frequencies but that of row 3 are 0, 0.1, …: 19 values, the tenth is the median.
        let mut defined: Vec<f64> = rows().column(1).into_iter().filter(|x| !x.is_nan()).collect();
        defined.sort_by(f64::total_cmp);
        assert_eq!(values[1], defined[9]);
    }
}
