//! The rules that every learned policy must beat: always the same, always some depth, random, RFM.
//!
//! Each decides from the raw observation alone, so each can be exported and served like a network.

use crate::distribution::ActionDistribution;
use crate::menu::OfferMenu;
use crate::policy::Policy;
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};

/// Two depths are the same offer depth when they differ by no more than half a percentage point.
pub(crate) const SAME_DEPTH: f64 = 0.005 + 1e-9;

/// Always one action; `none` when it is masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// Short name for tables.
    pub name: String,
    /// The action.
    pub action: ActionId,
}

impl Fixed {
    /// Always this action.
    #[must_use]
    pub fn new(name: impl Into<String>, action: ActionId) -> Self {
        Self { name: name.into(), action }
    }

    /// Never an offer: the control arm.
    #[must_use]
    pub fn none() -> Self {
        Self::new("none", 0)
    }
}

impl Policy for Fixed {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, _observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        action_or_none(Some(self.action), mask)
    }
}

/// Always the same depth, in the customer's favourite category that is allowed; else `none`.
///
/// The favourite is explained at [`OfferMenu::favourite`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlwaysDepth {
    /// Short name for tables, such as `always-10%`.
    pub name: String,
    /// Fraction off, in `(0, 1)`.
    pub depth: f64,
    /// What there is to offer.
    pub menu: OfferMenu,
}

impl AlwaysDepth {
    /// The rule, named `always-x%`.
    #[must_use]
    pub fn new(depth: f64, menu: OfferMenu) -> Self {
        Self { name: format!("always-{:.0}%", depth * 100.0), depth, menu }
    }
}

impl Policy for AlwaysDepth {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let action = self.menu.favourite(observation, mask, |offer| {
            ((offer.depth - self.depth).abs() < SAME_DEPTH).then_some(0.0)
        });
        action_or_none(action, mask)
    }
}

/// Every allowed action equally often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformRandom {
    /// Short name for tables.
    pub name: String,
}

impl Default for UniformRandom {
    fn default() -> Self {
        Self { name: "random".to_owned() }
    }
}

impl Policy for UniformRandom {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, _observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        ActionDistribution::uniform(mask)
    }
}

/// The marketer's win-back rule over recency, frequency and money.
///
/// A customer who used to come often (`frequency ≥ min_frequency`) and has now stayed away for more
/// than `quiet_weeks` gets the offer nearest to `depth` in the favourite category; all others get
/// nothing. Money enters through the favourite: see [`OfferMenu::favourite`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RfmWinBack {
    /// Short name for tables.
    pub name: String,
    /// Depth wanted, in `(0, 1)`.
    pub depth: f64,
    /// Weeks without a visit that are still normal.
    pub quiet_weeks: f64,
    /// Smallest share of weeks with a visit, decayed, that makes a customer worth winning back.
    pub min_frequency: f64,
    /// What there is to offer.
    pub menu: OfferMenu,
}

impl RfmWinBack {
    /// 20 % after more than 8 quiet weeks to whoever came in at least 15 % of the weeks.
    ///
    /// Nine quiet weeks take a weekly visitor of one year to a decayed share of about 0.65 and a
    /// monthly one to about 0.18; one visit a quarter gives about 0.09, so 0.15 leaves out those.
    #[must_use]
    pub fn new(menu: OfferMenu) -> Self {
        let name = "rfm-win-back".to_owned();
        Self { name, depth: 0.2, quiet_weeks: 8.0, min_frequency: 0.15, menu }
    }
}

impl Policy for RfmWinBack {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let view = self.menu.schema.read(observation);
        let lapsed = view.recency() > self.quiet_weeks && view.frequency() >= self.min_frequency;
        let win_back = || {
            self.menu.favourite(observation, mask, |offer| Some((offer.depth - self.depth).abs()))
        };
        action_or_none(if lapsed { win_back() } else { None }, mask)
    }
}

