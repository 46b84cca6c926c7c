//! The greedy policy on episodes that training never saw: its score, the best so far, and when to
//! stop.

use super::config::EvaluationConfig;
use super::event::Ending;
use crate::agent::Snapshot;
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::experiment::student_t_975;
use promopt_envs::{Env, EnvError, SeedTree};
use promopt_policies::Policy;
use serde::Serialize;

/// Mean return with its 95 % interval, `mean ± t · s / √n` with Student's `t` of `n − 1` degrees of
/// freedom. It speaks of the noise of episodes and not of that of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Mean return, in units of reward.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of episodes.
    pub episodes: u32,
}

impl Score {
    /// The score of these returns. One return has an interval without ends, and none has no mean.
    #[must_use]
    pub fn of(returns: &[f64]) -> Self {
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let squares: f64 = returns.iter().map(|value| (value - mean).powi(2)).sum();
        let half = match returns.len() {
            0 | 1 => f64::INFINITY,
            len => student_t_975(len - 1) * (squares / (n - 1.0) / n).sqrt(),
        };
        let episodes = u32::try_from(returns.len()).unwrap_or(u32::MAX);
        Self { mean, low: mean - half, high: mean + half, episodes }
    }
}

/// Returns of whole episodes under a policy, undiscounted, in order; episode `i` is played with the
/// seed `seeds.index(i)`, so that two policies meet the same luck.
///
/// # Errors
/// Whatever the environment refuses; [`AgentError::NotFinite`] for an infinite return;
/// [`AgentError::InvalidConfig`] when an episode is longer than `longest_episode`.
pub fn episode_returns(
    policy: &dyn Policy,
    env: &mut dyn Env,
    episodes: u32,
    longest_episode: u32,
    seeds: SeedTree,
) -> Result<Vec<f64>, AgentError> {
    let mut returns = Vec::with_capacity(episodes as usize);
    for episode in 0..episodes {
        let seed = seeds.index(u64::from(episode));
        let mut rng = seed.child("act").stream();
        env.reset(Some(seed.seed()));
        let (mut sum, mut length) = (0.0, 0);
        loop {
            if length == longest_episode {
                let expected = "at least the length of every episode; give the environment a limit";
                let (field, got) = ("evaluation.longest_episode", length.to_string());
                return Err(AgentError::InvalidConfig { field, expected, got });
            }
            let action = policy.decide(env.observation(), env.action_mask(), &mut rng).action;
            let step = env.step(action)?;
            sum += step.reward;
            length += 1;
            if step.is_last() {
                break;
            }
        }
        if !sum.is_finite() {
            return Err(AgentError::NotFinite { what: "return", got: sum });
        }
        returns.push(sum);
    }
    Ok(returns)
}

/// The policy of the evaluation with the highest mean. Chosen by its score, it is likely to have
/// been lucky: what it is worth is found on episodes of another seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Environment steps at which it was tried out.
    pub step: u64,
    /// The score it was chosen by.
    pub score: Score,
    /// What it had learned.
    pub snapshot: Snapshot,
}

/// Makes environments for evaluation.
pub type MakeEnv<'a> = &'a dyn Fn() -> Result<Box<dyn Env>, EnvError>;

/// Evaluates when asked and remembers what matters.
pub(super) struct Evaluator<'a> {
    pub(super) config: EvaluationConfig,
    make_env: MakeEnv<'a>,
    best: Option<Kept>,
    /// The mean that the next improvement must exceed.
    reference: f64,
    /// Evaluations since the latest improvement.
    stale: u64,
    pub(super) ending: Option<Ending>,
}

struct Kept {
    step: u64,
    score: Score,
    /// The snapshot as text: what is handed out is read from it, so that it is the same whether or
    /// not a checkpoint lay in between.
    text: String,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(config: EvaluationConfig, make_env: MakeEnv<'a>) -> Result<Self, AgentError> {
        config.validate()?;
        let (reference, ending) = (f64::NEG_INFINITY, None);
        Ok(Self { config, make_env, best: None, reference, stale: 0, ending })
    }

    /// Tries a snapshot out; returns its score and whether it is the best so far.
    pub(super) fn evaluate(
        &mut self,
        snapshot: Snapshot,
        step: u64,
    ) -> Result<(Score, bool), AgentError> {
        let config = &self.config;
        let text = serde_json::to_string(&snapshot).map_err(|error| AgentError::Weights {
            problem: format!("found a policy that cannot be written: {error}"),
        })?;
        let seeds = SeedTree::new(config.seed).child("evaluation");
        let (policy, mut env) = (snapshot.into_policy(), (self.make_env)()?);
        let longest = config.longest_episode;
        let returns =
            episode_returns(policy.as_ref(), env.as_mut(), config.episodes, longest, seeds)?;
        let score = Score::of(&returns);
        let is_best = self.best.as_ref().is_none_or(|best| score.mean > best.score.mean);
        if is_best {
            self.best = Some(Kept { step, score, text });
        }
        if score.mean > self.reference + self.config.min_improvement {
            (self.reference, self.stale) = (score.mean, 0);
        } else {
            self.stale += 1;
        }
        if self.config.patience.is_some_and(|patience| self.stale >= u64::from(patience)) {
            self.ending = Some(Ending::Patience);
        }
        if self.config.target_return.is_some_and(|target| score.mean >= target) {
            self.ending = Some(Ending::Target);
        }
        Ok((score, is_best))
    }

    pub(super) fn best(&self) -> Result<Option<Best>, AgentError> {
        let Some(Kept { step, score, text }) = &self.best else { return Ok(None) };
        let snapshot = serde_json::from_str(text).map_err(|error| AgentError::Checkpoint {
            problem: format!("found a best policy in another form: {error}"),
        })?;
        Ok(Some(Best { step: *step, score: *score, snapshot }))
    }

    pub(super) fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("evaluation.config", &self.config)?;
        archive.put("evaluation.reference", &[self.reference]);
        let ending = match self.ending {
            None => 0,
            Some(Ending::Target) => 1,
            Some(_) => 2,
        };
        archive.put("evaluation.counters", &[self.stale, ending]);
        if let Some(Kept { step, score, text }) = &self.best {
            archive.put("evaluation.best.step", &[*step, u64::from(score.episodes)]);
            archive.put("evaluation.best.score", &[score.mean, score.low, score.high]);
            archive.put("evaluation.best.policy", text.as_bytes());
        }
        Ok(())
    }

    pub(super) fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("evaluation.config", &self.config)?;
        self.reference = archive.get_one("evaluation.reference")?;
        let counters = archive.get_n("evaluation.counters", 2)?;
        self.stale = counters[0];
        self.ending = match counters[1] {
            0 => None,
            1 => Some(Ending::Target),
            _ => Some(Ending::Patience),
        };
        self.best = None;
        if archive.contains("evaluation.best.policy") {
            let whole: Vec<u64> = archive.get_n("evaluation.best.step", 2)?;
            let parts: Vec<f64> = archive.get_n("evaluation.best.score", 3)?;
            let (mean, low, high) = (parts[0], parts[1], parts[2]);
            let episodes = u32::try_from(whole[1]).unwrap_or(u32::MAX);
            let text = String::from_utf8(archive.get("evaluation.best.policy")?);
            let text = text.map_err(|error| AgentError::Checkpoint {
                problem: format!("found a best policy that is no text: {error}"),
            })?;
            let score = Score { mean, low, high, episodes };
            self.best = Some(Kept { step: whole[0], score, text });
            self.best()?;
        }
        Ok(())
    }
}
