//! `Arena-v0`: one customer of an arena world, week by week; the action is the coupon.
//!
//! - **Action** `Discrete(11)`: store-wide coupons 0, 5, …, 50 %; all allowed, always redeemed.
//! - **Observation** the nine features of [`FEATURE_NAMES`], raw units.
//! - **Start** a random customer before the first week, nothing bought yet.
//! - **Reward** revenue or contribution margin of the week, realised.
//! - **End** never `terminated`; `truncated` at the horizon.
//! - **Info** visit, units, revenue.
//!
//! The same seed brings the same customer and luck whatever is done. Utilities are clipped at the
//! world's reference cap, because one customer has no population to take a quantile of.

use super::features::{FEATURE_NAMES, N_FEATURES, Tally};
use super::noise::WeekNoise;
use super::week::{CustomerState, WeekOutcome, play, shift, tops};
use super::world::ArenaWorld;
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a week is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArenaReward {
    /// Money paid, as in the original.
    Revenue,
    /// Contribution margin: money paid less the cost of the goods, which is the base price times
    /// one minus this gross margin rate.
    Margin(f64),
}

impl ArenaReward {
    /// The reward of a week.
    #[must_use]
    pub fn of(&self, outcome: &WeekOutcome) -> f64 {
        match *self {
            Self::Revenue => outcome.revenue,
            Self::Margin(rate) => outcome.margin(rate),
        }
    }
}

/// The arena as an environment of one customer.
#[derive(Debug, Clone)]
pub struct ArenaEnv {
    world: Arc<ArenaWorld>,
    reward: ArenaReward,
    spec: EnvSpec,
    mask: ActionMask,
    stream: Stream,
    /// Where the luck of the episode comes from.
    luck: SeedTree,
    customer: usize,
    week: u32,
    running: bool,
    state: CustomerState,
    tally: Tally,
    noise: WeekNoise,
    tops: Vec<f32>,
    weights: Vec<f32>,
    features: [f32; N_FEATURES],
    last: WeekOutcome,
}

impl ArenaEnv {
    /// An environment over a world, with episodes of `horizon` weeks.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] for a horizon of 0 or one week beyond those of the world (the
    /// final observation shows the prices of the week that would come next), and for a gross margin
    /// rate outside [0, 1].
    pub fn new(
        world: Arc<ArenaWorld>,
        reward: ArenaReward,
        horizon: u32,
    ) -> Result<Self, EnvError> {
        let refuse = |name, expected, got| Err(EnvError::InvalidParameter { name, expected, got });
        if horizon == 0 || horizon >= world.config().n_weeks {
            let expected = "at least 1 week, and fewer than the world holds";
            return refuse("horizon", expected, f64::from(horizon));
        }
        if let ArenaReward::Margin(rate) = reward
            && !(0.0..=1.0).contains(&rate)
        {
            return refuse("gross margin rate", "a share from 0 to 1", rate);
        }
        let spec = EnvSpec {
            id: "Arena-v0".into(),
            observation_space: observation_space(&world),
            n_actions: world.config().n_coupons,
            horizon: Some(horizon),
        };
        Ok(Self {
            mask: ActionMask::all(spec.n_actions),
            noise: WeekNoise::new(&world, 1),
            tops: vec![0.0; world.categories.len()],
            weights: vec![0.0; world.n_slots],
            reward,
            spec,
            stream: SeedTree::new(0).child("arena").stream(),
            luck: SeedTree::new(0),
            customer: 0,
            week: 0,
            running: false,
            state: CustomerState::START,
            tally: Tally::default(),
            features: [0.0; N_FEATURES],
            last: WeekOutcome::default(),
            world,
        })
    }

    /// Starts an episode of a chosen customer with chosen luck. `luck` of a population and the same
    /// customer give that customer's weeks, but for the cap.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when the world has no such customer.
    pub fn begin(&mut self, customer: usize, luck: SeedTree) -> Result<(), EnvError> {
        if customer >= self.world.config().n_customers {
            let (name, expected) = ("customer", "a customer of the world");
            return Err(EnvError::InvalidParameter { name, expected, got: customer as f64 });
        }
        (self.customer, self.luck) = (customer, luck);
        self.week = 0;
        self.running = true;
        self.state = CustomerState::START;
        self.tally = Tally::default();
        self.last = WeekOutcome::default();
        self.observe();
        Ok(())
    }

    /// The customer of the episode.
    #[must_use]
    pub fn customer(&self) -> usize {
        self.customer
    }

    /// What happened in the last step, for read-outs; learners see none of it.
    #[must_use]
    pub fn last_outcome(&self) -> &WeekOutcome {
        &self.last
    }

