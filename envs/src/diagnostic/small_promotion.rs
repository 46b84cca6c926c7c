//! Small promotion: a shop in 2,560 states, so that the best promotion plan is known exactly.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::exact::{ExactError, TabularMdp, Transition};
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;
use std::sync::Arc;

/// Weeks without a purchase after which the customer is gone.
const LAPSE_WEEKS: usize = 8;
/// Stock levels 0, 1, 2 and 3 units.
const STOCKS: usize = 4;
/// Contact pressures 0 to 4; the last one forbids contacts.
const PRESSURES: usize = 5;
/// Actions, and depths that the customer may have in mind: 0, 10, 20 and 30 %.
const DEPTHS: usize = 4;
/// Seasons.
const SEASONS: usize = 4;
/// Probability that the season moves on in a week.
const SEASON_MOVES: f64 = 1.0 / 13.0;
/// Log-odds of buying in each season.
const SEASON_EFFECT: [f64; SEASONS] = [0.0, 0.3, 0.0, -0.3];
/// Regular price and unit cost, money.
const PRICE: f64 = 10.0;
const COST: f64 = 6.0;
/// Cost of telling the customer, money.
const CONTACT_COST: f64 = 0.2;

/// One customer and one product, week by week, with everything that makes promotions a plan: offers
/// pull purchases forward into the pantry, wear off with contacts, are remembered as the price to
/// wait for, and win back a customer who is about to lapse.
///
/// - **Action**: 0 none, 1, 2 and 3 an offer of 10, 20 and 30 %; only 0 at the contact limit.
/// - **Observation**: weeks since the last purchase, units at home, contact pressure, remembered depth
///   as a fraction, and the season as a one-hot vector; shape `[8]`.
/// - **Start**: 0 to 7 weeks after a purchase and any season, uniformly; nothing at home, no contacts.
/// - **Dynamics**: with depth `d = 0.1 action` the customer buys with log-odds
///   `0.2 − 0.25 recency − 0.9 stock + 12 d (1 − 0.2 contacts) − 3 max(0, remembered − d) + season`,
///   and then two units instead of one with probability `0.1 + 2 d`. One unit a week is used up, more
///   than three are not kept. A contact raises the pressure by 1, a week without lowers it by 1. The
///   remembered depth is the offered one, or falls by 10 points a week. A season lasts 13 weeks on
///   average.
/// - **Reward**: contribution margin, `units × (10 (1 − d) − 6)`, less 0.2 for a contact.
/// - **End**: terminated after the eighth week without a purchase; truncated after `horizon` weeks.
/// - **Info**: units bought.
///
/// [`mdp`](Self::mdp) has the same story as a table without the horizon; its value iteration gives the
/// optimal plan. All constants are made up; their signs are those of the fitted model.
#[derive(Debug, Clone)]
pub struct SmallPromotion {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: [f32; 8],
    mask: ActionMask,
    customer: Customer,
    units: usize,
    /// Probability of a purchase by state and action: a step needs no exponential.
    purchase: Arc<[f64]>,
}

/// The state.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Customer {
    recency: usize,
    stock: usize,
    contacts: usize,
    remembered: usize,
    season: usize,
}

impl Customer {
    const COUNT: usize = LAPSE_WEEKS * STOCKS * PRESSURES * DEPTHS * SEASONS;

    fn index(self) -> usize {
        let Self { recency, stock, contacts, remembered, season } = self;
        (((recency * STOCKS + stock) * PRESSURES + contacts) * DEPTHS + remembered) * SEASONS
            + season
    }

    fn at(index: usize) -> Self {
        let (rest, season) = (index / SEASONS, index % SEASONS);
        let (rest, remembered) = (rest / DEPTHS, rest % DEPTHS);
        let (rest, contacts) = (rest / PRESSURES, rest % PRESSURES);
        Self { recency: rest / STOCKS, stock: rest % STOCKS, contacts, remembered, season }
    }

    fn start(recency: usize, season: usize) -> Self {
        Self { recency, stock: 0, contacts: 0, remembered: 0, season }
    }

    fn may_be_offered(self, action: ActionId) -> bool {
        action == 0 || self.contacts + 1 < PRESSURES
    }

