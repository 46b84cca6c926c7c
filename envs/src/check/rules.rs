//! The plays behind each rule.

use super::{CheckReport, Rule, RuleReport, Verdict};
use crate::env::{Env, EnvSpec, Step};
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::ActionId;

/// Episodes that are played for each rule.
const EPISODES: usize = 3;
/// Steps after which an episode without an end is left.
const LONGEST: u32 = 2_000;
/// Episodes compared with each other to find out what chance decides.
const COMPARED: u64 = 12;
/// Steps of each of them.
const COMPARED_STEPS: u32 = 64;

/// Runs every play.
pub(super) fn play_all(make: &mut dyn FnMut() -> Box<dyn Env>, seed: u64) -> CheckReport {
    let mut first = make();
    let mut report = Notes::new(first.spec().clone());
    check_spec(&mut report);
    expect_reset_needed(first.as_mut(), "before the first reset", &mut report);
    let play = play_episodes(first.as_mut(), seed, false, &mut report);
    let again = play_episodes(first.as_mut(), seed, false, &mut report);
    let used = "the same environment after another reset";
    report.same(Rule::Determinism, used, &play, &again);
    let twin = play_episodes(make().as_mut(), seed, false, &mut report);
    report.same(Rule::Determinism, "another environment of the same kind", &play, &twin);
    let poked = play_episodes(make().as_mut(), seed, true, &mut report);
    let refused = "the same play with refused actions in between";
    report.same(Rule::InvalidAction, refused, &play, &poked);
    check_chance(make().as_mut(), seed, &mut report);
    report.finish()
}

/// The verdicts as they come in.
struct Notes {
    spec: EnvSpec,
    has_info: bool,
    /// By rule, in the order of [`Rule::ALL`].
    verdicts: [Verdict; Rule::ALL.len()],
}

impl Notes {
    fn new(spec: EnvSpec) -> Self {
        Self { spec, has_info: false, verdicts: [const { Verdict::Held }; Rule::ALL.len()] }
    }

    /// Notes a broken rule; only the first sighting of each is kept.
    fn note(&mut self, rule: Rule, message: String) {
        let verdict = &mut self.verdicts[rule as usize];
        if !matches!(verdict, Verdict::Broken(_)) {
            *verdict = Verdict::Broken(message);
        }
    }

    fn not_applicable(&mut self, rule: Rule, why: &'static str) {
        let verdict = &mut self.verdicts[rule as usize];
        if *verdict == Verdict::Held {
            *verdict = Verdict::NotApplicable(why);
        }
    }

    fn same(&mut self, rule: Rule, what: &str, expected: &[Moment], got: &[Moment]) {
        let differs = expected.iter().zip(got).position(|(a, b)| a != b);
        let length = (expected.len() != got.len()).then(|| expected.len().min(got.len()));
        if let Some(at) = differs.or(length) {
            let found = format!("expected {what} to repeat the trajectory, differs at moment {at}");
            self.note(rule, found);
        }
    }

    fn finish(mut self) -> CheckReport {
        if !self.has_info {
            self.not_applicable(Rule::Info, "it gives no info");
        }
        let line = |(rule, verdict)| RuleReport { rule, verdict };
        let rules = Rule::ALL.into_iter().zip(self.verdicts).map(line).collect();
        CheckReport { id: self.spec.id, rules }
    }
}

/// What can be seen at one point of a trajectory, as bits so that it can be compared exactly.
#[derive(PartialEq)]
struct Moment {
    observation: Vec<u32>,
    mask: Vec<bool>,
    outcome: Option<(u64, bool, bool)>,
}

impl Moment {
    fn of(env: &dyn Env, step: Option<Step>) -> Self {
        Self {
            observation: env.observation().iter().map(|x| x.to_bits()).collect(),
            mask: env.action_mask().flags().to_vec(),
            outcome: step.map(|s| (s.reward.to_bits(), s.terminated, s.truncated)),
        }
    }
}