/// All probability on the action when it is allowed, else on `none` (the lowest allowed action).
pub(crate) fn action_or_none(action: Option<ActionId>, mask: &ActionMask) -> ActionDistribution {
    let wanted = action.filter(|&action| mask.allows(action));
    let taken = wanted.or_else(|| mask.allowed().next()).unwrap_or(0);
    ActionDistribution::deterministic(taken, mask.n_actions())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{bought, catalogue, customer, menu, observe};
    use promopt_envs::retail::WeekRecord;

    fn taken(policy: &dyn Policy, observation: &[f32], mask: &ActionMask) -> String {
        let distribution = policy.distribution(observation, mask);
        let action = distribution.quantile(0.5);
        assert_eq!(distribution.probabilities()[action], 1.0, "rules are deterministic");
        catalogue().offer(action).id.clone()
    }

    /// Everything but the offers with these identifiers.
    fn all_but(ids: &[&str]) -> ActionMask {
        let flags = catalogue().offers().iter().map(|o| !ids.contains(&o.id.as_str())).collect();
        ActionMask::from_flags(flags).expect("none is allowed")
    }

    /// Buys dairy every week and wine every third, then stays away for `quiet` weeks.
    fn lapsed(quiet: usize) -> Vec<f32> {
        let mut weeks: Vec<WeekRecord> = (0..30)
            .map(|week| if week % 3 == 0 { bought(&[1, 2]) } else { bought(&[1]) })
            .collect();
        weeks.extend((0..quiet).map(|_| bought(&[])));
        observe(&customer(&weeks), 0)
    }

    #[test]
    fn the_fixed_action_gives_way_to_none_when_masked() {
        let policy = Fixed::new("dairy", 4);
        assert_eq!(taken(&policy, &lapsed(0), &ActionMask::all(10)), "dairy-10%");
        assert_eq!(taken(&policy, &lapsed(0), &all_but(&["dairy-10%"])), "none");
        assert_eq!(taken(&Fixed::none(), &lapsed(0), &ActionMask::all(10)), "none");
    }

    #[test]
    fn always_a_depth_picks_the_favourite_category_that_is_allowed() {
        let policy = AlwaysDepth::new(0.1, menu());
        assert_eq!(policy.name(), "always-10%");
        assert_eq!(taken(&policy, &lapsed(0), &ActionMask::all(10)), "dairy-10%");
        assert_eq!(taken(&policy, &lapsed(0), &all_but(&["dairy-10%"])), "wine-10%");
        let masked = all_but(&["bakery-10%", "dairy-10%", "wine-10%"]);
        assert_eq!(taken(&policy, &lapsed(0), &masked), "none");
        assert_eq!(taken(&AlwaysDepth::new(0.15, menu()), &lapsed(0), &masked), "none");
    }

    #[test]
    fn a_dear_category_can_be_the_favourite() {
        // Wine is bought in a third of the visits, so at four times the value it leads.
        let policy = AlwaysDepth::new(0.2, menu().with_values(vec![1.0, 1.0, 4.0]));
        assert_eq!(taken(&policy, &lapsed(0), &ActionMask::all(10)), "wine-20%");
    }

    #[test]
    fn win_back_waits_for_more_than_eight_quiet_weeks() {
        let policy = RfmWinBack::new(menu());
        let all = ActionMask::all(10);
        assert_eq!(taken(&policy, &lapsed(8), &all), "none");
        assert_eq!(taken(&policy, &lapsed(9), &all), "dairy-20%");
        let rare = observe(&customer(&[vec![bought(&[1])], vec![bought(&[]); 25]].concat()), 0);
        assert_eq!(taken(&policy, &rare, &all), "none", "one visit makes no regular");
    }

    #[test]
    fn win_back_takes_the_nearest_depth_and_of_two_the_shallower() {
        let policy = RfmWinBack::new(menu());
        assert_eq!(taken(&policy, &lapsed(9), &all_but(&["dairy-20%"])), "dairy-10%");
        assert_eq!(taken(&policy, &lapsed(9), &all_but(&["dairy-20%", "dairy-10%"])), "dairy-30%");
    }

    #[test]
    fn random_spreads_evenly_over_what_is_allowed() {
        let distribution = UniformRandom::default().distribution(&lapsed(0), &all_but(&["none"]));
        assert_eq!(distribution.probabilities()[0], 0.0);
        assert!((distribution.probabilities()[9] - 1.0 / 9.0).abs() < 1e-12);
    }
}
