//! A fitted Gaussian mixture: clusters with their own shape, and how much a row belongs to each.

use std::f64::consts::TAU;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, in_range, same_length};
use super::matrix::Matrix;
use crate::evaluate::cholesky;

/// Shape of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CovarianceKind {
    /// Any ellipsoid: d (d + 1) / 2 parameters a component.
    Full,
    /// Ellipsoids along the axes: d parameters a component, for few rows or many features.
    Diagonal,
}

/// A mixture Σ_c π_c N(x; μ_c, Σ_c) of k components over d features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredMixture")]
pub struct Gmm {
    /// Shape of the components.
    pub kind: CovarianceKind,
    /// Shares π of the components, shape `[n_components]`.
    pub weights: Vec<f64>,
    /// Means μ, shape `[n_components, n_features]`.
    pub means: Matrix,
    /// Covariances Σ: shape `[n_features, n_features]` each, or `[1, n_features]` when diagonal.
    pub covariances: Vec<Matrix>,
    /// Mean over the rows it was fitted to of ln p(x), in nats.
    pub log_likelihood: f64,
    /// Rows it was fitted to.
    pub n_rows: usize,
    /// Expectation–maximisation iterations made.
    pub n_iterations: usize,
    /// Whether the iterations ended by themselves.
    pub converged: bool,
    /// Lower Cholesky factors L of the covariances, row-major; their diagonals when diagonal.
    #[serde(skip)]
    factors: Vec<Vec<f64>>,
    /// ln π − (d / 2) ln 2π − ln |L| of each component: the log density at its mean.
    #[serde(skip)]
    peaks: Vec<f64>,
}

/// What is written of a mixture; the rest follows from it.
#[derive(Deserialize)]
struct StoredMixture {
    kind: CovarianceKind,
    weights: Vec<f64>,
    means: Matrix,
    covariances: Vec<Matrix>,
    log_likelihood: f64,
    n_rows: usize,
    n_iterations: usize,
    converged: bool,
}

impl TryFrom<StoredMixture> for Gmm {
    type Error = ClusterError;

    fn try_from(stored: StoredMixture) -> Result<Self, ClusterError> {
        let gmm = Self::new(stored.kind, stored.weights, stored.means, stored.covariances)?;
        Ok(Self {
            log_likelihood: stored.log_likelihood,
            n_rows: stored.n_rows,
            n_iterations: stored.n_iterations,
            converged: stored.converged,
            ..gmm
        })
    }
}

impl Gmm {
    /// The mixture with these parameters, of which nothing is known about its fit.
    pub(crate) fn new(
        kind: CovarianceKind,
        weights: Vec<f64>,
        means: Matrix,
        covariances: Vec<Matrix>,
    ) -> Result<Self, ClusterError> {
        in_range("a number of components", weights.len(), 1, usize::MAX)?;
        same_length("means of components", weights.len(), means.n_rows())?;
        same_length("covariances of components", weights.len(), covariances.len())?;
        let d = means.n_columns();
        let (mut factors, mut peaks) = (Vec::new(), Vec::new());
        for (component, (covariance, weight)) in covariances.iter().zip(&weights).enumerate() {
            let factor = factor(kind, covariance, d)?;
            let factor = factor.ok_or(ClusterError::Singular { component })?;
            let stride = if kind == CovarianceKind::Full { d + 1 } else { 1 };
            let log_determinant: f64 = factor.iter().step_by(stride).map(|l| l.ln()).sum();
            peaks.push(weight.ln() - 0.5 * d as f64 * TAU.ln() - log_determinant);
            factors.push(factor);
        }
        if let Some(component) = peaks.iter().position(|peak| !peak.is_finite()) {
            let (range, found) = ("(0, 1]".to_owned(), weights[component].to_string());
            return Err(ClusterError::OutOfRange { what: "a share of a component", range, found });
        }
        Ok(Self {
            kind,
            weights,
            means,
            covariances,
            log_likelihood: f64::NEG_INFINITY,
            n_rows: 0,
            n_iterations: 0,
            converged: false,
            factors,
            peaks,
        })
    }

