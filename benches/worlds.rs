//! Steps per second of the worlds on one thread, and what they allocate while stepping.
//!
//! `cargo bench -p promopt-envs --bench worlds`; a row without an allocation line allocated nothing.

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use promopt_envs::arena::{
    ArenaConfig, ArenaEnv, ArenaPopulation, ArenaReward, ArenaWorld, WeekNoise,
};
use promopt_envs::diagnostic::{
    BernoulliBandit, Chain, DeepSea, Identity, SmallPromotion, TimeoutTrap,
};
use promopt_envs::pricing::sample::sample_pricing_world;
use promopt_envs::pricing::{PricingEnv, PricingRules};
use promopt_envs::retail::sample::sample_world;
use promopt_envs::retail::{PromotionConfig, PromotionEnv};
use promopt_envs::wrapper::{EpisodeStatistics, NormaliseObservation, TimeLimit};
use promopt_envs::{ActionId, AutoresetMode, Env, SeedTree, VectorEnv};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Steps of one measured call on a single environment.
const STEPS: usize = 10_000;
/// Lanes of a vector.
const LANES: usize = 64;

fn main() {
    divan::main();
}

/// Actions drawn beforehand, so that choosing them costs nothing.
fn choices(n_actions: usize, n: usize) -> Vec<ActionId> {
    let all = promopt_envs::ActionMask::all(n_actions);
    let mut stream = SeedTree::new(1).stream();
    (0..n).map(|_| all.sample(&mut stream)).collect()
}

/// Steps one environment, resets included.
fn direct<E: Env>(bencher: Bencher<'_, '_>, mut env: E) {
    let actions = choices(env.spec().n_actions, STEPS);
    env.reset(Some(1));
    bencher.counter(ItemsCount::new(STEPS)).bench_local(|| {
        let mut total = 0.0;
        for &action in &actions {
            // A masked action becomes the neutral one, which every world allows.
            let action = if env.action_mask().allows(action) { action } else { 0 };
            let step = env.step(action).expect("an allowed action");
            total += step.reward;
            if step.is_last() {
                env.reset(None);
            }
        }
        black_box(env.observation());
        total
    });
}

/// Steps 64 lanes with automatic resets, each lane `rounds` times in one measured call: calls of a
/// millisecond or less, so that the fastest ones are undisturbed on a busy machine.
fn vector<E: Env + Clone>(bencher: Bencher<'_, '_>, env: &E, rounds: usize) {
    let actions = choices(env.spec().n_actions, LANES * rounds);
    let lanes = vec![env.clone(); LANES];
    let mut lanes = VectorEnv::new(lanes, AutoresetMode::SameStep).expect("lanes of one kind");
    lanes.reset(SeedTree::new(1));
    let mut taken = [0; LANES];
    bencher.counter(ItemsCount::new(LANES * rounds)).bench_local(|| {
        let mut total = 0.0;
        for round in actions.chunks_exact(LANES) {
            for (lane, (slot, &action)) in taken.iter_mut().zip(round).enumerate() {
                *slot = if lanes.mask(lane).allows(action) { action } else { 0 };
            }
            let steps = lanes.step(&taken).expect("allowed actions");
            total += steps.iter().map(|step| step.reward).sum::<f64>();
        }
        black_box(lanes.observation(0));
        total
    });
}

/// Diagnostic worlds, one environment.
mod alone {
    use super::*;

    #[divan::bench]
    fn chain(bencher: Bencher<'_, '_>) {
        direct(bencher, Chain::new(10, true));
    }

    #[divan::bench]
    fn chain_behind_a_pointer(bencher: Bencher<'_, '_>) {
        let env: Box<dyn Env> = Box::new(Chain::new(10, true));
        direct(bencher, env);
    }

    #[divan::bench]
    fn chain_in_three_wrappers(bencher: Bencher<'_, '_>) {
        let limited = TimeLimit::new(Chain::new(10, true), 30).expect("a limit above 0");
        let counted = EpisodeStatistics::new(limited, 100);
        direct(bencher, NormaliseObservation::new(counted, 5.0).expect("a clip above 0"));
    }

    #[divan::bench]
    fn deep_sea(bencher: Bencher<'_, '_>) {
        direct(bencher, DeepSea::new(10, Some(1)));
    }

