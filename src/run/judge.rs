//! Judging: the leaderboard, off-policy evaluation on the log, the simulated A/B test and the gate.

use super::error::RunError;
use super::exposures::logged_decisions;
use super::folder::write_json;
use super::learn::{CONTROL, CURRENT};
use super::load::TrainedPolicy;
use super::stage::{Job, Stage};
use crate::demand::Ground;
use crate::demand::world::evenly;
use crate::evaluate::budget::{BudgetPrice, price_for_budget};
use crate::evaluate::rollout::{ActionMix, Stage as Playground};
use crate::evaluate::{
    ArmOutcomes, Comparison, GateDecision, GateQuestion, Leaderboard, OpeInput, OpeReport,
    RewardModelSettings, RewardPredictions, Roles, SimulatedOutcomes, SimulatedTest,
    TargetProbabilities, judge_logged,
};
use promopt_envs::SeedTree;
use promopt_envs::retail::{CustomerHistory, DemandModel, PromotionConfig, PromotionWorld};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// First identifiers of the worlds of the leaderboard and of the A/B test; training worlds count
/// from 0.
const JUDGE_WORLDS: u64 = 1_000;
const TEST_WORLDS: u64 = 2_000;

/// What the evaluate stage found, `evaluation/judge/judge.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Judged {
    /// Policy that goes on to the A/B test and the export.
    pub(super) chosen: String,
    /// All policies on the same customers and luck.
    pub(super) leaderboard: Leaderboard,
    /// Off-policy evaluation of the chosen policy; `None` without logged actions.
    pub(super) off_policy: Option<OpeReport>,
    /// Logged decisions it rests on.
    pub(super) logged_decisions: usize,
}

/// What the A/B stage found, `evaluation/abtest/abtest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tested {
    /// Against no offers.
    pub(super) over_control: Comparison,
    /// Against what is done today.
    pub(super) over_current: Comparison,
    /// The verdict.
    pub(super) gate: GateDecision,
    /// How often the policy takes each action, by persona.
    pub(super) action_mix: ActionMix,
    /// Customers still around, whom the yearly figure is for.
    pub(super) active_customers: usize,
}

impl Job<'_> {
    pub(super) fn judged(&self) -> Result<Judged, RunError> {
        self.folder.read("evaluation/judge/judge.json", "evaluate")
    }

    pub(super) fn tested(&self) -> Result<Tested, RunError> {
        self.folder.read("evaluation/abtest/abtest.json", "abtest simulate")
    }

    /// The policy that won the leaderboard.
    pub(super) fn chosen(&self) -> Result<TrainedPolicy, RunError> {
        let name = self.judged()?.chosen;
        let missing = || RunError::MissingStage {
            path: self.folder.path("agents/policies.json"),
            command: "train",
        };
        self.trained()?.into_iter().find(|p| p.name == name).ok_or_else(missing)
    }
}

/// Everything the judging stages start from.
fn arena(
    ground: &Ground<'_>,
    draws: &[DemandModel],
    lapse_weeks: u32,
    n_customers: usize,
) -> (PromotionWorld, usize) {
    let summaries: Vec<CustomerHistory> = ground.summaries(ground.history.n_weeks);
    let alive = ground.alive(&summaries, lapse_weeks);
    let some = evenly(&alive, n_customers);
    (ground.world(draws.to_vec(), &summaries, &some, ground.history.n_weeks), alive.len())
}

fn simulated_test(
    world: &PromotionWorld,
    names: &[&str],
    arms: Vec<ArmOutcomes>,
    (n_weeks, first_world): (u32, u64),
) -> Result<SimulatedTest, RunError> {
    let outcomes = SimulatedOutcomes {
        n_weeks,
        worlds: (0..world.draws.len() as u64).map(|i| first_world + i).collect(),
        persona_names: names.iter().map(|&n| n.to_owned()).collect(),
        personas: world.starts.iter().map(|s| s.persona).collect(),
        arms,
    };
    Ok(SimulatedTest::new(outcomes)?)
}

/// The price at which a trained policy (the leaderboard's winner when not named) keeps to a budget
/// of promotion spend per customer-week, in the worlds of the leaderboard.
///
/// # Errors
/// [`RunError`] when no such policy was trained, or none of its prices fits the budget.
pub fn budget_price(
    job: &Job<'_>,
    policy: Option<&str>,
    spend: f64,
) -> Result<(String, BudgetPrice), RunError> {
    let name = match policy {
        Some(name) => name.to_owned(),
        None => job.judged()?.chosen,
    };
    let policies = job.trained()?;
    let Some(policy) = policies.iter().find(|policy| policy.name == name) else {
        let known: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
        return Err(RunError::Config(format!(
            "expected one of {known:?} for --policy, got `{name}`"
        )));
    };
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let (settings, environment) = (&job.config.judge, &job.config.environment);
    let (lapse, n_customers) = (environment.lapse_weeks, settings.leaderboard_customers);
    let (world, _) = arena(&ground, &job.fitted()?.judge, lapse, n_customers);
    let config = PromotionConfig { expected_reward: true, ..environment.clone() };
    let (seed, weeks) = (SeedTree::new(job.config.seed).child("leaderboard"), config.horizon);
    let playground = Playground::new(Arc::new(world), config, seed);
    let found = price_for_budget(&playground, &policy.policy, spend, weeks, settings.level)
        .map_err(Box::new)?;
    Ok((name, found))
}

