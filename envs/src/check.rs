//! A test bench for environments: does this world keep the contract that learners rely on?

use crate::env::{Env, Step};
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::ActionId;

/// Episodes that are played for each rule.
const EPISODES: usize = 3;
/// Steps after which an episode without an end is left.
const LONGEST: u32 = 2_000;

/// A broken promise, with the first place where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule, such as `"determinism"`.
    pub rule: &'static str,
    /// What was expected, what was found, and where.
    pub message: String,
}

/// Plays an environment and reports every rule of the [`Env`] contract that it breaks, at most once
/// each; an empty answer means that none was seen broken.
///
/// Rules: `observation` (length, finite, within the space), `mask` (length, at least one action),
/// `reward` (finite), `determinism` (one seed, one trajectory, bit for bit, also when the same
/// environment is used again), `reset-needed` (before the first reset and after the last step),
/// `invalid-action` (refused, and without any effect), `horizon` (the episode is over at the
/// horizon at the latest). A `reset` without a seed continues the stream, so it need not repeat.
///
/// Only what random play reaches is checked.
pub fn check_env(make: &mut dyn FnMut() -> Box<dyn Env>, seed: u64) -> Vec<Violation> {
    let mut report = Report::default();
    let mut first = make();
    check_fresh(first.as_mut(), &mut report);
    let play = play_episodes(first.as_mut(), seed, false, &mut report);
    let again = play_episodes(first.as_mut(), seed, false, &mut report);
    report.same("determinism", "the same environment after another reset", &play, &again);
    let twin = play_episodes(make().as_mut(), seed, false, &mut report);
    report.same("determinism", "another environment of the same kind", &play, &twin);
    let poked = play_episodes(make().as_mut(), seed, true, &mut report);
    report.same("invalid-action", "the same play with refused actions in between", &play, &poked);
    report.violations
}

#[derive(Default)]
struct Report {
    violations: Vec<Violation>,
}

impl Report {
    /// Notes a broken rule; only the first sighting of each is kept.
    fn note(&mut self, rule: &'static str, message: String) {
        if self.violations.iter().all(|violation| violation.rule != rule) {
            self.violations.push(Violation { rule, message });
        }
    }

