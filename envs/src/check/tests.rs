//! A sound environment passes, and every fault is found under its rule.

use super::*;
use crate::diagnostic::{Chain, KnownBandit};
use crate::env::{EnvSpec, Step};
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask};
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
    TruncatesEarly,
    SameForEverySeed,
    RepeatsTheEpisode,
    InfiniteInfo,
    NoVersion,
    ChangesSpec,
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
    last_seed: u64,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        let inner = KnownBandit::masked(4, 0.5, 20).expect("valid noise");
        let mut spec = inner.spec().clone();
        match fault {
            Fault::OverrunsHorizon => spec.horizon = Some(10),
            Fault::TruncatesEarly => spec.horizon = Some(30),
            Fault::NoVersion => spec.id = "Broken".into(),
            _ => {}
        }
        let (observation, mask) = (inner.observation().to_vec(), ActionMask::all(4));
        Self { inner, fault, observation, mask, spec, ended: false, last_seed: 0 }
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
        self.last_seed = seed.unwrap_or(self.last_seed);
        self.inner.reset(match self.fault {
            Fault::ForgetsSeed => Some(birth),
            Fault::SameForEverySeed => seed.map(|_| 7),
            Fault::RepeatsTheEpisode => Some(self.last_seed),
            _ => seed,
        });
        if self.fault == Fault::ChangesSpec {
            self.spec.n_actions = 3;
        }
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

    fn info(&self) -> Vec<(&'static str, f64)> {
        let infinite = self.fault == Fault::InfiniteInfo && self.ended;
        vec![("figure", if infinite { f64::INFINITY } else { 1.0 })]
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
        (Fault::TruncatesEarly, "horizon"),
        (Fault::SameForEverySeed, "seeds"),
        (Fault::RepeatsTheEpisode, "stream"),
        (Fault::InfiniteInfo, "info"),
        (Fault::NoVersion, "spec"),
        (Fault::ChangesSpec, "spec"),
    ] {
        let rules = rules_broken_by(fault);
        assert!(rules.contains(&rule), "{rule} not in {rules:?}");
    }
}

#[test]
fn the_report_has_a_line_for_every_rule() {
    let report = report_on(&mut || Box::new(Broken::new(Fault::NanReward)), 1);
    assert!(!report.is_sound());
    let rules: Vec<Rule> = report.rules.iter().map(|line| line.rule).collect();
    assert_eq!(rules, Rule::ALL);
    assert!(rules.iter().enumerate().all(|(i, &rule)| rule as usize == i));
    let shown = report.to_string();
    assert!(shown.contains("reward          BROKEN: expected a finite reward, got NaN at step 1"));
    assert!(shown.contains("seeds           held"));
}

#[test]
fn a_world_without_chance_and_info_has_nothing_to_check_there() {
    let report = report_on(&mut || Box::new(Chain::new(4, false)), 1);
    assert!(report.is_sound());
    let not_applicable = |line: &&RuleReport| matches!(line.verdict, Verdict::NotApplicable(_));
    let rules: Vec<Rule> = report.rules.iter().filter(not_applicable).map(|l| l.rule).collect();
    assert_eq!(rules, [Rule::Info, Rule::Seeds, Rule::Stream]);
}
