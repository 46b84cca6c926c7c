//! The best mix of actions under one mean budget: a linear program solved exactly.

use crate::space::{ActionId, ActionMask};

/// Shares of at most two actions, and what the budget is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// The cheaper action, with share `1 − share`.
    pub cheap: ActionId,
    /// The dearer one; equal to `cheap` when one action does it all.
    pub dear: ActionId,
    /// Share of the dearer action, in `[0, 1]`.
    pub share: f64,
    /// Mean reward of the mix.
    pub reward: f64,
    /// What one more unit of budget would add, not negative: the dual price.
    pub price: f64,
}

/// Maximises `Σ x_a rewards_a` over shares `x` of the allowed actions with `Σ x_a costs_a ≤ budget`.
///
/// Two constraints have a best solution with at most two actions: one that the budget affords and
/// one that it does not, mixed so that nothing is left; or a single affordable one. All pairs are
/// tried, in `O(k²)` for `k` actions. When the budget affords none, the cheapest does it all. Ties
/// go to the lower action.
///
/// # Panics
/// When `rewards` or `costs` are shorter than the mask.
#[must_use]
pub fn best_mix(rewards: &[f64], costs: &[f64], mask: &ActionMask, budget: f64) -> Mix {
    let affordable = |a: &ActionId| costs[*a] <= budget;
    let single =
        |a: ActionId| Mix { cheap: a, dear: a, share: 0.0, reward: rewards[a], price: 0.0 };
    let Some(mut best) = mask.allowed().filter(affordable).map(single).reduce(better) else {
        let negative: Vec<f64> = costs.iter().map(|cost| -cost).collect();
        return single(mask.argmax(&negative));
    };
    for dear in mask.allowed().filter(|a| !affordable(a)) {
        for cheap in mask.allowed().filter(affordable) {
            let price = (rewards[dear] - rewards[cheap]) / (costs[dear] - costs[cheap]);
            if price > 0.0 {
                let reward = rewards[cheap] + price * (budget - costs[cheap]);
                let share = (budget - costs[cheap]) / (costs[dear] - costs[cheap]);
                best = better(best, Mix { cheap, dear, share, reward, price });
            }
        }
    }
    best
}

/// The first unless the second earns more, or as much where a budget has a price.
fn better(first: Mix, second: Mix) -> Mix {
    let ahead = second.reward > first.reward;
    let as_good = second.reward >= first.reward && second.price > first.price;
    if ahead || as_good { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hand_worked_mix_is_found() {
        // Of (0, .5), (.08, .72), (.22, .88), (.39, .91), (.56, .84) a mean cost of .12 affords
        // 5/7 of the second and 2/7 of the third; a unit more adds .16 / .14.
        let rewards = [0.5, 0.72, 0.88, 0.91, 0.84];
        let costs = [0.0, 0.08, 0.22, 0.39, 0.56];
        let mix = best_mix(&rewards, &costs, &ActionMask::all(5), 0.12);
        assert_eq!((mix.cheap, mix.dear), (1, 2));
        assert!((mix.share - 2.0 / 7.0).abs() < 1e-12);
        assert!((mix.reward - (0.72 + 0.16 * 2.0 / 7.0)).abs() < 1e-12);
        assert!((mix.price - 0.16 / 0.14).abs() < 1e-12);
        let rich = best_mix(&rewards, &costs, &ActionMask::all(5), 9.0);
        assert_eq!((rich.cheap, rich.dear, rich.price), (3, 3, 0.0));
        let poor = best_mix(&rewards, &[0.3; 5], &ActionMask::all(5), 0.1);
        assert_eq!((poor.cheap, poor.share), (0, 0.0));
    }

    proptest! {
        #[test]
        fn no_mix_of_three_actions_earns_more(
            actions in proptest::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 3),
            budget in 0.0_f64..1.0,
            shares in (0.0_f64..1.0, 0.0_f64..1.0),
        ) {
            let (mut rewards, mut costs): (Vec<f64>, Vec<f64>) = actions.into_iter().unzip();
            costs[0] = 0.0;
            rewards[0] /= 2.0;
            let mix = best_mix(&rewards, &costs, &ActionMask::all(3), budget);
            let spent = (1.0 - mix.share) * costs[mix.cheap] + mix.share * costs[mix.dear];
            prop_assert!(spent <= budget + 1e-12);
            let x = [shares.0 * shares.1, shares.0 * (1.0 - shares.1), 1.0 - shares.0];
            let of = |values: &[f64]| x.iter().zip(values).map(|(x, v)| x * v).sum::<f64>();
            // Any mix that fits earns at most the best one; any other at most at the dual price.
            prop_assert!(of(&rewards) <= mix.reward + mix.price * (of(&costs) - budget) + 1e-9
                || of(&costs) > budget);
        }
    }
}