    fn same(&mut self, rule: &'static str, what: &str, expected: &[Moment], got: &[Moment]) {
        let differs = expected.iter().zip(got).position(|(a, b)| a != b);
        let length = (expected.len() != got.len()).then(|| expected.len().min(got.len()));
        if let Some(at) = differs.or(length) {
            let found = format!("expected {what} to repeat the trajectory, differs at moment {at}");
            self.note(rule, found);
        }
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

fn check_fresh(env: &mut dyn Env, report: &mut Report) {
    if env.spec().n_actions == 0 {
        report.note("mask", "expected at least one action in the spec, got none".into());
    }
    expect_reset_needed(env, "before the first reset", report);
}

/// The first episode is seeded, the others continue the stream.
fn play_episodes(env: &mut dyn Env, seed: u64, poke: bool, report: &mut Report) -> Vec<Moment> {
    let mut choices = SeedTree::new(seed).child("check-actions").stream();
    let mut moments = Vec::new();
    for episode in 0..EPISODES {
        env.reset((episode == 0).then_some(seed));
        moments.push(Moment::of(env, None));
        check_state(env, report);
        play_one(env, &mut choices, poke, &mut moments, report);
    }
    moments
}

fn play_one(
    env: &mut dyn Env,
    choices: &mut Stream,
    poke: bool,
    moments: &mut Vec<Moment>,
    report: &mut Report,
) {
    for elapsed in 1..=LONGEST {
        if poke {
            poke_invalid(env, report);
        }
        let action = env.action_mask().sample(choices);
        let step = match env.step(action) {
            Ok(step) => step,
            Err(error) => {
                report.note("mask", format!("expected allowed action {action} to run, {error}"));
                return;
            }
        };
        moments.push(Moment::of(env, Some(step)));
        check_state(env, report);
        if !step.reward.is_finite() {
            let found = format!("expected a finite reward, got {} at step {elapsed}", step.reward);
            report.note("reward", found);
        }
        if step.is_last() {
            expect_reset_needed(env, "after the last step of an episode", report);
            return;
        }
        if env.spec().horizon.is_some_and(|horizon| elapsed >= horizon) {
            let found = format!("expected the episode to be over at step {elapsed}, it goes on");
            report.note("horizon", found);
            return;
        }
    }
}

fn check_state(env: &dyn Env, report: &mut Report) {
    let (spec, observation, mask) = (env.spec(), env.observation(), env.action_mask());
    let space = &spec.observation_space;
    if observation.len() != space.n_features() {
        let (expected, got) = (space.n_features(), observation.len());
        report.note("observation", format!("expected {expected} features, got {got}"));
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
        report.note("observation", found);
    }
    if mask.n_actions() != spec.n_actions {
        let (expected, got) = (spec.n_actions, mask.n_actions());
        report.note("mask", format!("expected {expected} flags, got {got}"));
    }
    if mask.n_allowed() == 0 {
        report.note("mask", "expected at least one allowed action, got none".into());
    }
}

fn expect_reset_needed(env: &mut dyn Env, when: &str, report: &mut Report) {
    let action = env.action_mask().allowed().next().unwrap_or(0);
    let got = env.step(action);
    if got != Err(EnvError::ResetNeeded) {
        report.note("reset-needed", format!("expected `ResetNeeded` {when}, got {got:?}"));
    }
}

/// Tries every masked action and one that does not exist.
fn poke_invalid(env: &mut dyn Env, report: &mut Report) {
    let n_actions = env.spec().n_actions;
    let masked = (0..n_actions).filter(|&action| !env.action_mask().allows(action));
    let invalid: Vec<ActionId> = masked.chain([n_actions, usize::MAX]).collect();
    for action in invalid {
        let before = Moment::of(env, None);
        let got = env.step(action);
        let expected =
            EnvError::InvalidAction { got: action, n_actions, masked: action < n_actions };
        if got.as_ref() != Err(&expected) {
            report.note("invalid-action", format!("expected {expected:?}, got {got:?}"));
        }
        if Moment::of(env, None) != before {
            let found = format!("expected refused action {action} to change nothing, it did");
            report.note("invalid-action", found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::KnownBandit;
    use crate::env::EnvSpec;
    use crate::space::ActionMask;
    use std::cell::Cell;

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        LongObservation,
        OutsideSpace,
        ShortMask,
        NanReward,
        ForgetsSeed,
        StepsBeforeReset,
        StepsAfterEnd,
        AcceptsMasked,
        ChangesOnRefusal,
        OverrunsHorizon,
    }

    thread_local! {
        static BIRTHS: Cell<u64> = const { Cell::new(0) };
    }

    /// A correct masked bandit with one fault laid over it.
    struct Broken {
        inner: KnownBandit,
        fault: Fault,
        observation: Vec<f32>,
        mask: ActionMask,
        spec: EnvSpec,
        ended: bool,
    }

    impl Broken {
        fn new(fault: Fault) -> Self {
            let inner = KnownBandit::masked(4, 0.5, 20).expect("valid noise");
            let mut spec = inner.spec().clone();
            if fault == Fault::OverrunsHorizon {
                spec.horizon = Some(10);
            }
            let (observation, mask) = (inner.observation().to_vec(), ActionMask::all(4));
            Self { inner, fault, observation, mask, spec, ended: false }
        }

        fn refresh(&mut self) {
            self.observation = self.inner.observation().to_vec();
            self.mask = self.inner.action_mask().clone();
            match self.fault {
                Fault::LongObservation => self.observation.push(0.0),
                Fault::OutsideSpace => self.observation[2] += 3.0,
                Fault::ShortMask => self.mask = ActionMask::all(3),
                _ => {}
            }
        }
    }

    impl Env for Broken {
        fn spec(&self) -> &EnvSpec {
            &self.spec
        }

        fn reset(&mut self, seed: Option<u64>) {
            let birth = BIRTHS.replace(BIRTHS.get() + 1);
            let forgets = self.fault == Fault::ForgetsSeed;
            self.inner.reset(if forgets { Some(birth) } else { seed });
            self.ended = false;
            self.refresh();
        }

        fn observation(&self) -> &[f32] {
            &self.observation
        }

        fn action_mask(&self) -> &ActionMask {
            &self.mask
        }

        fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
            let harmless = Step { reward: 0.0, terminated: false, truncated: false };
            let mut result = self.inner.step(action);
            match (self.fault, &mut result) {
                (Fault::NanReward, Ok(step)) => step.reward = f64::NAN,
                (Fault::StepsBeforeReset, Err(EnvError::ResetNeeded)) if !self.ended => {
                    return Ok(harmless);
                }
                (Fault::StepsAfterEnd, Err(EnvError::ResetNeeded)) if self.ended => {
                    return Ok(harmless);
                }
                (Fault::AcceptsMasked, Err(EnvError::InvalidAction { masked: true, .. })) => {
                    return Ok(harmless);
                }
                (Fault::ChangesOnRefusal, Err(EnvError::InvalidAction { .. })) => {
                    // Invisible at once: only the random stream has moved.
                    let refusal = result.clone();
                    let _ = self.inner.step(self.inner.optimal_action());
                    return refusal;
                }
                _ => {}
            }
            self.ended = result.as_ref().is_ok_and(Step::is_last);
            self.refresh();
            result
        }
    }

    fn rules_broken_by(fault: Fault) -> Vec<&'static str> {
        let violations = check_env(&mut || Box::new(Broken::new(fault)), 1);
        violations.into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_sound_environment_has_no_violation() {
        assert_eq!(rules_broken_by(Fault::None), [""; 0]);
    }

    #[test]
    fn every_fault_is_found_under_its_rule() {
        for (fault, rule) in [
            (Fault::LongObservation, "observation"),
            (Fault::OutsideSpace, "observation"),
            (Fault::ShortMask, "mask"),
            (Fault::NanReward, "reward"),
            (Fault::ForgetsSeed, "determinism"),
            (Fault::StepsBeforeReset, "reset-needed"),
            (Fault::StepsAfterEnd, "reset-needed"),
            (Fault::AcceptsMasked, "invalid-action"),
            (Fault::ChangesOnRefusal, "invalid-action"),
            (Fault::OverrunsHorizon, "horizon"),
        ] {
            let rules = rules_broken_by(fault);
            assert!(rules.contains(&rule), "{rule} not in {rules:?}");
        }
    }
}