fn check_spec(report: &mut Notes) {
    let spec = report.spec.clone();
    let version = spec.id.rsplit_once("-v").map_or("", |(_, version)| version);
    if version.parse::<u32>().is_err() {
        let found =
            format!("expected an id that ends in a version such as `-v0`, got `{}`", spec.id);
        report.note(Rule::Spec, found);
    }
    if spec.n_actions == 0 {
        report.note(Rule::Spec, "expected at least one action, got none".into());
    }
    let space = &spec.observation_space;
    if space.n_features() == 0 {
        report.note(Rule::Spec, "expected at least one feature, got none".into());
    }
    if let Some(at) =
        space.low().iter().zip(space.high()).position(|(l, h)| l.is_nan() || h.is_nan())
    {
        report
            .note(Rule::Spec, format!("expected bounds that are numbers, got NaN at feature {at}"));
    }
    if spec.horizon == Some(0) {
        report.note(Rule::Spec, "expected a horizon of at least 1, got 0".into());
    }
    if spec.horizon.is_none() {
        report.not_applicable(Rule::Horizon, "the spec states no horizon");
    }
}

/// The first episode is seeded, the others continue the stream.
fn play_episodes(env: &mut dyn Env, seed: u64, poke: bool, report: &mut Notes) -> Vec<Moment> {
    let mut choices = SeedTree::new(seed).child("check-actions").stream();
    let mut moments = Vec::new();
    for episode in 0..EPISODES {
        env.reset((episode == 0).then_some(seed));
        moments.push(Moment::of(env, None));
        check_state(env, report);
        play_one(env, &mut choices, poke, &mut moments, report);
    }
    if *env.spec() != report.spec {
        report.note(Rule::Spec, "expected a spec that never changes, it did during play".into());
    }
    moments
}

fn play_one(
    env: &mut dyn Env,
    choices: &mut Stream,
    poke: bool,
    moments: &mut Vec<Moment>,
    report: &mut Notes,
) {
    for elapsed in 1..=LONGEST {
        if poke {
            poke_invalid(env, report);
        }
        let action = env.action_mask().sample(choices);
        let step = match env.step(action) {
            Ok(step) => step,
            Err(error) => {
                let found = format!("expected allowed action {action} to run, {error}");
                report.note(Rule::Mask, found);
                return;
            }
        };
        moments.push(Moment::of(env, Some(step)));
        check_state(env, report);
        check_step(env, step, elapsed, report);
        if step.is_last() {
            expect_reset_needed(env, "after the last step of an episode", report);
            return;
        }
        if env.spec().horizon.is_some_and(|horizon| elapsed >= horizon) {
            return;
        }
    }
}

fn check_step(env: &dyn Env, step: Step, elapsed: u32, report: &mut Notes) {
    if !step.reward.is_finite() {
        let found = format!("expected a finite reward, got {} at step {elapsed}", step.reward);
        report.note(Rule::Reward, found);
    }
    let horizon = env.spec().horizon;
    if !step.is_last() && horizon.is_some_and(|horizon| elapsed >= horizon) {
        let found = format!("expected the episode to be over at step {elapsed}, it goes on");
        report.note(Rule::Horizon, found);
    }
    if step.truncated && horizon.is_none_or(|horizon| elapsed < horizon) {
        let limit = horizon.map_or_else(|| "no horizon".to_owned(), |h| format!("horizon {h}"));
        let found = format!("expected truncation at {limit} only, got it at step {elapsed}");
        report.note(Rule::Horizon, found);
    }
}

