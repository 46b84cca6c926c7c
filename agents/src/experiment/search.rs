//! Finding settings with a stated budget: random search and successive halving.

use crate::error::{AgentError, require};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a setting may lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Range {
    /// A number between two others, all equally likely.
    Uniform {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A number whose logarithm is uniform, for what spans orders of magnitude.
    LogUniform {
        /// Smallest value, above 0.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A whole number, both ends included.
    Integer {
        /// Smallest value.
        low: u64,
        /// Largest value.
        high: u64,
    },
    /// One of a few values of any kind.
    Choice(Vec<Value>),
}

impl Range {
    fn validate(&self) -> Result<(), AgentError> {
        let (holds, expected) = match self {
            Self::Uniform { low, high } => {
                (low.is_finite() && high.is_finite() && low <= high, "finite low <= high")
            }
            Self::LogUniform { low, high } => {
                (*low > 0.0 && high.is_finite() && low <= high, "finite 0 < low <= high")
            }
            Self::Integer { low, high } => (low <= high, "low <= high"),
            Self::Choice(values) => (!values.is_empty(), "one or more values"),
        };
        require(holds, "search.space", expected, format!("{self:?}"))
    }

    fn draw(&self, rng: &mut Stream) -> Value {
        match self {
            Self::Uniform { low, high } => rng.random_range(*low..=*high).into(),
            Self::LogUniform { low, high } => {
                let draw: f64 = rng.random_range(low.ln()..=high.ln());
                draw.exp().clamp(*low, *high).into()
            }
            Self::Integer { low, high } => rng.random_range(*low..=*high).into(),
            Self::Choice(values) => values[rng.random_range(0..values.len())].clone(),
        }
    }
}

/// Ranges by the path of the field that they set, such as `"learning_rate.start"`.
pub type SearchSpace = BTreeMap<String, Range>;

/// Values by the path of the field that they set.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Settings(pub BTreeMap<String, Value>);

impl Settings {
    /// The configuration with these values in place of its own.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for a path that the configuration does not have or a value
    /// that it does not take.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, config: &T) -> Result<T, AgentError> {
        let wrong = |got: String| {
            let (field, expected) =
                ("search.space", "fields of the configuration and their values");
            AgentError::InvalidConfig { field, expected, got }
        };
        let mut tree = serde_json::to_value(config).map_err(|error| wrong(error.to_string()))?;
        for (path, value) in &self.0 {
            let place = path.split('.').try_fold(&mut tree, |node, key| node.get_mut(key));
            *place.ok_or_else(|| wrong(format!("`{path}`")))? = value.clone();
        }
        serde_json::from_value(tree).map_err(|error| wrong(error.to_string()))
    }
}

/// How much is tried, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Settings that are drawn, at least 1.
    pub trials: u32,
    /// What all trials together may cost, in a unit of the caller's choice, such as environment
    /// steps.
    pub total_budget: u64,
    /// Of how many settings one goes on to the next round, at least 2. Without it all of the budget
    /// is spent in one round, which is random search (Bergstra and Bengio 2012).
    pub one_in: Option<u32>,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self { trials: 27, total_budget: 2_000_000, one_in: Some(3) }
    }
}

impl SearchConfig {
    /// Number of trials of each round, the last of which has one unless there is but one round.
    #[must_use]
    pub fn rounds(&self) -> Vec<u32> {
        let Some(one_in) = self.one_in else { return vec![self.trials] };
        let mut rounds = vec![self.trials];
        while let Some(&n) = rounds.last().filter(|&&n| n > 1) {
            rounds.push(n.div_ceil(one_in.max(2)));
        }
        rounds
    }

    /// Budget of a trial in each round: every round gets the same share of the total.
    #[must_use]
    pub fn budgets(&self) -> Vec<u64> {
        let rounds = self.rounds();
        let share = self.total_budget / rounds.len() as u64;
        rounds.iter().map(|&n| share / u64::from(n.max(1))).collect()
    }

    fn validate(&self) -> Result<(), AgentError> {
        require(self.trials > 0, "search.trials", "at least 1", self.trials)?;
        let one_in = self.one_in.unwrap_or(2);
        require(one_in > 1, "search.one_in", "at least 2, or none", one_in)?;
        let enough = self.budgets()[0] > 0;
        let expected = "at least the number of trials times the number of rounds";
        require(enough, "search.total_budget", expected, self.total_budget)
    }
}

/// One setting tried with one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Which of the drawn settings.
    pub index: u32,
    /// Round, from 0.
    pub round: u32,
    /// What it was allowed to cost.
    pub budget: u64,
    /// What was tried.
    pub settings: Settings,
    /// How well it did, the higher the better; `None` when it failed.
    pub score: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Draws settings and tries them, in rounds: after each round only the best go on, with a larger
/// budget (successive halving, Jamieson and Talwalkar 2016). Returns the table of all trials by
/// round and, within a round, from best to worst; the winner is the best of the last round.
///
/// `evaluate` gets settings, their budget and a seed that belongs to the drawn setting, and must
/// give the same score for the same three. Scores come from seeds of the search: what the winner is
/// worth is found on others. A trial that fails is noted and counts as the worst, since diverging
/// is an answer too. Trials of a round run in parallel; the table does not depend on it.
///
/// # Errors
/// [`AgentError::InvalidConfig`] for the configuration or a range.
pub fn search(
    space: &SearchSpace,
    config: &SearchConfig,
    seed: SeedTree,
    evaluate: impl Fn(&Settings, u64, SeedTree) -> Result<f64, AgentError> + Sync,
) -> Result<Vec<Trial>, AgentError> {
    config.validate()?;
    space.values().try_for_each(Range::validate)?;
    let draw = |index: u32| {
        let mut rng = seed.child("settings").index(u64::from(index)).stream();
        let drawn = space.iter().map(|(path, range)| (path.clone(), range.draw(&mut rng)));
        (index, Settings(drawn.collect()))
    };
    let mut running: Vec<(u32, Settings)> = (0..config.trials).map(draw).collect();
    let (rounds, budgets) = (config.rounds(), config.budgets());
    let mut table = Vec::new();
    for (round, (&n, &budget)) in rounds.iter().zip(&budgets).enumerate() {
        running.truncate(n as usize);
        let attempt = |(index, settings): &(u32, Settings)| {
            let trial_seed = seed.child("trial").index(u64::from(*index));
            let (index, settings, round) = (*index, settings.clone(), round as u32);
            let result = evaluate(&settings, budget, trial_seed).and_then(|score| {
                let finite = score.is_finite().then_some(score);
                finite.ok_or(AgentError::NotFinite { what: "score", got: score })
            });
            let (score, failure) = match result {
                Ok(score) => (Some(score), None),
                Err(error) => (None, Some(error.to_string())),
            };
            Trial { index, round, budget, settings, score, failure }
        };
        let mut trials: Vec<Trial> = running.par_iter().map(attempt).collect();
        let rank = |trial: &Trial| trial.score.unwrap_or(f64::NEG_INFINITY);
        trials.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(a.index.cmp(&b.index)));
        running = trials.iter().map(|trial| (trial.index, trial.settings.clone())).collect();
        table.extend(trials);
    }
    Ok(table)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
