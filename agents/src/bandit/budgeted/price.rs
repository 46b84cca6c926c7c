//! One price for the budget across contexts: what makes any contextual bandit live within a budget.

use crate::checkpoint::Archive;
use crate::error::{AgentError, require, same_length};
use promopt_envs::{ActionId, ActionMask};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Settings of [`DualPrice`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DualPriceConfig {
    /// What may be spent, not negative.
    pub budget: f64,
    /// Decisions it is for, at least 1.
    pub horizon: u64,
    /// Latest contexts that stand for those to come, at least 1.
    pub window: usize,
    /// Decisions after which the price is solved anew, at least 1.
    pub every: u64,
}

impl Default for DualPriceConfig {
    fn default() -> Self {
        Self { budget: 0.0, horizon: 1, window: 512, every: 16 }
    }
}

/// The dual price of a budget (Agrawal and Devanur 2016; Badanidiyuru, Langford and Slivkins 2014).
///
/// With a price `λ` on cost, the best plan for all contexts falls apart into one decision each:
/// `argmax_a value_a(x) − λ cost_a(x)`. `λ` is the lowest price at which the plan, on the latest
/// contexts, spends no more per decision than what is left per decision; being solved anew as money
/// and time go, it corrects both luck and wrong estimates. Values and costs are whatever a bandit
/// estimates, optimistic or drawn from a posterior: then this explores as that bandit does.
///
/// An action whose largest cost does not fit what is left is never chosen, so the budget is never
/// exceeded as long as no cost exceeds its limit and each is paid before the next decision.
#[derive(Debug, Clone)]
pub struct DualPrice {
    config: DualPriceConfig,
    /// Values and costs of each context's allowed actions.
    contexts: VecDeque<Vec<(f64, f64)>>,
    price: f64,
    spent: f64,
    decisions: u64,
}

impl DualPrice {
    /// A budget that is untouched, at price 0.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the field that is outside its range.
    pub fn new(config: DualPriceConfig) -> Result<Self, AgentError> {
        let budget = config.budget;
        let fits = budget.is_finite() && budget >= 0.0;
        require(fits, "budget", "a finite number, not negative", budget)?;
        require(config.horizon > 0, "horizon", "at least 1", config.horizon)?;
        require(config.window > 0, "window", "at least 1", config.window)?;
        require(config.every > 0, "every", "at least 1", config.every)?;
        Ok(Self { config, contexts: VecDeque::new(), price: 0.0, spent: 0.0, decisions: 0 })
    }

    /// What is left of the budget.
    #[must_use]
    pub fn left(&self) -> f64 {
        (self.config.budget - self.spent).max(0.0)
    }

    /// What one unit of budget is worth now.
    #[must_use]
    pub fn price(&self) -> f64 {
        self.price
    }

    /// The actions that fit what is left and the score `value − λ cost` of every action; a bandit
    /// chooses among them as it likes, greedily by `mask.argmax(&scores)`.
    ///
    /// # Errors
    /// [`AgentError::Shape`] for lengths that differ, [`AgentError::InvalidConfig`] when nothing
    /// allowed is affordable.
    pub fn scores(
        &mut self,
        values: &[f64],
        costs: &[f64],
        largest_costs: &[f64],
        mask: &ActionMask,
    ) -> Result<(ActionMask, Vec<f64>), AgentError> {
        for got in [values.len(), costs.len(), largest_costs.len()] {
            same_length("values and costs", mask.n_actions(), got)?;
        }
        let left = self.left();
        let fits = |action: ActionId| mask.allows(action) && largest_costs[action] <= left;
        let affordable = ActionMask::from_flags((0..values.len()).map(fits).collect());
        let Some(affordable) = affordable else {
            let (field, expected) = ("budget", "enough for one of the allowed actions");
            return Err(AgentError::InvalidConfig { field, expected, got: left.to_string() });
        };
        if self.contexts.len() == self.config.window {
            self.contexts.pop_front();
        }
        self.contexts.push_back(mask.allowed().map(|a| (values[a], costs[a])).collect());
        if self.decisions.is_multiple_of(self.config.every) {
            self.solve();
        }
        self.decisions += 1;
        let scores = values.iter().zip(costs).map(|(value, cost)| value - self.price * cost);
        Ok((affordable, scores.collect()))
    }

    /// Pays for a decision.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] when the cost is negative, not finite, or more than is left.
    pub fn pay(&mut self, cost: f64) -> Result<(), AgentError> {
        let fits = (0.0..=self.left() + 1e-9).contains(&cost);
        require(fits, "cost", "a cost that fits what is left of the budget", cost)?;
        self.spent += cost;
        Ok(())
    }

    /// Writes the price and all that decides the ones to come.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it cannot be written.
    pub fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("config", &self.config)?;
        archive.put("money", &[self.price, self.spent]);
        archive.put("decisions", &[self.decisions]);
        let lengths = self.contexts.iter().map(|context| context.len() as u32);
        archive.put("lengths", &lengths.collect::<Vec<u32>>());
        let pairs = self.contexts.iter().flatten().flat_map(|&(value, cost)| [value, cost]);
        archive.put("contexts", &pairs.collect::<Vec<f64>>());
        Ok(())
    }

    /// Takes over what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was written by another configuration or is damaged; the
    /// price is as it was then.
    pub fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("config", &self.config)?;
        let money: Vec<f64> = archive.get_n("money", 2)?;
        let decisions = archive.get_one("decisions")?;
        let lengths: Vec<u32> = archive.get("lengths")?;
        let n: usize = lengths.iter().map(|&length| length as usize).sum();
        let flat: Vec<f64> = archive.get_n("contexts", 2 * n)?;
        let mut pairs = flat.as_chunks::<2>().0.iter().map(|&[value, cost]| (value, cost));
        let context = |&length: &u32| pairs.by_ref().take(length as usize).collect();
        self.contexts = lengths.iter().map(context).collect();
        (self.price, self.spent, self.decisions) = (money[0], money[1], decisions);
        Ok(())
    }

    /// The lowest price, within 1e-9 of its size, at which the latest contexts stay within the means.
    fn solve(&mut self) {
        let rest = self.config.horizon.saturating_sub(self.decisions).max(1);
        let means = self.left() / rest as f64;
        if self.spending(0.0) <= means {
            self.price = 0.0;
            return;
        }
        let mut high = 1.0;
        while self.spending(high) > means && high < 1e12 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..50 {
            let middle = (low + high) / 2.0;
            if self.spending(middle) > means {
                low = middle
            } else {
                high = middle
            }
            if high - low < 1e-9 * high {
                break;
            }
        }
        self.price = high;
    }

    /// Mean cost of the plan at a price; ties go to the cheaper action.
    fn spending(&self, price: f64) -> f64 {
        let choose = |context: &Vec<(f64, f64)>| {
            let scored = context.iter().map(|&(value, cost)| (value - price * cost, cost));
            let best = scored.reduce(|best, other| {
                let wins = other.0 > best.0 || (other.0 == best.0 && other.1 < best.1);
                if wins { other } else { best }
            });
            best.map_or(0.0, |(_, cost)| cost)
        };
        self.contexts.iter().map(choose).sum::<f64>() / self.contexts.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    #[test]
    fn a_known_world_earns_nearly_its_fluid_optimum_and_nothing_is_overspent()
    -> Result<(), AgentError> {
        // Doing nothing is worth 0; acting costs 1 and is worth u, uniform on [0, 1]. A budget for
        // 30 % of 20,000 decisions is best spent where u > 0.7: price 0.7, and 0.3 · 0.85 = 0.255 a
        // decision. A price from the latest 512 contexts is off by about √(0.3 · 0.7 / 512) = 0.02,
        // which costs 0.02² / 2 a decision, far below 1 %. The earned mean has a deviation below
        // 0.39, so 4 standard errors are 0.011.
        let (horizon, budget) = (20_000, 6_000.0);
        let config = DualPriceConfig { budget, horizon, ..DualPriceConfig::default() };
        let mut price = DualPrice::new(config)?;
        let mut rng = SeedTree::new(6).stream();
        let mask = ActionMask::all(2);
        let (mut earned, mut middle) = (0.0, 0.0);
        for step in 0..horizon {
            let value: f64 = rng.random();
            let (fits, scores) = price.scores(&[0.0, value], &[0.0, 1.0], &[0.0, 1.0], &mask)?;
            if fits.argmax(&scores) == 1 {
                price.pay(1.0)?;
                earned += value;
            }
            if step == horizon / 2 {
                middle = price.price();
            }
        }
        assert!(price.left() >= 0.0 && price.left() < 60.0, "{}", price.left());
        // 4 standard errors of the quantile of 512 uniform numbers at 0.7.
        assert!((middle - 0.7).abs() < 0.081, "{middle}");
        let mean = earned / horizon as f64;
        assert!((mean - 0.255).abs() < 0.011 + 0.01 * 0.255, "{mean}");
        Ok(())
    }

    #[test]
    fn a_loaded_price_goes_on_as_the_saved_one() -> Result<(), AgentError> {
        let config = DualPriceConfig { budget: 40.0, horizon: 300, window: 32, every: 4 };
        let mut price = DualPrice::new(config.clone())?;
        let mut rng = SeedTree::new(8).stream();
        let play = |price: &mut DualPrice, seen: &[f64]| -> Result<Vec<u64>, AgentError> {
            let mut prices = Vec::new();
            for &value in seen {
                // The last action is forbidden where the value is low: contexts differ in length.
                let mask = ActionMask::from_flags(vec![true, true, value > 0.5]);
                let mask = mask.expect("one is allowed");
                let (values, costs) = ([0.0, value, 1.5 * value], [0.0, 1.0, 2.0]);
                let (fits, scores) = price.scores(&values, &costs, &costs, &mask)?;
                price.pay(costs[fits.argmax(&scores)])?;
                prices.push(price.price().to_bits());
            }
            Ok(prices)
        };
        let values: Vec<f64> = (0..200).map(|_| rng.random()).collect();
        play(&mut price, &values[..100])?;
        let mut archive = Archive::default();
        price.save(&mut archive)?;
        let mut again = DualPrice::new(config.clone())?;
        again.load(&archive)?;
        assert_eq!(play(&mut price, &values[100..])?, play(&mut again, &values[100..])?);
        assert_eq!(price.left(), again.left());
        let mut other = DualPrice::new(DualPriceConfig { window: 31, ..config })?;
        assert!(other.load(&archive).is_err());
        archive.put("contexts", &[1.0]);
        assert!(again.load(&archive).is_err());
        Ok(())
    }

    #[test]
    fn plenty_has_no_price_and_what_does_not_fit_is_not_offered() -> Result<(), AgentError> {
        let config = DualPriceConfig { budget: 5.0, horizon: 2, ..DualPriceConfig::default() };
        let mut price = DualPrice::new(config)?;
        let mask = ActionMask::all(2);
        let (fits, _) = price.scores(&[0.0, 1.0], &[0.0, 2.0], &[0.0, 4.0], &mask)?;
        assert_eq!((fits.flags(), price.price()), (&[true, true][..], 0.0));
        price.pay(2.0)?;
        let (fits, _) = price.scores(&[0.0, 1.0], &[0.0, 2.0], &[0.0, 4.0], &mask)?;
        assert_eq!(fits.flags(), [true, false]);
        assert!(price.pay(4.0).is_err());
        assert!(price.scores(&[0.0], &[0.0, 2.0], &[0.0, 4.0], &mask).is_err());
        Ok(())
    }
}
