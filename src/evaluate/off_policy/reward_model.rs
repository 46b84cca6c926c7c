//! A cross-fitted model of the reward, ridge or logistic: what each action would have brought at each decision.
//!
//! Serves every estimator with a model term. The prediction for a decision never uses the outcomes
//! of its own customer.

use super::rows::Rows;
use super::target::{TargetProbabilities, check_groups, check_size};
use crate::cholesky;
use crate::error::EvaluateError;
use crate::logged::{LoggedDecisions, at_least};
use rayon::prelude::*;

mod logistic;

/// Form of the reward model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RewardForm {
    /// Linear, by least squares.
    #[default]
    Ridge,
    /// Probability of a reward of 1, by penalised likelihood; for rewards of 0 and 1.
    Logistic,
}

/// How the reward model is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardModelSettings {
    /// Form.
    pub form: RewardForm,
    /// Ridge penalty on every coefficient but the intercept, above 0.
    pub ridge_penalty: f64,
    /// Number of folds of customers, at least 2.
    pub n_folds: usize,
    /// Features that get a slope of their own under each action, such as persona membership.
    pub interactions: Vec<usize>,
}

impl Default for RewardModelSettings {
    fn default() -> Self {
        Self { form: RewardForm::Ridge, ridge_penalty: 1.0, n_folds: 5, interactions: Vec::new() }
    }
}

/// Predicted reward of every action at every logged decision, shape `[n, n_actions]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardPredictions(Rows);

impl RewardPredictions {
    /// Takes row-major predictions that were made elsewhere.
    ///
    /// # Errors
    /// [`EvaluateError`] when the size does not fit the log or a prediction is not finite.
    pub fn new(values: Vec<f64>, log: &LoggedDecisions) -> Result<Self, EvaluateError> {
        let n_actions = log.n_actions();
        check_size("reward_prediction", "action", log.len() * n_actions, values.len())?;
        check_finite(&values, n_actions)?;
        Ok(Self(Rows::own(n_actions, values)))
    }

    /// Predictions that depend only on a group of decisions, such as segment and position.
    ///
    /// `values` is row-major `[n_groups, n_actions]`, `groups` the group of each decision.
    ///
    /// # Errors
    /// As [`RewardPredictions::new`], and for a group without a row.
    pub fn by_group(
        values: Vec<f64>,
        groups: Vec<u32>,
        log: &LoggedDecisions,
    ) -> Result<Self, EvaluateError> {
        check_groups("reward_prediction", &values, &groups, log)?;
        check_finite(&values, log.n_actions())?;
        Ok(Self(Rows::shared(log.n_actions(), values, groups)))
    }

    /// Fits on all customers but those of one fold, predicts that fold, and so on for every fold.
    ///
    /// Customers are dealt to folds in the order of their index, so equal logs give equal folds.
    /// See [`RewardPredictions::cross_fit_with_folds`] for the model.
    ///
    /// # Errors
    /// As [`RewardPredictions::cross_fit_with_folds`]; also with fewer customers than folds.
    pub fn cross_fit(
        log: &LoggedDecisions,
        settings: &RewardModelSettings,
    ) -> Result<Self, EvaluateError> {
        let n_folds = settings.n_folds;
        at_least("folds", 2, n_folds, "cross-fitting predicts customers it was not fitted on")?;
        at_least("customers", n_folds, log.n_clusters(), "lower the number of folds")?;
        let folds: Vec<usize> = log.cluster_ranks().iter().map(|rank| rank % n_folds).collect();
        Self::cross_fit_with_folds(log, &folds, None, settings)
    }

