//! Where a customer stands: new, growing, loyal, slipping, lapsed or won back, by crisp rules.

use serde::{Deserialize, Serialize};

/// Gaps between shopping days that a customer's own interval is shrunk with.
const PRIOR_GAPS: f64 = 2.0;
/// Interval that it is shrunk towards, days.
const PRIOR_INTERVAL_DAYS: f64 = 14.0;
/// Intervals of silence after which a customer has lapsed.
const LAPSED_INTERVALS: f64 = 3.0;
/// Days of silence below which nobody has lapsed.
const LAPSED_DAYS: f64 = 56.0;
/// Intervals of silence after which a customer is slipping.
const SLIPPING_INTERVALS: f64 = 2.0;
/// Days of silence below which silence alone makes nobody slip.
const SLIPPING_DAYS: f64 = 28.0;
/// Weeks of tenure below which a customer is new.
const NEW_WEEKS: f64 = 12.0;
/// Longest interval, days, at which eight weeks of spend say something about a trend.
const TREND_INTERVAL_DAYS: f64 = 28.0;
/// Weekly spend, against the weeks before, above which a customer is growing.
const GROWING: f64 = 1.5;
/// Weekly spend, against the weeks before, below which a customer is slipping.
const SLIPPING: f64 = 0.5;
/// Weeks in each of the two windows of spend, weeks for which a customer counts as won back, and
/// weeks of history that must lie before a first basket for its customer to count as new.
pub(super) const WINDOW_WEEKS: f64 = 8.0;

/// Stage of a customer's life with the retailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// First seen less than 12 weeks ago, in a history that could have shown them earlier.
    New,
    /// Spends at least half as much again as in the weeks before.
    Growing,
    /// Keeps the usual rhythm and spend.
    Loyal,
    /// Silent for longer than usual, or spends less than half of what they did.
    Slipping,
    /// Silent for so long that they have probably left.
    Lapsed,
    /// Had lapsed, and bought again in the last eight weeks.
    WonBack,
}

impl Lifecycle {
    /// All stages, in the order of their codes.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Growing, Self::Loyal, Self::Slipping, Self::Lapsed, Self::WonBack];

    /// The number that stands for the stage in a feature vector: 0 for new to 5 for won back.
    #[must_use]
    pub fn code(self) -> f64 {
        f64::from(self as u8)
    }

    /// The stage of a code; `None` for anything else, NaN included.
    #[must_use]
    pub fn from_code(code: f64) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == code)
    }

    /// The name in files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Growing => "growing",
            Self::Loyal => "loyal",
            Self::Slipping => "slipping",
            Self::Lapsed => "lapsed",
            Self::WonBack => "won_back",
        }
    }
}

/// What the stage of a customer with at least one basket is decided from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Weeks since the first basket.
    pub tenure_weeks: f64,
    /// Weeks of history before the first basket.
    pub unseen_weeks: f64,
    /// Days since the last basket.
    pub recency_days: f64,
    /// Own days between shopping days, shrunk: see [`lifecycle`].
    pub interval_days: f64,
    /// Days since the basket that ended a silence long enough to have lapsed, if there was one.
    pub days_since_return: Option<f64>,
    /// Money in the last eight weeks.
    pub recent_spend: f64,
    /// Money in the eight weeks before those.
    pub earlier_spend: f64,
}

/// The stage of a customer: the first rule that holds.
///
/// With `interval = (days from first to last basket + 2 · 14) / (gaps + 2)`, the own interval
/// shrunk towards 14 days with the weight of two gaps:
/// 1. lapsed: silent for at least `max(3 · interval, 56)` days;
/// 2. won back: a silence that long, by the interval known then, ended at most 56 days ago;
/// 3. new: tenure under 12 weeks, and at least 8 weeks of history before the first basket;
/// 4. slipping: silent for at least `max(2 · interval, 28)` days, or trend under 0.5;
/// 5. growing: trend above 1.5;
/// 6. loyal.
///
/// The trend is weekly spend in the last 8 weeks over that in the 8 before, or in as many of those
/// as there are since the first basket. It is judged for tenures of 12 weeks or more and intervals
/// of at most 28 days, and only when there was spend before. The constants are judgements about
/// grocery, not estimates.
#[must_use]
pub fn lifecycle(standing: &Standing) -> Lifecycle {
    let trend = trend(standing);
    let slips_after = (SLIPPING_INTERVALS * standing.interval_days).max(SLIPPING_DAYS);
    if standing.recency_days >= lapsed_after(standing.interval_days) {
        Lifecycle::Lapsed
    } else if standing.days_since_return.is_some_and(|days| days <= 7.0 * WINDOW_WEEKS) {
        Lifecycle::WonBack
    } else if standing.tenure_weeks < NEW_WEEKS && standing.unseen_weeks >= WINDOW_WEEKS {
        Lifecycle::New
    } else if standing.recency_days >= slips_after || trend < SLIPPING {
        Lifecycle::Slipping
    } else if trend > GROWING {
        Lifecycle::Growing
    } else {
        Lifecycle::Loyal
    }
}

