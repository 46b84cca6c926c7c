//! Fitted Q iteration and evaluation with linear scores; on one-hot features they are tabular.

use super::config::not_negative;
use crate::error::{AgentError, require};
use crate::normalisation::Normalisation;
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::log::{LoggedDecisions, Next, Trajectories};
use promopt_policies::{LinearPolicy, LinearScores, Policy};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// A pivot below this share of its diagonal is a feature that depends on those before it.
const DEPENDENT: f64 = 1e-10;
/// Normal quantile of a two-sided interval at 95 %.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Settings of [`LinearFitted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearFittedConfig {
    /// γ, time preference per step, in `[0, 1]`; 1 only where every story ends.
    pub discount_factor: f64,
    /// Penalty on squared weights, the intercept's excepted; with 0 a feature that an action never
    /// saw has weight 0.
    pub ridge: f64,
    /// A constant feature beside the observation; leave it out for one-hot tables.
    pub intercept: bool,
    /// Bring features to mean 0 and standard deviation 1 over the log; else they are only clipped.
    pub normalise: bool,
    /// Largest number of regressions; the horizon is enough where every story ends.
    pub max_sweeps: u32,
    /// Stop when no target changes by more, in units of the reward.
    pub tolerance: f64,
}

impl Default for LinearFittedConfig {
    fn default() -> Self {
        Self {
            discount_factor: 0.99,
            ridge: 1.0,
            intercept: true,
            normalise: true,
            max_sweeps: 1_000,
            tolerance: 1e-9,
        }
    }
}

impl LinearFittedConfig {
    /// Exact cell means for one-hot observations.
    #[must_use]
    pub fn tabular(discount_factor: f64) -> Self {
        let base = Self { ridge: 0.0, intercept: false, normalise: false, ..Self::default() };
        Self { discount_factor, ..base }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        let gamma = self.discount_factor;
        require((0.0..=1.0).contains(&gamma), "discount_factor", "a number in [0, 1]", gamma)?;
        not_negative("ridge", self.ridge)?;
        not_negative("tolerance", self.tolerance)?;
        require(self.max_sweeps > 0, "max_sweeps", "at least 1", self.max_sweeps)
    }
}

/// A value with its interval at 95 %, in units of the reward per trajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueEstimate {
    /// Mean over the trajectories of the log.
    pub value: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// `Q(s, a) = w_a · x(s)` by repeated least squares per action on `y = r + γ V(s')`, where
/// `V = max over allowed b` (control: Ernst, Geurts and Wehenkel 2005) or `V = Σ_b π(b | s') Q`
/// (evaluation: Le, Voloshin and Yue 2019); nothing is added after an end. Rows whose future is
/// unknown are left out. With features that cannot hold the values the iteration may diverge.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearFitted {
    scores: LinearScores,
    sweeps: u32,
    converged: bool,
}

impl LinearFitted {
    /// Fitted Q iteration.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] for settings outside their range, [`AgentError::Log`] for a
    /// log without trajectories, [`AgentError::NotFinite`] on divergence.
    pub fn control(config: &LinearFittedConfig, log: &LoggedDecisions) -> Result<Self, AgentError> {
        Problem::new(config, log, None)?.solve(|_| 1.0)
    }

    /// Fitted Q evaluation of a policy.
    ///
    /// # Errors
    /// As for [`LinearFitted::control`].
    pub fn evaluate(
        config: &LinearFittedConfig,
        log: &LoggedDecisions,
        policy: &dyn Policy,
    ) -> Result<Self, AgentError> {
        Problem::new(config, log, Some(policy))?.solve(|_| 1.0)
    }

    /// Fitted Q evaluation with an interval: the whole estimate is repeated on trajectories drawn
    /// with replacement, and the interval lies between the 2.5 % and 97.5 % quantiles (Hao et al.
    /// 2021). It covers what the log happens to hold, not what the features cannot express.
    ///
    /// # Errors
    /// As for [`LinearFitted::control`].
    pub fn evaluate_with_interval(
        config: &LinearFittedConfig,
        log: &LoggedDecisions,
        policy: &dyn Policy,
        n_resamples: usize,
        seed: SeedTree,
    ) -> Result<ValueEstimate, AgentError> {
        require(n_resamples >= 2, "n_resamples", "at least 2", n_resamples)?;
        let problem = Problem::new(config, log, Some(policy))?;
        let view = log.trajectories()?;
        let whole = problem.solve(|_| 1.0)?;
        let value = whole.value(log, policy)?.value;
        let mut of_row = vec![0; log.len()];
        for (at, rows) in view.iter().enumerate() {
            rows.iter().for_each(|&row| of_row[row] = at);
        }
        let mut resampled = Vec::with_capacity(n_resamples);
        for sample in 0..n_resamples {
            let mut rng = seed.index(sample as u64).stream();
            let mut times = vec![0.0; view.len()];
            (0..view.len()).for_each(|_| times[rng.random_range(0..view.len())] += 1.0);
            let fitted = problem.solve(|row| times[of_row[row]])?;
            let starts = start_values(log, policy, |x| fitted.scores.scores(x))?;
            let total: f64 = starts.iter().zip(&times).map(|(v, times)| v * times).sum();
            resampled.push(total / view.len() as f64);
        }
        resampled.sort_by(f64::total_cmp);
        let quantile = |q: f64| resampled[(q * (n_resamples - 1) as f64).round() as usize];
        Ok(ValueEstimate { value, lower: quantile(0.025), upper: quantile(0.975) })
    }