    /// Draws the week to come and describes it.
    fn observe(&mut self) {
        self.noise.fill(&self.world, self.luck, self.week, self.customer);
        self.features = self.tally.features(&self.world, &self.noise, 0);
    }
}

/// Shares and discounts lie in [0, 1]; everything else has no bound worth the name.
fn observation_space(world: &ArenaWorld) -> BoxSpace {
    const LARGEST: f32 = 1e6;
    let deepest = world.config().coupon(world.config().n_coupons - 1) as f32;
    let mut low = vec![0.0; N_FEATURES];
    let mut high = vec![LARGEST; N_FEATURES];
    for (feature, name) in FEATURE_NAMES.iter().enumerate() {
        match *name {
            "purchase_share" | "purchase_discount" => high[feature] = 1.0,
            "redeemed_coupon" => high[feature] = deepest,
            "marketing_feature" | "observed_feature" => low[feature] = -LARGEST,
            _ => {}
        }
    }
    BoxSpace::new(low, high)
}

impl Env for ArenaEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).child("arena").stream();
        }
        let customer = self.stream.random_range(0..self.world.config().n_customers);
        let luck = SeedTree::new(self.stream.next_u64());
        let begun = self.begin(customer, luck);
        debug_assert!(begun.is_ok(), "the customer was drawn from the world's");
    }

    fn observation(&self) -> &[f32] {
        &self.features
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        let n_actions = self.spec.n_actions;
        if action >= n_actions {
            return Err(EnvError::InvalidAction { got: action, n_actions, masked: false });
        }
        let (world, luck) = (&self.world, self.noise.row(0));
        let shift = shift(world, self.customer, action);
        tops(world, luck.utility, shift, &mut self.tops, &mut self.weights);
        let decision = (self.customer, self.week, action);
        self.last = play(
            world,
            decision,
            luck,
            (&mut self.tops, &mut self.weights, world.cap),
            &mut self.state,
        );
        self.tally.add(&self.last, world.config().coupon(action));
        self.week += 1;
        let truncated = self.spec.horizon.is_some_and(|horizon| self.week >= horizon);
        self.running = !truncated;
        self.observe();
        Ok(Step { reward: self.reward.of(&self.last), terminated: false, truncated })
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("visited", f64::from(u8::from(self.last.visited))),
            ("units", f64::from(self.last.units)),
            ("revenue", self.last.revenue),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::ArenaConfig;
    use crate::check::check_env;

    fn small_world() -> Arc<ArenaWorld> {
        let config = ArenaConfig {
            n_customers: 6,
            category_sizes: vec![3, 9, 1, 17],
            n_weeks: 13,
            ..Default::default()
        };
        Arc::new(ArenaWorld::new(config, SeedTree::new(4)).expect("valid"))
    }

    fn env(reward: ArenaReward) -> ArenaEnv {
        ArenaEnv::new(small_world(), reward, 12).expect("valid")
    }

    #[test]
    fn the_contract_is_kept_for_both_rewards() {
        for reward in [ArenaReward::Revenue, ArenaReward::Margin(0.3)] {
            let world = small_world();
            let mut make = || -> Box<dyn Env> {
                Box::new(ArenaEnv::new(Arc::clone(&world), reward, 12).expect("valid"))
            };
            assert_eq!(check_env(&mut make, 7), []);
        }
    }

    #[test]
    fn margin_is_revenue_less_the_cost_of_goods() {
        let outcome = WeekOutcome { revenue: 10.0, base_value: 12.0, ..WeekOutcome::default() };
        assert!((ArenaReward::Margin(0.5).of(&outcome) - 4.0).abs() < 1e-12);
        assert_eq!(ArenaReward::Revenue.of(&outcome), 10.0);
    }

    #[test]
    fn luck_does_not_depend_on_the_coupon() {
        // Marketing and X are those of the week whatever the actions were.
        let features = |action| {
            let mut env = env(ArenaReward::Revenue);
            env.reset(Some(9));
            let mut seen = vec![env.observation()[7..].to_vec()];
            for _ in 0..12 {
                env.step(action).expect("allowed");
                seen.push(env.observation()[7..].to_vec());
            }
            (env.customer(), seen)
        };
        assert_eq!(features(0), features(10));
    }

    #[test]
    fn wrong_settings_are_refused() {
        let world = small_world();
        for horizon in [0, 13] {
            assert!(ArenaEnv::new(Arc::clone(&world), ArenaReward::Revenue, horizon).is_err());
        }
        assert!(ArenaEnv::new(Arc::clone(&world), ArenaReward::Margin(1.5), 5).is_err());
        assert!(env(ArenaReward::Revenue).begin(6, SeedTree::new(1)).is_err());
    }
}
