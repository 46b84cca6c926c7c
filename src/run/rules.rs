//! The rules that learned policies must beat, set up from the history and the fitted model.

use super::error::RunError;
use super::learn::{CONTROL, CURRENT, observe};
use super::load::TrainedPolicy;
use crate::demand::{FittedDemand, Ground};
use crate::evaluate::budget::price_for_budget;
use crate::evaluate::rollout::Stage as Playground;
use crate::evaluate::{ArmOutcomes, DEFAULT_LEVEL};
use promopt_envs::ActionMask;
use promopt_envs::retail::{CustomerHistory, DemandModel, Offer, Prepared, WeekInput, WeekPlan};
use promopt_policies::{
    AlwaysDepth, Fixed, GreedyMargin, LoggingReplica, OfferMenu, Policy, PortablePolicy,
    PriceOptimum, PropensityTargeting, RfmWinBack, TwoSegment, UniformRandom,
};

/// Shelf depth at which own-price elasticities are read off the fitted model.
const PRICE_STEP: f64 = 0.1;

/// An observation and what the guardrails allow in it.
pub(super) type CustomerWeek = (Vec<f32>, ActionMask);

pub(super) fn rule(name: &str, policy: PortablePolicy) -> TrainedPolicy {
    TrainedPolicy { name: name.to_owned(), policy, learned: false }
}

/// None, always-x %, random, today's replica and the RFM rule.
pub(super) fn rules(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
) -> Result<Vec<TrainedPolicy>, RunError> {
    let catalogue = &ground.actions.catalogue;
    let menu = menu(ground);
    let rung = |o: &Offer| (o.depth * 100.0).round() / 100.0;
    let mut depths: Vec<f64> = catalogue.offers()[1..].iter().map(rung).collect();
    depths.sort_by(f64::total_cmp);
    depths.dedup();
    let mut policies = vec![
        rule(CONTROL, PortablePolicy::Fixed(Fixed::none())),
        rule(CURRENT, current(ground, fitted.train_end)?),
    ];
    for depth in depths {
        let always = AlwaysDepth::new(depth, menu.clone());
        policies.push(rule(&always.name.clone(), PortablePolicy::AlwaysDepth(always)));
    }
    policies.push(rule("random", PortablePolicy::Random(UniformRandom::default())));
    policies.push(rule("rfm-win-back", PortablePolicy::Rfm(RfmWinBack::new(menu))));
    Ok(policies)
}

/// What is done today, as logged; no offers when the log has no action of the catalogue.
fn current(ground: &Ground<'_>, train_end: u32) -> Result<PortablePolicy, RunError> {
    let mut log: Vec<(Vec<f32>, usize)> = Vec::new();
    for customer in 0..ground.history.customers.len() as u32 {
        ground.replay().walk(customer, train_end, |week| {
            if let (Some(logged), true) = (week.logged, week.history.tenure_weeks() > 0) {
                log.push((observe(ground, week.customer, week.history, week.week), logged.action));
            }
        });
    }
    if log.is_empty() {
        return Ok(PortablePolicy::Fixed(Fixed::new(CURRENT, 0)));
    }
    let pairs = log.iter().map(|(o, a)| (o.as_slice(), *a));
    let n_actions = ground.actions.catalogue.n_actions();
    let replica = LoggingReplica::fit(&ground.schema, n_actions, pairs)?;
    Ok(PortablePolicy::LoggingReplica(replica))
}

/// What there is to offer, with what a purchase in each category is worth.
fn menu(ground: &Ground<'_>) -> OfferMenu {
    let unit_price = |c: &crate::data::Category| c.mean_unit_price;
    OfferMenu::new(ground.schema.clone(), ground.actions.catalogue.clone())
        .with_values(ground.history.categories.iter().map(unit_price).collect())
}

/// The week after the history of these customers, before the decision.
pub(super) fn customer_weeks(
    ground: &Ground<'_>,
    summaries: &[CustomerHistory],
    who: &[usize],
) -> Vec<CustomerWeek> {
    let rule = ground.mask_rule();
    let week = |&customer: &usize| {
        let mut mask = rule.blank();
        rule.write(&summaries[customer], &mut mask);
        let next = ground.history.n_weeks;
        (observe(ground, customer as u32, &summaries[customer], next), mask)
    };
    who.iter().map(week).collect()
}

