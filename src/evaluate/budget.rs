//! The price of a promotion budget: the λ at which a policy spends no more than it may, by bisection.
//!
//! A policy that reads the budget price `λ` (and earns `margin − λ · promotion cost`) serves any
//! budget. Which λ belongs to a budget depends on the customers, so it is searched on simulated
//! spend: the same customers with the same luck at every price. Source: BCORLE(λ), Zhang et al. 2021.

use super::error::EvaluateError;
use super::interval::Interval;
use super::rollout::{EpisodeTotals, Stage};
use promopt_envs::EnvError;
use promopt_policies::Policy;
use serde::Serialize;
use thiserror::Error;

/// Largest price that the observation tells apart.
const PRICE_MAX: f64 = 10.0;
/// Halvings of the range of prices: λ to within a thousandth of its largest value and below.
const HALVINGS: usize = 16;
/// Share of the budget that may stay unspent before the search ends early.
const CLOSE: f64 = 0.002;

/// A price for a budget, with what it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetPrice {
    /// The lowest price found at which the mean spend stays within the budget; 0 when the budget
    /// does not bind.
    pub price: f64,
    /// Promotion spend per customer-week at that price, money.
    pub spend: Interval,
    /// Margin per customer-week at that price, money.
    pub margin: Interval,
    /// Promotion spend per customer-week without a budget, money.
    pub free_spend: Interval,
    /// Margin that the budget costs per customer-week, paired, money.
    pub margin_given_up: Interval,
}

/// Why no price was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// Not an amount.
    #[error("expected a budget above 0 per customer-week, got {0}")]
    Amount(f64),
    /// The policy overspends at any price.
    #[error(
        "expected the policy to spend less at a high price, but at a price of {PRICE_MAX} it still \
         spends {spend:.4} per customer-week of a budget of {budget}; a policy that is to heed \
         budgets is trained with several `environment.budget_prices`, such as [0.0, 0.5, 1.0, 3.0]"
    )]
    Deaf {
        /// Spend at the largest price.
        spend: f64,
        /// The budget.
        budget: f64,
    },
    /// The simulation failed.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// An interval could not be computed.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl BudgetError {
    /// Whether what was asked for is at fault.
    #[must_use]
    pub fn is_config(&self) -> bool {
        matches!(self, Self::Amount(_) | Self::Deaf { .. })
    }
}

/// Means per customer over draws, by customer.
fn by_customer(
    played: &[Vec<EpisodeTotals>],
    weeks: f64,
    of: fn(&EpisodeTotals) -> f64,
) -> Vec<f64> {
    let n_draws = played.len().max(1) as f64;
    let n_customers = played.first().map_or(0, Vec::len);
    let mean = |customer: usize| played.iter().map(|draw| of(&draw[customer])).sum::<f64>();
    (0..n_customers).map(|customer| mean(customer) / (n_draws * weeks)).collect()
}

fn interval(values: &[f64], level: f64) -> Result<Interval, EvaluateError> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Interval::student(mean, (variance / n).sqrt(), (n - 1.0).max(1.0), level)
}

/// Finds the price at which `policy` spends at most `budget` per customer-week on this stage of
/// episodes of `weeks` weeks. Intervals are over customers, at `level`; they do not hold the doubt
/// about the model.
///
/// Cost: up to eighteen rounds of play.
///
/// # Errors
/// [`BudgetError`]: when the budget is not an amount, or the policy does not heed prices.
pub fn price_for_budget(
    stage: &Stage,
    policy: &dyn Policy,
    budget: f64,
    weeks: u32,
    level: f64,
) -> Result<BudgetPrice, BudgetError> {
    if !(budget.is_finite() && budget > 0.0) {
        return Err(BudgetError::Amount(budget));
    }
    let weeks = f64::from(weeks);
    let play = |price: f64| -> Result<(Vec<f64>, Vec<f64>), EnvError> {
        let played = stage.at_price(price).play(policy)?;
        let spend = by_customer(&played, weeks, |totals| totals.promotion_cost);
        Ok((spend, by_customer(&played, weeks, |totals| totals.margin)))
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let free = play(0.0)?;
    let (mut price, mut found) = (0.0, free.clone());
    if mean(&free.0) > budget {
        let (mut low, mut high) = (0.0, PRICE_MAX);
        (price, found) = (high, play(high)?);
        if mean(&found.0) > budget {
            return Err(BudgetError::Deaf { spend: mean(&found.0), budget });
        }
        for _ in 0..HALVINGS {
            if mean(&found.0) >= (1.0 - CLOSE) * budget {
                break;
            }
            let middle = 0.5 * (low + high);
            let tried = play(middle)?;
            if mean(&tried.0) > budget {
                low = middle;
            } else {
                high = middle;
                (price, found) = (middle, tried);
            }
        }
    }
    let given_up: Vec<f64> = free.1.iter().zip(&found.1).map(|(free, kept)| free - kept).collect();
    Ok(BudgetPrice {
        price,
        spend: interval(&found.0, level)?,
        margin: interval(&found.1, level)?,
        free_spend: interval(&free.0, level)?,
        margin_given_up: interval(&given_up, level)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use promopt_envs::retail::PromotionConfig;
    use promopt_envs::retail::sample::sample_world;
    use promopt_policies::{Fixed, GreedyMargin};
    use std::sync::Arc;

    const WEEKS: u32 = 12;

    fn stage() -> Stage {
        let world = sample_world(3, 9, SeedTree::new(3)).expect("a valid catalogue");
        let config = PromotionConfig { horizon: WEEKS, ..PromotionConfig::default() };
        Stage::new(Arc::new(world), config, SeedTree::new(5))
    }

    fn greedy(stage: &Stage) -> GreedyMargin {
        let world = stage.world();
        let (schema, catalogue) = (world.schema.clone(), world.catalogue.clone());
        GreedyMargin::myopic(schema, catalogue, world.draws[0].clone())
    }

    #[test]
    fn one_policy_serves_any_budget() {
        let stage = stage();
        let policy = greedy(&stage);
        let find = |budget| price_for_budget(&stage, &policy, budget, WEEKS, 0.95).expect("found");
        let free = find(f64::MAX);
        assert_eq!((free.price, free.margin_given_up.estimate), (0.0, 0.0));
        let whole = free.free_spend.estimate;
        let mut last = 0.0;
        for share in [0.8, 0.5, 0.2] {
            let found = find(share * whole);
            assert!(found.spend.estimate <= share * whole, "{share}: {found:?}");
            assert!(found.spend.estimate >= 0.9 * share * whole, "{share}: {found:?}");
            assert!(found.price > last, "{share}: {found:?}");
            // The same search ends in the same price.
            assert_eq!(find(share * whole), found);
            last = found.price;
        }
    }

    #[test]
    fn a_policy_that_heeds_no_price_is_named() {
        let stage = stage();
        let always = Fixed::new("always", 1);
        let error = price_for_budget(&stage, &always, 0.001, WEEKS, 0.95).expect_err("it is deaf");
        assert!(error.to_string().contains("environment.budget_prices"), "{error}");
        let error = price_for_budget(&stage, &always, -1.0, WEEKS, 0.95).expect_err("no amount");
        assert!(matches!(error, BudgetError::Amount(_)), "{error}");
    }
}
