//! A season's stock to sell by markdowns, small enough to be solved exactly.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::exact::{ExactError, TabularMdp, Transition};
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// Depths of the price cuts; index 0 is the full price.
pub const DEPTHS: [f64; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
const WEEKS: usize = 12;
const STOCK: usize = 40;
const PRICE: f64 = 10.0;
/// Expected units of an ordinary week at full price.
const BASE: f64 = 2.2;
const SEASON: [f64; WEEKS] = [0.8, 0.9, 1.0, 1.1, 1.3, 1.0, 0.9, 0.8, 0.8, 1.0, 1.4, 1.6];
/// Demand grows by `exp(LIFT · depth)` and falls by `exp(−DIP · depth of last week)`.
const LIFT: f64 = 3.0;
const DIP: f64 = 1.5;
/// Cost per week of a unit that was not sold, and what it brings at the end.
const HOLDING: f64 = 0.05;
const SALVAGE: f64 = 1.0;

/// Twelve weeks, forty units, six prices, a dip after every markdown.
///
/// - **Action**: a depth of [`DEPTHS`]; with a budget, markdowns are masked once it is used up.
/// - **Observation**: week / 12, stock / 40, twice last week's depth, share of the budget left,
///   shape `[4]`.
/// - **Demand**: Poisson with mean `2.2 · season · exp(3 depth − 1.5 last depth)`, cut at the stock.
/// - **Reward**: money: sales at the reduced price, less holding costs, plus salvage in the last
///   week.
/// - **End**: terminated after twelve weeks.
///
/// Looking one week ahead is worse here than choosing at random: 196.66 against 255.24, where the
/// best plan earns 305.28 (no budget).
#[derive(Debug, Clone)]
pub struct Markdown {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    mask: ActionMask,
    observation: [f32; 4],
    budget: Option<usize>,
    at: Place,
}

/// A state: week, stock, last week's depth, markdowns left.
#[derive(Debug, Clone, Copy)]
struct Place {
    week: usize,
    stock: usize,
    last: usize,
    left: usize,
}

impl Markdown {
    /// A season; `budget` is the number of weeks that may have a markdown, `None` for no limit.
    #[must_use]
    pub fn new(budget: Option<usize>) -> Self {
        let at = Place { week: 0, stock: STOCK, last: 0, left: budget.unwrap_or(0) };
        let mut world = Self {
            spec: EnvSpec {
                id: if budget.is_some() { "BudgetMarkdown-v0" } else { "Markdown-v0" }.into(),
                observation_space: BoxSpace::new(vec![0.0; 4], vec![1.0; 4]),
                n_actions: DEPTHS.len(),
                horizon: Some(WEEKS as u32),
            },
            episode: Episode::new(WEEKS as u32 + 1),
            stream: SeedTree::new(0).stream(),
            mask: ActionMask::all(DEPTHS.len()),
            observation: [0.0; 4],
            budget,
            at,
        };
        world.show(at);
        world
    }

    /// Number of states in which something is decided: 2,952 for each value of the budget left.
    #[must_use]
    pub fn n_states(&self) -> usize {
        WEEKS * DEPTHS.len() * (STOCK + 1) * self.n_left()
    }

    /// The state in which every season begins.
    #[must_use]
    pub fn start(&self) -> usize {
        self.index(Place { week: 0, stock: STOCK, last: 0, left: self.budget.unwrap_or(0) })
    }

    /// What is observed in a state, shape `[4]`.
    #[must_use]
    pub fn observation_of(&self, state: usize) -> [f32; 4] {
        self.features(self.place(state))
    }

    /// What is allowed in a state.
    #[must_use]
    pub fn mask_of(&self, state: usize) -> ActionMask {
        let mut mask = ActionMask::all(DEPTHS.len());
        let at = self.place(state);
        mask.fill_with(|action| self.allows(at, action));
        mask
    }

    /// The known transitions: one outcome per number of units sold, the last with the whole tail of
    /// the demand. Solve it over twelve steps without discount.
    ///
    /// # Errors
    /// None in practice: the table is complete.
    pub fn mdp(&self) -> Result<TabularMdp, ExactError> {
        TabularMdp::new(self.n_states(), DEPTHS.len(), |state, action, out| {
            let at = self.place(state);
            if !self.allows(at, action) {
                return;
            }
            let mut probability = (-demand(at, action)).exp();
            let mut rest = 1.0;
            for sold in 0..=at.stock {
                let probability_here = if sold == at.stock { rest } else { probability };
                let (after, reward) = self.after(at, action, sold);
                let terminated = after.week == WEEKS;
                let next = if terminated { 0 } else { self.index(after) };
                out.push(Transition { probability: probability_here, next, reward, terminated });
                rest = (rest - probability).max(0.0);
                probability *= demand(at, action) / (sold + 1) as f64;
            }
        })
    }

    fn n_left(&self) -> usize {
        self.budget.map_or(1, |budget| budget + 1)
    }

    fn index(&self, at: Place) -> usize {
        let row = (at.week * DEPTHS.len() + at.last) * (STOCK + 1) + at.stock;
        row * self.n_left() + at.left
    }

    fn place(&self, state: usize) -> Place {
        let (row, left) = (state / self.n_left(), state % self.n_left());
        let (column, stock) = (row / (STOCK + 1), row % (STOCK + 1));
        Place { week: column / DEPTHS.len(), last: column % DEPTHS.len(), stock, left }
    }

    fn allows(&self, at: Place, action: ActionId) -> bool {
        action == 0 || self.budget.is_none() || at.left > 0
    }

    /// Where a week leads, and what it earns.
    fn after(&self, at: Place, action: ActionId, sold: usize) -> (Place, f64) {
        let stock = at.stock - sold;
        let spent = usize::from(self.budget.is_some() && action > 0);
        let sales = sold as f64 * PRICE * (1.0 - DEPTHS[action]);
        let salvage = if at.week + 1 == WEEKS { SALVAGE * stock as f64 } else { 0.0 };
        let reward = sales - HOLDING * stock as f64 + salvage;
        (Place { week: at.week + 1, stock, last: action, left: at.left - spent }, reward)
    }

    fn features(&self, at: Place) -> [f32; 4] {
        let left = at.left as f64 / (self.n_left() - 1).max(1) as f64;
        let (week, stock) = (at.week as f64 / WEEKS as f64, at.stock as f64 / STOCK as f64);
        [week, stock, 2.0 * DEPTHS[at.last], left].map(|x| x as f32)
    }

    fn show(&mut self, at: Place) {
        self.at = at;
        self.observation = self.features(at);
        let free = self.budget.is_none() || at.left > 0;
        self.mask.fill_with(|action| action == 0 || free);
    }
}

/// Mean of the demand.
fn demand(at: Place, action: ActionId) -> f64 {
    BASE * SEASON[at.week] * (LIFT * DEPTHS[action] - DIP * DEPTHS[at.last]).exp()
}

impl Env for Markdown {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        self.show(Place { week: 0, stock: STOCK, last: 0, left: self.budget.unwrap_or(0) });
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        // The quantile of the Poisson distribution at one uniform number, cut at the stock.
        let mut luck: f64 = self.stream.random();
        let mean = demand(self.at, action);
        let (mut sold, mut probability) = (0, (-mean).exp());
        while sold < self.at.stock && luck >= probability {
            luck -= probability;
            sold += 1;
            probability *= mean / sold as f64;
        }
        let (after, reward) = self.after(self.at, action, sold);
        let terminated = after.week == WEEKS;
        self.show(after);
        Ok(self.episode.advance(reward, terminated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    /// Golden values: V*, uniform and myopic by budget (none, 0 to 4), and the static policies; from
    /// an independent dynamic program in numpy (backward induction over the same specification).
    const GOLDEN: [(Option<usize>, f64, f64, f64); 6] = [
        (None, 305.282600421, 255.240793705, 196.655348777),
        (Some(0), 273.673589621, 273.673589621, 273.673589621),
        (Some(1), 298.475334102, 277.863395999, 280.436225332),
        (Some(2), 303.268701644, 278.496615917, 276.386680321),
        (Some(3), 304.780043629, 277.980202630, 269.480956223),
        (Some(4), 305.095895696, 276.119457852, 257.755858769),
    ];
    const STATIC: [f64; 6] =
        [273.673589621, 283.981759487, 283.616352068, 264.725214376, 231.303259208, 193.525821197];
    /// Rounding of twelve sums of up to 41 products.
    const TOLERANCE: f64 = 1e-6;

    #[test]
    fn it_keeps_the_contract() {
        assert_eq!(check_env(&mut || Box::new(Markdown::new(None)), 1), []);
        assert_eq!(check_env(&mut || Box::new(Markdown::new(Some(2))), 1), []);
    }

    #[test]
    fn exact_values_are_those_of_an_independent_program() -> Result<(), ExactError> {
        for (budget, optimal, uniform, myopic) in GOLDEN {
            let world = Markdown::new(budget);
            let (mdp, start) = (world.mdp()?, world.start());
            let solution = mdp.backward_induction(1.0, WEEKS as u32)?;
            assert!((solution.values[start] - optimal).abs() < TOLERANCE, "{budget:?}");
            let greedy = mdp.evaluate_steps(&mdp.myopic_policy(), 1.0, WEEKS as u32)?;
            assert!((greedy[start] - myopic).abs() < TOLERANCE, "{budget:?} {}", greedy[start]);
            let spread = |state| {
                let mask = world.mask_of(state);
                let share = 1.0 / mask.n_allowed() as f64;
                (0..DEPTHS.len()).map(move |a| if mask.allows(a) { share } else { 0.0 })
            };
            let random: Vec<f64> = (0..world.n_states()).flat_map(spread).collect();
            let value = mdp.evaluate_distribution_steps(&random, 1.0, WEEKS as u32)?[start];
            assert!((value - uniform).abs() < TOLERANCE, "{budget:?} {value}");
        }
        Ok(())
    }

    #[test]
    fn one_price_all_season_is_worth_what_the_reference_says() -> Result<(), ExactError> {
        let world = Markdown::new(None);
        let mdp = world.mdp()?;
        for (action, expected) in STATIC.into_iter().enumerate() {
            let policy = vec![action; world.n_states()];
            let value = mdp.evaluate_steps(&policy, 1.0, WEEKS as u32)?[world.start()];
            assert!((value - expected).abs() < TOLERANCE, "{action}: {value}");
        }
        Ok(())
    }

    #[test]
    fn played_seasons_earn_what_the_table_says() -> Result<(), Box<dyn std::error::Error>> {
        let mut world = Markdown::new(Some(3));
        let policy = world.mdp()?.backward_induction(1.0, WEEKS as u32)?;
        let expected = policy.values[world.start()];
        // Markdowns in the first three weeks; the table values the same plan.
        let plan = |at: Place| if at.week < 3 { 2 } else { 0 };
        let actions: Vec<usize> = (0..world.n_states())
            .map(|state| if world.mask_of(state).allows(2) { plan(world.place(state)) } else { 0 })
            .collect();
        let value = world.mdp()?.evaluate_steps(&actions, 1.0, WEEKS as u32)?[world.start()];
        let n = 4_000;
        let mut returns = Vec::with_capacity(n);
        for seed in 0..n {
            world.reset(Some(seed as u64));
            let mut total = 0.0;
            loop {
                let step = world.step(plan(world.at))?;
                total += step.reward;
                if step.is_last() {
                    assert!(step.terminated);
                    break;
                }
            }
            returns.push(total);
        }
        let mean = returns.iter().sum::<f64>() / n as f64;
        let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let standard_error = (variance / n as f64).sqrt();
        assert!((mean - value).abs() < 4.0 * standard_error, "{mean} {value} {standard_error}");
        assert!(value < expected);
        Ok(())
    }
}
