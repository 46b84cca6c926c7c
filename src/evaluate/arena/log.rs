//! What learners in the arena see, and the log of uniformly random coupons that they learn from.

use promopt_envs::arena::{
    ArenaConfig, ArenaPopulation, ArenaReward, ArenaWorld, N_FEATURES, N_RESPONSE_FEATURES,
    WeekNoise, WeekOutcome,
};
use promopt_envs::{ActionId, EnvError, SeedTree};
use rand::Rng;

/// Length of everything that can be seen of a customer.
const WIDEST: usize = N_FEATURES + N_RESPONSE_FEATURES;

/// What a learner sees of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The nine published features.
    Published,
    /// The nine, and the customer's own answers to low and high coupons.
    OwnResponse,
}

impl Observed {
    /// Number of features.
    #[must_use]
    pub fn n_features(self) -> usize {
        match self {
            Self::Published => N_FEATURES,
            Self::OwnResponse => WIDEST,
        }
    }

    /// The features of a customer before the week that `noise` holds.
    #[must_use]
    pub fn of(
        self,
        population: &ArenaPopulation,
        world: &ArenaWorld,
        noise: &WeekNoise,
        customer: usize,
    ) -> Vec<f32> {
        let mut features = population.features(world, noise, customer).to_vec();
        if self == Self::OwnResponse {
            features.extend(population.response_features(customer));
        }
        features
    }
}

/// One coupon per customer, uniformly random: propensity one over the number of coupons.
pub(super) fn random_coupons(config: &ArenaConfig, tree: SeedTree, week: u32) -> Vec<ActionId> {
    let mut rng = tree.index(u64::from(week)).stream();
    (0..config.n_customers).map(|_| rng.random_range(0..config.n_coupons)).collect()
}

/// Customers under uniformly random coupons, seen as [`Observed::OwnResponse`] (whose first nine
/// features are the published ones). Rows lie customer by customer, week by week.
#[derive(Debug, Clone)]
pub struct ArenaLog {
    n_customers: usize,
    n_weeks: usize,
    n_actions: usize,
    /// `[n_customers, n_weeks + 1, WIDEST]`: the last is where the log stops watching.
    observations: Vec<f32>,
    actions: Vec<ActionId>,
    outcomes: Vec<WeekOutcome>,
}

/// One logged week.
#[derive(Debug, Clone, Copy)]
pub struct LoggedWeek<'a> {
    /// What was seen before it.
    pub observation: &'a [f32],
    /// The coupon.
    pub action: ActionId,
    /// What it brought.
    pub reward: f64,
    /// What was seen after it.
    pub next_observation: &'a [f32],
    /// Whether the log stops watching here.
    pub truncated: bool,
}

impl ArenaLog {
    /// Logs `n_customers` for `n_weeks` in the world that `tree` and `config` give, played by
    /// *further* customers: products, shelf prices and all parameters of the world are those that
    /// the `config.n_customers` customers of a comparison meet, who are not among the logged.
    ///
    /// # Errors
    /// Those of [`ArenaWorld::new`].
    pub fn random(
        config: &ArenaConfig,
        (n_customers, n_weeks): (usize, u32),
        tree: SeedTree,
    ) -> Result<Self, EnvError> {
        let first = config.n_customers;
        let config = ArenaConfig {
            n_customers: first + n_customers,
            n_weeks: config.n_weeks.max(n_weeks + 1),
            ..config.clone()
        };
        let world = ArenaWorld::new(config, tree.child("parameters"))?;
        let (luck, choices) = (tree.child("log luck"), tree.child("log coupons"));
        let mut population = ArenaPopulation::new(&world);
        let mut noise = WeekNoise::new(&world, world.config().n_customers);
        let weeks = n_weeks as usize;
        let mut log = Self {
            n_customers,
            n_weeks: weeks,
            n_actions: world.config().n_coupons,
            observations: vec![0.0; n_customers * (weeks + 1) * WIDEST],
            actions: vec![0; n_customers * weeks],
            outcomes: vec![WeekOutcome::default(); n_customers * weeks],
        };
        for week in 0..=n_weeks {
            noise.fill(&world, luck, week, 0);
            let at = |customer: usize| customer * (weeks + 1) + week as usize;
            for customer in 0..n_customers {
                let seen = Observed::OwnResponse.of(&population, &world, &noise, first + customer);
                log.observations[at(customer) * WIDEST..][..WIDEST].copy_from_slice(&seen);
            }
            if week == n_weeks {
                break;
            }
            let coupons = random_coupons(world.config(), choices, week);
            let outcomes = population.play(&world, &noise, &coupons)?;
            for customer in 0..n_customers {
                let row = customer * weeks + week as usize;
                log.actions[row] = coupons[first + customer];
                log.outcomes[row] = outcomes[first + customer];
            }
        }
        Ok(log)
    }

    /// Number of customers.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.n_customers
    }

    /// Number of coupons, each given with the same probability.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// The weeks of a customer in order.
    pub fn weeks(
        &self,
        customer: usize,
        observed: Observed,
        reward: ArenaReward,
    ) -> impl Iterator<Item = LoggedWeek<'_>> {
        (0..self.n_weeks).map(move |week| {
            let (row, seen) =
                (customer * self.n_weeks + week, customer * (self.n_weeks + 1) + week);
            let observation =
                |at: usize| &self.observations[at * WIDEST..][..observed.n_features()];
            LoggedWeek {
                observation: observation(seen),
                action: self.actions[row],
                reward: reward.of(&self.outcomes[row]),
                next_observation: observation(seen + 1),
                truncated: week + 1 == self.n_weeks,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_weeks_follow_each_other_and_their_coupons_are_uniform() {
        let config =
            ArenaConfig { n_customers: 3, category_sizes: vec![9, 4], ..ArenaConfig::default() };
        let log = ArenaLog::random(&config, (200, 6), SeedTree::new(5)).expect("drawn");
        let mut counts = vec![0.0; log.n_actions()];
        for customer in 0..log.n_customers() {
            let weeks: Vec<_> =
                log.weeks(customer, Observed::Published, ArenaReward::Revenue).collect();
            assert_eq!(weeks[0].observation[..6], [0.0; 6]);
            for pair in weeks.windows(2) {
                assert_eq!(pair[0].next_observation, pair[1].observation);
            }
            assert!(weeks.iter().map(|week| week.truncated).eq((1..=6).map(|week| week == 6)));
            weeks.iter().for_each(|week| counts[week.action] += 1.0);
        }
        // 1,200 draws: a share of 1/11 has a standard error of √(10/121/1200) = 0.0083.
        assert!(counts.iter().all(|count| (count / 1_200.0 - 1.0_f64 / 11.0).abs() < 4.0 * 0.0083));
    }
}
