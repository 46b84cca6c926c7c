//! A policy on a log: its probability of every action at every logged decision.

use super::rows::Rows;
use crate::error::EvaluateError;
use crate::logged::LoggedDecisions;
use promopt_envs::ActionMask;
use promopt_policies::Policy;
use rayon::prelude::*;

/// How far the probabilities of a row may be from summing to 1: files hold rounded decimals.
pub const SUM_TOLERANCE: f64 = 1e-3;

/// Probabilities of a policy, shape `[n, n_actions]`, rows summing to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetProbabilities(Rows);

impl TargetProbabilities {
    /// Checks row-major probabilities against the log that they belong to.
    ///
    /// # Errors
    /// [`EvaluateError`] naming row and action when the size is wrong, a value is not in `[0, 1]`,
    /// a masked action has positive probability, or a row does not sum to 1 within
    /// [`SUM_TOLERANCE`].
    pub fn new(values: Vec<f64>, log: &LoggedDecisions) -> Result<Self, EvaluateError> {
        let n_actions = log.n_actions();
        let expected = log.len() * n_actions;
        check_size("target_probability", "action", expected, values.len())?;
        Self::checked(Rows::own(n_actions, values), log)
    }

    /// Probabilities that depend only on a group of decisions, such as the position of a slate.
    ///
    /// `values` is row-major `[n_groups, n_actions]`, `groups` the group of each decision. With
    /// positions, every row of the log is one shown item, and the probabilities are those at its
    /// position.
    ///
    /// # Errors
    /// As [`TargetProbabilities::new`], and for a group without a row.
    pub fn by_group(
        values: Vec<f64>,
        groups: Vec<u32>,
        log: &LoggedDecisions,
    ) -> Result<Self, EvaluateError> {
        check_groups("target_probability", &values, &groups, log)?;
        let rows = Rows::shared(log.n_actions(), values, groups);
        if log.mask(0).is_some() {
            return Self::checked(rows, log);
        }
        for (row, probabilities) in rows.table().chunks_exact(rows.width()).enumerate() {
            check_distribution(row, probabilities, None)?;
        }
        Ok(Self(rows))
    }

    /// Asks the policy at every logged observation, with the mask that was in force.
    ///
    /// # Errors
    /// As [`TargetProbabilities::new`], and when a logged mask allows no action at all.
    pub fn from_policy(policy: &dyn Policy, log: &LoggedDecisions) -> Result<Self, EvaluateError> {
        let rows = (0..log.len()).into_par_iter().map(|row| {
            let mask = match log.mask(row) {
                None => ActionMask::all(log.n_actions()),
                // The logged action is allowed in every validated row, so the mask is never empty.
                Some(flags) => ActionMask::from_flags(flags.to_vec())
                    .unwrap_or_else(|| ActionMask::all(log.n_actions())),
            };
            policy.distribution(log.observation(row), &mask).probabilities().to_vec()
        });
        let rows: Vec<Vec<f64>> = rows.collect();
        Self::new(rows.concat(), log)
    }

    fn checked(rows: Rows, log: &LoggedDecisions) -> Result<Self, EvaluateError> {
        for row in 0..log.len() {
            check_distribution(row, rows.row(row), log.mask(row))?;
        }
        Ok(Self(rows))
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

    /// Number of actions.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.0.width()
    }

    /// Probabilities at decision `row`, shape `[n_actions]`.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        self.0.row(row)
    }

    /// Importance weights `w_i = target(a_i|x_i) / p_i`, shape `[n]`.
    ///
    /// Not unbiased where the logging policy could not take what the target takes: see
    /// [`overlap`](super::overlap). Source: Horvitz and Thompson 1952.
    ///
    /// # Errors
    /// [`EvaluateError::WrongLength`] for another log than the one these were made for.
    pub fn weights(&self, log: &LoggedDecisions) -> Result<Vec<f64>, EvaluateError> {
        check_size("target_probability", "decision", log.len(), self.len())?;
        check_size("target_probability", "action", log.n_actions(), self.n_actions())?;
        let taken = log.actions().iter().zip(log.propensities()).enumerate();
        Ok(taken.map(|(row, (&action, p))| self.row(row)[action] / p).collect())
    }
}

