//! The training stage: agents in the fitted world, and the rules they must beat.

use super::error::RunError;
use super::folder::{write_json, write_whole};
use super::load::TrainedPolicy;
use super::stage::{Job, Stage};
use crate::config::TrainSettings;
use crate::demand::world::{evenly, week_season};
use crate::demand::{FittedDemand, Ground};
use crate::evaluate::rollout::Stage as Playground;
use promopt_agents::{
    Agent, DqnAgent, DqnConfig, LinUcb, Normalisation, Snapshot, Thompson, TrainConfig, TrainEvent,
    train,
};
use promopt_envs::retail::{
    CustomerHistory, ObservationContext, Offer, PromotionEnv, PromotionWorld,
};
use promopt_envs::{AutoresetMode, Env, SeedTree, VectorEnv};
use promopt_policies::{
    AlwaysDepth, Fixed, GreedyMargin, LoggingReplica, OfferMenu, PortablePolicy, RfmWinBack,
    UniformRandom,
};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Name of the policy that stands for what is done today.
pub(super) const CURRENT: &str = "current";
/// Name of the policy that makes no offers.
pub(super) const CONTROL: &str = "none";
/// Customer-weeks of random play from which features are normalised.
const NORMALISATION_STEPS: usize = 8_000;
/// Episodes per point of the learning curve.
const CURVE_EPISODES: usize = 200;
/// Customers and draws on which shadow prices are searched.
const SEARCH_CUSTOMERS: usize = 600;
const SEARCH_DRAWS: usize = 4;
/// Shadow prices of a contact that are tried, shares of the margin at stake.
const CONTACT_PRICES: [f64; 8] = [0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2];
/// Shadow prices of a unit of depth that are tried, shares of the margin at stake.
const DEPTH_PRICES: [f64; 8] = [0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4];

/// One point of a learning curve, a line of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, Serialize)]
struct CurvePoint {
    step: u64,
    episodes: usize,
    mean_return: f64,
    standard_error: f64,
}

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
    policies.push(rule("greedy-myopic", PortablePolicy::Scored(greedy.clone())));
    let search = search_world(&ground, &fitted, &summaries, &alive, history.n_weeks);
    let priced = search_prices(job, &greedy, search, seed.child("prices"))?;
    let learned = true;
    let (name, policy) = ("greedy-priced".to_owned(), PortablePolicy::Scored(priced));
    policies.push(TrainedPolicy { name, policy, learned });
    job.folder.replace("agents", |dir| {
        for name in &job.config.train.agents {
            let out = dir.join(name);
            std::fs::create_dir_all(&out).map_err(RunError::io("create", &out))?;
            let policy = train_one(job, name, &world, seed.child(name), &out)?;
            policies.push(TrainedPolicy { name: name.clone(), policy, learned });
        }
        write_json(&dir.join("policies.json"), &policies)
    })
}

fn rule(name: &str, policy: PortablePolicy) -> TrainedPolicy {
    TrainedPolicy { name: name.to_owned(), policy, learned: false }
}