    /// Cross-fits with the fold of each decision given.
    ///
    /// Ridge regression of the reward on `z = [1, x, onehot(a), x_k · onehot(a) for the chosen k]`:
    /// `b = argmin Σ (r − z·b)² + penalty · Σ b_j²` over the decisions outside the fold, with the
    /// intercept not penalised. Features are not standardised, so the penalty weighs on features of
    /// small scale more. Gram matrices are accumulated once per fold and added up for each fit.
    ///
    /// The logistic form has `P(r = 1) = 1/(1 + e^(−z·b))` with the same `z` and penalty (half of it on
    /// the log likelihood), by Newton's method on the rows outside the fold.
    ///
    /// `importance` weighs the squared error of each decision, 1 without it. With
    /// [`most_robust_importance`] that is the model of the "more robust" doubly robust estimator
    /// (Farajtabar, Chow and Ghavamzadeh 2018), which minimises the variance of DR, not the error.
    ///
    /// # Errors
    /// [`EvaluateError`] for settings out of range, fewer than two folds in use, an importance that
    /// is negative or not finite, rewards other than 0 and 1 for the logistic form, or normal equations
    /// that cannot be solved.
    pub fn cross_fit_with_folds(
        log: &LoggedDecisions,
        folds: &[usize],
        importance: Option<&[f64]>,
        settings: &RewardModelSettings,
    ) -> Result<Self, EvaluateError> {
        check_size("fold", "decision", log.len(), folds.len())?;
        check_importance(importance, log)?;
        let design = Design::new(log, importance, settings)?;
        let mut rows_of_fold: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut order: Vec<usize> = (0..log.len()).collect();
        order.sort_by_key(|&row| folds[row]);
        for row in order {
            match rows_of_fold.last_mut() {
                Some((fold, rows)) if *fold == folds[row] => rows.push(row),
                _ => rows_of_fold.push((folds[row], vec![row])),
            }
        }
        at_least("folds", 2, rows_of_fold.len(), "assign decisions to at least two folds")?;
        let penalty = settings.ridge_penalty;
        let fits: Vec<Option<Vec<f64>>> = match settings.form {
            RewardForm::Ridge => {
                let moments: Vec<Moments> =
                    rows_of_fold.par_iter().map(|(_, rows)| design.moments(rows)).collect();
                let others = |out: usize| {
                    moments.iter().enumerate().filter(move |(at, _)| *at != out).map(|(_, m)| m)
                };
                (0..moments.len()).map(|out| design.fit(others(out), penalty)).collect()
            }
            RewardForm::Logistic => {
                logistic::check(log)?;
                let others = |out: usize| {
                    let kept = rows_of_fold.iter().enumerate().filter(|(at, _)| *at != out);
                    kept.flat_map(|(_, (_, rows))| rows.iter().copied()).collect::<Vec<usize>>()
                };
                let fit = |out: usize| logistic::fit(&design, &others(out), penalty);
                (0..rows_of_fold.len()).into_par_iter().map(fit).collect()
            }
        };
        let mut values = vec![0.0; log.len() * log.n_actions()];
        for ((fold, rows), coefficients) in rows_of_fold.iter().zip(fits) {
            let coefficients = coefficients.ok_or(EvaluateError::Unsolvable { fold: *fold })?;
            for &row in rows {
                let predicted = &mut values[row * log.n_actions()..][..log.n_actions()];
                design.predict(&coefficients, row, predicted);
                if settings.form == RewardForm::Logistic {
                    predicted.iter_mut().for_each(|x| *x = logistic::probability(*x));
                }
            }
        }
        Self::new(values, log)
    }

    /// Predictions at decision `row`, shape `[n_actions]`.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        self.0.row(row)
    }

    /// Number of actions.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.0.width()
    }

    /// Number of decisions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: a log has at least two decisions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Importance of each decision for the reward model of the "more robust" doubly robust estimator,
/// `target(a_i|x_i) (1 − p_i) / p_i²`, shape `[n]`: the weight of a squared error in the variance
/// of DR. Ill-conditioned where propensities are tiny. Source: Farajtabar, Chow and Ghavamzadeh
/// 2018.
#[must_use]
pub fn most_robust_importance(log: &LoggedDecisions, target: &TargetProbabilities) -> Vec<f64> {
    let taken = log.actions().iter().zip(log.propensities()).enumerate();
    taken.map(|(row, (&action, p))| target.row(row)[action] * (1.0 - p) / (p * p)).collect()
}

fn check_finite(values: &[f64], n_actions: usize) -> Result<(), EvaluateError> {
    let wrong = values.iter().position(|value| !value.is_finite());
    wrong.map_or(Ok(()), |at| {
        Err(EvaluateError::InvalidValue {
            row: at / n_actions,
            column: format!("reward_prediction[{}]", at % n_actions),
            expected: "a finite number",
            found: values[at],
            advice: "refit the reward model",
        })
    })
}

fn check_importance(
    importance: Option<&[f64]>,
    log: &LoggedDecisions,
) -> Result<(), EvaluateError> {
    let Some(importance) = importance else { return Ok(()) };
    check_size("importance", "decision", log.len(), importance.len())?;
    let wrong = importance.iter().position(|value| !(value.is_finite() && *value >= 0.0));
    wrong.map_or(Ok(()), |row| {
        Err(EvaluateError::InvalidValue {
            row,
            column: "importance".into(),
            expected: "a finite number of at least 0",
            found: importance[row],
            advice: "check the propensity of the decision",
        })
    })
}

