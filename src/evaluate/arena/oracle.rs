//! What could be reached at all: an oracle that knows every parameter, and a bound nobody can pass.

use super::arms::Arm;
use super::{ArenaProtocol, MARGIN_RATES, Stage};
use crate::EvaluateError;
use promopt_envs::arena::{ArenaWorld, CustomerState, ExpectedWeek, WeekNoise};
use promopt_envs::{ActionId, EnvError, SeedTree};
use rayon::prelude::*;

/// What is to be maximised: revenue, then margin at each of [`MARGIN_RATES`].
pub const N_GOALS: usize = 1 + MARGIN_RATES.len();
/// Draws of each scored week's luck that the oracle averages over.
const DRAWS: u64 = 3;

/// Names of the oracle's arms, one per goal.
#[must_use]
pub fn names() -> [String; N_GOALS] {
    std::array::from_fn(|goal| match goal {
        0 => "oracle".to_owned(),
        _ => format!("oracle for margin at {:.0} %", MARGIN_RATES[goal - 1] * 100.0),
    })
}

/// A week's worth by goal.
fn values(expected: &ExpectedWeek) -> [f64; N_GOALS] {
    std::array::from_fn(|goal| match goal {
        0 => expected.revenue,
        _ => expected.margin(MARGIN_RATES[goal - 1]),
    })
}

/// The best constant coupon of each customer, by true parameters: expectations over the dice, averaged
/// over luck of its own in the scored weeks. Achievable, so a lower bound of the optimum.
#[must_use]
pub fn oracle(stage: &Stage<'_>) -> Vec<Arm<'static>> {
    let (world, config) = (stage.world, stage.world.config());
    let n_actions = config.n_coupons;
    let mut noise = WeekNoise::new(world, config.n_customers);
    let mut sums = vec![vec![[0.0; N_GOALS]; n_actions]; config.n_customers];
    for draw in 0..DRAWS {
        let luck = stage.tree.child("oracle luck").index(draw);
        for week in config.n_weeks - stage.protocol.scored_weeks..config.n_weeks {
            noise.fill(world, luck, week, 0);
            for (customer, sums) in sums.iter_mut().enumerate() {
                for (action, sums) in sums.iter_mut().enumerate() {
                    let expected = world.expected_week(&noise, customer, customer, action);
                    sums.iter_mut().zip(values(&expected)).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    }
    let best = |goal: usize| -> Vec<ActionId> {
        let better = |a: ActionId, b: ActionId, sums: &Vec<[f64; N_GOALS]>| {
            if sums[b][goal] > sums[a][goal] { b } else { a }
        };
        sums.iter().map(|sums| (0..n_actions).fold(0, |a, b| better(a, b, sums))).collect()
    };
    let named = names().into_iter().enumerate();
    named
        .map(|(goal, name)| {
            let coupons = best(goal);
            Arm::new(&name, move |situation| coupons[situation.customer])
        })
        .collect()
}

/// By world and goal, what no policy exceeds on average, per customer-week.
///
/// The policy may know every parameter and every product's utility of the week, all but the dice of
/// visit, category, product and quantity; and it visits with the probability of a customer who always
/// came and always had the deepest coupon, which no policy exceeds because the store value grows with
/// the coupon and the visit with the store value. So the future costs it nothing, and
/// `Σ P_max max(0, max_a E[worth | visit, utilities, a])` bounds every policy's expectation, looking
/// ahead included (an information relaxation; Brown, Smith and Sun 2010). Utilities are clipped at
/// the reference cap instead of the week's population, which moves little.
///
/// # Errors
/// Those of [`ArenaWorld::new`].
pub fn bounds(
    protocol: &ArenaProtocol,
    tree: SeedTree,
) -> Result<Vec<[f64; N_GOALS]>, EvaluateError> {
    let worlds = (0..protocol.n_worlds as u64).into_par_iter();
    let bound = |world: u64| bound(protocol, tree.child("worlds").index(world));
    Ok(worlds.map(bound).collect::<Result<_, EnvError>>()?)
}

fn bound(protocol: &ArenaProtocol, tree: SeedTree) -> Result<[f64; N_GOALS], EnvError> {
    let world = ArenaWorld::new(protocol.config.clone(), tree.child("parameters"))?;
    let (config, luck) = (world.config(), tree.child("luck"));
    let n = config.n_customers;
    let mut noise = WeekNoise::new(&world, n);
    let mut states = vec![CustomerState::START; n];
    let mut sums = [0.0; N_GOALS];
    for week in 0..config.n_weeks {
        noise.fill(&world, luck, week, 0);
        let scored = config.n_weeks - week <= protocol.scored_weeks;
        let first = if scored { 0 } else { config.n_coupons - 1 };
        for (customer, state) in states.iter_mut().enumerate() {
            let visit = world.visit_probability(&noise, customer, customer, state);
            let mut best = [0.0; N_GOALS];
            let mut felt_store_value = 0.0;
            for action in first..config.n_coupons {
                let expected = world.expected_week(&noise, customer, customer, action);
                for (best, value) in best.iter_mut().zip(values(&expected)) {
                    *best = f64::max(*best, value);
                }
                felt_store_value = expected.store_value;
            }
            *state = CustomerState { visit_probability: Some(visit), felt_store_value };
            if scored {
                let weeks = n as f64 * f64::from(protocol.scored_weeks);
                for (sum, best) in sums.iter_mut().zip(best) {
                    *sum += f64::from(visit) * best / weeks;
                }
            }
        }
    }
    Ok(sums)
}