    /// The scores, in the unit of the reward.
    #[must_use]
    pub fn scores(&self) -> &LinearScores {
        &self.scores
    }

    /// Number of regressions, and whether the last one changed nothing.
    #[must_use]
    pub fn sweeps(&self) -> (u32, bool) {
        (self.sweeps, self.converged)
    }

    /// Greedy over the scores.
    #[must_use]
    pub fn policy(&self) -> LinearPolicy {
        LinearPolicy::new("linear-fitted-q", self.scores.clone(), 0.0)
    }

    /// The policy's value by these scores from the log's first decisions; the interval covers
    /// starts only, see [`LinearFitted::evaluate_with_interval`].
    ///
    /// # Errors
    /// [`AgentError::Log`] for a log without trajectories.
    pub fn value(
        &self,
        log: &LoggedDecisions,
        policy: &dyn Policy,
    ) -> Result<ValueEstimate, AgentError> {
        start_value(log, policy, |observation| self.scores.scores(observation))
    }
}

/// Mean over trajectories of `Σ_b π(b | s₀) Q(s₀, b)` with a normal interval.
pub(super) fn start_value(
    log: &LoggedDecisions,
    policy: &dyn Policy,
    scores: impl Fn(&[f32]) -> Vec<f64>,
) -> Result<ValueEstimate, AgentError> {
    let starts = start_values(log, policy, scores)?;
    let n = starts.len() as f64;
    let value = starts.iter().sum::<f64>() / n;
    let squares: f64 = starts.iter().map(|start| (start - value).powi(2)).sum();
    let half = NORMAL_95 * (squares / (n - 1.0).max(1.0) / n).sqrt();
    Ok(ValueEstimate { value, lower: value - half, upper: value + half })
}

fn start_values(
    log: &LoggedDecisions,
    policy: &dyn Policy,
    scores: impl Fn(&[f32]) -> Vec<f64>,
) -> Result<Vec<f64>, AgentError> {
    let start = |rows: &[usize]| {
        let observation = log.observation(rows[0]);
        let distribution = policy.distribution(observation, &mask_of(log.mask(rows[0]), log));
        let terms = distribution.probabilities().iter().zip(scores(observation));
        terms.map(|(p, q)| p * q).sum()
    };
    Ok(log.trajectories()?.iter().map(start).collect())
}

fn mask_of(flags: Option<&[bool]>, log: &LoggedDecisions) -> ActionMask {
    let mask = flags.and_then(|flags| ActionMask::from_flags(flags.to_vec()));
    mask.unwrap_or_else(|| ActionMask::all(log.n_actions()))
}

/// The regression problem: features now and afterwards, and who values the future.
struct Problem<'a> {
    config: &'a LinearFittedConfig,
    view: Trajectories<'a>,
    /// Without weights: for features and the exported scores.
    blank: LinearScores,
    /// Rows that can enter a target, and whether the story goes on after them.
    rows: Vec<(usize, bool)>,
    /// Probabilities of the evaluated policy afterwards, shape `[rows, n_actions]`.
    probabilities: Option<Vec<f64>>,
}

impl<'a> Problem<'a> {
    fn new(
        config: &'a LinearFittedConfig,
        log: &'a LoggedDecisions,
        policy: Option<&dyn Policy>,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let view = log.trajectories()?;
        let normalisation = if config.normalise {
            Normalisation::fit(log.observations(), log.n_features())?
        } else {
            Normalisation::identity(log.n_features())
        };
        let Normalisation { mean, scale } = normalisation;
        let weights = vec![vec![0.0; log.n_features() + 1]; log.n_actions()];
        let (mut rows, mut probabilities) = (Vec::new(), policy.map(|_| Vec::new()));
        for row in 0..log.len() {
            let next = view.next(row);
            if next == Next::Unknown {
                continue;
            }
            rows.push((row, next != Next::Ended));
            if let (Some(probabilities), Some(policy)) = (&mut probabilities, policy) {
                match next {
                    Next::Observed { observation, mask } => {
                        let distribution = policy.distribution(observation, &mask_of(mask, log));
                        probabilities.extend_from_slice(distribution.probabilities());
                    }
                    _ => probabilities.resize(rows.len() * log.n_actions(), 0.0),
                }
            }
        }
        let blank = LinearScores { mean, scale, weights };
        Ok(Self { config, view, blank, rows, probabilities })
    }

    fn features(&self, observation: &[f32]) -> Vec<f64> {
        let mut features = self.blank.features(observation);
        if !self.config.intercept {
            features.pop();
        }
        features
    }