/// None, always-x %, random, today's replica and the RFM rule.
fn rules(ground: &Ground<'_>, fitted: &FittedDemand) -> Result<Vec<TrainedPolicy>, RunError> {
    let catalogue = &ground.actions.catalogue;
    let units_price = |c: &crate::data::Category| c.mean_unit_price;
    let menu = OfferMenu::new(ground.schema.clone(), catalogue.clone())
        .with_values(ground.history.categories.iter().map(units_price).collect());
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

/// The observation of a customer before a week.
pub(super) fn observe(
    ground: &Ground<'_>,
    customer: u32,
    history: &CustomerHistory,
    week: u32,
) -> Vec<f32> {
    let at = ObservationContext {
        persona: ground.timeline.at(customer as usize, week),
        season: week_season(&ground.schema, ground.history.first_week, week),
        budget_price: 0.0,
    };
    let mut observation = vec![0.0; ground.schema.n_features()];
    ground.schema.encode(history, &at, &mut observation);
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
fn search_prices(
    job: &Job<'_>,
    greedy: &GreedyMargin,
    world: PromotionWorld,
    seed: SeedTree,
) -> Result<GreedyMargin, RunError> {
    let playground = Playground::new(Arc::new(world), job.config.environment.clone(), seed);
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

/// Trains one agent, writes its curve, policy and checkpoint, and returns its policy.
fn train_one(
    job: &Job<'_>,
    name: &str,
    world: &Arc<PromotionWorld>,
    seed: SeedTree,
    out: &Path,
) -> Result<PortablePolicy, RunError> {
    let settings = &job.config.train;
    let env = || PromotionEnv::new(Arc::clone(world), job.config.environment.clone());
    let (normalisation, reward_spread) = normalise(env()?, seed.child("normalise"))?;
    let lanes = (0..settings.lanes).map(|_| env()).collect::<Result<Vec<_>, _>>()?;
    let mut envs = VectorEnv::new(lanes, AutoresetMode::SameStep)?;
    let spec = envs.spec().clone();
    let mut dqn = None;
    let mut bandit: Option<Box<dyn Agent>> = None;
    match name {
        "dqn" => {
            let reward_scale = settings.dqn.reward_scale / reward_spread;
            let config = DqnConfig { reward_scale, ..settings.dqn.clone() };
            dqn = Some(DqnAgent::new(config, &spec, normalisation, seed.child("agent"))?);
        }
        "lin_ucb" => {
            bandit = Some(Box::new(LinUcb::new(settings.lin_ucb.clone(), &spec, normalisation)?));
        }
        _ => {
            bandit =
                Some(Box::new(Thompson::new(settings.thompson.clone(), &spec, normalisation)?));
        }
    }
    let agent: &mut dyn Agent = match (&mut dqn, &mut bandit) {
        (Some(agent), _) => agent,
        (None, Some(agent)) => agent.as_mut(),
        (None, None) => return Err(RunError::Config(format!("no agent is called `{name}`"))),
    };
    let length = train_config(settings, name);
    let curve = run_training(job, agent, &mut envs, &length, seed)?;
    let snapshot = agent.policy()?;
    let policy = match snapshot {
        Snapshot::Network(policy) => PortablePolicy::QNetwork(policy),
        Snapshot::Linear(policy) => PortablePolicy::Linear(policy),
    };
    write_whole(&out.join("metrics.jsonl"), curve.as_bytes())?;
    write_json(&out.join("policy.json"), &policy)?;
    if let Some(dqn) = &dqn {
        let folder = out.join("checkpoint");
        std::fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        write_whole(&folder.join("weights.safetensors"), &dqn.weights_safetensors()?)?;
    }
    Ok(policy)
}

fn train_config(settings: &TrainSettings, name: &str) -> TrainConfig {
    if name == "dqn" {
        TrainConfig {
            steps: settings.dqn_steps,
            update_every: settings.dqn_update_every,
            report_every: 500,
        }
    } else {
        TrainConfig { steps: settings.bandit_steps, update_every: 1, report_every: 1_000_000 }
    }
}

/// Means and scales of the features, and the standard deviation of rewards, under random play.
fn normalise(mut env: PromotionEnv, seed: SeedTree) -> Result<(Normalisation, f64), RunError> {
    let mut rng = seed.stream();
    let n_features = env.spec().observation_space.n_features();
    let mut observations = Vec::with_capacity(NORMALISATION_STEPS * n_features);
    let (mut sum, mut squares) = (0.0, 0.0);
    env.reset(Some(seed.child("env").seed()));
    for _ in 0..NORMALISATION_STEPS {
        observations.extend_from_slice(env.observation());
        let action = env.action_mask().sample(&mut rng);
        let step = env.step(action)?;
        sum += step.reward;
        squares += step.reward * step.reward;
        if step.is_last() {
            env.reset(None);
        }
    }
    let n = NORMALISATION_STEPS as f64;
    let spread = (squares / n - (sum / n).powi(2)).max(0.0).sqrt();
    let normalisation = Normalisation::fit(&observations, n_features)?;
    Ok((normalisation, if spread > 1e-9 { spread } else { 1.0 }))
}

/// Runs the loop; returns the lines of `metrics.jsonl`.
fn run_training(
    job: &Job<'_>,
    agent: &mut dyn Agent,
    envs: &mut VectorEnv<PromotionEnv>,
    length: &TrainConfig,
    seed: SeedTree,
) -> Result<String, RunError> {
    let name = agent.name().to_owned();
    let (mut lines, mut returns, mut reported) = (String::new(), Vec::new(), 0);
    let mut watch = |event: &TrainEvent| {
        let step = match event {
            TrainEvent::Episode { step, episode_return, .. } => {
                returns.push(*episode_return);
                if returns.len() == CURVE_EPISODES {
                    lines.push_str(&curve_line(*step, &returns));
                    returns.clear();
                }
                *step
            }
            TrainEvent::Update { step, .. } => {
                if let Ok(line) = serde_json::to_string(event) {
                    lines.push_str(&line);
                    lines.push('\n');
                }
                *step
            }
        };
        if step >= reported + length.steps / 50 {
            reported = step;
            job.observer.progress(Stage::Train, step, length.steps, &name);
        }
        ControlFlow::Continue(())
    };
    train(agent, envs, length, seed.child("loop"), &mut watch)?;
    Ok(lines)
}

fn curve_line(step: u64, returns: &[f64]) -> String {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let (episodes, standard_error) = (returns.len(), (variance / n).sqrt());
    let point = CurvePoint { step, episodes, mean_return: mean, standard_error };
    serde_json::to_string(&point).map_or_else(|_| String::new(), |line| line + "\n")
}