/// Weekly spend over that of the weeks before; 1 where it says nothing.
fn trend(standing: &Standing) -> f64 {
    let judged = standing.tenure_weeks >= NEW_WEEKS
        && standing.interval_days <= TREND_INTERVAL_DAYS
        && standing.earlier_spend > 0.0;
    if !judged {
        return 1.0;
    }
    let earlier_weeks = (standing.tenure_weeks - WINDOW_WEEKS).min(WINDOW_WEEKS);
    (standing.recent_spend / WINDOW_WEEKS) / (standing.earlier_spend / earlier_weeks)
}

/// Days of silence after which a customer with this interval has lapsed.
pub(super) fn lapsed_after(interval_days: f64) -> f64 {
    (LAPSED_INTERVALS * interval_days).max(LAPSED_DAYS)
}

/// Own interval between shopping days, shrunk towards 14 days with the weight of two gaps.
pub(super) fn shrunk_interval(days_between: f64, gaps: f64) -> f64 {
    (days_between + PRIOR_GAPS * PRIOR_INTERVAL_DAYS) / (gaps + PRIOR_GAPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A weekly shopper of a year's standing who spends the same as ever.
    const STEADY: Standing = Standing {
        tenure_weeks: 52.0,
        unseen_weeks: 20.0,
        recency_days: 5.0,
        interval_days: 7.0,
        days_since_return: None,
        recent_spend: 400.0,
        earlier_spend: 400.0,
    };

    #[test]
    fn each_stage_has_its_customer() {
        let cases = [
            (STEADY, Lifecycle::Loyal),
            (Standing { tenure_weeks: 11.9, ..STEADY }, Lifecycle::New),
            // In the first weeks of the history everybody is seen for the first time.
            (Standing { tenure_weeks: 11.9, unseen_weeks: 7.9, ..STEADY }, Lifecycle::Loyal),
            (Standing { recent_spend: 601.0, ..STEADY }, Lifecycle::Growing),
            (Standing { recent_spend: 199.0, ..STEADY }, Lifecycle::Slipping),
            (Standing { recency_days: 27.0, ..STEADY }, Lifecycle::Loyal),
            (Standing { recency_days: 28.0, ..STEADY }, Lifecycle::Slipping),
            (Standing { recency_days: 55.0, ..STEADY }, Lifecycle::Slipping),
            (Standing { recency_days: 56.0, ..STEADY }, Lifecycle::Lapsed),
            (Standing { recency_days: 59.0, interval_days: 20.0, ..STEADY }, Lifecycle::Slipping),
            (Standing { recency_days: 60.0, interval_days: 20.0, ..STEADY }, Lifecycle::Lapsed),
            (Standing { days_since_return: Some(56.0), ..STEADY }, Lifecycle::WonBack),
            (Standing { days_since_return: Some(57.0), ..STEADY }, Lifecycle::Loyal),
        ];
        for (standing, expected) in cases {
            assert_eq!(lifecycle(&standing), expected, "{standing:?}");
        }
    }

    #[test]
    fn trend_is_weekly_and_needs_a_rhythm_that_eight_weeks_can_show() {
        // Four weeks before the last eight: 400 in four weeks is 100 a week, against 50 now.
        let twelve = Standing { tenure_weeks: 12.0, unseen_weeks: 0.0, ..STEADY };
        assert_eq!(lifecycle(&Standing { recent_spend: 399.0, ..twelve }), Lifecycle::Slipping);
        assert_eq!(lifecycle(&Standing { recent_spend: 401.0, ..twelve }), Lifecycle::Loyal);
        let rare = Standing { interval_days: 28.1, recent_spend: 10.0, ..STEADY };
        assert_eq!(lifecycle(&rare), Lifecycle::Loyal);
    }

    #[test]
    fn codes_and_stages_are_one_to_one() {
        for (position, stage) in Lifecycle::ALL.into_iter().enumerate() {
            assert_eq!(stage.code(), position as f64);
            assert_eq!(Lifecycle::from_code(stage.code()), Some(stage));
        }
        assert_eq!(Lifecycle::from_code(f64::NAN), None);
        assert_eq!(Lifecycle::from_code(6.0), None);
    }
}