/// Plays every policy on the same customers, and evaluates the winner on the log.
pub(super) fn evaluate(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let fitted = job.fitted()?;
    let policies = job.trained()?;
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let lapse = job.config.environment.lapse_weeks;
    let (world, _) = arena(&ground, &fitted.judge, lapse, job.config.judge.leaderboard_customers);
    let world = Arc::new(world);
    // Expected margins given the state: the same means as realised ones, with less noise.
    let config = PromotionConfig { expected_reward: true, ..job.config.environment.clone() };
    let n_weeks = config.horizon;
    let seed = SeedTree::new(job.config.seed).child("leaderboard");
    let playground = Playground::new(Arc::clone(&world), config, seed);
    let mut arms = Vec::with_capacity(policies.len());
    for (i, policy) in policies.iter().enumerate() {
        job.observer.progress(Stage::Evaluate, i as u64, policies.len() as u64, &policy.name);
        arms.push(playground.arm(&policy.name, &policy.policy)?.0);
    }
    let persona_file = job.personas()?;
    let persona_names: Vec<&str> = persona_file.model.names().collect();
    let test = simulated_test(&world, &persona_names, arms, (n_weeks, JUDGE_WORLDS))?;
    let simple_rules: Vec<String> =
        policies.iter().filter(|p| !p.learned).map(|p| p.name.clone()).collect();
    let roles = Roles { control: CONTROL, current: CURRENT, simple_rules: &simple_rules };
    let leaderboard = Leaderboard::new(&test, roles, job.config.judge.level)?;
    let chosen = choose(&leaderboard);
    let winner = policies.iter().find(|p| p.name == chosen);
    let current = policies.iter().find(|p| p.name == CURRENT);
    let log = logged_decisions(&ground, fitted.train_end..history.n_weeks, current)?;
    let (off_policy, logged_decisions) = match (log, winner) {
        (Some((log, logged)), Some(winner)) => {
            let target = TargetProbabilities::from_policy(&winner.policy, &log)?;
            let model = RewardPredictions::cross_fit(&log, &RewardModelSettings::default())?;
            let input = OpeInput::new(&log, &target, &model)?;
            (Some(judge_logged(&input, logged, job.config.judge.level)?), log.len())
        }
        _ => (None, 0),
    };
    let judged = Judged { chosen, leaderboard, off_policy, logged_decisions };
    job.folder.replace("evaluation/judge", |dir| write_json(&dir.join("judge.json"), &judged))
}

/// The policy that goes on: the best one, unless its own interval over making no offers reaches zero.
/// No offers go on then: nobody should be paid for a maybe. The gate decides later, on other draws.
fn choose(leaderboard: &Leaderboard) -> String {
    let best = leaderboard.rows.iter().find(|row| row.policy == leaderboard.best);
    let gain = best.and_then(|row| row.over_control.as_ref());
    let tied = gain.is_some_and(|gain| gain.lower <= 0.0);
    if tied { CONTROL.to_owned() } else { leaderboard.best.clone() }
}

/// Control, current and policy on fresh luck, realised week by week; then the gate.
pub(super) fn abtest(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let fitted = job.fitted()?;
    let policies = job.trained()?;
    let chosen = job.chosen()?;
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let lapse = job.config.environment.lapse_weeks;
    let (world, active_customers) =
        arena(&ground, &fitted.test, lapse, job.config.judge.abtest_customers);
    let world = Arc::new(world);
    let config = PromotionConfig { expected_reward: false, ..job.config.environment.clone() };
    let n_weeks = config.horizon;
    let seed = SeedTree::new(job.config.seed).child("abtest");
    let playground = Playground::new(Arc::clone(&world), config, seed);
    let mut arms = Vec::new();
    for name in [CONTROL, CURRENT] {
        job.observer.progress(Stage::AbTest, arms.len() as u64, 3, name);
        if let Some(rule) = policies.iter().find(|p| p.name == name) {
            arms.push(playground.arm(name, &rule.policy)?.0);
        }
    }
    job.observer.progress(Stage::AbTest, 2, 3, "policy");
    let (arm, action_mix) = playground.arm("policy", &chosen.policy)?;
    arms.push(arm);
    let persona_file = job.personas()?;
    let persona_names: Vec<&str> = persona_file.model.names().collect();
    let test = simulated_test(&world, &persona_names, arms, (n_weeks, TEST_WORLDS))?;
    let level = job.config.judge.level;
    let leaderboard_worlds = JUDGE_WORLDS..JUDGE_WORLDS + fitted.judge.len() as u64;
    let training_worlds: Vec<u64> =
        (0..fitted.train.len() as u64).chain(leaderboard_worlds).collect();
    let question = GateQuestion {
        policy: "policy",
        current: CURRENT,
        control: CONTROL,
        training_worlds: &training_worlds,
        level,
    };
    let tested = Tested {
        over_control: test.compare("policy", CONTROL, level)?,
        over_current: test.compare("policy", CURRENT, level)?,
        gate: GateDecision::decide(&test, question)?,
        action_mix,
        active_customers,
    };
    job.folder.replace("evaluation/abtest", |dir| write_json(&dir.join("abtest.json"), &tested))
}
