//! Continuous actions, such as the depth of a discount: rounds near the target's action count.
//!
//! With a kernel `K` and a bandwidth `h`, the weight of a round is `K(u) / (h p)`,
//! `u = (target action − logged action) / h`, where `p` is the logging *density*. The
//! [estimators](super::estimator) then are kernel IPS, its self-normalised version and kernel DR;
//! with a model, `q` and `v` are both its prediction at the target's action. Biased by `O(h²)`
//! towards nearby actions, with a variance of `O(1/(n h))`. Source: Kallus and Zhou 2018.

use super::rounds::Rounds;
use super::target::check_size;
use crate::error::EvaluateError;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// How fast a round loses its say with the distance of its action; each integrates to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// `exp(−u²/2) / sqrt(2π)`.
    Gaussian,
    /// `3/4 (1 − u²)` for `|u| ≤ 1`: the smallest error for a given bandwidth.
    Epanechnikov,
    /// `1 − |u|` for `|u| ≤ 1`.
    Triangular,
    /// `π/4 cos(π u / 2)` for `|u| ≤ 1`.
    Cosine,
}

impl Kernel {
    /// `K(u)`.
    #[must_use]
    pub fn density(self, u: f64) -> f64 {
        if self == Self::Gaussian {
            return (-0.5 * u * u).exp() / (2.0 * PI).sqrt();
        }
        if u.abs() > 1.0 {
            return 0.0;
        }
        match self {
            Self::Gaussian | Self::Epanechnikov => 0.75 * (1.0 - u * u),
            Self::Triangular => 1.0 - u.abs(),
            // Rounding leaves −1e−17 at the ends.
            Self::Cosine => (FRAC_PI_4 * (FRAC_PI_2 * u).cos()).max(0.0),
        }
    }
}

/// Logged continuous actions, and what the target policy would have done; all shapes `[n]`.
#[derive(Debug, Clone, Copy)]
pub struct ContinuousLog<'a> {
    /// Rewards.
    pub rewards: &'a [f64],
    /// Actions taken.
    pub actions: &'a [f64],
    /// Density of the logging policy at the action taken, above 0.
    pub densities: &'a [f64],
    /// Action of the target policy.
    pub target_actions: &'a [f64],
    /// Predicted reward of the target policy's action; `None` without a model.
    pub predicted: Option<&'a [f64]>,
}

impl<'a> ContinuousLog<'a> {
    /// Kernel-weighted rounds for any estimator.
    ///
    /// # Errors
    /// [`EvaluateError`] for a bandwidth or a density that is not above 0, columns of different
    /// lengths, and numbers that are not finite.
    pub fn rounds(&self, kernel: Kernel, bandwidth: f64) -> Result<Rounds<'a>, EvaluateError> {
        if !(bandwidth.is_finite() && bandwidth > 0.0) {
            let (name, expected) = ("bandwidth", "a finite number above 0");
            return Err(EvaluateError::InvalidSetting { name, expected, found: bandwidth });
        }
        let n = self.rewards.len();
        let columns = [
            ("action", self.actions),
            ("propensity_density", self.densities),
            ("target_action", self.target_actions),
        ];
        for (column, values) in columns {
            check_size(column, "decision", n, values.len())?;
        }
        let distances = self.target_actions.iter().zip(self.actions);
        let rows = distances.zip(self.densities).enumerate();
        let weights = rows.map(|(row, ((target, logged), &density))| {
            if !(density.is_finite() && density > 0.0) {
                return Err(EvaluateError::InvalidValue {
                    row,
                    column: "propensity_density".into(),
                    expected: "a finite density above 0",
                    found: density,
                    advice: "drop the row or fix the logger: the logged action was possible",
                });
            }
            Ok(kernel.density((target - logged) / bandwidth) / (density * bandwidth))
        });
        let weights = weights.collect::<Result<Vec<f64>, EvaluateError>>()?;
        let predicted = self.predicted.map_or_else(|| vec![0.0; n], <[f64]>::to_vec);
        Rounds::with_model(self.rewards, weights, predicted.clone(), predicted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kernel; 4] =
        [Kernel::Gaussian, Kernel::Epanechnikov, Kernel::Triangular, Kernel::Cosine];

    #[test]
    fn kernels_integrate_to_one_and_are_never_negative() {
        for kernel in ALL {
            let at = |i: i32| kernel.density(f64::from(i) / 1_000.0);
            let area: f64 = (-8_000..=8_000).map(at).sum::<f64>() / 1_000.0;
            assert!((area - 1.0).abs() < 1e-5, "{kernel:?}: {area}");
            assert!((-8_000..=8_000).all(|i| at(i) >= 0.0), "{kernel:?}");
        }
    }

    #[test]
    fn densities_and_bandwidths_of_zero_are_refused() {
        let log = ContinuousLog {
            rewards: &[1.0, 2.0],
            actions: &[0.1, 0.2],
            densities: &[1.0, 0.0],
            target_actions: &[0.1, 0.1],
            predicted: None,
        };
        let message = log.rounds(Kernel::Cosine, 0.1).expect_err("no density").to_string();
        assert!(message.contains("row 1 column `propensity_density`"), "{message}");
        assert!(log.rounds(Kernel::Cosine, 0.0).is_err());
        let uneven = ContinuousLog { actions: &[0.1], ..log };
        assert!(uneven.rounds(Kernel::Cosine, 0.1).is_err());
    }
}