/// Sufficient statistics of some decisions: `Σ z zᵀ` (lower triangle) and `Σ z r`.
struct Moments {
    gram: Vec<f64>,
    cross: Vec<f64>,
}

/// The columns of `z`: intercept, features, actions, then the interactions action by action.
struct Design<'a> {
    log: &'a LoggedDecisions,
    importance: Option<&'a [f64]>,
    interactions: &'a [usize],
    /// Feature means. Shifting features changes only the unpenalised intercept, hence no
    /// prediction, but keeps the Gram matrix well conditioned.
    centre: Vec<f64>,
    width: usize,
}

impl<'a> Design<'a> {
    fn new(
        log: &'a LoggedDecisions,
        importance: Option<&'a [f64]>,
        settings: &'a RewardModelSettings,
    ) -> Result<Self, EvaluateError> {
        let penalty = settings.ridge_penalty;
        if !(penalty.is_finite() && penalty > 0.0) {
            return Err(EvaluateError::InvalidSetting {
                name: "ridge_penalty",
                expected: "a finite number above 0",
                found: penalty,
            });
        }
        let n_features = log.n_features();
        let interactions = &settings.interactions;
        if let Some(&found) = interactions.iter().find(|&&feature| feature >= n_features) {
            return Err(EvaluateError::InvalidSetting {
                name: "interactions",
                expected: "indices below the number of features",
                found: found as f64,
            });
        }
        let mut centre = vec![0.0; n_features];
        for row in 0..log.len() {
            for (sum, &x) in centre.iter_mut().zip(log.observation(row)) {
                *sum += f64::from(x);
            }
        }
        centre.iter_mut().for_each(|sum| *sum /= log.len() as f64);
        let width = 1 + n_features + log.n_actions() * (1 + interactions.len());
        Ok(Self { log, importance, interactions, centre, width })
    }

    fn action_column(&self, action: usize) -> usize {
        1 + self.log.n_features() + action
    }

    fn interaction_column(&self, action: usize, nth: usize) -> usize {
        self.action_column(self.log.n_actions()) + action * self.interactions.len() + nth
    }

    /// The entries of `z` that are not structurally zero, in ascending order of column.
    fn entries(&self, row: usize, entries: &mut Vec<(usize, f64)>) {
        let observation = self.log.observation(row);
        let action = self.log.actions()[row];
        entries.clear();
        entries.push((0, 1.0));
        let centred = observation.iter().zip(&self.centre).map(|(&x, c)| f64::from(x) - c);
        entries.extend(centred.enumerate().map(|(feature, x)| (1 + feature, x)));
        entries.push((self.action_column(action), 1.0));
        for (nth, &feature) in self.interactions.iter().enumerate() {
            // Not centred: a shift here would move weight onto the penalised action column.
            entries.push((self.interaction_column(action, nth), f64::from(observation[feature])));
        }
    }

    fn moments(&self, rows: &[usize]) -> Moments {
        let width = self.width;
        let mut moments = Moments { gram: vec![0.0; width * width], cross: vec![0.0; width] };
        let mut entries = Vec::with_capacity(width);
        for &row in rows {
            self.entries(row, &mut entries);
            let reward = self.log.rewards()[row];
            let importance = self.importance.map_or(1.0, |all| all[row]);
            for (at, &(i, zi)) in entries.iter().enumerate() {
                let zi = importance * zi;
                moments.cross[i] += zi * reward;
                let gram_row = &mut moments.gram[i * width..][..width];
                for &(j, zj) in &entries[..=at] {
                    gram_row[j] += zi * zj;
                }
            }
        }
        moments
    }