    /// Soft membership of a row: P(component | x) = π_c N(x; μ_c, Σ_c) / p(x), shape
    /// `[n_components]`, summing to 1.
    ///
    /// # Errors
    ///
    /// When the row does not have the fitted number of features or a value is not finite.
    pub fn responsibilities(&self, row: &[f64]) -> Result<Vec<f64>, ClusterError> {
        self.check_row(row)?;
        Ok(self.memberships(row).1)
    }

    /// The component a row most likely belongs to, the first among equals.
    ///
    /// # Errors
    ///
    /// As [`responsibilities`](Self::responsibilities).
    pub fn assign(&self, row: &[f64]) -> Result<usize, ClusterError> {
        let shares = self.responsibilities(row)?;
        let better =
            |best: usize, next: usize| if shares[next] > shares[best] { next } else { best };
        Ok((0..shares.len()).reduce(better).unwrap_or(0))
    }

    /// Logarithm of the mixture density at a row, ln p(x), in nats: very low for a customer unlike
    /// all that were seen.
    ///
    /// # Errors
    ///
    /// As [`responsibilities`](Self::responsibilities).
    pub fn log_density(&self, row: &[f64]) -> Result<f64, ClusterError> {
        self.check_row(row)?;
        Ok(self.memberships(row).0)
    }

    /// Bayesian information criterion −2 ln L + p ln n of the fit (Schwarz 1978); the smallest is
    /// best. It assumes large n and finds more components than groups where these are not normal.
    #[must_use]
    pub fn bic(&self) -> f64 {
        let n = self.n_rows as f64;
        -2.0 * self.log_likelihood * n + self.n_parameters() as f64 * n.ln()
    }

    /// Free parameters p: k − 1 weights, k d means and the covariances.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        let (k, d) = (self.means.n_rows(), self.means.n_columns());
        let shape = match self.kind {
            CovarianceKind::Full => d * (d + 1) / 2,
            CovarianceKind::Diagonal => d,
        };
        k - 1 + k * d + k * shape
    }

    /// Mean ln p(x) over the rows, and their memberships.
    pub(crate) fn expect(&self, points: &Matrix) -> (f64, Matrix) {
        let rows: Vec<(f64, Vec<f64>)> = (0..points.n_rows())
            .into_par_iter()
            .map(|row| self.memberships(points.row(row)))
            .collect();
        let mut responsibilities = Matrix::new(self.weights.len());
        let mut sum = 0.0;
        for (log_density, shares) in &rows {
            sum += log_density;
            let fits = responsibilities.push(shares);
            debug_assert!(fits, "a row of memberships has one value a component");
        }
        (sum / rows.len() as f64, responsibilities)
    }

    /// The same mixture with its components in this order.
    pub(crate) fn reordered(&self, order: &[usize]) -> Self {
        Self {
            weights: order.iter().map(|&index| self.weights[index]).collect(),
            means: self.means.select(order),
            covariances: order.iter().map(|&index| self.covariances[index].clone()).collect(),
            factors: order.iter().map(|&index| self.factors[index].clone()).collect(),
            peaks: order.iter().map(|&index| self.peaks[index]).collect(),
            ..*self
        }
    }

    fn check_row(&self, row: &[f64]) -> Result<(), ClusterError> {
        same_length("a row of features", self.means.n_columns(), row.len())?;
        match row.iter().position(|value| !value.is_finite()) {
            Some(column) => Err(ClusterError::NotFinite { row: 0, column }),
            None => Ok(()),
        }
    }

    /// ln p(x) and the share of each component in it.
    fn memberships(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let mut solved = vec![0.0; row.len()];
        let joint: Vec<f64> =
            (0..self.weights.len()).map(|index| self.log_joint(index, row, &mut solved)).collect();
        let largest = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = joint.iter().map(|value| (value - largest).exp()).sum();
        let log_density = largest + sum.ln();
        (log_density, joint.into_iter().map(|value| (value - log_density).exp()).collect())
    }

    /// ln π_c + ln N(x; μ_c, Σ_c), from y with L y = x − μ_c for the Cholesky factor L.
    fn log_joint(&self, index: usize, row: &[f64], solved: &mut [f64]) -> f64 {
        let d = row.len();
        let (factor, mean) = (&self.factors[index], self.means.row(index));
        for i in 0..d {
            let centred = row[i] - mean[i];
            solved[i] = match self.kind {
                CovarianceKind::Full => {
                    let left = &factor[i * d..i * d + i];
                    let known: f64 = left.iter().zip(&*solved).map(|(l, y)| l * y).sum();
                    (centred - known) / factor[i * d + i]
                }
                CovarianceKind::Diagonal => centred / factor[i],
            };
        }
        self.peaks[index] - 0.5 * solved.iter().map(|y| y * y).sum::<f64>()
    }
}