    fn purchase_probability(self, action: ActionId) -> f64 {
        let (depth, remembered) = (0.1 * action as f64, 0.1 * self.remembered as f64);
        let log_odds = 0.2 - 0.25 * self.recency as f64 - 0.9 * self.stock as f64
            + 12.0 * depth * (1.0 - 0.2 * self.contacts as f64)
            - 3.0 * (remembered - depth).max(0.0)
            + SEASON_EFFECT[self.season];
        1.0 / (1.0 + (-log_odds).exp())
    }

    /// The customer a week later, and whether they are gone.
    fn after(self, action: ActionId, units: usize, season_moves: bool) -> (Self, bool) {
        let recency = if units > 0 { 0 } else { self.recency + 1 };
        let gone = recency >= LAPSE_WEEKS;
        let pressure = if action > 0 { self.contacts + 1 } else { self.contacts.saturating_sub(1) };
        let next = Self {
            recency: recency.min(LAPSE_WEEKS - 1),
            stock: (self.stock + units).saturating_sub(1).min(STOCKS - 1),
            contacts: pressure.min(PRESSURES - 1),
            remembered: action.max(self.remembered.saturating_sub(1)),
            season: (self.season + usize::from(season_moves)) % SEASONS,
        };
        (next, gone)
    }
}

/// Probability that a purchase is of two units.
fn second_unit_probability(action: ActionId) -> f64 {
    0.1 + 0.2 * action as f64
}

fn margin(action: ActionId, units: usize) -> f64 {
    let contact = if action > 0 { CONTACT_COST } else { 0.0 };
    units as f64 * (PRICE * (1.0 - 0.1 * action as f64) - COST) - contact
}

