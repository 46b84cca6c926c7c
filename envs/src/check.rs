//! A test bench for environments: does this world keep the contract that learners rely on?

mod rules;
#[cfg(test)]
mod tests;

use crate::env::Env;
use serde::Serialize;
use std::fmt;

/// A promise that every environment makes; the order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// A versioned id, at least one feature and one action, bounds that are numbers, and a spec that
    /// never changes.
    Spec,
    /// The observation has the right length, is finite and lies within the space, at reset and after
    /// each step.
    Observation,
    /// The mask has the right length and allows an action, and every allowed action runs.
    Mask,
    /// Every reward is finite.
    Reward,
    /// Every figure of `info` is finite.
    Info,
    /// One seed, one trajectory, bit for bit, also when the same environment is used again.
    Determinism,
    /// Different seeds give different trajectories where the world is random.
    Seeds,
    /// A `reset` without a seed continues the random stream instead of repeating the episode.
    Stream,
    /// A step before the first reset and after the last step is refused.
    ResetNeeded,
    /// A masked action and one that does not exist are refused, without any effect.
    InvalidAction,
    /// The episode is over at the horizon at the latest, and truncated nowhere else.
    Horizon,
}

impl Rule {
    /// Every rule, in the order of the report.
    pub const ALL: [Self; 11] = [
        Self::Spec,
        Self::Observation,
        Self::Mask,
        Self::Reward,
        Self::Info,
        Self::Determinism,
        Self::Seeds,
        Self::Stream,
        Self::ResetNeeded,
        Self::InvalidAction,
        Self::Horizon,
    ];

    /// The name in reports, such as `"reset-needed"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Observation => "observation",
            Self::Mask => "mask",
            Self::Reward => "reward",
            Self::Info => "info",
            Self::Determinism => "determinism",
            Self::Seeds => "seeds",
            Self::Stream => "stream",
            Self::ResetNeeded => "reset-needed",
            Self::InvalidAction => "invalid-action",
            Self::Horizon => "horizon",
        }
    }
}

/// How a rule fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "message", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing that was played broke it.
    Held,
    /// What was expected, what was found, and where it was seen first.
    Broken(String),
    /// Why there was nothing to check.
    NotApplicable(&'static str),
}

/// A rule with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// The rule.
    pub rule: Rule,
    /// How it fared.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What was seen of an environment, one line per rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Name of the environment.
    pub id: String,
    /// Every rule in the order of [`Rule::ALL`].
    pub rules: Vec<RuleReport>,
}

impl CheckReport {
    /// Whether no rule was seen broken.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.rules.iter().all(|line| !matches!(line.verdict, Verdict::Broken(_)))
    }

    /// The broken rules.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let broken = |line: &RuleReport| match &line.verdict {
            Verdict::Broken(message) => {
                Some(Violation { rule: line.rule.name(), message: message.clone() })
            }
            Verdict::Held | Verdict::NotApplicable(_) => None,
        };
        self.rules.iter().filter_map(broken).collect()
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.id)?;
        for RuleReport { rule, verdict } in &self.rules {
            let name = rule.name();
            match verdict {
                Verdict::Held => writeln!(f, "  {name:<15} held")?,
                Verdict::Broken(message) => writeln!(f, "  {name:<15} BROKEN: {message}")?,
                Verdict::NotApplicable(why) => writeln!(f, "  {name:<15} not applicable: {why}")?,
            }
        }
        Ok(())
    }
}

/// A broken promise, with the first place where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule, such as `"determinism"`.
    pub rule: &'static str,
    /// What was expected, what was found, and where.
    pub message: String,
}

/// Plays an environment and says of every rule of the [`Env`] contract whether it held.
///
/// Only what random play reaches is checked: a handful of episodes of at most 2,000 steps, with
/// actions drawn uniformly from the mask. Whether a world is random is inferred from play: seeds are
/// only held to differ once something in the world did. A wrapper that learns from what it sees, such
/// as a running normalisation, cannot repeat a trajectory; freeze it before checking.
pub fn report_on(make: &mut dyn FnMut() -> Box<dyn Env>, seed: u64) -> CheckReport {
    rules::play_all(make, seed)
}

/// Every rule of the [`Env`] contract that an environment breaks, at most once each; an empty answer
/// means that none was seen broken. See [`report_on`], which also says what was held.
pub fn check_env(make: &mut dyn FnMut() -> Box<dyn Env>, seed: u64) -> Vec<Violation> {
    report_on(make, seed).violations()
}
