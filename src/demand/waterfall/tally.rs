//! The parts of a waterfall, added up so that they sum to the whole by construction.

use promopt_envs::retail::WeekPlan;
use serde::{Deserialize, Serialize};

/// A bar of the waterfall. Units have only the first seven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the promoted category would have sold in the promotion weeks anyway.
    Baseline,
    /// More of it sold in these weeks because of the promotion, at the margin of usual weeks.
    OwnLift,
    /// Of that, taken from products of the same category that were not promoted.
    WithinCategory,
    /// Other categories in the same visits: lost to the promoted one (−) or bought with it (+).
    Switched,
    /// Other categories in the additional visits.
    Halo,
    /// The promoted category later: what was only bought earlier (−), or a habit formed (+).
    PulledForward,
    /// Other categories later.
    LaterElsewhere,
    /// Discount given on what would have been bought anyway.
    SubsidisedBaseline,
    /// Discount given on what was bought in addition.
    DiscountOnLift,
    /// Cost of telling the customers.
    ContactCost,
}

impl Part {
    /// Number of parts.
    pub const N: usize = 10;
    /// All parts in the order of the waterfall.
    pub const ALL: [Self; Self::N] = [
        Self::Baseline,
        Self::OwnLift,
        Self::WithinCategory,
        Self::Switched,
        Self::Halo,
        Self::PulledForward,
        Self::LaterElsewhere,
        Self::SubsidisedBaseline,
        Self::DiscountOnLift,
        Self::ContactCost,
    ];

    /// Words for a merchant.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Baseline => "would have sold anyway",
            Self::OwnLift => "sold more in these weeks",
            Self::WithinCategory => "taken from the rest of the category",
            Self::Switched => "other categories, same visits",
            Self::Halo => "other categories, more visits",
            Self::PulledForward => "sold less afterwards",
            Self::LaterElsewhere => "other categories afterwards",
            Self::SubsidisedBaseline => "discount on sales we had anyway",
            Self::DiscountOnLift => "discount on the additional sales",
            Self::ContactCost => "telling the customers",
        }
    }

    /// Whether it counts units (discounts and contacts are money only).
    #[must_use]
    pub fn has_units(self) -> bool {
        !matches!(self, Self::SubsidisedBaseline | Self::DiscountOnLift | Self::ContactCost)
    }
}

/// Units and margin by part, over customers and weeks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Units by part.
    pub units: [f64; Part::N],
    /// Contribution margin by part, money.
    pub margin: [f64; Part::N],
    /// Revenue with the promotion less revenue without, money.
    pub revenue: f64,
}

/// Expected sales of one category in one week.
#[derive(Debug, Clone, Copy, Default)]
struct Sales {
    units: f64,
    gross: f64,
    revenue: f64,
    margin: f64,
}

impl Sales {
    fn of(plan: &WeekPlan, category: usize, baskets: f64) -> Self {
        let c = &plan.categories[category];
        Self {
            units: baskets * c.units(),
            gross: baskets * c.gross(),
            revenue: baskets * c.revenue(),
            margin: baskets * c.margin(),
        }
    }

    fn discount(&self) -> f64 {
        self.gross - self.revenue
    }
}

/// One customer-week in three versions.
pub(super) struct Comparison<'a> {
    /// With the promotion.
    pub(super) with: &'a WeekPlan,
    /// The same customer, as the promotion has made them by now, in a week without it.
    pub(super) paused: &'a WeekPlan,
    /// A customer who never saw the promotion, in a week without it.
    pub(super) without: &'a WeekPlan,
    /// Promoted category; `None` for all.
    pub(super) category: Option<usize>,
    /// Whether the promotion runs in this week.
    pub(super) runs: bool,
}

impl Tally {
    fn add(&mut self, part: Part, units: f64, margin: f64) {
        self.units[part as usize] += units;
        self.margin[part as usize] += margin;
    }