    fn fit<'m>(
        &self,
        parts: impl Iterator<Item = &'m Moments>,
        ridge_penalty: f64,
    ) -> Option<Vec<f64>> {
        let width = self.width;
        let mut gram = vec![0.0; width * width];
        let mut cross = vec![0.0; width];
        for part in parts {
            gram.iter_mut().zip(&part.gram).for_each(|(sum, x)| *sum += x);
            cross.iter_mut().zip(&part.cross).for_each(|(sum, x)| *sum += x);
        }
        for column in 1..width {
            gram[column * width + column] += ridge_penalty;
        }
        cholesky::solve(gram, cross)
    }

    fn predict(&self, coefficients: &[f64], row: usize, predicted: &mut [f64]) {
        let observation = self.log.observation(row);
        let features = observation.iter().zip(&self.centre).map(|(&x, c)| f64::from(x) - c);
        let slopes = features.zip(&coefficients[1..]).map(|(x, b)| x * b);
        let shared = coefficients[0] + slopes.sum::<f64>();
        for (action, value) in predicted.iter_mut().enumerate() {
            let own = self.interactions.iter().enumerate().map(|(nth, &feature)| {
                f64::from(observation[feature]) * coefficients[self.interaction_column(action, nth)]
            });
            *value = shared + coefficients[self.action_column(action)] + own.sum::<f64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logged::LoggedTable;

    /// 200 customers with two decisions each; reward = 2 + 3x + a·(1 + x), without noise, but with
    /// `bonus` for the first customer. Observed is `x + shift`.
    fn log(shift: f32, bonus: f64) -> LoggedDecisions {
        let n = 400;
        let x = |row: usize| (row % 21) as f32 / 10.0 - 1.0;
        let action = |row: usize| row / 3 % 2;
        let reward = |row: usize| {
            let x = f64::from(x(row));
            2.0 + 3.0 * x + action(row) as f64 * (1.0 + x) + if row < 2 { bonus } else { 0.0 }
        };
        LoggedDecisions::new(LoggedTable {
            n_features: 1,
            n_actions: 2,
            observations: (0..n).map(|row| x(row) + shift).collect(),
            actions: (0..n).map(action).collect(),
            propensities: vec![0.5; n],
            rewards: (0..n).map(reward).collect(),
            clusters: (0..n as u32).map(|row| row / 2).collect(),
            masks: None,
            sequence: None,
        })
        .expect("the table is valid")
    }

    fn worst_error(settings: &RewardModelSettings) -> f64 {
        let log = log(0.0, 0.0);
        let predictions = RewardPredictions::cross_fit(&log, settings).expect("it can be fitted");
        let error = |row: usize| {
            let action = log.actions()[row];
            (predictions.row(row)[action] - log.rewards()[row]).abs()
        };
        (0..log.len()).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn interactions_recover_a_noiseless_reward_and_their_absence_does_not() {
        let mut settings = RewardModelSettings { ridge_penalty: 1e-6, ..Default::default() };
        assert!(worst_error(&settings) > 0.1);
        settings.interactions = vec![0];
        assert!(worst_error(&settings) < 1e-6);
    }

    #[test]
    fn predictions_do_not_depend_on_the_origin_of_a_feature() {
        let settings = RewardModelSettings::default();
        let near =
            RewardPredictions::cross_fit(&log(0.0, 0.0), &settings).expect("it can be fitted");
        let far =
            RewardPredictions::cross_fit(&log(1024.0, 0.0), &settings).expect("it can be fitted");
        // f32 keeps 1e-4 of a feature near 1024, and slopes are about 3.
        let worst = near.0.table().iter().zip(far.0.table()).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-3);
    }

    #[test]
    fn the_outcomes_of_a_customer_do_not_reach_its_own_predictions() {
        let settings = RewardModelSettings::default();
        let fit = |bonus| RewardPredictions::cross_fit(&log(0.0, bonus), &settings);
        let before = fit(0.0).expect("it can be fitted");
        let after = fit(99.0).expect("it can be fitted");
        assert_eq!((before.row(0), before.row(1)), (after.row(0), after.row(1)));
        assert_ne!(before.row(2), after.row(2));
    }

    #[test]
    fn a_logistic_model_needs_rewards_of_zero_and_one() {
        let settings = RewardModelSettings { form: RewardForm::Logistic, ..Default::default() };
        let error = RewardPredictions::cross_fit(&log(0.0, 0.0), &settings).expect_err("sums");
        assert!(error.to_string().contains("0 or 1"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let log = log(0.0, 0.0);
        let refused = |settings| {
            RewardPredictions::cross_fit(&log, &settings).expect_err("out of range").to_string()
        };
        let default = RewardModelSettings::default;
        assert!(refused(RewardModelSettings { n_folds: 1, ..default() }).contains("2 folds"));
        assert!(refused(RewardModelSettings { n_folds: 201, ..default() }).contains("customers"));
        let negative = RewardModelSettings { ridge_penalty: 0.0, ..default() };
        assert!(refused(negative).contains("ridge_penalty"));
        let missing = RewardModelSettings { interactions: vec![1], ..default() };
        assert!(refused(missing).contains("interactions"));
    }
}