pub(super) fn check_size(
    column: &'static str,
    unit: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), EvaluateError> {
    if expected == found {
        return Ok(());
    }
    Err(EvaluateError::WrongLength { column, expected, found, unit })
}

/// Errors unless `values` has whole rows and every decision a group that has one.
pub(super) fn check_groups(
    column: &'static str,
    values: &[f64],
    groups: &[u32],
    log: &LoggedDecisions,
) -> Result<(), EvaluateError> {
    check_size(column, "decision", log.len(), groups.len())?;
    let n_groups = values.len() / log.n_actions();
    check_size(column, "action", n_groups * log.n_actions(), values.len())?;
    let missing = groups.iter().position(|&group| group as usize >= n_groups);
    missing.map_or(Ok(()), |row| {
        Err(EvaluateError::InvalidValue {
            row,
            column: format!("{column} group"),
            expected: "a group with a row of the table",
            found: f64::from(groups[row]),
            advice: "add the group's row or correct the group of the decision",
        })
    })
}
fn check_distribution(
    row: usize,
    probabilities: &[f64],
    mask: Option<&[bool]>,
) -> Result<(), EvaluateError> {
    for (action, &found) in probabilities.iter().enumerate() {
        if !(0.0..=1.0).contains(&found) {
            return Err(EvaluateError::InvalidValue {
                row,
                column: format!("target_probability[{action}]"),
                expected: "a probability in [0, 1]",
                found,
                advice: "check what the policy returns for this observation",
            });
        }
        if found > 0.0 && mask.is_some_and(|flags| !flags[action]) {
            return Err(EvaluateError::MaskedAction { row, action, column: "target_probability" });
        }
    }
    let found: f64 = probabilities.iter().sum();
    if (found - 1.0).abs() > SUM_TOLERANCE {
        return Err(EvaluateError::NotADistribution { row, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logged::LoggedTable;
    use promopt_policies::ActionDistribution;

    fn log() -> LoggedDecisions {
        LoggedDecisions::new(LoggedTable {
            n_features: 1,
            n_actions: 2,
            observations: vec![0.0, 1.0],
            actions: vec![0, 1],
            propensities: vec![0.5, 0.5],
            rewards: vec![0.0, 1.0],
            clusters: vec![0, 1],
            masks: Some(vec![true, false, true, true]),
            sequence: None,
        })
        .expect("the table is valid")
    }

    struct Uniform;

    impl Policy for Uniform {
        fn name(&self) -> &str {
            "uniform"
        }

        fn distribution(&self, _: &[f32], mask: &ActionMask) -> ActionDistribution {
            ActionDistribution::uniform(mask)
        }
    }

    #[test]
    fn a_policy_is_asked_under_the_logged_mask() {
        let target = TargetProbabilities::from_policy(&Uniform, &log()).expect("it is valid");
        assert_eq!(target.row(0), [1.0, 0.0]);
        assert_eq!(target.row(1), [0.5, 0.5]);
    }

    #[test]
    fn rows_that_are_no_distribution_are_named() {
        let message = |values: Vec<f64>| {
            TargetProbabilities::new(values, &log()).expect_err("the rows are broken").to_string()
        };
        assert!(message(vec![1.0, 0.0, 0.5]).contains("expected 4 values"));
        assert!(message(vec![1.0, 0.0, 0.5, 0.4]).contains("sum of 0.9 in row 1"));
        assert!(message(vec![1.0, 0.0, 1.5, -0.5]).contains("`target_probability[0]`"));
        assert!(message(vec![0.5, 0.5, 0.5, 0.5]).contains("masked action 1 in row 0"));
        assert!(message(vec![f64::NAN, 0.0, 0.5, 0.5]).contains("found NaN"));
    }
}