fn check_state(env: &dyn Env, report: &mut Notes) {
    let (spec, observation, mask) = (env.spec(), env.observation(), env.action_mask());
    let space = &spec.observation_space;
    if observation.len() != space.n_features() {
        let (expected, got) = (space.n_features(), observation.len());
        report.note(Rule::Observation, format!("expected {expected} features, got {got}"));
    } else if !space.contains(observation) {
        let bounds = space.low().iter().zip(space.high());
        let outside = observation
            .iter()
            .zip(bounds)
            .position(|(x, (low, high))| !(x.is_finite() && low <= x && x <= high))
            .unwrap_or(0);
        let (low, high) = (space.low()[outside], space.high()[outside]);
        let got = observation[outside];
        let found = format!("expected feature {outside} within [{low}, {high}], got {got}");
        report.note(Rule::Observation, found);
    }
    if mask.n_actions() != spec.n_actions {
        let (expected, got) = (spec.n_actions, mask.n_actions());
        report.note(Rule::Mask, format!("expected {expected} flags, got {got}"));
    }
    if mask.n_allowed() == 0 {
        report.note(Rule::Mask, "expected at least one allowed action, got none".into());
    }
    let info = env.info();
    report.has_info |= !info.is_empty();
    if let Some((name, value)) = info.iter().find(|(_, value)| !value.is_finite()) {
        report.note(Rule::Info, format!("expected a finite `{name}`, got {value}"));
    }
}

fn expect_reset_needed(env: &mut dyn Env, when: &str, report: &mut Notes) {
    let action = env.action_mask().allowed().next().unwrap_or(0);
    let got = env.step(action);
    if got != Err(EnvError::ResetNeeded) {
        report.note(Rule::ResetNeeded, format!("expected `ResetNeeded` {when}, got {got:?}"));
    }
}

/// Tries every masked action and one that does not exist.
fn poke_invalid(env: &mut dyn Env, report: &mut Notes) {
    let n_actions = env.spec().n_actions;
    let masked = (0..n_actions).filter(|&action| !env.action_mask().allows(action));
    let invalid: Vec<ActionId> = masked.chain([n_actions, usize::MAX]).collect();
    for action in invalid {
        let before = Moment::of(env, None);
        let got = env.step(action);
        let expected =
            EnvError::InvalidAction { got: action, n_actions, masked: action < n_actions };
        if got.as_ref() != Err(&expected) {
            report.note(Rule::InvalidAction, format!("expected {expected:?}, got {got:?}"));
        }
        if Moment::of(env, None) != before {
            let found = format!("expected refused action {action} to change nothing, it did");
            report.note(Rule::InvalidAction, found);
        }
    }
}

/// Plays episodes that differ in nothing but luck: once each with its own seed, once on one stream.
///
/// A world in which neither differs has no randomness that can be seen. One in which only one of them
/// differs takes its randomness from elsewhere or does not keep it.
fn check_chance(env: &mut dyn Env, seed: u64, report: &mut Notes) {
    let episode = |env: &mut dyn Env, seed: Option<u64>| {
        env.reset(seed);
        let mut choices = SeedTree::new(0).child("check-chance").stream();
        let mut moments = vec![Moment::of(env, None)];
        for _ in 0..COMPARED_STEPS {
            let Ok(step) = env.step(env.action_mask().sample(&mut choices)) else { break };
            moments.push(Moment::of(env, Some(step)));
            if step.is_last() {
                break;
            }
        }
        moments
    };
    let first = episode(env, Some(seed));
    let seeds_matter = (1..COMPARED).any(|i| {
        let other = SeedTree::new(seed).index(i).seed();
        episode(env, Some(other)) != first
    });
    let repeats = episode(env, Some(seed)) == first;
    let stream_runs_on = (1..COMPARED).any(|_| episode(env, None) != first);
    if !repeats {
        // Reported under determinism; whatever differs here says nothing about seeds.
        report.not_applicable(Rule::Seeds, "one seed does not repeat its trajectory");
        report.not_applicable(Rule::Stream, "one seed does not repeat its trajectory");
        return;
    }
    match (seeds_matter, stream_runs_on) {
        (true, true) => {}
        (false, false) => {
            report.not_applicable(Rule::Seeds, "no chance was seen in the world");
            report.not_applicable(Rule::Stream, "no chance was seen in the world");
        }
        (true, false) => {
            let n = COMPARED - 1;
            let found = format!(
                "expected a reset without a seed to continue the stream, got the same episode {n} times"
            );
            report.note(Rule::Stream, found);
        }
        (false, true) => {
            let found = format!(
                "expected {COMPARED} seeds to give different episodes, got the same one, though \
                 episodes on one stream differ"
            );
            report.note(Rule::Seeds, found);
        }
    }
}