impl SmallPromotion {
    /// The shop, watched for `horizon` weeks (raised to at least 1).
    #[must_use]
    pub fn new(horizon: u32) -> Self {
        let horizon = horizon.max(1);
        let chances = |state| (0..DEPTHS).map(move |a| Customer::at(state).purchase_probability(a));
        let high = vec![7.0, 3.0, 4.0, 0.3, 1.0, 1.0, 1.0, 1.0];
        Self {
            spec: EnvSpec {
                id: "SmallPromotion-v0".into(),
                observation_space: BoxSpace::new(vec![0.0; 8], high),
                n_actions: DEPTHS,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: [0.0; 8],
            mask: ActionMask::all(DEPTHS),
            customer: Customer::start(0, 0),
            units: 0,
            purchase: (0..Customer::COUNT).flat_map(chances).collect(),
        }
    }

    /// Index of the current state in the table of [`mdp`](Self::mdp).
    #[must_use]
    pub fn state(&self) -> usize {
        self.customer.index()
    }

    /// The states that episodes start in, each equally likely.
    #[must_use]
    pub fn starts() -> Vec<usize> {
        let seasons = |recency| (0..SEASONS).map(move |s| Customer::start(recency, s).index());
        (0..LAPSE_WEEKS).flat_map(seasons).collect()
    }

    /// The known transitions: 2,560 states, 4 actions, at most 6 outcomes each.
    ///
    /// # Errors
    /// None in practice: the table is complete and its probabilities sum to 1.
    pub fn mdp() -> Result<TabularMdp, ExactError> {
        TabularMdp::new(Customer::COUNT, DEPTHS, |state, action, out| {
            let customer = Customer::at(state);
            if !customer.may_be_offered(action) {
                return;
            }
            let (buys, two) =
                (customer.purchase_probability(action), second_unit_probability(action));
            let by_units = [1.0 - buys, buys * (1.0 - two), buys * two];
            for (units, p) in by_units.into_iter().enumerate() {
                for (moves, q) in [(false, 1.0 - SEASON_MOVES), (true, SEASON_MOVES)] {
                    let (next, terminated) = customer.after(action, units, moves);
                    let (probability, reward) = (p * q, margin(action, units));
                    out.push(Transition { probability, next: next.index(), reward, terminated });
                }
            }
        })
    }

    fn observe(&mut self) {
        let Customer { recency, stock, contacts, remembered, season } = self.customer;
        self.observation = [0.0; 8];
        self.observation[0] = recency as f32;
        self.observation[1] = stock as f32;
        self.observation[2] = contacts as f32;
        self.observation[3] = 0.1 * remembered as f32;
        self.observation[4 + season] = 1.0;
        let customer = self.customer;
        self.mask.fill_with(|action| customer.may_be_offered(action));
    }
}

impl Env for SmallPromotion {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        let recency = self.stream.random_range(0..LAPSE_WEEKS);
        self.customer = Customer::start(recency, self.stream.random_range(0..SEASONS));
        self.units = 0;
        self.observe();
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let [buys, two, moves]: [f64; 3] = self.stream.random();
        self.units = 0;
        if buys < self.purchase[self.customer.index() * DEPTHS + action] {
            self.units = 1 + usize::from(two < second_unit_probability(action));
        }
        let (next, gone) = self.customer.after(action, self.units, moves < SEASON_MOVES);
        self.customer = next;
        self.observe();
        Ok(self.episode.advance(margin(action, self.units), gone))
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![("units", self.units as f64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    const DISCOUNT_FACTOR: f64 = 0.97;

    #[test]
    fn it_keeps_the_contract() {
        assert_eq!(check_env(&mut || Box::new(SmallPromotion::new(52)), 1), []);
    }

    #[test]
    fn states_are_numbered_without_gaps() {
        assert!((0..Customer::COUNT).all(|index| Customer::at(index).index() == index));
        assert_eq!(Customer::COUNT, 2_560);
    }

    #[test]
    fn planning_pays() -> Result<(), ExactError> {
        let mdp = SmallPromotion::mdp()?;
        let optimal = mdp.value_iteration(DISCOUNT_FACTOR, 1e-9)?;
        let greedy = mdp.evaluate(&optimal.policy, DISCOUNT_FACTOR, 1e-9)?;
        let myopic = mdp.evaluate(&mdp.myopic_policy(), DISCOUNT_FACTOR, 1e-9)?;
        let never = mdp.evaluate(&vec![0; mdp.n_states()], DISCOUNT_FACTOR, 1e-9)?;
        for state in SmallPromotion::starts() {
            assert!((optimal.values[state] - greedy.values[state]).abs() < 1e-6);
            let bounds = 2e-9;
            assert!(myopic.values[state] < optimal.values[state] - bounds);
            assert!(never.values[state] < optimal.values[state] - bounds);
        }
        // A customer about to lapse is worth more than the myopic policy spends on them.
        let lapsing = Customer::start(LAPSE_WEEKS - 1, 0).index();
        assert!(optimal.policy[lapsing] > mdp.myopic_policy()[lapsing]);
        Ok(())
    }

    #[test]
    fn played_returns_of_the_optimal_policy_agree_with_its_value() {
        // 4,000 episodes; 0.97^1000 is below 1e-13, so the cut is not seen. Four standard errors of
        // the mean discounted return are allowed, estimated from the returns themselves.
        let mdp = SmallPromotion::mdp().expect("a complete table");
        let optimal = mdp.value_iteration(DISCOUNT_FACTOR, 1e-9).expect("valid parameters");
        let starts = SmallPromotion::starts();
        let value = starts.iter().map(|&s| optimal.values[s]).sum::<f64>() / starts.len() as f64;
        let mut env = SmallPromotion::new(1_000);
        env.reset(Some(11));
        let n = 4_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let (mut discounted, mut weight) = (0.0, 1.0);
            loop {
                let step = env.step(optimal.policy[env.state()]).expect("an allowed action");
                discounted += weight * step.reward;
                weight *= DISCOUNT_FACTOR;
                if step.is_last() {
                    break;
                }
            }
            sum += discounted;
            squares += discounted * discounted;
            env.reset(None);
        }
        let mean = sum / f64::from(n);
        let error = ((squares / f64::from(n) - mean * mean) / f64::from(n)).sqrt();
        assert!((mean - value).abs() < 4.0 * error, "{mean} {value} {error}");
    }

    #[test]
    fn a_deeper_offer_never_lowers_the_chance_of_a_purchase() {
        for state in 0..Customer::COUNT {
            let customer = Customer::at(state);
            let chances: Vec<f64> = (0..DEPTHS).map(|a| customer.purchase_probability(a)).collect();
            assert!(chances.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