    #[divan::bench]
    fn timeout_trap(bencher: Bencher<'_, '_>) {
        direct(bencher, TimeoutTrap::new());
    }

    #[divan::bench]
    fn identity(bencher: Bencher<'_, '_>) {
        direct(bencher, Identity::new(4, 10));
    }

    #[divan::bench]
    fn bernoulli_bandit(bencher: Bencher<'_, '_>) {
        direct(bencher, BernoulliBandit::new(vec![0.1, 0.5, 0.6], 100).expect("probabilities"));
    }

    #[divan::bench]
    fn small_promotion(bencher: Bencher<'_, '_>) {
        direct(bencher, SmallPromotion::new(52));
    }
}

/// Diagnostic worlds, 64 lanes.
mod lanes {
    use super::*;

    #[divan::bench]
    fn chain(bencher: Bencher<'_, '_>) {
        vector(bencher, &Chain::new(10, true), 200);
    }

    #[divan::bench]
    fn deep_sea(bencher: Bencher<'_, '_>) {
        vector(bencher, &DeepSea::new(10, Some(1)), 200);
    }

    #[divan::bench]
    fn identity(bencher: Bencher<'_, '_>) {
        vector(bencher, &Identity::new(4, 10), 200);
    }

    #[divan::bench]
    fn small_promotion(bencher: Bencher<'_, '_>) {
        vector(bencher, &SmallPromotion::new(52), 200);
    }
}

/// Retail worlds, 64 lanes; an item is a customer-week, or a store-week of the pricing world.
mod retail {
    use super::*;

    /// 10 categories and 25 offers.
    fn promotion(expected_reward: bool) -> PromotionEnv {
        let world = sample_world(10, 25, SeedTree::new(1)).expect("a valid catalogue");
        let config = PromotionConfig { expected_reward, ..PromotionConfig::default() };
        PromotionEnv::new(Arc::new(world), config).expect("a valid world")
    }

    #[divan::bench]
    fn promotion_by_expected_reward(bencher: Bencher<'_, '_>) {
        vector(bencher, &promotion(true), 10);
    }

    #[divan::bench]
    fn promotion_by_realised_reward(bencher: Bencher<'_, '_>) {
        vector(bencher, &promotion(false), 10);
    }

    #[divan::bench]
    fn pricing(bencher: Bencher<'_, '_>) {
        let world = Arc::new(sample_pricing_world());
        vector(bencher, &PricingEnv::new(world, PricingRules::default()).expect("valid rules"), 20);
    }

    /// 2,514 products, customers one by one.
    #[divan::bench]
    fn arena(bencher: Bencher<'_, '_>) {
        let world = ArenaWorld::new(ArenaConfig::default(), SeedTree::new(1)).expect("valid");
        let env = ArenaEnv::new(Arc::new(world), ArenaReward::Revenue, 52).expect("valid");
        vector(bencher, &env, 1);
    }

    /// 2,514 products, 100 customers a week together; a population begins anew after its 70 weeks.
    #[divan::bench]
    fn arena_population(bencher: Bencher<'_, '_>) {
        let seeds = SeedTree::new(1);
        let world = ArenaWorld::new(ArenaConfig::default(), seeds).expect("valid");
        let n = world.config().n_customers;
        let coupons: Vec<ActionId> = (0..n).map(|c| c % world.config().n_coupons).collect();
        let mut noise = WeekNoise::new(&world, n);
        let (mut population, mut week) = (ArenaPopulation::new(&world), 0);
        bencher.counter(ItemsCount::new(n)).bench_local(|| {
            if week == world.config().n_weeks {
                (population, week) = (ArenaPopulation::new(&world), 0);
            }
            noise.fill(&world, seeds, week, 0);
            week += 1;
            population.play(&world, &noise, &coupons).expect("coupons that exist").len()
        });
    }
}

/// Exact solutions of the small promotion world.
mod exact {
    use super::*;

    #[divan::bench]
    fn table() -> usize {
        SmallPromotion::mdp().expect("a complete table").n_transitions()
    }

    #[divan::bench(args = [0.9, 0.97])]
    fn value_iteration(bencher: Bencher<'_, '_>, discount_factor: f64) {
        let mdp = SmallPromotion::mdp().expect("a complete table");
        bencher.bench_local(|| mdp.value_iteration(discount_factor, 1e-6).expect("valid").sweeps);
    }
}
