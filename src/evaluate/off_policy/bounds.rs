//! How far the truth may be from a mean of contributions, by four inequalities.

use super::summary::Summary;
use crate::distributions::{normal, student};
use crate::error::EvaluateError;
use crate::interval::Interval;

/// The length of the range that contributions can take, which Hoeffding and Bernstein need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Largest minus smallest contribution seen: right for either sign of the reward. A guarantee
    /// only as far as the log has seen the extremes.
    Observed,
    /// Known beforehand, such as `[0, L]` for clipped weights and clicks: a guarantee.
    Known(f64, f64),
    /// The largest contribution seen, as Open Bandit Pipeline takes it. Holds only for
    /// contributions of at least 0: below that the "lower bound" can lie above the mean. For
    /// comparison alone.
    LargestSeen,
}

/// How a bound is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// `t_{1−δ, n−1} · se`; exact for normal contributions.
    Student,
    /// `z_{1−δ} · se`.
    Normal,
    /// `R sqrt(ln(1/δ) / 2n)`. Source: Hoeffding 1963.
    Hoeffding(Range),
    /// `sqrt(2 s² ln(2/δ) / n) + 7 R ln(2/δ) / (3 (n − 1))`. Source: Maurer and Pontil 2009.
    EmpiricalBernstein(Range),
}

impl Summary {
    /// How far below (or above) the mean the truth is with probability at most `delta`.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] when `delta` is not in `(0, 1)` or a known range does not
    /// hold the contributions; [`EvaluateError::TooFew`] for fewer than two contributions.
    pub fn reach(&self, bound: Bound, delta: f64) -> Result<f64, EvaluateError> {
        if !(delta > 0.0 && delta < 1.0) {
            return Err(EvaluateError::InvalidSetting {
                name: "delta",
                expected: "a probability in (0, 1)",
                found: delta,
            });
        }
        let n = self.moments.n;
        crate::logged::at_least("contributions", 2, n as usize, "a bound needs some spread")?;
        let spread = self.standard_error();
        Ok(match bound {
            Bound::Student => student::upper_quantile(delta, n - 1.0) * spread,
            Bound::Normal => normal::upper_quantile(delta) * spread,
            Bound::Hoeffding(range) => self.length(range)? * (-delta.ln() / (2.0 * n)).sqrt(),
            Bound::EmpiricalBernstein(range) => {
                let log = (2.0 / delta).ln();
                spread * (2.0 * log).sqrt() + 7.0 * self.length(range)? * log / (3.0 * (n - 1.0))
            }
        })
    }

    /// One-sided: the truth is at least this with probability `1 − delta`.
    ///
    /// # Errors
    /// As [`Summary::reach`].
    pub fn lower_bound(&self, bound: Bound, delta: f64) -> Result<f64, EvaluateError> {
        Ok(self.moments.mean - self.reach(bound, delta)?)
    }

    /// Two-sided: half of `1 − level` on either side.
    ///
    /// # Errors
    /// As [`Summary::reach`].
    pub fn interval(&self, bound: Bound, level: f64) -> Result<Interval, EvaluateError> {
        let reach = self.reach(bound, (1.0 - level) / 2.0)?;
        let (estimate, standard_error) = (self.moments.mean, self.standard_error());
        let (lower, upper) = (estimate - reach, estimate + reach);
        Ok(Interval { estimate, lower, upper, level, standard_error })
    }

    fn length(&self, range: Range) -> Result<f64, EvaluateError> {
        match range {
            Range::Observed => Ok(self.most - self.least),
            Range::LargestSeen => Ok(self.most),
            Range::Known(least, most) if least <= self.least && self.most <= most => {
                Ok(most - least)
            }
            Range::Known(least, most) => Err(EvaluateError::InvalidSetting {
                name: "range",
                expected: "a range that holds every contribution",
                found: if self.least < least { self.least } else { self.most.max(most) },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_bounds_stay_below_the_mean_on_negative_rewards() {
        let losses = Summary::of(&[-3.0, -1.0, -2.5, -0.5, -1.5]);
        let bounds = |range| [Bound::Hoeffding(range), Bound::EmpiricalBernstein(range)];
        for bound in bounds(Range::Observed).into_iter().chain([Bound::Student, Bound::Normal]) {
            let lower = losses.lower_bound(bound, 0.05).expect("valid");
            assert!(lower < losses.moments.mean, "{bound:?}: {lower}");
        }
        // The range of the reference is negative here, and its bound is above the mean.
        let theirs = losses.lower_bound(Bound::Hoeffding(Range::LargestSeen), 0.05);
        assert!(theirs.expect("valid") > losses.moments.mean);
    }

    #[test]
    fn known_ranges_must_hold_what_was_seen() {
        let summary = Summary::of(&[0.0, 1.0, 0.5]);
        assert!(summary.reach(Bound::Hoeffding(Range::Known(0.0, 2.0)), 0.05).is_ok());
        assert!(summary.reach(Bound::Hoeffding(Range::Known(0.2, 2.0)), 0.05).is_err());
        assert!(summary.reach(Bound::Student, 0.0).is_err());
        assert!(Summary::of(&[1.0]).reach(Bound::Student, 0.05).is_err());
    }
}
