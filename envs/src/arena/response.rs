//! What a retailer can remember of how a customer answered coupons: features from its own records.
//!
//! Nothing here is hidden by the simulator: coupons given, purchases and money paid.

use super::week::WeekOutcome;

/// Number of own-response features.
pub const N_RESPONSE_FEATURES: usize = 8;

/// Their names, in order. A coupon is *high* from half of the deepest one on.
pub const RESPONSE_FEATURE_NAMES: [&str; N_RESPONSE_FEATURES] = [
    "low_coupon_purchase_share",
    "high_coupon_purchase_share",
    "low_coupon_revenue",
    "high_coupon_revenue",
    "low_coupon_price",
    "high_coupon_price",
    "last_coupon",
    "weeks_since_purchase",
];

/// The longest time since a purchase that is told apart.
const LONGEST_WAIT: u32 = 10;

/// Weeks spent with coupons of one half.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Half {
    weeks: u32,
    purchase_weeks: u32,
    lines: u32,
    revenue: f64,
    shelf_prices: f64,
}

/// What is remembered of a customer; all zero before the first week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ResponseTally {
    halves: [Half; 2],
    last_coupon: f64,
    weeks_since_purchase: u32,
}

impl ResponseTally {
    /// Takes in a week and the coupon (a share of the price) it was spent with.
    pub(super) fn add(&mut self, outcome: &WeekOutcome, coupon: f64, is_high: bool) {
        let half = &mut self.halves[usize::from(is_high)];
        half.weeks += 1;
        half.purchase_weeks += u32::from(outcome.units > 0);
        half.lines += outcome.lines;
        half.revenue += outcome.revenue;
        half.shelf_prices += outcome.shelf_prices;
        self.last_coupon = coupon;
        let waited = (self.weeks_since_purchase + 1).min(LONGEST_WAIT);
        self.weeks_since_purchase = if outcome.units > 0 { 0 } else { waited };
    }

    /// By half: share of weeks with a purchase, mean money paid in a week, mean shelf price of the
    /// lines bought; then the last coupon and the weeks since the last purchase, 10 at most. Halves
    /// without weeks have zeros.
    pub(super) fn features(&self) -> [f32; N_RESPONSE_FEATURES] {
        let share = |part: f64, whole: u32| if whole > 0 { part / f64::from(whole) } else { 0.0 };
        let [low, high] = self.halves.map(|half| {
            [
                share(f64::from(half.purchase_weeks), half.weeks),
                share(half.revenue, half.weeks),
                share(half.shelf_prices, half.lines),
            ]
        });
        let waited = f64::from(self.weeks_since_purchase);
        [low[0], high[0], low[1], high[1], low[2], high[2], self.last_coupon, waited]
            .map(|value| value as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_worked_by_hand() {
        let mut tally = ResponseTally::default();
        assert_eq!(tally.features(), [0.0; N_RESPONSE_FEATURES]);
        let bought = |lines, units, revenue, shelf_prices| WeekOutcome {
            lines,
            units,
            revenue,
            shelf_prices,
            ..WeekOutcome::default()
        };
        // Low: 2 lines for 6 money at shelf prices of 5, then nothing; high: 1 line for 1 at 2.
        tally.add(&bought(2, 3, 6.0, 5.0), 0.0, false);
        tally.add(&bought(1, 1, 1.0, 2.0), 0.5, true);
        tally.add(&WeekOutcome::default(), 0.25, false);
        assert_eq!(tally.features(), [0.5, 1.0, 3.0, 1.0, 2.5, 2.0, 0.25, 1.0]);
    }
}
