//! Lines of the card, and when they pass.

use super::spread::Spread;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Whether a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardVerdict {
    /// Within its band.
    Pass,
    /// Outside, but near enough to use the world with care.
    Warn,
    /// Outside.
    Fail,
    /// Nothing to judge: the data does not identify the figure.
    NotApplicable,
}

impl CardVerdict {
    /// One word for tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::NotApplicable => "n/a",
        }
    }
}

/// One line of the card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardLine {
    /// What is compared.
    pub line: String,
    /// Value in the held-out weeks, where there is one.
    pub actual: Option<f64>,
    /// Value in the fitted world; `None` where there is none.
    pub simulated: Option<Spread>,
    /// The band and where it comes from, in words.
    pub band: String,
    /// Whether it holds.
    pub verdict: CardVerdict,
    /// What a reader should know: why there is no value, or what else was found.
    #[serde(default)]
    pub note: String,
}

impl CardLine {
    /// A line about something that this history cannot tell.
    #[must_use]
    pub(super) fn not_applicable(line: &str, band: &str, reason: &str) -> Self {
        Self {
            line: line.to_owned(),
            actual: None,
            simulated: None,
            band: band.to_owned(),
            verdict: CardVerdict::NotApplicable,
            note: reason.to_owned(),
        }
    }
}

/// Judges a relative error: pass within `band`, warn within twice, else fail. An error that is not a
/// number fails.
#[must_use]
pub(super) fn judge_error(relative_error: f64, band: f64) -> CardVerdict {
    let distance = relative_error.abs();
    if distance <= band {
        CardVerdict::Pass
    } else if distance <= 2.0 * band {
        CardVerdict::Warn
    } else {
        CardVerdict::Fail
    }
}

/// A range in which published figures lie, and a wider one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// Passes.
    pub(super) usual: (f64, f64),
    /// Has been seen.
    pub(super) seen: (f64, f64),
}

impl Reference {
    /// Pass inside the usual range; warn inside the seen one, or when the interval reaches the usual
    /// one; else fail.
    #[must_use]
    pub(super) fn judge(&self, found: &Spread) -> CardVerdict {
        let inside = |range: (f64, f64)| range.0 <= found.mean && found.mean <= range.1;
        if inside(self.usual) {
            CardVerdict::Pass
        } else if inside(self.seen) || found.reaches(self.usual.0, self.usual.1) {
            CardVerdict::Warn
        } else {
            CardVerdict::Fail
        }
    }
}

/// Judges how many of `n` weeks lay inside bands that should hold a share of `level`: pass when a
/// count as far out has a probability of 10 % or more on its side, warn from 1 %, else fail. Weeks
/// that err together make the count vary more than this supposes.
#[must_use]
pub(super) fn judge_coverage(inside: u64, n: u64, level: f64) -> CardVerdict {
    let Ok(count) = Binomial::new(level, n) else { return CardVerdict::NotApplicable };
    let below = count.cdf(inside);
    let above = if inside == 0 { 1.0 } else { 1.0 - count.cdf(inside - 1) };
    match below.min(above) {
        tail if tail >= 0.1 => CardVerdict::Pass,
        tail if tail >= 0.01 => CardVerdict::Warn,
        _ => CardVerdict::Fail,
    }
}

/// KS complement from which a distribution passes, and from which it warns.
pub(super) const KS_GOAL: (f64, f64) = (0.90, 0.75);

/// Judges a KS complement: pass from 0.90, warn from 0.75, else fail; samples so small that a world
/// which is exactly right would score less are held to what that world scores.
#[must_use]
pub(super) fn judge_agreement(found: &Spread, against_itself: Option<&Spread>) -> CardVerdict {
    let attainable = against_itself.map_or(1.0, |s| s.lower);
    if found.mean >= KS_GOAL.0.min(attainable) {
        CardVerdict::Pass
    } else if found.mean >= KS_GOAL.1 {
        CardVerdict::Warn
    } else {
        CardVerdict::Fail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CardVerdict::{Fail, NotApplicable, Pass, Warn};

    fn spread(mean: f64, lower: f64, upper: f64) -> Spread {
        Spread { mean, lower, upper }
    }

    #[test]
    fn an_error_warns_up_to_twice_its_band() {
        let verdicts = [0.05, -0.05, 0.1, -0.11, f64::NAN].map(|e| judge_error(e, 0.05));
        assert_eq!(verdicts, [Pass, Pass, Warn, Fail, Fail]);
    }

    #[test]
    fn an_estimate_is_judged_by_where_it_lies_and_whether_it_can_tell() {
        let reference = Reference { usual: (0.04, 0.25), seen: (0.0, 0.3) };
        assert_eq!(reference.judge(&spread(0.1, -1.0, 1.0)), Pass);
        assert_eq!(reference.judge(&spread(0.28, 0.27, 0.29)), Warn);
        assert_eq!(reference.judge(&spread(0.5, 0.2, 0.8)), Warn);
        assert_eq!(reference.judge(&spread(0.5, 0.4, 0.6)), Fail);
    }

    #[test]
    fn coverage_is_judged_by_the_binomial_law() {
        // Eight weeks at 95 %: P(X <= 6) = 0.0572, P(X <= 5) = 0.0058, P(X = 8) = 0.6634.
        assert_eq!([8, 6, 5].map(|k| judge_coverage(k, 8, 0.95)), [Pass, Warn, Fail]);
        // At 80 %: P(X <= 5) = 0.2031, P(X <= 4) = 0.0563, P(X <= 3) = 0.0104, P(X <= 2) = 0.0012.
        let verdicts = [8, 5, 4, 3, 2].map(|k| judge_coverage(k, 8, 0.8));
        assert_eq!(verdicts, [Pass, Pass, Warn, Warn, Fail]);
        // Bands that are always too wide fail as well: P(X = 52) = 0.8^52 = 9e-6.
        assert_eq!(judge_coverage(52, 52, 0.8), Fail);
        assert_eq!(judge_coverage(0, 1, 2.0), NotApplicable);
    }

    #[test]
    fn agreement_is_held_to_what_is_attainable() {
        let found = |mean| spread(mean, mean, mean);
        assert_eq!(judge_agreement(&found(0.91), None), Pass);
        assert_eq!(judge_agreement(&found(0.80), None), Warn);
        assert_eq!(judge_agreement(&found(0.74), None), Fail);
        let few = spread(0.7, 0.6, 0.8);
        assert_eq!(judge_agreement(&found(0.65), Some(&few)), Pass);
        assert_eq!(judge_agreement(&found(0.55), Some(&few)), Fail);
        let many = spread(0.98, 0.97, 0.99);
        assert_eq!(judge_agreement(&found(0.91), Some(&many)), Pass);
    }
}