    /// Sweeps until nothing changes; `times` says how often a row counts.
    fn solve(&self, times: impl Fn(usize) -> f64) -> Result<LinearFitted, AgentError> {
        let log = self.view.log();
        let n_columns = log.n_features() + usize::from(self.config.intercept);
        let penalised = log.n_features();
        let mut regressions =
            vec![Regression::new(n_columns, penalised, self.config.ridge); log.n_actions()];
        let features: Vec<Vec<f64>> =
            self.rows.iter().map(|&(row, _)| self.features(log.observation(row))).collect();
        for (&(row, _), x) in self.rows.iter().zip(&features) {
            regressions[log.actions()[row]].add(x, times(row));
        }
        regressions.iter_mut().for_each(Regression::factorise);

        let mut scores = self.blank.clone();
        let mut before: Vec<f64> = Vec::new();
        for sweep in 1..=self.config.max_sweeps {
            let targets: Vec<f64> =
                (0..self.rows.len()).map(|at| self.target(at, &scores)).collect();
            if let Some(got) = targets.iter().find(|target| !target.is_finite()) {
                return Err(AgentError::NotFinite { what: "target of a regression", got: *got });
            }
            let change = |(new, old): (&f64, &f64)| (new - old).abs() <= self.config.tolerance;
            if !before.is_empty() && targets.iter().zip(&before).all(change) {
                return Ok(LinearFitted { scores, sweeps: sweep - 1, converged: true });
            }
            let mut sums = vec![vec![0.0; n_columns]; log.n_actions()];
            for ((&(row, _), x), y) in self.rows.iter().zip(&features).zip(&targets) {
                let weighted = y * times(row);
                let sum = &mut sums[log.actions()[row]];
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += weighted * x);
            }
            for (action, (regression, sum)) in regressions.iter().zip(&mut sums).enumerate() {
                regression.solve(sum);
                scores.weights[action][..n_columns].copy_from_slice(sum);
            }
            before = targets;
        }
        Ok(LinearFitted { scores, sweeps: self.config.max_sweeps, converged: false })
    }

    /// `r + γ V(s')` with the scores so far.
    fn target(&self, at: usize, scores: &LinearScores) -> f64 {
        let (row, goes_on) = self.rows[at];
        let log = self.view.log();
        let reward = log.rewards()[row];
        let Next::Observed { observation, mask } = self.view.next(row) else { return reward };
        debug_assert!(goes_on);
        let values = scores.scores(observation);
        let future = match &self.probabilities {
            Some(all) => {
                let probabilities = &all[at * log.n_actions()..][..log.n_actions()];
                probabilities.iter().zip(&values).map(|(p, q)| p * q).sum()
            }
            None => {
                let allowed = |action: usize| mask.is_none_or(|mask| mask[action]);
                let permitted = values.iter().enumerate().filter(|(action, _)| allowed(*action));
                permitted.fold(f64::NEG_INFINITY, |best, (_, q)| best.max(*q))
            }
        };
        reward + self.config.discount_factor * future
    }
}

/// Normal equations of one action, factorised once as `L D Lᵀ`.
#[derive(Debug, Clone)]
struct Regression {
    n: usize,
    /// The Gram matrix, then `L` below and `D` on the diagonal; row-major. A `D` of 0 marks a
    /// feature that depends on those before it, whose weight is 0.
    matrix: Vec<f64>,
}

impl Regression {
    fn new(n: usize, penalised: usize, ridge: f64) -> Self {
        let mut matrix = vec![0.0; n * n];
        (0..penalised).for_each(|i| matrix[i * n + i] = ridge);
        Self { n, matrix }
    }

    fn add(&mut self, x: &[f64], times: f64) {
        for (i, &left) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            let row = &mut self.matrix[i * self.n..=i * self.n + i];
            row.iter_mut().zip(x).for_each(|(sum, right)| *sum += times * left * right);
        }
    }

    fn factorise(&mut self) {
        let n = self.n;
        for i in 0..n {
            let diagonal = self.matrix[i * n + i];
            for j in 0..=i {
                let mut sum = self.matrix[i * n + j];
                for k in 0..j {
                    sum -= self.matrix[i * n + k] * self.matrix[j * n + k] * self.matrix[k * n + k];
                }
                let pivot = self.matrix[j * n + j];
                self.matrix[i * n + j] = match (i == j, pivot == 0.0) {
                    (true, _) if sum <= DEPENDENT * diagonal => 0.0,
                    (true, _) => sum,
                    (false, true) => 0.0,
                    (false, false) => sum / pivot,
                };
            }
        }
    }

    /// Replaces the right side by the weights.
    fn solve(&self, right: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| self.matrix[i * n + k] * right[k]).sum();
            right[i] = if self.matrix[i * n + i] == 0.0 { 0.0 } else { right[i] - sum };
        }
        for (i, value) in right.iter_mut().enumerate() {
            let pivot = self.matrix[i * n + i];
            *value = if pivot == 0.0 { 0.0 } else { *value / pivot };
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| self.matrix[k * n + i] * right[k]).sum();
            right[i] = if self.matrix[i * n + i] == 0.0 { 0.0 } else { right[i] - sum };
        }
    }
}