/// The rules that need thresholds from customers or the fitted model: two segments, propensity and
/// elasticity.
pub(super) fn targeted(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    current: &PortablePolicy,
    weeks: &[CustomerWeek],
) -> Vec<TrainedPolicy> {
    let discount_share = |(o, _): &CustomerWeek| ground.schema.read(o).discount_share();
    let two_segment = TwoSegment::new(median(weeks.iter().map(discount_share)), menu(ground));
    let contact = |(o, mask): &CustomerWeek| 1.0 - current.distribution(o, mask).probabilities()[0];
    let share = weeks.iter().map(contact).sum::<f64>() / weeks.len().max(1) as f64;
    let (schema, catalogue) = (ground.schema.clone(), ground.actions.catalogue.clone());
    let propensity = PropensityTargeting::new(0.0, schema, catalogue, fitted.mean.clone())
        .reaching(share, weeks);
    let margin_rates: Vec<f64> = fitted.mean.categories.iter().map(|c| c.margin_rate).collect();
    let elasticities = own_price_elasticities(ground, &fitted.mean, weeks);
    let optimum = PriceOptimum::new(&elasticities, &margin_rates, menu(ground));
    vec![
        rule("two-segment", PortablePolicy::TwoSegment(two_segment)),
        rule("propensity-top-k", PortablePolicy::Propensity(propensity)),
        rule("elasticity", PortablePolicy::PriceOptimum(optimum)),
    ]
}

/// The middle value, the mean of the two middle ones for an even number; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (half, odd) = (values.len() / 2, values.len() % 2 == 1);
    match values.get(half) {
        None => 0.0,
        Some(upper) if odd => *upper,
        Some(upper) => 0.5 * (values[half - 1] + upper),
    }
}

/// Arc elasticity of expected units to the price paid, by category, over these customers together:
/// `ln(Q₁/Q₀) / ln(P₁/P₀)` between the regular price and a shelf discount in this category alone.
/// 0 where nothing is bought.
fn own_price_elasticities(
    ground: &Ground<'_>,
    demand: &DemandModel,
    weeks: &[CustomerWeek],
) -> Vec<f64> {
    let n = demand.categories.len();
    let (mut prepared, mut plan) = (Prepared::default(), WeekPlan::default());
    // Units, regular value and money paid, before and after.
    let mut sums = vec![[[0.0_f64; 3]; 2]; n];
    for (observation, _) in weeks {
        let view = ground.schema.read(observation);
        demand.prepare(&view, &mut prepared);
        for (category, sums) in sums.iter_mut().enumerate() {
            for (sums, depth) in sums.iter_mut().zip([0.0, PRICE_STEP]) {
                let mut shelf = vec![0.0; n];
                shelf[category] = depth;
                let week = WeekInput::of_shelf(&shelf);
                demand.evaluate(&prepared, &view, &week, &Offer::none(), &mut plan);
                let (slot, baskets) = (&plan.categories[category], plan.expected_baskets());
                let found = [slot.units(), slot.gross(), slot.revenue()];
                sums.iter_mut().zip(found).for_each(|(sum, x)| *sum += baskets * x);
            }
        }
    }
    let elasticity = |[before, after]: &[[f64; 3]; 2]| {
        let price = |at: &[f64; 3]| at[2] / at[1];
        let found = (after[0] / before[0]).ln() / (price(after) / price(before)).ln();
        if found.is_finite() { found } else { 0.0 }
    };
    sums.iter().map(elasticity).collect()
}

/// The knapsack that spends in the training world what is spent today; `None` when nothing is spent
/// today, or no price brings the spend that low.
pub(super) fn knapsack(
    greedy: &GreedyMargin,
    current: &PortablePolicy,
    playground: &Playground,
    horizon: u32,
) -> Result<Option<TrainedPolicy>, RunError> {
    let budget = spend(&playground.arm(CURRENT, current)?.0) / f64::from(horizon);
    match price_for_budget(playground, greedy, budget, horizon, DEFAULT_LEVEL) {
        Ok(found) => {
            let policy = PortablePolicy::Scored(greedy.with_budget_price(found.price));
            Ok(Some(rule("knapsack", policy)))
        }
        Err(error) if error.is_config() => Ok(None),
        Err(error) => Err(Box::new(error).into()),
    }
}

/// Mean promotion cost of a customer over the horizon, money.
fn spend(arm: &ArmOutcomes) -> f64 {
    let costs = || arm.draws.iter().flat_map(|draw| &draw.promotion_cost);
    costs().sum::<f64>() / costs().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([7.0].into_iter()), 7.0);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
