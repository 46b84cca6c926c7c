//! The training stage: agents in the fitted world, and the rules they must beat.

use super::agents::Classroom;
use super::error::RunError;
use super::exposures::logged_decisions;
use super::folder::write_json;
use super::from_log::{Study, no_log};
use super::load::TrainedPolicy;
use super::rules::{customer_weeks, knapsack, rule, rules, targeted};
use super::stage::Job;
use crate::config::LOG_AGENTS;
use crate::demand::world::evenly;
use crate::demand::{FittedDemand, Ground};
use crate::evaluate::rollout::Stage as Playground;
use promopt_agents::bandit::uplift_from_log;
use promopt_envs::SeedTree;
use promopt_envs::retail::{CustomerHistory, PromotionWorld};
use promopt_policies::{GreedyMargin, PortablePolicy};
use std::sync::Arc;

/// Name of the policy that stands for what is done today.
pub(super) const CURRENT: &str = "current";
/// Name of the policy that makes no offers.
pub(super) const CONTROL: &str = "none";
/// Customers and draws on which shadow prices are searched.
const SEARCH_CUSTOMERS: usize = 600;
const SEARCH_DRAWS: usize = 4;
/// Fewest logged decisions of an action that the uplift rule learns from.
const LEAST_LOGGED: usize = 50;
/// Ridge of each of its regressions, on features of unit variance.
const RIDGE: f64 = 1.0;
/// Shadow prices of a contact that are tried, shares of the margin at stake.
const CONTACT_PRICES: [f64; 8] = [0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2];
/// Shadow prices of a unit of depth that are tried, shares of the margin at stake.
const DEPTH_PRICES: [f64; 8] = [0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4];

/// Trains every configured agent and writes them beside the rules.
pub(super) fn train_agents(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let fitted = job.fitted()?;
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let summaries = ground.summaries(history.n_weeks);
    let alive = ground.alive(&summaries, job.config.environment.lapse_weeks);
    if alive.is_empty() {
        let weeks = job.config.environment.lapse_weeks;
        return Err(RunError::Config(format!(
            "expected customers with a visit in the last {weeks} weeks, found none; raise \
             `environment.lapse_weeks`"
        )));
    }
    let draws = fitted.train.clone();
    let world = Arc::new(ground.world(draws, &summaries, &alive, history.n_weeks));
    let seed = SeedTree::new(job.config.seed).child("train");
    let mut policies = rules(&ground, &fitted)?;
    let greedy =
        GreedyMargin::myopic(ground.schema.clone(), actions.catalogue.clone(), fitted.mean.clone());
    let weeks = customer_weeks(&ground, &summaries, &alive);
    let targeted = targeted(&ground, &fitted, &policies[1].policy, &weeks);
    policies.extend(targeted);
    policies.push(rule("greedy-myopic", PortablePolicy::Scored(greedy.clone())));
    let search = Arc::new(search_world(&ground, &fitted, &summaries, &alive, history.n_weeks));
    let environment = job.config.environment.clone();
    let playground = Playground::new(search, environment.clone(), seed.child("prices"));
    let knapsack = knapsack(&greedy, &policies[1].policy, &playground, environment.horizon)?;
    policies.extend(knapsack);
    let priced = search_prices(&greedy, &playground)?;
    let learned = true;
    let log = logged_decisions(&ground, 0..fitted.train_end, policies.get(1))?;
    if let Some(uplift) = log.as_ref().map(|(log, _)| uplift_from_log(log, RIDGE, LEAST_LOGGED)) {
        let named = |policy| {
            let policy = PortablePolicy::Linear(policy);
            TrainedPolicy { name: "uplift".to_owned(), policy, learned }
        };
        policies.extend(uplift?.map(named));
    }
    let features: Vec<String> =
        ground.schema.features.iter().map(|feature| feature.name.clone()).collect();
    let classroom = Classroom { job, world: &world };
    let (name, policy) = ("greedy-priced".to_owned(), PortablePolicy::Scored(priced));
    policies.push(TrainedPolicy { name, policy, learned });
    job.folder.replace("agents", |dir| {
        for name in &job.config.train.agents {
            let (seed, out) = (seed.child(name), dir.join(name));
            let policy = match &log {
                _ if !LOG_AGENTS.contains(&name.as_str()) => classroom.train(name, seed, &out)?,
                Some((log, _)) => {
                    Study { job, log, features: &features }.learn(name, seed, &out)?
                }
                None => return Err(no_log(name)),
            };
            policies.push(TrainedPolicy { name: name.clone(), policy, learned });
        }
        write_json(&dir.join("policies.json"), &policies)
    })?;
    classroom.clear_unfinished()
}

/// The observation of a customer before a week.
pub(super) fn observe(
    ground: &Ground<'_>,
    customer: u32,
    history: &CustomerHistory,
    week: u32,
) -> Vec<f32> {
    let mut observation = vec![0.0; ground.schema.n_features()];
    ground.encoder().encode(customer, week, history, week, &mut observation);
    observation
}

fn search_world(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    summaries: &[CustomerHistory],
    alive: &[usize],
    until: u32,
) -> PromotionWorld {
    let some = evenly(alive, SEARCH_CUSTOMERS);
    let draws = fitted.train.iter().take(SEARCH_DRAWS).cloned().collect();
    ground.world(draws, summaries, &some, until)
}

/// Coordinate search of the shadow prices in the training world.
fn search_prices(greedy: &GreedyMargin, playground: &Playground) -> Result<GreedyMargin, RunError> {
    let (mut best, mut earned) = ((0.0, 0.0), f64::NEG_INFINITY);
    for _ in 0..2 {
        let by_contact = CONTACT_PRICES.map(|p| (Some(p), None));
        let by_depth = DEPTH_PRICES.map(|p| (None, Some(p)));
        for (contact, depth) in by_contact.into_iter().chain(by_depth) {
            let prices = (contact.unwrap_or(best.0), depth.unwrap_or(best.1));
            let margin = playground.mean_margin(&greedy.with_prices(prices.0, prices.1))?;
            if margin > earned {
                (best, earned) = (prices, margin);
            }
        }
    }
    Ok(greedy.with_prices(best.0, best.1))
}