/// Lower Cholesky factor of a covariance over d features, its diagonal when diagonal; `None` when
/// it is not positive definite.
fn factor(
    kind: CovarianceKind,
    covariance: &Matrix,
    d: usize,
) -> Result<Option<Vec<f64>>, ClusterError> {
    let n_rows = if kind == CovarianceKind::Full { d } else { 1 };
    same_length("rows of a covariance", n_rows, covariance.n_rows())?;
    same_length("columns of a covariance", d, covariance.n_columns())?;
    let values: Vec<f64> = covariance.rows().flatten().copied().collect();
    Ok(match kind {
        CovarianceKind::Full => cholesky::factor(values, d),
        CovarianceKind::Diagonal => {
            let positive = values.iter().all(|&variance| variance > 0.0 && variance.is_finite());
            positive.then(|| values.into_iter().map(f64::sqrt).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares ¼ and ¾, means (0, 0) and (2, 0), covariances [2 1; 1 2] and the unit matrix.
    fn pair() -> Result<Gmm, ClusterError> {
        let rows = |rows: &[[f64; 2]]| Matrix::from_rows(rows).expect("equal length");
        let covariances = vec![rows(&[[2.0, 1.0], [1.0, 2.0]]), rows(&[[1.0, 0.0], [0.0, 1.0]])];
        let means = rows(&[[0.0, 0.0], [2.0, 0.0]]);
        Gmm::new(CovarianceKind::Full, vec![0.25, 0.75], means, covariances)
    }

    #[test]
    fn memberships_match_the_hand_calculation() {
        // At (1, 1): xᵀ Σ⁻¹ x = 2/3 with |Σ| = 3, and (−1)² + 1² = 2 with |Σ| = 1.
        let first = 0.25 * (-1.0_f64 / 3.0).exp() / (TAU * 3.0_f64.sqrt());
        let second = 0.75 * (-1.0_f64).exp() / TAU;
        let gmm = pair().expect("positive definite");
        let shares = gmm.responsibilities(&[1.0, 1.0]).expect("two features");
        assert!((shares[0] - first / (first + second)).abs() < 1e-14);
        assert!((shares[0] + shares[1] - 1.0).abs() < 1e-14);
        let log_density = gmm.log_density(&[1.0, 1.0]).expect("two features");
        assert!((log_density - (first + second).ln()).abs() < 1e-14);
        assert_eq!(gmm.assign(&[1.0, 1.0]), Ok(1));
        // 1 weight, 2 · 2 means, 2 · 3 covariances.
        assert_eq!(gmm.n_parameters(), 11);
    }

    #[test]
    fn a_row_far_from_everything_still_has_memberships() {
        let shares = pair().expect("valid").responsibilities(&[1e6, -1e6]).expect("two features");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let gmm = pair().expect("positive definite");
        assert!(gmm.responsibilities(&[1.0]).is_err());
        let error = gmm.log_density(&[1.0, f64::NAN]).expect_err("NaN");
        assert_eq!(error, ClusterError::NotFinite { row: 0, column: 1 });
    }

    #[test]
    fn a_mixture_survives_being_written_and_read_and_a_broken_one_is_refused() {
        let mut gmm = pair().expect("positive definite");
        gmm.log_likelihood = -2.5;
        let text = serde_json::to_string(&gmm).expect("plain numbers");
        assert_eq!(serde_json::from_str::<Gmm>(&text).expect("what was written"), gmm);
        for (from, to, complaint) in [
            ("[2.0,1.0,1.0,2.0]", "[1.0,2.0,2.0,1.0]", "positive definite"),
            ("[0.25,0.75]", "[0.0,1.0]", "share of a component"),
            ("[0.25,0.75]", "[1.0]", "means of components"),
        ] {
            let broken = text.replace(from, to);
            assert_ne!(broken, text);
            let error = serde_json::from_str::<Gmm>(&broken).expect_err("broken").to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