    /// Adds another tally, weighed.
    pub(super) fn add_weighed(&mut self, other: &Self, weight: f64) {
        let sums = self.units.iter_mut().zip(other.units);
        sums.for_each(|(sum, value)| *sum += weight * value);
        let sums = self.margin.iter_mut().zip(other.margin);
        sums.for_each(|(sum, value)| *sum += weight * value);
        self.revenue += weight * other.revenue;
    }

    /// Units because of the promotion: all parts but the baseline.
    #[must_use]
    pub fn incremental_units(&self) -> f64 {
        self.units[1..].iter().sum()
    }

    /// Margin because of the promotion: all parts but the baseline.
    #[must_use]
    pub fn incremental_margin(&self) -> f64 {
        self.margin[1..].iter().sum()
    }

    pub(super) fn pay_contact(&mut self, cost: f64) {
        self.margin[Part::ContactCost as usize] -= cost;
    }

    /// Adds a week of a customer who is with us with probability `alive`.
    ///
    /// For every category, `with − without = (with − paused) + (paused − without)`: what the
    /// promotion does within the week, and what earlier weeks of it have left behind. The first is
    /// valued at the prices of the week without promotion, and the additional discount
    /// `D(with) − rate · G(with)` is set apart; `rate` is the usual share of the regular value `G`
    /// that is taken off, so the two add up to the change of margin.
    pub(super) fn add_week(&mut self, week: &Comparison<'_>, alive: f64) {
        let baskets = [week.with, week.paused, week.without].map(WeekPlan::expected_baskets);
        for category in 0..week.with.categories.len() {
            let own = week.category.is_none_or(|promoted| promoted == category);
            let with = Sales::of(week.with, category, alive * baskets[0]);
            let paused = Sales::of(week.paused, category, alive * baskets[1]);
            let without = Sales::of(week.without, category, alive * baskets[2]);
            if own && week.runs {
                self.add(Part::Baseline, without.units, without.margin);
            }
            let later = if own { Part::PulledForward } else { Part::LaterElsewhere };
            self.add(later, paused.units - without.units, paused.margin - without.margin);
            self.revenue += with.revenue - without.revenue;
            let rate = if paused.gross > 0.0 { paused.discount() / paused.gross } else { 0.0 };
            let discount = with.discount() - rate * with.gross;
            let (units, margin) =
                (with.units - paused.units, with.margin + discount - paused.margin);
            if own {
                self.add(Part::OwnLift, units, margin);
            } else {
                let more = if baskets[1] > 0.0 { baskets[0] / baskets[1] - 1.0 } else { 0.0 };
                let halo = (more * paused.units, more * paused.margin);
                self.add(Part::Halo, halo.0, halo.1);
                self.add(Part::Switched, units - halo.0, margin - halo.1);
            }
            let anyway = if with.gross > 0.0 { discount * paused.gross / with.gross } else { 0.0 };
            self.add(Part::SubsidisedBaseline, 0.0, -anyway);
            self.add(Part::DiscountOnLift, 0.0, -(discount - anyway));
        }
    }

    /// The same, with the lift shown for the promoted products and `share` of it as taken from the
    /// other products of the category. The sum does not change.
    #[must_use]
    pub fn within_category(mut self, share: f64) -> Self {
        let taken = share / (1.0 - share);
        for values in [&mut self.units, &mut self.margin] {
            let moved = values[Part::OwnLift as usize] * taken;
            values[Part::OwnLift as usize] += moved;
            values[Part::WithinCategory as usize] -= moved;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_parts_is_their_position() {
        for (position, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, position);
        }
    }

    #[test]
    fn switching_within_the_category_leaves_the_sum() {
        let mut tally = Tally::default();
        tally.add(Part::OwnLift, 10.0, 20.0);
        let shown = tally.within_category(0.6);
        assert!((shown.units[1] - 25.0).abs() < 1e-12);
        assert!((shown.units[2] + 15.0).abs() < 1e-12);
        assert!((shown.incremental_margin() - 20.0).abs() < 1e-12);
    }
}
